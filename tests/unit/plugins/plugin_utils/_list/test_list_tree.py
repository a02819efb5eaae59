# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists in YAML and JSON."""

from __future__ import annotations

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._list import tree
from ansible_collections.tcx.m365.plugins.plugin_utils._list.model import BadList

YAML = """\
data:
  customers:
    - name: acme
      pbx: {fqdn: acme.example.com, settings: [yes, 0200, 900, 1e3, 2024-01-01, null]}
    - name: bolt
"""
JSON = """\
{"@odata.context": "x", "value": [
  {"name": "acme", "pbx": {"fqdn": "acme.example.com", "settings": [true, "0200", 900, null]}},
  {"name": "bolt"}]}
"""


def test_yaml_keeps_what_looks_like_a_number_and_is_none() -> None:
    table = tree.read_yaml(YAML, "list.yml", "data.customers")
    first = table.rows[0].cells
    assert first["pbx"].value["settings"] == [True, "0200", 900, "1e3", "2024-01-01", ""]
    assert first["pbx.fqdn"].value == "acme.example.com"
    assert first["pbx.fqdn"].place == "line 4, column 19"
    assert list(table.columns) == ["name", "pbx"]


def test_json_with_the_one_list_that_an_answer_holds() -> None:
    table = tree.read_json(JSON, "list.json")
    first, second = table.rows
    assert first.cells["pbx"].value == {"fqdn": "acme.example.com", "settings": [True, "0200", 900, ""]}
    assert first.cells["pbx.fqdn"].place == "line 2, column 36"
    assert second.place == "line 3, column 3"


def test_customers_by_name() -> None:
    table = tree.read_json('{"acme": {"url": "a"}, "bolt": {"url": "b"}}', "x")
    assert [row.cells["inventory_hostname"].value for row in table.rows] == ["acme", "bolt"]
    assert tree.read_yaml("[]", "x").rows == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1", "x, line 2, column 1"),
        ("- {a: &b 1, c: *b}", "line 1, column 7: anchors and aliases"),
        ("- a: !vault x", "line 1, column 6: the tag '!vault' is not read"),
        ("- a: !!python/object/apply:os.system [id]", "is not read"),
        ("- {a: 1, a: 2}", "line 1, column 10: 'a' stands twice"),
        ("[" * 100 + "]" * 100, "nested too deeply"),
        (
            "- acme\n- {a: 1}",
            "line 1, column 3: a customer is a mapping with its columns, and this is the value 'acme'",
        ),
        ("text", "neither a list of customers nor a mapping"),
        ("a: [1]\nb: [2]", "say where they are by path"),
        ("\x00", "is not YAML"),
    ],
)
def test_what_is_no_list_in_yaml(text: str, said: str) -> None:
    with pytest.raises(BadList) as caught:
        tree.read_yaml(text, "x")
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[\n{"a": 1,}]', "x, line 2, column 9: Expecting a name in double quotes"),
        ('[{"a" 1}]', "column 7: Expecting ':'"),
        ('[{"a": 1} {"a": 1}]', "column 11: Expecting ','"),
        ("[1", "column 3: Expecting ','"),
        ('[{"a": 1, "a": 2}]', "line 1, column 11: 'a' stands twice in one object"),
        ('[{"a": NaN}]', "NaN, which is not JSON"),
        ("[]]", "Extra data"),
        ("", "Expecting value"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_list_in_json(text: str, said: str) -> None:
    with pytest.raises(BadList) as caught:
        tree.read_json(text, "x")
    assert said in caught.value.message


def test_a_path_that_leads_nowhere_names_what_is_there() -> None:
    with pytest.raises(BadList, match=r"line 1, column 1: path 'date\.x' finds no 'date' here; it has: 'data'"):
        tree.read_json('{"data": {"customers": []}}', "x", "date.x")
    assert tree.read_json('{"data": [{"customers": [{"a": 1}]}]}', "x", "data.0.customers").rows
