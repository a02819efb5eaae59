# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may leave the house of a user: requests as shapes, and sentences without names.

Two ways, because each fails in its own manner. A request is rebuilt from what is known to be harmless (method, names of
parameters, literal words of a path), so that what nobody thought of is left out. A sentence cannot be rebuilt; in it every
value that the inventory knows, and everything that has the form of an identifier, is replaced by a numbered word. The same
value gets the same word in the whole bundle, so that it can still be followed.
"""

from __future__ import annotations

import functools
import re
import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Any

_GUID = re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")
_MAIL = re.compile(r"[\w.+'#&=%~!-]+@[\w-]+(?:\.[\w-]+)+")
_ADDRESS = re.compile(
    r"\b(?:\d{1,3}\.){3}\d{1,3}\b|\[[0-9a-fA-F:.]{3,}\]|\b(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{1,4}\b"
    r"|(?<![\w:])(?=[0-9a-fA-F:]*::)[0-9a-fA-F:]{3,39}(?![\w:])"
)
_NAME = re.compile(r"\b(?:[^\W_](?:[^\W_]|-(?=[^\W_]|-))*\.)+[^\W\d_]{2,}\b")
_QUOTED = re.compile(r"(?<!\w)(?:'([^'\n]{1,200})'|\"([^\"\n]{1,200})\")(?!\w)")
_HARMLESS = re.compile(r"(?:<\w+ \d+>|\$?[a-z]+(?:[A-Z][a-z]*)+|[a-z0-9]+(?:_[a-z0-9]+)+|AADSTS\d+|\d+)")
"""What may stay in quotes: what is masked already, and words in the style of interfaces (``appId``, ``tcx_url``)."""
_LONG = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/=_-]{40,}(?![A-Za-z0-9+/=_-])")
_PATH = re.compile(r"(?<![\w/:.])/(?:[\w.@+ -]+/)+[\w.@+-]+")
_LINE = re.compile(r"(?P<method>[A-Z]+) (?P<url>\S+) -> (?P<status>\d{3}) in (?P<seconds>[\d.]+) s ?(?P<id>\S*)")
_WORD = re.compile(r"\$?[A-Za-z][A-Za-z0-9$_.]{0,60}(?:\([A-Za-z]*\))?")

PUBLIC_SERVICES = {
    "graph.microsoft.com": "Graph",
    "graph.microsoft.us": "Graph",
    "dod-graph.microsoft.us": "Graph",
    "microsoftgraph.chinacloudapi.cn": "Graph",
    "login.microsoftonline.com": "Entra",
    "login.microsoftonline.us": "Entra",
    "login.partner.microsoftonline.cn": "Entra",
}
_PUBLIC_NAMES = re.compile(
    r"(?:[\w-]+\.)*(?:microsoft\.(?:com|us)|microsoftonline\.(?:com|us|cn)|chinacloudapi\.cn|3cx\.com|azure\.com|ansible\.com)",
    re.IGNORECASE,
)
_FILES = re.compile(r"[\w-]+\.(?:pem|py|yml|yaml|json|csv|md|html|xml|cer|pfx)", re.IGNORECASE)
# Words that are values in an inventory and words of every sentence all the same.
_COMMON = frozenset(
    "true false null none all selected groups public usgov china features guide auto create adopt warn fail ignore local present absent".split()
)

HOST = "pbx"
_SHORT = 2
_REPORTED = re.compile(r"((?:3CX|[Tt]he PBX) report(?:s|ed): )(?!\s*AADSTS\d)([^\n]+)")
"""What a PBX reports in its own words, which may be anybody's name. What Microsoft has said begins with its code."""

_VERSIONS = frozenset(("v1.0", "v2.0", "$batch", ".well-known", "openid-configuration"))


