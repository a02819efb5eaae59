# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the software bill of materials of the collection and of its execution environment, in CycloneDX 1.6.

It follows from galaxy.yml and meta/ee-constraints.txt alone, so that the same sources give the same file.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "meta" / "ee-constraints.txt"
DIRECT = ROOT / "meta" / "ee-requirements.txt"

Json = dict[str, Any]

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_NAMES = uuid.UUID("6f1f3c52-6a0f-5b53-9d0e-1a2b3c4d5e6f")


def components(lock: str) -> list[Json]:
    """The packages of a lock, each with the hashes of the files that may be installed."""
    packages = []
    for pin in re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE):
        match = _PIN.match(pin)
        if match is None:
            continue
        name, version = match["name"].lower(), match["version"]
        purl = f"pkg:pypi/{name}@{version}"
        packages.append(
            {
                "type": "library",
                "bom-ref": purl,
                "name": name,
                "version": version,
                "purl": purl,
                "externalReferences": [
                    {
                        "type": "distribution",
                        "url": purl,
                        "hashes": [{"alg": "SHA-256", "content": digest} for digest in _HASH.findall(pin)],
                    }
                ],
            }
        )
    return packages


def bill() -> Json:
    """The bill as data."""
    galaxy = dict(
        re.findall(
            r"^(namespace|name|version|description): (.+)$", (ROOT / "galaxy.yml").read_text("utf-8"), re.MULTILINE
        )
    )
    name = f"{galaxy['namespace']}.{galaxy['name']}"
    packages = components(LOCK.read_text("utf-8"))
    direct = re.findall(r"^([A-Za-z0-9._-]+)>=", DIRECT.read_text("utf-8"), re.MULTILINE)
    root = f"pkg:generic/{name}@{galaxy['version']}"
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": root,
                "name": name,
                "version": galaxy["version"],
                "purl": root,
                "description": galaxy["description"],
                "licenses": [{"license": {"id": "GPL-3.0-or-later"}}],
            },
            "tools": {"components": [{"type": "application", "name": "tools/sbom.py"}]},
        },
        "components": packages,
        "dependencies": [
            {"ref": root, "dependsOn": [package["bom-ref"] for package in packages if package["name"] in direct]}
        ],
        # What these packages need themselves is in the list, and not who needs which.
        "compositions": [{"aggregate": "incomplete", "dependencies": [root]}],
    }
    serial = uuid.uuid5(_NAMES, json.dumps(content, sort_keys=True))
    return {**content, "serialNumber": f"urn:uuid:{serial}"}


def main(arguments: list[str]) -> int:
    made = bill()
    component = made["metadata"]["component"]
    default = ROOT / ".build" / "artifact" / f"{component['name'].replace('.', '-')}-{component['version']}.cdx.json"
    path = Path(arguments[0]) if arguments else default
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
