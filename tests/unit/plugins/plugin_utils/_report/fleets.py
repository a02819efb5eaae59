# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shared by the tests of the report: a fixed time, short ways to a result and a report, hypothesis strategies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import HostResult, Report
from hypothesis import strategies as st

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
VERDICTS = ("compliant", "drifted", "broken", "failed", "unreachable", "unlicensed")


def host(name: str, verdict: str = "compliant", **more: Any) -> HostResult:
    return HostResult(host=name, verdict=verdict, **more)


def report(*hosts: HostResult, **more: Any) -> Report:
    return Report.build(hosts, generated_at=NOW, **more)


def change(field: str, before: Any = None, after: Any = None, target: str = "application") -> dict[str, Any]:
    return {"target": target, "field": field, "before": before, "after": after}


_any_text = st.text(st.characters(), max_size=12)
_leaf = st.none() | st.booleans() | st.integers() | st.floats() | _any_text | st.binary(max_size=4)
values = st.recursive(
    _leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_any_text, inner, max_size=3), max_leaves=6
)
_sentences = st.lists(_any_text, max_size=3)
_changes = st.lists(
    st.fixed_dictionaries({"target": _any_text, "field": _any_text, "before": values, "after": values}), max_size=3
)
_certificates = st.lists(
    st.fixed_dictionaries(
        {
            "thumbprint": _any_text,
            "not_after": st.datetimes().map(lambda moment: moment.isoformat() + "Z") | _any_text,
            "days_left": st.none() | st.integers(-5000, 5000),
        },
        optional={"display_name": st.none() | _any_text},
    ),
    max_size=3,
)
_mappings = st.dictionaries(_any_text, values, max_size=3)

_controls = st.fixed_dictionaries(
    {
        "id": _any_text,
        "title": _any_text,
        "desired": values,
        "found": values,
        "result": st.sampled_from(["pass", "fail", "attention", "not_checked"]),
        "reason": _any_text,
    }
)
_credentials = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["certificate", "secret", "federated"]),
        "name": st.none() | _any_text,
        "expires": st.none() | _any_text,
        "owner": st.sampled_from(["this_pbx", "other_pbx", "foreign"]),
    }
)

_consents = st.fixed_dictionaries(
    {
        "permission": _any_text,
        "kind": st.sampled_from(["application", "delegated"]),
        "granted_on": st.none() | _any_text,
        "user": st.none() | _any_text,
    }
)

host_results = st.builds(
    HostResult,
    host=_any_text,
    verdict=st.sampled_from(VERDICTS),
    reasons=_sentences,
    changes=_changes,
    certificates=_certificates,
    unmanaged=_mappings,
    version=st.none() | _any_text,
    edition=st.none() | _any_text,
    remedies=_sentences,
    consent=st.fixed_dictionaries({}, optional={"missing": _sentences, "unneeded": _sentences}),
    tenant_id=st.none() | _any_text,
    application_id=st.none() | _any_text,
    status=_mappings,
    url=st.none() | _any_text,
    attention=_sentences,
    controls=st.lists(_controls, max_size=2),
    credentials=st.lists(_credentials, max_size=2),
    granted_permissions=_sentences,
    consents=st.lists(_consents, max_size=2),
    redirect_uris=_sentences,
    owners=st.lists(_any_text | st.dictionaries(_any_text, _any_text, max_size=2), max_size=2),
    unknown_variables=st.lists(st.dictionaries(st.sampled_from(["variable", "nearest"]), _any_text), max_size=2),
    adopted=_mappings,
    tenant_name=st.none() | _any_text,
)
