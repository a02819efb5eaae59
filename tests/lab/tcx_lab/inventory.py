# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Ansible inventory that reaches a world: group `tcx`, one host per PBX, as the collection's README describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcx_lab import ca

if TYPE_CHECKING:
    from pathlib import Path

    from tcx_lab.world import Pbx, World


def inventory_of(world: World, authority_path: Path | str) -> dict[str, Any]:
    """The inventory as data for Ansible's YAML inventory plugin, which reads JSON as well."""
    return {
        "tcx": {
            "hosts": {name: host_vars(world, pbx) for name, pbx in world.pbxs.items()},
            "vars": group_vars(world, authority_path),
        }
    }


def host_vars(world: World, pbx: Pbx) -> dict[str, Any]:
    """Variables of one PBX, with what its operator got wrong."""
    return {
        "tcx_url": pbx.url,
        "tcx_fqdn": ["localhost"],  # an address without a name, as in many installations
        **credential(world, pbx),
        "entra_tenant_id": pbx.tenant_id,
        "entra_app_public_key": ca.key_pair_of(world, pbx).public_pem,
        **pbx.inventory_vars,
    }


def credential(world: World, pbx: Pbx) -> dict[str, str]:
    """How the operator signs in to a PBX: as an XAPI client, and where the license has no XAPI, as an administrator."""
    if world.switches.xapi_licence == "open" or (pbx.edition == "Enterprise" and pbx.simultaneous_calls >= 8):
        return {"tcx_client_id": pbx.client_id, "tcx_client_secret": pbx.client_secret}
    return {"tcx_username": pbx.admin.username, "tcx_password": pbx.admin.password}


def group_vars(world: World, authority_path: Path | str) -> dict[str, Any]:
    """What all PBXs of a lab have in common: the automation's application and the lab's addresses."""
    if world.automation is None:
        raise ValueError("this world has no automation application")
    return {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "entra_client_id": world.automation.app_id,
        "entra_client_secret": world.automation.client_secret,
        "entra_authority_host": world.endpoints.login,
        "entra_graph_endpoint": world.endpoints.graph,
        "entra_ca_path": str(authority_path),
        "tcx_ca_path": str(authority_path),
    }
