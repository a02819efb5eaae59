# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what a change has made of an application to what undoes it. Pure: no network, no clock of its own.

A unique name can be given once and never be taken away, so it stays; so does a service principal that was made for an
application that was there before: without its grants it gives no access.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Callable

from ..._common import dates, pem
from ..._common.ids import is_guid
from ..._common.tree import Path, dig
from ..._errors import BadInput
from ..._plan import Change, Normalize, Write, as_flag, as_set
from ..._undo import FLAG, NAMES, ROWS, TEXT, Entry, Kinds, Undo, is_undone, is_untouched, members
from . import certificates, declared
from . import keys as key_plan
from . import plan as steps
from .certificates import name_of, thumbprint_of
from .model import CLAIM_LISTS, LOCK, PROPERTIES, SERVICE_PRINCIPAL, URI_LISTS, VISIBLE_TAG, Observed, Property
from .ownership import PBX_TAG
from .permissions import Catalog, Permission
from .plan import Draft

Json = dict[str, Any]

APPLICATION, PRINCIPAL = steps.APPLICATION, steps.PRINCIPAL

_SINGLE: Mapping[tuple[str, str], Property] = {
    **{(APPLICATION, prop.option): prop for prop in PROPERTIES},
    **{(APPLICATION, f"service_principal_lock.{prop.option}"): prop for prop in LOCK},
    **{(APPLICATION, f"optional_claims.{prop.option}"): prop for prop in CLAIM_LISTS},
}
_OF_PRINCIPAL = {prop.option: prop for prop in SERVICE_PRINCIPAL}
_LISTS: Mapping[str, Path] = {**{uri_list.option: uri_list.path for uri_list in URI_LISTS}, "tags": "tags"}
_DECLARED = dict(declared.OPTIONS)

_HOLDINGS = ("keyCredentials", "passwordCredentials", "requiredResourceAccess", "appRoles")

KINDS: Kinds = {
    **{
        key: FLAG if prop.compare is as_flag else ROWS if prop.compare is as_set else TEXT
        for key, prop in _SINGLE.items()
    },
    **{(APPLICATION, name): NAMES for name in (*_LISTS, *_DECLARED, "certificates", "owners")},
    **{(PRINCIPAL, name): FLAG for name in (*_OF_PRINCIPAL, "visible")},
    (APPLICATION, "state"): TEXT,
    (APPLICATION, "unique_name"): TEXT,
    (APPLICATION, "adopted"): TEXT,
    (PRINCIPAL, "state"): TEXT,
}


def plan(
    entries: Sequence[Entry],
    observed: Observed,
    permissions: Mapping[tuple[str, str], Permission],
    catalogs: Mapping[str, Catalog],
    now: dt.datetime,
    others: Sequence[str] = (),
) -> Undo:
    """What undoes the entries on an application that is there, or that is deleted and has to come back.

    :param permissions: those that the entries name, by option and label.
    :param others: who else uses the application, in words: what belongs to no PBX alone is not taken from them.
    """
    undo = Undo()
    if others:
        entries = _of_one_pbx(undo, entries, observed, catalogs, f"others use the application: {', '.join(others)}")
    by_key = {(entry.target, entry.field): entry for entry in entries}
    state = by_key.get((APPLICATION, "state"))
    back = state is not None and state.before == "present"
    if observed.application is None and not _comes_back(undo, state, observed, back=back):
        return undo
    draft = Draft(observed.application or observed.deleted or {}, undo.plan.changes)
    for key, entry in by_key.items():
        if key in _SINGLE:
            _single(undo, draft, entry, _SINGLE[key])
        elif entry.target != APPLICATION:
            continue
        elif entry.field in _LISTS:
            path = _LISTS[entry.field]
            draft.put_list(entry.field, path, members(draft.listed(path), entry.removed(), entry.added()))
        elif entry.field == "certificates":
            _certificates(undo, draft, entry, now)
        elif entry.field in _DECLARED:
            _permissions(undo, draft, entry, permissions, catalogs)
    undo.plan.writes += draft.writes()
    _owners(undo, by_key.get((APPLICATION, "owners")), observed)
    _principal(undo, by_key, observed, back=back)
    return undo


