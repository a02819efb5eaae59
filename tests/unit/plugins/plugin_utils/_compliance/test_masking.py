# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a support bundle lets out: shapes of requests and sentences without names."""

from __future__ import annotations

import json
import stat
import string
from pathlib import Path

import pytest
from ansible_collections.tcx.m365.plugins.action.fleet_support import _write as write
from ansible_collections.tcx.m365.plugins.plugin_utils._compliance import support
from ansible_collections.tcx.m365.plugins.plugin_utils._compliance.masking import Mask
from hypothesis import given
from hypothesis import strategies as st

GUID = "6f1c0000-1111-4222-8333-444455556666"
MASK = Mask(
    {
        "pbx": ["acme", "acme-two"],
        "value": ["https://acme.example.com:5001", "acme.example.com", "Müller & Söhne", "900"],
    }
)
SERVICES = {"acme.example.com:5001": "3CX"}


@pytest.mark.parametrize(
    ("said", "masked"),
    [
        ("acme cannot be reached", "<pbx 2> cannot be reached"),
        ("acme-two and acme", "<pbx 1> and <pbx 2>"),
        ("connect to https://acme.example.com:5001", "connect to <value 1>"),
        ("the PBX calls itself ACME.example.com", "the PBX calls itself <value 2>"),
        (f"application {GUID}, again {GUID.upper()}", "application <id 1>, again <id 1>"),
        ("owned by jane.doe@contoso.com", "owned by <person 1>"),
        ("the guest eve_contoso.com#EXT#@acme.onmicrosoft.com", "the guest <person 1>"),
        ("10.1.2.3 and [fe80::1] answered", "<address 1> and <address 2> answered"),
        ("pbx.other-customer.de is unknown", "<host 1> is unknown"),
        ("application of Müller & Söhne", "application of <value 3>"),
        ("no file /home/jane/keys/acme/public_key.pem", "no file <file 1>"),
        ("key MIIC" + "A" * 60, "key <data 1>"),
        ("münchen.kunde-süd.example is unknown", "<host 1> is unknown"),
        ("2001:db8::17 and ::1 answered at 12:30:45", "<address 1> and <address 2> answered at 12:30:45"),
        ("adopt the application (04c1 'Kunde Süd'): no", "adopt the application (04c1 <name 1>): no"),
        (
            "it holds the client secret \"O'Brien Ltd\" and 'Contoso'",
            "it holds the client secret <name 1> and <name 2>",
        ),
        ("the PBX's key and the tenant's", "the PBX's key and the tenant's"),
        ("'signInAudience' and 'User.Read.All' and 'tcx_url'", "'signInAudience' and 'User.Read.All' and 'tcx_url'"),
    ],
)
def test_sentences_lose_their_names(said: str, masked: str) -> None:
    mask = Mask(
        {
            "pbx": ["acme", "acme-two"],
            "value": ["https://acme.example.com:5001", "acme.example.com", "Müller & Söhne", "900"],
        }
    )
    assert mask.text(said) == masked


@pytest.mark.parametrize(
    ("said", "masked"),
    [
        ("b7 cannot be reached, and a is ok", "<pbx 1> cannot be reached, and <pbx 2> is ok"),
        ("HP, and hp as a word", "<value 1>, and hp as <pbx 2> word"),
        ("3CX reports: Kunde Schmidt hat gekuendigt", "3CX reports: <text 1>"),
        ("The PBX reports: call Jane", "The PBX reports: <text 1>"),
        ("3CX reports: AADSTS700016: not found in 'Bolt'", "3CX reports: AADSTS700016: not found in <name 1>"),
        ("the PBX reports 'Jane Doe' as its FQDN", "the PBX reports <name 1> as its FQDN"),
    ],
)
def test_short_names_and_the_words_of_a_pbx_are_masked(said: str, masked: str) -> None:
    assert Mask({"pbx": ["b7", "a"], "value": ["HP", "x"]}).text(said) == masked


@pytest.mark.parametrize(
    "said",
    [
        "Graph answered 403 Authorization_RequestDenied; grant User.Read.All",
        "AADSTS700027: the certificate is not known to login.microsoftonline.com",
        "Microsoft365Integration.AdUsers.IsEnabled is false on 20.0.10",
        "read public_key.pem",
    ],
)
def test_words_of_the_services_stay(said: str) -> None:
    assert Mask({}).text(said) == said


