# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The output in the pages below docs/flows: from real runs against the lab, with what differs from run to run made equal.

Write it anew, with the directory above `ansible_collections` on PYTHONPATH:
`.venv/bin/python -m ansible_collections.tcx.m365.tests.tools.flow_pages`
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.tcx.m365.tests.integration.playbooks.conftest import Controller
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.testing import Lab

PAGES = Path(__file__).resolve().parents[2] / "docs" / "flows"
HOST = "acme"
FLEET = FleetPlan([TenantPlan("acme", users=3)], [PbxPlan(HOST, "acme")])
WANTED: dict[str, Any] = {
    "tcx_console_user_sync": {"enabled": True, "scope": "all", "photo": True, "starting_extension": "200"},
    "tcx_console_sign_in": {"enabled": True},
}

_TODAY = dt.date(2026, 12, 1)
_GUIDS = [f"{digit * 8}-{digit * 4}-4{digit * 3}-8{digit * 3}-{digit * 12}" for digit in "123456789abcdef"]
_GUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_THUMBPRINT = re.compile(r"\b[0-9A-F]{40}\b")
_MOMENT = re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?Z?")
_DAY = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_RUN = re.compile(r"\b\d{8}T\d{6}Z-[0-9a-f]{8}\b")
_ADDRESS = re.compile(r"\b(?:127\.0\.0\.1|localhost):\d+")
_CLOCK = re.compile(r"(?m)^    note: The clock of the PBX is .*\n(?:      .*\n)*")
"""The lab's time moves on for the end of an overlap, and that of this machine does not."""
_SECONDS = re.compile(r"\b\d+(?:\.\d+)? s\b")
_FOLD = textwrap.TextWrapper(118, subsequent_indent="      ", break_long_words=False, break_on_hyphens=False)
_BLOCK = re.compile(r"(<!-- output of (?P<names>[^>]*) -->\n```console\n)(?P<text>.*?)(```\n)", re.DOTALL)


class Plain:
    """Makes texts of several runs equal: the first GUID is always the same, today is always the same day."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._guids: dict[str, str] = {}
        self._prints: dict[str, str] = {}
        self._runs: dict[str, str] = {}
        self.today = dt.datetime.now(dt.UTC).date()

    def __call__(self, text: str) -> str:
        text = _CLOCK.sub("", text)
        text = text.replace(self._place, "/home/you")
        text = _RUN.sub(lambda found: self._runs.setdefault(found[0], self._run()), text)
        text = _GUID.sub(lambda found: self._guids.setdefault(found[0], _GUIDS[len(self._guids)]), text)
        text = _THUMBPRINT.sub(lambda found: self._prints.setdefault(found[0], self._print()), text)
        text = _ADDRESS.sub("acme.example.com:5001", text)
        text = _MOMENT.sub(f"{_TODAY}T08:00:00Z", text)
        text = _DAY.sub(lambda found: self._day(found[0]), text)
        return _SECONDS.sub("1 s", text)

    def _run(self) -> str:
        return f"{_TODAY:%Y%m%d}T080{len(self._runs)}00Z-5f0c3a52"

    def _print(self) -> str:
        return f"{'ABCDEF'[len(self._prints)]}{len(self._prints)}" * 20

    def _day(self, text: str) -> str:
        return str(_TODAY + (dt.date.fromisoformat(text) - self.today))


def outputs() -> dict[str, str]:
    """The output of each run, by its name."""
    with tempfile.TemporaryDirectory() as place, Lab.start(FLEET) as lab:
        controller, plain = Controller(lab, Path(place)), Plain(place)
        inventory = Path(place, "inventory.yml")
        inventory.write_text(lab.inventory_path.read_text(encoding="utf-8"), encoding="utf-8")
        found = {}
        for name, playbooks, arguments, variables in _runs(lab):
            several = Path(place, "several.yml")
            several.write_text(json.dumps([{"import_playbook": each} for each in playbooks]), encoding="utf-8")
            outcome = controller.play(str(several), *arguments, variables={**WANTED, **variables}, inventory=inventory)
            assert outcome.code == 0, outcome.output
            parts = re.split(r"(?m)^(?=PLAY \[)", outcome.output.partition("PLAY RECAP")[0])[1:]
            for playbook, part in zip(playbooks, parts, strict=True):
                command = " ".join(["$ ansible-playbook", playbook, "-i inventory.yml", *_told(variables), *arguments])
                shown = _wrapped(plain(f"{command.rstrip()}\n\n{part.rstrip()}\n"))
                found[f"{name} {playbook.rpartition('.')[2]}".strip()] = shown
        return found


def _runs(lab: Lab) -> Iterator[tuple[str, list[str], list[str], dict[str, Any]]]:
    """(name, playbooks of one command, arguments, variables); between them what happens to the PBX."""
    yield "first", ["tcx.m365.rollout"], [], {}
    yield "again", ["tcx.m365.rollout", "tcx.m365.compliance", "tcx.m365.capture"], [], {}
    yield "planned", ["tcx.m365.rollback"], ["--check"], {"snapshot": "latest"}
    key = lab.control.new_key_pair(HOST)["public_key"]
    yield "new key", ["tcx.m365.rotate_certificate"], [], {"entra_app_public_key": key}
    lab.control.advance_clock(15 * 86400)
    yield "overlap over", ["tcx.m365.rotate_certificate"], [], {"entra_app_public_key": key}
    yield "planned", ["tcx.m365.offboard"], ["--check"], {"offboard_confirm": True, "entra_app_public_key": key}
    yield "done", ["tcx.m365.offboard"], [], {"offboard_confirm": True, "entra_app_public_key": key}
    yield "done", ["tcx.m365.rollback"], [], {"snapshot": "latest", "entra_app_public_key": key}


def _told(variables: dict[str, Any]) -> list[str]:
    """What an operator would give on the command line; the rest stands in the inventory."""
    return [
        f"-e {name}={json.dumps(variables[name])}".replace('"', "")
        for name in ("snapshot", "offboard_confirm")
        if name in variables
    ]


def _wrapped(text: str) -> str:
    """Long lines as a terminal of 118 columns would show them, so that a page can be read."""
    lines = [_FOLD.wrap(line) or [""] for line in text.splitlines()]
    return "\n".join(part.rstrip() for each in lines for part in each) + "\n"


def filled(page: str, found: dict[str, str]) -> str:
    """A page with the output of its runs."""
    return _BLOCK.sub(lambda block: block[1] + found[block["names"].strip()] + block[4], page)


def main() -> int:
    found = outputs()
    for path in sorted(PAGES.glob("*.md")):
        before = path.read_text(encoding="utf-8")
        after = filled(before, found)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"{path.relative_to(PAGES.parents[1])}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
