# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps a wrong secret that a fleet shares from being sent to the whole fleet.

3CX blocks an address after a few failed sign-ins (documented) and reports it to a list that all PBXs share (documented:
"security defense program"). So a credential that no PBX has accepted yet is out on a few PBXs at a time only, and once
that many have refused it, it is sent to no other one. A credential that a PBX has accepted is judged by each PBX on its own:
three that refuse it, out of order or out of malice, do not keep it from the rest.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from .._context import Context
from .._errors import BadCredential, M365Error
from .connection import Connection

LIMIT = 3
"""So many PBXs may refuse one credential."""

_FLIGHT_S = 120.0
_POLL_S = 0.2


class SharedSecret:
    """What the tasks of a run know together about one credential."""

    def __init__(self, connection: Connection, context: Context) -> None:
        self._connection = connection
        self._context = context
        self._key = connection.fingerprint

    @contextlib.contextmanager
    def sent(self) -> Iterator[None]:
        """Surrounds one sign-in; its outcome is remembered.

        :raises BadCredential: enough PBXs have refused this credential; nothing was sent.
        """
        self._wait_for_leave()
        try:
            yield
        except BadCredential:
            self._settle(refused=True)
            raise
        except M365Error:
            self._settle()
            raise
        self._settle(accepted=True)

    def _wait_for_leave(self) -> None:
        while not self._leave():
            self._context.deadline.pause(_POLL_S, "other PBXs are trying the same credential")

    def _leave(self) -> bool:
        with self._locked() as known:
            if known["accepted"]:
                # It is right somewhere: from now on a PBX that refuses it speaks for itself alone.
                return True
            refused = [url for url in known["refused"] if url != self._connection.url]
            if len(refused) >= LIMIT:
                raise BadCredential(
                    f"{len(refused)} PBXs of this run refused this credential ({', '.join(refused)}); it was not sent here",
                    tried="sign in to the PBX",
                    target=self._connection.url,
                    remedy="A secret that the fleet shares is wrong: correct it before 3CX blocks this address everywhere.",
                )
            flying = {url: until for url, until in known["flying"].items() if until > time.time()}
            if len(refused) + len(flying) >= LIMIT:
                return False
            known["flying"] = dict(flying, **{self._connection.url: time.time() + _FLIGHT_S})
            return True

    def _settle(self, *, refused: bool = False, accepted: bool = False) -> None:
        with self._locked() as known:
            known["flying"].pop(self._connection.url, None)
            known["accepted"] = known["accepted"] or accepted
            if refused:
                known["refused"] = sorted({*known["refused"], self._connection.url})

    @contextlib.contextmanager
    def _locked(self) -> Iterator[dict[str, Any]]:
        with self._context.store.shared("credential", self._key, self._context.deadline) as known:
            known.update({"refused": [], "flying": {}, "accepted": False, **known})
            yield known
