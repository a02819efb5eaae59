# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The error codes of Microsoft's sign-in service (``AADSTS<number>``): what each means, what to do, whether waiting helps.

One table for everybody who meets them: the caller's own sign-in, the words of a PBX whose application is refused, and the
probe of the sign-in page. Source of the codes: https://learn.microsoft.com/entra/identity-platform/reference-error-codes.
That waiting helps is inferred from what a rollout has just written: application, certificate and consent reach the sign-in
service some minutes after Graph has accepted them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_CODE = re.compile(r"AADSTS(\d{5,8})(?!\d)")

WOULD_WORK = "50058"
"""Nobody is signed in: of a sign-in page that was asked without a user everything else is right (documented)."""

CONSENT_MISSING = "consent_missing"
DISABLED = "application_disabled"
BLOCKED = "blocked_by_policy"

LOOK_UP = "Look the code up at https://login.microsoftonline.com/error."


@dataclass(frozen=True)
class Meaning:
    """What codes with one cause mean.

    :param verdict: one word for programs.
    :param codes: the bare numbers, with blanks between them.
    :param remedy: what to do, with ``{application}``, ``{tenant}`` and ``{consent}`` in it.
    :param passes: whether waiting may help: what was written has not reached the sign-in service yet.
    :param caller: what to do where the automation's own sign-in is refused; :attr:`remedy` where that is the same.
    """

    verdict: str
    codes: str
    remedy: str
    passes: bool = False
    caller: str = ""


@dataclass(frozen=True)
class Parties:
    """Who signs in where, for the sentences.

    :param application: the application, as its owner calls it or by its id.
    :param tenant: id or domain of the tenant.
    :param consent_url: where an administrator of the tenant consents; empty where it is not known.
    """

    application: str = ""
    tenant: str = ""
    consent_url: str = ""

    def fill(self, remedy: str) -> str:
        """A remedy with the names in it."""
        text = remedy.format(
            application=f"application {self.application}" if self.application else "the application",
            tenant=f"tenant {self.tenant}" if self.tenant else "the tenant",
            consent=f" at {self.consent_url}" if self.consent_url else " (tcx.m365.graph_permission_grant does it)",
        )
        return text[:1].upper() + text[1:]


NOBODY = Parties()
"""Where neither application nor tenant is known."""

