"""Signature of a contract by one agency: every check first, then the signature, then the files.

`review_signing` collects all objections to a signature, and the changes for this agency against the
version that it replaces. `sign` refuses errors, and warnings that are not accepted by name. No
function here asks or prints.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from broker.agency.participant import Participant, load_participant
from broker.errors import ConfigError, RegistryError, SigningRefusedError
from broker.keys.durable import write_durably
from broker.keys.instant import whole_second
from broker.keys.keyfile import UNASSIGNED
from broker.operations.agreement_documents import documents_of, keep_documents
from broker.operations.contract_comparison import compared_with
from broker.operations.deployment_joining import join_deployment
from broker.operations.partner_checks import unchecked_parties
from broker.operations.rule_set_files import rule_sets_of
from broker.operations.signatories import signatory_missing
from broker.registry.contract_files import note_path, read_note_file, verify_beside
from broker.registry.contract_notes import Signatory, shown_hash
from broker.registry.contracts import (
    SignedContract,
    countersign,
    pinned_governance,
    verify_contract,
)
from broker.registry.repository import CONTRACTS_FOLDER
from contracts.comparison import TermChange, compare
from contracts.comparison_summary import ChangeSummary, summarise
from contracts.errors import UnknownNameError
from contracts.findings import Finding
from contracts.hidden_characters import visible
from contracts.lint import RULES, lint_text
from contracts.lint_rules import in_force
from contracts.loading import ContractText, load_contract
from contracts.model import Contract
from contracts.names import nearest
from contracts.rule_set_checks import raised, unknown_names
from contracts.rule_sets import RuleSetFile
from contracts.succession import HeldVersion, succession_findings

LANGUAGE: Final = "en-GB"
"""Language of the texts that this software shows."""


@dataclass(frozen=True, slots=True)
class SigningReview:
    """A contract that one agency may sign, with the results of all checks.

    Attributes:
        participant: the agency.
        file: the contract.
        merged: the contract with the signatures so far.
        against: the version in force, or the newest held, that it is compared with; None if this
            agency has signed no version of this name.
        changes: for this agency, against that version.
        summary: the same changes; those that belong together are one line.
        findings: of every check, errors first.
        unchecked: parties whose fingerprint no person of this agency has compared.
        rule_sets: own rules of this organisation that were applied.
        notes: names in these rules that the agreement does not have.
        left_out: parties of signed versions that this one leaves out. A signature ends the exchange
            with them (C4), whether or not the others sign.
    """

    participant: Participant
    file: Path
    merged: SignedContract
    against: SignedContract | None
    changes: tuple[TermChange, ...]
    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    summary: ChangeSummary | None = None
    rule_sets: tuple[RuleSetFile, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def signed_already(self) -> bool:
        """Return whether this agency, or its officer of this folder, has signed these bytes."""
        participant = self.participant
        if participant.deployment == UNASSIGNED:
            return False
        return self.merged.note_by(participant.agency, participant.officer) is not None

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Return the errors, which cannot be accepted."""
        return tuple(found for found in self.findings if found.severity == "error")

    def unaccepted(self, accepted: Collection[str]) -> tuple[Finding, ...]:
        """Return the warnings that are not accepted by name."""
        return tuple(
            found
            for found in self.findings
            if found.severity == "warning" and found.rule not in accepted
        )


@dataclass(frozen=True, slots=True)
class Signed:
    """A contract after this agency has signed it.

    Attributes:
        agency: the agency that signed.
        contract: the contract with its signatures.
        note_file: this agency's note, beside the file.
        stored: the contract in the agency's folder.
        already: whether it had signed before.
    """

    agency: str
    contract: SignedContract
    note_file: Path
    stored: Path
    already: bool


