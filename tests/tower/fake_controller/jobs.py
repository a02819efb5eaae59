# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Launches: what a template takes of them, what is updated before a job, how slices and workflows go on.

Documented: `JobLaunchSerializer`, `WorkflowJobLaunchSerializer`, `DependencyManager`, `WorkflowDAG`,
`WorkflowJobNode.get_job_kwargs` of AWX 24.6. Who runs a job is given from outside: Ansible itself, or a test that says
how it ends.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fake_controller import messages, prompting, surveys, syncs
from fake_controller.prompting import asked
from fake_controller.refusal import Refused

if TYPE_CHECKING:
    from fake_controller.store import Item, Store

DONE = ("successful", "failed", "error", "canceled")
PATHS = ("success_nodes", "failure_nodes", "always_nodes")
#: Fields of a launch that a template may ask for, and those that it never takes from a workflow.
PROMPTS = (
    "limit",
    "job_type",
    "diff_mode",
    "verbosity",
    "forks",
    "job_slice_count",
    "inventory",
    "timeout",
    "credentials",
)
#: What a workflow presets or is launched with goes before what its nodes preset.
OF_WORKFLOWS = ("inventory", "limit", "scm_branch", "job_tags", "skip_tags")


@dataclass(frozen=True)
class Launch:
    """One job as the machine gets it that runs it."""

    job: Item
    template: Item
    inventory: dict[str, Any]
    extra_vars: dict[str, Any]
    credentials: list[Item]
    forks: int


@dataclass(frozen=True)
class Ended:
    """How a job ended: `code` of ansible-playbook, what it printed, what it left for the nodes after it."""

    code: int = 0
    output: str = ""
    artifacts: dict[str, Any] = field(default_factory=dict)
    seconds: float = 60


Runner = Callable[[Launch], Ended]


def succeed(_launch: Launch) -> Ended:
    return Ended()


def launch(store: Store, template: Item, given: Mapping[str, Any], launch_type: str = "manual") -> Item:
    """Start a template as a person does; returns the job or the workflow job, which has ended or waits for approval."""
    found = prompting.sift(store, template, given)
    if found.errors:
        raise Refused(400, dict(found.errors))
    if template.kind.type == "workflow_job_template":
        return _start_workflow(store, template, found.taken, found.variables, launch_type)
    return start_job(store, template, found.taken, found.variables, launch_type=launch_type)


def run_schedule(store: Store, schedule: Item) -> Item:
    """What happens when the time of a schedule has come."""
    template = store.items[schedule.values["unified_job_template"]]
    prompts = {name: schedule.values[name] for name in PROMPTS if schedule.values.get(name) is not None}
    return launch(store, template, {**prompts, "extra_vars": schedule.values["extra_data"]}, "scheduled")


# -- jobs


def start_job(
    store: Store,
    template: Item,
    prompts: Mapping[str, Any],
    accepted: Mapping[str, Any],
    *,
    launch_type: str,
    workflow_job: Item | None = None,
) -> Item:
    """Start a job template, in slices when it has them and there are hosts for them."""
    slices = prompting.slices(store, template, prompts)
    variables = surveys.answers(template, accepted)
    if slices > 1:
        return _sliced(store, template, prompts, variables, slices, launch_type)
    job = _job(store, template, prompts, variables, launch_type=launch_type, workflow_job=workflow_job)
    _run(store, job, template, prompts)
    return job


def _sliced(
    store: Store,
    template: Item,
    prompts: Mapping[str, Any],
    variables: Mapping[str, Any],
    count: int,
    launch_type: str,
) -> Item:
    """How many slices there are is fixed now, before the inventory is read again."""
    whole = syncs.record(
        store,
        "workflow_job",
        name=template.name,
        job_template=template.id,
        unified_job_template=template.id,
        is_sliced_job=True,
        launch_type=launch_type,
        status="running",
    )
    messages.job_event(store, whole, template, "started")
    parts = []
    for number in range(1, count + 1):
        part = _job(store, template, prompts, variables, launch_type="workflow", workflow_job=whole)
        part.values.update(job_slice_number=number, job_slice_count=count)
        _run(store, part, template, prompts, told=True)
        parts.append(part)
    good = all(part.values["status"] == "successful" for part in parts)
    syncs.end(whole, "successful" if good else "failed")
    messages.job_event(store, whole, template, "success" if good else "error")
    return whole


