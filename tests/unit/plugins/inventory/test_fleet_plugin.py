# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory plugin, with its options given and an inventory of Ansible's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible import template
from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible_collections.tcx.m365.plugins.inventory import fleet
from ansible_collections.tcx.m365.plugins.plugin_utils._list import source as sources

TENANT = "6f1c0f6e-4c0c-4d4b-9a53-0f4f1c5b7a10"
LIST = f"name,url,tenant id,note\nacme,a.example.com,{TENANT},{{{{ 6 * 7 }}}}\nbolt,b.example.com,{TENANT},\n"
DEFAULTS = {
    **{name: option.get("default") for name, option in yaml.safe_load(fleet.DOCUMENTATION)["options"].items()},
    "strict": False,
    "compose": {},
    "groups": {},
    "keyed_groups": [],
    "cache": False,
    "leading_separator": True,
    "use_extra_vars": False,
}


def trusted(value: Any) -> Any:
    """As Ansible reads the operator's own file."""
    if isinstance(value, dict):
        return {name: trusted(item) for name, item in value.items()}
    if isinstance(value, list):
        return [trusted(item) for item in value]
    return getattr(template, "trust_as_template", str)(value) if isinstance(value, str) else value


class Plugin(fleet.InventoryModule):
    """Takes its options from the test."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__()
        self.given = {**DEFAULTS, **trusted(options)}
        self.config = {"plugin": "tcx.m365.fleet", **options}
        self.warned: list[str] = []
        self.display = self

    def _read_config_data(self, path: str) -> dict[str, Any]:
        assert path
        return self.config

    def get_option(self, option: str, hostvars: Any = None) -> Any:
        assert hostvars is None
        return self.given[option]

    def get_options(self, hostvars: Any = None) -> dict[str, Any]:
        assert hostvars is None
        return DEFAULTS

    def get_cache_key(self, path: str) -> str:
        return path

    def vvv(self, text: str) -> None:
        assert text

    def warning(self, text: str) -> None:
        self.warned.append(text)


def parsed(
    tmp_path: Path, text: str = LIST, *, into: InventoryData | None = None, **options: Any
) -> tuple[InventoryData, Plugin]:
    (tmp_path / "customers.csv").write_text(text, encoding="utf-8")
    inventory = into or InventoryData()
    plugin = Plugin({"source": "customers.csv", "ignore_columns": ["*"], **options})
    plugin.parse(inventory, DataLoader(), str(tmp_path / "fleet.tcx_fleet.yml"))
    return inventory, plugin


def variables(inventory: InventoryData, host: str) -> dict[str, Any]:
    return dict(inventory.get_host(host).vars)


def test_files_by_their_names(tmp_path: Path) -> None:
    for name, ours in {
        "fleet.tcx_fleet.yml": True,
        "tcx_fleet.yaml": True,
        "fleet.yml": False,
        "tcx_fleet.json": False,
    }.items():
        (tmp_path / name).touch()
        assert Plugin({}).verify_file(str(tmp_path / name)) is ours
    assert Plugin({}).verify_file(str(tmp_path / "absent.tcx_fleet.yml")) is False


def test_hosts_groups_and_variables(tmp_path: Path) -> None:
    inventory, plugin = parsed(
        tmp_path,
        compose={"tcx_canary": "inventory_hostname == 'acme'", "tcx_fqdn": "[inventory_hostname ~ '.example.com']"},
        groups={"canary": "tcx_canary"},
        keyed_groups=[{"key": "entra_tenant_id", "prefix": "tenant", "separator": "_"}],
    )
    groups = inventory.get_groups_dict()
    assert groups["tcx"] == ["acme", "bolt"]
    assert groups["canary"] == ["acme"]
    assert groups[f"tenant_{TENANT.replace('-', '_')}"] == ["acme", "bolt"]
    assert variables(inventory, "acme")["tcx_fqdn"] == ["acme.example.com"]
    assert plugin.warned == []


def test_a_composed_address_is_checked_as_one_of_the_list(tmp_path: Path) -> None:
    inventory, _plugin = parsed(
        tmp_path, "name,url,tenant id\nacme,a.example.com," + TENANT, compose={"tcx_url": "tcx_url ~ ':5001'"}
    )
    assert variables(inventory, "acme")["tcx_url"] == "https://a.example.com:5001"
    with pytest.raises(AnsibleParserError, match="line 2: tcx_url as compose makes it: tcx_url is 'http://acme'"):
        parsed(tmp_path, f"name,tenant id\nacme,{TENANT}\n", compose={"tcx_url": "'http://' ~ inventory_hostname"})
    with pytest.raises(AnsibleParserError, match="line 2 and line 3: 'a' and 'b' have one PBX, x:443"):
        parsed(tmp_path, f"name,tenant id\na,{TENANT}\nb,{TENANT}\n", compose={"tcx_url": "'https://x'"})
    with pytest.raises(AnsibleParserError, match="line 2: tcx_url is empty"):
        parsed(tmp_path, f"name,tenant id\na,{TENANT}\n", compose={"tcx_url": "nothing.of.that"})


def test_strict_is_that_of_constructed(tmp_path: Path) -> None:
    inventory, _plugin = parsed(tmp_path, compose={"owner": "nobody.name"})
    assert "owner" not in variables(inventory, "acme")
    empty = InventoryData()
    with pytest.raises(AnsibleError, match="owner for host acme"):
        parsed(tmp_path, into=empty, compose={"owner": "nobody.name"}, strict=True)
    assert not empty.hosts, "what was made before the error must not stay"


def test_a_list_with_a_mistake_leaves_the_inventory_as_it_was(tmp_path: Path) -> None:
    inventory = InventoryData()
    inventory.add_host("other")
    with pytest.raises(AnsibleParserError) as caught:
        parsed(tmp_path, f"name,url,tenant id\nacme,a.example.com,{TENANT}\nbolt,a.example.com,x\n", into=inventory)
    assert list(inventory.hosts) == ["other"]
    said = str(caught.value)
    assert f"{tmp_path}/customers.csv has 2 mistakes, so no host was taken from it" in said
    assert "line 3, column 3 (tenant id): 'x' is neither" in said


def test_columns_that_are_not_used_are_a_warning(tmp_path: Path) -> None:
    _inventory, plugin = parsed(tmp_path, ignore_columns=[])
    assert plugin.warned == [
        f"{tmp_path}/customers.csv: 1 column is not used: 'note'. List them in ignore_columns to silence this warning."
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"colums": {}}, "unknown option 'colums'; did you mean columns?"),
        ({"secrets": {"tcx_password": "hunter2"}}, "secrets: tcx_password is written in clear text"),
        (
            {"source": "absent.csv"},
            "/absent.csv, cannot be read: No such file or directory. It is relative to the inventory file",
        ),
        ({"source": "."}, "is a directory"),
        ({"source": ""}, "is a directory"),
        ({"source": "http://crm.example.com/list.csv"}, "is not an https address"),
        (
            {"source": "https://bob:hunter2@crm.example.com/list.csv"},
            "carries a user name or password; send it by the option headers",
        ),
        ({"source": "ftp://crm.example.com/list.csv"}, "is not an https address"),
    ],
)
def test_options_that_cannot_be(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(AnsibleParserError) as caught:
        parsed(tmp_path, **options)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_secrets_stay_references(tmp_path: Path) -> None:
    inventory, _plugin = parsed(tmp_path, secrets={"tcx_password": "{{ lookup('ansible.builtin.env', 'TCX') }}"})
    assert variables(inventory, "acme")["tcx_password"] == "{{ lookup('ansible.builtin.env', 'TCX') }}"


def test_an_answer_is_kept_for_the_same_options_and_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, dict[str, str]]] = []

    def answer(url: str, request: sources.Request) -> sources.Content:
        asked.append((url, dict(request.headers)))
        return sources.Content(LIST.encode(), url, "/list.csv")

    monkeypatch.setattr(sources, "from_address", answer)
    kept: dict[str, Any] = {}
    options = {
        "source": "https://crm.example.com/list.csv",
        "cache": True,
        "headers": {"Authorization": "Bearer hunter2"},
        "columns": {"note": "note"},
        "secrets": {"tcx_password": "{{ hidden }}"},
    }

    def once(cache: bool = True, **more: Any) -> InventoryData:
        plugin = Plugin({**options, **more})
        plugin._cache = kept
        inventory = InventoryData()
        plugin.parse(inventory, DataLoader(), str(tmp_path / "fleet.tcx_fleet.yml"), cache=cache)
        return inventory

    first, second = once(), once()
    assert asked == [("https://crm.example.com/list.csv", {"Authorization": "Bearer hunter2"})]
    assert variables(first, "acme") == variables(second, "acme")
    assert "hunter2" not in json.dumps(kept)
    assert "hidden" not in json.dumps(kept)
    once(columns={"remark": "note"})
    assert len(asked) == 2
    once(cache=False)
    assert len(asked) == 3
