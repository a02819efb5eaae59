# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The published description of Graph as a judge over requests and responses. For tests: the service itself never asks it.

The description is not part of this repository: TCX_CONTRACTS names the directory, or it stands beside the repository.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import yaml
from jsonschema import Draft4Validator

WHERE = Path(os.environ.get("TCX_CONTRACTS") or Path(__file__).resolve().parents[5] / "shared" / "contracts")
_FILE = WHERE / "msgraph" / "graph-subset.openapi.yaml"
RECORDINGS = WHERE / "graph-recordings"
_METHODS = frozenset({"get", "post", "patch", "put", "delete"})

#: What the collection asks for and the description leaves out. Documented by Microsoft: app management policies; groups and the
#: users in them, whose requests a test of graph_user_info pins word by word instead.
OUTSIDE = re.compile(
    r"/policies/.+|/applications/[^/]+/appManagementPolicies|/groups|/groups/[0-9a-f-]{36}(/transitiveMembers/microsoft\.graph\.user)?"
    r"|/directory/deletedItems/microsoft\.graph\.servicePrincipal"
)


#: Published properties that the trimmed description of a user leaves out.
_CUT_OUT = frozenset({"proxyAddresses"})


class ContractError(AssertionError):
    """A request or a response is not as published."""


def missing() -> str:
    """Why the contract cannot be used ("": it can)."""
    return "" if _FILE.is_file() else f"no Graph contract at {_FILE}; set TCX_CONTRACTS to the directory that has it"


