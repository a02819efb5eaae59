# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the file ``public_key.pem`` of a PBX comes from, for the sentence an operator reads when it is missing.

No documented API of 3CX makes or returns it: a person exports it once. V18: observed (guides of 3CX partners). V20: the
console's wizard makes application and key by itself (documented), and then there is no file to export.
"""

from __future__ import annotations

FILE_NAME = "public_key.pem"

V18 = (
    "3CX V18: Management Console > Settings > Microsoft 365 > tab Configure > Generate new key pair, then download "
    f"{FILE_NAME}."
)
V20 = (
    "3CX V20: Admin Console > Integrations > Microsoft 365 > Configure runs a wizard that makes the application and its key "
    "by itself; let it do so once, and the application that the PBX then reports is adopted (entra_app_mode: auto). A PBX "
    f"that was upgraded from V18 keeps the key pair that was made there, and its {FILE_NAME}."
)


WHERE_TO_CLICK = f"There is no {FILE_NAME}. No 3CX API gives it away, so export it once by hand. {V20} {V18}"
