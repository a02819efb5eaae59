# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verdict that each kind of error leads to: whoever adds a kind decides it here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.tcx.m365.plugins.module_utils import _conformance
from ansible_collections.tcx.m365.plugins.module_utils import _errors as errors
from ansible_collections.tcx.m365.plugins.module_utils._entra import conformance, rights
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import adoption, grant_plan
from ansible_collections.tcx.m365.plugins.module_utils._pbx import preflight
from ansible_collections.tcx.m365.plugins.module_utils._task import failure
from ansible_collections.tcx.m365.plugins.plugin_utils._automation import partner
from ansible_collections.tcx.m365.plugins.plugin_utils._compliance.check import host_result
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.runner import Taken

DECIDED = {
    "unreachable": "nobody answered: unreachable untrusted interrupted service_fault throttled deadline abandoned",
    "unlicensed": "the license does not allow it: unlicensed",
    "failed": (
        "somebody answered, or it is a fault of ours: failed bad_input bad_credential blocked forbidden not_found conflict "
        "ambiguous not_yet_replicated rejected unsupported unhealthy bad_answer exhausted unexpected not_ours not_confirmed "
        "missing_right not_ready not_in_effect not_put_back not_removed"
    ),
}
VERDICTS = {kind: verdict for verdict, text in DECIDED.items() for kind in text.partition(": ")[2].split()}


def _kinds(of: type[errors.M365Error] = errors.M365Error) -> Iterator[type[errors.M365Error]]:
    yield of
    for each in of.__subclasses__():
        yield from _kinds(each)


DEFINED_IN = (_conformance, adoption, conformance, errors, grant_plan, partner, preflight, rights)
"""A kind is there once its module is imported, so that without these it would depend on other tests which are known."""


def _defines_kind(path: Path) -> bool:
    classes = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ClassDef))
    assigned = (each.targets[0] for node in classes for each in node.body if isinstance(each, ast.Assign))
    return any(isinstance(target, ast.Name) and target.id == "kind" for target in assigned)


def test_every_module_that_defines_a_kind_is_known() -> None:
    plugins = Path(errors.__file__).parents[1]
    defining = {path.resolve() for path in plugins.rglob("*.py") if _defines_kind(path)}
    assert defining <= {Path(str(module.__file__)).resolve() for module in DEFINED_IN}


@pytest.mark.parametrize("kind", sorted({each.kind for each in _kinds()}))
def test_each_kind_of_error_has_the_verdict_that_was_decided(kind: str) -> None:
    error = errors.M365Error("it did not work")
    error.kind = kind
    found = host_result("acme", {}, Taken(pbx=failure(error)))
    assert found.verdict == VERDICTS[kind]
    assert found.reasons
