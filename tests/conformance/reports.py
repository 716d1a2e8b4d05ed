"""Reports, written from docs/spec/reports.md alone: form, seal, periods, states."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from tests.conformance.conventions import be, lp, parse_lp, sha256
from tests.conformance.envelope import ExchangeKey, open_wrap
from tests.conformance.notes import Note, NoteKey, read_note, signers
from tests.conformance.refusals import MalformedError

SEALED = 1120 + 8192 + 16
STATES = {1: "delivered", 2: "put_aside", 3: "refused"}
NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")
TABLE = Path(__file__).parents[2] / "docs" / "spec" / "reports.md"


@dataclass(frozen=True)
class Report:
    """A report that is not opened."""

    deployment: str
    agency: str
    told: str
    time: int
    note: Note
    sealed: bytes


def codes() -> dict[int, str]:
    """The numbered list of the specification."""
    rows = re.findall(r"^\| ([0-9]+) \| (none|`[a-z_]+`) \|", TABLE.read_text(), re.M)
    return {int(number): "" if name == "none" else name.strip("`") for number, name in rows}


def parse(value: bytes) -> Report:
    """The parts that everyone can read.

    Raises:
        MalformedError: another form.
    """
    parts = parse_lp(value)
    if len(parts) != 2 or lp(*parts) != value or len(parts[1]) != SEALED:
        raise MalformedError("not a note and a sealed part")
    note = read_note(parts[0])
    lines = note.text.split("\n")
    if len(note.lines) != 1 or len(lines) != 7 or lines[0] != "concordant.report/v1" or lines[6]:
        raise MalformedError("not six lines")
    _, deployment, agency, told, time, digest, _ = lines
    if not NUMBER.fullmatch(time) or int(time) >= 2**53 or digest != sha256(parts[1]).hex():
        raise MalformedError("another time or hash")
    return Report(deployment, agency, told, int(time), note, parts[1])


def is_signed(report: Report, keys: Sequence[NoteKey]) -> bool:
    """Return whether one of the agency's receipt keys, valid at its time, signed the note."""
    return bool(signers(report.note, keys))


def unseal(report: Report, key: ExchangeKey, kid: bytes) -> bytes | None:
    """The plaintext; None if this key does not open it."""
    return open_wrap(report.sealed, key, info(report, kid))


def info(report: Report, kid: bytes) -> bytes:
    """The context of the seal."""
    place = (report.deployment, report.agency, report.told)
    return lp("concordant/1/report", *place, kid, be(report.time, 8))


def entries(plaintext: bytes) -> list[tuple[str, str, str]]:
    """Id, state and code of each entry.

    Raises:
        MalformedError: another form.
    """
    known = codes()
    count = int.from_bytes(plaintext[:2], "big")
    if len(plaintext) != 8192 or count > 455:
        raise MalformedError("another size")
    if plaintext[2 + 18 * count :].strip(b"\0"):
        raise MalformedError("the rest is not zero")
    found: list[tuple[str, str, str]] = []
    last = b""
    for number in range(count):
        entry = plaintext[2 + 18 * number : 20 + 18 * number]
        state, code = entry[16], entry[17]
        if number and entry[:16] <= last:
            raise MalformedError("not ascending")
        if state not in STATES or code not in known or (state == 1) != (code == 0):
            raise MalformedError("no such state or code")
        last = entry[:16]
        found.append((str(UUID(bytes=last)), STATES[state], known[code]))
    return found


def period_begins(deployment: str, agency: str, told: str, every: int) -> int:
    """The time of day, modulo the interval, at which the periods of a pair begin."""
    name = lp("concordant/1/report-time", deployment, agency, told)
    return int.from_bytes(sha256(name)[:8], "big") % every


def state_after(state: str | None, stated: str) -> str:
    """The state of an event after an entry about it."""
    return state if state == "delivered" else stated
