"""Contracts with the signatures of their parties (spec: contract signatures).

Each party signs a note of its own over the contract file's exact bytes. Nothing is merged. A
signature counts when both keys that the contract pins for the party verify. If the contract pins
the pairs of several officers, each officer signs a note, and the party has signed with the note
that completes the threshold. This module does not decide what a contract allows; `contracts.status`
says whether it is in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, TypeAlias

from broker.envelope.primitives import b64, strict_b64
from broker.errors import ManifestError, RegistryError
from broker.keys.governance import (
    Governance,
    GovernancePublic,
    GovernanceSigner,
    OfficerKeys,
    key_name,
)
from broker.registry.contract_notes import (
    ContractNote,
    Signatory,
    parse_contract_note,
    sign_contract_note,
    verify_note_of,
)
from broker.tlog.note import NoteVerifier
from contracts.loading import ContractText
from contracts.model import MAX_PARTIES, SIGNING_LIMIT_MS, Contract
from contracts.parties import GovernanceKeys, GovernancePair


@dataclass(frozen=True, eq=False)
class SignedContract:
    """A contract with the verified notes of its parties.

    Attributes:
        text: the contract and its exact bytes.
        notes: one note of each party, or of each of its officers, in the contract's order.
    """

    text: ContractText
    notes: tuple[ContractNote, ...] = ()

    def __eq__(self, other: object) -> bool:
        """Compare bytes."""
        if not isinstance(other, SignedContract):
            return NotImplemented
        return (self.text, self.notes) == (other.text, other.notes)

    __hash__ = None  # type: ignore[assignment]

    @property
    def contract(self) -> Contract:
        """Return the contract's terms."""
        return self.text.contract

    @property
    def hash(self) -> bytes:
        """Return SHA-256 of the contract file's exact bytes."""
        return self.text.hash

    @cached_property
    def completing(self) -> Mapping[str, ContractNote]:
        """The note with which each party has signed.

        It is the party's one note, or the one that completes the threshold of its officers.
        """
        found: dict[str, ContractNote] = {}
        for party in self.contract.parties:
            notes = sorted(self.notes_of(party.id), key=lambda one: (one.time, one.raw))
            keys = self.contract.governance_keys.get(party.id)
            needed = 1 if keys is None else keys.needed
            if len(notes) >= needed:
                found[party.id] = notes[needed - 1]
        return found

    @cached_property
    def parties(self) -> frozenset[str]:
        """Ids of the parties that signed."""
        return frozenset(self.completing)

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Ids of the parties that have not signed, in the contract's order."""
        signed = self.parties
        return tuple(one.id for one in self.contract.parties if one.id not in signed)

    @cached_property
    def effect(self) -> int | None:
        """Time (ms) from which the contract has effect; None until every party has signed.

        It is the latest of the first day and the times in the parties' notes. Of a party with
        officers the note that completes the threshold counts.
        """
        if self.missing:
            return None
        return max(self.contract.starts_ms, *(note.time for note in self.completing.values()))

    def note_of(self, agency: str) -> ContractNote | None:
        """Return the note with which a party has signed; None if it has not."""
        return self.completing.get(agency)

    def notes_of(self, agency: str) -> tuple[ContractNote, ...]:
        """Return the notes of a party: several if it has officers, also if too few signed."""
        return tuple(note for note in self.notes if note.agency == agency)

    def note_by(self, agency: str, officer: str | None) -> ContractNote | None:
        """Return the note of a party's one pair, or of one officer; None if it has not signed."""
        named = (note for note in self.notes if (note.agency, note.officer) == (agency, officer))
        return next(named, None)

    def with_notes(self, notes: Iterable[ContractNote]) -> SignedContract:
        """Return the contract with more verified notes; the earliest note of each pair counts."""
        return SignedContract(self.text, _one_each(self.contract, [*self.notes, *notes]))


_Verifiers: TypeAlias = Mapping[tuple[str, str | None], tuple[NoteVerifier, NoteVerifier]]
"""Verifiers of each pair, by party and officer."""
CHECKED_LIMIT: Final = 8
"""Maximum number of contracts whose checked keys are cached."""
_CHECKED: dict[bytes, tuple[Contract, _Verifiers]] = {}


