# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Generated applications and wishes, for properties that must hold for all of them."""

from __future__ import annotations

import base64
import datetime as dt
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common import dates
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import certificates
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.model import MARK, Desired, Key, Observed
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.permissions import (
    APPLICATION,
    DELEGATED,
    Catalog,
    Permission,
)
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra.conftest import NOW, make_pair
from hypothesis import strategies as st

Json = dict[str, Any]

GRAPH = "00000003-0000-0000-c000-000000000000"
OTHER = "00000002-0000-0ff1-ce00-000000000000"
UNKNOWN = "aaaaaaaa-0000-0000-0000-000000000000"

# A few real certificates: four that live, one that has ended.
CERTIFICATES = [certificates.parse(make_pair(f"c{number}").pem) for number in range(4)]
ENDED = certificates.parse(make_pair("ended", NOW - dt.timedelta(days=400), NOW - dt.timedelta(days=40)).pem)


def permission(number: int, kind: str = APPLICATION, resource: str = GRAPH) -> Permission:
    """One of a few permissions whose names say what they are."""
    return Permission(resource, f"{number:08d}-{'1' if kind == APPLICATION else '2'}", kind, f"P{number}.{kind}")


CATALOGUES = {
    resource: Catalog(
        resource,
        f"object-of-{resource}",
        title,
        {
            kind: {permission(n, kind).name: permission(n, kind).id for n in range(6)}
            for kind in (APPLICATION, DELEGATED)
        },
        {APPLICATION: {}, DELEGATED: {}},
    )
    for resource, title in ((GRAPH, "Microsoft Graph"), (OTHER, "Exchange"))
}

PERMISSIONS = [
    permission(n, kind, resource) for n in range(3) for kind in (APPLICATION, DELEGATED) for resource in (GRAPH, OTHER)
]

uris = st.lists(st.sampled_from([f"https://pbx{n}.example/oauth2office2" for n in range(5)]), unique=True)
texts = st.sampled_from(["one", "two", ""])
flags = st.booleans()


def maybe(strategy: Any) -> Any:
    return st.none() | strategy


def entry(certificate: certificates.Certificate, number: int, *, ours: bool, identifier: str, ended: bool) -> Json:
    """A key credential as Graph might show it."""
    end = NOW - dt.timedelta(days=1) if ended else certificate.not_after
    forms = {
        "hex": certificate.thumbprint,
        "lower": certificate.thumbprint.lower(),
        "base64": base64.b64encode(bytes.fromhex(certificate.thumbprint)).decode(),
    }
    return {
        "customKeyIdentifier": forms[identifier],
        "displayName": f"{MARK} 2026-01-0{number + 1}" if ours else "CN=somebody",
        "endDateTime": dates.iso(end),
        "hasExtendedValue": None,
        "key": base64.b64encode(certificate.der).decode() if identifier == "hex" else None,
        "keyId": f"key-{certificate.thumbprint[:6]}-{number}",
        "startDateTime": dates.iso(certificate.not_before),
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
    }


def saml_key(number: int) -> Json:
    """A key that signs SAML responses; nobody signs in with it."""
    return {
        "keyId": f"saml-{number}",
        "type": "X509CertAndPassword",
        "usage": "Sign",
        "displayName": "SAML",
        "key": None,
    }


entries = st.lists(
    st.one_of(
        st.builds(
            entry,
            st.sampled_from([*CERTIFICATES, ENDED]),
            st.integers(0, 2),
            ours=flags,
            identifier=st.sampled_from(["hex", "lower", "base64"]),
            ended=flags,
        ),
        st.builds(saml_key, st.integers(0, 1)),
    ),
    max_size=6,
    unique_by=lambda each: each["keyId"],
)


@st.composite
def access(draw: Any) -> list[Json]:
    """A requiredResourceAccess, with APIs and permissions nobody knows."""
    found = []
    for resource in draw(st.lists(st.sampled_from([GRAPH, OTHER, UNKNOWN, GRAPH.upper()]), unique_by=str.lower)):
        ids = draw(st.lists(st.sampled_from([each.id for each in PERMISSIONS] + ["stranger"]), min_size=1, unique=True))
        found.append(
            {
                "resourceAppId": resource,
                "resourceAccess": [
                    {"id": each, "type": APPLICATION if each.endswith("1") else DELEGATED} for each in ids
                ],
            }
        )
    return found


