"""An exchange key's time is over: an old record opens with nothing that its reader has left.

Sealed, taken and delivered at one time; weeks later the running service destroys the key by itself.
Then whoever has the whole folder, passphrase included, and the record from Kafka, has too little.
"""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from broker.agency.own_manifest import longest_retention_ms, renew_keys
from broker.agency.participant import load_participant
from broker.audit.entries import NewLogEntry, parse_log_entry
from broker.envelope import framing
from broker.envelope.layout import parse_value
from broker.envelope.primitives import NONCE_BYTES, AeadKey, SealBroken, scrypt_key
from broker.judging.key_resolver import TrustStore
from broker.keys.keyfile import open_key, parse_keyfile
from broker.receiving.receiving import Receiving
from broker.record import Record
from broker.registry.manifests import TRIED_AFTER_END_MS
from broker.store.database import open_store
from contracts.durations import DAY_MS
from tests.integration.key_story import COUNCIL, POLICE, Adapter, cluster, partnership
from tests.integration.service_story import until
from tests.support.memory_kafka import MemoryKafka, MemoryTransport
from tests.support.words import flatten

LONG_AGO = time.time_ns() // 1_000_000 - 200 * DAY_MS


@dataclass
class Calendar:
    """A clock that a test turns on."""

    ahead: int = 0
    began: int = time.time_ns() // 1_000_000

    def __call__(self) -> int:
        return LONG_AGO + self.ahead + time.time_ns() // 1_000_000 - self.began


@dataclass(frozen=True)
class Opened:
    """Everything with which the record was opened while its key was there."""

    seed: bytes
    session_secret: bytes
    group_keys: tuple[bytes, ...]


def opened_with(folder: Path, now: int, value: bytes, event_id: str) -> Opened:
    """Open a record step by step, as whoever holds the key could."""
    mine = load_participant(folder, now)
    (listed,) = mine.manifests.exchange_keys(COUNCIL)
    (file,) = (parse_keyfile(path.read_bytes(), "") for path in folder.glob("keys/exchange-*"))
    passphrase = (folder / "passphrase").read_bytes().strip()
    seed = open_key(file, scrypt_key(passphrase, file.salt, file.cost), "")
    sealed = parse_value(value)
    (entry,) = sealed.recipients
    info = framing.session_info(mine.deployment, sealed.contract, POLICE, COUNCIL, listed.kid)
    secret = mine.keyring.opener(listed.kid).open(entry.wrap, info)
    prefix = framing.context_prefix(mine.deployment, sealed.contract, POLICE)
    context = framing.event_context(prefix, event_id)
    commitments = framing.groups_hash(context, [group.commitment for group in sealed.groups])
    tail = framing.session_tail(COUNCIL, listed.kid, entry.wrap)
    keys = AeadKey(secret).open(
        entry.key_list[:NONCE_BYTES],
        entry.key_list[NONCE_BYTES:],
        framing.key_list_aad(context, commitments, tail),
    )
    return Opened(seed, secret, tuple(keys[at : at + 32] for at in range(0, len(keys), 32)))


def on_disk(folder: Path) -> dict[str, bytes]:
    """Every byte of every file, the database's journal included."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def forms(secret: bytes) -> tuple[bytes, ...]:
    """As it is, in hexadecimal and in base64."""
    return secret, secret.hex().encode(), base64.b64encode(secret)


def entries(one: Adapter) -> list[NewLogEntry]:
    assert one.store is not None
    with one.store.reading() as tx:
        return [parse_log_entry(row.entry) for row in tx.disclosures.read(0, 1000)]


def deliver(one: Adapter, now: int) -> None:
    """The agency's own system takes what waits."""
    assert one.store is not None
    with one.store.transaction() as tx:
        for row in tx.inbox.undelivered(100):
            tx.inbox.mark_delivered(row.seq, now, None)


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return partnership(tmp_path / "p", LONG_AGO - 3_600_000)


@pytest.fixture
def kafka(root: Path) -> MemoryKafka:
    return cluster(root, LONG_AGO)