def _job(
    store: Store,
    template: Item,
    prompts: Mapping[str, Any],
    variables: Mapping[str, Any],
    *,
    launch_type: str,
    workflow_job: Item | None,
) -> Item:
    chosen = {
        name: prompts.get(name, template.values[name]) for name in ("limit", "job_type", "diff_mode", "inventory")
    }
    project = store.referred(template, "project")
    image = syncs.image_of(store, template, project, store.referred(template, "organization"))
    job = syncs.record(
        store,
        "job",
        name=template.name,
        job_template=template.id,
        unified_job_template=template.id,
        workflow_job=workflow_job.id if workflow_job else None,
        extra_vars=json.dumps(variables),
        playbook=template.values["playbook"],
        execution_environment=image.id,
        launch_type=launch_type,
        **chosen,
    )
    job.lists["labels"] = list(template.lists["labels"])
    job.lists["credentials"] = list(prompts.get("credentials", template.lists["credentials"]))
    return job


def _run(store: Store, job: Item, template: Item, prompts: Mapping[str, Any], *, told: bool = False) -> None:
    """Update what the job depends on, run it, and tell whom the template names."""
    failed = _dependencies(store, job, template)
    if failed:
        syncs.end(job, "failed", explanation=failed)
    elif not syncs.pulled(store, store.items[job.values["execution_environment"]]):
        syncs.end(job, "error", explanation="unable to pull image")
    else:
        job.values["status"] = "running"
        if not told:
            messages.job_event(store, job, template, "started")
        _carry_out(store, job, template, prompts)
    if not told:
        messages.job_event(store, job, template, "success" if job.values["status"] == "successful" else "error")


def _dependencies(store: Store, job: Item, template: Item) -> str:
    """The project, and the sources of the job's own inventory, never those of inventories that it is made of."""
    project = store.referred(template, "project")
    if project and project.values["scm_update_on_launch"]:
        update = syncs.update_project(store, project, "dependency")
        if update.values["status"] != "successful":
            return f'Previous Task Failed: {{"job_type": "project_update", "job_name": "{update.name}"}}'
    for source in store.of("inventory_source"):
        if source.values["inventory"] != job.values["inventory"] or not source.values["update_on_launch"]:
            continue
        if job.values["job_slice_number"] > 1 or _cached(store, source):
            continue
        update = syncs.update_source(store, source, "dependency")
        if update.values["status"] != "successful":
            return f'Previous Task Failed: {{"job_type": "inventory_update", "job_name": "{update.name}"}}'
    return ""


def _cached(store: Store, source: Item) -> bool:
    done = [each for each in store.of("inventory_update") if each.values["inventory_source"] == source.id]
    return bool(source.values["update_cache_timeout"] and done and done[-1].values["status"] == "successful")


def _carry_out(store: Store, job: Item, template: Item, prompts: Mapping[str, Any]) -> None:
    inventory = store.items[job.values["inventory"]]
    part = (job.values["job_slice_number"] or 1, job.values["job_slice_count"])
    ended = store.runner(
        Launch(
            job,
            template,
            syncs.script_data(store, inventory, *part),
            {**json.loads(job.values["extra_vars"]), "awx_job_id": job.id, "tower_job_id": job.id},
            store.listed(job, "credentials"),
            prompts.get("forks") or template.values["forks"],
        )
    )
    limit = prompts.get("timeout") or template.values["timeout"]
    job.values["artifacts"] = ended.artifacts
    if 0 < limit < ended.seconds:
        syncs.end(job, "failed", explanation="Job terminated due to timeout", output=ended.output)
    else:
        syncs.end(job, "successful" if ended.code == 0 else "failed", output=ended.output)


# -- workflows


