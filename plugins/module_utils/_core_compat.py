# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one name of ansible-core that modules use although it is not public, with a way on without it.

Those of the controller are in ``plugin_utils/_core_compat.py``; a module that is sent to a host takes module utilities along
and nothing else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from ansible.module_utils.basic import AnsibleModule


class ModuleWithReader(AnsibleModule, ABC):
    """A module that reads its arguments by rules of its own, before those of Ansible judge them.

    A release that does not call the method that is extended here reads them after its own rules, which are stricter about
    what is empty: some tasks then fail with Ansible's words, and none is read in another way.
    """

    arguments_are_read = False

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if not self.arguments_are_read:
            self.read_arguments()

    def _load_params(self) -> None:
        super()._load_params()
        self.arguments_are_read = True
        self.read_arguments()

    @abstractmethod
    def read_arguments(self) -> None:
        """Bring ``params`` into their normal form."""
