# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was called in a run, from the lab's log: how often by service, and as a script that a bare client can send again."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

Entry = Mapping[str, Any]
Call = dict[str, Any]

SERVICES = ("login", "graph", "pbx")
_BODIES = {"GetM365Users": {"options": {"Count": 1, "TypeOfUser": "Users"}}}
"""Bodies of requests that the lab's log leaves out in a large fleet."""


def from_clients(entries: Iterable[Entry]) -> list[Entry]:
    """Without what the PBXs asked for themselves."""
    return [entry for entry in entries if entry["source"] == "client"]


def per_pbx(entries: Iterable[Entry], pbxs: int) -> dict[str, float]:
    """HTTP requests by service for each PBX; a batch counts as one."""
    found = Counter(entry["service"] for entry in from_clients(entries) if entry["batch"] is None)
    return {service: round(found[service] / pbxs, 2) for service in SERVICES}


def script_of(entries: Sequence[Entry], inventory: Mapping[str, Any], endpoints: Mapping[str, Any]) -> list[list[Call]]:
    """For each PBX what the run asked for it, in the same order, with real credentials.

    Each PBX must have its own tenant, so that calls to Entra and Graph can be told apart.
    """
    hosts, common = inventory["tcx"]["hosts"], inventory["tcx"]["vars"]
    by_tenant = {values["entra_tenant_id"]: host for host, values in hosts.items()}
    items: dict[int, list[Entry]] = defaultdict(list)
    for entry in from_clients(entries):
        if entry["batch"] is not None:
            items[entry["batch"]].append(entry)
    script: dict[str, list[Call]] = defaultdict(list)
    for entry in from_clients(entries):
        host = entry["host"] or by_tenant.get(entry["tenant"], "")
        if entry["batch"] is None and host:
            base = endpoints["pbxs"][host] if entry["service"] == "pbx" else endpoints[entry["service"]]
            script[host].append(_call(entry, base, {**common, **hosts[host]}, items[entry["seq"]]))
    return list(script.values())


def _call(entry: Entry, base: str, variables: Mapping[str, Any], items: Sequence[Entry]) -> Call:
    url = base + entry["path"] + (f"?{entry['query']}" if entry["query"] else "")
    call: Call = {"service": entry["service"], "method": entry["method"], "url": url}
    if entry["method"] != "POST":
        return call
    if entry["service"] == "login":
        call["token_for"] = ["graph"]
        call["form"] = _grant(variables["entra_client_id"], variables["entra_client_secret"])
        call["form"]["scope"] = f"{variables['entra_graph_endpoint']}/.default"
    elif entry["path"].endswith("/GetAccessToken"):
        call["token_for"] = ["pbx"]
        login = {"Username": variables["tcx_username"], "Password": variables["tcx_password"]}
        call["json"] = {**login, "SecurityCode": "", "ReCaptchaResponse": None}
    elif entry["path"].endswith("/token"):
        call["token_for"] = ["pbx"]
        call["form"] = _grant(variables["tcx_client_id"], variables["tcx_client_secret"])
    elif items:
        call["json"] = {"requests": [_item(number, item) for number, item in enumerate(items)]}
    else:
        call["json"] = next((body for name, body in _BODIES.items() if name in entry["path"]), {})
    return call


def _grant(client_id: str, secret: str) -> dict[str, str]:
    return {"client_id": client_id, "client_secret": secret, "grant_type": "client_credentials"}


def _item(number: int, item: Entry) -> dict[str, str]:
    path = item["path"].removeprefix("/v1.0")
    query = f"?{unquote(item['query'])}" if item["query"] else ""
    return {"id": str(number), "method": item["method"], "url": path + query}


def as_text(script: Sequence[Sequence[Call]]) -> str:
    """The script as the bare client reads it."""
    return json.dumps(script)
