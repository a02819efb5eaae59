# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signing in with Microsoft as a person does it: the fleet, what can break, Ansible, and a visitor with a browser.

Every PBX of the fleet suffers one breakage, so one rollout mends all of them and none waits for another.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from ansible_collections.tcx.m365.tests.tools.chromium import Chromium
from tcx_lab.fleet import BUILDS, FleetPlan, PbxPlan, TenantPlan
from tcx_lab.testing import Lab

REPOSITORY = Path(__file__).resolve().parents[3]
HEALTHY = "contoso-berlin"
TENANT = "contoso.example"
OTHER_TENANT = "fabrikam.example"
SCOPES = ("openid", "profile", "email")
_CODE = re.compile(r"AADSTS\d+")
_NOWHERE = "5d3f0a52-6c1e-4b7e-9d0a-2f7f6c1b9e10"  # the id of no tenant

#: What the lab assumes of Entra here: nobody comes in without consent, and people may not consent for themselves.
SWITCHES = {"consent_required": True, "user_consent": False}


@dataclass(frozen=True)
class Breakage:
    """Something that goes wrong on the PBX of that name.

    `page`: the code that the user reads, on a page of `host`. `probe`: what sso_probe says, code and verdict.
    `hint`: for what only shows once there is a user, where the collection's other modules see it.
    """

    name: str
    happens: Callable[[Bench, str], None]
    host: str
    page: str
    probe: tuple[str, str]
    words: str
    hint: Callable[[dict[str, Any], str], bool] | None = None


# --- what goes wrong ----------------------------------------------------------------------------------------------------


def forget_the_port(bench: Bench, pbx: str) -> None:
    """The redirect URI is registered as for port 443: a mistake that the real guide invites."""
    application = bench.application(pbx)
    uris = [each.replace(f":{urlsplit(each).port}", "") for each in application["web"]["redirectUris"]]
    bench.lab.control.patch_application(TENANT, application["id"], web={"redirectUris": uris})


def switch_id_tokens_off(bench: Bench, pbx: str) -> None:
    settings = {"implicitGrantSettings": {"enableIdTokenIssuance": False}}
    bench.lab.control.patch_application(TENANT, bench.application(pbx)["id"], web=settings)


def enter_tenant(tenant_id: str) -> Callable[[Bench, str], None]:
    """Somebody types another tenant into the 3CX console."""

    def happens(bench: Bench, pbx: str) -> None:
        bench.lab.control.patch_pbx(pbx, TenantId=tenant_id)

    return happens


def enter_the_other_tenant(bench: Bench, pbx: str) -> None:
    enter_tenant(bench.tenant_id(OTHER_TENANT))(bench, pbx)


def delete_the_application(bench: Bench, pbx: str) -> None:
    bench.lab.control.delete_object(TENANT, "applications", bench.application(pbx)["id"])


def withdraw_consent(bench: Bench, pbx: str) -> None:
    principal = bench.principal(pbx)["id"]
    for grant in bench.lab.control.objects(TENANT, "oauth2PermissionGrants"):
        if grant["clientId"] == principal:
            bench.lab.control.delete_object(TENANT, "oauth2PermissionGrants", grant["id"])


def change_principal(**change: bool) -> Callable[[Bench, str], None]:
    """A switch on the page "Properties" of the enterprise application."""

    def happens(bench: Bench, pbx: str) -> None:
        bench.graph("PATCH", f"/servicePrincipals/{bench.principal(pbx)['id']}", change)

    return happens


def opt_out(bench: Bench, pbx: str) -> None:
    """The operator declares that this user is not to sign in so, and rolls it out."""
    user = bench.user["userPrincipalName"]
    bench.rollout("--limit", pbx, tcx_console_sign_in={"enabled": True, "opt_out": [user]})


def _principal_flag(name: str, value: bool) -> Callable[[dict[str, Any], str], bool]:
    def seen(said: dict[str, Any], _user: str) -> bool:
        return bool(said["application"]["applications"][0]["service_principal"][name] is value)

    return seen


