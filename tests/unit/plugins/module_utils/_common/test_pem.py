# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates and private keys in every form in which people give them; and what is told of those that cannot work."""

from __future__ import annotations

import base64
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._common import pem
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._pbx import teams
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra.conftest import NOW, Pair, make_pair
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

SHORT = 1024
PAIR = make_pair()
FLAT = base64.b64encode(PAIR.der).decode()
LINES = "\n".join(FLAT[start : start + 64] for start in range(0, len(FLAT), 64))

TEXTS = {
    "as it is": PAIR.pem,
    "line ends of Windows": PAIR.pem.replace("\n", "\r\n"),
    "line ends as two characters": PAIR.pem.replace("\n", "\\n"),
    "line ends of Windows as four characters": PAIR.pem.replace("\n", "\\r\\n"),
    "folded into one line": " ".join(PAIR.pem.splitlines()),
    "indented": "\n".join("    " + line for line in PAIR.pem.splitlines()),
    "behind a comment": "subject=CN = 3CX\n" + PAIR.pem,
    "base64 in one line": FLAT,
    "base64 in lines": LINES,
    "base64 with line ends as two characters": LINES.replace("\n", "\\n"),
    "line ends escaped twice": PAIR.pem.replace("\n", "\\\\n"),
    "line ends of old systems as two characters": PAIR.pem.replace("\n", "\\r"),
    "a blank line behind each": PAIR.pem.replace("\n", "\n\n"),
    "base64 of PEM": base64.b64encode(PAIR.pem.encode()).decode(),
}
FILES = {
    **{name: text.encode() for name, text in TEXTS.items()},
    "DER": PAIR.der,
    "UTF-16 as PowerShell writes it": PAIR.pem.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + PAIR.pem.encode(),
    "base64 behind a byte order mark": b"\xef\xbb\xbf" + LINES.encode(),
}


def _read(given: str) -> list[x509.Certificate]:
    return pem.certificates_in(*pem.content_of(given, "the_option"))


@pytest.mark.parametrize("form", TEXTS)
def test_every_text_is_read(form: str) -> None:
    assert _read(TEXTS[form]) == [PAIR.certificate]


@pytest.mark.parametrize("form", FILES)
def test_every_file_is_read(form: str, tmp_path: Path) -> None:
    path = tmp_path / "public_key.pem"
    path.write_bytes(FILES[form])
    assert _read(str(path)) == [PAIR.certificate]


