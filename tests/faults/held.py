# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PBX that a sweep gives up while a write to it is under way."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils import _watch
from ansible_collections.tcx.m365.tests.faults.ground import TARGET, Ground
from tcx_lab import trouble

Json = dict[str, Any]


class HeldBack:
    """A PBX that takes a write, and carries it out only when it is told to.

    :param gives_up: who waits for its answer is late at once; otherwise he sends it again, and gets no answer either.
    """

    def __init__(self, made: Ground, place: Path, monkeypatch: pytest.MonkeyPatch, *, gives_up: bool = True) -> None:
        self._has_come, self._goes_on, self._holds = place / "come", threading.Event(), False
        monkeypatch.setattr(trouble, "act_out", self._hold)
        if gives_up:
            monkeypatch.setattr(_watch.Watch, "overdue", property(self._is_late))
        match = {"service": "pbx", "host": TARGET, "method": "PATCH"}
        made.world.trouble.add({"action": "delay", "match": match, "times": 1 if gives_up else 0})

    async def _hold(self, _hits: Any, _facts: Any, _now: Any, app: Any, scope: Json, receive: Any, send: Any) -> None:
        """The request is there as a whole before whoever has sent it goes away."""
        if self._holds:
            trouble.cut(scope)
            return
        self._holds = True
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self._has_come.touch()
        while not self._goes_on.is_set():
            await asyncio.sleep(0.01)

        async def again() -> Json:
            return {"type": "http.request", "body": body, "more_body": False}

        await app(scope, again, send)

    def _is_late(self, watch: _watch.Watch) -> bool:
        """Once: who undoes the run afterwards is not."""
        late = watch.host == TARGET and self._has_come.exists()
        if late:
            self._has_come.unlink()
        return late

    def arrives(self) -> None:
        """The write is carried out, and the thread that waits for its answer ends."""
        self._goes_on.set()
        for each in threading.enumerate():
            if each.name == "tcx.m365 sweep":
                each.join(20)
