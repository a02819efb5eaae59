# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs `ansible-test sanity` of the environment it is started in, on the copy of the collection it is started in.

ansible-test keeps its environments below the home directory; a private one keeps releases of ansible-core apart.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import workspace


def main() -> int:
    binaries = Path(sys.executable).parent
    home = workspace.private_home(f"sanity-{binaries.parent.name.lstrip('.')}")
    workspace.place_get_pip(home, Path(sysconfig.get_path("purelib")))
    ignored = sorted(Path("tests", "sanity").glob("ignore-*"))
    if ignored:
        print(f"This collection has no ignore entry, on purpose; remove {', '.join(map(str, ignored))}")
        return 1
    command = [str(binaries / "ansible-test"), "sanity", "--local", "--color", "no", "-v"]
    return subprocess.run(command, env={**os.environ, "HOME": str(home)}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
