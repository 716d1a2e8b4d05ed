"""Texts and JSON of ``contract lint``, ``sign``, ``suspend`` and ``verify``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import Final
from xml.etree import ElementTree as Xml

from broker.cli.findings_text import condensed, finding_json, raised_text, set_json, set_text
from broker.cli.times import instant
from broker.operations.contract_lint import CheckedFile
from broker.operations.contract_signing import Signed, SigningReview
from broker.operations.contract_validity import Validities, Validity
from broker.utc_text import day
from contracts.comparison_summary import SummaryLine
from contracts.lint import NOT_CHECKED
from contracts.wording import wrapped

_STATES: Final = {
    "in_force": "in force",
    "draft": "there is no signature",
    "partially_signed": "not in force: signatures are missing",
    "not_started": "not in force: it has not started",
    "expired": "not in force: it has expired",
    "suspended": "not in force: suspended",
    "left": "not in force: its parties have left",
    "superseded": "replaced by a newer version",
    "unusable": "not in force",
}


# --- lint -----------------------------------------------------------------------------------------


def findings_json(checked: CheckedFile) -> dict[str, object]:
    """Return the findings for programs."""
    return {
        "file": checked.file,
        "errors": checked.errors,
        "warnings": len(checked.findings) - checked.errors,
        "findings": [
            {**finding_json(each), "line": checked.line_of(each)} for each in checked.findings
        ],
        "rule_sets": [set_json(each) for each in checked.rule_sets],
        "notes": list(checked.notes),
    }


def junit(checked: Sequence[CheckedFile]) -> str:
    """JUnit XML: one suite a file, one failed case an error; warnings are in the case's output."""
    root = Xml.Element("testsuites", name="concordant contract lint")
    for each in checked:
        suite = Xml.SubElement(
            root,
            "testsuite",
            name=each.file,
            tests=str(max(1, len(each.findings))),
            failures=str(each.errors),
            errors="0",
        )
        if not each.findings:
            Xml.SubElement(suite, "testcase", classname=each.file, name="lint")
        for finding in each.findings:
            case = Xml.SubElement(
                suite, "testcase", classname=each.file, name=f"{finding.rule} {finding.where}"
            )
            if finding.severity == "error":
                failure = Xml.SubElement(
                    case, "failure", type=finding.rule, message=finding.message
                )
                failure.text = f"{finding.where}: {finding.message}\n{finding.fix}"
            else:
                Xml.SubElement(case, "system-out").text = f"warning: {finding.message}"
    Xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="unicode")


# --- sign -----------------------------------------------------------------------------------------


def review_text(reviewed: SigningReview) -> str:
    """Return what the signer reads first: findings, changes for this agency, missing signatures."""
    contract = reviewed.merged.contract
    agency = reviewed.participant.agency
    lines = [f"{contract.name} {contract.version}, SHA-256 {reviewed.merged.hash.hex()}", ""]
    summary = reviewed.summary
    if reviewed.against is None or summary is None:
        lines += wrapped(
            f"{agency} has signed no version of {contract.name}: everything in it is new. Read it "
            f"first: concordant contract explain {reviewed.file}",
            "",
        )
    else:
        before = reviewed.against.contract.version
        lines += [] if summary.version is None else [*wrapped(summary.version.text, ""), ""]
        lines.append(f"Changes for {agency} against version {before}:")
        lines += [
            line for change in summary.lines for line in wrapped(_change_words(change), "  ")
        ] or ["  none"]
    lines += [line for text in left_out_texts(reviewed) for line in ("", *wrapped(text, ""))]
    lines += ["", "Checks:"]
    lines += [
        line
        for found, more in condensed(reviewed.findings)
        for line in wrapped(
            f"{found.severity}: {found.rule}: {found.where}: {found.message}"
            f"{raised_text(found)}{more}",
            "  ",
        )
    ] or ["  no errors, no warnings"]
    for each in reviewed.rule_sets:
        lines += wrapped(f"Own rules that were checked: {set_text(each)}", "  ")
    lines += [line for text in reviewed.notes for line in wrapped(text, "  ")]
    lines += wrapped(NOT_CHECKED, "  ")
    lines += unchecked_notes(reviewed)
    return "\n".join(lines) + "\n"


def left_out_texts(reviewed: SigningReview) -> list[str]:
    """Return what a signature stops, if the version leaves out a party."""
    if not reviewed.left_out:
        return []
    contract, names = reviewed.merged.contract, ", ".join(reviewed.left_out)
    agency = reviewed.participant.agency
    return [
        f"This version leaves out {names}. What stops: from this signature on, or from "
        f"{contract.starts} if that is later, {agency} and {names} exchange no event under "
        f"{contract.name}, also if other parties do not sign.",
        f"What continues: what was opened before stays with the agency that opened it. "
        f"{agency} continues with the other parties.",
        f"What you have to do: telephone {names}, and send it this version in a bundle.",
    ]


def unchecked_notes(reviewed: SigningReview) -> list[str]:
    """Parties whose fingerprint no person of this agency has compared, before a signature."""
    if not reviewed.unchecked:
        return []
    return [
        f"NOT CHECKED by telephone: {', '.join(reviewed.unchecked)}. Before you sign, ask each "
        "for its twelve words, and run: concordant agency check-partner"
    ]


