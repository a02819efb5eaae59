# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_entry
short_description: Write one PBX as a piece of an inventory
version_added: 2.0.0
description:
  - Checks the values of a customer, and writes its PBX, in the group C(tcx), to the file C(HOST.yml) of a directory, and its variables to C(host_vars/HOST.yml)
    there. The directory can be given to Ansible as an inventory.
  - Secrets are encrypted with the vault password of the run (C(--vault-password-file), C(--ask-vault-pass)). Without one they are not
    written, and RV(commands) tells how to add them. They are never written in clear text.
  - The playbook C(tcx.m365.quickstart) uses this module.
author:
  - The tcx.m365 contributors (@tcx-m365)
extends_documentation_fragment:
  - tcx.m365.attributes.controller
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  directory:
    description:
      - Directory on the controller. It is made when it does not exist, and readable by its owner and group alone.
      - A file in it that this module has not written is never changed.
    type: path
    default: ./inventory
  name:
    description: Name of the host. By default the host name in C(tcx_url).
    type: str
  write:
    description: Write the files. Otherwise the values are only checked.
    type: bool
    default: true
  variables:
    description:
      - The variables of the host, with at least C(tcx_url), C(entra_tenant_id) and a login of the PBX.
      - What is empty is left out. What this collection knows as a secret is encrypted.
    type: dict
    required: true
seealso:
  - plugin: tcx.m365.fleet
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Keep what a play was given
  hosts: tcx
  gather_facts: false
  tasks:
    - name: Write the entry of each customer
      tcx.m365.fleet_entry:
        directory: ./inventory
        variables:
          tcx_url: "{{ tcx_url }}"
          tcx_client_id: "{{ tcx_client_id }}"
          tcx_client_secret: "{{ tcx_client_secret }}"
          entra_tenant_id: "{{ entra_tenant_id }}"
"""

RETURN = r"""
host:
  description: Name of the host.
  returned: success
  type: str
  sample: acme.example.com
variables:
  description: Its variables as they are read, without secrets.
  returned: success
  type: dict
  sample: {tcx_url: "https://acme.example.com:5001", entra_tenant_id: 6f1c0f6e-4c0c-4d4b-9a53-0f4f1c5b7a10}
inventory_hosts:
  description: Hosts of the inventory that have this name, or this PBX by their C(tcx_url) there.
  returned: when O(write) is not set
  type: list
  elements: str
  sample: []
files:
  description: The file with the host and the file with its variables.
  returned: when O(write) is set
  type: list
  elements: str
  sample: [/srv/telephony/inventory/acme.yml, /srv/telephony/inventory/host_vars/acme.yml]
missing:
  description: Secrets that were not written, because there was no vault password.
  returned: when O(write) is set
  type: list
  elements: str
  sample: [tcx_client_secret]
commands:
  description: How to add them.
  returned: when O(write) is set
  type: list
  elements: str
  sample: [ansible-vault encrypt_string --prompt --name tcx_client_secret >> /srv/telephony/inventory/host_vars/acme.yml]
error:
  description: Why the task failed, in parts that a program may branch on.
  returned: failure
  type: dict
  contains:
    kind: {type: str, sample: bad_credential, description: "Class of the error, such as V(bad_input), V(forbidden) or V(unreachable)."}
    service: {type: str, description: "Who answered, V(Entra), V(Graph) or V(3CX). Empty where nothing was sent."}
    status: {type: int, description: HTTP status of the answer; null where there was none.}
    code: {type: str, sample: AADSTS7000215, description: The service's own error code.}
    request_id: {type: str, description: What the support of the service asks for.}
    tried: {type: str, description: What was tried.}
    target: {type: str, description: On what it was tried.}
    said: {type: str, description: What the service said.}
    remedy: {type: str, description: What to do.}
    missing: {type: list, elements: str, returned: when a right is missing, description: The permissions or roles of which one is missing.}
"""
