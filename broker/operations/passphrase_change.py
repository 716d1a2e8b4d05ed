"""Change of the passphrase of every private key file.

docs/spec/keys.md, "Storage". The present passphrase comes from the place that ``agency.toml``
names, the new one from a file or the environment, because every process can see a command line, and
the shell stores it.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from broker.agency.config_sections import PassphraseSection
from broker.agency.participant import Participant, load_participant
from broker.agency.running import ADAPTER_LOCK
from broker.errors import KeyAccessError
from broker.keys.keyring import PassphraseChange
from broker.keys.passphrase import PassphraseSource, load_passphrase
from broker.store.exclusion import exclusive


@dataclass(frozen=True, slots=True)
class ChangedPassphrase:
    """Result of a change.

    Attributes:
        agency: owner of the keys.
        operational: changes to the operational keys; None if they were not requested.
        governance: changes to the governance keys; None if they keep their passphrase.
        left_behind: whether the governance keys have the former passphrase and are not here.
        belongs: the place for the new passphrase, from ``agency.toml``.
        readable: whether other accounts can read the file of the new one.
    """

    agency: str
    operational: PassphraseChange | None
    governance: PassphraseChange | None
    left_behind: bool
    belongs: str
    readable: bool


def change_passphrase(
    agency: Path, new: PassphraseSource, now: int, *, governance_only: bool
) -> ChangedPassphrase:
    """Change the passphrase of an agency's private keys.

    A second call completes an interrupted one.

    The governance keys are changed with the others as long as both have the same passphrase.

    Args:
        agency: the agency's folder.
        new: source of the new passphrase.
        now: milliseconds since the epoch.
        governance_only: change only the governance keys.

    Raises:
        KeyAccessError: ``passphrase_missing``, ``passphrase_wrong``, ``key_missing`` or
            ``key_unreadable``.
        StoreError: ``already_running``: the adapter must be stopped first.
        ConcordantError: the agency's folder cannot be loaded.
    """
    participant = load_participant(agency, now, unsigned_ok=True)
    passphrase = _new_passphrase(new)
    readable = new.file is not None and bool(stat.S_IMODE(new.file.stat().st_mode) & 0o077)
    source = participant.governance_source()
    if governance_only:
        changed = source.change_passphrase(passphrase)
        belongs = _place(participant.config.governance_passphrase, "governance_passphrase")
        return ChangedPassphrase(participant.agency, None, changed, False, belongs, readable)
    # A running adapter would meet keys that its passphrase cannot open.
    with exclusive(participant.path(ADAPTER_LOCK)):
        shared = _one_passphrase(participant)
        here = shared and bool(source.entries())
        governance = source.change_passphrase(passphrase) if here else None
        operational = participant.keyring.change_passphrase(passphrase)
    belongs = _place(participant.config.passphrase, "passphrase")
    return ChangedPassphrase(
        participant.agency, operational, governance, shared and not here, belongs, readable
    )


def _one_passphrase(participant: Participant) -> bool:
    config = participant.config
    apart = config.keys.governance != config.keys.operational
    return apart and config.governance_passphrase in (None, config.passphrase)


def _new_passphrase(new: PassphraseSource) -> bytes:
    try:
        return load_passphrase(new)
    except KeyAccessError as error:
        raise KeyAccessError(
            error.detail,
            code=error.code,
            where=error.where,
            fix="Name a file or an environment variable that holds the new passphrase on one line.",
        ) from None


def _place(section: PassphraseSection | None, name: str) -> str:
    if section is None:
        return f"agency.toml, [{name}]"
    if section.vault is not None:
        vault = section.vault
        place = f"{vault.address} {vault.mount}/{vault.path}, field {vault.field}"
        return f"vault {place} (agency.toml, [{name}])"
    ((kind, where),) = section.model_dump(exclude_none=True).items()
    return f"{kind} {where} (agency.toml, [{name}])"
