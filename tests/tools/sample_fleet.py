# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes up a fleet for the compliance report: any number of PBXs with every verdict, the same for the same seed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import HostResult, Report

GENERATED_AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
RUN = {
    "playbook": "tcx.m365.compliance",
    "check_mode": True,
    "limit": None,
    "duration_s": 48.7,
    "inventory": ["inventory/production.yml"],
}

_FIRST = "alder amber aspen atlas birch bridge cedar cliff coral delta ember falcon garnet harbor iris jade kestrel linden maple north".split()
_SECOND = "bakery clinic dental estates foods freight gardens hotels law logistics media motors optics partners pharma press tools".split()
_PERMISSIONS = ["Calendars.Read", "Contacts.Read", "Mail.Send", "User.Read.All"]
_VERSIONS = ["20.0.10.1082", "20.0.10.1082", "20.0.9.944", "20.0.8.1121"]
_EDITIONS = ["Enterprise", "Professional", "Professional"]


def sample_hosts(count: int, seed: int = 7) -> list[HostResult]:
    """About 78 % compliant, 12 % drifted, the rest failed, unreachable and unlicensed; each verdict at least once from 10 on."""
    rng = random.Random(seed)
    return [_host(rng, number, _verdict(number)) for number in range(count)]


def sample_report(count: int, seed: int = 7, compared: bool = True) -> Report:
    """A report of such a fleet, compared with one of a week before."""
    hosts = sample_hosts(count, seed)
    report = Report.build(hosts, generated_at=GENERATED_AT, run=RUN).of_tenants(_tenants(hosts))
    if not compared:
        return report
    report = report.compared_with(earlier_report(hosts, seed).to_dict())
    return report.after(_runs_before(report))


def _tenants(hosts: list[HostResult]) -> list[dict[str, Any]]:
    """Most have consented; every ninth has not, and every seventh to less than the automation needs."""
    rights = ["Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All"]
    rows = []
    for host in (each for each in hosts if each.tenant_id):
        number = int(str(host.tenant_id).replace("-", "")[-6:], 16)
        state = "not_consented" if number % 9 == 0 else "missing_rights" if number % 7 == 0 else "ready"
        held = {"not_consented": [], "missing_rights": rights[:1]}.get(state, rights)
        row = {
            "tenant_id": host.tenant_id,
            "name": host.tenant_name,
            "hosts": [host.host],
            "state": state,
            "rights": held,
        }
        row["missing"] = rights[1:] if state == "missing_rights" else []
        row["consented"] = state != "not_consented"
        row["app_id"] = "0b7d3c1e-7b0e-4b7e-8a0e-2f1d3c4b5a69"
        row["credential"] = (
            {"app_id": row["app_id"], "kind": "certificate", "expires": "2027-06-01T00:00:00Z"} if held else None
        )
        row["consent_url"] = (
            f"https://login.microsoftonline.com/{host.tenant_id}/adminconsent?client_id={row['app_id']}"
        )
        row["reason"] = "" if held else "No administrator of the tenant has consented to the automation's application."
        rows.append(row)
    return rows


