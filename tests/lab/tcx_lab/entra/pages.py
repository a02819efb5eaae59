# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pages of the sign-in service: plain HTML that a keyboard, a screen reader and a test can use.

Every page says that it is the lab's. What a page offers follows the real service; its looks and words are ours.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from html import escape

_STYLE = (
    ":root{color-scheme:light;--ink:#1f2430;--quiet:#596172;--line:#d5d9e2;--accent:#5a3fbf;--ground:#f1eff8}"
    "*{box-sizing:border-box}"
    'body{font:16px/1.5 "Segoe UI",system-ui,"Liberation Sans","DejaVu Sans",sans-serif;margin:0;min-height:100vh;'
    "background:var(--ground);color:var(--ink)}"
    "header{background:#2d2350;color:#fff;padding:.75rem 1.5rem;display:flex;flex-wrap:wrap;gap:.25rem 1rem;"
    "align-items:center;justify-content:space-between}header strong{font-weight:600}"
    ".lab{background:#ffe08a;color:#3d2f00;border-radius:1rem;padding:.0625rem .75rem;font-size:.8125rem;font-weight:600}"
    "main{width:calc(100% - 2rem);max-width:27rem;margin:3rem auto 0;padding:2rem;background:#fff;border-radius:.75rem;"
    "box-shadow:0 1px 3px #2d235026,0 12px 32px #2d23501a}"
    "main.wide{max-width:36rem}"
    "footer{width:calc(100% - 2rem);max-width:27rem;margin:1rem auto 2rem;color:var(--quiet);font-size:.8125rem;"
    "text-align:center}"
    "h1{font-size:1.375rem;line-height:1.3;margin:0 0 .25rem}p{margin:.25rem 0}.quiet{color:var(--quiet)}"
    "ul{list-style:none;padding:0;margin:1.25rem 0}.grants li{border-left:3px solid var(--accent);padding:.125rem .75rem;"
    "margin:.375rem 0;overflow-wrap:anywhere}"
    "button{font:inherit;font-weight:600;min-height:2.75rem;width:100%;padding:.5rem 1rem;border:1px solid var(--line);"
    "border-radius:.5rem;background:#fff;color:var(--ink);cursor:pointer}"
    "button.main{background:var(--accent);border-color:var(--accent);color:#fff}button:hover{filter:brightness(.96)}"
    "button:focus-visible,input:focus-visible{outline:3px solid #a995f0;outline-offset:1px}"
    ".account{display:flex;gap:.875rem;align-items:center;text-align:left;font-weight:400;margin:.375rem 0;padding:.5rem .75rem}"
    ".account span{min-width:0;overflow-wrap:anywhere;line-height:1.35}.account strong{display:block;font-weight:600}"
    ".account small{color:var(--quiet);font-size:.875rem}"
    ".face{flex:none;width:2.5rem;height:2.5rem;border-radius:50%;display:inline-flex;align-items:center;"
    "justify-content:center;font-size:.875rem;font-weight:600;background:#e5e0f7;color:#3b2a86}"
    ".or{display:flex;align-items:center;gap:.75rem;color:var(--quiet);margin:1.25rem 0 .5rem;font-size:.875rem}"
    '.or::before,.or::after{content:"";flex:1;border-top:1px solid var(--line)}'
    "label{display:block;font-size:.875rem;font-weight:600}"
    "input{font:inherit;width:100%;min-height:2.5rem;padding:0 .75rem;margin:.25rem 0 .75rem;border:1px solid #aab1c0;"
    "border-radius:.5rem}"
    ".row{display:flex;gap:.75rem}"
    "[role=alert]{background:#fdecea;border-left:4px solid #c62828;border-radius:.25rem;padding:.75rem 1rem;"
    "margin:1rem 0;overflow-wrap:anywhere}#error-code{font-size:1.125rem}"
    "code{font-family:inherit;font-size:.9375rem}.trail code{color:var(--quiet);font-size:.8125rem}.trail p{margin:0}"
    "@media(max-width:30rem){main{margin-top:1.25rem;padding:1.5rem}header{padding:.75rem 1rem}}"
)
_SUBMIT = "document.forms[0].submit()"
_CODE = re.compile(r"AADSTS\d+")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


