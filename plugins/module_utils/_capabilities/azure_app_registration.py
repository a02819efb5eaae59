# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The capability behind the module ``azure_app_registration``."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from .._common.ids import is_guid
from .._common.option_names import marked, rendered
from .._common.text import shortened
from .._common.tree import dig
from .._entra import rights
from .._entra.application import absence, adoption, certificates, declared, ownership, policy, redirect_uris
from .._entra.application import keys as key_plan
from .._entra.application import permissions as names
from .._entra.application import plan as application_plan
from .._entra.application import view as application_view
from .._entra.application.apply import Application
from .._entra.application.catalogs import Catalogs
from .._entra.application.find import Finder
from .._entra.application.model import CLAIM_LISTS, PROPERTIES, URI_LISTS, Desired, Key, Observed
from .._entra.application.remove import AbsentApplication
from .._entra.graph import GraphClient
from .._entra.rights import MissingRight
from .._errors import BadInput, M365Error, NotOurs
from .._plan import PENDING, Change, Plan
from .._reconcile import Reconciled, reconcile
from .._task import ArgumentSpec, Capability, Outcome, Task
from . import _application_trust, _application_undo, _entra_connection
from ._application_trust import Trust

AUDIENCES = ("AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount")
ADOPT = ("display_name", "redirect_uri")

KEY_SPEC: ArgumentSpec = {
    "unique_name": {"type": "str"},
    "app_id": {"type": "str"},
    "display_name": {"type": "str"},
}

PREFER = ("both", "app_id")

_CLAIM = {
    "name": {"type": "str", "required": True},
    "essential": {"type": "bool"},
    "source": {"type": "str"},
    "additional_properties": {"type": "list", "elements": "str"},
}

ARGUMENT_SPEC: ArgumentSpec = {
    **_entra_connection.ARGUMENT_SPEC,
    **KEY_SPEC,
    **_application_trust.ARGUMENT_SPEC,
    "prefer": {"type": "str", "choices": list(PREFER), "default": "both"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "adopt": {"type": "list", "elements": "str", "choices": list(ADOPT), "default": []},
    "sign_in_audience": {"type": "str", "choices": list(AUDIENCES)},
    "redirect_uris": {"type": "list", "elements": "str"},
    "spa_redirect_uris": {"type": "list", "elements": "str"},
    "public_client_redirect_uris": {"type": "list", "elements": "str"},
    "redirect_uris_exclusive": {"type": "bool", "default": False},
    "home_page_url": {"type": "str"},
    "logout_url": {"type": "str"},
    "id_tokens": {"type": "bool"},
    "public_client": {"type": "bool"},
    "notes": {"type": "str"},
    "tags": {"type": "list", "elements": "str", "default": []},
    "optional_claims": {
        "type": "dict",
        "options": {
            claim_list.option: {"type": "list", "elements": "dict", "options": _CLAIM, "no_log": False}
            for claim_list in CLAIM_LISTS
        },
    },
    "service_principal_lock": {
        "type": "dict",
        "options": {
            "enabled": {"type": "bool", "required": True},
            "all_properties": {"type": "bool"},
            "credentials_with_usage_sign": {"type": "bool"},
            "credentials_with_usage_verify": {"type": "bool"},
            "token_encryption_key_id": {"type": "bool", "no_log": False},
        },
    },
    "certificates": {"type": "list", "elements": "str"},
    "certificates_exclusive": {"type": "bool", "default": False},
    "certificates_keep": {"type": "list", "elements": "str", "default": []},
    "certificates_prune_expired": {"type": "bool", "default": False},
    "certificates_prune_duplicates": {"type": "bool", "default": False},
    "certificates_rotate_overlap_days": {"type": "int"},
    "permissions": {"type": "list", "elements": "raw"},
    "delegated_permissions": {"type": "list", "elements": "raw"},
    "features": {"type": "list", "elements": "str", "choices": list(names.FEATURES)},
    "permissions_exclusive": {"type": "bool", "default": False},
    "owners": {"type": "list", "elements": "str"},
    "service_principal": {
        "type": "dict",
        "options": {
            "enabled": {"type": "bool"},
            "assignment_required": {"type": "bool"},
            "visible": {"type": "bool"},
        },
    },
    "purge": {"type": "bool", "default": False},
    "force": {"type": "bool", "default": False},
    "undo": {"type": "raw"},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 300},
}