def _consent_missing(said: dict[str, Any], _user: str) -> bool:
    return set(SCOPES) <= set(said["grant"]["missing"])


def _opted_out(said: dict[str, Any], user: str) -> bool:
    return [each["sign_in"] for each in said["pbx"]["users"]["all"] if each["email"] == user] == [False]


ENTRA, PBX = "the sign-in page", "the PBX"
WOULD_WORK = ("AADSTS50058", "would_work")
_NOT_FOUND = ("AADSTS700016", "application_not_found")

BREAKAGES = (
    Breakage(
        "redirect-uri", forget_the_port, ENTRA, "AADSTS50011", ("AADSTS50011", "redirect_uri_mismatch"), "redirect URI"
    ),
    Breakage("id-tokens", switch_id_tokens_off, PBX, "AADSTS700054", ("AADSTS700054", "id_tokens_off"), "not enabled"),
    Breakage("other-tenant", enter_the_other_tenant, ENTRA, "AADSTS700016", _NOT_FOUND, "wrong tenant"),
    Breakage(
        "no-tenant", enter_tenant(_NOWHERE), ENTRA, "AADSTS90002", ("AADSTS90002", "tenant_not_found"), "not found"
    ),
    Breakage("common", enter_tenant("common"), PBX, "AADSTS50194", ("AADSTS50194", "single_tenant"), "multi-tenant"),
    Breakage("deleted", delete_the_application, ENTRA, "AADSTS700016", _NOT_FOUND, "was not found in the directory"),
    Breakage("consent", withdraw_consent, ENTRA, "AADSTS90094", WOULD_WORK, "consent", _consent_missing),
    Breakage(
        "assignment",
        change_principal(appRoleAssignmentRequired=True),
        ENTRA,
        "AADSTS50105",
        WOULD_WORK,
        "assigned",
        _principal_flag("assignment_required", True),
    ),
    Breakage(
        "disabled",
        change_principal(accountEnabled=False),
        ENTRA,
        "AADSTS7000112",
        WOULD_WORK,
        "is disabled",
        _principal_flag("enabled", False),
    ),
    Breakage("excluded", opt_out, PBX, "sign_in_disabled", WOULD_WORK, "switched off for extension", _opted_out),
)


def fleet() -> FleetPlan:
    """One healthy PBX and one for each breakage, all releases, all in one tenant; a second tenant to be wrong in."""
    wanted = {
        "tcx_console_user_sync": {"enabled": True, "photo": True},
        "entra_app_delegated_permissions": list(SCOPES),
        "entra_app_service_principal": {"assignment_required": False, "enabled": True},
    }
    releases = list(BUILDS)
    broken = [
        PbxPlan(each.name, "contoso", releases[number % len(releases)], inventory=wanted)
        for number, each in enumerate(BREAKAGES)
    ]
    tenants = [TenantPlan("contoso", "Contoso GmbH", users=9), TenantPlan("fabrikam", "Fabrikam SARL", users=3)]
    return FleetPlan(tenants, [PbxPlan(HEALTHY, "contoso", "20.0.10", inventory=wanted), *broken], seed=4)


# --- the lab, seen by its operator --------------------------------------------------------------------------------------


