# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads a PBX with 3cx-xapi-python-sdk, in whatever interpreter has it: what test_threecx_sdk_settings.py starts.

Arguments: URL and client id; the client secret comes on standard input. Prints one JSON object.
"""

from __future__ import annotations

import json
import sys

import threecx

url, client_id = sys.argv[1:]
sdk = threecx.ThreeCXClient(url, client_id, sys.stdin.read())
users = sdk.users.list(
    threecx.ODataQuery().select("Id", "Number", "EmailAddress", "ContactImage", "Tags", "MS365SignInEnabled")
)
sys.stdout.write(
    json.dumps(
        {
            "settings": sdk.integrations.get_m365(),
            "directory": sdk.integrations.get_m365_directory(),
            "teams": sdk.integrations.get_m365_teams(),
            "users": [user.model_dump(mode="json", by_alias=True) for user in users],
        },
        default=str,
    )
)
