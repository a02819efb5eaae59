# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The evidence of a compliance check: each thing that was checked, its desired value, what was found, and what that means. Pure.

Steps run in check mode return what a rollout would make; what is there today is therefore the ``before`` of a change
where there is one, and the desired value where there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._pbx.preflight import (
    ADDRESSES,
    CERTIFICATE,
    CLOCK,
    LICENSE,
    NAME,
    NUMBERS,
    ROLE,
    SUBSCRIPTION,
    WARNING,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.table import USERS

from . import consent

Json = Mapping[str, Any]
Control = dict[str, Any]

PASS, FAIL, ATTENTION, NOT_CHECKED = "pass", "fail", "attention", "not_checked"

_APPLICATION = {
    "display_name": "Name of the application",
    "sign_in_audience": "Supported account types",
    "redirect_uris": "Redirect URIs of type Web",
    "spa_redirect_uris": "Redirect URIs of type single-page application",
    "public_client_redirect_uris": "Redirect URIs of type public client",
    "id_tokens": "ID tokens",
    "public_client": "Public client flows",
    "certificates": "Certificates of the application",
    "permissions": "Declared application permissions",
    "delegated_permissions": "Declared delegated permissions",
    "owners": "Owners of the application",
}
_GROUPS = {
    "user_sync": "User sync",
    "sign_in": "Sign-in with Microsoft",
    "contact_sync": "Contact sync",
    "calendar_sync": "Calendar sync",
    "shared_mailboxes": "Shared mailboxes",
    "presence": "Presence",
    "mail": "Mail",
    "teams": "Teams Direct Routing",
}
_NO_SETTING = frozenset(("private_key", "account_token", "deauthorize", "scripts_dir", "check_mapping", "certificate"))
_STEPS = {
    "pbx": ("pbx.answers", "The PBX answers and accepts the credential"),
    "preflight": ("tenant.signed_in", "The tenant accepts the automation's application"),
    "application": ("application.read", "The application was read"),
    "grant": ("consent.read", "The granted permissions were read"),
    "settings": ("settings.read", "The Microsoft 365 settings were read"),
}
_TOPICS = {
    LICENSE: "License of the PBX",
    ROLE: "Role of the credential of the PBX",
    NAME: "Name of the PBX",
    CLOCK: "Clock of the PBX",
    SUBSCRIPTION: "Change notifications of Microsoft reach the PBX",
    ADDRESSES: "Mail addresses of the users of the PBX",
    NUMBERS: "Extension numbers of the PBX",
}
"""What no other control is about."""
_AUDIT_LOG = (
    "only the audit log of the tenant knows it: Microsoft Entra admin center > Enterprise applications > the application > "
    "Audit logs, activity Consent to application, or Add app role assignment to service principal. It is kept for 7 days, with a license P1 or P2 for 30"
)
_EARLIER = "an earlier check of this PBX failed"


def controls(arguments: Mapping[str, Json], results: Mapping[str, Json]) -> list[Control]:
    """The controls of one PBX, in the order of the steps.

    :param arguments: what each step was asked for, by name of the step.
    :param results: what each step returned in check mode; a failed one is the last.
    """
    return [
        *_steps(results),
        *_tls(results.get("pbx") or {}),
        *_topics(results.get("pbx") or {}),
        *_application(arguments.get("application") or {}, results.get("application")),
        *_principal(results.get("application")),
        *_unexpected(results.get("application")),
        *_consent(arguments.get("grant") or {}, results.get("grant")),
        *_settings(arguments.get("settings") or {}, results.get("settings")),
        *_works(results),
        *_people(results),
    ]


def control(name: str, title: str, desired: Any, observed: Any, result: str, reason: str = "") -> Control:
    return {"id": name, "title": title, "desired": desired, "found": observed, "result": result, "reason": reason}


def _steps(results: Mapping[str, Json]) -> Iterator[Control]:
    failed = False
    for step, (name, title) in _STEPS.items():
        result = results.get(step)
        if result is None:
            if failed:
                yield control(name, title, None, None, NOT_CHECKED, _EARLIER)
        elif result.get("failed"):
            failed = True
            yield control(name, title, True, False, FAIL, str(result.get("msg") or ""))
        else:
            yield control(name, title, True, True, PASS)


def _tls(pbx: Json) -> Iterator[Control]:
    certificate = pbx.get("tls_certificate")
    if not isinstance(certificate, Mapping):
        return
    days = certificate.get("days_left")
    # The check judges, because the inventory says how many days before the end it warns.
    warnings = [finding for finding in pbx.get("findings") or () if _is_warning(finding, CERTIFICATE)]
    reason = "; ".join(str(finding.get("said") or "") for finding in warnings)
    result = ATTENTION if warnings else PASS
    if isinstance(days, (int, float)) and days < 0:
        result, reason = FAIL, "it has expired"
    title = "TLS certificate of the PBX"
    yield control("pbx.tls_certificate", title, "valid", certificate.get("not_after"), result, reason)


def _is_warning(finding: Json, topic: str) -> bool:
    return finding.get("topic") == topic and finding.get("level") == WARNING


def _topics(pbx: Json) -> Iterator[Control]:
    """What the check of the PBX found besides, a control for each topic: its license, its role, its clock."""
    for topic, title in _TOPICS.items():
        findings = [finding for finding in pbx.get("findings") or () if finding.get("topic") == topic]
        if findings:
            warnings = [finding for finding in findings if _is_warning(finding, topic)]
            told = "; ".join(str(finding.get("said") or "") for finding in warnings or findings)
            if topic == CLOCK and not warnings:
                told = "in time"  # the seconds differ from run to run, and two reports are compared
            advice = " ".join(str(finding.get("remedy") or "") for finding in warnings)
            yield control(f"pbx.{topic}", title, None, told, ATTENTION if warnings else PASS, advice)


def _application(desired: Json, result: Json | None) -> Iterator[Control]:
    if not readable(result):
        return
    before = changed(result, "application")
    created = "state" in before
    for option, title in _APPLICATION.items():
        value = _thumbprints(result) if option == "certificates" else desired.get(option)
        if value in (None, [], ""):
            continue
        yield _compared(f"application.{option}", title, value, before.get(option), created or option in before)


def _thumbprints(result: Json | None) -> list[str]:
    certificates = (result or {}).get("certificates") or ()
    return [str(certificate.get("thumbprint")) for certificate in certificates if certificate.get("desired")]


def _principal(result: Json | None) -> Iterator[Control]:
    principal = (result or {}).get("service_principal")
    if not readable(result) or not isinstance(principal, Mapping):
        return
    # In check mode the result is what a rollout would leave.
    principal = {**principal, **changed(result, "service_principal")}
    if principal.get("enabled") is not None:
        good = bool(principal["enabled"])
        yield control("application.enabled", "Users can sign in to the application", True, good, PASS if good else FAIL)
    if principal.get("assignment_required") is not None:
        required = bool(principal["assignment_required"])
        reason = "only users and groups that are assigned to the application can sign in" if required else ""
        title = "Assignment to the application is required"
        yield control("application.assignment_required", title, None, required, ATTENTION if required else PASS, reason)


def _unexpected(result: Json | None) -> Iterator[Control]:
    """Owners that nobody knows, redirect URIs on other hosts: what no option asks for and somebody may use."""
    findings = (result or {}).get("findings")
    if readable(result) and findings is not None:
        title = "Owners and redirect URIs that the inventory does not explain"
        listed = [str(finding) for finding in findings]
        yield control("application.unexpected", title, [], listed, ATTENTION if listed else PASS)


def _people(results: Mapping[str, Json]) -> Iterator[Control]:
    for step in USERS:
        notes = [str(note) for note in (results.get(step) or {}).get("notes") or ()]
        if readable(results.get(step)):
            title = "Users of the PBX and of Microsoft 365 match"
            yield control(f"users.{step}", title, [], notes, ATTENTION if notes else PASS)


def _consent(desired: Json, result: Json | None) -> Iterator[Control]:
    if not readable(result):
        return
    known = result or {}
    for kind in consent.KINDS:
        yield from _granted(desired, known, kind)
    yield from _who_consented(known)
    unneeded = consent.labels(known, "unneeded")
    if unneeded:
        # What is there besides is kept, and who keeps it on purpose shall not be warned of it each night.
        reason = "no setting that is on needs them; kept, because entra_app_exclusive is not set"
        yield control("consent.unneeded", "Permissions that nothing needs", None, unneeded, PASS, reason)
    of_users = consent.of_single_users(known)
    if of_users:
        title = "Permissions that single users have granted"
        reason = "they hold for these users alone; a rollout keeps them"
        yield control("consent.single_users", title, None, of_users, PASS, reason)


def _granted(desired: Json, known: Json, kind: consent.Kind) -> Iterator[Control]:
    names = consent.permissions(known, kind)
    asked = [consent.name_of(permission) for permission in desired.get(kind.option) or ()]
    # Where they follow from the settings, what is granted besides is desired by nobody.
    asked = asked or [name for name in [*names.granted, *names.missing] if name not in names.unneeded]
    if asked or names.granted:
        reason = f"missing: {', '.join(names.missing)}" if names.missing else ""
        result = FAIL if names.missing else PASS
        yield control(f"consent.{kind.values}", kind.title, asked, names.granted, result, reason)


def _who_consented(known: Json) -> Iterator[Control]:
    """That nobody could read what users have granted, and that who has granted anything stands elsewhere."""
    for reason in known.get("not_readable") or ():
        yield control(
            f"consent.{consent.DELEGATED.values}", consent.DELEGATED.title, None, None, NOT_CHECKED, str(reason)
        )
    if known.get("consents"):
        yield control("consent.granted_by", "Who has consented", None, None, NOT_CHECKED, _AUDIT_LOG)


def _settings(desired: Json, result: Json | None) -> Iterator[Control]:
    if not readable(result):
        return
    before = changed(result, "settings")
    for option in ("application_id", "tenant_id"):
        if desired.get(option):
            title = "Application of the PBX" if option == "application_id" else "Tenant of the PBX"
            yield _compared(f"settings.{option}", title, desired[option], before.get(option), option in before)
    for group, group_title in _GROUPS.items():
        for path, value in _leaves(desired.get(group) or {}):
            name = f"{group}.{path}"
            title = f"{group_title}: {path.replace('_', ' ').replace('.', ', ')}"
            yield _compared(f"settings.{name}", title, value, before.get(name), name in before)


def _leaves(tree: Json, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if value is None or name in _NO_SETTING or name.endswith("_exclusive"):
            continue
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _works(results: Mapping[str, Json]) -> Iterator[Control]:
    status = next(
        (results[step]["status"] for step in ("settings", "pbx") if (results.get(step) or {}).get("status")), None
    )
    if status is not None:
        good = bool(status.get("ok"))
        reason = "" if good else str(status.get("message") or "the PBX reports no reason")
        yield control("integration.works", "Microsoft 365 works on the PBX", True, good, PASS if good else FAIL, reason)
    sign_in = results.get("sign_in")
    title = "Entra and the PBX are ready for a sign-in"
    if sign_in is None:
        yield control(
            "sign_in.ready", title, None, None, NOT_CHECKED, "nothing asked for it, or an earlier check failed"
        )
    else:
        good = bool(sign_in.get("ok")) and not sign_in.get("failed")
        reason = "" if good else str(sign_in.get("msg") or _verdicts(sign_in))
        yield control("sign_in.ready", title, True, good, PASS if good else FAIL, reason)


def _verdicts(sign_in: Json) -> str:
    sides = ((name, sign_in.get(name) or {}) for name in ("entra", "pbx"))
    return "; ".join(
        f"{name}: {side.get('message') or side.get('verdict')}" for name, side in sides if not side.get("ok", True)
    )


def readable(result: Json | None) -> bool:
    """Whether the step was taken and did not fail."""
    return bool(result) and not (result or {}).get("failed")


def changed(result: Json | None, target: str) -> dict[str, Any]:
    """What is there today where it is not as desired, by field."""
    changes: Sequence[Json] = (result or {}).get("changes") or ()
    return {str(change.get("field")): change.get("before") for change in changes if change.get("target") == target}


def _compared(name: str, title: str, desired: Any, before: Any, differs: bool) -> Control:
    if not differs:
        return control(name, title, desired, desired, PASS)
    return control(name, title, desired, before, FAIL, _difference(desired, before))


def _difference(desired: Any, before: Any) -> str:
    if not isinstance(desired, list):
        return ""
    present: Iterable[Any] = before if isinstance(before, (list, tuple)) else ()
    missing = [str(item) for item in desired if item not in present]
    return f"missing: {', '.join(missing)}" if missing else ""
