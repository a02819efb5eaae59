# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One PBX compared with its desired state: from the steps of a rollout in check mode to the verdict of the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.text import without_login
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.certificates import normalized_thumbprint
from ansible_collections.tcx.m365.plugins.module_utils._pbx.health import remedy_for
from ansible_collections.tcx.m365.plugins.module_utils._pbx.preflight import INTEGRATION
from ansible_collections.tcx.m365.plugins.module_utils._plan import PENDING
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import RunTask
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import is_reached_from_here, read_variables
from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import HostResult
from ansible_collections.tcx.m365.plugins.plugin_utils._steps import rotation
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.advice import remedy_beside
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.results import changes as changes_of
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.results import status as status_of
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.results import unmanaged
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.runner import Runner, Taken
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.table import OPERATIONS, USERS
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.work import NOT_ASKED, UNREACHABLE_KINDS, Result

from . import consent
from .controls import ATTENTION, changed, control, controls
from .findings import sentences

_ASKED_FROM_HERE = "This PBX is reached from another host (tcx_m365_connection), and a compliance run asks every PBX from the controller."
_ASKED_OTHERWISE = "Compare it by tcx.m365.rollout --check, which asks from that host, or run the check on a controller that reaches it."
_SIDES = (("Microsoft Entra", "entra"), ("the PBX", "pbx"))


def steps_taken(host: str, variables: Mapping[str, Any], run_task: RunTask, neighbors: tuple[str, ...]) -> Taken:
    """The steps of a rollout, of which nothing is written, on one PBX.

    :param neighbors: thumbprints of the certificates that the inventory has for other PBXs with the same application.
    """
    runner = Runner(host, None, check_mode=True, neighbors=neighbors, reports=True)
    return runner.run(variables, run_task, OPERATIONS["compliance"])


def host_result(host: str, variables: Mapping[str, Any], taken: Taken) -> HostResult:
    """The entry of the report for one PBX."""
    changes = changes_of(taken)
    status = status_of(taken)
    verdict, reasons, remedies = _verdict(taken, changes, status)
    if verdict == "unreachable" and taken.of("pbx").get("failed") and not is_reached_from_here(variables):
        reasons, remedies = [*reasons, _ASKED_FROM_HERE], [_ASKED_OTHERWISE, *remedies]
    application, grant = taken.of("application"), taken.of("grant")
    return HostResult(
        host=host,
        verdict=verdict,
        # What a rollout would lack is told, and no fault of the PBX: an auditor's application may only read.
        reasons=[*reasons, *_notes(taken)],
        attention=[*_attention(taken), *_rotation(variables, application)],
        changes=changes,
        controls=[*controls(taken.arguments, taken), *_rotation_control(variables, application)],
        certificates=list(application.get("certificates") or ()),
        credentials=_credentials(taken),
        granted_permissions=consent.labels(grant, "granted"),
        consents=[dict(row) for row in grant.get("consents") or ()],
        redirect_uris=_redirect_uris(taken),
        owners=list(application.get("owners") or ()),
        unmanaged=unmanaged(taken),
        adopted=_adopted(application),
        version=taken.first("version"),
        edition=taken.first("edition"),
        remedies=remedies,
        consent={"missing": consent.labels(grant, "missing"), "unneeded": consent.labels(grant, "unneeded")},
        tenant_id=str(variables.get("entra_tenant_id") or ""),
        tenant_name=str(variables.get("entra_tenant_name") or ""),
        application_id=_known(application.get("app_id")),
        status=status,
        url=without_login(str(variables.get("tcx_url") or "")),
        unknown_variables=read_variables(variables).unknown_entries(),
    )


def _credentials(taken: Taken) -> list[dict[str, Any]]:
    """The keys of the application. That one is named like those of another PBX says nothing: every owner chooses names."""
    shared = (taken.arguments.get("application") or {}).get("shared_certificates") or ()
    known = {normalized_thumbprint(thumbprint) for thumbprint in shared}
    return [
        {**held, "owner": "foreign"} if held.get("owner") == "other_pbx" and held.get("name") not in known else held
        for held in taken.of("application").get("credentials") or ()
    ]


def _notes(taken: Taken) -> list[str]:
    """What the check of the tenant noted, but for certificates that the report judges by itself."""
    judged = [str(certificate.get("thumbprint")) for certificate in taken.of("application").get("certificates") or ()]
    notes = (str(note) for note in taken.of("preflight").get("notes") or ())
    return [note for note in notes if not any(thumbprint in note for thumbprint in judged)]


