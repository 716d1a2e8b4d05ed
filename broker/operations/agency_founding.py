"""Founding of an agency: folders, keys, configuration, first manifest and entry.

Each step looks whether its result is there, makes it if not, and writes it in one step. A process
that ends at any moment leaves a folder in which the same request makes what is missing. What is
there is not changed.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, StringConstraints

from broker.agency.config import CONFIG_NAME, GovernanceSection, Name, format_config, load_config
from broker.agency.kinds import require_kind
from broker.envelope.primitives import b64
from broker.errors import ConfigError, KeyAccessError, WrongInputError
from broker.keys.delegation import issue_delegation
from broker.keys.durable import (
    PRIVATE_FOLDER_MODE,
    PUBLIC_MODE,
    SECRET_MODE,
    make_private_folder,
    sync_folder,
    write_durably,
)
from broker.keys.governance import GovernanceSigner, governance_signer
from broker.keys.instant import whole_second
from broker.keys.issuing import OPERATIONAL_KEYS, PUBLISHED_AHEAD_MS, first_manifest, listed_key
from broker.keys.keyfile import UNASSIGNED, KeyEntry
from broker.keys.keyring import Keyring
from broker.keys.kid import (
    ED25519,
    GOVERNANCE,
    HMAC,
    LONGEST_LIFE_MS,
    MANIFEST,
    ML_DSA_65,
    SECRET,
)
from broker.keys.manifest import VerifiedManifest, parse_manifest, verify_manifest
from broker.keys.passphrase import PassphraseSource, load_passphrase
from broker.partnership.entry import ENTRY_LIMIT_BYTES, VerifiedEntry, make_entry, verify_entry
from broker.partnership.profile import AgencyId, Line, Profile
from broker.registry.repository import CONTRACTS_FOLDER, MANIFESTS_FOLDER
from broker.transport.certificates import certificate_request, new_private_key

PLAN_NAME: Final = "founding.json"
ENTRIES_FOLDER: Final = "entries"
GOVERNANCE_FOLDER: Final = "governance"
KEYS_FOLDER: Final = "keys"
TLS_FOLDER: Final = "tls"
REQUEST_NAME: Final = "request.pem"
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
    """What was asked for; kept in the folder, so that the request can be repeated.

    Attributes:
        agency: its id.
        deployment: the partnership's id; `unassigned` until the first signature names it.
        profile: what others are told.
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
        entry: what others get.
        made: names of what this call made; empty if everything was there.
        governance_here: whether the governance keys are in the folder.
        governance: the governance keys, where this call signed with them.
    """

    directory: Path
    entry: VerifiedEntry
    made: tuple[str, ...]
    governance_here: bool
    governance: GovernanceSigner | None


def read_plan(directory: Path) -> FoundingPlan | None:
    """The request with which a folder was begun, None if there is none.

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
    """A passphrase file as the configuration names it: relative if it is in the folder."""
    whole, root = Path(os.path.abspath(file)), Path(os.path.abspath(directory))  # noqa: PTH100 - a link stays a link
    return str(whole.relative_to(root)) if whole.is_relative_to(root) else str(whole)


def found_agency(
    directory: Path,
    plan: FoundingPlan,
    now: int,
    *,
    partners: Mapping[str, str] | None = None,
) -> Founded:
    """Makes an agency, or what is missing of it.

    Args:
        directory: absent, empty, or begun with the same plan.
        plan: what is asked for.
        now: milliseconds since the epoch.
        partners: codes of the agency's own system for its partners.

    Raises:
        ConfigError: `directory_not_empty`, `directory_unusable`, `config_adapter_unknown`.
        WrongInputError: `agency_differs`: the folder was begun with another plan.
        KeyAccessError: the passphrase cannot be read or is another one, or the governance keys
            are away and something that they sign is missing.
    """
    require_kind(plan.adapter)
    load_passphrase(PassphraseSource(file=directory / plan.passphrase_file))
    _require_ours(directory, plan)
    try:
        make_private_folder(directory)
        with _alone(directory):
            _require_ours(directory, plan)
            directory.chmod(PRIVATE_FOLDER_MODE)
            return _Founding(directory, plan, now, dict(partners or {})).carry_out()
    except OSError as error:
        raise ConfigError(
            f"The agency cannot be written ({error.strerror}).",
            code="directory_unusable",
            where=str(directory),
            fix="Check the free space, the owner and the permissions of the folder, then give the "
            "command again.",
        ) from None


