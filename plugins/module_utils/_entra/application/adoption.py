# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether an application may be taken for a PBX, and whether it may be given permissions. Pure.

What a PBX reports and what an application is called authorize nothing: a PBX may be compromised, and by default every user
of a tenant, guests included, may register an application under a free ``uniqueName`` and set its tags (documented: default
user permissions of Microsoft Entra ID). So an application that the inventory does not state is taken on evidence alone, and
one that holds credentials or owners nobody here knows is given nothing new.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..._common import dates
from ..._common.text import quoted
from ..._errors import M365Error
from . import ownership
from .certificates import thumbprint_of
from .model import MARK, Observed, unique_name_of
from .ownership import Credential, Pbx
from .permissions import FEATURES

Json = dict[str, Any]

INVENTORY, BY_PBX, BY_NAME = "inventory", "pbx", "name"
"""Who named the application: the operator by id, the PBX, or a unique name or display name that fits."""

USE, ADOPT = "use", "adopt"

MICROSOFT = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"
"""The tenant that owns Microsoft's own applications (documented: verify first-party Microsoft applications)."""

_FIRST_PARTY = re.compile(r"[0-9a-f]{8}-0000-(0000-c000|0ff1-ce00)-000000000000")

SIGN_IN_SCOPES = frozenset(("openid", "profile", "email", "offline_access", "User.Read"))
GRANTABLE = SIGN_IN_SCOPES | frozenset(
    name for kinds in FEATURES.values() for names in kinds.values() for name in names
)
"""The names of all permissions of Microsoft Graph that any feature of a PBX needs: nothing wider is ever adopted unasked."""

STATE_IT = "If it is the right one, say so with entra_app_app_id"
CREATE_ONE = "to have a new application made for this PBX, set entra_app_mode: create"
CHOICES = f"{STATE_IT}; {CREATE_ONE}."


class NotConfirmed(M365Error):
    """An application that nothing but a PBX or a name leads to is not taken."""

    kind = "not_confirmed"


@dataclass(frozen=True)
class Caller:
    """Who runs the automation, as its own token says.

    :param client_ids: of its application, lower case.
    :param principal_id: object id of its service principal (or user) in the tenant.
    :param app_only: whether it signs in as itself. The client of a person (the Azure CLI) is everybody's.
    """

    client_ids: frozenset[str] = frozenset()
    principal_id: str = ""
    app_only: bool = False

    def made(self, application: Mapping[str, Any]) -> bool:
        """Whether the automation registered an application: Entra writes that down itself, and nobody can set it."""
        return self.app_only and str(application.get("createdByAppId") or "").lower() in self.client_ids


@dataclass(frozen=True)
class Candidate:
    """An application as it was found.

    :param application: as Graph shows it, with tags, redirect URIs and credentials.
    :param service_principal: of the same tenant, with its credentials.
    :param owners: directory objects; :param principal_owners: those of the service principal.
    :param federated: its federated identity credentials.
    :param granted: names of all permissions that it has been granted; ``None`` where nobody looked.
    :param restored: whether it was deleted when the task found it first.
    """

    application: Mapping[str, Any]
    service_principal: Mapping[str, Any] | None = None
    owners: tuple[Json, ...] = ()
    principal_owners: tuple[Json, ...] = ()
    federated: tuple[Json, ...] = ()
    granted: frozenset[str] | None = None
    restored: bool = False

    @classmethod
    def of(cls, observed: Observed) -> Candidate:
        """From what was read of it; a deleted one is judged as well before it is restored."""
        return cls(
            observed.application or observed.deleted or {},
            observed.service_principal,
            observed.owner_objects,
            observed.principal_owners,
            observed.federated,
        )

    @property
    def app_id(self) -> str:
        return str(self.application.get("appId") or "").lower()

    @property
    def is_deleted(self) -> bool:
        """Whether it was deleted and can still be restored."""
        return bool(self.application.get("deletedDateTime"))


