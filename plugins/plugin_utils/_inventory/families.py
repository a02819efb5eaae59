# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which inventory variable sets which option: one rule, taken from the argument specs of the modules.

A variable is the name of an option behind the prefix of its family. A family is a prefix and the specs whose options it
sets; what the steps decide by themselves is named here, and nothing else is.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._capabilities import (
    _entra_connection,
    _pbx_connection,
    azure_app_registration,
    entra_preflight,
    graph_permission_grant,
    graph_user_info,
    sso_probe,
    tcx_m365_settings,
    tcx_m365_settings_info,
    tcx_preflight,
)
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability

Option = Mapping[str, Any]

ENTRA = "entra_"
PBX = "tcx_"
APPLICATION = "entra_app_"
CONSOLE = "tcx_console_"

FEATURES_PROFILE = "features"
GUIDE_PROFILE = "guide"


@dataclass(frozen=True)
class Source:
    """Where the options of one capability come from.

    :param own: prefix of the options that are neither connection; nothing where the steps decide all of them.
    :param renamed: option -> variable, where the rule would give another name.
    :param decided: options that the steps decide, so that no variable sets them.
    """

    capability: Capability
    own: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    decided: frozenset[str] = frozenset()

    @functools.cached_property
    def variables(self) -> Mapping[str, str]:
        """Option -> variable, in the order of the spec."""
        names = {}
        for option in self.capability.argument_spec:
            if option in self.decided:
                continue
            name = self.renamed.get(option) or self._by_rule(option)
            if name:
                names[option] = name
        return names

    def _by_rule(self, option: str) -> str:
        if option.startswith(ENTRA):
            return option
        sides = []
        # What a module that talks to the PBX shares with the other side (ca_path, timeout) means the PBX.
        if "url" in self.capability.argument_spec:
            sides.append((PBX, _pbx_connection.ARGUMENT_SPEC))
        if "graph_endpoint" in self.capability.argument_spec or not self.own:
            sides.append((ENTRA, _entra_connection.ARGUMENT_SPEC))
        for prefix, spec in sides:
            if option in spec:
                return prefix + option
        return self.own + option if self.own else ""


_DAYS = "preflight_certificate_warning_days"

SOURCES: Mapping[str, Source] = {
    source.capability.name: source
    for source in (
        Source(
            tcx_preflight.CAPABILITY,
            CONSOLE,
            {"thorough": "preflight_thorough", "warning_days": _DAYS, "fqdn": "tcx_fqdn"},
        ),
        Source(
            entra_preflight.CAPABILITY,
            APPLICATION,
            {"grants": "entra_app_manage_grants", "warning_days": _DAYS},
            frozenset(
                {"pbx", "pbx_names", "pbx_app_id", "pbx_tenant_id", "pbx_healthy", "pbx_tls_thumbprint", "users"}
                | {"writes"}
            ),
        ),
        Source(
            azure_app_registration.CAPABILITY,
            APPLICATION,
            {"grants": "entra_app_manage_grants"},
            decided=frozenset({"unique_name", "app_id", "prefer", "state", "purge", "undo"})
            | {"pbx", "pbx_names", "require_evidence", "in_use", "deleted_app_id", "shared_certificates"},
        ),
        Source(
            graph_permission_grant.CAPABILITY,
            APPLICATION,
            decided=frozenset({"app_id", "state", "pbx", "pbx_names", "unknown_credentials"}),
        ),
        Source(
            tcx_m365_settings.CAPABILITY, CONSOLE, decided=frozenset({"consent_url", "linked_application_id", "undo"})
        ),
        Source(sso_probe.CAPABILITY),
        Source(graph_user_info.CAPABILITY),
        Source(tcx_m365_settings_info.CAPABILITY),
    )
}

BESIDES: Mapping[str, Option] = {
    "entra_tenant_name": {"type": "str"},
    "entra_app_public_key": {"type": "str"},
    "entra_app_manage": {"type": "bool"},
    "entra_app_permissions_profile": {"type": "str", "choices": [FEATURES_PROFILE, GUIDE_PROFILE]},
    "entra_app_guide_permissions": {"type": "list", "elements": "raw"},
    "sso_verify_enabled": {"type": "bool"},
    "sso_verify_people": {"type": "bool"},
    "sso_verify_fail_on_leavers": {"type": "bool"},
    "tcx_m365_in_process": {"type": "bool"},
    "tcx_m365_connection": {"type": "str"},
    "tcx_m365_become": {"type": "bool"},
    "rotate_certificate_overlap_days": {"type": "int"},
    "offboard_confirm": {"type": "bool"},
    "offboard_purge": {"type": "bool"},
    "offboard_without_pbx": {"type": "list", "elements": "str"},
    "capture_dir": {"type": "str"},
    "snapshot_dir": {"type": "str"},
    "snapshot": {"type": "str"},
    "on_failure": {"type": "str", "choices": ["keep", "rollback"]},
    "bootstrap_profile": {"type": "str", "choices": ["full", "owned_by", "read_only"]},
    "bootstrap_permissions": {"type": "list", "elements": "str"},
    "unknown_variables": {"type": "str", "choices": ["warn", "fail", "ignore"]},
}
"""Variables that steer the steps and are no option of a module."""


@dataclass(frozen=True)
class Known:
    """One variable that is read.

    :param option: the name of the option that it sets; its own where it sets none.
    :param whole: text is one element, because it may be a certificate.
    """

    option: str
    spec: Option
    whole: bool = False


@functools.lru_cache(maxsize=1)
def variables() -> Mapping[str, Known]:
    """Every variable that sets an option or steers the steps, by name."""
    known = {name: Known(name, spec) for name, spec in BESIDES.items()}
    for source in SOURCES.values():
        spec = source.capability.argument_spec
        for option, name in source.variables.items():
            known.setdefault(name, Known(option, spec[option], option in source.capability.files))
    return known
