# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entra: sign-in (`create_login_app`) and the facade for azure-cli, Terraform and managed identities."""

from tcx_lab.entra.app import create_login_app
from tcx_lab.entra.federation import mint as mint_federated_token
from tcx_lab.entra.management import ManagedIdentity, create_management_app

__all__ = ["ManagedIdentity", "create_login_app", "create_management_app", "mint_federated_token"]