def without_shared(entries: Sequence[Entry], shared: Sequence[str]) -> list[Entry]:
    """The entries without the certificates that other PBXs sign in with: whoever added those, they stay."""
    if any((entry.target, entry.field, entry.after) == (APPLICATION, "state", "present") for entry in entries):
        return list(entries)  # what remains of an application that was made is decided as a whole
    return [
        replace(entry, after=[name for name in entry.after or () if name in (entry.before or ()) or name not in shared])
        if (entry.target, entry.field) == (APPLICATION, "certificates")
        else entry
        for entry in entries
    ]


def _of_one_pbx(
    undo: Undo, entries: Sequence[Entry], observed: Observed, catalogs: Mapping[str, Catalog], why: str
) -> list[Entry]:
    """The entries without what the change gave to all who use an application; of what is still there, that is refused."""
    application, own = observed.application or {}, []
    for entry in entries:
        prop = _SINGLE.get((entry.target, entry.field))
        if prop is None and entry.target == PRINCIPAL:
            prop = _OF_PRINCIPAL.get(entry.field)
        if prop is not None:
            have = dig(application if entry.target == APPLICATION else observed.service_principal, prop.path)
            if not is_undone(entry, have, prop.compare):
                undo.refuse(entry, have, why)
        elif entry.field in _DECLARED or entry.field == "owners":
            present = _listed(entry, application, catalogs) or observed.owners
            if any(name in present for name in entry.added()):
                undo.refuse(entry, None, why)
            own.append(_without(entry, lambda _name: True))
        else:
            # What says that it is ours at all, or was there before us, protects the others as well.
            own.append(_without(entry, lambda tag: not tag.startswith(PBX_TAG)) if entry.field == "tags" else entry)
    return own


def _without(entry: Entry, stays: Callable[[str], bool]) -> Entry:
    """The entry without what was added and stays."""
    before = entry.before or ()
    return replace(entry, after=[name for name in entry.after or () if name in before or not stays(name)])


