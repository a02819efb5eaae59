# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an application that is to be there and one that is not to be there have in common."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Callable

from ..._plan import Plan
from ..._reconcile import Replicated
from ..._run import machine_lock
from ..graph import Call
from . import keys as key_plan
from . import plan as steps
from .find import Finder
from .model import Desired, Observed, unique_name_of

Json = dict[str, Any]
Check = Callable[[Desired, Observed, Plan], None]


class ApplicationResource(Replicated[Observed]):
    """One application of one tenant.

    :param check: raises what can be known to fail.
    """

    def __init__(self, finder: Finder, desired: Desired, *, check: Check, within: float, wait: bool) -> None:
        super().__init__(finder.client.context.deadline, within=within, wait=wait)
        self.finder = finder
        self.client = finder.client
        self.desired = desired
        self.what = f"the application {desired.key.text()}"
        self.subject = f"application {desired.key.text()}"
        self._check = check

    def check(self, state: Observed, plan: Plan) -> None:
        self._check(self.desired, state, plan)

    def expected(self, state: Observed, plan: Plan) -> Observed:
        return steps.simulate(state, plan)

    def announce(self, plan: Plan) -> None:
        self.client.context.announce(plan)

    def exclusively(self, state: Observed) -> AbstractContextManager[object]:
        """By whichever key a process has found the application, it is the same one."""
        entity = state.application or state.deleted or {}
        name = unique_name_of(entity) or str(entity.get("id") or "") or self.desired.key.text()
        lock = self.client.shared_key("application", name.casefold())
        return machine_lock(lock, self.deadline, "another run changes this application")


def update_call(payload: Json, state: Observed) -> Call:
    """The request that changes properties of an application, each as a whole."""
    application = state.application or {}
    body = dict(payload)
    if "keyCredentials" in body:
        body["keyCredentials"] = key_plan.to_send(body["keyCredentials"], application.get("keyCredentials") or ())
    if isinstance(body.get("web"), Mapping):
        # The second view of the redirect URIs would contradict the first (metadata: redirectUriSettings).
        body["web"] = {name: value for name, value in body["web"].items() if name != "redirectUriSettings"}
    return Call("PATCH", f"/applications/{application['id']}", body)
