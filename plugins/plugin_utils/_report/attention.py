# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an operator has to know of a PBX whose settings are all as desired: what expires, what is foreign, what is unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common import dates
from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible
from ansible_collections.tcx.m365.plugins.plugin_utils._wording import count, listed

from .certificates import SOON_DAYS, CertificateEnd, host_certificates

_NAMES = 5
_KINDS = {
    "secret": "client secret",
    "client_secret": "client secret",
    "certificate": "certificate",
    "federated": "federated credential",
}


def attention_of(entry: Mapping[str, Any], now: datetime) -> list[str]:
    """The sentences that the findings of one PBX (an entry of compliance.json) give at that time, each once."""
    return list(dict.fromkeys([*_expiring(entry, now), *_foreign(entry, now), *_unknown(entry)]))


def controls_of(entry: Mapping[str, Any], now: datetime) -> list[dict[str, Any]]:
    """The controls that say the same as `attention_of`, so that no point of attention is without evidence.

    Of a PBX that was read: without controls nothing was, and without its application nothing is known about keys.
    """
    made = []
    if not entry["controls"]:
        return []
    if entry["certificates"] or entry["credentials"]:
        expiring = list(_counted(entry, now))
        foreign = [f"{kind} {name}" for kind, name in _holders(entry, now)]
        made.append(
            _control("certificate_expiry", f"Certificates in use that expire within {SOON_DAYS} days", expiring)
        )
        made.append(_control("foreign_credentials", "Credentials that the inventory does not know", foreign))
        made[-1]["reason"] = "whoever holds one can act as the application" if foreign else ""
    unread = [str(variable.get("variable") or variable.get("name") or "") for variable in entry["unknown_variables"]]
    if unread:
        made.append(_control("variables", "Variables that nothing reads", unread, "inventory"))
    return made


def _control(name: str, title: str, noticed: list[str], of: str = "application") -> dict[str, Any]:
    result = "attention" if noticed else "pass"
    return {"id": f"{of}.{name}", "title": title, "desired": [], "found": noticed, "result": result, "reason": ""}


def automation_credential(credential: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """With which credential a run has signed in to Entra: `{app_id, kind, expires, days_left, reason}`.

    `expires` is None where the credential has no end, or where `reason` says why it is not known.
    """
    expires = dates.parse(credential.get("expires"))
    return {
        "app_id": str(credential.get("app_id") or ""),
        "kind": str(credential.get("kind") or ""),
        "expires": dates.iso(expires) if expires else None,
        "days_left": dates.days_left(expires, now) if expires else None,
        "reason": str(credential.get("reason") or ""),
    }


def attention_of_run(credentials: Sequence[Mapping[str, Any]]) -> list[str]:
    """The sentences about the automation itself: without it nobody can check or repair anything."""
    sentences = []
    for credential in credentials:
        days = credential["days_left"]
        if days is None or days > SOON_DAYS:
            continue
        kind, when = credential_kind(credential["kind"]), _when(days, credential["expires"][:10])
        sentences.append(f"The {kind} with which the automation signs in to Entra {when}.")
    return list(dict.fromkeys(sentences))


def attention_of_unfinished(later: Sequence[str]) -> str:
    """The sentence about PBXs that the run had still to check when the report was written: it may have ended there."""
    verb = "was" if len(later) == 1 else "were"
    names = listed(map(visible, later), _NAMES)
    return f"The run was not finished: {count(len(later), 'PBX', 'PBXs')} {verb} not checked yet: {names}."


def credential_kind(kind: str) -> str:
    """`secret` as `client secret`; the ways to sign in without a key by their names."""
    return _KINDS.get(kind) or visible(kind.replace("_", " "))


def _due(entry: Mapping[str, Any], now: datetime) -> Iterator[CertificateEnd]:
    """The certificates that count: those of this PBX which no newer certificate of the inventory replaces."""
    # Without a certificate in the inventory nobody knows which one the PBX uses; while it works, it is none that has expired.
    named = any(certificate.get("desired") for certificate in entry["certificates"])
    works = bool(entry["status"].get("ok"))
    for certificate in host_certificates(entry["host"], entry["certificates"], now):
        if certificate.is_due and not ((certificate.days_left or 0) < 0 and works and not named):
            yield certificate


def _counted(entry: Mapping[str, Any], now: datetime) -> Iterator[str]:
    for certificate in _due(entry, now):
        yield f"{visible(certificate.thumbprint)} ({'expired' if (certificate.days_left or 0) < 0 else 'expires'} on {certificate.day})"


def _expiring(entry: Mapping[str, Any], now: datetime) -> Iterator[str]:
    for certificate in _due(entry, now):
        days = certificate.days_left or 0
        # The check may have said it already, in its own words.
        told = any(certificate.thumbprint and certificate.thumbprint in sentence for sentence in entry["attention"])
        if not told:
            when = _when(days, certificate.day)
            yield f"A certificate of the application {when}: {visible(certificate.thumbprint)}."


def _holders(entry: Mapping[str, Any], now: datetime) -> Iterator[tuple[str, str]]:
    """Kind and name of the keys that nobody in the inventory names, but for those that open nothing any more."""
    for credential in entry["credentials"]:
        if credential.get("owner") != "foreign":
            continue
        expires = dates.parse(credential.get("expires"))
        if expires is None or dates.days_left(expires, now) >= 0:
            kind = _KINDS.get(str(credential.get("kind")), "credential")
            yield kind, visible(str(credential.get("name") or "without a name"))


def _foreign(entry: Mapping[str, Any], now: datetime) -> Iterator[str]:
    """Keys that nobody in the inventory names: whoever holds one can act as the application."""
    for kind, name in _holders(entry, now):
        yield f"The application has a {kind} that the inventory does not know: {name}."


def _unknown(entry: Mapping[str, Any]) -> Iterator[str]:
    """Where they have failed the check, its reason names them."""
    for variable in entry["unknown_variables"]:
        name, nearest = visible(str(variable.get("variable") or variable.get("name") or "")), variable.get("nearest")
        hint = f"; did you mean {visible(str(nearest))}?" if nearest else "."
        if not any(f"unknown variable {name} of " in reason for reason in entry["reasons"]):
            yield f"Nothing reads the variable {name}{hint}"


def _when(days: int, day: str) -> str:
    return f"expired on {day}" if days < 0 else f"expires on {day}, {dates.ahead(days)}"
