# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what is desired and what is there to what has to change. Pure: no network, no clock.

:func:`simulate` carries out a plan in memory. Check mode shows its result, and ``plan(desired, simulate(plan)) == nothing``
is a property that the tests hold for generated applications.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Callable

from ..._common.text import quoted
from ..._common.tree import Path, dig, with_value
from ..._errors import Conflict, NotOurs
from ..._plan import PENDING, Change, Plan, Write, merged
from . import declared, ownership, redirect_uris
from . import keys as key_plan
from .certificates import name_of, thumbprint_of
from .model import (
    CLAIM_LISTS,
    DEFAULT_AUDIENCE,
    KEY_TAG,
    LOCK,
    MARK,
    PROPERTIES,
    SERVICE_PRINCIPAL,
    URI_LISTS,
    VISIBLE_TAG,
    Desired,
    Observed,
    unique_name_of,
)
from .permissions import Catalog

Json = dict[str, Any]

RESTORE = "restore_application"
CREATE = "create_application"
UPDATE = "update_application"
ADD_OWNERS = "add_owners"
REMOVE_OWNERS = "remove_owners"
CREATE_PRINCIPAL = "create_service_principal"
UPDATE_PRINCIPAL = "update_service_principal"
RESTORE_PRINCIPAL = "restore_service_principal"
DELETE = "delete_application"
PURGE = "purge_application"

APPLICATION, PRINCIPAL = "application", "service_principal"
ASSIGNMENTS, GRANTS = "app_role_assignments", "oauth2_permission_grants"


def plan_present(
    desired: Desired, observed: Observed, now: dt.datetime, catalogs: Mapping[str, Catalog] | None = None
) -> Plan:
    """What brings an application to its desired state.

    :param now: the service's time; decides which certificates have expired.
    :param catalogs: names of permissions, for the report alone.
    :raises Conflict: the application has another unique name already, which can never be changed.
    :raises NotOurs: something would be removed from an application that does not carry our mark.
    """
    base = observed.application or observed.deleted or {}
    plan = Plan()
    if observed.application is None:
        before = "deleted" if observed.deleted is not None else "absent"
        plan.changes.append(Change(APPLICATION, "state", before, "present"))
    draft = Draft(base, plan.changes)
    _application(draft, desired, now, catalogs or {})
    if draft.removed and not (observed.marked or desired.force):
        raise NotOurs(
            f"it would lose {', '.join(draft.removed)}, and it does not carry the tag {MARK}",
            tried="bring an application to an exclusive state",
            target=desired.key.text(),
            remedy="Adopt it first without the exclusive options, or set O(force): true.",
        )
    if observed.application is None and observed.deleted is None:
        plan.writes.append(Write(CREATE, draft.body))
    else:
        if observed.application is None:
            plan.writes.append(Write(RESTORE, {"id": base["id"]}))
        plan.writes += draft.writes()
    _plan_owners(desired, observed, plan)
    _plan_principal(desired, observed, plan)
    return plan


def plan_absent(desired: Desired, observed: Observed, purge: bool) -> Plan:
    """What removes an application; ``purge`` permanently. Of a shared one, what takes this PBX out of it.

    :raises NotOurs: it does not carry our mark, or it is another PBX's.
    """
    plan = Plan()
    live = observed.application
    entity = live if live is not None or not purge else observed.deleted
    if entity is None:
        return plan
    forced = _may_force_removal(desired)
    if not (observed.marked or forced):
        raise NotOurs(
            f"it does not carry the tag {MARK}",
            tried="delete an application",
            target=desired.key.text(),
            remedy="Check that it is the right one, then set O(force): true"
            + ("." if desired.pbx is None or desired.stated else " and state it in entra_app_app_id."),
        )
    if desired.pbx is not None and not forced:
        if _has_left(desired, entity):
            return plan
        _check_membership(desired, entity)
        if others_in(desired, observed.but(application=entity)):
            # What somebody has deleted, and others are in, they may want back.
            return plan if live is None else _plan_leaving(desired, live)
    before = "deleted" if live is None else "present"
    plan.changes.append(Change(APPLICATION, "state", before, "purged" if purge else "absent"))
    if live is not None:
        if observed.roles:
            plan.changes.append(Change(ASSIGNMENTS, "permissions", list(observed.roles), []))
        if observed.scopes:
            plan.changes.append(Change(GRANTS, "delegated_permissions", list(observed.scopes), []))
        plan.writes.append(Write(DELETE, {"id": entity["id"]}))
    if purge:
        plan.writes.append(Write(PURGE, {"id": entity["id"]}))
    return plan


