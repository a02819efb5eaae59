# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings that the license may lack, on a PBX that does not report its edition (before 20.0.10).

Only a write tells. So a rollout writes these first, before anything in Microsoft Entra; and what a PBX has refused is
remembered below the user's home, so that a check afterwards says so instead of advising the rollout that was refused. The
memory holds for one release and one license: an upgrade of either is tried anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils import _stores
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, Unlicensed
from ansible_collections.tcx.m365.plugins.module_utils._pbx.license import in_brackets
from ansible_collections.tcx.m365.plugins.module_utils._pbx.preflight import REFUSED_REMEDY, needs
from ansible_collections.tcx.m365.plugins.module_utils._task import failure
from ansible_collections.tcx.m365.plugins.plugin_utils import _files
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.families import SOURCES

Result = Mapping[str, Any]

REFUSED_CODE = "WARNINGS.XAPI.INVALID_LICENSE_TYPE"
"""What XAPI says when the edition does not include a setting (documented: the enumeration of its warnings)."""

_INCONCLUSIVE = frozenset(("rejected", "unsupported", "conflict", "service_fault", "not_found"))
"""Kinds of errors that say nothing about the license. The later steps of the rollout meet them again, or do not: there the
PBX is linked."""


def judged(result: Result, pbx: Result, url: str) -> Result:
    """The result of the step: a refusal for the license ends the rollout here, any other does not."""
    error = result.get("error") or {}
    if not result.get("failed"):
        forget(url)
        return result
    if error.get("kind") in _INCONCLUSIVE:
        kept = {name: result[name] for name in ("changes", "diff") if name in result}
        return {"changed": bool(result.get("changed")), **kept}
    if error.get("kind") != Unlicensed.kind or error.get("code") != REFUSED_CODE:
        return result
    accepted = {change.get("field") for change in result.get("changes") or ()}
    refused = [option for option in pbx["gated"] if option not in accepted]
    remember(url, pbx, refused)
    told = failure(_unlicensed(pbx, refused, url, error), SOURCES["tcx_preflight"].variables)
    return {**told, **{name: result[name] for name in ("changed", "changes", "diff") if name in result}}


def recalled(pbx: Result, url: str) -> Result:
    """The result of the check of a PBX in check mode: a failure where it would refuse again what it has refused before."""
    known = refused_by(url, pbx)
    refused = [option for option in pbx.get("gated") or () if option in known]
    told = _unlicensed(pbx, refused, url, {"code": REFUSED_CODE})
    return failure(told, SOURCES["tcx_preflight"].variables) if refused else pbx


def _unlicensed(pbx: Result, refused: list[str], url: str, error: Mapping[str, Any]) -> Unlicensed:
    return Unlicensed(
        f"this PBX has refused to switch on what its license ({in_brackets(str(pbx.get('edition')))}) does not "
        f"include: {needs(refused)}",
        tried="prepare the Microsoft 365 settings; nothing was written in Microsoft Entra",
        target=url,
        service=error.get("service") or "",
        status=error.get("status"),
        code=error.get("code") or "",
        remedy=REFUSED_REMEDY,
    )


# --- the memory ------------------------------------------------------------------------------------------------------


def remember(url: str, pbx: Result, refused: list[str]) -> None:
    """Keep what a PBX has refused; where there is no place to keep it, a check says what it said before."""
    entry = {**_state(pbx), "refused": refused}
    with contextlib.suppress(OSError, BadInput):
        _files.replace(_path(_stores.of_user(), url), json.dumps(entry).encode("utf-8"))


def forget(url: str) -> None:
    with contextlib.suppress(OSError, BadInput):
        os.unlink(_path(_stores.of_user(), url))


def refused_by(url: str, pbx: Result) -> list[str]:
    """What a PBX has refused with the release and the license that it has today."""
    try:
        with open(_path(_stores.of_user(), url), encoding="utf-8") as stream:
            entry = json.load(stream)
        known = {name: entry[name] for name in ("version", "edition")}
        refused = entry["refused"]
    except (OSError, ValueError, KeyError, TypeError, BadInput):
        return []
    return [str(option) for option in refused] if known == _state(pbx) and isinstance(refused, list) else []


def _state(pbx: Result) -> dict[str, str]:
    return {name: str(pbx.get(name) or "") for name in ("version", "edition")}


def _path(directory: str, url: str) -> str:
    return os.path.join(
        directory, f"license-{hashlib.sha256(url.rstrip('/').lower().encode('utf-8')).hexdigest()[:40]}"
    )
