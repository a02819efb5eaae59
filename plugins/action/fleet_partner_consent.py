# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin: a person of the customers' partner consents for them to the automation's application, or takes it out again."""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ansible import constants
from ansible.errors import AnsiblePromptInterrupt, AnsiblePromptNoninteractive
from ansible.utils.display import Display
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import (
    _entra_connection,
    automation,
    partner_consent,
)
from ansible_collections.tcx.m365.plugins.module_utils._common.ids import is_guid
from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible, without_login
from ansible_collections.tcx.m365.plugins.module_utils._entra.delegated_admin import Step
from ansible_collections.tcx.m365.plugins.module_utils._entra.partner_center import RESOURCE
from ansible_collections.tcx.m365.plugins.module_utils._entra.person_sign_in import PersonSignIn
from ansible_collections.tcx.m365.plugins.module_utils._entra.tokens import Token
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, M365Error
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability, Task, failure
from ansible_collections.tcx.m365.plugins.plugin_utils._action import ControllerAction
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.consent import CustomerTenant, tenants_of
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.partner import (
    AS_DESIRED,
    STATES,
    Options,
    PartnerConsent,
    PartnerRow,
    Person,
    Run,
    Seen,
    not_checked,
    summary,
    table,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.place import Place
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.tenants import NO_CONSENT, row_of
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import HostArguments, plain, run_capability
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet import arguments as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.unknown import warn_once
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.variables import HostVariables, Variables

BROWSER, AZURE_CLI, ACCESS_TOKEN = "browser", "azure_cli", "access_token"

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "confirm": {"type": "bool", "default": False},
    "auth_source": {"type": "str", "choices": [BROWSER, AZURE_CLI, ACCESS_TOKEN]},
    "access_token": {"type": "str", "no_log": True},
    "tenant_id": {"type": "str"},
    "redirect_uri": {"type": "str", "default": "http://localhost"},
    "record_dir": {"type": "str", "default": "./bootstrap"},
    "partner_center": {"type": "str", "default": RESOURCE},
    "wait_timeout": {"type": "int", "default": 300},
    "app_name": {"type": "str", "default": "tcx.m365 automation"},
    "enforce": {"type": "bool", "default": True},
}

_CREDENTIALS = (
    "access_token",
    "auth_source",
    "client_id",
    "client_secret",
    "certificate_path",
    "certificate",
    "certificate_password",
    "federated_token",
    "federated_token_file",
)
_CONCURRENCY = 16
_ANSWER_WITHIN_S = 900
_SIGNED_IN_S = 4 * 3600

display = Display()


class InBrowser:
    """A person who has signed in with the automation's application."""

    partner_center = True

    def __init__(self, sign_in: PersonSignIn) -> None:
        self.sign_in = sign_in
        self.second_factor = sign_in.second_factor

    def center(self) -> dict[str, Any]:
        return {"auth_source": ACCESS_TOKEN, "access_token": self.sign_in.partner_center()}

    def tenant(self, tenant: str) -> dict[str, Any]:
        return {"auth_source": ACCESS_TOKEN, "access_token": self.sign_in.graph(tenant).value}

    def token(self, tenant: str) -> Token | None:
        return self.sign_in.graph(tenant)


class Elsewhere:
    """A person who has signed in to the Azure CLI, or who brings a token."""

    partner_center = False
    second_factor: bool | None = None

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = dict(options)

    def center(self) -> dict[str, Any]:
        return self._options

    def tenant(self, tenant: str) -> dict[str, Any]:
        return {**self._options, "tenant_id": tenant}

    def token(self, _tenant: str) -> Token | None:
        return None


class ActionModule(ControllerAction):
    """Works for all hosts of the play at once, one tenant after the other."""

    SPEC = ARGUMENT_SPEC
    PREFIX = "partner_consent_"

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        variables = HostVariables(self._task, self._loader, task_vars["hostvars"], task_vars)
        hosts = [str(host) for host in task_vars.get("ansible_play_hosts_all", [])]
        known = {host: variables.of(host) for host in hosts}
        unknown = {
            host: {"unknown_variables": variables_of_host.unknown_entries()}
            for host, variables_of_host in known.items()
        }
        warn_once(unknown, RunStore(constants.DEFAULT_LOCAL_TMP), display.warning)
        return consent_for(options, list(known.items()), check_mode=bool(self._task.check_mode))


