# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes what was found on a PBX as variables of a host: data, never code.

Such a file is read by Ansible later, which evaluates templates in it. So a YAML dumper writes it, every text is marked
``!unsafe`` (Ansible then never evaluates it), keys are names of variables and options only, and no foreign text stands
in a comment. The name of the host, which may come from another system, becomes a file name that leads nowhere else.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import yaml
from ansible_collections.tcx.m365.plugins.module_utils._common.text import TRICKY
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.plugin_utils import _files

DIRECTORY_MODE = 0o750
FILE_MODE = 0o640

_HEADER = "---\n# Exported by the playbook tcx.m365.capture. Secrets are never exported.\n"
_KEY = re.compile(r"[a-z][a-z0-9_]{0,99}\Z")
_LONGEST_NAME = 150
_SAFE_IN_NAMES = " @+=,:()"
_NOT_PLAIN = re.compile(r"[^ -~]")
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Written:
    """A file with variables of one host, and whether its content is new."""

    path: str
    changed: bool


def write_host_variables(
    directory: str, host: str, variables: Mapping[str, Any], remarks: Mapping[str, Sequence[str]] | None = None
) -> Written:
    """Write ``<directory>/host_vars/<host>.yml``, readable by its owner and group alone.

    :param variables: plain data (texts, numbers, booleans, null, lists, mappings); all keys are names of ours.
    :param remarks: see :func:`render`.
    :raises BadInput: a key is not the name of a variable or option.
    :raises OSError: the file cannot be written.
    """
    path = os.path.join(directory, "host_vars", file_name(host))
    return Written(path, replace(path, render(variables, remarks)))


def replace(path: str, text: str) -> bool:
    """Give a file that content, readable by its owner and group alone; whether it had another one.

    :raises OSError: it cannot be written.
    """
    content = text.encode("utf-8")
    _files.make_directory(os.path.dirname(path), DIRECTORY_MODE)
    if _files.content_of(path, FILE_MODE) == content:
        return False
    _files.replace(path, content, FILE_MODE)
    return True


def render(variables: Mapping[str, Any], remarks: Mapping[str, Sequence[str]] | None = None) -> str:
    """The file as text: one mapping, every text marked ``!unsafe``.

    :param remarks: by variable, lines for people above it; plain ASCII, in our own words.
    :raises BadInput: a key is not the name of a variable or option.
    """
    text = body(variables)
    for name, lines in (remarks or {}).items():
        # Names of variables begin their lines, and nothing else does: texts are quoted, each on one line.
        comment = "".join(f"# {_NOT_PLAIN.sub('?', line)}\n" for line in lines)
        before, key, after = f"\n{text}".partition(f"\n{name}:")
        text = f"{before}\n{comment}{key[1:]}{after}"[1:] if key else text
    return _HEADER + text


def body(variables: Mapping[str, Any]) -> str:
    """The same without the head of the file.

    :raises BadInput: a key is not the name of a variable or option.
    """
    text: str = yaml.dump(
        _checked(variables),
        Dumper=_Dumper,
        default_flow_style=False,
        allow_unicode=True,
        sort_keys=False,
        width=1_000_000,
    )
    return text


def file_name(host: str) -> str:
    """The file of a host below ``host_vars``: its name as Ansible looks for it, where that is a harmless file name.

    Any other name is percent-encoded; two hosts never get the same file.
    """
    name = "".join(
        character if character.isalnum() or character in "-_." + _SAFE_IN_NAMES else _encoded(character)
        for character in host
    )
    if name[:1] in (".", "-", " ", ""):
        name = f"%{ord(name[0]):02X}{name[1:]}" if name else "%"
    if name.endswith(" "):
        name = name[:-1] + "%20"
    if len(name.encode("utf-8")) > _LONGEST_NAME:
        digest = hashlib.sha256(host.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        name = name.encode("utf-8")[: _LONGEST_NAME - 20].decode("utf-8", "ignore") + "%-" + digest
    return name + ".yml"


def _encoded(character: str) -> str:
    return quote(character.encode("utf-8", "surrogatepass"), safe="").replace("~", "%7E")


def _checked(value: Any) -> Any:
    """Plain data whose keys are ours; text that YAML cannot carry is replaced."""
    if isinstance(value, Mapping):
        strange = [name for name in value if not (isinstance(name, str) and _KEY.match(name))]
        if strange:
            raise BadInput(
                f"{str(strange[0])[:60]!r} is not the name of a variable or option",
                tried="export the current settings",
                remedy="Nothing was written for this PBX. Report this as a bug.",
            )
        return {str.__str__(name): _checked(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_checked(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return _SURROGATES.sub("\ufffd", str.__str__(value) if isinstance(value, str) else str(value))


class _Dumper(yaml.SafeDumper):
    """Indented lists, no aliases, and escapes for characters that are not shown as themselves."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        return super().increase_indent(flow, indentless=indentless and flow)

    def ignore_aliases(self, data: Any) -> bool:
        return data is not self

    def write_double_quoted(self, text: str, split: bool = True) -> None:
        readable = self.allow_unicode
        self.allow_unicode = bool(readable) and not TRICKY.search(text)
        super().write_double_quoted(text, split)
        self.allow_unicode = readable


def _mapping(dumper: _Dumper, value: dict[str, Any]) -> yaml.Node:
    """Keys are written plain: they are names of ours, and Ansible looks variables up by them."""
    pairs = [
        (yaml.ScalarNode("tag:yaml.org,2002:str", name), dumper.represent_data(item)) for name, item in value.items()
    ]
    return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=not pairs)


def _text(dumper: _Dumper, value: str) -> yaml.Node:
    """``!unsafe``, but for texts such as "yes" and "10": they hold no template, and newer releases of ansible-core make a
    boolean or a number of them when they are marked (observed on 2.19 to 2.21)."""
    plain = "tag:yaml.org,2002:str"
    tag = "!unsafe" if dumper.resolve(yaml.ScalarNode, value, (True, False)) == plain else plain
    return dumper.represent_scalar(tag, value, style='"')


_Dumper.add_representer(dict, _mapping)
_Dumper.add_representer(str, _text)
