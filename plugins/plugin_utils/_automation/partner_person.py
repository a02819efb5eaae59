# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The person of a partner who consents: signed in here with the automation's application, or elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsiblePromptInterrupt, AnsiblePromptNoninteractive
from ansible.utils.display import Display
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import _entra_connection, automation
from ansible_collections.tcx.m365.plugins.module_utils._common.ids import is_guid
from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible
from ansible_collections.tcx.m365.plugins.module_utils._entra.person_sign_in import PersonSignIn
from ansible_collections.tcx.m365.plugins.module_utils._entra.tokens import Token
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import Task
from ansible_collections.tcx.m365.plugins.plugin_utils import _core_compat
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import plain
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import arguments as arguments_of

from .consent import CustomerTenant
from .partner import Person

BROWSER, AZURE_CLI, ACCESS_TOKEN = "browser", "azure_cli", "access_token"

_ANSWER_WITHIN_S = 900
_SIGNED_IN_S = 4 * 3600

display = Display()


class InBrowser(Person):
    """A person who has signed in here, with the automation's application."""

    partner_center = True

    def __init__(self, sign_in: PersonSignIn) -> None:
        super().__init__({})
        self.sign_in = sign_in
        self.second_factor = sign_in.second_factor

    def center(self) -> dict[str, Any]:
        return {"auth_source": ACCESS_TOKEN, "access_token": self.sign_in.partner_center()}

    def tenant(self, tenant: str) -> dict[str, Any]:
        return {"auth_source": ACCESS_TOKEN, "access_token": self.sign_in.graph(tenant).value}

    def token(self, tenant: str) -> Token | None:
        return self.sign_in.graph(tenant)


def person_of(options: Mapping[str, Any], home: str, first: CustomerTenant) -> Person:
    """The person who consents, signed in where that happens here.

    :param options: of the task.
    :param home: the partner's own tenant.
    :param first: one of the customers, whose variables hold the automation's credential.
    :raises M365Error: nobody has signed in.
    """
    source = options["auth_source"] or (ACCESS_TOKEN if options["access_token"] else BROWSER)
    if source == AZURE_CLI:
        return Person({"auth_source": AZURE_CLI})
    if source == ACCESS_TOKEN:
        if not options["access_token"]:
            raise BadInput(
                f"partner_consent_auth_source is {ACCESS_TOKEN}, and O(access_token) is not given",
                remedy="Give a token of a person for Microsoft Graph in the customer's tenant.",
            )
        return Person({"auth_source": ACCESS_TOKEN, "access_token": options["access_token"]})
    if not is_guid(home):
        raise BadInput(
            "the partner's own tenant is not known",
            tried="sign in as a person",
            remedy="Give its id as partner_consent_tenant_id, or bootstrap_dir of the bootstrap.",
        )
    if first.endpoints is not None and first.endpoints.cloud != "public":
        raise BadInput(
            f"Partner Center of the cloud {first.endpoints.cloud} is not supported",
            remedy="Send the consent addresses to the customers' administrators: tcx.m365.tenants prints them.",
        )
    return InBrowser(_sign_in(options["redirect_uri"], home, first))


def _sign_in(redirect_uri: str, home: str, first: CustomerTenant) -> PersonSignIn:
    connection_options = arguments_of.entra_connection(first.variables or {})
    known = automation.ACCESS.read(
        plain({**connection_options, "tenant_id": home, "deadline": _SIGNED_IN_S}), connection_options.names
    )
    task = Task(
        known.parameters,
        check_mode=True,
        store=RunStore(None),
        warn=display.warning,
        notice=lambda text: _core_compat.show(text, stderr=True),
        trace=display.vvvv,
    )
    connection = _entra_connection.connection(task.params, task.context)
    sign_in = PersonSignIn(connection, task.context, redirect_uri)
    address = sign_in.address()
    who = sign_in.finish(_asked(address, redirect_uri))
    _core_compat.show(f"Signed in as {visible(who)}.", stderr=True)
    return sign_in


def _asked(address: str, redirect_uri: str) -> str:
    """Show where to sign in, and take what comes back.

    :raises BadInput: there is nobody to ask.
    """
    text = (
        "Sign in as a person of the partner (an admin agent, with multifactor authentication) at:\n\n"
        f"  {address}\n\n"
        f"The browser then opens {redirect_uri} and shows a page that cannot be reached. Paste its whole address here: "
    )
    try:
        return bytes(display.prompt_until(text, seconds=_ANSWER_WITHIN_S)).decode("utf-8", "replace")
    except AnsiblePromptNoninteractive:
        raise BadInput(
            "a person has to sign in, and there is no terminal to ask on",
            tried="sign in as a person",
            remedy="Run it in a terminal, or set partner_consent_auth_source to azure_cli after: az login --tenant TENANT.",
        ) from None
    except (AnsiblePromptInterrupt, KeyboardInterrupt):
        raise BadInput("the sign-in was interrupted", tried="sign in as a person") from None
