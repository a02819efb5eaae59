# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds worlds: the demo fleet, bench fleets of any size, and fleets described in a YAML file. See README.md for the file."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from tcx_lab import graph
from tcx_lab import pbx as pbx_package
from tcx_lab.portrait import portrait
from tcx_lab.world import Administrator, Automation, Pbx, Tenant, World

#: Full builds by release. 20.0.8 and 20.0.9: observed on live PBXs; the others are assumed.
BUILDS = {
    "20.0.5": "20.0.5.702",
    "20.0.6": "20.0.6.823",
    "20.0.7": "20.0.7.1048",
    "20.0.8": "20.0.8.1109",
    "20.0.9": "20.0.9.995",
    "20.0.10": "20.0.10.731",
}
EDITIONS = ("Standard", "Professional", "Enterprise")
CLOUDS = ("public", "usgov", "usgov_dod", "china")
TROUBLES = ("down", "wrong_secret", "unlicensed", "drifted")

_FIRST = (
    "Ada Bela Chiara Dmitri Elif Femi Greta Hiro Ines Jonas Kofi Leila Mateo Nadia Oskar Priya Quinn Rosa Sven Tara"
)
_LAST = "Adler Baptiste Costa Dubois Eriksen Fischer Garcia Haddad Ivanova Jansen Keller Lindqvist Moreau Novak Okafor"
_CROWD = 50
_DEPARTMENTS = ("Sales", "Service", "Warehouse", "Finance", "Management")
_PLACES = (
    "berlin munich vienna zurich lyon nantes milan turin madrid porto lisbon dublin leeds ghent utrecht aarhus malmo bergen "
    "tampere riga krakow brno graz linz basel geneva split athens izmir haifa cairo tunis dakar lagos nairobi durban"
).split()


@dataclass(frozen=True)
class TenantPlan:
    """One tenant of a fleet. `users`: how many people it has; every fourth has no photo, every ninth is a guest."""

    name: str
    display_name: str = ""
    domain: str = ""
    cloud: str = "public"
    users: int = 6
    clock_offset: float = 0.0


@dataclass(frozen=True)
class PbxPlan:
    """One PBX of a fleet. `trouble`: any of TROUBLES; `inventory`: host variables on top of (or instead of) the right ones."""

    name: str
    tenant: str
    version: str = "20.0.10"
    edition: str = "Enterprise"
    simultaneous_calls: int = 16
    clock_offset: float = 0.0
    trouble: tuple[str, ...] = ()
    inventory: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)  # as for PATCH /_lab/pbx/{name}


@dataclass(frozen=True)
class FleetPlan:
    """A fleet before it is built."""

    tenants: Sequence[TenantPlan]
    pbxs: Sequence[PbxPlan]
    seed: int = 0


def demo_plan(seed: int = 0) -> FleetPlan:
    """12 PBXs in 5 tenants: all releases and editions, one down, one wrong secret, one Standard that wants contact sync."""
    tenants = [
        TenantPlan("acme", "Acme Corporation"),
        TenantPlan("contoso", "Contoso GmbH", users=9),
        TenantPlan("fabrikam", "Fabrikam SARL"),
        TenantPlan("northwind", "Northwind Traders"),
        TenantPlan("tailwind", "Tailwind Toys"),
    ]
    pbxs = [
        PbxPlan("acme", "acme", "20.0.10", "Enterprise"),
        PbxPlan("acme-warehouse", "acme", "20.0.9", "Professional"),
        PbxPlan("acme-hamburg", "acme", "20.0.8", "Enterprise", trouble=("down",)),
        PbxPlan("contoso-berlin", "contoso", "20.0.10", "Enterprise"),
        PbxPlan("contoso-munich", "contoso", "20.0.7", "Enterprise"),
        PbxPlan("contoso-vienna", "contoso", "20.0.9", "Professional"),
        PbxPlan("fabrikam-lyon", "fabrikam", "20.0.6", "Enterprise"),
        PbxPlan("fabrikam-nantes", "fabrikam", "20.0.10", "Professional", trouble=("wrong_secret",)),
        PbxPlan("northwind", "northwind", "20.0.5", "Enterprise"),
        PbxPlan("northwind-hotline", "northwind", "20.0.10", "Standard", trouble=("unlicensed",)),
        PbxPlan("tailwind", "tailwind", "20.0.8", "Professional"),
        PbxPlan("tailwind-outlet", "tailwind", "20.0.10", "Enterprise"),
    ]
    return FleetPlan(tenants, pbxs, seed)


