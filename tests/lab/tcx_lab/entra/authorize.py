# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The authorize endpoint: checks the request, lets the user pick an account, and answers the application.

Where an error goes is the rule of OAuth 2.0, which Entra follows (documented): to a page here while the redirect URI is not
trusted, otherwise to the application by the response mode it chose.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit

from tcx_lab.entra import consents, errors, pages, tokens
from tcx_lab.entra.clients import Client, registration
from tcx_lab.entra.errors import SignInError
from tcx_lab.entra.tokens import Grant, Issued
from tcx_lab.evidence import Grade, evidence
from tcx_lab.graph.store import APPLICATIONS, ASSIGNMENTS, SERVICE_PRINCIPALS, USERS, Entity, directory_of
from tcx_lab.graph.web import Answer, Call
from tcx_lab.world import GRAPH_APP_ID, Tenant, World

COOKIE = "ESTSAUTH"
_COMMON = frozenset({"common", "organizations"})
_LISTED = 50  # accounts on the picker
_OPENID = frozenset({"openid", "profile", "email", "offline_access"})


@dataclass
class SignIns:
    """Who is signed in: session cookie -> accounts as (tenant id, user id), the latest last."""

    sessions: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def accounts(self, call: Call) -> list[tuple[str, str]]:
        """Accounts of the browser that sent the request."""
        return self.sessions.get(call.cookies().get(COOKIE, ""), [])

    def remember(self, call: Call, account: tuple[str, str]) -> str:
        """Sign an account in; returns the Set-Cookie header."""
        session = call.cookies().get(COOKIE, "")
        if session not in self.sessions:
            session = uuid.uuid4().hex
        kept = [known for known in self.sessions.get(session, []) if known != account]
        self.sessions[session] = [*kept, account]
        return f"{COOKIE}={session}; Path=/; Secure; HttpOnly; SameSite=None"


@dataclass(slots=True)
class _Request:
    """An authorize request that may be answered: the redirect URI is trusted."""

    query: dict[str, str]
    tenant: Tenant | None  # None: /common
    home: Tenant
    app: Entity
    redirect_uri: str
    mode: str

    @property
    def kinds(self) -> set[str]:
        return set(self.query.get("response_type", "").split())

    @property
    def scopes(self) -> tuple[str, ...]:
        return tuple(self.query.get("scope", "").split())


