# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in for AWX refuses what AWX refuses; without that, content that it takes would prove nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_controller import FakeController, Refused, Store, credential_types, surveys
from fake_controller.server import PASSWORD, USERNAME

URL = "https://git.example.com/playbooks.git"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "site.yml").write_text("- hosts: all\n", encoding="utf-8")
    (tmp_path / "vars.yml").write_text("answer: 42\n", encoding="utf-8")
    made = Store({URL: tmp_path})
    made.create("organizations", {"name": "Ours"})
    return made


@pytest.fixture
def ready(store: Store) -> Store:
    """A store with a template and a workflow."""
    ours = store.one("organization", "Ours").id
    store.create("projects", {"name": "playbooks", "organization": ours, "scm_type": "git", "scm_url": URL})
    store.create("inventories", {"name": "fleet", "organization": ours})
    template = store.create("job_templates", template_of(store))
    template.survey = {"name": "", "description": "", "spec": [question()]}
    store.create("workflow_job_templates", {"name": "flow", "organization": ours})
    return store


def template_of(store: Store, **changes: Any) -> dict[str, Any]:
    given = {
        "name": "site",
        "playbook": "site.yml",
        "project": store.one("project", "playbooks").id,
        "inventory": store.one("inventory", "fleet").id,
        "survey_enabled": True,
    }
    return {**given, **changes}


def question(**changes: Any) -> dict[str, Any]:
    given = {"variable": "size", "question_name": "Size?", "type": "integer", "required": True, "min": 1, "max": 9}
    return {**given, "default": 3, **changes}


def node_of(store: Store, **changes: Any) -> dict[str, Any]:
    return {
        "identifier": "first",
        "workflow_job_template": store.one("workflow_job_template", "flow").id,
        "unified_job_template": store.one("job_template", "site").id,
        **changes,
    }


def refusal(call: Any, *arguments: Any) -> str:
    with pytest.raises(Refused) as caught:
        call(*arguments)
    return str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, "This field is required."),
        ({"playbook": "vars.yml"}, "Playbook not found for project."),
        ({"playbook": ""}, "Must select playbook for project."),
        ({"job_type": "scan"}, "is not a valid choice"),
        ({"forks": "20"}, "Not a valid"),
        ({"forks": -1}, "greater than or equal to 0"),
        ({"inventory": 4711}, "object does not exist"),
        ({"inventory": None}, "ask to prompt on launch"),
        ({"extra_vars": "[1, 2]"}, "a mapping is required"),
        ({"scm_branch": "dev"}, "does not allow overriding branch"),
        ({"name": "site"}, "combination already exists"),
    ],
)
def test_job_templates(ready: Store, changes: dict[str, Any], said: str) -> None:
    assert said in refusal(ready.create, "job_templates", template_of(ready, **{"name": "other", **changes}))


def test_what_is_not_known_is_noted(ready: Store) -> None:
    ready.create("job_templates", template_of(ready, name="other", job_slices=3))
    assert ready.ignored == [("job_template", "job_slices")]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rrule": "DTSTART:20260101T020000Z RRULE:FREQ=DAILY"}, "INTERVAL required"),
        ({"rrule": "RRULE:FREQ=DAILY;INTERVAL=1"}, "Valid DTSTART required"),
        ({"rrule": "DTSTART:20260101T020000 RRULE:FREQ=DAILY;INTERVAL=1"}, "naive datetime"),
        ({"limit": "acme"}, "not configured to prompt on launch"),
        ({"extra_data": {"size": 3, "colour": "red"}}, "not allowed on launch"),
        ({"extra_data": {"size": 10}}, "too large"),
        ({"extra_data": {"size": "3"}}, "expected to be an integer"),
    ],
)
def test_schedules(ready: Store, changes: dict[str, Any], said: str) -> None:
    good = {"name": "nightly", "rrule": "DTSTART:20260101T020000Z RRULE:FREQ=DAILY;INTERVAL=1"}
    good["unified_job_template"] = ready.one("job_template", "site").id
    good["extra_data"] = {"size": 3}
    assert said in refusal(ready.create, "schedules", {**good, **changes})
    assert ready.create("schedules", good).values["enabled"] is True