class Mask:
    """Numbers in the place of names, the same for the same name.

    :param values: what the inventory says of these PBXs, by kind of word (``pbx``, ``value``).
    """

    def __init__(self, values: Mapping[str, Iterable[str]]) -> None:
        self._words: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        known = [(kind, value) for kind, listed in values.items() for value in listed if _tells_something(kind, value)]
        # The longest first: a short one may be a part of it.
        for kind, value in sorted(known, key=lambda pair: (-len(pair[1]), pair[1])):
            self._word(kind, value)
        self._known = [value for _kind, value in sorted(known, key=lambda pair: (-len(pair[1]), pair[1]))]

    def _word(self, kind: str, value: str) -> str:
        key = value.lower()
        if key not in self._words:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._words[key] = f"<{kind} {self._counts[kind]}>"
        return self._words[key]

    def text(self, text: str) -> str:
        """A sentence without names."""
        text = _REPORTED.sub(self._reported, text)
        # Before their parts: the name of a host in a path or a mail address would leave the rest of it.
        text = _PATH.sub(functools.partial(self._numbered, "file"), text)
        text = _MAIL.sub(functools.partial(self._numbered, "person"), text)
        for value in self._known:
            # A name of one or two letters is a word of many sentences in another case.
            flags = re.IGNORECASE if len(value) > _SHORT else 0
            text = re.sub(_bounded(value), self._words[value.lower()], text, flags=flags)
        for pattern, kind in ((_GUID, "id"), (_ADDRESS, "address")):
            text = pattern.sub(functools.partial(self._numbered, kind), text)
        text = _NAME.sub(self._host_name, text)
        text = _LONG.sub(functools.partial(self._numbered, "data"), text)
        # What somebody in a tenant or on a PBX has called something is known to no inventory; sentences quote it.
        return _QUOTED.sub(self._quoted, text)

    def name(self, variable: str) -> str:
        """The name of a variable, whole or not at all: people put the names of customers into it."""
        return "<variable>" if self.text(variable.replace("_", " ")) != variable.replace("_", " ") else variable

    def _reported(self, match: re.Match[str]) -> str:
        return match[1] + self._word("text", match[2])

    def _quoted(self, match: re.Match[str]) -> str:
        inner = match[1] or match[2]
        schema = "." in inner and " " not in inner and _is_of_the_schema(inner)
        if schema or inner.lower() in _COMMON or _HARMLESS.fullmatch(inner):
            return match[0]
        return match[0] if _PUBLIC_NAMES.fullmatch(inner) or _FILES.fullmatch(inner) else self._word("name", inner)

    def _numbered(self, kind: str, match: re.Match[str]) -> str:
        return self._word(kind, match[0])

    def _host_name(self, match: re.Match[str]) -> str:
        name = match[0]
        if _PUBLIC_NAMES.fullmatch(name) or _FILES.fullmatch(name) or _is_of_the_schema(name):
            return name
        return self._word("host", name)

    def request(self, line: str, services: Mapping[str, str]) -> dict[str, Any] | None:
        """One line of the trace as a shape; ``None`` where it is no exchange.

        :param services: host, with its port where the address has one -> "3CX", "Graph" or "Entra", as the inventory names them.
        """
        match = _LINE.match(line)
        if not match:
            return None
        shape = {"method": match["method"], "status": int(match["status"]), "seconds": float(match["seconds"])}
        if match["id"] and _GUID.fullmatch(match["id"]):
            shape["request_id"] = match["id"]
        if match["url"].startswith("(hidden"):
            return {**shape, "service": "", "path": "(hidden)"}
        url = urllib.parse.urlsplit(match["url"])
        service = services.get(url.netloc) or PUBLIC_SERVICES.get(url.hostname or "", "another")
        query = sorted({name for name, _value in urllib.parse.parse_qsl(url.query, keep_blank_values=True)})
        return {
            **shape,
            "service": service,
            "path": self._shape(url.path),
            "parameters": [name for name in query if _WORD.fullmatch(name)],
        }

    def _shape(self, path: str) -> str:
        return "/".join(self._segment(segment) for segment in urllib.parse.unquote(path).split("/"))

    def _segment(self, text: str) -> str:
        """A word of the service's interface, or ``{id}``."""
        if not text or text in _VERSIONS or (_is_plain(text) and text.lower() not in self._words):
            return text
        name, bracket, _rest = text.partition("(")
        return f"{name}(..)" if bracket and _is_plain(name) else "{id}"


def _tells_something(kind: str, value: str) -> bool:
    """Whether a value is a name. The name of a host is one, however short it is."""
    if kind == HOST:
        return bool(value)
    return len(value) >= _SHORT and value.lower() not in _COMMON and not value.isdigit()


def _bounded(value: str) -> str:
    return rf"(?<![\w]){re.escape(value)}(?![\w])"


def _is_of_the_schema(name: str) -> bool:
    """Permissions (``User.Read.All``) and properties (``AdUsers.IsEnabled``) look like host names."""
    return all(part[:1].isupper() for part in name.split(".")) or name.startswith(("tcx.m365", "ansible."))


def _is_plain(text: str) -> bool:
    return bool(_WORD.fullmatch(text)) and "." not in text.replace("microsoft.graph.", "").replace("Pbx.", "")
