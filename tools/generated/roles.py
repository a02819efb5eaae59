# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Argument specs and tables of variables of the roles, from the specs and the documentation of the modules they run.

Ansible validates the variables of a role before the role begins, by rules of its own: an empty text is no boolean there.
Our reader takes it for "not given", and has to judge in the role as it does in a playbook, in the same words. So a variable that
Ansible would refuse has the type `raw` in the spec, and its text names the type.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import families

from generated.as_yaml import lines

HEAD = """---
# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# {origin}

"""
MADE = "Made by `make generate` from the specs of the modules and tools/texts/variables.yml; do not edit."

CAPABILITIES: Mapping[str, tuple[str, ...]] = {
    "preflight": ("tcx_preflight", "entra_preflight"),
    "entra_app": ("azure_app_registration", "graph_permission_grant", "tcx_preflight", "entra_preflight"),
    "tcx_console": ("tcx_m365_settings", "tcx_preflight", "entra_preflight"),
    "sso_verify": ("sso_probe", "graph_user_info", "tcx_m365_settings_info"),
}
"""The modules that the steps of a role run, with those whose results the steps rest on."""

BESIDES: Mapping[str, tuple[str, ...]] = {
    "preflight": ("entra_app_public_key",),
    "entra_app": (
        "entra_app_manage",
        "entra_app_public_key",
        "entra_app_permissions_profile",
        "entra_app_guide_permissions",
    ),
    "tcx_console": ("tcx_console_application_id", "tcx_console_tenant_id"),
    "sso_verify": (
        "sso_verify_enabled",
        "sso_verify_people",
        "sso_verify_fail_on_leavers",
        "entra_app_redirect_uris",
        "tcx_console_application_id",
        "tcx_console_tenant_id",
    ),
}
"""Variables that steer the steps of a role and are no option of its modules."""

EVERYWHERE = ("snapshot_dir", "on_failure", "unknown_variables")

_TEXTS = {"str": "Text.", "path": "A path."}
_TYPES = {"bool": "A boolean.", "int": "A whole number.", "float": "A number of seconds.", "dict": "A dictionary."}
_OPTION = re.compile(r"\b(O|RV)\(([^()]+)\)")
_CODE = re.compile(r"\b[A-Z]{1,2}\(([^()]+)\)")
_TABLE = re.compile(r"\| Variable \| Type \| Default \| Meaning \|\n(?:\|.*\n)+")


