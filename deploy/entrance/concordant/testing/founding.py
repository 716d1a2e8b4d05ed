"""Keys and agreement of a partnership in memory, made once for a test session.

Everything is made as in production, with throw-away keys. Only the derivation of a key from the
passphrase is cheap, so the files are of no use to any other program.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.mapped import KIND
from adapters.trial_agencies import CONTRACT, AgencyPlan
from adapters.trial_partnership import create_partnership
from adapters.trial_terms import invented_partners, plain_party, without_parties
from broker.agency.participant import Participant, load_participant
from broker.clock import now_ms
from broker.operations.contract_draft import terms_of
from broker.store.database import open_store
from contracts.drafting import YamlValue, london_parties
from contracts.loading import documents_beside, parse_draft
from contracts.model import Contract
from contracts.names import require_known
from contracts.vocabulary.known import Documents

DEPLOYMENT = "in-memory"
EMPTY_STATE = "empty.db"
SHIPPED = CONTRACT
AGENCIES = ("csu-camden", "cps-london", "council-camden", "haven-support")
"""Agencies of the shipped agreement, one for each role."""


@dataclass(frozen=True, slots=True)
class FoundedPartnership:
    """A partnership whose agencies have signed an agreement; nothing in it changes.

    Attributes:
        root: folder of the agencies.
        participants: agency id -> its folder, loaded and verified.
    """

    root: Path
    participants: Mapping[str, Participant]

    @property
    def agreement(self) -> Contract:
        """Return the agreement."""
        return next(iter(self.participants.values())).contracts.trusted()[0].contract

    @property
    def empty_state(self) -> Path:
        """Return a state database without rows, which each agency copies."""
        return self.root / EMPTY_STATE

    def remove(self) -> None:
        """Remove the folders."""
        shutil.rmtree(self.root.parent, ignore_errors=True)


def cheap_key(passphrase: bytes, salt: bytes, cost: int) -> bytes:
    """Derive a key from a passphrase at no cost; never for real data."""
    return hashlib.sha256(passphrase + salt + str(cost).encode()).digest()


def found_partnership(
    agreement: str | Path | None = None, agencies: Sequence[str] = ()
) -> FoundedPartnership:
    """Found a partnership.

    Args:
        agreement: a file with an agreement or with terms, or the name of shipped terms; without it
            the shipped agreement about hate crime.
        agencies: ids of its parties; without them one of each role of the shipped partnership, or
            all parties of the file.

    Raises:
        WrongInputError: `terms_unknown`: there is no such file and no such shipped terms.
        UnknownNameError: `agency_unknown`: an id is no party.
        ContractError: the agreement cannot be used.
    """
    asked = _read(agreement)
    plans = {str(party["id"]): party for party in asked.parties}
    wanted = tuple(agencies) or (AGENCIES if agreement is None else tuple(plans))
    for one in wanted:
        require_known("party", one, plans, code="agency_unknown", exact=True)
    root = Path(tempfile.mkdtemp(prefix="concordant-founded-")) / "partnership"
    now = now_ms()
    create_partnership(
        root,
        now,
        agencies=[AgencyPlan(one, KIND, {}, plans[one]) for one in wanted],
        deployment=DEPLOYMENT,
        bootstrap="localhost:9092",  # no process connects to it
        terms=asked.terms,
        vocabulary=asked.contract.vocabulary,
        documents=asked.documents,
        derive=cheap_key,
    )
    empty = root / EMPTY_STATE
    open_store(empty).close()
    return FoundedPartnership(
        root, {one: load_participant(root / one, now, derive=cheap_key) for one in wanted}
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """Terms and parties of a partnership."""

    terms: str
    contract: Contract
    parties: Sequence[Mapping[str, YamlValue]]
    documents: Documents


def _read(agreement: str | Path | None) -> _Asked:
    named = SHIPPED if agreement is None else str(agreement)
    text = terms_of(named)
    documents = documents_beside(Path(named))
    contract = parse_draft(text.encode(), named, documents).contract
    parties = [
        plain_party(one.model_dump(mode="json", exclude_none=True)) for one in contract.parties
    ]
    if not parties:
        first = plain_party(london_parties()[0])
        parties = invented_partners(contract, first)
        if first["role"] in contract.roles:
            parties = [first, *(one for one in parties if one["id"] != f"sandbox-{first['role']}")]
    return _Asked(without_parties(text), contract, parties, documents)
