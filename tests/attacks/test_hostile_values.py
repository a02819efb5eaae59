# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random hostile values in every property that a PBX or a tenant can set, through a whole fleet: from the look to the files.

Nothing is executed, no terminal obeys anything, no file gets another structure, nobody crashes, and the PBX beside the
hostile one is reported as if there were none.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible_collections.tcx.m365.plugins.module_utils._pbx import documented
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.families import variables as known_variables
from ansible_collections.tcx.m365.plugins.plugin_utils._report.files import RENDERERS
from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import Report
from ansible_collections.tcx.m365.tests.attacks.conftest import Scene
from ansible_collections.tcx.m365.tests.in_process import Run
from ansible_collections.tcx.m365.tests.tools.report_texts import render
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._common.hostile import (
    HOSTILE,
    hostile_texts,
    obeyed_characters,
)
from ansible_collections.tcx.m365.tests.unit.plugins.plugin_utils._report.test_report_hostile import (
    FORMULA_SIGNS,
    parts,
)
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tcx_lab import hostile
from tcx_lab.pbx import state_of

TYPES = {name: kind for name, (kind, _words) in documented.ANSWERS._types.items()}
ITEMS = {name: kind for name, (kind, _words) in documented.ANSWERS._items.items()}
TEXTS = sorted(name for name, kind in TYPES.items() if kind is str)
OTHERS = sorted(name for name, kind in TYPES.items() if kind is not str and ITEMS.get(name, str) is str)
_strange = st.one_of(
    st.none(), st.integers(), st.lists(hostile_texts, max_size=2), st.dictionaries(hostile_texts, hostile_texts)
)
lies = st.dictionaries(st.sampled_from(TEXTS), hostile_texts, min_size=1, max_size=8) | st.dictionaries(
    st.sampled_from([*TEXTS, *OTHERS]), _strange | hostile_texts, min_size=1, max_size=3
)
OF_A_TENANT = ("displayName", "notes", "tags", "web", "keyCredentials", "passwordCredentials")
VOLATILE = ("status", "days_left", "seconds")

