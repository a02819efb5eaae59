# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pages of the sign-in service: plain HTML that a keyboard, a screen reader and a test can use. Nothing in it is Microsoft's."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from html import escape

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f3f2f1;color:#201f1e}"
    "main{max-width:26rem;margin:3rem auto;padding:2rem;background:#fff;box-shadow:0 1px 4px #0003}"
    "h1{font-size:1.4rem;margin:0 0 1rem}ul{list-style:none;padding:0;margin:0}"
    "button{font:inherit;width:100%;text-align:left;padding:.6rem;margin:.2rem 0;background:#fff;border:1px solid #8a8886;"
    "cursor:pointer}button:focus,input:focus{outline:3px solid #0f6cbd}small{color:#484644}"
    "input{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;margin:.3rem 0}code{overflow-wrap:anywhere}"
)
_SUBMIT = "document.forms[0].submit()"


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


#: Only our own style and the one line that submits a form_post may act; the form may go to any application.
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_digest(_STYLE)}'; script-src 'sha256-{_digest(_SUBMIT)}'; "
    "base-uri 'none'; frame-ancestors 'self'"
)


def page(title: str, body: str) -> str:
    """A whole document."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )


def _hidden(fields: Mapping[str, str]) -> str:
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items()
    )


def pick_account(action: str, fields: Mapping[str, str], app: str, accounts: Iterable[tuple[str, str, str]]) -> str:
    """The account picker. `accounts`: (value, display name, user principal name)."""
    buttons = "".join(
        f'<li><button type="submit" name="account" value="{escape(value)}">{escape(name)}<br><small>{escape(upn)}</small>'
        "</button></li>"
        for value, name, upn in accounts
    )
    return page(
        "Pick an account",
        f'<p>to continue to <strong>{escape(app)}</strong></p><form method="post" action="{escape(action)}">'
        f"{_hidden(fields)}<ul>{buttons}</ul></form>"
        f'<form method="post" action="{escape(action)}">{_hidden(fields)}<label for="loginfmt">Use another account</label>'
        '<input id="loginfmt" name="loginfmt" type="email" autocomplete="username" required>'
        '<button type="submit" id="next">Next</button></form>',
    )


def consent(action: str, fields: Mapping[str, str], app: str, permissions: Iterable[str], *, admin: bool) -> str:
    """The consent prompt, for a user or (admin) for the whole organization."""
    listed = "".join(f"<li>{escape(each)}</li>" for each in permissions)
    whom = "for your organization" if admin else "to access your profile"
    return page(
        "Permissions requested",
        f"<p><strong>{escape(app)}</strong> asks {whom}:</p><ul>{listed}</ul>"
        f'<form method="post" action="{escape(action)}">{_hidden(fields)}'
        '<button type="submit" name="decision" value="accept">Accept</button>'
        '<button type="submit" name="decision" value="cancel">Cancel</button></form>',
    )


def form_post(target: str, fields: Mapping[str, str]) -> str:
    """`response_mode=form_post`: a form that sends itself, with a button for those without scripts."""
    return page(
        "Working...",
        f'<form method="post" action="{escape(target)}">{_hidden(fields)}'
        f'<noscript><button type="submit">Continue</button></noscript></form><script>{_SUBMIT}</script>',
    )


def failure(text: str) -> str:
    """An error that is shown here, because the application's address is not trusted."""
    lines = "".join(f"<p><code>{escape(line)}</code></p>" for line in text.split("\r\n"))
    return page("Sorry, but we\u2019re having trouble signing you in.", f'<div role="alert" id="error">{lines}</div>')


def note(title: str, text: str) -> str:
    """Something to tell, for example that a consent was given."""
    return page(title, f'<p role="status">{escape(text)}</p>')
