# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The capability behind the module ``graph_user_info``."""

from __future__ import annotations

from collections.abc import Iterable

from .._entra import users
from .._errors import BadInput
from .._task import ArgumentSpec, Capability, Outcome, Task
from . import _entra_connection

ARGUMENT_SPEC: ArgumentSpec = {
    **_entra_connection.ARGUMENT_SPEC,
    "users": {"type": "list", "elements": "str"},
    "groups": {"type": "list", "elements": "str"},
    "enabled": {"type": "bool"},
    "guests": {"type": "bool", "default": True},
    "photo": {"type": "bool", "default": False},
}


def run(task: Task) -> Outcome:
    """Read, and change nothing."""
    params = task.params
    selection = users.UserSelection(
        names=_names("users", params["users"]),
        groups=_names("groups", params["groups"]),
        enabled=params["enabled"],
        guests=params["guests"],
        photo=params["photo"],
    )
    client = _entra_connection.client(params, task.context)
    users.check_rights(client.tokens.get(), selection, client.tenant_id)
    listing = users.Reader(client).read(selection)
    values = {
        "users": [person.as_dict() for person in listing.people],
        "missing": list(listing.missing),
        "groups": [group.as_dict() for group in listing.groups],
        "tenant_id": client.tenant_id,
        "auth_source": client.connection.credential.source,
    }
    return Outcome(values)


def _names(option: str, names: Iterable[str] | None) -> tuple[str, ...] | None:
    """Each name once, whatever its case; ``None`` where the option was not given."""
    if names is None:
        return None
    unique: dict[str, str] = {}
    for name in (name.strip() for name in names):
        if not name:
            raise BadInput(f"an entry of {option} is empty", remedy="Leave it out.")
        unique.setdefault(name.casefold(), name)
    return tuple(unique.values())


CAPABILITY = Capability(name="graph_user_info", argument_spec=ARGUMENT_SPEC, run=run)
