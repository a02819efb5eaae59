# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is captured from a PBX is data when Ansible reads it back, whatever it says, and stays in its directory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.capture_file import (
    file_name,
    render,
    write_host_variables,
)
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._common.hostile import (
    HOSTILE,
    hostile_texts,
    obeyed_characters,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

KEYS = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | hostile_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def read_back(text: str) -> Any:
    return DataLoader().load(text, file_name="/captured/acme.yml")


@given(st.dictionaries(KEYS, DATA, max_size=4))
@example({"a": list(HOSTILE)})
@settings(deadline=None)
def test_everything_comes_back_as_it_was_with_no_other_key(variables: dict[str, Any]) -> None:
    text = render(variables)
    found = read_back(text)
    assert set(found) == set(variables)
    for name, value in variables.items():
        assert_same(found[name], value)
    assert not obeyed_characters(text)


def assert_same(found: Any, written: Any) -> None:
    if isinstance(written, str):
        assert str(found).count("\ufffd") >= sum(0xD800 <= ord(each) < 0xE000 for each in written)
        assert str(found) == "".join("\ufffd" if 0xD800 <= ord(each) < 0xE000 else each for each in written)
    elif isinstance(written, dict):
        assert set(found) == set(written)
        for name, item in written.items():
            assert_same(found[name], item)
    elif isinstance(written, list):
        assert len(found) == len(written)
        for one, other in zip(found, written, strict=True):
            assert_same(one, other)
    else:
        assert found == written
        assert type(found) is type(written) or isinstance(found, type(written))


def test_a_captured_file_executes_nothing_when_a_play_reads_it(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    texts = [text.replace("{marker}", str(marker)) for text in HOSTILE]
    (tmp_path / "host_vars").mkdir()
    write_host_variables(str(tmp_path), "acme", {"tcx_console_user_sync": {"list": texts, "one": texts[0]}})
    (tmp_path / "inventory.yml").write_text("all: {hosts: {acme: {}}}\n", encoding="utf-8")
    play = (
        "- hosts: acme\n  connection: local\n  gather_facts: false\n  tasks:\n"
        "    - ansible.builtin.debug:\n        msg: '{{ tcx_console_user_sync }} {{ tcx_console_user_sync.one | upper }}'\n"
        "    - ansible.builtin.assert:\n        that: tcx_console_user_sync.list | length == "
        f"{len(texts)}\n"
    )
    (tmp_path / "play.yml").write_text(play, encoding="utf-8")
    # Not the program beside the interpreter: an environment of `ansible-test` finds ansible-core by PYTHONPATH.
    done = subprocess.run(
        [sys.executable, "-m", "ansible.cli.playbook", "-i", "inventory.yml", "play.yml"],
        cwd=tmp_path,
        env=dict(os.environ, LC_ALL="C.UTF-8"),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not marker.exists()
    assert "LOOKUP('PIPE'" in done.stdout


@given(st.lists(hostile_texts, min_size=1, max_size=3), hostile_texts)
@settings(deadline=None)
def test_a_remark_stands_above_its_variable_and_changes_nothing(lines: list[str], text: str) -> None:
    variables = {
        "one": text,
        "entra_app_permissions": [text, "x\nentra_app_permissions: y"],
        "two": {"entra_app_permissions": text},
    }
    written = render(variables, {"entra_app_permissions": lines, "not_there": lines})
    told = [line for line in written.splitlines() if not line.startswith("# ")]
    assert "\n".join(told) == "\n".join(line for line in render(variables).splitlines() if not line.startswith("# "))
    assert written.isascii() or not text.isascii()


@pytest.mark.parametrize("key", ["a: b\nc", "{{ x }}", "__proto__", "A", "", "a-b", 5, None, "x" * 101])
def test_a_key_that_is_not_ours_is_refused(key: Any) -> None:
    with pytest.raises(BadInput):
        render({"tcx_console_user_sync": {key: 1}})


@pytest.mark.parametrize("host", ["acme", "acme.example.com", "pbx-1", "Zürich 2", "user@pbx", "acme.yml"])
def test_an_ordinary_host_gets_the_file_that_ansible_reads_for_it(host: str) -> None:
    assert file_name(host) == f"{host}.yml"


@given(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=300)))
@example("../../../escaped")
@settings(deadline=None)
def test_no_host_name_leads_anywhere_else(host: str) -> None:
    name = file_name(host)
    assert Path(name).name == name
    assert name not in (".", "..")
    assert not name.startswith((".", "-", "~"))
    assert not obeyed_characters(name)
    assert not set(name) & set("/\\\n\t\0")
    assert len(os.fsencode(name)) < 200


@given(st.lists(st.text(max_size=4), min_size=2, max_size=8, unique=True))
def test_two_hosts_never_share_a_file(hosts: list[str]) -> None:
    assert len({file_name(host) for host in hosts}) == len(hosts)


def test_the_file_is_for_owner_and_group_alone_and_written_once(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        first = write_host_variables(str(tmp_path / "new" / "captured"), "../acme", {"a": "x"})
    finally:
        os.umask(old)
    path = Path(first.path)
    assert path.parent == tmp_path / "new" / "captured" / "host_vars"
    assert first.changed
    assert path.stat().st_mode & 0o777 == 0o640
    for directory in (path.parent, path.parent.parent, path.parent.parent.parent):
        assert directory.stat().st_mode & 0o777 == 0o750
    assert not write_host_variables(str(tmp_path / "new" / "captured"), "../acme", {"a": "x"}).changed
    assert write_host_variables(str(tmp_path / "new" / "captured"), "../acme", {"a": "y"}).changed
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_link_in_the_place_of_the_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("untouched", encoding="utf-8")
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "host_vars" / "acme.yml").symlink_to(target)
    write_host_variables(str(tmp_path), "acme", {"a": "x"})
    assert target.read_text(encoding="utf-8") == "untouched"
    assert not (tmp_path / "host_vars" / "acme.yml").is_symlink()
