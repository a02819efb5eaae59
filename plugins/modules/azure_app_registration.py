# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``azure_app_registration``: what it does is in module_utils/_capabilities."""

from __future__ import annotations

DOCUMENTATION = r"""
module: azure_app_registration
short_description: Manage an application registration in Microsoft Entra, with its certificates and its service principal
version_added: 1.0.0
description:
  - Creates, adopts, corrects, restores or deletes one application registration (app) and its service principal.
  - What is listed is ensured. What is there besides is kept and returned in RV(unmanaged), unless an exclusive option says
    otherwise. An option that is left out is left alone.
  - Applications that the module makes or adopts carry the tag C(tcx.m365). Deletion and the exclusive options act on
    applications with that tag alone, unless O(force=true).
  - Graph knows no locks and replaces lists as a whole. So the module reads what it has written, and repairs what others have
    overwritten at the same time. Several hosts, runs and controllers can add to one application.
  - Declaring permissions grants nothing. Use M(tcx.m365.graph_permission_grant) for that.
author:
  - The tcx.m365 contributors (@tcx-m365)
extends_documentation_fragment:
  - tcx.m365.attributes
  - tcx.m365.attributes.action_group_entra
  - tcx.m365.entra
  - tcx.m365.ownership
options:
  unique_name:
    description:
      - The key under which the application is found and created. It can be given to an application once and never be changed.
      - An application that is found in another way gets it.
      - In clouds without unique names a tag of the application carries it.
    type: str
  app_id:
    description:
      - Application (client) ID of an application that exists, or that was deleted within the last 30 days.
      - With O(unique_name), the application is adopted and gets that name.
    type: str
  prefer:
    description:
      - What counts if O(app_id) and O(unique_name) are both given.
      - V(both) wants them to be the same application. O(app_id) has to exist, and gets the unique name if it has none.
      - V(app_id) takes the application O(app_id) if there is one, whatever its unique name, and the one with O(unique_name)
        otherwise. It is for PBXs that may point to an application already.
    type: str
    choices: [both, app_id]
    default: both
  display_name:
    description:
      - The name of the application.
      - It is the key if neither O(unique_name) nor O(app_id) is given. Names are not unique in Entra. If several applications
        have it the module fails and lists them.
      - A new application without it is named like O(unique_name).
    type: str
  adopt:
    description:
      - What else may lead to an application if there is none with O(unique_name).
      - V(display_name) takes the one application of that name, V(redirect_uri) the one that has one of O(redirect_uris).
        Applications that have another unique name are never taken. Several matches are an error.
    type: list
    elements: str
    choices: [display_name, redirect_uri]
    default: []
  state:
    description:
      - V(present) creates the application if needed, and corrects it. An application with the key that was deleted within the
        last 30 days is restored, with its ID and its certificates.
      - V(absent) deletes it. It can be restored for 30 days unless O(purge=true).
    type: str
    choices: [present, absent]
    default: present
  sign_in_audience:
    description:
      - Who can sign in.
      - A new application without it gets V(AzureADMyOrg), accounts of its own tenant.
    type: str
    choices: [AzureADMyOrg, AzureADMultipleOrgs, AzureADandPersonalMicrosoftAccount, PersonalMicrosoftAccount]
  redirect_uris:
    description: Redirect URIs of the platform Web.
    type: list
    elements: str
  spa_redirect_uris:
    description: Redirect URIs of the platform single-page application.
    type: list
    elements: str
  public_client_redirect_uris:
    description: Redirect URIs of the platform mobile and desktop applications.
    type: list
    elements: str
  redirect_uris_exclusive:
    description: Whether redirect URIs that are not listed are removed, from those of the three lists that are given.
    type: bool
    default: false
  home_page_url:
    description: Home page of the application. The empty string removes it.
    type: str
  logout_url:
    description: Address that Entra calls when a user signs out. The empty string removes it.
    type: str
  id_tokens:
    description: Whether the authorize endpoint may issue ID tokens (implicit and hybrid flows). Signing in to 3CX needs it.
    type: bool
  public_client:
    description: Whether public client flows are allowed.
    type: bool
  notes:
    description: Notes for administrators. The empty string removes them.
    type: str
  tags:
    description: Tags to be there besides C(tcx.m365).
    type: list
    elements: str
    default: []
  certificates:
    description:
      - Certificates with which the holder of the private key can sign in as the application. Each is PEM text, base64 of DER,
        or the path of a PEM or DER file on the machine where the module runs. Of a chain the certificate of the holder counts.
      - For 3CX it is the C(public_key.pem) that the console of the PBX offers for download.
      - A private key is refused. It must not leave the machine where it was made.
    type: list
    elements: str
  certificates_exclusive:
    description:
      - Whether certificates that are not listed are removed. Only has an effect if O(certificates) is given.
      - Those that can be used stay in the run that registers the first listed one, because the PBX signs in with one of them until it
        is switched over. The next run removes them; O(force=true) removes them at once.
    type: bool
    default: false
  certificates_keep:
    description: SHA-1 thumbprints of certificates that stay, whatever the other options say.
    type: list
    elements: str
    default: []
  certificates_prune_expired:
    description: Whether expired certificates are removed, also those of others.
    type: bool
    default: false
  certificates_prune_duplicates:
    description: Whether of several entries with the same certificate all but one are removed.
    type: bool
    default: false
  certificates_rotate_overlap_days:
    description:
      - For how many days a new certificate has to be there before an older one that this collection has added is removed.
      - In the first run the new certificate is added. A run after the overlap removes the older one, provided that all
        O(certificates) are registered and valid. So the last certificate that is known to work is never removed.
      - With O(certificates_exclusive=true) it postpones the removal of all that is not listed.
    type: int
  permissions:
    description:
      - Application permissions to be declared.
      - Each is the name of a permission of Microsoft Graph, its ID, C(API/NAME) for another API, or a dictionary of C(name) (or
        C(id)), C(resource) and C(type) (V(application) or V(delegated)). An API is given by application ID, or for Microsoft's
        own by name.
      - Names are looked up in the tenant. One that does not exist is an error before anything is written, with the nearest names.
    type: list
    elements: raw
  delegated_permissions:
    description: Delegated permissions to be declared, written like O(permissions).
    type: list
    elements: raw
  features:
    description:
      - Features of 3CX. The least permissions that they need are declared besides those of O(permissions) and
        O(delegated_permissions).
      - V(sign_in) needs the delegated permissions C(openid), C(profile) and C(email), V(user_sync) needs C(User.Read.All),
        V(contact_sync) needs C(Contacts.Read), V(calendar_sync) needs C(Calendars.Read), V(presence) needs
        C(Presence.ReadWrite.All), V(groups) needs C(GroupMember.Read.All), and V(mail) needs C(Mail.Send).
    type: list
    elements: str
    choices: [sign_in, user_sync, contact_sync, calendar_sync, presence, groups, mail]
  permissions_exclusive:
    description:
      - Whether declared permissions that are not listed are removed. Only has an effect if O(permissions),
        O(delegated_permissions) or O(features) is given.
    type: bool
    default: false
  owners:
    description: Object IDs of users and service principals that own the application. Others stay.
    type: list
    elements: str
  service_principal:
    description: Properties of the service principal. It is made in any case.
    type: dict
    suboptions:
      enabled:
        description: Whether anybody can sign in. A new one is enabled.
        type: bool
      assignment_required:
        description: Whether only users who are assigned to it can sign in.
        type: bool
      visible:
        description: Whether the portal lists it under Enterprise applications.
        type: bool
  purge:
    description: With O(state=absent), whether the application is deleted permanently, also one that was deleted before.
    type: bool
    default: false
  force:
    description: Whether deletion and the exclusive options also act on an application without the tag C(tcx.m365).
    type: bool
    default: false
  undo:
    description: What an earlier task returned as RV(undo), to undo it. What somebody else has changed since is returned as RV(refused).
    type: raw
    version_added: 2.0.0
  wait:
    description: Whether to wait until the change can be read back.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait at most. O(deadline) ends the wait as well.
    type: int
    default: 300
notes:
  - The automation's application needs the application permission C(Application.ReadWrite.OwnedBy) (for applications that it makes
    itself) or C(Application.ReadWrite.All). A missing one is named before anything is written. In check mode the reading
    permissions are enough.
  - With C(Policy.Read.All) the app management policies of the tenant are checked before a certificate is added.
seealso:
  - module: tcx.m365.graph_permission_grant
  - module: tcx.m365.azure_app_registration_info
  - name: Upsert of applications by unique name
    description: The Graph reference.
    link: https://learn.microsoft.com/graph/api/application-upsert
"""

