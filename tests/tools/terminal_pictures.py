# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes a picture of what a rollout shows in a terminal: tmux is the terminal, its screen is drawn by a browser.

Run with `.venv-browser` and the directory above `ansible_collections` on PYTHONPATH:
`ANSIBLE_STDOUT_CALLBACK=tcx.m365.fleet python -m ansible_collections.tcx.m365.tests.tools.terminal_pictures INVENTORY PICTURE`
"""

from __future__ import annotations

import html
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ansible_collections.tcx.m365.tests.tools.chromium import Chromium

COLUMNS, ROWS = 118, 46
_SOCKET = f"tcx-picture-{os.getpid()}"
_COLORS = ("#1b1f25", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d0d4d9")
_SGR = re.compile(r"\x1b\[([\d;]*)m")
_PATIENCE_S = 300


def tmux(*arguments: str) -> str:
    done = subprocess.run(["tmux", "-L", _SOCKET, *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def screen_of(command: str) -> str:
    """The screen of a terminal after a command, with its colors as escape sequences."""
    tmux("-f", "/dev/null", "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), f"{command}; sleep 3600")
    tmux("set-option", "-g", "remain-on-exit", "on")
    try:
        ends = time.monotonic() + _PATIENCE_S
        while time.monotonic() < ends:
            found = tmux("capture-pane", "-p", "-e", "-t", "0")
            if "PBXs: " in found and "Plan:" not in found.rsplit("PBXs: ", 1)[1]:
                return found
            time.sleep(0.5)
        raise TimeoutError(f"no summary within {_PATIENCE_S} s:\n{tmux('capture-pane', '-p', '-t', '0')}")
    finally:
        tmux("kill-server")


def page_of(screen: str) -> str:
    parts, place, style = [], 0, ""
    for found in _SGR.finditer(screen):
        parts.append(f'<span style="{style}">{html.escape(screen[place : found.start()])}</span>')
        style = _style(found[1], style)
        place = found.end()
    parts.append(html.escape(screen[place:]))
    text = "".join(parts).rstrip()
    return (
        '<!DOCTYPE html><meta charset="utf-8"><style>body{margin:0;background:#1b1f25;color:#d0d4d9}'
        "pre{margin:0;padding:18px;font:14px/1.35 'DejaVu Sans Mono',monospace}</style>"
        f"<pre>{text}</pre>"
    )


def _style(codes: str, before: str) -> str:
    style = before
    for code in codes.split(";"):
        number = int(code or 0)
        if number in (0, 39):
            style = ""
        elif number == 1:
            style += "font-weight:bold;"
        elif 30 <= number <= 37 or 90 <= number <= 97:
            style += f"color:{_COLORS[number % 10]};"
    return style


def main() -> int:
    inventory, picture = sys.argv[1:3]
    options = " ".join(shlex.quote(each) for each in sys.argv[3:])
    # What the reader of the page would type, and a terminal that takes colors.
    command = f"ansible-playbook tcx.m365.rollout -i {shlex.quote(inventory)} {options}"
    page = page_of(screen_of(command))
    with tempfile.TemporaryDirectory() as folder, Chromium(width=1040, height=400) as browser:
        path = Path(folder) / "terminal.html"
        path.write_text(page, encoding="utf-8")
        browser.open(path)
        height = browser.run("() => document.querySelector('pre').getBoundingClientRect().height")
        browser.picture(Path(picture), height=round(height))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