def _attention(taken: Taken) -> list[str]:
    attention = [sentence for result in taken.values() for sentence in result.get("attention") or ()]
    attention += [str(sentence) for sentence in taken.of("application").get("findings") or ()]
    attention += [str(note) for step in ("pbx", *USERS) for note in taken.of(step).get("notes") or ()]
    if taken.failed is not None:
        return attention
    # What the PBX reports of its integration is a reason already.
    findings = taken.of("pbx").get("findings") or ()
    told = [str(finding.get("said"))[1:] for finding in findings if finding.get("topic") == INTEGRATION]
    return [sentence for sentence in attention if not any(message in sentence for message in told)]


def _rotation(variables: Mapping[str, Any], application: Result) -> list[str]:
    """A rotation that was not finished: a PBX that was never switched over loses its sign-in when the old key expires."""
    stands = rotation.of_result(variables, application)
    return [stands.sentence()] if stands is not None and stands.is_alarm else []


def _rotation_control(variables: Mapping[str, Any], application: Result) -> list[dict[str, Any]]:
    told = _rotation(variables, application)
    title = "The rotation of the certificate is finished"
    return [control("application.rotation", title, True, False, ATTENTION, " ".join(told))] if told else []


def _verdict(
    taken: Taken, changes: list[dict[str, Any]], status: Mapping[str, Any]
) -> tuple[str, list[str], list[str]]:
    failed = taken.failed
    if failed is not None:
        error = failed.get("error") or {}
        kind = error.get("kind", "failed")
        verdict = "unlicensed" if kind == "unlicensed" else "unreachable" if kind in UNREACHABLE_KINDS else "failed"
        remedy = str(error.get("remedy") or "")
        return verdict, [_without_remedy(failed, remedy)], [remedy] if remedy else []
    reasons = sentences(changes)
    troubles, remedies = _troubles(taken.of("sign_in"), status)
    unknown, advice = _unknown(taken.of("sign_in"))
    if changes:
        return "drifted", reasons + troubles + unknown, []
    if troubles:
        # Every setting is as desired: a repair by the rollout cannot be promised.
        holders = list(taken.of("application").get("unknown_credentials") or ())
        return "broken", troubles + unknown, [remedy_beside(holders, remedy) for remedy in remedies]
    if unknown:
        return "unreachable", unknown, advice
    return "compliant", [], []


def _without_remedy(failed: Result, remedy: str) -> str:
    """What a failed step says, without the advice at its end: the report has a place of its own for that."""
    message = str(failed.get("msg") or "the check failed without a message")
    return (message[: -len(remedy)].rstrip() if remedy and message.endswith(remedy) else message) or message


def _troubles(sign_in: Result, status: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """What does not work, each once, and what to do about it."""
    troubles, remedies = [], []
    if status and not status.get("ok"):
        troubles.append(f"3CX reports: {status.get('message') or 'the Microsoft 365 integration does not work'}")
        remedies.append(remedy_for(str(status.get("message") or "")))
    for name, side in _SIDES:
        probe = sign_in.get(side) or {}
        if sign_in and not probe.get("ok", True) and probe.get("verdict") not in NOT_ASKED:
            troubles.append(
                f"A sign-in would not work; {name} answered: {probe.get('message') or probe.get('verdict')}"
            )
            remedies.append(str(probe.get("remedy") or ""))
    return troubles, list(dict.fromkeys(filter(None, remedies)))


def _unknown(sign_in: Result) -> tuple[list[str], list[str]]:
    """Who could not be asked whether a sign-in works, which is no proof that it does not; and what to do about it."""
    probes = [(name, sign_in.get(side) or {}) for name, side in _SIDES]
    silent = [(name, probe) for name, probe in probes if probe.get("verdict") in NOT_ASKED]
    sentences = [
        f"Whether a sign-in works could not be found out from {name}: {probe.get('message') or probe['verdict']}"
        for name, probe in silent
    ]
    return sentences, list(dict.fromkeys(str(probe["remedy"]) for _name, probe in silent if probe.get("remedy")))


def _redirect_uris(taken: Taken) -> list[str]:
    """The redirect URIs of type Web that are there today."""
    application = taken.of("application")
    before = changed(application, "application")
    if "redirect_uris" in before:
        return list(before["redirect_uris"] or ())
    if not application or application.get("failed") or "state" in before:
        return []
    desired = taken.arguments.get("application", {}).get("redirect_uris") or ()
    return list(dict.fromkeys([*desired, *((application.get("unmanaged") or {}).get("redirect_uris") or ())]))


def _adopted(application: Result) -> dict[str, Any]:
    adopted = application.get("adopted")
    if isinstance(adopted, Mapping):
        return dict(adopted)
    sentence = application.get("adoption") or adopted
    return {"sentence": sentence} if isinstance(sentence, str) and sentence else {}


def _known(value: Any) -> str:
    """A value, unless the service has still to choose it."""
    return "" if value in (None, PENDING) else str(value)
