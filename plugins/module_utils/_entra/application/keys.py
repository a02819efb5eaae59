# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which certificates an application should have, given those it has. Pure.

Graph replaces ``keyCredentials`` as a whole (recorded). Entries that stay are sent back as they were read, with ``key``
null; a changed one is refused (reported). Keys that are not certificates to sign in with (SAML signing) always stay.
"""

from __future__ import annotations

import base64
import datetime as dt
import itertools
import uuid
from collections.abc import Sequence
from typing import Any

from ..._common import dates
from ..._errors import BadInput
from . import certificates, ownership
from .certificates import Certificate, thumbprint_of
from .model import Desired

Json = dict[str, Any]

_NAMESPACE = uuid.UUID("6f0c2a57-5e0b-4a8e-9a35-1f6c1d6f2a11")
_PUBLIC = ("type", "usage", "keyId", "displayName", "startDateTime", "endDateTime", "customKeyIdentifier", "key")

_TYPE, _USAGE = "AsymmetricX509Cert", "Verify"


def planned(
    desired: Desired, entries: Sequence[Json], now: dt.datetime, stakes: ownership.Stakes | None = None
) -> list[Json]:
    """The entries that should be there; equal to ``entries`` when nothing is to be done.

    :param entries: ``keyCredentials`` as read.
    :param stakes: what others hold in the application; needed where the task works for one PBX.
    :raises BadInput: a certificate would have to be added that has expired, or that is not valid yet where none is.
    """
    kept = [
        entry
        for entry in entries
        if not _is_certificate(entry) or not _may_go(entry, desired, stakes) or _stays(entry, desired, entries, now)
    ]
    added = [certificate for certificate in desired.certificates or () if not _usable(certificate, kept, now)]
    works = any(_works(entry, now) for entry in kept) or not all(certificate.flaw(now) for certificate in added)
    for certificate in added:
        if certificate.ended(now) and any(thumbprint_of(entry) == certificate.thumbprint for entry in kept):
            continue
        _check_new(certificate, now, works=works)
        # An entry is never changed (reported), so a new one takes the place of those that have expired before their certificate.
        kept = [entry for entry in kept if thumbprint_of(entry) != certificate.thumbprint]
        kept = [*kept, _new_entry(certificate, entries, now, desired.pbx)]
    if desired.prune_duplicates or (desired.certificates_exclusive and desired.certificates is not None):
        kept = _without_duplicates(kept, now)
    return kept


def _check_new(certificate: Certificate, now: dt.datetime, *, works: bool) -> None:
    """:param works: whether one that can be used today stands beside it."""
    if certificate.ended(now):
        raise BadInput(
            f"the certificate {certificate.thumbprint} expired on {certificate.not_after:%Y-%m-%d}",
            tried="add a certificate",
            target=certificate.subject,
            remedy=certificates.EXPIRED_REMEDY,
        )
    if certificate.flaw(now) and not works:
        raise certificates.unusable(certificate, certificate.flaw(now))


def _may_go(entry: Json, desired: Desired, stakes: ownership.Stakes | None) -> bool:
    """Whether a task may remove an entry: one that works for a PBX removes that PBX's, and strangers' only where it is the
    application's only PBX. Nothing goes in the run that marks the application for the PBX."""
    if desired.pbx is None or stakes is None or desired.force:
        return True
    if not stakes.tagged:
        return False
    if ownership.is_own_certificate(entry, desired.pbx, stakes):
        return True
    return not stakes.shared


def is_same(one: Sequence[Json], other: Sequence[Json]) -> bool:
    return [entry.get("keyId") for entry in one] == [entry.get("keyId") for entry in other]


def to_send(entries: Sequence[Json], read: Sequence[Json]) -> list[Json]:
    """Entries as a PATCH takes them: those that were read without their bytes, new ones with them."""
    known = {entry.get("keyId") for entry in read}
    return [{**entry, "key": None} if entry.get("keyId") in known else _to_add(entry) for entry in entries]


def named_apart(before: Sequence[Json], after: Sequence[Json]) -> tuple[list[str], list[str]]:
    """What entries are called before and after a write. One that is replaced by another of the same name did not count."""
    added = {certificates.name_of(entry) for entry in after if entry not in before}
    names = [
        certificates.name_of(entry) for entry in before if entry in after or certificates.name_of(entry) not in added
    ]
    return names, [*map(certificates.name_of, after)]


def difference(before: Sequence[Json], after: Sequence[Json]) -> dict[str, list[Json]]:
    """The entries that were added and removed, by thumbprint: what it takes to put them back. They hold public keys alone."""
    entries: dict[str, list[Json]] = {}
    for entry in (*before, *after):
        if (entry in before) != (entry in after):
            public = {field: entry[field] for field in _PUBLIC if field in entry}
            entries.setdefault(certificates.name_of(entry), []).append(public)
    return entries


def certificates_in(entries: Sequence[Json]) -> list[Json]:
    """The entries that are certificates to sign in with."""
    return [entry for entry in entries if _is_certificate(entry)]


def usable_thumbprints(entries: Sequence[Json], now: dt.datetime) -> frozenset[str]:
    """Thumbprints of the certificates that somebody can sign in with."""
    return frozenset(thumbprint_of(entry) for entry in entries if _works(entry, now))


