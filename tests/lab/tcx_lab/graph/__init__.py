# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Microsoft Graph over the directories of a world: `create_graph_app`; tenants are filled with `seed_tenant`."""

from tcx_lab.graph.app import create_graph_app
from tcx_lab.graph.backdoor import delete_object, patch_application, patch_user
from tcx_lab.graph.seed import (
    add_certificate,
    add_group,
    add_secret,
    add_user,
    create_application,
    ensure_service_principal,
    grant_app_roles,
    install_automation,
    prepare_tenant,
    register_automation_app,
    seed_tenant,
    set_permissions,
)
from tcx_lab.graph.store import directory_of

__all__ = [
    "add_certificate",
    "add_group",
    "add_secret",
    "add_user",
    "create_application",
    "create_graph_app",
    "delete_object",
    "directory_of",
    "ensure_service_principal",
    "grant_app_roles",
    "install_automation",
    "patch_application",
    "patch_user",
    "prepare_tenant",
    "register_automation_app",
    "seed_tenant",
    "set_permissions",
]
