# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An answer to a sign-in that cannot be read: a sentence, and never a byte of it, on any stream or in any log."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils import _errors as errors
from ansible_collections.tcx.m365.plugins.module_utils._context import Context
from ansible_collections.tcx.m365.plugins.module_utils._entra.clouds import endpoints
from ansible_collections.tcx.m365.plugins.module_utils._entra.connection import Connection
from ansible_collections.tcx.m365.plugins.module_utils._entra.credentials.client_secret import ClientSecret
from ansible_collections.tcx.m365.plugins.module_utils._entra.tokens import Tokens
from ansible_collections.tcx.m365.plugins.module_utils._http import Reply
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._time import Deadline
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils.conftest import SleepingClock

TENANT = "7c1c5b8e-2f6a-4d3b-9a51-3f0f8f0b6d11"
CLIENT = "0b7d5f4e-3a7a-4f7a-8a39-6a0e5a3f9d22"
CANARY = "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.CANARY-of-a-token"
LOGIN = "https://login.microsoftonline.com"
DISCOVERY = {
    "issuer": f"{LOGIN}/{TENANT}/v2.0",
    "authorization_endpoint": f"{LOGIN}/{TENANT}/oauth2/v2.0/authorize",
    "token_endpoint": f"{LOGIN}/{TENANT}/oauth2/v2.0/token",
}
TOKEN = {"token_type": "Bearer", "expires_in": 3599, "access_token": CANARY}

UNREADABLE = {
    "page": b"<!DOCTYPE html><title>Sign in</title>" + CANARY.encode(),
    "nothing": b"",
    "cut": json.dumps(TOKEN).encode()[:-3],
    "list": json.dumps([CANARY]).encode(),
    "text": json.dumps(CANARY).encode(),
    "no text in it": json.dumps({**TOKEN, "access_token": {"x": CANARY}}).encode(),
    "strange time": json.dumps({**TOKEN, "expires_in": CANARY}).encode(),
    "too deep": b"[" * 5000 + CANARY.encode(),
}


class Service:
    """Answers the discovery, and the token endpoint with what the test gives it, the last of it for ever."""

    def __init__(self, *answers: bytes, discovery: dict[str, Any] | None = None) -> None:
        self.answers = list(answers)
        self.discovery = discovery or DISCOVERY
        self.asked: list[str] = []
        self.service = "Entra"

    def send(self, method: str, url: str, **_content: Any) -> Reply:
        self.asked.append(f"{method} {url}")
        if method == "GET":
            return Reply(method, url, 200, {}, json.dumps(self.discovery).encode())
        body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return Reply(method, url, 200, {"Content-Type": "text/html; charset=utf-8"}, body)


def tokens(service: Service, monkeypatch: pytest.MonkeyPatch) -> Tokens:
    context = Context(deadline=Deadline(60, clock=SleepingClock()), store=RunStore())
    monkeypatch.setattr(context, "http", lambda *_arguments, **_options: service)
    return Tokens(Connection(endpoints(None, None, None), TENANT, ClientSecret(CLIENT, "s3cret-value")), context)


@pytest.mark.parametrize("what", UNREADABLE)
def test_nothing_of_an_unreadable_answer_is_shown(
    what: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []

    class Everything(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(self.format(record))

    handler = Everything(level=0)
    monkeypatch.setattr(logging.getLogger(), "level", 0)
    logging.getLogger().addHandler(handler)
    try:
        with pytest.raises(errors.ServiceFault) as caught:
            tokens(Service(UNREADABLE[what]), monkeypatch).get()
    finally:
        logging.getLogger().removeHandler(handler)
    shown = capfd.readouterr()
    everything = [str(caught.value), repr(caught.value.as_result()), shown.out, shown.err, *seen]
    assert not [text for text in everything if "CANARY" in text or "eyJ0" in text]
    assert shown.err == ""
    assert "Entra" in str(caught.value)


def test_one_unreadable_answer_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(b"<html>", json.dumps(TOKEN).encode())
    assert tokens(service, monkeypatch).get().value == CANARY
    assert len([each for each in service.asked if each.startswith("POST")]) == 2


def test_a_byte_order_mark_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(b"\xef\xbb\xbf" + json.dumps(TOKEN).encode())
    assert tokens(service, monkeypatch).get().value == CANARY


def test_an_unreadable_answer_is_no_refused_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next task of the run asks again."""
    service = Service(*[UNREADABLE["page"]] * 3, json.dumps(TOKEN).encode())
    caller = tokens(service, monkeypatch)
    with pytest.raises(errors.ServiceFault):
        caller.get()
    assert caller.get().value == CANARY


def test_the_credential_is_not_sent_to_an_address_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    discovery = {**DISCOVERY, "token_endpoint": "http://evil.example/token"}
    service = Service(json.dumps(TOKEN).encode(), discovery=discovery)
    with pytest.raises(errors.M365Error) as caught:
        tokens(service, monkeypatch).get()
    assert not [each for each in service.asked if each.startswith("POST")]
    assert "evil.example" in str(caught.value)