class Contract:
    """Schemas by operation, ready to judge."""

    def __init__(self) -> None:
        self._document = yaml.load(_FILE.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self._definitions = {name: _plain(schema) for name, schema in self._document["components"]["schemas"].items()}
        self._paths = [
            (re.compile("^" + _pattern(path) + "$"), path)
            for path in sorted(self._document["paths"], key=lambda path: (path.count("{"), -len(path)))
        ]
        self._closed_definitions = {name: self._closed(schema) for name, schema in self._definitions.items()}
        self.judged: set[tuple[str, str, int]] = set()

    def operations(self) -> set[tuple[str, str]]:
        """(method, path template) of everything described."""
        return {
            (method.upper(), path)
            for path, item in self._document["paths"].items()
            for method in item
            if method in _METHODS
        }

    def template(self, method: str, path: str) -> str | None:
        """The described path that a request path stands for; None when it is not described."""
        for pattern, template in self._paths:
            if pattern.match(path) and method.lower() in self._document["paths"][template]:
                return str(template)
        return None

    def judge(self, method: str, path: str, status: int, sent: Any, received: Any) -> bool:
        """Check one exchange; False when the operation is not described. Raises ContractError.

        `path` begins after the version; `sent` and `received` are JSON values or None.
        """
        template = self.template(method, path)
        if template is None:
            return False
        operation = self._document["paths"][template][method.lower()]
        described = operation["responses"].get(str(status)) or operation["responses"].get(f"{status // 100}XX")
        if described is None:
            raise ContractError(f"{method} {template} answers {status}, which is not described")
        where = f"{method} {template} {status}"
        self._check(f"{where} response", (described.get("content") or {}).get("application/json"), received)
        if sent is not None and status < 400:
            self._check(
                f"{where} request", operation.get("requestBody", {}).get("content", {}).get("application/json"), sent
            )
        self.judged.add((method, template, status))
        return True

    def check_request(self, method: str, path: str, body: Any = None, query: str = "") -> None:
        """Raise ContractError unless the description allows this request; `path` begins after the version.

        Stricter than `judge`: a property, a query option or a name in $select that is not described is an error.
        """
        template = self.template(method, path)
        if template is None:
            raise ContractError(f"{method} {path} is not described")
        item = self._document["paths"][template]
        operation = item[method.lower()]
        self._check_query(f"{method} {template}", operation, query)
        media = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if media is None and body is not None:
            raise ContractError(f"{method} {template} takes no body")
        if body is not None or operation.get("requestBody", {}).get("required"):
            self._check(f"{method} {template} request", media, body, closed=True)

    def _check_query(self, where: str, operation: dict[str, Any], query: str) -> None:
        allowed = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"}
        options = dict(parse_qsl(query, keep_blank_values=True))
        if unknown := options.keys() - allowed:
            raise ContractError(f"{where} has no query option {', '.join(sorted(unknown))}")
        if "$select" in options:
            known = self._selectable(operation)
            if missed := set(options["$select"].split(",")) - known - _CUT_OUT:
                raise ContractError(f"{where}: $select of {', '.join(sorted(missed))}, which it does not have")

    def _selectable(self, operation: dict[str, Any]) -> set[str]:
        """Properties of the objects that an operation answers with."""
        schema = _plain(operation["responses"]["200"]["content"]["application/json"]["schema"])
        properties = self._properties(self._resolved(schema))
        if "value" in properties:
            properties = self._properties(self._resolved(properties["value"]["items"]))
        return set(properties)

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        resolved = self._definitions[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
        return dict(resolved)

    def _properties(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Properties of an object, inherited ones included."""
        properties: dict[str, Any] = {}
        for part in schema.get("allOf", ()):
            properties.update(self._properties(self._resolved(part)))
        return {**properties, **schema.get("properties", {})}

    def _closed(self, schema: Any) -> Any:
        """A plain schema whose objects have the described properties and annotations alone."""
        if isinstance(schema, list):
            return [self._closed(part) for part in schema]
        if not isinstance(schema, dict):
            return schema
        if "properties" not in schema and all("$ref" in part for part in schema.get("allOf", ())):
            return {name: self._closed(value) for name, value in schema.items()}
        return {
            "type": "object",
            **{name: schema[name] for name in ("required",) if name in schema},
            "properties": {name: self._closed(value) for name, value in self._properties(schema).items()},
            "patternProperties": {r"@odata\.": {}},
            "additionalProperties": schema.get("additionalProperties", False),
        }

    def _check(self, where: str, media: dict[str, Any] | None, value: Any, *, closed: bool = False) -> None:
        if media is None:
            return
        if value is None:
            raise ContractError(f"{where}: a body is missing")
        schema = _plain(media.get("schema") or {})
        if closed:
            schema = {**self._closed(schema), "definitions": self._closed_definitions}
        else:
            schema = {**schema, "definitions": self._definitions}
        errors = list(Draft4Validator(schema).iter_errors(value))
        if errors:
            first = min(errors, key=lambda error: len(error.absolute_path))
            place = "/".join(map(str, first.absolute_path))
            raise ContractError(f"{where}: {place}: {first.message[:400]}")


@cache
def contract() -> Contract:
    """The contract, read once."""
    return Contract()


def hold(entries: Iterable[Mapping[str, Any]]) -> int:
    """Every request to Graph in a request log against the description; returns how many were held. Raises ContractError."""
    held = 0
    for entry in entries:
        path = unquote(entry["path"]).removeprefix("/v1.0")
        # What was refused or cut before it was read has no body in the log.
        unread = entry["status"] in (0, 401) or entry["trouble"] is not None
        if entry["service"] != "graph" or unread or OUTSIDE.fullmatch(path):
            continue
        contract().check_request(entry["method"], path, entry["body"], entry["query"])
        held += 1
    return held


def _pattern(path: str) -> str:
    parts = re.split(r"(\\{[^}]+\\})", re.escape(path))
    return "".join("[^/$][^/]*?" if part.startswith("\\{") else part for part in parts)


def _plain(schema: Any) -> Any:
    """JSON Schema of an OpenAPI 3.0 schema: `nullable` becomes a choice, references point into this document."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        # The names in `properties` are not keywords: one of them may be "description".
        name: {member: _plain(part) for member, part in value.items()} if name == "properties" else _plain(value)
        for name, value in schema.items()
        if name not in ("nullable", "format", "example", "description") and not name.startswith("x-")
    }
    if "$ref" in made:
        made = {"$ref": made["$ref"].replace("#/components/schemas/", "#/definitions/")}
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") else made
