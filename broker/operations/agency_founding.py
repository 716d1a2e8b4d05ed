"""Founding of an agency: folders, keys, configuration, first manifest and entry.

Each step checks whether its result exists, makes it if not, and writes it atomically. After an
interruption at any moment, the same request makes what is missing. Existing results are not
changed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, StringConstraints

from broker.agency.config import CONFIG_NAME, load_config
from broker.agency.config_sections import GovernanceSection, Name
from broker.agency.config_template import format_config
from broker.agency.kinds import require_kind
from broker.agency.made_manifests import note_made
from broker.envelope.primitives import b64
from broker.errors import ConfigError, KeyAccessError, WrongInputError
from broker.keys.durable import (
    PRIVATE_FOLDER_MODE,
    PUBLIC_MODE,
    SECRET_MODE,
    files_in,
    make_private_folder,
    sync_folder,
    write_durably,
)
from broker.keys.governance import GovernanceSigner, governance_signer
from broker.keys.keyfile import UNASSIGNED, KeyEntry
from broker.keys.keyring import DeriveKey, Keyring
from broker.keys.kid import ED25519, GOVERNANCE, ML_DSA_65
from broker.keys.manifest import VerifiedManifest, parse_manifest, verify_manifest
from broker.keys.passphrase import PassphraseSource, load_passphrase
from broker.keys.signed_document import Line
from broker.operations.agency_entry import (
    ENTRIES_FOLDER,
    KEYS_FOLDER,
    REQUEST_NAME,
    TLS_FOLDER,
    entry_of,
    make_operational_keys,
    manifest_of,
    newest_key,
    own_entry,
)
from broker.operations.target_folder import locked, names_in, not_empty, writing
from broker.partnership.entry import VerifiedEntry
from broker.partnership.profile import AgencyId, Profile
from broker.registry.repository import CONTRACTS_FOLDER, MANIFESTS_FOLDER, manifest_name
from broker.transport.certificates import certificate_request, new_private_key

PLAN_NAME: Final = "founding.json"
GOVERNANCE_FOLDER: Final = "governance"
FOLDERS: Final = (
    "import",
    "processed",
    "quarantine",
    "inbox",
    "state",
    CONTRACTS_FOLDER,
    MANIFESTS_FOLDER,
    ENTRIES_FOLDER,
    GOVERNANCE_FOLDER,
    KEYS_FOLDER,
    TLS_FOLDER,
)
PLAN_LIMIT_BYTES: Final = 64 * 1024
_LEFT_OVER: Final = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")
_ADDRESS: Final = (
    r"\A[A-Za-z0-9\[\]:._-]{1,255}:[0-9]{1,5}(,[A-Za-z0-9\[\]:._-]{1,255}:[0-9]{1,5}){0,15}\z"
)


class FoundingPlan(BaseModel):
    """The request; kept in the folder, so that it can be repeated.

    Attributes:
        agency: its id.
        deployment: the partnership's id; `unassigned` until the first signature names it.
        profile: information for others.
        adapter: kind of adapter.
        kafka: addresses of Kafka.
        passphrase_file: relative to the folder if it is inside.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal["concordant.founding/v1"] = "concordant.founding/v1"
    agency: AgencyId
    deployment: Name = UNASSIGNED
    profile: Profile
    adapter: Name
    kafka: Annotated[str, StringConstraints(pattern=_ADDRESS, max_length=1024)]
    passphrase_file: Line


@dataclass(frozen=True, slots=True)
class Founded:
    """An agency whose folder is complete.

    Attributes:
        directory: its folder.
        entry: the entry for others.
        made: names of the parts that this call made; empty if everything existed.
        governance_here: whether the governance keys are in the folder.
        governance: the governance keys, if this call signed with them.
    """

    directory: Path
    entry: VerifiedEntry
    made: tuple[str, ...]
    governance_here: bool
    governance: GovernanceSigner | None


def read_plan(directory: Path) -> FoundingPlan | None:
    """Return the request with which a folder was begun, None if there is none.

    Raises:
        ConfigError: `founding_unreadable`.
    """
    path = directory / PLAN_NAME
    try:
        with path.open("rb") as file:
            content = file.read(PLAN_LIMIT_BYTES + 1)
        if len(content) > PLAN_LIMIT_BYTES:
            raise ValueError
        return FoundingPlan.model_validate(orjson.loads(content))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError):  # ValidationError and JSONDecodeError are ValueErrors
        raise ConfigError(
            "The file that says how this agency was made cannot be read.",
            code="founding_unreadable",
            where=str(path),
            fix="Restore it from a backup.",
        ) from None


