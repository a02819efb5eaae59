# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the HTTP session repeats, what it does not, and what it never lets out."""

from __future__ import annotations

import email.utils
import re
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils import _errors as errors
from ansible_collections.tcx.m365.plugins.module_utils._context import Context
from ansible_collections.tcx.m365.plugins.module_utils._http import Http, Transport, _target
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._time import Deadline

from .conftest import ScriptedServer, SleepingClock, answer, reset


@pytest.fixture
def lines() -> list[str]:
    return []


def conversation(url: str, clock: SleepingClock, lines: list[str] | None = None, **options: Any) -> Http:
    context = Context(
        deadline=Deadline(options.pop("deadline", 600), clock=clock), store=options.pop("store", RunStore())
    )
    if lines is not None:
        context.trace = lines.append
        context.deadline.notice = lines.append
    return context.http("Graph", url, options.pop("transport", Transport()), **options)


def test_retry_after_in_seconds_is_obeyed(server: ScriptedServer, clock: SleepingClock) -> None:
    server.then(answer(429, Retry_After="7"), answer(200, b'{"ok": true}'))
    assert conversation(server.url, clock).send("POST", "/x", body={}).json() == {"ok": True}
    assert len(server.seen) == 2
    assert 7 <= sum(clock.sleeps) < 8


def test_retry_after_as_a_date_is_obeyed(server: ScriptedServer, clock: SleepingClock) -> None:
    server.then(answer(429, Retry_After=email.utils.formatdate(time.time() + 30, usegmt=True)), answer(200))
    conversation(server.url, clock).send("GET", "/x")
    assert 27 < sum(clock.sleeps) < 32


def test_a_retry_after_beyond_the_deadline_fails_at_once(server: ScriptedServer, clock: SleepingClock) -> None:
    server.then(answer(429, Retry_After="900"))
    with pytest.raises(errors.Throttled) as caught:
        conversation(server.url, clock, deadline=60).send("GET", "/x")
    assert clock.sleeps == []
    assert "asked to wait 900 s" in str(caught.value)


def test_the_tasks_of_a_run_wait_together(server: ScriptedServer, clock: SleepingClock, tmp_path: Path) -> None:
    store = RunStore(str(tmp_path))
    server.then(answer(429, Retry_After="40"), answer(200))
    first = conversation(server.url, clock, store=store, throttle_key="tenant")
    with pytest.raises(errors.Throttled):
        conversation(server.url, clock, store=store, throttle_key="tenant", deadline=10).send("GET", "/1")
    # The second task has not been told anything itself, and waits all the same.
    second_clock = SleepingClock()
    conversation(server.url, second_clock, store=store, throttle_key="tenant").send("GET", "/2")
    assert sum(second_clock.sleeps) > 30
    conversation(server.url, clock, store=store, throttle_key="another tenant").send("GET", "/3")
    assert clock.sleeps == []
    assert first.calls == 0


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_broken_connection_is_repeated_when_that_is_safe(
    server: ScriptedServer, clock: SleepingClock, method: str
) -> None:
    server.then(reset, answer(200))
    assert conversation(server.url, clock).send(method, "/x").status == 200
    assert len(server.seen) == 2


def test_a_broken_post_is_never_repeated_blindly(server: ScriptedServer, clock: SleepingClock) -> None:
    server.then(reset, answer(200))
    with pytest.raises(errors.Interrupted) as caught:
        conversation(server.url, clock).send("POST", "/applications", body={})
    assert len(server.seen) == 1
    assert "Run again" in str(caught.value)


def test_a_post_that_is_safe_by_nature_is_repeated(server: ScriptedServer, clock: SleepingClock) -> None:
    server.then(reset, answer(503), answer(200))
    assert conversation(server.url, clock).send("POST", "/$batch", body={}, safe=True).status == 200
    assert len(server.seen) == 3


def test_a_5xx_answer_to_a_post_leaves_the_outcome_open(server: ScriptedServer, clock: SleepingClock) -> None:
    server.then(answer(504))
    with pytest.raises(errors.Interrupted):
        conversation(server.url, clock).send("POST", "/applications", body={})
    assert len(server.seen) == 1


def test_a_service_in_trouble_is_given_up_in_the_end(server: ScriptedServer, clock: SleepingClock) -> None:
    server.then(answer(503, b'{"error": {"code": "x", "message": "try later"}}', request_id="abc-1"))
    with pytest.raises(errors.ServiceFault) as caught:
        conversation(server.url, clock).send("GET", "/x")
    assert len(server.seen) == 6
    assert "503 x: try later" in str(caught.value)
    assert "request id abc-1" in str(caught.value)


ENDS: dict[str, tuple[list[Any], bool]] = {
    "reset, then refused": ([reset, answer(400)], False),
    "a proxy that waited no longer, then refused": ([answer(504), answer(400)], True),
    "a proxy that waited no longer, then resets": ([answer(504), *[reset] * 6], True),
    "reset, then throttled": ([reset, answer(429, Retry_After="900")], False),
}


