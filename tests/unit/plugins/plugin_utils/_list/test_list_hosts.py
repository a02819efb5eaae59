# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the rows of a list to hosts: what is taken, what is refused, and how it is said."""

from __future__ import annotations

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._list import delimited
from ansible_collections.tcx.m365.plugins.plugin_utils._list.columns import Mapped, mapped
from ansible_collections.tcx.m365.plugins.plugin_utils._list.hosts import Host, check, hosts_of
from ansible_collections.tcx.m365.plugins.plugin_utils._list.model import Table, refuse

TENANT = "6f1c0f6e-4c0c-4d4b-9a53-0f4f1c5b7a10"
REQUIRED = ("tcx_url", "entra_tenant_id")


def table(text: str) -> Table:
    return delimited.read(text, "list.csv")


def taken(text: str, columns: dict[str, object] | None = None, ignored: tuple[str, ...] = ()) -> Mapped:
    return mapped(table(text), columns or {}, ignored)


def read(text: str, columns: dict[str, object] | None = None) -> tuple[list[Host], list[str]]:
    found = table(text)
    mapping = mapped(found, columns or {})
    hosts, mistakes = hosts_of(found, mapping, REQUIRED)
    return hosts, mapping.mistakes + mistakes + check(hosts)


def host_named(name: str) -> tuple[list[Host], list[str]]:
    return read(f'name;url;tenant id\n"{name}";pbx.example.com;{TENANT}\n')


def test_usual_headers_need_no_mapping() -> None:
    hosts, mistakes = read(
        f"Microsoft ID,Company name,FQDN,Relationship\n{{{TENANT.upper()}}},acme,PBX.Example.com:5001,CSP\n"
    )
    assert mistakes == []
    assert hosts[0].name == "acme"
    assert hosts[0].variables == {"tcx_url": "https://pbx.example.com:5001", "entra_tenant_id": TENANT}


@pytest.mark.parametrize(
    "columns", [{"tcx_url": "Phone system", "owner": "AM"}, {"Phone system": "tcx_url", "AM": "owner"}]
)
def test_columns_in_both_directions(columns: dict[str, object]) -> None:
    hosts, mistakes = read(f"name,phone-system,tenant id,am\nacme,a.example.com,{TENANT},Bob\n", columns)
    assert mistakes == []
    assert hosts[0].variables == {"tcx_url": "https://a.example.com", "owner": "Bob", "entra_tenant_id": TENANT}


def test_parts_of_a_setting_and_json() -> None:
    hosts, mistakes = read(
        f'name;url;tenant id;Scope;Mail;Scopes\nacme;a.example.com;{TENANT};all;"{{""enabled"": true}}";{{"x"\n',
        {"tcx_console_user_sync.scope": "Scope", "tcx_console_mail": "Mail", "entra_app_owners": "Scopes"},
    )
    assert hosts[0].variables["tcx_console_user_sync"] == {"scope": "all"}
    assert hosts[0].variables["tcx_console_mail"] == {"enabled": True}
    assert mistakes == ["line 2, column 6 (Scopes): entra_app_owners begins like JSON and is none"]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("tcx_client_secret", "would hold tcx_client_secret in clear text"),
        ("TCX Password", "would hold tcx_password in clear text"),
        ("entra_client_secret", "would hold entra_client_secret in clear text"),
        ("ansible_connection", "says how Ansible works"),
        ("ansible_python_interpreter", "says how Ansible works"),
        (
            "entra_authority_host",
            "is taken only where columns names it; write entra_authority_host: entra_authority_host",
        ),
        ("entra_app_app_id", "is taken only where columns names it"),
        ("tcx_validate_certs", "is taken only where columns names it"),
        ("offboard_confirm", "is taken only where columns names it"),
        ("tcx_console_teams.private_key", "in clear text"),
    ],
)
def test_a_list_decides_neither_trust_nor_secrets(header: str, said: str) -> None:
    found = taken(f"name,{header}\nacme,SECRET\n", ignored=("*",))
    assert len(found.mistakes) == 1
    assert said in found.mistakes[0]
    assert "SECRET" not in found.mistakes[0]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            {"tcx_url": "FQDM"},
            "there is no column 'FQDM' for tcx_url; did you mean 'FQDN'? The list has 'name', 'FQDN'",
        ),
        ({"FQDM": "tcx_url"}, "there is no column 'FQDM' for tcx_url"),
        ({"tcx url": "FQDN"}, "'tcx url' is not the name of a variable. columns maps variables to columns"),
        ({"ansible_host": "FQDN"}, "ansible_host says how Ansible works"),
        ({"tcx_password": "FQDN"}, "would hold tcx_password in clear text"),
    ],
)
def test_mistakes_in_columns(columns: dict[str, object], said: str) -> None:
    assert said in taken("name,FQDN\n", columns).mistakes[0]


