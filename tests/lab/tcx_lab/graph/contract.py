# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The published description of Graph as a judge over requests and responses. For tests: the service itself never asks it.

The description is not part of this repository: TCX_CONTRACTS names the directory, or it stands beside the repository.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft4Validator

WHERE = Path(os.environ.get("TCX_CONTRACTS") or Path(__file__).resolve().parents[5] / "shared" / "contracts")
_FILE = WHERE / "msgraph" / "graph-subset.openapi.yaml"
RECORDINGS = WHERE / "graph-recordings"
_METHODS = frozenset({"get", "post", "patch", "put", "delete"})


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

    def _check(self, where: str, media: dict[str, Any] | None, value: Any) -> None:
        if media is None:
            return
        if value is None:
            raise ContractError(f"{where}: a body is missing")
        schema = {**_plain(media.get("schema") or {}), "definitions": self._definitions}
        errors = list(Draft4Validator(schema).iter_errors(value))
        if errors:
            first = min(errors, key=lambda error: len(error.absolute_path))
            place = "/".join(map(str, first.absolute_path))
            raise ContractError(f"{where}: {place}: {first.message[:400]}")


@cache
def contract() -> Contract:
    """The contract, read once."""
    return Contract()


def _pattern(path: str) -> str:
    parts = re.split(r"(\\{[^}]+\\})", re.escape(path))
    return "".join("[^/$][^/]*?" if part.startswith("\\{") else part for part in parts)


def _plain(schema: Any) -> Any:
    """JSON Schema of an OpenAPI 3.0 schema: `nullable` becomes a choice, references point into this document."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        name: _plain(value)
        for name, value in schema.items()
        if name not in ("nullable", "format", "example", "description") and not name.startswith("x-")
    }
    if "$ref" in made:
        made = {"$ref": made["$ref"].replace("#/components/schemas/", "#/definitions/")}
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") else made
