"""A partnership whose contracts are not right: other words, other dates, signatures missing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from broker.agency.participant import load_participant
from broker.clock import now_ms
from broker.keys.governance import GovernanceSigner
from broker.registry.contract_files import note_path
from broker.registry.contracts import SignedContract
from contracts.loading import parse_contract
from tests.support.contract_signatures import signed_by

NAME = "london-hate-crime"
AGENCIES = (
    "csu-camden",
    "csu-lewisham",
    "cps-london",
    "council-camden",
    "council-lewisham",
    "haven-support",
    "lantern-centre",
)


class World:
    """A partnership that a test may break."""

    def __init__(self, root: Path, signers: dict[str, GovernanceSigner] | None = None) -> None:
        self.root = root
        # Copies have the same keys; opening one costs as much as guessing a passphrase should.
        self._signers = {} if signers is None else signers

    def copied(self, root: Path) -> World:
        shutil.copytree(self.root, root)
        return World(root, self._signers)

    def agency(self, name: str = "csu-camden") -> Path:
        return self.root / name

    def contract(self, agency: str = "csu-camden") -> Path:
        return self.agency(agency) / "contracts" / f"{NAME}.yaml"

    def note(self, agency: str = "csu-camden") -> Path:
        return note_path(self.contract(agency), agency)

    def variant(
        self,
        changes: Mapping[str, str],
        agency: str = "csu-camden",
        days: Mapping[str, int] | None = None,
    ) -> bytes:
        """The contract's text with some other words in it, and some other dates (see ``dated``)."""
        text = dated(self.contract(agency).read_text(), days or {})
        for old, new in changes.items():
            assert text.count(old) >= 1, old
            text = text.replace(old, new, 1)
        return text.encode()

    def notes(self, agency: str = "csu-camden") -> list[Path]:
        """The notes of all parties in an agency's folder."""
        folder = self.contract(agency).parent
        return sorted(folder.glob(f"{NAME}.*.note"))

    def signed(self, raw: bytes, by: tuple[str, ...]) -> SignedContract:
        """A text with the signatures of some parties."""
        return signed_by(parse_contract(raw, "a.yaml"), map(self._signer, by))

    def put(self, path: Path, raw: bytes, by: tuple[str, ...]) -> Path:
        """Write a contract and the notes of some parties beside it."""
        path.write_bytes(raw)
        for old in path.parent.glob(f"{path.stem}.*.note"):
            old.unlink()
        for note in self.signed(raw, by).notes:
            note_path(path, note.agency).write_bytes(note.raw)
        return path

    def _signer(self, agency: str) -> GovernanceSigner:
        if agency not in self._signers:
            participant = load_participant(self.agency(agency), now_ms(), unsigned_ok=True)
            self._signers[agency] = participant.governance_signer()
        return self._signers[agency]


def day(offset: int) -> str:
    """A date so many days from today, UTC."""
    return (datetime.now(UTC).date() + timedelta(days=offset)).isoformat()


def dated(text: str, days: Mapping[str, int]) -> str:
    """Set dates of a contract by their members' names, in days from today.

    The day may have changed since the contract was written, so its own dates are not looked for.
    """
    for member, offset in days.items():
        text, found = re.subn(rf"(?m)^{member}: .*$", f"{member}: {day(offset)}", text)
        assert found == 1, member
    return text
