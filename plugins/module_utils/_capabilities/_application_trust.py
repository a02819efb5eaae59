# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the options of a task to the rules of ``_entra/application/adoption``: may this application be taken, and for which PBX?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Callable

from .._entra import rights
from .._entra.application import adoption, ownership
from .._entra.application.adoption import Caller, Candidate, Claim, Decision
from .._entra.application.catalogs import Catalogs
from .._entra.application.certificates import normalized_thumbprint
from .._entra.application.find import Finder
from .._entra.application.grant_plan import application_names, delegated_names
from .._entra.application.grants import GrantReader
from .._entra.application.model import Desired, Observed
from .._entra.application.ownership import Pbx
from .._entra.application.permissions import Permission
from .._entra.graph import GraphClient
from .._errors import BadInput
from .._task import ArgumentSpec

Json = dict[str, Any]

ARGUMENT_SPEC: ArgumentSpec = {
    "pbx": {"type": "str"},
    "pbx_names": {"type": "list", "elements": "str", "default": []},
    "require_evidence": {"type": "bool", "default": False},
    "shared_certificates": {"type": "list", "elements": "str", "default": []},
    "in_use": {"type": "bool", "default": False},
    "deleted_app_id": {"type": "str"},
    "grants": {"type": "bool", "default": True},
    "create_with": {
        "type": "dict",
        "options": {
            "display_name": {"type": "str"},
            "sign_in_audience": {
                "type": "str",
                "choices": [
                    "AzureADMyOrg",
                    "AzureADMultipleOrgs",
                    "AzureADandPersonalMicrosoftAccount",
                    "PersonalMicrosoftAccount",
                ],
            },
            "public_client": {"type": "bool"},
        },
    },
}

_MARKED_NOW = "marked_in_this_run"


def pbx_of(params: Mapping[str, Any]) -> Pbx | None:
    """The PBX that the task works for, if it says so; raises :class:`BadInput` for an address that is none."""
    if not params.get("pbx"):
        return None
    pbx = Pbx.of(params["pbx"], params.get("pbx_names") or ())
    if pbx is None:
        raise BadInput(f"tcx_url {params['pbx']!r} is not the address of a PBX", remedy="Give https://HOST:PORT.")
    return pbx


def caller_of(client: GraphClient) -> Caller:
    """Who runs the automation: by its token, and by what it signs in with."""
    token = client.tokens.get()
    ids = (token.claims.get("appid"), token.claims.get("azp"), client.connection.credential.client_id)
    known = frozenset(str(identifier).strip().lower() for identifier in ids if identifier)
    return Caller(known, str(token.claims.get("oid") or ""), app_only=token.app_only)


def was_marked_now(client: GraphClient, application: Mapping[str, Any], pbx: Pbx) -> bool:
    """Whether this very run has marked an application for a PBX: then nothing of it is removed before the next one."""
    return client.context.store.get(_MARKED_NOW, _mark_key(client, application, pbx)) is not None


def _mark_key(client: GraphClient, application: Mapping[str, Any], pbx: Pbx) -> str:
    return client.shared_key(str(application.get("appId") or "").lower(), pbx.identity)