async def test_a_record_sealed_for_a_destroyed_key_opens_with_no_file_on_disk(
    root: Path, kafka: MemoryKafka, calendar: Calendar, tmp_path: Path
) -> None:
    folder = root / COUNCIL
    police, council = (
        Adapter(root / agency, lambda agency=agency: MemoryTransport(kafka, agency), calendar)  # type: ignore[misc]  # bound now
        for agency in (POLICE, COUNCIL)
    )
    await police.start()
    await council.start()
    event = police.event((COUNCIL,))
    name = str(flatten(event.type, event.data)["victim.name"]).encode()
    assert police.service is not None
    assert police.store is not None
    with police.store.transaction() as tx:
        published = police.service.parts.publisher.publish(tx, event, calendar())
    assert published is not None
    police.service.published()
    await until(lambda: council.inbox() == [published], police, council)
    deliver(council, calendar())
    await police.end()
    await council.end()
    (record,) = (
        one
        for topic, partitions in kafka.topics.items()
        if topic.endswith(".a")
        for records in partitions
        for one in records
    )
    assert record.value is not None
    had = opened_with(folder, calendar(), record.value, published)
    (listed,) = load_participant(folder, calendar()).manifests.exchange_keys(COUNCIL)

    # --- weeks later: the key has ended, its retention and grace have passed --------------------
    kept = longest_retention_ms(load_participant(folder, calendar())) + TRIED_AFTER_END_MS
    calendar.ahead = listed.not_after + kept + 1 - LONG_AGO
    for agency in (POLICE, COUNCIL):
        renew_keys(load_participant(root / agency, calendar()), calendar())
    assert council.loaded().keyring.holds(listed.kid)
    await council.start()
    await until(lambda: not council.loaded().keyring.holds(listed.kid), council)
    await until(lambda: any(one.kind == "destruction" for one in entries(council)), council)
    destructions = [one for one in entries(council) if one.kind == "destruction"]
    assert [one.reason for one in destructions] == ["retention_over"]
    await until(lambda: not [path for path, at in on_disk(folder).items() if name in at], council)
    await council.end()

    # --- what whoever has the whole folder has --------------------------------------------------
    disk = on_disk(folder)
    assert f"keys/destroyed/{listed.kid.hex()}.json" in disk
    for secret in (had.seed, had.session_secret, *had.group_keys):
        if any(secret):  # a key of zeros is no key
            found = [path for path, held in disk.items() for form in forms(secret) if form in held]
            assert found == []
    passphrase = disk["passphrase"].strip()
    held = [
        parse_keyfile(content, path) for path, content in disk.items() if path.endswith(".key.json")
    ]
    seeds = [open_key(file, scrypt_key(passphrase, file.salt, file.cost), "") for file in held]
    assert len(seeds) >= 5
    assert had.seed not in seeds
    sealed, mine = parse_value(record.value), load_participant(folder, calendar())
    left = [key for key in mine.manifests.exchange_keys(COUNCIL) if mine.keyring.holds(key.kid)]
    assert left
    for entry in sealed.recipients:
        for key in left:
            for kid in (key.kid, listed.kid):
                info = framing.session_info(mine.deployment, sealed.contract, POLICE, COUNCIL, kid)
                with pytest.raises(SealBroken):
                    mine.keyring.opener(key.kid).open(entry.wrap, info)
    assert answer(folder, calendar(), record, tmp_path / "again.db") == "key_missing"


def answer(folder: Path, now: int, record: Record, database: Path) -> str:
    """The code with which the agency itself refuses the old record, met for the first time."""
    mine, store = load_participant(folder, now), open_store(database)
    trust = TrustStore(mine.agency, mine.contracts, mine.manifests, mine.keyring)
    receiving = Receiving(store, trust, mine.keyring.secret())
    batch = receiving.take(record.kafka_partition, [record], now)
    store.close()
    ((_, _, step, code),) = batch.refused
    assert step == 5
    return code
