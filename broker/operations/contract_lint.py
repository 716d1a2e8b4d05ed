"""Lint of contract files: the findings of each.

A file that is not a contract is a finding too, so that CI shows it with the others. A file that
cannot be read is an error, because nothing was checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from broker.agency.config import load_config
from broker.errors import RegistryError
from contracts.errors import ContractError
from contracts.findings import Finding
from contracts.lint import lint_text
from contracts.loading import load_draft


@dataclass(frozen=True, slots=True)
class Checked:
    """One file and its findings, errors first."""

    file: str
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> int:
        """Return the number of findings that should stop a signature."""
        return sum(finding.severity == "error" for finding in self.findings)


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


def check_contract(path: Path, now: int) -> Checked:
    """Return all findings of one file.

    Raises:
        ContractError: `contract_unreadable`.
    """
    today = datetime.fromtimestamp(now // 1000, UTC).date()
    try:
        return Checked(str(path), lint_text(load_draft(path), today))
    except ContractError as error:
        if error.code == "contract_unreadable":
            raise
        return Checked(str(path), _not_a_contract(error, str(path)))


def _not_a_contract(error: ContractError, file: str) -> tuple[Finding, ...]:
    first, *more = error.detail.split("\n")
    faults = [f"{error.where or file}: {first}", *more]
    return tuple(
        Finding("not-a-contract", "error", *_place(fault.removeprefix(f"{file}:").strip()))
        for fault in faults
    )


def _place(fault: str) -> tuple[str, str]:
    where, colon, message = fault.rpartition(": ")
    return (f"line {where}" if where[:1].isdigit() else where, message) if colon else ("", fault)