def files(root: Path, settings: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """(path, content) of the spec and the README of each role."""
    texts = yaml.safe_load((root / "tools" / "texts" / "variables.yml").read_text(encoding="utf-8"))
    modules = {name: documentation(root, name, settings) for name in families.SOURCES}
    for role in CAPABILITIES:
        home = root / "roles" / role
        defaults = yaml.safe_load((home / "defaults" / "main.yml").read_text(encoding="utf-8")) or {}
        variables = {
            name: _variable(name, known, modules, texts["variables"], defaults) for name, known in _of_role(role)
        }
        about = texts["roles"][role]
        entry = {**about, "author": ["The tcx.m365 contributors"], "options": linked(variables)}
        yield from documents(home, entry, variables, MADE)


def documents(
    home: Path, entry: Mapping[str, Any], variables: Mapping[str, dict[str, Any]], origin: str
) -> Iterator[tuple[Path, str]]:
    """(path, content) of the spec of a role, and of its README with the table of these variables."""
    spec = "\n".join(lines({"argument_specs": {"main": entry}}))
    yield home / "meta" / "argument_specs.yml", f"{HEAD.format(origin=origin)}{spec}\n"
    readme = home / "README.md"
    text = readme.read_text(encoding="utf-8")
    match = _TABLE.search(text)
    if match is None:
        raise SystemExit(f"{readme} has no table of variables")
    yield readme, text[: match.start()] + table(variables) + text[match.end() :]


def _of_role(role: str) -> list[tuple[str, families.Known]]:
    """The variables that a role reads: its own family first, connections last."""
    known = families.variables()
    names = dict.fromkeys(BESIDES[role])
    for capability in CAPABILITIES[role]:
        names.update(dict.fromkeys(families.SOURCES[capability].variables.values()))
    names.update(dict.fromkeys(EVERYWHERE))
    own = {"preflight": "preflight_", "sso_verify": "sso_verify_"}.get(role, f"{role}_")

    def rank(name: str) -> int:
        families_in_order = (own, families.APPLICATION, families.CONSOLE, "preflight_", families.PBX, families.ENTRA)
        return next((place for place, family in enumerate(families_in_order) if name.startswith(family)), 9)

    return [(name, known[name]) for name in sorted(names, key=rank)]


def documentation(root: Path, module: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The documented options of a module, with those of its fragments."""
    options: dict[str, Any] = {}
    own = _literal(root / "plugins" / "modules" / f"{module}.py")
    for name in own.get("extends_documentation_fragment", ()):
        _namespace, _collection, fragment, *_rest = name.split(".")
        if fragment == "settings":
            options.update(settings)
        elif fragment != "attributes":
            options.update(_literal(root / "plugins" / "doc_fragments" / f"{fragment}.py").get("options", {}))
    options.update(own.get("options", {}))
    return options


def _literal(path: Path) -> dict[str, Any]:
    """The YAML of `DOCUMENTATION`, in a module or in the class of a fragment."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and any(
            getattr(target, "id", "") == "DOCUMENTATION" for target in node.targets
        ):
            documentation: dict[str, Any] = yaml.safe_load(ast.literal_eval(node.value))
            return documentation
    raise SystemExit(f"{path.name} has no documentation")


def _variable(
    name: str, known: families.Known, modules: Mapping[str, Any], texts: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """The documentation of a variable, with the spec of its option."""
    option, names = _option_of(name, modules)
    documented: dict[str, Any] = {"description": texts.get(name) or renamed(option.get("description"), names)}
    if not documented["description"]:
        raise SystemExit(f"{name} has no text: add it to tools/texts/variables.yml")
    documented["type"] = known.spec.get("type") or "str"
    documented.update({key: known.spec[key] for key in ("elements", "choices") if key in known.spec})
    if known.spec.get("no_log"):
        documented["no_log"] = True
    if name in defaults:
        documented["default"] = defaults[name]
    if option.get("suboptions"):
        documented["options"] = _nested(option["suboptions"], names, known.spec["options"])
    return documented


def _option_of(name: str, modules: Mapping[str, Any]) -> tuple[dict[str, Any], Mapping[str, str]]:
    """The documentation of the option that a variable sets, and the names of the other options of its module.

    The modules that write document an option best, those that only check it name it in passing.
    """
    writers = ("azure_app_registration", "graph_permission_grant", "tcx_m365_settings")
    for module in sorted(families.SOURCES, key=lambda candidate: candidate not in writers):
        names = families.SOURCES[module].variables
        for option, variable in names.items():
            if variable == name and option in modules[module]:
                return modules[module][option], names
    return {}, {}


def _nested(suboptions: Mapping[str, Any], names: Mapping[str, str], spec: Mapping[str, Any]) -> dict[str, Any]:
    """The suboptions of a module's option as the nested options of a role's spec."""
    nested = {}
    for key, option in suboptions.items():
        kept = {key: option[key] for key in ("elements", "required", "choices") if key in option}
        if spec[key].get("no_log"):
            kept["no_log"] = True
        nested[key] = {"description": renamed(option["description"], names), "type": option["type"], **kept}
        if option.get("suboptions"):
            nested[key]["options"] = _nested(option["suboptions"], names, spec[key]["options"])
    return nested


def renamed(description: Any, names: Mapping[str, str]) -> list[str]:
    """Texts of an option with the names of variables; an option that no variable sets keeps its name."""
    parts = [description] if isinstance(description, str) else list(description or ())

    def variable(match: re.Match[str]) -> str:
        path, equals, value = match[2].removeprefix("ignore:").partition("=")
        if match[1] == "RV":
            return f"C({path})"
        head, dot, rest = path.partition(".")
        return f"C({names.get(head) or _of_any_module(head)}{dot}{rest}{equals}{value})"

    return [_OPTION.sub(variable, re.sub(r"\s+", " ", part).strip()) for part in parts]


def _of_any_module(option: str) -> str:
    """The variable of an option that another module has; the option itself where none sets it."""
    return next((name for name, known in families.variables().items() if known.option == option), option)


def linked(variables: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """As they stand in the spec: `raw` where Ansible would refuse what our reader takes, with the type in words."""
    shown_variables = {}
    for name, option in variables.items():
        shown = {key: value for key, value in option.items() if key != "description"}
        words = []
        if option["type"] in _TYPES:
            words.append(_TYPES[option["type"]])
            shown["type"] = "raw"
        elif option["type"] in _TEXTS and "default" in option:
            # Where there is a default, ansible-core 2.16 refuses null for text.
            words.append(_TEXTS[option["type"]])
            shown["type"] = "raw"
        elif option["type"] == "list":
            words += [] if "choices" in option else ["A list."]
            shown["type"] = "raw"
            shown.pop("elements")
            if not option.get("default", True):
                del shown["default"]
        if "choices" in shown:
            kind = "Any" if option["type"] == "list" else "One"
            words.append(f"{kind} of {', '.join(f'V({choice})' for choice in shown.pop('choices'))}.")
        sentences = [*option["description"], *words]
        if "choices" not in option and len(option["description"]) == 1:
            sentences = [" ".join(sentences)]  # a paragraph for one word would be more than it says
        shown_variables[name] = {"description": sentences, **shown}
    return shown_variables


def table(variables: Mapping[str, dict[str, Any]]) -> str:
    rows = ["| Variable | Type | Default | Meaning |", "|---|---|---|---|"]
    for name, option in variables.items():
        kind = f"list of {option['elements']}" if option.get("elements") else option["type"]
        default = f"`{_shown(option['default'])}`" if "default" in option else ""
        default = option.get("shown_default", default)
        about = option["description"]
        sentence = about if isinstance(about, str) else about[0]
        meaning = _CODE.sub(lambda match: f"`{match[1]}`", sentence).replace("|", "\\|")
        rows.append(f"| `{name}` | {kind} | {default} | {meaning} |")
    return "\n".join(rows) + "\n"


def _shown(value: Any) -> str:
    return value if value and isinstance(value, str) else json.dumps(value)
