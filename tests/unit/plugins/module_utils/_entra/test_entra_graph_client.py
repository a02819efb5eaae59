# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client of Graph: tokens that are refused in between, lists that do not end, answers of another shape."""

from __future__ import annotations

import base64
import contextlib
import email.utils
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils import _errors as errors
from ansible_collections.tcx.m365.plugins.module_utils._context import Context
from ansible_collections.tcx.m365.plugins.module_utils._entra.clouds import endpoints
from ansible_collections.tcx.m365.plugins.module_utils._entra.connection import Connection
from ansible_collections.tcx.m365.plugins.module_utils._entra.credentials.static_token import StaticToken
from ansible_collections.tcx.m365.plugins.module_utils._entra.graph import Answer, Call, GraphClient
from ansible_collections.tcx.m365.plugins.module_utils._entra.graph_errors import fault
from ansible_collections.tcx.m365.plugins.module_utils._entra.tokens import Token, claims_of
from ansible_collections.tcx.m365.plugins.module_utils._http import Reply
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._time import Deadline
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils.conftest import SleepingClock
from hypothesis import given, settings
from hypothesis import strategies as st

TENANT = "7c1c5b8e-2f6a-4d3b-9a51-3f0f8f0b6d11"
CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}'
CHALLENGE = {
    "WWW-Authenticate": 'Bearer realm="", authorization_uri="https://login.example/authorize", error="insufficient_claims", '
    f'claims="{base64.b64encode(CLAIMS.encode()).decode()}"'
}
EXPIRED = {
    "error": {"code": "InvalidAuthenticationToken", "message": "Continuous access evaluation resulted in challenge."}
}


class Tokens:
    """A new token for each renewal, and the claims that were asked for."""

    def __init__(self) -> None:
        self.claims: list[str] = []

    def get(self) -> Token:
        return Token(f"token-{len(self.claims)}", 9e9, {"tid": TENANT})

    def renew(self, _refused: Token, claims: str = "") -> Token:
        self.claims.append(claims)
        return self.get()


class Http:
    """Answers each request by a function of its path, body and token."""

    def __init__(self, answer: Callable[[str, Any, str], tuple[int, Any, dict[str, str]]]) -> None:
        self.answer = answer
        self.sent: list[tuple[str, str, Any]] = []
        self.held: list[float] = []

    def send(self, method: str, path: str, *, body: Any, headers: dict[str, str], **_options: Any) -> Reply:
        self.sent.append((method, path, body))
        status, content, answered = self.answer(path, body, headers["Authorization"].partition(" ")[2])
        return Reply(method, path, status, answered, json.dumps(content).encode())

    def hold(self, seconds: float) -> None:
        self.held.append(seconds)


def client(http: Http) -> tuple[GraphClient, Tokens]:
    context = Context(deadline=Deadline(600, clock=SleepingClock()), store=RunStore())
    tokens = Tokens()
    made = GraphClient(Connection(endpoints(None, None, None), TENANT, StaticToken("x")), context, tokens)
    made._http = http
    return made, tokens


def items(
    body: Any, answer: Callable[[dict[str, Any]], tuple[int, Any, dict[str, str]]]
) -> tuple[int, Any, dict[str, str]]:
    responses = []
    for each in body["requests"]:
        status, content, headers = answer(each)
        responses.append({"id": each["id"], "status": status, "body": content, "headers": headers})
    return 200, {"responses": list(reversed(responses))}, {}


