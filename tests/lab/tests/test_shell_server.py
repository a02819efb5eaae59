# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's shell over real TLS sockets: routing by port, trouble, log, control API. The services behind it only echo."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import resource
import socket
import ssl
import stat
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography import x509
from tcx_lab.server import event_loop_factory, raise_descriptor_limit
from tcx_lab.switchboard import Apps, connect_inside
from tcx_lab.testing import Lab, LabError
from tcx_lab.world import Administrator, Automation, Pbx, Tenant, World

TENANT = "11111111-2222-4333-8444-555555555555"


class Echo:
    """A service that says who it is and what reached it, and remembers what it has committed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.committed: list[str] = []
        self.afflictions: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from tcx_lab.trouble import afflictions

        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.committed.append(scope["method"])
        self.afflictions = afflictions(scope)
        answer = json.dumps({"service": self.name, "port": scope["server"][1], "length": len(body)}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": answer})


class Setting:
    """A running lab with echoing services."""

    def __init__(self, lab: Lab, apps: Apps) -> None:
        assert lab.world is not None
        self.lab, self.world, self.apps, self.control = lab, lab.world, apps, lab.control
        self.http = lab.client()

    def url(self, pbx: str) -> str:
        return self.world.pbxs[pbx].url


def echo_apps() -> Apps:
    return Apps(Echo("login"), Echo("graph"), Echo("management"), Echo("pbx"))


def echo_world(pbxs: int = 3, **last: Any) -> World:
    world = World(seed=1)
    world.add_tenant(Tenant(TENANT, "Contoso", "contoso.example"))
    world.automation = Automation("app", "object", TENANT, client_secret="automation's secret")
    for number in range(pbxs):
        options = last if number == pbxs - 1 else {}
        login = Administrator("100", "admin's password")
        world.add_pbx(Pbx(f"pbx{number}", "20.0.10.731", "Enterprise", TENANT, "900", f"s{number}", login, **options))
    return world


@pytest.fixture
def setting() -> Iterator[Setting]:
    apps = echo_apps()
    with Lab.start(echo_world(down=True), mode="thread", apps=apps) as lab:
        running = Setting(lab, apps)
        with running.http:
            yield running


def test_each_port_reaches_its_own_service(setting: Setting) -> None:
    ends = setting.lab.endpoints
    for service in ("login", "graph", "management"):
        assert setting.http.get(f"{ends[service]}/x").json()["service"] == service
    for name in ("pbx0", "pbx1"):
        answer = setting.http.get(f"{ends['pbxs'][name]}/x").json()
        assert (answer["service"], answer["port"]) == ("pbx", setting.world.pbxs[name].port)
    assert [entry["host"] for entry in setting.control.log(service="pbx")] == ["pbx0", "pbx1"]


def test_the_certificate_is_good_for_every_local_name(setting: Setting) -> None:
    port = setting.world.pbxs["pbx0"].port
    context = ssl.create_default_context(cafile=str(setting.lab.ca_path))
    if hasattr(ssl, "VERIFY_X509_STRICT"):
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    for name in ("localhost", "127.0.0.1", "::1"):
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname=name) as secure,
        ):
            assert secure.version() in ("TLSv1.2", "TLSv1.3")
    with socket.create_connection(("127.0.0.1", port)) as plain, pytest.raises(ssl.SSLCertVerificationError):
        context.wrap_socket(plain, server_hostname="acme.example.com")


def _shown_on(port: int) -> x509.Certificate:
    return x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", port)).encode())


def test_a_pbx_shows_another_certificate_when_it_is_told_to(setting: Setting) -> None:
    port, before = setting.world.pbxs["pbx0"].port, _shown_on(setting.world.pbxs["pbx0"].port)
    now = datetime.now(UTC)
    setting.control.patch_pbx("pbx0", tls={"days": -5, "names": ["pbx.example.com"], "self_signed": True})
    ended = _shown_on(port)
    assert ended.not_valid_before_utc < ended.not_valid_after_utc < now - timedelta(days=4)
    assert ended.issuer == ended.subject
    ended.verify_directly_issued_by(ended)
    assert _shown_on(setting.world.pbxs["pbx1"].port) == before
    setting.control.patch_pbx("pbx0", tls={"days": 12})
    short = _shown_on(port)
    assert now + timedelta(days=11) < short.not_valid_after_utc < now + timedelta(days=12)
    assert setting.http.get(f"{setting.url('pbx0')}/x").status_code == 200
    setting.control.patch_pbx("pbx0", tls=None)
    assert _shown_on(port) == before


def test_connections_are_kept_alive(setting: Setting) -> None:
    with setting.lab.client(limits=httpx.Limits(max_connections=1)) as client:
        streams = set()
        for _each in range(5):
            answer = client.get(f"{setting.url('pbx0')}/x")
            streams.add(answer.extensions["network_stream"].get_extra_info("client_addr"))
    assert len(streams) == 1


def test_a_pbx_that_is_down_refuses_and_comes_back_on_the_same_port(setting: Setting) -> None:
    url = setting.url("pbx2")
    with pytest.raises(httpx.ConnectError):
        setting.http.get(url)
    setting.control.patch_pbx("pbx2", down=False)
    assert setting.http.get(f"{url}/x").status_code == 200
    setting.control.patch_pbx("pbx2", down=True)
    with pytest.raises(httpx.TransportError):  # the kept connection is dead ...
        setting.http.get(f"{url}/x")
    with pytest.raises(httpx.ConnectError):  # ... and new ones are refused
        setting.http.get(f"{url}/x")
    setting.control.patch_pbx("pbx2", down=False)
    assert setting.http.get(f"{url}/x").status_code == 200
    assert setting.http.get(f"{setting.url('pbx0')}/x").status_code == 200


def test_status_trouble_strikes_as_often_as_it_says(setting: Setting) -> None:
    setting.control.add_trouble(
        "status", match={"service": "graph", "path": "^/v1"}, status=503, headers={"X-Why": "test"}, times=2, skip=1
    )
    graph = setting.lab.endpoints["graph"]
    answers = [setting.http.post(f"{graph}/v1.0/x", json={"a": 1}) for _each in range(4)]
    assert [answer.status_code for answer in answers] == [200, 503, 503, 200]
    assert answers[1].headers["X-Why"] == "test"
    assert answers[1].json()["error"]["code"] == "ServiceUnavailable"
    assert [entry["status"] for entry in setting.control.log(service="graph")] == [200, 503, 503, 200]
    assert setting.http.get(f"{setting.url('pbx0')}/v1").status_code == 200


def test_throttle_says_when_to_come_back(setting: Setting) -> None:
    setting.control.add_trouble("throttle", match={"service": "graph"}, seconds=7)
    answer = setting.http.get(f"{setting.lab.endpoints['graph']}/v1.0/x")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json()["error"]["code"] == "TooManyRequests"


def test_reset_before_leaves_the_service_untouched(setting: Setting) -> None:
    setting.control.add_trouble("reset_before", match={"method": "POST"})
    with pytest.raises(httpx.TransportError):
        setting.http.post(f"{setting.url('pbx0')}/x", content=b"y" * 100_000)
    assert setting.apps.pbx.committed == []
    assert setting.http.post(f"{setting.url('pbx0')}/x").status_code == 200


def test_reset_after_commits_and_never_answers(setting: Setting) -> None:
    setting.control.add_trouble("reset_after", match={"method": "POST", "host": "pbx0"})
    with pytest.raises(httpx.TransportError):
        setting.http.post(f"{setting.url('pbx0')}/x", json={})
    assert setting.apps.pbx.committed == ["POST"]
    entry = setting.control.log(host="pbx0")[-1]
    assert (entry["status"], entry["is_write"], entry["trouble"]) == (0, True, "t1")


def test_a_cut_is_a_tcp_reset(setting: Setting) -> None:
    setting.control.add_trouble("reset_before")
    context = ssl.create_default_context(cafile=str(setting.lab.ca_path))
    with (
        socket.create_connection(("127.0.0.1", setting.world.pbxs["pbx0"].port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        secure.sendall(b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with socket.socket(fileno=secure.detach()) as below, pytest.raises(ConnectionResetError):
            list(iter(lambda: below.recv(4096), b""))  # below TLS, which makes of it what its version likes


def test_delay_lets_the_request_pass_afterwards(setting: Setting) -> None:
    setting.control.add_trouble("delay", seconds=0.05)
    setting.control.add_trouble("status", status=500)
    answer = setting.http.get(f"{setting.url('pbx0')}/x")
    assert answer.status_code == 500
    assert setting.control.log()[-1]["duration_ms"] >= 45


def test_what_only_the_service_can_act_out_is_passed_on(setting: Setting) -> None:
    setting.control.add_trouble("drop_token")
    setting.control.add_trouble("stale", reads=2)
    assert setting.http.get(f"{setting.url('pbx0')}/x").status_code == 200
    seen = setting.apps.pbx.afflictions
    assert (seen.drop_token, seen.stale_reads, seen.stale_seconds) == (True, 2, 0)
    assert setting.http.get(f"{setting.url('pbx0')}/x").status_code == 200
    assert not setting.apps.pbx.afflictions.drop_token


def test_wrong_rules_are_refused_with_a_reason(setting: Setting) -> None:
    for rule, words in (
        ({"action": "explode"}, "action must be one of"),
        ({"action": "status", "color": 1}, "color"),
        ({"action": "status", "match": {"path": "("}}, "regular expression"),
        ({"action": "status", "match": {"port": "1"}}, "match has no port"),
        ({"action": "status", "status": "503"}, "status must be a number"),
    ):
        with pytest.raises(LabError, match=words):
            setting.control.call("POST", "/trouble", rule)


def test_trouble_spares_the_pbx_itself_unless_it_is_meant(setting: Setting) -> None:
    setting.control.add_trouble("status", status=503, times=0)
    rule = setting.control.add_trouble("status", match={"source": "pbx"}, status=504)

    async def ask() -> list[int]:
        async with setting.world.internal_client("pbx:pbx0") as client:
            graph = setting.world.endpoints.graph
            return [(await client.get(f"{graph}/v1.0/users")).status_code for _each in range(2)]

    assert asyncio.run(ask()) == [504, 200]
    assert [entry["source"] for entry in setting.control.log(service="graph")] == ["pbx:pbx0", "pbx:pbx0"]
    assert setting.control.state()["trouble"][1]["id"] == rule


def test_the_log_knows_writes_and_hides_secrets(setting: Setting) -> None:
    url, graph = setting.url("pbx0"), setting.lab.endpoints["graph"]
    setting.http.post(f"{url}/connect/token", data={"client_id": "900", "client_secret": "hush", "grant_type": "x"})
    setting.http.post(f"{url}/xapi/v1/Microsoft365Integration/Pbx.GetM365Users", json={"options": {"Count": 1}})
    setting.http.post(f"{graph}/v1.0/$batch", json={"requests": []})
    setting.http.patch(
        f"{url}/xapi/v1/Microsoft365Integration", json={"TenantId": "t", "Nested": [{"Password": "hush"}]}
    )
    assert [(entry["method"], entry["path"]) for entry in setting.control.writes()] == [
        ("PATCH", "/xapi/v1/Microsoft365Integration")
    ]
    token, *_others, change = setting.control.log()
    assert token["body"] == {"client_id": "900", "client_secret": "***", "grant_type": "x"}
    assert token["client"] == "900"
    assert change["body"] == {"TenantId": "t", "Nested": [{"Password": "***"}]}
    assert "hush" not in json.dumps(setting.control.log())
    counts = setting.control.counts()
    assert counts["service"] == {"pbx": 3, "graph": 1}
    assert counts["total"]["writes"] == 1
    setting.control.clear_log()
    assert setting.control.log() == []


def test_the_log_names_the_bearer(setting: Setting) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"appid": "abc", "tid": TENANT}).encode()).rstrip(b"=").decode()
    setting.http.get(f"{setting.lab.endpoints['graph']}/x", headers={"Authorization": f"Bearer h.{claims}.s"})
    setting.http.get(f"{setting.lab.endpoints['graph']}/x", headers={"Authorization": "Bearer nonsense.@.x"})
    first, second = setting.control.log()
    assert (first["client"], first["tenant"]) == ("abc", TENANT)
    assert second["client"] == ""


def test_a_browser_is_told_from_a_script(setting: Setting) -> None:
    browser = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)", "Sec-Fetch-Mode": "navigate"}
    setting.http.get(f"{setting.url('pbx0')}/x", headers=browser)
    setting.http.get(f"{setting.url('pbx0')}/x", headers={"Sec-Fetch-Mode": "cors"})
    assert [entry["source"] for entry in setting.control.log()] == ["browser", "client"]


def test_every_machine_shows_its_own_time(setting: Setting) -> None:
    from email.utils import parsedate_to_datetime

    setting.control.advance_clock(86_400)
    setting.control.patch_pbx("pbx1", clock_offset=-3600)
    times = [
        parsedate_to_datetime(setting.http.get(f"{setting.url(name)}/x").headers["Date"]) for name in ("pbx0", "pbx1")
    ]
    assert 3590 < (times[0] - times[1]).total_seconds() < 3610
    assert 86_300 < times[0].timestamp() - time.time() < 86_500


def test_latency_waits_without_working(setting: Setting) -> None:
    setting.http.get(f"{setting.url('pbx0')}/x")
    setting.control.set_latency(300)
    before = time.process_time()
    setting.http.get(f"{setting.url('pbx0')}/x")
    assert time.process_time() - before < 0.2
    assert setting.control.log()[-1]["duration_ms"] >= 290


def test_the_inventory_has_the_agreed_shape(setting: Setting) -> None:
    inventory = setting.lab.inventory
    assert list(inventory) == ["tcx"]
    assert set(inventory["tcx"]["hosts"]) == {"pbx0", "pbx1", "pbx2"}
    host = inventory["tcx"]["hosts"]["pbx0"]
    credentials = {"tcx_client_id", "tcx_client_secret"}
    assert set(host) == {"tcx_url", "tcx_fqdn", *credentials, "entra_tenant_id", "entra_app_public_key"}
    assert host["tcx_url"] == setting.url("pbx0")
    assert host["entra_app_public_key"].startswith("-----BEGIN CERTIFICATE-----")
    assert host["entra_app_public_key"] != inventory["tcx"]["hosts"]["pbx1"]["entra_app_public_key"]
    shared = inventory["tcx"]["vars"]
    assert shared["entra_ca_path"] == shared["tcx_ca_path"] == str(setting.lab.ca_path)
    assert shared["entra_graph_endpoint"] == setting.lab.endpoints["graph"]
    assert shared["ansible_connection"] == "local"
    assert setting.control.call("GET", "/inventory") == inventory


def test_a_new_key_pair_replaces_the_old_one(setting: Setting) -> None:
    old = setting.http.get(f"{setting.url('pbx0')}/_lab/pbx/pbx0/public_key.pem").text
    assert old == setting.lab.inventory["tcx"]["hosts"]["pbx0"]["entra_app_public_key"]
    new = setting.control.new_key_pair("pbx0", days=30)
    assert new["public_key"] != old
    assert setting.http.get(f"{setting.url('pbx0')}/_lab/pbx/pbx0/public_key.pem").text == new["public_key"]


def test_control_refuses_what_it_does_not_know(setting: Setting) -> None:
    for method, path, body, words in (
        ("GET", "/pbx/nobody", None, "no PBX 'nobody'"),
        ("PATCH", "/switches", {"gravity": 1}, "no switch 'gravity'"),
        ("PATCH", "/switches", {"ad_users_patch": "guess"}, "positions"),
        ("PATCH", "/switches", {"sync_on_save": 1}, "takes bool"),
        ("POST", "/clock", {"advance": "soon"}, "advance"),
        ("POST", "/clock", [1], "JSON object"),
        ("GET", "/tenants/nowhere/users", None, "no tenant"),
        ("GET", f"/tenants/{TENANT}/secrets", None, "404"),
        ("GET", "/nothing", None, "404"),
    ):
        with pytest.raises(LabError, match=words):
            setting.control.call(method, path, body)


def test_state_shows_no_secret(setting: Setting) -> None:
    text = json.dumps(setting.control.state())
    assert "automation's secret" not in text
    assert "admin's password" not in text
    assert '"s0"' not in text


def test_only_the_owner_can_read_what_the_lab_writes(setting: Setting) -> None:
    for name in ("inventory.json", "endpoints.json", "ca.pem"):
        assert stat.S_IMODE((setting.lab.directory / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(setting.lab.directory.stat().st_mode) == 0o700


def test_ports_are_fixed_on_demand_and_a_taken_one_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(OSError, match=f"127.0.0.1:{taken}"), _start(port_base=taken):
            pass
    base = _free_ports(6)
    with _start(port_base=base) as lab:
        ports = [int(lab.endpoints[name].rpartition(":")[2]) for name in ("login", "graph", "management")]
        assert ports == [base, base + 1, base + 2]
        assert lab.endpoints["pbxs"]["pbx2"] == f"https://127.0.0.1:{base + 5}"


def _free_ports(count: int) -> int:
    """The first of some consecutive ports that nobody uses, away from those that the system hands out by itself."""
    for base in range(20_000 + os.getpid() % 1000 * 10, 32_000, count):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(base, base + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return base
    pytest.fail(f"no {count} consecutive free ports")


def _start(**options: Any) -> Any:
    return Lab.start(echo_world(), mode="thread", apps=echo_apps(), **options)


def test_two_thousand_pbxs_answer_from_one_process() -> None:
    if raise_descriptor_limit(7000) < 3000:
        # Who may raise the limit is the administrator of the machine.
        pytest.skip("this system allows fewer than 3000 open files per process")
    world = echo_world(2000)
    with Lab.start(world, mode="thread", apps=echo_apps()) as lab, lab.client() as http:
        for name in ("pbx0", "pbx999", "pbx1999"):
            assert http.get(f"{world.pbxs[name].url}/x").json()["port"] == world.pbxs[name].port
        assert len({pbx.port for pbx in world.pbxs.values()}) == len(set(lab.endpoints["pbxs"].values())) == 2000


def test_it_works_the_same_without_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert event_loop_factory() is asyncio.new_event_loop
    apps = echo_apps()
    with Lab.start(echo_world(down=True), mode="thread", apps=apps) as lab, lab.client() as http:
        setting = Setting(lab, apps)
        setting.http.close()
        with pytest.raises(httpx.ConnectError):
            http.get(setting.url("pbx2"))
        for _round in range(2):
            lab.control.patch_pbx("pbx2", down=False)
            assert http.get(f"{setting.url('pbx2')}/x").status_code == 200
            lab.control.patch_pbx("pbx2", down=True)
            with pytest.raises(httpx.TransportError):
                http.get(f"{setting.url('pbx2')}/x")
        lab.control.add_trouble("reset_after", match={"method": "POST"})
        with pytest.raises(httpx.TransportError):
            http.post(f"{setting.url('pbx0')}/x")
        assert apps.pbx.committed.count("POST") == 1


def test_nothing_listens_any_more_after_the_end() -> None:
    with _start() as lab:
        url = lab.endpoints["graph"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, verify=False, trust_env=False)


def test_a_lab_in_a_process_of_its_own_that_fails_says_why(tmp_path: Any) -> None:
    fleet = tmp_path / "fleet.yml"
    fleet.write_text("pbxs: [{name: a, tenant: b, edition: Golden}]", encoding="utf-8")
    with pytest.raises(LabError, match="edition must be one of"), Lab.start(fleet):
        pass


def test_inside_clients_cannot_reach_what_is_down() -> None:
    world = echo_world(down=True)
    connect_inside(world, echo_apps())

    async def ask(url: str) -> Any:
        async with world.internal_client("pbx:pbx0") as client:
            return (await client.post(f"{url}/x?y=1", content=b"abc")).json()

    assert asyncio.run(ask(world.endpoints.login))["length"] == 3
    with pytest.raises(httpx.ConnectError):
        asyncio.run(ask(world.pbxs["pbx2"].url))
    with pytest.raises(httpx.ConnectError):
        asyncio.run(ask("https://127.0.0.1:1"))
    world.trouble.add({"action": "reset_after", "match": {"source": "pbx:pbx0"}})
    with pytest.raises(httpx.ReadError):
        asyncio.run(ask(world.endpoints.graph))


def test_the_descriptor_limit_is_raised_as_far_as_the_system_allows() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        wanted = 2048 if hard == resource.RLIM_INFINITY else min(2048, hard)
        assert raise_descriptor_limit(2048) >= wanted
        assert raise_descriptor_limit(10) >= wanted
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert os.getpid()