EXAMPLES = r"""
- name: The application of a PBX, as the guide describes it
  tcx.m365.azure_app_registration:
    tenant_id: "{{ entra_tenant_id }}"
    client_id: "{{ entra_client_id }}"
    client_secret: "{{ entra_client_secret }}"
    unique_name: 3cx-acme
    display_name: 3CX Server-side
    sign_in_audience: AzureADMyOrg
    redirect_uris:
      - https://acme.example.com:5001/oauth2office2
    id_tokens: true
    public_client: false
    certificates:
      - "{{ lookup('file', 'keys/acme/public_key.pem') }}"
    permissions:
      - User.Read.All
      - Calendars.Read
      - Contacts.Read
      - Mail.Send
  register: app

- name: Set the connection once for all tasks of a play
  hosts: tcx
  gather_facts: false
  module_defaults:
    group/tcx.m365.entra:
      tenant_id: "{{ entra_tenant_id }}"
      client_id: "{{ entra_client_id }}"
      certificate_path: /etc/automation/entra.pem
  tasks:
    - name: Declare the least permissions for two features
      tcx.m365.azure_app_registration:
        unique_name: "3cx-{{ inventory_hostname }}"
        features: [user_sync, calendar_sync]

    - name: Adopt whatever application has the redirect URI of this PBX, or create one
      tcx.m365.azure_app_registration:
        unique_name: "3cx-{{ inventory_hostname }}"
        display_name: 3CX Server-side
        redirect_uris: ["https://{{ inventory_hostname }}.example.com/oauth2office2"]
        adopt: [redirect_uri]

    - name: Rotate the certificate, the older one goes two weeks later
      tcx.m365.azure_app_registration:
        unique_name: "3cx-{{ inventory_hostname }}"
        certificates: ["keys/{{ inventory_hostname }}/public_key.pem"]
        certificates_rotate_overlap_days: 14

    - name: Leave exactly these redirect URIs and permissions
      tcx.m365.azure_app_registration:
        unique_name: "3cx-{{ inventory_hostname }}"
        redirect_uris: ["https://{{ inventory_hostname }}.example.com/oauth2office2"]
        redirect_uris_exclusive: true
        permissions: [User.Read.All]
        permissions_exclusive: true

    - name: Everything else that an application can have
      tcx.m365.azure_app_registration:
        unique_name: "3cx-{{ inventory_hostname }}"
        spa_redirect_uris: ["https://{{ inventory_hostname }}.example.com/webclient"]
        public_client_redirect_uris: ["http://localhost"]
        home_page_url: "https://{{ inventory_hostname }}.example.com"
        logout_url: ""
        notes: Telephony, ask the help desk before you change anything here.
        tags: [telephony]
        delegated_permissions: [openid, profile, email]
        owners: [5a1c9c1e-6a43-4b0f-8d0e-0f3a2f4be6c7]
        wait: true
        wait_timeout: 120

    - name: Claims that the tokens of this application shall hold
      tcx.m365.azure_app_registration:
        unique_name: "3cx-{{ inventory_hostname }}"
        optional_claims:
          id_token:
            - {name: email, essential: true}
            - {name: extension_3c7f_extensionNumber, source: user}
          access_token:
            - {name: upn, additional_properties: [include_externally_authenticated_upn]}
          saml2_token:
            - {name: groups}

    - name: Nobody adds credentials to the service principal, and only who is assigned to it can sign in
      tcx.m365.azure_app_registration:
        unique_name: "3cx-{{ inventory_hostname }}"
        service_principal: {enabled: true, assignment_required: true, visible: false}
        service_principal_lock:
          {enabled: true, all_properties: false, credentials_with_usage_sign: true, credentials_with_usage_verify: true, token_encryption_key_id: true}

    - name: Leave this certificate and one that another system uses, and tidy up
      tcx.m365.azure_app_registration:
        unique_name: "3cx-{{ inventory_hostname }}"
        certificates: ["keys/{{ inventory_hostname }}/public_key.pem"]
        certificates_exclusive: true
        certificates_keep: [F9D4365AFC13FC27446AD529035997B32991AE85]
        certificates_prune_expired: true
        certificates_prune_duplicates: true

    - name: Take the application that the PBX points to, whatever its unique name, else the one of that name
      tcx.m365.azure_app_registration:
        app_id: "{{ tcx_application_id }}"
        unique_name: "3cx-{{ inventory_hostname }}"
        prefer: app_id

    - name: Delete the application, it can be restored for 30 days
      tcx.m365.azure_app_registration:
        unique_name: "3cx-{{ inventory_hostname }}"
        state: absent

    - name: Permanently delete an application that somebody else created
      tcx.m365.azure_app_registration:
        app_id: 0b7d3f0e-5f0c-4d3c-9a5b-3f8f5f3c2d11
        state: absent
        purge: true
        force: true

- name: Undo what the task registered as app has changed
  tcx.m365.azure_app_registration:
    app_id: "{{ app.app_id }}"
    undo: "{{ app.undo }}"
"""

