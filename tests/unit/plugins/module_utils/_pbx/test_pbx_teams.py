# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Teams Direct Routing and the presence account: files that never come back, and tokens that cannot be told apart."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._pbx import presence, teams
from ansible_collections.tcx.m365.plugins.module_utils._pbx.presence import PresenceAccount
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)


def pair(*names: str, days: int = 90, secret: bytes = b"") -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sbc.contoso.example")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=200))
        .not_valid_after(NOW + timedelta(days=days))
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
        )
    encryption: Any = serialization.BestAvailableEncryption(secret) if secret else serialization.NoEncryption()
    key_pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode(), key_pem.decode()


def test_files_come_as_text_or_as_paths(tmp_path: Path) -> None:
    certificate, key = pair("sbc.contoso.example")
    (tmp_path / "c.pem").write_text(certificate)
    (tmp_path / "k.pem").write_text(key)
    by_text = teams.load(certificate, key, now=NOW)
    assert teams.load(str(tmp_path / "c.pem"), str(tmp_path / "k.pem"), now=NOW) == by_text
    assert key not in repr(by_text)


def test_what_cannot_work_is_refused_without_showing_the_key(tmp_path: Path) -> None:
    certificate, key = pair("sbc.contoso.example")
    other, other_key = pair("sbc.contoso.example")
    expired, expired_key = pair("sbc.contoso.example", days=-1)
    locked, locked_key = pair("sbc.contoso.example", secret=b"x")
    for given, key_given, words in (
        (certificate, other_key, "does not belong"),
        (expired, expired_key, "expired on 2026-11-22"),
        (locked, locked_key, "is encrypted. Give an unencrypted private key"),
        (key, key, "teams.certificate contains PEM but no certificate"),
        (certificate, certificate, "teams.private_key does not contain a private key"),
        (
            str(tmp_path / "missing"),
            key,
            "(neither PEM text nor a file|there is no file|cannot be read: it is damaged)",
        ),
        (other, key.splitlines()[1], "(neither PEM text nor a file|there is no file|cannot be read: it is damaged)"),
    ):
        with pytest.raises(BadInput, match=words) as caught:
            teams.load(given, key_given, now=NOW)
        assert key.splitlines()[1] not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "fqdn", "covered"),
    [
        (("sbc.contoso.example",), "SBC.contoso.example", True),
        (("*.contoso.example",), "sbc.contoso.example", True),
        (("*.contoso.example",), "a.b.contoso.example", False),
        ((), "sbc.contoso.example", True),
        (("other.example",), "sbc.contoso.example", False),
    ],
)
def test_which_names_a_certificate_covers(names: tuple[str, ...], fqdn: str, covered: bool) -> None:
    assert teams.load(*pair(*names), now=NOW).covers(fqdn) is covered


def test_a_certificate_is_known_by_the_name_of_its_file_or_by_its_end() -> None:
    files = teams.load(*pair("sbc.contoso.example"), now=NOW)
    key = {"Concealed": True, "Name": "k"}
    ends = files.not_after.strftime("%Y-%m-%dT%H:%M:%SZ")
    there = {"SbcCertificate": {"Concealed": True, "Name": files.file_name}, "SbcPrivateKey": key}
    assert teams.plan_files(files, there) == ([], {})
    by_hand = {"SbcCertificate": {"Name": "mine.pem"}, "SbcPrivateKey": key, "SbcCertificateExpirationDate": ends}
    assert teams.plan_files(files, by_hand) == ([], {})
    renewed = {
        "SbcCertificate": {"Name": "sbc-0000000000000000.pem"},
        "SbcPrivateKey": key,
        "SbcCertificateExpirationDate": ends,
    }
    assert teams.plan_files(files, renewed)[0], "our own file with another fingerprint is another certificate"
    changes, body = teams.plan_files(files, {})
    assert changes[0].before is None
    assert files.private_key not in str(changes)
    assert body["SbcPrivateKey"]["Contents"] == files.private_key


def test_a_working_presence_account_is_left_alone() -> None:
    wanted = PresenceAccount("token")
    assert not presence.plan(wanted, authorized=True)
    plan = presence.plan(wanted, authorized=False)
    assert plan.as_list()[0]["after"] == "authorized"
    assert "token" not in str(plan.as_list())
    assert "token" not in repr(wanted)


def test_forgetting_is_done_only_where_there_is_something_to_forget() -> None:
    assert not presence.plan(PresenceAccount(forget=True), authorized=False)
    assert presence.plan(PresenceAccount(forget=True), authorized=True).writes[0].action == "deauthorize"