class Trust:
    """Judges the applications that a task finds.

    :param requested: the permissions that are asked for; called after the first reading, when their ids are known.
    :ivar decision: about the one that was found last; ``None`` before, and where there is none.
    """

    def __init__(
        self,
        params: Mapping[str, Any],
        client: GraphClient,
        finder: Finder,
        desired: Desired,
        requested: Callable[[], Sequence[Permission]],
    ) -> None:
        self._requested = requested
        self._observed = Observed()
        self.client = client
        self.finder = finder
        self.desired = desired
        self.decision: Decision | None = None
        self.candidate: Candidate | None = None
        self._params = params
        self._caller = caller_of(client)
        self._granted: dict[str, frozenset[str]] = {}
        self._evidence = bool(params["require_evidence"])
        self._pointed = desired.key.app_id.lower()
        finder.judge = self.judge
        finder.returns = self.returns

    def judge(self, observed: Observed) -> None:
        """Refuse what must not be taken; raises :class:`adoption.NotConfirmed`."""
        known = self.candidate
        self._observed = observed
        tenant = self.client.tenant_id
        if self._evidence and self.finder.stale_app_id:
            adoption.decide_missing(
                self.finder.stale_app_id,
                self.finder.stale_principal,
                in_use=bool(self._params["in_use"]),
                tenant_id=tenant,
            )
        application = observed.application or observed.deleted
        if application is None:
            self.decision = self.candidate = None
            return
        candidate = Candidate.of(observed)
        was_deleted = known is not None and (known.is_deleted or known.restored) and known.app_id == candidate.app_id
        candidate = replace(candidate, restored=was_deleted and not candidate.is_deleted)
        claim = self.claim(application)
        if self._must_read_grants(candidate):
            candidate = replace(candidate, granted=self._granted_to(candidate))
        self.candidate = candidate
        self.decision = adoption.decide(candidate, claim, self._caller, tenant)

    def returns(self, deleted: Mapping[str, Any]) -> bool:
        """Whether a deleted application is the one that this PBX had when it was offboarded from here."""
        claim = self.claim(deleted)
        if not (claim.returns(deleted) and adoption.evidence(deleted, claim)):
            return False
        return not adoption.unknown_holders(Candidate(deleted), claim, self._caller)

    def check(self) -> None:
        """Refuse to prepare an application for permissions that would then be withheld; for a task that writes.

        :raises adoption.NotConfirmed: strangers hold the application, and it has not all of the permissions yet.
        """
        candidate, decision = self.candidate, self.decision
        if candidate is None or decision is None or not decision.holds_consent:
            return
        if candidate.granted is None and candidate.service_principal is not None:
            candidate = replace(candidate, granted=self._granted_to(candidate))
        adoption.check_consent(candidate, self.claim(candidate.application), decision.unknown)

    def claim(self, application: Mapping[str, Any]) -> Claim:
        """Why the application is checked."""
        desired, named_by = self.desired, adoption.INVENTORY
        if self._evidence:
            pointed = str(application.get("appId") or "").lower() == self._pointed != ""
            named_by = adoption.BY_PBX if pointed else adoption.BY_NAME
        catalogs = self.finder.catalogs.known
        return Claim(
            named_by,
            pbx=desired.pbx,
            unique_name=desired.key.unique_name,
            thumbprints=frozenset(desired.thumbprints),
            neighbors=frozenset(map(normalized_thumbprint, self._params["shared_certificates"] or ())),
            known_owners=frozenset(desired.owners or ()),
            requested=frozenset(permission.label(catalogs) for permission in self._requested()),
            grants=bool(self._params["grants"]),
            now=self.client.now().isoformat(),
            removed=str(self._params["deleted_app_id"] or "").lower(),
        )

    def prepared(self, desired: Desired) -> Desired:
        """The desired state, with what follows from whose application was found."""
        application = self._observed.application or self._observed.deleted or {}
        ours = not application or self.is_ours()
        desired = replace(desired, plain=self._plain(desired, ours=ours), stated=not self._evidence)
        pbx = desired.pbx
        if pbx is None:
            return desired
        before = pbx.identity in ownership.pbxs_of(application) and not was_marked_now(self.client, application, pbx)
        if not ours and self._evidence:
            # A unique name can be given once and never be taken away: an application of somebody else keeps none.
            app_id = str(application.get("appId") or "").lower()
            self.finder.key = replace(self.finder.key, unique_name="", app_id=app_id, prefer_app_id=False)
        return replace(desired, removes=before, adopts=not ours)

    def is_ours(self) -> bool:
        """Whether the application was made by this collection, or has been treated as such before."""
        if self.decision is None or self.candidate is None:
            return True
        application = self.candidate.application
        return self.decision.action == adoption.USE and not ownership.is_adopted(application)

    def remember_marks(self, desired: Desired, observed: Observed) -> None:
        """Remember for the run that the application has been marked in it."""
        application = observed.application or {}
        if desired.pbx is not None and not desired.removes and application:
            key = _mark_key(self.client, application, desired.pbx)
            self.client.context.store.put(_MARKED_NOW, key, True)

    def values(self, final: Observed) -> Json:
        """Return values: what an auditor must see."""
        if final.application is None:
            return {}
        candidate = Candidate.of(final)
        claim = self.claim(final.application)
        words = self.adoption_words(done=False)
        credentials = adoption.credentials(candidate, claim, self._caller)
        unknown = adoption.unknown_holders(candidate, claim, self._caller)
        return {
            "credentials": [credential.as_dict() for credential in credentials],
            "owners": [_owner(owner) for owner in final.owner_objects],
            "redirect_uris": ownership.redirect_uris(final.application),
            "audience": final.application.get("signInAudience"),
            "adopted": bool(words),
            "adoption": words,
            "unknown_credentials": unknown if self._evidence else [],
            "findings": findings(candidate, claim, unknown, listed=self._listed_uris()),
        }

    def _listed_uris(self) -> frozenset[str]:
        lists = (self.desired.key.redirect_uris, *(uris or () for uris in self.desired.uris.values()))
        return frozenset(uri for uris in lists for uri in uris)

    def adoption_words(self, *, done: bool) -> str:
        """The adoption as the operator reads and approves it; empty where the task adopts nothing for a PBX."""
        adopts = self.decision is not None and self.decision.action == adoption.ADOPT and self.desired.pbx is not None
        if not adopts or self.candidate is None:
            return ""
        claim = self.claim(self.candidate.application)
        return adoption.adoption_in_words(self.candidate, claim, self._caller, done=done)

    def _plain(self, desired: Desired, *, ours: bool) -> dict[str, Any]:
        chosen = {name: value for name, value in (self._params["create_with"] or {}).items() if value is not None}
        if not ours:
            chosen = {}
        return {**desired.plain, **{name: value for name, value in chosen.items() if desired.plain.get(name) is None}}

    def _must_read_grants(self, candidate: Candidate) -> bool:
        """An adoption is judged by, and told with, what the application has been granted."""
        application = candidate.application
        if candidate.service_principal is None:
            return False
        if adoption.gains(application, self.claim(application), self._caller):
            return True
        return self.desired.pbx is not None and not (ownership.is_marked(application) or self._caller.made(application))

    def _granted_to(self, candidate: Candidate) -> frozenset[str]:
        if candidate.app_id not in self._granted:
            catalogs = Catalogs(self.client)
            # Without the right to read them delegated permissions stay unknown: that alone is no reason to stop.
            delegated = not rights.lacking(self.client.tokens.get(), rights.READ_DELEGATED_PERMISSIONS)
            reader = GrantReader(self.client, candidate.app_id, catalogs, self.finder.resources, delegated=delegated)
            granted = reader.read()
            self._granted[candidate.app_id] = frozenset(
                [*application_names(granted, reader.names), *delegated_names(granted, reader.names)]
            )
        return self._granted[candidate.app_id]


