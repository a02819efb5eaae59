# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts of an inventory that cross two customers are named, and no others."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.guards import (
    Identity,
    address_of,
    conflicts,
    neighbors,
    undecided,
)

ID = "5f0c3a52-6a0f-4b53-9d0e-1a2b3c4d5e6f"


def fleet(count: int) -> dict[str, Identity]:
    """Customers that have nothing in common."""
    return {
        f"pbx{number}": Identity(
            f"pbx{number}.example.com:443",
            f"tenant{number}",
            f"3cx-pbx{number}",
            thumbprints=frozenset({f"{number:040X}"}),
        )
        for number in range(count)
    }


@pytest.mark.parametrize(
    "spelling",
    [
        "https://acme.example.com",
        "https://ACME.Example.COM",
        "https://acme.example.com:443/",
        "https://acme.example.com.:443",
        " https://acme.example.com ",
        "HTTPS://acme.example.com/",
    ],
)
def test_spellings_of_one_address_are_one_address(spelling: str) -> None:
    assert address_of(spelling) == "acme.example.com:443"


def test_other_ports_names_and_schemes_are_other_addresses() -> None:
    addresses = {
        address_of(url)
        for url in (
            "https://a.example",
            "https://a.example:5001",
            "https://b.example",
            "http://a.example",
            "https://[::1]",
        )
    }
    assert len(addresses) == 5
    assert address_of("https://münchen.example") == address_of("https://xn--mnchen-3ya.example")


@pytest.mark.parametrize("text", ["", "https://", "https://a:b", "://", "https://[::1"])
def test_what_is_no_address_is_no_conflict(text: str) -> None:
    address = address_of(text)
    if not address:
        assert conflicts({"a": Identity(address), "b": Identity(address)}) == {}


def test_one_ip_address_is_one_address_however_it_is_written() -> None:
    assert address_of("https://[::1]:5001") == address_of("https://[0:0:0:0:0:0:0:1]:5001/")


def test_the_name_of_another_pbx_is_refused_by_name() -> None:
    """One host has the PBX by its management address, the other by its public name; only one of them may be in a run."""
    hosts = fleet(3)
    hosts["pbx0"] = replace(hosts["pbx0"], names=frozenset({hosts["pbx0"].address, "pbx1.example.com:443"}))
    assert set(conflicts(hosts)) == {"pbx0", "pbx1"}
    assert "tcx_url or tcx_fqdn of each is pbx1.example.com:443" in conflicts(hosts)["pbx1"]
    assert conflicts({**hosts, "pbx0": replace(hosts["pbx0"], names=frozenset({"pbx1.example.com:5001"}))}) == {}


def test_customers_with_nothing_in_common_are_left_alone() -> None:
    assert conflicts(fleet(50)) == {}
    assert conflicts({}) == {}


def test_two_hosts_with_one_address_are_both_named() -> None:
    hosts = fleet(4)
    hosts["pbx3"] = replace(hosts["pbx3"], address=hosts["pbx1"].address)
    found = conflicts(hosts)
    assert sorted(found) == ["pbx1", "pbx3"]
    assert found["pbx1"] == found["pbx3"]
    assert "pbx1 and pbx3" in found["pbx1"]


def test_one_certificate_at_two_applications_is_refused() -> None:
    hosts = fleet(3)
    hosts["pbx0"] = replace(hosts["pbx0"], thumbprints=hosts["pbx0"].thumbprints | hosts["pbx2"].thumbprints)
    assert sorted(conflicts(hosts)) == ["pbx0", "pbx2"]


def test_an_application_that_is_shared_on_purpose_may_have_one_certificate() -> None:
    shared = Identity("a.example:443", "t", "3cx-shared", is_stated=True, thumbprints=frozenset({"AA"}))
    hosts = {"a": shared, "b": replace(shared, address="b.example:443")}
    assert conflicts(hosts) == {}
    hosts["c"] = replace(shared, address="c.example:443", tenant="another")
    assert sorted(conflicts(hosts)) == ["a", "b", "c"]