def run(task: Task) -> Outcome:
    """Bring the application to its desired state, or away."""
    params = task.params
    key = _key(params)
    asked = any(params[name] is not None for name in ("permissions", "delegated_permissions", "features"))
    requested = names.requested_by_options(params)
    desired = _desired(params, key)
    client = _entra_connection.client(params, task.context)
    catalogs = Catalogs(client)
    resources = [permission.resource for permission in requested]
    finder = Finder(client, key, catalogs, resources, owners=bool(desired.owners))
    rights.require(client.tokens.get(), rights.READ_APPLICATIONS, "read applications", client.tenant_id)
    if params["undo"] is not None:
        return _application_undo.run(task, client, desired)
    within = float(params["wait_timeout"])

    missing: list[str] = []
    trust: Trust | None = None

    def check(desired: Desired, observed: Observed, plan: Plan) -> None:
        if trust is not None and plan and not task.check_mode:
            trust.check()
        missing[:] = _check_before_writing(task, client, desired, observed, plan)

    if params["state"] == "absent":
        removal = replace(desired, stated=not params["require_evidence"])
        gone = _absent(task, AbsentApplication(finder, removal, purge=params["purge"], check=check, within=within))
        gone.values.update({"missing_rights": missing} if missing else {})
        return gone

    trust = Trust(params, client, finder, desired, lambda: catalogs.resolve(requested))

    def resolve(desired: Desired) -> Desired:
        if asked:
            desired = replace(desired, permissions=catalogs.resolve(requested))
        return trust.prepared(desired)

    application = Application(finder, desired, resolve=resolve, check=check, within=within, wait=params["wait"])
    done = reconcile(application, check_mode=task.check_mode)
    trust.remember_marks(application.desired, done.after)
    words = trust.adoption_words(done=not task.check_mode)
    if words:
        task.context.warn(words)
        done.plan.changes.insert(0, Change(application_plan.APPLICATION, "adopted", None, words))
    _predict_principal(task, client, done)
    _warn(task, application.desired, done, client)
    values = {**_values(task, client, application.desired, done, catalogs), **trust.values(done.after)}
    _withhold_consent_url(task, values)
    return Outcome(values, done.plan)


def _absent(task: Task, application: AbsentApplication) -> Outcome:
    client = application.client

    def never(observed: Observed) -> None:
        entity = observed.application or observed.deleted or {}
        caller = _application_trust.caller_of(client)
        stated = not task.params["require_evidence"]
        adoption.never(
            str(entity.get("appId") or ""), observed.service_principal, caller, client.tenant_id, stated=stated
        )
        if task.params["require_evidence"]:
            _check_passed_over(application, str(entity.get("appId") or ""))
            application.finder.check_rivals(observed)

    application.finder.judge, application.finder.live_first = never, True
    pbx = application.desired.pbx
    # What it has been adopted by is public; that it was adopted from here, its mark says.
    application.finder.admits = lambda candidate: pbx is None or pbx.identity in ownership.pbxs_of(candidate)
    done = reconcile(application, check_mode=task.check_mode)
    gone = done.before.but(application=done.before.application or done.before.deleted)
    others = application_plan.others_in(application.desired, done.before)
    if others:
        task.context.warn(
            f"the application {(gone.application or {}).get('appId')} stays, because others use it: {', '.join(others)}; "
            "only the certificates, the redirect URIs and the mark of this PBX are removed"
        )
    values = {
        "kept_for": others,
        "goes": application_view.goes(done.before, done.plan),
        **application_view.ids(gone),
        "tenant_id": client.tenant_id,
        "admin_consent_url": "",
        "certificates": [],
        "unmanaged": {},
        "auth_source": client.connection.credential.source,
        "waited": round(task.context.deadline.waited, 1),
    }
    return Outcome(values, done.plan)


