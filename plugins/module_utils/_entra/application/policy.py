# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""App management policies: whether the tenant forbids what is about to be added, told before anything is written.

An application's own policy goes before the tenant's default one (documented). Reading them needs a right that the
automation does not need otherwise; without it Graph's refusal is all there is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ..._common import dates
from ..._errors import M365Error, Rejected
from .. import rights
from ..graph import Call, GraphClient
from .certificates import Certificate, thumbprint_of
from .model import Desired, Observed

Json = dict[str, Any]


def check(client: GraphClient, desired: Desired, observed: Observed) -> None:
    """Raise :class:`Rejected` where a policy forbids the lifetime of a certificate that would be added."""
    application = observed.application or observed.deleted or {}
    registered = {thumbprint_of(entry) for entry in application.get("keyCredentials") or ()}
    added = [certificate for certificate in desired.certificates or () if certificate.thumbprint not in registered]
    policies = _read(client, observed)
    if policies is None or not added:
        return
    created = dates.parse(application.get("createdDateTime"))
    for note in only_graph_knows(*policies, created):
        client.context.warn(note)
    for certificate in added:
        error = verdict(*policies, certificate, created)
        if error is not None:
            raise error


def _read(client: GraphClient, observed: Observed) -> tuple[Json, list[Json]] | None:
    """The tenant's default and the policies of the application; ``None`` where they cannot be read."""
    token = client.tokens.get()
    if not token.app_only or rights.lacking(token, rights.READ_POLICIES):
        client.context.trace("the app management policy is not read: that needs Policy.Read.All")
        return None
    calls = [Call("GET", "/policies/defaultAppManagementPolicy")]
    if observed.application is not None:
        calls.append(Call("GET", f"/applications/{observed.application['id']}/appManagementPolicies"))
    answers = client.batch(calls)
    if not answers[0].ok:
        client.context.trace(f"the app management policy cannot be read: {answers[0].error.message}")
        return None
    if len(answers) > 1 and not answers[1].ok:
        # An exemption of this application would go before the default: without it the default says nothing.
        client.context.trace(f"the policies of the application cannot be read: {answers[1].error.message}")
        return None
    return answers[0].get(), (answers[1].get().get("value") or []) if len(answers) > 1 else []


def verdict(
    default: Mapping[str, Any], own: Sequence[Mapping[str, Any]], certificate: Certificate, created: dt.datetime | None
) -> M365Error | None:
    """The refusal that Graph would give, or ``None``. Pure.

    :param default: the tenant's default policy.
    :param own: policies assigned to the application.
    :param created: when the application was created; ``None`` when it is about to be.
    """
    refusals = [_refusal(*restriction, certificate) for restriction in _in_force(default, own, created)]
    refused = [refusal for refusal in refusals if refusal is not None]
    # Of several limits the shortest is named, so that one new certificate is enough.
    return min(refused, key=lambda refusal: refusal[0])[1] if refused else None


def only_graph_knows(
    default: Mapping[str, Any], own: Sequence[Mapping[str, Any]], created: dt.datetime | None
) -> list[str]:
    """Rules in force that cannot be judged beforehand, as sentences. Pure."""
    return [
        f"the app management policy {policy_id} accepts certificates of trusted certificate authorities only; whether it accepts "
        "this one, only Graph can tell"
        for policy_id, restriction in _in_force(default, own, created)
        if restriction.get("restrictionType") == "trustedCertificateAuthority"
    ]


def _refusal(
    policy_id: str, restriction: Mapping[str, Any], certificate: Certificate
) -> tuple[dt.timedelta, Rejected] | None:
    """The limit that one rule sets, and the refusal that follows from it."""
    longest = dates.duration(restriction.get("maxLifetime"))
    lifetime = certificate.not_after - certificate.not_before
    if restriction.get("restrictionType") != "asymmetricKeyLifetime" or longest is None or lifetime <= longest:
        return None
    return longest, Rejected(
        f"the app management policy {policy_id} allows certificates to be valid for {longest.days} days, and this one is valid for "
        f"{lifetime.days}",
        tried="add a certificate",
        target=certificate.thumbprint,
        remedy="Use a certificate with a shorter lifetime, or exempt this application from the policy.",
    )


def _in_force(
    default: Mapping[str, Any], own: Sequence[Mapping[str, Any]], created: dt.datetime | None
) -> list[tuple[str, Mapping[str, Any]]]:
    return [restriction for restriction in _restrictions(default, own) if _applies(restriction[1], created)]


def _restrictions(default: Mapping[str, Any], own: Sequence[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    for policy in own:
        if policy.get("isEnabled"):
            rows = (policy.get("restrictions") or {}).get("keyCredentials") or ()
            return [(str(policy.get("id")), row) for row in rows]
    if not default.get("isEnabled"):
        return []
    rows = (default.get("applicationRestrictions") or {}).get("keyCredentials") or ()
    return [(str(default.get("id")), row) for row in rows]


def _applies(restriction: Mapping[str, Any], created: dt.datetime | None) -> bool:
    if restriction.get("state", "enabled") != "enabled":
        return False
    since = dates.parse(restriction.get("restrictForAppsCreatedAfterDateTime"))
    return since is None or created is None or created >= since
