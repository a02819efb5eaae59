# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be known before the first write is said before it: by roles, by rollouts, and by check mode in the same words."""

from __future__ import annotations

import datetime as dt
import json
import re
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from .conftest import Controller

HOST = "berlin"
ROLES = ["preflight", "entra_app", "tcx_console"]
SHORT = 1024


def certificate(key: Any, *, begins: int = -1) -> str:
    now = dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "3CX")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(days=begins))
        .not_valid_after(now + dt.timedelta(days=90))
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM).decode()


def tls_certificate(controller: Controller) -> str:
    address = urlsplit(controller.lab.inventory["tcx"]["hosts"][HOST]["tcx_url"])
    return ssl.get_server_certificate((str(address.hostname), address.port or 443))


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


MISTAKES: dict[str, tuple[Any, str]] = {
    "EC": (lambda _c: {"entra_app_public_key": certificate(ec.generate_private_key(ec.SECP256R1()))}, "kind EC"),
    "short": (lambda _c: {"entra_app_public_key": certificate(rsa_key(SHORT))}, "RSA key of 1024 bits"),
    "tomorrow": (lambda _c: {"entra_app_public_key": certificate(rsa_key(), begins=1)}, "is not valid before"),
    "TLS": (lambda c: {"entra_app_public_key": tls_certificate(c)}, "TLS certificate that the PBX shows"),
    "permission": (lambda _c: {"entra_app_permissions": ["User.Raed.All"]}, "Did you mean User.Read.All"),
}


def roles(controller: Controller, directory: Path, *arguments: str, **variables: Any) -> Any:
    play = {"hosts": HOST, "connection": "local", "gather_facts": False}
    path = directory / "roles.yml"
    path.write_text(json.dumps([{**play, "roles": [{"role": f"tcx.m365.{name}"} for name in ROLES]}]))
    return controller.play(str(path), *arguments, variables=variables)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_it_is_said_before_the_first_write(small: Controller, tmp_path: Path, mistake: str) -> None:
    make, words = MISTAKES[mistake]
    variables = make(small)
    runs = {
        "rollout": small.rollout("--limit", HOST, variables=variables),
        "rollout --check": small.rollout("--limit", HOST, "--check", variables=variables),
        "roles": roles(small, tmp_path, **variables),
        "roles --check": roles(small, tmp_path, "--check", **variables),
    }
    for name, done in runs.items():
        assert done.failed() == [HOST], f"{name}: {done.output}"
        assert words in done.sentence(HOST), f"{name}: {done.sentence(HOST)}"
    assert small.writes() == []


def test_the_consent_of_a_person_is_not_waited_for(small: Controller) -> None:
    done = small.rollout("--limit", HOST, variables={"entra_app_manage_grants": False})
    assert done.failed() == [HOST]
    tenant = small.lab.inventory["tcx"]["hosts"][HOST]["entra_tenant_id"]
    assert re.search(rf"/{tenant}/adminconsent\?client_id=[0-9a-f-]{{36}}", done.sentence(HOST)), done.sentence(HOST)
    looked = [each for each in small.lab.control.log(source="client") if "GetMicrosoft365Directory" in each["path"]]
    assert len(looked) <= 2, "one check before the settings are written, and one afterwards"
