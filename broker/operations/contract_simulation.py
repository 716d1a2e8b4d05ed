"""Simulation of events under an agreement, for an agency's folder, without any key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from broker.agency.config import load_config
from broker.errors import WrongInputError
from broker.operations.contract_choice import choose
from broker.operations.trial import parse_plain
from contracts.errors import EventError
from contracts.loading import load_contract
from contracts.simulation import Simulated, simulate

__all__ = ["EventSimulator"]


class EventSimulator:
    """Answers for plain events, as this agency would send them.

    Args:
        directory: the agency's folder; only its contracts and its id are read.
        name: which contract, if the agency has several.
        agreement: another version to try, for example a draft that awaits signatures.
        now: milliseconds since the epoch.

    Raises:
        ConcordantError: the folder or the agreement cannot be read.
        WrongInputError: `party_unknown`: the agency is not a party to the agreement.
    """

    def __init__(self, directory: Path, name: str | None, agreement: Path | None, now: int) -> None:
        self._agency = load_config(directory).agency
        if agreement is not None:
            self._contract = load_contract(agreement).contract
        else:
            self._contract = choose(None, directory, name, now).contract
        if self._contract.party(self._agency) is None:
            raise WrongInputError(
                f"The agreement {self._contract.name} has no party called {self._agency}.",
                code="party_unknown",
                where=str(directory if agreement is None else agreement),
                fix=f"Name the folder of one of its parties: {', '.join(self._contract.by_id)}",
            )

    def simulate(self, lines: Sequence[bytes | None]) -> list[Simulated]:
        """Return an answer for each line, in order; a malformed line is answered as refused."""
        return [self._one(line) for line in lines]

    def _one(self, line: bytes | None) -> Simulated:
        try:
            return simulate(self._contract, self._agency, parse_plain(line))
        except EventError as error:
            return Simulated(error.code, error.detail, None, {})
