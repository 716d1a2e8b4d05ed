"""Acknowledgement of a suspension or departure (docs/spec/receipts.md, "Acknowledgements").

A reader that learns that another agency has suspended its part, resumed or left, says so in a
signed note. So the other agency sees who acts on its statement, and who does not know of it yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from broker.errors import RefusedError
from broker.registry.stops import Stop
from broker.tlog.checkpoint import parse_decimal
from broker.tlog.note import Note, NoteSigner, format_note, sign_note

ACKNOWLEDGEMENT_HEADING: Final = "concordant.acknowledgement/v1"
_LATEST_MS: Final = 2**53 - 1
_LINES: Final = 8


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Statement of an agency that a reader knows.

    Attributes:
        deployment: the partnership's id.
        agency: the agency that suspended, resumed or left.
        contract: name of the contract.
        state: `suspended`, `resumed` or `left`.
        since: `since` of the statement as its manifest has it, ms; for `resumed` the end.
    """

    deployment: str
    agency: str
    contract: str
    state: str
    since: int

    @property
    def name(self) -> str:
        """Return the name under which the state keeps who has acknowledged it."""
        return f"acknowledged/{self.contract}/{self.state}/{self.since}"


def acknowledgements_of(
    deployment: str, agency: str, stops: Iterable[Stop]
) -> Iterator[Acknowledgement]:
    """Return what another agency acknowledges of an agency's stops: each start, and each end."""
    for stop in stops:
        yield Acknowledgement(deployment, agency, stop.contract, stop.state, stop.stated)
        if stop.until is not None:
            yield Acknowledgement(deployment, agency, stop.contract, "resumed", stop.until)


def format_acknowledgement(known: Acknowledgement, time_ms: int, signer: NoteSigner) -> bytes:
    """Return the signed note."""
    lines = (
        ACKNOWLEDGEMENT_HEADING,
        known.deployment,
        known.agency,
        known.contract,
        known.state,
        str(known.since),
        str(time_ms),
    )
    return format_note(sign_note("".join(f"{line}\n" for line in lines).encode(), [signer]))


def is_acknowledgement(note: Note) -> bool:
    """Return whether a note has the heading of an acknowledgement."""
    return note.text.startswith(f"{ACKNOWLEDGEMENT_HEADING}\n".encode())


def parse_acknowledgement(note: Note) -> tuple[Acknowledgement, int]:
    """Parse a note's text without verifying its signature. Returns the time too, ms.

    Raises:
        RefusedError: ``notice_malformed``.
    """
    lines = note.text.split(b"\n")
    try:
        if len(lines) != _LINES or lines[-1] or not is_acknowledgement(note):
            raise ValueError
        deployment, agency, contract, state = (line.decode("utf-8") for line in lines[1:5])
        known = Acknowledgement(
            deployment, agency, contract, state, parse_decimal(lines[5], _LATEST_MS)
        )
        return known, parse_decimal(lines[6], _LATEST_MS)
    except ValueError:
        raise RefusedError(
            1, "notice_malformed", "not an acknowledgement in its canonical form"
        ) from None
