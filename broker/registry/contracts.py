"""Contracts with the signatures of their parties (spec: contract signatures, "in counterparts").

The signed text is a statement with the hash of the contract file's exact bytes. Each party adds its
own lines to it, in any order and in its own copy, and copies are merged. A signature counts when
both keys that the contract pins for the party verify. This module does not decide what a contract
allows; `contracts.status` says whether it is in force.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from broker.envelope.primitives import b64, strict_b64
from broker.errors import ManifestError, NoteError, RegistryError
from broker.keys.governance import GovernancePublic, GovernanceSigner, key_name
from broker.tlog.note import Note, NoteVerifier, format_note, parse_note, sign_note, verify_note
from contracts.loading import ContractText
from contracts.model import Contract

HEADER: Final = "concordant.contract/v1"


@dataclass(frozen=True, slots=True)
class SignedContract:
    """A contract with the parties whose signatures verified.

    Attributes:
        text: the contract and its exact bytes.
        parties: ids of the parties that signed.
        missing: ids of the parties that have not, in the contract's order.
        note: the statement with all signature lines, empty without any signature.
    """

    text: ContractText
    parties: frozenset[str]
    missing: tuple[str, ...]
    note: bytes

    @property
    def contract(self) -> Contract:
        """Return the contract's terms."""
        return self.text.contract

    @property
    def hash(self) -> bytes:
        """Return SHA-256 of the contract file's exact bytes."""
        return self.text.hash


def statement(text: ContractText) -> bytes:
    """Return the text that the parties of a contract sign."""
    contract = text.contract
    lines = (HEADER, contract.deployment, contract.name, contract.version, b64(text.hash))
    return "".join(f"{line}\n" for line in lines).encode()


def pinned_governance(contract: Contract, agency: str) -> GovernancePublic:
    """Return the governance keys that a contract pins for a party.

    Raises:
        RegistryError: code `contract_keys_invalid`: there are none, or they are not keys.
    """
    keys = contract.governance_keys.get(agency)
    if keys is None:
        raise _keys_invalid(contract, agency, "pins no governance key")
    try:
        pair = GovernancePublic(strict_b64(keys.ed25519), strict_b64(keys.ml_dsa_65))
        pair.verify()
    except (ValueError, ManifestError):
        raise _keys_invalid(contract, agency, "pins an unusable governance key") from None
    return pair


def verify_contract(
    text: ContractText, note: bytes | None, *, where: str | None = None
) -> SignedContract:
    """Check every signature line of the contract's parties; ignore lines of others.

    Args:
        text: the contract.
        note: the bytes of the statement with its signatures, None if it has no signature yet.
        where: the note's file name or another place, for errors.

    Raises:
        RegistryError: codes `contract_altered` (the signed text is another one),
            `contract_note_malformed`, `contract_signature_invalid` (names the party),
            `contract_keys_invalid`.
    """
    verifiers = _verifiers(text)
    verified: set[tuple[str, bytes]] = set()
    if note:
        parsed = _parse_statement(text, note, where)
        try:
            verified = {(v.name, v.type) for v in verify_note(parsed, verifiers)}
        except NoteError as error:
            if error.code != "note_unsigned":
                party = (error.where or "").rpartition("/")[2]
                raise RegistryError(
                    f"The signature of {party} under the {_named(text)} does not verify.",
                    code="contract_signature_invalid",
                    where=where,
                    fix=f"Ask {party} for its signed copy again.",
                ) from None
    ids = tuple(party.id for party in text.contract.parties)
    lacking = {v.name for v in verifiers if (v.name, v.type) not in verified}
    missing = tuple(i for i in ids if key_name(text.contract.deployment, i) in lacking)
    return SignedContract(text, frozenset(ids) - frozenset(missing), missing, note or b"")


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
    text: ContractText, signer: GovernanceSigner, note: bytes | None = None
) -> SignedContract:
    """Add one party's signature to a contract.

    Args:
        text: the contract, exactly as it will be stored.
        signer: the party's governance pair.
        note: the statement with the signatures so far, None if this is the first.

    Raises:
        RegistryError: codes of `verify_contract`; `contract_foreign` if the signer is not a party
            of this deployment's contract; `contract_keys_differ` if the contract pins others.
        KeyAccessError: from a signer that has to fetch its key.
    """
    contract = text.contract
    ids = {party.id for party in contract.parties}
    if signer.deployment != contract.deployment or signer.agency not in ids:
        raise RegistryError(
            f"{signer.agency} is not a party of the {_named(text)}.",
            code="contract_foreign",
            where=text.where,
        )
    if pinned_governance(contract, signer.agency) != signer.public:
        raise RegistryError(
            f"The {_named(text)} pins other governance keys for {signer.agency} than its own.",
            code="contract_keys_differ",
            where=text.where,
            fix="Do not sign; compare the fingerprints with the other parties.",
        )
    before = verify_contract(text, note)
    if signer.agency in before.parties:
        return before
    own = sign_note(statement(text), signer.note_signers())
    return verify_contract(text, _merged(text, [before.note, format_note(own)]))


def merge_counterparts(text: ContractText, notes: Iterable[bytes]) -> SignedContract:
    """Merge the signatures of all copies into one.

    Raises:
        RegistryError: codes of `verify_contract`, for any of the copies.
    """
    copies = [verify_contract(text, note).note for note in notes]
    return verify_contract(text, _merged(text, copies))


def _merged(text: ContractText, notes: Iterable[bytes]) -> bytes | None:
    """Return the parties' own lines of all copies, in the contract's order."""
    order = [(v.name, v.key_id) for v in _verifiers(text)]
    lines = {
        (line.name, line.key_id): line
        for note in notes
        if note
        for line in _parse_statement(text, note, None).signatures
    }
    kept = tuple(lines[key] for key in order if key in lines)
    return format_note(Note(statement(text), kept)) if kept else None


def _parse_statement(text: ContractText, note: bytes, where: str | None) -> Note:
    try:
        parsed = parse_note(note)
    except NoteError as error:
        raise RegistryError(
            f"The signatures of the {_named(text)} cannot be read. {error.detail}",
            code="contract_note_malformed",
            where=where,
            fix="Restore the file, or ask another party for its copy.",
        ) from None
    if parsed.text != statement(text):
        raise RegistryError(
            f"The {_named(text)} is not the text that was signed: it was altered, or the "
            "signatures are another contract's.",
            code="contract_altered",
            where=text.where,
            fix="Restore the contract file byte for byte, or ask another party for its copy.",
        )
    return parsed


def _verifiers(text: ContractText) -> list[NoteVerifier]:
    contract = text.contract
    verifiers: list[NoteVerifier] = []
    seen: set[bytes] = set()
    for party in contract.parties:
        pair = pinned_governance(contract, party.id)
        if not seen.isdisjoint((pair.ed25519, pair.ml_dsa_65)):
            raise _keys_invalid(contract, party.id, "pins another party's governance key")
        seen.update((pair.ed25519, pair.ml_dsa_65))
        verifiers.extend(pair.note_verifiers(key_name(contract.deployment, party.id)))
    return verifiers


def _named(text: ContractText) -> str:
    return f"contract {text.contract.name} {text.contract.version}"


def _keys_invalid(contract: Contract, agency: str, problem: str) -> RegistryError:
    return RegistryError(
        f"The contract {contract.name} {contract.version} {problem} for {agency}.",
        code="contract_keys_invalid",
        fix=f"Ask {agency} for its governance keys and check their fingerprints by telephone.",
    )