@dataclass
class Bench:
    """A running lab with Ansible beside it. `home` is an empty directory."""

    lab: Lab
    home: Path
    output: str = ""
    _users: list[dict[str, Any]] = field(default_factory=list)

    # Ansible

    def rollout(self, *arguments: str, **variables: Any) -> None:
        """`ansible-playbook tcx.m365.rollout`; AssertionError with its output when it fails."""
        code = self._play("tcx.m365.rollout", *arguments, "-e", json.dumps(variables))
        assert code == 0, self.output

    def predictions(self, *arguments: str) -> dict[str, dict[str, Any]]:
        """What the collection says of every PBX: results of `pbx`, `probe`, `application` and `grant` by PBX."""
        playbook, results = self.home / "predict.yml", self.home / "results.jsonl"
        playbook.write_text(yaml.safe_dump(_predicting()), encoding="utf-8")
        results.unlink(missing_ok=True)
        self._play(str(playbook), *arguments, TASK_RESULTS=str(results))
        found: dict[str, dict[str, Any]] = {}
        for line in results.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            found.setdefault(entry["host"], {})[entry["task"]] = entry["result"]
        return found

    def _play(self, playbook: str, *arguments: str, **environment: str) -> int:
        binaries = Path(os.environ.get("TCX_ANSIBLE_BIN") or REPOSITORY / ".venv" / "bin")
        command = [str(binaries / "ansible-playbook"), playbook, "-i", str(self.lab.inventory_path), *arguments]
        known = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        known |= {
            "HOME": str(self.home),
            "ANSIBLE_HOME": str(self.home / ".ansible"),
            "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".build" / "collections"),
            "ANSIBLE_CALLBACK_PLUGINS": str(REPOSITORY / "tests" / "integration" / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "task_results",
            "ANSIBLE_FORKS": "4",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_DEVEL_WARNING": "0",
            "LC_ALL": "C.UTF-8",
            "TASK_RESULTS": os.devnull,
        }
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, env=known | environment, cwd=self.home, timeout=300
        )
        self.output = done.stdout + done.stderr
        return done.returncode

    # the portals

    def graph(self, method: str, path: str, body: Any = None) -> Any:
        """A request to Graph with the rights of the automation, in the PBXs' tenant."""
        common = self.lab.inventory["tcx"]["vars"]
        headers = {"Authorization": f"Bearer {self.lab.automation_token(TENANT)}"}
        with self.lab.client() as client:
            answer = client.request(method, f"{common['entra_graph_endpoint']}/v1.0{path}", headers=headers, json=body)
            answer.raise_for_status()
            return answer.json() if answer.content else None

    def sessions(self, pbx: str) -> list[dict[str, Any]]:
        """Who is signed in to a PBX and how, as its API tells; the tokens themselves are not asked for."""
        host = self.lab.inventory["tcx"]["hosts"][pbx]
        form = {
            "grant_type": "client_credentials",
            "client_id": host["tcx_client_id"],
            "client_secret": host["tcx_client_secret"],
        }
        with self.lab.client(base_url=host["tcx_url"]) as client:
            token = client.post("/connect/token", data=form).json()["access_token"]
            query = {"$select": "Username,LoginType", "$filter": "Revoked eq null"}
            answer = client.get("/xapi/v1/SecurityTokens", params=query, headers={"Authorization": f"Bearer {token}"})
            found: list[dict[str, Any]] = answer.raise_for_status().json()["value"]
            return found

    # what is there

    @property
    def users(self) -> list[dict[str, Any]]:
        """The people of the PBXs' tenant."""
        if not self._users:
            self._users = self.lab.control.objects(TENANT, "users")
        return self._users

    @property
    def user(self) -> dict[str, Any]:
        """An employee with a photo."""
        return next(each for each in self.users if each["userType"] == "Member")

    @property
    def guest(self) -> dict[str, Any]:
        """Somebody of the tenant who gets no extension."""
        return next(each for each in self.users if each["userType"] == "Guest")

    def tenant_id(self, domain: str) -> str:
        return str(next(each["id"] for each in self.lab.control.state()["tenants"] if each["domain"] == domain))

    def application(self, pbx: str) -> dict[str, Any]:
        """The application that the rollout made for a PBX."""
        found = self.lab.control.objects(TENANT, "applications")
        return next(each for each in found if each["uniqueName"] == f"3cx-{pbx}")

    def principal(self, pbx: str) -> dict[str, Any]:
        app_id = self.application(pbx)["appId"]
        return next(each for each in self.lab.control.objects(TENANT, "servicePrincipals") if each["appId"] == app_id)

    def address(self, pbx: str) -> str:
        """The address of a PBX as its users know it."""
        found = self.lab.control.pbx(pbx)
        return f"https://{found['fqdn']}:{found['https_port']}"


