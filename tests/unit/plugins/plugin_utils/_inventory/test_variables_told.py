# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an operator reads of a variable that cannot be read or cannot be right, and what of a host is read at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import constants
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing import vault
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.playbook.play import Play
from ansible.template import Templar
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, M365Error
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import variables as reader
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.unknown import Unknown
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import (
    HostVariables,
    Variables,
    is_true,
    read_variables,
    unreadable,
)

GUID = "0b7d3c7e-58f4-4c8b-8d9b-1f6a3c8f2a11"
OTHER = "7c1e0c52-0e0a-4d6f-9d35-5f0b1a2c3d4e"
SECRET = "right"

World = Callable[..., HostVariables]


def vaulted(text: str, indent: int) -> str:
    """A value as `ansible-vault encrypt_string` writes it into an inventory."""
    secret = VaultSecret(SECRET.encode())
    lines = VaultLib([("default", secret)]).encrypt(text.encode(), secret=secret).decode().splitlines()
    return "!vault |\n" + "\n".join(" " * indent + line for line in lines)


INVENTORY = f"""\
tcx:
  hosts:
    acme:
      tcx_url: https://acme.example.com:5001
      tcx_client_secret: {vaulted("topsecret", 8)}
      tcx_proxy: "{{{{ nowhere }}}}"
      entra_cloud: "{{{{ region | default(omit) }}}}"
      tcx_region_of: eu
      office: Berlin
      entra_app_public_key: "{{{{ lookup('file', 'keys/acme.pem') }}}}"
    bolt:
      tcx_url: "https://{{{{ hostvars['acme']['office'] | lower }}}}.example.com"
      entra_app_unique_name: bolts-own
      unknown_variables: ignore
      tcx_uri: x
    shop:
      unknown_variables: "{{{{ nowhere }}}}"
      tcx_uri: x
    yard:
      tcx_url: "{{{{ nowhere }}}}"
    desk:
      tcx_url: "{{{{ nowhere | default('') }}}}"
  vars:
    entra_tenant_id: {GUID}
    tcx_timeout: "7"
    ansible_connection: local
    ansible_become: "{{{{ 1 == 2 }}}}"
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The reader of three hosts as a task of a play has it; options: the vault password, and what the command line gives."""
    # From 2.19 on the passwords are those of the process, before those of the loader.
    context = getattr(vault, "VaultSecretsContext", None)

    def made(password: str = "", extra: Mapping[str, Any] | None = None, hosts: str = "tcx") -> HostVariables:
        source = tmp_path / "inventory.yml"
        source.write_text(INVENTORY, encoding="utf-8")
        loader = DataLoader()
        loader.set_basedir(str(tmp_path))
        secrets = [("default", VaultSecret(password.encode()))] if password else []
        loader.set_vault_secrets(secrets)
        if context is not None:
            monkeypatch.setattr(context, "_current", context(secrets))
        inventory = InventoryManager(loader=loader, sources=[str(source)])
        manager = VariableManager(loader=loader, inventory=inventory)
        manager._extra_vars = dict(extra or {})  # Ansible's own is one for the whole process
        play = Play.load(
            {"hosts": hosts, "gather_facts": False, "tasks": [{"debug": {"msg": "x"}}]},
            variable_manager=manager,
            loader=loader,
        )
        task = play.compile()[1].block[0]
        return HostVariables(task, loader, HostVars(inventory=inventory, variable_manager=manager, loader=loader))

    return made


# --- what cannot be read ----------------------------------------------------------------------------------------------------


def test_a_variable_that_names_another_which_is_not_there_is_told_once_and_with_what_to_do(world: World) -> None:
    known = world().of("acme")
    with pytest.raises(BadInput) as caught:
        known["tcx_proxy"]
    assert caught.value.message.startswith("the variable tcx_proxy cannot be read: ")
    assert caught.value.message.count("nowhere") == 1
    assert caught.value.message.endswith("is undefined")
    assert caught.value.tried == "read the variables of this PBX"
    assert caught.value.remedy == "Give it a value in the inventory."
    with pytest.raises(BadInput, match="tcx_proxy"):
        known.get("tcx_proxy", "http://proxy.example")
    assert known.text("tcx_proxy") == "", "whoever needs it says so"
    assert known["tcx_url"] == "https://acme.example.com:5001", "nobody else is stopped by it"


