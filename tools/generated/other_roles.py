# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Argument specs and tables of variables of the roles that run no steps on a PBX.

`compliance` runs an action plugin, which reads its variables as those of any other role are read; so types are `raw` here too. They
are those of the plugin, and the texts those of its module, but for what `tools/texts/compliance.yml` says. The spec of
`controller_setup` is written in the role; its defaults are filled in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.tcx.m365.plugins.action.fleet_compliance import ARGUMENT_SPEC

from generated import roles

MADE = "Made by `make generate` from the module and tools/texts/compliance.yml; do not edit."
WRITTEN = "Written by hand, but for the defaults: `make generate` takes them from defaults/main.yml."

_NAMES = {option: f"compliance_{option}" for option in ARGUMENT_SPEC}
_SHOWN = {
    "controller_setup_playbooks_url": "*that of the inventory*",
    "controller_setup_playbooks_branch": "*that of the inventory*",
    "controller_setup_make_teams": "*not behind a gateway*",
}
"""What the table says of a default that is a template."""


def files(root: Path) -> Iterator[tuple[Path, str]]:
    """(path, content) of the spec and the README of each role."""
    texts = yaml.safe_load((root / "tools" / "texts" / "compliance.yml").read_text(encoding="utf-8"))
    module = roles.documentation(root, "fleet_compliance", {})
    home = root / "roles" / "compliance"
    variables = {name: _of_module(name, module) | (text or {}) for name, text in texts["options"].items()}
    variables = _with_defaults(variables, _defaults(home))
    yield from roles.documents(home, {**texts, "options": roles.linked(variables)}, variables, MADE)

    home = root / "roles" / "controller_setup"
    defaults = _defaults(home)
    spec = yaml.safe_load((home / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    entry = spec["argument_specs"]["main"]
    variables = _with_defaults(entry["options"], defaults)
    shown = {name: option | _shown(name, defaults.get(name)) for name, option in variables.items()}
    yield from roles.documents(home, {**entry, "options": variables}, shown, WRITTEN)


def _of_module(name: str, module: Mapping[str, Any]) -> dict[str, Any]:
    """The documentation of a variable that sets an option of the module; nothing of one that the role alone has."""
    option = name.removeprefix("compliance_")
    if option not in ARGUMENT_SPEC:
        return {}
    spec, since = ARGUMENT_SPEC[option], module[option].get("version_added")
    return {
        "description": roles.renamed(module[option]["description"], _NAMES),
        **{key: spec[key] for key in ("type", "elements", "choices", "no_log") if spec.get(key)},
        **({"version_added": since} if since else {}),
    }


def _defaults(home: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((home / "defaults" / "main.yml").read_text(encoding="utf-8")))


def _with_defaults(
    variables: Mapping[str, Mapping[str, Any]], defaults: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """The variables with the defaults of their role; one with a template is none of the spec."""
    return {
        name: {key: value for key, value in option.items() if key != "default"}
        | ({"default": defaults[name]} if name in defaults and "{{" not in str(defaults[name]) else {})
        for name, option in variables.items()
    }


def _shown(name: str, default: Any) -> dict[str, str]:
    """What the table says of a default that is a template, or too long for it."""
    told = _SHOWN.get(name, "")
    if default and isinstance(default, (list, dict)):
        told = "*list*" if isinstance(default, list) else "*dictionary*"
    return {"shown_default": told} if told else {}
