# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A detached signature: checked by the command of the documentation, gone with the next report, and never in the way of one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._report.files import write_report
from ansible_collections.tcx.m365.plugins.plugin_utils._report.history import keep_report
from ansible_collections.tcx.m365.plugins.plugin_utils._report.signing import sign
from ansible_collections.tcx.m365.tests.unit.plugins.plugin_utils._report.fleets import host, report

KEY = "reports@example.com"


@pytest.fixture
def _key_ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A key ring with one key that has no passphrase."""
    ring = tmp_path / "gnupg"
    ring.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(ring))
    make = ["gpg", "--batch", "--passphrase", "", "--quick-generate-key", KEY, "ed25519", "sign", "1d"]
    subprocess.run(make, check=True, capture_output=True)
    yield
    subprocess.run(["gpgconf", "--kill", "all"], check=False, capture_output=True)


def verified(directory: Path) -> bool:
    check = ["gpg", "--verify", "SHA256SUMS.asc", "SHA256SUMS"]
    return subprocess.run(check, cwd=directory, capture_output=True, check=False).returncode == 0


@pytest.mark.usefixtures("_key_ring")
def test_a_signature_is_verified_and_a_change_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    write_report(report(host("acme")), folder)
    assert sign(folder, "gpg", KEY) == str(folder / "SHA256SUMS.asc")
    assert verified(folder)
    (folder / "SHA256SUMS").write_text((folder / "SHA256SUMS").read_text().replace("0", "1", 1))
    assert not verified(folder)


@pytest.mark.usefixtures("_key_ring")
def test_a_new_report_removes_the_old_signature_and_a_kept_one_has_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    first = report(host("acme"))
    write_report(first, folder)
    sign(folder, "gpg")
    kept, _problems = keep_report(folder, first.generated_at, 3)
    assert verified(Path(kept))
    write_report(report(host("acme", "drifted")), folder)
    assert not (folder / "SHA256SUMS.asc").exists()
    keep_report(folder, "2027-01-01T00:00:00Z", 1)
    assert not Path(kept).exists(), "a signature is ours to remove with its report"


@pytest.mark.usefixtures("_key_ring")
def test_a_key_that_is_not_there_is_told(tmp_path: Path) -> None:
    write_report(report(host("acme")), tmp_path)
    with pytest.raises(OSError, match="gpg ended with 2: "):
        sign(tmp_path, "gpg", "somebody.else@example.com")
    assert not (tmp_path / "SHA256SUMS.asc").exists()


def test_a_program_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_report(report(host("acme")), tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError, match="minisign is not installed on the controller"):
        sign(tmp_path, "minisign")


def test_minisign_is_called_as_its_manual_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """https://jedisct1.github.io/minisign/: -S signs, -s secret key, -x signature, -m file."""
    write_report(report(host("acme")), tmp_path)
    program = tmp_path / "minisign"
    program.write_text('#!/bin/sh\necho "$@" > "$3"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    signature = sign(tmp_path, "minisign", "/keys/reports.key")
    assert Path(signature).name == "SHA256SUMS.minisig"
    manifest = tmp_path / "SHA256SUMS"
    assert Path(signature).read_text().split() == [
        "-S",
        "-x",
        signature,
        "-m",
        str(manifest),
        "-s",
        "/keys/reports.key",
    ]
