"""Officers of an agency: two or three people with a pair of governance keys each.

Each officer has a folder with the officer's pair on a machine of their own. No folder has two
pairs. `new_officer` makes such a folder. `add_officers` names all officers in a folder. In the
agency's folder, which has the manifest keys, it also proposes a delegation, which other officers
sign (`officer_delegations`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.agency.config import (
    CONFIG_NAME,
    load_config,
)
from broker.agency.config_sections import GovernanceSection, OfficerSection
from broker.agency.config_template import format_config
from broker.agency.participant import Participant, load_participant
from broker.errors import ConfigError, WrongInputError
from broker.keys.delegation import (
    issue_delegation,
)
from broker.keys.durable import (
    SECRET_MODE,
    files_in,
    make_private_folder,
    write_durably,
)
from broker.keys.governance import PAIR_LINES, GovernanceSigner, governance_signer
from broker.keys.keyfile import UNASSIGNED
from broker.keys.keyring import Keyring
from broker.keys.kid import ED25519, GOVERNANCE, MANIFEST, ML_DSA_65
from broker.keys.passphrase import PassphraseSource, load_passphrase
from broker.operations.agency_entry import ENTRIES_FOLDER, newest_key
from broker.operations.agency_founding import passphrase_path
from broker.operations.officer_keys import (
    OFFICERS_FOLDER,
    store_proposal,
)
from broker.partnership.officer import (
    OFFICER_LIMIT_BYTES,
    OfficerFile,
    make_officer_file,
    verify_officer_file,
)
from broker.registry.repository import CONTRACTS_FOLDER, MANIFESTS_FOLDER
from contracts.bounded_file import read_bounded
from contracts.parties import OFFICERS_LIMIT, OFFICERS_THRESHOLD
from contracts.phrases import N_, phrase

_FOLDERS: Final = (CONTRACTS_FOLDER, MANIFESTS_FOLDER, ENTRIES_FOLDER, OFFICERS_FOLDER, "state")
_NO_ADAPTER: Final = "none"
_PAIR: Final = re.compile(r'^\[governance\].*\ned25519 = ".+"\nml_dsa_65 = ".+"\n', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class OfficersAdded:
    """Officers that a folder names.

    Attributes:
        officer: the officer whose pair belongs to the folder.
        officers: all of them.
        file: the public file of this folder's officer.
        proposed: a delegation that another officer has to sign; None in an officer's own folder.
    """

    officer: str
    officers: tuple[str, ...]
    file: Path
    proposed: Path | None


def new_officer(
    directory: Path, *, agency: str, deployment: str, officer: str, passphrase_file: Path, now: int
) -> OfficerFile:
    """Make the folder of an officer: its pair, its configuration and its public file.

    Args:
        directory: absent or empty.
        agency: the agency's id.
        deployment: the partnership's id.
        officer: name of the office.
        passphrase_file: for the key files.
        now: milliseconds since the epoch.

    Raises:
        ConfigError: `directory_not_empty`, `directory_unusable`.
        KeyAccessError: the passphrase cannot be read.
        EntryError: `officer_invalid`: one of the names has another form.
    """
    place = passphrase_path(directory, passphrase_file)
    source = PassphraseSource(file=directory / place)
    load_passphrase(source)
    if directory.exists() and any(directory.iterdir()):
        raise ConfigError(
            N_("The folder is not empty."),
            code="directory_not_empty",
            where=str(directory),
            fix=N_("Give a folder that is absent or empty, and keep the passphrase outside of it."),
        )
    try:
        for folder in (directory, *(directory / name for name in _FOLDERS)):
            make_private_folder(folder)
    except OSError as error:
        raise ConfigError(
            phrase("The folder cannot be written (%(strerror)s).", strerror=error.strerror),
            code="directory_unusable",
            where=str(directory),
            fix=N_("Check the free space, the owner and the permissions of the folder."),
        ) from None
    ring = Keyring(
        directory / "governance",
        deployment=deployment,
        agency=agency,
        passphrase=lambda: load_passphrase(source),
    )
    make_private_folder(directory / "governance")
    make_private_folder(directory / "keys")
    pair = [newest_key(ring, GOVERNANCE, one, None, now)[0] for one in (ED25519, ML_DSA_65)]
    signer = governance_signer(
        ring, (pair[0].kid, pair[1].kid), deployment=deployment, agency=agency
    )
    first, second = signer.public.fingerprints
    config = format_config(
        agency=agency,
        deployment=deployment,
        governance=GovernanceSection(ed25519=first, ml_dsa_65=second),
        adapter=_NO_ADAPTER,
        partners={},
        bootstrap="localhost:9092",
        http_port=0,
        passphrase_file=place,
    )
    made = make_officer_file(signer, officer, now)
    write_durably(directory / CONFIG_NAME, config.encode(), mode=SECRET_MODE)
    load_config(directory)
    write_durably(_path(directory, officer), made.raw)
    return made


def add_officers(
    directory: Path, files: Sequence[Path], officer: str | None, now: int
) -> OfficersAdded:
    """Name all officers of an agency in a folder, before the agency signs an agreement.

    Args:
        directory: the agency's folder, or that of one of its officers.
        files: the public files of the other officers.
        officer: name of the office of this folder's pair; None if the folder is an officer's own.
        now: milliseconds since the epoch.

    Raises:
        EntryError: `officer_invalid`.
        WrongInputError: `officers_unsuitable`: the agency has no deployment yet, has signed an
            agreement, has officers already, or the files are not of one or two other officers.
        KeyAccessError: the governance keys are not here.
    """
    participant = load_participant(directory, now, unsigned_ok=True)
    _require_unsigned(participant)
    signer = participant.governance_signer()
    own = _own_file(participant, signer, officer, now)
    others = [_read(participant, path, now) for path in files]
    everyone = sorted((own, *others), key=lambda one: one.name)
    _require_different(everyone)
    text = _named(directory, own, everyone)
    make_private_folder(directory / OFFICERS_FOLDER)
    for one in everyone:
        write_durably(_path(directory, one.name), one.raw)
    write_durably(directory / CONFIG_NAME, text.encode())
    again = load_participant(directory, now, unsigned_ok=True)
    names = tuple(one.name for one in everyone)
    return OfficersAdded(own.name, names, _path(directory, own.name), _first(again, signer, now))


def _first(participant: Participant, signer: GovernanceSigner, now: int) -> Path | None:
    """Propose the first delegation; None in a folder without manifest keys."""
    newest = {
        entry.algorithm: entry for entry in participant.keyring.entries() if entry.role == MANIFEST
    }
    if not newest:
        return None
    first, second = (participant.keyring.signer(newest[one].kid) for one in (ED25519, ML_DSA_65))
    return store_proposal(participant, issue_delegation(signer, (first, second), now))


def _require_unsigned(participant: Participant) -> None:
    problem = None
    if participant.deployment == UNASSIGNED:
        problem = "The agency has no deployment yet, and officers' keys name one."
        fix = "Make the agency with: concordant agency init DIR --deployment NAME"
    elif participant.contracts.trusted():
        problem = "The agency has signed an agreement, which pins its one pair of keys."
        fix = (
            "Draft a version of the agreement that pins the officers' keys under governance_keys, "
            "and name them in agency.toml when every party has signed it."
        )
    elif participant.officer is not None:
        problem = f"The folder names officers already: {', '.join(_names(participant))}."
        fix = "Make the agency again in another folder to name others."
    if problem is not None:
        raise _unsuitable(problem, fix)


def _names(participant: Participant) -> tuple[str, ...]:
    return tuple(one.name for one in participant.config.governance.officers)


def _own_file(
    participant: Participant, signer: GovernanceSigner, officer: str | None, now: int
) -> OfficerFile:
    held = [
        one
        for path in files_in(participant.root / OFFICERS_FOLDER, "*.officer")
        if (one := _read(participant, path, now)).public == signer.public
    ]
    if held and officer in (None, held[0].name):
        return held[0]
    if officer is None:
        raise _unsuitable(
            "The folder is no officer's own, so the office of its keys must be named.",
            "Name it: --as NAME, for example --as chief-executive",
        )
    try:
        return make_officer_file(signer, officer, now)
    except ValueError:
        raise _unsuitable(
            "The name of the office has not the form [a-z][a-z0-9-]*.",
            "Give a name such as chief-executive.",
        ) from None


def _require_different(everyone: Sequence[OfficerFile]) -> None:
    names = {one.name for one in everyone}
    halves = {half for one in everyone for half in one.public.halves}
    if (
        not OFFICERS_THRESHOLD <= len(everyone) <= OFFICERS_LIMIT
        or len(names) != len(everyone)
        or len(halves) != PAIR_LINES * len(everyone)
    ):
        raise _unsuitable(
            "An agency has two or three officers with different names and keys.",
            "Give the file of each other officer once.",
        )


def _named(directory: Path, own: OfficerFile, everyone: Iterable[OfficerFile]) -> str:
    """Return agency.toml with the officers."""
    text = (directory / CONFIG_NAME).read_text("utf-8")
    found = _PAIR.search(text)
    if found is None:
        raise ConfigError(
            N_("The officers cannot be named: the section was changed."),
            code="config_invalid",
            where=f"{directory / CONFIG_NAME}: [governance]",
            fix=N_("Write ed25519 and ml_dsa_65 as the first two lines of the section."),
        )
    sections = [
        OfficerSection(name=one.name, ed25519=first, ml_dsa_65=second)
        for one in everyone
        for first, second in [one.public.fingerprints]
    ]
    listed = "".join(
        f'  {{ name = "{one.name}", ed25519 = "{one.ed25519}", ml_dsa_65 = "{one.ml_dsa_65}" }},\n'
        for one in sections
    )
    added = f'officer = "{own.name}"  # two of the officers must sign\nofficers = [\n{listed}]\n'
    return text[: found.end()] + added + text[found.end() :]


def _read(participant: Participant, path: Path, now: int) -> OfficerFile:
    return verify_officer_file(
        read_bounded(path, OFFICER_LIMIT_BYTES, ConfigError, code="file_unusable"),
        agency=participant.agency,
        deployment=participant.deployment,
        now=now,
        where=str(path),
    )


def _path(directory: Path, officer: str) -> Path:
    return directory / OFFICERS_FOLDER / f"{officer}.officer"


def _unsuitable(problem: str, fix: str) -> WrongInputError:
    return WrongInputError(problem, code="officers_unsuitable", fix=fix)
