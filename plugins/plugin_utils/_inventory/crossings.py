# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refuses the hosts of a play whose inventory crosses two customers, once per run, before anything is written.

All hosts that the pattern of the play names are compared, those that ``--limit`` leaves out as well: the customer whose
key or PBX an entry has taken by mistake is rarely in the same batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.hosts import authorities, authority
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.certificates import parse_all
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, M365Error
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import arguments as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.guards import (
    MOST_NAMED,
    Identity,
    address_of,
    conflicts,
    neighbors,
    undecided,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import HostVariables
from ansible_collections.tcx.m365.plugins.plugin_utils._wording import listed

_READ = (
    "tcx_url",
    "tcx_fqdn",
    "entra_tenant_id",
    "entra_app_app_id",
    "entra_app_unique_name",
    "entra_app_certificates",
    "entra_app_public_key",
)
_TO_RESOLVE = (
    "entra_tenant_id",
    "entra_cloud",
    "entra_authority_host",
    "entra_graph_endpoint",
    "entra_ca_path",
    "entra_validate_certs",
    "entra_proxy",
    "entra_timeout",
    "entra_deadline",
)
_SIGNS_IN = ("tcx_client_id", "tcx_client_secret")
_KIND = "fleet_crossings"
_CREDENTIALS = "fleet_credentials"
_CLAIMS = "fleet_fqdn"
_REMEDY = "Correct the inventory; nothing was written for any of them."


class Crossings:
    """The hosts of one play that are refused, and the certificates of those that share an application."""

    def __init__(self, refused: Mapping[str, str], neighbors: Mapping[str, list[str]] | None = None) -> None:
        self._refused = refused
        self._neighbors = neighbors or {}

    @classmethod
    def of(
        cls, variables: HostVariables, hosts: list[str], store: RunStore, read: ReadIdentities | None = None
    ) -> Crossings:
        """Compare the hosts of the play; the first task of a run does it for all others.

        :param hosts: the hosts of the play that are left by ``--limit``.
        :param read: reads what tells each of them, as :func:`identity_of` does it here for those that this leaves out.
        """
        universe = sorted({*hosts, *variables.all_of_play()})
        key = "|".join([*sorted(hosts), "", *universe])
        with store.lock(_KIND, key):
            compared = store.get(_KIND, key)
            if compared is None:
                run = frozenset(hosts)
                known = dict(read(universe, run)) if read is not None else {}
                identities = {host: known.get(host) or identity_of(variables, host, run) for host in universe}
                for host in undecided(identities):
                    identities[host] = _resolved(variables, host, identities[host], of_run=host in run)
                compared = {"refused": conflicts(identities), "neighbors": neighbors(identities)}
                store.put(_KIND, key, compared)
        return cls(compared["refused"], compared["neighbors"])

    def check(self, host: str) -> None:
        """Raise :class:`BadInput` when the host must not be worked on."""
        if host in self._refused:
            raise BadInput(self._refused[host], tried="check the inventory", remedy=_REMEDY)

    def neighbors(self, host: str) -> tuple[str, ...]:
        """Thumbprints of the certificates that the inventory has for other PBXs with the application of this one."""
        return tuple(self._neighbors.get(host) or ())


ReadIdentities = Callable[[list[str], frozenset[str]], Iterable[tuple[str, Identity]]]
"""From the hosts of a play, and those of them that are left by ``--limit``, to what tells each of them."""


def identity_of(variables: HostVariables, host: str, run: frozenset[str]) -> Identity:
    """What cannot be read is no conflict: the host that needs it says so itself.

    :param run: the hosts that are left by ``--limit``.
    """
    known = variables.some(host, _READ, without_extra=host not in run)
    url = known.text("tcx_url")
    name = known.text("entra_app_app_id") or known.text("entra_app_unique_name")
    # Without an address its further names have no port to be compared by, and the host says itself what it lacks.
    names = authorities(url, _list(known, "tcx_fqdn")) if authority(url) else ()
    return Identity(
        address=address_of(url),
        names=frozenset(address_of(f"https://{further_name}") for further_name in names),
        tenant=known.text("entra_tenant_id").rstrip(".").lower(),
        application=name or f"3cx-{host}",
        is_stated=bool(name),
        thumbprints=_thumbprints(known),
    )


def _resolved(variables: HostVariables, host: str, identity: Identity, *, of_run: bool) -> Identity:
    """With the ID of the tenant in place of a domain of it; as it was where nobody knows that domain."""
    try:
        tenant = variables.some(host, _TO_RESOLVE, without_extra=not of_run).tenant
    except M365Error:
        return identity
    return replace(identity, tenant=tenant or identity.tenant)


def _list(known: Mapping[str, Any], name: str) -> list[str]:
    try:
        return [str(item) for item in known.get(name) or ()]
    except M365Error:
        return []


def _thumbprints(known: Mapping[str, Any]) -> frozenset[str]:
    try:
        return frozenset(certificate.thumbprint for certificate in parse_all(arguments_of.certificates(known)))
    except (M365Error, ValueError, OSError):
        return frozenset()


def claimants(store: RunStore, host: str, redirect_uri: str) -> list[str]:
    """Remember under which name the PBX of a host is reached.

    :returns: all hosts of the run by now whose PBX says the same of itself, this one among them.
    """
    address = address_of(redirect_uri)
    if not address:
        return [host]
    with store.shared(_CLAIMS, address) as known:
        known["hosts"] = sorted({*known.get("hosts", ()), host})
        return list(known["hosts"])


def with_one_credential(variables: HostVariables, host: str, store: RunStore) -> list[str]:
    """The other hosts of the play that sign in to their PBX in the same name; read where one has lost its token to somebody."""
    with store.lock(_CREDENTIALS, ""):
        others: dict[str, list[str]] | None = store.get(_CREDENTIALS, "")
        if others is None:
            by_credential: dict[tuple[str, ...], list[str]] = {}
            for name in variables.all_of_play():
                known = variables.some(name, _SIGNS_IN, without_extra=False)
                by_credential.setdefault(tuple(known.text(option) for option in _SIGNS_IN), []).append(name)
            shared = [hosts for credential, hosts in by_credential.items() if all(credential) and len(hosts) > 1]
            others = {name: [other for other in hosts if other != name] for hosts in shared for name in hosts}
            store.put(_CREDENTIALS, "", others)
    return others.get(host) or []


def claim(store: RunStore, host: str, redirect_uri: str) -> None:
    """Refuse a host when another one has the same PBX.

    :raises BadInput: two hosts of the run are one PBX, although their addresses differ.
    """
    refuse_shared(claimants(store, host, redirect_uri), redirect_uri)


def claimed_together(store: RunStore, reached: Mapping[str, str]) -> dict[str, list[str]]:
    """As :func:`claimants`, for hosts that are checked together, with those of their run that were before.

    :param reached: by host, the redirect URI that its PBX says.
    """
    addresses = {host: address_of(redirect_uri) for host, redirect_uri in reached.items()}
    with store.shared(_CLAIMS, "together") as known:
        together: dict[str, set[str]] = {address: set(hosts) for address, hosts in known.items()}
        for host, address in addresses.items():
            together.setdefault(address, set()).add(host)
        known.update({address: sorted(hosts) for address, hosts in together.items() if address})
        return {host: known.get(address) or [host] for host, address in addresses.items()}


def refuse_shared(hosts: list[str], redirect_uri: str) -> None:
    """:raises BadInput: more than one host of the run says that it is this PBX."""
    if len(hosts) > 1:
        raise BadInput(
            f"The hosts {listed(hosts, MOST_NAMED)} of the inventory are one PBX: each of them says that it is "
            f"{address_of(redirect_uri)}",
            tried="check the inventory",
            remedy="Correct the inventory. Nothing more is written for them in this run.",
        )
