# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The grammar that Graph and XAPI have in common, and what each of them refuses of it."""

from __future__ import annotations

import pytest
from tcx_lab.graph.errors import GraphError
from tcx_lab.graph.odata import parse_filter
from tcx_lab.odata import Comparison, FilterError, Junction, Membership, Negation, Node, Path, Value, parse
from tcx_lab.pbx.errors import Refusal
from tcx_lab.pbx.filters import compile_filter
from tcx_lab.pbx.model import model_of

GUID = "6b1f2f0e-0000-4000-8000-00000000000b"


def test_and_binds_closer_than_or_and_not_closest() -> None:
    one, two, three = (
        Comparison("eq", Path((name,)), Value("number", 1, at)) for name, at in (("a", 5), ("b", 15), ("c", 31))
    )
    assert parse("a eq 1 or b eq 1 and not (c eq 1)") == Junction("or", (one, Junction("and", (two, Negation(three)))))


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("a/b eq 'it''s'", Comparison("eq", Path(("a", "b")), Value("text", "it's", 7))),
        (f"a eq {GUID}", Comparison("eq", Path(("a",)), Value("guid", GUID, 5))),
        ("a ge 2026-01-01T00:00:00Z", Comparison("ge", Path(("a",)), Value("moment", "2026-01-01T00:00:00Z", 5))),
        ("a in (-1,2.5)", Membership(Path(("a",)), (Value("number", -1, 6), Value("number", 2.5, 9)))),
        ("a eq null", Comparison("eq", Path(("a",)), Value("constant", None, 5))),
    ],
)
def test_literals(text: str, node: Node) -> None:
    assert parse(text) == node


@pytest.mark.parametrize(
    ("text", "at"),
    [("a eq", 4), ("a eq 'x", 4), ("(a eq 1", 7), ("a eq 1)", 6), ("a in ()", 6), ("a eq 1 b", 7), ("", 0)],
)
def test_what_is_no_filter_is_refused_at_its_place(text: str, at: int) -> None:
    with pytest.raises(FilterError) as refused:
        parse(text)
    assert refused.value.at == at


@pytest.mark.parametrize(
    "text", ["displayName", "'x' eq displayName", "displayName eq id", "length(displayName) eq 1", "a eq 1.5"]
)
def test_graph_compares_a_property_with_a_value(text: str) -> None:
    with pytest.raises(GraphError) as refused:
        parse_filter(text)
    assert refused.value.status == 400


def test_the_case_of_keywords() -> None:
    assert parse_filter("displayName EQ 'x' AND accountEnabled eq TRUE").names == {"displayName", "accountEnabled"}
    model = model_of((20, 0, 10))
    assert compile_filter(model, "Pbx.User", "Number eq '100'")({"Number": "100"})
    for text in ("Number EQ '100'", f"Number eq {GUID}", "Groups/any()"):
        with pytest.raises(Refusal):
            compile_filter(model, "Pbx.User", text)
