# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the application of a PBX is found, and what is said about its certificates and the caller's rights."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import entra_preflight
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.adoption import NotConfirmed
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.certificates import parse
from ansible_collections.tcx.m365.plugins.module_utils._entra.tokens import Token
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, Forbidden
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

SHORT = 1024
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NOW = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)


def _pem(days: int, *, begins: int = -400, key: Any = KEY) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "3CX")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - dt.timedelta(days=-begins))
        .not_valid_after(NOW + dt.timedelta(days=days, hours=1))
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM).decode()


def _params(**given: Any) -> dict[str, Any]:
    return {
        "mode": "auto",
        "unique_name": "3cx-acme",
        "app_id": None,
        "pbx_app_id": "",
        "certificates": None,
        "pbx_tls_thumbprint": None,
        **given,
    }


ON_EVIDENCE = {"unique_name": "3cx-acme", "require_evidence": True}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ON_EVIDENCE),
        ({"pbx_app_id": "p"}, {**ON_EVIDENCE, "app_id": "p", "prefer": "app_id"}),
        ({"pbx_app_id": "p", "pbx_healthy": True}, {**ON_EVIDENCE, "app_id": "p", "prefer": "app_id", "in_use": True}),
        ({"mode": "create", "pbx_app_id": "p", "pbx_healthy": True}, ON_EVIDENCE),
        ({"mode": "adopt", "pbx_app_id": "p"}, {"app_id": "p", "require_evidence": True}),
        ({"mode": "adopt", "app_id": "a", "pbx_app_id": "p"}, {"app_id": "a"}),
        ({"app_id": "a", "pbx_app_id": "p"}, {"app_id": "a"}),
    ],
)
def test_only_what_the_inventory_states_by_id_needs_no_evidence(
    given: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert entra_preflight.application_key(_params(**given)) == expected
    known = {"pbx": "https://pbx.example:5001", "pbx_names": ["other.example"]}
    assert entra_preflight.application_key(_params(**given, **known)) == {**expected, **known}


HERE, ELSEWHERE = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"


def test_a_pbx_that_works_in_another_tenant_is_not_moved_by_mistake() -> None:
    works = {"tenant_id": HERE, "pbx_tenant_id": ELSEWHERE.upper(), "pbx_healthy": True, "pbx_app_id": "p"}
    with pytest.raises(NotConfirmed, match="entra_app_move_tenant") as caught:
        entra_preflight.check_tenant_move(works, HERE)
    assert HERE in str(caught.value)
    assert ELSEWHERE in str(caught.value)
    assert ELSEWHERE in entra_preflight.check_tenant_move({**works, "move_tenant": True}, HERE)
    for harmless in ({"pbx_tenant_id": HERE.upper()}, {"pbx_tenant_id": ""}, {"pbx_healthy": False}):
        assert entra_preflight.check_tenant_move({**works, **harmless}, HERE) == ""


@pytest.mark.parametrize(
    "word", ["acme.example", "ACME.example.", " acme.example ", f"{{{HERE.upper()}}}", HERE.upper()]
)
def test_a_tenant_that_a_pbx_names_in_another_way_is_the_same_one(word: str) -> None:
    works = {"tenant_id": HERE, "pbx_tenant_id": word, "pbx_healthy": True, "pbx_app_id": "p"}
    known = {"acme.example": HERE.upper()}
    assert entra_preflight.check_tenant_move(works, HERE, known.__getitem__) == ""
    with pytest.raises(NotConfirmed):
        entra_preflight.check_tenant_move({**works, "tenant_id": ELSEWHERE}, ELSEWHERE, known.__getitem__)


@pytest.mark.parametrize(
    "word", ["../../evil", "evil.example/x?y", "a b", "common", "evil.example@x", "\x1b[2J", "x" * 9000]
)
def test_nobody_is_asked_about_what_is_no_domain(word: str) -> None:
    asked: list[str] = []
    works = {"tenant_id": HERE, "pbx_tenant_id": word, "pbx_healthy": True, "pbx_app_id": "p"}
    with pytest.raises(NotConfirmed):
        entra_preflight.check_tenant_move(works, HERE, lambda domain: asked.append(domain) or HERE)
    assert asked == []


def test_a_domain_that_nobody_knows_is_another_tenant() -> None:
    def unknown(domain: str) -> str:
        raise BadInput(f"{domain} is a domain of no tenant")

    works = {"tenant_id": HERE, "pbx_tenant_id": "gone.example", "pbx_healthy": True, "pbx_app_id": "p"}
    with pytest.raises(NotConfirmed, match=r"gone\.example"):
        entra_preflight.check_tenant_move(works, HERE, unknown)


def test_nothing_to_adopt_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(BadInput, match="entra_app_app_id"):
        entra_preflight.application_key(_params(mode="adopt"))


@pytest.mark.parametrize("certificate", ["not a certificate", _pem(-3)], ids=["other", "ended"])
def test_a_certificate_that_cannot_be_used_says_where_the_file_is_made(certificate: str) -> None:
    with pytest.raises(BadInput) as caught:
        entra_preflight._certificates(_params(certificates=[certificate]), NOW)
    assert "3CX V18: Management Console > Settings > Microsoft 365" in str(caught.value)
    assert "3CX V20: Admin Console > Integrations" in str(caught.value)


def test_a_private_key_is_told_how_to_take_it_out_and_not_where_a_file_is_made() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for given in (key.decode(), _pem(90) + key.decode()):
        with pytest.raises(BadInput, match="contains a private key") as caught:
            entra_preflight._certificates(_params(certificates=[given]), NOW)
        assert "Give the certificate alone" in str(caught.value)
        assert "Management Console" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            "keys/acme/public_key.pem",
            f"there is no file keys/acme/public_key.pem (at {Path.cwd()}/keys/acme/public_key.pem; a relative path starts where "
            "Ansible was started). Start Ansible in the directory that the path begins in, or give the absolute path.",
        ),
        ("/nowhere/public_key.pem", "there is no file /nowhere/public_key.pem. Correct the path."),
        ("~/nowhere.pem", f"there is no file ~/nowhere.pem (at {Path.home()}/nowhere.pem). Correct the path."),
        ("/", "/ is a directory. Name the file in it."),
    ],
)
def test_a_path_that_leads_nowhere_says_what_was_tried_and_not_how_a_key_is_made(path: str, said: str) -> None:
    """Whoever has the file knows how it was made; mostly Ansible was started in another directory."""
    with pytest.raises(BadInput) as caught:
        entra_preflight._certificates(_params(certificates=[path]), NOW)
    assert said in str(caught.value)
    assert "Management Console" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([_pem(90, key=ec.generate_private_key(ec.SECP256R1()))], "has a key of the kind EC"),
        ([_pem(90, key=rsa.generate_private_key(public_exponent=65537, key_size=SHORT))], "RSA key of 1024 bits"),
        ([_pem(90, begins=3)], "is not valid before"),
        ([_pem(90), _pem(-3)], "expired on"),
        ([_pem(90), _pem(90, key=ec.generate_private_key(ec.SECP256R1()))], "has a key of the kind EC"),
    ],
    ids=["EC", "short RSA", "not valid yet", "one of two expired", "one of two EC"],
)
def test_a_certificate_that_cannot_work_is_refused(given: list[str], said: str) -> None:
    with pytest.raises(BadInput) as caught:
        entra_preflight._certificates(_params(certificates=given), NOW)
    assert said in str(caught.value)
    assert str(caught.value).index("3CX V20") < str(caught.value).index("3CX V18"), "the wizard comes first"


