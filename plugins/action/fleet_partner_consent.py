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

from ansible.utils.display import Display
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import partner_consent
from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible, without_login
from ansible_collections.tcx.m365.plugins.module_utils._entra.delegated_admin import Step
from ansible_collections.tcx.m365.plugins.module_utils._entra.partner_center import RESOURCE
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, M365Error
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability, failure
from ansible_collections.tcx.m365.plugins.plugin_utils import _core_compat
from ansible_collections.tcx.m365.plugins.plugin_utils._action import ControllerAction
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.access import access
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.consent import CustomerTenant, tenants_of
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.partner import (
    Options,
    PartnerConsent,
    Person,
    Run,
    Seen,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.partner_person import (
    ACCESS_TOKEN,
    AZURE_CLI,
    BROWSER,
    person_of,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.partner_rows import (
    AS_DESIRED,
    STATES,
    PartnerRow,
    not_checked,
    summary,
    table,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.place import Place
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.tenants import NO_CONSENT, row_of
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import HostArguments, run_capability
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import arguments as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import Variables
from ansible_collections.tcx.m365.plugins.plugin_utils._wording import share

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

_CONCURRENCY = 16

display = Display()


class ActionModule(ControllerAction):
    """Works for all hosts of the play at once, one tenant after the other."""

    SPEC = ARGUMENT_SPEC
    PREFIX = "partner_consent_"

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        hosts = self.variables_of_play(task_vars)
        return consent_for(options, list(hosts.items()), check_mode=bool(self._task.check_mode))


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

    def see(customer: CustomerTenant) -> Seen:
        return _seen(customer, options["app_name"])

    consent = PartnerConsent(common, _runner(check_mode), see, _connection)
    with concurrent.futures.ThreadPoolExecutor(max_workers=_CONCURRENCY) as pool:
        seen = list(zip(customers, pool.map(see, customers)))
    rows = [consent.settled(customer, state, absent=absent) for customer, state in seen]
    todo = [customer for customer, row in zip(customers, rows) if row is None]
    if todo:
        person = person_of(options, common.home, todo[0])
        steps = {} if absent else _steps(consent, todo, person)
        # One after the other, and none stops the others.
        for index, (customer, state) in enumerate(seen):
            if rows[index] is not None:
                continue
            _core_compat.show(visible(f"{', '.join(customer.hosts)}: tenant {customer.tenant}"), stderr=True)
            if absent:
                rows[index] = consent.removed(customer, state, person)
            else:
                rows[index] = consent.consented(customer, state, steps.get(customer.tenant, []), person)
    return _result([row for row in rows if row is not None], options)


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
            notice=lambda text: _core_compat.show(text, stderr=True),
            trace=display.vvvv,
        )

    return run


def _home(options: Mapping[str, Any]) -> str:
    """The partner's own tenant: what is given, else where the bootstrap has made the application."""
    if options["tenant_id"]:
        return str(options["tenant_id"]).strip().lower()
    record = Place(options["record_dir"]).record()
    return record.tenant_id.lower() if record is not None else ""


def _connection(customer: CustomerTenant) -> HostArguments:
    return arguments_of.without_credentials(arguments_of.entra_connection(customer.variables or {}))


def _seen(customer: CustomerTenant, app_name: str) -> Seen:
    """A tenant as the automation's own token has it at this moment."""
    result = access(customer)
    row = row_of(customer, result, app_name)
    if result is None:
        return Seen(row, None)
    if not result.get("failed"):
        return Seen(row, True)
    code = (result.get("error") or {}).get("code")
    return Seen(row, False if code in NO_CONSENT else None)


def _result(rows: list[PartnerRow], options: Mapping[str, Any]) -> dict[str, Any]:
    counts = summary(rows)
    wrong = [row for row in rows if row.state not in AS_DESIRED]
    named = ", ".join(f"{host} ({row.obstacle or row.state})" for row in wrong for host in row.hosts)
    reason = f"{share(len(wrong), len(rows), 'tenant', 'tenants')} not done: {named}" if wrong else ""
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
