# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TLS of a run: the CA bundle is read once, however many PBXs are asked, and a bundle that cannot be used is named."""

from __future__ import annotations

import os
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from ansible_collections.tcx.m365.plugins.module_utils import _tls
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._http import Connections, Transport


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    _tls._made.cache_clear()


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Each reading of a bundle."""
    seen: list[Any] = []
    make = _tls._new

    class Counting(ssl.SSLContext):
        def load_verify_locations(self, **options: Any) -> None:
            seen.append(options)

    def counted(cert_reqs: ssl.VerifyMode) -> ssl.SSLContext:
        context = make(cert_reqs)
        context.__class__ = Counting
        return context

    monkeypatch.setattr(_tls, "_new", counted)
    return seen


def test_many_addresses_and_tasks_read_the_bundle_once(readings: list[Any]) -> None:
    _tls.prepare()
    for _task in range(3):
        connections = Connections()
        for number in range(5):
            connections.pool(Transport(), f"https://pbx{number}.example")
    assert readings == [{"cafile": requests.utils.DEFAULT_CA_BUNDLE_PATH}]


def test_a_bundle_that_was_replaced_is_read_again(tmp_path: Path, readings: list[Any]) -> None:
    bundle = tmp_path / "ca.txt"
    for content in ("one", "another"):
        bundle.write_text(content)
        os.utime(bundle, ns=(len(content), len(content)))
        Connections().pool(Transport(ca_path=str(bundle)), "https://pbx.example")
    assert readings == [{"cafile": str(bundle)}] * 2


def test_a_directory_of_certificates_is_taken_as_such(tmp_path: Path, readings: list[Any]) -> None:
    Connections().pool(Transport(ca_path=str(tmp_path)), "https://pbx.example")
    assert readings == [{"capath": str(tmp_path)}]


def test_a_bundle_without_certificates_is_named(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.txt"
    bundle.write_text("not a certificate")
    with pytest.raises(BadInput, match="cannot be used") as refused:
        Connections().pool(Transport(ca_path=str(bundle)), "https://pbx.example")
    assert str(bundle) in str(refused.value)


def test_a_bad_bundle_of_the_environment_does_not_break_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nothing"))
    _tls.prepare()


def test_verification_is_only_off_where_it_was_switched_off() -> None:
    connections = Connections()
    strict = connections.pool(Transport(), "https://pbx.example").conn_kw["ssl_context"]
    loose = connections.pool(Transport(verify=False), "https://pbx.example").conn_kw["ssl_context"]
    assert (strict.verify_mode, strict.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (loose.verify_mode, loose.check_hostname) == (ssl.CERT_NONE, False)


def test_a_proxy_with_tls_of_its_own_is_verified_with_the_same_bundle(tmp_path: Path) -> None:
    transport = Transport(proxy="https://proxy.example:3129", ca_path=str(tmp_path))
    manager = Connections().pool(transport, "https://pbx.example")
    assert manager.proxy_config.ssl_context is manager.connection_pool_kw["ssl_context"]


def test_threads_that_begin_together_read_the_bundle_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made: list[ssl.VerifyMode] = []
    new = _tls._new
    start = threading.Barrier(8)

    def slowly(cert_reqs: ssl.VerifyMode) -> ssl.SSLContext:
        made.append(cert_reqs)
        time.sleep(0.05)
        return new(cert_reqs)

    def connect() -> None:
        start.wait()
        _tls.context(True, str(tmp_path))

    monkeypatch.setattr(_tls, "_new", slowly)
    threads = [threading.Thread(target=connect) for _each in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(made) == 1
