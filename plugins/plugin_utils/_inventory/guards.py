# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the inventory crosses two customers: one PBX, one key or one name at two hosts.

A copied block of an inventory is enough to link the PBX of one customer to the tenant of another. One host alone never
shows it, so all hosts are compared, before anything is written.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ansible_collections.tcx.m365.plugins.plugin_utils._wording import listed

_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class Identity:
    """What tells a host of the inventory from all others.

    :param address: of the PBX, normalized by :func:`address_of`; empty when unknown.
    :param tenant: id or domain of the tenant.
    :param application: the id or unique name by which the inventory names the application.
    :param is_stated: whether the inventory states it for this host, or it was derived from the name of the host.
    :param thumbprints: of the certificates that the application is to get.
    :param names: ``host:port`` of all names of the PBX.
    """

    address: str = ""
    tenant: str = ""
    application: str = ""
    is_stated: bool = False
    thumbprints: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()


def address_of(url: str) -> str:
    """``host:port`` of a base address; empty when it is none. Spellings of one address give one text."""
    try:
        parts = urlsplit(url.strip() if "//" in url else f"https://{url.strip()}")
        port = parts.port
    except ValueError:
        return ""
    host = (parts.hostname or "").rstrip(".")
    if not host:
        return ""
    with contextlib.suppress(ValueError):
        return f"{ipaddress.ip_address(host)}:{port or _DEFAULT_PORTS.get(parts.scheme.lower(), 443)}"
    try:
        host = host.encode("idna").decode("ascii")
    except UnicodeError:
        host = host.casefold()
    return f"{host}:{port or _DEFAULT_PORTS.get(parts.scheme.lower(), 443)}"


def conflicts(identities: Mapping[str, Identity]) -> dict[str, str]:
    """The hosts that must not be worked on, each with the sentence that says why and names all of them."""
    refused: dict[str, str] = {}
    for judge in (_one_pbx, _one_certificate, _one_name, _one_application):
        for hosts, reason in judge(identities):
            for host in hosts:
                refused.setdefault(host, reason)
    return refused


def undecided(identities: Mapping[str, Identity]) -> list[str]:
    """The hosts about which nothing can be said before the domains of their tenants are resolved: those that have a
    certificate or an application in common, in tenants of which one is written as an ID and another as a domain."""
    hosts_to_resolve: set[str] = set()
    shared = [
        *_by(identities, lambda identity: identity.thumbprints),
        *_by(identities, lambda identity: [identity.application.casefold()] if identity.application else []),
    ]
    for _key, hosts in shared:
        written = {identities[host].tenant.casefold() for host in hosts}
        if len(written) > 1 and not all(_is_id(tenant) for tenant in written):
            hosts_to_resolve.update(host for host in hosts if not _is_id(identities[host].tenant))
    return sorted(hosts_to_resolve)


def neighbors(identities: Mapping[str, Identity]) -> dict[str, list[str]]:
    """By host, the thumbprints that the inventory has for other hosts of the same tenant and the same application; one that
    it has for the host as well is the other's all the same."""
    hosts: dict[tuple[str, str], list[str]] = {}
    for host, identity in identities.items():
        hosts.setdefault(_place(identity), []).append(host)
    others = {
        host: sorted(
            {
                thumbprint
                for other in hosts[_place(identity)]
                if other != host
                for thumbprint in identities[other].thumbprints
            }
        )
        for host, identity in identities.items()
        if identity.tenant and len(hosts[_place(identity)]) > 1
    }
    return {host: thumbprints for host, thumbprints in others.items() if thumbprints}


def _place(identity: Identity) -> tuple[str, str]:
    return identity.tenant.lower(), identity.application.lower()


Judgment = tuple[list[str], str]


def _one_pbx(identities: Mapping[str, Identity]) -> Iterable[Judgment]:
    """Nor is one PBX a further name of another: it could have the sign-ins of that one sent to itself."""
    for address, hosts in _by(identities, lambda identity: {identity.address, *identity.names} - {""}):
        where = "tcx_url" if all(identities[host].address == address for host in hosts) else "tcx_url or tcx_fqdn"
        yield hosts, f"{_names(hosts)} of the inventory are one PBX: {where} of each is {address}"


def _one_certificate(identities: Mapping[str, Identity]) -> Iterable[Judgment]:
    """One certificate at one application that is shared on purpose is no conflict."""
    for thumbprint, hosts in _by(identities, lambda identity: identity.thumbprints):
        if not _share(identities, hosts):
            yield (
                hosts,
                f"{_names(hosts)} of the inventory have the same certificate {thumbprint} and different applications, "
                "so that one of these PBXs could sign in as the other",
            )


def _one_name(identities: Mapping[str, Identity]) -> Iterable[Judgment]:
    """A name that one host states and another has derived from its own name was not meant to be shared."""

    def key(identity: Identity) -> list[str]:
        return [f"{identity.tenant.casefold()} {identity.application.casefold()}"] if identity.application else []

    for _key, hosts in _by(identities, key):
        if not all(identities[host].is_stated for host in hosts):
            name = identities[hosts[0]].application
            yield (
                hosts,
                f"{_names(hosts)} of the inventory would share the application {name}, which is not stated for each of them",
            )


def _one_application(identities: Mapping[str, Identity]) -> Iterable[Judgment]:
    """An application is registered in one tenant."""
    stated = {host: identity for host, identity in identities.items() if _is_id(identity.application)}
    for application, hosts in _by(stated, lambda identity: [identity.application.casefold()]):
        if len({identities[host].tenant.casefold() for host in hosts}) > 1:
            yield hosts, f"{_names(hosts)} of the inventory state the application {application} in different tenants"


def _is_id(application: str) -> bool:
    return len(application) == 36 and application.count("-") == 4


def _share(identities: Mapping[str, Identity], hosts: list[str]) -> bool:
    shared = {(identities[host].tenant.casefold(), identities[host].application.casefold()) for host in hosts}
    return len(shared) == 1 and all(identities[host].is_stated and identities[host].application for host in hosts)


def _by(identities: Mapping[str, Identity], keys: Callable[[Identity], Iterable[str]]) -> list[tuple[str, list[str]]]:
    """What more than one host has, with these hosts."""
    by_key: dict[str, list[str]] = {}
    for host in sorted(identities):
        for key in set(keys(identities[host])):
            by_key.setdefault(key, []).append(host)
    return [(key, hosts) for key, hosts in sorted(by_key.items()) if len(hosts) > 1]


MOST_NAMED = 10
"""Each of these hosts is told the names of the others: of a value that a whole fleet has by mistake that would be gigabytes."""


def _names(hosts: list[str]) -> str:
    some = listed(hosts, MOST_NAMED) if len(hosts) > MOST_NAMED else f"{', '.join(hosts[:-1])} and {hosts[-1]}"
    return f"The hosts {some}"
