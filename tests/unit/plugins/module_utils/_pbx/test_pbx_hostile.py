# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PBX that answers anything: an answer that is documented, or one of our errors; and what a refusal really says."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._errors import (
    BadAnswer,
    BadCredential,
    BadInput,
    Forbidden,
    Interrupted,
    M365Error,
    NotFound,
    ServiceFault,
    UnknownName,
    Unlicensed,
)
from ansible_collections.tcx.m365.plugins.module_utils._pbx import documented, facts, health, names, users
from ansible_collections.tcx.m365.plugins.module_utils._pbx.connection import base_url
from ansible_collections.tcx.m365.plugins.module_utils._pbx.settings import Desired, Settings
from ansible_collections.tcx.m365.plugins.module_utils._pbx.shared_secret import LIMIT, SharedSecret
from ansible_collections.tcx.m365.plugins.module_utils._pbx.xapi_errors import explain
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._common.hostile import (
    hostile_texts,
    obeyed_characters,
)
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._pbx.fakes import (
    FakeContext,
    connection,
    jwt,
    reply,
    xapi,
)
from hypothesis import given, settings
from hypothesis import strategies as st

_NAMES = [
    *documented.ANSWERS.names,
    "Id",
    "ENL",
    "From",
    "To",
    "value",
    "error",
    "message",
    "details",
    "target",
    "code",
]
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | hostile_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=5),
    max_leaves=15,
)


@given(ANY_JSON, st.sampled_from([200, 200, 200, 400, 403, 404, 500]), hostile_texts)
@settings(deadline=None, max_examples=250)
def test_whatever_a_pbx_answers_is_understood_or_one_of_our_errors(content: Any, status: int, version: str) -> None:
    header = "".join(each for each in version if each.isprintable() and each.isascii())
    actions = (
        facts.observe,
        users.every,
        lambda client: users.find(client, ["a@b.example", "200"]),
        health.check,
        lambda client: names.look_up(client, {"users": ["a@b.example"], "groups": ["g"]}),
        lambda client: Settings(client).observe(Desired(values={}), within=None),
    )
    for action in actions:
        client = xapi(lambda *_request: (status, content, {"X-3CX-Version": header or "20.0.10.1"}))
        try:
            action(client)
        except M365Error as error:
            shown = str(error)
            assert not obeyed_characters(shown)
            assert "Error:" not in shown


@pytest.mark.parametrize(
    ("name", "value"),
    [("HttpsPort", "abc"), ("HttpsPort", [5001]), ("HttpsPort", True), ("HttpsPort", -1), ("HttpsPort", 1e99), ("FQDN", 5),
     ("FQDN", {"x": 1}), ("License", "Enterprise"), ("ENLRange", [1, 2]), ("Version", ["20"])],
)  # fmt: skip
def test_a_value_of_another_type_is_named(name: str, value: Any) -> None:
    client = xapi(lambda *_request: (200, {"FQDN": "pbx.example", "Version": "20.0.10.1", name: value}))
    with pytest.raises(BadAnswer) as caught:
        facts.observe(client)
    assert f"{name} is " in str(caught.value)
    assert "is documented" in str(caught.value)
    assert "https://pbx.example" in str(caught.value)


def test_a_list_without_an_end_ends() -> None:
    client = xapi(lambda *_request: (200, {"value": [{"Id": 1}] * 100}))
    with pytest.raises(BadAnswer, match="do not end"):
        list(client.entities("/Users", "list", select=("Id",)))


def test_a_listing_whose_token_comes_back_ends() -> None:
    client = xapi(lambda *_request: (200, {"Users": [], "NextPageToken": "again"}))
    with pytest.raises(BadAnswer, match="do not end"):
        list(names.pages(client, health.LIST_USERS, "Users", "list", {}))


# --- trouble that passes, and trouble that is told as it is ----------------------------------------------------------------


@pytest.mark.parametrize("status", [404, 500])
@pytest.mark.parametrize("body", [None, "<html><title>502</title></html>"])
def test_a_read_without_a_reason_is_asked_again(status: int, body: str | None) -> None:
    answers: list[Any] = [(status, body), (status, body), (200, {"FQDN": "x"})]
    assert xapi(lambda *_request: answers.pop(0)).get("/Defs", "read") == {"FQDN": "x"}


@pytest.mark.parametrize("status", [404, 500])
def test_a_write_without_a_reason_is_not_repeated(status: int) -> None:
    sent: list[str] = []

    def script(method: str, _path: str, _request: dict[str, Any]) -> Any:
        sent.append(method)
        return status, None

    with pytest.raises(M365Error):
        xapi(script).patch("/Microsoft365Integration", {}, "write")
    assert sent == ["PATCH"]