def passphrase_path(directory: Path, file: Path) -> str:
    """Return a passphrase file as the configuration names it: relative if it is in the folder."""
    whole, root = Path(os.path.abspath(file)), Path(os.path.abspath(directory))  # noqa: PTH100 - a link stays a link
    return str(whole.relative_to(root)) if whole.is_relative_to(root) else str(whole)


def found_agency(
    directory: Path,
    plan: FoundingPlan,
    now: int,
    *,
    partners: Mapping[str, str] | None = None,
    derive: DeriveKey | None = None,
) -> Founded:
    """Make an agency, or its missing parts.

    Args:
        directory: absent, empty, or begun with the same plan.
        plan: the request.
        now: milliseconds since the epoch.
        partners: codes of the agency's own system for its partners.
        derive: see ``Keyring``.

    Raises:
        ConfigError: `directory_not_empty`, `directory_unusable`, `config_adapter_unknown`.
        WrongInputError: `agency_differs`: the folder was begun with another plan.
        KeyAccessError: the passphrase cannot be read or is another one, or the governance keys are
            offline and something that they sign is missing.
    """
    require_kind(plan.adapter)
    load_passphrase(PassphraseSource(file=directory / plan.passphrase_file))
    _require_ours(directory, plan)
    with writing(directory, "agency", ", then give the command again"):
        make_private_folder(directory)
        with locked(directory):
            _require_ours(directory, plan)
            directory.chmod(PRIVATE_FOLDER_MODE)
            founded = _Founding(directory, plan, now, dict(partners or {}), derive).carry_out()
            sync_folder(directory)
            return founded


@dataclass(slots=True)
class _Founding:
    """The steps, in their order."""

    directory: Path
    plan: FoundingPlan
    now: int
    partners: dict[str, str]
    derive: DeriveKey | None = None
    made: list[str] = field(default_factory=list)
    governance_ring: Keyring = field(init=False)
    ring: Keyring = field(init=False)

    def carry_out(self) -> Founded:
        self._folders()
        self._file(PLAN_NAME, _plan_bytes, mode=SECRET_MODE)
        self.governance_ring = self._keyring(GOVERNANCE_FOLDER)
        self.ring = self._keyring(KEYS_FOLDER)
        entry = self._entry_held()
        if entry is None:
            governance = self._governance()
            self.made += make_operational_keys(self.ring, self.now)
            self._tls()
            self._file(CONFIG_NAME, lambda plan: _config(plan, governance, self.partners))
            entry = self._entry(governance, self._manifest(governance))
            return Founded(self.directory, entry, tuple(self.made), True, governance)
        if not (self.directory / CONFIG_NAME).exists():
            raise ConfigError(
                "The agency is complete, but its configuration is missing.",
                code="config_missing",
                where=str(self.directory / CONFIG_NAME),
                fix=f"Give the directory of an agency. This one lacks its {CONFIG_NAME}.",
            )
        here = any(
            all(self.governance_ring.holds(kid) for kid in pair.kids)
            for pair in entry.governance.pairs.values()
        )
        return Founded(self.directory, entry, tuple(self.made), here, None)

    def _folders(self) -> None:
        for name in FOLDERS:
            folder = self.directory / name
            if not folder.is_dir() and not (name == GOVERNANCE_FOLDER and self._complete()):
                make_private_folder(folder)
                self.made.append(f"{name}/")
        for folder in (self.directory, *(self.directory / name for name in FOLDERS)):
            if folder.is_dir():
                for path in folder.iterdir():
                    if _LEFT_OVER.fullmatch(path.name) and path.is_file():
                        path.unlink()  # an unfinished file of a process that ended

    def _complete(self) -> bool:
        return (self.directory / ENTRIES_FOLDER / f"{self.plan.agency}.entry").exists()

    def _file(
        self, name: str, content: Callable[[FoundingPlan], bytes], *, mode: int = PUBLIC_MODE
    ) -> None:
        path = self.directory / name
        if not path.exists():
            write_durably(path, content(self.plan), mode=mode)
            self.made.append(name)

    def _keyring(self, folder: str) -> Keyring:
        source = PassphraseSource(file=self.directory / self.plan.passphrase_file)
        return Keyring(
            self.directory / folder,
            deployment=self.plan.deployment,
            agency=self.plan.agency,
            passphrase=lambda: load_passphrase(source),
            derive=self.derive,
        )

    def _governance(self) -> GovernanceSigner:
        config = self.directory / CONFIG_NAME
        if config.exists():  # the keys were made before it
            section = load_config(self.directory).governance
            found = {b64(entry.kid): entry.kid for entry in self.governance_ring.entries()}
            try:
                kids = (found[section.ed25519], found[section.ml_dsa_65])
            except KeyError:
                raise KeyAccessError(
                    "The governance keys are not here, and what they sign is not complete.",
                    code="key_missing",
                    where=str(self.directory / GOVERNANCE_FOLDER),
                    fix="Bring them from where they are kept, give the command again, and take "
                    "them away again.",
                ) from None
        else:
            pair: list[KeyEntry] = []
            for algorithm in (ED25519, ML_DSA_65):
                entry, made = newest_key(
                    self.governance_ring, GOVERNANCE, algorithm, None, self.now
                )
                self.made += [f"{GOVERNANCE_FOLDER}/{made}"] if made else []
                pair.append(entry)
            kids = (pair[0].kid, pair[1].kid)
        return governance_signer(
            self.governance_ring, kids, deployment=self.plan.deployment, agency=self.plan.agency
        )

    def _tls(self) -> None:
        self._file(f"{TLS_FOLDER}/key.pem", lambda _: new_private_key(), mode=SECRET_MODE)
        key = (self.directory / TLS_FOLDER / "key.pem").read_bytes()
        self._file(
            f"{TLS_FOLDER}/{REQUEST_NAME}", lambda plan: certificate_request(key, plan.agency)
        )

    def _manifest(self, governance: GovernanceSigner) -> VerifiedManifest:
        folder = self.directory / MANIFESTS_FOLDER
        for path in files_in(folder, f"{self.plan.agency}.*.note")[-1:]:
            return verify_manifest(
                parse_manifest(path.read_bytes(), str(path)),
                [governance.public],
                deployment=self.plan.deployment,
                now=self.now,
                where=str(path),
            )
        manifest = manifest_of(self.plan.profile, self.ring, governance, self.now)
        path = folder / manifest_name(manifest)
        note_made(self.directory, manifest, ())
        write_durably(path, manifest.raw)
        self.made.append(f"{MANIFESTS_FOLDER}/{path.name}")
        return manifest

    def _entry(self, governance: GovernanceSigner, manifest: VerifiedManifest) -> VerifiedEntry:
        entry = entry_of(self.directory, self.plan.profile, governance, manifest, self.now)
        path = self.directory / ENTRIES_FOLDER / f"{entry.agency}.entry"
        write_durably(path, entry.raw)
        self.made.append(f"{ENTRIES_FOLDER}/{path.name}")
        return entry

    def _entry_held(self) -> VerifiedEntry | None:
        if not self._complete():
            return None
        entry = own_entry(self.directory, self.plan.agency, self.now)
        if entry.entry.profile != self.plan.profile:
            raise _differs(self.directory, "profile")
        return entry