def _may_force_removal(desired: Desired) -> bool:
    """``force`` is meant for an application that the operator names: a PBX, or a name, would else choose what it deletes."""
    return desired.force and (desired.pbx is None or desired.stated)


def others_in(desired: Desired, observed: Observed) -> list[str]:
    """Who else uses an application that a PBX leaves, in words; nobody else: it may be deleted."""
    application, pbx = observed.application or {}, desired.pbx
    if pbx is None or _may_force_removal(desired):
        return []
    others = ownership.stakes(application, pbx, desired.thumbprints).others()
    if ownership.is_adopted(application):
        # It was somebody's before it was ours, so its secrets may be theirs still.
        others += [
            f"the client secret {quoted(str(secret.get('displayName')))}"
            for secret in application.get("passwordCredentials") or ()
        ]
        others += [
            f"the federated credential {quoted(str(credential.get('name')))}" for credential in observed.federated
        ]
    return others


def _has_left(desired: Desired, application: Json) -> bool:
    """Whether a PBX was taken out before of an application that the inventory has for it, and that others use."""
    pbx, marked_for = desired.pbx, ownership.pbxs_of(application)
    named = unique_name_of(application) == desired.key.unique_name != ""
    if pbx is None or not marked_for or pbx.identity in marked_for or not (named or desired.stated):
        return False
    return not ownership.has_entries_of(application, pbx, desired.thumbprints)


def _check_membership(desired: Desired, application: Json) -> None:
    """Raise :class:`NotOurs` for an application that is marked, and not for this PBX.

    A mark alone is no reason to delete: every owner can set it, and a PBX may name any application.
    """
    pbx = desired.pbx
    if pbx is None:
        return
    marked_for, name = ownership.pbxs_of(application), unique_name_of(application)
    named = name == desired.key.unique_name != ""
    confirmed = desired.stated or named or ownership.has_entries_of(application, pbx, desired.thumbprints)
    if pbx.identity in marked_for and confirmed:
        return
    if not marked_for and (named or desired.stated or (confirmed and not name)):
        return
    others = ", ".join(identity for identity in marked_for if identity != pbx.identity) or (
        name and f"the one that has the unique name {name}"
    )
    reason = f"it is another PBX's ({others}), not that of {pbx.identity}"
    if not others:
        reason = f"it has neither a certificate nor a redirect URI of {pbx.identity}"
    raise NotOurs(
        reason,
        tried="remove the application of a PBX",
        target=str(application.get("appId") or desired.key.text()),
        remedy="Nothing of it was changed. Check what the PBX points to; entra_app_app_id names the right application.",
    )


def _plan_leaving(desired: Desired, application: Json) -> Plan:
    """Take one PBX out of an application that others use too: its certificates, its redirect URIs, its mark."""
    plan, pbx = Plan(), desired.pbx
    if pbx is None:
        return plan
    own = desired.thumbprints
    stakes = ownership.stakes(application, pbx, own)
    draft = Draft(application, plan.changes)
    draft.put_certificates(
        [
            entry
            for entry in draft.listed("keyCredentials")
            if thumbprint_of(entry) in desired.keep or not ownership.is_own_certificate(entry, pbx, stakes, own)
        ]
    )
    for uri_list in URI_LISTS:
        draft.put_list(
            uri_list.option, uri_list.path, [uri for uri in draft.listed(uri_list.path) if not pbx.owns_uri(uri)]
        )
    draft.put_list("tags", "tags", [tag for tag in draft.listed("tags") if tag != pbx.tag])
    plan.writes += draft.writes()
    return plan


