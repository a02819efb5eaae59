# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin: makes, keeps or removes the automation's own application in its home tenant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError
from ansible.utils.display import Display
from ansible_collections.tcx.m365.plugins.module_utils._entra.clouds import endpoints
from ansible_collections.tcx.m365.plugins.module_utils._entra.credentials.choose import SOURCES
from ansible_collections.tcx.m365.plugins.module_utils._entra.federation import PLATFORMS
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, M365Error
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability, failure
from ansible_collections.tcx.m365.plugins.plugin_utils import _core_compat
from ansible_collections.tcx.m365.plugins.plugin_utils._action import ControllerAction
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.bootstrap import (
    CERTIFICATE,
    FEDERATED,
    FEDERATED_OPTIONS,
    Bootstrap,
    Vault,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.consent import CustomerTenant, page, tenants_of
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.outcome import Failed, Outcome, lines_of
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.place import CONSENT, Place
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import HostArguments, run_capability
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import arguments as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.unknown import warn_once
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import HostVariables, Variables
from ansible_collections.tcx.m365.plugins.plugin_utils._programs import run_program

_OTHER_NAME = "cli"
"""Accepted for ``azure_cli``."""

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "profile": {"type": "str", "choices": ["full", "owned_by", "read_only"]},
    "credential": {"type": "str", "choices": [CERTIFICATE, FEDERATED]},
    "dir": {"type": "str", "default": "./bootstrap"},
    "tenant_id": {"type": "str"},
    "auth_source": {"type": "str", "choices": [_OTHER_NAME, *SOURCES]},
    "app_id": {"type": "str"},
    "unique_name": {"type": "str", "default": "tcx-m365-automation"},
    "display_name": {"type": "str", "default": "tcx.m365 automation"},
    "permissions": {"type": "list", "elements": "str"},
    "redirect_uri": {"type": "str", "default": "http://localhost"},
    "home_consent": {"type": "bool", "default": True},
    "certificate_days": {"type": "int", "default": 365},
    "vault": {"type": "str", "choices": ["auto", "never"], "default": "auto"},
    "rotate": {"type": "bool", "default": False},
    "rotate_overlap_days": {"type": "int", "default": 14},
    "purge": {"type": "bool", "default": False},
    "federated_platform": {"type": "str", "choices": list(PLATFORMS)},
    **{f"federated_{name}": {"type": "str"} for name in FEDERATED_OPTIONS},
    "wait_timeout": {"type": "int", "default": 300},
    "group": {"type": "str", "default": "tcx"},
}

_ENDPOINTS = ("cloud", "authority_host", "graph_endpoint", "ca_path", "validate_certs", "proxy", "timeout")

display = Display()


