# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Surveys: which AWX takes, which answers it takes, and which variables a launch without a person gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fake_controller.refusal import Refused

if TYPE_CHECKING:
    from fake_controller.store import Item

TYPES: Mapping[str, Any] = {
    "text": str,
    "textarea": str,
    "password": str,
    "multiplechoice": str,
    "multiselect": str,
    "integer": int,
    "float": (float, int),
}


def _bad(said: str) -> Refused:
    return Refused(400, {"error": said})


def choices(question: Mapping[str, Any]) -> list[str]:
    given = question.get("choices", [])
    return [each.strip() for each in (given.splitlines() if isinstance(given, str) else given) if each.strip()]


def check_spec(spec: Mapping[str, Any]) -> None:
    """Refuse a survey that AWX refuses."""
    for name, kind in (("name", str), ("description", str), ("spec", list)):
        if not isinstance(spec.get(name), kind):
            raise _bad(f"Field '{name}' is missing from survey spec.")
    if not spec["spec"]:
        raise _bad("'spec' doesn't contain any items.")
    seen = set()
    for index, question in enumerate(spec["spec"]):
        _check_question(index, question)
        if question["variable"] in seen:
            raise _bad(f"'variable' '{question['variable']}' duplicated in survey question {index}.")
        seen.add(question["variable"])


def _check_question(index: int, question: Mapping[str, Any]) -> None:
    for name in ("type", "question_name", "variable", "required"):
        kind = bool if name == "required" else str
        if not isinstance(question.get(name), kind):
            raise _bad(f"'{name}' in survey question {index} expected to be {kind.__name__}.")
    kind = TYPES.get(question["type"])
    if kind is None:
        raise _bad(f"'{question['type']}' in survey question {index} is not one of the allowed question types.")
    default = question.get("default", "")
    if default != "" and not isinstance(default, kind):
        raise _bad(f"Default value {default} in survey question {index} expected to be {kind}.")
    for name in ("min", "max"):
        if question.get(name) is not None and not isinstance(question[name], int):
            raise _bad(f"The {name} limit in survey question {index} expected to be integer.")
    if question["type"].startswith("multi"):
        known = choices(question)
        if not known:
            raise _bad(f"Survey question {index} of type {question['type']} must specify choices.")
        if any(each not in known for each in str(default).splitlines()):
            raise _bad("Default choice must be answered from the choices listed.")


def answers(template: Item, given: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of a launch: defaults of the survey, below what is given."""
    found = {}
    if template.values.get("survey_enabled"):
        for question in template.survey.get("spec", []):
            if question.get("default") not in (None, ""):
                found[question["variable"]] = question["default"]
    return {**found, **given}


def refused_variables(template: Item, given: Mapping[str, Any], *, required: bool) -> list[str]:
    """What AWX says to the variables of a launch; empty when it takes them."""
    questions = template.survey.get("spec", []) if template.values.get("survey_enabled") else []
    errors = []
    known = {question["variable"]: question for question in questions}
    strange = sorted(set(given) - set(known))
    if strange and not template.values.get("ask_variables_on_launch"):
        said = "Check the Prompt on Launch setting on the template to include Extra Variables."
        errors.append(f"Variables {', '.join(strange)} are not allowed on launch. {said}")
    for name, value in given.items():
        if name in known:
            errors += _wrong_answer(known[name], value)
    if required:
        filled = answers(template, given)
        errors += [f"'{name}' value missing" for name, one in known.items() if one["required"] and name not in filled]
    return errors


def _wrong_answer(question: Mapping[str, Any], value: Any) -> list[str]:
    name = question["variable"]
    if not isinstance(value, TYPES[question["type"]]):
        return [f"Value {value!r} for '{name}' expected to be a {question['type']}."]
    if question["type"] == "multiplechoice" and value not in choices(question):
        return [f"Value {value} for '{name}' expected to be one of {choices(question)}."]
    size = len(value) if isinstance(value, str) else value
    low, high = question.get("min"), question.get("max")
    if low not in (None, "") and size < low:
        return [f"'{name}' value {value} is too small (must be at least {low})."]
    if high not in (None, "") and size > high:
        return [f"'{name}' value {value} is too large (must be no more than {high})."]
    return []