def test_items_of_a_batch_that_a_revoked_token_met_are_sent_again_with_a_new_one() -> None:
    def answer(_path: str, body: Any, token: str) -> tuple[int, Any, dict[str, str]]:
        def one(item: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
            refused = token == "token-0" and item["url"] != "/first"
            return (401, EXPIRED, CHALLENGE) if refused else (201, {"id": item["url"]}, {})

        return items(body, one)

    http = Http(answer)
    graph, tokens = client(http)
    answers = graph.batch([Call("POST", path, {}) for path in ("/first", "/second", "/third")])
    assert [each.status for each in answers] == [201, 201, 201]
    assert [each.content["id"] for each in answers] == ["/first", "/second", "/third"]
    assert tokens.claims == [CLAIMS]
    assert [len(body["requests"]) for _method, _path, body in http.sent] == [3, 2]


def test_a_token_that_is_refused_again_ends_it() -> None:
    http = Http(lambda _path, body, _token: items(body, lambda _item: (401, EXPIRED, {})))
    graph, tokens = client(http)
    answers = graph.batch([Call("GET", "/me")])
    assert answers[0].status == 401
    assert tokens.claims == [""]


def test_a_challenge_to_a_single_request_reaches_the_new_token() -> None:
    http = Http(lambda _path, _body, token: (401, EXPIRED, CHALLENGE) if token == "token-0" else (200, {"id": "1"}, {}))
    graph, tokens = client(http)
    assert graph.get("/me") == {"id": "1"}
    assert tokens.claims == [CLAIMS]


@pytest.mark.parametrize(
    "stated",
    [
        "",
        "Bearer",
        'Bearer claims=""',
        'Bearer claims="!!!!"',
        'Bearer claims="W10="',
        'Bearer claims="' + "A" * 9000 + '"',
    ],
)
def test_a_challenge_that_cannot_be_read_is_none(stated: str) -> None:
    assert claims_of({"www-authenticate": stated}) == ""


def test_a_date_in_an_item_is_waited_for() -> None:

    asked = iter([(503, {}, {"retry-after": email.utils.formatdate(time.time() + 20, usegmt=True)}), (200, {}, {})])
    http = Http(lambda _path, body, _token: items(body, lambda _item: next(asked)))
    graph, _tokens = client(http)
    assert graph.batch([Call("GET", "/me")])[0].status == 200
    clock = graph.context.deadline.clock
    assert isinstance(clock, SleepingClock)
    assert 15 < sum(clock.sleeps) < 22


def test_who_reads_again_after_a_throttled_write_waits_first() -> None:
    http = Http(lambda _path, body, _token: items(body, lambda _item: (429, {}, {"Retry-After": "9"})))
    graph, _tokens = client(http)
    assert graph.batch([Call("PATCH", "/applications/1", {})], once=True)[0].status == 429
    assert http.held == [9.0]


def test_a_list_whose_pages_come_back_ends() -> None:
    link = "https://graph.microsoft.com/v1.0/users?$skiptoken=1"
    http = Http(lambda _path, _body, _token: (200, {"value": [{"id": "1"}], "@odata.nextLink": link}, {}))
    graph, _tokens = client(http)
    with pytest.raises(errors.BadAnswer, match="do not end"):
        list(graph.pages("/users"))
    assert len(http.sent) == 2


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "status",
                    "headers",
                    "body",
                    "responses",
                    "value",
                    "error",
                    "code",
                    "details",
                    "message",
                    "target",
                    "innerError",
                    "@odata.nextLink",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(ANY_JSON, st.sampled_from([200, 400, 403, 404, 409]))
@settings(deadline=None, max_examples=300)
def test_whatever_graph_answers_is_an_answer_or_one_of_our_errors(content: Any, status: int) -> None:
    graph, _tokens = client(Http(lambda _path, _body, _token: (status, content, {})))
    for action in (
        lambda: graph.get("/x"),
        lambda: list(graph.pages("/users")),
        lambda: graph.batch([Call("GET", "/x"), Call("POST", "/y", {})]),
    ):
        with contextlib.suppress(errors.M365Error):
            action()


@given(ANY_JSON, st.integers(100, 599))
@settings(deadline=None, max_examples=300)
def test_every_refusal_has_a_sentence(content: Any, status: int) -> None:
    error = fault(status, {"error": content}, {})
    assert "Graph" in str(error)
    assert error.as_result()["status"] == status


def test_the_particulars_of_a_refusal_are_told() -> None:
    content = {
        "error": {
            "code": "Request_BadRequest",
            "message": "Invalid value specified for property 'web' of resource 'Application'.",
            "details": [{"code": "InvalidValue", "target": "redirectUris", "message": "More than 256 values."}],
        }
    }
    text = str(fault(400, content, {}))
    assert "redirectUris" in text
    assert "More than 256 values" in text


def test_a_list_that_is_not_found_is_no_absence() -> None:
    """A replica that knows nothing for a moment must not make an application look deleted."""
    absent = {"error": {"code": "Request_ResourceNotFound", "message": "x"}}
    for path, kind in (
        ("/applications?$filter=x", errors.ServiceFault),
        ("/directory/deletedItems/microsoft.graph.application?$top=999", errors.ServiceFault),
        ("/applications/1", errors.NotFound),
        ("/servicePrincipals/1/appRoleAssignments", errors.NotFound),
    ):
        answer = Answer(404, absent, {}, (Call("GET", path), Token("x", 0.0)))
        assert answer.error.__class__ is kind, path