@dataclass(slots=True)
class _Founding:
    """The steps, in their order."""

    directory: Path
    plan: FoundingPlan
    now: int
    partners: dict[str, str]
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
            self._operational()
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
        here = all(self.governance_ring.holds(kid) for kid in entry.governance.kids)
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
                        path.unlink()  # a file that was being written when the process ended

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
                entry, made = _key(self.governance_ring, GOVERNANCE, algorithm, None, self.now)
                self.made += [f"{GOVERNANCE_FOLDER}/{made}"] if made else []
                pair.append(entry)
            kids = (pair[0].kid, pair[1].kid)
        return governance_signer(
            self.governance_ring,
            kids,
            deployment=self.plan.deployment,
            agency=self.plan.agency,
        )

    def _operational(self) -> None:
        self.made += make_operational_keys(self.ring, self.now)

    def _tls(self) -> None:
        self._file(f"{TLS_FOLDER}/key.pem", lambda _: new_private_key(), mode=SECRET_MODE)
        key = (self.directory / TLS_FOLDER / "key.pem").read_bytes()
        self._file(
            f"{TLS_FOLDER}/{REQUEST_NAME}", lambda plan: certificate_request(key, plan.agency)
        )

    def _manifest(self, governance: GovernanceSigner) -> VerifiedManifest:
        path = self.directory / MANIFESTS_FOLDER / f"{self.plan.agency}.1.note"
        if path.exists():
            return verify_manifest(
                parse_manifest(path.read_bytes(), str(path)),
                [governance.public],
                deployment=self.plan.deployment,
                now=self.now,
                where=str(path),
            )
        manifest = manifest_of(self.plan.profile, self.ring, governance, self.now)
        write_durably(path, manifest.raw)
        self.made.append(f"{MANIFESTS_FOLDER}/{path.name}")
        return manifest

    def _entry(self, governance: GovernanceSigner, manifest: VerifiedManifest) -> VerifiedEntry:
        entry = entry_of(
            self.directory, self.plan.profile, self.ring, governance, manifest, self.now
        )
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


def make_operational_keys(ring: Keyring, now: int) -> list[str]:
    """Make the operational keys that are missing or end soon.

    Args:
        ring: the operational keys.
        now: milliseconds since the epoch.

    Returns:
        Names of the keys that were made.

    Raises:
        KeyAccessError: the passphrase is another one, or the folder cannot be written.
    """
    wanted: list[tuple[str, str, int | None]] = [(SECRET, HMAC, None)]
    wanted += [(MANIFEST, algorithm, None) for algorithm in (ED25519, ML_DSA_65)]
    wanted += [(role, algorithm, LONGEST_LIFE_MS[role]) for role, algorithm in OPERATIONAL_KEYS]
    made = [_key(ring, role, algorithm, life, now)[1] for role, algorithm, life in wanted]
    return [f"{KEYS_FOLDER}/{name}" for name in made if name]


def _key(
    ring: Keyring, role: str, algorithm: str, life: int | None, now: int
) -> tuple[KeyEntry, str]:
    held = [
        entry
        for entry in ring.entries()
        if (entry.role, entry.algorithm) == (role, algorithm)
        and (entry.not_after is None or entry.not_after - now > PUBLISHED_AHEAD_MS)
    ]
    if held:
        return held[-1], ""
    start = whole_second(now)
    end = None if life is None else start + life
    entry = ring.create(role, algorithm, not_before=start, not_after=end)
    return entry, f"{role} ({algorithm})"