class Draft:
    """An application as it is to be, and the changes that lead there.

    :param base: as it is now; empty for a new one.
    :param changes: where they are noted.
    :ivar removed: what they take away that may be somebody else's, in words.
    """

    def __init__(self, base: Json, changes: list[Change]) -> None:
        self._base = base
        self._changes = changes
        self.body = dict(base)
        self.removed: list[str] = []

    def value(self, path: Path) -> Any:
        return dig(self.body, path)

    def listed(self, path: Path) -> list[Any]:
        return list(dig(self.body, path) or ())

    def put(self, option: str, path: Path, value: Any) -> None:
        """Set a single value; the empty text clears it."""
        self._changes.append(Change(APPLICATION, option, self.value(path), value))
        self.body = with_value(self.body, path, None if value == "" else value)

    def put_list(self, option: str, path: Path, target: Sequence[Any]) -> None:
        """Set a list, where it is another one."""
        have = self.listed(path)
        if target != have:
            self._changes.append(Change(APPLICATION, option, have, target))
            self.body = with_value(self.body, path, target)

    def put_certificates(self, target: Sequence[Json]) -> None:
        """Set the entries of ``keyCredentials``, where they are others."""
        have = self.listed("keyCredentials")
        if not key_plan.is_same(target, have):
            before, after = key_plan.named_apart(have, target)
            details = key_plan.difference(have, target)
            self._changes.append(Change(APPLICATION, "certificates", before, after, details=details))
            self.body = {**self.body, "keyCredentials": target}

    def put_declared(self, target: Sequence[Json], catalogs: Mapping[str, Catalog]) -> list[str]:
        """Set the declared permissions, where they are others; returns the names of those that go."""
        have, gone = self.listed("requiredResourceAccess"), []
        for option, kind in declared.OPTIONS:
            before, after = declared.labels(have, kind, catalogs), declared.labels(target, kind, catalogs)
            if sorted(before) != sorted(after):
                self._changes.append(Change(APPLICATION, option, before, after))
                gone += [name for name in before if name not in after]
        if declared.pairs(have) != declared.pairs(target):
            self.body = {**self.body, "requiredResourceAccess": target}
        return gone

    def writes(self) -> list[Write]:
        """What makes it true: the top-level properties that differ, each whole: whether a nested one is merged is not known."""
        base = self._base
        patch = {name: value for name, value in self.body.items() if name not in base or base[name] != value}
        return [Write(UPDATE, patch)] if patch else []


def simulate(observed: Observed, plan: Plan) -> Observed:
    """What will be there once the plan has been carried out; ids that the service chooses are PENDING."""
    for write in plan.writes:
        observed = _EFFECTS[write.action](observed, write.payload)
    return observed


_EFFECTS: Mapping[str, Callable[[Observed, Any], Observed]] = {
    CREATE: lambda state, body: state.but(
        application={"id": PENDING, "appId": PENDING, **body}, service_principal=None
    ),
    RESTORE: lambda state, _body: state.but(application=state.deleted, deleted=None),
    UPDATE: lambda state, body: state.but(application={**(state.application or {}), **body}),
    ADD_OWNERS: lambda state, ids: state.but(owners=(*state.owners, *ids)),
    REMOVE_OWNERS: lambda state, ids: state.but(owners=tuple(owner for owner in state.owners if owner not in ids)),
    CREATE_PRINCIPAL: lambda state, body: state.but(service_principal={"id": PENDING, **body}),
    RESTORE_PRINCIPAL: lambda state, _body: state.but(
        service_principal=state.deleted_principal, deleted_principal=None
    ),
    UPDATE_PRINCIPAL: lambda state, body: state.but(service_principal={**(state.service_principal or {}), **body}),
    DELETE: lambda state, _body: state.but(
        application=None, deleted=state.application, service_principal=None, roles=(), scopes=()
    ),
    PURGE: lambda state, _body: state.but(deleted=None),
}


def _application(draft: Draft, desired: Desired, now: dt.datetime, catalogs: Mapping[str, Catalog]) -> None:
    """The application as it should be, in the draft of what it is."""
    base, stakes = draft.body, _stakes(desired, draft.body)
    _plain(draft, desired)
    _identity(draft, desired)
    _uris(draft, desired, stakes)
    redirect_uris.check_result(base, draft.body, desired.key.text())
    _claims(draft, desired)
    _lock(draft, desired)
    _certificates(draft, desired, now, stakes)
    _permissions(draft, desired, catalogs, stakes)