def test_an_answer_with_a_reason_is_not_asked_for_again() -> None:
    sent: list[str] = []

    def script(method: str, _path: str, _request: dict[str, Any]) -> Any:
        sent.append(method)
        return 404, {"error": {"code": "", "message": "WARNINGS.XAPI.NOT_FOUND"}}

    with pytest.raises(NotFound):
        xapi(script).get("/Users(5)", "read")
    assert sent == ["GET"]


def test_a_missing_integration_is_not_blamed_on_the_release() -> None:
    with pytest.raises(ServiceFault) as caught:
        Settings(xapi(lambda *_request: (404, None))).observe(Desired(values={}), within=None)
    assert "this release has no" not in str(caught.value)
    assert "may be starting" in str(caught.value)


def test_a_refused_write_after_reads_is_no_matter_of_license() -> None:
    def script(method: str, _path: str, _request: dict[str, Any]) -> Any:
        return (403, None) if method == "PATCH" else (200, {})

    client = xapi(script)
    client.get("/Microsoft365Integration", "read")
    with pytest.raises(Forbidden) as caught:
        client.patch("/Microsoft365Integration", {}, "write the Microsoft 365 settings")
    assert "others with the same token were answered" in str(caught.value)
    assert "license" not in str(caught.value).lower()


def test_a_refusal_of_the_first_request_may_be_one() -> None:
    assert isinstance(explain(reply(403), jwt(MaxRole="system_owners")), Unlicensed)


@pytest.mark.parametrize("status", [200, 401, 403, 404, 405])
def test_a_page_of_a_firewall_is_told_as_such(status: int) -> None:
    page = "<!DOCTYPE html><html><head><title>Access\x1b[2J denied</title></head><body>WAF</body></html>"
    client = xapi(lambda *_request: (status, page, {"Content-Type": "text/html"}))
    with pytest.raises(M365Error) as caught:
        client.get("/Defs", "read")
    if status != 401:
        assert isinstance(caught.value, BadAnswer)
        assert "a web page" in str(caught.value)
        assert "denied" in str(caught.value)
    assert not obeyed_characters(str(caught.value))


def test_the_login_in_a_redirect_is_not_shown() -> None:
    client = xapi(lambda *_request: (302, None, {"Location": "https://admin:hunter2@elsewhere.example/"}))
    with pytest.raises(M365Error) as caught:
        client.get("/Defs", "read")
    assert "hunter2" not in str(caught.value)
    assert "elsewhere.example" in str(caught.value)


def test_a_connection_that_is_closed_may_be_a_blacklist() -> None:
    def script(*_request: Any) -> Any:
        return Interrupted("no complete answer: Connection reset by peer")

    with pytest.raises(Interrupted, match="IP Blacklist"):
        xapi(script).get("/Defs", "read")


def test_a_name_that_nobody_knows_is_no_matter_of_ports_and_blacklists() -> None:
    def script(*_request: Any) -> Any:
        return UnknownName("Name or service not known")

    with pytest.raises(UnknownName, match="the DNS of the machine") as caught:
        xapi(script).get("/Defs", "read")
    assert "IP Blacklist" not in str(caught.value)


# --- addresses -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["http://acme.example.com", "HTTP://127.0.0.1:5004", "https://user:hunter2@acme.example.com", "https://hunter2@acme",
     "user:hunter2@acme.example.com", "https://user:hun/hunter2@acme.example.com", "http://u:hunter2@acme", "https://u:hunter2@h@x"],
)  # fmt: skip
def test_an_address_without_tls_or_with_a_login_is_refused_and_shows_no_secret(address: str) -> None:
    with pytest.raises(BadInput) as caught:
        base_url(address)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in str(caught.value.as_result())


# --- one secret for many PBXs ------------------------------------------------------------------------------------------------


def _try(store: RunStore, number: int, *, accepts: bool) -> None:
    here = connection(f"https://pbx{number}.example")
    context = FakeContext(lambda *_request: (200, {}), store)
    with SharedSecret(here, context).sent():
        if not accepts:
            raise BadCredential("refused")


def test_three_hostile_pbxs_do_not_stop_the_rest_once_one_has_accepted() -> None:
    store = RunStore()
    _try(store, 0, accepts=True)
    for number in range(1, 6):
        with pytest.raises(BadCredential, match="refused"):
            _try(store, number, accepts=False)
    for number in range(6, 12):
        _try(store, number, accepts=True)


def test_a_secret_that_nobody_has_accepted_is_not_sent_to_everybody() -> None:
    store = RunStore()
    for number in range(LIMIT):
        with contextlib.suppress(BadCredential):
            _try(store, number, accepts=False)
    with pytest.raises(BadCredential, match="was not sent here"):
        _try(store, 9, accepts=True)