def _check_passed_over(application: AbsentApplication, app_id: str) -> None:
    """A PBX that names another application than the one that was made for it would keep that one, and sign in with it.

    :raises NotOurs: the application with the unique name of the PBX's holds its certificate.
    """
    other, pbx = application.finder.passed_over, application.desired.pbx
    if other is None or pbx is None:
        return
    own = [certificate.thumbprint for certificate in application.desired.certificates or ()]
    entries = other.get("keyCredentials") or ()
    if any(certificates.thumbprint_of(entry) in own or ownership.entry_owner(entry) == pbx.label for entry in entries):
        raise NotOurs(
            f"the PBX names it, and the application {other.get('appId')}, which has the unique name "
            f"{application_view.ids(Observed(application=other))['unique_name']}, holds the certificate of the PBX and would stay",
            tried="remove the application of a PBX",
            target=app_id,
            remedy="Nothing was changed. entra_app_app_id names the one that is the PBX's; delete the other one with "
            "tcx.m365.azure_app_registration if it is not needed.",
        )


def _predict_principal(task: Task, client: GraphClient, done: Reconciled[Observed]) -> None:
    """In check mode the steps that come later plan on a service principal that is not there yet."""
    application, principal = done.after.application or {}, done.after.service_principal or {}
    missing = task.check_mode and done.before.service_principal is None and application.get("appId") != PENDING
    key = client.shared_key(str(application.get("appId", "")).lower())
    if missing:
        task.context.store.put("predicted_principal", key, principal.get("id") or PENDING)
    else:
        task.context.store.drop("predicted_principal", key)


def _check_before_writing(
    task: Task, client: GraphClient, desired: Desired, observed: Observed, plan: Plan
) -> list[str]:
    """Everything that can be known to fail fails here, before the first write. Check mode, which an auditor with fewer
    rights may run, only warns.

    :returns: the rights that a run outside of check mode would lack.
    """
    if not plan:
        return []
    nobody: Sequence[str] = ()
    try:
        rights.require(
            client.tokens.get(),
            rights.WRITE_APPLICATIONS,
            f"{'delete' if task.params['state'] == 'absent' else 'change'} the application",
            desired.key.text(),
        )
        if "certificates" in plan.changed_fields(application_plan.APPLICATION):
            policy.check(client, desired, observed)
        if "owners" in plan.changed_fields(application_plan.APPLICATION):
            nobody = absence.objects(client, [owner for owner in desired.owners or () if owner not in observed.owners])
    except M365Error as error:
        if not task.check_mode:
            raise
        task.context.warn(str(error))
        return error.missing if isinstance(error, MissingRight) else []
    if nobody:
        raise BadInput(
            f"O(owners): the tenant has no object {', '.join(nobody)}", tried="look up the owners", remedy=_OBJECT_ID
        )
    return []


def _values(
    task: Task, client: GraphClient, desired: Desired, done: Reconciled[Observed], catalogs: Catalogs
) -> dict[str, Any]:
    final = done.after
    # Names of what somebody else has declared, for the report: what cannot be read keeps its id.
    with contextlib.suppress(M365Error):
        catalogs.read(declared.resources(dig(final.application, "requiredResourceAccess") or ()), optional=True)
    now = client.now()
    return {
        **application_view.ids(final),
        "tenant_id": client.tenant_id,
        "admin_consent_url": _consent_url(client, desired, final),
        "certificates": application_view.certificate_list(final.application, now, desired.thumbprints),
        "removed_certificates": application_view.removed_certificates(done.before.application, done.plan),
        "unmanaged": application_view.unmanaged(desired, final, now, catalogs.known),
        "service_principal": application_view.principal_view(final.service_principal),
        "attention": [rendered(sentence, task.names) for sentence in application_view.attention(final)],
        "disabled": [[rendered(part, task.names) for part in parts] for parts in application_view.disabled(final)],
        "auth_source": client.connection.credential.source,
        "waited": round(task.context.deadline.waited, 1),
    }