def _stakes(desired: Desired, base: Json) -> ownership.Stakes | None:
    """What others hold, where the task works for one PBX and is not told to remove all the same."""
    if desired.pbx is None or desired.force:
        return None
    return replace(ownership.stakes(base, desired.pbx, desired.thumbprints), tagged=desired.removes)


def _plain(draft: Draft, desired: Desired) -> None:
    options = dict(desired.plain)
    if not draft.body:
        # An application must have a name, and the audience that Graph assumes is one nobody wants here.
        options["display_name"] = options.get("display_name") or desired.key.display_name or desired.key.unique_name
        options["sign_in_audience"] = options.get("sign_in_audience") or DEFAULT_AUDIENCE
    for prop in PROPERTIES:
        want = options.get(prop.option)
        if want is not None and prop.compare(want) != prop.compare(draft.value(prop.path)):
            draft.put(prop.option, prop.path, want)


def _identity(draft: Draft, desired: Desired) -> None:
    """The key and the mark; both are written once."""
    name, has = desired.key.unique_name, unique_name_of(draft.body)
    if name and has and name != has:
        raise Conflict(
            f"it has the unique name {has} already, and a unique name is never changed",
            tried=f"give the application the unique name {name}",
            target=str(draft.body.get("appId", "")),
            remedy=f"Use O(unique_name): {has}, or leave O(unique_name) out.",
        )
    if name and not has:
        draft.put("unique_name", ("uniqueName",), name)
    marks = [MARK]
    if desired.pbx is not None:
        marks.append(desired.pbx.tag)
    if desired.adopts:
        marks.append(ownership.ADOPTED_TAG)
    draft.put_list("tags", "tags", merged([*desired.tags, *marks], draft.listed("tags")))


def _uris(draft: Draft, desired: Desired, stakes: ownership.Stakes | None) -> None:
    for uri_list in URI_LISTS:
        want = desired.uris.get(uri_list.option)
        if want is None:
            continue
        have = draft.listed(uri_list.path)
        target = merged([*want, *_kept_for_others(desired, have, stakes)], have, desired.uris_exclusive)
        draft.removed += [uri for uri in have if uri not in target]
        draft.put_list(uri_list.option, uri_list.path, target)


def _kept_for_others(desired: Desired, have: Sequence[str], stakes: ownership.Stakes | None) -> list[str]:
    """Redirect URIs that an exclusive list leaves alone: another PBX's, and all of them in the run that marks."""
    if desired.pbx is None or stakes is None or not desired.uris_exclusive:
        return []
    if not stakes.tagged:
        return list(have)
    pbx = desired.pbx
    return [uri for uri in have if not pbx.owns_uri(uri) and (stakes.pbxs or _is_pbx_uri(uri))]


def _is_pbx_uri(uri: str) -> bool:
    """Whether a redirect URI has a path of 3CX, so that on another host it is another PBX's."""
    return uri.partition("?")[0].rstrip("/").endswith(("/oauth2office2", "/oauth2presence"))


def _claims(draft: Draft, desired: Desired) -> None:
    for claim_list in CLAIM_LISTS:
        want = (desired.claims or {}).get(claim_list.option)
        if want is not None:
            target = _merged_claims(want, draft.listed(claim_list.path))
            draft.put_list(f"optional_claims.{claim_list.option}", claim_list.path, target)


def _merged_claims(want: Sequence[Json], have: Sequence[Json]) -> list[Json]:
    """A claim is named by name and source; of a claim that is there only what is stated is changed."""

    def name(claim: Json) -> tuple[str, str]:
        return str(claim.get("name")), str(claim.get("source") or "")

    target = {name(claim): claim for claim in have}
    for claim in want:
        present = target.get(name(claim), {})
        different = {key: value for key, value in claim.items() if _claim_part(value) != _claim_part(present.get(key))}
        if different or not present:
            target[name(claim)] = {**present, **claim}
    return list(target.values())


