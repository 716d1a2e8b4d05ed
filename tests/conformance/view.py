"""Trusted contracts and manifests of a reader (tests/vectors/README.md, "A setting").

Specified in docs/spec/contract-signatures.md.

`load_view` reads a setting's folder. Files that fail are not believed, and the others are used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conformance import keys
from tests.conformance.contracts import (
    Contract,
    GovernanceKeys,
    KnownContract,
    Pinned,
    know_contract,
    know_other,
)
from tests.conformance.conventions import decode_base64
from tests.conformance.envelope import ExchangeKey, exchange_key
from tests.conformance.manifests import Key, Manifest, Manifests, verify_manifest
from tests.conformance.notes import COSIGNATURE, Note, NoteKey, read_note
from tests.conformance.refusals import MalformedError, NotBelievedError

Stated = tuple[int, bytes]
DEPARTED_MS = 7 * 24 * 60 * 60 * 1000
"""Time after its end for which an exchange key is still tried."""


@dataclass(frozen=True, slots=True)
class ReaderContext:
    """One reader's deployment, keys, contracts, manifests and receipts."""

    deployment: str
    reader: str
    exchange_keys: dict[bytes, ExchangeKey]
    """The private keys that it still holds, by public key."""
    contracts: dict[bytes, KnownContract]
    manifests: dict[str, Manifests]
    receipts: tuple[Note, ...]
    others: tuple[KnownContract, ...] = ()
    """Versions without the reader that replace known ones."""

    def contract(self, contract_hash: bytes) -> KnownContract | None:
        """The contract of a hash, if every party signed it."""
        known = self.contracts.get(contract_hash)
        return known if known is not None and known.fully_signed else None

    def successors(self, contract_hash: bytes) -> list[KnownContract]:
        """Versions that every party, the reader too, signed, and that replace one."""
        return [
            known
            for known in self.contracts.values()
            if known.fully_signed and contract_hash in known.contract.replaces
        ]

    def _parted(self, party: str, contract: Contract, at: int) -> bool:
        """Tell if the party has left this version for the reader, or the reader for it."""
        for known in (*self.contracts.values(), *self.others):
            newer = known.contract
            if contract.hash not in newer.replaces:
                continue
            signer = self.reader if self.reader in newer.roles else party
            left_out = party if signer == self.reader else self.reader
            signed = known.signed.get(signer)
            if signed is None or left_out in newer.roles:
                continue
            if at >= max(newer.begins_at, signed):
                return True
        return False

    def of(self, agency: str) -> Manifests:
        """An agency's believed manifests; of a stranger there are none."""
        return self.manifests.get(agency, Manifests())

    def takes_no_part(self, party: str, contract: Contract, at: int) -> str | None:
        """`left` or `suspended` if the party takes no part in this version at a time."""
        name, _ = contract.reference
        if party != self.reader and self._parted(party, contract, at):
            return "left"
        states = {
            state
            for state, since, until, versions in self.of(party).intervals(name)
            if since <= at
            and (until is None or at < until)
            and contract.hash in self._with_replaced(versions)
        }
        return min(states, default=None)  # a departure comes first

    def _with_replaced(self, versions: set[bytes]) -> set[bytes]:
        """These versions and all that they replace, as far as the reader knows."""
        found: set[bytes] = set()
        more = set(versions)
        while more:
            found |= more
            known = (self.contracts[one].contract for one in more if one in self.contracts)
            more = {before for one in known for before in one.replaces} - found
        return found

    def exchange_keys_to_try(self, log_time: int) -> Iterator[Key]:
        """The reader's own listed keys that were valid then, or ended less than 7 days before."""
        newest = {key.kid: key for key in self.of(self.reader).listed(keys.EXCHANGE)}
        for key in newest.values():
            if key.not_before <= log_time < key.not_after + DEPARTED_MS:
                yield key

    def ends(self, party: str, contract: Contract, log_time: int) -> list[tuple[str, int]]:
        """State and start of each stop of a party, for this version, after a log time."""
        name, _ = contract.reference
        return [
            (state, since)
            for state, since, _, versions in self.of(party).intervals(name)
            if log_time < since and contract.hash in self._with_replaced(versions)
        ]

    def stated(
        self, origin: str, index: int, signer: str, since: int, among: set[str] | None = None
    ) -> list[Stated]:
        """Size and root of other agencies' receipts that count and are above an index."""
        found = []
        for note in self.receipts:
            name, size, root = note.text.split("\n")[:3]
            if name == origin and int(size) > index:
                signers = set(self.manifests) if among is None else among & set(self.manifests)
                given = (self._counts(note, a, since) for a in signers if a != signer)
                if any(given):
                    found.append((int(size), decode_base64(root)))
        return found

    def _counts(self, note: Note, agency: str, since: int) -> bool:
        """opening.md, "Receipts that cover", for the lines of one agency."""
        manifests, name = self.of(agency), f"{self.deployment}/{agency}"
        newest = [key for key in manifests.believed[-1].keys if key.role == keys.RECEIPT]
        if any(manifests.revoked_since(key.kid) is not None for key in newest):
            return False
        (line,) = note.lines
        time = int.from_bytes(line.signature[:8], "big") * 1000
        for key in manifests.listed(keys.RECEIPT):
            note_key = NoteKey(name, COSIGNATURE, key.public)
            revoked = manifests.revoked_since(key.kid)
            if (
                (line.name, line.key_id) == (name, note_key.key_id)
                and time < since
                and manifests.vouched(key.kid, time)
                and (revoked is None or time < revoked)
                and note_key.verifies(note.text, line.signature)
            ):
                return True
        return False


