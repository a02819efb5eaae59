# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bare asynchronous client: sends the calls of a script, host by host, so many hosts at a time, and does nothing else.

Usage: bare_client.py SCRIPT CA_BUNDLE CONCURRENCY

The script is JSON: for each host a list of {service, method, url, form | json}, perhaps with the services that the token in the
answer is for, with a wait in seconds, and with what is to be learned from the answer: a text, and the place in the answer of what
stands in for it in the following calls. Prints what was answered, as JSON.
"""

from __future__ import annotations

import asyncio
import collections
import json
import re
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
            known: dict[str, str] = {}
            async with gate:
                for call in calls:
                    await asyncio.sleep(call.get("wait", 0))
                    statuses[str(await _send(session, _renamed(call, known), tokens, known))] += 1

        await asyncio.gather(*(host(calls) for calls in script))
    return dict(statuses)


def _renamed(call: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    """The call with the ids of this run in place of the recorded ones, all at once: one's new id may be another's recorded one."""
    if not known:
        return call
    recorded = re.compile("|".join(map(re.escape, known)))
    text = recorded.sub(lambda each: known[each[0]], json.dumps(call))
    return {**json.loads(text), "learn": call.get("learn", ())}


def _learn(call: dict[str, Any], body: Any, known: dict[str, str]) -> None:
    for recorded, place in call.get("learn", ()):
        value = body
        try:
            for step in place:
                if isinstance(step, int):  # answers of a batch come in any order
                    value = next(each for each in value if each["id"] == str(step))
                else:
                    value = value[step]
            known[recorded] = value
        except (KeyError, TypeError, StopIteration):
            continue  # this run got another answer; the counts of statuses say so


async def _send(
    session: aiohttp.ClientSession, call: dict[str, Any], tokens: dict[str, str], known: dict[str, str]
) -> int:
    token = tokens.get(call["service"])
    headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **call.get("headers", {})}
    content: dict[str, Any] = {"data": call.get("form"), "json": call.get("json")}
    try:
        where = {"method": call["method"], "url": call["url"], "allow_redirects": False}
        async with session.request(**where, headers=headers, **content) as answer:
            body = json.loads(await answer.read()) if "json" in answer.content_type else {}
            for service in call.get("token_for", ()):
                tokens[service] = (body.get("Token") or body).get("access_token", "")
            _learn(call, body, known)
            return answer.status
    except (aiohttp.ClientError, TimeoutError):
        return 0


if __name__ == "__main__":
    hosts = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(json.dumps(asyncio.run(main(hosts, sys.argv[2], int(sys.argv[3])))))