@lru_cache(maxsize=2 * MAX_PARTIES)
def _checked_pair(ed25519: str, ml_dsa_65: str) -> GovernancePublic:
    """Return a usable pair from base64; each agreement of a partnership pins the same pairs."""
    pair = GovernancePublic(strict_b64(ed25519), strict_b64(ml_dsa_65))
    pair.verify()
    return pair


def pinned_governance(contract: Contract, agency: str) -> Governance:
    """Return the governance keys that a contract pins for a party.

    Raises:
        RegistryError: code `contract_keys_invalid`: there are none, or they are not keys.
    """
    keys = contract.governance_keys.get(agency)
    if keys is None:
        raise _keys_invalid(contract, agency, "pins no governance key")
    try:
        found = {
            officer: _checked_pair(pair.ed25519, pair.ml_dsa_65)
            for officer, pair in keys.pairs.items()
        }
        if None in found:
            return found[None]
        officers = OfficerKeys(tuple((str(name), pair) for name, pair in found.items()))
        officers.verify()
    except (ValueError, ManifestError):
        raise _keys_invalid(contract, agency, "pins an unusable governance key") from None
    return officers


def governance_terms(governance: Governance) -> GovernanceKeys:
    """Return governance keys as a contract pins them."""
    pairs = {
        officer: GovernancePair(ed25519=b64(pair.ed25519), ml_dsa_65=b64(pair.ml_dsa_65))
        for officer, pair in governance.pairs.items()
    }
    if None in pairs:
        return GovernanceKeys(ed25519=pairs[None].ed25519, ml_dsa_65=pairs[None].ml_dsa_65)
    return GovernanceKeys(
        threshold=governance.needed, officers={str(name): pair for name, pair in pairs.items()}
    )


def verify_contract(text: ContractText, notes: Iterable[bytes] = ()) -> SignedContract:
    """Check the notes of parties, each by the keys that the contract pins for its party.

    Args:
        text: the contract.
        notes: bytes of notes, in any order; of several notes of a party the earliest counts.

    Raises:
        RegistryError: codes `contract_altered` (the signed text is another one),
            `contract_note_malformed`, `contract_signature_invalid` (names the party),
            `contract_keys_invalid`.
    """
    return verify_named(text, ((None, raw, None) for raw in notes))


def verify_named(
    text: ContractText, notes: Iterable[tuple[str | None, bytes, str | None]]
) -> SignedContract:
    """Check notes whose files or members name their party.

    Args:
        text: the contract.
        notes: party (`AGENCY` or `AGENCY.OFFICER`), None if the name does not say it; the note's
            bytes; its place, for errors.

    Raises:
        RegistryError: as `verify_contract`; `contract_note_malformed` also for a note of another
            party than its name says.
    """
    verifiers = _verifiers(text)
    found: list[ContractNote] = []
    for agency, raw, where in notes:
        note = _verified(text, raw, verifiers, where)
        if agency not in (None, note.signer):
            raise RegistryError(
                f"The signature in the file of {agency} is of another agency or officer.",
                code="contract_note_malformed",
                where=where,
                fix=f"Ask {note.agency} for a bundle: concordant bundle make",
            )
        found.append(note)
    return SignedContract(text, _one_each(text.contract, found))


def require_signed(signed: SignedContract) -> None:
    """Check that every party has signed.

    Raises:
        RegistryError: code `contract_unsigned`; names every missing party.
    """
    if signed.missing:
        parties = ", ".join(signed.missing)
        raise RegistryError(
            f"The {_named(signed.text)} is not in force: not signed by {parties}.",
            code="contract_unsigned",
            where=signed.text.where,
            fix=f"Ask {parties} to sign it with: concordant contract sign",
        )