@pytest.mark.parametrize(
    ("password", "why"),
    [("", "no vault password was given"), ("wrong", "none of the vault passwords that were given opens it")],
)
def test_an_encrypted_variable_is_told_with_the_option_that_opens_it(world: World, password: str, why: str) -> None:
    with pytest.raises(BadInput) as caught:
        world(password).of("acme")["tcx_client_secret"]
    assert caught.value.message == f"the variable tcx_client_secret is encrypted by Ansible Vault, and {why}"
    assert caught.value.tried == "read the variables of this PBX"
    assert caught.value.remedy == (
        "Run again with --vault-password-file FILE or --ask-vault-pass, or set vault_password_file in ansible.cfg."
    )


def test_an_encrypted_variable_is_read_with_its_password(world: World) -> None:
    assert world(SECRET).of("acme")["tcx_client_secret"] == "topsecret"


def _caused(message: str, cause: str) -> AnsibleError:
    error = AnsibleError(message)
    error.__cause__ = ValueError(cause)
    return error


def _with_original(message: str, original: str) -> AnsibleError:
    error = AnsibleError(message)
    error.orig_exc = ValueError(original)
    return error


@pytest.mark.parametrize(
    "error",
    [
        AnsibleError("Attempting to decrypt but no vault secrets found"),
        _caused("cannot template", "Attempting to decrypt but No Vault Secrets Found"),
        _with_original("cannot template", "Attempting to decrypt but no vault secrets found"),
    ],
    ids=["itself", "its cause", "its original"],
)
def test_wherever_ansible_says_that_a_vault_is_locked_it_is_understood(error: AnsibleError) -> None:
    assert "no vault password was given" in str(unreadable("tcx_client_secret", error))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("'a' is undefined. 'a' is undefined", "'a' is undefined"),
        ("'a' is undefined. 'b' is undefined", "'a' is undefined. 'b' is undefined"),
        ("a. b. a. b", "a. b. a. b"),
        ("template error.\nsecond line\nthird", "template error"),
        ("it is the value of X.", "it is the value of X"),
    ],
)
def test_the_first_line_of_ansible_is_told_without_its_repetition(text: str, told: str) -> None:
    assert unreadable("tcx_url", AnsibleError(text)).message == f"the variable tcx_url cannot be read: {told}"


# --- what a host has --------------------------------------------------------------------------------------------------------


def test_a_host_is_read_with_templates_and_above_the_defaults_of_the_roles(world: World) -> None:
    known = world().of("bolt")
    assert known.host == "bolt"
    assert known["tcx_url"] == "https://berlin.example.com", "a template may name other hosts"
    assert (known["tcx_timeout"], known["entra_tenant_id"]) == (7.0, GUID)
    assert known["entra_app_mode"] == "auto", "a default of a role"
    assert known["entra_app_unique_name"] == "bolts-own"
    assert (known["ansible_connection"], known["ansible_become"]) == ("local", False)
    assert "office" not in known, "not a variable of this collection"


def test_a_file_is_looked_up_where_a_play_would_look_for_it(world: World, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "acme.pem").write_text("the key of acme", encoding="utf-8")
    assert world().of("acme")["entra_app_public_key"] == "the key of acme"


def test_what_all_hosts_have_alike_is_evaluated_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """To ask Ansible for each template of a thousand PBXs would take longer than to ask the PBXs."""
    asked: list[Any] = []

    class Counted(Templar):
        def template(self, variable: Any, *arguments: Any, **options: Any) -> Any:
            asked.append(variable)
            return super().template(variable, *arguments, **options)

    monkeypatch.setattr(reader, "Templar", Counted)
    hosts = world(SECRET)
    assert [hosts.of(host)["ansible_become"] for host in ("acme", "bolt", "shop")] == [False] * 3
    assert asked.count("{{ 1 == 2 }}") == 1


