# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of an application: for which PBX it is there and what may be taken for it, and what its tokens are like."""

from __future__ import annotations


class ModuleDocFragment:
    """For which PBX an application is there."""

    DOCUMENTATION = r"""
options:
  pbx:
    description:
      - Address of the PBX that the application is for, as in C(tcx_url). With it the application is marked for this PBX, a new
        certificate says in its display name whose it is, and only entries of this PBX are removed.
      - An application may be shared by several PBXs. O(state=absent) then takes this PBX's certificates, redirect URIs and mark out
        of it, and deletes it when nobody else is left.
      - Nothing is removed in the run that marks the application for the PBX.
    type: str
    version_added: 2.0.0
  pbx_names:
    description: Further host names of the PBX, each with the port of O(pbx) unless it has one of its own.
    type: list
    elements: str
    default: []
    version_added: 2.0.0
  require_evidence:
    description:
      - Whether O(app_id) and O(unique_name) are hints rather than the operator's word, because a PBX reported the one, and anybody in
        the tenant may use the other.
      - An application without the mark of this collection is then taken only if it carries one of O(certificates) or a redirect URI on
        the host of O(pbx), has been granted nothing that a PBX does not need, and belongs to no other PBX.
      - An application that holds credentials or owners that nobody here knows is not given new permissions, see
        RV(unknown_credentials).
    type: bool
    default: false
    version_added: 2.0.0
  shared_certificates:
    description:
      - SHA-1 thumbprints of the certificates of other PBXs that use the same application; they are never removed. Other certificates are known only if
        O(certificates) has them, or if they carry the mark of this collection and the automation registered the application.
    type: list
    elements: str
    default: []
    version_added: 2.0.0
  in_use:
    description:
      - Whether the PBX works with O(app_id) today. If that application cannot be read in the tenant, the task fails instead of putting
        another one in its place. It counts with O(require_evidence=true).
    type: bool
    default: false
    version_added: 2.0.0
  deleted_app_id:
    description:
      - Application (client) ID of an application that was deleted when this PBX was offboarded from this controller. It is restored
        if it carries the mark of the PBX and its certificate or redirect URI, and nothing else leads to an application.
    type: str
    version_added: 2.0.0
  grants:
    description:
      - Whether the permissions are granted afterwards. Set it to V(false) where somebody else grants them. An application that holds
        credentials or owners that nobody here knows can then be adopted although permissions are missing.
    type: bool
    default: true
    version_added: 2.0.0
  create_with:
    description:
      - What an application gets that this collection makes or has made, unless the options of the same names say otherwise. An
        application of somebody else that is adopted keeps its own.
    type: dict
    version_added: 2.0.0
    suboptions:
      display_name:
        description: The name of the application.
        type: str
      sign_in_audience:
        description: Who can sign in.
        type: str
        choices: [AzureADMyOrg, AzureADMultipleOrgs, AzureADandPersonalMicrosoftAccount, PersonalMicrosoftAccount]
      public_client:
        description: Whether public client flows are allowed.
        type: bool
  optional_claims:
    description: Optional claims to be in tokens. Others stay.
    type: dict
    suboptions:
      id_token:
        description: Claims of ID tokens.
        type: list
        elements: dict
        suboptions: &claim
          name:
            description: Name of the claim.
            type: str
            required: true
          essential:
            description: Whether the claim is essential for the application.
            type: bool
          source:
            description: Where the claim comes from. Without it, it is one of the predefined claims.
            type: str
          additional_properties:
            description: What modifies the claim.
            type: list
            elements: str
      access_token:
        description: Claims of access tokens.
        type: list
        elements: dict
        suboptions: *claim
      saml2_token:
        description: Claims of SAML tokens.
        type: list
        elements: dict
        suboptions: *claim
  service_principal_lock:
    description: Which properties of the service principals of this application cannot be changed in the tenants where they live.
    type: dict
    suboptions:
      enabled:
        description: Whether anything is locked.
        type: bool
        required: true
      all_properties:
        description: Locks all properties that can be locked.
        type: bool
      credentials_with_usage_sign:
        description: Locks credentials that sign.
        type: bool
      credentials_with_usage_verify:
        description: Locks credentials that verify.
        type: bool
      token_encryption_key_id:
        description: Locks the key that encrypts tokens.
        type: bool
"""
