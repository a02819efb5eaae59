# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the page knows of each PBX: short texts, ready to be shown, so that the script in it has nothing to decide."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible

from .as_csv import owner_text, since_earlier
from .certificates import CertificateEnd
from .consents import consents_by_label, consents_text
from .model import Report
from .values import Difference, Limits, all_differences, flat_items, shorten, shown_items
from .verdicts import LABELS, SEVERITY, VERDICTS
from .wording import days_text


def page_data(report: Report, limits: Limits) -> dict[str, Any]:
    """The data of the page. Keys that would be empty are left out of the entries."""
    since = since_earlier(report)
    hosts = [_host(report, entry, since.get(entry["host"], ""), limits) for entry in report.hosts]
    return {
        "labels": LABELS,
        "severity": {verdict: SEVERITY[verdict] for verdict in VERDICTS},
        "tenants": _tenants(report),
        "controls": _shared_controls(hosts),
        "hosts": hosts,
    }


def _shared_controls(hosts: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The controls that several PBXs have in the same words; each PBX is left with their places in this list.

    Of two thousand PBXs most have the same desired value of everything, and what was found is that.
    """
    numbers = Counter(_key(control) for host in hosts for control in host.get("controls", ()))
    places: dict[tuple[str, ...], int] = {}
    shared: list[dict[str, str]] = []
    for host in hosts:
        kept: list[Any] = []
        for control in host.get("controls", ()):
            key = _key(control)
            if numbers[key] > 1 and key not in places:
                places[key] = len(shared)
                shared.append(control)
            kept.append(places.get(key, control))
        if kept:
            host["controls"] = kept
    return shared


def _key(control: dict[str, str]) -> tuple[str, ...]:
    return tuple(control.get(name, "") for name in ("title", "desired", "found", "result", "reason"))


def script_json(data: Any) -> str:
    """JSON that can stand inside a script element: nothing in it can end the element or open a comment."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _tenants(report: Report) -> list[list[Any]]:
    """Tenant, number of its PBXs, and its name, ordered by name; two of one name have their ids behind it."""
    numbers = Counter(entry["tenant_id"] for entry in report.hosts if entry["tenant_id"])
    names = {tenant["tenant_id"]: tenant["tenant_name"] for tenant in report.aggregates["tenants"]}
    shared = Counter(names.values())
    told = {
        tenant: f"{name}, {tenant}" if name and shared[name] > 1 else name or tenant for tenant, name in names.items()
    }
    order = sorted(numbers, key=lambda tenant: (told[tenant].casefold(), tenant))
    return [[visible(tenant), numbers[tenant], visible(told[tenant])] for tenant in order]


def _host(report: Report, entry: dict[str, Any], since: str, limits: Limits) -> dict[str, Any]:
    shown = all_differences(entry["changes"], limits)
    certificates = report.certificates_of(entry)
    data = {
        "host": visible(entry["host"]),
        "verdict": entry["verdict"],
        "url": visible(entry["url"]),
        "tenant": visible(entry["tenant_id"]),
        "app": visible(entry["application_id"]),
        "version": visible(entry["version"]),
        "edition": visible(entry["edition"]),
        "tenantName": visible(entry["tenant_name"]),
        "reasons": _texts(entry["reasons"], limits),
        "attention": _texts(entry["attention"], limits),
        "controls": [_control(control, limits) for control in entry["controls"]],
        "granted": shown_items(entry["granted_permissions"], limits),
        "consents": [
            [visible(shorten(label, limits.characters)), consents_text(consents)]
            for label, consents in list(consents_by_label(entry["consents"]).items())[: limits.items]
        ],
        "uris": shown_items(entry["redirect_uris"], limits),
        "credentials": [_credential(credential, limits) for credential in entry["credentials"][: limits.items]],
        "owners": _texts([owner_text(owner) for owner in entry["owners"]], limits),
        "changes": [_difference(difference) for difference in shown[: limits.differences]],
        "changesLeft": max(0, len(shown) - limits.differences),
        "count": len(shown),
        "certs": [_certificate(certificate, limits) for certificate in certificates[: limits.items]],
        "missing": shown_items(entry["consent"]["missing"], limits),
        "unneeded": shown_items(entry["consent"]["unneeded"], limits),
        "unmanaged": _pairs(entry["unmanaged"], limits),
        "status": _pairs(_in_words(entry["status"]), limits),
        "remedies": _texts(entry["remedies"], limits),
        "since": since,
    }
    return {key: value for key, value in data.items() if value not in ("", [], 0)}


def _texts(texts: list[str], limits: Limits) -> list[str]:
    # A sentence gets more room than a value: its end often holds what to do.
    return [shorten(visible(text), 3 * limits.characters) for text in texts[: limits.items]]


def _in_words(status: dict[str, Any]) -> dict[str, Any]:
    """The status with a word for what its names and values mean to a program."""
    words = {True: "yes", False: "no"}
    return {
        "works" if name == "ok" else name: words[value] if isinstance(value, bool) else value
        for name, value in status.items()
    }


def _pairs(mapping: dict[str, Any], limits: Limits) -> list[list[Any]]:
    pairs = flat_items(mapping)[: limits.items]
    return [[shorten(visible(path.replace("_", " ")), 120), shown_items(items, limits)] for path, items in pairs]


def _control(control: dict[str, Any], limits: Limits) -> dict[str, str]:
    data = {
        "title": visible(control["title"]),
        "desired": _value(control["desired"], limits),
        "found": _value(control["found"], limits),
        "result": control["result"],
        "reason": shorten(visible(control["reason"]), limits.characters),
    }
    return {key: value for key, value in data.items() if value}


def _value(value: Any, limits: Limits) -> str:
    """A JSON value on one line; nothing where the control has none."""
    if value is None:
        return ""
    items = value if isinstance(value, list) else [value]
    return shorten(", ".join(shown_items(items, limits)), limits.characters) if items else "none"


def _credential(credential: dict[str, Any], limits: Limits) -> dict[str, str]:
    texts = {
        name: shorten(visible(str(credential.get(name) or "")), limits.characters) for name in ("kind", "name", "owner")
    }
    return {**texts, "expires": visible(str(credential.get("expires") or ""))[:10]}


def _difference(difference: Difference) -> dict[str, Any]:
    path = shorten(difference.path, 160)
    if not difference.is_set:
        return {"path": path, "before": difference.before, "after": difference.after}
    return {"path": path, "removed": difference.removed, "added": difference.added, "kept": difference.kept}


def _certificate(certificate: CertificateEnd, limits: Limits) -> dict[str, Any]:
    data = {
        "thumbprint": shorten(visible(certificate.thumbprint), limits.characters),
        "name": shorten(visible(certificate.name), limits.characters),
        "ends": certificate.day,
        "days": certificate.days_left,
        "left": days_text(certificate.days_left),
        "state": certificate.state,
        "superseded": certificate.superseded,
    }
    return {key: value for key, value in data.items() if value not in ("", None, False)}
