# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sums over the fleet: the same cause on many PBXs, versions, and who can do what in which tenant."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.tcx.m365.plugins.module_utils._common.text import without_trace

Entry = Mapping[str, Any]

_ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)
_THUMBPRINT = re.compile(r"\b[0-9A-F]{40,64}\b")
_TIME = re.compile(r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?(?:\.\d+)?Z?)?")

MEANINGS: dict[str, str] = {
    "Application.Read.All": "read every application registration",
    "Calendars.Read": "read the calendars of all users",
    "Calendars.ReadWrite": "read and change the calendars of all users",
    "Contacts.Read": "read the contacts of all users",
    "Contacts.ReadWrite": "read and change the contacts of all users",
    "Directory.Read.All": "read the whole directory",
    "Directory.ReadWrite.All": "change the whole directory",
    "Group.Read.All": "read all groups",
    "GroupMember.Read.All": "read the members of all groups",
    "Mail.Read": "read the mail of all users",
    "Mail.ReadWrite": "read and change the mail of all users",
    "Mail.Send": "send mail as any user",
    "Presence.Read.All": "read the presence of all users",
    "Presence.ReadWrite.All": "set the presence of all users",
    "User.Read.All": "read the profiles of all users",
    "User.ReadWrite.All": "change the profiles of all users",
}
"""What a permission of Microsoft Graph lets an application do, by the permissions reference of Microsoft Graph."""


def aggregates(hosts: Sequence[Entry]) -> dict[str, Any]:
    """`{causes, versions, permissions, tenants}` of the entries of a report, the most frequent first; see compliance.schema.json."""
    return {
        "causes": causes(hosts),
        "versions": versions(hosts),
        "permissions": permissions(hosts),
        "tenants": tenants(hosts),
    }


def causes(hosts: Sequence[Entry]) -> list[dict[str, Any]]:
    """The reasons and the points of attention, each with the PBXs that have it; what differs by PBX alone is left out of the text."""
    shared = shared_sentences(hosts)
    hosts_by_cause: dict[str, list[str]] = {}
    for entry in hosts:
        for text in dict.fromkeys(cause(entry, sentence, shared) for sentence in _sentences(entry)):
            hosts_by_cause.setdefault(text, []).append(entry["host"])
    return [
        {"text": text, "hosts": hosts_by_cause[text]}
        for text in sorted(hosts_by_cause, key=lambda text: (-len(hosts_by_cause[text]), text))
    ]


def shared_sentences(hosts: Iterable[Entry]) -> frozenset[str]:
    """What is said of several PBXs in the same words and names more than one of them: without its own name it would differ."""
    forms: dict[str, set[str]] = {}
    for entry in hosts:
        for sentence in _sentences(entry):
            forms.setdefault(sentence, set()).add(cause(entry, sentence))
    return frozenset(sentence for sentence, differing in forms.items() if len(differing) > 1)


def _sentences(entry: Entry) -> Iterator[str]:
    return map(without_trace, (*entry["reasons"], *entry["attention"]))


def cause(entry: Entry, sentence: str, shared: Container[str] = ()) -> str:
    """A sentence about a PBX without what differs by PBX alone, so that the same one about another PBX reads the same.

    :param shared: sentences that are the same as they are.
    """
    sentence = without_trace(sentence)
    if sentence in shared:
        return sentence
    address = urlsplit(entry["url"]).netloc if "//" in entry["url"] else ""
    for own in (entry["url"], address, address.partition(":")[0]):
        if len(own) > 3:
            sentence = sentence.replace(own, "[address]")
    if len(entry["host"]) > 3:
        sentence = re.sub(rf"(?<![\w.-]){re.escape(entry['host'])}(?![\w-])", "[PBX]", sentence)
    for pattern, word in ((_ID, "[ID]"), (_THUMBPRINT, "[thumbprint]"), (_TIME, "[date]")):
        sentence = pattern.sub(word, sentence)
    return sentence


def versions(hosts: Iterable[Entry]) -> list[dict[str, Any]]:
    """How many PBXs run which version."""
    pbxs = Counter(entry["version"] for entry in hosts)
    return [{"version": version, "pbxs": number} for version, number in _by_number(pbxs)]


def _by_number(numbers: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(numbers.items(), key=lambda pair: (-pair[1], pair[0]))


def permissions(hosts: Sequence[Entry]) -> list[dict[str, Any]]:
    """Per permission: on how many PBXs it is granted, granted without need, and missing."""
    kinds: dict[str, Callable[[Entry], Iterable[str]]] = {
        "granted": lambda entry: entry["granted_permissions"],
        "unneeded": lambda entry: entry["consent"]["unneeded"],
        "missing": lambda entry: entry["consent"]["missing"],
    }
    counted = {kind: Counter(name for entry in hosts for name in names(entry)) for kind, names in kinds.items()}
    everything = sorted({name for counter in counted.values() for name in counter})
    return [
        {"name": name, "meaning": MEANINGS.get(name, ""), **{kind: counted[kind][name] for kind in kinds}}
        for name in everything
    ]


def tenants(hosts: Iterable[Entry]) -> list[dict[str, Any]]:
    """Per tenant its applications that the report has seen: on which PBXs, with which permissions, and how many keys open them."""
    by_id: dict[str, dict[str, Any]] = {}
    for entry in hosts:
        if not entry["tenant_id"]:
            continue
        tenant = by_id.setdefault(
            entry["tenant_id"], {"tenant_id": entry["tenant_id"], "tenant_name": "", "applications": {}}
        )
        tenant["tenant_name"] = tenant["tenant_name"] or entry["tenant_name"]
        if not entry["application_id"]:
            continue
        application = tenant["applications"].setdefault(
            entry["application_id"],
            {"application_id": entry["application_id"], "hosts": [], "permissions": set(), "foreign_credentials": 0},
        )
        application["hosts"].append(entry["host"])
        application["permissions"].update(entry["granted_permissions"])
        foreign = sum(1 for credential in entry["credentials"] if credential.get("owner") == "foreign")
        application["foreign_credentials"] = max(application["foreign_credentials"], foreign)
    return [_tenant(by_id[name]) for name in sorted(by_id)]


def _tenant(tenant: Mapping[str, Any]) -> dict[str, Any]:
    applications = [
        {**application, "permissions": sorted(application["permissions"])}
        for _name, application in sorted(tenant["applications"].items())
    ]
    return {**tenant, "applications": applications}
