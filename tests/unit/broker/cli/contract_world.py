"""A partnership whose contracts are not right: other words, other dates, signatures missing."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from broker.agency.participant import load_participant
from broker.keys.governance import GovernanceSigner
from broker.registry.contracts import countersign, verify_contract
from contracts.loading import parse_contract

NOW = int(datetime.now(UTC).timestamp() * 1000)
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
        return self.contract(agency).with_suffix(".note")

    def variant(self, changes: Mapping[str, str], agency: str = "csu-camden") -> bytes:
        """The contract's text with some other words in it."""
        text = self.contract(agency).read_text()
        for old, new in changes.items():
            assert text.count(old) >= 1, old
            text = text.replace(old, new, 1)
        return text.encode()

    def signed(self, raw: bytes, by: tuple[str, ...]) -> bytes:
        """The signatures of some parties under a text."""
        text = parse_contract(raw, "a.yaml")
        signed = verify_contract(text, None)
        for agency in by:
            signed = countersign(text, self._signer(agency), signed.note or None)
        return signed.note

    def _signer(self, agency: str) -> GovernanceSigner:
        if agency not in self._signers:
            participant = load_participant(self.agency(agency), NOW, unsigned_ok=True)
            self._signers[agency] = participant.governance_signer()
        return self._signers[agency]


def day(offset: int) -> str:
    """A date so many days from today, UTC."""
    return (datetime.fromtimestamp(NOW // 1000, UTC).date() + timedelta(days=offset)).isoformat()
