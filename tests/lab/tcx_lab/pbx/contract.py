# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks requests to XAPI and its answers against 3CX's own API description of a build. For tests; the lab runs without.

    contract = Contract.load("20.0.9")          # None when the descriptions are not here; `WHERE` says where they were sought
    contract.check_request("PATCH", "/Microsoft365Integration", body)
    contract.check_response("GET", "/Users(12)", 200, body)

Stricter than the description in one point: a property that it does not name is an error, since a build refuses those.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from jsonschema.protocols import Validator

from tcx_lab.pbx.distill import contracts_in

_ROOT = Path(__file__).resolve().parents[4]
WHERE = Path(os.environ.get("TCX_CONTRACTS") or _ROOT.parent / "shared" / "contracts") / "3cx-xapi"

_SETS = ("get", "post", "patch", "delete", "put")


class ContractError(AssertionError):
    """A request or an answer that the API description does not allow."""


@cache
def _documents() -> dict[int, dict[str, Any]]:
    return contracts_in(WHERE) if WHERE.is_dir() else {}


def missing() -> str:
    """Why contract tests cannot run; "" when they can."""
    return "" if _documents() else f"no 3CX API descriptions in {WHERE} (set TCX_CONTRACTS)"


class Contract:
    """The API description of one build."""

    def __init__(self, update: int, document: dict[str, Any]) -> None:
        self.update = update
        self._document = document
        self._schemas = document["components"]["schemas"]
        self._paths = [(_pattern(path), path) for path in document["paths"]]
        self._validators: dict[str, Validator] = {}

    @classmethod
    def load(cls, version: str) -> Contract | None:
        """The description of "20.0.9" or "20.0.9.995"; None when it is not here."""
        return _contract(int(version.split(".")[2]))

    def operations(self) -> set[tuple[str, str]]:
        """("GET", "/Users({Id})") ... of everything described."""
        return {
            (verb.upper(), path) for path, item in self._document["paths"].items() for verb in item if verb in _SETS
        }

    def template(self, method: str, path: str) -> str:
        """The path template that a path below /xapi/v1 belongs to. Raises ContractError."""
        for pattern, template in self._paths:
            if pattern.fullmatch(unquote(path)) and method.lower() in self._document["paths"][template]:
                return str(template)
        raise ContractError(f"20.0.{self.update} has no {method} {path}")

    def check_request(self, method: str, path: str, body: Any = None, query: str = "") -> None:
        """Raise ContractError unless the build's description allows this request."""
        template = self.template(method, path)
        operation = self._document["paths"][template][method.lower()]
        allowed = {self._resolved(parameter)["name"] for parameter in operation.get("parameters", ())}
        for name, _value in parse_qsl(query, keep_blank_values=True):
            if name.startswith("$") and name not in allowed:
                raise ContractError(f"{method} {template} has no query option {name}")
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            if body not in (None, {}):
                raise ContractError(f"{method} {template} takes no body")
        elif body is not None:
            self._check(f"request {method} {template}", schema, body, annotations=False)
        elif operation["requestBody"].get("required"):
            raise ContractError(f"{method} {template} needs a body")

    def check_response(self, method: str, path: str, status: int, body: Any = None) -> None:
        """Raise ContractError unless the build's description allows this answer. Empty errors are allowed (observed)."""
        template = self.template(method, path)
        responses = self._document["paths"][template][method.lower()]["responses"]
        response = self._resolved(responses[str(status)] if str(status) in responses else responses["default"])
        if str(status) not in responses and status < 400:
            raise ContractError(f"{method} {template} never answers {status}")
        schema = response.get("content", {}).get("application/json", {}).get("schema")
        if body is None:
            if schema is not None and status < 400:
                raise ContractError(f"{method} {template} answers {status} without a body")
        elif schema is None:
            raise ContractError(f"{method} {template} answers {status} with a body")
        else:
            self._check(f"response {status} of {method} {template}", schema, body, annotations=True)

    def _resolved(self, part: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in part:
            return part
        _hash, _components, kind, name = part["$ref"].split("/")
        component: dict[str, Any] = self._document["components"][kind][name]
        return component

    def _check(self, what: str, schema: dict[str, Any], body: Any, *, annotations: bool) -> None:
        validator = self._validators.get(what)
        if validator is None:
            definitions = {name: self._strict(definition, annotations) for name, definition in self._schemas.items()}
            validator = Draft202012Validator({**self._strict(schema, annotations), "$defs": definitions})
            self._validators[what] = validator
        problem = best_match(validator.iter_errors(body))
        if problem is not None:
            raise ContractError(f"{what} (20.0.{self.update}): {problem.json_path}: {problem.message[:300]}")

    def _strict(self, schema: dict[str, Any], annotations: bool) -> dict[str, Any]:
        """A schema of OpenAPI 3.0 as JSON Schema 2020-12, objects closed to unknown properties."""
        if "$ref" in schema:
            return {"$ref": "#/$defs/" + schema["$ref"].rsplit("/", 1)[1]}
        made: dict[str, Any] = {
            name: schema[name]
            for name in ("type", "enum", "pattern", "maximum", "minimum", "maxLength")
            if name in schema
        }
        if schema.get("format") in ("int32", "int64", "uint8"):
            made["type"] = "integer"
        if "items" in schema:
            made["items"] = self._strict(schema["items"], annotations)
        properties = self._properties(schema)
        if properties or schema.get("type") == "object":
            made["type"] = "object"
            made["properties"] = {name: self._strict(part, annotations) for name, part in properties.items()}
            made["required"] = schema.get("required", [])
            made["additionalProperties"] = False
            if annotations:
                made["patternProperties"] = {r"^@odata\.": {}}
        else:
            for union in ("allOf", "anyOf", "oneOf"):
                if union in schema:
                    parts = [part for part in schema[union] if part.get("type") != "object" or "properties" in part]
                    made["anyOf"] = [self._strict(part, annotations) for part in parts]
        return {"anyOf": [made, {"type": "null"}]} if _nullable(schema) else made

    def _properties(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Properties of an object, inherited ones included; empty for everything that is no object."""
        properties: dict[str, Any] = {}
        inherits = len(schema.get("allOf", ())) > 1
        if inherits or schema.get("type") == "object" or "properties" in schema:
            for part in schema.get("allOf", ()):
                properties.update(self._properties(self._resolved(part)))
            properties.update(schema.get("properties", {}))
        return properties


def hold(entries: Iterable[Mapping[str, Any]], versions: Mapping[str, str]) -> int:
    """Every call of XAPI in a request log against the description of its release; returns how many were held.

    `versions` is the release or build of each PBX by name. Raises ContractError.
    """
    held = 0
    for entry in entries:
        # What was refused or cut before it was read has no body in the log.
        unread = entry["status"] in (0, 401) or entry["trouble"] is not None
        if unread or not entry["path"].startswith("/xapi/v1"):
            continue
        judge = Contract.load(versions[entry["host"]])
        if judge is not None:
            judge.check_request(entry["method"], entry["path"].removeprefix("/xapi/v1"), entry["body"], entry["query"])
            held += 1
    return held


def _nullable(schema: dict[str, Any]) -> bool:
    parts = [part for union in ("allOf", "anyOf", "oneOf") for part in schema.get(union, ())]
    return bool(schema.get("nullable")) or any(part.get("nullable") for part in parts)


def _pattern(template: str) -> re.Pattern[str]:
    text = re.escape(template).replace(r"\{Id\}", r"-?\d+")
    return re.compile(re.sub(r"\\\{\w+\\\}", r"'(?:[^']|'')*'", text))


@cache
def _contract(update: int) -> Contract | None:
    document = _documents().get(update)
    return None if document is None else Contract(update, document)
