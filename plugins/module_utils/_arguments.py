# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what was written in a task or an inventory to the parameters of a capability: one reading for both front ends.

Text is trimmed. Null, empty text and blanks mean "not given" at every depth; an empty list in a task stays a list,
because with an ``_exclusive`` option it has a meaning of its own. Text where a list is meant is split at commas and ends of
lines, or is the text of a list. Booleans are what Ansible takes for booleans; anything else is an error that names the option.
Secrets are never trimmed: one with blanks around it is refused before the first attempt to sign in, because services count
attempts.
"""

from __future__ import annotations

import ast
import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Callable

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import set_fallbacks
from ansible.module_utils.common.validation import check_type_dict, check_type_float
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.tcx.m365.plugins.module_utils._common.option_names import Names, did_you_mean, marked
from ansible_collections.tcx.m365.plugins.module_utils._common.places import NO_PATH, is_content, may_be_shown
from ansible_collections.tcx.m365.plugins.module_utils._common.text import trimmed
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput

Spec = Mapping[str, Mapping[str, Any]]

DIGITS: Mapping[str, int] = {"security_code": 6, "starting_extension": 0, "area_code": 0, "dial_plan_code": 0}
"""Options whose text is digits in which a leading zero counts -> how many digits there are, 0 where nobody can tell.

