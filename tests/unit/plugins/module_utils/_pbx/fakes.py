# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PBX that answers from a script, without a socket."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Union

from ansible_collections.tcx.m365.plugins.module_utils._context import Context
from ansible_collections.tcx.m365.plugins.module_utils._http import Reply
from ansible_collections.tcx.m365.plugins.module_utils._pbx.connection import Connection
from ansible_collections.tcx.m365.plugins.module_utils._pbx.xapi import Xapi
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._time import Clock, Deadline

Answer = Union[tuple[int, Any], tuple[int, Any, dict[str, str]]]
Script = Callable[[str, str, dict[str, Any]], Answer]


class NoTime(Clock):
    """Sleeping takes no time but passes it."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.passed += seconds


def jwt(**claims: Any) -> str:
    """A token with these claims and no meaning."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{body}.x"


def reply(status: int, content: Any = None, headers: dict[str, str] | None = None, method: str = "GET") -> Reply:
    """An answer; text is sent as it is, anything else as JSON."""
    body = b"" if content is None else (content.encode() if isinstance(content, str) else json.dumps(content).encode())
    return Reply(method, "https://pbx.example/", status, headers or {}, body)


@dataclass
class FakeHttp:
    """Stands in for `Http`."""

    script: Script
    sent: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    calls: int = 0

    def send(self, method: str, path: str, **request: Any) -> Reply:
        self.calls += 1
        self.sent.append((method, path, request))
        answer = self.script(method, path, request)
        if isinstance(answer, Exception):
            raise answer
        status, content, *headers = answer
        return reply(status, content, dict(headers[0]) if headers else {}, method)

    def paths(self) -> list[str]:
        return [path for _method, path, _request in self.sent]


class FakeContext(Context):
    """A context whose conversations are with a script."""

    def __init__(self, script: Script, store: RunStore | None = None) -> None:
        super().__init__(Deadline(600, clock=NoTime()), store or RunStore(None), warn=self._warned)
        self.server = FakeHttp(script)
        self.warnings: list[str] = []
        self.secrets: list[str] = []
        self.hide = self.secrets.append

    def _warned(self, text: str) -> None:
        self.warnings.append(text)

    def http(self, *_arguments: Any, **_options: Any) -> Any:
        return self.server


def connection(url: str = "https://pbx.example", **options: Any) -> Connection:
    return Connection(url, options.pop("principal", "900"), options.pop("secret", "s3cret"), **options)


def granted(**claims: Any) -> tuple[int, dict[str, Any]]:
    """The answer of a token endpoint."""
    return 200, {"token_type": "Bearer", "expires_in": 3600, "access_token": jwt(**claims), "refresh_token": None}


def xapi(script: Callable[[str, str, dict[str, Any]], Answer]) -> Xapi:
    """A signed-in client; the script sees the paths below the API's root."""

    def whole(method: str, path: str, request: dict[str, Any]) -> Answer:
        if path == "/connect/token":
            return granted(MaxRole="system_owners")
        return script(method, path.removeprefix("/xapi/v1"), request)

    return Xapi(connection(), FakeContext(whole))
