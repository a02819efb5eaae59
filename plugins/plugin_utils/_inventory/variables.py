# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""The variables of a PBX as they are meant: templated, normalized, above the defaults of the roles.

One reading for rollout, compliance, roles and life cycle. Null, empty text, blanks, an empty list and an empty dictionary
mean that a variable is not given; everything else is read by the spec of the option that it sets.
"""

from __future__ import annotations

import functools
import os
import re
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Callable

from ansible import constants
from ansible.errors import AnsibleError
from ansible.module_utils.common.yaml import yaml_load
from ansible.template import Templar
from ansible_collections.tcx.m365.plugins.module_utils._arguments import READ_VARIABLES, Reading, read_arguments
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import _entra_connection
from ansible_collections.tcx.m365.plugins.module_utils._capabilities._entra_connection import tenant_id_of
from ansible_collections.tcx.m365.plugins.module_utils._common.hosts import authorities
from ansible_collections.tcx.m365.plugins.module_utils._common.ids import check_tenant, is_guid
from ansible_collections.tcx.m365.plugins.module_utils._common.option_names import rendered
from ansible_collections.tcx.m365.plugins.module_utils._common.text import is_empty, trimmed
from ansible_collections.tcx.m365.plugins.module_utils._context import Context
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, M365Error
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._time import Deadline
from ansible_collections.tcx.m365.plugins.plugin_utils import _core_compat
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import plain
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import families
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.guards import address_of
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.templates import Results, has_template
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.unknown import Unknown, unknown_variables

_TRIED = "read the variables of this PBX"

ResolveTenant = Callable[["Variables", str], str]
"""From the domain of a tenant to its id."""

PREFIXES = (
    "entra_",
    "tcx_",
    "preflight_",
    "sso_verify_",
    "compliance_",
    "rotate_certificate_",
    "offboard_",
    "capture_",
    "bootstrap_",
    "tenants_",
)
_STEERING = (
    "ansible_connection",
    "ansible_become",
    "unknown_variables",
    "snapshot",
    "snapshot_dir",
    "on_failure",
)
LOCAL = ("local", "ansible.builtin.local")
_ROLES = ("preflight", "entra_app", "tcx_console", "sso_verify")
_APPLICATION_IDS = ("application_id", "app_id")


class Variables(dict[str, Any]):
    """Variables by name. One that cannot be templated is an error for whoever asks for it, and for nobody else.

    :ivar host: the name of the host in the inventory.
    :ivar problems: what is wrong with the values, in sentences without an end.
    :ivar unknown: variables of our families that nothing reads.
    """

    def __init__(self, values: Mapping[str, Any], *, host: str = "", resolve: ResolveTenant | None = None) -> None:
        super().__init__(values)
        self.host = host
        self.problems: list[str] = []
        self.unknown: list[Unknown] = []
        self._resolve = resolve

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if isinstance(value, AnsibleError):
            raise unreadable(name, value)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """The value; the default where there is none."""
        try:
            return self[name]
        except KeyError:
            return default

    def text(self, name: str) -> str:
        """The value as a text; empty where it cannot be read: whoever needs it says so."""
        try:
            return trimmed(str(self.get(name) or ""))
        except M365Error:
            return ""

    def unknown_entries(self) -> list[dict[str, str]]:
        """The variables that nothing reads, as they stand in results and reports."""
        return [variable.as_dict() for variable in self.unknown]

    def check(self) -> None:
        """Raise :class:`BadInput` with everything that is wrong, before anything is sent."""
        problems = list(self.problems)
        if self.unknown and self.get("unknown_variables") == "fail":
            problems += [variable.sentence for variable in self.unknown if not variable.is_guess]
        if problems:
            raise BadInput("; ".join(problems), tried=READ_VARIABLES, target=self.host)

    @property
    def tenant(self) -> str:
        """The id of the tenant that the automation works in; nothing where none is given."""
        return self._tenant_of("entra_tenant_id") or self._guid(os.environ.get("AZURE_TENANT_ID", "").strip().lower())

    @property
    def console_tenant(self) -> str:
        """The id of the tenant that the PBX works with."""
        return self._tenant_of("tcx_console_tenant_id") or self.tenant

    def _tenant_of(self, name: str) -> str:
        try:
            return self._guid(str(self.get(name) or ""))
        except M365Error as error:
            error.names = {**error.names, "tenant_id": name}
            raise

    def _guid(self, tenant: str) -> str:
        """Both sides get the id: a PBX keeps what it is sent, and compares it as text."""
        if not tenant or is_guid(tenant) or self._resolve is None:
            return tenant
        return self._resolve(self, tenant.lower())


def read_variables(
    values: Mapping[str, Any],
    *,
    host: str = "",
    resolve: ResolveTenant | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Variables:
    """The variables as they are meant, above the defaults of the roles.

    :param values: templated values by name; an ``AnsibleError`` where the template failed. :class:`Variables` stay as
        they are.
    :param defaults: instead of those of the roles.
    """
    if isinstance(values, Variables):
        return values
    variables = Variables(role_defaults() if defaults is None else defaults, host=host, resolve=resolve)
    known = families.variables()
    for name, value in values.items():
        if is_empty(value):
            continue
        read = value if isinstance(value, AnsibleError) or name not in known else _read(variables, name, value)
        if read is not None:
            variables[name] = read
    return variables


def is_true(value: Any) -> bool:
    """A condition as Ansible reads it; for values that no spec describes, such as ``ansible_become``."""
    return bool(Reading().value({"type": "bool"}, value, "value"))


def is_reached_from_here(variables: Mapping[str, Any], connection: str = "local") -> bool:
    """Whether the work on a host is done on the controller and not on another host, such as a jump host beside the PBX.

    :param connection: of a host whose variables name none.
    """
    return variables.get("ansible_connection", connection) in LOCAL


@functools.lru_cache(maxsize=1)
def role_defaults() -> Mapping[str, Any]:
    """The defaults of the roles of the rollout; they are plain values, without templates."""
    defaults: dict[str, Any] = {}
    roles = Path(__file__).resolve().parents[3] / "roles"
    for role in _ROLES:
        defaults.update(yaml_load((roles / role / "defaults" / "main.yml").read_text(encoding="utf-8")) or {})
    return defaults


class HostVariables:
    """Reads and templates the variables of hosts; safe to use from several threads.

    :param task: the task that is running.
    :param hostvars: the ``hostvars`` of that task.
    :param task_vars: the variables of that task, for releases of ansible-core that tell those of its own host only.
    """

    def __init__(self, task: Any, loader: Any, hostvars: Any, task_vars: Mapping[str, Any] | None = None) -> None:
        self._task = task
        self._loader = loader
        self._hostvars = hostvars
        self._task_vars = task_vars or {}
        self._lock = threading.Lock()
        self._results = Results()
        self._names: _core_compat.Names = {}

    @property
    def of_all_hosts(self) -> bool:
        """Whether the variables of other hosts than the task's own are known as a task on them would see them."""
        return _core_compat.tells_variables(self._task, self._hostvars)

    @property
    def play(self) -> Any:
        """The play of the task; ``None`` where Ansible does not say."""
        return _core_compat.play_of(self._task)

    def of(self, host: str, *, without_extra: bool = False) -> Variables:
        """The variables of this collection for ``host``, templated and normalized, above the defaults of the roles.

        :param without_extra: as for :meth:`some`.
        """
        with self._lock:
            return self._read(host, self._stated(host) if without_extra else self._raw(host))

    def with_pbx(self) -> list[str]:
        """Every host of the inventory that has the address of a PBX, whatever ``--limit`` and the play leave of them."""
        hosts = [str(host) for host in self._hostvars]
        return [host for host in hosts if "tcx_url" in self.some(host, ["tcx_url"], without_extra=False)]

    def at(self, url: str) -> list[str]:
        """The hosts that the inventory has for the PBX at this address, whatever a play or the command line says of them."""
        address = address_of(url)
        return [host for host in map(str, self._hostvars) if address_of(self._url_in_inventory(host)) == address]

    def own(self, task_vars: Mapping[str, Any]) -> Variables:
        """The same for the host of this task, with what only it knows, such as the item of a loop."""
        with self._lock:
            return self._read(str(task_vars["inventory_hostname"]), dict(task_vars))

    def some(self, host: str, names: Iterable[str], *, without_extra: bool) -> Variables:
        """A few variables of a host, normalized, without defaults.

        :param without_extra: as they are below what the command line gives, which is meant for the hosts of the run alone.
        """
        with self._lock:
            known = self._stated(host) if without_extra else self._raw(host)
            stated = [name for name in names if name in known]
            return read_variables(self._templated(known, stated), host=host, resolve=resolve_tenant, defaults={})

    def all_of_play(self) -> list[str]:
        """Every host that the pattern of the play names, whatever ``--limit`` leaves of them."""
        return _core_compat.hosts_of_play(self._task, self._hostvars)

    def _raw(self, host: str) -> dict[str, Any]:
        raw = _core_compat.variables_of_host(self._task, self._hostvars, host, self._names)
        if raw is not None:
            return raw
        own = self._task_vars.get("inventory_hostname") == host
        return dict(self._task_vars if own else self._hostvars[host])

    def _stated(self, host: str) -> dict[str, Any]:
        """The same below what the command line gives."""
        stated = _core_compat.stated_variables(self._task, self._hostvars, host, self._names)
        if stated is not None:
            return stated
        extra = _core_compat.extra_variables(self._hostvars)
        return {name: value for name, value in self._raw(host).items() if name not in extra}

    def _url_in_inventory(self, host: str) -> str:
        with self._lock:
            known = _core_compat.stated_variables(None, self._hostvars, host, self._names)
            known = dict(self._hostvars[host]) if known is None else known
            names = [name for name in ("tcx_url",) if name in known]
            return read_variables(self._templated(known, names), host=host, defaults={}).text("tcx_url")

    def _templated(self, known: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
        # A template may name what the command line gives, also where the variable itself is read below it.
        known = {**_core_compat.extra_variables(self._hostvars), **known, "hostvars": self._hostvars}
        templar = Templar(loader=self._loader, variables=known)
        return {name: templated(templar, known[name], known, self._results) for name in names}

    def _read(self, host: str, known: dict[str, Any]) -> Variables:
        ours = [name for name in known if name.startswith(PREFIXES) or name in _STEERING]
        variables = read_variables(self._templated(known, ours), host=host, resolve=resolve_tenant)
        variables.setdefault("entra_app_unique_name", f"3cx-{host}")
        if variables.text("unknown_variables") != "ignore":
            variables.unknown = unknown_variables(host, known)
        return variables


def templated(templar: Templar, value: Any, known: Mapping[str, Any], results: Results | None = None) -> Any:
    """One variable; ``None`` where it comes to ``omit``, the error where it cannot be templated.

    :param known: all variables of its host.
    :param results: of the templates of other hosts.
    """
    omitted = known.get("omit")
    try:
        if not isinstance(value, str):
            result = plain(templar.template(value))
        elif has_template(value):
            result = (results or Results()).of(value, known, lambda: plain(templar.template(value)))
        else:
            result = plain(value)
    except _core_compat.OMITTED:
        return None
    except AnsibleError as error:
        return error
    return result if omitted is None else _without(omitted, result)


def _without(omitted: Any, value: Any) -> Any:
    """A value without what comes to ``omit`` in it, at any depth; ``None`` where that is all of it.

    From 2.19 on Ansible leaves it out itself; before, it does so for the arguments of a task alone.
    """
    if isinstance(value, dict):
        return {name: _without(omitted, item) for name, item in value.items() if item != omitted}
    if isinstance(value, list):
        return [_without(omitted, item) for item in value if item != omitted]
    return None if value == omitted else value


def read_variable(templar: Templar, name: str, known: Mapping[str, Any]) -> Any:
    """One variable as it stands; raises :class:`BadInput` where it cannot be templated."""
    value = templated(templar, known.get(name), known)
    if isinstance(value, AnsibleError):
        raise unreadable(name, value)
    return value


def resolve_tenant(variables: Variables, domain: str) -> str:
    """The id of the tenant that has this domain, asked once in a run for each authority and domain."""
    spec = _entra_connection.ARGUMENT_SPEC
    values = {name: variables.get(families.ENTRA + name) for name in spec if name != "tenant_id"}
    names = {name: families.ENTRA + name for name in spec}
    read = read_arguments(spec, values, names=names)
    context = Context(
        deadline=Deadline(float(read.parameters["deadline"])), store=RunStore(constants.DEFAULT_LOCAL_TMP)
    )
    try:
        return tenant_id_of(read.parameters, domain, context)
    except M365Error as error:
        error.names = error.names or names
        raise


def _read(variables: Variables, name: str, value: Any) -> Any:
    """The normalized value; ``None`` where it says nothing, or is a problem, which is then kept."""
    known = families.variables()[name]
    reading = Reading((known.option,) if known.whole else ())
    read = reading.value(known.spec, value, known.option)
    variables.problems += [rendered(problem, {known.option: name}) for problem in reading.problems]
    if read is not None and not reading.problems:
        variables.problems += _problems_of_id(known.option, name, str(read))
        variables.problems += _problems_of_names(name, read)
    return None if read in ({}, []) else read


def _problems_of_names(name: str, read: Any) -> list[str]:
    """A name that cannot be one would be passed over, and the PBX that has it refused without a word of it."""
    if name != "tcx_fqdn" or not isinstance(read, list):
        return []
    strange = [str(fqdn) for fqdn in read if not authorities("", [str(fqdn)])]
    return [f"{name} {fqdn!r} is no host name; give pbx.example.com or pbx.example.com:5001" for fqdn in strange]


def _problems_of_id(option: str, name: str, value: str) -> list[str]:
    """Ids decide which object is written to, so a wrong one stops a PBX before anything is sent."""
    if option in _APPLICATION_IDS and not is_guid(value):
        return [f"{name} {value!r} is not a GUID; give the application (client) ID"]
    if option == "tenant_id":
        try:
            check_tenant(value)
        except BadInput as error:
            return [f"{rendered(error.message, {option: name})}. {error.remedy}".rstrip(".")]
    return []


_VAULT = re.compile(r"vault secret|vault password|decrypt", re.IGNORECASE)


def unreadable(name: str, error: AnsibleError) -> BadInput:
    """The error for a variable that cannot be templated; of one that is encrypted, Ansible says it in five ways."""
    message = " ".join(str(text) for text in (error, error.__cause__ or "", getattr(error, "orig_exc", "") or ""))
    if not _VAULT.search(message):
        return BadInput(
            f"the variable {name} cannot be read: {_first_line(error)}",
            tried=_TRIED,
            remedy="Give it a value in the inventory.",
        )
    missing = "no vault secrets found" in message.lower()
    why = "no vault password was given" if missing else "none of the vault passwords that were given opens it"
    return BadInput(
        f"the variable {name} is encrypted by Ansible Vault, and {why}",
        tried=_TRIED,
        remedy="Run again with --vault-password-file FILE or --ask-vault-pass, or set vault_password_file in ansible.cfg.",
    )


def _first_line(error: AnsibleError) -> str:
    line = str(error).partition("\n")[0].rstrip(".")
    # Releases before 2.19 say the cause and repeat it as their own message.
    message, _dot, again = line.partition(". ")
    return message if again == message else line
