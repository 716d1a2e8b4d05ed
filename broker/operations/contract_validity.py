"""Validity of contracts: whether each is in force, and if not, what is missing.

Each file is judged separately, so that one damaged contract does not hide the result of another.
Checks that need the whole folder (two versions at once, a party's suspension, a foreign contract)
come after.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from broker.agency.config import load_config
from broker.agency.participant import load_participant
from broker.errors import RegistryError
from broker.operations.agreement_state import OURSELVES, AgreementState, agreement_states
from broker.registry.contract_files import read_note_file, verify_beside
from broker.registry.contract_in_force import contract_in_force
from broker.registry.contracts import SignedContract, verify_named
from contracts.errors import ConcordantError, ContractError
from contracts.loading import load_contract
from contracts.phrases import joined
from contracts.status import ContractStatus, contract_status

_UNREADABLE: Final = frozenset({"contract_unreadable", "registry_unreadable"})


@dataclass(frozen=True, slots=True)
class PartySignature:
    """A party's note: who signed.

    Attributes:
        agency: the party.
        name, capacity: of the person who signed.
        time: milliseconds since the epoch.
        shown: hash of the text that was shown, hexadecimal.
        officer: whose pair of the party signed; None if the party has one pair.
    """

    agency: str
    name: str
    capacity: str
    time: int
    shown: str
    officer: str | None = None


@dataclass(frozen=True, slots=True)
class Validity:
    """Validity of one contract file.

    Attributes:
        file: its path.
        state: a state of `contracts.status` (for an agency: of its own part), `superseded`, or
            `unusable` with a code.
        name, version, sha256, starts, ends: of the contract, if it can be read.
        signed, missing: parties.
        signatures: who signed, in what capacity, when, from the parties' notes.
        departed: party -> `suspended` or `left`.
        code, problem, fix: reason why it is not valid, if the state alone does not say it.
        awaits_us: whether it awaits the signature of the agency in question.
        to_do, command: the next step, as `agency status` says it.
    """

    file: str
    state: str
    name: str | None = None
    version: str | None = None
    sha256: str | None = None
    starts: str | None = None
    ends: str | None = None
    signed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    signatures: tuple[PartySignature, ...] = ()
    departed: tuple[tuple[str, str], ...] = ()
    code: str | None = None
    problem: str | None = None
    fix: str | None = None
    awaits_us: bool = False
    to_do: str | None = None
    command: str | None = None

    @property
    def holds(self) -> bool:
        """Return whether events may be sent under it, for the agency in question."""
        return self.state == "in_force" and self.code is None


@dataclass(frozen=True, slots=True)
class Validities:
    """Validity of every requested contract."""

    contracts: tuple[Validity, ...]
    code: str | None = None

    @property
    def holds(self) -> bool:
        """Return whether each contract has a version in force, by name, and none is damaged.

        A contract of which every version awaits this agency's signature binds it to nothing yet.
        """
        if self.code or not self.contracts:
            return False
        damaged = any(each.state == "unusable" for each in self.contracts)
        in_force = {each.name for each in self.contracts if each.holds}
        bound = {each.name for each in self.contracts if not each.awaits_us}
        return bool(in_force) and not damaged and bound <= in_force


def contract_validity(
    file: Path | None, agency: Path | None, notes: Sequence[Path], now: int
) -> Validities:
    """Return the validity of a contract file, or of every contract of an agency.

    Args:
        file: a contract; its signatures are verified with the keys that it pins.
        agency: an agency's folder instead.
        notes: notes of the file's parties, if not beside it.
        now: milliseconds since the epoch.

    Raises:
        ConcordantError: a file could not be read; a wrong file is an answer, not an error.
    """
    if agency is not None:
        return _of_agency(agency, now)
    assert file is not None
    return Validities((_of_file(file, notes, now)[0],))


def _of_file(path: Path, notes: Sequence[Path], now: int) -> tuple[Validity, SignedContract | None]:
    try:
        text = load_contract(path)
        signed = verify_named(text, ((None, read_note_file(one), str(one)) for one in notes))
        if not notes:
            signed = verify_beside(text, path)
    except (ContractError, RegistryError) as error:
        if error.code in _UNREADABLE:
            raise
        return _unusable(path, error), None
    return _stated(
        signed, contract_status(signed.contract, signed.parties, (), now, signed.effect)
    ), signed


def _of_agency(directory: Path, now: int) -> Validities:
    load_config(directory)
    paths = sorted((directory / "contracts").glob("*.yaml"))
    judged = [_of_file(path, (), now) for path in paths]
    if not judged:
        return Validities((), "contract_missing")
    if any(signed is None for _, signed in judged):
        return Validities(tuple(validity for validity, _ in judged))
    try:
        participant = load_participant(directory, now, unsigned_ok=True)
    except RegistryError as error:
        if error.code != "contract_foreign":
            raise
        return Validities(tuple(_marked(v, error) for v, _ in judged if v.file == error.where))
    states = agreement_states(participant, now)
    ours = {signed.hash.hex(): signed for signed in participant.contracts.all()}
    found = [
        _for_us(
            _stated(
                ours[one.line.sha256],
                participant.contract_status(ours[one.line.sha256], now),
            ),
            one,
        )
        for one in states
    ]
    for name in sorted({one.line.name for one in states if one.ambiguous}):
        try:
            contract_in_force(participant.contracts, participant.manifests, now, name=name)
        except RegistryError as error:
            where = (error.where or "").split(", ")
            found = [_marked(each, error) if each.file in where else each for each in found]
    return Validities(tuple(found))


def _for_us(validity: Validity, state: AgreementState) -> Validity:
    """Apply what `agreement_state` says: our own part, a newer version, what awaits us."""
    step = state.step
    to_do = None if step is None else step.what
    if step is not None and step.by != OURSELVES:
        to_do = joined(": ", (step.by, step.what))
    return replace(
        validity,
        state=state.state,
        awaits_us=state.awaits_us,
        to_do=to_do,
        command=None if step is None else step.command,
    )


def _stated(signed: SignedContract, state: ContractStatus) -> Validity:
    contract = signed.contract
    return Validity(
        file=signed.text.where,
        state=state.state,
        name=contract.name,
        version=contract.version,
        sha256=signed.hash.hex(),
        starts=contract.starts.isoformat(),
        ends=contract.ends.isoformat(),
        signed=_in_order(signed, signed.parties),
        missing=signed.missing,
        signatures=tuple(
            PartySignature(
                one.agency,
                one.signatory.name,
                one.signatory.capacity,
                one.time,
                one.shown.hex(),
                one.officer,
            )
            for one in signed.notes
        ),
        departed=tuple((agency, each.state) for agency, each in state.departed.items()),
    )


def _in_order(signed: SignedContract, agencies: Iterable[str]) -> tuple[str, ...]:
    wanted = frozenset(agencies)
    return tuple(party.id for party in signed.contract.parties if party.id in wanted)


def _unusable(path: Path, error: ConcordantError) -> Validity:
    detail = f"{error.where}: {error.detail}" if error.where != str(path) else error.detail
    return Validity(str(path), "unusable", code=error.code, problem=detail, fix=error.fix)


def _marked(validity: Validity, error: ConcordantError) -> Validity:
    return replace(validity, code=error.code, problem=error.detail, fix=error.fix)
