# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rulebooks: valid by the schema and the parser of ansible-rulebook, about fields that reports have and jobs that exist."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from fake_controller import FakeController
from tower_kit import REPOSITORY

RULEBOOKS = sorted((REPOSITORY / "extensions" / "eda" / "rulebooks").glob("*.yml"))
REPORT = json.loads(
    (REPOSITORY / "plugins" / "plugin_utils" / "_report" / "compliance.schema.json").read_text(encoding="utf-8")
)
KINDS = {"run_job_template": "job_template", "run_workflow_template": "workflow_job_template"}


def rules(path: Path) -> list[dict[str, Any]]:
    return [rule for ruleset in yaml.safe_load(path.read_text(encoding="utf-8")) for rule in ruleset["rules"]]


def test_there_are_rulebooks() -> None:
    assert {path.stem for path in RULEBOOKS} == {"certificate_end", "compliance_report", "report_directory"}


@pytest.mark.parametrize("path", RULEBOOKS, ids=lambda path: path.stem)
class TestRulebook:
    def test_fits_the_schema(self, path: Path, rulebook_package: Path) -> None:
        schema = rulebook_package / "ansible_rulebook" / "schema" / "ruleset_schema.json"
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        jsonschema.validate(content, json.loads(schema.read_text(encoding="utf-8")))

    def test_conditions_can_be_parsed(
        self, path: Path, rulebook_package: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "path", [*sys.path, str(rulebook_package)])
        parser = importlib.import_module("ansible_rulebook.condition_parser")
        assert all(parser.parse_condition(rule["condition"]) for rule in rules(path))

    def test_conditions_ask_for_fields_that_a_report_has(self, path: Path) -> None:
        schema = REPORT["$defs"]["host"] if path.stem == "certificate_end" else REPORT
        for rule in rules(path):
            named = re.findall(r"event\.payload\.([\w.]+)", json.dumps(rule))
            assert named
            assert all(_has(schema, name.split(".")) for name in named), named

    def test_actions_start_what_the_playbook_describes(self, path: Path, described: FakeController) -> None:
        for rule in rules(path):
            ((action, options),) = rule["action"].items()
            item = described.store.one(KINDS[action], options["name"])
            organization = described.store.referred(item, "organization")
            assert organization is not None
            assert organization.name == options["organization"]
            if "limit" in options.get("job_args", {}):
                assert item.values["ask_limit_on_launch"]


def _has(schema: dict[str, Any], names: list[str]) -> bool:
    for name in names:
        properties = schema.get("properties", {})
        if name not in properties:
            return False
        schema = properties[name]
        if "$ref" in schema:
            schema = REPORT["$defs"][schema["$ref"].rpartition("/")[2]]
    return True
