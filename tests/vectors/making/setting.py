"""A setting: what a reader believes and holds, and the folder that says so (../README.md)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from broker.envelope.primitives import b64
from broker.keys.kid import EXCHANGE, STREAM
from broker.keys.manifest import Manifest
from broker.registry.contracts import SignedContract
from contracts.model import topic_name
from tests.vectors.making.agencies import (
    CAST,
    DEPLOYMENT,
    FOUNDED,
    Delegated,
    Key,
    Member,
    agreed,
)
from tests.vectors.making.ground import Ground
from tests.vectors.making.terms import signed, small_agreement


@dataclass
class Setting:
    """Everything of one setting.

    Attributes:
        name: its folder's.
        members: who takes part, by agency id.
        signed: the contract that its events are sealed under if a case says nothing else.
        contracts: file name without its end -> the file and its note (None: nobody signed).
        manifests: file name without its end -> signed note.
        receipts: file name without its end -> cosigned checkpoint.
        held: agency that a case reads as -> the seeds of its exchange keys.
        later: a second version of that contract, in the setting that has one.
        latest: when the last of its manifests was issued; no case is read before that.
        stream: the key that each agency's streams are signed with.
        exchange: the key that each agency's wraps are for.
    """

    name: str
    ground: Ground
    members: dict[str, Member]
    signed: SignedContract
    contracts: dict[str, tuple[bytes, dict[str, bytes]]] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    receipts: dict[str, bytes] = field(default_factory=dict)
    held: dict[str, list[bytes]] = field(default_factory=dict)
    later: SignedContract | None = None
    latest: int = FOUNDED
    stream: dict[str, Key] = field(default_factory=dict)
    exchange: dict[str, Key] = field(default_factory=dict)

    def topic(self, logical: str = "a") -> str:
        """A whole topic name of the setting's contract."""
        return topic_name(self.signed.contract, logical)

    def add_contract(self, stem: str, signed: SignedContract) -> None:
        """Put a contract into the folder."""
        self.contracts[stem] = (signed.text.raw, {one.agency: one.raw for one in signed.notes})

    def add_manifest(
        self, stem: str, member: Member, manifest: Manifest, delegated: Delegated | None = None
    ) -> None:
        """Sign a manifest, under another delegation than the first, and put it into the folder."""
        self.latest = max(self.latest, manifest.issued)
        if delegated is not None:
            manifest = manifest.model_copy(update={"delegation": delegated.hash})
        self.manifests[stem] = member.sign(manifest, delegated)

    def write(self, folder: Path) -> None:
        """Write the folder."""
        for name in ("manifests", "contracts", "receipts"):
            (folder / name).mkdir(parents=True)
        agencies = {
            agency: {
                "governance": {
                    "ed25519": b64(self.members[agency].governance.public.ed25519),
                    "ml-dsa-65": b64(self.members[agency].governance.public.ml_dsa_65),
                },
                "exchange_seeds": [b64(seed) for seed in seeds],
            }
            for agency, seeds in self.held.items()
        }
        setting = {"deployment": DEPLOYMENT, "agencies": agencies}
        (folder / "setting.json").write_text(json.dumps(setting, indent=1) + "\n", "utf-8")
        for stem, raw in self.manifests.items():
            (folder / "manifests" / f"{stem}.txt").write_bytes(raw)
        for stem, (raw, notes) in self.contracts.items():
            (folder / "contracts" / f"{stem}.yaml").write_bytes(raw)
            for agency, note in notes.items():
                (folder / "contracts" / f"{stem}.{agency}.note").write_bytes(note)
        for stem, raw in self.receipts.items():
            (folder / "receipts" / f"{stem}.txt").write_bytes(raw)
        for name in ("manifests", "contracts", "receipts"):
            if not any((folder / name).iterdir()):
                (folder / name).rmdir()


def founded(name: str, ground: Ground, *, shipped: bool = False) -> Setting:
    """Four agencies, each with its first manifest, and one agreement, signed by all.

    Args:
        shipped: whether it is the shipped agreement, or a small one.
    """
    members = {agency: Member(ground, agency) for agency in CAST}
    everyone = list(members.values())
    agreement = agreed(everyone) if shipped else signed(small_agreement(everyone), everyone)
    setting = Setting(name, ground, members, agreement)
    setting.add_contract(agreement.contract.name, agreement)
    for agency, member in members.items():
        setting.add_manifest(f"{agency}.1", member, member.manifest())
        setting.stream[agency] = member.key(STREAM)
        setting.exchange[agency] = member.key(EXCHANGE)
        setting.held[agency] = [setting.exchange[agency].seed]
    return setting
