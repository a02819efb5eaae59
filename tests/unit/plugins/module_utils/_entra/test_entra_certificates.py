# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates as people give them and as Graph lists them."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._common import dates
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import certificates
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra.conftest import NOW, Pair, make_pair
from cryptography.hazmat.primitives import serialization


def test_every_form_leads_to_the_same_certificate(pair: Pair, tmp_path: Path) -> None:
    pem, der = tmp_path / "public_key.pem", tmp_path / "cert.der"
    pem.write_text(pair.pem)
    der.write_bytes(pair.der)
    flat = base64.b64encode(pair.der).decode()
    forms = [
        pair.pem,
        pair.pem.replace("\n", "\r\n"),
        pair.pem.replace("\n", "\\n"),
        "  " + pair.pem + "\n\n",
        "subject=CN = 3CX\n" + pair.pem,
        str(pem),
        str(der),
        flat,
        "\n".join(flat[start : start + 64] for start in range(0, len(flat), 64)),
    ]
    for form in forms:
        assert certificates.parse(form).thumbprint == pair.thumbprint, form[:40]
    assert certificates.parse(pair.pem).der == pair.der
    assert [each.thumbprint for each in certificates.parse_all(forms)] == [pair.thumbprint]


def test_of_a_chain_the_leaf_counts_wherever_it_stands() -> None:
    authority = make_pair("authority", other_key=True)
    leaf = make_pair("leaf", issuer=authority)
    for chain in (leaf.pem + authority.pem, authority.pem + leaf.pem):
        assert certificates.parse(chain).thumbprint == leaf.thumbprint


def test_a_private_key_is_refused_and_never_shown(pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / "both.pem"
    path.write_text(pair.pem + pair.key_pem())
    for given in (pair.key_pem(), pair.pem + pair.key_pem(), pair.key_pem("pw"), str(path)):
        with pytest.raises(BadInput, match="private key") as caught:
            certificates.parse(given)
        assert "MII" not in str(caught.value)


def test_what_is_no_certificate(pair: Pair, tmp_path: Path) -> None:
    public = pair.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    binary = tmp_path / "x.der"
    binary.write_bytes(b"\x00\x01")
    cases = {
        "certificates contains a public key but no certificate": public.decode(),
        "certificates is empty": "  ",
        "there is no file /nowhere/public_key.pem": "/nowhere/public_key.pem",
        "certificates is neither PEM text nor a file": "hello",
        "something else, or damaged": pair.pem.replace("MII", "AAA", 1),
        "contains PEM but no certificate": "-----BEGIN NOTHING-----\nAAAA\n-----END NOTHING-----",
        "x.der does not contain a valid certificate": str(binary),
        "certificates does not contain a valid certificate": base64.b64encode(b"x" * 30).decode(),
    }
    for said, given in cases.items():
        with pytest.raises(BadInput, match=said.replace("(", r"\(")) as caught:
            certificates.parse(given)
        assert "public_key.pem" in str(caught.value), "it says where to click"


@pytest.mark.parametrize("shown", ["hex", "lower", "base64 of bytes", "base64 of hex", "key", "key of PEM"])
def test_thumbprint_in_all_forms_seen(pair: Pair, shown: str) -> None:
    raw = bytes.fromhex(pair.thumbprint)
    entry = {
        "hex": {"customKeyIdentifier": pair.thumbprint, "key": None},
        "lower": {"customKeyIdentifier": pair.thumbprint.lower()},
        "base64 of bytes": {"customKeyIdentifier": base64.b64encode(raw).decode()},
        "base64 of hex": {"customKeyIdentifier": base64.b64encode(pair.thumbprint.encode()).decode()},
        "key": {"customKeyIdentifier": "whatever", "key": base64.b64encode(pair.der).decode()},
        "key of PEM": {"key": base64.b64encode(pair.pem.encode()).decode()},
    }[shown]
    assert certificates.thumbprint_of(entry) == pair.thumbprint


@pytest.mark.parametrize("identifier", ["", "x", "AAAA", "MDEyMw==", None])
def test_other_identifiers_are_no_thumbprint(identifier: str | None) -> None:
    assert certificates.thumbprint_of({"customKeyIdentifier": identifier, "key": None}) == ""


def test_thumbprints_as_people_copy_them(pair: Pair) -> None:
    colons = ":".join(pair.thumbprint[start : start + 2] for start in range(0, 40, 2)).lower()
    assert certificates.normalized_thumbprint(colons) == pair.thumbprint
    with pytest.raises(BadInput, match="thumbprint"):
        certificates.normalized_thumbprint("abc")


def test_dates_of_a_certificate(pair: Pair) -> None:
    found = certificates.parse(pair.pem)
    assert dates.iso(found.not_before) == "2026-11-21T10:00:00Z"
    assert not found.ended(NOW)
    assert found.ended(found.not_after)