def bench_plan(pbxs: int, tenants: int = 0, *, seed: int = 0, users: int = 4, **percent: float) -> FleetPlan:
    """Any number of PBXs; `percent` gives the share of each of TROUBLES, chosen by the seed, never two on one PBX.

    `tenants` 0 means one per PBX, as at most customers.
    """
    count = tenants or pbxs
    if pbxs < 1 or count < 1 or count > pbxs:
        raise ValueError("a bench fleet has at least one PBX, and not more tenants than PBXs")
    dice = random.Random(f"{seed}/bench")
    names = list(_customer_names(count))
    tenant_plans = [TenantPlan(name, users=users) for name in names]
    afflicted = _choose(dice, pbxs, percent)
    releases = list(BUILDS)
    plans = []
    for index in range(pbxs):
        tenant, copy = names[index % count], index // count
        trouble = afflicted.get(index, "")
        plans.append(
            PbxPlan(
                name=tenant if copy == 0 else f"{tenant}-{copy + 1}",
                tenant=tenant,
                version=releases[dice.randrange(len(releases))],
                edition="Standard" if trouble == "unlicensed" else dice.choice(("Professional", "Enterprise")),
                trouble=(trouble,) if trouble else (),
            )
        )
    return FleetPlan(tenant_plans, plans, seed)


def _choose(dice: random.Random, total: int, percent: Mapping[str, float]) -> dict[int, str]:
    strange = set(percent) - set(TROUBLES)
    if strange:
        raise ValueError(f"no such trouble: {', '.join(sorted(strange))}; there are {', '.join(TROUBLES)}")
    shares = [(name, round(total * percent.get(name, 0) / 100)) for name in TROUBLES]
    if sum(percent.values()) > 100 or any(share < 0 for share in percent.values()):
        raise ValueError("the shares of trouble come to more than 100 percent")
    troubles = [name for name, share in shares for _count in range(share)]
    return dict(zip(dice.sample(range(total), total), troubles, strict=False))


def _customer_names(count: int) -> Iterator[str]:
    kinds = "bakery clinic dental foundry garage hotel joinery legal motors nursery optics pharmacy roofing school travel".split()
    pairs = [f"{kind}-{place}" for place in _PLACES for kind in kinds]
    for index in range(count):
        again, which = divmod(index * 37, len(pairs))
        yield pairs[which] if again == 0 else f"{pairs[which]}-{again + 1:02d}"


