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
    kind:
      description: Class of the error, such as V(bad_input), V(forbidden) or V(unreachable).
      type: str
      sample: bad_credential
    service:
      description: Who answered, V(Entra), V(Graph) or V(3CX). Empty where nothing was sent.
      type: str
    status:
      description: HTTP status of the answer; null where there was none.
      type: int
    code:
      description: The service's own error code.
      type: str
      sample: AADSTS7000215
    request_id:
      description: What the support of the service asks for.
      type: str
    tried:
      description: What was tried.
      type: str
    target:
      description: On what it was tried.
      type: str
    said:
      description: What the service said.
      type: str
    remedy:
      description: What to do.
      type: str
    missing:
      description: The permissions or roles of which one is missing.
      returned: when a right is missing
      type: list
      elements: str
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
