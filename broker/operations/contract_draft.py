"""Draft of an agreement: terms, and the entries of the agencies that are to be its parties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from broker.envelope.primitives import b64
from broker.errors import ConfigError, EntryError, WrongInputError
from broker.keys.durable import write_named
from broker.keys.keyfile import UNASSIGNED
from broker.partnership.entry import ENTRY_LIMIT_BYTES, VerifiedEntry, verify_entry
from contracts.bounded_file import read_bounded
from contracts.documents import DOCUMENT_BYTES, document_hash, require_document, shipped_pins
from contracts.drafting import draft
from contracts.errors import ContractError
from contracts.findings import Finding
from contracts.lint import lint_text
from contracts.loading import (
    AGREEMENT_BYTES,
    ContractText,
    parse_contract,
    parse_draft,
    shipped_names,
    shipped_terms,
)
from contracts.model import Contract, Pins
from contracts.names import nearest
from contracts.parties import GovernanceKeys
from contracts.terms import Regime

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
    if deployment == UNASSIGNED or not starts <= review_on <= ends:
        raise WrongInputError(
            "The deployment has a reserved name."
            if deployment == UNASSIGNED
            else "The days are not in their order: start, review, end.",
            code="dates_invalid" if deployment != UNASSIGNED else "option_invalid",
            where="contract draft",
            fix="Give --starts, --review and --ends in this order, and a name of your own for "
            "--deployment.",
        )
    terms_text = _terms(terms)
    outline = parse_draft(terms_text.encode(), terms).contract
    verified = [read_entry(path, deployment, now) for path in entries]
    require_distinct(verified)
    text = draft(
        terms_text,
        deployment=deployment,
        parties=[party_of(one, outline) for one in verified],
        governance_keys={
            one.agency: GovernanceKeys(
                ed25519=b64(one.governance.ed25519), ml_dsa_65=b64(one.governance.ml_dsa_65)
            )
            for one in verified
        },
        starts=starts,
        ends=ends,
        review_on=review_on,
        pins=None if framework is None else pins_of(framework),
    )
    parsed = parse_contract(text.encode(), str(out))
    write_named(out, parsed.raw, "agreement")
    today = datetime.fromtimestamp(now // 1000, UTC).date()
    found = sorted(lint_text(parsed, today), key=lambda each: each.severity != "error")
    return Drafted(parsed, out, tuple(verified), tuple(found))


def pins_of(framework: Path) -> Pins:
    """Return the pins of a framework agreement of one's own and the vocabulary of the software.

    Raises:
        ContractError: `document_invalid`.
        ConfigError: `file_unusable`.
    """
    raw = read_bounded(
        framework, DOCUMENT_BYTES, ConfigError, code="file_unusable", what="framework agreement"
    )
    require_document(raw, str(framework))
    return Pins(framework=document_hash(raw), vocabulary=shipped_pins().vocabulary)


def require_distinct(entries: Sequence[VerifiedEntry]) -> None:
    """Check that no two entries are of one agency id or of one key.

    Raises:
        EntryError: `entry_conflict`.
    """
    seen: dict[object, VerifiedEntry] = {}
    for entry in entries:
        for mark in (entry.agency, entry.governance.ed25519, entry.governance.ml_dsa_65):
            if mark in seen:
                raise EntryError(
                    f"Two entries have one id or one key: {seen[mark].agency} and {entry.agency}.",
                    code="entry_conflict",
                    fix="Telephone both agencies and compare fingerprints. Give each entry once.",
                )
        seen |= dict.fromkeys(
            (entry.agency, entry.governance.ed25519, entry.governance.ml_dsa_65), entry
        )


def party_of(entry: VerifiedEntry, outline: Contract) -> dict[str, Any]:
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


def _terms(name: str) -> str:
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


def read_entry(path: Path, deployment: str, now: int) -> VerifiedEntry:
    """An entry in a file, verified.

    Raises:
        EntryError: it is refused.
        ConfigError: `file_unusable`.
    """
    raw = read_bounded(path, ENTRY_LIMIT_BYTES, ConfigError, code="file_unusable", what="entry")
    return verify_entry(raw, now=now, deployment=deployment, where=str(path))