def load_view(folder: Path, reader: str, now: int) -> ReaderContext:
    """Load the view of `reader` at `now` from the files of a setting."""
    setting = json.loads((folder / "setting.json").read_bytes())
    deployment, own = setting["deployment"], setting["agencies"][reader]
    governance = GovernanceKeys(
        decode_base64(own["governance"]["ed25519"]), decode_base64(own["governance"]["ml-dsa-65"])
    )
    held = [exchange_key(decode_base64(seed)) for seed in own["exchange_seeds"]]
    documents = _documents(folder.parent.parent / "documents")
    contracts = {
        known.contract.hash: known
        for known in _contracts(folder / "contracts", deployment, reader, governance, documents)
    }
    pinned: dict[str, list[Pinned]] = {}  # by contracts only, the reader's own too
    for known in contracts.values():
        for agency, pair in known.contract.pinned.items():
            if pair not in pinned.setdefault(agency, []):
                pinned[agency].append(pair)
    manifests: dict[str, Manifests] = {}
    for manifest in _manifests(folder / "manifests", deployment, pinned, now):
        try:
            manifests.setdefault(manifest.agency, Manifests()).take(manifest)
        except NotBelievedError:
            continue
    return ReaderContext(
        deployment,
        reader,
        {key.public: key for key in held},
        contracts,
        {agency: listed for agency, listed in manifests.items() if listed.believed},
        tuple(_receipts(folder / "receipts")),
        tuple(_others(folder / "contracts", reader, contracts, documents)),
    )


def _documents(folder: Path) -> dict[str, bytes]:
    return {file.stem: file.read_bytes() for file in sorted(folder.glob("*.txt"))}


def _notes(file: Path) -> list[bytes]:
    return [
        note.read_bytes()
        for note in sorted(file.parent.glob(f"{file.stem}.*.note"))
        if file.stem in _contracts_of(note)
    ]


def _contracts_of(note: Path) -> tuple[str, str]:
    """A note's file is CONTRACT.AGENCY.note, or CONTRACT.AGENCY.OFFICER.note."""
    without = note.stem.rpartition(".")[0]
    return without, without.rpartition(".")[0]


def _others(
    folder: Path, reader: str, known: dict[bytes, KnownContract], documents: dict[str, bytes]
) -> Iterator[KnownContract]:
    for file in sorted(folder.glob("*.yaml")):
        try:
            yield know_other(
                file.read_bytes(), _notes(file), reader=reader, known=known, documents=documents
            )
        except (MalformedError, NotBelievedError):
            continue


def _contracts(
    folder: Path, deployment: str, reader: str, own: GovernanceKeys, documents: dict[str, bytes]
) -> Iterator[KnownContract]:
    for file in sorted(folder.glob("*.yaml")):
        try:
            yield know_contract(
                file.read_bytes(),
                _notes(file),
                deployment=deployment,
                reader=reader,
                own=own,
                documents=documents,
            )
        except (MalformedError, NotBelievedError):
            continue


def _manifests(
    folder: Path, deployment: str, pinned: dict[str, list[Pinned]], now: int
) -> list[Manifest]:
    """Those that verify by themselves, in the order of delegation and version."""
    found = []
    for file in sorted(folder.glob("*.txt")):
        try:
            found.append(
                verify_manifest(file.read_bytes(), deployment=deployment, pinned=pinned, now=now)
            )
        except (MalformedError, NotBelievedError):
            continue
    return sorted(found, key=lambda manifest: manifest.place)


def _receipts(folder: Path) -> Iterator[Note]:
    for file in sorted(folder.glob("*.txt")):
        try:
            note = read_note(file.read_bytes())
        except MalformedError:
            continue
        if len(note.lines) == 1:
            yield note