@pytest.mark.parametrize("changes", [{"limit": "acme"}, {"job_slice_count": 2}, {"job_type": "check"}])
def test_nodes_only_preset_what_the_template_asks_for(ready: Store, changes: dict[str, Any]) -> None:
    assert "not configured to prompt" in refusal(ready.create, "workflow_job_template_nodes", node_of(ready, **changes))
    ready.one("job_template", "site").values.update({f"ask_{name}_on_launch": True for name in changes})
    for name in ("one", "two"):
        ready.create("hosts", {"name": name, "inventory": ready.one("inventory", "fleet").id})
    assert ready.create("workflow_job_template_nodes", node_of(ready, **changes))


def test_nodes_make_no_circle(ready: Store) -> None:
    first = ready.create("workflow_job_template_nodes", node_of(ready))
    second = ready.create("workflow_job_template_nodes", node_of(ready, identifier="second"))
    ready.associate(first, "success_nodes", {"id": second.id})
    assert "Cycle detected" in refusal(ready.associate, second, "always_nodes", {"id": first.id})


def test_one_credential_of_each_type(ready: Store) -> None:
    ours, vault = ready.one("organization", "Ours").id, ready.one("credential_type", "Vault").id
    template = ready.one("job_template", "site")
    for name in ("one", "two"):
        ready.create("credentials", {"name": name, "organization": ours, "credential_type": vault, "inputs": {}})
    ready.associate(template, "credentials", {"id": ready.one("credential", "one").id})
    said = refusal(ready.associate, template, "credentials", {"id": ready.one("credential", "two").id})
    assert "Cannot assign multiple Vault credentials" in said


def test_a_credential_type_in_use_stays(ready: Store) -> None:
    ours, vault = ready.one("organization", "Ours").id, ready.one("credential_type", "Vault")
    ready.create("credentials", {"name": "one", "organization": ours, "credential_type": vault.id, "inputs": {}})
    assert "in use" in refusal(ready.delete, vault)


def test_a_constructed_inventory_has_a_source_of_its_own(ready: Store) -> None:
    ours = ready.one("organization", "Ours").id
    made = ready.create("inventories", {"name": "grouped", "organization": ours, "kind": "constructed"})
    source = ready.one("inventory_source", "Auto-created source for: grouped")
    ready.change(source, {"source_vars": '{"plugin": "constructed"}', "inventory": made.id})
    assert "Cannot change field 'source_path'" in refusal(ready.change, source, {"source_path": "x"})
    given = {"name": "more", "inventory": made.id, "source": "scm"}
    assert "Smart or Constructed" in refusal(ready.create, "inventory_sources", given)


INPUTS = {"fields": [{"id": "token", "label": "Token", "type": "string", "secret": True}]}


@pytest.mark.parametrize(
    ("injectors", "said"),
    [
        ({"env": {"TOKEN": "{{ tokn }}"}}, "undefined field"),
        ({"env": {"TOKEN": "{{ tower.filename }}"}}, "undefined field"),
        ({"env": {"TOKEN": "{{ tower.filename.a }}"}, "file": {"template.b": "x"}}, "undefined field"),
        ({"env": {"ANSIBLE_CONFIG": "x"}}, "not allowed"),
        ({"env": {"PYTHONPATH": "x"}}, "not allowed"),
        ({"env": {"1TOKEN": "x"}}, "Schema validation error"),
        ({"env": {"TOKEN": "ü"}}, "Schema validation error"),
        ({"environment": {}}, "Schema validation error"),
        ({"file": {"template": "a", "template.b": "b"}}, "multi-file syntax"),
        ({"env": {"TOKEN": "{{ token"}}, "cannot be rendered"),
    ],
)
def test_injectors(injectors: dict[str, Any], said: str) -> None:
    assert said in refusal(credential_types.check_injectors, INPUTS, injectors)


