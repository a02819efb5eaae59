# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The directory of a bootstrap: what was made, and the files that an inventory uses.

``automation.json`` is the record: which application was made from here, with which certificates. A name in a tenant proves
nothing, because everybody may take it; the record does. ``inventory_vars.yml`` holds the variables for the inventory,
``automation-*.pem`` a private key with its certificate (``automation-*.vault`` where Ansible Vault has encrypted it), and
``consent.md`` the addresses for the customers' administrators. All are readable by their owner alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common import owners
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.plugin_utils import _files

Json = dict[str, Any]

RECORD, VARIABLES, CONSENT = "automation.json", "inventory_vars.yml", "consent.md"
DIRECTORY_MODE = 0o700
_SCHEMA = 1
_HEADER = "---\n# Written by the playbook tcx.m365.bootstrap: give it to a run with -e @FILE, or move it to group_vars/tcx/.\n"


class Template(str):
    """A text that Ansible is to evaluate."""

    __slots__ = ()


class Vaulted(str):
    """A text that Ansible Vault has encrypted."""

    __slots__ = ()


@dataclass
class KeptCertificate:
    """A certificate that was made here.

    :param file: its private key; empty where it is not there any more.
    :param seen: when a sign-in with it was seen to work; empty before.
    """

    thumbprint: str
    not_after: str
    certificate: str
    file: str = ""
    made: str = ""
    seen: str = ""


@dataclass
class Record:
    """What was made from a directory.

    :param state: ``present``, or ``absent`` after the application was deleted, so that it can be restored as our own.
    """

    schema_version: int = _SCHEMA
    state: str = "present"
    tenant_id: str = ""
    cloud: str = "public"
    app_id: str = ""
    object_id: str = ""
    unique_name: str = ""
    profile: str = ""
    permissions: list[str] = field(default_factory=list)
    credential: str = ""
    platform: str = ""
    owners: list[str] = field(default_factory=list)
    certificates: list[KeptCertificate] = field(default_factory=list)
    federated: list[Json] = field(default_factory=list)

    def current(self) -> KeptCertificate | None:
        """The certificate that the automation signs in with: the newest."""
        return max(self.certificates, key=lambda certificate: (certificate.made, certificate.not_after), default=None)


class Place:
    """One such directory.

    :param path: absolute, or relative to where Ansible was started.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(os.path.expanduser(path))

    def file(self, name: str) -> str:
        """The absolute path of a file in it; an absolute path is one already."""
        return os.path.join(self.path, name)

    def record(self) -> Record | None:
        """What was made from here; ``None`` where nothing was.

        :raises BadInput: the file is there and cannot be read, or somebody else could have written it.
        """
        path = self.file(RECORD)
        try:
            for location in (path, self.path):
                _believed(location)
            with open(path, encoding="utf-8") as stream:
                return _record(json.load(stream))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            reason = getattr(error, "strerror", None) or f"it is not the record of a bootstrap ({error})"
            raise BadInput(
                f"{path} cannot be read: {reason}",
                tried="read what was made before",
                remedy="Restore the file, or move it away and state the application with bootstrap_app_id.",
            ) from None

    def write_record(self, record: Record) -> bool:
        """Whether the file is new or changed."""
        return self.write(RECORD, json.dumps(asdict(record), indent=2, sort_keys=True) + "\n")

    def write(self, name: str, content: str) -> bool:
        """Write a file that only its owner can read; a link that somebody has put there is replaced, not followed.

        :returns: whether it is new or changed.
        :raises BadInput: it cannot be written.
        """
        path, data = self.file(name), content.encode("utf-8")
        try:
            if _files.content_of(path, 0o600) == data:
                return False
            _files.make_directory(self.path, DIRECTORY_MODE)
            _files.replace(path, data)
        except OSError as error:
            raise BadInput(
                f"{path} cannot be written: {error.strerror or error}",
                tried="write the files of the bootstrap",
                remedy="bootstrap_dir names a directory that this user may write to; a relative one is relative to where "
                "Ansible was started.",
            ) from None
        return True

    def remove(self, name: str) -> bool:
        """Whether the file was there."""
        path = self.file(name)
        try:
            os.unlink(path)
        except FileNotFoundError:
            return False
        return True

    def text(self, name: str) -> str | None:
        """A file as text, whoever else can read it; ``None`` where there is none.

        :raises BadInput: it is there and cannot be read.
        """
        path = self.file(name)
        try:
            with open(path, "rb") as stream:
                return stream.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BadInput(
                f"{path} cannot be read: {error.strerror or error}",
                tried="read what was made before",
                remedy="Run as the user who made it, or give this user the file.",
            ) from None

    def make_private(self, name: str) -> bool:
        """Whether others could read the file until now."""
        path = self.file(name)
        with contextlib.suppress(OSError):
            if stat.S_IMODE(os.stat(path).st_mode) & 0o077:
                os.chmod(path, 0o600)
                return True
        return False


def _believed(path: str) -> None:
    """The record says which application is ours: one that somebody else could have written does not."""
    if owners.others_can_write(os.stat(path)):
        raise BadInput(
            f"others can write {path}, so that it is not believed",
            tried="read what was made before",
            remedy=f"{owners.REMEDY} It is in bootstrap_dir.",
        )


def _record(content: Json) -> Record:
    """The record of a file; raises ``ValueError`` and its kin for anything else."""
    if content.get("schema_version") != _SCHEMA:
        raise ValueError("schema_version")
    certificates = [KeptCertificate(**certificate) for certificate in content.pop("certificates")]
    return Record(**content, certificates=certificates)


def rendered(variables: Mapping[str, Any]) -> str:
    """Variables as YAML: data that Ansible does not evaluate, except for :class:`Template`."""
    return _HEADER + "".join(f"{name}: {_scalar(value)}\n" for name, value in variables.items())


def _scalar(value: Any) -> str:
    if isinstance(value, Vaulted):
        return "!vault |\n" + "\n".join(f"  {line}" for line in str(value).strip().splitlines())
    if isinstance(value, Template) or not isinstance(value, str):
        return json.dumps(value)
    # A text of JSON is one of YAML as well.
    return f"!unsafe {json.dumps(value)}" if "{" in value else json.dumps(value)
