# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Federated credentials: a token of another identity provider signs in as the application, and there is no secret to keep.

Limits and rules: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-create-trust and
https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable
from urllib.parse import urlsplit

from .._errors import BadInput, NotYetReplicated
from .._plan import Change, Plan, Write
from .._reconcile import Applied, Resource
from .graph import Call, GraphClient

Json = dict[str, Any]
State = tuple[Json, ...]

AUDIENCES: Mapping[str, str] = {
    "public": "api://AzureADTokenExchange",
    "usgov": "api://AzureADTokenExchangeUSGov",
    "usgov_dod": "api://AzureADTokenExchangeUSGov",
    "china": "api://AzureADTokenExchangeChina",
}
"""By cloud (documented)."""

GITHUB, GITLAB, KUBERNETES, AWX, AAP, OTHER = "github", "gitlab", "kubernetes", "awx", "aap", "other"
PLATFORMS = (GITHUB, GITLAB, KUBERNETES, AWX, AAP, OTHER)

_LONGEST = 600
_TARGET = "federated_credential"


@dataclass(frozen=True)
class Federated:
    """One federated credential.

    :param name: URL-friendly, 3 to 120 characters; never changes.
    """

    name: str
    issuer: str
    subject: str
    audience: str

    def body(self) -> Json:
        return {"name": self.name, "issuer": self.issuer, "subject": self.subject, "audiences": [self.audience]}


def preset(platform: str, options: Mapping[str, str], cloud: str) -> Federated:
    """The credential for a platform, made of what its operator knows.

    :param options: ``issuer``, ``subject``, ``audience``, ``repository`` (``OWNER/NAME``), ``ref`` (a branch, or
        ``refs/...``), ``environment``, ``organization``, ``job_template``, ``service_account`` (``NAMESPACE/NAME``); empty
        where not given. What is given as issuer, subject or audience wins.
    :raises BadInput: something is missing, or Microsoft Entra would accept it and never match it.
    """
    issuer, subject = _MAKERS[platform](options)
    credential = Federated(
        name=f"tcx-m365-{platform}",
        issuer=options.get("issuer") or issuer,
        subject=options.get("subject") or subject,
        audience=options.get("audience") or AUDIENCES[cloud],
    )
    _check(credential, platform)
    return credential


def _github(options: Mapping[str, str]) -> tuple[str, str]:
    repository = options.get("repository", "")
    if not options.get("subject") and repository.count("/") != 1:
        raise _missing(GITHUB, "repository", "OWNER/NAME of the repository")
    if options.get("environment"):
        tail = f"environment:{options['environment']}"
    else:
        ref = options.get("ref") or "main"
        tail = f"ref:{ref if ref.startswith('refs/') else f'refs/heads/{ref}'}"
    return "https://token.actions.githubusercontent.com", f"repo:{repository}:{tail}"


def _gitlab(options: Mapping[str, str]) -> tuple[str, str]:
    repository = options.get("repository", "")
    if not options.get("subject") and "/" not in repository:
        raise _missing(GITLAB, "repository", "GROUP/PROJECT of the project")
    ref = options.get("ref") or "main"
    kind = "tag" if ref.startswith("refs/tags/") else "branch"
    short = ref.removeprefix("refs/tags/").removeprefix("refs/heads/")
    return "https://gitlab.com", f"project_path:{repository}:ref_type:{kind}:ref:{short}"


def _kubernetes(options: Mapping[str, str]) -> tuple[str, str]:
    if not options.get("issuer"):
        raise _missing(KUBERNETES, "issuer", "the service account issuer of the cluster, which Microsoft must reach")
    account = options.get("service_account", "")
    if not options.get("subject") and account.count("/") != 1:
        raise _missing(KUBERNETES, "service_account", "NAMESPACE/NAME of the service account of the pods")
    return "", f"system:serviceaccount:{account.replace('/', ':')}"


def _aap(options: Mapping[str, str]) -> tuple[str, str]:
    if not options.get("issuer"):
        raise _missing(AAP, "issuer", "https://HOST/o of the platform")
    names = (options.get("organization", ""), options.get("job_template", ""))
    if not options.get("subject") and not all(names):
        raise _missing(AAP, "organization and bootstrap_federated_job_template", "names as the platform shows them")
    kind = "workload_type:aap_controller_automation_job"
    return "", f"{kind}:organization:{names[0]}:job_template:{names[1]}"


