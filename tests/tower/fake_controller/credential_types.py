# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Custom credential types: which inputs and injectors AWX takes, and how it fills the injectors in.

Documented: `CredentialTypeInputField`, `CredentialTypeInjectorField` and `CredentialType.inject_credential` of AWX 24.6.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError

from fake_controller.refusal import Refused

ENCRYPTED = "$encrypted$"

INPUTS_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "required": {"type": "array", "items": {"type": "string"}},
        "fields": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["id", "label"],
                "properties": {
                    "type": {"enum": ["string", "boolean"]},
                    "format": {"enum": ["ssh_private_key", "url"]},
                    "choices": {"type": "array", "minItems": 1, "items": {"type": "string"}, "uniqueItems": True},
                    "id": {"type": "string", "pattern": "^[a-zA-Z_]+[a-zA-Z0-9_]*$"},
                    "label": {"type": "string"},
                    "help_text": {"type": "string"},
                    "multiline": {"type": "boolean"},
                    "secret": {"type": "boolean"},
                    "default": {},
                },
            },
        },
    },
}
_NAMES = "^[a-zA-Z_]+[a-zA-Z0-9_]*$"
_TEXTS = {"type": "string"}
INJECTORS_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "file": {
            "type": "object",
            "patternProperties": {r"^template(\.[a-zA-Z_]+[a-zA-Z0-9_]*)?$": _TEXTS},
            "additionalProperties": False,
        },
        "env": {
            "type": "object",
            "patternProperties": {_NAMES: {"type": "string", "pattern": "^[\x00-\x7f]*$"}},
            "additionalProperties": False,
        },
        "extra_vars": {
            "type": "object",
            "patternProperties": {
                r"^[a-zA-Z_\{\}]+[a-zA-Z0-9_\{\}]*$": {
                    "anyOf": [_TEXTS, {"type": "array"}, {"$ref": "#/properties/extra_vars"}]
                }
            },
            "additionalProperties": False,
        },
    },
}
FORBIDDEN = frozenset(
    "VIRTUAL_ENV PATH PYTHONPATH JOB_ID INVENTORY_ID INVENTORY_SOURCE_ID INVENTORY_UPDATE_ID AD_HOC_COMMAND_ID "
    "REST_API_URL REST_API_TOKEN MAX_EVENT_RES CALLBACK_QUEUE CALLBACK_CONNECTION CACHE JOB_CALLBACK_DEBUG "
    "INVENTORY_HOSTVARS AWX_HOST PROJECT_REVISION SUPERVISOR_CONFIG_PATH".split()
)


class _Names:
    """A namespace of templates that only knows what it was given."""

    def __init__(self, **names: Any) -> None:
        self.__dict__.update(names)


class _Nowhere:
    def __str__(self) -> str:
        raise UndefinedError("Must define unnamed file injector in order to reference `tower.filename`.")


def _bad(field: str, said: str) -> Refused:
    return Refused(400, {field: [said]})


def _conforms(field: str, value: Any, schema: Mapping[str, Any]) -> None:
    for error in jsonschema.Draft4Validator(schema).iter_errors(value):
        raise _bad(field, f"Schema validation error in {'.'.join(map(str, error.path))}: {error.message}")


def check_inputs(inputs: Mapping[str, Any]) -> None:
    """Refuse inputs that AWX refuses; fills in the default type of a field, as AWX does."""
    _conforms("inputs", inputs, INPUTS_SCHEMA)
    seen = set()
    for field in inputs.get("fields", []):
        if field["id"] == "tower":
            raise _bad("inputs", '"tower" is a reserved field name')
        if field["id"] in seen:
            raise _bad("inputs", f"field IDs must be unique ({field['id']})")
        seen.add(field["id"])
        field.setdefault("type", "string")
        kind = {"string": str, "boolean": bool}[field["type"]]
        if "default" in field and not isinstance(field["default"], kind):
            raise _bad("inputs", f"{field['default']} is not a {field['type']}")
        if kind is bool and {"choices", "multiline", "format", "secret"} & set(field):
            raise _bad("inputs", f"not allowed for boolean type ({field['id']})")


