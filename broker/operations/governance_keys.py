"""New governance keys: a pair that a next version of the contract will pin.

docs/spec/keys.md: governance keys are replaced by a contract version. Nothing uses the pair until
``agency.toml`` names it; contracts that pin the former one stay ours as long as it names that too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from broker.agency.config import FormerGovernance
from broker.agency.participant import load_participant
from broker.keys.instant import whole_second
from broker.keys.keyfile import KeyEntry
from broker.keys.kid import ED25519, GOVERNANCE, ML_DSA_65


@dataclass(frozen=True, slots=True)
class NewGovernance:
    """A new pair, and those that it replaces.

    Attributes:
        agency: whose.
        ed25519: the public part of one half.
        ml_dsa_65: that of the other.
        former: the pair that ``agency.toml`` names now, then those before it.
    """

    agency: str
    ed25519: KeyEntry
    ml_dsa_65: KeyEntry
    former: tuple[FormerGovernance, ...]


def new_governance(agency: Path, now: int) -> NewGovernance:
    """Make a pair beside the one that is in use.

    Raises:
        KeyAccessError: ``passphrase_wrong``, or the folder cannot be written.
        ConcordantError: the agency's folder cannot be loaded.
    """
    participant = load_participant(agency, now, unsigned_ok=True)
    source = participant.governance_source()
    first, second = (
        source.create(GOVERNANCE, algorithm, not_before=whole_second(now), not_after=None)
        for algorithm in (ED25519, ML_DSA_65)
    )
    section = participant.config.governance
    now_former = FormerGovernance(ed25519=section.ed25519, ml_dsa_65=section.ml_dsa_65)
    return NewGovernance(participant.agency, first, second, (now_former, *section.former))
