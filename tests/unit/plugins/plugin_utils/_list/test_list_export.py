# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is captured becomes a list, and the list becomes the same variables again."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.capture_file import write_host_variables
from ansible_collections.tcx.m365.plugins.plugin_utils._list import export, source
from ansible_collections.tcx.m365.plugins.plugin_utils._list.columns import mapped
from ansible_collections.tcx.m365.plugins.plugin_utils._list.hosts import Host, check, hosts_of

TENANT = "6f1c0f6e-4c0c-4d4b-9a53-0f4f1c5b7a10"
CAPTURED: dict[str, dict[str, Any]] = {
    "acme": {
        "tcx_url": "https://acme.example.com:5001",
        "entra_tenant_id": TENANT,
        "tcx_console_user_sync": {
            "enabled": True,
            "scope": "selected",
            "users": ["a@b.c", "=1+1", "x;=2+2"],
            "starting_extension": "0200",
        },
        "entra_app_app_id": TENANT,
        "entra_app_redirect_uris": ["https://acme.example.com:5001/oauth2office2"],
        "entra_app_display_name": '=HYPERLINK("https://evil.example")',
        "entra_app_notes": "{{ lookup('pipe', 'id') }}",
        "entra_app_id_tokens": True,
    },
    "bolt.eu": {
        "tcx_url": "https://bolt.example.com",
        "entra_tenant_id": TENANT,
        "entra_app_display_name": "one;=1+1",
        "entra_app_notes": '"quoted"',
        "tcx_console_contact_sync": {"enabled": False},
    },
}


def read_back(path: Path) -> list[Host]:
    """As the inventory plugin does it with the file that stands beside the list."""
    options = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert options.pop("plugin") == "tcx.m365.fleet"
    content = source.from_file(options["source"], str(path.parent), lambda name: Path(name).read_bytes())
    table = source.table(content)
    mapping = mapped(table, options.get("columns", {}))
    hosts, mistakes = hosts_of(table, mapping, ["tcx_url", "entra_tenant_id"])
    assert mapping.mistakes + mistakes + check(hosts) == []
    assert mapping.unused == {}
    return hosts


@pytest.mark.parametrize("kind", export.FORMATS)
def test_there_and_back(tmp_path: Path, kind: str) -> None:
    for host, variables in CAPTURED.items():
        write_host_variables(str(tmp_path), host, variables)
    known = {"acme": {"tcx_client_id": "0900", "tcx_client_secret": "hunter2"}}
    written = export.write(str(tmp_path), ["acme", "bolt.eu", "unreachable"], known, kind)
    assert (written.changed, written.hosts) == (True, 2)
    assert "hunter2" not in Path(written.source).read_text(encoding="utf-8")
    first, second = read_back(Path(written.plugin))

    def texts(value: Any) -> Any:
        """CSV knows no booleans of its own: the option that a variable sets reads them."""
        return str(value).lower() if kind == "csv" and isinstance(value, bool) else value

    wanted = {name: texts(value) for name, value in CAPTURED["acme"].items()}
    assert (first.name, first.variables) == ("acme", {**wanted, "tcx_client_id": "0900"})
    assert (second.name, second.variables) == ("bolt.eu", CAPTURED["bolt.eu"])
    assert export.write(str(tmp_path), ["acme", "bolt.eu"], known, kind).changed is False


def test_the_file_of_the_operator_is_kept(tmp_path: Path) -> None:
    write_host_variables(str(tmp_path), "acme", CAPTURED["acme"])
    (tmp_path / export.PLUGIN_FILE).write_text("plugin: tcx.m365.fleet\n", encoding="utf-8")
    export.write(str(tmp_path), ["acme"], {}, "csv")
    assert (tmp_path / export.PLUGIN_FILE).read_text(encoding="utf-8") == "plugin: tcx.m365.fleet\n"


def test_no_cell_begins_a_formula_whatever_separates_cells(tmp_path: Path) -> None:
    for host, variables in CAPTURED.items():
        write_host_variables(str(tmp_path), host, variables)
    written = export.write(str(tmp_path), list(CAPTURED), {}, "csv")
    text = Path(written.source).read_text(encoding="utf-8")
    for cells in csv.reader(io.StringIO(text)):
        for cell in cells:
            for part in re.split("[;,|:^~\\t]", cell):
                assert part.strip(" '\"")[:1] not in ("=", "+", "-", "@"), cell


def test_nothing_captured_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there are no captured variables"):
        export.write(str(tmp_path), ["acme"], {}, "csv")
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "host_vars" / "acme.yml").write_text("a: !!python/name:os.system x", encoding="utf-8")
    with pytest.raises(BadInput, match=r"acme\.yml cannot be read"):
        export.write(str(tmp_path), ["acme"], {}, "csv")
