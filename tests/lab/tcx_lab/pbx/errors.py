# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every refusal of XAPI, with the body a real PBX sends. `error.code` is always empty (observed on 20.0.8 and 20.0.9)."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """An answer other than success. `body` None means an empty body."""

    def __init__(self, status: int, body: dict[str, Any] | None = None) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body


def odata_error(status: int, message: str, details: list[dict[str, str]] | None = None) -> Refusal:
    """The error object of OData (documented shape; empty code observed)."""
    error: dict[str, Any] = {"code": "", "message": message}
    if details is not None:
        error["details"] = details
    return Refusal(status, {"error": error})


def bad_body() -> Refusal:
    """What model binding answers to an unknown property, a wrong type or a wrapper (observed; the text misleads)."""
    return odata_error(400, "The input was not valid.\n\ndelta:\nThe delta field is required.")


def bad_query(reason: str) -> Refusal:
    """A query option that cannot be used (observed for $select and $top)."""
    return odata_error(400, f"The query specified in the URI is not valid. {reason}", [])


def no_such_property(name: str, type_name: str) -> Refusal:
    """A name in `$select`, `$filter`, `$orderby` or `$expand` that the type lacks (observed)."""
    return bad_query(f"Could not find a property named '{name}' on type '{type_name}'.")


def warning(target: str, code: str) -> Refusal:
    """A validation error; `code` without the prefix, for example "XAPI.ALREADY_IN_USE" (observed shape)."""
    text = f"WARNINGS.{code}"
    return odata_error(400, f"{target}:\n{text}", [{"code": "", "message": text, "target": target}])


def unauthorized() -> Refusal:
    """No token, or one that is expired, superseded or made up: an empty 401 (observed)."""
    return Refusal(401)


def server_error() -> Refusal:
    """The empty 500 for an enum member or date that does not exist (observed)."""
    return Refusal(500)


def not_found() -> Refusal:
    """What this build does not have (observed: an empty 404)."""
    return Refusal(404)


def not_simulated(verb: str, path: str) -> Refusal:
    """501 of the lab's own for what 3CX publishes and the lab has not: not to be taken for the empty 404 of an old build."""
    message = (
        f"This is the lab and not a PBX: it does not simulate {verb} {path}. GET /_lab/simulated lists what it does."
    )
    return odata_error(501, message)


def no_such_entity() -> Refusal:
    """A key that no entity has (code documented; body as in other validation errors: assumed)."""
    return odata_error(404, "WARNINGS.XAPI.NOT_FOUND", [])