def file_plan(path: Path, seed: int | None = None) -> FleetPlan:
    """A fleet from a YAML file. Raises ValueError that says what is wrong with it."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(data, dict) or not data.get("pbxs"):
        raise ValueError(f"{path}: a fleet file is a mapping with the keys tenants, pbxs and seed")
    tenants = [_plan_from(TenantPlan, tenant, path) for tenant in data.get("tenants", [])]
    known = {tenant.name for tenant in tenants}
    pbxs = [_plan_from(PbxPlan, {**pbx, "trouble": tuple(pbx.get("trouble", ()))}, path) for pbx in data["pbxs"]]
    missing = dict.fromkeys(pbx.tenant for pbx in pbxs if pbx.tenant not in known)
    tenants.extend(TenantPlan(name) for name in missing)
    return FleetPlan(tenants, pbxs, data.get("seed", 0) if seed is None else seed)


def _plan_from(kind: Any, data: Any, path: Path) -> Any:
    known = {key.name for key in fields(kind)}
    if not isinstance(data, dict) or set(data) - known:
        raise ValueError(f"{path}: {data!r} is not a {kind.__name__}; its keys are {', '.join(sorted(known))}")
    try:
        return kind(**data)
    except TypeError as error:
        raise ValueError(f"{path}: {data!r}: {error}") from error


def build(plan: FleetPlan) -> World:
    """A world from a plan: the same plan and seed give the same ids and secrets."""
    for pbx_plan in plan.pbxs:
        _check_pbx(pbx_plan)
    world = World(seed=plan.seed)
    world.automation = _automation(world)
    tenants = {tenant_plan.name: _build_tenant(world, tenant_plan) for tenant_plan in plan.tenants}
    world.automation.home_tenant_id = next(iter(tenants.values())).id
    _furnish_tenants(world, world.automation)
    for pbx_plan in plan.pbxs:
        _build_pbx(world, pbx_plan, tenants[pbx_plan.tenant])
    return world


def _automation(world: World) -> Automation:
    return Automation(world.new_guid(), world.new_guid(), home_tenant_id="", client_secret=world.new_secret())


def _build_tenant(world: World, plan: TenantPlan) -> Tenant:
    if plan.cloud not in CLOUDS:
        raise ValueError(f"tenant {plan.name}: cloud must be one of {', '.join(CLOUDS)}")
    name = plan.display_name or plan.name.replace("-", " ").title()
    tenant = Tenant(world.new_guid(), name, plan.domain or f"{plan.name}.example", plan.cloud, plan.clock_offset)
    world.add_tenant(tenant)
    for index in range(plan.users):
        _add_user(world, tenant, index)
    return tenant


def _add_user(world: World, tenant: Tenant, index: int) -> None:
    """A person in Graph's shape (documented: default and common properties of user)."""
    firsts, lasts = _FIRST.split(), _LAST.split()
    first_name, family = firsts[world.rng.randrange(len(firsts))], lasts[(index * 7 + len(tenant.domain)) % len(lasts)]
    mailbox = f"{first_name}.{family}".lower() + ("" if index < len(lasts) else str(index))
    guest = index % 9 == 8
    user: dict[str, Any] = {
        "id": world.new_guid(),
        "displayName": f"{first_name} {family}",
        "givenName": first_name,
        "surname": family,
        "userPrincipalName": f"{mailbox}_partner.example#EXT#@{tenant.domain}"
        if guest
        else f"{mailbox}@{tenant.domain}",
        "mail": f"{mailbox}@partner.example" if guest else f"{mailbox}@{tenant.domain}",
        "userType": "Guest" if guest else "Member",
        "accountEnabled": True,
        "businessPhones": [f"+49 30 5550{100 + index}"],
        "mobilePhone": None,
        "jobTitle": None,
        "department": _DEPARTMENTS[index % len(_DEPARTMENTS)],
        "officeLocation": None,
        "preferredLanguage": None,
    }
    tenant.users[user["id"]] = user
    if index % 4 != 3:
        # In a crowd, namesakes look alike: drawing thousands of pictures would take longer than everything else.
        tenant.photos[user["id"]] = portrait(first_name if len(world.tenants) > _CROWD else user["userPrincipalName"])


def _furnish_tenants(world: World, automation: Automation) -> None:
    for tenant in world.tenants.values():
        graph.prepare_tenant(world, tenant)
        graph.install_automation(world, tenant, automation)


def _build_pbx(world: World, plan: PbxPlan, tenant: Tenant) -> Pbx:
    pbx = Pbx(
        name=plan.name,
        version=BUILDS.get(plan.version, plan.version),
        edition=plan.edition,
        tenant_id=tenant.id,
        client_id="900",
        client_secret=world.new_secret(32),
        admin=Administrator("100", world.new_secret(16)),
        simultaneous_calls=plan.simultaneous_calls,
        down="down" in plan.trouble,
        clock_offset=plan.clock_offset,
        inventory_vars={**_inventory_trouble(world, plan), **plan.inventory},
        trouble=plan.trouble,
        expected=_expected(plan),
    )
    world.add_pbx(pbx)
    if plan.state:
        pbx_package.patch_pbx(world, pbx, dict(plan.state))
    return pbx