class ActionModule(ControllerAction):
    """Works on the controller, whatever the connection: the private key must not leave it."""

    SPEC = ARGUMENT_SPEC
    PREFIX = "bootstrap_"

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        variables = HostVariables(self._task, self._loader, task_vars["hostvars"], task_vars)
        _check(options)
        fleet = self._fleet(options["group"], variables, task_vars)
        own = variables.own(task_vars)
        store = RunStore(constants.DEFAULT_LOCAL_TMP)
        warn_once({own.host: {"unknown_variables": own.unknown_entries()}}, store, display.warning)
        connection = self._sign_in_as(options, own, [known for _host, known in fleet])
        where = endpoints(connection.get("cloud"), connection.get("authority_host"), connection.get("graph_endpoint"))
        options["cloud"] = where.cloud
        place = Place(options["dir"])
        check_mode = bool(self._task.check_mode)
        work = Bootstrap(options, connection, self._runner(), place, self._vault(), check_mode=check_mode)
        try:
            outcome = work.present() if options["state"] == "present" else work.absent()
        except Failed as failed:
            return _failure(failed.result, work.outcome)
        except M365Error as error:
            return _failure(failure(error), work.outcome)
        customers = tenants_of(fleet) if options["state"] == "present" else []
        app_id = str(outcome.values.get("app_id") or "")
        consents = [_consent(customer, app_id, where.login) for customer in customers]
        if customers and not check_mode:
            content = page(options["display_name"], outcome.values["permissions"], customers, app_id)
            if place.write(CONSENT, content):
                outcome.file(place.file(CONSENT), before="", after="addresses for consent")
        for text in outcome.warnings:
            display.warning(text)
        return _success(outcome, consents, check_mode=check_mode)

    def _fleet(self, group: str, variables: HostVariables, task_vars: Mapping[str, Any]) -> list[tuple[str, Variables]]:
        hosts = [str(host) for host in (task_vars.get("groups") or {}).get(group) or ()]
        return [(host, variables.of(host)) for host in hosts]

    def _sign_in_as(self, options: Mapping[str, Any], own: Variables, fleet: list[Variables]) -> HostArguments:
        """How the person signs in: with what this host has, at the addresses that the fleet has as well."""
        connection = arguments_of.entra_connection(own)
        source = options["auth_source"] or ("access_token" if connection.get("access_token") else "azure_cli")
        source = "azure_cli" if source == _OTHER_NAME else source
        if source in ("azure_cli", "managed_identity"):
            connection = arguments_of.without_credentials(connection)
        kept = {**_endpoints_of(fleet), **connection, "auth_source": source}
        tenant = (
            options["tenant_id"] or connection.get("tenant_id") or (self._cli_tenant() if source == "azure_cli" else "")
        )
        if tenant:
            kept["tenant_id"] = tenant
        elif source == "azure_cli":
            raise BadInput(
                "nobody is signed in to the Azure CLI, or it is not installed",
                tried="sign in to the home tenant",
                remedy="Run: az login --tenant TENANT --allow-no-subscriptions. Or give bootstrap_tenant_id and a token for "
                "Microsoft Graph as entra_access_token.",
            )
        return HostArguments(kept, {**connection.names, "tenant_id": "bootstrap_tenant_id"})

    @staticmethod
    def _cli_tenant() -> str:
        """The tenant that the Azure CLI is signed in to; empty where it does not say."""
        for command, name in ((["account", "show"], "tenantId"), (["account", "get-access-token"], "tenant")):
            try:
                status, out, _err = run_program(["az", *command, "-o", "json"], 60.0)
                tenant = str(json.loads(out).get(name) or "") if status == 0 else ""
            except (OSError, ValueError, AttributeError):
                tenant = ""
            if tenant:
                return tenant
        return ""

    def _runner(self) -> Any:
        check_mode = bool(self._task.check_mode)
        shared = RunStore(constants.DEFAULT_LOCAL_TMP)

        def run(capability: Capability, arguments: Mapping[str, Any], /, *, fresh: bool = False) -> dict[str, Any]:
            return run_capability(
                capability,
                arguments,
                check_mode=check_mode,
                store=RunStore(None) if fresh else shared,
                warn=display.warning,
                notice=lambda text: _core_compat.show(text, stderr=True),
                trace=display.vvvv,
            )

        return run

    def _vault(self) -> Vault:
        vault = _core_compat.vault_of(self._loader)
        if vault is None:
            return Vault()

        def decrypt(text: str) -> str:
            try:
                return str(vault.decrypt(text.encode("utf-8")).decode("utf-8"))
            except AnsibleError as error:
                raise BadInput(
                    f"the private key in the variables cannot be decrypted: {str(error).splitlines()[0]}",
                    remedy="Give the vault password with which it was encrypted.",
                ) from None

        return Vault(lambda text: str(vault.encrypt(text).decode("utf-8")), decrypt)


def _endpoints_of(fleet: list[Variables]) -> dict[str, Any]:
    """The addresses of Microsoft that all hosts of the fleet have in common."""
    texts = {name: {json.dumps(variables.get(f"entra_{name}")) for variables in fleet} for name in _ENDPOINTS}
    return {name: json.loads(min(values)) for name, values in texts.items() if len(values) == 1 and values != {"null"}}


def _check(options: Mapping[str, Any]) -> None:
    for name, least in (("certificate_days", 1), ("rotate_overlap_days", 0), ("wait_timeout", 0)):
        if options[name] < least:
            raise BadInput(f"bootstrap_{name} must be {least} or more")
    if options["rotate"] and options["credential"] == FEDERATED:
        raise BadInput(
            "bootstrap_rotate is set, and bootstrap_credential is federated",
            remedy="A federated credential is no secret and needs no rotation.",
        )


def _consent(customer: CustomerTenant, app_id: str, login: str) -> dict[str, Any]:
    """One line of the list of consents. Each cloud has applications of its own."""
    row = {"tenant_id": customer.tenant, "hosts": customer.hosts, "url": "", "note": customer.problem}
    if customer.problem or customer.endpoints is None:
        return row
    if customer.endpoints.login != login:
        url = customer.consent_url(customer.client_id)
        note = f"in another cloud ({customer.endpoints.cloud}): run the bootstrap for it with entra_cloud and its own bootstrap_dir"
        return {**row, "url": url, "note": note}
    url = customer.consent_url(app_id)
    return {**row, "url": url, "note": "" if url else "the address is known when the application is there"}


def _success(outcome: Outcome, consents: list[dict[str, Any]], *, check_mode: bool) -> dict[str, Any]:
    return {
        "changed": bool(outcome.changes),
        "changes": outcome.changes,
        "diff": outcome.diff,
        **outcome.values,
        "consent": consents,
        "notes": outcome.notes,
        "report": lines_of(outcome, check_mode=check_mode, consents=consents),
    }


def _failure(result: Mapping[str, Any], outcome: Outcome) -> dict[str, Any]:
    """With what was done before it failed."""
    return {
        **result,
        "failed": True,
        "changed": bool(outcome.changes),
        "changes": outcome.changes,
        "diff": outcome.diff,
    }