@dataclass(frozen=True)
class Claim:
    """Why the application is checked, and what the inventory knows.

    :param unique_name: the name that the inventory gives (or that follows from the host's).
    :param thumbprints: of the certificates that the inventory has for this PBX.
    :param neighbors: of those that it has for other PBXs with the same application.
    :param known_owners: object ids that the inventory names as owners.
    :param requested: names of the permissions that are to be granted.
    :param grants: whether :attr:`requested` is to be granted; otherwise nobody gains anything by them.
    :param now: an ISO date; a credential that expired before it lets nobody in.
    :param removed: the application that the PBX had when it was offboarded from here, as the record of that run says.
    """

    named_by: str
    pbx: Pbx | None = None
    unique_name: str = ""
    thumbprints: frozenset[str] = frozenset()
    neighbors: frozenset[str] = frozenset()
    known_owners: frozenset[str] = frozenset()
    requested: frozenset[str] = frozenset()
    grants: bool = True
    now: str = ""
    removed: str = ""

    def is_named(self, application: Mapping[str, Any]) -> bool:
        """Whether an application has the unique name that the inventory gives. Anybody may take a free one."""
        return unique_name_of(application) == self.unique_name != ""

    def is_marked(self, application: Mapping[str, Any]) -> bool:
        """Whether an application is marked for this PBX. Every owner can set that mark."""
        return self.pbx is not None and self.pbx.identity in ownership.pbxs_of(application)

    def returns(self, application: Mapping[str, Any]) -> bool:
        """Whether an application is marked for this PBX and was deleted by its offboarding: what it held then was known."""
        named = str(application.get("appId") or "").lower() == self.removed != ""
        return named and ownership.is_marked(application) and self.is_marked(application)


@dataclass(frozen=True)
class Decision:
    """What to do with an application.

    :param action: :data:`USE` for one that carries our mark, :data:`ADOPT` for one of somebody else.
    :param unknown: credentials and owners that nobody here knows, in words: while there are any, and the operator has not
        stated the application, no permission is added.
    :param proof: what the tenant confirms, in words.
    """

    action: str
    unknown: tuple[str, ...] = ()
    stated: bool = False
    proof: tuple[str, ...] = field(default=())

    @property
    def holds_consent(self) -> tuple[str, ...]:
        """Why no new permission is granted; empty where it may be."""
        return () if self.stated else self.unknown


def decide(candidate: Candidate, claim: Claim, caller: Caller, tenant_id: str) -> Decision:
    """Whether the candidate may be taken.

    :param tenant_id: the tenant that is worked in.
    :raises NotConfirmed: it may not; the message names the reason and the choices.
    """
    never(candidate.app_id, candidate.service_principal, caller, tenant_id, stated=claim.named_by == INVENTORY)
    application = candidate.application
    marked = ownership.is_marked(application)
    unknown = tuple(unknown_holders(candidate, claim, caller))
    if claim.named_by == INVENTORY:
        return Decision(USE if marked else ADOPT, unknown, stated=True)
    proof = tuple(evidence(application, claim))
    ours = caller.made(application) and (claim.is_named(application) or claim.is_marked(application))
    other = _belongs_to(application, claim, proof)
    if other:
        raise _refused(candidate, claim, other)
    returns = claim.returns(application) and bool(proof) and not unknown
    if (candidate.is_deleted or candidate.restored) and not (caller.made(application) or returns):
        why = "it was deleted, and who owns it and may sign in with it shows only after it is restored"
        raise _refused(candidate, claim, f"it was deleted, and it holds {_listed(unknown)}" if unknown else why)
    if not (marked or ours):
        if not proof:
            raise _refused(
                candidate,
                claim,
                "nothing in the tenant confirms that it is this PBX's: it has neither the certificate in "
                "entra_app_public_key nor a redirect URI on the host of tcx_url",
            )
        _check_width(candidate, claim)
        check_consent(candidate, claim, unknown)
        return Decision(ADOPT, unknown, proof=proof)
    if not (proof or ours):
        _check_tag(candidate, claim, unknown)
    if gains(application, claim, caller):
        _check_width(candidate, claim)
    return Decision(USE, unknown, proof=(*proof, "the automation registered it") if ours else proof)


def gains(application: Mapping[str, Any], claim: Claim, caller: Caller) -> bool:
    """Whether the PBX would get, with the application, what others have granted to it.

    It would not where its own certificate is there already, where it brings none to an application that has its redirect
    URI, and in one that the automation has registered for it. A mark alone, which every owner can set, counts for nothing.
    """
    if claim.named_by == INVENTORY or (caller.made(application) and claim.is_named(application)):
        return False
    if not ownership.is_marked(application):
        return True
    if not claim.thumbprints:
        return not evidence(application, claim)
    return claim.thumbprints.isdisjoint(thumbprint_of(entry) for entry in application.get("keyCredentials") or ())


def decide_missing(app_id: str, principal: Mapping[str, Any] | None, *, in_use: bool, tenant_id: str) -> None:
    """The PBX points to an application that cannot be read in this tenant: may another one take its place?

    :param principal: its service principal in the tenant, if there is one: then the pointer is not stale.
    :param in_use: the PBX works with it today.
    :raises NotConfirmed: it may not.
    """
    if principal is None and not in_use:
        return
    home = str((principal or {}).get("appOwnerOrganizationId") or "")
    if principal is None:
        why = "the PBX works with it today, and it cannot be read in this tenant"
    elif home and home.lower() != tenant_id.lower():
        why = f"it is registered in another tenant ({home}); only its enterprise application is in this one"
    else:
        why = "its enterprise application is in this tenant, and the application itself cannot be read"
    raise NotConfirmed(
        f"{why}. The PBX is not moved to another application unless the inventory says so",
        tried="find the application of the PBX",
        target=app_id,
        remedy=f"To have a new application made for this PBX, and the PBX moved to it, set entra_app_mode: create; "
        f"to move it to an existing one, name that in entra_app_app_id. Check entra_tenant_id ({tenant_id}) first.",
    )


