# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a chat or a mail server on this machine receives, and what is said when it does not want it."""

from __future__ import annotations

import email
import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._arguments import read_arguments
from ansible_collections.tcx.m365.plugins.plugin_utils._compliance.notify import TARGET, send
from ansible_collections.tcx.m365.plugins.plugin_utils._report.message import (
    LONGEST,
    has_changes,
    has_findings,
    message,
)
from ansible_collections.tcx.m365.tests.tools.sample_fleet import hostile_hosts, sample_report
from ansible_collections.tcx.m365.tests.unit.plugins.plugin_utils._report.fleets import host, report

SECRET = "T0K3N-of-the-webhook"


class Chat(ThreadingHTTPServer):
    """A webhook that keeps what it is sent."""

    def __init__(self) -> None:
        self.status = 200
        self.bodies: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _Webhook)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/{SECRET}"


class _Webhook(BaseHTTPRequestHandler):
    server: Chat

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: Any) -> None:
        """Nothing is printed."""


class MailServer(socketserver.ThreadingTCPServer):
    """As much of a mail server as a sender needs to see (RFC 5321)."""

    daemon_threads = True

    def __init__(self, refuses: str = "") -> None:
        self.refuses = refuses
        self.recipients: list[str] = []
        self.mails: list[bytes] = []
        super().__init__(("127.0.0.1", 0), _Session)


class _Session(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.wfile.write(b"220 lab\r\n")
        while line := self.rfile.readline():
            command = line.decode("ascii").strip().upper()
            if command == "DATA":
                self.wfile.write(b"354 go on\r\n")
                self.server.mails.append(self._content())
            elif command.startswith("RCPT"):
                self.server.recipients.append(command)
            refused = self.server.refuses and command.startswith(self.server.refuses)
            self.wfile.write(b"550 no\r\n" if refused else b"221 bye\r\n" if command == "QUIT" else b"250 ok\r\n")
            if command == "QUIT":
                return

    def _content(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        return b"".join(lines)


@pytest.fixture
def chat() -> Iterator[Chat]:
    with Chat() as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def target(**given: Any) -> dict[str, Any]:
    found: dict[str, Any] = read_arguments(TARGET, given).parameters
    return found


def mailed(server: MailServer, **more: Any) -> str:
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = {"host": "127.0.0.1", "port": server.server_address[1], "secure": "none"}
        given = {"from": "3cx@example.com", "to": ["ops@example.com", "audit@example.com"], **place, **more}
        said = send(target(type="mail", **given), "3CX compliance: all well", "Zürich ok", {})
        server.shutdown()
    return said


def test_slack_reads_no_mention_and_no_link_in_foreign_text(chat: Chat) -> None:
    assert send(target(type="slack", url=chat.url), "Subject", "<!channel> *b* <https://x|y> & more", {}) == ""
    [body] = chat.bodies
    assert body["text"] == "Subject\n&lt;!channel&gt; *b* &lt;https://x|y&gt; &amp; more"
    assert body["mrkdwn"] is False


def test_teams_gets_an_adaptive_card_whose_text_is_no_markdown(chat: Chat) -> None:
    assert send(target(type="teams", url=chat.url), "Subject", "[here](https://x)\n<at>all</at>", {}) == ""
    [body] = chat.bodies
    card = body["attachments"][0]["content"]
    assert body["type"] == "message"
    assert card["type"] == "AdaptiveCard"
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert [block["inlines"][0]["text"] for block in card["body"]] == ["Subject", "[here](https://x)", "<at>all</at>"]


def test_another_webhook_gets_the_sums_as_well(chat: Chat) -> None:
    assert send(target(type="webhook", url=chat.url), "Subject", "Text", {"summary": {"total": 3}}) == ""
    assert chat.bodies == [{"subject": "Subject", "text": "Text", "summary": {"total": 3}}]


@pytest.mark.parametrize("status", [302, 400, 404, 429, 500])
def test_a_refusal_is_told_without_the_address(chat: Chat, status: int) -> None:
    chat.status = status
    said = send(target(type="slack", url=chat.url), "Subject", "Text", {})
    assert str(status) in said
    assert SECRET not in said


@pytest.mark.parametrize(
    "url",
    [
        f"http://chat.example.com/{SECRET}",
        f"ftp://x/{SECRET}",
        SECRET,
        "",
        f"http://127.0.0.1:1/{SECRET}",
        f"https://[{SECRET}",
    ],
)
def test_an_address_that_cannot_be_used_is_not_repeated(url: str) -> None:
    said = send(target(type="slack", url=url), "Subject", "Text", {})
    assert said
    assert SECRET not in said


def test_a_mail_has_subject_text_and_every_recipient() -> None:
    server = MailServer()
    assert mailed(server) == ""
    mail = email.message_from_bytes(server.mails[0])
    assert mail["Subject"] == "3CX compliance: all well"
    assert mail["From"] == "3cx@example.com"
    assert "Zürich ok" in str(mail.get_payload(decode=True), "utf-8")
    assert len(server.recipients) == 2


def test_a_mail_server_that_refuses_is_told() -> None:
    assert mailed(MailServer(refuses="MAIL")) == "the mail server answered 550"
    assert mailed(MailServer(refuses="RCPT")).startswith("the mail server refused it")


def test_a_mail_is_not_sent_half_or_in_the_clear() -> None:
    assert mailed(MailServer(), to=[]) == "a mail needs to"
    assert "malformed" in mailed(MailServer(), **{"from": "a@example.com\nBcc: all@example.com"})
    unsafe = target(
        type="mail", host="mail.example.com", to=["a"], sender="b", secure="none", username="u", password=SECRET
    )
    assert send(unsafe, "s", "t", {}) == "a password is not sent without encryption; set secure to starttls or tls"


def test_a_mail_server_without_encryption_gets_nothing_when_encryption_is_wanted() -> None:
    server = MailServer(refuses="STARTTLS")
    assert mailed(server, secure="starttls")
    assert server.mails == []


@pytest.mark.parametrize("pbxs", [1, 12, 40, 2000])
def test_the_message_stays_short_whatever_the_size_of_the_fleet(pbxs: int) -> None:
    text = message(sample_report(pbxs))
    assert len(text) <= LONGEST
    assert len(text.splitlines()) <= 16


def test_the_message_says_what_the_report_says() -> None:
    found = sample_report(40)
    text = message(found)
    assert "27 of 40 PBXs are compliant. 4 need attention, 7 are not compliant, 2 could not be checked." in text
    for verdict in ("drifted", "failed", "attention"):
        assert f"{verdict.capitalize()} ({found.summary[verdict]}): " in text
    assert found.comparison is not None
    assert f"new drift {found.comparison['counts']['new_drift']}" in text
    assert f"{len(found.certificates_due)} certificates due: " in text


def test_foreign_names_stay_on_their_line() -> None:
    text = message(report(*hostile_hosts()))
    assert len(text.splitlines()) <= 16
    assert all(character.isprintable() for line in text.splitlines() for character in line)


def test_when_there_is_something_to_tell() -> None:
    assert not has_findings(report(host("acme")))
    assert has_findings(report(host("acme", "drifted")))
    before = report(host("acme", "drifted")).to_dict()
    assert not has_changes(report(host("acme", "drifted")).compared_with(before))
    assert has_changes(report(host("acme")).compared_with(before))
    assert has_changes(report(host("acme", "drifted")))
    assert not has_changes(report(host("acme")))
