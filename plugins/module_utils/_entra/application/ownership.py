# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which PBX an application, a certificate or a redirect URI is there for. Pure.

An application may be shared by several PBXs. Three marks tell whose is what: a tag of the application for each PBX, the
display name of a certificate that we have added, and the authority of a redirect URI. A mark protects what is another
PBX's from us; it never vouches for anything, because every owner of an application can set it: whom to trust, ``adoption`` decides.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..._common import hosts
from ..._common.text import quoted
from .certificates import MARK, name_of, thumbprint_of

Json = dict[str, Any]

PBX_TAG = "tcx.m365:pbx="
"""Begin of a tag for each PBX that uses an application; its authority (``host[:port]``) follows."""

ADOPTED_TAG = "tcx.m365:adopted"
"""Tag of an application that was there before us: what others made of it stays."""

_ID = re.compile(r"[0-9A-Fa-f]{40}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_NAME = re.compile(re.escape(MARK) + r" \d{4}-\d{2}-\d{2}(?: (?P<pbx>\S+))?")
_LONGEST = 60
"""Graph cuts a display name of a key off at 90 characters (documented), of which the mark and a date take 20."""


@dataclass(frozen=True)
class Pbx:
    """The PBX that a task works for.

    :param identity: ``host[:port]`` of its address in the inventory.
    :param authorities: all of them: that one, and those of its further names in the inventory.
    """

    identity: str
    authorities: frozenset[str] = frozenset()

    @classmethod
    def of(cls, url: str, names: Iterable[str] = ()) -> Pbx | None:
        """The PBX behind an address; ``None`` where the text is no address."""
        authorities = hosts.authorities(url, names)
        return cls(authorities[0], frozenset(authorities)) if hosts.authority(url) else None

    @property
    def tag(self) -> str:
        return PBX_TAG + self.identity

    @property
    def label(self) -> str:
        """How a certificate's display name tells that it is this PBX's."""
        return label_of(self.identity)

    def owns_uri(self, uri: str) -> bool:
        return hosts.authority(uri) in self.authorities


@dataclass(frozen=True)
class Stakes:
    """What others hold in an application, seen from one PBX.

    :param pbxs: identities of other PBXs, as far as a mark names them.
    :param uris: redirect URIs on other authorities than this PBX's.
    :param certificates: thumbprints (or key ids) of certificates of other PBXs.
    :param tagged: whether the application has been marked as this PBX's before.
    """

    pbxs: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    tagged: bool = False

    @property
    def shared(self) -> bool:
        """Whether anybody but this PBX has something to lose."""
        return bool(self.pbxs or self.uris or self.certificates)

    def others(self) -> list[str]:
        """Who and what, in words."""
        return [
            *(f"the PBX {quoted(identity)}" for identity in self.pbxs),
            *(f"the redirect URI {quoted(uri)}" for uri in self.uris),
            *(f"the certificate {thumbprint}" for thumbprint in self.certificates),
        ]


def label_of(identity: str) -> str:
    """An identity as it stands in a certificate's display name: cut to a hash where it is too long."""
    if len(identity) <= _LONGEST:
        return identity
    return "sha256:" + hashlib.sha256(identity.encode("utf-8")).hexdigest()[:32]


def pbxs_of(application: Mapping[str, Any]) -> list[str]:
    """Identities of the PBXs that an application is marked for."""
    tags = [str(tag) for tag in application.get("tags") or ()]
    return list(dict.fromkeys(tag[len(PBX_TAG) :] for tag in tags if tag.startswith(PBX_TAG)))


def is_marked(application: Mapping[str, Any]) -> bool:
    """Whether an application carries our mark."""
    return MARK in (application.get("tags") or ())


def is_adopted(application: Mapping[str, Any]) -> bool:
    """Whether an application was there before us."""
    return ADOPTED_TAG in (application.get("tags") or ())


def entry_owner(entry: Mapping[str, Any]) -> str | None:
    """The label of the PBX that a key credential was added for.

    Empty for an entry of ours that does not say it (made by an earlier release, or by a task without a PBX); ``None``
    for an entry that is not ours.
    """
    name = str(entry.get("displayName") or "")
    match = _NAME.fullmatch(name)
    if match:
        return match["pbx"] or ""
    return "" if name == MARK or name.startswith(MARK + " ") else None


def redirect_uris(application: Mapping[str, Any]) -> list[str]:
    """All redirect URIs of an application, of every platform."""
    uris: list[str] = []
    for platform in ("web", "spa", "publicClient"):
        part = application.get(platform)
        uris += [str(uri) for uri in (part.get("redirectUris") if isinstance(part, Mapping) else None) or ()]
    return uris


def return_uri(application: Mapping[str, Any], pbx: Pbx | None) -> str:
    """Where an administrator gets to after a consent: a redirect URI of the PBX that the task works for, and of nobody else.

    Empty where there is none; without a PBX the first one, as the task itself lists them.
    """
    web = application.get("web")
    uris = [str(uri) for uri in (web.get("redirectUris") if isinstance(web, Mapping) else None) or ()]
    return next((uri for uri in uris if pbx is None or pbx.owns_uri(uri)), "")


def has_entries_of(application: Mapping[str, Any], pbx: Pbx, own: Iterable[str] = ()) -> bool:
    """Whether an application has a certificate that the inventory names for this PBX, or a redirect URI of it."""
    thumbprints = frozenset(own)
    if any(thumbprint_of(entry) in thumbprints for entry in application.get("keyCredentials") or ()):
        return True
    return any(pbx.owns_uri(uri) for uri in redirect_uris(application))


def stakes(application: Mapping[str, Any], pbx: Pbx, own: Iterable[str] = ()) -> Stakes:
    """What others hold in an application.

    :param own: thumbprints that the inventory names for this PBX; of these only the ones count as another PBX's that
        carry its label.
    """
    marked_for = pbxs_of(application)
    thumbprints = frozenset(own)
    certificates = []
    for entry in application.get("keyCredentials") or ():
        owner = entry_owner(entry)
        if owner not in (None, "", pbx.label) and thumbprint_of(entry) not in thumbprints:
            certificates.append(name_of(entry))
    return Stakes(
        pbxs=tuple(identity for identity in marked_for if identity != pbx.identity),
        uris=tuple(uri for uri in redirect_uris(application) if not pbx.owns_uri(uri)),
        certificates=tuple(certificates),
        tagged=pbx.identity in marked_for,
    )


def is_own_certificate(entry: Mapping[str, Any], pbx: Pbx, holdings: Stakes, own: Iterable[str] = ()) -> bool:
    """Whether a certificate is this PBX's, so that its rotation and its end may remove it.

    One of ours without a PBX in its name counts where the application was marked as this PBX's alone before.
    """
    owner = entry_owner(entry)
    if owner == pbx.label:
        return True
    if owner is None or owner == "":
        if thumbprint_of(entry) in frozenset(own):
            return True
        return owner == "" and holdings.tagged and not holdings.shared
    return False


@dataclass(frozen=True)
class Credential:
    """One credential of an application or of its service principal.

    :param kind: ``certificate``, ``secret`` or ``federated``.
    :param owner: ``this_pbx``, ``other_pbx`` or ``foreign``.
    :param on: ``application`` or ``service_principal``.
    """

    kind: str
    name: str
    expires: str | None
    owner: str
    on: str = "application"
    hint: str = field(default="", compare=False)

    def as_dict(self) -> Json:
        return {name: value for name, value in vars(self).items() if name != "hint"}

    def words(self) -> str:
        """In a sentence."""
        kinds = {"certificate": "certificate", "secret": "client secret", "federated": "federated credential"}
        where = "" if self.on == "application" else " of its service principal"
        # Whoever made it chose its name: in quotes it cannot go on as a sentence of ours.
        name = self.name if _ID.fullmatch(self.name) else repr(self.name)
        return f"the {kinds[self.kind]} {name}{where}"
