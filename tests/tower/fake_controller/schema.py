# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Types of objects, as data: fields, references, associations, uniqueness, what happens when a referred object goes.

Taken from the serializers and models of AWX 24.6 (documented: each field also stands in its OPTIONS answer).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Field:
    """One field: its JSON type, the value when none is given, and what AWX insists on.

    `to` names the type that an id refers to; `gone` says what happens to this object when that one is deleted. `fixed`
    fields can only be set when the object is made, `read_only` ones never.
    """

    kind: type | tuple[type, ...] = str
    default: Any = ""
    required: bool = False
    choices: tuple[Any, ...] = ()
    null: bool = False
    to: str = ""
    gone: str = "null"
    fixed: bool = False
    read_only: bool = False
    minimum: int | None = None
    longest: int = 0


@dataclass(frozen=True)
class Kind:
    """One type: `path` below /api/v2/, `fields`, `associations` (name of the list -> type) and its keys.

    `roles` are what a team can be given on an object. What the controller alone writes down is `history`.
    """

    type: str
    path: str
    fields: Mapping[str, Field]
    unique: tuple[str, ...] = ("name",)
    associations: Mapping[str, str] = field(default_factory=dict)
    survey: bool = False
    unified: bool = False
    deleted_status: int = 204
    roles: tuple[str, ...] = ()
    history: bool = False


def text(**options: Any) -> Field:
    return Field(str, **options)


def name() -> Field:
    return text(required=True, longest=512)


def flag(default: bool = False) -> Field:
    return Field(bool, default)


def number(default: int | None = 0, **options: Any) -> Field:
    return Field(int, default, minimum=0, **options)


def data(**options: Any) -> Field:
    return Field(dict, {}, **options)


def reference(to: str, *, required: bool = False, **options: Any) -> Field:
    return Field(int, None, required=required, null=not required, to=to, **options)


def named(**fields: Field) -> dict[str, Field]:
    return {"name": name(), "description": text(), **fields}


def prompts() -> dict[str, Field]:
    """What a schedule or a workflow node may preset for the template that it launches."""
    return {
        "extra_data": data(),
        "inventory": reference("inventory"),
        "scm_branch": Field(str, None, null=True),
        "job_type": Field(str, None, null=True, choices=("run", "check", "", None)),
        "job_tags": Field(str, None, null=True),
        "skip_tags": Field(str, None, null=True),
        "limit": Field(str, None, null=True),
        "diff_mode": Field(bool, None, null=True),
        "verbosity": Field(int, None, null=True, choices=(0, 1, 2, 3, 4, 5, None)),
        "execution_environment": reference("execution_environment"),
        "forks": number(None, null=True),
        "job_slice_count": number(None, null=True),
        "timeout": Field(int, None, null=True),
    }


PROMPT_LISTS = {"credentials": "credential", "labels": "label", "instance_groups": "instance_group"}
NOTIFICATIONS = {
    "notification_templates_started": "notification_template",
    "notification_templates_success": "notification_template",
    "notification_templates_error": "notification_template",
}
APPROVALS = {"notification_templates_approvals": "notification_template"}
ASKED = (
    "diff_mode variables limit tags skip_tags job_type verbosity inventory credential execution_environment forks "
    "instance_groups job_slice_count labels timeout scm_branch"
).split()

ASKED_OF_WORKFLOWS = "inventory scm_branch limit variables labels tags skip_tags".split()


def asks(names: list[str]) -> dict[str, Field]:
    return {f"ask_{each}_on_launch": flag() for each in names}


def _job_template() -> dict[str, Field]:
    return named(
        job_type=text(default="run", choices=("run", "check")),
        inventory=reference("inventory"),
        project=reference("project"),
        playbook=text(longest=1024),
        scm_branch=text(),
        forks=number(),
        limit=text(),
        verbosity=Field(int, 0, choices=(0, 1, 2, 3, 4, 5)),
        extra_vars=text(),
        job_tags=text(),
        skip_tags=text(),
        start_at_task=text(),
        timeout=Field(int, 0),
        force_handlers=flag(),
        use_fact_cache=flag(),
        organization=reference("organization", read_only=True),
        execution_environment=reference("execution_environment"),
        host_config_key=text(),
        survey_enabled=flag(),
        become_enabled=flag(),
        diff_mode=flag(),
        allow_simultaneous=flag(),
        job_slice_count=number(1),
        webhook_service=text(choices=("", "github", "gitlab")),
        webhook_credential=reference("credential"),
        prevent_instance_group_fallback=flag(),
        **asks(ASKED),
    )


def _workflow() -> dict[str, Field]:
    presets = {each: Field(str, None, null=True) for each in ("limit", "scm_branch", "job_tags", "skip_tags")}
    return named(
        extra_vars=text(),
        organization=reference("organization"),
        inventory=reference("inventory"),
        survey_enabled=flag(),
        allow_simultaneous=flag(),
        webhook_service=text(choices=("", "github", "gitlab")),
        webhook_credential=reference("credential"),
        **presets,
        **asks(ASKED_OF_WORKFLOWS),
    )


