# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the page knows of each PBX: short texts, ready to be shown, so that the script in it has nothing to decide."""

from __future__ import annotations

import json
from array import array
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible

from .as_csv import owner_text, since_earlier
from .certificates import CertificateEnd
from .consents import consents_by_label, consents_text
from .model import Report
from .values import Difference, Limits, all_differences, flat_items, shorten, shown_items
from .verdicts import LABELS, SEVERITY, VERDICTS
from .wording import days_text


def data_parts(report: Report, limits: Limits) -> Iterator[str]:
    """The data of the page as JSON, PBX by PBX. Keys that would be empty are left out of the entries."""
    since = since_earlier(report)
    controls = _Controls()
    # As text each: of a large fleet the same as objects take several times as much.
    hosts = deque(
        _Host.of(_host(report, entry, since.get(entry["host"], ""), limits), controls) for entry in report.hosts
    )
    head = {
        "labels": LABELS,
        "severity": {verdict: SEVERITY[verdict] for verdict in VERDICTS},
        "tenants": _tenants(report),
        "controls": controls.shared(),
    }
    yield f'{script_json(head)[:-1]},"hosts":['
    lead = ""
    while hosts:
        yield f"{lead}{hosts.popleft().text(controls)}"
        lead = ","
    yield "]}"


class _Controls:
    """The controls of all PBXs, each once. Those that several PBXs have in the same words stand before the PBXs, which are left
    with their places.

    Of two thousand PBXs most have the same desired value of everything, and what was found is that.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._times: Counter[int] = Counter()
        self._texts: list[str] = []

    def number(self, control: Mapping[str, str]) -> int:
        """By which it is known here."""
        text = script_json(control)
        number = self._numbers.setdefault(text, len(self._texts))
        if number == len(self._texts):
            self._texts.append(text)
        self._times[number] += 1
        return number

    def shared(self) -> list[dict[str, str]]:
        """What stands before the PBXs; from now on :meth:`text` knows the places."""
        several = [number for number in range(len(self._texts)) if self._times[number] > 1]
        told = [json.loads(self._texts[number]) for number in several]
        for place, number in enumerate(several):
            self._texts[number] = str(place)
        return told

    def text(self, number: int) -> str:
        """A control as it stands at its PBX."""
        return self._texts[number]


class _Host(NamedTuple):
    """One PBX as JSON, but for its controls."""

    before: bytes
    controls: array[int]
    after: bytes

    @classmethod
    def of(cls, data: dict[str, Any], controls: _Controls) -> _Host:
        """What is told of a PBX; its controls are kept with all others."""
        names = list(data)
        place = names.index("controls") if "controls" in data else len(names)
        before, after = ({name: data[name] for name in some} for some in (names[:place], names[place + 1 :]))
        numbers = array("I", [controls.number(control) for control in data.get("controls", ())])
        start, end = (script_json(some)[1:-1].encode("utf-8") for some in (before, after))
        return cls(start, numbers, end)

    def text(self, controls: _Controls) -> str:
        """The whole of it as JSON."""
        own = f'"controls":[{",".join(map(controls.text, self.controls))}]' if self.controls else ""
        return f"{{{','.join(filter(None, (self.before.decode('utf-8'), own, self.after.decode('utf-8'))))}}}"


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