YAML reads ``0200`` as the octal number 128. A number with the full count of digits cannot come from such a text: read as
octal it would have had at least one digit more.
"""

POSITIVE = frozenset(("timeout", "deadline", "concurrency", "interval", "max_hosts", "certificate_days", "port"))
"""Numbers with which nothing could be done if they were 0; no other number is below it."""

_IDENTIFIERS = re.compile(r"\w*_id|\w*thumbprint|opt_in|opt_out|" + "|".join(DIGITS))
_ROUNDED = re.compile(r"[0-9]+(?:[.,][0-9]+)?[eE][+-][0-9]{1,3}")
"""How a spreadsheet shows, and saves, a long number: what it was cannot be told any more."""

MOST = 10**9
MOST_DAYS = 36_500
"""The largest numbers: what is added to a date has to leave one."""

READ_VARIABLES = "read the variables"

_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NAMES_OF_TYPES = {
    bool: "a boolean",
    int: "a number",
    float: "a number with a fraction",
    str: "text",
    list: "a list",
    dict: "a dictionary",
}


@dataclass(frozen=True)
class Read:
    """Arguments as they were understood.

    :param parameters: one entry for each option, with defaults; ``None`` where nothing was given.
    :param explicit: those that were given, normalized, without defaults.
    :param secrets: values that no output may show.
    """

    parameters: dict[str, Any]
    explicit: dict[str, Any]
    secrets: set[str]


@dataclass
class Reading:
    """One pass over arguments, which collects what is wrong with them instead of stopping at the first.

    :param files: options whose items are PEM texts or paths, which may hold commas: text is one item.
    """

    files: Sequence[str] = ()
    problems: list[str] = field(default_factory=list)

    def options(self, spec: Spec, values: Mapping[str, Any], path: str = "") -> dict[str, Any]:
        """What is given of ``values``, normalized. ``path`` is the dotted place of the dictionary."""
        normalized: dict[str, Any] = {}
        prepared = _prepared(spec)
        known = prepared.known
        unknown = [name for name in values if name not in known]
        if unknown:
            self.problems.append(_unsupported(unknown, sorted(known), path, _nested(spec)))
        for name, option in known.items():
            if name not in values:
                continue
            value = self.value(option, values[name], f"{path}{name}")
            if value is not None:
                normalized[name] = value
        for name, aliases in prepared.required.items():
            if not any(alias in normalized for alias in aliases):
                self.problems.append(f"{marked(path + name)} is not set")
        return normalized

    def value(self, option: Mapping[str, Any], value: Any, path: str) -> Any:
        """One value, normalized; ``None`` where it means "not given" or is a problem."""
        if isinstance(value, str):
            value = self._text(option, value, path)
        if value is None or value == {}:
            return None
        kind = option.get("type") or "str"
        if value == [] and kind not in ("list", "raw"):
            return None  # an empty list says something only where a list is meant
        reader = getattr(self, f"_{kind}", None)
        return value if reader is None else reader(option, value, path)

    def _text(self, option: Mapping[str, Any], value: str, path: str) -> str | None:
        kept = trimmed(value)
        if not kept:
            return None
        if _last(path) == "security_code":
            # Authenticator apps show the six digits in two groups.
            return "".join(value.split())
        problem = _secret_problem(value, kept) if option.get("no_log") else ""
        if problem:
            self.problems.append(f"{marked(path)} {problem}")
            return None
        return kept

    def _bool(self, _option: Mapping[str, Any], value: Any, path: str) -> bool | None:
        if isinstance(value, (bool, int, float, str)):
            try:
                return bool(boolean(value))
            except TypeError:
                pass
        self._wrong(path, "a boolean such as true or false", value)
        return None

    def _int(self, _option: Mapping[str, Any], value: Any, path: str) -> int | None:
        number = self._number(_whole, value, path, "a whole number")
        return None if number is None else int(number)

    def _float(self, _option: Mapping[str, Any], value: Any, path: str) -> float | None:
        number = self._number(check_type_float, value, path, "a number")
        return None if number is None else float(number)

    def _number(self, check: Callable[[Any], Any], value: Any, path: str, kind: str) -> Any:
        """The number within its limits; nan is in none."""
        try:
            number = None if isinstance(value, bool) else check(value if isinstance(value, int) else str(value))
        except (TypeError, ValueError, ArithmeticError):
            number = None
        if number is None:
            self._wrong(path, kind, value)
            return None
        name = _last(path)
        most = MOST_DAYS if name.endswith("_days") else MOST
        if 0 <= number <= most and (number or name not in POSITIVE):
            return number
        least = "greater than 0" if name in POSITIVE else "0 or more"
        self.problems.append(f"{marked(path)} must be {kind}, {least} and at most {most}, not {number}")
        return None

    def _str(self, option: Mapping[str, Any], value: Any, path: str) -> str | None:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            self._wrong(path, "text", value)
            return None
        text = value if isinstance(value, str) else str(value)
        if _IDENTIFIERS.fullmatch(_last(path)) and (isinstance(value, float) or _ROUNDED.fullmatch(text)):
            self.problems.append(
                f"{marked(path)} {text} is a number that was rounded, as a spreadsheet does. Make its column one of text, and "
                "enter it again"
            )
            return None
        digits = DIGITS.get(_last(path), 0 if option.get("no_log") else None)
        if digits is not None and not isinstance(value, str) and len(text) != digits:
            self.problems.append(
                f"{marked(path)} is a number, and YAML changes a number with a leading zero (0200 becomes 128). "
                "Put it in quotes"
            )
            return None
        if _last(path).endswith("_id") and _GUID.fullmatch(text):
            text = text.lower()
        choices = option.get("choices")
        if choices is not None and text not in choices:
            shown = "" if option.get("no_log") else f", not {text!r}"
            words = ", ".join(str(choice) for choice in choices)
            self.problems.append(f"{marked(path)} must be one of {words}{shown}{did_you_mean(text, choices)}")
            return None
        return text

    def _path(self, option: Mapping[str, Any], value: Any, path: str) -> str | None:
        text = self._str(option, value, path)
        if text is not None and is_content(text):
            self.problems.append(f"{marked(path)} {NO_PATH}; nothing was sent")
            return None
        return text

    def _list(self, option: Mapping[str, Any], value: Any, path: str) -> list[Any] | None:
        if isinstance(value, str):
            whole = path in self.files or "-----BEGIN " in value
            written = _written_list(value)
            value = written if written is not None else [value] if whole else _split(value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            value = [value if isinstance(value, float) else str(value)]
        if not isinstance(value, list):
            self._wrong(path, "a list", value)
            return None
        items = []
        element = {"type": option.get("elements") or "raw", **_of_elements(option)}
        for item in value:
            if item is None or (isinstance(item, str) and not trimmed(item)):
                self.problems.append(f"{marked(path)} has an empty entry")
                continue
            read = self.value(element, item, path)
            if read is not None:
                items.append(read)
        return items

    def _dict(self, option: Mapping[str, Any], value: Any, path: str) -> dict[str, Any] | None:
        if isinstance(value, str):
            with contextlib.suppress(TypeError, ValueError):
                value = check_type_dict(value)
        if not isinstance(value, Mapping):
            self._wrong(path, "a dictionary", value)
            return None
        nested = option.get("options")
        if nested is None:
            return {name: item for name, item in value.items() if item is not None}
        return self.options(nested, value, f"{path}.")

    def _raw(self, _option: Mapping[str, Any], value: Any, _path: str) -> Any:
        if isinstance(value, Mapping):
            items = ((name, trimmed(item) if isinstance(item, str) else item) for name, item in value.items())
            return {name: item for name, item in items if item not in (None, "")}
        return value

    def _wrong(self, path: str, expected: str, value: Any) -> None:
        shown = next((word for kind, word in _NAMES_OF_TYPES.items() if isinstance(value, kind)), type(value).__name__)
        self.problems.append(f"{marked(path)} must be {expected}, not {shown}")


def _whole(value: Any) -> Decimal:
    """A whole number, however it is written: ``100``, ``100.0``, ``1e2``. Releases of Ansible differ in what they take for one.

    :raises ValueError: it is none; :raises ArithmeticError: it is no number.
    """
    number = Decimal(value)
    if number != number.to_integral_value():
        raise ValueError
    return number


def read_arguments(
    spec: Spec,
    arguments: Mapping[str, Any],
    *,
    constraints: Mapping[str, Any] | None = None,
    files: Sequence[str] = (),
    names: Names | None = None,
) -> Read:
    """Normalize and validate.

    :param constraints: the rules between options, as ``ArgumentSpecValidator`` takes them.
    :param names: by which names the operator knows the options.
    :raises BadInput: everything that is wrong, in one message.
    """
    values = {name: value for name, value in arguments.items() if not _empty(value)}
    prepared = _prepared(spec)
    set_fallbacks(prepared.with_fallback, values)
    reading = Reading(files)
    options = reading.options(spec, values)
    if reading.problems:
        raise bad_arguments(reading.problems, names or {})
    validation = prepared.validator(constraints or {}, frozenset(options)).validate(options)
    if validation.error_messages:
        raise bad_arguments(list(validation.error_messages), names or {})
    parameters: dict[str, Any] = {**prepared.nothing, **validation.validated_parameters}
    return Read(parameters, options, secrets_in(spec, values) | secrets_in(spec, parameters))


def bad_arguments(problems: Sequence[str], names: Names) -> BadInput:
    """One error for all problems of a task."""
    error = BadInput("; ".join(problems), tried=READ_VARIABLES if names else "read the options of the task")
    error.names = names
    return error


def secrets_in(spec: Spec, values: Mapping[str, Any]) -> set[str]:
    """The values of all options that are marked ``no_log``, at any depth, with and without blanks around them.

    What was given instead of a path, a key or a token perhaps, is one as well.
    """
    secrets: set[str] = set()
    for alias, option in _prepared(spec).secret:
        value, nested = values.get(alias), option.get("options")
        if isinstance(value, (str, int)) and not isinstance(value, bool) and _is_secret(option, str(value)):
            secrets.add(str(value))
        for part in value if isinstance(value, list) else [value]:
            if nested and isinstance(part, Mapping):
                secrets |= secrets_in(nested, part)
    return {form for text in secrets for form in (text, trimmed(text)) if form}


def _of_elements(option: Mapping[str, Any]) -> dict[str, Any]:
    return {name: option[name] for name in ("choices", "options", "no_log") if name in option}


def _is_secret(option: Mapping[str, Any], value: str) -> bool:
    return bool(option.get("no_log")) or (option.get("type") == "path" and not may_be_shown(trimmed(value)))


_SAYS_NOTHING = frozenset(("type", "elements", "choices", "options", "aliases", "fallback", "no_log"))
"""What has no meaning for an option that is not stated."""

_MOST_VALIDATORS = 64
"""So many sets of stated options are kept in mind for each spec."""


class _Prepared:
    """What follows from a spec alone, worked out once: a sweep reads the same few specs thousands of times.

    :ivar known: the options by name and alias.
    :ivar required: the names and aliases of each option that has to be given.
    :ivar with_fallback: the options that an environment variable may give.
    :ivar secret: the options whose value may be, or hold, a secret, by name and alias.
    :ivar nothing: the parameters where nothing is given.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        aliases = {name: (name, *option.get("aliases", ())) for name, option in spec.items()}
        self.known = {alias: option for name, option in spec.items() for alias in aliases[name]}
        self.required = {name: aliases[name] for name, option in spec.items() if option.get("required")}
        self.with_fallback = {name: option for name, option in spec.items() if "fallback" in option}
        self.secret = [
            (alias, option)
            for alias, option in self.known.items()
            if option.get("no_log") or option.get("options") or option.get("type") == "path"
        ]
        self.nothing: dict[str, Any] = dict.fromkeys(spec)
        self._aliases = aliases
        self._validators: dict[tuple[str, frozenset[str]], ArgumentSpecValidator] = {}

    def validator(self, constraints: Mapping[str, Any], stated: frozenset[str]) -> ArgumentSpecValidator:
        """Ansible's own validator, which goes through all options several times: of those that are neither stated nor have anything to
        say by themselves there are dozens. Environment variables have been read already, so that they are normalized like
        everything else.

        :param stated: names and aliases of the options that are stated; those of a fleet are nearly the same on each PBX.
        """
        key = repr(constraints), stated
        if len(self._validators) > _MOST_VALIDATORS:
            self._validators.clear()
        if key not in self._validators:
            spec = {
                name: {key: value for key, value in option.items() if key != "fallback"}
                for name, option in self.spec.items()
                if not stated.isdisjoint(self._aliases[name]) or not _SAYS_NOTHING.issuperset(option)
            }
            self._validators[key] = ArgumentSpecValidator(spec, **constraints)
        return self._validators[key]


