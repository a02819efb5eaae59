# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Surveys: which AWX takes, which answers it takes, and which variables a launch without a person gets."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import yaml

from fake_controller.refusal import Refused

if TYPE_CHECKING:
    from fake_controller.store import Item

Accepted = dict[str, Any]
Errors = dict[str, list[str]]

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
    """Lines as they are: a space at the end of a choice belongs to it."""
    given = question.get("choices", [])
    return [each for each in (given.splitlines() if isinstance(given, str) else given) if each.strip()]


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
            label = "boolean" if kind is bool else "string"
            raise _bad(f"'{name}' in survey question {index} expected to be {label}.")
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
        _check_choices(index, question)


def _check_choices(index: int, question: Mapping[str, Any]) -> None:
    known, default = choices(question), question.get("default", "")
    if not known:
        raise _bad(f"Survey question {index} of type {question['type']} must specify choices.")
    defaults = default.splitlines() if isinstance(default, str) else default
    if question["type"] == "multiplechoice" and len(defaults) > 1:
        raise _bad("Multiple Choice (Single Select) can only have one default value.")
    if any(each not in known for each in defaults):
        raise _bad("Default choice must be answered from the choices listed.")


def questions_of(template: Item) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = template.survey.get("spec", []) if template.values.get("survey_enabled") else []
    return found


def needed(template: Item) -> list[str]:
    """`variables_needed_to_start`: every required question, whether it has a default or not."""
    return [question["variable"] for question in questions_of(template) if question["required"]]


def answers(template: Item, given: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of a launch: those of the template, above them defaults of the survey, above them what is given."""
    found: dict[str, Any] = yaml.safe_load(template.values.get("extra_vars") or "") or {}
    for question in questions_of(template):
        if question.get("default") is not None and not _wrong_answer(question, question["default"]):
            found[question["variable"]] = question["default"]
    return {**found, **given}


def accept(template: Item, given: Mapping[str, Any], exclude: Collection[str] = ()) -> tuple[Accepted, Errors]:
    """What a template takes of the variables of a launch, and what AWX says to the others.

    The default of a required question does not count as an answer.

    :param exclude: `required` lets answers be missing (nodes of a workflow), `prompts` lets variables be dropped in silence
        that the template does not ask for (launches of a job template, not of a workflow).
    """
    rest, accepted, errors = dict(given), {}, []
    for question in questions_of(template):
        name = question["variable"]
        wrong = _wrong_answer(question, given[name]) if name in given else []
        if name not in given and question["required"] and "required" not in exclude:
            wrong = [f"'{name}' value missing"]
        errors += wrong
        if name in rest:
            value = rest.pop(name)
            if not wrong:
                accepted[name] = value
    said: Errors = {"variables_needed_to_start": errors} if errors else {}
    if template.values.get("ask_variables_on_launch"):
        accepted.update(rest)
        rest = {}
    own = yaml.safe_load(template.values.get("extra_vars") or "") or {}
    rest = {name: value for name, value in rest.items() if name not in own or own[name] != value}
    if rest and "prompts" not in exclude:
        model = template.kind.type.replace("_", " ").title()
        said["extra_vars"] = [
            f"Variables {', '.join(rest)} are not allowed on launch. Check the Prompt on Launch setting on the {model} "
            "to include Extra Variables."
        ]
    return accepted, said


def _wrong_answer(question: Mapping[str, Any], value: Any) -> list[str]:
    name, kind = question["variable"], question["type"]
    if kind == "multiselect" and not isinstance(value, list):
        return [f"'{name}' value is expected to be a list."]
    fits = isinstance(value, TYPES[kind]) and not isinstance(value, bool)
    if kind not in ("multiplechoice", "multiselect") and not fits:
        expected = {"integer": "an integer", "float": "a numeric type"}.get(kind, "a string")
        return [f"Value {value} for '{name}' expected to be {expected}."]
    if kind.startswith("multi"):
        chosen = value if isinstance(value, list) else [value]
        known = choices(question)
        return [f"Value {each} for '{name}' expected to be one of {known}." for each in chosen if each not in known]
    size = len(value) if isinstance(value, str) else value
    low, high = question.get("min"), question.get("max")
    if low not in (None, "") and size < low:
        length = f"length is {size} " if isinstance(value, str) else ""
        return [f"'{name}' value {value} is too small ({length}must be at least {low})."]
    if high not in (None, "") and size > high:
        return [f"'{name}' value {value} is too large (must be no more than {high})."]
    return []
