# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs as a controller runs them, against the lab: each credential type, each template, limits, check mode."""

from __future__ import annotations

import copy
import itertools
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from awx_jobs import Desk, Result
from fake_controller import FakeController, jobs
from tcx_lab.ca import automation_key_pair, key_pair_of
from tcx_lab.entra import mint_federated_token
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan, build
from tcx_lab.testing import Lab
from tcx_lab.world import Automation, Pbx, World
from tower_kit import INVENTORY_URL, PLAYBOOKS_URL, write_fleet

PLAN = FleetPlan(
    [TenantPlan("contoso", users=3), TenantPlan("fabrikam", users=3)],
    [
        PbxPlan("berlin", "contoso", inventory={"tcx_canary": True}),
        PbxPlan("munich", "contoso", "20.0.8"),
        PbxPlan("lyon", "fabrikam", "20.0.9"),
    ],
    seed=11,
)
SECRETS = ("entra_client_id", "entra_client_secret", "tcx_client_id", "tcx_client_secret")
ISSUER, SUBJECT = "https://kubernetes.example.com", "system:serviceaccount:awx:automation"

#: What the callback of ansible-runner before 2.4.2 does in every process: marks around each text that is shown.
OLDER_RUNNER = """
import functools
import sys

from ansible.plugins.callback import CallbackBase
from ansible.utils.display import Display


def marked(show):
    @functools.wraps(show)
    def show_marked(self, msg, *args, **options):
        (sys.stderr if options.get("stderr") else sys.stdout).write("\\x1b[K")
        return show(self, msg, *args, **options)

    return show_marked


Display.display = marked(Display.display)


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_NAME = "older_runner"
"""


class Site:
    """A lab, a controller, and jobs that bring them together."""

    def __init__(self, lab: Lab, controller: FakeController, place: Path) -> None:
        assert lab.world is not None
        assert lab.world.automation is not None
        self.lab = lab
        self.world: World = lab.world
        self.automation: Automation = lab.world.automation
        self.store = controller.store
        self.place = place
        self._numbers = itertools.count(1)

    def inventory(self, *, secrets: bool) -> dict[str, Any]:
        """The inventory of the lab; without secrets only a credential can sign in."""
        found = copy.deepcopy(self.lab.inventory)
        common = found["tcx"]["vars"]
        # In an image it would be among the certificate authorities of the system.
        common["entra_ca_path"] = common["tcx_ca_path"] = str(self.lab.ca_path)
        for each in ("entra_authority_host", "entra_graph_endpoint"):
            common.pop(each)
        for where in [common, *found["tcx"]["hosts"].values()]:
            for name in SECRETS:
                if not secrets or name.startswith("entra_"):
                    where.pop(name, None)
        return found

    def credential(self, type_: str, **inputs: str) -> str:
        """Make a credential at the controller, as a person or the playbook does; returns its name."""
        name = f"credential {next(self._numbers)}"
        kind = self.store.one("credential_type", type_)
        known = {field["id"] for field in kind.values["inputs"]["fields"]}
        if "authority_host" in known:
            inputs = {
                "authority_host": self.world.endpoints.login,
                "graph_endpoint": self.world.endpoints.graph,
                **inputs,
            }
        organization = self.store.one("organization", "3CX telephony").id
        given = {"name": name, "organization": organization, "credential_type": kind.id, "inputs": inputs}
        self.store.create("credentials", given)
        return name

    def secret(self) -> str:
        automation = self.automation
        return self.credential(
            "Microsoft Entra app (client secret)", client_id=automation.app_id, client_secret=automation.client_secret
        )

    def launch(
        self,
        template: str,
        *,
        secrets: bool = True,
        credentials: list[str] | None = None,
        limit: str | None = None,
        answers: dict[str, Any] | None = None,
    ) -> Result:
        """Launch a job template with the usual credential, or with those given; forgets the log of the lab before."""
        self.lab.control.clear_log()
        write_fleet(self.store.repositories[INVENTORY_URL], self.inventory(secrets=secrets))
        item = self.store.one("job_template", template)
        item.lists["credentials"] = [self.store.one("credential", each).id for each in credentials or [self.secret()]]
        self.store.runner = Desk(self.store, self.place / str(next(self._numbers))).run
        try:
            given = {"limit": limit, "extra_vars": answers or {}, "job_slice_count": 1}
            job = jobs.launch(self.store, item, given)
        finally:
            self.store.runner = jobs.succeed
        return Result.of_job(job)

    def reached(self) -> set[str]:
        """The phone systems that were asked anything."""
        return {entry["host"] for entry in self.lab.control.log(source="client") if entry["service"] == "pbx"}

    def token_requests(self, service: str) -> list[dict[str, Any]]:
        log = self.lab.control.log(source="client", service=service)
        return [entry for entry in log if "token" in entry["path"] or "GetAccessToken" in entry["path"]]


