# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be known before the first write is said before it: by roles, by rollouts, and by check mode in the same words."""

from __future__ import annotations

import datetime as dt
import json
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.testing import Lab

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


def tls_certificate(url: str) -> str:
    address = urlsplit(url)
    return ssl.get_server_certificate((str(address.hostname), address.port or 443))


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


# By the name of the PBX that has it: the variables, made at the PBX's address, and what is said of them.
MISTAKES: dict[str, tuple[Any, str]] = {
    "ec": (lambda _url: {"entra_app_public_key": certificate(ec.generate_private_key(ec.SECP256R1()))}, "kind EC"),
    "short": (lambda _url: {"entra_app_public_key": certificate(rsa_key(SHORT))}, "RSA key of 1024 bits"),
    "tomorrow": (lambda _url: {"entra_app_public_key": certificate(rsa_key(), begins=1)}, "is not valid before"),
    "tls": (lambda url: {"entra_app_public_key": tls_certificate(url)}, "TLS certificate that the PBX shows"),
    "permission": (lambda _url: {"entra_app_permissions": ["User.Raed.All"]}, "Did you mean User.Read.All"),
    "groups": (
        lambda _url: {"tcx_console_user_sync": {"scope": "groups"}},
        "tcx_console_user_sync.scope is groups, and tcx_console_user_sync.groups names none",
    ),
}


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """A PBX for each mistake."""
    with Lab.start(FleetPlan([TenantPlan("contoso", users=1)], [PbxPlan(name, "contoso") for name in MISTAKES])) as lab:
        inventory = lab.inventory
        for name, (make, _words) in MISTAKES.items():
            host = inventory["tcx"]["hosts"][name]
            host.update(make(host["tcx_url"]))
        lab.inventory_path.write_text(json.dumps(inventory), encoding="utf-8")
        yield Controller(lab, tmp_path_factory.mktemp("home"))


def roles(controller: Controller, directory: Path, *arguments: str) -> Any:
    play = {"hosts": "tcx", "connection": "local", "gather_facts": False}
    path = directory / "roles.yml"
    path.write_text(json.dumps([{**play, "roles": [{"role": f"tcx.m365.{name}"} for name in ROLES]}]))
    return controller.play(str(path), *arguments)


@pytest.mark.parametrize("arguments", [(), ("--check",)], ids=["run", "check"])
@pytest.mark.parametrize("door", ["rollout", "modules", "roles"])
def test_it_is_said_before_the_first_write(
    mistaken: Controller, tmp_path: Path, door: str, arguments: tuple[str, ...]
) -> None:
    in_process = {"tcx_m365_in_process": door != "modules"}
    if door == "roles":
        done = roles(mistaken, tmp_path, *arguments)
    else:
        done = mistaken.rollout(*arguments, variables=in_process)
    assert done.failed() == sorted(MISTAKES), done.output
    for host, (_make, words) in MISTAKES.items():
        assert words in done.sentence(host), f"{host}: {done.sentence(host)}"
    assert mistaken.writes() == []


def test_the_consent_of_a_person_is_not_waited_for(small: Controller) -> None:
    done = small.rollout("--limit", HOST, variables={"entra_app_manage_grants": False})
    assert done.failed() == [HOST]
    tenant = small.lab.inventory["tcx"]["hosts"][HOST]["entra_tenant_id"]
    assert re.search(rf"/{tenant}/adminconsent\?client_id=[0-9a-f-]{{36}}", done.sentence(HOST)), done.sentence(HOST)
    looked = [each for each in small.lab.control.log(source="client") if "GetMicrosoft365Directory" in each["path"]]
    assert len(looked) <= 2, "one check before the settings are written, and one afterwards"


@pytest.mark.parametrize("check", [(), ("--check",)], ids=["rollout", "check"])
def test_what_a_failure_says_is_no_warning_as_well(tmp_path: Path, check: tuple[str, ...]) -> None:
    """A PBX that may refuse what it has refused, and an application that is disabled."""
    fleet = FleetPlan(
        [TenantPlan("contoso", users=1)],
        [PbxPlan("munich", "contoso", "20.0.8", edition="Standard"), PbxPlan(HOST, "contoso")],
    )
    with Lab.start(fleet, mode="thread") as lab:
        controller = Controller(lab, tmp_path)
        assert controller.rollout("--limit", HOST).code == 0
        assert lab.world is not None
        tenant = lab.world.tenants[lab.world.pbxs[HOST].tenant_id]
        own = next(each for each in tenant.applications.values() if each["uniqueName"] == f"3cx-{HOST}")
        next(each for each in tenant.service_principals.values() if each["appId"] == own["appId"])["accountEnabled"] = (
            False
        )
        variables = {"tcx_console_contact_sync": {"enabled": True}}
        if check:  # only a write tells
            assert controller.rollout("--limit", "munich", variables=variables).code != 0
        done = controller.rollout(*check, variables=variables)
    assert done.failed() == [HOST, "munich"], done.output
    assert "has refused to switch on" in done.sentence("munich")
    assert "is disabled (AADSTS7000112)" in done.sentence(HOST)
    warned = re.findall(r"\[WARNING\]: (.*?)(?=\n\[|\n[A-Z]+ \[|\nfatal|\Z)", done.output, re.DOTALL)
    assert not [text for text in warned if "may refuse" in text or "disabled" in text], warned
