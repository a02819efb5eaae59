# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signing in with the Azure CLI itself: its own program gives the token with which the modules work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.tcx.m365.tests.integration.entra.customers import APP, APP_INFO, Bench, Customer, Front
from tcx_lab.testing import Lab

from .azure_cli import AZ, NEEDS_AZ, AzureCli

pytestmark = [NEEDS_AZ, pytest.mark.slow]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench.start() as started:
        yield started


def _signed_in(lab: Lab, home: Path, customer: Customer) -> AzureCli:
    cli = AzureCli(lab, home, customer.tenant.id, customer.automation.app_id)
    cli.make_the_lab_its_cloud()
    cli.login("--password", customer.automation.client_secret)
    return cli


@pytest.mark.parametrize("in_process", [True, False], ids=["action", "module"])
@pytest.mark.parametrize("auth_source", ["azure_cli", "auto"])
def test_whoever_is_signed_in_to_the_azure_cli(
    bench: Bench, tmp_path: Path, in_process: bool, auth_source: str
) -> None:
    assert AZ is not None
    customer, front = bench.customer(), Front(in_process, tmp_path)
    cli = _signed_in(bench.lab, tmp_path, customer)
    surroundings = {
        "PATH": os.pathsep.join([str(Path(AZ).parent), os.environ["PATH"]]),
        **{name: cli.environment[name] for name in ("AZURE_CONFIG_DIR", "REQUESTS_CA_BUNDLE")},
    }
    connection = {"client_id": None, "client_secret": None, "auth_source": auth_source}
    task = (APP, {"unique_name": "3cx-acme", "display_name": "3CX Server-side", **connection})
    made, again = front.play(customer, task, task, arguments=("-vvvv",), **surroundings)
    assert made.get("auth_source") == "azure_cli", front.output
    assert (made["changed"], again["changed"]) == (True, False)
    assert customer.application()["appId"] == made["app_id"]
    assert "eyJ" not in front.output, "a token begins like this"

    cli("account", "clear")
    (refused,) = front.play(customer, (APP_INFO, {"unique_name": "3cx-acme", **connection}), **surroundings)
    assert "az login" in refused["error"]["remedy"], refused
    assert refused["error"]["kind"] == "bad_credential"