def test_columns_that_are_not_used_are_named_with_what_was_meant() -> None:
    text = "name,url,Tennant ID,tcx_fdqn,Account owner\n"
    assert taken(text).unused == {"Tennant ID": "entra_tenant_id", "tcx_fdqn": "tcx_fqdn", "Account owner": ""}
    assert taken(text, ignored=("account-owner",)).unused == {"Tennant ID": "entra_tenant_id", "tcx_fdqn": "tcx_fqdn"}
    assert taken(text, ignored=("*",)).unused == {"tcx_fdqn": "tcx_fqdn"}


def test_a_missing_column_names_those_that_are_there() -> None:
    _hosts, mistakes = read("name,Relationship\nacme,x\n")
    assert mistakes == [
        "no column for tcx_url; name it in columns. The list has 'name', 'Relationship'",
        "no column for entra_tenant_id; name it in columns. The list has 'name', 'Relationship'",
    ]


def test_all_mistakes_in_one_message_with_their_places() -> None:
    _hosts, mistakes = read(
        "name;url;tenant id\n"
        f"acme;acme.example.com;{TENANT}\n"
        f"ACME;https://acme.example.com:443/;{TENANT}\n"
        ";https://b.example.com;6f1c0f6e-4c0c-4d4b-9a53\n"
        "bolt;http://bob:s3cret@c.example.com;\n"
    )
    assert mistakes == [
        "line 4, column 3 (tenant id): '6f1c0f6e-4c0c-4d4b-9a53' is neither a GUID nor a domain name (entra_tenant_id)",
        "line 4, column 1 (name): inventory_hostname is empty",
        "line 5, column 2 (url): tcx_url is 'http://(hidden)@c.example.com', which carries a user name or password",
        "line 5, column 3 (tenant id): entra_tenant_id is empty",
        "line 2, column 1 (name) and line 3, column 1 (name): two customers are named 'ACME'",
        "line 2, column 2 (url) and line 3, column 2 (url): 'acme' and 'ACME' have one PBX, acme.example.com:443",
    ]
    said = refuse("list.csv", mistakes).message
    assert said.startswith("list.csv has 6 mistakes, so no host was taken from it:\n  - line 4, column 3")
    assert len(refuse("x", [str(number) for number in range(100)]).message.splitlines()) == 52


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("acme", "acme"),
        ("Acme_01.eu", "Acme_01.eu"),
        ("Müller & Söhne GmbH", "mueller-soehne-gmbh"),
        ("acme:!tcx", "acme-tcx"),
        ("a[1:3]", "a-1-3"),
        ("Łódź, Śląsk*", "lodz-slask"),
        ("{{ lookup('pipe', 'id') }}", "lookup-pipe-id"),
    ],
)
def test_names_of_hosts(name: str, host: str) -> None:
    hosts, mistakes = host_named(name)
    assert (mistakes, hosts[0].name) == ([], host)


@pytest.mark.parametrize(
    "name", ["../../x", "a/b", "a\\b", "..", "~root", "-l", "all", "localhost", "東京", "a\x1b[2Jb", "a\nb", "x" * 101]
)
def test_names_that_are_none(name: str) -> None:
    hosts, mistakes = host_named(name)
    assert len(mistakes) == 1, mistakes
    assert mistakes[0].startswith("line 2, column 1 (name): ")
    assert "\x1b" not in mistakes[0]
    assert not hosts[0].name


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example.com",
        "https://a.example.com/path",
        "a b.example.com",
        "https://*.example.com",
        "ftp://a",
        "https://",
        "a.example.com:99999",
        "-a.example.com",
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    _hosts, mistakes = read(f"name;url;tenant id\nacme;{url};{TENANT}\n")
    assert len(mistakes) == 1
    assert mistakes[0].startswith("line 2, column 2 (url): ")


@pytest.mark.parametrize(
    "tenant", ["common", TENANT[:-1], "00000000-0000-0000-0000-000000000000", f"{TENANT}\u200b", "0", "contoso"]
)
def test_tenants_that_are_none(tenant: str) -> None:
    _hosts, mistakes = read(f"name;url;tenant id\nacme;a.example.com;{tenant}\n")
    assert len(mistakes) == 1
    assert mistakes[0].startswith("line 2, column 3 (tenant id): ")


def test_other_texts_may_have_lines_and_no_disguise() -> None:
    hosts, mistakes = read(
        f'name;url;tenant id;a;b\nacme;a.example.com;{TENANT};"one\r\ntwo";"x\u202ey"\n', {"note": "a", "owner": "b"}
    )
    assert hosts[0].variables["note"] == "one\ntwo"
    assert mistakes == ["line 3, column 5 (b): owner holds a character that is not shown as itself, in 'x\\u202ey'"]