def _plan_bytes(plan: FoundingPlan) -> bytes:
    return orjson.dumps(
        plan.model_dump(mode="json", exclude_none=True),
        option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
    )


def _config(plan: FoundingPlan, governance: GovernanceSigner, partners: dict[str, str]) -> bytes:
    first, second = governance.public.fingerprints
    return format_config(
        agency=plan.agency,
        deployment=plan.deployment,
        governance=GovernanceSection(ed25519=first, ml_dsa_65=second),
        adapter=plan.adapter,
        partners=partners,
        bootstrap=plan.kafka,
        http_port=0,
        passphrase_file=plan.passphrase_file,
    ).encode()


def _require_ours(directory: Path, plan: FoundingPlan) -> None:
    """Check that the folder is absent, empty or was begun with this plan."""
    found = names_in(directory)
    before = read_plan(directory)
    if before is None:
        inside = Path(plan.passphrase_file).parts[0]
        others = {name for name in found - {inside, *FOLDERS} if not _LEFT_OVER.fullmatch(name)}
        if others or any(_holds_files(directory / name) for name in found & set(FOLDERS)):
            raise not_empty(directory, "The folder is not empty, and holds no agency begun here.")
        return
    for name in type(before).model_fields:
        if getattr(before, name) != getattr(plan, name):
            raise _differs(directory, name)


def _holds_files(folder: Path) -> bool:
    return not folder.is_dir() or any(folder.iterdir())


def _differs(directory: Path, member: str) -> WrongInputError:
    return WrongInputError(
        f"This folder holds an agency that was made with another value ({member}). Nothing was "
        "changed.",
        code="agency_differs",
        where=str(directory / PLAN_NAME),
        fix="To finish that agency, give the folder alone: concordant agency init "
        f"{directory}. For another agency, give another folder.",
    )
