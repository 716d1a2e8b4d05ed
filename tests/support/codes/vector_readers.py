"""An agency of the test vectors that receives into a state database, and senders that send again.

Each case of ``tests/vectors`` brings a refusal about. The reader's half is the product's own
``Receiving`` over a real store. The sender's half is the product's own sealing and signing with the
keys that the vectors publish: it continues the stream from what the reader has of it, as an adapter
does after a restart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from broker.errors import RefusedError, RegistryError
from broker.judging.decryption import WrapCount, open_record
from broker.judging.key_resolver import KeyResolver, TrustStore
from broker.judging.partition_state import parse_state
from broker.judging.store_context import StoreContext
from broker.judging.verification import verify_record
from broker.keys.delegation import DelegatedStatement
from broker.keys.kid import ED25519, EXCHANGE, ML_DSA_44, STREAM, XWING
from broker.keys.manifest import StandingEntry, parse_manifest, verify_manifest
from broker.operations.release import release_stream
from broker.operations.vector_cases import Case
from broker.operations.vector_setting import PublishedSeeds, SettingReader, load_setting
from broker.receiving.persistence import Batch
from broker.receiving.quarantining import restored
from broker.receiving.receiving import Receiving
from broker.record import Record, RecordFormatError, parse_record
from broker.registry.contract_in_force import ContractInForce
from broker.sending.addressees import find_addressees
from broker.sending.sealing import EventSealer, Sealed
from broker.sending.sealing_context import SealingContext
from broker.sending.streams import Stream, append, open_generation
from broker.store.database import open_store
from broker.tlog.checkpoint import Place
from contracts.errors import EventError
from contracts.examples import example
from tests.support.code_scan import ROOT
from tests.support.record_parts import record
from tests.support.words import flatten, unflatten
from tests.vectors.making.agencies import CAST, Key, Member, agreed
from tests.vectors.making.ground import Ground

MADE = "referral.made"
DAY = 86_400_000
WHICH = ("first", "second", "again")
ROLES = ((STREAM, ED25519), (STREAM, ML_DSA_44), (EXCHANGE, XWING), ("receipt", ED25519))
_loaded = cache(load_setting)


@cache
def members() -> dict[str, Member]:
    ground = Ground(ROOT / "tests/vectors/fixed.json", record=True)  # never saved
    return {agency: Member(ground, agency) for agency in CAST}


@cache
def _stream_keys(agency: str) -> list[Key]:
    return [members()[agency].key(STREAM, which) for which in WHICH]


def _statements(entries: Iterable[StandingEntry]) -> tuple[DelegatedStatement, ...]:
    """The statements of a delegation that make these entries count."""
    named = {
        (one.contract, "left", one.since)
        if one.until is None
        else (one.contract, "resumed", one.until)
        for one in entries
    }
    return tuple(
        DelegatedStatement.model_validate(
            {"contract": contract, "state": state, "since": since, "reason": "x"}
        )
        for contract, state, since in sorted(named)
    )


class VectorReader:
    """The agency of one case, with a state of its own."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.case = case
        self.now = case.now
        self.setting: SettingReader = _loaded(case.folder, case.agency)
        self.store = open_store(folder / "state.db")
        self.trust: KeyResolver = self.setting.resolver
        self.seeds: PublishedSeeds = self.setting.seeds
        self.trust_store = TrustStore(
            case.agency,
            self.trust.contracts,
            self.trust.manifests,
            self.seeds,  # type: ignore[arg-type]  # it asks for no more
            allow_trial=True,
        )
        self.receiving = Receiving(self.store, self.trust_store, bytes(32))
        self._given: list[Record] = []

    def take(self, one: Record) -> Batch:
        """A record as Kafka gives it."""
        self._given.append(replace(one, offset=len(self._given)))
        return self._take(self._given[-1])

    def take_again(self) -> Batch:
        """The last record once more, as a reader does with what had to wait."""
        return self._take(self._given[-1])

    def _take(self, at: Record) -> Batch:
        return self.receiving.take(at.kafka_partition, [at], self.now)

    def records(self) -> list[Record]:
        """Those of the case that are records."""
        found = []
        for line in self.case.records:
            try:
                found.append(parse_record(line))
            except RecordFormatError:
                continue
        return found

    def told(self) -> set[tuple[float, str]]:
        """Step and code of each refusal of the case; step -1 for what has to wait."""
        told: set[tuple[float, str]] = set()
        for one in self.records():
            batch = self.take(one)
            told |= {(step, code) for _, _, step, code in batch.refused}
            told |= {(-1, code) for _, code in [*batch.deferred, *batch.alarms]}
        return told

    def held(self) -> list[str]:
        """The codes of the records that the quarantine keeps."""
        with self.store.reading() as tx:
            return [row.code for row in tx.quarantine.list("held")]

    def discard(self) -> None:
        """``concordant quarantine discard`` of each held record."""
        with self.store.transaction() as tx:
            for row in tx.quarantine.list("held"):
                assert tx.quarantine.end(row.id, "discarded", self.now)

    def release(self, sender: str, topic: str, partition: int) -> None:
        """``concordant status release``."""
        with self.store.transaction() as tx:
            release_stream(tx, Place(sender, topic, partition))

    def news(self) -> None:
        """Each party issues its manifest again, and all sign an agreement that begins today.

        A suspension ends, a party that left signs anew, and a key that ended is replaced.
        """
        day = datetime.fromtimestamp(self.now / 1000, UTC).date()
        parties = list(members().values())
        signed = agreed(parties, starts=day, ends=day + timedelta(days=300))
        contracts = self.trust.contracts.adding(signed)
        manifests = self.trust.manifests
        for member in parties:
            history = manifests.history(member.id)
            version = history[-1].manifest.version + 1 if history else 1
            listed = history[-1].manifest.keys if history else ()
            kept = [key for key in listed if key.not_before <= self.now < key.not_after]
            roles = {(key.role, key.algorithm) for key in kept}
            added = [
                member.key(role, "again", begins=self.now, algorithm=algorithm).listed
                for role, algorithm in ROLES
                if (role, algorithm) not in roles
            ]
            entries = [one for verified in history for one in verified.manifest.standing]
            stops = manifests.stops(member.id)
            left = {(one.contract, one.stated) for one in stops if one.state == "left"}
            ended = [
                one
                if (one.contract, one.since) in left
                else one.model_copy(
                    update={"state": "suspended", "until": self.now, "until_reason": "resolved"}
                )
                for one in entries
            ]
            delegated = member.delegation(issued=self.now, standing=_statements(ended))
            issued = member.manifest(
                version,
                self.now,
                [*kept, *added],
                standing=ended,
                delegation=delegated.hash,
            )
            verified = verify_manifest(
                parse_manifest(member.sign(issued, delegated)),
                contracts.governance_of(member.id),
                deployment=self.setting.deployment,
                now=self.now,
            )
            manifests = manifests.adding(verified)
        self.trust_store.believe(contracts, manifests)
        self.trust = self.trust_store.current.resolver
        self.restore_keys()

    def restore_keys(self) -> None:
        """Every exchange key that this agency ever had is there again."""
        keys = [members()[self.case.agency].key(EXCHANGE, which) for which in WHICH]
        self.seeds = PublishedSeeds(tuple(key.seed for key in keys))
        self.trust_store.believe(self.trust.contracts, self.trust.manifests, self.seeds)  # type: ignore[arg-type]  # it asks for no more

    def judged_again(self) -> list[str | None]:
        """The code of each held record when ``quarantine retry`` judges it again."""
        with self.store.transaction() as tx:
            trust, cache = self.receiving._trust_now(), self.receiving._cache
            context = StoreContext(tx, trust, bytes(32), cache, self.now)
            found: list[str | None] = []
            for listed in tx.quarantine.list("held"):
                row = tx.quarantine.get(listed.id)
                assert row is not None
                verified = verify_record(restored(row), context, cache, self.now)
                try:
                    open_record(verified, context, cache, self.now, WrapCount(10_000))
                    found.append(None)
                except RefusedError as refusal:
                    found.append(refusal.code)
        return found

    def sent_again(self, sender: str, like: Record) -> bool:
        """Return True if a correct event of the sender opens, if possible in a record's partition.

        It is sealed under the first contract that lets it go now.
        """
        sealed = self._sealed(sender)
        partition = like.partition if like.topic == sealed.topic else sealed.partition
        one = self._signed(sender, replace(sealed, partition=partition))
        opened = [event.id for event in self.take(one).opened]
        return opened == [sealed.event_id]

    def _sealed(self, sender: str) -> Sealed:
        trust = self.trust
        keys = SealingContext(trust.contracts, trust.manifests).exchange_key
        for signed in trust.contracts.trusted():
            contract = signed.contract
            departures = trust.contracts.departures(signed.text, trust.manifests)
            in_force = ContractInForce(signed, departures)
            sealer = EventSealer(
                self.setting.deployment,
                sender,
                bytes(32),
                lambda _, to, now, f=in_force: find_addressees(f, keys, to, now),
            )
            if not contract.starts_ms <= self.now < contract.ends_ms:
                continue
            try:
                plain = example(contract, sender, MADE)
                flat = flatten(MADE, plain.data)
                flat |= {"case_id": str(uuid4()), "referral_id": str(uuid4())}
                event = replace(plain, recipients=(self.case.agency,), data=unflatten(flat))
                return sealer.seal(event, self.now, leave_out=True)
            except (EventError, RegistryError, KeyError):
                continue
        raise AssertionError(f"no contract lets {sender} send to {self.case.agency}")

    def _signed(self, sender: str, sealed: Sealed) -> Record:
        """The event as the next record of its stream, after what this reader has of it."""
        stream = Stream(self.setting.deployment, sender, sealed.topic, sealed.partition)
        last: Any = None
        opened = self.now
        with self.store.reading() as tx:
            stored = tx.reader.state(Place(sender, sealed.topic, sealed.partition))
        if stored is not None:
            state = parse_state(stored[1])
            newest = state.generations[state.newest]
            opened = max(self.now, state.log_time, int(newest.name[:16], 16) + 1)
            last = SimpleNamespace(
                name=newest.name, size=newest.size, root=newest.frontier.root(), log_time_s=0
            )
        row = open_generation(stream, last, last, opened)
        signer = next(
            key.cosigner for key in _stream_keys(sender) if self._is_valid(sender, key, opened)
        )
        _, (place,) = append(stream, row, [sealed.value], signer, opened)
        return record(sealed.value, place.proof, sealed.topic, sealed.partition)

    def _is_valid(self, sender: str, key: Key, now: int) -> bool:
        trust, key_id = self.trust, key.cosigner.key_id
        try:
            trust.stream_key(sender, key_id, now)
        except RefusedError:
            return False
        return not trust.is_revoked(sender, key_id)
