# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One value of one answer is not what is documented: of another type, endless, half a character, a number that is none.

A sample of all places in the answers of a PBX and of Graph, from a seed:
TCX_STRANGE_SEED=7 TCX_STRANGE_SAMPLE=2000 .venv/bin/python -m pytest tests/faults/test_strange_answers.py -o faulthandler_timeout=0
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._http import Http, Reply
from ansible_collections.tcx.m365.tests.faults import judge
from ansible_collections.tcx.m365.tests.faults.flows import Field
from ansible_collections.tcx.m365.tests.faults.ground import NEIGHBOR, ground
from urllib3 import HTTPHeaderDict

SEED = int(os.environ.get("TCX_STRANGE_SEED", "1"))
SAMPLE = int(os.environ.get("TCX_STRANGE_SAMPLE", "40"))

Place = tuple[Any, ...]
Asked = tuple[str, str]

STRANGE: tuple[Any, ...] = (
    "\ud800",
    float("inf"),
    10**400,
    -1,
    True,
    None,
    [],
    {},
    "",
    "\x00\x1b[2J",
    "x" * 300_000,
    [[]],
    {"a": {}},
    ["\ud800"],
    0.5,
    "²",
)
HEADERS: dict[str, tuple[str, ...]] = {
    "Date": ("Fri, 31 Dec 99999 23:59:59 GMT", "Fri, 31 Dec 2020 00:00:00 -9999999999999999999", "²", "9" * 5000),
    "X-3CX-Version": ("20.0." + "9" * 5000, "²0.0.10", "20.0.10" + "9" * 300, "\x1b[2J"),
    "Retry-After": ("nan", "1e308", "-1", "Fri, 31 Dec 99999 23:59:59 GMT", "9" * 5000),
    "Content-Type": ('text/html; charset="rot13"', "application/json; charset=utf-7", "\x1b[2J"),
    "Location": ("https://[", "//evil.example", "\x1b[2J", "x" * 100_000),
    "request-id": ("\x1b[2J", "x" * 100_000, "{{ 7*7 }}"),
    "WWW-Authenticate": ('Bearer claims="e30="', 'Bearer claims="' + "x" * 100_000, "\x1b[2J"),
}
"""Header -> what something between here and a service, or the service itself, may put there."""
FLOWS = ("capture", "compliance", "first rollout", "offboarding", "rollback", "rotation")
READABLE = Reply.json


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Where something stands in an answer; of a list the first two items."""
    yield at
    if isinstance(value, dict):
        for name, item in value.items():
            yield from places(item, (*at, name))
    elif isinstance(value, list):
        for index, item in enumerate(value[:2]):
            yield from places(item, (*at, index))


def with_strange(value: Any, at: Place, strange: Any) -> Any:
    """The answer with something else in one place, where it has that place."""
    if not at:
        return strange
    if isinstance(value, dict):
        return {name: with_strange(item, at[1:], strange) if name == at[0] else item for name, item in value.items()}
    if isinstance(value, list):
        return [with_strange(item, at[1:], strange) if index == at[0] else item for index, item in enumerate(value)]
    return value


def asked_for(reply: Reply) -> Asked:
    return reply.method, reply.url.split("?")[0].split("/", 3)[3]


def places_in(field: Field, name: str, of: str) -> list[tuple[Asked, Place]]:
    """The places in all answers of a service in a flow."""
    made, prepared = field.made, field.prepared(name)
    answers: dict[Asked, list[Place]] = {}

    def noted(reply: Reply) -> Any:
        value = READABLE(reply)
        if of in reply.url and isinstance(value, dict):
            answers.setdefault(asked_for(reply), list(places(value)))
        return value

    made.restore(prepared.begin)
    field._restore_files(name)
    with mock.patch.object(Reply, "json", noted):
        made.run(prepared.flow.operation, **prepared.flow.variables)
    return [(asked, place) for asked, found in answers.items() for place in found]


def wrong_with(field: Field, name: str, asked: Asked, place: Place, strange: Any, *, of_the_pbx: bool) -> list[str]:
    """What is wrong with how a flow takes one strange value."""
    made, prepared = field.made, field.prepared(name)

    def strangely(reply: Reply) -> Any:
        value = READABLE(reply)
        return with_strange(value, place, strange) if asked_for(reply) == asked else value

    made.restore(prepared.begin)
    field._restore_files(name)
    with mock.patch.object(Reply, "json", strangely):
        ran = made.run(prepared.flow.operation, **prepared.flow.variables)
    failure = judge.failure_of(ran)
    unclear = judge.clear(made, ran) if failure else judge.faults_of_quiet(made, ran)
    # What is read wrong is sent back wrong where it is one of a list, and Graph says so in its own words.
    unclear = [each for each in unclear if of_the_pbx or "Graph answered 400" not in failure]
    # The characters that a terminal would obey are shown as what they are.
    unclear = [each for each in unclear if not each.startswith("raw data: '\\\\x")]
    if not made.signs_in(NEIGHBOR):
        unclear.append("nobody can sign in to the neighbor any more")
    if prepared.worked and not prepared.flow.ends and not made.signs_in():
        unclear.append("nobody can sign in any more")
    return [f"{name} {asked} {place} {strange!r:.20}: {each}: {failure:.300}" for each in unclear]


@pytest.mark.parametrize("of", ["/xapi/", "/v1.0/"], ids=["PBX", "Graph"])
def test_a_value_that_is_not_as_documented_is_told_or_does_no_harm(tmp_path: Path, of: str) -> None:
    with ground(tmp_path) as made:
        field = Field(made)
        everything = [
            (name, *each, strange) for name in FLOWS for each in places_in(field, name, of) for strange in STRANGE
        ]
        chosen = random.Random(SEED).sample(everything, min(SAMPLE, len(everything)))
        wrong = [each for case in chosen for each in wrong_with(field, *case, of_the_pbx=of == "/xapi/")]
    assert wrong == [], "\n".join(wrong).encode("utf-8", "backslashreplace").decode()


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_that_is_not_as_documented_is_told_or_does_no_harm(tmp_path: Path, header: str) -> None:
    received = Http._received
    wrong = []
    with ground(tmp_path) as made:
        field = Field(made)
        for name, value in itertools.product(("compliance", "first rollout"), HEADERS[header]):
            prepared = field.prepared(name)

            def strangely(http: Http, *request: Any, value: str = value) -> Reply:
                reply = received(http, *request)
                reply.headers = HTTPHeaderDict({**reply.headers, header: value})
                return reply

            made.restore(prepared.begin)
            field._restore_files(name)
            with mock.patch.object(Http, "_received", strangely):
                ran = made.run(prepared.flow.operation, **prepared.flow.variables)
            failure = judge.failure_of(ran)
            unclear = judge.clear(made, ran) if failure else judge.faults_of_quiet(made, ran)
            wrong += [f"{name} {value!r:.30}: {each}: {failure:.300}" for each in unclear]
    assert wrong == [], "\n".join(wrong)