def _other(options: Mapping[str, str]) -> tuple[str, str]:
    for name in ("issuer", "subject"):
        if not options.get(name):
            raise _missing(OTHER, name, f"the {name} of the tokens, exactly as they carry it")
    return "", ""


_MAKERS: Mapping[str, Callable[[Mapping[str, str]], tuple[str, str]]] = {
    GITHUB: _github,
    GITLAB: _gitlab,
    KUBERNETES: _kubernetes,
    AWX: _kubernetes,  # its jobs run in pods, whose service account has a token
    AAP: _aap,
    OTHER: _other,
}


def _missing(platform: str, name: str, what: str) -> BadInput:
    return BadInput(
        f"bootstrap_federated_platform is {platform}, and bootstrap_federated_{name} is not given",
        tried="describe the federated credential",
        remedy=f"Give {what}.",
    )


def _check(credential: Federated, platform: str) -> None:
    for name in ("issuer", "subject", "audience"):
        value = getattr(credential, name)
        if len(value) > _LONGEST:
            raise BadInput(f"bootstrap_federated_{name} is longer than {_LONGEST} characters")
        if "*" in value:
            raise BadInput(
                f"bootstrap_federated_{name} contains a wildcard, which a federated credential does not know",
                remedy="Give the exact value that the tokens carry.",
            )
    if urlsplit(credential.issuer).scheme != "https":
        raise BadInput(
            f"bootstrap_federated_issuer {credential.issuer!r} is not an https address",
            tried=f"describe the federated credential for {platform}",
            remedy="Give the issuer exactly as the tokens carry it (iss).",
        )


class FederatedCredential(Resource[State]):
    """One federated credential among those of an application; the others are left alone.

    :param within: seconds that replication may take.
    """

    what = "the federated credential"

    def __init__(self, client: GraphClient, object_id: str, desired: Federated, within: float) -> None:
        self._client = client
        self._path = f"/applications/{object_id}/federatedIdentityCredentials"
        self._desired = desired
        self._within = within
        self.subject = f"federated credential {desired.name}"

    def observe(self) -> State:
        return tuple(self._client.pages(self._path))

    def plan(self, state: State) -> Plan:
        return planned(self._desired, state)

    def expected(self, state: State, plan: Plan) -> State:
        if not plan.writes:
            return state
        changed = {**dict(plan.writes[0].payload), **self._desired.body()}
        return (*(credential for credential in state if credential.get("id") != changed.get("id")), changed)

    def apply(self, plan: Plan, state: State, note: Callable[[State], None]) -> Applied[State]:
        for write in plan.writes:
            body = self._desired.body()
            call = Call("POST", self._path, body)
            if write.action == "update":
                del body["name"]
                call = Call("PATCH", f"{self._path}/{write.payload['id']}", body)
            self._send(call)
        state = self.expected(state, plan)
        note(state)
        return Applied(state)

    def _send(self, call: Call) -> None:
        self._client.eventually(lambda: self._client.send(call).get(), self.what, within=self._within)

    def read(self, known: State) -> State:
        def probe() -> State:
            state = self.observe()
            if self.plan(state).writes:
                message = f"only {len(state)} of {len(known)} federated credentials can be read back yet"
                raise NotYetReplicated(message, tried=f"read {self.what}")
            return state

        return self._client.eventually(probe, "the federated credential is not visible yet", within=self._within)


def planned(desired: Federated, entries: Sequence[Json]) -> Plan:
    """What is to be done so that the credential is there. Pure; values are compared as Microsoft Entra does, with case.

    One with the same issuer and subject is the same whatever its name: two of a pair are refused (documented).
    """
    pair = (desired.issuer, desired.subject)
    same = [entry for entry in entries if (entry.get("issuer"), entry.get("subject")) == pair]
    named = [entry for entry in entries if entry.get("name") == desired.name]
    existing = next(iter(same or named), None)
    subject = f"federated credential {desired.name}"
    if existing is None:
        changes = [Change(_TARGET, name, None, value) for name, value in desired.body().items()]
        return Plan(changes, [Write("create", {})], subject=subject)
    values = {name: value for name, value in desired.body().items() if name != "name"}
    changes = [
        Change(_TARGET, name, existing.get(name), value)
        for name, value in values.items()
        if existing.get(name) != value
    ]
    return Plan(changes, [Write("update", existing)] if changes else [], subject=subject)
