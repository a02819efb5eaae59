# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bytes of a list: from a file beside the inventory, or from an address that is asked with TLS, once, within limits."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Callable
from urllib.parse import urlsplit

from ansible_collections.tcx.m365.plugins.module_utils import _limits
from ansible_collections.tcx.m365.plugins.module_utils._common.text import without_login
from ansible_collections.tcx.m365.plugins.module_utils._deps import MISSING
from ansible_collections.tcx.m365.plugins.module_utils._http import Http, RetryPolicy, Transport
from ansible_collections.tcx.m365.plugins.module_utils._time import Deadline

from . import delimited, tree, workbook
from .model import BadList, Table, shown

MOST_BYTES = _limits.ANSWER_BYTES
FORMATS = ("auto", "csv", "xlsx", "excel", "yaml", "json")
_ENDINGS = {
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".yml": "yaml",
    ".yaml": "yaml",
}
_REDIRECTS = (301, 302, 303, 307, 308)

ReadFile = Callable[[str], bytes]
"""Reads a file of the controller, decrypted where it is encrypted with Ansible Vault."""


@dataclass(frozen=True)
class Content:
    """What was got, and what it is called in messages."""

    data: bytes
    label: str
    name: str


@dataclass(frozen=True)
class Request:
    """How an address is asked.

    :param headers: sent along, such as ``Authorization``.
    :param timeout: seconds for the whole list.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_path: str = ""
    proxy: str = field(default="", repr=False)
    timeout: float = 60.0


_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")


def from_file(source: str, directory: str, read: ReadFile) -> Content:
    """A file, relative to the directory of the inventory file.

    :raises BadList: it cannot be read, or is too large.
    """
    path = os.path.normpath(os.path.join(directory, os.path.expanduser(source)))
    try:
        size = os.path.getsize(path)
        if os.path.isdir(path):
            raise BadList(f"the source of the list, {path}, is a directory")
        if size > MOST_BYTES:
            raise BadList(f"the source of the list, {path}, has {size} bytes; more than {MOST_BYTES} are not read")
        data = read(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadList(
            f"the source of the list, {path}, cannot be read: {reason}. It is relative to the inventory file"
        ) from None
    return Content(data, path, path)


def from_address(url: str, request: Request) -> Content:
    """What an ``https`` address answers. Redirects are not followed: what is sent along is meant for that address alone.

    :raises BadList: another scheme, user information in the address, any answer but 200.
    :raises M365Error: it cannot be reached, does not verify, or is too slow or too large.
    """
    parts = urlsplit(url)
    label = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if parts.scheme.lower() != "https":
        raise BadList(
            f"source {shown(without_login(label))} is not an https address; a list decides where credentials are sent"
        )
    if "@" in parts.netloc:
        raise BadList(
            f"source {shown(without_login(label))} carries a user name or password; send it by the option headers"
        )
    if MISSING:
        names = " ".join(name for name, _traceback in MISSING)
        raise BadList(f"a list at an https address needs Python packages that are missing here: pip install {names}")
    headers = {name: _sendable(name, value) for name, value in request.headers.items()}
    http = Http(
        "the server of the list",
        f"https://{parts.netloc}",
        Transport(ca_path=request.ca_path or None, proxy=request.proxy or None, timeout=min(30.0, request.timeout)),
        Deadline(request.timeout),
        policy=RetryPolicy(attempts=3),
    )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    reply = http.send("GET", path, headers={"Accept": "*/*", **headers}, secret=True, most=MOST_BYTES)
    if reply.status in _REDIRECTS:
        raise BadList(f"{label} answered {reply.status}, and redirects are not followed; give the final address")
    if reply.status != 200:
        raise BadList(f"{label} answered {reply.status}; check the address and the option headers")
    if reply.is_page:
        raise BadList(
            f"{label} answered with a page for people, perhaps a sign-in; give the address of the list itself"
        )
    return Content(reply.body, label, parts.path)


def _sendable(name: str, value: str) -> str:
    """The value of a header. The HTTP library puts one that it refuses into its error, and it may be a credential.

    :raises BadList: it cannot be sent.
    """
    value = value.strip()  # a block of YAML ends in a line feed
    if not _HEADER_NAME.fullmatch(name):
        raise BadList("the option headers has a name that is none of a header: letters, digits and hyphens are")
    if not _HEADER_VALUE.fullmatch(value):
        raise BadList(
            f"the value of {name} in the option headers has a line feed or a character that no header can have"
        )
    return value


def table(
    content: Content,
    *,
    kind: str = "auto",
    encoding: str = "",
    delimiter: str = "",
    sheet: str = "",
    path: str = "",
    header_row: int = 1,
) -> Table:
    """The list as a table.

    :param kind: one of :data:`FORMATS`; ``auto`` goes by the end of the name, then by the content.
    :raises BadList: it is not that.
    """
    kind = _kind(content) if kind == "auto" else kind
    if kind in ("xlsx", "excel"):
        return workbook.read(content.data, content.label, sheet=sheet, header_row=header_row)
    text = delimited.decoded(content.data, encoding, content.label)
    if kind == "yaml":
        return tree.read_yaml(text, content.label, path)
    if kind == "json":
        return tree.read_json(text, content.label, path)
    return delimited.read(text, content.label, delimiter=delimiter, header_row=header_row)


def _kind(content: Content) -> str:
    ending = os.path.splitext(content.name.lower())[1]
    if ending in _ENDINGS:
        return _ENDINGS[ending]
    start = content.data[:200].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return "xlsx"
    return "json" if start.startswith((b"{", b"[")) else "csv"