def test_the_domain_of_a_tenant_is_resolved_for_a_host(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "tenant_id_of", lambda _params, domain, _context: f"id of {domain}")
    known = world(extra={"entra_tenant_id": "Acme.example.com"}).of("acme")
    assert known.tenant == "id of acme.example.com"


def test_an_application_is_named_after_its_host_unless_the_inventory_names_it(world: World) -> None:
    assert world().of("acme")["entra_app_unique_name"] == "3cx-acme"


def test_omit_leaves_a_variable_as_if_it_were_not_there(world: World) -> None:
    assert "entra_cloud" not in world().of("acme")
    assert world(extra={"region": "usgov"}).of("acme")["entra_cloud"] == "usgov"


def test_variables_that_nothing_reads_are_told_unless_they_are_to_be_ignored(world: World) -> None:
    hosts = world()
    known = hosts.of("acme")
    assert known.unknown_entries() == [{"variable": "tcx_region_of", "nearest": ""}]
    assert [variable.sentence for variable in known.unknown] == ["unknown variable tcx_region_of of acme"]
    assert hosts.of("bolt").unknown == []


def test_a_host_whose_wish_about_unknown_variables_cannot_be_read_stops_alone(world: World) -> None:
    """The variables of all hosts are read in one task: what one of them cannot say must not end it for the others."""
    known = world().of("shop")
    assert [variable.name for variable in known.unknown] == ["tcx_uri"]
    with pytest.raises(BadInput, match="the variable unknown_variables cannot be read"):
        known.check()


def test_what_the_command_line_gives_does_not_count_for_hosts_that_the_run_is_not_about(world: World) -> None:
    hosts = world(extra={"tcx_timeout": "9", "tcx_m365_connection": "ssh"})
    assert hosts.of("bolt")["tcx_timeout"] == 9.0
    without = hosts.of("bolt", without_extra=True)
    assert "tcx_m365_connection" not in without
    assert without["tcx_timeout"] == 7.0
    assert without["entra_tenant_id"] == GUID
    names = ["tcx_timeout", "tcx_url", "tcx_ca_path"]
    at = {"tcx_url": "https://berlin.example.com"}
    assert hosts.some("bolt", names, without_extra=True) == {**at, "tcx_timeout": 7.0}
    assert hosts.some("bolt", names, without_extra=False) == {**at, "tcx_timeout": 9.0}


def test_a_template_of_another_host_may_name_what_the_command_line_gives(world: World) -> None:
    hosts = world(extra={"nowhere": "https://yard.example.com", "tcx_url": "https://desk.example.com"})
    assert hosts.some("yard", ["tcx_url"], without_extra=True) == {"tcx_url": "https://yard.example.com"}


@pytest.mark.parametrize("extra", [{}, {"tcx_url": "https://acme.example.com:5001"}])
def test_the_hosts_of_a_pbx_are_those_that_the_inventory_has_for_it(world: World, extra: dict[str, str]) -> None:
    hosts = world(extra=extra)
    assert hosts.at("https://ACME.example.com:5001/") == ["acme"]
    assert hosts.at("https://berlin.example.com") == ["bolt"]
    assert hosts.at("https://shop.example.com") == []


def test_a_few_variables_of_a_host_are_read_as_its_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "tenant_id_of", lambda _params, domain, _context: f"id of {domain}")
    known = world(extra={"entra_tenant_id": "acme.example.com"}).some("acme", ["entra_tenant_id"], without_extra=False)
    assert (known.host, known.tenant) == ("acme", "id of acme.example.com")