@pytest.mark.parametrize(
    "field",
    [
        {"id": "a b", "label": "A"},
        {"id": "a"},
        {"id": "tower", "label": "A"},
        {"id": "a", "label": "A", "type": "number"},
        {"id": "a", "label": "A", "type": "boolean", "secret": True},
        {"id": "a", "label": "A", "default": 1},
        {"id": "a", "label": "A", "required": True},
    ],
)
def test_inputs(field: dict[str, Any]) -> None:
    assert refusal(credential_types.check_inputs, {"fields": [field]})


def test_injection_as_awx_does_it(tmp_path: Path) -> None:
    injectors = {
        "file": {"template.cert": "{{ token }}", "template.other": "{{ name }}"},
        "env": {
            "CERT": "{{ tower.filename.cert }}",
            "NAME": "{{ name | default('nobody', true) }}",
            "RAW": "{{ name }}",
        },
        "extra_vars": {"who": ["{{ token }}"]},
    }
    env, extra = credential_types.inject(INPUTS, injectors, {"token": "t0ken", "name": ""}, tmp_path)
    certificate = Path(env["CERT"])
    assert certificate.read_text(encoding="utf-8") == "t0ken"
    assert certificate.stat().st_mode & 0o777 == 0o600
    assert (env["NAME"], env["RAW"], extra) == ("nobody", "", {"who": ["t0ken"]})


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "number"},
        {"required": "yes"},
        {"default": "3"},
        {"min": "1"},
        {"type": "multiplechoice", "default": ""},
        {"type": "multiplechoice", "choices": "a\nb", "default": "c"},
        {"variable": 5},
    ],
)
def test_surveys(changes: dict[str, Any]) -> None:
    spec = {"name": "", "description": "", "spec": [question(**changes)]}
    assert refusal(surveys.check_spec, spec)
    surveys.check_spec({**spec, "spec": [question()]})


@pytest.fixture
def running(tmp_path: Path) -> Iterator[FakeController]:
    with FakeController.start({URL: tmp_path}) as controller:
        yield controller


def test_over_http(running: FakeController) -> None:
    """Tokens, pages, filters, hidden secrets."""
    with httpx.Client(base_url=f"{running.url}/api/v2") as http:
        assert http.get("/organizations/").status_code == 401
        assert http.post("/tokens/", auth=(USERNAME, "wrong")).status_code == 401
        token = http.post("/tokens/", auth=(USERNAME, PASSWORD), json={}).json()["token"]
        http.headers["Authorization"] = f"Bearer {token}"
        ids = [http.post("/organizations/", json={"name": f"org {n}"}).json()["id"] for n in range(7)]
        page = http.get("/organizations/").json()
        assert (page["count"], len(page["results"])) == (7, 3)
        assert http.get(running.url + page["next"]).json()["results"][0]["name"] == "org 3"
        assert http.get("/organizations/", params={"name__in": "org 1,org 2"}).json()["count"] == 2
        assert http.get("/organizations/", params={"colour": "red"}).status_code == 400
        type_ = http.get("/credential_types/", params={"name": "Vault"}).json()["results"][0]["id"]
        given = {"name": "v", "organization": ids[0], "credential_type": type_, "inputs": {"vault_password": "pw"}}
        made = http.post("/credentials/", json=given).json()
        assert made["inputs"] == {"vault_password": "$encrypted$"}
        assert http.patch(running.url + made["url"], json={"inputs": made["inputs"]}).status_code == 200
        assert running.store.one("credential", "v").values["inputs"] == {"vault_password": "pw"}
        found = http.get("/credentials/", params={"organization__name": "org 0"}).json()
        assert [item["name"] for item in found["results"]] == ["v"]
