"""Revision of an agreement: the next version, for parties that join or leave and changed values."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from broker.errors import EntryError, WrongInputError
from broker.keys.durable import files_in
from broker.operations.contract_draft import party_from_entry, pins_of, read_entries, write_new
from broker.registry.contract_files import verify_beside
from broker.registry.contracts import governance_terms
from contracts.comparison import TermChange, compare
from contracts.comparison_summary import ChangeSummary, summarise
from contracts.errors import ContractError
from contracts.findings import Finding
from contracts.lint import lint_text
from contracts.loading import ContractText, documents_beside, load_contract, parse_contract
from contracts.revision import NewParty, Revision, revised_text


@dataclass(frozen=True, slots=True)
class Revised:
    """The next version.

    Attributes:
        text: the agreement.
        file: where it is.
        changes: against the version before.
        findings: of every check of the text, errors first.
        summary: the changes that belong together in one line.
    """

    text: ContractText
    file: Path
    changes: tuple[TermChange, ...]
    findings: tuple[Finding, ...]
    summary: ChangeSummary


def revise_contract(
    file: Path,
    *,
    add: Sequence[Path],
    remove: Sequence[str],
    values: Mapping[str, str],
    out: Path,
    now: int,
    framework: Path | None = None,
    change: str | None = None,
) -> Revised:
    """Write the next version of an agreement; comments stay as they were.

    If the version shares more data, its first number rises by one, otherwise its second number.

    Args:
        file: the version before.
        add: entries of parties that join.
        remove: ids of parties that are left out.
        values: dotted path -> new value.
        out: the file.
        now: milliseconds since the epoch.
        framework: the text of another framework agreement, whose hash the version pins.
        change: words of the version record; None names what changes.

    Raises:
        EntryError: an entry is refused, or its party is one already (`entry_conflict`).
        UnknownNameError: a path or a party does not exist.
        WrongInputError: `option_missing`: nothing is changed; `version_replaced`: another version
            replaces this one; `output_exists`.
        ContractError: the result is no agreement.
        RegistryError: a signature beside another version of it is wrong.
        ConfigError: `output_unwritable`.
    """
    before = load_contract(file)
    contract = before.contract
    if framework is not None:
        values = {**values, "pins.framework": pins_of(framework, contract).framework}
    if not (add or remove or values):
        raise WrongInputError(
            "Nothing is to be changed.",
            code="option_missing",
            where="contract revise",
            fix="Give an entry to add, a party to leave out, or a value to set; --help says how.",
        )
    if {"version", "previous"} & values.keys():
        raise WrongInputError(
            "The number of the version and the hash of the one before are filled in.",
            code="option_invalid",
            where="contract revise",
            fix="Leave them out of --set.",
        )
    entries = read_entries(add, contract.deployment, now)
    for entry in entries:
        if contract.party(entry.agency) is not None and entry.agency not in remove:
            raise EntryError(
                f"{entry.agency} is a party of the agreement already.",
                code="entry_conflict",
                where=entry.agency,
                fix="Leave this entry out. If it is another agency, telephone both.",
            )
    joining = tuple(
        NewParty(
            party_from_entry(entry, contract),
            governance_terms(entry.governance),
        )
        for entry in entries
    )
    beside = _signed_beside(before, file)
    _require_newest(before, beside)
    today = datetime.fromtimestamp(now // 1000, UTC).date()
    if "starts" not in values and contract.starts < today:
        # a signature long after the first day does not count
        values = {**values, "starts": today.isoformat()}
    major, minor, _ = (int(part) for part in contract.version.split("."))
    wanted = Revision(
        version=f"{major}.{minor + 1}.0",
        previous=sorted(_replaced_by_next(before, beside)),
        day=today,
        change=change or _summary([entry.agency for entry in entries], remove, values),
        add=joining,
        remove=tuple(remove),
        values=values,
    )
    text = before.raw.decode()
    documents = documents_beside(file)
    parsed = parse_contract(revised_text(text, wanted).encode(), str(out), documents)
    if compare(contract, parsed.contract).widening:
        wanted = replace(wanted, version=f"{major + 1}.0.0")
        parsed = parse_contract(revised_text(text, wanted).encode(), str(out), documents)
    write_new(out, parsed.raw)
    found = sorted(lint_text(parsed, today), key=lambda each: each.severity != "error")
    changes = compare(contract, parsed.contract).changes
    summary = summarise(contract, parsed.contract, changes, None, before.hash.hex())
    return Revised(parsed, out, changes, tuple(found), summary)


def version_without(file: Path, agency: str, now: int) -> bytes:
    """Return the next version of an agreement without one party, as `revise_contract` writes it.

    Args:
        file: the version before.
        agency: id of the party that is left out.
        now: milliseconds since the epoch.

    Raises:
        ConcordantError: as `revise_contract`.
    """
    with tempfile.TemporaryDirectory(prefix="concordant-") as folder:
        out = Path(folder) / "next.yaml"
        revise_contract(file, add=(), remove=(agency,), values={}, out=out, now=now)
        return out.read_bytes()


def _signed_beside(before: ContractText, file: Path) -> tuple[ContractText, ...]:
    """Return each version of this name beside a file that a party has signed, complete or not."""
    found = []
    for path in files_in(file.parent, "*.yaml"):
        try:
            text = load_contract(path)
        except ContractError:  # another YAML file, for example terms
            continue
        one, own = text.contract, before.contract
        same = (one.deployment, one.name) == (own.deployment, own.name)
        if same and verify_beside(text, path).notes:
            found.append(text)
    return tuple(found)


def _require_newest(before: ContractText, beside: Sequence[ContractText]) -> None:
    """Check that no signed version replaces the version before: its changes would be lost.

    Raises:
        WrongInputError: `version_replaced`.
    """
    later = [one for one in beside if before.hash.hex() in one.contract.previous]
    if later:
        newest = max(later, key=lambda one: _number(one.contract.version))
        raise WrongInputError(
            f"{before.contract.version} is not the newest version: a party has signed "
            f"{newest.contract.version}, which replaces it.",
            code="version_replaced",
            where=before.where,
            fix=f"Revise {newest.where} instead.",
        )


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _replaced_by_next(before: ContractText, beside: Sequence[ContractText]) -> set[str]:
    """Return the hashes of all versions of this name that the next one has to replace."""
    found = {before.hash.hex(), *before.contract.previous}
    for text in beside:
        found |= {text.hash.hex(), *text.contract.previous}
    return found


def _summary(joining: Sequence[str], leaving: Sequence[str], values: Mapping[str, str]) -> str:
    parts = [f"Joins: {', '.join(joining)}"] if joining else []
    parts += [f"Left out: {', '.join(leaving)}"] if leaving else []
    parts += [f"Changed: {', '.join(values)}"] if values else []
    return f"{'; '.join(parts)}."
