# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A list at an address, asked of a real server: with its certificate verified, once, within limits, and nowhere else."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._errors import M365Error, Untrusted
from ansible_collections.tcx.m365.plugins.plugin_utils._list import source
from ansible_collections.tcx.m365.plugins.plugin_utils._list.model import BadList
from tcx_lab.ca import CertificateAuthority

ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/list.csv": (200, {"Content-Type": "text/csv"}, b"name,url\nacme,a.example.com\n"),
    "/api": (200, {"Content-Type": "application/json"}, b'{"value": [{"name": "acme"}]}'),
    "/elsewhere": (302, {"Location": "https://evil.example/list.csv"}, b""),
    "/refused": (403, {}, b"no"),
    "/sign-in": (200, {"Content-Type": "text/html"}, b"<html>Sign in</html>"),
    "/large": (200, {}, b"x" * (source.MOST_BYTES + 1)),
}


@dataclass
class Server:
    url: str
    ca_path: str
    asked: list[tuple[str, str]] = field(default_factory=list)

    def get(self, path: str, **options: str) -> source.Content:
        request = source.Request(
            headers={"Authorization": "Bearer hunter2"}, ca_path=options.get("ca_path", self.ca_path)
        )
        return source.from_address(self.url + path, request)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    authority = CertificateAuthority()
    bundle = tmp_path_factory.mktemp("ca") / "ca.pem"
    bundle.write_bytes(authority.pem)
    running = Server("", str(bundle))

    class Answering(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            running.asked.append((self.path, self.headers["Authorization"]))
            status, headers, body = ANSWERS[self.path.partition("?")[0]]
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):  # whoever has read enough hangs up
                self.wfile.write(body)

        def log_message(self, *_said: object) -> None:
            """Tests are silent."""

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    listening.socket = authority.server_context().wrap_socket(listening.socket, server_side=True)
    running.url = f"https://localhost:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield running
    listening.shutdown()
    listening.server_close()


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def test_a_list_and_what_it_is_called(server: Server) -> None:
    found = server.get("/list.csv?token=s3cret")
    assert server.asked[-1] == ("/list.csv?token=s3cret", "Bearer hunter2")
    assert found.label == f"{server.url}/list.csv", "what follows the question mark may be a credential"
    assert [row.cells["name"].value for row in source.table(found).rows] == ["acme"]
    assert [row.cells["name"].value for row in source.table(server.get("/api")).rows] == ["acme"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/elsewhere", "/elsewhere answered 302, and redirects are not followed"),
        ("/refused", "/refused answered 403; check the address and the option headers"),
        ("/sign-in", "answered with a page for people, perhaps a sign-in"),
    ],
)
def test_answers_that_are_no_list(server: Server, path: str, said: str) -> None:
    with pytest.raises(BadList) as caught:
        server.get(f"{path}?token=s3cret")
    assert said in caught.value.message
    assert "s3cret" not in str(caught.value)


def test_an_answer_that_is_too_large(server: Server) -> None:
    with pytest.raises(M365Error, match="16777217 bytes, 16777216 are accepted"):
        server.get("/large")


def test_a_certificate_of_nobody_is_not_trusted_and_nothing_is_sent(server: Server, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(CertificateAuthority().pem)
    before = len(server.asked)
    with pytest.raises(Untrusted):
        server.get("/list.csv", ca_path=str(other))
    assert len(server.asked) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Authorization", "Bearer hunter2\r\nX-Other: 1"),
        ("Authorization", "Bearer hunter2\n\nx"),
        ("Authorization", "Bearer hunter2\u20ac"),
        ("Authorization: Bearer hunter2", "x"),
    ],
)
def test_a_header_that_cannot_be_sent_is_told_without_its_value(server: Server, name: str, value: str) -> None:
    before = len(server.asked)
    with pytest.raises(BadList) as caught:
        source.from_address(f"{server.url}/list.csv", source.Request(headers={name: value}, ca_path=server.ca_path))
    assert "option headers" in caught.value.message
    assert "hunter2" not in str(caught.value)
    assert len(server.asked) == before


def test_the_line_feed_after_a_token_of_a_block_is_no_part_of_it(server: Server) -> None:
    request = source.Request(headers={"Authorization": "Bearer hunter2\n"}, ca_path=server.ca_path)
    assert source.from_address(f"{server.url}/list.csv", request).data
    assert server.asked[-1] == ("/list.csv", "Bearer hunter2")