def _runs_before(report: Report) -> list[dict[str, Any]]:
    """Seven weeks in which the fleet became better."""
    total = report.summary["total"]
    return [
        {
            "generated_at": (GENERATED_AT - timedelta(weeks=week)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "total": total,
            "compliant": max(0, report.summary["compliant"] - week * total // 40),
            "attention": min(week, total - report.summary["compliant"]),
            "certificates_due": 2 + week // 2,
        }
        for week in range(7, 0, -1)
    ]


def earlier_report(hosts: list[HostResult], seed: int = 7) -> Report:
    """The same fleet a week before: some drift was not there yet, some is resolved by now, a few PBXs were added or removed."""
    rng = random.Random(seed + 1)
    before: list[HostResult] = []
    for number, now in enumerate(hosts):
        if number % 37 == 36:
            continue
        if now.verdict == "compliant":
            verdict = "drifted" if number % 29 == 5 else "compliant"
        else:
            verdict = "compliant" if number % 2 else now.verdict
        before.append(_host(rng, number, verdict))
    before.append(HostResult("zenith-optics", "compliant"))
    return Report.build(before, generated_at=GENERATED_AT - timedelta(days=7), run=RUN)


def _verdict(number: int) -> str:
    return {
        3: "drifted",
        5: "unreachable",
        8: "unlicensed",
        12: "failed",
        17: "drifted",
        21: "drifted",
        26: "drifted",
        30: "broken",
        33: "drifted",
    }.get(number % 40, "compliant")


def _guid(rng: random.Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def _thumbprint(rng: random.Random) -> str:
    return f"{rng.getrandbits(160):040X}"


def host_name(number: int) -> str:
    """`cedar-clinic`, and `cedar-clinic-2` once the names are used up."""
    turn, place = divmod(number, len(_FIRST) * len(_SECOND))
    name = f"{_FIRST[place * 7 % len(_FIRST)]}-{_SECOND[(place * 5 + place // len(_FIRST)) % len(_SECOND)]}"
    return f"{name}-{turn + 1}" if turn else name


def _certificates(rng: random.Random, number: int) -> list[dict[str, Any]]:
    days = [rng.randint(40, 730)]
    if number % 40 in (14, 33):
        days = [-rng.randint(1, 20)]
    elif number % 20 == 9:
        days = [rng.randint(1, 28)]
    elif number % 8 == 6:
        days = [rng.randint(2, 200), rng.randint(500, 730)]
    return [
        {
            "thumbprint": _thumbprint(rng),
            "not_after": (GENERATED_AT + timedelta(days=left, hours=5)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "days_left": left,
            "display_name": "3CX public_key.pem",
        }
        for left in days
    ]


def _host(rng: random.Random, number: int, verdict: str) -> HostResult:
    name = host_name(number)
    result = HostResult(host=name, verdict=verdict, url=f"https://{name}.example.com:5001")
    result.tenant_id = _guid(random.Random(number // 2 if number % 10 < 2 else number + 5000))
    if verdict == "unreachable":
        result.reasons = [
            f"The PBX did not answer: connection to {name}.example.com, port 5001, timed out after 30 s, three times."
        ]
        result.remedies = [
            "See that the PBX runs and that its firewall lets the controller in on port 5001.",
            f"Then check this PBX alone: ansible-playbook tcx.m365.compliance -i inventory/production.yml --limit {name}",
        ]
        return result
    result.application_id = _guid(rng)
    result.version, result.edition = rng.choice(_VERSIONS), rng.choice(_EDITIONS)
    result.certificates = _certificates(rng, number)
    result.status = {
        "ok": verdict in ("compliant", "unlicensed"),
        "application_id": result.application_id,
        "subscription": "active",
        "message": "",
    }
    if verdict == "failed":
        result.reasons = [
            "Reading the application in Microsoft Graph was refused: 403 Authorization_RequestDenied "
            f"(request {_guid(rng)}). The automation's own app lacks Application.ReadWrite.OwnedBy in this tenant."
        ]
        result.remedies = [
            "Grant Application.ReadWrite.OwnedBy to the automation's application in this tenant, with admin consent."
        ]
    elif verdict == "unlicensed":
        result.edition = "Standard"
        result.reasons = [
            f"Could not prepare the Microsoft 365 settings ({result.url}); nothing was written: "
            "the license of this PBX is Standard, and tcx_console_contact_sync.enabled needs Professional."
        ]
        result.remedies = ["Upgrade the license, or leave these settings off for this PBX."]
    elif verdict == "broken":
        result.status["message"] = "AADSTS7000112: Application is disabled."
        result.reasons = [f"3CX reports: {result.status['message']}"]
        result.remedies = ["Enable the enterprise application in Entra ID > Enterprise applications > Properties."]
    elif verdict == "drifted":
        _drift(number, result)
    _evidence(rng, number, result)
    if number % 6 == 1:
        result.unmanaged = {
            "application": {
                "redirect_uris": [f"https://{name}.example.com/old-callback"],
                "certificates": [_thumbprint(rng)],
            }
        }
    return result


def _evidence(rng: random.Random, number: int, result: HostResult) -> None:
    """What an auditor asks for: who may do what, with which keys, and how each control came out."""
    result.tenant_name = f"{result.host.split('-')[0].capitalize()} {result.host.split('-')[1].capitalize()} Ltd"
    found = {change["field"]: (change["before"], change["after"]) for change in result.changes}
    usual = ["User.Read.All", *(["Calendars.Read"] if number % 3 else [])]
    result.granted_permissions, permissions = found.get("permissions", (usual, usual))
    result.consents = [
        {"permission": name, "kind": "application", "granted_on": "2026-03-02T09:30:00Z", "user": None}
        for name in result.granted_permissions
    ]
    result.redirect_uris = [f"{result.url}/oauth2office2"]
    result.owners = [{"id": _guid(rng), "name": "3CX automation"}]
    for certificate in result.certificates:
        certificate.update(desired=True, managed=True)
        own = {"kind": "certificate", "name": certificate["display_name"], "expires": certificate["not_after"]}
        result.credentials.append({**own, "owner": "this_pbx"})
    if number % 40 == 24:
        secret = {"kind": "secret", "name": "migration script", "expires": "2027-06-30T00:00:00Z", "owner": "foreign"}
        result.credentials.append(secret)
    result.redirect_uris, uris = found.get("redirect_uris", (result.redirect_uris, result.redirect_uris))
    sign_in = found.get("sign_in.enabled", (True, True))
    unneeded = result.consent.get("unneeded") or []
    result.controls = [
        _control("application.redirect_uris", "Redirect URIs of type Web", uris, result.redirect_uris),
        _control(
            "consent.application_permissions",
            "Granted application permissions",
            [name for name in permissions if name not in unneeded],
            result.granted_permissions,
            "fail" if "permissions" in found else "pass",
        ),
        _control("settings.sign_in.enabled", "Sign-in with Microsoft: enabled", sign_in[1], sign_in[0]),
    ]


def _control(name: str, title: str, desired: Any, found: Any, result: str = "") -> dict[str, Any]:
    result = result or ("pass" if desired == found else "fail")
    return {"id": name, "title": title, "desired": desired, "found": found, "result": result, "reason": ""}


def _drift(number: int, result: HostResult) -> None:
    callback = f"{result.url}/oauth2office2"
    if number % 2:
        old = callback.replace(":5001", ":443")
        result.changes.append({"target": "application", "field": "redirect_uris", "before": [old], "after": [callback]})
        result.reasons.append("The application lacks the redirect URI of the PBX, so that nobody can sign in.")
    if number % 3 == 0:
        granted = [name for name in _PERMISSIONS if name != "Contacts.Read"] + ["Mail.ReadWrite"]
        result.changes.append(
            {"target": "grants", "field": "permissions", "before": granted, "after": [*granted, "Contacts.Read"]}
        )
        result.reasons.append("Consent to Contacts.Read is missing.")
        result.consent = {"missing": ["Contacts.Read"], "unneeded": ["Mail.ReadWrite"]}
    sync = {"enabled": True, "scope": "groups", "photo": True, "groups": ["Phone users"]}
    result.changes.append(
        {"target": "settings", "field": "user_sync", "before": {**sync, "photo": False, "groups": []}, "after": sync}
    )
    result.changes.append({"target": "settings", "field": "sign_in.enabled", "before": False, "after": True})
    result.reasons.append("Signing in with Microsoft is switched off, which differs from the desired value.")
    command = f"ansible-playbook tcx.m365.rollout -i {RUN['inventory'][0]} --limit {result.host}"
    result.remedies = [f"To make the PBX follow the inventory: {command}"]


def hostile_hosts() -> list[HostResult]:
    """Names and values that try to break out of every format the report has."""
    texts = [
        "</script><script>document.title='owned'</script>",
        "<img src=x onerror=\"document.title='owned'\">",
        "\"><svg/onload=alert(1)>' & `code` ${x} {{data}} {{ lookup('env','HOME') }}",
        '=HYPERLINK("http://example.com","x")',
        "@SUM(1+1)*cmd|' /C calc'!A0",
        "-2+3",
        "+1",
        "a|b\\|c `tick` *bold* [link](javascript:alert(1)) # head",
        "\u05e9\u05dc\u05d5\u05dd-\u0645\u0631\u062d\u0628\u0627",
        "gpj\u202etxt.exe",
        "\u65e5\u672c\u8a9e \U0001f4de e\u0301 \ud800 \x00 \x1b[31m",
        "<!-- <script> --> ]]> &amp; \u2028 new\nline\r\nand\ttab",
    ]
    verdicts = ["drifted", "failed", "unreachable", "unlicensed"]
    return [
        HostResult(
            host=f"{text} {number}" if number else text,
            verdict=verdicts[number % 4],
            reasons=[text],
            changes=[
                {"target": text, "field": text, "before": text, "after": [text, {text: text}]},
                {"target": "application", "field": "redirect_uris", "before": [text], "after": [text * 300]},
            ],
            certificates=[{"thumbprint": text, "not_after": text, "days_left": None, "display_name": text}],
            unmanaged={text: {text: [text]}},
            version=text,
            edition=text,
            remedies=[text],
            consent={"missing": [text], "unneeded": [text]},
            tenant_id=text,
            application_id=text,
            status={text: text},
            url="javascript:alert(1)//" + text,
        )
        for number, text in enumerate(texts)
    ]
