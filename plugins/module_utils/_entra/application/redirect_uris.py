# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Microsoft Entra is known to refuse about redirect URIs, told before anything is written. Pure.

Source: https://learn.microsoft.com/entra/identity-platform/reply-url (documented limits and restrictions).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ..._common.tree import dig
from ..._errors import BadInput, Conflict
from .model import URI_LISTS

LONGEST = 256
_MOST_WORK, _MOST_PERSONAL = 256, 100
_PERSONAL = ("AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount")
_FORBIDDEN = frozenset("!$'(),;\\\"<>{}|^`")

PLATFORMS = {
    "redirect_uris": "Web",
    "spa_redirect_uris": "Single-page application",
    "public_client_redirect_uris": "Mobile and desktop applications",
}
"""Option -> the platform under which the portal shows it."""


def check(lists: Mapping[str, Sequence[str] | None]) -> None:
    """Check all given lists.

    :param lists: options of :data:`PLATFORMS`.
    :raises BadInput: a URI that is refused, or one that is given for two platforms.
    """
    platform_of: dict[str, str] = {}
    for option, uris in lists.items():
        for uri in uris or ():
            _check_one(option, uri)
            other = platform_of.setdefault(uri, option)
            if other != option:
                raise BadInput(
                    f"{uri} is given in O({other}) and in O({option})",
                    remedy="One redirect URI belongs to one platform of an application: remove it from one of the two.",
                )


def _check_one(option: str, uri: str) -> None:
    if len(uri) > LONGEST:
        raise BadInput(f"O({option}): a redirect URI has at most {LONGEST} characters", target=uri[:60])
    try:
        parts = urlsplit(uri)
        flaw = _flaw(uri, parts, native=option == "public_client_redirect_uris")
    except ValueError:
        flaw = "it is not an address"
    if flaw:
        # User information may be a password, so nothing of such a URI is repeated.
        shown = repr(uri) if "@" not in uri else "one of them"
        raise BadInput(f"O({option}): {shown} cannot be a redirect URI: {flaw}")


def _flaw(uri: str, parts: Any, *, native: bool) -> str:
    """Why Microsoft Entra refuses a URI; empty when nothing is known against it."""
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    forbidden = " ".join(sorted(set(uri) & _FORBIDDEN))
    flaws = (
        (any(character.isspace() or not character.isprintable() for character in uri), "it contains blanks"),
        ("@" in parts.netloc, "it contains user information"),
        ("#" in uri, "it contains a fragment (#)"),
        ("*" in uri, "wildcards are not allowed"),
        (
            not uri.isascii(),
            "it contains characters beyond ASCII; write an internationalized host name in its xn-- form",
        ),
        (bool(forbidden), f"it contains {forbidden}"),
        (
            not parts.scheme or not (native or parts.hostname),
            "it is not a complete address; it begins with https:// and the name of a host",
        ),
        (parts.port == 0, "its port is not a number from 1 to 65535"),
        (
            not native and parts.scheme != "https" and not (parts.scheme == "http" and local),
            "it does not begin with https:// (plain http is for localhost alone)",
        ),
    )
    return next((text for applies, text in flaws if applies), "")


def check_result(before: Mapping[str, Any], after: Mapping[str, Any], target: str) -> None:
    """Check the lists of an application as they would be after a plan.

    :param before: the application as it is; empty when it is about to be created.
    :param after: the application as it should be.
    :param target: the application in a sentence.
    :raises Conflict: a URI would stand under two platforms, or there would be too many.
    """
    old = {uri_list.option: set(dig(before, uri_list.path) or ()) for uri_list in URI_LISTS}
    new = {uri_list.option: list(dig(after, uri_list.path) or ()) for uri_list in URI_LISTS}
    added = [(option, uri) for option, uris in new.items() for uri in uris if uri not in old[option]]
    for option, uri in added:
        for other, uris in new.items():
            if other != option and uri in uris:
                raise Conflict(
                    f"{uri} is registered under the platform {PLATFORMS[other]} already, and a redirect URI belongs to one "
                    "platform",
                    tried=f"add a redirect URI to the platform {PLATFORMS[option]}",
                    target=target,
                    remedy=f"Remove it from {PLATFORMS[other]} under Authentication of the application, or give it in O({other}).",
                )
    total = len({uri for uris in new.values() for uri in uris})
    most = _MOST_PERSONAL if after.get("signInAudience") in _PERSONAL else _MOST_WORK
    if added and total > most:
        raise Conflict(
            f"it would have {total} redirect URIs, and an application has at most {most}",
            tried="add a redirect URI",
            target=target,
            remedy="Use another application for some of the PBXs (entra_app_unique_name), or remove URIs that are not used.",
        )
