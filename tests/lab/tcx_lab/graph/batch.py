# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""/$batch: up to twenty requests in one (documented). Items fail, and are throttled, one by one."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from tcx_lab.evidence import Grade, evidence
from tcx_lab.graph.errors import bad_request
from tcx_lab.graph.web import Answer, Call, NotJson, parse_query, split_path

Handle = Callable[[Call], Awaitable[Answer]]
_MAX_ITEMS = 20


def parse(call: Call) -> list[dict[str, Any]]:
    """The items of a batch. Raises 400 for the whole batch."""
    try:
        items = call.json().get("requests")
    except NotJson as error:
        raise bad_request("Invalid batch payload format.", "BadRequest") from error
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise bad_request("Invalid batch payload format.", "BadRequest")
    if len(items) > _MAX_ITEMS:
        raise bad_request(f"Number of batch request steps exceeds the maximum value of {_MAX_ITEMS}.", "BadRequest")
    ids = [str(item.get("id", "")).lower() for item in items]
    if "" in ids or len(set(ids)) != len(ids):
        raise bad_request("Request Id has to be unique in a batch.", "BadRequest")
    known = {item["id"] for item in items}
    for item in items:
        if not isinstance(item.get("method"), str) or not isinstance(item.get("url"), str):
            raise bad_request("Invalid batch payload format.", "BadRequest")
        if not set(item.get("dependsOn") or ()) <= known:
            raise bad_request("Dependency of a request does not exist in the batch.", "BadRequest")
        _check_content_type(item)
    return items


@evidence(
    Grade.OBSERVED,
    "https://github.com/Softeria/ms-365-mcp-server/issues/677 and "
    "https://github.com/microsoftgraph/msgraph-sdk-dotnet/issues/2628, with the texts",
)
def _check_content_type(item: dict[str, Any]) -> None:
    """One item that writes without a body, or with a body and no Content-Type, fails the whole batch."""
    if item["method"].upper() in ("GET", "DELETE", "HEAD"):
        return
    headers = {str(name).lower() for name in item.get("headers") or {}}
    if item.get("body") is None:
        raise bad_request(
            f"Write request id : {item['id']} does not contain Content-Type header or body.", "BadRequest"
        )
    if "content-type" not in headers:
        raise bad_request(f"Write request with id '{item['id']}' does not contain a Content-Type header.", "BadRequest")


@evidence(Grade.DOCUMENTED, "https://learn.microsoft.com/graph/json-batching")
async def run(call: Call, items: list[dict[str, Any]], handle: Handle) -> Answer:
    """Handle the items in their order, dependencies first; answers come in the order of handling (documented: any)."""
    done: dict[str, int] = {}
    responses: list[dict[str, Any]] = []
    waiting = list(items)
    while waiting:
        ready = next((item for item in waiting if set(item.get("dependsOn") or ()) <= set(done)), None)
        if ready is None:
            raise bad_request("Dependencies of the requests form a cycle.", "BadRequest")
        waiting.remove(ready)
        if any(done[dependency] >= 400 for dependency in ready.get("dependsOn") or ()):
            answer = _failed_dependency()
        else:
            answer = await handle(item_call(call, ready))
        done[ready["id"]] = answer.status
        responses.append(_response(ready["id"], answer))
    return Answer(200, {"responses": responses})


def item_call(call: Call, item: dict[str, Any]) -> Call:
    """The call that an item stands for. Its own headers count, and the batch's authorization."""
    version = call.segments[0]
    path, _question, query = item["url"].partition("?")
    headers = {str(name).lower(): str(value) for name, value in (item.get("headers") or {}).items()}
    headers.setdefault("authorization", call.headers.get("authorization", ""))
    headers.setdefault("host", call.headers.get("host", ""))
    body = item.get("body")
    target = f"/{version}/{path.lstrip('/')}"
    return Call(
        method=item["method"].upper(),
        segments=[version, *split_path(path)],
        query=parse_query(query),
        headers=headers,
        body=b"" if body is None else json.dumps(body).encode(),
        base=call.base,
        target=f"{target}?{quote(query, safe='%=&$')}" if query else target,
        scope={**call.scope},  # what troubles one item does not trouble the next
    )


def _failed_dependency() -> Answer:
    return Answer(424, {"error": {"code": "FailedDependency", "message": "Request depends on a failed request."}})


def _response(item_id: str, answer: Answer) -> dict[str, Any]:
    response: dict[str, Any] = {"id": item_id, "status": answer.status, "headers": dict(answer.headers)}
    if isinstance(answer.body, bytes):
        response["body"] = base64.b64encode(answer.body).decode()
    elif answer.body is not None:
        response["headers"].setdefault("Content-Type", "application/json")
        response["body"] = answer.body
    return response
