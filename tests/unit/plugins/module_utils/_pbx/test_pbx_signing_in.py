# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signing in to a PBX: one token, one try, and plain words for every way in which it can fail."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._errors import (
    BadCredential,
    BadInput,
    Blocked,
    Conflict,
    Forbidden,
    Interrupted,
    M365Error,
    Unlicensed,
    Unsupported,
)
from ansible_collections.tcx.m365.plugins.module_utils._pbx import shared_secret, totp
from ansible_collections.tcx.m365.plugins.module_utils._pbx.connection import Connection, base_url
from ansible_collections.tcx.m365.plugins.module_utils._pbx.login import CONNECT_PATH, LOGIN_PATH
from ansible_collections.tcx.m365.plugins.module_utils._pbx.token import lifetime
from ansible_collections.tcx.m365.plugins.module_utils._pbx.version import Release
from ansible_collections.tcx.m365.plugins.module_utils._pbx.xapi import Xapi
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._time import Clock, Deadline
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._pbx.fakes import (
    FakeContext,
    connection,
    granted,
    jwt,
)


def refused(error: str = "invalid_client", words: str = "No.") -> tuple[int, dict[str, str]]:
    return 400, {"error": error, "error_description": words}


class Pbx:
    """Scripted: what the token endpoint, the login and XAPI answer, in order; the last answer repeats."""

    def __init__(self, *tokens: Any, xapi: tuple[Any, ...] = ((200, {}),), refreshes: tuple[Any, ...] = ()) -> None:
        self.tokens, self.answers, self.refreshes = list(tokens), list(xapi), list(refreshes)
        self.context = FakeContext(self)

    def __call__(self, _method: str, path: str, request: dict[str, Any]) -> Any:
        queue = self.answers
        if path in (CONNECT_PATH, LOGIN_PATH):
            refresh = (request.get("form") or {}).get("grant_type") == "refresh_token"
            queue = self.refreshes if refresh else self.tokens
        return queue.pop(0) if len(queue) > 1 else queue[0]

    def client(self, **options: Any) -> Xapi:
        return Xapi(connection(**options), self.context)

    @property
    def sign_ins(self) -> int:
        return sum(path in (CONNECT_PATH, LOGIN_PATH) for path in self.context.server.paths())


def test_one_token_serves_all_tasks_of_a_run() -> None:
    pbx = Pbx(granted())
    for _task in range(3):
        pbx.client().get("/Defs", "read")
    assert pbx.sign_ins == 1


def test_a_token_is_hidden_from_all_output() -> None:
    pbx = Pbx(granted(a=1))
    pbx.client().get("/Defs", "read")
    assert jwt(a=1) in pbx.context.secrets
    assert all(request.get("secret") for _m, path, request in pbx.context.server.sent if path == CONNECT_PATH)


@pytest.mark.parametrize("status", [400, 401])
def test_a_refused_secret_is_sent_exactly_once_in_a_run(status: int) -> None:
    pbx = Pbx((status, {"error": "invalid_client"}))
    for attempt in range(3):
        with pytest.raises(BadCredential) as caught:
            pbx.client().get("/Defs", "read")
        assert ("not sent again" in str(caught.value)) == (attempt > 0)
    assert pbx.sign_ins == 1
    assert "s3cret" not in str(caught.value)


def test_another_secret_may_be_tried() -> None:
    pbx = Pbx(refused(), granted())
    with pytest.raises(BadCredential):
        pbx.client(secret="wrong").get("/Defs", "read")
    pbx.client(secret="right").get("/Defs", "read")
    assert pbx.sign_ins == 2


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ((400, None), BadCredential, "no reason was given"),
        ((401, "<html>"), BadCredential, "were refused"),
        (refused(), BadCredential, "Admin Console > Integrations > API"),
        ((403, None), Blocked, "IP Blacklist"),
        (refused("unauthorized_client", "The license does not include it."), Unlicensed, "Enterprise license of 8"),
        (refused("unauthorized_client", "The client may not."), Forbidden, "Configuration API Access"),
        (
            refused("invalid_grant", "An access token of this client is active."),
            Conflict,
            "service principal of its own",
        ),
        ((404, "<html>"), Unsupported, "V18"),
    ],
)
def test_each_refusal_of_a_client_is_said_in_plain_words(answer: Any, kind: type[M365Error], words: str) -> None:
    pbx = Pbx(answer)
    with pytest.raises(kind, match=words) as caught:
        pbx.client().get("/Defs", "read the settings")
    assert caught.value.tried == "sign in to the PBX"
    assert "https://pbx.example" in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "code", "kind", "words"),
    [
        ((401, None), "", BadCredential, "username and password were refused"),
        ((200, {"Status": "TFARequested", "Token": None}), "", BadCredential, "needs a second factor"),
        ((200, {"Status": "SomethingNew", "Token": None}), "", BadCredential, "needs a second factor"),
        ((200, {"Status": "TFARequested", "Token": None}), "123456", BadCredential, "security code was refused"),
        ((400, {"error": {"message": "WARNINGS.XAPI.CAPTCHA_ERROR"}}), "", Blocked, "reCAPTCHA"),
        (
            (400, {"error": {"message": "WARNINGS.INVALID_SECURITY_CODE"}}),
            "123456",
            BadCredential,
            "security code was refused",
        ),
        ((200, {"Status": "AuthFailed", "Token": None}), "", BadCredential, "username and password were refused"),
        ((403, None), "", Blocked, "Console Restrictions"),
        ((404, None), "", Unsupported, "V20"),
    ],
)
def test_each_refusal_of_an_administrator_is_said_in_plain_words(
    answer: Any, code: str, kind: type[M365Error], words: str
) -> None:
    pbx = Pbx(answer)
    with pytest.raises(kind, match=words):
        pbx.client(administrator=True, security_code=code).get("/Defs", "read")
    # A page that is not found judges no credential, and may be one of a PBX that starts.
    assert pbx.sign_ins == (3 if kind is Unsupported else 1)


