# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The compliance report as data: one result per PBX, the fleet's summary, and the exact content of compliance.json."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common import dates

from .aggregates import aggregates
from .attention import attention_of, attention_of_run, attention_of_unfinished, automation_credential, controls_of
from .certificates import CertificateEnd, days_left, host_certificates, parse_moment
from .comparison import SCHEMA_VERSION, compare
from .tenants import tenants_of_hosts
from .values import Common, canonical, optional_text, plain
from .verdicts import ATTENTION, COMPLIANT, check_verdict, default_reasons, default_remedies, summary

TREND_RUNS = 30
"""How many runs a trend tells, the newest last."""

RESULTS = ("pass", "fail", "attention", "not_checked")
"""What a control can come to."""


def _change(change: Mapping[str, Any]) -> dict[str, Any]:
    content = dict(plain(change))
    return {
        **content,
        "target": optional_text(content.get("target")),
        "field": optional_text(content.get("field")),
        "before": content.get("before"),
        "after": content.get("after"),
    }


def _control(control: Mapping[str, Any]) -> dict[str, Any]:
    content = dict(plain(control))
    result = content.get("result")
    if result not in RESULTS:
        raise ValueError(f"'{result}' is no result of a control: expected one of {', '.join(RESULTS)}.")
    return {
        "id": optional_text(content.get("id")),
        "title": optional_text(content.get("title")),
        "desired": content.get("desired"),
        "found": content.get("found"),
        "result": result,
        "reason": optional_text(content.get("reason")),
    }


def _consent(consent: Any) -> dict[str, list[str]]:
    known = plain(consent or {})
    return {"missing": _names(known.get("missing")), "unneeded": _names(known.get("unneeded"))}


def _mapping(value: Any) -> dict[str, Any]:
    return dict(plain(value or {}))


def _mappings(entries: Any) -> list[dict[str, Any]]:
    return [_mapping(entry) for entry in entries or []]


def _sentences(texts: Any) -> list[str]:
    everything = [texts] if isinstance(texts, str) else list(texts or [])
    return list(dict.fromkeys(text for text in (optional_text(item).strip() for item in everything) if text))


def _names(value: Any) -> list[str]:
    names = [value] if isinstance(value, str) else list(value or [])
    return sorted({name if isinstance(name, str) else canonical(name) for name in names})


# How a field stands in compliance.json; those without it are texts.
_SENTENCES, _NAMES = {"convert": _sentences}, {"convert": _names}
_MAPPING, _MAPPINGS = {"convert": _mapping}, {"convert": _mappings}
_CHANGES = {"convert": lambda changes: [_change(change) for change in changes or []]}
_CONTROLS = {"convert": lambda controls: [_control(control) for control in controls or []]}
_OWNERS = {"convert": lambda owners: [plain(owner) for owner in owners or []]}
_CONSENT = {"convert": _consent}


@dataclass
class HostResult:
    """What one compliance run found about one PBX.

    Shapes, all plain JSON: `reasons`, `remedies` and `attention` are sentences; `changes` are `{target, field, before, after}` with any
    JSON in before and after; `controls` are `{id, title, desired, found, result, reason}` with a result of `RESULTS`; `certificates` are
    `{thumbprint, not_after, days_left, display_name?, managed?, desired?}` (ISO 8601 UTC, whole days); `credentials` are `{kind, name,
    expires, owner}` with the owner `this_pbx`, `other_pbx` or `foreign`; `consents` are `{permission, kind, granted_on, user}`;
    `granted_permissions`, `redirect_uris` and `owners` are names; `consent` is `{missing: [names], unneeded: [names]}`;
    `unknown_variables` are `{variable, nearest}`; `adopted` describes an application that a rollout would take over; `unmanaged` and
    `status` are free mappings. ValueError for an unknown verdict.
    """

    host: str
    verdict: str
    reasons: list[str] = field(default_factory=list, metadata=_SENTENCES)
    attention: list[str] = field(default_factory=list, metadata=_SENTENCES)
    changes: list[dict[str, Any]] = field(default_factory=list, metadata=_CHANGES)
    controls: list[dict[str, Any]] = field(default_factory=list, metadata=_CONTROLS)
    certificates: list[dict[str, Any]] = field(default_factory=list, metadata=_MAPPINGS)
    credentials: list[dict[str, Any]] = field(default_factory=list, metadata=_MAPPINGS)
    granted_permissions: list[str] = field(default_factory=list, metadata=_NAMES)
    consents: list[dict[str, Any]] = field(default_factory=list, metadata=_MAPPINGS)
    redirect_uris: list[str] = field(default_factory=list, metadata=_NAMES)
    owners: list[Any] = field(default_factory=list, metadata=_OWNERS)
    consent: dict[str, list[str]] = field(default_factory=dict, metadata=_CONSENT)
    unmanaged: dict[str, Any] = field(default_factory=dict, metadata=_MAPPING)
    adopted: dict[str, Any] = field(default_factory=dict, metadata=_MAPPING)
    unknown_variables: list[dict[str, Any]] = field(default_factory=list, metadata=_MAPPINGS)
    version: str | None = ""
    edition: str | None = ""
    remedies: list[str] = field(default_factory=list, metadata=_SENTENCES)
    tenant_id: str | None = ""
    tenant_name: str | None = ""
    application_id: str | None = ""
    status: dict[str, Any] = field(default_factory=dict, metadata=_MAPPING)
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
        return {
            known.name: known.metadata.get("convert", optional_text)(getattr(self, known.name))
            for known in fields(self)
        }