def test_every_host_with_the_address_of_a_pbx_counts_whatever_the_play_names(world: World) -> None:
    """One with an address that cannot be read is one: what is wrong with it is told where it is needed."""
    hosts = world(hosts="shop")
    assert hosts.with_pbx() == ["acme", "bolt", "yard"]
    assert {"acme", "bolt", "yard"} <= {*world(extra={"tcx_url": "https://a.example"}).with_pbx()}
    assert hosts.all_of_play() == ["shop"]
    assert hosts.of_all_hosts
    assert str(hosts.play.hosts) in ("shop", "['shop']")


def test_a_task_reads_its_own_host_with_what_only_the_task_knows(world: World) -> None:
    known = world().own(
        {"inventory_hostname": "acme", "tcx_url": "https://{{ item }}.example.com", "item": "looped", "tcx_uri": "x"}
    )
    assert (known.host, known["entra_app_unique_name"]) == ("acme", "3cx-acme")
    assert "tcx_url" in known
    assert [variable.name for variable in known.unknown] == ["tcx_uri"]


def test_where_ansible_tells_nothing_of_other_hosts_the_task_still_knows_its_own() -> None:
    hostvars = {"acme": {"tcx_url": "https://public.example"}, "bolt": {"tcx_url": "https://bolt.example"}}
    task_vars = {"inventory_hostname": "acme", "tcx_url": "https://task.example"}
    hosts = HostVariables(SimpleNamespace(), DataLoader(), hostvars, task_vars)
    assert (hosts.of_all_hosts, hosts.play, hosts.all_of_play()) == (False, None, [])
    assert hosts.of("acme")["tcx_url"] == "https://task.example"
    assert hosts.of("bolt")["tcx_url"] == "https://bolt.example"
    assert "hostvars" not in task_vars, "the variables of the task stay as they were"
    assert HostVariables(SimpleNamespace(), DataLoader(), hostvars).of("acme")["tcx_url"] == "https://public.example"


def test_a_template_that_comes_to_omit_by_its_placeholder_is_left_out() -> None:
    known = {"omit": "__omit_place_holder__1"}
    templar = Templar(loader=DataLoader(), variables=known)
    assert reader.templated(templar, "__omit_place_holder__1", known) is None
    assert reader.templated(templar, "other", known) == "other"
    deep = {"tags": ["a", "__omit_place_holder__1"], "notes": "__omit_place_holder__1", "photo": True}
    assert reader.templated(templar, deep, known) == {"tags": ["a"], "photo": True}
    assert reader.templated(templar, None, {}) is None
    assert reader.templated(templar, ["a", 1], {}) == ["a", 1]


# --- what is wrong with a value -----------------------------------------------------------------------------------------------


def test_all_that_is_wrong_is_told_at_once_with_the_names_of_the_variables() -> None:
    known = read_variables(
        {
            "entra_app_app_id": "3cx",
            "entra_tenant_id": "not an id",
            "tcx_console_tenant_id": "common",
            "tcx_fqdn": ["ok.example", "a b", "c/d"],
            "tcx_validate_certs": "maybe",
            "tcx_url": "https://acme.example.com",
        },
        host="acme",
    )
    with pytest.raises(BadInput) as caught:
        known.check()
    problems = [
        "entra_app_app_id '3cx' is not a GUID; give the application (client) ID",
        "entra_tenant_id 'not an id' is neither a GUID nor a domain name. Give the Tenant ID from the Overview page of "
        "the Microsoft Entra admin center",
        "tcx_console_tenant_id 'common' does not name one tenant. Give the customer's tenant ID or a domain of it",
        "tcx_fqdn 'a b' is no host name; give pbx.example.com or pbx.example.com:5001",
        "tcx_fqdn 'c/d' is no host name; give pbx.example.com or pbx.example.com:5001",
        "tcx_validate_certs must be a boolean such as true or false, not text",
    ]
    assert caught.value.message == "; ".join(problems)
    assert (caught.value.tried, caught.value.target) == ("read the variables", "acme")
    assert "tcx_validate_certs" not in known or known["tcx_validate_certs"] != "maybe"


