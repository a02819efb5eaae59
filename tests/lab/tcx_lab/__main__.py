# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line: build a world, open its sockets, print the inventory that reaches it, serve until stopped."""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from tcx_lab import evidence, fleet, graph, inventory, simulated
from tcx_lab.world import World

if TYPE_CHECKING:
    from tcx_lab.server import LabServer


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tcx_lab", description=__doc__)
    parser.add_argument(
        "--fleet", default="demo", help='"demo" (12 PBXs in 5 tenants) or the path of a YAML fleet file'
    )
    parser.add_argument("--pbxs", type=int, default=0, help="a bench fleet of this many PBXs instead of --fleet")
    parser.add_argument("--tenants", type=int, default=0, help="tenants of a bench fleet (default: one per PBX)")
    parser.add_argument("--users", type=int, default=4, help="users per tenant of a bench fleet")
    for name in fleet.TROUBLES:
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=float, default=0, metavar="PERCENT", help=_TROUBLE[name]
        )
    parser.add_argument("--seed", type=int, default=None, help="another seed gives other ids, secrets and trouble")
    parser.add_argument(
        "--keep-bodies", type=int, default=100, metavar="PBXS", help="up to which size the log has what was sent"
    )
    parser.add_argument("--latency-ms", type=float, default=0, help="delay of every answer to a client")
    parser.add_argument("--switch", action="append", default=[], metavar="NAME=VALUE", help="position of an assumption")
    parser.add_argument("--port-base", type=int, default=0, help="first of consecutive ports (default: free ones)")
    parser.add_argument("--inventory", type=Path, help="also write the inventory to this file")
    parser.add_argument("--state-dir", type=Path, help="directory for ca.pem, inventory.json and endpoints.json")
    parser.add_argument("--ready-fd", type=int, help='file descriptor that gets "ready" when the lab answers')
    parser.add_argument("--quiet", action="store_true", help="do not print the inventory")
    parser.add_argument("--simulated", action="store_true", help="print the page of what the lab simulates, and stop")
    parser.add_argument(
        "--permissions",
        default="",
        metavar="NAMES",
        help="application permissions of the automation, with commas between",
    )
    parser.add_argument("--evidence", action="store_true", help="list what the lab knows and how well, and stop")
    return parser.parse_args(arguments)


_TROUBLE = {
    "down": "share of PBXs that refuse connections",
    "wrong_secret": "share of PBXs whose inventory has a wrong secret",
    "unlicensed": "share of PBXs that ask for more than their license has",
    "drifted": "share of PBXs that POST /_lab/drift will change",
}


_LOGGED = 60
"""Requests for each PBX that the log has room for: a first rollout takes 40, the items of a batch and those of the PBX included."""


def build_world(options: argparse.Namespace) -> World:
    """The world that the command line asks for."""
    world = _built(options)
    world.origin = lambda: _built(options)
    return world


def _built(options: argparse.Namespace) -> World:
    if options.pbxs:
        percent = {name: getattr(options, name) for name in fleet.TROUBLES}
        plan = fleet.bench_plan(options.pbxs, options.tenants, seed=options.seed or 0, users=options.users, **percent)
    elif options.fleet == "demo":
        plan = fleet.demo_plan(options.seed or 0)
    else:
        plan = fleet.file_plan(Path(options.fleet), options.seed)
    world = fleet.build(plan)
    world.latency = options.latency_ms / 1000
    world.switches.update(dict(_switch(text) for text in options.switch))
    if options.permissions and world.automation is not None:
        graph.set_permissions(world, world.automation, [name.strip() for name in options.permissions.split(",")])
    world.log.keep_bodies = len(world.pbxs) <= options.keep_bodies
    world.log.make_room(_LOGGED * len(world.pbxs))
    return world


def _switch(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--switch takes NAME=VALUE, not {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in one step, so that nobody ever sees half of it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(temporary).replace(path)


def write_state(server: LabServer, directory: Path) -> str:
    """Write ca.pem, inventory.json and endpoints.json; returns the inventory as JSON text."""
    from tcx_lab.server import endpoints_of

    server.authority_path = directory.resolve() / "ca.pem"
    text = json.dumps(inventory.inventory_of(server.world, server.authority_path), indent=2)
    write_private(server.authority_path, server.authority.pem.decode())
    write_private(directory / "inventory.json", text)
    write_private(directory / "endpoints.json", json.dumps(endpoints_of(server), indent=2))
    return text


def main(arguments: list[str] | None = None) -> int:
    """Run the lab; returns the exit status."""
    options = parse(arguments)
    if options.evidence:
        for statement in evidence.all_statements():
            print(f"{statement.grade:<11} {statement.behavior}  [{statement.source}]")
        return 0
    if options.simulated:
        print(simulated.page(), end="")
        return 0
    try:
        serve(options)
    except (ValueError, OSError) as error:
        print(f"tcx_lab: {error}", file=sys.stderr)
        return 2
    return 0


def serve(options: argparse.Namespace) -> None:
    """Build, bind, announce, serve."""
    from tcx_lab.server import LabServer, run

    with tempfile.TemporaryDirectory(prefix="tcx-lab-") as scratch:
        directory = options.state_dir or Path(scratch)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
        server = LabServer(build_world(options), port_base=options.port_base)

        def announce(ready: LabServer) -> None:
            text = write_state(ready, directory)
            if options.inventory is not None:
                write_private(options.inventory, text)
            if not options.quiet:
                print(text, flush=True)
            if options.ready_fd is not None:
                os.write(options.ready_fd, b"ready\n")
                os.close(options.ready_fd)

        server.on_ready = announce
        gc.freeze()  # the fleet lives as long as the process: no need to look through it again and again
        run(server)


def script() -> NoReturn:
    """The console script `tcx-lab`."""
    sys.exit(main())


if __name__ == "__main__":
    script()
