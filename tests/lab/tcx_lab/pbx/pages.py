# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTML of a PBX: login page, web client, admin console, sign-in errors. Plain, accessible, with ids that tests rely on.

What the pages offer is documented or observed (Microsoft button above the form, when it is enabled); looks and words are
ours, and every page says that it is the lab's.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from starlette.responses import HTMLResponse

from tcx_lab.pbx.state import Entity, PbxState, display_name

_STYLE = """
:root { color-scheme: light; --ink: #1d2733; --quiet: #5b6876; --line: #d9e0e7; --accent: #0a6ebd; --ground: #eef2f6; }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; background: var(--ground); color: var(--ink);
       font: 16px/1.5 "Segoe UI", system-ui, "Liberation Sans", "DejaVu Sans", sans-serif; }
header { background: #14263a; color: #fff; padding: .75rem 1.5rem; display: flex; flex-wrap: wrap; gap: .25rem 1rem;
         align-items: center; }
header strong { font-weight: 600; } header .version { color: #b9c8d8; font-size: .875rem; }
.lab { margin-left: auto; background: #ffe08a; color: #3d2f00; border-radius: 1rem; padding: .0625rem .75rem;
       font-size: .8125rem; font-weight: 600; }
main { width: calc(100% - 2rem); max-width: 25rem; margin: 3rem auto 0; background: #fff; padding: 2rem; border-radius: .75rem;
       box-shadow: 0 1px 3px #14263a26, 0 12px 32px #14263a1a; }
main.wide { max-width: 60rem; margin-top: 2rem; }
footer { width: calc(100% - 2rem); max-width: 25rem; margin: 1rem auto 2rem; color: var(--quiet); font-size: .8125rem;
         text-align: center; }
footer a, .elsewhere a { color: #0a5591; }
h1 { font-size: 1.375rem; margin: 0 0 .25rem; } h2 { font-size: 1.0625rem; margin: 2rem 0 .75rem; }
p { margin: .25rem 0; } .quiet { color: var(--quiet); }
.button, button { display: flex; width: 100%; justify-content: center; align-items: center; gap: .625rem; min-height: 2.75rem;
       border: 1px solid var(--line); border-radius: .5rem; background: #fff; color: var(--ink); font: inherit;
       font-weight: 600; text-decoration: none; cursor: pointer; margin-top: 1rem; }
button.main { background: var(--accent); border-color: var(--accent); color: #fff; }
.button:hover, button:hover { filter: brightness(.97); } .button svg { color: var(--accent); flex: none; }
button.quiet { width: auto; padding: 0 1.25rem; color: var(--ink); font-weight: 400; }
.elsewhere { margin-top: 1.25rem; font-size: .875rem; text-align: center; }
.button:focus-visible, button:focus-visible, input:focus-visible { outline: 3px solid #7cc0f5; outline-offset: 1px; }
.or { display: flex; align-items: center; gap: .75rem; color: var(--quiet); margin: 1.25rem 0 .25rem; font-size: .875rem; }
.or::before, .or::after { content: ""; flex: 1; border-top: 1px solid var(--line); }
label { display: block; margin-top: .75rem; font-size: .875rem; font-weight: 600; }
input { width: 100%; min-height: 2.5rem; margin-top: .25rem; padding: 0 .75rem; border: 1px solid #b6c2ce; border-radius: .5rem;
        font: inherit; }
[role=alert] { background: #fdecea; border-left: 4px solid #c62828; padding: .75rem 1rem; border-radius: .25rem; margin-top: 1rem;
        overflow-wrap: anywhere; }
.me { display: flex; gap: 1.25rem; align-items: center; } .me > div { min-width: 0; overflow-wrap: anywhere; }
.face { width: 4.5rem; height: 4.5rem; border-radius: 50%; background: #cfdbe7; color: #33475b; display: inline-flex;
        align-items: center; justify-content: center; font-size: 1.5rem; font-weight: 600; object-fit: cover; flex: none; }
.people { list-style: none; padding: 0; margin: 0; display: grid; gap: .75rem;
          grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); }
.people li { display: flex; gap: .75rem; align-items: center; border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; }
.people .face { width: 2.5rem; height: 2.5rem; font-size: .875rem; } .people p { margin: 0; line-height: 1.3; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .375rem 1.5rem; margin: 0; } dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
.tag { background: #e3f1fc; color: #0a5591; border-radius: 1rem; padding: 0 .5rem; font-size: .75rem; font-weight: 600; }
#error-code { font-size: 1.0625rem; } #error-description { white-space: pre-line; }
@media (max-width: 30rem) { main, main.wide { margin-top: 1.25rem; padding: 1.5rem; } header { padding: .75rem 1rem; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .75rem; } .me { gap: .875rem; } .me .face { width: 3.5rem; height: 3.5rem; } }
"""

