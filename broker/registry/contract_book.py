"""Book of the contracts that an agency trusts (spec: contract signatures).

Trust begins with the agency's own governance keys. A contract counts only if it names these keys
for this agency, and this agency has signed it. Then the governance keys that the contract names for
the other parties are trusted too. So a forged contract that names an attacker's keys is never
trusted, even if the attacker signs it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from broker.errors import NoteError, RegistryError
from broker.keys.governance import Governance, key_name
from broker.keys.keyfile import UNASSIGNED
from broker.registry.contract_notes import note_claim
from broker.registry.contracts import SignedContract, pinned_governance
from broker.registry.manifests import ManifestBook
from broker.registry.stops import Stop, covers
from broker.tlog.note import parse_note, verify_note
from contracts.loading import ContractText
from contracts.model import topic_name
from contracts.status import ContractStatus, Departure, contract_status


class ContractBook:
    """The contracts of one agency. Immutable: `adding` returns another book."""

    def __init__(
        self,
        *,
        deployment: str,
        agency: str,
        fingerprints: tuple[str, ...],
        former: Iterable[tuple[str, ...]] = (),
        contracts: Iterable[SignedContract] = (),
        others: Iterable[SignedContract] = (),
        completed: Mapping[bytes, int] | None = None,
        received: Iterable[bytes] = (),
    ) -> None:
        """Build the book.

        Args:
            deployment: the partnership's id.
            agency: this agency's id.
            fingerprints: ids of this agency's own governance keys, base64.
            former: ids of replaced governance keys; contracts that pin them still count as ours.
            contracts: verified contracts.
            others: versions without this agency that replace one which it has signed.
            completed: hash of a contract -> time (ms) at which this agency first held every note.
            received: hashes of contracts that came over Kafka and that no person has added.

        Raises:
            RegistryError: code `contract_foreign`: a contract of another deployment, one that does
                not name this agency, or one that pins other keys for it.
        """
        self.deployment = deployment
        self.agency = agency
        self._fingerprints = fingerprints
        self._former = tuple(former)
        self.received = frozenset(received)
        self._by_hash: dict[bytes, SignedContract] = {}
        for signed in contracts:
            try:
                self._require_ours(signed)
            except RegistryError:
                if signed.hash not in self.received:  # what others send does not stop us
                    raise
                continue
            self._by_hash[signed.hash] = signed
        self.completed = dict(completed or {})
        self._others: dict[bytes, SignedContract] = {}
        self._governance: dict[str, tuple[Governance, ...]] = {}
        for signed in others:
            taken = self._of_known_parties(signed)
            if taken is not None:
                self._others[signed.hash] = taken

    def adding(self, signed: SignedContract) -> ContractBook:
        """Return the book with one more contract, or with more signatures of a known one.

        Raises:
            RegistryError: code `contract_foreign`.
        """
        return self._with({**self._by_hash, signed.hash: signed}, self._others, self.received)

    def receiving(self, signed: SignedContract, removed: Collection[bytes]) -> ContractBook:
        """Return the book with one more contract that came over Kafka, and without others.

        Raises:
            RegistryError: code `contract_foreign`.
        """
        return self._with(
            {**self._by_hash, signed.hash: signed}, self._others, self.received | {signed.hash}
        ).without(removed)

    def without(self, removed: Collection[bytes]) -> ContractBook:
        """Return the book without some contracts."""
        kept = {one: signed for one, signed in self._by_hash.items() if one not in removed}
        return self._with(kept, self._others, self.received - set(removed))

    def _with(
        self,
        contracts: Mapping[bytes, SignedContract],
        others: Mapping[bytes, SignedContract],
        received: frozenset[bytes],
    ) -> ContractBook:
        return ContractBook(
            deployment=self.deployment,
            agency=self.agency,
            fingerprints=self._fingerprints,
            former=self._former,
            contracts=contracts.values(),
            others=others.values(),
            completed=self.completed,
            received=received,
        )

    def adding_other(self, signed: SignedContract) -> ContractBook:
        """Return the book with a version without this agency, that a known party has signed.

        Only notes of parties count that a replaced version pins with the same governance keys.

        Raises:
            RegistryError: code `contract_foreign`: it replaces no version that we have signed, or
                no known party has signed it.
        """
        taken = self._of_known_parties(signed)
        if taken is None:
            raise RegistryError(
                f"The contract {signed.contract.name} {signed.contract.version} does not name "
                f"{self.agency}, and replaces no version that it has signed.",
                code="contract_foreign",
                where=signed.text.where,
            )
        before = self._others.get(signed.hash)
        merged = taken if before is None else before.with_notes(taken.notes)
        return self._with(self._by_hash, {**self._others, signed.hash: merged}, self.received)

    def known_signers(self, signed: SignedContract) -> dict[str, int]:
        """Return the other parties that signed with keys which a contract of ours pins.

        Returns:
            The time (ms) of the note of each.
        """
        return {
            note.agency: note.time
            for note in signed.completing.values()
            if note.agency != self.agency
            and pinned_governance(signed.contract, note.agency) in self.governance_of(note.agency)
        }

    def signed_by_known(self, contract_hash: bytes, note: bytes) -> bool:
        """Return whether a party signed these bytes with keys which a contract of ours pins.

        This needs only the hash of the contract, so a reader can ask before it reads the text.

        Raises:
            NoteError: `note_malformed`.
        """
        claim = note_claim(note)
        if claim.contract != contract_hash:
            return False
        parsed, name = parse_note(note), key_name(self.deployment, claim.agency)
        for pair in (p for keys in self.governance_of(claim.agency) for p in keys.pairs.values()):
            verifiers = pair.note_verifiers(name)
            try:
                if verify_note(parsed, verifiers) == verifiers:
                    return True
            except NoteError:
                continue
        return False

    def parts_from_us(self, signed: SignedContract) -> bool:
        """Return whether a version is without this agency, and a known party has signed it."""
        return self._of_known_parties(signed) is not None

    def others(self) -> tuple[SignedContract, ...]:
        """Return versions without this agency that replace one which it has signed."""
        return tuple(self._others.values())

    def _of_known_parties(self, signed: SignedContract) -> SignedContract | None:
        contract = signed.contract
        if contract.deployment != self.deployment or contract.party(self.agency) is not None:
            return None
        known: set[str] = set()
        for contract_hash in contract.previous_hashes:
            before = self.by_hash(contract_hash)
            if before is not None and before.contract.name == contract.name:
                known |= before.contract.by_id.keys()
        notes = tuple(
            note
            for note in signed.notes
            if note.agency in known
            and pinned_governance(contract, note.agency) in self.governance_of(note.agency)
        )
        return SignedContract(signed.text, notes) if notes else None

    def successors(self, contract_hash: bytes) -> tuple[SignedContract, ...]:
        """Return complete versions that this agency has signed and that replace a version."""
        return tuple(
            one
            for one in self.trusted()
            if not one.missing and contract_hash in one.contract.previous_hashes
        )

    def partings(self, text: ContractText) -> tuple[Departure, ...]:
        """Return departures by signature: a party's note on a version without another party.

        The signature ends the exchange between these two parties under the replaced versions, even
        if the new version never gets all signatures. So no party needs the power to expel another.

        Args:
            text: a version that may be replaced.

        Returns:
            A departure of each party that has parted from this agency, or this agency from it.
        """
        found: dict[str, int] = {}

        def part(agency: str, since: int) -> None:
            found[agency] = min(since, found.get(agency, since))

        for signed in (*self.trusted(), *self.others()):
            contract = signed.contract
            if text.hash not in contract.previous_hashes:
                continue
            own = signed.note_of(self.agency)
            for note in signed.completing.values() if own is None else (own,):
                since = max(contract.starts_ms, note.time)
                left_out = (
                    [note.agency]
                    if own is None
                    else [p.id for p in text.contract.parties if contract.party(p.id) is None]
                )
                for agency in left_out:
                    if agency in text.contract.by_id and agency != self.agency:
                        part(agency, since)
        return tuple(Departure(agency, "left", since) for agency, since in found.items())

    def all(self) -> tuple[SignedContract, ...]:
        """Return every contract, by name and start."""
        return tuple(
            sorted(
                self._by_hash.values(),
                key=lambda s: (s.contract.name, s.contract.starts_ms, s.contract.version),
            )
        )

    def trusted(self) -> tuple[SignedContract, ...]:
        """Return the contracts that this agency has signed."""
        if self.deployment == UNASSIGNED:
            return ()
        return tuple(signed for signed in self.all() if self.agency in signed.parties)

    def by_hash(self, contract_hash: bytes) -> SignedContract | None:
        """Return the contract with this SHA-256 of its file.

        None if it is unknown or not signed by us.
        """
        signed = self._by_hash.get(contract_hash)
        if signed is None or self.deployment == UNASSIGNED:
            return None
        return signed if self.agency in signed.parties else None

    def held(self, contract_hash: bytes) -> SignedContract | None:
        """Return the contract with this SHA-256 of its file, signed by us or not."""
        return self._by_hash.get(contract_hash)

    def topics(self, signed: SignedContract) -> frozenset[str]:
        """Return full names of the Kafka topics that a contract owns."""
        contract = signed.contract
        return frozenset(topic_name(contract, logical) for logical in contract.topics)

    def governance_of(self, agency: str) -> tuple[Governance, ...]:
        """Return the governance pairs of an agency in contracts signed by us, newest first."""
        pairs = self._governance.get(agency)
        if pairs is None:
            found = [
                pinned_governance(signed.contract, agency)
                for signed in reversed(self.trusted())
                if agency in signed.contract.governance_keys
            ]
            pairs = self._governance[agency] = tuple(dict.fromkeys(found))
        return pairs

    def status_of(
        self, signed: SignedContract, manifests: ManifestBook, now: int
    ) -> ContractStatus:
        """Return a contract's status, from its signatures, its dates and the manifests.

        Args:
            signed: the contract.
            manifests: where parties say that they have suspended or left.
            now: milliseconds since the epoch.
        """
        departed = (*self.departures(signed.text, manifests), *self.partings(signed.text))
        return contract_status(signed.contract, signed.parties, departed, now, signed.effect)

    def departures(self, text: ContractText, manifests: ManifestBook) -> tuple[Departure, ...]:
        """Return the suspensions and departures of a contract's parties that cover it.

        Args:
            text: one version of a contract.
            manifests: where parties say that they have suspended or left.
        """
        return tuple(
            Departure(party.id, stop.state, stop.since, stop.until)
            for party in text.contract.parties
            for stop in self.stops(party.id, text, manifests)
        )

    def stops(self, agency: str, text: ContractText, manifests: ManifestBook) -> tuple[Stop, ...]:
        """Return a party's suspensions and departures that cover a version of a contract."""
        return tuple(
            stop
            for stop in manifests.stops(agency)
            if stop.contract == text.contract.name
            and covers(stop.versions, text.hash, self._previous)
        )

    def _previous(self, contract_hash: bytes) -> frozenset[bytes]:
        # also of a text that we have not signed: the party that stops names it by its hash
        signed = self._by_hash.get(contract_hash) or self._others.get(contract_hash)
        return frozenset() if signed is None else frozenset(signed.contract.previous_hashes)

    def live(self, now: int, name: str | None = None) -> tuple[SignedContract, ...]:
        """Return complete versions that have effect, have not ended, and that none replaces.

        A version that has ended still replaces the versions that it names as its previous ones.
        """
        begun = [
            one
            for one in self.all()
            if (name is None or one.contract.name == name)
            and one.effect is not None
            and one.effect <= now
        ]
        replaced = {before for one in begun for before in one.contract.previous_hashes}
        return tuple(
            one for one in begun if one.hash not in replaced and now < one.contract.ends_ms
        )

    def awaiting(self, now: int) -> tuple[SignedContract, ...]:
        """Return versions that this agency has not signed and that have not ended.

        A version is left out if a later version names it as its previous one. If the later version
        arrived over Kafka, it must also have the signature of each party that signed the earlier
        version. Otherwise one party could hide the proposal of another.
        """
        trusted = {one.hash for one in self.trusted()}
        replaced = {
            before
            for one in self.all()
            for before in one.contract.previous_hashes
            if one.hash not in self.received
            or (held := self._by_hash.get(before)) is None
            or held.parties <= one.parties
        }
        return tuple(
            one
            for one in self.all()
            if one.hash not in trusted
            and one.hash not in replaced
            and self.agency in one.contract.governance_keys
            and now < one.contract.ends_ms
        )

    def signatures(self) -> Mapping[bytes, frozenset[str]]:
        """Return the parties that signed, by contract hash."""
        return {contract_hash: signed.parties for contract_hash, signed in self._by_hash.items()}

    def _require_ours(self, signed: SignedContract) -> None:
        contract = signed.contract
        problem = None
        # an agency that has signed nothing yet belongs to every deployment
        if self.deployment not in (contract.deployment, UNASSIGNED):
            problem = f"is of deployment {contract.deployment}"
        elif self.agency not in contract.governance_keys:
            problem = f"does not name {self.agency}"
        elif pinned_governance(contract, self.agency).fingerprints not in (
            self._fingerprints,
            *self._former,
        ):
            problem = f"pins other governance keys for {self.agency} than agency.toml names"
        if problem:
            raise RegistryError(
                f"The contract {contract.name} {contract.version} {problem}.",
                code="contract_foreign",
                where=signed.text.where,
                fix="If this agency never signed it, move it out of the folder. If it did, keep "
                "it: name its governance keys in agency.toml under [[governance.former]].",
            )
