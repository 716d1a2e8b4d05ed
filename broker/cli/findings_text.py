"""Findings of lint as text and JSON: one line for each thing that a person has to correct."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from broker.cli.output import number_of
from broker.operations.contract_lint import CheckedFile
from contracts.findings import Finding
from contracts.rule_sets import RuleSetFile
from contracts.wording import wrapped

__all__ = [
    "advice",
    "checked_files_text",
    "condensed",
    "finding_json",
    "finding_notes",
    "findings_text",
    "raised_text",
    "set_json",
    "set_text",
]

_EACH = frozenset({"not-a-contract", "placeholder"})
"""Rules whose findings are listed one by one, because each place needs its own correction."""

_INCOMPLETE = "draft-incomplete"


def checked_files_text(checked: Sequence[CheckedFile]) -> str:
    """Return the findings, then once for each rule what to do and its source."""
    text = "".join(findings_text(each) for each in checked)
    lines = advice(one for each in checked for one, _ in condensed(each.findings))
    sets = {each.content.rule_set: each for one in checked for each in one.rule_sets}
    if sets:
        lines += ["", "Rules of your own organisation that were checked too:"]
        lines += [line for each in sets.values() for line in wrapped(set_text(each), "  ")]
    return text + "".join(f"{line}\n" for line in lines)


def advice(findings: Iterable[Finding]) -> list[str]:
    """Return once for each rule with findings what to do, and the rule's source."""
    rules = {one.rule: one for one in findings if one.fix}
    lines = ["", "What to do:"] if rules else []
    for name, one in sorted(rules.items()):
        lines += wrapped(f"{name}: {one.fix} Source: {'; '.join(one.sources)}", "  ")
    return lines


def findings_text(checked: CheckedFile) -> str:
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
        parts += [
            one.severity,
            one.rule,
            *([where] if where else []),
            f"{one.message}{raised_text(one)}{more}",
        ]
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
            yield replace(first, where="", message=message), ""
        else:
            yield first, f" (and in {number_of(len(others), 'more place')})" if others else ""


def _key(one: Finding) -> tuple[str, ...]:
    if one.rule == _INCOMPLETE:
        return (one.severity, one.rule)
    same = one.where.startswith("event_types.") and one.rule not in _EACH
    return (one.severity, one.rule, one.message, *(() if same else (one.where,)))


def raised_text(found: Finding) -> str:
    """Return that a rule set makes a rule of the software an error; else nothing."""
    own = not found.rule_set or found.rule.startswith(f"{found.rule_set}/")
    return "" if own else f" (an error by the rule set {found.rule_set})"


def set_text(rule_set: RuleSetFile) -> str:
    """Return name, organisation, version, file and hash of a rule set."""
    content = rule_set.content
    return (
        f"{content.rule_set}: {content.organisation}, version {content.version} of "
        f"{content.dated}, {rule_set.file}, SHA-256 {rule_set.sha256}"
    )


def set_json(rule_set: RuleSetFile) -> dict[str, object]:
    """Return a rule set with the names of its rules, for programs."""
    content = rule_set.content
    return {
        "rule_set": content.rule_set,
        "organisation": content.organisation,
        "version": content.version,
        "dated": content.dated.isoformat(),
        "file": rule_set.file,
        "sha256": rule_set.sha256,
        "rules": list(content.names),
        "severities": dict(content.severities),
    }


def finding_json(found: Finding) -> dict[str, object]:
    """Return one finding, for programs."""
    return {
        "rule": found.rule,
        "severity": found.severity,
        "where": found.where,
        "message": found.message,
        "fix": found.fix,
        "source": list(found.sources),
        "rule_set": found.rule_set or None,
    }
