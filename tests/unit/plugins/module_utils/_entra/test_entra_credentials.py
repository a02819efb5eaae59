# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each way to sign in: what it accepts, what it refuses before anything is sent, and what msal gets of it."""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import time
from pathlib import Path
from typing import Any

import msal
import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra.credentials.azure_cli import AzureCli
from ansible_collections.tcx.m365.plugins.module_utils._entra.credentials.certificate import ClientCertificate
from ansible_collections.tcx.m365.plugins.module_utils._entra.credentials.choose import CredentialInput, choose
from ansible_collections.tcx.m365.plugins.module_utils._entra.credentials.client_secret import ClientSecret
from ansible_collections.tcx.m365.plugins.module_utils._entra.credentials.federated import FederatedToken, GitHubOidc
from ansible_collections.tcx.m365.plugins.module_utils._entra.credentials.managed_identity import ManagedIdentity
from ansible_collections.tcx.m365.plugins.module_utils._entra.credentials.static_token import StaticToken
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadCredential, BadInput
from ansible_collections.tcx.m365.plugins.plugin_utils._programs import run_program
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra.conftest import Pair, make_pair

CLIENT = "11111111-2222-3333-4444-555555555555"


def jwt(**claims: Any) -> str:
    """An unsigned token; nobody here verifies it."""
    parts = ({"alg": "none"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in parts) + ".x"


# --- client secret -------------------------------------------------------------------------------------------------------


def test_a_secret() -> None:
    credential = ClientSecret(CLIENT, "s3cret~value")
    credential.validate()
    assert credential.for_msal() == "s3cret~value"
    assert credential.secrets() == ("s3cret~value",)
    assert "s3cret" not in repr(credential)


@pytest.mark.parametrize(
    ("client_id", "secret", "said"),
    [
        ("", "x", "needs client_id"),
        ("app", "x", "not a GUID"),
        (CLIENT, "  ", "empty"),
        (CLIENT, "99999999-2222-3333-4444-555555555555", "id of a secret"),
    ],
)
def test_impossible_secrets(client_id: str, secret: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        ClientSecret(client_id, secret).validate()


def test_identity_tells_credentials_apart_without_telling_them() -> None:
    one, other = ClientSecret(CLIENT, "one"), ClientSecret(CLIENT, "other")
    assert one.identity() != other.identity()
    assert one.identity() == ClientSecret(CLIENT, "one").identity()
    assert "one" not in one.identity()


# --- certificate ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def valid() -> Pair:
    now = dt.datetime.now(dt.timezone.utc)
    return make_pair("automation", now - dt.timedelta(days=1), now + dt.timedelta(days=30))


def _check(credential: ClientCertificate, pair: Pair) -> None:
    credential.validate()
    given = credential.for_msal()
    assert given["public_certificate"] == pair.pem
    assert "PRIVATE KEY" in given["private_key"]
    assert "ENCRYPTED" not in given["private_key"]
    assert "PRIVATE KEY" not in repr(credential)


def test_pem_with_the_key_first_or_last(valid: Pair, tmp_path: Path) -> None:
    for number, content in enumerate((valid.key_pem() + valid.pem, valid.pem + valid.key_pem())):
        path = tmp_path / f"{number}.pem"
        path.write_text(content)
        _check(ClientCertificate(CLIENT, str(path)), valid)
        _check(ClientCertificate(CLIENT, data=content), valid)


def test_pem_with_a_password(valid: Pair) -> None:
    content = valid.pem + valid.key_pem("geheim")
    _check(ClientCertificate(CLIENT, data=content, password="geheim"), valid)
    with pytest.raises(BadInput, match=r"encrypted.*certificate_password"):
        ClientCertificate(CLIENT, data=content).validate()
    with pytest.raises(BadInput, match="password is wrong"):
        ClientCertificate(CLIENT, data=content, password="falsch").validate()


def test_a_password_that_is_not_needed_is_no_error(valid: Pair) -> None:
    _check(ClientCertificate(CLIENT, data=valid.pem + valid.key_pem(), password="x"), valid)


def test_pfx_in_a_file_and_in_memory(valid: Pair, tmp_path: Path) -> None:
    path = tmp_path / "app.pfx"
    path.write_bytes(valid.pfx("geheim"))
    _check(ClientCertificate(CLIENT, str(path), password="geheim"), valid)
    _check(ClientCertificate(CLIENT, data=base64.b64encode(valid.pfx()).decode()), valid)
    with pytest.raises(BadInput, match="certificate_password"):
        ClientCertificate(CLIENT, str(path), password="falsch").validate()


def test_the_certificate_that_belongs_to_the_key_is_taken_from_a_chain(valid: Pair, stranger: Pair) -> None:
    _check(ClientCertificate(CLIENT, data=stranger.pem + valid.pem + valid.key_pem()), valid)


def test_what_can_never_work(valid: Pair, stranger: Pair, tmp_path: Path) -> None:
    now = dt.datetime.now(dt.timezone.utc)
    old = make_pair(begins=now - dt.timedelta(days=9), ends=now - dt.timedelta(days=2))
    early = make_pair(begins=now + dt.timedelta(days=2), ends=now + dt.timedelta(days=9))
    curve = make_pair(begins=now - dt.timedelta(days=2), ends=now + dt.timedelta(days=9), curve=True)
    cases = {
        "a private key but no certificate": valid.key_pem(),
        "a certificate but no private key": valid.pem,
        "no certificate matches the private key": stranger.pem + valid.key_pem(),
        "expired on": old.pem + old.key_pem(),
        "not valid before": early.pem + early.key_pem(),
        "not an RSA key": curve.pem + curve.key_pem(),
        "neither PEM": "garbage!",
        "does not contain a valid certificate": valid.pem.replace("MII", "AAA", 1) + valid.key_pem(),
    }
    for said, content in cases.items():
        with pytest.raises(BadInput, match=said) as caught:
            ClientCertificate(CLIENT, data=content).validate()
        assert "PRIVATE KEY-----" not in str(caught.value)
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        ClientCertificate(CLIENT, str(tmp_path / "none.pem")).validate()


def test_msal_signs_with_it(valid: Pair) -> None:
    """The form given to msal is one it takes: PS256 and a SHA-256 thumbprint."""
    sent: list[dict[str, Any]] = []

    class Recorder:
        def get(self, url: str, **_more: Any) -> Any:
            base = url.split("/v2.0/", maxsplit=1)[0]
            body = {"issuer": base, "token_endpoint": base + "/token", "authorization_endpoint": base + "/authorize"}
            return _Answer(json.dumps(body))

        def post(self, _url: str, data: dict[str, Any], **_more: Any) -> Any:
            sent.append(data)
            return _Answer(json.dumps({"access_token": "t", "expires_in": 3599, "token_type": "Bearer"}))

        def close(self) -> None:
            """Nothing is open."""

    client = msal.ConfidentialClientApplication(
        CLIENT,
        client_credential=ClientCertificate(CLIENT, data=valid.pem + valid.key_pem()).for_msal(),
        authority="https://localhost:1/tenant",
        instance_discovery=False,
        http_client=Recorder(),
    )
    assert "access_token" in client.acquire_token_for_client(["x/.default"])
    head = bytes(sent[0]["client_assertion"]).split(b".")[0]
    header = json.loads(base64.urlsafe_b64decode(head + b"=="))
    assert header["alg"] == "PS256"
    assert "x5t#S256" in header


class _Answer:
    def __init__(self, text: str) -> None:
        self.status_code, self.text, self.headers = 200, text, {}

    def raise_for_status(self) -> None:
        """It is 200."""


# --- federated tokens ----------------------------------------------------------------------------------------------------


def test_a_federated_token_as_text() -> None:
    token = jwt(sub="x", exp=time.time() + 60)
    credential = FederatedToken(CLIENT, token)
    credential.validate()
    assert credential.for_msal()["client_assertion"]() == token
    assert token not in repr(credential)


def test_a_federated_token_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(jwt(sub="one", exp=time.time() + 60) + "\n")
    credential = FederatedToken(CLIENT, path=str(path))
    credential.validate()
    before = credential.identity()
    path.write_text(jwt(sub="two", exp=time.time() + 60))
    assert json.loads(base64.urlsafe_b64decode(credential.read().split(".")[1] + "=="))["sub"] == "two"
    assert credential.identity() == before, "the same identity goes on using the tokens that it has"


@pytest.mark.parametrize(
    ("token", "said"),
    [("no-jwt", "not a JWT"), ("a.b.c", "not a JWT"), (jwt(exp=1000), "expired"), ("a.bnVsbA.c", "JWT")],
)
def test_impossible_federated_tokens(token: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        FederatedToken(CLIENT, token).validate()


@pytest.mark.parametrize("name", ["none", "no\0ne"])
def test_a_missing_token_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="federated_token_file") as refused:
        FederatedToken(CLIENT, path=str(tmp_path / name)).validate()
    told = {"none": "Correct the path.", "no\0ne": "Give the path of the file."}
    assert (refused.value.tried, refused.value.remedy) == ("read the federated token", told[name])


def test_github_needs_its_job() -> None:
    GitHubOidc(CLIENT, "https://token.example/x?y=1", "t").validate()
    with pytest.raises(BadInput, match="id-token: write"):
        GitHubOidc(CLIENT).validate()
    with pytest.raises(BadInput, match="https"):
        GitHubOidc(CLIENT, "http://token.example", "t").validate()


# --- the others ----------------------------------------------------------------------------------------------------------


def test_managed_identity_for_msal() -> None:
    assert isinstance(ManagedIdentity().for_msal(), msal.SystemAssignedManagedIdentity)
    assert isinstance(ManagedIdentity(CLIENT).for_msal(), msal.UserAssignedManagedIdentity)
    with pytest.raises(BadInput, match="not a GUID"):
        ManagedIdentity("name").validate()


@pytest.mark.parametrize("token", ["", " ", "Bearer abc", "abc\u20ac", "abc\x00", "abc\x1b[0m"])
def test_a_ready_token_is_one_word(token: str) -> None:
    StaticToken("abc.def.ghi").validate()
    with pytest.raises(BadInput, match="access_token"):
        StaticToken(token).validate()


@pytest.fixture
def az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the Azure CLI that writes down its arguments and plays back an answer."""
    tool = tmp_path / "az"
    tool.write_text(
        '#!/bin/sh\necho "$@" > "$0.arguments"\n'
        'if [ -e "$0.refusal" ]; then cat "$0.refusal" >&2; exit 1; fi\ncat "$0.answer"\n'
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tool


def test_the_azure_cli_gives_a_token(az: Path) -> None:
    Path(f"{az}.answer").write_text(json.dumps({"accessToken": "t0ken", "expires_on": 2000000000}))
    credential = AzureCli("contoso.example")
    credential.validate()
    assert credential.fetch("https://graph.example", 10, run_program) == ("t0ken", 2000000000.0)
    assert Path(f"{az}.arguments").read_text().split() == (
        "account get-access-token --resource https://graph.example -o json --tenant contoso.example".split()
    )


def test_an_older_azure_cli_tells_local_time(az: Path) -> None:
    Path(f"{az}.answer").write_text(json.dumps({"accessToken": "t", "expiresOn": "2026-11-22 11:00:00.000000"}))
    _token, expires = AzureCli("").fetch("r", 10, run_program)
    assert time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(expires)) == "2026-11-22 11:00:00"


def test_nobody_is_signed_in_to_the_azure_cli(az: Path) -> None:
    Path(f"{az}.refusal").write_text("ERROR: Please run 'az login' to setup account.\n")
    with pytest.raises(BadCredential, match=r"az login.*az login --tenant contoso\.example"):
        AzureCli("contoso.example").fetch("r", 10, run_program)
    Path(f"{az}.refusal").unlink()
    Path(f"{az}.answer").write_text("no json")
    with pytest.raises(BadCredential, match="not a token"):
        AzureCli("").fetch("r", 10, run_program)


def test_no_azure_cli(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BadInput, match="not installed"):
        AzureCli("").validate()


# --- which one ----------------------------------------------------------------------------------------------------------


def _never() -> bool:
    raise AssertionError("nothing may be asked")


def test_what_the_task_names_wins_over_the_environment(valid: Pair) -> None:
    """A secret that happens to be in the environment must not win over a certificate that the task names."""
    given = CredentialInput(client_id=CLIENT, certificate=valid.pem + valid.key_pem())
    assert choose("auto", given, {"AZURE_CLIENT_SECRET": "env"}, _never).source == "certificate"


def test_the_order_of_what_the_task_names(valid: Pair) -> None:
    token = jwt(exp=time.time() + 60)
    everything = {
        "client_id": CLIENT,
        "access_token": token,
        "client_secret": "s",
        "certificate": valid.pem + valid.key_pem(),
        "federated_token": token,
    }
    for expected in ("access_token", "client_secret", "certificate", "federated_token"):
        assert choose("auto", CredentialInput(**everything), {}, _never).source == expected
        del everything[expected]


@pytest.mark.usefixtures("az")
def test_the_order_of_the_environment(valid: Pair, tmp_path: Path) -> None:
    pem, token = tmp_path / "app.pem", tmp_path / "token"
    pem.write_text(valid.pem + valid.key_pem("pw"))
    token.write_text(jwt(exp=time.time() + 60))
    environment = {
        "AZURE_CLIENT_SECRET": "s",
        "AZURE_CLIENT_CERTIFICATE_PATH": str(pem),
        "AZURE_CLIENT_CERTIFICATE_PASSWORD": "pw",
        "AZURE_FEDERATED_TOKEN_FILE": str(token),
        "ACTIONS_ID_TOKEN_REQUEST_URL": "https://github.example",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t",
        "IDENTITY_ENDPOINT": "http://localhost/msi",
    }
    expected = {
        "AZURE_CLIENT_SECRET": "client_secret",
        "AZURE_CLIENT_CERTIFICATE_PATH": "certificate",
        "AZURE_FEDERATED_TOKEN_FILE": "federated_token",
        "ACTIONS_ID_TOKEN_REQUEST_URL": "github",
        "IDENTITY_ENDPOINT": "managed_identity",
    }
    for variable, source in expected.items():
        assert choose("auto", CredentialInput(client_id=CLIENT), environment, lambda: False).source == source
        del environment[variable]
    assert choose("auto", CredentialInput(), {}, lambda: True).source == "managed_identity"
    assert choose("auto", CredentialInput(tenant="t"), {}, lambda: False).source == "azure_cli"


def test_nothing_to_sign_in_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BadInput, match="no credential was configured"):
        choose("auto", CredentialInput(), {}, lambda: False)


@pytest.mark.parametrize("source", ["client_secret", "certificate", "federated_token", "access_token"])
def test_a_named_way_needs_its_option(source: str) -> None:
    with pytest.raises(BadInput, match=f"auth_source is {source}"):
        choose(source, CredentialInput(client_id=CLIENT), {}, _never)


def test_a_named_way_may_take_the_environment() -> None:
    found = choose(
        "client_secret", CredentialInput(client_id=CLIENT, federated_token="x"), {"AZURE_CLIENT_SECRET": "s"}, _never
    )
    assert found.source == "client_secret"