def test_a_derived_name_is_not_shared_on_purpose() -> None:
    hosts = {
        "a": Identity("a.example:443", "t", "3cx-b", is_stated=True),
        "b": Identity("b.example:443", "t", "3cx-b", is_stated=False),
    }
    assert sorted(conflicts(hosts)) == ["a", "b"]
    hosts["b"] = replace(hosts["b"], tenant="another")
    assert conflicts(hosts) == {}


def test_one_application_id_in_two_tenants_is_refused() -> None:
    hosts = {
        "a": Identity("a.example:443", "t", ID, is_stated=True),
        "b": Identity("b.example:443", "u", ID.upper(), is_stated=True),
    }
    assert sorted(conflicts(hosts)) == ["a", "b"]
    assert conflicts({**hosts, "b": replace(hosts["b"], tenant="T")}) == {}


@pytest.mark.parametrize("seed", range(50))
def test_whoever_is_refused_shares_something_and_is_named_with_all_who_share_it(seed: int) -> None:
    chance = random.Random(seed)
    hosts = fleet(8)
    for name in list(hosts):
        other = hosts[chance.choice(list(hosts))]
        if chance.random() < 0.2:
            hosts[name] = replace(hosts[name], address=other.address)
        if chance.random() < 0.2:
            hosts[name] = replace(hosts[name], thumbprints=other.thumbprints)
    found = conflicts(hosts)
    for name, identity in hosts.items():
        alike = [
            other
            for other, each in hosts.items()
            if other != name and (each.address == identity.address or each.thumbprints & identity.thumbprints)
        ]
        assert bool(alike) == (name in found)
        if alike:
            assert name in found[name]
            assert any(other in found[name] for other in alike)
            assert all(other in found for other in alike)


def test_neighbors_are_those_with_one_application_in_one_tenant() -> None:
    def host(tenant: str, application: str, key: str) -> Identity:
        return Identity("", tenant, application, is_stated=True, thumbprints=frozenset({key}))

    fleet = {
        "one": host("T", "3cx-shared", "AA"),
        "two": host("t", "3CX-shared", "BB"),
        "elsewhere": host("u", "3cx-shared", "CC"),
        "other": host("t", "3cx-other", "DD"),
        "nowhere": host("", "3cx-shared", "EE"),
    }
    assert neighbors(fleet) == {"one": ["BB"], "two": ["AA"]}
    fleet["three"] = host("t", "3cx-shared", "AA")
    assert neighbors(fleet) == {"one": ["AA", "BB"], "two": ["AA"], "three": ["AA", "BB"]}


GUID_OF_ACME, GUID_OF_BOLT = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"


def test_a_tenant_is_resolved_only_where_hosts_share_something_and_write_it_differently() -> None:
    """Nobody asks about 1,000 domains because one host is rolled out."""
    key = frozenset({"AA"})
    hosts = {
        "a": Identity("a.example:443", GUID_OF_ACME, ID, is_stated=True, thumbprints=key),
        "b": Identity("b.example:443", "acme.example", ID.upper(), is_stated=True, thumbprints=key),
        "c": Identity("c.example:443", "bolt.example", "3cx-c"),
        "d": Identity("d.example:443", GUID_OF_BOLT, "3cx-d"),
    }
    assert undecided(hosts) == ["b"]
    assert sorted(conflicts(hosts)) == ["a", "b"]
    assert conflicts({**hosts, "b": replace(hosts["b"], tenant=GUID_OF_ACME)}) == {}
    assert undecided({**hosts, "b": replace(hosts["b"], tenant=GUID_OF_BOLT)}) == []


def test_a_value_that_a_whole_fleet_has_by_mistake_is_told_in_short() -> None:
    """With all names in the sentence of each of 10,000 hosts, the report alone had gigabytes."""
    same = {host: replace(identity, address="pbx.example.com:443") for host, identity in fleet(1000).items()}
    refused = conflicts(same)
    assert len(refused) == 1000
    assert max(map(len, refused.values())) < 250
    assert "and 990 more of the inventory are one PBX" in refused["pbx999"]
