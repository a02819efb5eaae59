# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The doc fragment of the settings of 3CX: the spec and the text of each declared setting, in the order of the spec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible_collections.tcx.m365.plugins.module_utils._capabilities.tcx_m365_settings import ARGUMENT_SPEC
from ansible_collections.tcx.m365.plugins.module_utils._pbx.properties import BY_OPTION, PBX_PROFILES

from generated.as_yaml import lines

HEAD = '''# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Made by `make generate` from module_utils/_pbx/properties.py and tools/texts/settings.yml; do not edit.

"""Options for the Microsoft 365 settings of a PBX, of the modules that write them and that look ahead."""

from __future__ import annotations


class ModuleDocFragment:
    """What the console shows under Integrations > Microsoft 365."""

    DOCUMENTATION = r"""
'''


def path(root: Path) -> Path:
    """Where the fragment stands."""
    return root / "plugins" / "doc_fragments" / "settings.py"


def content(options: dict[str, Any]) -> str:
    """The whole file."""
    return HEAD + "\n".join(lines({"options": options})) + '\n"""\n'


def options(root: Path) -> dict[str, Any]:
    """The documentation of the settings, in the shape of a module's `options`."""
    texts = yaml.safe_load((root / "tools" / "texts" / "settings.yml").read_text(encoding="utf-8"))
    groups = {name: option for name, option in ARGUMENT_SPEC.items() if option.get("options")}
    return {name: _documented(name, option, texts) for name, option in groups.items()}


def _documented(place: str, option: dict[str, Any], texts: dict[str, list[str]]) -> dict[str, Any]:
    documented: dict[str, Any] = {"description": _text(place, texts), "type": option["type"]}
    documented.update(
        {key: option[key] for key in ("elements", "required", "choices", "default", "aliases") if key in option}
    )
    if "options" in option:
        nested = option["options"].items()
        documented["suboptions"] = {
            name: _side(place, name, suboption)
            if option.get("elements") == "dict"
            else _documented(f"{place}.{name}", suboption, texts)
            for name, suboption in nested
        }
    return documented


def _side(place: str, name: str, option: dict[str, Any]) -> dict[str, Any]:
    """One side of a binding between a status of the PBX and a presence of Microsoft 365."""
    words = BY_OPTION[place].sides[name == "to"]
    text = "Status on the PBX." if words is PBX_PROFILES else "Presence in Microsoft 365."
    return {"description": [text], **option}


def _text(place: str, texts: dict[str, list[str]]) -> list[str]:
    declared = BY_OPTION.get(place)
    if declared is None and place not in texts:
        raise SystemExit(f"{place} has no text: add it to tools/texts/settings.yml")
    return declared.about.split("\n") if declared else texts[place]
