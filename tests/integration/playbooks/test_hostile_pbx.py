# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PBXs of the fleet answer anything but what they should: the run ends in time, the others are done, all are reported.

One run meets all of them, each with its own way of answering: what one of them does must not be hidden by another's answer,
so each is looked at by itself."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.server
import json
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._common.hostile import obeyed_characters
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from .conftest import Controller

pytestmark = [pytest.mark.smoke, pytest.mark.xdist_group("hostile_pbx")]

Handler = http.server.BaseHTTPRequestHandler
OTHERS = ("berlin", "lyon", "munich")
SHORT = {"tcx_timeout": 2, "tcx_deadline": 8, "entra_deadline": 60}


def _answer(handler: Handler, body: bytes, **headers: str) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("X-3CX-Version", "20.0.10.1")
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def _one_byte_at_a_time(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _byte in range(1000):
        handler.wfile.write(b" ")
        time.sleep(0.5)


def _eight_hundred_megabytes(handler: Handler) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    first, again = (packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH) for _part in range(2))
    # After a full flush a part knows nothing of those before it, so that it can be repeated without being packed again.
    _answer(handler, first + 799 * again, Content_Encoding="gzip")


def _other_types(handler: Handler) -> None:
    _answer(handler, json.dumps({"HttpsPort": "abc", "FQDN": ["x"], "Version": {"a": 1}, "License": 5}).encode())


def _too_deep(handler: Handler) -> None:
    _answer(handler, b'{"License":' * 50_000)


def _escapes(handler: Handler) -> None:
    text = "\x1b]0;PWNED\x07\x1b[2J\u202e\x9b31m"
    error = {"error": {"code": text, "message": f"WARNINGS.{text} {text}\nfatal: forged"}}
    handler.send_response(400)
    body = json.dumps(error).encode()
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


# By the name of the PBX that answers so.
WAYS: dict[str, Callable[[Handler], None]] = {
    "one_byte_at_a_time": _one_byte_at_a_time,
    "too_large": _eight_hundred_megabytes,
    "other_types": _other_types,
    "too_deep": _too_deep,
    "escapes": _escapes,
}


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hostile.example")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@contextlib.contextmanager
def answering(way: Callable[[Handler], None], tls: ssl.SSLContext) -> Iterator[int]:
    """The port of a PBX that signs us in and then answers in its own way."""

    class Pbx(Handler):
        protocol_version = "HTTP/1.1"

        def sign_in(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            _answer(self, json.dumps({"token_type": "Bearer", "expires_in": 3600, "access_token": "a.b.c"}).encode())

        def read(self) -> None:
            self.close_connection = True
            way(self)

        do_POST, do_GET = sign_in, read

        def log_message(self, *_arguments: Any) -> None:
            """Nothing to say."""

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pbx)
    server.daemon_threads = True
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def hostile(small: Controller, tls: ssl.SSLContext, tmp_path: Path) -> Iterator[Path]:
    """An inventory with one more PBX for each way of answering."""
    berlin = small.lab.inventory["tcx"]["hosts"]["berlin"]
    shared = {name: value for name, value in berlin.items() if name.startswith("entra_")}
    shared.pop("entra_app_public_key")
    hosts = {}
    with contextlib.ExitStack() as stack:
        for name, way in WAYS.items():
            port = stack.enter_context(answering(way, tls))
            hosts[name] = {
                **shared,
                "tcx_url": f"https://127.0.0.1:{port}",
                "tcx_client_id": "900",
                "tcx_client_secret": f"of-the-hostile-{name}",
                "tcx_validate_certs": False,
            }
        path = tmp_path / "hostile.json"
        path.write_text(json.dumps({"tcx": {"hosts": hosts}}), encoding="utf-8")
        yield path


def without_them(small: Controller, tmp_path: Path) -> dict[str, dict[str, Any]]:
    """What the others are like in a run without the hostile PBXs."""
    _done, report = small.compliance(directory=tmp_path / "without", **SHORT)
    return {entry["host"]: entry for entry in report["hosts"]}


def test_the_report_holds_every_pbx_whatever_some_of_them_do(small: Controller, hostile: Path, tmp_path: Path) -> None:
    started = time.monotonic()
    done, report = small.compliance("-i", str(hostile), directory=tmp_path / "reports", **SHORT)
    assert time.monotonic() - started < 90
    verdicts = {entry["host"]: entry["verdict"] for entry in report["hosts"]}
    assert sorted(verdicts) == sorted([*OTHERS, *WAYS])
    reasons = {entry["host"]: " ".join(entry["reasons"]) for entry in report["hosts"]}
    for host in WAYS:
        assert verdicts[host] in ("failed", "unreachable"), host
        assert reasons[host], host
        assert "Error:" not in reasons[host], host
    for text in (done.output, *reasons.values()):
        assert not obeyed_characters(text)
    assert {host: (verdicts[host], reasons[host]) for host in OTHERS} == {
        host: (entry["verdict"], " ".join(entry["reasons"])) for host, entry in without_them(small, tmp_path).items()
    }
