# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random hostile values in the answers to a sign-in: errors of the token endpoint, pages and addresses of the authorize
endpoint, and the names in the TLS certificate of a PBX. The customer beside is reported as if there were none.

Microsoft writes these answers, and still they hold what others chose: names of tenants, applications and users, and whatever
stands in between (a proxy, a captive portal).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._pbx import preflight
from ansible_collections.tcx.m365.plugins.module_utils._pbx.tls_certificate import TlsCertificate
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability, Outcome, Task
from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import Report
from ansible_collections.tcx.m365.tests.attacks.conftest import Scene
from ansible_collections.tcx.m365.tests.attacks.test_hostile_values import _check_report, _plain, _told
from ansible_collections.tcx.m365.tests.in_process import Run
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._common.hostile import (
    HOSTILE,
    hostile_texts,
    obeyed_characters,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

EVERYTHING = "".join(HOSTILE)
sendable_texts = hostile_texts.map(lambda text: text.encode("utf-8", "replace").decode())
"""Without lone surrogates, which no answer can hold."""
SENT = EVERYTHING.encode("utf-8", "replace").decode()
NOW = dt.datetime(2026, 11, 27, tzinfo=dt.UTC)
KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Two PBXs that work, each in a tenant of its own."""
    home = tmp_path_factory.mktemp("home")
    with Scene.start(home) as scene:
        first = _begin(scene, home / "first").operation("rollout")
        assert not [result for result in first.values() if result.get("failed")]
        yield scene


@pytest.fixture(scope="module")
def beside(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The entry of the other customer while nobody is hostile."""
    return _plain(_audit(scene, tmp_path_factory.mktemp("baseline") / "run")[1])


def _begin(scene: Scene, directory: Path, **more: Any) -> Run:
    short = {"tcx_deadline": 10, "entra_deadline": 10, "tcx_console_wait_timeout": 2}
    return Run.begin(scene.controller.lab.inventory, ["pbx0", "bolt"], directory, **{**short, **more})


def _audit(scene: Scene, directory: Path) -> list[Any]:
    run = _begin(scene, directory)
    run.check_mode = True
    entries = run.report()
    for text in _told(run.warnings):
        assert not obeyed_characters(text), text
    return entries


def _check(scene: Scene, directory: Path, beside: dict[str, Any]) -> None:
    entries = _audit(scene, directory)
    assert entries[0].verdict != "compliant"
    assert _plain(entries[1]) == beside, "nobody notices who is beside him"
    _check_report(Report.build(entries, NOW, {}))


def _rule(scene: Scene, path: str, **answer: Any) -> None:
    tenant = scene.tenant("acme").id
    match = {"service": "login", "path": f"/{tenant}/.*{path}"}
    scene.controller.lab.control.add_trouble("status", match=match, times=0, **answer)


codes = st.sampled_from([None, 700016, 7000215, 50011, 90002, 65001, 53003])


@given(sendable_texts, codes, st.sampled_from([400, 401, 403]), st.booleans())
@example(SENT, 700016, 400, False)
@example(SENT, None, 401, True)
@settings(deadline=None, max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_token_endpoint_says(
    scene: Scene,
    beside: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
    text: str,
    code: int | None,
    status: int,
    other_types: bool,
) -> None:
    said = f"AADSTS{code}: {text} Trace ID: {text} Correlation ID: {text}" if code else text
    body: dict[str, Any] = dict.fromkeys(("error", "suberror", "trace_id", "correlation_id", "timestamp"), text)
    body.update(error_description=said, error_codes=[text, code], error_uri=f"https://{text}", claims=text)
    if other_types:
        body.update(error_description=[said], error={text: text}, error_codes=text, correlation_id=7, claims={text: 1})
    _rule(scene, "token", status=status, body=body)
    try:
        _check(scene, tmp_path_factory.mktemp("token") / "run", beside)
    finally:
        scene.controller.lab.control.clear_trouble()


@given(sendable_texts, codes, st.sampled_from(["page", "address", "other address"]))
@example(SENT, 50011, "page")
@example(SENT, 700016, "address")
@example(SENT, None, "other address")
@settings(deadline=None, max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_authorize_endpoint_says(
    scene: Scene,
    beside: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
    text: str,
    code: int | None,
    where: str,
) -> None:
    said = f"AADSTS{code or 53003}: {text}"
    if where == "page":
        page = (
            f'<html><script>$Config={{"sErrorCode":"{code or 53003}","strServiceExceptionMessage":"{said}"}}</script>'
        )
        _rule(scene, "authorize", status=200, body=page)
    else:
        host = "https://localhost:1" if where == "address" else "https://evil.example"
        location = f"{host}/cb#error={quote(text)}&error_description={quote(said)}"
        _rule(scene, "authorize", status=302, headers={"Location": location}, body="")
    try:
        _check(scene, tmp_path_factory.mktemp("authorize") / "run", beside)
    finally:
        scene.controller.lab.control.clear_trouble()


# --- the certificate of a PBX ---------------------------------------------------------------------------------------------


def _certificate(subject: str, issuer: str, names: list[str], *, uris: bool) -> bytes:
    """As a PBX that signs its own may show it: any text in any place."""
    attributes = [
        [x509.NameAttribute(NameOID.COMMON_NAME, part or " ", _validate=False)]
        for part in (subject.encode("utf-8", "replace").decode(), issuer.encode("utf-8", "replace").decode())
    ]
    kind = x509.UniformResourceIdentifier if uris else x509.DNSName
    general = [kind._init_without_validation(name.encode("ascii", "replace").decode()) for name in names or ["x"]]
    builder = (
        x509.CertificateBuilder(x509.Name(attributes[1]), x509.Name(attributes[0]))
        .public_key(KEY.public_key())
        .serial_number(7)
        .not_valid_before(NOW - dt.timedelta(days=300))
        .not_valid_after(NOW + dt.timedelta(days=4))
        .add_extension(x509.SubjectAlternativeName(general), critical=False)
    )
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.mark.filterwarnings("ignore:Attribute.s length")
@given(hostile_texts, hostile_texts, st.lists(hostile_texts, max_size=3), st.booleans(), st.booleans())
@example(EVERYTHING, EVERYTHING, [EVERYTHING, *HOSTILE], False, True)
@example(EVERYTHING, EVERYTHING, [EVERYTHING, *HOSTILE], True, False)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_certificate_of_a_pbx_is_called(
    subject: str, issuer: str, names: list[str], uris: bool, fails: bool
) -> None:
    shown = TlsCertificate.of(_certificate(subject, issuer, names, uris=uris))
    assert not shown.covers("pbx.example.com")
    found = preflight.judge_certificate(shown, "https://pbx.example.com/oauth2office2", NOW, 30)

    def run(task: Task) -> Outcome:
        for each in found:
            task.context.warn(f"{each.said}. {each.remedy}")
        if fails:
            raise preflight.NotReady(found, "https://pbx.example.com")
        return Outcome({"certificate": shown.as_dict(NOW), "findings": [vars(each) for each in found]})

    one = Run.of_host("pbx0", {})
    result = one.task(Capability(name="shown", argument_spec={}, run=run), {})
    for text in _told([result, one.warnings]):
        assert not obeyed_characters(text), text