def _inventory_source() -> dict[str, Field]:
    return named(
        inventory=reference("inventory", required=True, gone="delete", fixed=True),
        source=text(choices=("", "scm", "ec2", "azure_rm", "controller", "constructed")),
        source_path=text(),
        source_vars=text(),
        scm_branch=text(),
        source_project=reference("project", gone="delete"),
        enabled_var=text(),
        enabled_value=text(),
        host_filter=text(),
        limit=text(),
        credential=reference("credential"),
        execution_environment=reference("execution_environment"),
        overwrite=flag(),
        overwrite_vars=flag(),
        timeout=Field(int, 0),
        verbosity=Field(int, 1, choices=(0, 1, 2)),
        update_on_launch=flag(),
        update_cache_timeout=number(),
    )


def _project() -> dict[str, Field]:
    return named(
        organization=reference("organization", gone="delete"),
        scm_type=text(choices=("", "git", "svn", "insights", "archive")),
        scm_url=text(longest=1024),
        scm_branch=text(),
        scm_refspec=text(),
        credential=reference("credential"),
        local_path=text(),
        scm_clean=flag(),
        scm_delete_on_update=flag(),
        scm_track_submodules=flag(),
        scm_update_on_launch=flag(),
        scm_update_cache_timeout=number(),
        allow_override=flag(),
        timeout=Field(int, 0),
        default_environment=reference("execution_environment"),
        signature_validation_credential=reference("credential"),
        scm_revision=text(read_only=True),
    )


def ended(**fields: Field) -> dict[str, Field]:
    """What every entry of the history has."""
    return {
        "name": text(),
        "status": text(default="pending"),
        "launch_type": text(default="manual"),
        "job_explanation": text(),
        "created": text(default="2026-01-01T02:00:00Z"),
        "finished": Field(str, None, null=True),
        "result_stdout": text(),
        **fields,
    }


HISTORY = (
    Kind(
        "project_update",
        "project_updates",
        ended(project=reference("project", gone="delete"), scm_revision=text()),
        unique=(),
        history=True,
    ),
    Kind(
        "inventory_update",
        "inventory_updates",
        ended(
            inventory_source=reference("inventory_source", gone="delete"),
            inventory=reference("inventory"),
            execution_environment=reference("execution_environment"),
        ),
        unique=(),
        history=True,
    ),
    Kind(
        "job",
        "jobs",
        ended(
            job_template=reference("job_template"),
            unified_job_template=reference("unified_job_template"),
            workflow_job=reference("workflow_job"),
            inventory=reference("inventory"),
            execution_environment=reference("execution_environment"),
            job_type=text(),
            limit=text(),
            diff_mode=flag(),
            extra_vars=text(),
            playbook=text(),
            artifacts=data(),
            job_slice_number=number(0),
            job_slice_count=number(1),
        ),
        unique=(),
        associations={"labels": "label", "credentials": "credential"},
        history=True,
    ),
    Kind(
        "workflow_job",
        "workflow_jobs",
        ended(
            workflow_job_template=reference("workflow_job_template"),
            job_template=reference("job_template"),
            unified_job_template=reference("unified_job_template"),
            is_sliced_job=flag(),
            extra_vars=text(),
            inventory=reference("inventory"),
            **{each: Field(str, None, null=True) for each in ("limit", "scm_branch", "job_tags", "skip_tags")},
        ),
        unique=(),
        history=True,
    ),
    Kind(
        "workflow_job_node",
        "workflow_job_nodes",
        {
            "workflow_job": reference("workflow_job", gone="delete"),
            "unified_job_template": reference("unified_job_template"),
            "identifier": text(),
            "job": Field(int, None, null=True),
            "do_not_run": flag(),
            "all_parents_must_converge": flag(),
            "prompts": data(),
            "ancestor_artifacts": data(),
        },
        unique=(),
        associations=dict.fromkeys(("success_nodes", "failure_nodes", "always_nodes"), "workflow_job_node"),
        history=True,
    ),
    Kind(
        "workflow_approval",
        "workflow_approvals",
        ended(
            description=text(),
            workflow_approval_template=reference("workflow_approval_template"),
            unified_job_template=reference("unified_job_template"),
            workflow_job=reference("workflow_job"),
            timeout=Field(int, 0),
        ),
        unique=(),
        history=True,
    ),
)
#: What `/unified_jobs/` lists.
UNIFIED_JOBS = ("project_update", "inventory_update", "job", "workflow_job", "workflow_approval")

