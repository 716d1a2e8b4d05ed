"""Lint of contract files: the findings of each.

A file that is not a contract is a finding too, so that CI shows it with the others. A file that
cannot be read is an error, because nothing was checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from broker.agency.config import load_config
from broker.errors import RegistryError
from broker.operations.rule_set_files import rule_sets_of
from contracts.errors import ContractError
from contracts.findings import Finding
from contracts.lint import lint_text
from contracts.lint_rules import finding
from contracts.loading import lines_of, load_draft
from contracts.rule_set_checks import unknown_names
from contracts.rule_sets import RuleSetFile

_LINE = re.compile(r"line ([0-9]+)(?:: |$)")


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """One file and its findings, errors first.

    Attributes:
        file: its path.
        findings: the findings.
        lines: line of each path of the file.
        rule_sets: own rules of organisations that were applied.
        notes: names in these rules that the agreement does not have.
    """

    file: str
    findings: tuple[Finding, ...]
    lines: Mapping[str, int] = field(default_factory=dict)
    rule_sets: tuple[RuleSetFile, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def errors(self) -> int:
        """Return the number of findings that should stop a signature."""
        return sum(finding.severity == "error" for finding in self.findings)

    def line_of(self, finding: Finding) -> int | None:
        """Return the line that a finding is about: of its path, or of the nearest one above it."""
        if (named := _LINE.match(finding.where)) is not None:
            return int(named[1])
        path = finding.where
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path) if path else None


def checked_contracts(
    file: Path | None, agency: Path | None, rules: Sequence[Path], now: int
) -> list[CheckedFile]:
    """Return the findings of a file, or of every contract in an agency's folder.

    Args:
        file: the contract.
        agency: the agency's folder, instead; its settings may name a rule set.
        rules: files of more rule sets.
        now: milliseconds since the epoch.

    Raises:
        ConfigError: the folder holds no agency; `file_unusable`: rules cannot be read.
        RegistryError: `contract_missing`.
        ContractError: `contract_unreadable`; `lint_rules_invalid`.
    """
    sets = rule_sets_of(agency, None if agency is None else load_config(agency), rules)
    return [check_contract(path, now, sets) for path in contract_paths(file, agency)]


def contract_paths(file: Path | None, agency: Path | None) -> list[Path]:
    """Return the file, or every contract in an agency's folder.

    Raises:
        ConfigError: the folder holds no agency.
        RegistryError: `contract_missing`.
    """
    if agency is None:
        assert file is not None
        return [file]
    load_config(agency)
    found = sorted((agency / "contracts").glob("*.yaml"))
    if not found:
        raise RegistryError(
            "There is no contract.",
            code="contract_missing",
            where=str(agency / "contracts"),
            fix="Put the contract into the folder.",
        )
    return found


def check_contract(path: Path, now: int, rule_sets: tuple[RuleSetFile, ...] = ()) -> CheckedFile:
    """Return all findings of one file.

    Raises:
        ContractError: `contract_unreadable`.
    """
    today = datetime.fromtimestamp(now // 1000, UTC).date()
    try:
        text = load_draft(path)
        return CheckedFile(
            str(path),
            lint_text(text, today, rule_sets),
            lines_of(text),
            rule_sets,
            unknown_names(text.contract, rule_sets),
        )
    except ContractError as error:
        if error.code == "contract_unreadable":
            raise
        return CheckedFile(str(path), _not_a_contract(error, str(path)), rule_sets=rule_sets)


def _not_a_contract(error: ContractError, file: str) -> tuple[Finding, ...]:
    first, *more = error.detail.split("\n")
    faults = [f"{error.where or file}: {first}", *more]
    places = (_place(fault.removeprefix(f"{file}:").strip()) for fault in faults)
    return tuple(
        finding("not-a-contract", "invalid", where, message=message) for where, message in places
    )


def _place(fault: str) -> tuple[str, str]:
    where, colon, message = fault.rpartition(": ")
    return (f"line {where}" if where[:1].isdigit() else where, message) if colon else ("", fault)