def never(
    app_id: str, principal: Mapping[str, Any] | None, caller: Caller, tenant_id: str, *, stated: bool = True
) -> None:
    """Raise :class:`NotConfirmed` for an application that is never touched, whoever names it.

    :param stated: the operator names it, in an option or in the variable that sets it; otherwise a PBX does, or a name.
    """
    lowered = app_id.strip().lower()
    home = str((principal or {}).get("appOwnerOrganizationId") or "").lower()
    if lowered and lowered in caller.client_ids:
        why = "it is the automation's own application: what could sign in with it could sign in to every customer"
    elif home == MICROSOFT or _FIRST_PARTY.fullmatch(lowered):
        why = "it is an application of Microsoft"
    elif home and tenant_id and home != tenant_id.lower():
        why = f"it is registered in another tenant ({home})"
    else:
        return
    raise NotConfirmed(
        why,
        tried="use the application for a PBX",
        target=app_id,
        remedy="Name another application in O(app_id), or leave it out."
        if stated
        else "Name another application in entra_app_app_id, or set entra_app_mode: create to have one made.",
    )


def evidence(application: Mapping[str, Any], claim: Claim) -> list[str]:
    """What of an application nobody but this PBX, or whoever set it up for this PBX, would have put there."""
    proofs = [
        f"the certificate {thumbprint_of(entry)}"
        for entry in application.get("keyCredentials") or ()
        if entry.get("usage") == "Verify" and thumbprint_of(entry) in claim.thumbprints
    ]
    if claim.pbx is not None:
        uris = ownership.redirect_uris(application)
        proofs += [f"the redirect URI {uri}" for uri in uris if claim.pbx.owns_uri(uri)]
    return proofs


def unknown_holders(candidate: Candidate, claim: Claim, caller: Caller) -> list[str]:
    """Credentials and owners that neither the inventory names nor the automation put there, in words."""
    holders = [
        credential.words()
        for credential in credentials(candidate, claim, caller)
        if credential.owner == "foreign" and credential.hint != "expired"
    ]
    known = {owner.lower() for owner in claim.known_owners} | {caller.principal_id.lower()}
    for where, owners in (("", candidate.owners), (" of its service principal", candidate.principal_owners)):
        holders += [
            f"the owner{where} {owner_in_words(owner)}"
            for owner in owners
            if str(owner.get("id", "")).lower() not in known
        ]
    return list(dict.fromkeys(holders))


def credentials(candidate: Candidate, claim: Claim, caller: Caller) -> list[Credential]:
    """Everything that lets somebody sign in as the application, and whose it is."""
    holdings: list[Credential] = []
    now, made = claim.now, caller.made(candidate.application)
    for on, entity in (
        ("application", candidate.application),
        ("service_principal", candidate.service_principal or {}),
    ):
        for entry in entity.get("keyCredentials") or ():
            if entry.get("usage") == "Verify":
                name = thumbprint_of(entry) or str(entry.get("displayName") or entry.get("keyId") or "")
                holdings.append(_credential("certificate", name, entry, _owner(entry, claim, made=made), on, now))
        for entry in entity.get("passwordCredentials") or ():
            name = str(entry.get("displayName") or entry.get("keyId") or "")
            holdings.append(_credential("secret", name, entry, "foreign", on, now))
    for entry in candidate.federated:
        name = f"{entry.get('name') or entry.get('id')} ({entry.get('issuer')}, {entry.get('subject')})"
        holdings.append(Credential("federated", name, None, "foreign"))
    return holdings


def owner_in_words(owner: Mapping[str, Any]) -> str:
    """An owner in a sentence; a display name, which anybody may choose, in quotes."""
    name = owner_name(owner)
    return repr(name) if owner.get("displayName") and not owner.get("userPrincipalName") else name


def owner_name(owner: Mapping[str, Any]) -> str:
    """An owner as a value."""
    name = owner.get("userPrincipalName") or owner.get("displayName") or owner.get("appId") or owner.get("id")
    return f"{name} (guest)" if owner.get("userType") == "Guest" or "#EXT#" in str(name) else str(name)