def logged_in(access: str, refresh: str) -> tuple[int, dict[str, Any]]:
    token = {"token_type": "Bearer", "expires_in": 3600, "access_token": access, "refresh_token": refresh}
    return 200, {"Status": "AuthSuccess", "TwoFactorAuth": None, "Token": token}


def test_a_base32_secret_becomes_the_code_of_the_moment() -> None:
    pbx = Pbx(logged_in(jwt(n=1), "r1"))
    pbx.client(administrator=True, security_code="GEZD GNBV GY3T QOJQ").get("/Defs", "read")
    _method, _path, request = pbx.context.server.sent[0]
    sent = request["body"]["SecurityCode"]
    assert sent in {totp.code_at("GEZDGNBVGY3TQOJQ", time.time() + shift) for shift in (-30, 0)}


@pytest.mark.parametrize(("moment", "code"), [(59, "287082"), (1111111109, "081804"), (2000000000, "279037")])
def test_codes_are_those_of_the_rfc(moment: float, code: str) -> None:
    assert totp.code_at("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", moment) == code


def test_a_secret_that_is_none_is_refused_before_anything_is_sent() -> None:
    pbx = Pbx(logged_in("a", "r"))
    with pytest.raises(BadInput, match="neither six digits nor a base32 secret"):
        pbx.client(administrator=True, security_code="not base32!").get("/Defs", "read")
    assert pbx.sign_ins == 0


def test_a_lost_session_is_refreshed_without_a_second_factor_and_the_newest_refresh_token_is_kept() -> None:
    pbx = Pbx(
        logged_in(jwt(n=1), "r1"),
        xapi=((200, {}), (401, None), (200, {}), (401, None), (200, {})),
        refreshes=(
            (200, {"access_token": jwt(n=2), "refresh_token": "r2", "expires_in": 3600}),
            (200, {"access_token": jwt(n=3), "expires_in": 3600}),
        ),
    )
    client = pbx.client(administrator=True, security_code="123456")
    for _call in range(3):
        client.get("/Defs", "read")
    refreshed = [r["form"]["refresh_token"] for _m, p, r in pbx.context.server.sent if p == CONNECT_PATH]
    assert refreshed == ["r1", "r2"]
    assert pbx.sign_ins == 3


def test_a_used_code_is_not_sent_again_when_the_session_is_lost() -> None:
    pbx = Pbx(logged_in(jwt(n=1), "r1"), xapi=((200, {}), (401, None)), refreshes=((401, None),))
    client = pbx.client(administrator=True, security_code="123456")
    client.get("/Defs", "read")
    with pytest.raises(BadCredential, match="has been used already"):
        client.get("/Defs", "read")


def test_a_superseded_token_is_replaced_once_per_request() -> None:
    pbx = Pbx(granted(n=1), granted(n=2), xapi=((200, {}), (401, None), (200, {"Id": 0})))
    client = pbx.client()
    client.get("/Defs", "read")
    assert client.get("/Defs", "read") == {"Id": 0}
    assert pbx.sign_ins == 2


def test_a_new_token_that_is_refused_is_not_replaced() -> None:
    pbx = Pbx(granted(), xapi=((401, None),))
    with pytest.raises(BadCredential, match="although it is new"):
        pbx.client().get("/Defs", "read")
    assert pbx.sign_ins == 1


def test_a_token_that_stays_refused_ends_after_one_replacement() -> None:
    pbx = Pbx(granted(n=1), granted(n=2), xapi=((200, {}), (401, None)))
    client = pbx.client()
    client.get("/Defs", "read")
    with pytest.raises(BadCredential):
        client.get("/Defs", "read")
    assert pbx.sign_ins == 2


def test_a_sign_in_survives_a_service_in_trouble_but_repeats_a_cut_connection_only_once() -> None:
    busy = Interrupted("503", status=503)
    pbx = Pbx(busy, busy, granted())
    pbx.client().get("/Defs", "read")
    assert pbx.sign_ins == 3
    pbx = Pbx(Interrupted("cut"))
    with pytest.raises(Interrupted):
        pbx.client().get("/Defs", "read")
    assert pbx.sign_ins == 2


