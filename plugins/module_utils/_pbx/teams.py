# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Teams Direct Routing: certificate and key of the session border controller, the checks of the PBX, and its scripts.

Files go in and never come out (documented: ``ConcealedDataFile``), so a certificate is recognized by the name we gave the
file, or by the end date that the PBX shows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .._common import pem
from .._common.odata import encoded_literal
from .._deps import hashes
from .._errors import BadInput, Rejected, Unhealthy
from .._http import Reply
from .._plan import Change
from .xapi import Xapi

PATH = "/Microsoft365TeamsIntegration"

_SCRIPTS = {"dialplan.ps1": "GetDialPlanScript", "mapusers.ps1": "GetMapUsersScript"}


@dataclass(frozen=True)
class SbcFiles:
    """Certificate (with its chain) and private key, checked against each other."""

    certificate: str
    private_key: str = field(repr=False)
    fingerprint: str
    not_after: datetime
    names: tuple[str, ...]

    @property
    def file_name(self) -> str:
        """The name under which the certificate is uploaded; tells it apart from the next one."""
        return f"sbc-{self.fingerprint[:16]}.pem"

    def covers(self, fqdn: str) -> bool:
        """Whether the certificate is for a name."""
        return pem.covers(self.names, fqdn)


def load(certificate: str, private_key: str, *, now: datetime) -> SbcFiles:
    """From PEM texts or paths.

    :raises BadInput: unreadable, expired, or they do not belong together.
    """
    chain = pem.certificates_in(*pem.content_of(certificate, "O(teams.certificate)"))
    leaf = pem.leaf(chain)
    key_content, key_where = pem.content_of(private_key, "O(teams.private_key)")
    try:
        key = pem.private_key_in(key_content, key_where)
    except BadInput as error:
        error.remedy = "Give an unencrypted private key in PEM."
        raise
    if not pem.same_key(key.public_key(), leaf.public_key()):
        raise BadInput("O(teams.private_key) does not belong to O(teams.certificate)")
    begin, not_after = pem.validity(leaf)
    flaw = pem.flaw_of_dates(begin, not_after, now)
    if flaw:
        raise BadInput(f"O(teams.certificate) {flaw}")
    return SbcFiles(
        "".join(map(pem.text_of, sorted(chain, key=lambda certificate: certificate is not leaf))),
        pem.text_of_key(key_content, key),
        leaf.fingerprint(hashes.SHA256()).hex(),
        not_after,
        pem.names(leaf),
    )


def plan_files(files: SbcFiles, entity: Mapping[str, Any]) -> tuple[list[Change], dict[str, Any]]:
    """Pure: (changes, fields to write) that put the files on the PBX; both empty when they are there."""
    name = str((entity.get("SbcCertificate") or {}).get("Name") or "")
    ends = str(entity.get("SbcCertificateExpirationDate") or "")
    same_day = ends[:10] == files.not_after.strftime("%Y-%m-%d")
    has_key = bool(entity.get("SbcPrivateKey"))
    if has_key and (name == files.file_name or (same_day and not name.startswith("sbc-"))):
        return [], {}
    before = {"name": name, "not_after": ends} if name or ends else None
    after = {"name": files.file_name, "not_after": files.not_after.strftime("%Y-%m-%dT%H:%M:%SZ")}
    body = {
        "SbcCertificate": {"Name": files.file_name, "Contents": files.certificate},
        "SbcPrivateKey": {"Name": files.file_name.replace(".pem", ".key"), "Contents": files.private_key},
    }
    return [Change("settings", "teams.certificate", before, after)], body


def check_fqdn(xapi: Xapi, fqdn: str) -> None:
    """Ask the PBX whether a name leads to it.

    :raises Rejected: it does not; nothing was written.
    """
    tried = "check that the name of the SBC leads to the PBX; nothing was written"
    answer = xapi.get(f"{PATH}/Pbx.CheckFqdnRecord(fqdn={encoded_literal(fqdn)})", tried)
    if not answer.get("value"):
        raise Rejected(
            f"{fqdn} does not lead to this PBX",
            service="3CX",
            tried=tried,
            target=xapi.connection.url,
            remedy="Make a DNS record that points to the public address of the PBX, wait until it is known, and run again.",
        )


def check_mapping(xapi: Xapi) -> None:
    """Ask the PBX whether its Teams users are mapped.

    :raises Unhealthy: they are not.
    """
    tried = "check that the Teams users are mapped"
    if not xapi.get(f"{PATH}/Pbx.CheckMapUsersScript()", tried).get("value"):
        raise Unhealthy(
            "the PBX has no mapped Teams users",
            service="3CX",
            tried=tried,
            target=xapi.connection.url,
            remedy="Run the script mapusers.ps1 in the tenant (O(teams.scripts_dir) saves it).",
        )


def save_scripts(xapi: Xapi, directory: str, prefix: str) -> list[str]:
    """Save the PowerShell scripts of the PBX.

    :returns: their paths; without users in Teams there is no script that maps them, which is a warning.
    """
    saved = []
    # The prefix is a name that the PBX gave itself; it must not lead out of the directory.
    prefix = re.sub(r"[^A-Za-z0-9.-]", "_", prefix)
    for name, function in _SCRIPTS.items():
        try:
            reply = xapi.exchange("GET", f"{PATH}/Pbx.{function}()", f"download the script {name}")
        except Rejected as error:
            xapi.context.warn(str(error))
            continue
        path = os.path.join(directory, f"{prefix}-{name}")
        with open(path, "wb") as stream:
            stream.write(_script(reply))
        saved.append(path)
    return saved


def _script(reply: Reply) -> bytes:
    """A script as the PBX hands it out: a file, or a text in JSON. 3CX's interface description does not say which."""
    content = reply.json()
    text = content.get("value") if isinstance(content, dict) else None
    return text.encode("utf-8") if isinstance(text, str) else reply.body