@pytest.mark.parametrize(
    ("line", "service", "path", "parameters"),
    [
        (f"GET https://graph.microsoft.com/v1.0/applications/{GUID}?$select=id,tags -> 200 in 0.120 s {GUID}", "Graph", "/v1.0/applications/{id}", ["$select"]),
        ("GET https://graph.microsoft.com/v1.0/applications(uniqueName='3cx-acme') -> 404 in 0.1 s", "Graph", "/v1.0/applications(..)", []),
        ("GET https://acme.example.com:5001/xapi/v1/Users(17) -> 200 in 0.1 s", "3CX", "/xapi/v1/Users(..)", []),
        ("GET https://acme.example.com:5001/xapi/v1/Microsoft365Integration -> 200 in 0.1 s", "3CX", "/xapi/v1/Microsoft365Integration", []),
        ("GET https://graph.microsoft.com/v1.0/users/jane@contoso.com -> 200 in 0.1 s", "Graph", "/v1.0/users/{id}", []),
        ("GET https://elsewhere.example/secret-customer.name -> 302 in 0.1 s", "another", "/{id}", []),
        ("POST (hidden) -> 200 in 0.1 s", "", "(hidden)", None),
    ],
)  # fmt: skip
def test_requests_are_rebuilt_from_what_is_harmless(
    line: str, service: str, path: str, parameters: list[str] | None
) -> None:
    shape = MASK.request(line, SERVICES)
    assert shape is not None
    assert (shape["service"], shape["path"], shape.get("parameters")) == (service, path, parameters)


def test_what_a_pbx_and_the_names_of_variables_tell_is_masked_as_well() -> None:
    result = {
        "host": "acme",
        "verdict": "failed",
        "version": "20.0.10\n## acme.example.com",
        "edition": "unknown (acme)",
        "unknown_variables": [{"variable": "tcx_acme_key", "nearest": "tcx_api_key"}, {"variable": "tcx_usernam"}],
    }
    known = {"tcx_url": "https://acme.example.com:5001", "tcx_acme_key": "x", "tcx_usernam": "y"}
    found = support.entry(result, (), known, support.mask_of({"acme": known}))
    text = support.as_markdown(support.bundle([found], {}))
    assert "acme" not in f"{json.dumps(found)}{text}"
    assert text.count("\n## ") == 1
    assert "tcx_url" in found["variables"]
    plain = support.entry({**result, "version": "20.0.10.983"}, (), known, support.mask_of({"acme": known}))
    assert plain["version"] == "20.0.10.983"
    assert "tcx_usernam" in found["unknown_variables"]


def test_a_file_in_the_place_of_the_bundle_is_replaced_and_no_link_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    directory = tmp_path / "support"
    directory.mkdir()
    (directory / "support.md").symlink_to(victim)
    (directory / "support.json").write_text("old")
    (directory / "support.json").chmod(0o666)
    written = [Path(each) for each in write(support.bundle([], {}), str(directory))]
    assert victim.read_text() == "mine"
    assert [stat.S_IMODE(each.lstat().st_mode) for each in written] == [0o600, 0o600]
    assert [each.is_symlink() for each in written] == [False, False]


def test_what_is_no_exchange_is_left_out() -> None:
    assert MASK.request("signed in to Entra with client_secret (acme)", SERVICES) is None


@given(
    st.lists(
        st.text(string.ascii_letters + string.digits + "-._ äöü@/", min_size=4, max_size=30).map(str.strip),
        min_size=1,
        max_size=4,
    ),
    st.lists(st.sampled_from(["cannot", "be", "reached:", "'{}'", "({})", "{}", "{}."]), max_size=8),
)
def test_no_value_of_the_inventory_survives_as_a_word(values: list[str], words: list[str]) -> None:
    known = [value for value in values if len(value) >= 4 and not value.isdigit()]
    mask = Mask({"value": known})
    for value in known:
        said = mask.text(" ".join(words).replace("{}", value))
        assert f" {value.lower()} " not in f" {said.lower()} " or value.lower() in "cannot be reached: value"
