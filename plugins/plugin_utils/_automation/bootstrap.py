# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The automation's own application: found or made, with a credential that was seen to sign in; or removed.

The order matters. The key and the record of its certificate are written before the certificate is registered, so that a run
that ends in between leaves nothing that a later run would not know. A certificate is retired only after the newer one was
seen to sign in.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable, Protocol

from ansible_collections.tcx.m365.plugins.module_utils._capabilities import (
    automation,
    azure_app_registration,
    graph_permission_grant,
)
from ansible_collections.tcx.m365.plugins.module_utils._common import dates
from ansible_collections.tcx.m365.plugins.module_utils._entra import rights
from ansible_collections.tcx.m365.plugins.module_utils._entra.federation import (
    AWX,
    GITHUB,
    GITLAB,
    KUBERNETES,
    Federated,
    preset,
)
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._plan import PENDING
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import HostArguments

from . import key as keys
from .outcome import Failed, Outcome
from .place import CONSENT, RECORD, VARIABLES, KeptCertificate, Place, Record, Template, Vaulted, rendered

Json = dict[str, Any]

CERTIFICATE, FEDERATED = "certificate", "federated"
FEDERATED_OPTIONS = (
    "issuer",
    "subject",
    "audience",
    "repository",
    "ref",
    "environment",
    "organization",
    "job_template",
    "service_account",
)

_IDENTITY_FILE = "/var/run/secrets/azure/tokens/azure-identity-token"
"""Where the workload identity webhook of Azure puts it (documented)."""

_POLL_S = 3.0


class RunTask(Protocol):
    """Runs a capability; the result as a task would have it."""

    def __call__(self, capability: Capability, arguments: Mapping[str, Any], /, *, fresh: bool = False) -> Json:
        """:param fresh: with a sign-in of its own."""


@dataclass
class Vault:
    """The vault passwords of the run.

    :param encrypt: a text as Ansible Vault writes it; ``None`` where no password was given.
    :param decrypt: the reverse.
    """

    encrypt: Callable[[str], str] | None = None
    decrypt: Callable[[str], str] | None = None


