# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a sentence about a file shows where something else was given than its path."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from ansible_collections.tcx.m365.plugins.module_utils import _tls
from ansible_collections.tcx.m365.plugins.module_utils._common.places import cannot_be_read, is_content
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._http import Transport
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJhcGkifQ.c2lnbmF0dXJl"
FORM = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
LINES = rsa.generate_private_key(65537, 2048).private_bytes(serialization.Encoding.PEM, *FORM).decode().splitlines()
EC = ec.generate_private_key(ec.SECP256R1()).private_bytes(serialization.Encoding.DER, *FORM)
GIVEN = {
    "line of a key": LINES[1],
    "second half of a key": " ".join(LINES[14:]),
    "base64 of a key": base64.b64encode(EC).decode(),
    "base64url of a key": base64.urlsafe_b64encode(EC).decode(),
    "last line of a key": "Zm9vYmFyIGJheiBxdXV4IGFuZA==",
    "short last line of a key": "rK3xw9ZqPz4TnB7vYd2LhA0cQe",
    "client secret": "abc8Q~Jx4nTq-7vRmW2sKz.LpY9hDcFg3BeNuA1x",
    "token": JWT,
    "token of a header": f"Bearer {JWT}",
    "token in quotes": f'"{JWT}"',
    "token behind a directory": f"/srv/{JWT}",
    "token in JSON": f'{{"access_token":"{JWT}"}}',
}


@pytest.mark.parametrize("name", GIVEN)
def test_no_sentence_shows_what_was_given_instead_of_a_path(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = GIVEN[name]
    said = [cannot_be_read("O(certificate_path)", given, "No such file or directory")]
    with pytest.raises(BadInput, match="does not exist") as refused:
        Transport(ca_path=given).check()
    said.append(str(refused.value))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", given)
    with pytest.raises(BadInput, match="cannot be used") as refused:
        _tls.context(True, _tls.bundle())
    said.append(str(refused.value))
    for sentence in said:
        assert not [word for word in given.split() if len(word) > 20 and word in sentence], sentence


@pytest.mark.parametrize("name", [name for name in GIVEN if "token" in name or "half" in name])
def test_a_token_or_an_end_of_a_key_is_no_path(name: str) -> None:
    assert is_content(GIVEN[name])


@pytest.mark.parametrize(
    "path",
    [
        *("eyjafjallajokull.pem", "/etc/pki/acme.pem", "~/my keys/schlüssel.key", r"C:\keys\a.pem"),
        "/var/run/secrets/azure/tokens/azure-identity-token",
        *("Contoso2026-certificate-of-Berlin", "keys/C++/customer", "keys/Contoso/2026/Berlin/AutomationKey.pem"),
        "customers_of_the_south_and_of_the_north_without_an_ending.d/key.pem",
    ],
)
def test_a_path_is_shown(path: str) -> None:
    assert not is_content(path)
    assert f"O(ca_path) {path} cannot be read" in cannot_be_read("O(ca_path)", path, "No such file or directory")


def test_what_leads_to_a_file_is_shown_whatever_it_looks_like(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = "credentials/customers/contoso/automation/certificate"
    assert path not in cannot_be_read("O(ca_path)", path, "No such file or directory")
    (tmp_path / path).mkdir(parents=True)
    assert f"{path} cannot be read" in cannot_be_read("O(ca_path)", path, "Is a directory")
