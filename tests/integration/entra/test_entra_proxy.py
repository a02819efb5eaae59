# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Through a real forwarding proxy: token, Graph, XAPI and the probe, with the lab's own CA and with a login."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from ansible_collections.tcx.m365.tests.integration.entra.customers import APP, APP_INFO, Bench, Customer, Front, guide
from ansible_collections.tcx.m365.tests.integration.entra.forward_proxy import ForwardProxy
from tcx_lab.ca import make_key_pair

PASSWORD = "proxy canary/p@ss"
LOGIN, ENCODED = f"acme:{PASSWORD}", "acme:proxy%20canary%2Fp%40ss"
# As from a vault: Ansible shows the lines of a playbook itself when a task of it fails.
GIVEN = "{{ lookup('env', 'LAB_PROXY') }}"
VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def proxy() -> Iterator[ForwardProxy]:
    with ForwardProxy().running() as running:
        yield running


@pytest.fixture
def guarded() -> Iterator[ForwardProxy]:
    """One that wants a login."""
    with ForwardProxy(login=LOGIN).running() as running:
        yield running


@pytest.fixture
def nobody() -> str:
    """Address of a proxy that does not run."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def _places(*urls: str) -> set[str]:
    return {urlsplit(url).netloc for url in urls}


def _worked(results: list[dict[str, Any]]) -> bool:
    return not any("error" in each or "msg" in each for each in results)


def _entra(customer: Customer) -> set[str]:
    ends = customer.bench.world.endpoints
    return _places(ends.login, ends.graph)


def _pbx_tasks(bench: Bench, **options: Any) -> list[tuple[str, dict[str, Any]]]:
    pbx, ends = next(iter(bench.world.pbxs.values())), bench.world.endpoints
    ca = str(bench.lab.ca_path)
    login = {"url": pbx.url, "client_id": pbx.client_id, "client_secret": pbx.client_secret, "ca_path": ca, **options}
    asked = {
        "tenant_id": pbx.tenant_id,
        "application_id": "99999999-1111-2222-3333-444444444444",
        "url": pbx.url,
        "authority_host": ends.login,
        "ca_path": ca,
        "entra_ca_path": ca,
        **options,
    }
    return [("tcx_m365_settings_info", login), ("sso_probe", asked)]


def test_everything_goes_through_the_proxy_of_the_option(
    bench: Bench, customer: Customer, front: Front, proxy: ForwardProxy
) -> None:
    (made,) = front.play(customer, (APP, {**guide(), "proxy": proxy.url}))
    assert made["changed"], front.output
    assert set(proxy.connected) == _entra(customer)

    proxy.connected.clear()
    settings, probe = front.play(customer, *_pbx_tasks(bench, proxy=proxy.url))
    assert _worked([settings, probe]), (settings, probe)
    pbx = next(iter(bench.world.pbxs.values()))
    assert set(proxy.connected) == _places(pbx.url, bench.world.endpoints.login)


def test_the_environments_proxy_and_its_exceptions(
    bench: Bench, customer: Customer, front: Front, proxy: ForwardProxy
) -> None:
    """An address with and without its scheme: each by one front end, since what reads it is the same code in both."""
    address = proxy.url if front.in_process else proxy.url.removeprefix("http://")
    tasks = [(APP_INFO, {"unique_name": "x"}), *_pbx_tasks(bench)]
    results = front.play(customer, *tasks, HTTPS_PROXY=address)
    assert _worked(results), results
    pbx = next(iter(bench.world.pbxs.values()))
    assert set(proxy.connected) == _entra(customer) | _places(pbx.url)

    proxy.connected.clear()
    hosts = ",".join(sorted({urlsplit(each).hostname or "" for each in (pbx.url, *_urls(customer))}))
    results = front.play(customer, *tasks, HTTPS_PROXY=address, NO_PROXY=hosts)
    assert _worked(results), results
    assert proxy.connected == []


def _urls(customer: Customer) -> tuple[str, str]:
    ends = customer.bench.world.endpoints
    return ends.login, ends.graph


def test_a_login_at_the_proxy_is_used_and_never_shown(
    bench: Bench, customer: Customer, front: Front, guarded: ForwardProxy
) -> None:
    address = guarded.url_with(ENCODED)
    tasks = [(APP_INFO, {"unique_name": "x", "proxy": GIVEN}), *_pbx_tasks(bench, proxy=GIVEN)]
    results = front.play(customer, *tasks, arguments=("-vvvv",), LAB_PROXY=address)
    assert _worked(results), results
    assert guarded.refused == []
    assert PASSWORD not in front.output
    assert ENCODED.partition(":")[2] not in front.output

    mistake = (APP, {"proxy": GIVEN, "unique_name": ""})
    (mistaken,) = front.play(customer, mistake, arguments=("-vvvv",), LAB_PROXY=address)
    assert "one of the following is required" in mistaken["msg"] or mistaken["error"], mistaken
    assert ENCODED.partition(":")[2] not in front.output


def test_a_refused_login_is_tried_once_and_told(customer: Customer, front: Front, guarded: ForwardProxy) -> None:
    wrong = guarded.url_with("acme:canary-wrong")
    task = (APP_INFO, {"unique_name": "x", "proxy": GIVEN})
    (refused,) = front.play(customer, task, arguments=("-vvvv",), LAB_PROXY=wrong)
    assert f"the proxy {guarded.url} refused the login it was given (407)" in refused["msg"]
    assert len(guarded.refused) == 1, "accounts are locked after a few failures"
    assert "canary-wrong" not in front.output
    (missing,) = front.play(customer, (APP_INFO, {"unique_name": "x"}), HTTPS_PROXY=guarded.url)
    assert f"the proxy {guarded.url} asks for a login (407)" in missing["msg"]


def test_a_dead_proxy_is_named_without_its_password(
    bench: Bench, customer: Customer, front: Front, nobody: str
) -> None:
    address = f"http://acme:canary-dead@{nobody}"
    tasks = [(APP_INFO, {"unique_name": "x", "proxy": GIVEN}), _pbx_tasks(bench, proxy=GIVEN)[0]]
    for result in front.play(customer, *tasks, arguments=("-vvvv",), LAB_PROXY=address):
        assert f"the proxy http://{nobody} cannot be reached: " in result["msg"]
        assert "Connection refused" in result["msg"]
        assert result["error"]["kind"] == "unreachable"
    assert "canary-dead" not in front.output


def test_what_a_proxy_forbids_is_told(customer: Customer) -> None:
    with ForwardProxy(refusal="403 Forbidden").running() as strict:
        result = customer.run().task(APP_INFO, unique_name="x", proxy=strict.url)
    assert f"the proxy {strict.url} did not connect us: 403 Forbidden" in result["msg"]
    assert "NO_PROXY" in result["error"]["remedy"]
    assert len(strict.refused) == 1


def test_a_proxy_changes_nothing_about_whom_we_trust(customer: Customer, proxy: ForwardProxy, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text(make_key_pair(customer.bench.world, "another CA").public_pem)
    result = customer.run().task(APP_INFO, unique_name="x", proxy=proxy.url, ca_path=str(other))
    assert result["error"]["kind"] == "untrusted"
    assert "proxy" not in result["error"]["said"], "the certificate is the service's"


@pytest.mark.parametrize(
    "address", ["socks5://acme:canary-p@127.0.0.1:1080", "http://acme:canary-p@", "http://acme:canary-p/q@h:port"]
)
def test_what_is_no_proxy_is_told_before_anything_is_sent(customer: Customer, address: str) -> None:
    result = customer.run().task(APP_INFO, unique_name="x", proxy=address)
    assert result["error"]["kind"] == "bad_input", result
    assert "canary" not in str(result)
    assert customer.tokens() == []
