# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What large tenants and PBXs cost: requests, answers and processor time of one PBX. ``python tests/faults/limits.py``"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.tcx.m365.tests.faults import judge
from ansible_collections.tcx.m365.tests.faults.ground import TARGET, Ground, ground
from tcx_lab.graph import patch_application, seed, set_permissions
from tcx_lab.pbx import patch_pbx

Json = dict[str, Any]

APPLICATIONS, ASSIGNMENTS, ADDRESSES, USERS = 5_000, 1_500, 256, 3_000


@dataclass(frozen=True)
class Figures:
    """One run. The processor time is that of product and lab together."""

    what: str
    operation: str
    requests: int
    cpu_s: float
    failed: str


def many_applications(made: Ground) -> None:
    """A tenant with 5,000 applications; three of them bear the name of ours."""
    for number in range(APPLICATIONS):
        name = "3CX Server-side" if number % 2000 == 7 else f"application {number}"
        seed.create_application(made.world, made.tenant, name)


def many_assignments(made: Ground) -> None:
    """Our service principal holds 1,500 application permissions, of this and of other APIs."""
    done = made.run("rollout")
    assert not judge.failure_of(done), judge.failure_of(done)
    found = made.application()
    assert found is not None
    principal = seed.ensure_service_principal(made.world, made.tenant, found)
    roles = [made.world.new_guid() for _number in range(ASSIGNMENTS)]
    other = seed.create_application(
        made.world, made.tenant, "An API of this tenant", appRoles=[_role(each) for each in roles]
    )
    seed.ensure_service_principal(made.world, made.tenant, other)
    seed.grant_app_roles(made.world, made.tenant, principal["id"], roles, other["appId"])


def many_addresses(made: Ground) -> None:
    """Our application has 255 addresses of others: ours is the last that Entra takes."""
    _addresses(made, ADDRESSES - 1)


def too_many_addresses(made: Ground) -> None:
    """256 addresses of others: there is no room for ours."""
    _addresses(made, ADDRESSES)


def many_users(made: Ground) -> None:
    """3,000 people in the tenant, and as many extensions on the PBX."""
    patch_pbx(made.world, made.pbx(), {"max_user_extensions": 5_000, "number_length": 4})
    for number in range(USERS):
        seed.add_user(made.world, made.tenant, f"user{number}", "User", str(number))
    mails = [{"Number": str(2000 + n), "EmailAddress": f"user{n}@{made.tenant.domain}"} for n in range(USERS)]
    patch_pbx(made.world, made.pbx(), {"users": mails})


def _role(identifier: str) -> Json:
    value = f"Role.{identifier[:8]}"
    return {
        "id": identifier,
        "value": value,
        "displayName": value,
        "description": value,
        "isEnabled": True,
        "allowedMemberTypes": ["Application"],
    }


def _addresses(made: Ground, count: int) -> None:
    done = made.run("rollout")
    assert not judge.failure_of(done), judge.failure_of(done)
    found = made.application()
    assert found is not None
    others = [f"https://app{number}.example/back" for number in range(count)]
    patch_application(made.world, made.tenant, found["id"], {"web": {**found["web"], "redirectUris": others}})


_PEOPLE: Json = {
    "sso_verify_people": True,
    "tcx_console_user_sync": {"enabled": True, "scope": "all", "starting_extension": "2000"},
}
SCENES: tuple[tuple[str, Callable[[Ground], None], Json], ...] = (
    ("a tenant with 3 applications", lambda _made: None, {}),
    ("a tenant with 5,000 applications", many_applications, {}),
    ("a service principal with 1,500 assignments", many_assignments, {}),
    ("the 256th redirect URI", many_addresses, {}),
    ("a 257th redirect URI", too_many_addresses, {}),
    ("3,000 users and extensions", many_users, _PEOPLE),
)


def measure(made: Ground, what: str, prepare: Callable[[Ground], None], variables: Json) -> list[Figures]:
    """A first rollout, one without a change, and a compliance check."""
    assert made.world.automation is not None
    set_permissions(made.world, made.world.automation, [*made.world.automation.permissions, "User.Read.All"])
    prepare(made)
    found = []
    for operation, title in (("rollout", "rollout"), ("rollout", "again"), ("compliance", "compliance")):
        began = time.process_time()
        with made.recorded() as requests:
            ran = made.run(operation, TARGET, **variables)
        took = time.process_time() - began
        sent = sum(not each.item for each in requests)
        found.append(Figures(what, title, sent, took, judge.failure_of(ran)))
    return found


def main() -> int:
    print(f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, load average {os.getloadavg()[0]:.1f}\n")
    print("| on | rollout: requests, CPU | without a change | compliance |")
    print("|---|---|---|---|")
    for what, prepare, variables in SCENES:
        with tempfile.TemporaryDirectory() as place, ground(Path(place), whole_catalog=True) as made:
            cells = [
                f"{each.requests}, {each.cpu_s:.2f} s" + (f": {each.failed}" if each.failed else "")
                for each in measure(made, what, prepare, variables)
            ]
        print(f"| {what} | {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
