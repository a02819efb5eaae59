# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the tcx.m365 collection: no stable interface, may change in any release.

"""Several partial results of one PBX (batches of `serial`, several tasks) become one, without losing a finding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Callable

from .values import canonical
from .verdicts import COMPLIANT, SEVERITY, worst

_TEXTS = ("version", "edition", "tenant_id", "application_id", "url")


def merge_plain_results(partials: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Entries of compliance.json of one host as one entry. ValueError for none, or for more than one host."""
    hosts = sorted({partial["host"] for partial in partials})
    if len(hosts) != 1:
        raise ValueError(f"Only results of one host can be merged; got {', '.join(hosts) if hosts else 'none'}.")
    verdict = worst([partial["verdict"] for partial in partials])
    # The worst part speaks first; a part that found everything in order has nothing to add to the others.
    by_weight = sorted(partials, key=lambda partial: -SEVERITY[partial["verdict"]])
    speakers = [partial for partial in by_weight if verdict == COMPLIANT or partial["verdict"] != COMPLIANT]
    merged: dict[str, Any] = {
        "host": hosts[0],
        "verdict": verdict,
        "reasons": _union(speaker["reasons"] for speaker in speakers),
        "changes": sorted(_union(partial["changes"] for partial in partials), key=_change_order),
        "certificates": _certificates(partials),
        "unmanaged": _deep([partial["unmanaged"] for partial in partials]),
        "remedies": _union(speaker["remedies"] for speaker in speakers),
        "consent": {
            part: sorted(_union(partial["consent"][part] for partial in partials)) for part in ("missing", "unneeded")
        },
        "status": _deep([partial["status"] for partial in partials], join_lists=False),
    }
    for name in _TEXTS:
        merged[name] = next((partial[name] for partial in reversed(partials) if partial[name]), "")
    return merged


def _union(lists: Iterable[list[Any]], key: Callable[[Any], str] = canonical) -> list[Any]:
    found: dict[str, Any] = {}
    for items in lists:
        for item in items:
            found.setdefault(key(item), item)
    return list(found.values())


def _change_order(change: dict[str, Any]) -> Any:
    return (change["target"], change["field"], canonical(change))


def _certificates(partials: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for partial in partials:
        for certificate in partial["certificates"]:
            thumbprint = str(certificate.get("thumbprint") or "").upper()
            key = thumbprint or canonical(certificate)
            known = {name: value for name, value in certificate.items() if value not in (None, "")}
            found[key] = {**found.get(key, certificate), **known}
    return sorted(found.values(), key=lambda one: (str(one.get("not_after") or "9999"), canonical(one)))


def _deep(parts: Sequence[Any], join_lists: bool = True) -> Any:
    """Mappings key by key, lists joined; otherwise the last value that says something. Of values that differ in kind,
    those of the kind of the last one are heard."""
    said = [part for part in parts if part is not None]
    last = said[-1] if said else None
    if isinstance(last, dict):
        mappings = [part for part in said if isinstance(part, dict)]
        keys = sorted({key for mapping in mappings for key in mapping})
        return {key: _deep([one[key] for one in mappings if key in one], join_lists) for key in keys}
    if join_lists and isinstance(last, list):
        return _union(part for part in said if isinstance(part, list))
    return last