def consent_for(
    options: Mapping[str, Any], hosts: Sequence[tuple[str, Variables]], *, check_mode: bool
) -> dict[str, Any]:
    """The result of the task for some hosts."""
    absent = options["state"] == "absent"
    if absent and not (options["confirm"] or check_mode):
        raise BadInput(
            "nothing is removed without partner_consent_confirm",
            tried="remove the automation from the customers' tenants",
            remedy="Run with --check first, then with -e partner_consent_confirm=true.",
        )
    customers = tenants_of(hosts)
    common = Options(
        next((customer.client_id for customer in customers if customer.client_id), ""),
        _home(options),
        _checked(str(options["partner_center"])),
        float(options["wait_timeout"]),
        check_mode,
        pause,
    )
    consent = PartnerConsent(
        common, _runner(check_mode), lambda customer: _seen(customer, options["app_name"]), _connection
    )
    with concurrent.futures.ThreadPoolExecutor(max_workers=_CONCURRENCY) as pool:
        seen = list(pool.map(lambda customer: _seen(customer, options["app_name"]), customers))
    rows = {index: consent.settled(customer, seen[index], absent=absent) for index, customer in enumerate(customers)}
    todo = [index for index, row in rows.items() if row is None]
    if todo:
        # One after the other, and none stops the others.
        person = _person(options, common, customers[todo[0]])
        steps = {} if absent else _steps(consent, [customers[index] for index in todo], person)
        for index in todo:
            customer = customers[index]
            display.display(visible(f"{', '.join(customer.hosts)}: tenant {customer.tenant}"), stderr=True)
            if absent:
                rows[index] = consent.removed(customer, seen[index], person)
            else:
                rows[index] = consent.consented(customer, seen[index], steps.get(customer.tenant, []), person)
    return _result([row for row in rows.values() if row is not None], options)


def _checked(address: str) -> str:
    """An address that a token may be sent to; raises :class:`BadInput`."""
    parts = urlsplit(address.strip())
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc or parts.path.strip("/") or parts.query:
        raise BadInput(
            f"O(partner_center) {without_login(address)!r} is not a usable address",
            remedy="Give https://host or https://host:port, or leave it out.",
        )
    return f"https://{parts.netloc}"


def pause(seconds: float) -> None:
    """Between two questions whether a consent is in effect."""
    time.sleep(seconds)


def _person(options: Mapping[str, Any], common: Options, first: CustomerTenant) -> Person:
    source = options["auth_source"] or (ACCESS_TOKEN if options["access_token"] else BROWSER)
    if source == AZURE_CLI:
        return Elsewhere({"auth_source": AZURE_CLI})
    if source == ACCESS_TOKEN:
        if not options["access_token"]:
            raise BadInput(
                f"partner_consent_auth_source is {ACCESS_TOKEN}, and O(access_token) is not given",
                remedy="Give a token of a person for Microsoft Graph in the customer's tenant.",
            )
        return Elsewhere({"auth_source": ACCESS_TOKEN, "access_token": options["access_token"]})
    if not is_guid(common.home):
        raise BadInput(
            "the partner's own tenant is not known",
            tried="sign in as a person",
            remedy="Give its id as partner_consent_tenant_id, or bootstrap_dir of the bootstrap.",
        )
    if first.endpoints is not None and first.endpoints.cloud != "public":
        raise BadInput(
            f"Partner Center of the cloud {first.endpoints.cloud} is not supported",
            remedy="Send the consent addresses to the customers' administrators: tcx.m365.tenants prints them.",
        )
    return InBrowser(_sign_in(options, common, first))


def _sign_in(options: Mapping[str, Any], common: Options, first: CustomerTenant) -> PersonSignIn:
    connection_options = arguments_of.entra_connection(first.variables or {})
    known = automation.ACCESS.read(
        plain({**connection_options, "tenant_id": common.home, "deadline": _SIGNED_IN_S}), connection_options.names
    )
    task = Task(
        known.parameters,
        check_mode=True,
        store=RunStore(None),
        warn=display.warning,
        notice=lambda text: display.display(text, stderr=True),
        trace=display.vvvv,
    )
    connection = _entra_connection.connection(task.params, task.context)
    sign_in = PersonSignIn(connection, task.context, options["redirect_uri"])
    address = sign_in.address()
    who = sign_in.finish(_asked(address, options["redirect_uri"]))
    display.display(f"Signed in as {visible(who)}.", stderr=True)
    return sign_in


