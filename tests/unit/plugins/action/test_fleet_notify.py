# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the message of a compliance run could not do is a warning that names the entry and none of its secrets."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible_collections.tcx.m365.plugins.action import fleet_notify

SECRET = "T0K3N-of-the-webhook"
URL = f"https://chat.example/services/{SECRET}"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was sent; the mail server is out of order."""
    found: list[tuple[Any, ...]] = []

    def send(target: Any, *content: Any) -> str:
        found.append((target["type"], *content))
        return "the server did not answer" if target["type"] == "mail" else ""

    monkeypatch.setattr(fleet_notify, "send", send)
    return found


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(fleet_notify, "display", MagicMock(warning=found.append))
    return found


def run(*targets: Any, **options: Any) -> dict[str, Any]:
    given = {"subject": "2 PBXs", "message": "text", "targets": list(targets), **options}
    task = MagicMock(args=given, action="tcx.m365.fleet_notify", async_val=0, check_mode=False)
    others = [MagicMock() for _argument in range(5)]
    return fleet_notify.ActionModule(task, *others).run(task_vars={})


def test_each_target_gets_the_message(sent: list[tuple[Any, ...]], warnings: list[str]) -> None:
    result = run({"type": "slack", "url": URL}, {"type": "webhook", "url": URL, "to": ""}, facts={"ok": 2})
    assert sent == [("slack", "2 PBXs", "text", {"ok": 2}), ("webhook", "2 PBXs", "text", {"ok": 2})]
    assert (result["sent"], result["problems"], result["changed"]) == (["slack", "webhook"], [], False)
    assert warnings == []


def test_a_target_gets_only_what_it_wants(sent: list[tuple[Any, ...]], warnings: list[str]) -> None:
    targets = [{"type": "slack", "url": URL, "only": only} for only in ("findings", "changes", "always")]
    assert run(*targets, findings=False, changes=False)["sent"] == ["slack"]
    assert run(*targets, findings=True, changes=False)["sent"] == ["slack", "slack"]
    assert run(*targets, findings=False, changes=True)["sent"] == ["slack", "slack"]
    assert len(sent) == 5
    assert warnings == []


@pytest.mark.parametrize(
    ("target", "kind", "told"),
    [
        ("mail", "?", "an entry is a dictionary with type and url"),
        ({"type": "slack", "uri": URL}, "slack", "it does not know uri; an entry has ca_path, from, host"),
        ({"type": "pager", "url": URL}, "pager", "type, only, port or secure has a value that it does not know"),
        ({"url": URL}, "?", "type, only, port or secure has a value"),
        ({"type": "mail", "host": "mx", "port": 0, "from": "a@x", "to": ["b@x"]}, "mail", "port or secure has a value"),
        ({"type": "mail", "host": "mx", "from": "a@example", "to": ["b@example"]}, "mail", "the server did not answer"),
    ],
)
def test_what_cannot_be_sent_is_a_warning_without_secrets(
    target: Any, kind: str, told: str, sent: list[tuple[Any, ...]], warnings: list[str]
) -> None:
    result = run({"type": "slack", "url": URL}, target)
    assert not result.get("failed")
    assert result["sent"] == ["slack"]
    assert sent[0][0] == "slack"
    assert warnings == result["problems"]
    assert warnings[0].startswith(f"Message 2 of compliance_notify ({kind}) was not sent: ")
    assert told in warnings[0]
    assert SECRET not in str(result)


def test_a_task_without_a_list_of_targets_is_a_warning(sent: list[tuple[Any, ...]], warnings: list[str]) -> None:
    result = run(facts="many")
    assert not result.get("failed")
    assert sent == []
    assert len(warnings) == 1