def test_what_nothing_is_wrong_with_passes() -> None:
    known = read_variables(
        {"entra_app_app_id": OTHER, "entra_tenant_id": GUID, "tcx_fqdn": "pbx.example", "unknown_variables": "fail"}
    )
    known.check()
    assert known.problems == []
    assert known.host == ""


@pytest.mark.parametrize("wish", ["warn", "ignore", None])
def test_an_unknown_variable_stops_a_host_only_where_that_is_asked_for(wish: str | None) -> None:
    known = read_variables({"unknown_variables": wish}, host="acme")
    known.unknown = [Unknown("acme", "tcx_uri", "tcx_url"), Unknown("acme", "tcx_tea", "")]
    known.check()
    known = read_variables({"unknown_variables": "fail"}, host="acme")
    known.unknown = [Unknown("acme", "tcx_uri", "tcx_url"), Unknown("acme", "tcx_tea", "")]
    with pytest.raises(BadInput) as caught:
        known.check()
    assert caught.value.message == (
        "unknown variable tcx_uri of acme; did you mean tcx_url?; unknown variable tcx_tea of acme"
    )
    known.problems.append("tcx_url is wrong")
    for _time in range(2):
        with pytest.raises(BadInput, match=r"tcx_url is wrong; unknown variable tcx_uri of acme"):
            known.check()
    assert known.problems == ["tcx_url is wrong"], "asked again, it says the same and nothing twice"


def test_what_no_spec_describes_stays_as_it_was_written() -> None:
    assert read_variables({"ansible_connection": " local ", "tcx_nothing": "x"}, defaults={}) == {
        "ansible_connection": " local ",
        "tcx_nothing": "x",
    }


def test_the_path_of_a_certificate_may_have_a_comma() -> None:
    known = read_variables({"entra_app_certificates": "keys/acme, berlin.pem"}, defaults={})
    assert known == {"entra_app_certificates": ["keys/acme, berlin.pem"]}


def test_a_value_that_says_nothing_leaves_the_default() -> None:
    assert read_variables({"tcx_timeout": " ", "entra_app_mode": None}, defaults={"tcx_timeout": 5.0}) == {
        "tcx_timeout": 5.0
    }
    assert read_variables({"entra_app_mode": None, "tcx_timeout": "7"}, defaults={}) == {"tcx_timeout": 7.0}
    assert read_variables({"ansible_connection": {}, "ansible_become": [], "snapshot": ""}, defaults={}) == {}
    sync = "tcx_console_user_sync"
    assert read_variables({sync: {"enabled": ""}}, defaults={}) == {}, "nothing is left of it once it was read"


def test_the_defaults_are_those_of_the_roles_of_a_rollout() -> None:
    defaults = reader.role_defaults()
    for name in ("preflight_thorough", "entra_app_mode", "tcx_console_wait", "sso_verify_people"):
        assert name in defaults
    assert read_variables({}) == defaults


def test_variables_that_were_read_are_not_read_again() -> None:
    once = read_variables({"tcx_timeout": "7"}, host="acme")
    assert read_variables(once, host="other") is once


def test_a_text_is_read_without_blanks_and_empty_where_there_is_none() -> None:
    known = Variables({"tcx_url": " https://a.example ", "tcx_timeout": 7, "tcx_proxy": None})
    assert known.text("tcx_url") == "https://a.example"
    assert (known.text("tcx_timeout"), known.text("tcx_proxy"), known.text("tcx_ca_path")) == ("7", "", "")
    assert known.get("tcx_ca_path", "default") == "default"
    assert known.get("tcx_ca_path") is None
    assert known.host == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (" yes ", True),
        ("1", True),
        (False, False),
        ("no", False),
        ("", False),
        (None, False),
        ("x", False),
    ],
)
def test_a_condition_is_read_as_ansible_reads_it(value: Any, expected: bool) -> None:
    assert is_true(value) is expected


