# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sign in as whoever has signed in to the Azure CLI on this machine."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import dataclass
from typing import ClassVar

from ..._context import RunProgram
from ..._errors import BadCredential, BadInput
from ._base import Credential


@dataclass
class AzureCli(Credential):
    """The account of the Azure CLI.

    :param tenant: whose token is asked for.
    """

    source: ClassVar[str] = "azure_cli"

    tenant: str = ""

    def validate(self) -> None:
        if not installed():
            raise BadInput("the Azure CLI is not installed", remedy="Install it, or give another credential.")

    def material(self) -> tuple[str, ...]:
        return (os.environ.get("AZURE_CONFIG_DIR", ""), os.path.expanduser("~"))

    def fetch(self, resource: str, timeout: float, run: RunProgram) -> tuple[str, float]:
        """A token, and the Unix time at which it ends.

        :param resource: whom the token is for, an address without scope.
        :param timeout: seconds.
        :raises BadCredential: nobody is signed in, or not to that tenant.
        """
        command = [shutil.which("az") or "az", "account", "get-access-token", "--resource", resource, "-o", "json"]
        if self.tenant:
            command += ["--tenant", self.tenant]
        try:
            status, out, err = run(command, max(timeout, 1.0))
        except OSError as error:
            raise BadCredential(
                f"the Azure CLI did not answer ({type(error).__name__})", tried="get a token from the Azure CLI"
            ) from None
        if status != 0:
            raise BadCredential(
                _last_words(err),
                tried="get a token from the Azure CLI",
                service="the Azure CLI",
                remedy=f"Sign in with: az login --tenant {self.tenant or 'TENANT'} --allow-no-subscriptions",
            )
        try:
            answer = json.loads(out)
            return str(answer["accessToken"]), _expires(answer)
        except (ValueError, KeyError, TypeError):
            raise BadCredential(
                "the answer of the Azure CLI is not a token", tried="get a token from the Azure CLI"
            ) from None


def installed() -> bool:
    return shutil.which("az") is not None


def _expires(answer: dict[str, object]) -> float:
    if "expires_on" in answer:
        return float(str(answer["expires_on"]))
    # Releases before 2.54 give only local time (documented in the help of the command).
    return time.mktime(time.strptime(str(answer["expiresOn"])[:19], "%Y-%m-%d %H:%M:%S"))


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:400] if lines else "it failed without a message"