_of_specs: dict[int, _Prepared] = {}
"""By the identity of a spec, which stays its own as long as it is kept here. Specs are constants of their modules."""


def _prepared(spec: Spec) -> _Prepared:
    prepared = _of_specs.get(id(spec))
    if prepared is None or prepared.spec is not spec:
        prepared = _of_specs[id(spec)] = _Prepared(spec)
    return prepared


_MANY = 3
"""So many places of one name say nothing."""


def _nested(spec: Spec) -> dict[str, list[str]]:
    """The dotted places of the options one level deeper, by their own names."""
    places: dict[str, list[str]] = {}
    for name, option in spec.items():
        for inner in option.get("options") or () if option.get("type") == "dict" else ():
            places.setdefault(str(inner), []).append(f"{name}.{inner}")
    return places


def _unsupported(unknown: Sequence[str], known: Sequence[str], path: str, nested: Mapping[str, Sequence[str]]) -> str:
    """:param nested: options of the dictionaries among the known ones, where a name that stands one level too high belongs."""

    def hint(name: str) -> str:
        deeper = nested.get(name, ())
        return f"; did you mean {' or '.join(deeper)}?" if 0 < len(deeper) < _MANY else did_you_mean(name, known)

    kind = "key" if path else "parameter"
    where = f" in {marked(path.rstrip('.'))}" if path else ""
    listed = ", ".join(f"{name!s}{hint(str(name))}" for name in unknown)
    end = "" if listed.endswith("?") else "."
    return f"Unsupported {kind}{'s' if len(unknown) > 1 else ''}{where}: {listed}{end} Supported: {', '.join(known)}"


