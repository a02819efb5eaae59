# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verdict that each kind of error leads to: whoever adds a kind decides it here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.tcx.m365.plugins.module_utils import _errors as errors
from ansible_collections.tcx.m365.plugins.module_utils._entra import adoption, grant_plan, rights
from ansible_collections.tcx.m365.plugins.module_utils._pbx import preflight
from ansible_collections.tcx.m365.plugins.module_utils._task import failure
from ansible_collections.tcx.m365.plugins.plugin_utils._automation import partner
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.check import host_result
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.runner import Taken

DECIDED = {
    "unreachable": "nobody answered: unreachable untrusted interrupted service_fault throttled deadline abandoned",
    "unlicensed": "the license does not allow it: unlicensed",
    "failed": (
        "somebody answered, or it is a fault of ours: failed bad_input bad_credential blocked forbidden not_found conflict "
        "ambiguous not_yet_replicated rejected unsupported unhealthy bad_answer exhausted unexpected not_ours not_confirmed "
        "missing_right not_ready not_in_effect"
    ),
}
VERDICTS = {kind: verdict for verdict, text in DECIDED.items() for kind in text.partition(": ")[2].split()}


def _kinds(of: type[errors.M365Error] = errors.M365Error) -> Iterator[type[errors.M365Error]]:
    yield of
    for each in of.__subclasses__():
        yield from _kinds(each)


assert adoption, grant_plan
assert rights, preflight
assert partner


@pytest.mark.parametrize("kind", sorted({each.kind for each in _kinds()}))
def test_each_kind_of_error_has_the_verdict_that_was_decided(kind: str) -> None:
    error = errors.M365Error("it did not work")
    error.kind = kind
    found = host_result("acme", {}, Taken(pbx=failure(error)))
    assert found.verdict == VERDICTS[kind]
    assert found.reasons