@pytest.fixture(scope="module")
def site(described: FakeController, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Lab.start(build(PLAN), mode="thread") as lab:
        yield Site(lab, described, tmp_path_factory.mktemp("jobs"))


def entra_credentials(site: Site) -> dict[str, str]:
    """One credential for each way of signing in to Entra, with every field that a person may fill in."""
    automation, app = site.automation, {"client_id": site.automation.app_id}
    pair = automation_key_pair(site.world, automation)
    pem = pair.private_pem.decode() + pair.public_pem
    entry = {
        "id": "1",
        "name": "awx",
        "issuer": ISSUER,
        "subject": SUBJECT,
        "audiences": ["api://AzureADTokenExchange"],
    }
    home = site.world.tenants[automation.home_tenant_id]
    home.federated_credentials[automation.object_id] = [entry]
    token = mint_federated_token(site.world, issuer=ISSUER, subject=SUBJECT, lifetime=3600)
    mounted = site.place / "mounted-token"
    mounted.write_text(token, encoding="utf-8")
    return {
        "secret": site.secret(),
        "certificate": site.credential("Microsoft Entra app (certificate)", **app, certificate=pem),
        "token": site.credential("Microsoft Entra app (federated token)", **app, federated_token=token),
        "token file": site.credential(
            "Microsoft Entra app (federated token)", **app, federated_token_file=str(mounted), cloud="public"
        ),
    }


def pbx_credentials(site: Site, pbx: Pbx) -> dict[str, str]:
    assert pbx.admin is not None
    code = {"security_code": pbx.admin.totp_secret} if pbx.admin.totp_secret else {}
    return {
        "principal": site.credential("3CX service principal", client_id=pbx.client_id, client_secret=pbx.client_secret),
        "administrator": site.credential(
            "3CX administrator", username=pbx.admin.username, password=pbx.admin.password, **code
        ),
    }


@pytest.mark.parametrize(
    ("entra", "pbx"),
    [
        ("secret", "principal"),
        ("certificate", "administrator"),
        ("token", "principal"),
        ("token file", "administrator"),
    ],
)
def test_a_job_signs_in_with_nothing_but_its_credentials(site: Site, entra: str, pbx: str) -> None:
    """The inventory holds no secret and no address of Microsoft: the injectors alone bring them."""
    host = site.world.pbxs["lyon"]
    chosen = [entra_credentials(site)[entra], pbx_credentials(site, host)[pbx]]
    result = site.launch("3CX compliance", secrets=False, credentials=chosen, limit="lyon")
    summary = result.totals
    assert summary["total"] == 1
    assert summary["failed"] + summary["unreachable"] + summary["unlicensed"] == 0, result.output
    assert site.reached() == {"lyon"}
    sent = json.dumps([entry["body"] for entry in site.token_requests("login")])
    assert ("client_assertion" in sent) == (entra != "secret")


def test_a_wrong_secret_is_told_and_changes_nothing(site: Site) -> None:
    wrong = site.credential("Microsoft Entra app (client secret)", client_id=site.automation.app_id, client_secret="no")
    result = site.launch("3CX rollout", credentials=[wrong], limit="lyon")
    assert result.code != 0
    assert "AADSTS7000215" in result.output
    assert site.lab.control.writes() == []


@pytest.fixture
def _exposed_snapshots(site: Site, tmp_path: Path) -> Iterator[None]:
    """As ``controller_setup_snapshot_dir`` does, where a directory is exposed to jobs; other tests share the controller."""
    names = ("3CX rollout", "3CX rotate certificate", "3CX rollback")
    values = [site.store.one("job_template", name).values for name in names]
    before = [each["extra_vars"] for each in values]
    for each in values:
        kept = {**json.loads(each["extra_vars"]), "snapshot_dir": str(tmp_path / "snapshots")}
        each["extra_vars"] = json.dumps(kept)
    yield
    for each, extra_vars in zip(values, before, strict=True):
        each["extra_vars"] = extra_vars


def way_back(result: Result) -> str:
    """The ID that a job names for whoever wants it undone."""
    found = re.search(r"Undo this job with the job template of tcx\.m365\.rollback \(snapshot: (\S+)\)", result.output)
    assert found, result.output
    return found[1]


@pytest.mark.usefixtures("_exposed_snapshots")
def test_the_life_of_a_fleet_in_jobs(site: Site, tmp_path: Path) -> None:
    """Each job template in the order of the workflow, with its survey answered and its limits used."""
    report = {"compliance_report_dir": str(tmp_path / "reports")}

    before = site.launch("3CX compliance", answers=report)
    assert before.code != 0, "something differs, and the default of the survey makes that a failed job"
    assert before.totals["drifted"] == 3
    assert site.lab.control.writes() == []

    canary = site.launch("3CX rollout", limit="tcx_canary", answers={"rollout_serial": "1"})
    assert canary.code == 0, canary.output
    assert site.reached() == {"berlin"}

    tenant = site.world.pbxs["munich"].tenant_id.replace("-", "_")
    one_tenant = site.launch("3CX rollout", limit=f"tenant_{tenant}", answers={"rollout_serial": "50%"})
    assert one_tenant.code == 0, one_tenant.output
    assert site.reached() == {"berlin", "munich"}

    everything = site.launch("3CX rollout")
    assert everything.code == 0, everything.output
    assert site.reached() == {"berlin", "munich", "lyon"}

    after = site.launch("3CX compliance", answers=report)
    assert after.code == 0, after.output
    assert after.totals["compliant"] == 3
    assert (tmp_path / "reports" / "compliance.html").is_file()

    captured = site.launch("3CX capture", answers={"capture_dir": str(tmp_path / "captured")})
    assert captured.code == 0, captured.output
    assert {path.stem for path in (tmp_path / "captured" / "host_vars").glob("*.yml")} == {"berlin", "munich", "lyon"}

    site.lab.control.drift(["lyon"])
    drifted = site.launch("3CX compliance", answers={**report, "compliance_fail_on_drift": "false"})
    assert drifted.code == 0, "a report is all that was asked for"
    assert drifted.totals["drifted"] == 1
    report_of_lyon = (tmp_path / "reports" / "compliance.md").read_text(encoding="utf-8")
    assert "the job template of tcx.m365.rollout with the limit lyon" in report_of_lyon
    assert "ansible-playbook" not in report_of_lyon, "the command line of a job ends with it"

    rotated = site.launch("3CX rotate certificate", limit="berlin", answers={"rotate_certificate_overlap_days": 1})
    assert rotated.code == 0, rotated.output
    assert site.reached() == {"berlin"}
    assert "snapshot" not in rotated.output, "it has changed nothing"

    undone = site.launch("3CX rollback", limit="berlin", answers={"snapshot": way_back(canary)})
    assert undone.code == 0, undone.output
    assert site.world.pbxs["berlin"].tenant_id not in json.dumps(site.lab.control.pbx("berlin")["integration"])


def test_offboarding_without_a_limit_or_a_yes_reaches_nobody(site: Site) -> None:
    unlimited = site.launch("3CX offboard", answers={"offboard_confirm": "true"})
    assert unlimited.code != 0
    assert site.reached() == set()
    unconfirmed = site.launch("3CX offboard", limit="lyon")
    assert unconfirmed.code != 0
    assert "offboard_confirm" in unconfirmed.output
    assert site.reached() == set()


def test_offboarding_takes_one_phone_system_away(site: Site) -> None:
    rolled_out = site.launch("3CX rollout", limit="lyon")
    assert rolled_out.code == 0, rolled_out.output
    result = site.launch("3CX offboard", limit="lyon", answers={"offboard_confirm": "true", "offboard_purge": "true"})
    assert result.code == 0, result.output
    assert site.reached() == {"lyon"}
    names = {app["uniqueName"] for app in site.lab.control.objects(site.world.pbxs["lyon"].tenant_id, "applications")}
    assert "3cx-lyon" not in names


def test_no_secret_in_what_a_job_prints(site: Site) -> None:
    host = site.world.pbxs["berlin"]
    result = site.launch("3CX rollout", limit="berlin")
    key = key_pair_of(site.world, host).private_pem.decode().splitlines()[1]
    for secret in (site.automation.client_secret, host.client_secret, key):
        assert secret not in result.output


def test_a_node_with_an_older_runner_warns_of_nothing(site: Site) -> None:
    """Ansible warns of what a task's process writes to the output by itself, as that runner does around each of our texts."""
    callbacks = site.store.repositories[PLAYBOOKS_URL] / "playbooks" / "callback_plugins"
    callbacks.mkdir()
    (callbacks / "older_runner.py").write_text(OLDER_RUNNER, encoding="utf-8")
    try:
        result = site.launch("3CX rollout", limit="berlin")
    finally:
        shutil.rmtree(callbacks)
    assert result.code == 0, result.output
    assert "# berlin: " in result.output
    assert "errantly" not in result.output
