"""Findings of lint as text: one line for each thing that a person has to correct."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from broker.cli.output import number_of
from broker.operations.contract_lint import Checked
from contracts.findings import Finding

__all__ = ["condensed", "finding_notes", "findings_text"]

_EACH = frozenset({"not-a-contract", "placeholder"})
"""Rules whose findings are listed one by one, because each place needs its own correction."""

_INCOMPLETE = "draft-incomplete"


def findings_text(checked: Checked) -> str:
    """Return the lines `file:line: severity: rule: where: message`, in the order of the file.

    A finding that is the same for many fields or event types takes one line, with their number.
    """

    def line(one: Finding) -> int:
        return checked.line_of(one) or 0

    in_order = sorted(checked.findings, key=lambda one: (one.severity != "error", line(one)))
    lines = []
    for one, more in condensed(in_order):
        where = one.where.removeprefix(f"line {line(one)}").removeprefix(": ")
        parts = [f"{checked.file}:{line(one)}" if line(one) else checked.file]
        parts += [one.severity, one.rule, *([where] if where else []), f"{one.message}{more}"]
        lines.append(": ".join(parts) + "\n")
    return "".join(lines)


def finding_notes(findings: Iterable[Finding]) -> list[str]:
    """Return the findings of a text that was just written, for the notes of a command."""
    return [
        f"  {one.severity}: {one.where + ': ' if one.where else ''}{one.message}{more} ({one.rule})"
        for one, more in condensed(findings)
    ]


def condensed(findings: Iterable[Finding]) -> Iterator[tuple[Finding, str]]:
    """Yield the first of equal findings, and in words how many more there are.

    Findings are equal if they say the same about parts of event types. All members that a
    draft lacks are one finding.
    """
    listed = tuple(findings)
    open_ = {one.where for one in listed if one.rule == "placeholder"}
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for one in listed:
        if one.rule != "legal-code-unknown" or one.where not in open_:  # TBC is named once
            groups.setdefault(_key(one), []).append(one)
    for first, *others in groups.values():
        if first.rule == _INCOMPLETE:
            missing = ", ".join(one.where for one in (first, *others))
            message = f"a draft without {missing}: what depends on them is not checked"
            yield Finding(first.rule, first.severity, "", message), ""
        else:
            yield first, f" (and in {number_of(len(others), 'more place')})" if others else ""


def _key(one: Finding) -> tuple[str, ...]:
    if one.rule == _INCOMPLETE:
        return (one.severity, one.rule)
    same = one.where.startswith("event_types.") and one.rule not in _EACH
    return (one.severity, one.rule, one.message, *(() if same else (one.where,)))