def _secret_problem(value: str, kept: str) -> str:
    """Why a text is not a secret as somebody meant it, without a word of it: each attempt with a wrong one counts."""
    if kept.startswith("$ANSIBLE_VAULT;"):
        return "is text that Ansible Vault has encrypted and nobody has decrypted; nothing was sent. Mark it with !vault in YAML"
    if kept.startswith("{{") and kept.endswith("}}"):
        return (
            "is a template that was not evaluated: Ansible does not evaluate text that is marked as unsafe, or that comes from a list "
            "or another program; nothing was sent"
        )
    if kept != value and "-----BEGIN " not in value:
        # What nobody sees is never changed in silence.
        return f"{_blanks(value, kept)}; nothing was sent. Correct the value"
    return ""


_LINE_ENDS = ("\r", "\n")


def _blanks(value: str, kept: str) -> str:
    """What is at the ends of a value and is not seen, without a word of the value."""
    begins, ends = value.split(kept, 1)
    places = [word for word, part in (("begins", begins), ("ends", ends)) if part]
    kind = "blanks" if (begins + ends).isspace() else "characters that are not shown"
    return f"{' and '.join(places)} with {'a line break' if ends.endswith(_LINE_ENDS) else kind}"


def _written_list(text: str) -> list[Any] | None:
    """The list that a text spells out, in JSON or as Python does; ``None`` where it is none.

    An inventory in INI reads such a text as a list, and so does a template of ansible-core before 2.19.
    """
    if text.startswith("[") and text.endswith("]"):
        for parse in (json.loads, ast.literal_eval):
            with contextlib.suppress(ValueError, SyntaxError, RecursionError, MemoryError):
                items = parse(text)
                if isinstance(items, list):
                    return items
    return None


def _split(text: str) -> list[str]:
    """The items of a text: at commas, where Ansible splits it, and at the ends of lines, as a survey gives them."""
    return [part for part in map(trimmed, re.split(r"[,\r\n]", text)) if part]


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not trimmed(value))


def _last(path: str) -> str:
    return path.rpartition(".")[2]