@pytest.mark.parametrize(("script", "late"), ENDS.values(), ids=ENDS)
def test_what_earlier_attempts_may_have_done_is_known_at_the_end(
    server: ScriptedServer, clock: SleepingClock, script: list[Any], *, late: bool
) -> None:
    server.then(*script)
    try:
        reply = conversation(server.url, clock).send("PATCH", "/x", body={})
        error = reply.past.told_in(errors.Rejected("no"))
    except errors.M365Error as ended:
        error = ended
    assert (error.perhaps_done, error.may_come) == (True, late)


def test_what_was_refused_at_once_was_not_done(server: ScriptedServer, clock: SleepingClock) -> None:
    server.then(answer(400))
    first = conversation(server.url, clock).send("PATCH", "/x", body={}).past.told_in(errors.Rejected("no"))
    assert (first.perhaps_done, first.may_come) == (False, False)


def test_nobody_listening_is_unreachable_after_three_attempts(closed_port: int, clock: SleepingClock) -> None:
    talk = conversation(f"http://127.0.0.1:{closed_port}", clock)
    with pytest.raises(errors.Unreachable) as caught:
        talk.send("POST", "/x", body={})
    assert talk.calls == 3
    assert "Connection refused" in str(caught.value)
    assert f"127.0.0.1:{closed_port}" in str(caught.value)
    assert "object at 0x" not in str(caught.value)


def test_a_name_that_cannot_be_resolved_is_told_as_that(clock: SleepingClock) -> None:
    with pytest.raises(errors.UnknownName, match="Check the name of the host, and the DNS"):
        conversation("https://nobody.invalid", clock).send("GET", "/x")


def test_a_slow_service_ends_by_its_time_out(server: ScriptedServer, clock: SleepingClock) -> None:
    server.then(lambda _handler: time.sleep(0.5))
    with pytest.raises(errors.Interrupted) as caught:
        conversation(server.url, clock, transport=Transport(timeout=0.05)).send("POST", "/x", body={})
    # A busy machine may come to the end of the whole exchange before it comes to that of one reading.
    assert re.search("timed out|no complete answer from .* (within|before)", str(caught.value).lower())


def test_redirects_are_not_followed(server: ScriptedServer, clock: SleepingClock) -> None:
    server.then(answer(302, Location="http://127.0.0.2/elsewhere"))
    reply = conversation(server.url, clock).send("GET", "/x", headers={"Authorization": "Bearer canary"})
    assert reply.status == 302
    assert len(server.seen) == 1


def test_links_to_another_origin_are_refused(server: ScriptedServer, clock: SleepingClock) -> None:
    with pytest.raises(errors.BadInput, match="another address"):
        conversation(server.url, clock).send("GET", "https://evil.example/v1.0/users?$skiptoken=1")


def test_netrc_never_replaces_the_token(
    server: ScriptedServer, clock: SleepingClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    server.then(answer(200))
    conversation(server.url, clock).send("GET", "/x", headers={"Authorization": "Bearer mine"})
    assert server.seen[0][2]["Authorization"] == "Bearer mine"


def test_the_trace_has_neither_headers_nor_bodies(
    server: ScriptedServer, clock: SleepingClock, lines: list[str]
) -> None:
    server.then(answer(200, b'{"access_token": "canary-answer"}'))
    talk = conversation(server.url, clock, lines)
    talk.send("POST", "/token", form={"client_secret": "canary-secret"}, headers={"Authorization": "canary-header"})
    assert len(lines) == 1
    assert "canary" not in lines[0]
    assert "POST" in lines[0]


def test_waits_that_an_operator_would_notice_are_announced(
    server: ScriptedServer, clock: SleepingClock, lines: list[str]
) -> None:
    server.then(answer(429, Retry_After="12"), answer(200))
    conversation(server.url, clock, lines).send("GET", "/x")
    assert [line for line in lines if line.startswith("waiting 12 s: Graph is throttling")]


def test_query_and_form_are_encoded(server: ScriptedServer, clock: SleepingClock) -> None:
    server.then(answer(200))
    talk = conversation(server.url + "/v1.0", clock)
    talk.send("GET", "/applications", params={"$filter": "displayName eq 'a & b'", "$select": "id,appId"})
    talk.send("POST", "/token", form={"client_secret": "a b&c=ü"})
    assert server.seen[0][1] == "/v1.0/applications?$filter=displayName%20eq%20'a%20%26%20b'&$select=id,appId"
    assert server.seen[1][3] == b"client_secret=a+b%26c%3D%C3%BC"


def test_a_certificate_authority_that_does_not_exist_is_said_before_anything_is_sent() -> None:
    with pytest.raises(errors.BadInput, match="does not exist"):
        Transport(ca_path="/nowhere/ca.pem").check()


def test_an_answer_that_is_not_json_is_none(server: ScriptedServer, clock: SleepingClock) -> None:
    server.then(answer(404, b"<html>proxy</html>"))
    assert conversation(server.url, clock).send("GET", "/x").json() is None


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://pbx.example", "/"),
        ("https://pbx.example?x=1", "/?x=1"),
        ("https://pbx.example:5001/xapi/v1/Users?$filter=a eq '/'", "/xapi/v1/Users?$filter=a eq '/'"),
        ("https://pbx.example//other.example/x", "//other.example/x"),
        ("http://[::1]:80/a?b=https://other.example/", "/a?b=https://other.example/"),
    ],
)
def test_a_request_names_path_and_query_alone(url: str, target: str) -> None:
    assert _target(url) == target