def _consent_url(client: GraphClient, desired: Desired, final: Observed) -> str:
    """Where an administrator consents to what the application declares; empty while it has no id."""
    app_id = str((final.application or {}).get("appId") or PENDING)
    uri = ownership.return_uri(final.application or {}, desired.pbx)
    return "" if app_id == PENDING else client.connection.endpoints.admin_consent_url(client.tenant_id, app_id, uri)


def _withhold_consent_url(task: Task, values: dict[str, Any]) -> None:
    """Nobody is sent to consent to an application that others can sign in as."""
    unknown = values["unknown_credentials"]
    if not (unknown and values["admin_consent_url"]):
        return
    values["admin_consent_url"] = ""
    if not task.params["grants"]:
        task.context.warn(
            f"no address of a consent is given: the application {values['app_id']} holds {', '.join(unknown)}, which nobody "
            "here knows. Remove what does not belong there, or say with entra_app_app_id that all of it is meant."
        )


def _warn(task: Task, desired: Desired, done: Reconciled[Observed], client: GraphClient) -> None:
    final = done.after
    for warning in application_view.restore_warnings(done.before, done.plan):
        task.context.warn(warning)
    for sentence in application_view.attention(final):
        task.context.warn(sentence)
    entries = (final.application or {}).get("keyCredentials") or ()
    kept = key_plan.kept_for_now(desired, entries, client.now())
    if kept:
        task.context.warn(
            f"O(certificates_exclusive) keeps {', '.join(kept)} for now: none of the desired certificates was registered before "
            "this run, so one of the others may be what the PBX signs in with. Run again once it signs in with a desired one, "
            "or set O(force): true."
        )
    for thumbprint in key_plan.duplicates(entries):
        task.context.warn(
            f"the certificate {thumbprint} is registered more than once; O(certificates_prune_duplicates): true removes the others"
        )
    now = client.now()
    for certificate in application_view.certificate_list(final.application, now):
        if certificate["days_left"] is not None and certificate["days_left"] < 0:
            task.context.warn(
                f"the certificate {certificate['thumbprint']} expired on {certificate['not_after']}; O(certificates_prune_expired): true removes it"
            )


def _key(params: Mapping[str, Any]) -> Key:
    key = Key(
        unique_name=(params["unique_name"] or "").strip(),
        app_id=(params["app_id"] or "").strip().lower(),
        display_name=(params["display_name"] or "").strip(),
        adopt=tuple(params.get("adopt") or ()),
        redirect_uris=tuple(params.get("redirect_uris") or ()),
        prefer_app_id=params.get("prefer") == "app_id" and bool(params["app_id"]) and bool(params["unique_name"]),
    )
    if params.get("require_evidence") and key.app_id and not is_guid(key.app_id):
        raise _strange(key.app_id)
    check_key(key)
    if "display_name" in key.adopt and not key.display_name:
        raise BadInput("O(adopt) names display_name, and O(display_name) is not given")
    if "redirect_uri" in key.adopt and not key.redirect_uris:
        raise BadInput("O(adopt) names redirect_uri, and O(redirect_uris) is not given")
    return key


def _strange(named: str) -> adoption.NotConfirmed:
    """The error for what a PBX names and no application can be; its text is foreign, and may be long."""
    shown = shortened(named)
    return adoption.NotConfirmed(
        f"the PBX names {shown!r} as its application, and no application can have that ID",
        tried="find the application of the PBX",
        remedy=f"{adoption.CREATE_ONE[0].upper()}{adoption.CREATE_ONE[1:]}; to link it to another one, name that in entra_app_app_id.",
    )