def kept_for_now(desired: Desired, entries: Sequence[Json], now: dt.datetime) -> list[str]:
    """Thumbprints of what an exclusive list of certificates will remove, but not in this run."""
    if not desired.certificates_exclusive or desired.certificates is None or may_be_exclusive(desired, entries, now):
        return []
    return sorted(usable_thumbprints(entries, now) - {*desired.thumbprints, *desired.keep})


def duplicates(entries: Sequence[Json]) -> list[str]:
    """Thumbprints that are there more than once."""
    seen = [thumbprint_of(entry) for entry in certificates_in(entries)]
    return sorted({thumbprint for thumbprint in seen if thumbprint and seen.count(thumbprint) > 1})


def _to_add(entry: Json) -> Json:
    """The service computes ``customKeyIdentifier`` itself (recorded)."""
    return {name: value for name, value in entry.items() if name != "customKeyIdentifier"}


def _is_certificate(entry: Json) -> bool:
    return entry.get("type") == _TYPE and entry.get("usage") == _USAGE


def ended(entry: Json, now: dt.datetime) -> bool:
    """Whether an entry can no longer be used."""
    end = dates.parse(entry.get("endDateTime"))
    return end is not None and end <= now


def _works(entry: Json, now: dt.datetime) -> bool:
    """Whether an entry lets its holder sign in at this time."""
    begin = dates.parse(entry.get("startDateTime"))
    return _is_certificate(entry) and not ended(entry, now) and (begin is None or begin <= now)


def _stays(entry: Json, desired: Desired, entries: Sequence[Json], now: dt.datetime) -> bool:
    thumbprint = thumbprint_of(entry)
    if thumbprint in desired.keep or thumbprint in desired.thumbprints:
        return True
    if desired.prune_expired and ended(entry, now):
        return False
    if desired.overlap_days is not None:
        ours = certificates.is_ours(entry) or desired.certificates_exclusive
        recent = certificates.registered_on(entry)
        if recent is not None and now - recent < dt.timedelta(days=desired.overlap_days):
            return True  # put back lately, because a PBX could not sign in without it
        return not (ours and desired.certificates and _overlap_is_over(desired, entries, now))
    if not desired.certificates_exclusive or desired.certificates is None:
        return True
    return not (ended(entry, now) or may_be_exclusive(desired, entries, now))


def may_be_exclusive(desired: Desired, entries: Sequence[Json], now: dt.datetime) -> bool:
    """Whether certificates that can be used may go because nobody wants them.

    Not in the run that adds the first desired one: until the PBX has been switched over to it, one of the others is what
    it signs in with.
    """
    before = usable_thumbprints(entries, now) if desired.registered is None else desired.registered
    return desired.force or not before.isdisjoint(desired.thumbprints)


def _overlap_is_over(desired: Desired, entries: Sequence[Json], now: dt.datetime) -> bool:
    """Whether every wanted certificate has been there, valid, for the whole overlap.

    Only then may an older one go: the PBX has had the time to be switched over and to verify it.
    """
    for certificate in desired.certificates or ():
        since = [
            begun
            for entry in entries
            if thumbprint_of(entry) == certificate.thumbprint and not ended(entry, now)
            for begun in [certificates.registered_on(entry)]
            if begun is not None
        ]
        if not since or now - min(since) < dt.timedelta(days=desired.overlap_days or 0):
            return False
        if certificate.ended(now) or certificate.not_before > now:
            return False
    return True


def _usable(certificate: Certificate, entries: Sequence[Json], now: dt.datetime) -> bool:
    """Whether an entry lets the holder of this certificate sign in: an entry can end before its certificate does."""
    return any(thumbprint_of(entry) == certificate.thumbprint and not ended(entry, now) for entry in entries)


def _without_duplicates(entries: Sequence[Json], now: dt.datetime) -> list[Json]:
    """Of several entries with one certificate the first that has not ended."""
    best: dict[str, Json] = {}
    for entry in entries:
        thumbprint = thumbprint_of(entry) if _is_certificate(entry) else ""
        if thumbprint and (thumbprint not in best or (ended(best[thumbprint], now) and not ended(entry, now))):
            best[thumbprint] = entry
    return [
        entry
        for entry in entries
        if not _is_certificate(entry) or not thumbprint_of(entry) or best[thumbprint_of(entry)] is entry
    ]


def _new_entry(
    certificate: Certificate, entries: Sequence[Json], now: dt.datetime, pbx: ownership.Pbx | None = None
) -> Json:
    """An entry with the certificate's own dates: later ones are refused, and the clocks need not agree.

    The id follows from the certificate, so that the same addition made twice (by a repeated request, or by two
    controllers at the same time) is one entry.
    """
    taken = {str(entry.get("keyId")).lower() for entry in entries}
    ids = (str(uuid.uuid5(_NAMESPACE, f"{certificate.thumbprint}|{number}")) for number in itertools.count())
    return {
        "type": _TYPE,
        "usage": _USAGE,
        "keyId": next(key_id for key_id in ids if key_id not in taken),
        "displayName": f"{certificates.MARK} {now:%Y-%m-%d}" + (f" {pbx.label}" if pbx else ""),
        "startDateTime": dates.iso(certificate.not_before),
        "endDateTime": dates.iso(certificate.not_after),
        "customKeyIdentifier": certificate.thumbprint,
        "key": base64.b64encode(certificate.der).decode("ascii"),
    }
