# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules of this collection have in common besides their options: attributes, for modules and info twins."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of the modules; a module adds C(action_group) with the fragment of its side."""

    # Every module that can change something.
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can predict what it would change, without changing anything.
    support: full
    details: The prediction and the change come from one plan, so that RV(ignore:changes) is the same in check mode and outside of it.
  diff_mode:
    description: Returns what differed in a form that is shown with C(--diff).
    support: full
  idempotent:
    description: A second run with the same options changes nothing, provided that nobody else changed anything in between.
    support: full
  platform:
    description: Where the module can run.
    platforms: posix
    support: full
    details: It runs inside the Ansible process on the controller when the connection is local, and as an ordinary module elsewhere.
"""

    # The twins that only read.
    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    description: Can predict what it would change, without changing anything.
    support: full
    details: It only reads.
  diff_mode:
    description: Returns what differed in a form that is shown with C(--diff).
    support: N/A
    details: It only reads.
  idempotent:
    description: A second run with the same options changes nothing, provided that nobody else changed anything in between.
    support: full
    details: It only reads.
  platform:
    description: Where the module can run.
    platforms: posix
    support: full
    details: It runs inside the Ansible process on the controller when the connection is local, and as an ordinary module elsewhere.
"""

    # Modules that sign in to Entra.
    ACTION_GROUP_ENTRA = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/tcx.m365.entra) in C(module_defaults) to set the connection options once.
    support: full
    membership:
      - tcx.m365.entra
      - tcx.m365.all
"""

    # Modules that sign in to a PBX.
    ACTION_GROUP_PBX = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/tcx.m365.pbx) in C(module_defaults) to set the connection options once.
    support: full
    membership:
      - tcx.m365.pbx
      - tcx.m365.all
"""

    # Modules that know both sides.
    ACTION_GROUP_BOTH = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/tcx.m365.entra) and C(group/tcx.m365.pbx) in C(module_defaults) to set the connection options once.
    support: full
    membership:
      - tcx.m365.entra
      - tcx.m365.pbx
      - tcx.m365.all
"""

    # What runs inside the Ansible process on the controller, and nowhere else. A module adds the support of check_mode and diff_mode.
    CONTROLLER = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying target.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: none
  platform:
    description: Where the module can run.
    platforms: posix
    support: full
"""

    # Of these, what works for all hosts of the play at once.
    RUN_ONCE = r"""
options: {}
attributes:
  bypass_host_loop:
    description: Executes the action once for all hosts.
    support: partial
    details: Use C(run_once).
"""
