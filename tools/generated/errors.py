# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The return value `error`, which every module documents in the same words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

BLOCK = """error:
  description: Why the task failed, in parts that a program may branch on.
  returned: failure
  type: dict
  contains:
    kind: {type: str, sample: bad_credential, description: "Class of the error, such as V(bad_input), V(forbidden) or V(unreachable)."}
    service: {type: str, description: "Who answered, V(Entra), V(Graph) or V(3CX). Empty where nothing was sent."}
    status: {type: int, description: HTTP status of the answer; null where there was none.}
    code: {type: str, sample: AADSTS7000215, description: The service's own error code.}
    request_id: {type: str, description: What the support of the service asks for.}
    tried: {type: str, description: What was tried.}
    target: {type: str, description: On what it was tried.}
    said: {type: str, description: What the service said.}
    remedy: {type: str, description: What to do.}
    missing: {type: list, elements: str, returned: when a right is missing, description: The permissions or roles of which one is missing.}
"""

_OLD = re.compile(r"^error:\n(?:[ ].*\n)*", re.MULTILINE)
_RETURN = re.compile(r'(RETURN = r"""\n.*?)("""\n)', re.DOTALL)


def files(root: Path) -> Iterator[tuple[Path, str]]:
    """Each module with the block at the end of what it returns."""
    for path in sorted((root / "plugins" / "modules").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        match = _RETURN.search(text)
        if match is None:
            raise SystemExit(f"{path.name} documents no return values")
        yield path, text[: match.start()] + _OLD.sub("", match[1]) + BLOCK + match[2] + text[match.end() :]