RETURN = r"""
app_id:
  description: Application (client) ID. In check mode V((known after apply\)) for an application that would be created.
  returned: success
  type: str
  sample: 0b7d3f0e-5f0c-4d3c-9a5b-3f8f5f3c2d11
object_id:
  description: Object ID of the application.
  returned: success
  type: str
  sample: 356af737-0f26-40d2-b19b-43da6253dfe3
service_principal_id:
  description: Object ID of the service principal.
  returned: success
  type: str
  sample: dceb2013-57d9-4f8d-bfe6-5f90f631681e
service_principal:
  description: Properties of the service principal, such as whether it is C(enabled). Null when there is none.
  returned: success
  type: dict
  version_added: 2.0.0
  sample: {enabled: true, assignment_required: false, visible: true}
attention:
  description: What keeps users from signing in, such as a disabled application or a required assignment, one sentence each.
  returned: success
  type: list
  elements: str
disabled:
  description: Why nobody at all can sign in with the application, each a list of the reason and of what to do; empty when somebody can.
  returned: when the state is present
  type: list
  elements: list
admin_consent_url:
  description: Where an administrator of the tenant consents to everything that the application declares; empty while it has no ID.
  returned: success
  type: str
missing_rights:
  description: Permissions of which one would be needed to delete the application.
  returned: in check mode with O(state=absent), when one is missing
  type: list
  elements: str
tenant_id:
  description: ID of the tenant, also where O(tenant_id) is a domain name.
  returned: success
  type: str
  sample: 6f1c2d5e-8a86-4c8e-9d0e-8ff4f0a4c1aa
unique_name:
  description: The key of the application.
  returned: success
  type: str
  sample: 3cx-acme
display_name:
  description: The name of the application.
  returned: success
  type: str
  sample: 3CX Server-side
removed_certificates:
  description: The certificates that this task removed, with C(thumbprint), C(key_id), C(display_name), C(not_after) and the PEM
    text as C(certificate). O(certificates) puts them back.
  returned: success
  type: list
  elements: dict
certificates:
  description: All certificates of the application, the first to end first.
  returned: success
  type: list
  elements: dict
  contains:
    thumbprint: {type: str, description: SHA-1 of the certificate.}
    display_name: {type: str, description: Name of the entry. Those that this module adds begin with C(tcx.m365) and the date.}
    key_id: {type: str, description: ID of the entry.}
    not_before: {type: str, description: Begin of the validity.}
    not_after: {type: str, description: End of the validity.}
    days_left: {type: int, description: Days until then. Negative after it has expired.}
    managed: {type: bool, description: Whether it is listed in O(certificates) or was added by this module.}
credentials:
  description:
    - Everything that lets somebody sign in as the application or its service principal.
    - C(kind) is V(certificate), V(secret) or V(federated), C(name) a thumbprint or display name, C(expires) the end of its validity, C(on)
      V(application) or V(service_principal). C(owner) is V(this_pbx), V(other_pbx), or V(foreign) for one that neither the inventory names
      nor this collection has added.
  returned: when the state is present
  type: list
  elements: dict
owners:
  description: Owners of the application, each with C(id), C(name), C(type) and C(guest). Each can add credentials to it.
  returned: when the state is present
  type: list
  elements: dict
redirect_uris:
  description: Redirect URIs of all platforms.
  returned: when the state is present
  type: list
  elements: str
audience:
  description: Who can sign in to the application.
  returned: when the state is present
  type: str
adopted:
  description: Whether the application is one of somebody else that this task took for the PBX, or would take in check mode.
  returned: when the state is present
  type: bool
adoption:
  description: That application in words, with its name, owners, permissions and credentials.
  returned: when the state is present
  type: str
unknown_credentials:
  description:
    - Credentials and owners that nobody here knows, see O(tcx.m365.graph_permission_grant#module:unknown_credentials). Empty if the operator
      stated the application.
  returned: when the state is present
  type: list
  elements: str
findings:
  description: What an operator has to know of the application although no option asks for it, in sentences.
  returned: when the state is present
  type: list
  elements: str
kept_for:
  description: Who else uses the application, so that it was not deleted.
  returned: when the state is absent
  type: list
  elements: str
unmanaged:
  description: What is there besides what is listed, by option. An option that is not given lists nothing.
  returned: success
  type: dict
  sample: {"redirect_uris": ["https://old.example.com/oauth2office2"], "certificates": [], "permissions": ["Directory.Read.All"]}
auth_source:
  description: How the module has signed in.
  returned: success
  type: str
  sample: client_secret
waited:
  description: Seconds spent waiting, for replication, for other writers and because of throttling.
  returned: success
  type: float
  sample: 0.6
refused:
  description: What O(undo) did not undo, with the expected and the found value, and the reason.
  returned: with O(undo)
  type: list
  elements: dict
undo:
  description: The changes that were carried out, with all that the option O(undo) needs. It holds no secret.
  returned: always
  type: list
  elements: dict
changes:
  description: What differed. The same in check mode and outside of it.
  returned: success
  type: list
  elements: dict
  contains:
    target: {type: str, description: V(application) or V(service_principal).}
    field: {type: str, description: "The option, or V(state)."}
    before: {type: raw, description: "What was there. Certificates by thumbprint, permissions by name."}
    after: {type: raw, description: What is there now.}
  sample:
    - target: application
      field: redirect_uris
      before: []
      after: ["https://acme.example.com:5001/oauth2office2"]
diff:
  description: The same as text.
  returned: success
  type: dict
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

from ansible_collections.tcx.m365.plugins.module_utils._capabilities.azure_app_registration import CAPABILITY
from ansible_collections.tcx.m365.plugins.module_utils._task import run_as_module


def main() -> None:
    run_as_module(CAPABILITY)


if __name__ == "__main__":
    main()