KINDS = (
    Kind(
        "organization",
        "organizations",
        named(max_hosts=number(), default_environment=reference("execution_environment")),
        associations={
            **NOTIFICATIONS,
            **APPROVALS,
            "instance_groups": "instance_group",
            "galaxy_credentials": "credential",
        },
        roles=("admin", "execute", "approval", "auditor", "member", "read", "notification_admin"),
    ),
    Kind(
        "team",
        "teams",
        named(organization=reference("organization", required=True, gone="delete")),
        unique=("organization", "name"),
        associations={"users": "user"},
        roles=("admin", "member", "read"),
    ),
    Kind("user", "users", {"username": name(), "is_superuser": flag()}, unique=("username",)),
    Kind("instance_group", "instance_groups", {"name": name()}),
    Kind(
        "execution_environment",
        "execution_environments",
        named(
            image=text(required=True, longest=1024),
            organization=reference("organization", gone="delete"),
            credential=reference("credential"),
            pull=text(choices=("", "always", "missing", "never")),
            managed=Field(bool, False, read_only=True),
        ),
    ),
    Kind(
        "credential_type",
        "credential_types",
        named(
            kind=text(
                required=True,
                choices=("cloud", "net", "vault", "scm", "registry", "ssh", "galaxy", "token", "cryptography"),
            ),
            namespace=Field(str, None, null=True, read_only=True),
            managed=Field(bool, False, read_only=True),
            inputs=data(),
            injectors=data(),
        ),
        unique=("name", "kind"),
    ),
    Kind(
        "credential",
        "credentials",
        named(
            organization=reference("organization", gone="delete"),
            credential_type=reference("credential_type", required=True, gone="refuse"),
            inputs=data(),
        ),
        unique=("organization", "name", "credential_type"),
        roles=("admin", "use", "read"),
    ),
    Kind(
        "label",
        "labels",
        {"name": name(), "organization": reference("organization", required=True, gone="delete")},
        unique=("name", "organization"),
    ),
    Kind(
        "project",
        "projects",
        _project(),
        unique=("name", "organization"),
        associations=NOTIFICATIONS,
        unified=True,
        roles=("admin", "use", "update", "read"),
    ),
    Kind(
        "inventory",
        "inventories",
        named(
            organization=reference("organization", required=True, gone="delete"),
            kind=Field(str, "", null=True, choices=("", "smart", "constructed", None), fixed=True),
            host_filter=Field(str, None, null=True),
            variables=text(),
            prevent_instance_group_fallback=flag(),
        ),
        unique=("name", "organization"),
        associations={"instance_groups": "instance_group", "input_inventories": "inventory"},
        deleted_status=202,
        roles=("admin", "update", "adhoc", "use", "read"),
    ),
    Kind(
        "inventory_source",
        "inventory_sources",
        _inventory_source(),
        unique=("name", "inventory"),
        associations=NOTIFICATIONS,
        unified=True,
    ),
    Kind(
        "notification_template",
        "notification_templates",
        named(
            organization=reference("organization", required=True, gone="delete"),
            notification_type=text(required=True),
            notification_configuration=data(),
            messages=Field(dict, None, null=True),
        ),
        unique=("organization", "name"),
    ),
    Kind(
        "job_template",
        "job_templates",
        _job_template(),
        unique=("name", "organization"),
        associations={**PROMPT_LISTS, **NOTIFICATIONS},
        survey=True,
        unified=True,
        roles=("admin", "execute", "read"),
    ),
    Kind(
        "workflow_job_template",
        "workflow_job_templates",
        _workflow(),
        unique=("name", "organization"),
        associations={**NOTIFICATIONS, **APPROVALS, "labels": "label"},
        survey=True,
        unified=True,
        roles=("admin", "execute", "approval", "read"),
    ),
    Kind(
        "workflow_approval_template",
        "workflow_approval_templates",
        named(timeout=Field(int, 0)),
        unique=(),
        unified=True,
    ),
    Kind(
        "workflow_job_template_node",
        "workflow_job_template_nodes",
        {
            "workflow_job_template": reference("workflow_job_template", required=True, gone="delete", fixed=True),
            "unified_job_template": reference("unified_job_template"),
            "identifier": text(longest=512),
            "all_parents_must_converge": flag(),
            **prompts(),
        },
        unique=("identifier", "workflow_job_template"),
        associations={
            **PROMPT_LISTS,
            **dict.fromkeys(("success_nodes", "failure_nodes", "always_nodes"), "workflow_job_template_node"),
        },
    ),
    Kind(
        "schedule",
        "schedules",
        named(
            unified_job_template=reference("unified_job_template", required=True, gone="delete"),
            rrule=text(required=True),
            enabled=flag(True),
            **prompts(),
        ),
        unique=("unified_job_template", "name"),
        associations=PROMPT_LISTS,
    ),
    Kind(
        "host",
        "hosts",
        named(
            inventory=reference("inventory", required=True, gone="delete", fixed=True),
            enabled=flag(True),
            variables=text(),
        ),
        unique=("inventory", "name"),
        associations={"inventory_sources": "inventory_source"},
    ),
    Kind(
        "group",
        "groups",
        named(inventory=reference("inventory", required=True, gone="delete", fixed=True), variables=text()),
        unique=("inventory", "name"),
        associations={"hosts": "host", "children": "group", "inventory_sources": "inventory_source"},
    ),
    *HISTORY,
)
BY_PATH: Mapping[str, Kind] = {kind.path: kind for kind in KINDS}
BY_TYPE: Mapping[str, Kind] = {kind.type: kind for kind in KINDS}
