"""Contracts that a reader knows, and step 6 (docs/spec/contracts.md; contract-signatures.md)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.conformance.contract_form import parse_contract_file
from tests.conformance.conventions import DAY_MS, EPOCH, sha256
from tests.conformance.notes import ED25519, ML_DSA_65, NoteKey, read_note, signers
from tests.conformance.refusals import NotBelievedError, RefusedError

KAFKA_DAYS_WITHOUT_RETENTION = 30


@dataclass(frozen=True, slots=True)
class GovernanceKeys:
    """The pair that a contract pins for a party."""

    ed25519: bytes
    ml_dsa_65: bytes

    def note_keys(self, name: str) -> tuple[NoteKey, NoteKey]:
        return NoteKey(name, ED25519, self.ed25519), NoteKey(name, ML_DSA_65, self.ml_dsa_65)


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract file that is well formed. `members` are as `contract_form` gives them."""

    hash: bytes
    members: dict[str, Any]

    @property
    def deployment(self) -> str:
        return str(self.members["deployment"])

    @property
    def reference(self) -> tuple[str, str]:
        """Name and version, as manifests call it."""
        return self.members["name"], self.members["version"]

    @property
    def replaces(self) -> set[bytes]:
        """The hash of the version that it names as its previous one."""
        previous = self.members["previous"]
        return set() if previous is None else {bytes.fromhex(previous)}

    @property
    def roles(self) -> dict[str, str]:
        """The role of each party."""
        return {party["id"]: party["role"] for party in self.members["parties"]}

    @property
    def pinned(self) -> dict[str, GovernanceKeys]:
        keys = self.members["governance_keys"]
        return {agency: GovernanceKeys(**pair) for agency, pair in keys.items()}

    @property
    def begins_at(self) -> int:
        return _midnight(self.members["starts"])

    @property
    def ends_at(self) -> int:
        """The end of the last day, exclusive."""
        return _midnight(self.members["ends"]) + DAY_MS

    @property
    def taken_until(self) -> int:
        """End of the longest retention and the grace period."""
        days = [
            terms["retention"]["kafka_days"] if terms["retention"] else KAFKA_DAYS_WITHOUT_RETENTION
            for terms in self.members["event_types"].values()
        ]
        grace: int = self.members["retention"]["grace_days"]
        return self.ends_at + (max(days) + grace) * DAY_MS

    def owns(self, topic: str) -> bool:
        """Return True for a topic of the contract, or its trial topic (this reader reads files)."""
        stem = f"{self.deployment}.{self.members['name']}."
        return topic.removesuffix(".trial") in {stem + name for name in self.members["topics"]}


def _midnight(day: date) -> int:
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return (moment - EPOCH) // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class KnownContract:
    """A contract that the reader signed; it is used when every party has."""

    contract: Contract
    fully_signed: bool


def know_contract(
    file: bytes, note: bytes, *, deployment: str, reader: str, own: GovernanceKeys
) -> KnownContract:
    """Return a contract that is known as contracts.md, "Which contract", defines it.

    Raises:
        MalformedError: the file or its statement is not well formed.
        NotBelievedError: it is another deployment's, pins other keys, or lacks the own signature.
    """
    contract = Contract(sha256(file), parse_contract_file(file))
    if contract.deployment != deployment or contract.pinned.get(reader) != own:
        raise NotBelievedError("not a contract of this reader")
    statement = read_note(note)
    name, version = contract.reference
    hashed = base64.b64encode(contract.hash).decode()
    if statement.text != f"concordant.contract/v1\n{deployment}\n{name}\n{version}\n{hashed}\n":
        raise NotBelievedError("a statement about something else")
    pairs = {
        party: set(pinned.note_keys(f"{deployment}/{party}"))
        for party, pinned in contract.pinned.items()
    }
    found = signers(statement, [key for pair in pairs.values() for key in pair])
    signed = {party for party, pair in pairs.items() if pair <= found}
    if reader not in signed:
        raise NotBelievedError("not signed by the reader")
    return KnownContract(contract, fully_signed=signed == pairs.keys())


def judge_contract(
    contract: Contract | None,
    *,
    topic: str,
    source: str,
    reader: str,
    log_time: int,
    now: int,
    takes_no_part: Callable[[str, Contract, int], str | None],
) -> Contract:
    """Step 6. Times in milliseconds."""
    if contract is None:
        raise RefusedError(6, "contract_unknown")
    if not contract.owns(topic):
        raise RefusedError(6, "topic_not_owned")
    if not contract.begins_at <= log_time < contract.ends_at:
        raise RefusedError(6, "contract_not_in_force")
    if now >= contract.taken_until:
        raise RefusedError(6, "contract_ended")
    for party in (source, reader):
        if party not in contract.roles:
            raise RefusedError(6, "not_a_party")
        state = takes_no_part(party, contract, log_time if party == source else now)
        if state == "left":
            raise RefusedError(6, "contract_left")
        if state is not None:
            raise RefusedError(6, "suspended" if party == source else "own_suspension")
    return contract