def manifest_of(
    profile: Profile, ring: Keyring, governance: GovernanceSigner, now: int
) -> VerifiedManifest:
    """The first manifest, of the newest operational keys.

    Args:
        profile: holds the contacts that others need.
        ring: the operational keys.
        governance: signs it.
        now: milliseconds since the epoch.

    Raises:
        KeyAccessError: a key is missing.
    """
    newest = {(entry.role, entry.algorithm): entry for entry in ring.entries()}
    keys = tuple(
        listed_key(newest[kind], ring, deployment=governance.deployment, agency=governance.agency)
        for kind in OPERATIONAL_KEYS
    )
    contacts = {
        name.replace("_", "-"): contact["email"]
        for name, contact in profile.contacts.model_dump(exclude_none=True).items()
    }
    return first_manifest(
        agency=governance.agency,
        deployment=governance.deployment,
        contacts=contacts,
        keys=keys,
        signer=governance,
        now=now,
    )


def entry_of(
    directory: Path,
    profile: Profile,
    ring: Keyring,
    governance: GovernanceSigner,
    manifest: VerifiedManifest,
    now: int,
) -> VerifiedEntry:
    """The entry of an agency whose keys are made, with a new delegation.

    Args:
        directory: the agency's folder, with its certificate request.
        profile: who it is.
        ring: the operational keys, those that sign manifests included.
        governance: signs delegation and entry.
        manifest: the manifest in the entry.
        now: milliseconds since the epoch.

    Raises:
        KeyAccessError: a key is missing.
    """
    newest = {(entry.role, entry.algorithm): entry.kid for entry in ring.entries()}
    keys = (ring.signer(newest[MANIFEST, ED25519]), ring.signer(newest[MANIFEST, ML_DSA_65]))
    return make_entry(
        governance,
        profile,
        delegation=issue_delegation(governance, keys, now),
        manifest=manifest,
        certificate_request=(directory / TLS_FOLDER / REQUEST_NAME).read_bytes(),
        now=now,
    )


def own_entry(directory: Path, agency: str, now: int) -> VerifiedEntry:
    """The agency's own entry, verified again.

    Raises:
        EntryError: it does not verify.
        ConfigError: `entry_missing`.
    """
    path = directory / ENTRIES_FOLDER / f"{agency}.entry"
    try:
        with path.open("rb") as file:
            raw = file.read(ENTRY_LIMIT_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(
            "This agency has no entry yet.",
            code="entry_missing",
            where=str(path),
            fix=f"Finish the agency: concordant agency init {directory}",
        ) from None
    return verify_entry(raw, now=now, where=str(path))


def write_entry(directory: Path, out: Path, now: int) -> VerifiedEntry:
    """Writes a copy of the agency's own entry for others, after every check.

    Args:
        directory: the agency's folder.
        out: the file.
        now: milliseconds since the epoch.

    Raises:
        ConfigError: `config_missing`, `entry_missing` or `output_unwritable`.
        EntryError: the entry does not verify, for example because its delegation has expired.
    """
    entry = own_entry(directory, load_config(directory).agency, now)
    try:
        write_durably(out, entry.raw)
    except OSError as error:
        raise ConfigError(
            f"The entry cannot be written ({error.strerror}).",
            code="output_unwritable",
            where=str(out),
            fix="Name a file in a folder that exists and that you may write to.",
        ) from None
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
    """Checks that the folder is absent, empty or was begun with this plan."""
    try:
        found = {path.name for path in directory.iterdir()} if directory.exists() else set()
    except NotADirectoryError:
        raise _not_empty(directory, "This is a file, not a folder.") from None
    except OSError as error:
        raise ConfigError(
            f"The folder cannot be read ({error.strerror}).",
            code="directory_unusable",
            where=str(directory),
            fix="Check the owner and the permissions of the folder.",
        ) from None
    before = read_plan(directory)
    if before is None:
        inside = Path(plan.passphrase_file).parts[0]
        others = {name for name in found - {inside, *FOLDERS} if not _LEFT_OVER.fullmatch(name)}
        if others or any(_holds_files(directory / name) for name in found & set(FOLDERS)):
            raise _not_empty(directory, "The folder is not empty, and holds no agency begun here.")
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


def _not_empty(directory: Path, detail: str) -> ConfigError:
    return ConfigError(
        detail,
        code="directory_not_empty",
        where=str(directory),
        fix="Give a folder that is absent or empty.",
    )


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Waits until no other process makes an agency in this folder."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
        sync_folder(directory)
    finally:
        os.close(handle)