def _predicting() -> list[dict[str, Any]]:
    """A playbook that asks about each PBX what an operator can ask without its users."""
    pbx = {name: f"{{{{ tcx_{name} }}}}" for name in ("url", "client_id", "client_secret", "ca_path")}
    entra = {
        name: f"{{{{ entra_{name} }}}}"
        for name in ("tenant_id", "client_id", "client_secret", "authority_host", "graph_endpoint", "ca_path")
    }
    app_id = "{{ pbx.settings.application_id }}"
    probe = {
        "tenant_id": "{{ pbx.settings.tenant_id }}",
        "application_id": app_id,
        "redirect_uri": "{{ pbx.redirect_uri }}",
        "authority_host": entra["authority_host"],
        "entra_ca_path": entra["ca_path"],
        "ca_path": pbx["ca_path"],
    }
    tasks = [
        {"name": "pbx", "tcx.m365.tcx_m365_settings_info": {**pbx, "gather": ["users"]}, "register": "pbx"},
        {"name": "probe", "tcx.m365.sso_probe": probe},
        {"name": "application", "tcx.m365.azure_app_registration_info": {**entra, "app_id": app_id}},
        {
            "name": "grant",
            "tcx.m365.graph_permission_grant_info": {**entra, "app_id": app_id, "delegated_permissions": list(SCOPES)},
        },
    ]
    return [{"hosts": "tcx", "gather_facts": False, "tasks": [{**each, "ignore_errors": True} for each in tasks]}]


# --- the lab, seen by its users -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ending:
    """Where a sign-in ended: `host` is ENTRA or PBX; `code` is empty for somebody who came in."""

    host: str
    code: str
    words: str
    name: str = ""
    photo: bool = False
    how: str = ""


class Visitor:
    """Somebody in front of a browser, who knows an address and has an account."""

    def __init__(self, browser: Chromium, bench: Bench) -> None:
        self.browser = browser
        self.page = browser.page
        self.bench = bench

    def open(self, pbx: str, path: str = "/") -> None:
        """A login page of a PBX."""
        self.browser.visit(self.bench.address(pbx) + path)

    def is_offered_microsoft(self) -> bool:
        assert self.page.locator("#login-form").is_visible()
        return bool(self.page.get_by_role("link", name="Sign in with Microsoft").count())

    def forget_everything(self) -> None:
        """Close the browser, so to speak."""
        self.page.context.clear_cookies()

    def sign_in(self, pbx: str, user: str, *, by_typing: bool = False) -> Ending:
        """From the login page of the web client to wherever it ends."""
        self.forget_everything()
        self.open(pbx)
        self.page.get_by_role("link", name="Sign in with Microsoft").click()
        self.page.locator("#loginfmt, #error-code").first.wait_for()
        if self.page.locator("#loginfmt").count():
            self.pick(user, by_typing=by_typing)
        return self.ending()

    def pick(self, user: str, *, by_typing: bool = False) -> None:
        """On the account picker: an account, or a name that is typed."""
        if by_typing:
            self.page.get_by_label("Use another account").fill(user)
            self.page.get_by_role("button", name="Next").click()
        else:
            self.page.get_by_role("button", name=user).click()

    def ending(self) -> Ending:
        """Wait until somebody is in, or is told why not."""
        page = self.page
        page.locator("#user-name, #error-code").first.wait_for()
        login = self.bench.lab.endpoints["login"]
        host = ENTRA if page.url.startswith(login) else PBX
        if page.locator("#error-code").count():
            words = page.locator("[role=alert]").inner_text()
            found = _CODE.search(words)
            return Ending(host, found.group() if found else page.locator("#error-code").inner_text(), words)
        photo = page.locator("img#user-photo")
        drawn = bool(photo.count()) and photo.evaluate("(one) => one.decode().then(() => one.naturalWidth)") > 0
        how = page.locator("#login-type").inner_text()
        return Ending(host, "", page.inner_text("main"), page.inner_text("#user-name"), drawn, how)
