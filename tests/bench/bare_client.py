# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bare asynchronous client: sends the calls of a script, host by host, so many hosts at a time, and does nothing else.

Usage: bare_client.py SCRIPT CA_BUNDLE CONCURRENCY

The script is JSON: for each host a list of {service, method, url, form | json}. An answer to a request whose path ends in
/token gives the bearer token of the following calls to the services in its `for` list. Prints what was answered, as JSON.
"""

from __future__ import annotations

import asyncio
import collections
import json
import ssl
import sys
from pathlib import Path
from typing import Any

import aiohttp


async def main(script: list[list[dict[str, Any]]], bundle: str, concurrency: int) -> dict[str, int]:
    """Counts of answers by status; 0 is no answer."""
    statuses: collections.Counter[str] = collections.Counter()
    gate = asyncio.Semaphore(concurrency)
    connector = aiohttp.TCPConnector(limit=0, ssl=ssl.create_default_context(cafile=bundle))
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=120)) as session:

        async def host(calls: list[dict[str, Any]]) -> None:
            tokens: dict[str, str] = {}
            async with gate:
                for call in calls:
                    statuses[str(await _send(session, call, tokens))] += 1

        await asyncio.gather(*(host(calls) for calls in script))
    return dict(statuses)


async def _send(session: aiohttp.ClientSession, call: dict[str, Any], tokens: dict[str, str]) -> int:
    token = tokens.get(call["service"])
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    content: dict[str, Any] = {"data": call.get("form"), "json": call.get("json")}
    try:
        where = {"method": call["method"], "url": call["url"], "allow_redirects": False}
        async with session.request(**where, headers=headers, **content) as answer:
            body = json.loads(await answer.read()) if "json" in answer.content_type else {}
            for service in call.get("token_for", ()):
                tokens[service] = (body.get("Token") or body).get("access_token", "")
            return answer.status
    except (aiohttp.ClientError, TimeoutError):
        return 0


if __name__ == "__main__":
    hosts = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(json.dumps(asyncio.run(main(hosts, sys.argv[2], int(sys.argv[3])))))
