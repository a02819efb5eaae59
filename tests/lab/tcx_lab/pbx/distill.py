# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Distills 3CX's published API descriptions of several builds into `xapi.model`, the table the lab runs on.

    PYTHONPATH=tests/lab python -m tcx_lab.pbx.distill DIRECTORY_WITH_YAML > tests/lab/tcx_lab/pbx/xapi.model

Only names, types and the builds that have them are kept; `model.py` reads the table and explains its lines.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml

HEADER = """\
# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Which names and types XAPI has in which build (documented: 3CX's published API descriptions 20.0.{first} to 20.0.{last}).
# Made by distill.py; do not edit. A range at the end of a line says in which updates of 20.0 it exists; none: in all.
"""

_SCALARS = {"date-time": "datetime", "time": "time", "duration": "duration", "uuid": "uuid"}
_VERBS = ("get", "post", "patch", "delete")


def contracts_in(directory: Path) -> dict[int, dict[str, Any]]:
    """API descriptions by update number: {10: {...}} for 20.0.10.yaml."""
    contracts = {}
    for path in directory.glob("20.0.*.yaml"):
        with path.open(encoding="utf-8") as stream:
            loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
            contracts[int(path.stem.rsplit(".", 1)[1])] = yaml.load(stream, Loader=loader)
    return dict(sorted(contracts.items()))


def distill(contracts: dict[int, dict[str, Any]]) -> str:
    """The text of the table."""
    updates = list(contracts)
    lines: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for update, contract in contracts.items():
        for heading, line in _facts(contract):
            lines[heading][line].append(update)
    text = [HEADER.format(first=updates[0], last=updates[-1])]
    for heading in sorted(lines, key=lambda heading: (not heading.startswith("path"), heading)):
        text.append(heading)
        text.extend(f"  {line}{_range(seen, updates)}" for line, seen in lines[heading].items())
        text.append("")
    return "\n".join(text)


def _range(seen: list[int], updates: list[int]) -> str:
    if seen == updates:
        return ""
    if seen != updates[updates.index(seen[0]) : updates.index(seen[-1]) + 1]:
        raise ValueError(f"seen in {seen}: a gap the table cannot say")
    return f" @{seen[0]}-" if seen[-1] == updates[-1] else f" @{seen[0]}-{seen[-1]}"


def _facts(contract: dict[str, Any]) -> list[tuple[str, str]]:
    schemas = contract["components"]["schemas"]
    facts = []
    for name, schema in schemas.items():
        if not name.startswith("Pbx.") or name.startswith("Pbx.ODataErrors"):
            continue
        if "enum" in schema:
            facts += [(f"enum {name}", member) for member in schema["enum"]]
        elif not name.endswith("CollectionResponse"):
            facts += [(f"type {name}", _property(key, part)) for key, part in _properties(schema, schemas).items()]
    for path, item in contract["paths"].items():
        facts += [(f"path {path}", _operation(verb, item[verb], contract)) for verb in _VERBS if verb in item]
    return facts


def _properties(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Own and inherited properties, the inherited ones first."""
    properties: dict[str, Any] = {}
    for part in schema.get("allOf", []):
        properties.update(_properties(schemas[_reference(part)] if "$ref" in part else part, schemas))
    properties.update(schema.get("properties", {}))
    return properties


def _property(name: str, schema: dict[str, Any]) -> str:
    navigation = " nav" if schema.get("x-ms-navigationProperty") else ""
    return f"{name} {_type(schema)}{navigation}"


def _reference(schema: dict[str, Any]) -> str:
    return str(schema["$ref"]).rsplit("/", 1)[1]


def _type(schema: dict[str, Any]) -> str:
    """string, bool, int32, [T], Pbx.Name ... with a question mark when null is allowed."""
    if "$ref" in schema:
        return _reference(schema)
    for union in ("allOf", "anyOf", "oneOf"):
        if union in schema:
            return _union(schema, schema[union])
    null = "?" if schema.get("nullable") else ""
    kind = schema["type"]
    if kind == "array":
        return f"[{_type(schema['items']).rstrip('?')}]"
    if kind in ("integer", "number"):
        return f"{schema.get('format', 'int32')}{null}"
    if kind == "string":
        longest = f"<{schema['maxLength']}" if "maxLength" in schema else ""
        return _SCALARS.get(schema.get("format", ""), "string") + longest + null
    return f"{'bool' if kind == 'boolean' else 'object'}{null}"


def _union(schema: dict[str, Any], parts: list[dict[str, Any]]) -> str:
    named = [part for part in parts if part.get("type") != "object"]
    null = "?" if schema.get("nullable") or any(part.get("nullable") for part in parts) else ""
    return _type(named[0]).rstrip("?") + null


def _operation(verb: str, operation: dict[str, Any], contract: dict[str, Any]) -> str:
    words = [verb.upper()]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body and "$ref" in body:
        words.append(f"body={_reference(body)}")
    elif body:
        words += [f"{name}={_type(part)}" for name, part in body.get("properties", {}).items()]
    for status in ("200", "201"):
        if status in operation["responses"]:
            words.append(f"-> {_result(operation['responses'][status], contract)}")
    return " ".join(words)


def _result(response: dict[str, Any], contract: dict[str, Any]) -> str:
    if "$ref" in response:
        response = contract["components"]["responses"][_reference(response)]
    schema = response["content"]["application/json"]["schema"]
    if "$ref" in schema and not schema["$ref"].endswith("CollectionResponse"):
        return _reference(schema)
    schemas = contract["components"]["schemas"]
    value = _properties(schemas[_reference(schema)] if "$ref" in schema else schema, schemas)["value"]
    return _type(value)


def main(arguments: list[str]) -> int:
    """Print the table made from the directory given as the only argument."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    sys.stdout.write(distill(contracts_in(Path(arguments[0]))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