_FOOTER = "A simulated phone system of the lab of tcx.m365, running on this machine alone."

_BADGE = (
    '<svg width="20" height="20" viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.75" aria-hidden="true">'
    '<rect x="2.5" y="4" width="15" height="12.5" rx="2"/><path d="M8 4V2.5h4V4"/><circle cx="7.25" cy="9.25" r="1.75"/>'
    '<path d="M4.75 13.75c.5-1.5 4.5-1.5 5 0M12.5 9h2.5M12.5 12h2.5"/></svg>'
)

_LOGIN_SCRIPT = """
if (!location.hash) history.replaceState(null, "", "#/login");
const form = document.getElementById("login-form"), problem = document.getElementById("login-error");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  problem.hidden = true;
  const body = {Username: form.username.value, Password: form.password.value, SecurityCode: form.code.value,
                ReCaptchaResponse: null};
  const answer = await fetch("/webclient/api/Login/GetAccessToken",
      {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)});
  const told = answer.ok ? await answer.json() : {Status: "AuthFailed"};
  if (told.Status === "AuthSuccess") { location.reload(); return; }
  if (answer.ok) { document.getElementById("code-part").hidden = false; form.code.focus(); }
  problem.textContent = answer.ok ? "Enter the code of your authenticator app." : "The credentials are wrong.";
  problem.hidden = false;
});
"""

_PRESENCE_SCRIPT = """
const found = new URLSearchParams(location.hash.slice(1)), told = document.getElementById("presence-result");
async function authorize() {
  const form = new URLSearchParams({client_id: "Webclient", grant_type: "refresh_token"});
  const mine = await (await fetch("/connect/token", {method: "POST", body: form})).json();
  const answer = await fetch("/xapi/v1/Microsoft365Integration/Pbx.AuthorizePresence", {method: "POST",
      headers: {"Content-Type": "application/json", Authorization: "Bearer " + mine.access_token},
      body: JSON.stringify({accessToken: found.get("access_token")})});
  told.textContent = answer.ok ? "The presence account is authorized." : "The PBX refused the presence account.";
}
if (found.get("error")) told.textContent = found.get("error_description") || found.get("error");
else if (found.get("access_token")) authorize();
"""


