# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inventory plugin: the PBXs of a list of customers."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet
short_description: PBXs from a list of customers in CSV, Excel, YAML or JSON
version_added: 2.0.0
author:
  - The tcx.m365 contributors (@tcx-m365)
description:
  - Makes one host of each row of a list, such as the list that a 3CX partner keeps or the export of a CRM, and puts it into the
    group C(tcx), which the playbooks of this collection work on.
  - The file of the inventory ends in C(tcx_fleet.yml) or C(tcx_fleet.yaml), for example C(fleet.tcx_fleet.yml). Ansible finds the
    plugin by itself (inventory plugin P(ansible.builtin.auto#inventory)). Give that file to Ansible and not its directory, or
    add C(.csv) and C(.xlsx) to C(inventory_ignore_extensions), because Ansible takes every file of a directory for an inventory.
  - Nothing in a list is a template. Text such as C({{ 1 + 1 }}) stays text on every release of ansible-core.
  - A list holds no secret. A column that would set one is refused; O(secrets) refers to them.
  - When anything in the list is wrong, no host is taken from it. One message names each mistake with its line and column. Ansible
    shows it as a warning and goes on with its other sources; set C(inventory_unparsed_is_failed) (C(unparsed_is_failed) in the section
    C([inventory]) of C(ansible.cfg)) to end there.
extends_documentation_fragment:
  - constructed
  - inventory_cache
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [tcx.m365.fleet]
  source:
    description:
      - A file, relative to the directory of the inventory file, or an C(https) address. It may be a template, for example of the
        environment. A file may be encrypted with Ansible Vault.
      - The certificate of an address is verified, redirects are not followed, and an answer has at most 16 MiB. C(http) and user
        information in the address are refused.
    type: str
    required: true
  format:
    description:
      - What the list is written in. V(auto) goes by the end of its name (C(.csv), C(.tsv), C(.xlsx), C(.yml), C(.yaml), C(.json)), and
        by its content where there is none. V(excel) and V(xlsx) are the same.
      - Excel workbooks are read without further packages. The saved value of a formula counts, numbers keep the leading zeros of
        their format, and dates become C(YYYY-MM-DD).
    type: str
    choices: [auto, csv, xlsx, excel, yaml, json]
    default: auto
  columns:
    description:
      - Which column sets which variable, as C(variable) to C(column), for example C(tcx_url) to C(FQDN). The name of a column counts
        in any case and with any signs between its words. Where only the reverse makes sense, it is read in reverse.
      - The variable C(inventory_hostname) is the name of the host. A name that Ansible cannot use is written in lower case with
        hyphens (C(Müller & Söhne) becomes C(mueller-soehne)).
      - A variable with dots sets a part of another one, as C(tcx_console_user_sync.scope) does. In lists in YAML and JSON a column
        with dots is a value in a nested mapping.
      - Without an entry here these variables are taken from a column of their name or one that is usual in exports C(inventory_hostname)
        (C(host), C(name), C(customer), C(company name)), C(tcx_url) (C(url), C(fqdn), C(pbx)), C(tcx_client_id), C(tcx_username),
        C(tcx_canary), C(entra_tenant_id) (C(tenant id), C(microsoft id), C(directory id)) and C(entra_app_public_key). Every other
        variable decides about settings, rights or trust, and is taken where it is named here.
      - C(tcx_url) may be a plain host name, with or without a port. Empty cells count as not given.
    type: dict
    default: {}
  ignore_columns:
    description:
      - Columns to say nothing about. Others that nothing is taken from are named in a warning, with the variable that was probably
        meant. V(*) stands for all of them.
    type: list
    elements: str
    default: []
  required:
    description:
      - Variables that every row must have, besides C(inventory_hostname). Leave out what C(group_vars) give, such as
        C(entra_tenant_id) where all PBXs are in one tenant.
    type: list
    elements: str
    default: [tcx_url, entra_tenant_id]
  secrets:
    description:
      - Variables that refer to secrets, as templates. They are not evaluated in the inventory but where a task needs them, so that
        C(ansible-inventory) never shows a secret. Take it from a variable of Ansible Vault, from the environment, or from a lookup such
        as P(community.hashi_vault.vault_kv2_get#lookup).
      - Name a secret after C(inventory_hostname) rather than after a column. Whoever can write to the list could otherwise have the
        secret of one customer sent to another one's PBX.
      - A value without a template is refused, unless it is encrypted with Ansible Vault.
    type: dict
    default: {}
  group:
    description: The group of all hosts.
    type: str
    default: tcx
  path:
    description:
      - Where the customers are in YAML or JSON, such as C(data.customers). It is a list of mappings or a mapping by name.
      - Without it, the list is the whole file or the one list in it.
    type: str
    default: ""
  encoding:
    description:
      - The encoding of CSV, YAML and JSON without a byte order mark, such as V(utf-16) or V(cp1252) (Excel on Windows). It is not
        guessed. The default is UTF-8.
    type: str
    default: ""
  delimiter:
    description:
      - What separates the columns of CSV. By default the one of comma, semicolon, tab and vertical bar that makes most columns.
    type: str
    default: ""
  sheet:
    description: The sheet of a workbook; the first one by default.
    type: str
    default: ""
  header_row:
    description: The row of CSV or of a sheet that names the columns, counted from 1.
    type: int
    default: 1
  headers:
    description: HTTP headers for an address, such as C(Authorization). Values may be templates.
    type: dict
    default: {}
  ca_path:
    description: A CA bundle for the address, in place of the one of this machine.
    type: path
    default: ""
  proxy:
    description: A proxy for the address, in place of the one of the environment.
    type: str
    default: ""
  timeout:
    description: Seconds that an address may take.
    type: float
    default: 60
  cache:
    description:
      - Keep what an address has answered. Files are always read anew. Secrets are never in the cache.
notes:
  - Whoever can write to the list decides which PBX gets which customer's settings and credentials. Keep it where only operators can
    write.
seealso:
  - plugin: ansible.builtin.constructed
    plugin_type: inventory
"""

EXAMPLES = r"""
# fleet.tcx_fleet.yml: the list of a 3CX partner, one secret for each PBX in a file of Ansible Vault
plugin: tcx.m365.fleet
source: customers.csv
columns:
  inventory_hostname: Customer
  tcx_url: PBX FQDN
  entra_tenant_id: Tenant ID
  tcx_client_id: API client
secrets:
  tcx_client_secret: "{{ vault_tcx_secrets[inventory_hostname] }}"
groups:
  tcx_canary: tcx_canary | default(false) | bool
keyed_groups:
  - key: entra_tenant_id
    prefix: tenant

# partner.tcx_fleet.yml: an Excel workbook with a title above its header; settings from its columns
#   plugin: tcx.m365.fleet
#   source: ../exports/partner portal.xlsx
#   format: excel
#   sheet: Instances
#   header_row: 3
#   columns:
#     inventory_hostname: Instance name
#     tcx_url: FQDN
#     tcx_console_user_sync.scope: Sync
#   ignore_columns: [License key, Expiry]
#   compose:
#     tcx_canary: inventory_hostname in ['acme', 'contoso']
#     tcx_console_contact_sync: "{'enabled': edition == 'Enterprise'}"
#   strict: true

# crm.tcx_fleet.yml: a CRM with an interface of its own, asked once an hour; secrets from HashiCorp Vault
#   plugin: tcx.m365.fleet
#   source: https://crm.example.com/api/customers?product=3cx
#   format: json
#   path: data.customers
#   headers:
#     Authorization: "Bearer {{ lookup('ansible.builtin.env', 'CRM_TOKEN') }}"
#   columns:
#     inventory_hostname: name
#     tcx_url: pbx.fqdn
#     entra_tenant_id: microsoft.tenant_id
#   ignore_columns: ["*"]
#   secrets:
#     tcx_client_secret: >-
#       {{ lookup('community.hashi_vault.vault_kv2_get', 'pbx/' ~ inventory_hostname, engine_mount_point='fleet').secret.api_key }}
#   cache: true
#   cache_plugin: ansible.builtin.jsonfile
#   cache_connection: ~/.cache/tcx-fleet
#   cache_timeout: 3600

# one.tcx_fleet.yml: PBXs of one tenant, which group_vars name; the same credential for all of them from the environment
#   plugin: tcx.m365.fleet
#   source: pbxs.yml
#   required: [tcx_url]
#   secrets:
#     tcx_password: "{{ lookup('ansible.builtin.env', 'TCX_PASSWORD') }}"
"""

import functools
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.group import to_safe_group_name
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible_collections.tcx.m365.plugins.module_utils._common.option_names import did_you_mean
from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible_lines
from ansible_collections.tcx.m365.plugins.module_utils._errors import M365Error
from ansible_collections.tcx.m365.plugins.plugin_utils import _core_compat
from ansible_collections.tcx.m365.plugins.plugin_utils._list import source as sources
from ansible_collections.tcx.m365.plugins.plugin_utils._list.columns import mapped
from ansible_collections.tcx.m365.plugins.plugin_utils._list.hosts import Host, check, composed, hosts_of
from ansible_collections.tcx.m365.plugins.plugin_utils._list.model import BadList, refuse, shown

ENDINGS = ("tcx_fleet.yml", "tcx_fleet.yaml")

_READ_BY = (
    "source",
    "format",
    "columns",
    "required",
    "compose",
    "path",
    "encoding",
    "delimiter",
    "sheet",
    "header_row",
)
"""Options on which it depends what a list says; a cached one counts for the same options only."""


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Reads a list, checks all of it, then makes the hosts."""

    NAME = "tcx.m365.fleet"
    _made: Any
    """The inventory that the hosts are added to."""

    def verify_file(self, path: str) -> bool:
        """Whether a source of the inventory is for this plugin."""
        return bool(super().verify_file(path)) and path.endswith(ENDINGS)

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Add the hosts of the list to the inventory.

        :raises AnsibleParserError: something is wrong; then none of them is in it.
        """
        super().parse(inventory, loader, path, cache)
        self._made = inventory
        self._check_names(self._read_config_data(path))
        try:
            self._add(self._hosts(path, cache))
        except M365Error as error:
            raise AnsibleParserError(
                visible_lines(error.message if isinstance(error, BadList) else str(error))
            ) from None

    def _check_names(self, config: Mapping[str, Any]) -> None:
        """Ansible reads no option that it does not know, and says nothing."""
        known = {"plugin", *self.get_options()}
        unknown = [
            f"unknown option {shown(name)}{did_you_mean(str(name), known)}" for name in config if name not in known
        ]
        secrets = self.get_option("secrets") or {}
        for name, value in secrets.items():
            if isinstance(value, str) and "{{" not in value:  # an encrypted value is no text yet
                unknown.append(f"secrets: {name} is written in clear text; refer to it by a template, or encrypt it")
        if unknown:
            raise AnsibleParserError("; ".join(unknown))

    def _hosts(self, path: str, cache: bool) -> list[Host]:
        """The hosts of the list, from the cache where there is one."""
        source = str(self._filled(self.get_option("source")) or "").strip()
        if "://" not in source:  # a file, and no address
            read = functools.partial(_file, self.loader)
            return self._read(sources.from_file(source, os.path.dirname(os.path.abspath(path)), read))
        key = self.get_cache_key(path)
        state = self._state(source)
        keeps = bool(self.get_option("cache"))
        if keeps and cache:
            kept = self._kept(key, state)
            if kept is not None:
                return kept
        headers = {str(name): str(self._filled(value)) for name, value in (self.get_option("headers") or {}).items()}
        request = sources.Request(
            headers=headers,
            ca_path=str(self.get_option("ca_path") or ""),
            proxy=str(self.get_option("proxy") or ""),
            timeout=float(self.get_option("timeout")),
        )
        hosts = self._read(sources.from_address(source, request))
        if keeps:
            self._cache[key] = {"state": state, "hosts": [dict(vars(host)) for host in hosts]}
        return hosts

    def _kept(self, key: str, state: str) -> list[Host] | None:
        try:
            kept = self._cache[key]
        except KeyError:
            return None
        if not isinstance(kept, Mapping) or kept.get("state") != state:
            return None
        # Whoever evaluates variables may change them; what is kept stays as it was.
        return [Host(**entry) for entry in json.loads(json.dumps(kept["hosts"]))]

    def _state(self, source: str) -> str:
        options = {name: self.get_option(name) for name in _READ_BY}
        text = json.dumps([source, options], sort_keys=True, default=str)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def _read(self, content: sources.Content) -> list[Host]:
        """All hosts of a list, or an error with everything that is wrong with it."""
        table = sources.table(
            content,
            kind=self.get_option("format"),
            encoding=self.get_option("encoding") or "",
            delimiter=self.get_option("delimiter") or "",
            sheet=self.get_option("sheet") or "",
            path=self.get_option("path") or "",
            header_row=max(1, self.get_option("header_row")),
        )
        mapping = mapped(table, self.get_option("columns") or {}, self.get_option("ignore_columns") or ())
        compose = self.get_option("compose") or {}
        required = [name for name in self.get_option("required") or () if name not in compose]
        hosts, mistakes = hosts_of(table, mapping, required)
        mistakes = mapping.mistakes + mistakes + check(hosts)
        if mapping.unused:
            self.display.warning(_unused(table.source, mapping.unused))
        if mistakes:
            raise refuse(table.source, mistakes)
        return hosts

    def _add(self, hosts: list[Host]) -> None:
        """Make the hosts, all or none: Ansible keeps what a plugin has made before it fails."""
        group = self._made.add_group(to_safe_group_name(str(self.get_option("group")), force=True, silent=True))
        before = set(self._made.hosts)
        try:
            for host in hosts:
                self._made.add_host(host.name, group=group)
                for name, value in host.variables.items():
                    self._made.set_variable(host.name, name, _core_compat.never_template(value))
            self._construct(hosts)
        except (M365Error, AnsibleError):
            for host in hosts:
                if host.name not in before and host.name in self._made.hosts:
                    self._made.remove_host(self._made.hosts[host.name])
            raise

    def _construct(self, hosts: list[Host]) -> None:
        strict = bool(self.get_option("strict"))
        required = list(self.get_option("required") or ())
        mistakes = []
        for host in hosts:
            known = self._made.get_host(host.name).get_vars()
            self._set_composite_vars(self.get_option("compose"), known, host.name, strict=strict)
            known = self._made.get_host(host.name).get_vars()
            mistakes += composed(host, known)
            mistakes += [f"{host.place}: {name} is empty" for name in required if known.get(name) in (None, "")]
            for name in self.get_option("compose") or ():
                if name in known:
                    value = host.variables.get(name, known[name])
                    self._made.set_variable(host.name, name, _core_compat.never_template(value))
            self._add_host_to_composed_groups(self.get_option("groups"), {}, host.name, strict=strict)
            self._add_host_to_keyed_groups(self.get_option("keyed_groups"), {}, host.name, strict=strict)
            for name, value in (self.get_option("secrets") or {}).items():
                self._made.set_variable(host.name, str(name), value)
        mistakes += check(hosts)
        if mistakes:
            raise refuse(str(self.get_option("source")), mistakes)

    def _filled(self, value: Any) -> Any:
        """An option that may be a template: the inventory file is the operator's own."""
        return self.templar.template(value)


def _file(loader: Any, path: str) -> bytes:
    """The content of a file, decrypted where it is encrypted with Ansible Vault."""
    with open(path, "rb") as stream:
        content = stream.read()
    if not content.startswith(b"$ANSIBLE_VAULT;"):
        return content
    with open(loader.get_real_file(path, decrypt=True), "rb") as stream:
        return stream.read()


def _unused(source: str, columns: Mapping[str, str]) -> str:
    named = [f"{shown(column)} (did you mean {near}?)" if near else shown(column) for column, near in columns.items()]
    count = "column is" if len(named) == 1 else "columns are"
    return f"{source}: {len(named)} {count} not used: {', '.join(named)}. List them in ignore_columns to silence this warning."
