# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sends a short text to a chat or by mail. The address of a webhook is a secret: whoever has it can post there.

Slack: https://api.slack.com/messaging/webhooks. Teams: a workflow with the trigger "When a Teams webhook request is received", which
takes adaptive cards (https://learn.microsoft.com/power-automate/teams/send-a-message-in-teams). What PBXs and tenants say is sent
such that neither reads markup in it: no mention, no link.
"""

from __future__ import annotations

import smtplib
from collections.abc import Mapping
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.tcx.m365.plugins.module_utils import _tls
from ansible_collections.tcx.m365.plugins.module_utils._context import standalone
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, M365Error
from ansible_collections.tcx.m365.plugins.module_utils._http import Transport

TIMEOUT_S = 30.0
MAIL = "mail"

TARGET: dict[str, dict[str, Any]] = {
    "type": {"type": "str", "choices": ["slack", "teams", "webhook", MAIL], "required": True},
    "only": {"type": "str", "choices": ["always", "findings", "changes"], "default": "always"},
    "url": {"type": "str", "no_log": True},
    "to": {"type": "list", "elements": "str"},
    "sender": {"type": "str", "aliases": ["from"]},
    "host": {"type": "str"},
    "port": {"type": "int"},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "secure": {"type": "str", "choices": ["starttls", "tls", "none"], "default": "starttls"},
    "ca_path": {"type": "path"},
}

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def send(target: Mapping[str, Any], subject: str, text: str, facts: Mapping[str, Any]) -> str:
    """Send it; the reason when it could not be sent, else an empty text. The reason holds neither address nor password.

    :param facts: for ``webhook``: sent beside the text, as JSON.
    """
    try:
        if target["type"] == MAIL:
            return _mail(target, subject, text)
        return _post(target, _body(target["type"], subject, text, facts))
    # The libraries raise ValueError for an address or a header that cannot be sent.
    except (M365Error, OSError, ValueError, smtplib.SMTPException) as error:
        return _why(error)


def listener(options: Mapping[str, Any]) -> dict[str, Any]:
    """Where events are posted to, for the task that posts them: ``url`` (empty for nowhere), ``hosts``, ``ca_path``.

    :raises BadInput: a token would be sent in the clear, or to nobody that asks for one; the address is not repeated.
    """
    url = options["events_url"] or ""
    target = {"url": url, "hosts": options["events_hosts"], "ca_path": options["events_ca_path"] or ""}
    if not url:
        return target
    tried = "read where the events of the report are sent"
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise BadInput("compliance_events_url is not an address", tried=tried) from None
    if "@" in parts.netloc:
        raise BadInput(
            "compliance_events_url holds a user name",
            tried=tried,
            remedy="Take it out: the listener is shown the token in compliance_events_token.",
        )
    if not (parts.scheme == "https" and host) and not (parts.scheme == "http" and host in _LOOPBACK):
        raise BadInput(
            "compliance_events_url has to begin with https://, because a token is sent there; http:// is for a listener on this machine",
            tried=tried,
        )
    if not options["events_token"]:
        raise BadInput("compliance_events_url is given, and compliance_events_token is not", tried=tried)
    return target


def _why(error: Exception) -> str:
    """What happened, without the text of the error, which may hold the address."""
    if isinstance(error, M365Error):
        return _status(error.status) if error.status else f"it could not be reached ({error.kind})"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the mail server answered {error.smtp_code}"
    if isinstance(error, smtplib.SMTPException):
        return f"the mail server refused it ({type(error).__name__})"
    if isinstance(error, OSError):
        reason = error.strerror or getattr(error, "verify_message", None)
        return f"it could not be reached ({reason or type(error).__name__})"
    return "the address or a name in it is malformed"


def _status(status: int) -> str:
    return f"the answer was HTTP status {status}"


def _post(target: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    url = str(target["url"] or "").strip()
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return "its url has to begin with https://; http:// is for a listener on this machine"
    transport = Transport(ca_path=target["ca_path"], timeout=TIMEOUT_S)
    http = standalone(TIMEOUT_S).http("webhook", f"{parts.scheme}://{parts.netloc}", transport)
    path = url[len(parts.scheme) + len("://") + len(parts.netloc) :]
    reply = http.send("POST", path or "/", body=body, secret=True, once=True)
    return "" if 200 <= reply.status < 300 else _status(reply.status)


def _body(kind: str, subject: str, text: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    if kind == "slack":
        plain = f"{subject}\n{text}".replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return {"text": plain, "mrkdwn": False, "unfurl_links": False, "unfurl_media": False}
    if kind == "teams":
        blocks = [_run(subject, weight="Bolder"), *(_run(line) for line in text.splitlines())]
        card = {"type": "AdaptiveCard", "version": "1.4", "body": blocks}
        content = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
        return {"type": "message", "attachments": [content]}
    return {"subject": subject, "text": text, **facts}


def _run(text: str, **style: str) -> dict[str, Any]:
    """A line in which nothing is markup: only TextBlocks read Markdown."""
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}


def _mail(target: Mapping[str, Any], subject: str, text: str) -> str:
    missing = [name for name in ("host", "to", "sender") if not target[name]]
    if missing:
        return f"a mail needs {' and '.join('from' if name == 'sender' else name for name in missing)}"
    if target["password"] and target["secure"] == "none" and target["host"] not in _LOOPBACK:
        return "a password is not sent without encryption; set secure to starttls or tls"
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = subject, target["sender"], ", ".join(target["to"])
    mail.set_content(text + "\n")
    context = _tls.context(True, target["ca_path"] or _tls.bundle())
    port = target["port"] or _PORTS[target["secure"]]
    with _server(target, port, context) as server:
        if target["secure"] == "starttls":
            server.starttls(context=context)
        if target["username"]:
            server.login(target["username"], target["password"] or "")
        refused = server.send_message(mail)
    return f"the mail server refused {len(refused)} of the recipients" if refused else ""


def _server(target: Mapping[str, Any], port: int, context: Any) -> smtplib.SMTP:
    if target["secure"] == "tls":
        return smtplib.SMTP_SSL(target["host"], port, timeout=TIMEOUT_S, context=context)
    return smtplib.SMTP(target["host"], port, timeout=TIMEOUT_S)