def _start_workflow(
    store: Store,
    template: Item,
    prompts: Mapping[str, Any],
    accepted: Mapping[str, Any],
    launch_type: str,
    spawning: Item | None = None,
) -> Item:
    """Copy the nodes of the template, and go on until something has to be approved or all is done.

    :param spawning: the node of another workflow that starts this one.
    """
    variables = surveys.answers(template, accepted)
    workflow = syncs.record(
        store,
        "workflow_job",
        name=template.name,
        workflow_job_template=template.id,
        unified_job_template=template.id,
        extra_vars=json.dumps(variables),
        launch_type=launch_type,
        status="running",
        **{name: prompts.get(name, template.values[name]) for name in OF_WORKFLOWS},
    )
    if spawning is not None:
        spawning.values["job"] = workflow.id
    copies: dict[int, Item] = {}
    own = [
        each for each in store.of("workflow_job_template_node") if each.values["workflow_job_template"] == template.id
    ]
    for node in own:
        presets = {name: node.values[name] for name in PROMPTS if node.values.get(name) is not None}
        presets["extra_vars"] = node.values["extra_data"]
        copies[node.id] = syncs.record(
            store,
            "workflow_job_node",
            workflow_job=workflow.id,
            unified_job_template=node.values["unified_job_template"],
            identifier=node.values["identifier"],
            all_parents_must_converge=node.values["all_parents_must_converge"],
            prompts=presets,
        )
    for node in own:
        for path in PATHS:
            copies[node.id].lists[path] = [copies[each].id for each in node.lists[path]]
    messages.job_event(store, workflow, template, "started")
    advance(store, workflow)
    return workflow


def nodes_of(store: Store, workflow: Item) -> list[Item]:
    return [each for each in store.of("workflow_job_node") if each.values["workflow_job"] == workflow.id]


def advance(store: Store, workflow: Item) -> None:
    """Run whatever can run now. A node to which no link leads is a root, and roots run at once."""
    while True:
        nodes = nodes_of(store, workflow)
        _mark_not_run(store, nodes)
        ready = [node for node in nodes if _ready(store, node, nodes)]
        if not ready:
            break
        for node in ready:
            _start_node(store, workflow, node, nodes)
    if all(node.values["do_not_run"] or _status(store, node) in DONE for node in nodes):
        _end_workflow(store, workflow, nodes)


def _status(store: Store, node: Item) -> str:
    """How the job of a node ended; a node whose template is gone has failed without one."""
    job = store.items.get(node.values["job"] or 0)
    if job is None:
        return "" if store.referred(node, "unified_job_template") else "failed"
    return str(job.values["status"])


def _parents(node: Item, nodes: list[Item]) -> list[Item]:
    return [each for each in nodes if any(node.id in each.lists[path] for path in PATHS)]


def _leads(store: Store, parent: Item, node: Item) -> bool:
    path = "success_nodes" if _status(store, parent) == "successful" else "failure_nodes"
    return node.id in parent.lists[path] or node.id in parent.lists["always_nodes"]


def _ready(store: Store, node: Item, nodes: list[Item]) -> bool:
    if node.values["job"] or node.values["do_not_run"] or not store.referred(node, "unified_job_template"):
        return False
    parents = _parents(node, nodes)
    decided = all(each.values["do_not_run"] or _status(store, each) in DONE for each in parents)
    ran = [each for each in parents if not each.values["do_not_run"]]
    return not parents or (decided and any(_leads(store, each, node) for each in ran))


def _mark_not_run(store: Store, nodes: list[Item]) -> None:
    changed = True
    while changed:
        changed = False
        for node in nodes:
            parents = _parents(node, nodes)
            if node.values["job"] or node.values["do_not_run"] or not parents:
                continue
            if all(each.values["do_not_run"] or _status(store, each) in DONE for each in parents):
                ran = [each for each in parents if not each.values["do_not_run"]]
                leading = [_leads(store, each, node) for each in ran]
                # "All" wants every node that leads here to have been run, and to have taken the path that leads here.
                every = node.values["all_parents_must_converge"]
                if not any(leading) or (every and (len(ran) < len(parents) or not all(leading))):
                    node.values["do_not_run"] = changed = True


