# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the tcx.m365 collection: no stable interface, may change in any release.

"""The compliance report as data: one result per PBX, the fleet's summary, and the exact content of compliance.json."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common import dates

from .certificates import CertificateEnd, days_left, host_certificates, parse_moment
from .comparison import SCHEMA_VERSION, compare
from .merging import merge_plain_results
from .values import canonical, optional_text, plain, plain_text
from .verdicts import COMPLIANT, VERDICTS, check_verdict, default_reasons, default_remedies


@dataclass
class HostResult:
    """What one compliance run found about one PBX.

    Shapes: `reasons` and `remedies` are sentences; `changes` are `{target, field, before, after}` with any JSON in before and after;
    `certificates` are `{thumbprint, not_after, days_left, display_name?}` (ISO 8601 UTC, whole days); `consent` is
    `{missing: [names], unneeded: [names]}`; `unmanaged` and `status` are free mappings. ValueError for an unknown verdict.
    """

    host: str
    verdict: str
    reasons: list[str] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    certificates: list[dict[str, Any]] = field(default_factory=list)
    unmanaged: dict[str, Any] = field(default_factory=dict)
    version: str | None = ""
    edition: str | None = ""
    remedies: list[str] = field(default_factory=list)
    consent: dict[str, list[str]] = field(default_factory=dict)
    tenant_id: str | None = ""
    application_id: str | None = ""
    status: dict[str, Any] = field(default_factory=dict)
    url: str | None = ""

    def __post_init__(self) -> None:
        check_verdict(self.verdict)

    @classmethod
    def from_dict(cls, result: Mapping[str, Any]) -> HostResult:
        """From a mapping with the same keys, as one entry of compliance.json; unknown keys are ignored."""
        names = {known.name for known in fields(cls)}
        return cls(**{key: value for key, value in result.items() if key in names and value is not None})

    def to_dict(self) -> dict[str, Any]:
        """The entry of compliance.json: plain JSON data, every key present, lists without doubles."""
        consent = plain(self.consent or {})
        return {
            "host": plain_text(self.host),
            "verdict": plain_text(self.verdict),
            "reasons": _sentences(self.reasons),
            "changes": [_change(change) for change in self.changes or []],
            "certificates": [dict(plain(certificate)) for certificate in self.certificates or []],
            "unmanaged": dict(plain(self.unmanaged or {})),
            "version": optional_text(self.version),
            "edition": optional_text(self.edition),
            "remedies": _sentences(self.remedies),
            "consent": {"missing": _names(consent.get("missing")), "unneeded": _names(consent.get("unneeded"))},
            "tenant_id": optional_text(self.tenant_id),
            "application_id": optional_text(self.application_id),
            "status": dict(plain(self.status or {})),
            "url": optional_text(self.url),
        }


@dataclass(frozen=True)
class Report:
    """A finished report. `hosts` are the entries of compliance.json, one per PBX, ordered by host name."""

    generated_at: str
    hosts: tuple[dict[str, Any], ...]
    run: dict[str, Any]
    comparison: dict[str, Any] | None = None

    @classmethod
    def build(
        cls,
        hosts: Iterable[HostResult],
        generated_at: datetime,
        run: Mapping[str, Any] | None = None,
        compare_with: Mapping[str, Any] | None = None,
    ) -> Report:
        """Every PBX once: several results of one host are merged. A time without zone is taken as UTC.

        `compare_with` is the content of an earlier compliance.json; ValueError when it is something else.
        """
        moment = dates.iso(generated_at)
        partials: dict[str, list[dict[str, Any]]] = {}
        for result in hosts:
            entry = result.to_dict()
            partials.setdefault(entry["host"], []).append(entry)
        entries = tuple(_finished(merge_plain_results(partials[host]), moment) for host in sorted(partials))
        report = cls(generated_at=moment, hosts=entries, run=dict(plain(run or {})))
        return report.compared_with(compare_with) if compare_with is not None else report

    def compared_with(self, earlier: Mapping[str, Any]) -> Report:
        """The same report with a comparison to an earlier compliance.json."""
        return Report(self.generated_at, self.hosts, self.run, compare(earlier, self.to_dict()))

    @property
    def summary(self) -> dict[str, int]:
        """Number of PBXs in all and by verdict."""
        counts = {verdict: sum(1 for entry in self.hosts if entry["verdict"] == verdict) for verdict in VERDICTS}
        return {"total": len(self.hosts), **counts}

    @property
    def all_compliant(self) -> bool:
        """True when no PBX has any other verdict."""
        return all(entry["verdict"] == COMPLIANT for entry in self.hosts)

    @property
    def moment(self) -> datetime:
        """`generated_at` as a time in UTC."""
        return parse_moment(self.generated_at)

    def certificates_of(self, entry: dict[str, Any]) -> list[CertificateEnd]:
        """The certificates of one entry of `hosts`, the next end first."""
        return host_certificates(entry["host"], entry["certificates"], self.moment)

    def to_dict(self) -> dict[str, Any]:
        """The content of compliance.json (see compliance.schema.json)."""
        content: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "generated_at": self.generated_at,
            "summary": self.summary,
            "hosts": list(self.hosts),
            "run": self.run,
        }
        if self.comparison is not None:
            content["comparison"] = self.comparison
        return content


def merge_host_results(partials: Iterable[HostResult]) -> HostResult:
    """Several results of one PBX as one: the worst verdict wins, findings are joined.

    Order of verdicts: failed > unreachable > unlicensed > drifted > compliant. What a compliant part said is dropped when the whole is
    not compliant. ValueError for no results or for results of different hosts.
    """
    return HostResult.from_dict(merge_plain_results([partial.to_dict() for partial in partials]))


def _finished(entry: dict[str, Any], moment: str) -> dict[str, Any]:
    verdict, now = entry["verdict"], parse_moment(moment)
    certificates = [
        {"thumbprint": "", "not_after": "", **certificate, "days_left": days_left(certificate, now)}
        for certificate in entry["certificates"]
    ]
    return {
        **entry,
        "reasons": entry["reasons"] or default_reasons(verdict),
        "certificates": certificates,
        "remedies": entry["remedies"] or default_remedies(verdict, entry["host"]),
    }


def _change(change: Mapping[str, Any]) -> dict[str, Any]:
    content = dict(plain(change))
    return {
        **content,
        "target": optional_text(content.get("target")),
        "field": optional_text(content.get("field")),
        "before": content.get("before"),
        "after": content.get("after"),
    }


def _sentences(texts: Any) -> list[str]:
    everything = [texts] if isinstance(texts, str) else list(texts or [])
    return list(dict.fromkeys(text for text in (optional_text(one).strip() for one in everything) if text))


def _names(value: Any) -> list[str]:
    names = [value] if isinstance(value, str) else list(value or [])
    return sorted({name if isinstance(name, str) else canonical(name) for name in names})