def _claim_part(value: Any) -> Any:
    return (sorted(value) if isinstance(value, list) else value) or None


def _lock(draft: Draft, desired: Desired) -> None:
    enabled = LOCK[0]
    for prop in LOCK:
        want = (desired.lock or {}).get(prop.option)
        if want is None or prop.compare(want) == prop.compare(draft.value(prop.path)):
            continue
        draft.put(f"service_principal_lock.{prop.option}", prop.path, want)
        if draft.value(enabled.path) is None:
            draft.body = with_value(draft.body, enabled.path, False)  # required inside of the object (metadata)


def _certificates(draft: Draft, desired: Desired, now: dt.datetime, stakes: ownership.Stakes | None) -> None:
    have = draft.listed("keyCredentials")
    target = key_plan.planned(desired, have, now, stakes)
    after = [*map(name_of, target)]
    # An entry that has ended can no longer be used by anybody, so pruning it takes nothing from a stranger.
    draft.removed += [
        f"the certificate {name_of(entry)}"
        for entry in have
        if entry not in target and not key_plan.ended(entry, now) and name_of(entry) not in after
    ]
    draft.put_certificates(target)


def _permissions(
    draft: Draft, desired: Desired, catalogs: Mapping[str, Catalog], stakes: ownership.Stakes | None
) -> None:
    if desired.permissions is None:
        return
    have = draft.listed("requiredResourceAccess")
    # A permission has no owner: of a shared application none is taken away.
    exclusive = desired.permissions_exclusive and (stakes is None or (stakes.tagged and not stakes.shared))
    target = declared.merged(desired.permissions, have, exclusive)
    draft.removed += [f"the declared permission {name}" for name in draft.put_declared(target, catalogs)]


def _plan_owners(desired: Desired, observed: Observed, plan: Plan) -> None:
    missing = [owner for owner in dict.fromkeys(desired.owners or ()) if owner not in observed.owners]
    if missing:
        before = list(observed.owners)
        plan.changes.append(Change(APPLICATION, "owners", before, [*before, *missing]))
        plan.writes.append(Write(ADD_OWNERS, missing))


def _plan_principal(desired: Desired, observed: Observed, plan: Plan) -> None:
    """A deleted one is restored and never replaced: it comes back as it was, and a new one makes that impossible."""
    have = observed.service_principal or observed.deleted_principal
    tags = list((have or {}).get("tags") or ())
    body: Json = {}
    if have is None:
        plan.changes.append(Change(PRINCIPAL, "state", "absent", "present"))
        app_id = (observed.application or observed.deleted or {}).get("appId", PENDING)
        body = {"appId": app_id, "accountEnabled": True}
    elif observed.service_principal is None:
        plan.changes.append(Change(PRINCIPAL, "state", "deleted", "present"))
        plan.writes.append(Write(RESTORE_PRINCIPAL, {"id": have["id"]}))
    changed: Json = {}
    for prop in SERVICE_PRINCIPAL:
        want = desired.service_principal.get(prop.option)
        actual = dig(have, prop.path) if have is not None else body.get(prop.path[0])
        if want is not None and prop.compare(want) != prop.compare(actual):
            plan.changes.append(Change(PRINCIPAL, prop.option, dig(have, prop.path), want))
            changed[prop.path[0]] = want
    visible = desired.service_principal.get("visible")
    if visible is not None and visible != (VISIBLE_TAG in tags):
        plan.changes.append(Change(PRINCIPAL, "visible", not visible, visible))
        changed["tags"] = [*tags, VISIBLE_TAG] if visible else [tag for tag in tags if tag != VISIBLE_TAG]
    if have is None:
        plan.writes.append(Write(CREATE_PRINCIPAL, {**body, **changed}))
    elif changed:
        plan.writes.append(Write(UPDATE_PRINCIPAL, changed))


def tagged_key(body: Json) -> Json:
    """A body for a cloud without unique names: a tag carries the key instead."""
    name = body.get("uniqueName")
    if not name:
        return body
    rest = {key: value for key, value in body.items() if key != "uniqueName"}
    return {**rest, "tags": merged([KEY_TAG + name], rest.get("tags"))}