_numbers = itertools.count()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Two PBXs that work, in one tenant."""
    home = tmp_path_factory.mktemp("home")
    with Scene.start(home) as scene:
        run = _begin(scene, home)
        assert not [result for result in run.operation("rollout").values() if result.get("failed")]
        yield scene


def _begin(scene: Scene, directory: Path, **more: Any) -> Run:
    content = scene.controller.lab.inventory
    short = {"tcx_deadline": 10, "entra_deadline": 20, "tcx_console_wait_timeout": 2}
    return Run.begin(content, ["pbx0", "pbx1"], directory / f"run{next(_numbers)}", **{**short, **more})


def _told(result: Any) -> Iterator[str]:
    """Every text of a result, as a terminal may get it."""
    if isinstance(result, str):
        yield result
    elif isinstance(result, dict):
        for name, value in result.items():
            yield str(name)
            yield from _told(value)
    elif isinstance(result, (list, tuple)):
        for each in result:
            yield from _told(each)


def _check(scene: Scene, directory: Path, beside: dict[str, Any] | None) -> None:
    """:param beside: the entry of the other PBX, where it must not be touched by it."""
    look = _begin(scene, directory)
    results: dict[str, Any] = look.steps("pbx", "preflight")
    audit = _begin(scene, directory, sso_verify_people=True)
    audit.check_mode = True
    entries = audit.report()
    capture = _begin(scene, directory)
    captured = capture.operation("capture")
    for text in _told([results, captured, look.warnings, audit.warnings, capture.warnings]):
        assert not obeyed_characters(text), text
    _check_report(Report.build(entries, datetime(2026, 11, 26, tzinfo=UTC), {}))
    for path in capture.directory.rglob("host_vars/*.yml"):
        variables = DataLoader().load_from_file(str(path))
        assert set(variables) <= set(known_variables()) | {"entra_tenant_id", "tcx_url"}, path.read_text("utf-8")
        assert not obeyed_characters(path.read_text("utf-8"))
    assert beside is None or _plain(entries[1]) == beside, "nobody notices who is beside him"
    assert not captured["pbx1"].get("failed")


def _check_report(report: Report) -> None:
    made = {name: render(name, report) for name in RENDERERS}
    for name, content in made.items():
        assert not obeyed_characters(content), name
    assert len(json.loads(made["compliance.json"])["hosts"]) == 2
    ET.XML(made["compliance.junit.xml"])
    for cell in itertools.chain(*csv.reader(io.StringIO(made["compliance.csv"]))):
        assert not [each for each in parts(cell) if each.strip(" \"'").startswith(FORMULA_SIGNS) and each[:1] != "'"]


def _plain(entry: Any) -> dict[str, Any]:
    found = dataclasses.asdict(entry)
    for control in found["controls"]:
        if control["id"] == "pbx.clock":  # a second more or less, by chance
            control.pop("found")
    return {name: value for name, value in found.items() if name not in VOLATILE}


@given(lies)
@example({"StartingExtensionNumber": "200{{ lookup('pipe','id') }}", "ExceptionMessage": "".join(HOSTILE)})
@example({"FQDN": "localhost", "Version": "20.0.10\x1b[2J", "ProductCode": "=1+1", "TenantId": "a\nb: c"})
@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_pbx_says(scene: Scene, tmp_path: Path, said: dict[str, Any]) -> None:
    beside = _baseline(scene, tmp_path)
    hostile.lie(scene.pbx("pbx0"), **said)
    try:
        _check(scene, tmp_path, beside)
    finally:
        hostile.be_honest(scene.pbx("pbx0"))


@given(st.sampled_from(OF_A_TENANT), hostile_texts)
@example("displayName", "{{ lookup('pipe','id') }}" + "".join(HOSTILE))
@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_an_owner_writes_into_an_application(scene: Scene, tmp_path: Path, where: str, text: str) -> None:
    beside = _baseline(scene, tmp_path)
    application = scene.application("pbx0")
    assert application is not None
    before = dict(application)
    application.update(_written(where, text, application))
    try:
        _check(scene, tmp_path, beside)
    finally:
        application.clear()
        application.update(before)


OF_A_PERSON = ("displayName", "userPrincipalName", "mail", "proxyAddresses", "userType")
OF_AN_EXTENSION = ("FirstName", "LastName", "EmailAddress", "Number", "DisplayName")


@given(
    st.sampled_from([*(("tenant", each) for each in OF_A_PERSON), *(("pbx", each) for each in OF_AN_EXTENSION)]),
    hostile_texts,
)
@example(("tenant", "displayName"), "{{ lookup('pipe','id') }}" + "".join(HOSTILE))
@example(("tenant", "userPrincipalName"), "=1+1;" + "".join(HOSTILE))
@example(("pbx", "EmailAddress"), "{{ lookup('pipe','id') }}" + "".join(HOSTILE))
@settings(deadline=None, max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_people_are_called(scene: Scene, tmp_path: Path, where: tuple[str, str], text: str) -> None:
    """In the tenant, where a user is an owner of the application and a member of a group of that name, and on the PBX."""
    beside = _baseline(scene, tmp_path)
    side, name = where
    tenant, state = scene.tenant("acme"), state_of(scene.world, scene.pbx("pbx0"))
    users = tenant.users if side == "tenant" else state.users
    person, groups = next(iter(users.values())), list(tenant.groups.values())
    application = scene.application("pbx0")
    assert application is not None
    before = [dict(each) for each in (person, *groups)], dict(tenant.owners)
    person[name] = [text] if name == "proxyAddresses" else text
    for each in groups:
        each["displayName"] = text
    tenant.owners[application["id"]] = [*tenant.owners.get(application["id"], ()), next(iter(tenant.users))]
    try:
        _check(scene, tmp_path, None if side == "tenant" else beside)
        _check_groups(scene, tmp_path, text)
    finally:
        for each, known in zip((person, *groups), before[0], strict=True):
            each.clear()
            each.update(known)
        tenant.owners.clear()
        tenant.owners.update(before[1])


def _check_groups(scene: Scene, directory: Path, text: str) -> None:
    """A selection by name makes the PBX list the groups and users of the tenant."""
    look = _begin(
        scene, directory, tcx_console_user_sync={"scope": "groups", "groups": ["nobody", text], "users": [text]}
    )
    look.check_mode = True
    for told in _told([look.steps("pbx", "settings", hosts=["pbx0"]), look.warnings]):
        assert not obeyed_characters(told), told


def _written(where: str, text: str, application: dict[str, Any]) -> dict[str, Any]:
    if where == "tags":
        return {"tags": [*application["tags"], text, f"tcx.m365:pbx={text}"]}
    if where == "web":
        return {"web": {**application["web"], "redirectUris": [*application["web"]["redirectUris"], text]}}
    if where == "keyCredentials":
        return {where: [{**each, "displayName": text} for each in application[where]]}
    if where == "passwordCredentials":
        secret = {"keyId": "x", "displayName": text, "hint": text[:3], "endDateTime": "2036-01-01T00:00:00Z"}
        return {where: [secret]}
    return {where: text}


_known: dict[int, dict[str, Any]] = {}


def _baseline(scene: Scene, directory: Path) -> dict[str, Any]:
    """The entry of the other PBX in a fleet in which nobody is hostile."""
    if id(scene) not in _known:
        audit = _begin(scene, directory, sso_verify_people=True)
        audit.check_mode = True
        _known[id(scene)] = _plain(audit.report()[1])
    return _known[id(scene)]
