# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was called in a run, from the lab's log: how often by service, and as a script that a bare client can send again.

A first rollout makes objects whose ids nobody knows before. So the script says which answer tells the id that stands in for
the one of the recorded run. It waits where the run has waited for a fact to be readable: at a reading request to Graph behind
a write, as long as the PBX that waited the least at that place, so that no delay of this machine counts as such a wait.
"""

from __future__ import annotations

import datetime as dt
import json
import re
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
    waits = _waits(entries)
    for entry in from_clients(entries):
        if entry["batch"] is not None:
            items[entry["batch"]].append(entry)
    script: dict[str, list[Call]] = defaultdict(list)
    for entry in from_clients(entries):
        host = entry["host"] or by_tenant.get(entry["tenant"], "")
        if entry["batch"] is None and host:
            base = endpoints["pbxs"][host] if entry["service"] == "pbx" else endpoints[entry["service"]]
            call = _call(entry, base, {**common, **hosts[host]}, items[entry["seq"]])
            script[host].append({**call, **({"wait": waits[entry["seq"]]} if entry["seq"] in waits else {})})
    return [_with_ids(calls) for calls in script.values()]


def _call(entry: Entry, base: str, variables: Mapping[str, Any], items: Sequence[Entry]) -> Call:
    url = base + entry["path"] + (f"?{entry['query']}" if entry["query"] else "")
    call: Call = {"service": entry["service"], "method": entry["method"], "url": url}
    if entry["method"] == "PATCH" and "(uniqueName=" in entry["path"]:
        call["headers"] = {"Prefer": "create-if-missing"}  # the log has no headers
    if entry["method"] != "POST":
        return call if entry["body"] is None else {**call, "json": entry["body"]}
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
    elif entry["body"] is not None:
        call["json"] = entry["body"]
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


def _waits(entries: Sequence[Entry]) -> dict[int, float]:
    """By number of the request, the seconds to wait before it."""
    places: dict[tuple[int, str], list[tuple[int, float]]] = defaultdict(list)
    before: dict[str, Entry] = {}
    written = {entry["batch"] for entry in entries if entry["batch"] is not None and entry["is_write"]}
    count: Counter[str] = Counter()
    for entry in from_clients(entries):
        if entry["service"] != "graph" or entry["batch"] is not None:
            continue
        last = before.get(entry["tenant"])
        writes = entry["seq"] in written or entry["is_write"]
        if last is not None and not writes and (last["seq"] in written or last["is_write"]):
            gap = seconds(entry["at"]) - seconds(last["at"]) - last["duration_ms"] / 1000
            places[count[entry["tenant"]], last["method"]].append((entry["seq"], max(0.0, gap)))
        before[entry["tenant"]] = entry
        count[entry["tenant"]] += 1
    least = {place: round(min(gap for _seq, gap in found), 2) for place, found in places.items()}
    return {seq: least[place] for place, found in places.items() for seq, _gap in found if least[place] > 0.1}


def seconds(moment: str) -> float:
    """The time of an entry of the log."""
    return dt.datetime.fromisoformat(moment).timestamp()


_APPLICATION = re.compile(r"/applications/([0-9a-f-]{36})")
_PRINCIPAL = re.compile(r"/servicePrincipals/([0-9a-f-]{36})")


def _with_ids(calls: list[Call]) -> list[Call]:
    """The calls of one PBX, with what is to be learned from the answers that make an application and its principal."""
    text = [json.dumps(call) for call in calls]
    for number, call in enumerate(calls):
        later = "".join(text[number:])
        if call["method"] == "PATCH" and "/applications(uniqueName=" in call["url"]:
            found = _APPLICATION.search(later)
            call["learn"] = [[found[1], ["id"]]] if found else []
            made = re.search(r'"url": "/servicePrincipals", "body": {"appId": "([0-9a-f-]{36})"', later)
            call["learn"] += [[made[1], ["appId"]]] if made else []
        for place, item in enumerate((call.get("json") or {}).get("requests", ())):
            found = _PRINCIPAL.search("".join(text[number + 1 :]))
            if (item["method"], item["url"]) == ("POST", "/servicePrincipals") and found:
                call["learn"] = [*call.get("learn", ()), [found[1], ["responses", place, "body", "id"]]]
    return calls


def as_text(script: Sequence[Sequence[Call]]) -> str:
    """The script as the bare client reads it."""
    return json.dumps(script)