@st.composite
def applications(draw: Any, *, marked: bool | None = None) -> Json:
    """An application as Graph might show it, with nulls where a flag was never set."""
    has_mark = draw(flags) if marked is None else marked
    return {
        "id": "object",
        "appId": "app",
        "uniqueName": draw(st.sampled_from([None, "name"])),
        "displayName": draw(st.sampled_from(["one", "two"])),
        "createdDateTime": "2026-01-01T00:00:00Z",
        "signInAudience": draw(st.sampled_from(["AzureADMyOrg", "AzureADMultipleOrgs"])),
        "isFallbackPublicClient": draw(maybe(flags)),
        "notes": draw(maybe(texts)),
        "tags": draw(st.lists(st.sampled_from(["a", "b"]), unique=True)) + ([MARK] if has_mark else []),
        "optionalClaims": draw(maybe(st.just({"idToken": [{"name": "upn", "essential": False}], "accessToken": []}))),
        "servicePrincipalLockConfiguration": draw(maybe(st.just({"isEnabled": True, "allProperties": None}))),
        "web": {
            "homePageUrl": draw(maybe(st.just("https://home.example"))),
            "logoutUrl": None,
            "redirectUris": draw(uris),
            "implicitGrantSettings": draw(
                maybe(
                    st.fixed_dictionaries({"enableIdTokenIssuance": maybe(flags), "enableAccessTokenIssuance": flags})
                )
            ),
        },
        "spa": draw(maybe(st.fixed_dictionaries({"redirectUris": uris}))),
        "publicClient": {"redirectUris": draw(uris)},
        "keyCredentials": draw(entries),
        "requiredResourceAccess": draw(access()),
    }


@st.composite
def observations(draw: Any, *, marked: bool | None = None) -> Observed:
    """What may be there: nothing, an application, or a deleted one."""
    kind = draw(st.sampled_from(["nothing", "there", "there", "deleted"]))
    if kind == "nothing":
        return Observed()
    application = draw(applications(marked=marked))
    principal = {
        "id": "sp",
        "appId": "app",
        "accountEnabled": draw(flags),
        "appRoleAssignmentRequired": draw(maybe(flags)),
        "tags": draw(st.lists(st.sampled_from(["WindowsAzureActiveDirectoryIntegratedApp", "x"]), unique=True)),
    }
    gone = {**principal, "deletedDateTime": "2026-11-01T00:00:00Z"}
    if kind == "deleted":
        deleted = {**application, "deletedDateTime": "2026-11-01T00:00:00Z"}
        return Observed(deleted=deleted, deleted_principal=draw(maybe(st.just(gone))))
    there = draw(st.sampled_from(["live", "live", "deleted", "absent"]))
    return Observed(
        application,
        principal if there == "live" else None,
        deleted_principal=gone if there == "deleted" else None,
        owners=tuple(draw(st.sets(st.sampled_from("abc")))),
    )


_certificates = st.lists(st.sampled_from(CERTIFICATES), unique=True)
_some_certificates = st.lists(st.sampled_from(CERTIFICATES), unique=True, min_size=1)


@st.composite
def requested(draw: Any, *, exclusive: bool | None = None, removes: bool = True, rotates: bool = False) -> Desired:
    """Any wish. ``exclusive=False`` and ``removes=False``: one that must not remove anything."""
    strict = flags if exclusive is None else st.just(exclusive)
    removing = flags if removes else st.just(False)
    claim = st.fixed_dictionaries({"name": st.sampled_from(["upn", "email"])}, optional={"essential": flags})
    return Desired(
        key=Key(unique_name=draw(st.sampled_from(["", "name"])), display_name="one"),
        plain={
            "display_name": draw(maybe(st.sampled_from(["one", "three"]))),
            "sign_in_audience": draw(maybe(st.just("AzureADMyOrg"))),
            "id_tokens": draw(maybe(flags)),
            "public_client": draw(maybe(flags)),
            "notes": draw(maybe(texts)),
            "home_page_url": draw(maybe(st.sampled_from(["", "https://home.example", "https://other.example"]))),
            "logout_url": draw(maybe(st.sampled_from(["", "https://out.example"]))),
        },
        uris={
            each: draw(maybe(uris)) for each in ("redirect_uris", "spa_redirect_uris", "public_client_redirect_uris")
        },
        uris_exclusive=draw(strict),
        tags=draw(st.lists(st.sampled_from(["a", "z"]), unique=True)),
        claims=draw(maybe(st.fixed_dictionaries({"id_token": maybe(st.lists(claim, unique_by=lambda c: c["name"]))}))),
        lock=draw(maybe(st.fixed_dictionaries({"enabled": flags, "all_properties": maybe(flags)}))),
        certificates=draw(_some_certificates if rotates else maybe(_certificates)),
        certificates_exclusive=draw(strict),
        keep=frozenset(draw(st.sets(st.sampled_from([each.thumbprint for each in CERTIFICATES])))),
        prune_expired=draw(removing),
        prune_duplicates=draw(removing),
        overlap_days=draw(st.integers(1, 400) if rotates else maybe(st.integers(1, 400))) if removes else None,
        permissions=draw(maybe(st.lists(st.sampled_from(PERMISSIONS), unique=True))),
        permissions_exclusive=draw(strict),
        owners=draw(maybe(st.lists(st.sampled_from("abcd"), unique=True))),
        service_principal=draw(
            st.fixed_dictionaries({}, optional={"enabled": flags, "assignment_required": flags, "visible": flags})
        ),
        force=draw(flags),
    )