def _steps(consent: PartnerConsent, customers: Sequence[CustomerTenant], person: Person) -> dict[str, list[Step]]:
    """The delegated administration of each customer; where it cannot be read, the consent itself will tell."""
    if not person.partner_center:
        text = "the delegated administration is read with a sign-in in the browser alone"
        return {customer.tenant: not_checked(text) for customer in customers}
    home = consent.options.home
    try:
        where = _connection(customers[0])
        arguments = {**where, **person.tenant(home), "tenant_id": home}
        arguments["customers"] = [customer.tenant for customer in customers]
        result = _runner(check_mode=True)(partner_consent.ADMINISTRATION, HostArguments(arguments, where.names))
    except M365Error as error:
        result = failure(error)
    if result.get("failed"):
        return {customer.tenant: not_checked(str(result.get("msg"))) for customer in customers}
    return {tenant: [Step(**step) for step in steps] for tenant, steps in result["steps"].items()}


def _runner(check_mode: bool) -> Run:
    """Each capability with a store of its own: a token of a person is not kept for any other task."""

    def run(capability: Capability, arguments: Mapping[str, Any], /) -> dict[str, Any]:
        return run_capability(
            capability,
            arguments,
            check_mode=check_mode,
            store=RunStore(None),
            warn=display.warning,
            notice=lambda text: display.display(text, stderr=True),
            trace=display.vvvv,
        )

    return run


def _asked(address: str, redirect_uri: str) -> str:
    """Show where to sign in, and take what comes back.

    :raises BadInput: there is nobody to ask.
    """
    text = (
        "Sign in as a person of the partner (an admin agent, with multifactor authentication) at:\n\n"
        f"  {address}\n\n"
        f"The browser then opens {redirect_uri} and shows a page that cannot be reached. Paste its whole address here: "
    )
    try:
        return bytes(display.prompt_until(text, seconds=_ANSWER_WITHIN_S)).decode("utf-8", "replace")
    except AnsiblePromptNoninteractive:
        raise BadInput(
            "a person has to sign in, and there is no terminal to ask on",
            tried="sign in as a person",
            remedy="Run it in a terminal, or set partner_consent_auth_source to azure_cli after: az login --tenant TENANT.",
        ) from None
    except (AnsiblePromptInterrupt, KeyboardInterrupt):
        raise BadInput("the sign-in was interrupted", tried="sign in as a person") from None


def _home(options: Mapping[str, Any]) -> str:
    """The partner's own tenant: what is given, else where the bootstrap has made the application."""
    if options["tenant_id"]:
        return str(options["tenant_id"]).strip().lower()
    record = Place(options["record_dir"]).record()
    return record.tenant_id.lower() if record is not None else ""


def _connection(customer: CustomerTenant) -> HostArguments:
    """How a tenant is reached, without anything to sign in with."""
    connection_options = arguments_of.entra_connection(customer.variables or {})
    return HostArguments(
        {name: value for name, value in connection_options.items() if name not in _CREDENTIALS},
        connection_options.names,
    )


def _seen(customer: CustomerTenant, app_name: str) -> Seen:
    """A tenant as the automation's own token has it at this moment."""
    if customer.problem or not customer.tenant or customer.variables is None:
        return Seen(row_of(customer, None, app_name), None)
    try:
        arguments = arguments_of.entra_connection(customer.variables)
        result = run_capability(
            automation.ACCESS,
            arguments,
            check_mode=True,
            store=RunStore(None),
            warn=_silent,
            notice=_silent,
            trace=_silent,
        )
    except M365Error as error:
        result = failure(error)
    code = str((result.get("error") or {}).get("code") or "")
    present = True if not result.get("failed") else False if code in NO_CONSENT else None
    return Seen(row_of(customer, result, app_name), present)


def _silent(_text: str) -> None:
    """Nothing prints in a thread."""


def _result(rows: list[PartnerRow], options: Mapping[str, Any]) -> dict[str, Any]:
    counts = summary(rows)
    wrong = [row for row in rows if row.state not in AS_DESIRED]
    named = ", ".join(f"{host} ({row.obstacle or row.state})" for row in wrong for host in row.hosts)
    reason = f"{len(wrong)} of {len(rows)} tenants are not done: {named}" if wrong else ""
    changes = [{"tenant": row.tenant_id, **change} for row in rows for change in row.changes]
    return {
        "changed": bool(changes),
        "failed": bool(reason) and options["enforce"],
        "failure_reason": reason,
        "msg": reason or f"{counts['total']} tenants, all as desired.",
        "tenants": [row.as_dict() for row in rows],
        "summary": {state: counts[state] for state in ("total", *STATES)},
        "table": table(rows),
        "changes": changes,
        "diff": [diff for row in rows for diff in row.diff],
    }
