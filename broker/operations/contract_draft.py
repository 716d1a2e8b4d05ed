"""Draft of an agreement: terms, and the entries of the agencies that are to be its parties."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from broker.errors import ConfigError, EntryError, WrongInputError
from broker.keys.durable import write_named
from broker.keys.keyfile import UNASSIGNED
from broker.partnership.bundle import BUNDLE_MAGIC
from broker.partnership.entry import ENTRY_LIMIT_BYTES, VerifiedEntry, verify_entry
from broker.registry.contracts import governance_terms
from contracts.bounded_file import read_bounded
from contracts.documents import DOCUMENT_BYTES, document_hash, require_document, shipped_pins
from contracts.drafting import draft
from contracts.errors import ContractError
from contracts.findings import Finding
from contracts.lint import lint_text
from contracts.loading import (
    AGREEMENT_BYTES,
    ContractText,
    documents_beside,
    parse_contract,
    parse_draft,
    shipped_names,
    shipped_terms,
)
from contracts.model import Contract, Pins
from contracts.names import nearest
from contracts.terms import Regime

_ID: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
_FEWEST_PARTIES: Final = 2
_NOT_AN_AUTHORITYS: Final = ("6(1)(f)", "6(1)(ea)")
"""Legal bases that a public authority may not use for its tasks."""


@dataclass(frozen=True, slots=True)
class Drafted:
    """An agreement that was written.

    Attributes:
        text: the agreement.
        file: its path.
        entries: of its parties, in the agreement's order.
        findings: of every check of the text, errors first.
    """

    text: ContractText
    file: Path
    entries: tuple[VerifiedEntry, ...]
    findings: tuple[Finding, ...]


def draft_contract(
    *,
    terms: str,
    entries: Sequence[Path],
    deployment: str,
    starts: date,
    ends: date,
    review_on: date,
    out: Path,
    now: int,
    framework: Path | None = None,
) -> Drafted:
    """Write the first version of an agreement.

    Args:
        terms: the name of shipped terms, or a file.
        entries: the parties' entries, in the order in which the agreement names them.
        deployment: the partnership's id.
        starts: first day in force, UTC.
        ends: last day in force, UTC.
        review_on: the day by which the parties review it.
        out: the file.
        now: milliseconds since the epoch.
        framework: the text of the framework agreement; None pins the sample of the software.

    Raises:
        EntryError: an entry is refused, two are of one id (`entry_conflict`), or neither a party's
            entry nor the terms state a value (`entry_incomplete`).
        ContractError: the terms, or the result, are not a valid agreement.
        WrongInputError: `terms_unknown` or `dates_invalid`.
        ConfigError: `output_unwritable`.
    """
    if deployment == UNASSIGNED or not _ID.fullmatch(deployment):
        raise WrongInputError(
            "This is no name for a partnership.",
            code="option_invalid",
            where="--deployment",
            fix="Give up to 63 lower-case letters, digits and hyphens that begin with a letter, "
            f"for example pan-camden. The name {UNASSIGNED} is reserved.",
        )
    if not starts <= review_on <= ends:
        raise WrongInputError(
            "The days are not in their order: start, review, end.",
            code="dates_invalid",
            where="--starts, --review, --ends",
            fix="Give a day for --review that is not before --starts and not after --ends.",
        )
    terms_text = terms_of(terms)
    documents = documents_beside(Path(terms))
    outline = parse_draft(terms_text.encode(), terms, documents).contract
    verified = read_entries(entries, deployment, now)
    if len(verified) < _FEWEST_PARTIES:
        raise WrongInputError(
            f"An agreement needs at least {_FEWEST_PARTIES} parties.",
            code="option_missing",
            where="--entry",
            fix="Give the entry of each party, this agency included, each with --entry.",
        )
    text = draft(
        terms_text,
        deployment=deployment,
        parties=[party_from_entry(one, outline) for one in verified],
        governance_keys={one.agency: governance_terms(one.governance) for one in verified},
        starts=starts,
        ends=ends,
        review_on=review_on,
        pins=pins_of(framework, outline),
    )
    parsed = parse_contract(text.encode(), str(out), documents)
    write_new(out, parsed.raw)
    today = datetime.fromtimestamp(now // 1000, UTC).date()
    found = sorted(lint_text(parsed, today), key=lambda each: each.severity != "error")
    return Drafted(parsed, out, tuple(verified), tuple(found))


def pins_of(framework: Path | None, contract: Contract) -> Pins:
    """Return the pins of a framework agreement, and of the vocabulary of a contract.

    Args:
        framework: its file; None for the framework of the software.
        contract: terms or a contract.

    Raises:
        ContractError: `document_invalid`.
        ConfigError: `file_unusable`.
    """
    if framework is None:
        return shipped_pins(contract.vocabulary)
    raw = read_bounded(
        framework, DOCUMENT_BYTES, ConfigError, code="file_unusable", what="framework agreement"
    )
    require_document(raw, str(framework))
    return Pins(framework=document_hash(raw), vocabulary=contract.vocabulary.hash)


def write_new(out: Path, raw: bytes) -> None:
    """Write an agreement; a file that is there is kept, because people edit agreements.

    Raises:
        WrongInputError: `output_exists`: a file with another content is there.
        ConfigError: `output_unwritable`.
    """
    if out.exists() and not (out.is_file() and out.read_bytes() == raw):
        raise WrongInputError(
            "There is a file of this name already. It was not changed.",
            code="output_exists",
            where=str(out),
            fix="Name a file that does not exist.",
        )
    write_named(out, raw, "agreement")


def require_distinct(entries: Sequence[VerifiedEntry]) -> None:
    """Check that no two entries are of one agency id or of one key.

    Raises:
        EntryError: `entry_conflict`.
    """
    seen: dict[object, VerifiedEntry] = {}
    for entry in entries:
        for mark in (entry.agency, *entry.governance.halves):
            if mark in seen:
                raise EntryError(
                    f"Two entries have one id or one key: {seen[mark].agency} and {entry.agency}.",
                    code="entry_conflict",
                    fix="Telephone both agencies and compare fingerprints. Give each entry once.",
                )
        seen |= dict.fromkeys((entry.agency, *entry.governance.halves), entry)


def party_from_entry(entry: VerifiedEntry, outline: Contract) -> dict[str, Any]:
    """Return an agency as a party; the terms for its role supply values that its entry lacks.

    Args:
        entry: the agency's entry.
        outline: the terms.

    Raises:
        EntryError: `entry_incomplete`.
    """
    profile = entry.entry.profile
    if profile.role not in outline.roles:
        alike = nearest(profile.role, outline.roles)
        raise EntryError(
            f"The agreement has no role {profile.role}, which {entry.agency} states.",
            code="entry_incomplete",
            where=entry.agency,
            fix=f"Did it mean {' or '.join(alike)}?"
            if alike
            else f"Roles are: {', '.join(outline.roles)}.",
        )
    bases = [one for one in outline.legal_bases if profile.role in one.relied_on_by]
    regimes: set[Regime] = {one.regime for one in bases}
    if profile.regime is None and len(regimes) != 1:
        raise EntryError(
            f"The terms do not say under which law {entry.agency} processes.",
            code="entry_incomplete",
            where=entry.agency,
            fix=f"Ask {entry.agency} to make its agency with --regime.",
        )
    private = any(mark in one.basis for one in bases for mark in _NOT_AN_AUTHORITYS)
    regime: Regime = profile.regime or min(regimes)
    return profile.party(entry.agency, regime=regime, public_authority=not private)


def terms_of(name: str) -> str:
    """Return the text of terms: shipped ones by their name, or a file.

    Raises:
        WrongInputError: `terms_unknown`.
        ContractError: `contract_invalid`: the file is not UTF-8.
    """
    if name in shipped_names():
        return shipped_terms(name)
    try:
        with Path(name).open("rb") as file:
            raw = file.read(AGREEMENT_BYTES + 1)
    except OSError:
        alike = nearest(name, shipped_names())
        raise WrongInputError(
            "There are no terms of this name, and no such file can be read.",
            code="terms_unknown",
            where=name,
            fix=f"Did you mean {' or '.join(alike)}?"
            if alike
            else f"Give a file, or one of: {', '.join(shipped_names())}.",
        ) from None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ContractError(
            "the terms are not UTF-8 text",
            code="contract_invalid",
            where=name,
            fix="Save the file as UTF-8.",
        ) from None


def read_entries(paths: Sequence[Path], deployment: str, now: int) -> tuple[VerifiedEntry, ...]:
    """Return the entries in files, verified. An entry that is given twice counts once.

    Raises:
        EntryError: one is refused, or two are of one id or one key (`entry_conflict`).
        ConfigError: `file_unusable`.
    """
    read = {entry.raw: entry for entry in (_read_entry(one, deployment, now) for one in paths)}
    require_distinct(tuple(read.values()))
    return tuple(read.values())


def _read_entry(path: Path, deployment: str, now: int) -> VerifiedEntry:
    raw = read_bounded(path, ENTRY_LIMIT_BYTES, ConfigError, code="file_unusable", what="entry")
    if raw.startswith(BUNDLE_MAGIC):
        raise EntryError(
            "This file is a bundle, and an entry is needed.",
            code="entry_malformed",
            where=str(path),
            fix="Ask the agency for the file that it made with: concordant agency entry",
        )
    return verify_entry(raw, now=now, deployment=deployment, where=str(path))