def adoption_in_words(candidate: Candidate, claim: Claim, caller: Caller, *, done: bool) -> str:
    """What the operator reads and approves: ``would ADOPT application X (name, owners, roles, credentials)``."""
    application = candidate.application
    owners = ", ".join(owner_in_words(owner) for owner in candidate.owners) or "none"
    roles = ", ".join(sorted(candidate.granted)) if candidate.granted else "none"
    if candidate.granted is None:
        roles = "not read"
    held = ", ".join(credential.words() for credential in credentials(candidate, claim, caller)) or "none"
    return (
        f"{'ADOPTED' if done else 'would ADOPT'} application {application.get('appId')} "
        f"({application.get('displayName')!r}; owners: {owners}; granted: {roles}; credentials: {held})"
    )


def _credential(kind: str, name: str, entry: Mapping[str, Any], owner: str, on: str, now: str) -> Credential:
    expires = entry.get("endDateTime")
    end, moment = dates.parse(expires), dates.parse(now)
    gone = end is not None and moment is not None and end < moment
    return Credential(kind, name, expires, owner, on, "expired" if gone else "")


def _owner(entry: Mapping[str, Any], claim: Claim, *, made: bool) -> str:
    """Whose a certificate is. Its display name counts only in an application that the automation registered: any user may
    register another one, call his certificate like ours, and leave.

    :param made: whether the automation registered the application.
    """
    if thumbprint_of(entry) in claim.thumbprints:
        return "this_pbx"
    if thumbprint_of(entry) in claim.neighbors:
        return "other_pbx"
    label = ownership.entry_owner(entry)
    if label is None or not made:
        return "foreign"
    return "this_pbx" if claim.pbx is None or label in ("", claim.pbx.label) else "other_pbx"


def _belongs_to(application: Mapping[str, Any], claim: Claim, proof: Iterable[str]) -> str:
    """Why an application is another PBX's; empty where it is not."""
    name, marked_for = unique_name_of(application), ownership.pbxs_of(application)
    own = claim.pbx.identity if claim.pbx is not None else ""
    if own and own in marked_for:
        return ""
    same_name = bool(name) and name == claim.unique_name
    if same_name and ownership.is_marked(application):
        return ""  # the inventory gives several PBXs one name: they share it
    if marked_for:
        return f"it is marked for another PBX ({', '.join(map(quoted, marked_for))})"
    if name and not same_name and not (ownership.is_marked(application) and list(proof)):
        return f"its unique name is {quoted(name)}, so that it is another PBX's"
    return ""


def _check_tag(candidate: Candidate, claim: Claim, unknown: tuple[str, ...]) -> None:
    """Raise where an application has our mark and nothing else that speaks for this PBX."""
    reason = f"it carries the tag {MARK}, which every owner can set, but neither the certificate of this PBX nor a redirect URI of it"
    if unknown:
        raise _refused(candidate, claim, f"{reason}, and it holds {_listed(unknown)}")
    if not (claim.is_named(candidate.application) or claim.is_marked(candidate.application)):
        raise _refused(candidate, claim, reason)


def _check_width(candidate: Candidate, claim: Claim) -> None:
    """Raise where an application has been granted more than any feature of a PBX needs."""
    granted = candidate.granted or frozenset()
    wider = sorted(granted - claim.requested - GRANTABLE)
    if wider:
        raise _refused(
            candidate,
            claim,
            f"it has been granted more than a PBX needs: {', '.join(wider)}; the PBX would get all of it",
        )


def check_consent(candidate: Candidate, claim: Claim, unknown: tuple[str, ...]) -> None:
    """Raise :class:`NotConfirmed` where permissions would be granted to an application that strangers hold."""
    granted = candidate.granted or frozenset()
    missing = sorted(claim.requested - granted)
    if unknown and missing and claim.grants:
        raise _refused(
            candidate,
            claim,
            f"it would be granted {', '.join(missing)}, and it holds {_listed(unknown)}, which nobody here knows",
        )


def _listed(words: tuple[str, ...], most: int = 5) -> str:
    shown = ", ".join(words[:most])
    return shown if len(words) <= most else f"{shown} and {len(words) - most} more"


def _refused(candidate: Candidate, claim: Claim, why: str) -> NotConfirmed:
    named = {BY_PBX: "the PBX names it", BY_NAME: f"it has the name {claim.unique_name or 'that was given'}"}
    shown = f"{candidate.application.get('appId')} {str(candidate.application.get('displayName') or '')!r}"
    return NotConfirmed(
        f"{named[claim.named_by]}, but {why}",
        tried="adopt the application",
        target=shown,
        remedy=CHOICES
        if claim.named_by == BY_PBX
        else f"{STATE_IT}; to have a new one made, give another entra_app_unique_name.",
    )