def test_beside_one_that_works_the_next_may_wait() -> None:
    given = [_pem(90), _pem(300, begins=3)]
    today, later = entra_preflight._certificates(_params(certificates=given), NOW)
    assert entra_preflight._expires_soon(today, NOW, 30) == ""
    assert "is not valid before" in entra_preflight._expires_soon(later, NOW, 30)


def test_a_clock_that_is_a_minute_ahead_is_no_reason() -> None:
    certificate = parse(_pem(90))
    assert certificate.flaw(certificate.not_before - dt.timedelta(minutes=1)) == ""
    assert "not valid before" in certificate.flaw(certificate.not_before - dt.timedelta(hours=1))


def test_the_tls_certificate_of_the_pbx_is_no_key_for_microsoft() -> None:
    tls, own = _pem(90), _pem(91)
    seen = parse(tls).thumbprint
    colons = ":".join(seen[start : start + 2] for start in range(0, 40, 2)).lower()
    for given in ([tls], [own, tls], [own + tls]):
        for thumbprint in (seen, colons):
            with pytest.raises(BadInput, match="TLS certificate") as caught:
                entra_preflight._certificates(_params(certificates=given, pbx_tls_thumbprint=thumbprint), NOW)
            assert "3CX V20" in str(caught.value)
    assert entra_preflight._certificates(_params(certificates=[own], pbx_tls_thumbprint=seen), NOW)


