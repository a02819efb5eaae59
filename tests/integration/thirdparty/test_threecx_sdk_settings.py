# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What our module has set, read back by a client that nobody here wrote: 3cx-xapi-python-sdk.

The SDK may live in an interpreter of its own, in the directory TCX_BIN_XAPI_SDK; otherwise it has to be importable here.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.integration.pbx.fleet import Bench

from .apart import python_with

READER = Path(__file__).with_name("threecx_reader.py")


def read(python: str, bench: Bench, name: str) -> Any:
    pbx = bench.pbx(name)
    done = subprocess.run(
        [python, str(READER), pbx.url, pbx.client_id],
        input=pbx.client_secret,
        env={**os.environ, "SSL_CERT_FILE": str(bench.lab.ca_path), "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# The SDK takes expires_in for seconds, which is right from 20.0.9 on.
@pytest.mark.parametrize("name", ["v20-0-9", "v20-0-10"])
def test_the_sdk_reads_what_the_module_has_set(name: str) -> None:
    python = python_with("threecx", "TCX_BIN_XAPI_SDK")
    with Bench.start() as bench:
        link = bench.link(name)
        done = bench.run().settings(
            name,
            **link,
            user_sync={"enabled": True, "scope": "all", "photo": True, "guests": False, "starting_extension": "200"},
            sign_in={"enabled": True},
            presence={"enabled": True, "pbx_to_m365": [{"from": "away", "to": "be_right_back"}]},
            teams={"sip_domain": "contoso.example"},
        )
        assert not done.get("failed"), done
        out = next(each for each in bench.run().info(name, gather=["users"])["users"]["all"] if each["synced"])
        bench.run().settings(name, sign_in={"opt_out": [out["email"]]})
        found = read(python, bench, name)
    settings = found["settings"]
    assert (settings["ApplicationId"], settings["TenantId"]) == (link["application_id"], link["tenant_id"])
    users = settings["AdUsers"]
    assert (users["IsEnabled"], users["EnableSSO"], users["IsSyncPhoto"], users["SyncGuestUsers"]) == (
        True,
        True,
        True,
        False,
    )
    assert (users["SyncType"], users["StartingExtensionNumber"]) == ("SyncAllUsers", "200")
    assert users["StatusSyncConfiguration"]["PBXToM365Bindings"] == [{"From": "Away", "To": "BeRightBack"}]
    assert found["teams"]["SipDomain"] == "contoso.example"
    assert not found["directory"].get("ExceptionMessage")
    sign_in = {each["Number"]: each["MS365SignInEnabled"] for each in found["users"]}
    assert sign_in.pop(out["number"]) is False
    assert all(sign_in.values())