# --- a secret that the fleet shares ---------------------------------------------------------------------------------------


class Hurried(Clock):
    """Waits a little where others wait long."""

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.005))


def test_a_wrong_secret_of_the_fleet_reaches_three_pbxs_and_no_other(tmp_path: Path) -> None:
    sent: list[str] = []

    def visit(number: int) -> str:
        url = f"https://pbx{number}.example"

        def script(_method: str, _path: str, _request: Any) -> Any:
            sent.append(url)
            time.sleep(0.02)
            return refused()

        context = FakeContext(script, RunStore(str(tmp_path)))
        context.deadline = Deadline(600, clock=Hurried())
        with pytest.raises(BadCredential) as caught:
            Xapi(connection(url), context).get("/Defs", "read")
        return str(caught.value)

    (tmp_path).chmod(0o700)
    texts: list[str] = []
    threads = [threading.Thread(target=lambda n=n: texts.append(visit(n))) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == shared_secret.LIMIT
    assert sum("it was not sent here" in text for text in texts) == 12 - shared_secret.LIMIT


def test_a_secret_that_one_pbx_accepted_is_no_longer_held_back() -> None:
    store = RunStore(None)
    for number in range(6):
        context = FakeContext(lambda _m, path, _r: granted() if path == CONNECT_PATH else (200, {}), store)
        Xapi(connection(f"https://pbx{number}.example"), context).get("/Defs", "read")
        assert context.server.paths().count(CONNECT_PATH) == 1


def test_three_different_secrets_do_not_stop_a_fourth() -> None:
    store = RunStore(None)
    for number in range(5):
        context = FakeContext(lambda *_request: refused(), store)
        with pytest.raises(BadCredential):
            Xapi(connection(f"https://pbx{number}.example", secret=f"own{number}"), context).get("/Defs", "read")
        assert len(context.server.sent) == 1


# --- life time of a token -------------------------------------------------------------------------------------------------

OLD, NEW = Release(20, 0, 8), Release(20, 0, 9)


@pytest.mark.parametrize(
    ("answer", "release", "seconds"),
    [
        ({"access_token": jwt(iat=1000, exp=4600), "expires_in": 60}, OLD, 3540),
        ({"access_token": jwt(iat=1000, exp=4600), "expires_in": 3600}, NEW, 3540),
        ({"access_token": jwt(iat=1000, exp=1100)}, NEW, 90),
        ({"access_token": "opaque", "expires_in": 60}, OLD, 3540),
        ({"access_token": "opaque", "expires_in": 60}, NEW, 54),
        ({"access_token": "opaque", "expires_in": 60}, None, 54),
        ({"access_token": "opaque", "expires_in": 3600}, OLD, 3540),
        ({"access_token": "opaque", "expires_in": 99999}, NEW, 3540),
        ({"access_token": "opaque"}, NEW, 0),
        ({"access_token": "a.!.b", "expires_in": 3600}, NEW, 3540),
        ({"access_token": jwt(iat=1000, exp=10**400), "expires_in": 3600}, NEW, 3540),
        ({"access_token": jwt(iat=10**400, exp=4600)}, NEW, 3540),
        ({"access_token": "opaque", "expires_in": 10**400}, NEW, 0),
    ],
)
def test_the_life_time_is_that_of_the_token_and_never_too_long(
    answer: dict[str, Any], release: Release | None, seconds: float
) -> None:
    assert lifetime(answer, release, "", 1000.0) == pytest.approx(seconds)


def test_the_clock_of_the_pbx_decides_and_not_ours() -> None:
    answer = {"access_token": jwt(exp=10_000_000)}
    date = "Sun, 26 Apr 1970 17:16:40 GMT"  # 9_998_200: half an hour before the end, by the PBX's clock
    assert lifetime(answer, NEW, date, time.time()) == pytest.approx(1740)


# --- the address ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://Acme.Example.com:5001/", "https://acme.example.com:5001"),
        ("https://acme.example.com:443", "https://acme.example.com"),
        ("https://[::1]:5001", "https://[::1]:5001"),
    ],
)
def test_an_address_has_one_form(given: str, url: str) -> None:
    assert base_url(given) == url


@pytest.mark.parametrize(
    "given",
    [
        "acme.example.com",
        "https://",
        "https://a/b",
        "ftp://a",
        "https://u:p@a",
        "https://a:x",
        "",
        "http://127.0.0.1:5004",
    ],
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(BadInput, match=r"https://HOST|not an address"):
        base_url(given)


def test_a_connection_does_not_show_its_secrets() -> None:
    found = Connection("https://pbx", "900", "top-secret", security_code="JBSWY3DP")
    assert "top-secret" not in repr(found)
    assert "JBSWY3DP" not in repr(found)