def test_a_certificate_near_its_end_is_noted() -> None:
    soon, later = (entra_preflight._certificates(_params(certificates=[_pem(days)]), NOW)[0] for days in (12, 300))
    assert "expires in 12 days" in entra_preflight._expires_soon(soon, NOW, 30)
    assert entra_preflight._expires_soon(later, NOW, 30) == ""


def test_a_run_in_check_mode_needs_the_reading_rights_only() -> None:
    auditor = Token("t", 0, {"idtyp": "app", "roles": ["Application.Read.All"]})
    notes = entra_preflight._check_rights(auditor, grants=True, writes=False)
    assert [note for note in notes if "AppRoleAssignment.ReadWrite.All" in note]
    with pytest.raises(Forbidden) as caught:
        entra_preflight._check_rights(auditor, grants=True, writes=True)
    assert "Application.ReadWrite.All" in str(caught.value)
    nobody = Token("t", 0, {"idtyp": "app", "roles": []})
    with pytest.raises(Forbidden):
        entra_preflight._check_rights(nobody, grants=True, writes=False)


def test_granting_needs_its_right_only_where_we_grant() -> None:
    registrar = Token("t", 0, {"idtyp": "app", "roles": ["Application.ReadWrite.OwnedBy"]})
    assert entra_preflight._check_rights(registrar, grants=False, writes=True) == []
    with pytest.raises(Forbidden) as caught:
        entra_preflight._check_rights(registrar, grants=True, writes=True)
    assert caught.value.missing == ["AppRoleAssignment.ReadWrite.All + Application.Read.All"]
    assert entra_preflight._check_rights(registrar, grants=False, writes=True, users=True) == [
        "users of the tenant: not readable with these rights (needs User.Read.All or User.ReadWrite.All or "
        "Directory.Read.All or Directory.ReadWrite.All)"
    ]
    with pytest.raises(Forbidden):
        entra_preflight._check_rights(registrar, grants=False, writes=True, owners=True)


@pytest.mark.parametrize(
    ("roles", "wanted", "missing"),
    [
        (["Application.ReadWrite.All"], {}, "AppRoleAssignment.ReadWrite.All"),
        (["Application.ReadWrite.OwnedBy", "AppRoleAssignment.ReadWrite.All"], {}, "Application.Read.All"),
        (["Application.Read.All", "AppRoleAssignment.ReadWrite.All"], {}, "Application.ReadWrite.All"),
        (
            ["Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All"],
            {"delegated": True},
            "DelegatedPermissionGrant.ReadWrite.All",
        ),
        (["Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All"], {"owners": True}, "Directory.Read.All"),
    ],
)
def test_what_this_inventory_needs_is_named(roles: list[str], wanted: dict[str, bool], missing: str) -> None:
    token = Token("t", 0, {"idtyp": "app", "roles": roles})
    with pytest.raises(Forbidden) as caught:
        entra_preflight._check_rights(token, grants=True, writes=True, **wanted)
    assert missing in caught.value.missing
    if wanted.get("delegated"):  # they cannot even be read
        with pytest.raises(Forbidden) as checked:
            entra_preflight._check_rights(token, grants=True, writes=False, **wanted)
        assert str(checked.value) == str(caught.value)
        return
    notes = entra_preflight._check_rights(token, grants=True, writes=False, **wanted)
    assert any(missing in note for note in notes), "a check does not stop, and says it"