def test_a_file_that_exists_wins_over_a_text_that_its_name_could_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "acme123").write_text(PAIR.pem, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert _read("keys/acme123") == [PAIR.certificate]


@pytest.mark.parametrize("form", TEXTS)
def test_the_certificate_of_the_sbc_has_the_same_reader(form: str) -> None:
    files = teams.load(TEXTS[form], PAIR.key_pem(), now=NOW)
    assert files.certificate == PAIR.pem, "what is uploaded is PEM as 3CX takes it"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: text.replace("\n", "\\n"),
        lambda text: text.replace("\n", "\n\n"),
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: text.replace("\n", "\N{NO-BREAK SPACE}\n"),
        "  {}  ".format,
    ],
)
def test_private_keys_are_read_wherever_they_stand(change: Any, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    for text in (PAIR.key_pem(), PAIR.pem + PAIR.key_pem(), PAIR.key_pem() + PAIR.pem):
        path.write_text(change(text), encoding="utf-8")
        for value in (change(text), str(path)):
            key = pem.private_key_in(*pem.content_of(value, "the_option"))
            assert pem.same_key(key.public_key(), PAIR.certificate.public_key())
            assert teams.load(PAIR.pem, value, now=NOW).private_key == PAIR.key_pem(), (
                "what is uploaded is PEM as 3CX takes it"
            )


def test_a_key_keeps_the_form_of_openssl() -> None:
    old = PAIR.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
    assert teams.load(PAIR.pem, old.replace("\n", " "), now=NOW).private_key == old


def test_an_old_key_that_is_encrypted_opens_with_its_password() -> None:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    locked = PAIR.key.private_bytes(serialization.Encoding.PEM, form, serialization.BestAvailableEncryption(b"secret"))
    key = pem.private_key_in(*pem.content_of(locked.decode(), "the_option"), "secret")
    assert pem.same_key(key.public_key(), PAIR.certificate.public_key())


def test_a_key_that_is_uploaded_has_nothing_around_it() -> None:
    files = teams.load(PAIR.pem, PAIR.pem + PAIR.key_pem() + PAIR.pem, now=NOW)
    assert files.private_key == PAIR.key_pem()
    combined = teams.load(PAIR.key_pem() + PAIR.pem, PAIR.key_pem(), now=NOW)
    assert "PRIVATE" not in combined.certificate


def test_a_key_in_der_becomes_pem(tmp_path: Path) -> None:
    der = PAIR.key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "key.der").write_bytes(der)
    assert pem.holds_private_key(der)
    assert pem.holds_private_key(pem.plain(base64.b64encode(der)))
    assert teams.load(PAIR.pem, str(tmp_path / "key.der"), now=NOW).private_key == PAIR.key_pem()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "the_option is empty"),
        ("hello", "the_option is neither PEM text nor a file"),
        (
            "keys/none.pem",
            f"the_option: there is no file keys/none.pem (at {Path.cwd()}/keys/none.pem; a relative path starts",
        ),
        (
            "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----",
            "contains PEM but no certificate",
        ),
        (PAIR.pem.replace("MII", "AAA", 1), "does not contain a valid certificate"),
        (PAIR.pem[:300], "does not contain a valid certificate"),
        (base64.b64encode(b"x" * 30).decode(), "does not contain a valid certificate"),
        # A path without an ending is base64 as well.
        ("keys/acme/public+key", f"the path of no file (a relative one starts in {Path.cwd()})"),
        (FLAT[:400], "does not contain a valid certificate"),
        (PAIR.key_pem(), "contains PEM but no certificate"),
    ],
)
def test_what_is_no_certificate(given: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        _read(given)
    assert said in str(caught.value)


@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_a_line_of_a_key_is_never_quoted(cut: int) -> None:
    for line in PAIR.key_pem().splitlines()[1:-1]:
        given = line[cut:]
        with pytest.raises(BadInput) as caught:
            pem.private_key_in(*pem.content_of(given, "the_option"))
        assert given not in str(caught.value) or len(given) < 48


def test_what_cannot_be_opened() -> None:
    locked = PAIR.key_pem("secret")
    for password, said in (("", "is encrypted"), ("wrong", "the password is wrong")):
        with pytest.raises(BadInput, match=said) as caught:
            pem.private_key_in(locked.encode(), "the_option", password)
        assert "secret" not in str(caught.value)
    assert pem.private_key_in(PAIR.key_pem().encode(), "x", "not needed") is not None
    with pytest.raises(BadInput, match="does not contain a private key"):
        pem.private_key_in(PAIR.pem.encode(), "the_option")


def _with_key(key: Any, algorithm: Any) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "3CX")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - dt.timedelta(days=1))
        .not_valid_after(NOW + dt.timedelta(days=1))
        .sign(key, algorithm)
    )


def test_keys_that_microsoft_entra_does_not_take() -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=SHORT)
    assert "RSA key of 1024 bits" in pem.flaw_of_key(_with_key(short, hashes.SHA256()))
    assert "kind Ed25519" in pem.flaw_of_key(_with_key(ed25519.Ed25519PrivateKey.generate(), None))
    assert "kind EC" in pem.flaw_of_key(make_pair(curve=True).certificate)
    assert pem.flaw_of_key(PAIR.certificate) == ""


@pytest.mark.parametrize(
    ("begin", "end", "flaw"),
    [
        (-1, 1, ""),
        (-2, -1, "expired on 2026-11-21T10:00:00Z"),
        (-2, 0, "expired on 2026-11-22T10:00:00Z"),
        (1, 2, "is not valid before 2026-11-23T10:00:00Z"),
    ],
)
def test_dates_at_which_nobody_can_sign_in(begin: int, end: int, flaw: str) -> None:
    day = dt.timedelta(days=1)
    assert pem.flaw_of_dates(NOW + begin * day, NOW + end * day, NOW) == flaw


def test_of_a_chain_the_leaf_counts_wherever_it_stands() -> None:
    authority = make_pair("authority", other_key=True)
    below: Pair = make_pair("leaf", issuer=authority)
    for chain in (below.pem + authority.pem, authority.pem + below.pem):
        assert pem.leaf(_read(chain)) == below.certificate


@pytest.mark.parametrize(
    ("names", "host", "whether"),
    [
        (("pbx.example.com",), "PBX.example.com.", True),
        (("*.example.com",), "pbx.example.com", True),
        (("*.example.com",), "a.pbx.example.com", False),
        (("*.example.com",), "example.com", False),
        (("2001:db8::1",), "[2001:DB8:0::1]", True),
        ((), "pbx.example.com", False),
    ],
)
def test_names_that_a_certificate_covers(names: tuple[str, ...], host: str, whether: bool) -> None:
    assert pem.covers(names, host) is whether
