# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Action plugin: checks the PBXs of a play in one sweep and writes the compliance report."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import os
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible import constants
from ansible.utils.display import Display
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import own_application
from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, M365Error
from ansible_collections.tcx.m365.plugins.module_utils._http import Connections
from ansible_collections.tcx.m365.plugins.module_utils._pbx.connection import base_url
from ansible_collections.tcx.m365.plugins.module_utils._run import OF_AN_ADDRESS, OF_ONE_PBX, RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability
from ansible_collections.tcx.m365.plugins.plugin_utils import _core_compat, _files, _way_back
from ansible_collections.tcx.m365.plugins.plugin_utils._action import ControllerAction
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.tenants import consent_row
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import RunTask, run_capability
from ansible_collections.tcx.m365.plugins.plugin_utils._compliance.check import host_result, steps_taken
from ansible_collections.tcx.m365.plugins.plugin_utils._compliance.notify import listener
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.sweep import Say, sweep
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import arguments as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.crossings import (
    Crossings,
    claimed_together,
    identity_of,
    refuse_shared,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.guards import Identity
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.unknown import warn_once
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import HostVariables, Variables
from ansible_collections.tcx.m365.plugins.plugin_utils._provenance import provenance
from ansible_collections.tcx.m365.plugins.plugin_utils._report.files import read_report, write_report
from ansible_collections.tcx.m365.plugins.plugin_utils._report.history import find_baseline, keep_report, narrowed
from ansible_collections.tcx.m365.plugins.plugin_utils._report.message import has_changes, has_findings, lines, message
from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import HostResult, Report
from ansible_collections.tcx.m365.plugins.plugin_utils._report.signing import PROGRAMS, sign
from ansible_collections.tcx.m365.plugins.plugin_utils._report.values import Common
from ansible_collections.tcx.m365.plugins.plugin_utils._report.verdicts import (
    ATTENTION,
    COMPLIANT,
    FAILED,
    UNKNOWN,
    VERDICTS,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._report.wording import headline
from ansible_collections.tcx.m365.plugins.plugin_utils._wording import count

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "report_dir": {"type": "path", "default": "./reports"},
    "fail_on": {"type": "list", "elements": "str", "choices": list(VERDICTS), "default": []},
    "fail_on_drift": {"type": "bool", "default": False},
    "min_hosts": {"type": "int", "default": 1},
    "enforce": {"type": "bool", "default": True},
    "compare": {"type": "path"},
    "keep": {"type": "int", "default": 30},
    "sign_with": {"type": "str", "choices": list(PROGRAMS)},
    "sign_key": {"type": "str", "no_log": False},
    "concurrency": {"type": "int", "default": 50},
    "processes": {"type": "int", "default": 0},
    "events_url": {"type": "str"},
    "events_token": {"type": "str", "no_log": True},
    "events_hosts": {"type": "bool", "default": False},
    "events_ca_path": {"type": "path"},
}

_AUTOMATION, _CREDENTIAL = "automation_app_id", "automation_credential"
"""Beside the findings of a host: whose rights found them, and until when. They are facts of the run."""
_TENANT = "tenant_row"
"""Beside them as well: what the tenant has consented to, which is a fact of the tenant."""
_REACHED = "reached_at"
"""Beside them as well: as what the PBX is reached, by which two hosts that are one PBX are found."""

display = Display()


class ActionModule(ControllerAction):
    """Sweep the hosts of the current batch, then write the report of all hosts of the play so far."""

    SPEC = ARGUMENT_SPEC

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        self._automation: set[str] = set()
        self._credentials: list[dict[str, Any]] = []
        self._tenants: list[dict[str, Any]] = []
        events = listener(options)
        if options["keep"] < 0:
            reason = "compliance_keep is the number of reports to keep and cannot be negative; 0 keeps none."
            return {"failed": True, "changed": False, "msg": reason}
        store = RunStore(constants.DEFAULT_LOCAL_TMP)
        batch = [str(host) for host in task_vars.get("ansible_play_batch", [])]
        if not self._claim(store, batch):
            return {"skipped": True, "changed": False, "skip_reason": "another host of this batch writes the report"}
        history = _history(options, store, str(task_vars.get("ansible_limit") or ""))
        started = time.monotonic()
        report = self._report(
            [*self._sweep(batch, task_vars, store, options), *(_stopped(host).to_dict() for host in _lost(task_vars))],
            options["report_dir"],
            store,
            task_vars,
            started,
        )
        report = _with_history(report, history, whole=_is_whole(report, task_vars))
        files = _files.written("report_dir", options["report_dir"], functools.partial(write_report, report))
        whole = _is_whole(report, task_vars)
        signature = _sign(options) if whole else ""
        kept = _keep(report, options) if whole else ""
        answer = _answer(report, [file.path for file in files], options)
        return {**answer, "kept": kept, "signature": signature, "events": events}

    def _claim(self, store: RunStore, batch: list[str]) -> bool:
        """Whether this host is the first of its batch here: strategies other than linear ignore ``run_once``."""
        key = f"{self._task.get_name()}|{','.join(batch)}"
        with store.lock("sweep", key):
            if store.get("sweep", key):
                return False
            store.put("sweep", key, True)
            return True

    def _sweep(
        self, batch: list[str], task_vars: dict[str, Any], store: RunStore, options: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """The entries of the report for the hosts of this batch."""
        variables = HostVariables(self._task, self._loader, task_vars["hostvars"])
        play_hosts = [str(host) for host in task_vars.get("ansible_play_hosts_all", [])]
        read = functools.partial(_identities, variables, options["processes"])
        crossings = Crossings.of(variables, play_hosts, store, read)
        own = _store_of_sweep(constants.DEFAULT_LOCAL_TMP)
        check = functools.partial(_check, variables=variables, store=own, crossings=crossings, connections={})
        entries = []
        common = Common()
        reached: dict[str, str] = {}
        threads, processes = options["concurrency"], options["processes"]
        progress = functools.partial(_core_compat.show, stderr=True)
        for host, entry in sweep(batch, check, threads=threads, processes=processes, progress=progress):
            self._automation.add(str(entry.pop(_AUTOMATION, None) or ""))
            credential = entry.pop(_CREDENTIAL, None)
            if credential and credential not in self._credentials:
                self._credentials.append(credential)
            self._tenants += filter(None, [common.shared(entry.pop(_TENANT, None))])
            reached[host] = str(entry.pop(_REACHED, None) or "")
            entries.append(common.shared(_entry(host, entry)))
        warn_once({entry["host"]: entry for entry in entries}, store, display.warning)
        hosts = claimed_together(store, reached)
        return [_unless_claimed(entry, hosts[entry["host"]], reached[entry["host"]]) for entry in entries]

    def _report(
        self, entries: list[dict[str, Any]], directory: str, store: RunStore, task_vars: dict[str, Any], started: float
    ) -> Report:
        """The report of this batch and of those before it: ``serial`` runs the task once for each batch."""
        key, seconds = os.path.abspath(directory), time.monotonic() - started
        with store.lock("report", key):
            before = store.get("report", key) or {
                "hosts": [],
                "seconds": 0.0,
                "credentials": [],
                "automation": [],
                "tenants": [],
            }
            now = {entry["host"] for entry in entries}
            hosts = [entry for entry in before["hosts"] if entry["host"] not in now] + entries
            seconds += before["seconds"]
            known = before["credentials"]
            credentials = known + [credential for credential in self._credentials if credential not in known]
            automation = sorted(self._automation.union(before["automation"]))
            tenants = before["tenants"] + self._tenants
            self._tenants = []
            if not _is_last_batch(task_vars):
                kept = {"hosts": hosts, "seconds": seconds, "credentials": credentials, "automation": automation}
                store.put("report", key, {**kept, "tenants": tenants})
        run = {
            "playbook": "tcx.m365.compliance",
            "check_mode": True,
            "limit": str(task_vars.get("ansible_limit") or ""),
            "started_with": _started_with(task_vars),
            "duration_s": round(seconds, 1),
            "automation_credentials": credentials,
            "not_checked": _later(task_vars, hosts),
            **provenance(task_vars, automation),
        }
        moment = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
        return Report.build(hosts, moment, run).of_tenants(tenants)


def _identities(
    variables: HostVariables, processes: int, hosts: list[str], run: frozenset[str]
) -> Iterator[tuple[str, Identity]]:
    """What tells each host, read in as many processes as the sweep has.

    Whoever reads from what Ansible knows of a host copies the page of memory that it stands on. The process of this task lives
    as long as the run; these end at once, and those of the sweep read from the same hosts again.
    """
    for host, told in sweep(
        hosts, lambda host, _say: {"identity": identity_of(variables, host, run)}, threads=1, processes=processes
    ):
        if "identity" in told:
            yield host, told["identity"]


def _store_of_sweep(directory: str) -> RunStore:
    return RunStore(directory, own=OF_ONE_PBX)


def _check(
    host: str,
    _say: Say,
    *,
    variables: HostVariables,
    store: RunStore,
    crossings: Crossings,
    connections: dict[int, Connections],
) -> dict[str, Any]:
    """Check one host; runs in a thread of one of the sweep's processes, which share their connections."""
    shared = connections.setdefault(os.getpid(), Connections(size=64))
    known = variables.of(host)

    def run_task(capability: Capability, arguments: Mapping[str, Any], /, *, check: bool = True) -> dict[str, Any]:
        return run_capability(capability, arguments, check_mode=check, store=store, connections=shared)

    try:
        crossings.check(host)
        taken = steps_taken(host, known, run_task, crossings.neighbors(host))
        entry = {**host_result(host, known, taken).to_dict(), _AUTOMATION: known.get("entra_client_id")}
        # Where the tenant has refused the sign-in already, it is not tried again.
        about = {} if taken.of("preflight").get("failed") or "preflight" not in taken else _about(known, run_task)
    except M365Error as error:
        unknown = known.unknown_entries()
        return HostResult(host=host, verdict="failed", reasons=[str(error)], unknown_variables=unknown).to_dict()
    finally:
        _forget(store, known.text("tcx_url"))
    name = about.get("tenant_name") or entry["tenant_name"]
    run = {_CREDENTIAL: about.get("credential"), _REACHED: taken.of("pbx").get("redirect_uri")}
    row = consent_row(host, known, taken.get("preflight"), {**about, "tenant_name": name})
    return {**entry, "tenant_name": name, **run, _TENANT: row}


def _forget(store: RunStore, url: str) -> None:
    """No step asks any more for what others have kept of this PBX: of thousands it would be most of what a process holds."""
    with contextlib.suppress(BadInput):  # of such an address nothing was asked
        for kind in OF_AN_ADDRESS:
            store.drop(kind, base_url(url))


def _about(known: Variables, run_task: RunTask) -> dict[str, Any]:
    """The name of the tenant, and the end of the credential; the verdict does not depend on them."""
    try:
        result = run_task(own_application.CAPABILITY, arguments_of.entra_connection(known), check=True)
    except M365Error:
        return {}
    return {} if result.get("failed") else result


def _entry(host: str, entry: dict[str, Any]) -> dict[str, Any]:
    if "crashed" in entry:
        if entry.get("late"):
            return HostResult(
                host=host, verdict="unreachable", reasons=[f"The PBX was given up: {entry['crashed']}."]
            ).to_dict()
        return HostResult(host=host, verdict="failed", reasons=[f"Unexpected error: {entry['crashed']}."]).to_dict()
    return entry


def _unless_claimed(entry: dict[str, Any], hosts: list[str], reached: str) -> dict[str, Any]:
    """The entry of a host; failed where another host turned out to be the same PBX."""
    try:
        refuse_shared(hosts, reached)
    except BadInput as error:
        return {**entry, "verdict": FAILED, "reasons": [str(error)], "remedies": []}
    return entry


def _lost(task_vars: dict[str, Any]) -> list[str]:
    """Hosts of the play that an earlier task has stopped: they are in the report, too."""
    alive = {str(host) for host in task_vars.get("ansible_play_hosts", [])}
    return [str(host) for host in task_vars.get("ansible_play_hosts_all", []) if str(host) not in alive]


def _is_last_batch(task_vars: Mapping[str, Any]) -> bool:
    batch, everyone = task_vars.get("ansible_play_batch"), task_vars.get("ansible_play_hosts_all")
    return bool(batch and everyone and batch[-1] == everyone[-1])


def _later(task_vars: Mapping[str, Any], entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """The hosts of later batches: a run that ends before them leaves a report without them."""
    reported = {entry["host"] for entry in entries}
    return [str(host) for host in task_vars.get("ansible_play_hosts_all", []) if str(host) not in reported]


def _stopped(host: str) -> HostResult:
    return HostResult(host=host, verdict="failed", reasons=["An earlier task of this play stopped this host."])


def _history(options: Mapping[str, Any], store: RunStore, limit: str) -> dict[str, Any]:
    """What this run is compared with; read once, before the first batch replaces the files."""
    key = os.path.abspath(options["report_dir"])
    with store.lock("history", key):
        baseline: dict[str, Any] | None = store.get("history", key)
        if baseline is None:
            now = dt.datetime.now(dt.timezone.utc)
            baseline = vars(find_baseline(options["report_dir"], keep=options["keep"], limit=limit, now=now)).copy()
            for problem in baseline["problems"]:
                display.warning(f"An earlier report was passed over: {problem}")
            if options["compare"]:
                baseline.update(content=_stated(options["compare"]), stated=True)
            store.put("history", key, baseline)
    return baseline


def _stated(path: str) -> dict[str, Any] | None:
    """The report that the user names. Where it is not there, the new one is written all the same."""
    try:
        return read_report(path)
    except (ValueError, OSError) as error:
        display.warning(f"This report is not compared with an earlier one: {error}")
        return None


def _with_history(report: Report, history: Mapping[str, Any], *, whole: bool) -> Report:
    """The report beside the earlier one; a run on a part of the fleet says nothing of the rest, and is no point of the trend."""
    earlier, limit = history["content"], report.run["limit"]
    if earlier is not None:
        if not history.get("stated") and (history["limit"] != limit or not whole):
            earlier = narrowed(earlier, [entry["host"] for entry in report.hosts])
        report = report.compared_with(earlier)
    return report if limit else report.after(history["trend"])


def _is_whole(report: Report, task_vars: Mapping[str, Any]) -> bool:
    """Whether every PBX of the play is in the report: ``serial`` writes it after each batch."""
    reported = {entry["host"] for entry in report.hosts}
    return reported.issuperset(str(host) for host in task_vars.get("ansible_play_hosts_all", []))


def _sign(options: Mapping[str, Any]) -> str:
    """The path of the signature; empty when none is wanted, or when it could not be made, which is a warning."""
    if not options["sign_with"]:
        return ""
    try:
        return os.path.abspath(sign(options["report_dir"], options["sign_with"], options["sign_key"] or ""))
    except OSError as error:
        display.warning(f"The report in {options['report_dir']} is not signed: {visible(str(error))}.")
        return ""


def _keep(report: Report, options: Mapping[str, Any]) -> str:
    """The path of the kept report; empty when there is none. The report itself is written, whatever happens here."""
    if not options["keep"]:
        return ""
    try:
        kept, problems = keep_report(options["report_dir"], report.generated_at, options["keep"])
    except OSError as error:
        display.warning(f"The report in {options['report_dir']} was not kept: {error.strerror or error}.")
        return ""
    for problem in problems:
        display.warning(problem)
    return os.path.abspath(kept)


def _started_with(task_vars: Mapping[str, Any]) -> str | None:
    """The options of the command line that name the inventory of this run, and files that it needs, quoted for a shell.

    ``None`` in a job of a controller.
    """
    if _way_back.is_job(task_vars):
        return None
    sources = [str(source) for source in task_vars.get("ansible_inventory_sources") or ()]
    return shlex.join([*(part for source in sources for part in ("-i", source)), *_way_back.options_for_files()])


def _failure_reason(report: Report, options: Mapping[str, Any]) -> str:
    """Why the run must not end as one that found everything in order; empty when it may."""
    summary = report.summary
    checked = summary["total"] - sum(summary[verdict] for verdict in UNKNOWN)
    if checked < options["min_hosts"]:
        total = count(summary["total"], "PBX", "PBXs")
        return f"{checked} of {total} could be checked, and at least {options['min_hosts']} must be."
    refused = set(options["fail_on"])
    if options["fail_on_drift"]:
        refused.update(verdict for verdict in VERDICTS if verdict != COMPLIANT)
    counts = [f"{summary[verdict]} {verdict}" for verdict in VERDICTS if verdict in refused and summary[verdict]]
    sentences = [f"Not every PBX is as it must be: {', '.join(counts)}."] if counts else []
    # The automation is no PBX; what expires of it needs attention all the same.
    sentences += report.run.get("attention") or [] if ATTENTION in refused else []
    return " ".join(sentences)


def _answer(report: Report, paths: list[str], options: Mapping[str, Any]) -> dict[str, Any]:
    summary = report.summary
    counts = ", ".join(f"{summary[name]} {name}" for name in summary if name != "total" and summary[name])
    sentence = (
        f"{count(summary['total'], 'PBX', 'PBXs')}: {counts or 'none checked'}. Report: {os.path.abspath(paths[3])}"
    )
    reason = _failure_reason(report, options)
    return {
        "changed": False,
        "failed": bool(reason) and options["enforce"],
        "msg": f"{reason} {sentence}" if reason else sentence,
        "summary": summary,
        "failure_reason": reason,
        "subject": f"3CX compliance: {headline(report)}",
        "message": message(report),
        "lines": [sentence, *lines(report)[1:]],
        "has_findings": has_findings(report),
        "has_changes": has_changes(report),
        "report": [os.path.abspath(path) for path in paths],
        "ansible_stats": {
            # Who approves a rollout has to know how many applications it would take over.
            "data": {
                "tcx_m365_compliance": {
                    **summary,
                    "would_adopt": sum(bool(host.get("adopted")) for host in report.hosts),
                }
            },
            "per_host": False,
            "aggregate": False,
        },
    }
