# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A template that a fleet has in common is evaluated once, and comes to what Ansible alone would have made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible import template
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import plain
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.templates import Results
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import templated

TRUST = getattr(template, "trust_as_template", str)
LOADER = DataLoader()


class Counted:
    """A templar that counts how often Ansible is asked."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._templar = Templar(loader=LOADER, variables=dict(variables))
        self.asked = 0

    def template(self, value: Any) -> Any:
        self.asked += 1
        return self._templar.template(value)


def evaluated(text: Any, hosts: list[dict[str, Any]]) -> tuple[list[Any], int]:
    """What a text comes to on each host, one after the other, and how often Ansible was asked."""
    results, found, asked = Results(), [], 0
    for variables in hosts:
        templar = Counted(variables)
        found.append(templated(templar, text, variables, results))
        asked += templar.asked
    return found, asked


SHARED = (
    "{{ tcx_m365_connection | default('', true) | trim or 'local' }}",
    "{{ tcx_m365_become | default('', true) | trim or false }}",
    "{{ region | upper }}-{{ number }}",
    "{{ 'a' if number == 1 else region | default('b') }}",
    "{{ region is defined and number > 0 }}",
    "plain {{ region }}\n",
)


@pytest.mark.parametrize("text", SHARED)
def test_one_evaluation_serves_all_hosts_with_the_same_values(text: str) -> None:
    hosts = [{"region": TRUST("eu"), "number": 1, "inventory_hostname": f"pbx-{each}"} for each in range(5)]
    found, asked = evaluated(TRUST(text), hosts)
    assert asked == 1
    assert found == [plain(Templar(loader=LOADER, variables=hosts[0]).template(TRUST(text)))] * 5


@pytest.mark.parametrize("text", SHARED)
def test_each_host_gets_the_result_of_its_own_values(text: str) -> None:
    hosts: list[dict[str, Any]] = [
        {"region": "eu", "number": 1},
        {"region": "us", "number": 1},
        {"region": "eu", "number": True},
        {"region": "", "number": 2.0, "tcx_m365_connection": "ssh", "tcx_m365_become": "yes"},
        {"region": None, "number": 1},
    ]
    found, _asked = evaluated(TRUST(text), hosts)
    alone = [evaluated(TRUST(text), [variables])[0][0] for variables in hosts]
    assert list(map(repr, found)) == list(map(repr, alone))


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("{{ lookup('pipe', 'date +%N') }}", {}),
        ("{{ 100000000 | random }}", {}),
        ("{{ now() }}", {}),
        ("{{ customer.tenant }}", {"customer": {"tenant": "contoso"}}),
        ("{{ outer }}", {"outer": TRUST("{{ inventory_hostname }}"), "inventory_hostname": "pbx-1"}),
        ("{% set a = 1 %}{{ a }}", {}),
        ("{{ listed | join(',') }}", {"listed": ["a", "b"]}),
    ],
)
def test_what_the_text_does_not_decide_is_asked_each_time(text: str, variables: dict[str, Any]) -> None:
    _found, asked = evaluated(TRUST(text), [variables] * 3)
    assert asked == 3


def test_an_error_is_kept_for_nobody() -> None:
    text = TRUST("{{ tenant }}")
    found, asked = evaluated(text, [{}, {"tenant": "contoso"}, {}])
    assert isinstance(found[0], AnsibleError)
    assert found[1] == "contoso"
    assert isinstance(found[2], AnsibleError)
    assert asked == 3


def test_omit_leaves_a_variable_out_on_each_host() -> None:
    known = {"omit": "__omit_place_holder__1"} if not hasattr(template, "trust_as_template") else {}
    found, _asked = evaluated(
        TRUST("{{ region | default(omit) }}"), [dict(known), {**known, "region": "eu"}, dict(known)]
    )
    assert found == [None, "eu", None]


def test_text_that_ansible_would_not_evaluate_stays_as_it_is_beside_the_same_text_that_it_would() -> None:
    text = "{{ region | default('eu') }}"
    results = Results()
    trusted = templated(Counted({}), TRUST(text), {}, results)
    untrusted = templated(Counted({}), wrap_var(text), {}, results)
    assert (trusted, untrusted) == ("eu", text)


def test_text_without_a_template_takes_no_evaluation() -> None:
    found, asked = evaluated("https://pbx.example.com:5001", [{}] * 3)
    assert (found, asked) == (["https://pbx.example.com:5001"] * 3, 0)
    assert found[0].__class__ is str