_MEANINGS = (
    Meaning("would_work", WOULD_WORK, ""),
    Meaning(
        "application_not_found",
        "700016 7000229",
        "{application} is not registered in {tenant}: compare the application ID and the tenant ID.",
        passes=True,
        caller="Check O(client_id) and O(tenant_id). In a customer's tenant the automation's application needs admin "
        "consent first: let an administrator of {tenant} open {url}",
    ),
    Meaning(
        DISABLED,
        "7000112 500014",
        "Enable {application} in {tenant}: Microsoft Entra admin center > Enterprise applications > Properties > "
        "Enabled for users to sign in.",
    ),
    Meaning(
        "ambiguous_application",
        "7000110",
        "The request names two applications: compare the application ID with the application that has the credential.",
        caller="The request names two applications: check that O(client_id) is the application that the credential belongs "
        "to.",
    ),
    Meaning(
        "assignment_required",
        "50105",
        "{application} requires assignment: assign the users or groups under Enterprise applications > Users and "
        "groups, or set Assignment required to No.",
    ),
    Meaning(
        "tenant_not_found",
        "90002 900021 900023 50059",
        "Compare the tenant ID with the Overview page of the Microsoft Entra admin center.",
        caller="Check O(tenant_id), and that O(cloud) is the one that the tenant belongs to.",
    ),
    Meaning(
        "another_cloud",
        "900382 90038 90051",
        "Compare the tenant ID: {tenant} belongs to another cloud than the one that was asked.",
        caller="The tenant belongs to another cloud: set O(cloud).",
    ),
    Meaning(
        "resource_not_found",
        "500011",
        "Microsoft Graph is not known in {tenant}: check the tenant ID.",
        passes=True,
        caller="The tenant does not know this Graph address: check O(cloud) and O(graph_endpoint).",
    ),
    Meaning(
        CONSENT_MISSING,
        "65001 65004 90094 90095",
        "Let an administrator of {tenant} consent to the permissions of {application}{consent}.",
        passes=True,
    ),
    Meaning(
        BLOCKED,
        "53000 53001 53002 53003 53004 530003 530035",
        "A Conditional Access policy of {tenant} blocks {application}. The sign-in logs in the Microsoft Entra admin "
        "center name the policy: exclude {application} from it, or allow the address.",
    ),
    Meaning(
        "credential_refused",
        "7000215",
        "The credential of the PBX was refused: run the Microsoft 365 wizard of its console again, or upload its "
        "public_key.pem to {application} where it has one (a PBX upgraded from 3CX V18).",
        passes=True,
        caller="Give the value of the client secret, not its ID, and check that it belongs to this O(client_id).",
    ),
    Meaning(
        "credential_missing",
        "7000218",
        "{application} got no credential: run the Microsoft 365 wizard of the PBX's console again, or upload its "
        "public_key.pem where it has one (a PBX upgraded from 3CX V18).",
        passes=True,
        caller="Give O(client_secret), O(certificate_path) or O(federated_token_file).",
    ),
    Meaning(
        "credential_expired",
        "7000222",
        "The credential of {application} has expired: upload a new certificate.",
        passes=True,
        caller="Create a new client secret for the automation's application, or use a certificate.",
    ),
    Meaning(
        "certificate_mismatch",
        "700027 50012 50013",
        "{application} has another certificate than the PBX, or an expired one: run the Microsoft 365 wizard of the "
        "PBX's console again, or upload its public_key.pem where it has one (a PBX upgraded from 3CX V18).",
        passes=True,
        caller="Add this certificate to the automation's application, or sign in with one that is registered there.",
    ),
    Meaning(
        "clock_wrong",
        "700024 700021 500133",
        "The clock of the machine that signs in is wrong by minutes: set it by NTP.",
        caller="Set the clock of this machine by NTP.",
    ),
    Meaning(
        "federation_mismatch",
        "70021 700211 700212 700213",
        "Compare issuer, subject and audience of the token with the federated credential of {application}.",
        passes=True,
    ),
    Meaning(
        "redirect_uri_mismatch",
        "50011",
        "Add this exact redirect URI (type Web, with the port if it is not 443) to {application}.",
        passes=True,
    ),
    Meaning(
        "redirect_uri_missing",
        "500113",
        "Add the redirect URI (type Web) to {application}.",
        passes=True,
    ),
    Meaning(
        "id_tokens_off",
        "700054",
        "Select ID tokens (used for implicit and hybrid flows) under Authentication of {application}.",
        passes=True,
    ),
    Meaning(
        "single_tenant",
        "50194",
        "Use the customer's tenant instead of /common, or make {application} multitenant.",
        passes=True,
    ),
    Meaning(
        "user_refused",
        "50020 50034 50053 50055 50057 50126 500341 90072",
        "Sign in with an account of {tenant} that is enabled, and check the account in the sign-in logs.",
    ),
    Meaning(
        "interaction_required",
        "50072 50074 50076 50079 50089 50173 700082",
        "A user has to sign in interactively again: multifactor authentication is required, or the session has "
        "expired.",
    ),
    Meaning(
        "temporary",
        "90006 90024 90033 90055",
        "Microsoft's sign-in service is busy: run again later.",
        passes=True,
    ),
)

TABLE: Mapping[str, Meaning] = {code: meaning for meaning in _MEANINGS for code in meaning.codes.split()}


def codes_in(text: str) -> list[str]:
    """The numbers of all codes in a text, in order."""
    return _CODE.findall(text)


def first_code(text: str) -> str:
    """``AADSTS65001``, the first code in a text; empty where there is none."""
    return next((f"AADSTS{code}" for code in codes_in(text)), "")


def meaning_of(text: str) -> Meaning | None:
    """What the first known code in a text means."""
    return next((TABLE[code] for code in codes_in(text) if code in TABLE), None)


def remedy_for(text: str, parties: Parties = NOBODY) -> str:
    """What to do about the first known code in a text; empty where none is known."""
    meaning = meaning_of(text)
    return parties.fill(meaning.remedy) if meaning else ""


def waiting_helps(text: str) -> bool:
    """Whether what a text complains of may pass by itself. A code that nobody here knows may."""
    return all(TABLE[code].passes for code in codes_in(text) if code in TABLE)


def remedy_for_caller(code: str, *, tenant: str, consent_url: str) -> str:
    """What to do where the automation's own sign-in is refused.

    :param code: the bare number.
    :param consent_url: where an administrator of the tenant consents to the automation's application.
    """
    meaning = TABLE.get(code)
    if meaning is None:
        return ""
    parties: dict[str, Any] = {
        "application": "the automation's application",
        "tenant": f"tenant {tenant}" if tenant else "the tenant",
        "consent": f" at {consent_url}" if consent_url else "",
        "url": consent_url or "its page under Enterprise applications and consent there.",
    }
    text = (meaning.caller or meaning.remedy).format(**parties)
    return text[:1].upper() + text[1:]
