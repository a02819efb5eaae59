# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers to OPTIONS: what the command line of AWX builds its arguments from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from fake_controller.schema import Field, Kind

KINDS = {str: "string", int: "integer", bool: "boolean", dict: "json"}
#: What may be said at a launch: of a job template, of a workflow.
LAUNCH = {
    "job_template": {
        "extra_vars": "json",
        "limit": "string",
        "job_type": "string",
        "diff_mode": "boolean",
        "verbosity": "integer",
        "forks": "integer",
        "job_slice_count": "integer",
        "inventory": "id",
        "credentials": "list_of_ids",
    },
    "workflow_job_template": {"extra_vars": "json", "limit": "string", "inventory": "id"},
}


def _described(field: Field) -> dict[str, Any]:
    kind = "id" if field.to else KINDS.get(field.kind, "string") if isinstance(field.kind, type) else "string"
    return {"type": kind, "required": field.required, "help_text": "", "filterable": True}


def of_list(kind: Kind | None) -> Response:
    fields = {name: _described(spec) for name, spec in kind.fields.items()} if kind else {}
    actions: dict[str, Any] = {"GET": {"id": {"type": "integer", "filterable": True}, **fields}}
    if kind is not None and not kind.history:
        actions["POST"] = fields
    return JSONResponse({"actions": actions}, headers={"Allow": "GET, POST, HEAD, OPTIONS"})


def of_detail(kind: Kind) -> Response:
    """An approval can be listed, read and deleted, and that is all that the command line makes of it."""
    allowed = "GET, DELETE, HEAD, OPTIONS" if kind.history else "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"
    return JSONResponse({"actions": {"GET": {}}}, headers={"Allow": allowed})


def of_launch(kind: Kind) -> Response:
    fields = LAUNCH.get(kind.type, {})
    described = {name: {"type": type_, "required": False, "help_text": ""} for name, type_ in fields.items()}
    return JSONResponse({"actions": {"POST": described}}, headers={"Allow": "GET, POST, HEAD, OPTIONS"})