def labels(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """The permissions that the entries name, by option."""
    return {
        entry.field: list(dict.fromkeys([*entry.added(), *entry.removed()]))
        for entry in entries
        if entry.target == APPLICATION and entry.field in _DECLARED
    }


def _comes_back(undo: Undo, state: Entry | None, observed: Observed, *, back: bool) -> bool:
    """Whether there is an application to work on."""
    if state is not None and back and observed.deleted is not None:
        undo.plan.changes.append(Change(APPLICATION, "state", "deleted", "present"))
        undo.plan.writes.append(Write(steps.RESTORE, {"id": observed.deleted["id"]}))
        return True
    if state is not None and (back or state.after == "purged"):
        undo.refuse(state, "absent", "it was deleted permanently, and nobody can restore it")
    return False


def _single(undo: Undo, draft: Draft, entry: Entry, prop: Property) -> None:
    have = draft.value(prop.path)
    if is_undone(entry, have, prop.compare):
        return
    if not is_untouched(entry, have, prop.compare):
        undo.refuse(entry, have)
    elif prop.option != "display_name" or entry.before:
        # An application must have a name, and had none only before it was made.
        draft.put(entry.field, prop.path, entry.before)


def _certificates(undo: Undo, draft: Draft, entry: Entry, now: dt.datetime) -> None:
    """Of what was added the very entries go, so that one which somebody else has registered with the same certificate stays."""
    gone = {thumbprint: _key_ids(entry.details.get(thumbprint)) for thumbprint in entry.added()}
    target = []
    for credential in draft.listed("keyCredentials"):
        ids = gone.get(thumbprint_of(credential))
        if ids is None or (ids and str(credential.get("keyId")) not in ids):
            target.append(credential)
    for thumbprint in entry.removed():
        if any(
            thumbprint_of(credential) == thumbprint and not key_plan.ended(credential, now) for credential in target
        ):
            continue
        try:
            target.append(_entry_back(thumbprint, entry.details.get(thumbprint), now))
        except BadInput as error:
            undo.refuse(entry, None, f"the certificate {thumbprint} cannot be put back: {error.message}")
    draft.put_certificates(target)


def _key_ids(rows: Any) -> frozenset[str]:
    return frozenset(str(row.get("keyId")) for row in _rows(rows) if row.get("keyId"))


def _rows(rows: Any) -> list[Mapping[str, Any]]:
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _entry_back(thumbprint: str, rows: Any, now: dt.datetime) -> Json:
    """The entry of a certificate as it was, from foreign data: what Entra derives itself is derived from the certificate.

    :raises BadInput: its bytes are not known, are those of another one, or it has expired.
    """
    row = next(iter(_rows(rows)), {})
    der = pem.from_base64(str(row.get("key") or ""))
    if der is None:
        raise BadInput("its bytes are not known")
    try:
        certificate = certificates.parse(certificates.pem_of({"key": row["key"]}) or "")
    except BadInput:
        certificate = None
    if certificate is None or certificate.thumbprint != thumbprint or certificate.key_flaw:
        raise BadInput("the bytes that were kept are not this certificate")
    if certificate.ended(now):
        raise BadInput(f"it expired on {certificate.not_after:%Y-%m-%d}")
    identifier = str(row.get("keyId"))
    if not is_guid(identifier):
        raise BadInput("the id that was kept is not a GUID")
    return {
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
        "keyId": identifier,
        "displayName": str(row.get("displayName") or "")[:90],
        "startDateTime": dates.iso(certificate.not_before),
        "endDateTime": dates.iso(certificate.not_after),
        "customKeyIdentifier": thumbprint,
        "key": str(row["key"]),
    }


def _permissions(
    undo: Undo,
    draft: Draft,
    entry: Entry,
    permissions: Mapping[tuple[str, str], Permission],
    catalogs: Mapping[str, Catalog],
) -> None:
    added = [permissions[entry.field, name] for name in entry.added() if (entry.field, name) in permissions]
    kept = declared.without(added, draft.listed("requiredResourceAccess"))
    back = [permissions[entry.field, name] for name in entry.removed() if (entry.field, name) in permissions]
    unknown = [name for name in entry.removed() if (entry.field, name) not in permissions]
    if unknown:
        undo.refuse(entry, None, f"this tenant does not know {', '.join(unknown)}")
    draft.put_declared(declared.merged(back, kept), catalogs)


def _owners(undo: Undo, entry: Entry | None, observed: Observed) -> None:
    if entry is None:
        return
    have = list(observed.owners)
    target = members(have, entry.removed(), entry.added())
    if target == have:
        return
    undo.plan.changes.append(Change(APPLICATION, "owners", have, target))
    missing = [owner for owner in target if owner not in have]
    extra = [owner for owner in have if owner not in target]
    if missing:
        undo.plan.writes.append(Write(steps.ADD_OWNERS, missing))
    if extra:
        undo.plan.writes.append(Write(steps.REMOVE_OWNERS, extra))


def _principal(undo: Undo, by_key: Mapping[tuple[str, str], Entry], observed: Observed, *, back: bool) -> None:
    have = observed.service_principal or observed.deleted_principal
    if back and have is None:
        app_id = (observed.application or observed.deleted or {}).get("appId")
        undo.plan.changes.append(Change(PRINCIPAL, "state", "absent", "present"))
        undo.plan.writes.append(Write(steps.CREATE_PRINCIPAL, {"appId": app_id, "accountEnabled": True}))
    elif back and observed.service_principal is None and have is not None:
        undo.plan.changes.append(Change(PRINCIPAL, "state", "deleted", "present"))
        undo.plan.writes.append(Write(steps.RESTORE_PRINCIPAL, {"id": have["id"]}))
    if have is None:
        return
    changed: Json = {}
    for name, prop in _OF_PRINCIPAL.items():
        entry = by_key.get((PRINCIPAL, name))
        actual = dig(have, prop.path)
        if entry is None or is_undone(entry, actual, as_flag):
            continue
        if not is_untouched(entry, actual, as_flag):
            undo.refuse(entry, actual)
            continue
        undo.plan.changes.append(Change(PRINCIPAL, name, actual, bool(entry.before)))
        changed[prop.path[0]] = bool(entry.before)
    changed.update(_visible(undo, by_key.get((PRINCIPAL, "visible")), list(have.get("tags") or ())))
    if changed:
        undo.plan.writes.append(Write(steps.UPDATE_PRINCIPAL, changed))


def _visible(undo: Undo, entry: Entry | None, tags: list[str]) -> Json:
    if entry is None or as_flag(entry.before) == (VISIBLE_TAG in tags):
        return {}
    undo.plan.changes.append(Change(PRINCIPAL, "visible", VISIBLE_TAG in tags, bool(entry.before)))
    return {"tags": [*tags, VISIBLE_TAG] if entry.before else [tag for tag in tags if tag != VISIBLE_TAG]}


def _never_written(entries: Sequence[Entry]) -> list[Entry]:
    """What nobody has given to an application that was not there before; of a restored one nothing is known of the rest."""
    known = {(entry.target, entry.field): entry for entry in entries}
    if known[(APPLICATION, "state")].before != "absent":
        return []
    names = [*(prop.option for prop in (*PROPERTIES, *URI_LISTS)), *_DECLARED]
    return [Entry(APPLICATION, name, None, None) for name in names if (APPLICATION, name) not in known]


def changed_since(entries: Sequence[Entry], observed: Observed, catalogs: Mapping[str, Catalog]) -> Undo:
    """What of an application that a run made is not as that run left it: then it is more than that run's, and stays.

    Only what the run wrote can be compared; credentials, owners and redirect URIs that came later count as changes, too. What
    the run was about to write when it was killed, and never did, does not.
    """
    undo = Undo()
    application = observed.application or {}
    have: Any
    rule: Normalize
    for entry in [*entries, *_never_written(entries)]:
        if entry.target == PRINCIPAL and entry.field in _OF_PRINCIPAL:
            have, rule = dig(observed.service_principal, _OF_PRINCIPAL[entry.field].path), as_flag
        elif (entry.target, entry.field) in _SINGLE:
            prop = _SINGLE[entry.target, entry.field]
            have, rule = dig(application, prop.path), prop.compare
        else:
            have, rule = _listed(entry, application, catalogs), as_set
            if have is None:
                continue
        if not (is_untouched(entry, have, rule) or is_undone(entry, have, rule) or _is_on_its_way(entry, have, rule)):
            undo.refuse(entry, have)
    return undo


def _listed(entry: Entry, application: Json, catalogs: Mapping[str, Catalog]) -> list[str] | None:
    """What an application has today of the list that an entry is about; ``None`` where it is about none that is compared."""
    if entry.target != APPLICATION:
        return None
    if entry.field in _LISTS:
        return list(dig(application, _LISTS[entry.field]) or ())
    if entry.field == "certificates":
        return [*map(name_of, application.get("keyCredentials") or ())]
    if entry.field in _DECLARED:
        return declared.labels(application.get("requiredResourceAccess") or (), _DECLARED[entry.field], catalogs)
    return None


def is_bare(observed: Observed) -> bool:
    """Whether an application has nothing but its name: a run was killed between making it and marking it, and so it stayed."""
    application = observed.application or {}
    lists = [application.get(name) for name in ("tags", *_HOLDINGS)]
    lists += [dig(application, uri_list.path) for uri_list in URI_LISTS]
    return bool(application) and observed.service_principal is None and not any(lists)


def _is_on_its_way(entry: Entry, have: Any, rule: Normalize) -> bool:
    """Whether a list has only what was there before the run and what the run has added."""
    return isinstance(have, list) and set(rule(have)) <= {*rule(entry.before), *rule(entry.after)}