def findings(candidate: Candidate, claim: Claim, unknown: list[str], *, listed: frozenset[str]) -> list[str]:
    """What of an application an operator has to know, although no option asks for it.

    :param listed: redirect URIs that the inventory names.
    """
    application = candidate.application
    remarks = [
        f"The application has {holder} that the inventory does not know." for holder in unknown if "owner" in holder
    ]
    if claim.pbx is None or ownership.stakes(application, claim.pbx).pbxs:
        return remarks
    # What was there before us may serve other programs as well; what we have registered serves the PBX alone.
    made_here = ownership.is_marked(application) and not ownership.is_adopted(application)
    stale = [
        uri
        for uri in ownership.redirect_uris(application)
        if not claim.pbx.owns_uri(uri)
        and (uri.rstrip("/").endswith("/oauth2office2") or (made_here and uri not in listed))
    ]
    told = (f"The redirect URI {uri} is on another host than the PBX: sign-ins can be sent there." for uri in stale)
    return [*remarks, *told]


def _owner(owner: Mapping[str, Any]) -> Json:
    return {
        "id": owner.get("id"),
        "name": adoption.owner_name(owner),
        "type": str(owner.get("@odata.type") or "").rpartition(".")[2],
        "guest": owner.get("userType") == "Guest" or "#EXT#" in str(owner.get("userPrincipalName") or ""),
    }
