# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The declared settings against 3CX's own API descriptions: every cell of the table version x setting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import (
    sso_probe,
    tcx_m365_settings,
    tcx_m365_settings_info,
    tcx_preflight,
)
from ansible_collections.tcx.m365.plugins.module_utils._pbx.properties import (
    BINDINGS,
    FLAG,
    PROPERTIES,
    Property,
    select,
    write,
)
from ansible_collections.tcx.m365.plugins.module_utils._pbx.version import Release
from tcx_lab.pbx.contract import Contract, ContractError
from tcx_lab.published import NEEDS_XAPI_DESCRIPTION

pytestmark = NEEDS_XAPI_DESCRIPTION

ROOT = Path(__file__).parents[3]

SAMPLES = {
    "flag": True,
    "text": "200",
    "number": 5061,
    "guid": "6b1f2f0e-0000-4000-8000-00000000000a",
    "accounts": ["x"],
}


def sample(each: Property) -> Any:
    """A value of the option."""
    if each.kind == BINDINGS:
        origin, goal = each.sides
        return [{"from": left, "to": right} for left in origin for right in goal]
    return SAMPLES.get(each.kind)


def allowed(contract: Contract, each: Property, value: Any) -> bool:
    """Whether a release takes a PATCH with this one property."""
    *parents, name = each.field.split(".")
    body: dict[str, Any] = {name: write(each, value)}
    for parent in reversed(parents):
        body = {parent: body}
    try:
        contract.check_request("PATCH", f"/{each.resource}", body)
    except ContractError:
        return False
    return True


@pytest.mark.parametrize("each", PROPERTIES, ids=lambda each: each.option)
def test_a_release_has_a_property_exactly_from_its_first_version_on(
    each: Property, release: str, contract: Contract
) -> None:
    parsed = Release.parse(release)
    assert parsed is not None
    values = list(each.values) if each.values else [sample(each)]
    for value in values:
        first = each.values_since.get(value, each.since) if isinstance(value, str) else each.since
        assert allowed(contract, each, value) == (parsed >= max(first, each.since)), value


def test_reading_names_fields_that_the_release_has(release: str, contract: Contract) -> None:
    parsed = Release.parse(release)
    assert parsed is not None
    for resource in {each.resource for each in PROPERTIES}:
        if any(each.since <= parsed for each in PROPERTIES if each.resource == resource):
            contract.check_request("GET", f"/{resource}", None, "$select=" + ",".join(select(resource)))


def test_nothing_in_the_mail_settings_is_read_but_what_is_needed() -> None:
    assert set(select("MailSettings")) == {"MailServerType", "CanEditMailServerType"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20.0.9.995", Release(20, 0, 9)),
        ("20.0.10", Release(20, 0, 10)),
        ("20.0.10.731 (abc)", Release(20, 0, 10)),
        ("18", None),
        ("", None),
        (None, None),
    ],
)
def test_releases_are_numbers_and_not_text(text: str | None, expected: Release | None) -> None:
    assert Release.parse(text) == expected
    assert Release(20, 0, 10) > Release(20, 0, 9) > Release(18, 9, 99)


def options_in(path: str) -> dict[str, Any]:
    """The options that a module or a fragment documents itself."""
    text = (ROOT / "plugins" / path).read_text(encoding="utf-8")
    block = text.split('DOCUMENTATION = r"""', 1)[1].split('"""', 1)[0]
    found: dict[str, Any] = yaml.safe_load(block)["options"]
    return found


def documentation(name: str) -> dict[str, Any]:
    """The documented options of a module, without those of the connection."""
    text = (ROOT / "plugins" / "modules" / f"{name}.py").read_text(encoding="utf-8")
    shared = options_in("doc_fragments/settings.py") if "- tcx.m365.settings\n" in text else {}
    return {**shared, **options_in(f"modules/{name}.py")}


@pytest.mark.parametrize(
    "capability",
    [tcx_m365_settings, tcx_m365_settings_info, tcx_preflight, sso_probe],
    ids=lambda each: each.__name__.rpartition(".")[2],
)
def test_the_documentation_says_what_the_argument_spec_takes(capability: Any) -> None:
    spec = capability.CAPABILITY.argument_spec
    fragments = set() if capability is sso_probe else set(tcx_m365_settings._pbx_connection.ARGUMENT_SPEC)
    documented = documentation(capability.CAPABILITY.name)
    assert set(documented) == set(spec) - fragments
    for name, option in documented.items():
        compare(name, option, spec[name])


def compare(path: str, documented: dict[str, Any], spec: dict[str, Any]) -> None:
    for key in ("type", "elements", "choices", "default", "required", "aliases"):
        empty: Any = [] if key == "aliases" else None
        assert (documented.get(key) or empty) == (spec.get(key) or empty), f"{path}: {key}"
    assert set(documented.get("suboptions", {})) == set(spec.get("options", {})), path
    for name, option in documented.get("suboptions", {}).items():
        compare(f"{path}.{name}", option, spec["options"][name])


def test_secrets_are_declared_secret() -> None:
    spec = tcx_m365_settings.ARGUMENT_SPEC
    assert all(spec[name]["no_log"] for name in ("client_secret", "password", "security_code"))
    assert spec["presence"]["options"]["account_token"]["no_log"]
    assert spec["teams"]["options"]["private_key"]["no_log"]


def test_only_switches_are_gated_by_words() -> None:
    assert all(
        each.kind == FLAG for each in PROPERTIES if each.edition and each.resource != "Microsoft365TeamsIntegration"
    )
