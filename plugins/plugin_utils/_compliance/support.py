# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The support bundle: what a check of some PBXs found and asked, without a name of a customer in it."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import sys
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible.release import __version__ as ansible_version
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import families
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import role_defaults
from ansible_collections.tcx.m365.plugins.plugin_utils._provenance import collection_version

from .masking import HOST, Mask

SCHEMA_VERSION = 1
_LONGEST = 60
_RELEASE = re.compile(r"\d{1,3}(?:\.\d{1,5}){1,3}", re.ASCII)
_PACKAGES = ("cryptography", "jinja2", "msal", "requests", "urllib3")
_ENDPOINTS = {"tcx_url": "3CX", "entra_graph_endpoint": "Graph", "entra_authority_host": "Entra"}


def versions() -> dict[str, str]:
    """What runs here. None of it tells whose machine it is."""
    runtime = {
        "tcx.m365": collection_version(),
        "ansible-core": str(ansible_version),
        "python": sys.version.split()[0],
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
    return {**runtime, **{package: _version_of(package) for package in _PACKAGES}}


def _version_of(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def mask_of(hosts: Mapping[str, Mapping[str, Any]]) -> Mask:
    """The mask that knows every value which the inventory has for these hosts.

    :param hosts: the variables of each, as they are meant.
    """
    values: dict[str, list[str]] = {HOST: list(hosts), "value": []}
    for variables in hosts.values():
        values["value"] += list(_texts(list(variables.values())))
        values["value"] += [name for option in _ENDPOINTS for name in [_host_of(variables.get(option))] if name]
    return Mask(values)


def entry(result: Mapping[str, Any], trace: Sequence[str], variables: Mapping[str, Any], mask: Mask) -> dict[str, Any]:
    """One PBX of the bundle.

    :param result: its entry of the compliance report.
    :param trace: what was asked, one line per exchange.
    """
    services = {_netloc(variables[name]): service for name, service in _ENDPOINTS.items() if variables.get(name)}
    requests = [mask.request(line, services) for line in trace]
    return {
        "pbx": mask.text(str(result["host"])),
        "verdict": result["verdict"],
        "version": _release_text(result.get("version"), mask),
        "edition": _release_text(result.get("edition"), mask),
        "reasons": [mask.text(str(reason)) for reason in result.get("reasons") or ()],
        "attention": [mask.text(str(sentence)) for sentence in result.get("attention") or ()],
        "changes": [f"{change['target']}.{change['field']}" for change in result.get("changes") or ()],
        "controls": {str(control["id"]): str(control["result"]) for control in result.get("controls") or ()},
        # Which variables are set decides what happens; what they are set to is nobody's business.
        "variables": sorted({_named(name, mask) for name, value in variables.items() if _is_stated(name, value)}),
        "unknown_variables": [
            _named(str(unknown.get("variable")), mask) for unknown in result.get("unknown_variables") or ()
        ],
        "requests": [request for request in requests if request],
    }


def bundle(entries: Iterable[Mapping[str, Any]], run: Mapping[str, Any]) -> dict[str, Any]:
    """The whole bundle, as plain JSON."""
    return {"schema_version": SCHEMA_VERSION, "versions": versions(), "run": dict(run), "pbxs": list(entries)}


def as_markdown(content: Mapping[str, Any]) -> str:
    """The bundle as it is pasted into an issue."""
    lines = ["## Versions", ""]
    lines += [f"- {name}: {value}" for name, value in {**content["versions"], **content["run"]}.items()]
    for pbx in content["pbxs"]:
        lines += ["", f"## {pbx['pbx'].strip('<>')}: {pbx['verdict']}", ""]
        lines += [f"- release {pbx['version'] or 'unknown'}, edition {pbx['edition'] or 'unknown'}"]
        lines += [f"- {_inline(sentence)}" for sentence in (*pbx["reasons"], *pbx["attention"])]
        lines += [f"- would change: {', '.join(pbx['changes'])}"] if pbx["changes"] else []
        lines += [f"- controls: {', '.join(f'{name} {verdict}' for name, verdict in pbx['controls'].items())}"]
        lines += [f"- variables: {', '.join(pbx['variables'])}", "", "```text"]
        lines += [_request_line(request) for request in pbx["requests"]] or ["nothing was asked"]
        lines += ["```"]
    return "\n".join(lines) + "\n"


def _request_line(request: Mapping[str, Any]) -> str:
    query = "?" + "&".join(request["parameters"]) if request.get("parameters") else ""
    line = f"{request['service']:5} {request['method']:6} {request['path']}{query} -> {request['status']}"
    return f"{line} in {request['seconds']:.2f} s {request.get('request_id', '')}".rstrip()


def _inline(text: str) -> str:
    """A sentence in a list of Markdown; what a service has said must not end the list or begin a block."""
    return " ".join(text.replace("`", "'").replace("<", "‹").replace(">", "›").split())


def _is_stated(name: str, value: Any) -> bool:
    return not name.startswith("ansible_") and value != role_defaults().get(name)


def _release_text(value: Any, mask: Mask) -> str:
    """A release or an edition: a PBX says whatever it likes. A release has the form of an address."""
    text = str(value or "")
    return text if _RELEASE.fullmatch(text) else _inline(mask.text(text))[:_LONGEST]


def _named(variable: str, mask: Mask) -> str:
    return variable if variable in families.variables() else mask.name(variable)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value, however deep, and both halves of what stands in several lines."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield from (line.strip() for line in value.splitlines() if line.strip())


def _netloc(url: Any) -> str:
    try:
        return urllib.parse.urlsplit(str(url or "")).netloc
    except ValueError:
        return ""


def _host_of(url: Any) -> str:
    return _netloc(url).rpartition("@")[2].split(":")[0]
