# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Made by `make generate` from module_utils/_pbx/properties.py and tools/texts/settings.yml; do not edit.

"""Options for the Microsoft 365 settings of a PBX, of the modules that write them and that look ahead."""

from __future__ import annotations


class ModuleDocFragment:
    """What the console shows under Integrations > Microsoft 365."""

    DOCUMENTATION = r"""
options:
  user_sync:
    description: Synchronization of users.
    type: dict
    suboptions:
      enabled:
        description: Whether extensions are created and updated from users of Microsoft 365.
        type: bool
      scope:
        description:
          - Which users are synchronized. V(all) of them, V(all_except) those in O(user_sync.users), the V(selected)
            ones in O(user_sync.users), or the members of O(user_sync.groups).
          - V(groups) needs 3CX 20.0.9.
        type: str
        choices: [all, all_except, selected, groups]
      users:
        description:
          - Users that O(user_sync.scope) speaks of, by user principal name, mail address or object ID.
          - The PBX itself looks them up. Those that it does not find are an error that names all of them.
          - A PBX that is not linked to its application yet is linked before it looks them up; check mode tells that
            they were not checked.
        type: list
        elements: str
      groups:
        description:
          - Groups that O(user_sync.scope) speaks of, by name or object ID. Needs 3CX 20.0.9, and an application that
            may read groups.
        type: list
        elements: str
      starting_extension:
        description:
          - The first extension number given to new users. It must have as many digits as the PBX's extensions have.
            Write it in quotes, because YAML changes numbers with a leading zero.
        type: str
      photo:
        description: Whether the users' photos are synchronized.
        type: bool
      office_phone:
        description: Whether office phone numbers are synchronized.
        type: bool
      departments:
        description: Whether departments are synchronized.
        type: bool
      details:
        description: Whether further details of the users are synchronized. Needs 3CX 20.0.6.
        type: bool
      guests:
        description: Whether guests of the tenant are synchronized as well.
        type: bool
      users_exclusive:
        description: Whether users that are not in O(user_sync.users) are taken out of the selection.
        type: bool
        default: false
      groups_exclusive:
        description: Whether groups that are not in O(user_sync.groups) are taken out of the selection.
        type: bool
        default: false
  sign_in:
    description: Signing in to web client and console with the Microsoft 365 account.
    type: dict
    suboptions:
      enabled:
        description: Whether it is offered. It is then open to all synchronized users but those who are opted out.
        type: bool
      opt_out:
        description:
          - Users who may not sign in with Microsoft, by mail address or extension number. Others are left as they are.
        type: list
        elements: str
      opt_in:
        description:
          - Users who may (again) sign in with Microsoft, by mail address or extension number. Others are left as they
            are.
        type: list
        elements: str
  contact_sync:
    description: Synchronization of the users' personal contacts.
    type: dict
    suboptions:
      enabled:
        description: Whether it is on. Needs a Professional or Enterprise license.
        type: bool
  shared_mailboxes:
    description: Synchronization of the contacts of shared mailboxes.
    type: dict
    suboptions:
      enabled:
        description: Whether it is on. Needs a Professional or Enterprise license.
        type: bool
      scope:
        description: Which shared mailboxes are synchronized.
        type: str
        choices: [all, all_except, selected]
      mailboxes:
        description: The mailboxes that O(shared_mailboxes.scope) speaks of, by mail address or object ID.
        type: list
        elements: str
      mailboxes_exclusive:
        description: Whether mailboxes that are not in O(shared_mailboxes.mailboxes) are taken out of the selection.
        type: bool
        default: false
  calendar_sync:
    description: The status of a user follows the calendar.
    type: dict
    suboptions:
      enabled:
        description: Whether it is on. Needs a Professional or Enterprise license.
        type: bool
  presence:
    description: Presence in Teams and status on the PBX.
    type: dict
    suboptions:
      enabled:
        description: Whether the PBX sets presence in Teams.
        type: bool
        aliases: [set_teams_presence]
      pbx_to_m365_busy:
        description: Whether a user who is in a call of the PBX is shown as busy.
        type: bool
      pbx_to_m365:
        description: Which status of the PBX sets which presence.
        type: list
        elements: dict
        suboptions:
          from:
            description: Status on the PBX.
            type: str
            required: true
            choices: [available, away, out_of_office]
          to:
            description: Presence in Microsoft 365.
            type: str
            required: true
            choices:
              - available
              - busy
              - away
              - available_idle
              - busy_idle
              - do_not_disturb
              - be_right_back
              - in_meeting
              - in_call
      m365_to_pbx:
        description: Which presence sets which status of the PBX.
        type: list
        elements: dict
        suboptions:
          from:
            description: Presence in Microsoft 365.
            type: str
            required: true
            choices:
              - available
              - busy
              - away
              - available_idle
              - busy_idle
              - do_not_disturb
              - be_right_back
              - in_meeting
              - in_call
          to:
            description: Status on the PBX.
            type: str
            required: true
            choices: [available, away, out_of_office]
      pbx_to_m365_exclusive:
        description: Whether bindings that are not in O(presence.pbx_to_m365) are removed.
        type: bool
        default: false
      m365_to_pbx_exclusive:
        description: Whether bindings that are not in O(presence.m365_to_pbx) are removed.
        type: bool
        default: false
      account_token:
        description:
          - Access token of the account that sets presence for all users, with the delegated permission
            C(Presence.ReadWrite). It is handed to the PBX when the PBX has no working one.
          - The PBX cannot tell whose token it has, so a working one is kept.
        type: str
      deauthorize:
        description: Whether the PBX is to forget the account that sets presence.
        type: bool
        default: false
  mail:
    description: The PBX's own mail (voicemail, reports, welcome messages).
    type: dict
    suboptions:
      microsoft365:
        description:
          - Whether it is sent through Microsoft 365. V(false) returns to the mail server of 3CX if it is, and changes
            nothing if another server is configured. Needs 3CX 20.0.7.
        type: bool
  teams:
    description:
      - Direct Routing between the PBX and Microsoft Teams. Needs an Enterprise license of 16 simultaneous calls or
        more.
    type: dict
    suboptions:
      enabled:
        description: Whether it is on.
        type: bool
      sbc_fqdn:
        description:
          - Name under which Teams reaches the PBX. The PBX checks that it leads to itself, before anything is written.
        type: str
      native_fqdn:
        description: Whether the PBX's own name is used instead of a name of the customer.
        type: bool
      tls_port_native_fqdn:
        description: TLS port when the PBX's own name is used.
        type: int
      tls_port:
        description: TLS port when a name of the customer is used.
        type: int
      dynamic_ip:
        description: Whether the public address of the PBX is dynamic.
        type: bool
      sip_domain:
        description: SIP domain of the users in Teams.
        type: str
      secure_sip:
        description: Whether Secure SIP is used towards Teams.
        type: bool
      dial_plan_code:
        description: Country code of the dial plan.
        type: str
      area_code:
        description: Area code of the dial plan.
        type: str
      certificate:
        description:
          - Certificate for O(teams.sbc_fqdn), with its chain, as PEM text or as a path on the host that runs the task.
          - XAPI does not give it back. It counts as uploaded when the name of the file (which holds the fingerprint) or
            the end date on the PBX is that of the certificate.
        type: str
      private_key:
        description:
          - Private key of O(teams.certificate), unencrypted, as PEM text or as a path on the host that runs the task.
        type: str
      scripts_dir:
        description:
          - Directory on the host that runs the task, to which the PowerShell scripts for dial plan and users are saved.
            It must exist. Not used in check mode.
        type: path
      check_mapping:
        description: Whether to fail when the PBX says that its Teams users are not mapped.
        type: bool
        default: false
"""
