# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the application of a PBX is found, and what is said about its certificates and the caller's rights."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import entra_preflight
from ansible_collections.tcx.m365.plugins.module_utils._entra.tokens import Token
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, Forbidden
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


def _pem(days: int) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "3CX")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(NOW - dt.timedelta(days=400))
        .not_valid_after(NOW + dt.timedelta(days=days, hours=1))
        .sign(KEY, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM).decode()


def _params(**given: Any) -> dict[str, Any]:
    return {"mode": "auto", "unique_name": "3cx-acme", "app_id": None, "pbx_app_id": "", "certificates": None, **given}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"unique_name": "3cx-acme"}),
        ({"pbx_app_id": "p"}, {"unique_name": "3cx-acme", "app_id": "p", "prefer": "app_id"}),
        ({"mode": "create", "pbx_app_id": "p"}, {"unique_name": "3cx-acme"}),
        ({"mode": "adopt", "pbx_app_id": "p"}, {"unique_name": "3cx-acme", "app_id": "p", "prefer": "both"}),
        (
            {"mode": "adopt", "app_id": "a", "pbx_app_id": "p"},
            {"unique_name": "3cx-acme", "app_id": "a", "prefer": "both"},
        ),
        ({"app_id": "a", "pbx_app_id": "p"}, {"unique_name": "3cx-acme", "app_id": "a", "prefer": "both"}),
    ],
)
def test_the_mode_decides_how_the_application_is_found(given: dict[str, Any], expected: dict[str, str]) -> None:
    assert entra_preflight.application_key(_params(**given)) == expected


def test_nothing_to_adopt_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(BadInput, match="entra_app_app_id"):
        entra_preflight.application_key(_params(mode="adopt"))


@pytest.mark.parametrize("certificate", ["nowhere/public_key.pem", _pem(-3)], ids=["missing", "ended"])
def test_a_certificate_that_cannot_be_used_says_where_the_file_is_made(certificate: str) -> None:
    with pytest.raises(BadInput) as caught:
        entra_preflight._certificates(_params(certificates=[certificate]), NOW)
    assert "3CX V18: Management Console > Settings > Microsoft 365" in str(caught.value)
    assert "3CX V20: Admin Console > Integrations" in str(caught.value)


def test_a_certificate_near_its_end_is_noted() -> None:
    soon, later = (entra_preflight._certificates(_params(certificates=[_pem(days)]), NOW)[0] for days in (12, 300))
    assert "ends in 12 days" in entra_preflight._ends_soon(soon, NOW, 30)
    assert entra_preflight._ends_soon(later, NOW, 30) == ""


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
    assert caught.value.missing == ["AppRoleAssignment.ReadWrite.All"]
