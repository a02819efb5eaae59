# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the rotation of a certificate stands on one PBX, from the entries of its application. Pure.

Nothing tells with which of its certificates a PBX signs in. What is known: since when an entry has been registered, and that
one of ours which is younger than its successor was put back, because the PBX could not sign in without it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common import dates
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import ownership
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.certificates import registered_on
from ansible_collections.tcx.m365.plugins.module_utils._plan import Change, Plan

DEFAULT_OVERLAP_DAYS = 14

UPLOADED, NOT_SWITCHED, DUE, SWITCHED, RETIRED = (
    "new_key_uploaded",
    "not_switched",
    "overlap_over",
    "pbx_switched",
    "retired",
)


@dataclass(frozen=True)
class Standing:
    """How far a rotation has come.

    :param new: thumbprints of the certificates that the inventory names; :param old: those of this PBX that they replace.
    :param since: since when all of the new ones have been registered.
    :param retires_on: when the old ones may go; :param retired: those that this run has removed.
    """

    state: str
    new: tuple[str, ...] = ()
    old: tuple[str, ...] = ()
    since: dt.date | None = None
    retires_on: dt.date | None = None
    retired: tuple[str, ...] = ()

    @property
    def is_alarm(self) -> bool:
        return self.state in (NOT_SWITCHED, DUE)

    def sentence(self) -> str:
        """For people; empty where there is nothing to say."""
        new, old = ", ".join(self.new), ", ".join(self.old)
        if self.state == UPLOADED:
            return (
                f"The new certificate {new} has been registered since {self.since}. Switch the PBX over to it in the 3CX console, if "
                f"that is not done; the old one ({old}) retires on {self.retires_on}."
            )
        if self.state == NOT_SWITCHED:
            return (
                f"The certificate {old} was not registered before {new}, which the inventory names. Either the PBX was never switched "
                "over to the one of the inventory, and a rotation has put the other one back: then give the public_key.pem of the key "
                "pair that the PBX has in the 3CX console as entra_app_public_key, and rotate again. Or it was registered by mistake, "
                "and whoever has its key can act as the application: then entra_app_certificates_exclusive: true removes it."
            )
        if self.state == DUE:
            return (
                f"The overlap of the certificates was over on {self.retires_on}, and {old} is still registered. "
                "Run tcx.m365.rotate_certificate: it retires the old certificate, and puts it back if the PBX was never switched."
            )
        if self.state == RETIRED:
            return f"The old certificate {', '.join(self.retired)} was retired, and the PBX signs in with {new}."
        return ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "new": list(self.new),
            "old": list(self.old),
            "registered_on": self.since.isoformat() if self.since else None,
            "retires_on": self.retires_on.isoformat() if self.retires_on else None,
            "retired": list(self.retired),
        }


def overlap_days(variables: Mapping[str, Any]) -> int:
    days = variables.get("rotate_certificate_overlap_days")
    return DEFAULT_OVERLAP_DAYS if days is None else int(days)


def of_result(
    variables: Mapping[str, Any], application: Mapping[str, Any], removed: Iterable[Mapping[str, Any]] = ()
) -> Standing | None:
    """The same from the variables of a PBX and a result of ``azure_app_registration``, at the present time."""
    identity = ownership.Pbx.of(str(variables.get("tcx_url") or ""))
    if identity is None or application.get("failed"):
        return None
    now = dt.datetime.now(dt.timezone.utc)
    return standing(application.get("certificates") or (), identity.label, overlap_days(variables), now, removed)


def left_to_do(result: Mapping[str, Any], application: Mapping[str, Any]) -> Mapping[str, Any]:
    """In check mode, what is planned on an application that is as the step before would leave it."""
    planned = {(change["target"], change["field"]): change["after"] for change in application.get("changes") or ()}
    left = []
    for change in result.get("changes") or ():
        before = planned.get((change["target"], change["field"]), change["before"])
        if before != change["after"]:
            left.append({**change, "before": before})
    if result.get("failed") or left == result.get("changes"):
        return result
    plan = Plan([Change(**change) for change in left])
    return {**result, "changed": bool(plan), "changes": left, "diff": plan.diff() if plan else None}


def with_standing(variables: Mapping[str, Any], result: Mapping[str, Any], *, check_mode: bool) -> Mapping[str, Any]:
    """A result with where the rotation stands, for people and programs; what needs somebody is a warning."""
    removed = [] if check_mode else result.get("removed_certificates") or []
    stands = of_result(variables, result, removed)
    if stands is None:
        return result
    told = {"warnings" if stands.is_alarm else "notes": [stands.sentence()]} if stands.sentence() else {}
    added = {name: [*(result.get(name) or ()), *value] for name, value in told.items()}
    return {**result, "rotation": stands.as_dict(), **added}


def standing(
    certificates: Sequence[Mapping[str, Any]],
    label: str,
    overlap_days: int,
    now: dt.datetime,
    removed: Iterable[Mapping[str, Any]] = (),
) -> Standing | None:
    """Where the rotation stands; ``None`` where the inventory names no certificate, or the application has none of them.

    :param certificates: of ``azure_app_registration``, after the run.
    :param label: of this PBX in the names of certificates (``ownership.label_of``).
    :param removed: ``removed_certificates`` of a run that has verified the sign-in afterwards.
    """
    new = [certificate for certificate in certificates if certificate.get("desired")]
    since = max(filter(None, map(_since, new)), default=None)
    if since is None:
        return None
    old, retired = _replaced(certificates, label, now), _thumbprints(removed)
    begun, ends = since.date(), (since + dt.timedelta(days=overlap_days)).date()
    if not old:
        state = RETIRED if retired else SWITCHED
    elif not all(_age(certificate, now) < max(_age(other, now) for other in new) for certificate in old):
        state = NOT_SWITCHED
    else:
        state = UPLOADED if now.date() < ends else DUE
    return Standing(state, _thumbprints(new), _thumbprints(old), begun, ends, retired)


def _replaced(certificates: Sequence[Mapping[str, Any]], label: str, now: dt.datetime) -> list[Mapping[str, Any]]:
    """The certificates of this PBX that the inventory does not name any more and that have not expired."""
    labels = {ownership.entry_owner({"displayName": certificate.get("display_name")}) for certificate in certificates}
    own = {label} if labels - {None, "", label} else {label, ""}
    return [
        certificate
        for certificate in certificates
        if not certificate.get("desired")
        and ownership.entry_owner({"displayName": certificate.get("display_name")}) in own
        and not _ended(certificate, now)
    ]


def _thumbprints(certificates: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(str(certificate.get("thumbprint")) for certificate in certificates)


def _since(certificate: Mapping[str, Any]) -> dt.datetime | None:
    name, begin = certificate.get("display_name"), certificate.get("not_before")
    return registered_on({"displayName": name, "startDateTime": begin})


def _age(certificate: Mapping[str, Any], now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """By what certificates are ordered: since when they are registered, which is a day, then the begin of their validity."""
    return _since(certificate) or now, dates.parse(certificate.get("not_before")) or now


def _ended(certificate: Mapping[str, Any], now: dt.datetime) -> bool:
    end = dates.parse(certificate.get("not_after"))
    return end is not None and end <= now
