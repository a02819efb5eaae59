# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds an application by its key and reads all that a plan needs to know, in as few round trips as possible.

Only a plain "does not exist" counts as absence; any other failure of a read is raised.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Callable

from ..._common.odata import encoded_literal
from ..._errors import Ambiguous, Conflict, Forbidden, M365Error, NotFound, NotYetReplicated
from .. import rights
from ..graph import CONSISTENT, Answer, Call, GraphClient, unsupported_here
from . import absence
from .catalogs import Catalogs
from .model import MARK, SELECT, SP_SELECT, Key, Observed, unique_name_of

Json = dict[str, Any]

#: https://learn.microsoft.com/graph/query-parameters#expand
MOST_EXPANDED = 20
_RELATIONS = {"owners": "owners", "principal_owners": "owners", "federated": "federatedIdentityCredentials"}


class Finder:
    """Reads one application of one tenant.

    :param key: where two keys were given and one is preferred, :attr:`key` is the one that counts after :meth:`find`.
    :param resources: application ids of the APIs whose permission names are needed.
    :param owners: whether owners are asked for again after each write.
    :ivar judge: refuses an application that must not be taken; called for each that :meth:`find` finds, so that one which
        somebody else has put there in the meantime is not taken either.
    :ivar returns: whether a deleted application is the one that is looked for, although no key leads to it.
    :ivar admits: whether one that has no unique name, and is found otherwise, counts (``adopt``).
    :ivar passed_over: the application with ``unique_name`` where the preferred ``app_id`` leads to another one.
    :ivar live_first: whether one that ``adopt`` leads to is meant rather than a deleted one with the name.
    :ivar stale_app_id: the preferred ``app_id`` where it leads to no application of this tenant; ``stale_principal``: its
        service principal, where the tenant has one all the same.
    """

    def __init__(
        self, client: GraphClient, key: Key, catalogs: Catalogs, resources: Iterable[str], *, owners: bool = False
    ) -> None:
        self.client = client
        self.key = key
        self.catalogs = catalogs
        self.resources = list(resources)
        self.owners = owners
        self.judge: Callable[[Observed], None] | None = None
        self.returns: Callable[[Json], bool] = lambda _deleted: False
        self.admits: Callable[[Json], bool] = lambda _candidate: True
        self.live_first = False
        self.stale_app_id = ""
        self.stale_principal: Json | None = None
        self.passed_over: Json | None = None

    @property
    def knows_unique_names(self) -> bool:
        """Whether this cloud has the key ``uniqueName`` (older documentation: the public cloud alone)."""
        return self.client.context.store.get("no_unique_names", self.client.connection.endpoints.graph) is None

    def no_unique_names(self) -> None:
        """Remember for the run that this cloud has none."""
        self.client.context.store.put("no_unique_names", self.client.connection.endpoints.graph, True)

    def find(self) -> Observed:
        """Everything about the application that the key leads to.

        :raises Ambiguous: the key fits several applications.
        :raises NotFound: ``app_id`` was given and there is no such application.
        """
        observed = self._find()
        if self.judge is not None:
            self.judge(observed)
        return observed

    def _find(self) -> Observed:
        calls = self._lookups()
        missing = self.catalogs.missing(self.resources)
        answers = self.client.batch(
            [*calls.values(), Call("GET", absence.DELETED_APPLICATIONS), *self.catalogs.calls(missing)]
        )
        by_name = dict(zip(calls, answers))
        deleted_page = answers[len(calls)]
        self.catalogs.take(missing, answers[len(calls) + 1 :])
        seen_late = self._read_again(by_name)
        application = self._live(by_name) or (self._to_adopt() if self.live_first else None)
        if application is None:
            deleted = self._deleted(deleted_page)
            if deleted is not None:
                live, gone = absence.principal(self.client, str(deleted["appId"]))
                return Observed(deleted=deleted, service_principal=live, deleted_principal=gone)
            if self.key.app_id:
                home = str((_or_none(by_name["service_principal"]) or {}).get("appOwnerOrganizationId") or "")
                elsewhere = f": it is registered in another tenant ({home}), which has to change it" if home else ""
                raise NotFound(
                    f"there is no such application in this tenant, and no deleted one{elsewhere}",
                    tried="find the application",
                    target=self.key.app_id,
                    remedy="Check O(app_id) and O(tenant_id). "
                    "Leave O(app_id) out to have the application found by its name, or created.",
                )
            application = self._to_adopt()
        if application is None:
            return Observed()
        if "service_principal" in by_name and self.key.app_id and not seen_late:
            return self._audited(self._with_principal(application, by_name["service_principal"]), by_name)
        return self.again(Observed(application=application), application_too=False, audit=True)

    def holders(self, observed: Observed) -> Observed:
        """A known application with everybody who holds it or its service principal, read until all of it can be seen.

        :raises NotYetReplicated: a replica still calls one of the two absent, so that it shows nobody.
        """
        audited = self.again(observed, application_too=False, audit=True, absent=False)
        if audited.service_principal is None and observed.service_principal is not None:
            raise NotYetReplicated("the service principal cannot be read yet", tried="read who holds the application")
        return audited

    def again(
        self, observed: Observed, *, application_too: bool = True, audit: bool = False, absent: bool = True
    ) -> Observed:
        """Read a known application again, by object id, together with what belongs to it.

        :param audit: owners and federated credentials too; without, those of the earlier reading stay.
        :param absent: whether an object of which an answer says that it is not there has none; else that is an error.
        """
        application = observed.application or {}
        calls: dict[str, Call] = {}
        if application_too:
            calls["application"] = Call("GET", f"/applications/{application['id']}?$select={SELECT}")
        calls["service_principal"] = _principal_call(str(application["appId"]))
        if audit:
            calls.update(_audit_calls(f"/applications/{application['id']}", str(application["appId"])))
        elif self.owners:
            calls["owners"] = Call("GET", f"/applications/{application['id']}?$select=id&$expand=owners")
        if len(calls) == 1:
            answers = {name: self.client.send(call) for name, call in calls.items()}
        else:
            answers = dict(zip(calls, self.client.batch(list(calls.values()))))
        if application_too:
            seen = _or_none(answers["application"])
            if seen is None:
                return Observed()
            application = seen
        current = self._with_principal(application, answers["service_principal"])
        kept = {name: getattr(observed, name) for name in ("owners", "owner_objects", "principal_owners", "federated")}
        if not absent:
            _check_seen(answers, observed)
        return self._audited(current.but(**kept), answers)

    def _audited(self, observed: Observed, answers: dict[str, Answer]) -> Observed:
        """With the owners and federated credentials that were read; an object that is not there has none."""
        owners: dict[str, Any] = {}
        for name, relation in _RELATIONS.items():
            if name in answers:
                owners[name] = self._whole(name, relation, _or_none(answers[name]) or {})
        if "owners" in owners:
            owners["owner_objects"] = owners["owners"]
            owners["owners"] = tuple(str(owner["id"]) for owner in owners["owners"])
        return observed.but(**owners)

    def _whole(self, name: str, relation: str, entity: Json) -> tuple[Json, ...]:
        """All of a relation: with its object Graph shows twenty, and nothing says that there are more."""
        shown = tuple(entity.get(relation) or ())
        if len(shown) < MOST_EXPANDED:
            return shown
        kind = "servicePrincipals" if name == "principal_owners" else "applications"
        return tuple(self.client.pages(f"/{kind}/{entity['id']}/{relation}"))

    def _read_again(self, answers: dict[str, Answer]) -> bool:
        """What a replica calls absent is looked for in a list before that decides anything; whether it was found there."""
        seen = False
        for name in ("app_id", "unique_name"):
            if name in answers and not answers[name].ok and isinstance(answers[name].error, NotFound):
                if name == "unique_name" and self._was_absent_before():
                    continue
                application = absence.application(self.client, self.key, name)
                if application is not None:
                    answers[name], seen = Answer(200, application, {}), True
        return seen

    def _was_absent_before(self) -> bool:
        """Whether two tasks of this run have found no application of the name, so that neither has to ask twice.

        The first of them only judges what it finds (``provisional``); the one that writes is the second look.
        """
        context = self.client.context
        key = self.client.shared_key(self.key.unique_name)
        if context.provisional:
            context.store.put("absent_once", key, True)
            return True
        seen = context.store.get("absent_once", key) is not None
        context.store.drop("absent_once", key)
        return seen

    def _lookups(self) -> dict[str, Call]:
        key = self.key
        calls: dict[str, Call] = {}
        if key.app_id:
            calls["app_id"] = Call.by_key("applications", "appId", key.app_id, f"$select={SELECT}")
            calls["service_principal"] = _principal_call(key.app_id)
            calls.update(_audit_calls(f"/applications(appId={encoded_literal(key.app_id)})", key.app_id))
        if key.unique_name and self.knows_unique_names:
            calls["unique_name"] = Call.by_key("applications", "uniqueName", key.unique_name, f"$select={SELECT}")
        if not key.app_id and not key.unique_name:
            calls["display_name"] = self._by_display_name()
        return calls

    def _by_display_name(self) -> Call:
        clause = f"displayName%20eq%20{encoded_literal(self.key.display_name)}"
        return Call("GET", f"/applications?$filter={clause}&$select={SELECT}&$top=100")

    def _live(self, answers: dict[str, Answer]) -> Json | None:
        named = self._named(answers) if self.key.unique_name else None
        if self.key.app_id and self.key.prefer_app_id:
            if _or_none(answers["app_id"]) is None:
                self.stale_app_id, self.stale_principal = self.key.app_id, _or_none(answers["service_principal"])
            preferred = _or_none(answers["app_id"])
            if preferred is not None and named is not None and preferred["id"] != named["id"]:
                self.passed_over = named
            self.key = self.key.settled(preferred, named)
            return preferred or named
        if self.key.app_id:
            application = _or_none(answers["app_id"])
            if named is not None and (application is None or named["id"] != application["id"]):
                raise Conflict(
                    f"O(unique_name) {self.key.unique_name} belongs to the application {named.get('appId')}",
                    tried="find the application",
                    target=self.key.app_id,
                    remedy="Give one of the two keys, or the pair that belongs together.",
                )
            return application
        if self.key.unique_name:
            return named
        matches = [
            application
            for application in self.client.pages("", first=answers["display_name"].get())
            if application.get("displayName") == self.key.display_name
        ]
        return self._only(matches, f"the display name {self.key.display_name!r}")

    def _named(self, answers: dict[str, Answer]) -> Json | None:
        if "unique_name" in answers:
            answer = answers["unique_name"]
            if answer.ok or not unsupported_here(answer.error):
                return _or_none(answer)
            self.no_unique_names()
        # Without the key every application has to be looked at: filters on other properties are not documented.
        everything = self.client.pages(f"/applications?$select={SELECT}&$top=999")
        matches = [application for application in everything if unique_name_of(application) == self.key.unique_name]
        return self._only(matches, f"the unique name {self.key.unique_name!r}")

    def _deleted(self, page: Answer) -> Json | None:
        """The soft-deleted application with our key: by its id or unique name, or by its name when it carries our mark."""
        key = self.key
        if not page.ok and isinstance(page.error, Forbidden):
            # Reading them needs more than creating does, and a free name needs no look at what was deleted.
            self.client.context.warn(rights.not_readable("deleted applications", rights.READ_DELETED))
            return None
        candidates = list(self.client.pages("", first=page.get()))
        if key.app_id:
            matches = [entry for entry in candidates if str(entry.get("appId")).lower() == key.app_id.lower()]
        elif key.unique_name:
            matches = [application for application in candidates if unique_name_of(application) == key.unique_name]
            # One that was adopted has no unique name, and comes back to its PBX all the same.
            matches = matches or [application for application in candidates if self.returns(application)]
        else:
            matches = [
                application
                for application in candidates
                if application.get("displayName") == key.display_name and MARK in (application.get("tags") or ())
            ]
        # Of several that were deleted one after the other the latest is the one people miss.
        return max(matches, key=lambda application: str(application.get("deletedDateTime") or ""), default=None)

    def _to_adopt(self) -> Json | None:
        calls = []
        if "display_name" in self.key.adopt and self.key.display_name:
            calls.append(self._by_display_name())
        if "redirect_uri" in self.key.adopt:
            calls += [
                Call(
                    "GET",
                    f"/applications?$filter=web/redirectUris/any(p:p%20eq%20{encoded_literal(uri)})"
                    "&$count=true&$select=id,appId,displayName,uniqueName,tags",
                    headers=CONSISTENT,
                )
                for uri in self.key.redirect_uris
            ]
        if not calls:
            return None
        matches: dict[str, Json] = {}
        for answer in self.client.batch(calls):
            for application in self.client.pages("", CONSISTENT, first=answer.get()):
                # One with another unique name belongs to somebody else, or to another PBX.
                if not unique_name_of(application) and self.admits(application):
                    matches.setdefault(str(application["id"]), application)
        return self._only(list(matches.values()), " and ".join(self.key.adopt).replace("_", " "))

    def check_rivals(self, observed: Observed) -> None:
        """Raise :class:`Ambiguous` where ``adopt`` leads to another application than the unique name, which anybody may take."""
        rival = self._to_adopt() if observed.application is not None and not self.key.app_id else None
        if rival is not None and observed.application is not None and rival["id"] != observed.application["id"]:
            self._only([observed.application, rival], f"a redirect URI of the PBX, or the name {self.key.unique_name}")

    def _only(self, matches: list[Json], how: str) -> Json | None:
        """The one application of a list, read by itself: the index behind a filter lags, and a list does not show the bytes
        of a certificate (documented), beside which whoever added it may have written any thumbprint."""
        if len(matches) > 1:
            listed = ", ".join(f"{match.get('appId')} (object {match.get('id')})" for match in matches)
            raise Ambiguous(
                f"{len(matches)} applications have {how}: {listed}",
                tried="find the application",
                target=self.key.text(),
                remedy="Name the right one with O(app_id).",
            )
        return self.client.get(f"/applications/{matches[0]['id']}?$select={SELECT}") if matches else None

    def _with_principal(self, application: Json, answer: Answer) -> Observed:
        principal = _or_none(answer)
        if principal is not None:
            store, key = self.client.context.store, self.client.shared_key(str(application.get("appId", "")).lower())
            store.put("service_principal", key, principal["id"])
        deleted: Json | None = None
        if principal is None:
            principal, deleted = absence.principal(self.client, str(application["appId"]))
        return Observed(application=application, service_principal=principal, deleted_principal=deleted)


def _principal_call(app_id: str) -> Call:
    return Call.by_key("servicePrincipals", "appId", app_id, f"$select={SP_SELECT}")


def _audit_calls(path: str, app_id: str) -> dict[str, Call]:
    """Who else may act as the application, or let others do so. One relation each: Graph expands no two at a time."""
    return {
        "owners": Call("GET", f"{path}?$select=id&$expand=owners"),
        "federated": Call("GET", f"{path}?$select=id&$expand=federatedIdentityCredentials"),
        "principal_owners": Call.by_key("servicePrincipals", "appId", app_id, "$select=id&$expand=owners"),
    }


def _check_seen(answers: dict[str, Answer], observed: Observed) -> None:
    """Raise :class:`NotYetReplicated` where a replica calls an object absent that is known to be there."""
    for name in _RELATIONS:
        known = name != "principal_owners" or observed.service_principal is not None
        if known and not answers[name].ok and isinstance(answers[name].error, NotFound):
            raise answers[name].error.as_kind(NotYetReplicated)


def _or_none(answer: Answer) -> Json | None:
    """The object, or ``None`` where Graph says plainly that there is none."""
    try:
        return answer.entity_or_none()
    except M365Error as error:
        raise error.while_trying("read the application") from None
