# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Argument specs and tables of variables of the roles that run no steps on a PBX.

Their texts are in `tools/texts/<role>.yml`, their defaults in the role. Of `compliance` the types are those of the action plugin
that it runs, which reads the variables as those of any other role are read; so they are `raw` here too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.tcx.m365.plugins.action.fleet_compliance import ARGUMENT_SPEC

from generated import roles
from generated.as_yaml import lines

HEAD = roles.HEAD.replace(
    "the specs of the modules and tools/texts/variables.yml", "tools/texts/{role}.yml and the defaults"
)

SPECS: Mapping[str, Mapping[str, Any]] = {
    "compliance": {f"compliance_{option}": spec for option, spec in ARGUMENT_SPEC.items()},
    "controller_setup": {},
}
"""The variables of each role whose types another spec has."""


def files(root: Path) -> Iterator[tuple[Path, str]]:
    """(path, content) of the spec and the README of each role."""
    for role, specs in SPECS.items():
        home = root / "roles" / role
        texts = yaml.safe_load((root / "tools" / "texts" / f"{role}.yml").read_text(encoding="utf-8"))
        defaults = yaml.safe_load((home / "defaults" / "main.yml").read_text(encoding="utf-8")) or {}
        variables = {
            name: _variable(text, specs.get(name, {}), defaults, name) for name, text in texts["options"].items()
        }
        linked = roles.linked(variables) if specs else variables
        options = {
            name: {key: value for key, value in option.items() if key != "shown_default"}
            for name, option in linked.items()
        }
        content = lines({"argument_specs": {"main": {**texts, "options": options}}})
        yield home / "meta" / "argument_specs.yml", HEAD.format(role=role) + "\n".join(content) + "\n"
        readme = home / "README.md"
        before, _old, after = roles.around_table(readme)
        yield readme, before + roles.table(variables) + after


def _variable(
    text: Mapping[str, Any], spec: Mapping[str, Any], defaults: Mapping[str, Any], name: str
) -> dict[str, Any]:
    """The documentation of a variable; a default with a template is none of the spec."""
    documented = {
        "description": text["description"],
        **{key: spec[key] for key in ("type", "elements", "choices") if key in spec},
    }
    documented.update(text)
    if "type" not in documented:
        raise SystemExit(f"{name} has no type: say it in tools/texts, or is it no option any more?")
    if name in defaults and "{{" not in str(defaults[name]):
        documented["default"] = defaults[name]
    return documented