class Authorizer:
    """The endpoint's handlers, with the sessions and the codes that are out."""

    def __init__(self, world: World, issued: Issued) -> None:
        self.world = world
        self.issued = issued
        self.sign_ins = SignIns()

    # --- entry points --------------------------------------------------------------------------------------------------

    def authorize(self, call: Call, tenant: Tenant | None) -> Answer:
        """`GET` or `POST /{tenant}/oauth2/v2.0/authorize`."""
        query = call.form() if call.method == "POST" else call.query
        return self._guarded(call, query, tenant, None)

    def choose(self, call: Call, tenant: Tenant | None) -> Answer:
        """`POST /{tenant}/login`: an account was picked, or a consent decided."""
        form = call.form()
        query = dict(parse_qsl(form.get("ctx", ""), keep_blank_values=True))
        return self._guarded(call, query, tenant, form)

    def sign_out(self, call: Call) -> Answer:
        """`/{tenant}/oauth2/v2.0/logout`."""
        self.sign_ins.sessions.pop(call.cookies().get(COOKIE, ""), None)
        headers = {"Set-Cookie": f"{COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=None"}
        target = call.query.get("post_logout_redirect_uri")
        if target:
            return Answer(302, None, {**headers, "Location": target})
        return html(pages.note("You signed out of your account", "You can close this window."), headers=headers)

    # --- checks --------------------------------------------------------------------------------------------------------

    def _guarded(self, call: Call, query: dict[str, str], tenant: Tenant | None, form: dict[str, str] | None) -> Answer:
        try:
            request = self._trusted(query, tenant)
        except SignInError as error:
            return self.failure_page(error, tenant)
        try:
            self._check(request)
            return self._continue(call, request, form)
        except SignInError as error:
            return self._refuse(request, error)

    def _trusted(self, query: dict[str, str], tenant: Tenant | None) -> _Request:
        client_id = query.get("client_id", "")
        if not client_id:
            raise errors.missing_parameter("client_id")
        app, home = self._registration(client_id, tenant)
        sent = query.get("redirect_uri", "")
        allowed = redirect_uris(app)
        redirect_uri = sent or (allowed[0] if allowed else "")
        if not any(same_redirect(redirect_uri, allowed_uri) for allowed_uri in allowed):
            raise errors.wrong_redirect(redirect_uri, client_id)
        return _Request(query, tenant, home, app, redirect_uri, _mode(query))

    def _registration(self, client_id: str, tenant: Tenant | None) -> tuple[Entity, Tenant]:
        first = tenant or next(iter(self.world.tenants.values()))
        registered = registration(self.world, client_id, first)
        if tenant is None and registered is None:
            registered = next(
                (
                    (app, other)
                    for other in self.world.tenants.values()
                    for app in other.applications.values()
                    if app["appId"] == client_id
                ),
                None,
            )
        shown = tenant.display_name if tenant else "Microsoft Services"
        if registered is None:
            raise errors.unknown_application(client_id, shown)
        visible = directory_of(self.world, registered[1]).find(APPLICATIONS, "appId", client_id)
        if visible is None:
            raise errors.unknown_application(client_id, shown)
        return visible, registered[1]

    def _check(self, request: _Request) -> None:
        query, app = request.query, request.app
        if request.tenant is None and app["signInAudience"] == "AzureADMyOrg":
            raise errors.single_tenant(app["appId"], app["displayName"])
        if not request.kinds:
            raise errors.missing_parameter("response_type")
        if not request.kinds <= {"code", "id_token", "token"}:
            raise errors.bad_response_type(query["response_type"])
        implicit = app["web"]["implicitGrantSettings"]
        if "id_token" in request.kinds and not implicit["enableIdTokenIssuance"]:
            raise errors.response_type_off("id_token")
        if "token" in request.kinds and not implicit["enableAccessTokenIssuance"]:
            raise errors.response_type_off("token")
        if query.get("response_mode") == "query" and request.kinds != {"code"}:
            raise errors.bad_response_mode("query")
        if not request.scopes:
            raise errors.missing_parameter("scope")
        if "id_token" in request.kinds and not query.get("nonce"):
            raise errors.missing_parameter("nonce")

    # --- the user ------------------------------------------------------------------------------------------------------

    def _continue(self, call: Call, request: _Request, form: dict[str, str] | None) -> Answer:
        silent = request.query.get("prompt") == "none"
        if form is not None:
            account = self._picked(request, form)
            if account is None:
                return self._picker(call, request)
        else:
            account = self._signed_in(call, request, silent=silent)
            if account is None:
                return self._picker(call, request)
        tenant, user = account
        cookie = {} if silent else {"Set-Cookie": self.sign_ins.remember(call, (tenant.id, user["id"]))}
        try:
            answer = self._signed_in_answer(call, request, tenant, user, (form or {}).get("decision", ""))
        except SignInError as error:
            answer = self._refuse(request, error)
        answer.headers.update(cookie)  # who may not use the application is signed in all the same
        return answer

    def _signed_in_answer(self, call: Call, request: _Request, tenant: Tenant, user: Entity, decision: str) -> Answer:
        if not user.get("accountEnabled", True):
            raise errors.disabled_account()
        client = self._client(request, tenant)
        if decision == "cancel":
            raise errors.consent_declined()
        consented = client is not None and self._consented(request, client, user["id"])
        if not consented and (decision != "accept" or not self.world.switches.user_consent):
            if request.query.get("prompt") == "none" or not self.world.switches.user_consent:
                raise self._no_consent(request)
            return self._ask_consent(call, request, user)
        if client is None:
            client = self._instantiate(request, tenant)
        if decision == "accept":
            consents.accept(self.world, client, user, request.scopes)
        self._check_assignment(client, user)
        return self._success(request, client, user)

    def _signed_in(self, call: Call, request: _Request, *, silent: bool) -> tuple[Tenant, Entity] | None:
        known = [
            account
            for account in self.sign_ins.accounts(call)
            if request.tenant is None or account[0] == request.tenant.id
        ]
        hint = request.query.get("login_hint", "").lower()
        accounts = [(self.world.tenants[tenant_id], self._user(tenant_id, user_id)) for tenant_id, user_id in known]
        people = [(tenant, user) for tenant, user in accounts if user is not None]
        if hint:
            people = [person for person in people if str(person[1].get("userPrincipalName")).lower() == hint]
        if silent:
            if not people:
                if self.world.switches.silent_consent_first:
                    self._check_consent_of_all(request)
                raise errors.not_signed_in()
            if len(people) > 1:
                raise errors.several_accounts()
            return people[0]
        if request.query.get("prompt") in ("select_account", "login", "consent") or len(people) != 1:
            return None
        return people[0]

    def _user(self, tenant_id: str, user_id: str) -> Entity | None:
        tenant = self.world.tenants.get(tenant_id)
        return directory_of(self.world, tenant).get(USERS, user_id) if tenant is not None else None

    def _picked(self, request: _Request, form: dict[str, str]) -> tuple[Tenant, Entity] | None:
        typed, picked = form.get("loginfmt", "").strip(), form.get("account", "")
        tenants = [request.tenant] if request.tenant is not None else list(self.world.tenants.values())
        for tenant in tenants:
            directory = directory_of(self.world, tenant)
            user = directory.get(USERS, picked) if picked else directory.find(USERS, "userPrincipalName", typed)
            if user is not None:
                return tenant, user
        if typed:
            shown = request.tenant.display_name if request.tenant else "Microsoft Services"
            raise errors.foreign_account(typed, shown, request.app["appId"], request.app["displayName"])
        return None

    def _picker(self, call: Call, request: _Request) -> Answer:
        tenants = [request.tenant] if request.tenant is not None else list(self.world.tenants.values())
        hint = request.query.get("login_hint", "").lower()
        signed_in = {user_id for _tenant_id, user_id in self.sign_ins.accounts(call)}
        users = [user for tenant in tenants for user in directory_of(self.world, tenant).every(USERS)]
        users.sort(key=lambda user: (user["id"] not in signed_in, str(user.get("userPrincipalName")).lower() != hint))
        accounts = [
            (user["id"], str(user.get("displayName")), str(user.get("userPrincipalName")))
            for user in users
            if user.get("accountEnabled", True)
        ][:_LISTED]
        fields = {"ctx": urlencode(request.query)}
        action, organization = f"/{call.segments[0]}/login", request.tenant.display_name if request.tenant else ""
        app = request.app["displayName"]
        return html(pages.pick_account(action, fields, app, accounts, organization=organization))

    # --- application and consent ---------------------------------------------------------------------------------------

    def _client(self, request: _Request, tenant: Tenant) -> Client | None:
        principal = directory_of(self.world, tenant).find(SERVICE_PRINCIPALS, "appId", request.app["appId"])
        if principal is None:
            return None
        if not principal["accountEnabled"]:
            raise errors.disabled_application(request.app["appId"], request.app["displayName"])
        return Client(request.app, request.home, principal, tenant)

    def _consented(self, request: _Request, client: Client, user_id: str) -> bool:
        if not (self.world.switches.consent_required or self.world.partner is not None):
            return request.query.get("prompt") != "consent"
        resource = directory_of(self.world, client.tenant).find(SERVICE_PRINCIPALS, "appId", GRAPH_APP_ID)
        granted = tokens.delegated_scopes(self.world, client, resource, user_id) if resource is not None else []
        openid = "openid" in granted or not _OPENID.intersection(request.scopes) or self.world.partner is not None
        return openid and consents.is_complete(self.world, client, user_id, request.scopes)

    def _no_consent(self, request: _Request) -> SignInError:
        if not self.world.switches.user_consent:
            return errors.admin_consent_required(request.app["displayName"])
        return errors.consent_missing(request.app["appId"], request.app["displayName"])

    def _check_consent_of_all(self, request: _Request) -> None:
        """The consent that holds for everybody, looked at before there is a user."""
        client = self._client(request, request.tenant or request.home)
        if client is None or not self._consented(request, client, ""):
            raise self._no_consent(request)

    def _ask_consent(self, call: Call, request: _Request, user: Entity) -> Answer:
        fields = {"ctx": urlencode(request.query), "account": user["id"]}
        action = f"/{call.segments[0]}/login"
        text = pages.consent(action, fields, request.app["displayName"], request.scopes, admin=False)
        return html(text)

    def _instantiate(self, request: _Request, tenant: Tenant) -> Client:
        """A user's consent makes the service principal (documented)."""
        from tcx_lab.graph.seed import ensure_service_principal

        principal = ensure_service_principal(self.world, tenant, request.app, request.home)
        return Client(request.app, request.home, principal, tenant)

    def _check_assignment(self, client: Client, user: Entity) -> None:
        if not client.principal["appRoleAssignmentRequired"]:
            return
        groups = {group for group, members in client.tenant.group_members.items() if user["id"] in members}
        assigned = directory_of(self.world, client.tenant).related(ASSIGNMENTS, "resourceId", client.principal["id"])
        if not any(assignment["principalId"] in {user["id"], *groups} for assignment in assigned):
            raise errors.not_assigned(
                client.app["appId"], client.app["displayName"], str(user.get("userPrincipalName"))
            )

    # --- answers -------------------------------------------------------------------------------------------------------

    def _success(self, request: _Request, client: Client, user: Entity) -> Answer:
        fields: dict[str, str] = {}
        nonce, app_id = request.query.get("nonce", ""), client.app["appId"]
        if "code" in request.kinds:
            grant = Grant(
                app_id, client.tenant.id, user, request.scopes, request.redirect_uri, nonce,
                request.query.get("code_challenge", ""), request.query.get("code_challenge_method", "plain"),
            )  # fmt: skip
            fields["code"] = tokens.new_code(self.world, self.issued, grant)
        if "id_token" in request.kinds:
            fields["id_token"] = tokens.id_token(self.world, client.tenant, app_id, user, nonce=nonce)
        if "token" in request.kinds:
            grant = Grant(app_id, client.tenant.id, user, request.scopes)
            body = tokens.delegated(self.world, self.issued, client, grant, request.scopes)
            fields |= {"access_token": body["access_token"], "token_type": "Bearer", "scope": body["scope"]}
            fields["expires_in"] = str(body["expires_in"])
        if "state" in request.query:
            fields["state"] = request.query["state"]
        fields["session_state"] = str(uuid.uuid4())
        return respond(request.mode, request.redirect_uri, fields)

    def _refuse(self, request: _Request, error: SignInError) -> Answer:
        interactive_only = {50105, 50057, 50020, 7000112, 90094}
        if error.code in interactive_only and request.query.get("prompt") != "none":
            return self.failure_page(error, request.tenant)  # the user sees these here (observed for 50105)
        now = tokens.tenant_now(self.world, request.tenant or request.home)
        description = error.description(now, str(uuid.uuid4()), line_breaks=self.world.switches.error_line_breaks)
        fields = {"error": error.error, "error_description": description}
        fields["error_uri"] = f"{self.world.endpoints.login}/error?code={error.code}"
        if "state" in request.query:
            fields["state"] = request.query["state"]
        mode = request.mode if request.mode != "query" or request.kinds == {"code"} else "fragment"
        return respond(mode, request.redirect_uri, fields)

    def failure_page(self, error: SignInError, tenant: Tenant | None) -> Answer:
        """The error on a page of the sign-in service. Entra answers these with status 200 or 400 (assumed: 400)."""
        clock = self.world.clock.now() if tenant is None else tokens.tenant_now(self.world, tenant)
        return html(pages.failure(error.description(clock, str(uuid.uuid4()), line_breaks=True)), status=400)


