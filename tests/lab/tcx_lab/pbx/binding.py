# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks the JSON of a request against the types of a build, as XAPI's model binding does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tcx_lab.evidence import Grade, Switches, evidence
from tcx_lab.pbx import errors
from tcx_lab.pbx.model import Kind, Model

_INTEGERS = {"int32": 2**31, "int64": 2**63, "uint8": 256}

_LITERALS = {
    "datetime": re.compile(
        r"\d{4,}-(0[1-9]|1[012])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,12})?(Z|[+-]\d\d:\d\d)"
    ),
    "time": re.compile(r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,12})?"),
    "duration": re.compile(r"-?P(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?"),
    "uuid": re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"),
}


@evidence(
    Grade.OBSERVED, "public clients of XAPI: an unknown property, a wrong type or a wrapper gives the delta error"
)
def bind(model: Model, switches: Switches, parameters: Mapping[str, Kind], body: Any) -> dict[str, Any]:
    """Refuse a body that a build of XAPI cannot bind; returns the body without OData annotations.

    `parameters` are those of the operation. Raises `Refusal` 400 (delta error), or 500 for a literal that does not exist.
    """
    if not isinstance(body, dict):
        raise errors.bad_body()
    if "body" in parameters:
        return _Binder(model, switches).entity(parameters["body"].name, body)
    bound = {}
    for name, value in body.items():
        if name not in parameters:
            raise errors.bad_body()
        bound[name] = _Binder(model, switches).value(parameters[name], value)
    return bound


class _Binder:
    def __init__(self, model: Model, switches: Switches) -> None:
        self._model = model
        self._switches = switches

    def entity(self, type_name: str, body: dict[str, Any]) -> dict[str, Any]:
        properties = self._model.types[type_name]
        bound = {}
        for name, value in body.items():
            if "@odata." in name:
                if self._switches.annotations_refused:
                    raise errors.bad_body()
                continue
            if name not in properties:
                raise errors.bad_body()
            bound[name] = self.value(properties[name].kind, value)
        return bound

    def value(self, kind: Kind, value: Any) -> Any:
        if not kind.many:
            return self._one(kind, value)
        if not isinstance(value, list):
            raise errors.bad_body()
        return [self._one(kind, item) for item in value]

    def _one(self, kind: Kind, value: Any) -> Any:
        if value is None:
            if kind.nullable:
                return None
            raise errors.bad_body()
        if kind.name in self._model.enums:
            return self._literal(value, self._model.enums[kind.name].__contains__)
        if kind.name in _LITERALS:
            return self._literal(value, lambda text: _LITERALS[kind.name].fullmatch(text) is not None)
        if kind.name in self._model.types:
            if not isinstance(value, dict):
                raise errors.bad_body()
            return self.entity(kind.name, value)
        if not _fits(kind, value):
            raise errors.bad_body()
        return value

    def _literal(self, value: Any, exists: Callable[[str], bool]) -> Any:
        if not isinstance(value, str):
            raise errors.bad_body()
        if not exists(value):
            raise errors.server_error() if self._switches.bad_literal == "server_error" else errors.bad_body()
        return value


def _fits(kind: Kind, value: Any) -> bool:
    if kind.name == "string":
        return isinstance(value, str) and (kind.max_length is None or len(value) <= kind.max_length)
    if kind.name == "bool":
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if kind.name in _INTEGERS:
        limit = _INTEGERS[kind.name]
        return isinstance(value, int) and (0 if limit == 256 else -limit) <= value < limit
    return isinstance(value, (int, float)) if kind.name == "float" else isinstance(value, dict)