def review_json(reviewed: SigningReview) -> dict[str, object]:
    """The same for programs."""
    against = reviewed.against
    return {
        "compared_with": None
        if against is None
        else {"version": against.contract.version, "sha256": against.hash.hex()},
        "changes": [
            {
                "path": change.path,
                "clause": change.clause,
                "effect": change.effect,
                "text": change.text,
                "parties": list(change.parties),
            }
            for change in reviewed.changes
        ],
        "findings": [finding_json(found) for found in reviewed.findings],
        "rule_sets": [set_json(each) for each in reviewed.rule_sets],
        "unchecked": list(reviewed.unchecked),
        "left_out": list(reviewed.left_out),
    }


def signed_json(signed: Signed) -> dict[str, object]:
    """Return the signature's result, for programs."""
    terms = signed.contract.contract
    return {
        "contract": terms.name,
        "version": terms.version,
        "sha256": signed.contract.hash.hex(),
        "agency": signed.agency,
        "signatures": str(signed.note_file),
        "stored": str(signed.stored),
        "signed": sorted(signed.contract.parties),
        "missing": list(signed.contract.missing),
    }


def signed_notes(signed: Signed, agency: Path) -> list[str]:
    """Return what the signer should know and do afterwards."""
    terms, missing = signed.contract.contract, signed.contract.missing
    verb = "had signed" if signed.already else "has signed"
    return [
        f"{signed.agency} {verb} {terms.name} {terms.version}, {signed.contract.hash.hex()}.",
        f"Not signed yet by {', '.join(missing)}. Make a bundle, and send it to them:"
        if missing
        else "Every party has signed. Make a bundle, and send it to the other parties:",
        f"  concordant bundle make --agency {quote(str(agency))} --out {signed.agency}.bundle",
        "Take the governance keys offline again.",
    ]


def _change_words(change: SummaryLine) -> str:
    clause = f" (clause {change.clause})" if change.clause else ""
    effect = {"unknown": "may widen", "both": "widens and narrows", "neutral": "same disclosure"}
    return f"{effect.get(change.effect, change.effect)}: {change.text}{clause}"


# --- verify ---------------------------------------------------------------------------------------


def validity_text(answer: Validities) -> str:
    """For people."""
    in_force_first = sorted(answer.contracts, key=lambda each: each.state != "in_force")
    return "\n".join(_validity_text(each) for each in in_force_first) or "There is no contract.\n"


def validity_json(answer: Validities) -> dict[str, object]:
    """For programs."""
    found = [_validity_json(each) for each in answer.contracts]
    return {"in_force": answer.holds, "code": answer.code, "contracts": found}


def _validity_text(validity: Validity) -> str:
    """A few lines for people."""
    named = f"{validity.name} {validity.version}" if validity.name else validity.file
    lines = [f"{named}: {_STATES[validity.state] if not validity.code else 'not in force'}"]
    if validity.awaits_us and validity.state == "draft":
        lines = [f"{named}: not in force: no party has signed"]
    lines.append(f"  file:    {validity.file}")
    if validity.sha256:
        lines.append(f"  sha256:  {validity.sha256}")
        lines.append(f"  dates:   {validity.starts} to {validity.ends}, both included (UTC)")
        lines.append(f"  signed:  {', '.join(validity.signed) or 'none'}")
        lines += [
            f"           {one.agency}{'' if one.officer is None else f' ({one.officer})'}: "
            f"{one.name}, {one.capacity}, {day(one.time)}"
            for one in validity.signatures
        ]
    if validity.missing:
        lines.append(f"  missing: {', '.join(validity.missing)}")
    lines += [f"  {state + ':':8} {agency}" for agency, state in validity.departed]
    if validity.problem:
        lines += [f"  problem: {validity.problem}", f"  code:    {validity.code}"]
    if validity.awaits_us:
        lines.append("  awaits:  the signature of this agency")
    if validity.to_do or validity.fix:
        lines.append(f"  to do:   {validity.to_do or validity.fix}")
    if validity.command:
        lines.append(f"           {validity.command}")
    return "\n".join(lines) + "\n"


def _validity_json(validity: Validity) -> dict[str, object]:
    """The same for programs."""
    return {
        "contract": validity.name,
        "version": validity.version,
        "file": validity.file,
        "sha256": validity.sha256,
        "state": validity.state,
        "in_force": validity.holds,
        "starts": validity.starts,
        "ends": validity.ends,
        "signed": list(validity.signed),
        "signatures": [
            {
                "agency": one.agency,
                "name": one.name,
                "capacity": one.capacity,
                "time": instant(one.time),
                "shown": one.shown,
                "officer": one.officer,
            }
            for one in validity.signatures
        ],
        "missing": list(validity.missing),
        "departed": dict(validity.departed),
        "code": validity.code,
        "problem": validity.problem,
        "awaits_us": validity.awaits_us,
        "to_do": validity.to_do or validity.fix,
        "command": validity.command,
    }