def _check_pbx(plan: PbxPlan) -> None:
    if plan.edition not in EDITIONS:
        raise ValueError(f"PBX {plan.name}: edition must be one of {', '.join(EDITIONS)}")
    if not all(part.isdigit() for part in plan.version.split(".")) or plan.version.count(".") not in (2, 3):
        raise ValueError(f"PBX {plan.name}: version must look like 20.0.10 or 20.0.10.731, not {plan.version!r}")
    strange = set(plan.trouble) - set(TROUBLES)
    if strange:
        raise ValueError(f"PBX {plan.name}: no such trouble: {', '.join(sorted(strange))}")


def _inventory_trouble(world: World, plan: PbxPlan) -> dict[str, Any]:
    """What is wrong in the operator's inventory, or asks for more than the license has."""
    variables: dict[str, Any] = {}
    if "wrong_secret" in plan.trouble:
        licensed = plan.edition == "Enterprise" and plan.simultaneous_calls >= 8
        variables["tcx_client_secret" if licensed else "tcx_password"] = world.new_secret(32)
    if "unlicensed" in plan.trouble:
        variables["tcx_console_contact_sync"] = {"enabled": True}
    return variables


def _expected(plan: PbxPlan) -> str:
    """The verdict of a check, which writes nothing: releases before 20.0.10 do not tell their edition (documented), so that
    only a write would be told that the license lacks something; what is missing there looks like drift."""
    unlicensed = "unlicensed" if _release(plan) >= (20, 0, 10) else "drifted"
    verdicts = {"down": "unreachable", "wrong_secret": "failed", "unlicensed": unlicensed, "drifted": "drifted"}
    return next((verdicts[name] for name in TROUBLES if name in plan.trouble), "compliant")


def _release(plan: PbxPlan) -> tuple[int, ...]:
    return tuple(int(part) for part in plan.version.split(".")[:3])


def linked_application(world: World, pbx: Pbx) -> tuple[Tenant, str] | None:
    """Tenant and object id of the application that a PBX's settings point to; None when it points to nothing that exists."""
    settings = pbx_package.state_of(world, pbx).m365
    tenant = world.find_tenant(settings["TenantId"] or "")
    if tenant is None:
        return None
    applications = tenant.applications.items()
    object_ids = (
        object_id for object_id, application in applications if application["appId"] == settings["ApplicationId"]
    )
    return next(((tenant, object_id) for object_id in object_ids), None)


def drift(world: World, hosts: Sequence[str] | None = None) -> list[str]:
    """Change things behind the collection's back, on both sides: sign-in switched off on the PBX, and on every second one
    ID tokens and redirect URIs taken from its application instead. Without `hosts`: those planned as drifted.

    PBXs that have no application configured are left alone. Returns the names of the PBXs that differ now.
    """
    names = [name for name, pbx in world.pbxs.items() if "drifted" in pbx.trouble] if hosts is None else list(hosts)
    unknown = [name for name in names if name not in world.pbxs]
    if unknown:
        raise ValueError(f"there is no PBX {', '.join(unknown)}")
    changed = []
    for index, name in enumerate(names):
        pbx = world.pbxs[name]
        linked = linked_application(world, pbx)
        if linked is None:
            continue
        tenant, object_id = linked
        if index % 2:
            web = {"redirectUris": [], "implicitGrantSettings": {"enableIdTokenIssuance": False}}
            graph.patch_application(world, tenant, object_id, {"web": web})
        else:
            pbx_package.patch_pbx(world, pbx, {"AdUsers": {"EnableSSO": False}})
        pbx.expected = "drifted"
        changed.append(name)
    return changed