@dataclass(frozen=True)
class Report:
    """A finished report. `hosts` are the entries of compliance.json, one per PBX, ordered by host name."""

    generated_at: str
    hosts: tuple[dict[str, Any], ...]
    run: dict[str, Any]
    comparison: dict[str, Any] | None = None
    trend: tuple[dict[str, Any], ...] = ()
    tenants: tuple[dict[str, Any], ...] = ()

    @classmethod
    def build(
        cls,
        hosts: Iterable[HostResult | Mapping[str, Any]],
        generated_at: datetime,
        run: Mapping[str, Any] | None = None,
    ) -> Report:
        """Every PBX once: of several results of one host the last one counts. A time without zone is taken as UTC.

        :param hosts: results, or what `HostResult.to_dict` has made of them.
        :param run: what is known about the run; `started_with` are the options of the command line that name its inventory
            and files, for the commands in the remedies; null in a job of a controller.
        """
        moment, known = dates.iso(generated_at), dict(plain(run or {}))
        options = known.pop("started_with", "")
        entries_of = (result.to_dict() if isinstance(result, HostResult) else dict(result) for result in hosts)
        latest = {entry["host"]: entry for entry in entries_of}
        common = Common()
        entries = tuple(_finished(latest[host], moment, options, common) for host in sorted(latest))
        return cls(generated_at=moment, hosts=entries, run=_run(known, moment))

    def of_tenants(self, tenants: Iterable[Mapping[str, Any]]) -> Report:
        """The same report with what the tenants have consented to; a row for each PBX, see `tenants_of_hosts`."""
        return replace(self, tenants=tuple(tenants_of_hosts(tenants, self.moment)))

    def compared_with(self, earlier: Mapping[str, Any]) -> Report:
        """The same report with a comparison to the content of an earlier compliance.json; ValueError when it is something else."""
        return replace(self, comparison=compare(earlier, {"schema_version": SCHEMA_VERSION, "hosts": list(self.hosts)}))

    def after(self, points: Sequence[Mapping[str, Any]]) -> Report:
        """The same report with the trend of the runs before it, oldest first, and itself as the last point."""
        before = [dict(point) for point in points if point["generated_at"] != self.generated_at]
        return replace(self, trend=(*before[1 - TREND_RUNS :], self._point()))

    def _point(self) -> dict[str, Any]:
        summary = self.summary
        return {
            "generated_at": self.generated_at,
            **{name: summary[name] for name in ("total", COMPLIANT, ATTENTION)},
            "certificates_due": len(self.certificates_due),
        }

    @functools.cached_property
    def aggregates(self) -> dict[str, Any]:
        """Sums over the fleet."""
        return aggregates(self.hosts)

    @property
    def certificates_due(self) -> list[CertificateEnd]:
        """The certificates that somebody has to renew: expired or within 30 days, in use, and not replaced."""
        certificates = [certificate for entry in self.hosts for certificate in self.certificates_of(entry)]
        return [certificate for certificate in certificates if certificate.is_due]

    @property
    def summary(self) -> dict[str, int]:
        """Number of PBXs in all and by verdict."""
        return summary(self.hosts)

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
            "aggregates": self.aggregates,
        }
        if self.tenants:
            content["tenants"] = list(self.tenants)
        if self.comparison is not None:
            content["comparison"] = self.comparison
        if self.trend:
            content["trend"] = list(self.trend)
        return content


def _run(run: dict[str, Any], moment: str) -> dict[str, Any]:
    """What is known about the run, and what of it an operator has to act on."""
    later = _names(run.pop("not_checked", None))
    run = {**run, "not_checked": later} if later else run
    unfinished = [attention_of_unfinished(later)] if later else []
    listed = run.get("automation_credentials")
    if not isinstance(listed, list):
        return {**run, "attention": unfinished} if later else run
    now = parse_moment(moment)
    credentials = [automation_credential(credential, now) for credential in listed if isinstance(credential, dict)]
    return {**run, "automation_credentials": credentials, "attention": [*unfinished, *attention_of_run(credentials)]}


def _finished(entry: dict[str, Any], moment: str, options: str | None, common: Common) -> dict[str, Any]:
    now = parse_moment(moment)
    certificates = [
        {"thumbprint": "", "not_after": "", **certificate, "days_left": days_left(certificate, now)}
        for certificate in entry["certificates"]
    ]
    entry = {**entry, "certificates": certificates}
    # Before the sentences, which leave out what the check has said itself.
    known = {control["id"] for control in entry["controls"]}
    derived = [common.shared(control) for control in controls_of(entry, now) if control["id"] not in known]
    entry["controls"] = _in_place(entry["controls"], derived)
    entry["attention"] = _sentences([*entry["attention"], *attention_of(entry, now)])
    # Compliant says that nothing is left to do.
    verdict = ATTENTION if entry["verdict"] == COMPLIANT and entry["attention"] else entry["verdict"]
    return {
        **entry,
        "verdict": verdict,
        "reasons": entry["reasons"] or default_reasons(verdict),
        "remedies": entry["remedies"] or default_remedies(verdict, entry["host"], options),
    }


def _in_place(controls: list[dict[str, Any]], derived: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each derived control behind those about the same thing, at the end where there are none."""
    placed = list(controls)
    for control in derived:
        about = control["id"].partition(".")[0]
        same = [place for place, known in enumerate(placed) if known["id"].partition(".")[0] == about]
        placed.insert(same[-1] + 1 if same else len(placed), control)
    return placed
