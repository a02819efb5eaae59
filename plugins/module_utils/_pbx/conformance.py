# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How XAPI behaves where this collection rests on it and 3CX has published nothing that decides.

Reading questions change nothing. Writing questions write single settings of the Microsoft 365 integration of a test PBX
and write back what was there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._conformance import NotPutBack, Question, Unknown
from .._errors import M365Error
from .._http import Reply
from .xapi import Xapi

INTEGRATION = "/Microsoft365Integration"
TEAMS = "/Microsoft365TeamsIntegration"
PUT_BACK_S = 60.0
TRIED = "find out how XAPI behaves"


def _read(xapi: Xapi) -> dict[str, Any]:
    return xapi.get(INTEGRATION, TRIED)


def _unset_ids(xapi: Xapi) -> str:
    integration = _read(xapi)
    if integration.get("ApplicationId"):
        raise Unknown("the PBX is linked to an application")
    return "empty" if "ApplicationId" in integration else "omitted"


def _page_limit(xapi: Xapi) -> int:
    page = xapi.get("/Users", TRIED, select=["Id"], params={"$count": "true"})
    rows = len(page.get("value") or ())
    total = page.get("@odata.count") or sum(1 for _user in xapi.entities("/Users", TRIED, select=["Id"]))
    if rows == total and total <= 100:
        raise Unknown("the PBX has too few users to tell")
    return 0 if rows == total else rows


def _script_answer(xapi: Xapi) -> str:
    reply = xapi.exchange("GET", f"{TEAMS}/Pbx.GetDialPlanScript()", TRIED)
    return "json" if reply.json() is not None else "file"


def _status(xapi: Xapi, body: Mapping[str, Any]) -> tuple[int, Reply | None]:
    """The status of a PATCH of the integration, and the answer where it was accepted."""
    try:
        return 204, xapi.exchange("PATCH", INTEGRATION, TRIED, body=body, once=True)
    except M365Error as error:
        if error.status is None:
            raise
        return error.status, None


def _annotations(xapi: Xapi) -> bool:
    """A body that writes back what is there, with an annotation beside it."""
    users = _read(xapi).get("AdUsers")
    if users is None:
        raise Unknown("the PBX has no settings of users")
    status, _reply = _status(xapi, {"@odata.context": "https://x/$metadata#Microsoft365Integration", "AdUsers": users})
    return status != 204


def _nested_patch(xapi: Xapi) -> str:
    """Write one setting of the users alone, see whether the others are still there, and put all back."""
    before = _read(xapi).get("AdUsers") or {}
    kept = {name: value for name, value in before.items() if isinstance(value, bool) and value}
    if not kept:
        raise Unknown("no setting of the users is on, so that nothing could be lost")
    flag = next((name for name, value in before.items() if value is False), None)
    if flag is None:
        raise Unknown("no setting of the users is off")
    try:
        xapi.patch(INTEGRATION, {"AdUsers": {flag: False}}, TRIED)
        after = _read(xapi).get("AdUsers") or {}
    finally:
        _put_back(xapi, before)
    return "merge" if all(after.get(name) is True for name in kept) else "replace"


def _put_back(xapi: Xapi, before: Mapping[str, Any]) -> None:
    """Write what was there, and see that it is there.

    :raises NotPutBack: it is not; the text names what to do by hand.
    """

    def probe() -> tuple[bool, Any]:
        try:
            xapi.patch(INTEGRATION, {"AdUsers": before}, "write back the settings of the users")
            return (_read(xapi).get("AdUsers") or {}) == before, None
        except M365Error as error:
            return False, error

    done, error = xapi.context.deadline.until(probe, "the PBX to take back its settings", within=PUT_BACK_S)
    if not done:
        raise NotPutBack(
            error.message if error is not None else "other settings were read back",
            tried="put back the settings of the users",
            target=xapi.connection.url,
            remedy="Compare them in Admin Console > Integrations > Microsoft 365.",
        )


def _bad_literal(xapi: Xapi) -> str:
    """An enumeration member that does not exist is refused in any case; the question is how."""
    before = _read(xapi).get("AdUsers") or {}
    status, _reply = _status(xapi, {"AdUsers": {**before, "SyncType": "NoSuchMember"}})
    if status == 204:
        _put_back(xapi, before)
        raise Unknown("it was accepted")
    return "server_error" if status >= 500 else "delta"


QUESTIONS: tuple[Question[Xapi], ...] = (
    Question("unset_ids", "ApplicationId and TenantId of an unlinked PBX are empty or omitted", _unset_ids),
    Question("page_limit", "entities in a list without $top; 0 for all", _page_limit),
    Question("script_answer", "GetDialPlanScript answers a file or JSON", _script_answer),
    Question("annotations_refused", "a body with @odata.context is refused", _annotations, True),
    Question("ad_users_patch", "a PATCH of AdUsers replaces or merges it", _nested_patch, True),
    Question("bad_literal", "an enumeration member that does not exist: server_error or delta", _bad_literal, True),
)