#: Only our own style and the one line that submits a form_post may act; the form may go to any application.
POLICY = (
    f"default-src 'none'; img-src data:; style-src 'sha256-{_digest(_STYLE)}'; script-src 'sha256-{_digest(_SUBMIT)}'; "
    "base-uri 'none'; frame-ancestors 'self'"
)


def page(title: str, body: str, *, wide: bool = False) -> str:
    """A whole document; `wide` for more than a few words."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,"><style>{_STYLE}</style></head>'
        '<body><header><strong>Work account sign-in</strong><span class="lab" id="lab-notice">Lab, not Microsoft</span></header>'
        f"<main{' class=wide' if wide else ''}>"
        f"<h1>{escape(title)}</h1>{body}</main>"
        "<footer>The lab of tcx.m365 answers here in place of Microsoft Entra. Real accounts and passwords are of no use to it."
        "</footer></body></html>"
    )


def _hidden(fields: Mapping[str, str]) -> str:
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items()
    )


def _account(value: str, name: str, upn: str) -> str:
    initials = "".join(word[0] for word in name.split()[:2]).upper()
    return (
        f'<li><button type="submit" class="account" name="account" value="{escape(value)}">'
        f'<span class="face" aria-hidden="true">{escape(initials)}</span>'
        f"<span><strong>{escape(name)}</strong><small>{escape(upn)}</small></span></button></li>"
    )


def pick_account(
    action: str,
    fields: Mapping[str, str],
    app: str,
    accounts: Iterable[tuple[str, str, str]],
    *,
    organization: str = "",
) -> str:
    """The account picker. `accounts`: (value, display name, user principal name)."""
    buttons = "".join(_account(*account) for account in accounts)
    where = f" at <strong>{escape(organization)}</strong>" if organization else ""
    return page(
        "Pick an account",
        f'<p class="quiet">to continue to <strong>{escape(app)}</strong>{where}.</p>'
        '<p class="quiet">Nobody in the lab has a password: be whoever you like.</p>'
        f'<form method="post" action="{escape(action)}">{_hidden(fields)}<ul>{buttons}</ul></form><div class="or">or</div>'
        f'<form method="post" action="{escape(action)}">{_hidden(fields)}<label for="loginfmt">Use another account</label>'
        '<input id="loginfmt" name="loginfmt" type="email" autocomplete="username" placeholder="name@example.com" required>'
        '<button type="submit" id="next" class="main">Next</button></form>',
    )


def consent(action: str, fields: Mapping[str, str], app: str, permissions: Iterable[str], *, admin: bool) -> str:
    """The consent prompt, for a user or (admin) for the whole organization."""
    listed = "".join(f"<li>{escape(permission)}</li>" for permission in permissions)
    whom = "for your organization" if admin else "to access your profile"
    return page(
        "Permissions requested",
        f'<p><strong>{escape(app)}</strong> asks {whom}:</p><ul class="grants">{listed}</ul>'
        f'<form method="post" action="{escape(action)}" class="row">{_hidden(fields)}'
        '<button type="submit" class="main" name="decision" value="accept">Accept</button>'
        '<button type="submit" name="decision" value="cancel">Cancel</button></form>',
    )


def form_post(target: str, fields: Mapping[str, str]) -> str:
    """`response_mode=form_post`: a form that sends itself, with a button for those without scripts."""
    return page(
        "Taking you back",
        f'<form method="post" action="{escape(target)}">{_hidden(fields)}'
        f'<noscript><button type="submit" class="main">Continue</button></noscript></form><script>{_SUBMIT}</script>',
    )


def failure(text: str, *, title: str = "You could not be signed in") -> str:
    """An error that is shown here, because the application's address is not trusted or the user can do something."""
    words, *trail = text.split("\r\n")
    code = _CODE.match(words)
    shown = f'<strong id="error-code">{code.group()}</strong>' if code else ""
    more = "".join(f"<p><code>{escape(line)}</code></p>" for line in trail)
    return page(
        title,
        f'<div role="alert" id="error">{shown}<p><code id="error-description">{escape(words)}</code></p>'
        f'<div class="trail">{more}</div></div>'
        '<p class="quiet">Show this to your administrator: the code says what to mend.</p>',
        wide=True,
    )


def note(title: str, text: str) -> str:
    """Something to tell, for example that a consent was given."""
    return page(title, f'<p role="status">{escape(text)}</p>')
