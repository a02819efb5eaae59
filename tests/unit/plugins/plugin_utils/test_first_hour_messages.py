# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What somebody reads in the first hour: each mistake with its sentence, and each sentence with the line to copy."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.errors import AnsibleError
from ansible_collections.tcx.m365.plugins.filter.collection_installed import collection_installed
from ansible_collections.tcx.m365.plugins.module_utils import _tls
from ansible_collections.tcx.m365.plugins.module_utils._common import installing, pem
from ansible_collections.tcx.m365.plugins.module_utils._common.installing import Python, how_to_install
from ansible_collections.tcx.m365.plugins.module_utils._entra.credentials.certificate import ClientCertificate
from ansible_collections.tcx.m365.plugins.module_utils._entra.credentials.federated import FederatedToken
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import read_variables

ROOT = Path(__file__).resolve().parents[4]
CLIENT = "0b7d3c1e-7b0e-4b7e-8a0e-2f1d3c4b5a69"


@pytest.mark.parametrize(
    ("python", "line"),
    [
        (Python("/usr/bin/python3", "/usr"), "Run: /usr/bin/python3 -m pip install 'msal>=1.35.0'"),
        (Python("/srv/v/bin/python", "/srv/v"), "Run: /srv/v/bin/python -m pip install 'msal>=1.35.0'"),
        (
            Python("/home/a/.local/pipx/venvs/ansible-core/bin/python", "/home/a/.local/pipx/venvs/ansible-core"),
            "run: pipx inject ansible-core 'msal>=1.35.0'",
        ),
        (
            Python("/home/a/.local/share/pipx/venvs/ansible/bin/python", "/home/a/.local/share/pipx/venvs/ansible/"),
            "run: pipx inject ansible 'msal>=1.35.0'",
        ),
        (
            Python("/h/.local/share/uv/tools/ansible-core/bin/python", "/h/.local/share/uv/tools/ansible-core"),
            "run: uv tool install ansible-core --with 'msal>=1.35.0'",
        ),
        (
            Python("/usr/bin/python3", "/usr", managed=True),
            "python3 -m venv ~/ansible && ~/ansible/bin/pip install ansible-core 'msal>=1.35.0'",
        ),
    ],
)
def test_a_missing_package_comes_with_the_line_for_this_python(python: Python, line: str) -> None:
    assert line in how_to_install(["msal"], python)


def test_several_missing_packages_are_one_sentence() -> None:
    said = installing.sentence(["requests", "msal", "cryptography", "msal"], Python("/p", "/"))
    assert said.startswith(
        "The Python packages cryptography, msal and requests cannot be imported by /p. Run: /p -m pip"
    )
    assert "meta/ee-requirements.txt" in said


def test_the_lines_name_the_releases_that_are_required() -> None:
    text = (ROOT / "meta" / "ee-requirements.txt").read_text(encoding="utf-8")
    assert dict(re.findall(r"^(\w+)([<>=].*)$", text, re.MULTILINE)) == dict(installing.REQUIREMENTS)


def _certificate(path: str) -> None:
    ClientCertificate(CLIENT, path).validate()


def _token(path: str) -> None:
    FederatedToken(CLIENT, "", path).validate()


def _public_key(path: str) -> None:
    pem.content_of(path, "entra_app_public_key")


def _bundle(path: str) -> None:
    _tls.context(True, path)


@pytest.mark.parametrize("read", [_certificate, _token, _public_key, _bundle])
def test_a_file_in_another_directory_is_told_with_the_path_that_was_tried(
    read: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput) as wrong:
        read("keys/one.pem")
    assert f"(at {tmp_path}/keys/one.pem; a relative path starts where Ansible was started)" in str(wrong.value)
    with pytest.raises(BadInput) as absolute:
        read(f"{tmp_path}/keys/one.pem")
    assert "where Ansible was started" not in str(absolute.value)


@pytest.mark.parametrize(
    "said",
    [
        "Attempting to decrypt but no vault secrets found",  # ansible-core 2.16
        "Error rendering template: Attempt to use undecryptable variable: Attempting to decrypt but no vault secrets found.",
    ],
)
def test_an_encrypted_variable_without_a_password_asks_for_the_password(said: str) -> None:
    known = read_variables({"entra_client_secret": AnsibleError(said)}, host="acme")
    with pytest.raises(BadInput) as wrong:
        known.get("entra_client_secret")
    assert "entra_client_secret is encrypted by Ansible Vault, and no vault password was given" in str(wrong.value)
    assert "--vault-password-file FILE or --ask-vault-pass" in str(wrong.value)


def test_a_wrong_vault_password_is_not_called_a_missing_one() -> None:
    error = AnsibleError("Decryption failed (no vault secrets were found that could decrypt)")
    known = read_variables({"tcx_client_secret": error}, host="acme")
    with pytest.raises(BadInput, match="none of the vault passwords that were given opens it"):
        known.get("tcx_client_secret")


def test_another_error_of_a_template_is_left_as_it_is() -> None:
    known = read_variables({"tcx_url": AnsibleError("'acme_host' is undefined")}, host="acme")
    with pytest.raises(BadInput, match="'acme_host' is undefined"):
        known.get("tcx_url")


def test_a_collection_is_found_or_it_is_not() -> None:
    assert collection_installed("tcx.m365")
    assert not collection_installed("nobody.nothing")
    assert not collection_installed("..")