def page(
    state: PbxState, title: str, body: str, *, script: str = "", wide: bool = False, status: int = 200
) -> HTMLResponse:
    """A whole page around its main part. `body` is HTML, `title` is text."""
    name = escape(state.pbx.name)
    html = (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{escape(title)} - {name}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,"><style>{_STYLE}</style></head>\n'
        f'<body><header><strong id="pbx-name">{name}</strong><span class="version" id="pbx-version">{escape(state.pbx.version)}'
        f'</span><span class="lab" id="lab-notice">Lab, not 3CX</span></header>\n'
        f"<main{' class=wide' if wide else ''}>{body}</main>\n<footer>{_FOOTER}</footer>\n"
        f"{f'<script>{script}</script>' if script else ''}</body></html>\n"
    )
    return HTMLResponse(html, status, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


def login_page(state: PbxState, console: bool, microsoft_url: str | None) -> HTMLResponse:
    """The login page of the web client or of the admin console; `microsoft_url` None: no Microsoft button."""
    title, other = ("Admin Console", ("/", "web client")) if console else ("Web Client", ("/admin", "admin console"))
    button = ""
    if microsoft_url is not None:
        href = escape(microsoft_url, quote=True)
        button = f'<a id="sign-in-microsoft" class="button" href="{href}">{_BADGE}Sign in with Microsoft</a><div class="or">or</div>'
    body = f"""
<h1 id="page-title">{title}</h1><p class="quiet">Sign in to {escape(state.pbx.name)}</p>
{button}
<form id="login-form">
<label for="username">E-mail or extension</label><input id="username" name="username" autocomplete="username" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<div id="code-part" hidden><label for="code">Security code</label>
<input id="code" name="code" inputmode="numeric" autocomplete="one-time-code"></div>
<button id="sign-in" class="main">Sign in</button>
</form>
<p id="login-error" role="alert" hidden></p>
<p class="elsewhere"><a href="{other[0]}">Go to the {other[1]}</a></p>"""
    return page(state, f"{title} login", body, script=_LOGIN_SCRIPT)


def _face(user: Entity, html_id: str = "") -> str:
    """The photo of a user, or the initials when there is none."""
    identity, name = (f' id="{html_id}"' if html_id else ""), display_name(user)
    if user["ContactImage"]:
        return f'<img{identity} class="face" src="/webclient/photos/{escape(user["ContactImage"])}" alt="Photo of {escape(name)}">'
    initials = "".join(word[0] for word in name.split()[:2]).upper()
    return f'<span{identity and f" id={html_id}-missing"} class="face" aria-hidden="true">{escape(initials)}</span>'


def web_client(state: PbxState, user: Entity, signed_in_with: str) -> HTMLResponse:
    """The web client of a user: who is signed in, and everybody's extension with photo."""
    people = "".join(_person(user) for user in state.users.values())
    body = f"""
<div class="me">{_face(user, "user-photo")}<div><h1 id="user-name">{escape(display_name(user))}</h1>
<p>Extension <span id="user-extension">{escape(user["Number"])}</span>, <span id="user-email">{escape(user["EmailAddress"] or "")}</span></p>
<p class="quiet" id="login-type">Signed in with {escape(signed_in_with)}</p></div></div>
<h2 id="people-title">People</h2><ul class="people" id="people" aria-labelledby="people-title">{people}</ul>
<form method="post" action="/webclient/logout"><button id="sign-out" class="quiet">Sign out</button></form>"""
    return page(state, "Web Client", body, wide=True)


def _person(user: Entity) -> str:
    tag = ' <span class="tag">MS</span>' if "MS" in (user["Tags"] or ()) else ""
    words = f"<p><strong>{escape(display_name(user))}</strong>{tag}<br><span class=quiet>{escape(user['Number'])}</span></p>"
    return f'<li data-number="{escape(user["Number"])}">{_face(user)}{words}</li>'


def admin_console(state: PbxState, user: Entity, facts: Iterable[tuple[str, str]]) -> HTMLResponse:
    """The admin console's page about Microsoft 365: settings and status."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    body = f"""
<h1 id="page-title">Admin Console</h1><p class="quiet">Signed in as <span id="user-name">{escape(display_name(user))}</span></p>
<h2>Microsoft 365</h2><dl id="m365">{rows}</dl>
<form method="post" action="/webclient/logout"><button id="sign-out" class="quiet">Sign out</button></form>"""
    return page(state, "Admin Console", body, wide=True)


def problem_page(state: PbxState, title: str, code: str, description: str, status: int) -> HTMLResponse:
    """Why a sign-in with Microsoft did not work."""
    body = f"""
<h1 id="page-title">{escape(title)}</h1>
<div role="alert"><p><strong id="error-code">{escape(code)}</strong></p>
<p id="error-description">{escape(description)}</p></div>
<a id="back-to-login" class="button" href="/#/login">Back to login</a>"""
    return page(state, title, body, status=status)


def presence_page(state: PbxState, words: str) -> HTMLResponse:
    """Where Microsoft sends the presence account back to; the token is in the fragment, which only the browser sees."""
    body = f'<h1 id="page-title">Teams presence</h1><p id="presence-result" role="status">{escape(words)}</p>'
    return page(state, "Teams presence", body, script=_PRESENCE_SCRIPT)