# --- tenants ------------------------------------------------------------------------------------------------------------------


def _resolve(variables: Variables, domain: str) -> str:
    return f"{variables.host}:{domain}"


def test_the_tenant_of_the_pbx_is_that_of_the_automation_unless_it_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TENANT_ID", " Env.Example.com ")
    known = read_variables({}, host="acme", resolve=_resolve)
    assert (known.tenant, known.console_tenant) == ("acme:env.example.com",) * 2
    known = read_variables({"entra_tenant_id": "Acme.example.com"}, host="acme", resolve=_resolve)
    assert (known.tenant, known.console_tenant) == ("acme:acme.example.com",) * 2
    known = read_variables({"entra_tenant_id": GUID, "tcx_console_tenant_id": OTHER}, host="acme", resolve=_resolve)
    assert (known.tenant, known.console_tenant) == (GUID, OTHER)
    monkeypatch.delenv("AZURE_TENANT_ID")
    known = read_variables({}, host="acme", resolve=_resolve)
    assert (known.tenant, known.console_tenant) == ("", "")
    assert read_variables({"entra_tenant_id": "acme.example.com"}).tenant == "acme.example.com", "nobody to ask"


@pytest.mark.parametrize("name", ["entra_tenant_id", "tcx_console_tenant_id"])
def test_a_tenant_that_cannot_be_resolved_is_told_with_the_variable_that_names_it(name: str) -> None:
    def fail(_variables: Variables, domain: str) -> str:
        error = M365Error(f"O(tenant_id) {domain} is unknown at O(authority_host)")
        error.names = {"authority_host": "entra_authority_host", "tenant_id": "entra_tenant_id"}
        raise error

    known = read_variables({"entra_tenant_id": GUID, name: "acme.example.com"}, resolve=fail)
    with pytest.raises(M365Error) as caught:
        assert known.console_tenant, known.tenant
    assert f"{name} acme.example.com is unknown at entra_authority_host" in str(caught.value)


def test_a_domain_is_asked_about_where_and_how_the_inventory_says(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, str, Any]] = []

    def answer(params: Any, domain: str, context: Any) -> str:
        asked.append((params, domain, context))
        return GUID

    monkeypatch.setattr(reader, "tenant_id_of", answer)
    known = read_variables(
        {
            "entra_tenant_id": "acme.example.com",
            "entra_authority_host": "https://login.example",
            "entra_deadline": "45",
            "entra_validate_certs": "no",
        }
    )
    assert reader.resolve_tenant(known, "acme.example.com") == GUID
    ((params, domain, context),) = asked
    assert domain == "acme.example.com"
    assert (params["authority_host"], params["validate_certs"]) == ("https://login.example", False)
    assert context.deadline.seconds == 45.0
    assert str(context.store.directory).startswith(str(constants.DEFAULT_LOCAL_TMP))


def test_a_domain_of_the_pbx_is_asked_about_although_the_other_tenant_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader, "tenant_id_of", lambda _params, _domain, _context: OTHER)
    known = read_variables(
        {"entra_tenant_id": AnsibleError("no"), "tcx_console_tenant_id": "acme.example.com"},
        resolve=reader.resolve_tenant,
    )
    assert known.console_tenant == OTHER
    with pytest.raises(BadInput, match="the variable entra_tenant_id cannot be read"):
        assert known.tenant


def test_a_mistake_on_the_way_to_a_domain_is_told_with_the_names_of_the_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(BadInput, match="entra_timeout must be"):
        reader.resolve_tenant(read_variables({}, defaults={"entra_timeout": "soon"}), "acme.example.com")

    def fail(_params: Any, _domain: str, _context: Any) -> str:
        raise BadInput("O(authority_host) is no address")

    monkeypatch.setattr(reader, "tenant_id_of", fail)
    with pytest.raises(BadInput, match="entra_authority_host is no address"):
        reader.resolve_tenant(read_variables({}), "acme.example.com")