class Bootstrap:
    """One run.

    :param options: validated options of the task.
    :param connection: how the person signs in to the home tenant.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        connection: HostArguments,
        run: RunTask,
        place: Place,
        vault: Vault,
        *,
        check_mode: bool,
    ) -> None:
        self.record = place.record() or Record()
        self.options = remembered(options, self.record)
        self.connection = connection
        self.run = run
        self.place = place
        self.vault = vault
        self.check_mode = check_mode
        self.outcome = Outcome()
        self._new: keys.KeyPair | None = None

    @property
    def permissions(self) -> list[str]:
        """What the application asks for in every tenant."""
        permissions = (*rights.profile(self.options["profile"]), *(self.options["permissions"] or ()))
        return list(dict.fromkeys(permissions))

    def present(self) -> Outcome:
        """Make sure that the application is there; raises :class:`Failed`."""
        desired = self._federated() if self.options["credential"] == FEDERATED else None
        existing = self._find(desired)
        application = existing["application"] or {}
        if desired is None:
            self._keep_key()
        if not application and not self.check_mode:
            self._create(existing)
        registered = self._register(existing)
        self._remember(existing, registered)
        if not self.check_mode and (not application or existing["deleted"]):
            self._find(desired)  # nobody else has put anything there in the meantime
        if desired is not None:
            self._federate(registered, desired)
        consented = self._consent(existing, registered)
        signed_in = self._verify(registered)
        if desired is None and signed_in:
            self._retire(registered)
        self._write(registered, desired)
        app_id = str(registered.get("app_id") or application.get("app_id") or PENDING)
        self.outcome.values.update(
            app_id=app_id,
            object_id=registered.get("object_id") or "",
            tenant_id=existing["tenant_id"],
            caller=existing["caller"],
            permissions=self.permissions,
            home_consented=consented,
            signed_in=signed_in,
            certificates=[
                {"thumbprint": kept.thumbprint, "not_after": kept.not_after, "seen": kept.seen or None}
                for kept in self.record.certificates
            ],
        )
        return self.outcome

    def absent(self) -> Outcome:
        """Delete the application and the files that are of no use without it; raises :class:`Failed`."""
        stated = self.options["app_id"]
        app_id = stated or (self.record.app_id if self.record.state == "present" else "")
        if not app_id:
            self._find(None)  # refuses what may be somebody else's
        else:
            arguments = self._with(app_id=app_id, state="absent", purge=self.options["purge"])
            self.outcome.take(self._step(azure_app_registration.CAPABILITY, arguments))
        self._forget()
        self.outcome.values.update(app_id=app_id, object_id=self.record.object_id, tenant_id=self.record.tenant_id)
        return self.outcome

    # --- steps ----------------------------------------------------------------------------------------------------------

    def _step(self, capability: Capability, arguments: Mapping[str, Any]) -> Json:
        result = self.run(capability, arguments)
        if result.get("failed"):
            self.outcome.take(result)
            raise Failed(result)
        return result

    def _with(self, **options: Any) -> HostArguments:
        stated = {name: value for name, value in options.items() if value is not None}
        return HostArguments({**self.connection, **stated}, self.connection.names)

    def _federated(self) -> Federated:
        stated = {name: str(self.options[f"federated_{name}"] or "").strip() for name in FEDERATED_OPTIONS}
        if not any(stated.values()) and self.record.federated:
            return Federated(**self.record.federated[-1])
        return preset(self.options["federated_platform"], stated, self.options["cloud"])

    def _find(self, desired: Federated | None) -> Json:
        known = [*self.record.federated, *([desired.body()] if desired else [])]
        stated = self.options["app_id"]
        existing = self._step(
            automation.LOOKUP,
            self._with(
                app_id=stated or self.record.app_id or None,
                stated=bool(stated),
                unique_name=self.options["unique_name"],
                display_name=self.options["display_name"],
                thumbprints=[certificate.thumbprint for certificate in self.record.certificates],
                owners=self.record.owners,
                federated=known,
            ),
        )
        if self.record.tenant_id and self.record.tenant_id != existing["tenant_id"]:
            raise BadInput(
                f"{self.place.file(RECORD)} belongs to the tenant {self.record.tenant_id}, and this run signed in to "
                f"{existing['tenant_id']}",
                tried="use what was made before",
                remedy="Correct bootstrap_tenant_id, or give this tenant a bootstrap_dir of its own. Nothing was changed.",
            )
        for unknown in existing["unknown"]:
            self.outcome.warnings.append(f"the automation's application has {unknown}, which did not come from here")
        return existing

    def _keep_key(self) -> None:
        """A certificate whose private key is here: the one of the record, or a new one."""
        current, reason = self.record.current(), ""
        if current is None:
            reason = "no certificate was made here yet"
        elif not self._has_key(current):
            reason = f"the private key of {current.thumbprint} is not there any more"
        elif self._expired(current):
            reason = f"{current.thumbprint} has expired"
        elif self.options["rotate"] and len(self.record.certificates) == 1:
            reason = "bootstrap_rotate"
        if not reason:
            self._guard_key(current)
            return
        days = self.options["certificate_days"]
        before = current.thumbprint if current else None
        if self.check_mode:
            words = f"a new certificate, RSA {keys.KEY_BITS}, valid for {days} days"
            self.outcome.change("credential", "certificate", before, words)
            return
        self._new = keys.make(self.options["display_name"], days)
        encrypt = self.vault.encrypt if self.options["vault"] != "never" else None
        name = f"automation-{self._new.thumbprint[:8].lower()}.{'pem' if encrypt is None else 'vault'}"
        self.place.write(name, self._new.pem if encrypt is None else encrypt(self._new.pem))
        self.record.certificates.append(
            KeptCertificate(
                self._new.thumbprint, dates.iso(self._new.not_after), self._new.certificate, file=name, made=_now_text()
            )
        )
        self.record.state = "present"
        self.record.unique_name = self.record.unique_name or self.options["unique_name"]
        # Before it is registered: a certificate that the next run does not know would be taken for somebody else's.
        self.place.write_record(self.record)
        self.outcome.change("credential", "certificate", before, self._new.thumbprint)

    def _guard_key(self, certificate: KeptCertificate | None) -> None:
        """A key in clear text that others can read becomes private again, and that is told."""
        name = certificate.file if certificate is not None else ""
        if name.endswith(".pem") and not self.check_mode and self.place.make_private(name):
            self.outcome.warnings.append(
                f"others could read the private key in {self.place.file(name)}; now they cannot. If somebody may have, run again "
                "with bootstrap_rotate=true and bootstrap_rotate_overlap_days=0"
            )

    def _has_key(self, certificate: KeptCertificate) -> bool:
        return bool(certificate.file) and self.place.text(certificate.file) is not None

    @staticmethod
    def _expired(certificate: KeptCertificate) -> bool:
        end = dates.parse(certificate.not_after)
        return end is not None and end <= dt.datetime.now(dt.timezone.utc)

    def _create(self, existing: Json) -> None:
        """An empty application, recorded at once: what may be refused comes later, and the next run has to know it."""
        created = self._step(
            azure_app_registration.CAPABILITY,
            self._with(
                unique_name=self.options["unique_name"],
                display_name=self.options["display_name"],
                sign_in_audience="AzureADMultipleOrgs",
                wait_timeout=self.options["wait_timeout"],
            ),
        )
        self.outcome.take(created)
        self._remember(existing, created)
        existing["application"] = {"app_id": created["app_id"], "object_id": created["object_id"], "marked": True}

    def _register(self, existing: Json) -> Json:
        application = existing["application"]
        stated = bool(self.options["app_id"])
        current = self.record.current() if self.options["credential"] == CERTIFICATE else None
        key: Json = {"app_id": application["app_id"]} if application else {"unique_name": self.options["unique_name"]}
        # An application that is only stated keeps what it is called, and what it declares besides.
        ours = not stated or bool(application and application["marked"])
        if not application or ours:
            key["display_name"] = self.options["display_name"]
        result = self.run(
            azure_app_registration.CAPABILITY,
            self._with(
                **key,
                sign_in_audience="AzureADMultipleOrgs",
                redirect_uris=[self.options["redirect_uri"]],
                certificates=[current.certificate] if current else None,
                permissions=self.permissions,
                permissions_exclusive=ours,
                service_principal_lock={"enabled": True, "all_properties": True},
                wait_timeout=self.options["wait_timeout"],
            ),
        )
        self.outcome.take(result)
        if result.get("failed"):
            self._take_back(result)
            raise Failed(result)
        return result

    def _take_back(self, result: Json) -> None:
        """A certificate that was certainly not registered is forgotten: another one may be accepted."""
        refused = (result.get("error") or {}).get("kind") in ("rejected", "forbidden", "bad_input", "not_confirmed")
        registered = any(change.get("field") == "certificates" for change in result.get("changes") or ())
        if self._new is None or not refused or registered:
            return
        made, self._new = self._new, None
        self.record.certificates = [kept for kept in self.record.certificates if kept.thumbprint != made.thumbprint]
        for suffix in ("pem", "vault"):
            self.place.remove(f"automation-{made.thumbprint[:8].lower()}.{suffix}")
        self.place.write_record(self.record)
        if "ifetime" in str((result.get("error") or {}).get("code")):
            result["msg"] = f"{result['msg']} Give bootstrap_certificate_days as many days as the policy allows."

    def _remember(self, existing: Json, registered: Json) -> None:
        if self.check_mode:
            return
        record = self.record
        if existing["caller_id"] and record.app_id != registered["app_id"] and not self.options["app_id"]:
            record.owners = sorted({*record.owners, existing["caller_id"]})
        record.state = "present"
        record.tenant_id = existing["tenant_id"]
        record.cloud = self.options["cloud"]
        record.app_id, record.object_id = registered["app_id"], registered["object_id"]
        record.unique_name, record.profile = self.options["unique_name"], self.options["profile"]
        record.permissions, record.credential = list(self.options["permissions"]), self.options["credential"]
        record.platform = self.options["federated_platform"] if record.credential == FEDERATED else ""
        self.place.write_record(record)

    def _federate(self, registered: Json, desired: Federated) -> None:
        entry = {name: getattr(desired, name) for name in ("name", "issuer", "subject", "audience")}
        if not self.check_mode and self.record.federated[-1:] != [entry]:
            self.record.federated = [*(earlier for earlier in self.record.federated if earlier != entry), entry]
            self.place.write_record(self.record)
        if registered.get("app_id") in (None, "", PENDING):
            for name, value in desired.body().items():
                self.outcome.change("federated_credential", name, None, value)
            return
        arguments = self._with(object_id=registered["object_id"], **entry, wait_timeout=self.options["wait_timeout"])
        self.outcome.take(self._step(automation.FEDERATED, arguments))

    def _consent(self, existing: Json, registered: Json) -> bool | None:
        """Whether the home tenant has consented; ``None`` where it is left to a person."""
        if not self.options["home_consent"]:
            return None
        if existing["may_consent"] is False:
            self.outcome.notes.append(
                f"{existing['caller'] or 'The caller'} may not grant permissions of Microsoft Graph in the home tenant: let a "
                f"Privileged Role Administrator open {registered.get('admin_consent_url') or 'the consent address'}"
            )
            return False
        result = self.run(
            graph_permission_grant.CAPABILITY,
            self._with(
                app_id=registered.get("app_id") or PENDING,
                permissions=self.permissions,
                exclusive=True,
                force=bool(self.options["app_id"]),
                wait_timeout=self.options["wait_timeout"],
            ),
        )
        if result.get("failed") and (result.get("error") or {}).get("kind") == "forbidden":
            self.outcome.notes.append(
                f"consent in the home tenant was refused ({result['error'].get('said')}): let a Privileged Role "
                f"Administrator open {registered.get('admin_consent_url') or 'the consent address'}"
            )
            return False
        self.outcome.take(result)
        if result.get("failed"):
            raise Failed(result)
        return True

    def _verify(self, registered: Json) -> bool | None:
        """Whether a sign-in with the current credential was seen; ``None`` where it cannot be tried from here."""
        current = self.record.current()
        if self.check_mode:
            return None
        if self.options["credential"] != CERTIFICATE or current is None:
            self.outcome.notes.append(
                "a federated credential can be tried only where its tokens are issued: run tcx.m365.tenants there"
            )
            return None
        pem = self._pem(current)
        if pem is None:
            self.outcome.warnings.append(
                f"the private key in {self.place.file(current.file)} is encrypted and no vault password was given, so the sign-in was "
                "not verified: add --vault-password-file or --ask-vault-pass"
            )
            return None
        arguments = {
            **{name: value for name, value in self.connection.items() if name not in ("auth_source", "access_token")},
            "tenant_id": self.record.tenant_id,
            "client_id": registered["app_id"],
            "certificate": pem,
            "auth_source": "certificate",
        }
        end = time.monotonic() + self.options["wait_timeout"]
        while True:
            result = self.run(automation.ACCESS, HostArguments(arguments, {}), fresh=True)
            if not result.get("failed"):
                break
            if not automation.may_be_early(result) or time.monotonic() + _POLL_S >= end:
                raise Failed(result)
            time.sleep(_POLL_S)
        used = (result.get("credential") or {}).get("thumbprint")
        if used != current.thumbprint:
            raise BadInput(
                f"{self.place.file(current.file)} holds the certificate {used}, and the record has {current.thumbprint}",
                tried="verify the sign-in",
                remedy="Restore the file, or remove it: the next run makes another certificate.",
            )
        if not current.seen:
            current.seen = _now_text()
            self.place.write_record(self.record)
        return True

    def _retire(self, registered: Json) -> None:
        """Remove older certificates of ours, after the current one was seen to sign in for the whole overlap."""
        current = self.record.current()
        older = [certificate for certificate in self.record.certificates if certificate is not current]
        if not older or current is None:
            return
        since = dates.parse(current.seen) or dt.datetime.now(dt.timezone.utc)
        end = since + dt.timedelta(days=self.options["rotate_overlap_days"])
        if dt.datetime.now(dt.timezone.utc) < end:
            shown = ", ".join(certificate.thumbprint for certificate in older)
            self.outcome.notes.append(
                f"the earlier certificate {shown} stays until {end:%Y-%m-%d}: run the bootstrap again then, and give every "
                "controller the new one before"
            )
            return
        self._deregister({certificate.thumbprint for certificate in older}, current, registered)
        for certificate in older:
            if certificate.file and self.place.remove(certificate.file):
                self.outcome.file(self.place.file(certificate.file), before="private key", after="")
        self.record.certificates = [current]
        self.place.write_record(self.record)

    def _deregister(self, thumbprints: set[str], current: KeptCertificate, registered: Json) -> None:
        """Remove certificates from the application; it keeps those that did not come from here."""
        present = [str(certificate["thumbprint"]) for certificate in registered.get("certificates") or ()]
        if thumbprints.isdisjoint(present):
            return
        arguments = self._with(
            app_id=registered["app_id"],
            certificates=[current.certificate],
            certificates_exclusive=True,
            certificates_keep=[thumbprint for thumbprint in present if thumbprint not in thumbprints],
            wait_timeout=self.options["wait_timeout"],
        )
        self.outcome.take(self._step(azure_app_registration.CAPABILITY, arguments))

    # --- files ----------------------------------------------------------------------------------------------------------

    def variables(self, app_id: str, desired: Federated | None) -> Json:
        """The variables for the inventory; the private key is in none of them in clear text."""
        variables: Json = {"entra_client_id": app_id}
        if self.options["cloud"] != "public":
            variables["entra_cloud"] = self.options["cloud"]
        if desired is not None:
            variables.update(_federated_variables(self.options["federated_platform"]))
        else:
            current = self.record.current()
            variables["entra_auth_source"] = "certificate"  # whatever else the inventory has for other applications
            if current is not None and current.file.endswith(".vault"):
                variables["entra_certificate"] = Vaulted(self.place.text(current.file) or "")
            elif current is not None:
                variables["entra_certificate_path"] = self.place.file(current.file)
        variables["bootstrap_profile"] = self.options["profile"]
        if self.options["permissions"]:
            variables["bootstrap_permissions"] = list(self.options["permissions"])
        return variables

    def _write(self, registered: Json, desired: Federated | None) -> None:
        app_id = str(registered.get("app_id") or PENDING)
        if self.check_mode:
            self.outcome.values["variables"] = {"entra_client_id": app_id, "bootstrap_profile": self.options["profile"]}
            return
        variables = self.variables(app_id, desired)
        if self.place.write(VARIABLES, rendered(variables)):
            self.outcome.file(self.place.file(VARIABLES), before="", after="variables for the inventory")
        self.outcome.values["variables"] = {
            name: "(encrypted by Ansible Vault)" if isinstance(value, Vaulted) else _plain(value)
            for name, value in variables.items()
        }
        self.outcome.values["variables_file"] = self.place.file(VARIABLES)

    def _pem(self, certificate: KeptCertificate) -> str | None:
        """Private key and certificate; ``None`` where they cannot be read without a vault password."""
        content = self.place.text(certificate.file) if certificate.file else None
        if content is None or not certificate.file.endswith(".vault"):
            return content
        return self.vault.decrypt(content.strip()) if self.vault.decrypt is not None else None

    def _forget(self) -> None:
        key_files = [certificate.file for certificate in self.record.certificates if certificate.file]
        names = [*key_files, VARIABLES, CONSENT]
        existing = [name for name in names if self.place.text(name) is not None]
        for name in existing:
            self.outcome.file(self.place.file(name), before="written by the bootstrap", after="")
        if self.check_mode:
            return
        for name in existing:
            self.place.remove(name)
        if self.options["purge"]:
            self.place.remove(RECORD)
        elif self.record.app_id and self.record.state != "absent":
            # What was deleted can be restored, and then only by those who know that it was theirs.
            self.record.state = "absent"
            for certificate in self.record.certificates:
                certificate.file = ""
            self.place.write_record(self.record)


def remembered(options: Mapping[str, Any], record: Record) -> Json:
    """The options, with what the record has for those that were not given: a run that only rotates widens nothing."""
    credential = options["credential"] or record.credential or CERTIFICATE
    platform = options["federated_platform"] or record.platform or GITHUB
    return {
        **options,
        "profile": options["profile"] or record.profile or "full",
        "permissions": list(record.permissions if options["permissions"] is None else options["permissions"]),
        "credential": credential,
        "federated_platform": platform,
    }


def _federated_variables(platform: str) -> Json:
    """How a run on the platform signs in."""
    if platform == GITHUB:
        return {"entra_auth_source": "github"}
    source = {"entra_auth_source": "federated_token"}
    if platform == GITLAB:
        return {**source, "entra_federated_token": Template("{{ lookup('ansible.builtin.env', 'TCX_ID_TOKEN') }}")}
    if platform in (KUBERNETES, AWX):
        return {**source, "entra_federated_token_file": _IDENTITY_FILE}
    return source


def _plain(value: Any) -> Any:
    """Without the marks of :mod:`place`, which Ansible does not know."""
    return str.__str__(value) if isinstance(value, str) else value


def _now_text() -> str:
    return dates.iso(dt.datetime.now(dt.timezone.utc).replace(microsecond=0))