def countersign(
    signed: SignedContract,
    signer: GovernanceSigner,
    signatory: Signatory,
    *,
    time: int,
    shown: bytes,
) -> SignedContract:
    """Add the note of one party, or of one of its officers; one that has signed keeps its note.

    Args:
        signed: the contract, exactly as it will be stored, with the notes so far.
        signer: the party's governance pair.
        signatory: the person who signs, and their capacity.
        time: milliseconds since the epoch.
        shown: SHA-256 of the text that was shown to the signatory.

    Raises:
        RegistryError: `contract_foreign` if the signer is not a party of this deployment's
            contract; `contract_keys_differ` if the contract pins others; codes of
            `verify_contract`.
        KeyAccessError: from a signer that has to fetch its key.
    """
    contract = signed.contract
    if signer.deployment != contract.deployment or contract.party(signer.agency) is None:
        raise RegistryError(
            f"{signer.agency} is not a party of the {_named(signed.text)}.",
            code="contract_foreign",
            where=signed.text.where,
        )
    pinned = pinned_governance(contract, signer.agency).pairs
    officers = [officer for officer, pair in pinned.items() if pair == signer.public]
    if not officers:
        raise RegistryError(
            f"The {_named(signed.text)} pins other governance keys for {signer.agency} than its "
            "own.",
            code="contract_keys_differ",
            where=signed.text.where,
            fix="Do not sign; compare the fingerprints with the other parties.",
        )
    (officer,) = officers
    if signed.note_by(signer.agency, officer) is not None:
        return signed
    raw = sign_contract_note(signed.text, signer, signatory, time, shown, officer)
    own = signer.public.note_verifiers(key_name(contract.deployment, signer.agency))
    return signed.with_notes([_verified(signed.text, raw, {(signer.agency, officer): own}, None)])


def _one_each(contract: Contract, notes: Iterable[ContractNote]) -> tuple[ContractNote, ...]:
    """Return the earliest note of each pair, in the contract's order.

    A note that is dated long after the first day does not count. Otherwise one party could move the
    effect of a version that all have signed as far as it wants.
    """
    first: dict[tuple[str, str | None], ContractNote] = {}
    for note in notes:
        if note.time > contract.starts_ms + SIGNING_LIMIT_MS:
            continue
        pair = note.agency, note.officer
        before = first.get(pair)
        if before is None or (note.time, note.raw) < (before.time, before.raw):
            first[pair] = note
    return tuple(
        first[party.id, officer]
        for party in contract.parties
        if party.id in contract.governance_keys
        for officer in contract.governance_keys[party.id].pairs
        if (party.id, officer) in first
    )


def _verified(
    text: ContractText, raw: bytes, verifiers: _Verifiers, where: str | None
) -> ContractNote:
    note = parse_contract_note(text, raw, where)
    if (note.agency, note.officer) not in verifiers:
        raise RegistryError(
            f"A signature under the {_named(text)} is of an agency that is no party of it, or of "
            "an officer whom it does not name.",
            code="contract_note_malformed",
            where=where,
            fix="Ask the agency that sent it for a bundle: concordant bundle make",
        )
    verify_note_of(text, note, verifiers[note.agency, note.officer], where)
    return note


def _verifiers(text: ContractText) -> _Verifiers:
    """Return the verifiers of every pair. They follow from the file's bytes, so they are cached.

    The notes of 256 parties arrive one by one, and each time all keys would be checked again.
    """
    contract = text.contract
    known = _CHECKED.get(text.hash)
    if known is not None and known[0] is contract:
        return known[1]
    verifiers: dict[tuple[str, str | None], tuple[NoteVerifier, NoteVerifier]] = {}
    seen: set[bytes] = set()
    for party in contract.parties:
        governance = pinned_governance(contract, party.id)
        if not seen.isdisjoint(governance.halves):
            raise _keys_invalid(contract, party.id, "pins another party's governance key")
        seen |= governance.halves
        name = key_name(contract.deployment, party.id)
        for officer, pair in governance.pairs.items():
            verifiers[party.id, officer] = pair.note_verifiers(name)
    if len(_CHECKED) >= CHECKED_LIMIT:
        _CHECKED.clear()
    _CHECKED[text.hash] = (contract, verifiers)
    return verifiers


def _named(text: ContractText) -> str:
    return f"contract {text.contract.name} {text.contract.version}"


def _keys_invalid(contract: Contract, agency: str, problem: str) -> RegistryError:
    return RegistryError(
        f"The contract {contract.name} {contract.version} {problem} for {agency}.",
        code="contract_keys_invalid",
        fix=f"Ask {agency} for its governance keys and check their fingerprints by telephone.",
    )
