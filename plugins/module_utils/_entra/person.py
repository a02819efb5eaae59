# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person who is signed in may do, as far as the token tells. Pure.

The scopes of a delegated token bound what the application (the Azure CLI) does for the person; the person's Microsoft Entra
roles, which the claim ``wids`` names by their templates, bound it as well.

Source: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference (scp, wids) and
https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference (templates of the roles).
"""

from __future__ import annotations

from . import rights
from .rights import MissingRight
from .tokens import Token

GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
PRIVILEGED_ROLE_ADMINISTRATOR = "e8611ab8-c189-46e8-94e1-60213ab1f814"

REGISTER = "Application.ReadWrite.All"
CONSENT = "AppRoleAssignment.ReadWrite.All"


def scopes(token: Token) -> frozenset[str]:
    """The delegated permissions of a token; empty for one of an application."""
    return frozenset(str(token.claims.get("scp") or "").split())


def require_registration(token: Token, target: str) -> None:
    """Raise :class:`MissingRight` unless the caller may register applications, or only Graph can tell.

    :param target: the tenant.
    """
    if token.app_only:
        rights.require(token, rights.WRITE_APPLICATIONS, "register the automation's application", target)
        return
    held = scopes(token)
    if not held or REGISTER in held:
        return
    raise MissingRight(
        f"the token does not carry the delegated permission {REGISTER}",
        missing=[REGISTER],
        tried="register the automation's application",
        target=target,
        remedy="Sign in with the Azure CLI (az login), whose tokens carry it, or obtain a token with this permission.",
    )


def may_consent(token: Token) -> bool | None:
    """Whether the caller may grant application permissions of Microsoft Graph; ``None`` where the token does not tell."""
    if token.app_only:
        return not rights.lacking(token, rights.GRANT_APPLICATION_PERMISSIONS)
    held = scopes(token)
    if held and CONSENT not in held:
        return False
    templates = token.claims.get("wids")
    if not isinstance(templates, list):
        return None
    return not {GLOBAL_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR}.isdisjoint(map(str, templates))