def review_signing(
    directory: Path, file: Path, counterparts: tuple[Path, ...], now: int
) -> SigningReview:
    """Check a contract for a signature. This changes nothing and needs no passphrase.

    Args:
        directory: the agency's folder.
        file: the contract; its signatures so far are beside it, if there are any.
        counterparts: notes of other parties.
        now: milliseconds since the epoch.

    Raises:
        ContractError: the file is not a contract; `lint_rules_invalid`.
        ConfigError: `file_unusable`: the agency's lint rules cannot be read.
        RegistryError: it is not ours to sign, was altered, or a signature is wrong.
    """
    text = load_contract(file)
    participant = load_participant(directory, now, unsigned_ok=True)
    given = verify_contract(text, [read_note_file(path) for path in counterparts])
    held = participant.contracts.held(text.hash)
    merged = verify_beside(text, file).with_notes(given.notes)
    if held is not None:
        merged = merged.with_notes(held.notes)
    try:
        participant.contracts.adding(merged)
    except RegistryError as error:  # not a contract of this agency: the text or the agency is wrong
        raise RegistryError(
            error.detail,
            code=error.code,
            where=str(file),
            fix="Do not sign it as this agency. Ask the author to correct the text: it must name "
            "this agency, its partnership and its own signing keys.",
        ) from None
    for party in text.contract.parties:
        pinned_governance(text.contract, party.id)
    documents_of(directory, [text.contract])
    versions = [
        HeldVersion(signed.text, not signed.missing) for signed in participant.contracts.trusted()
    ]
    today = datetime.fromtimestamp(now // 1000, UTC).date()
    without_us = participant.repository.without_us(text.contract.previous_hashes)
    rule_sets = rule_sets_of(directory, participant.config)
    found = in_force(
        [
            *raised(succession_findings(text, versions, now, without_us), rule_sets),
            *lint_text(text, today, rule_sets),
        ],
        today,
    )
    against = compared_with(participant, merged, now)
    changes: tuple[TermChange, ...] = ()
    summary = None
    if against is not None:
        found_changes = compare(against.contract, text.contract).changes
        changes = tuple(each for each in found_changes if participant.agency in each.parties)
        summary = summarise(
            against.contract, text.contract, changes, participant.agency, against.hash.hex()
        )
    return SigningReview(
        participant=participant,
        file=file,
        merged=merged,
        against=against,
        changes=changes,
        findings=tuple(found),
        unchecked=unchecked_parties(participant, text.contract),
        left_out=left_out_parties(participant, merged),
        summary=summary,
        rule_sets=rule_sets,
        notes=unknown_names(text.contract, rule_sets),
    )


def left_out_parties(participant: Participant, new: SignedContract) -> tuple[str, ...]:
    """Return the parties of signed versions that a version leaves out; former parties do not count.

    Args:
        participant: the agency that has signed the older versions.
        new: the version, with the signatures so far.
    """
    contract, found = new.contract, set[str]()
    for signed in participant.contracts.trusted():
        if signed.hash in contract.previous_hashes and signed.contract.name == contract.name:
            status = participant.contract_status(signed, signed.contract.ends_ms - 1)
            gone = {one for one, each in status.departed.items() if each.state == "left"}
            found |= {party.id for party in signed.contract.parties} - gone
    return tuple(sorted(found - {party.id for party in contract.parties}))


def signatory_text(
    text: ContractText, against: SignedContract | None, agency: str, body: str
) -> str:
    """Return the text to show to a signatory; the signature names its hash.

    Args:
        text: the contract.
        against: the version that it is compared with, None if there is none.
        agency: the agency that signs.
        body: the review of the contract.
    """
    compared = (
        "nothing"
        if against is None
        else f"{against.contract.name} {against.contract.version} {against.hash.hex()}"
    )
    return visible(
        f"agreement: {text.hash.hex()}\n"
        f"compared with: {compared}\n"
        f"agency: {agency}\n"
        f"software: concordant {version('concordant')}\n"
        f"language: {LANGUAGE}\n"
        f"\n{body}"
    )


def sign(
    reviewed: SigningReview,
    accepted: Collection[str] = (),
    *,
    now: int,
    signatory: Signatory | None,
    shown: str,
) -> Signed:
    """Sign a reviewed contract, or add notes of others to one that was signed before.

    Args:
        reviewed: result of `review_signing`.
        accepted: rules whose warnings this agency accepts.
        now: milliseconds since the epoch.
        signatory: the person who signs, and their capacity; None only if this agency has signed.
        shown: the text that was shown to them (`signatory_text`). It is kept beside the note.

    Raises:
        SigningRefusedError: a check found an error, or a warning that is not accepted.
        WrongInputError: `option_missing`: no signatory is named.
        UnknownNameError: `rule_unknown`: no check has such a name.
        KeyAccessError: the governance keys are not available.
        RegistryError: `contract_keys_differ`, or it cannot be stored.
        ConfigError: `output_unwritable`.
    """
    participant, merged, file = reviewed.participant, reviewed.merged, reviewed.file
    agency = participant.agency
    already = reviewed.signed_already
    inside = file.resolve().parent == (participant.root / CONTRACTS_FOLDER).resolve()
    if already:
        signed = merged
    else:
        require_signable(reviewed, accepted)
        if signatory is None:
            raise signatory_missing()
        _keep_documents(participant.root, merged.contract)
        participant = join_deployment(participant, merged.contract.deployment, now)
        signer = participant.governance_signer()
        signed = countersign(
            merged, signer, signatory, time=whole_second(now), shown=shown_hash(shown)
        )
    note = signed.note_by(agency, participant.officer)
    assert note is not None  # the agency has signed now
    stored = file if inside else participant.repository.write_contract(merged)
    if not already:  # the text first: no signature is without the text that was shown
        participant.repository.write_shown(stored, note.signer, shown)
    participant.repository.write_notes(stored, signed)
    beside = note_path(file, note.signer)
    try:
        if not inside:
            write_durably(beside, note.raw)
    except OSError as error:
        raise ConfigError(
            f"The signature cannot be written ({error.strerror})",
            code="output_unwritable",
            where=str(beside),
            fix="Copy the contract to a folder that you may write to.",
        ) from None
    return Signed(agency, signed, beside, stored, already)


def _keep_documents(root: Path, contract: Contract) -> None:
    """Keep what is signed with the agreement beside it, for as long as the agency has it."""
    try:
        keep_documents(root, documents_of(root, [contract]))
    except OSError as error:
        raise ConfigError(
            f"The documents of the agreement cannot be written ({error.strerror})",
            code="output_unwritable",
            where=str(root),
            fix="Check the free space, the owner and the permissions of the folder.",
        ) from None


def require_rules(accepted: Iterable[str], own: Collection[str] | None = None) -> None:
    """Check that every accepted code is the code of a check.

    Args:
        accepted: the codes.
        own: names of the rules of organisations; None before they are read: then each name with a
            slash may be one.

    Raises:
        UnknownNameError: `rule_unknown`, with suggestions.
    """
    for rule in accepted:
        if own is None and "/" in rule:
            continue
        if rule not in RULES and rule not in (own or ()):
            alike = nearest(rule, [*RULES, *(own or ())])
            raise UnknownNameError(
                f"No check has the code {rule[:80]!r}.",
                code="rule_unknown",
                fix=f"Did you mean {' or '.join(alike)}?"
                if alike
                else "The review lists the codes.",
            )


def require_signable(reviewed: SigningReview, accepted: Collection[str]) -> None:
    """Check that every finding against a signature was accepted.

    Raises:
        SigningRefusedError: one was not; it names every finding.
        UnknownNameError: `rule_unknown`.
    """
    require_rules(accepted, [name for each in reviewed.rule_sets for name in each.content.names])
    where = str(reviewed.file)
    errors = reviewed.errors
    if errors:
        unacceptable = sorted({found.rule for found in errors if found.rule in accepted})
        raise SigningRefusedError(
            f"Not signed: {_counted(errors, 'error')}."
            + (f" An error cannot be accepted: {', '.join(unacceptable)}." if unacceptable else ""),
            code="signing_refused",
            where=where,
            fix="Ask the author of the text to correct it; the parties then sign the new text.",
        )
    open_ = reviewed.unaccepted(accepted)
    if open_:
        options = " ".join(f"--accept {rule}" for rule in sorted({each.rule for each in open_}))
        raise SigningRefusedError(
            f"Not signed: {_counted(open_, 'warning')}.",
            code="signing_unaccepted",
            where=where,
            fix=f"Have it corrected, or accept each warning by its name: {options}",
        )


def _counted(found: Collection[Finding], kind: str) -> str:
    rules = ", ".join(sorted({each.rule for each in found}))
    return f"{len(found)} {kind}{'' if len(found) == 1 else 's'} ({rules})"
