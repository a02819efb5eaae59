# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a flow has come through: healed, failed clearly, failed unclearly, corrupted; and why."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from ansible_collections.tcx.m365.tests.faults.ground import FOREIGN_URI, NEIGHBOR, TARGET, TOKEN, Ground, Ran
from tcx_lab import hostile
from tcx_lab.pbx import state_of

Json = dict[str, Any]

HEALED, CLEAR, UNCLEAR, CORRUPTED = "healed", "failed clearly", "failed unclearly", "corrupted"

_PYTHON = re.compile(
    r"Traceback|\b[A-Z]\w*(?:Error|Exception|Warning)\b(?<!UnknownError)|\bNone\b|\w+\.py\b|\[Errno|_ssl\.c|"
    r"urllib3|\bobject at 0x|NoneType|\bself\.|b'|<class|\bKeyError|IncompleteRead"
)
_RAW = re.compile(r"<(?:html|!doctype|h1|body)|\{[\"']|\\x[0-9a-f]{2}|\\n", re.IGNORECASE)
_STUMBLING = re.compile(
    r"Could not \w+ing\b|Could not (?:be|was)\b|(\bEntra) (?:says|answered):? \1|the PBX says the PBX|\b(\w+) \2\b|\.\.(?!\.)|: :|"
    r"  |\(\)|unexpected error|Unexpected error|without an explanation\)|terminated unexpectedly"
)


def secrets_of(made: Ground) -> list[str]:
    """Everything that must never be shown."""
    world = made.world
    assert world.automation is not None
    found = [world.automation.client_secret]
    found += [pbx.client_secret for pbx in world.pbxs.values()] + [pbx.admin.password for pbx in world.pbxs.values()]
    found += [
        each["secretText"] for tenant in world.tenants.values() for some in tenant.secrets.values() for each in some
    ]
    return [each for each in found if each]


def faults_of_sentence(sentence: str, secrets: list[str]) -> list[str]:
    """What an operator would not understand, or must not see."""
    found = []
    for pattern, what in ((_PYTHON, "Python"), (_RAW, "raw data"), (_STUMBLING, "a stumbling sentence")):
        match = pattern.search(sentence)
        if match:
            found.append(f"{what}: {match.group(0)!r}")
    if TOKEN.search(sentence) or any(each in sentence for each in secrets):
        found.append("a secret")
    if len(sentence) > 900:
        found.append(f"{len(sentence)} characters")
    if len(sentence) < 40:
        found.append("too short to help")
    return found


def failure_of(ran: Ran) -> str:
    """The sentence with which the flow failed on the PBX; empty when it did not."""
    result = ran.target
    if "crashed" in result:
        return f"crashed: {result['crashed']}"
    if "verdict" in result:
        bad = result["verdict"] in ("failed", "unreachable", "unlicensed")
        return " ".join(result["reasons"]) or "no reason" if bad else ""
    return str(result.get("msg") or "no message") if result.get("failed") else ""


def clear(made: Ground, ran: Ran) -> list[str]:
    """What is wrong with how a failure was told; empty where one sentence says it all."""
    said = failure_of(ran)
    found = faults_of_sentence(said, secrets_of(made))
    whole = json.dumps(ran.results, default=str) + " ".join(ran.said)
    if any(each in whole for each in secrets_of(made)) or TOKEN.search(whole):
        found.append("a secret in the result")
    if "Traceback" in whole:
        found.append("a traceback in the result")
    error = ran.target.get("error") or {}
    if "verdict" not in ran.target:
        found += [f"nothing is said about what was {name}" for name in ("tried",) if not error.get(name)]
        found += ["no remedy"] if not error.get("remedy") else []
        found += ["a fault of the collection"] if error.get("kind") == "unexpected" else []
    return found


def picture(made: Ground) -> Json:
    """What the flows are there for, without ids and times."""
    names = {each["appId"]: each["uniqueName"] or each["displayName"] for each in made.tenant.applications.values()}
    applications = sorted(
        (
            str(each["uniqueName"] or each["displayName"]),
            {
                "redirect_uris": sorted(each["web"]["redirectUris"]),
                "keys": sorted(str(key["customKeyIdentifier"]) for key in each["keyCredentials"]),
                "tags": sorted(each["tags"]),
                "id_tokens": each["web"]["implicitGrantSettings"]["enableIdTokenIssuance"],
                "declared": len(each["requiredResourceAccess"]),
                "granted": sorted(hostile.granted_roles(made.world, made.tenant, each["appId"])),
            },
        )
        for each in made.tenant.applications.values()
    )
    pbxs = {}
    for host in (TARGET, NEIGHBOR):
        settings = state_of(made.world, made.pbx(host)).m365
        pbxs[host] = {**settings, "ApplicationId": names.get(settings["ApplicationId"], settings["ApplicationId"])}
    return json.loads(json.dumps({"applications": applications, "pbxs": pbxs}, default=str, sort_keys=True))


def foreign(made: Ground) -> Json:
    """What belongs to others: their applications, their principals and rights, and their address in ours."""
    ours = made.application()
    mine = {str(each["uniqueName"]) for each in made.tenant.applications.values()} & {f"3cx-{TARGET}"}
    kept = {
        key: each
        for key, each in made.tenant.applications.items()
        if str(each["uniqueName"]) not in mine and each is not ours
    }
    ids = {each["appId"] for each in kept.values()}
    principals = {key: each for key, each in made.tenant.service_principals.items() if each["appId"] in ids}
    grants = {k: v for k, v in made.tenant.app_role_assignments.items() if v["principalId"] in principals}
    return {"applications": kept, "principals": sorted(principals), "grants": grants, "address": has_foreign(made)}


def has_foreign(made: Ground) -> bool:
    return any(FOREIGN_URI in each["web"]["redirectUris"] for each in made.tenant.applications.values())


def duplicates(made: Ground) -> list[str]:
    """Objects that are there more than once."""
    tenant = made.tenant
    found = Counter(str(each["uniqueName"] or each["displayName"]) for each in tenant.applications.values())
    found.update(f"principal of {each['appId']}" for each in tenant.service_principals.values())
    found.update(f"right {v['principalId']} {v['appRoleId']}" for v in tenant.app_role_assignments.values())
    for each in tenant.applications.values():
        found.update(f"key {each['appId']} {key['customKeyIdentifier']}" for key in each["keyCredentials"])
        found.update(f"address {each['appId']} {uri}" for uri in each["web"]["redirectUris"])
    return [name for name, count in found.items() if count > 1]


def faults_of_quiet(made: Ground, ran: Ran) -> list[str]:
    """What a run that came through has shown and should not have."""
    whole = json.dumps(ran.results, default=str) + " ".join(ran.said)
    found = ["a secret in the result"] if TOKEN.search(whole) or any(each in whole for each in secrets_of(made)) else []
    return found + (["Python in the result"] if re.search(r"Traceback|\[Errno|_ssl\.c", whole) else [])