def check_key(key: Key) -> None:
    """Raise :class:`BadInput` for keys that can lead nowhere."""
    if key.app_id and not is_guid(key.app_id):
        raise BadInput(f"O(app_id) {key.app_id!r} is not a GUID", remedy="Give the application (client) id.")
    if len(key.unique_name) > 120:
        raise BadInput("O(unique_name) is longer than 120 characters")
    if len(key.display_name) > 256:
        raise BadInput("O(display_name) is longer than 256 characters")


_OBJECT_ID = "Give the object ID of a user or a service principal: `az ad user show --id NAME --query id`."
_LONGEST = {"notes": 1024, "create_with.display_name": 256}
"""Characters that Graph takes (documented: the reference of the application)."""


def _desired(params: Mapping[str, Any], key: Key) -> Desired:
    for option, most in _LONGEST.items():
        if len(dig(params, option) or "") > most:
            raise BadInput(f"{marked(option)} is longer than {most} characters")
    for owner in params["owners"] or ():
        if not is_guid(owner):
            raise BadInput(f"O(owners): {owner!r} is not an object ID", remedy=_OBJECT_ID)
    overlap = params["certificates_rotate_overlap_days"]
    if overlap is not None and overlap < 1:
        raise BadInput(
            "O(certificates_rotate_overlap_days) must be 1 or more",
            remedy="A certificate is added in one run and the older one removed in a later one.",
        )
    redirect_uris.check({uri_list.option: params[uri_list.option] for uri_list in URI_LISTS})
    for option in ("home_page_url", "logout_url"):
        if params[option] and urlsplit(params[option]).scheme not in ("http", "https"):
            raise BadInput(f"{marked(option)} {params[option]!r} is not an address")
    certificate_texts, shared = params["certificates"], params["shared_certificates"] or ()
    return Desired(
        key=key,
        plain={prop.option: params[prop.option] for prop in PROPERTIES},
        uris={uri_list.option: params[uri_list.option] for uri_list in URI_LISTS},
        uris_exclusive=params["redirect_uris_exclusive"],
        tags=params["tags"],
        claims=_claims(params["optional_claims"]),
        lock=params["service_principal_lock"],
        certificates=None if certificate_texts is None else _parsed(certificate_texts),
        certificates_exclusive=params["certificates_exclusive"],
        keep=frozenset(map(certificates.normalized_thumbprint, [*params["certificates_keep"], *shared])),
        prune_expired=params["certificates_prune_expired"],
        prune_duplicates=params["certificates_prune_duplicates"],
        overlap_days=overlap,
        permissions_exclusive=params["permissions_exclusive"],
        owners=[owner.lower() for owner in params["owners"]] if params["owners"] else params["owners"],
        service_principal=params["service_principal"] or {},
        force=params["force"],
        pbx=_application_trust.pbx_of(params),
    )


def _parsed(texts: list[str]) -> list[certificates.Certificate]:
    parsed = certificates.parse_all(texts)
    certificates.check_keys(parsed)
    return parsed


def _claims(claims_by_option: Mapping[str, Any] | None) -> dict[str, list[dict[str, Any]] | None] | None:
    if claims_by_option is None:
        return None
    return {
        option: None if claims is None else [_claim(claim) for claim in claims]
        for option, claims in claims_by_option.items()
    }


def _claim(claim: Mapping[str, Any]) -> dict[str, Any]:
    graph_claim = {
        "name": claim["name"],
        "essential": claim.get("essential"),
        "source": claim.get("source"),
        "additionalProperties": claim.get("additional_properties"),
    }
    return {name: value for name, value in graph_claim.items() if value is not None}


CAPABILITY = Capability(
    name="azure_app_registration",
    argument_spec=ARGUMENT_SPEC,
    run=run,
    required_one_of=[("unique_name", "app_id", "display_name")],
    files=("certificates",),
)