def check_injectors(inputs: Mapping[str, Any], injectors: Mapping[str, Any]) -> None:
    """Refuse injectors that AWX refuses: shape, forbidden variables, templates that use what there is not."""
    _conforms("injectors", injectors, INJECTORS_SCHEMA)
    files = list(injectors.get("file", {}))
    if "template" in files and len(files) > 1:
        raise _bad("injectors", "Must use multi-file syntax when injecting multiple files")
    filename: Any = _Nowhere()
    if files == ["template"]:
        filename = "EXAMPLE_FILENAME"
    elif files:
        filename = _Names(**{label.split(".")[1]: "EXAMPLE_FILENAME" for label in files})
    names = {field["id"]: "EXAMPLE" for field in inputs.get("fields", [])}
    names["tower"] = _Names(filename=filename)
    for variable in injectors.get("env", {}):
        if variable.startswith("ANSIBLE_") or variable in FORBIDDEN:
            raise _bad("injectors", f"Environment variable {variable} is not allowed to be used in credentials.")
    for template in _templates(injectors):
        try:
            ImmutableSandboxedEnvironment(undefined=StrictUndefined).from_string(template).render(names)
        except UndefinedError as error:
            raise _bad("injectors", f"uses an undefined field ({error})") from error
        except (SecurityError, TemplateSyntaxError) as error:
            raise _bad("injectors", f"cannot be rendered: {error}") from error


def _templates(node: Any) -> list[str]:
    if isinstance(node, Mapping):
        return [text for part in node.values() for text in _templates(part)]
    if isinstance(node, list):
        return [text for part in node for text in _templates(part)]
    return [node]


def check_values(inputs: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Refuse the inputs of a credential that do not fit its type."""
    properties = {}
    for field in inputs.get("fields", []):
        properties[field["id"]] = {"type": field.get("type", "string")}
        if field.get("choices"):
            properties[field["id"]]["enum"] = field["choices"]
    _conforms("inputs", values, {"type": "object", "properties": properties, "additionalProperties": False})


def secret_fields(inputs: Mapping[str, Any]) -> set[str]:
    return {field["id"] for field in inputs.get("fields", []) if field.get("secret")}


def inject(
    inputs: Mapping[str, Any], injectors: Mapping[str, Any], values: Mapping[str, Any], directory: Path
) -> tuple[dict[str, str], dict[str, Any]]:
    """Environment variables and extra variables that a credential gives a job; files go to `directory`, mode 0600.

    A field without a value is undefined and renders as nothing, whatever default the type names: AWX uses defaults only
    to fill the form in.
    """
    names: dict[str, Any] = {name: value for name, value in values.items() if isinstance(value, bool) or value}
    for field in inputs.get("fields", []):
        if field.get("type") == "boolean":
            names.setdefault(field["id"], False)
    tower = _Names()
    names["tower"] = tower
    jinja = ImmutableSandboxedEnvironment()
    for index, (label, template) in enumerate(injectors.get("file", {}).items()):
        path = directory / f"file_{index}_{re.sub(r'[^a-z]', '', label)}"
        path.touch(mode=0o600)
        path.write_text(jinja.from_string(template).render(names), encoding="utf-8")
        if "." not in label:
            tower.__dict__["filename"] = str(path)
        else:
            tower.__dict__.setdefault("filename", _Names()).__dict__[label.split(".")[1]] = str(path)
    env = {name: jinja.from_string(text).render(names) for name, text in injectors.get("env", {}).items()}

    def filled(node: Any) -> Any:
        if isinstance(node, Mapping):
            return {filled(key): filled(part) for key, part in node.items()}
        if isinstance(node, list):
            return [filled(part) for part in node]
        return jinja.from_string(node).render(names)

    return env, filled(injectors.get("extra_vars", {}))
