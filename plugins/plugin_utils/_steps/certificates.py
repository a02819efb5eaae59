# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to do when a PBX cannot sign in any more after certificates were removed: put them back, and fail.

Nothing tells beforehand with which of its certificates a PBX signs in: Graph shows no last use of a key, and the health
of a PBX proves only that some key works.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._capabilities import azure_app_registration
from ansible_collections.tcx.m365.plugins.module_utils._common import dates
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability

Result = Mapping[str, Any]

_REMEDY = (
    "The PBX still signs in with a certificate that the inventory does not name. Check in the 3CX console under "
    "Integrations > Microsoft 365 which key pair it has, give its public_key.pem as entra_app_public_key, and run again."
)

OVERWRITTEN = (
    "Another run or program keeps overwriting what this run adds to the application. Let only one of them work on it at a "
    "time, and run again."
)
"""What to do where it is not the key pair of the PBX that is wrong."""


def diffs(*results: Result) -> list[Mapping[str, Any]]:
    """The diffs of several tasks as one list; some of them have a list of their own."""
    parts = [result["diff"] for result in results if result.get("diff")]
    return [diff for part in parts for diff in (part if isinstance(part, list) else [part])]


def usable(removed: Result) -> list[Mapping[str, Any]]:
    """The certificates that a task removed and that could have been used; nobody misses an expired one."""
    now = dt.datetime.now(dt.timezone.utc)
    certificates = removed.get("removed_certificates") or ()
    ends = [(certificate, dates.parse(certificate.get("not_after"))) for certificate in certificates]
    return [certificate for certificate, end in ends if end is None or end > now]


def put_back(
    run_task: Callable[[Capability, Mapping[str, Any]], dict[str, Any]],
    removed: Result,
    unhealthy: Result,
    application: Mapping[str, Any],
) -> Result:
    """The failed result of a step whose removal of certificates was undone.

    :param removed: of the task that removed them, with ``removed_certificates``.
    :param unhealthy: why they are needed.
    :param application: the arguments of ``azure_app_registration`` for this PBX.
    """
    needed = usable(removed)
    back, ended = _registered_again(run_task, needed, application)
    error = dict(unhealthy.get("error") or {})
    cannot_sign_in = error.get("kind") == "unhealthy"
    tells = "The PBX cannot sign in" if cannot_sign_in else "It could not be verified that the PBX signs in"
    thumbprints = ", ".join(certificate["thumbprint"] for certificate in needed)
    sentence = f"{tells} without the certificates that were removed ({thumbprints}); {ended}."
    if cannot_sign_in and error.get("remedy") != OVERWRITTEN:
        error["remedy"] = _REMEDY
    changes = [change for result in (unhealthy, removed, back) for change in result.get("changes") or ()]
    return {
        "failed": True,
        "changed": bool(changes) or bool(unhealthy.get("changed")),
        "changes": changes,
        "diff": diffs(removed, unhealthy, back),
        "msg": f"{sentence} {unhealthy.get('msg', '')} {_REMEDY if error.get('remedy') == _REMEDY else ''}".strip(),
        "error": error,
    }


def _registered_again(
    run_task: Callable[[Capability, Mapping[str, Any]], dict[str, Any]],
    certificates: Sequence[Mapping[str, Any]],
    application: Mapping[str, Any],
) -> tuple[Result, str]:
    """The result of registering certificates that were removed, empty where that cannot be tried; and how it ended."""
    texts = [certificate["certificate"] for certificate in certificates if certificate.get("certificate")]
    if len(texts) < len(certificates):
        return {}, "they cannot be put back, because Microsoft Graph does not show their bytes"
    arguments = {**application, "certificates": [*(application.get("certificates") or ()), *texts]}
    for option in ("certificates_exclusive", "certificates_rotate_overlap_days", "certificates_prune_expired"):
        arguments.pop(option, None)
    back = run_task(azure_app_registration.CAPABILITY, arguments)
    if back.get("failed"):
        return back, f"they could not be put back: {str(back.get('msg') or '').rstrip('.')}"
    return back, "they have been put back"