def _start_node(store: Store, workflow: Item, node: Item, nodes: list[Item]) -> None:
    template = store.items[node.values["unified_job_template"]]
    for parent in _parents(node, nodes):
        node.values["ancestor_artifacts"].update(parent.values["ancestor_artifacts"])
        job = store.items.get(parent.values["job"] or 0)
        if job is not None:
            node.values["ancestor_artifacts"].update(_artifacts(store, job))
    if template.kind.type == "workflow_approval_template":
        node.values["job"] = _ask(store, workflow, template).id
        return
    ancestors = _ancestors(store, workflow)
    if template in ancestors:
        node.values["job"] = _refuse_recursion(store, [template, *ancestors]).id
        return
    prompts = dict(node.values["prompts"])
    prompts.update({name: workflow.values[name] for name in OF_WORKFLOWS if workflow.values[name] is not None})
    extra, _errors = surveys.accept(template, prompts.pop("extra_vars", {}), ("prompts",))
    # Artifacts and the variables of the workflow pass by the question whether the template asks for variables.
    variables = {**extra, **node.values["ancestor_artifacts"], **json.loads(workflow.values["extra_vars"] or "{}")}
    taken = {name: value for name, value in prompts.items() if asked(template, name)}
    if template.kind.type == "workflow_job_template":
        _start_workflow(store, template, taken, variables, "workflow", node)
        return
    job = start_job(store, template, taken, variables, launch_type="workflow", workflow_job=workflow)
    job.values["workflow_job"] = workflow.id
    node.values["job"] = job.id


def _ancestors(store: Store, workflow: Item) -> list[Item]:
    """The templates of a workflow job and of those that it was spawned by, itself first."""
    above = [store.items[node.values["workflow_job"]] for node in _spawning(store, workflow)]
    return [_template(store, workflow), *(template for each in above for template in _ancestors(store, each))]


def _spawning(store: Store, workflow: Item) -> list[Item]:
    """The node of another workflow job by which this one was started, if any."""
    return [node for node in store.of("workflow_job_node") if node.values["job"] == workflow.id]


def _refuse_recursion(store: Store, spawned: list[Item]) -> Item:
    """A node may name its own workflow, or one that starts it; what it would start is made, and fails before it begins."""
    template = spawned[0]
    refused = syncs.record(
        store,
        "workflow_job",
        name=template.name,
        workflow_job_template=template.id,
        unified_job_template=template.id,
        launch_type="workflow",
        status="pending",
    )
    order = ", ".join(f"<{each.name}-{each.id}>" for each in spawned)
    said = f"Workflow Job spawned from workflow could not start because it would result in recursion (spawn order, most recent first: {order})"
    syncs.end(refused, "failed", explanation=said)
    return refused


def _artifacts(store: Store, job: Item) -> dict[str, Any]:
    if job.kind.type != "workflow_job":
        return dict(job.values.get("artifacts") or {})
    found: dict[str, Any] = {}
    for each in store.of("job"):
        if each.values["workflow_job"] == job.id:
            found.update(each.values["artifacts"])
    return found


def _ask(store: Store, workflow: Item, template: Item) -> Item:
    approval = syncs.record(
        store,
        "workflow_approval",
        name=template.name,
        description=template.values["description"],
        workflow_approval_template=template.id,
        unified_job_template=template.id,
        workflow_job=workflow.id,
        timeout=template.values["timeout"],
    )
    messages.approval_event(store, approval, _template(store, workflow), "running")
    return approval


def _template(store: Store, workflow: Item) -> Item:
    return store.items[workflow.values["unified_job_template"]]


def decide(store: Store, approval: Item, verdict: str) -> None:
    """Approve or deny, or let the time pass (`approved`, `denied`, `timed_out`)."""
    if approval.values["status"] != "pending":
        raise Refused(400, {"error": "This workflow step has already been approved or denied."})
    syncs.end(approval, "successful" if verdict == "approved" else "failed")
    workflow = store.items[approval.values["workflow_job"]]
    messages.approval_event(store, approval, _template(store, workflow), verdict)
    _advance_all(store, workflow)


def _advance_all(store: Store, workflow: Item) -> None:
    """A workflow, and those that have waited for it."""
    advance(store, workflow)
    if workflow.values["status"] in DONE:
        for node in _spawning(store, workflow):
            _advance_all(store, store.items[node.values["workflow_job"]])


def _end_workflow(store: Store, workflow: Item, nodes: list[Item]) -> None:
    """A workflow has failed when a node has failed that no path of failure leads away from."""
    unhandled = [
        node
        for node in nodes
        if not node.values["do_not_run"]
        and _status(store, node) in ("failed", "error", "canceled")
        and not node.lists["failure_nodes"]
        and not node.lists["always_nodes"]
    ]
    status = "failed" if unhandled else "successful"
    said = "No error handling paths found, marking workflow as failed" if unhandled else ""
    syncs.end(workflow, status, explanation=said)
    messages.job_event(store, workflow, _template(store, workflow), "error" if unhandled else "success")