def redirect_uris(app: Entity) -> list[str]:
    """All redirect URIs of an application, web first."""
    return [uri for name in ("web", "spa", "publicClient") for uri in (app.get(name) or {}).get("redirectUris") or []]


@evidence(Grade.DOCUMENTED, "documentation of reply URLs")
def same_redirect(sent: str, registered: str) -> bool:
    """Exact comparison, except that the port of http://localhost does not count (documented)."""
    if sent == registered:
        return True
    one, other = urlsplit(sent), urlsplit(registered)
    loopback = one.scheme == other.scheme == "http" and one.hostname == other.hostname
    return loopback and one.hostname in ("localhost", "127.0.0.1") and one.path == other.path


def _mode(query: dict[str, str]) -> str:
    mode = query.get("response_mode", "")
    if mode in ("form_post", "fragment", "query"):
        return mode
    return "query" if query.get("response_type", "code").split() == ["code"] else "fragment"


@evidence(Grade.DOCUMENTED, "OpenID Connect response modes")
def respond(mode: str, redirect_uri: str, fields: dict[str, str]) -> Answer:
    """Send fields to the application."""
    if mode == "form_post":
        return html(pages.form_post(redirect_uri, fields))
    separator = "#" if mode == "fragment" else ("&" if "?" in redirect_uri else "?")
    return Answer(302, None, {"Location": f"{redirect_uri}{separator}{urlencode(fields)}", "Cache-Control": "no-store"})


def html(text: str, *, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    """A page."""
    return Answer(
        status,
        text,
        {
            "Content-Type": "text/html; charset=utf-8",
            "Cache-Control": "no-store",
            "Content-Security-Policy": pages.POLICY,
            **(headers or {}),
        },
    )
