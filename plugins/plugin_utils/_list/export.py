# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what ``capture`` has written to a list that the inventory plugin reads: CSV or YAML, and the file that names its columns."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import capture_file

from .columns import HOST, TAKEN, is_secret

FORMATS = ("csv", "yaml")
PLUGIN_FILE = "fleet.tcx_fleet.yml"

_FORMULA = re.compile("((?:^|[;,|:^~\t\r\n])[\\s'\"]*)([=+\\-@\uff1d\uff0b\uff0d\uff20])")
"""A sign with which a spreadsheet begins a formula, where a cell may begin: also behind what other settings take for a separator."""


@dataclass(frozen=True)
class Exported:
    """The files, and whether any of them is new or has other content than before."""

    source: str
    plugin: str
    changed: bool
    hosts: int


def write(directory: str, hosts: Iterable[str], known: Mapping[str, Mapping[str, Any]], kind: str) -> Exported:
    """Write ``customers.csv`` or ``customers.yml``, and beside it the inventory file where there is none yet.

    :param directory: that of ``capture``.
    :param known: by host, variables that are not captured, such as the id of the API client; no secret is taken.
    :raises BadInput: nothing was captured for any of the hosts, or a captured file cannot be read.
    :raises OSError: a file cannot be written.
    """
    rows = {host: captured for host in hosts if (captured := _captured(directory, host)) is not None}
    if not rows:
        raise BadInput(f"there are no captured variables in {directory}", tried="write the list of the fleet")
    for host, captured in rows.items():
        more = {name: value for name, value in known.get(host, {}).items() if value and not is_secret(name)}
        rows[host] = {HOST: host, **more, **captured}
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    name = f"customers.{'csv' if kind == 'csv' else 'yml'}"
    source = os.path.join(directory, name)
    text = _as_csv(columns, rows.values()) if kind == "csv" else _as_yaml(rows.values())
    changed = capture_file.replace(source, text)
    plugin = os.path.join(directory, PLUGIN_FILE)
    if not os.path.exists(plugin):  # it is the operator's from then on: secrets and groups go there
        changed = capture_file.replace(plugin, _plugin(name, columns)) or changed
    return Exported(source, plugin, changed, len(rows))


def _as_csv(columns: list[str], rows: Iterable[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in columns])
    return out.getvalue()


def _cell(value: Any) -> str:
    """One value as text that the plugin reads back and no spreadsheet evaluates."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and not _FORMULA.search(value) and value[:1] not in ('"', "'", "[", "{"):
        return value
    text = json.dumps(value, ensure_ascii=False)
    return _FORMULA.sub(lambda match: f"{match[1]}\\u{ord(match[2]):04x}", text)


def _as_yaml(rows: Iterable[Mapping[str, Any]]) -> str:
    text: str = yaml.dump(list(rows), Dumper=_Quoting, sort_keys=False, allow_unicode=True, width=1_000_000)
    return "---\n# Written by the playbook tcx.m365.capture for the inventory plugin tcx.m365.fleet.\n" + text


def _plugin(source: str, columns: Iterable[str]) -> str:
    named = [column for column in columns if column not in TAKEN]
    lines = [
        "---",
        "# Reads the list beside it. It holds no secret: refer to them here, for example in a file of Ansible Vault.",
        "plugin: tcx.m365.fleet",
        f"source: {source}",
        "# secrets:",
        '#   tcx_client_secret: "{{ vault_tcx_secrets[inventory_hostname] }}"',
    ]
    if named:
        lines += ["columns:", *(f"  {column}: {column}" for column in named)]
    return "\n".join(lines) + "\n"


def _captured(directory: str, host: str) -> dict[str, Any] | None:
    path = os.path.join(directory, "host_vars", capture_file.file_name(host))
    try:
        with open(path, encoding="utf-8") as stream:
            variables = _Loader(stream).get_single_data()
    except FileNotFoundError:
        return None
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{path} cannot be read: {' '.join(str(error).split())[:200]}",
            tried="write the list of the fleet",
            remedy=f"Capture {host} again, or correct the file.",
        ) from None
    return {str(name): value for name, value in (variables or {}).items() if not is_secret(str(name))}


class _Loader(yaml.SafeLoader):
    """Knows the mark by which a captured text is kept from being evaluated, and no other."""


def _unmarked(loader: _Loader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_Loader.add_constructor("!unsafe", _unmarked)


class _Quoting(yaml.SafeDumper):
    """Without aliases, which the plugin does not read."""

    def ignore_aliases(self, data: Any) -> bool:
        return data is not self
