"""A stream key is stolen while events flow: docs/guides/when-a-key-is-lost.md, command by command.

The thief has a copy of the agency's folder, passphrase and certificate included, and signs current
and back-dated records. Records that were cosigned before stay believed, records of the thief are
refused, and no event that the agency had accepted is lost.
"""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.judging.key_resolver import TrustStore
from broker.keys.instant import format_instant
from broker.receiving.receiving import Receiving
from broker.record import KafkaPartition
from broker.store.database import open_store
from broker.transport.topics import data_topics
from tests.integration.commands import ROOT, Done, concordant
from tests.integration.key_story import (
    COUNCIL,
    POLICE,
    SUPPORT,
    Adapter,
    clock,
    cluster,
    partnership,
)
from tests.integration.service_story import until
from tests.integration.thief import Thief
from tests.support.memory_kafka import MemoryKafka, MemoryTransport

TO = (COUNCIL, SUPPORT)
BACK_DATED_MS = 600_000


class Guide:
    """The guide's commands, each run once, in the order in which they are written."""

    def __init__(self) -> None:
        text = (ROOT / "docs" / "guides" / "when-a-key-is-lost.md").read_text()
        blocks = re.findall(r"```console\n(.*?)```", text, re.S)
        self.commands: Iterator[str] = iter(
            line.removeprefix("$ concordant ") for block in blocks for line in block.splitlines()
        )

    async def next(self, command: str, folder: Path, **named: object) -> Done:
        """Run the guide's next command, which must be this one."""
        words = shlex.split(next(self.commands))
        assert " ".join(words).startswith(command), words
        values = {"DIR": folder, **named}
        return await concordant(*(values.get(word, word) for word in words))

    def done(self) -> bool:
        return next(self.commands, None) is None


def from_the_beginning(
    reader: Adapter, kafka: MemoryKafka, origins: set[str], database: Path
) -> set[str]:
    """View of the lost key in an agency that has all receipts and no record yet."""
    assert reader.store is not None
    mine, store, found = reader.loaded(), open_store(database), set()
    with reader.store.reading() as tx, store.transaction() as copy:
        for receipt in (r for origin in origins for r in tx.receipts.from_size(origin, 1)):
            copy.receipts.add(
                receipt.origin,
                receipt.size,
                receipt.root,
                receipt.cosigner,
                receipt.time_s,
                receipt.text,
            )
    trust = TrustStore(mine.agency, mine.contracts, mine.manifests, mine.keyring)
    receiving = Receiving(store, trust, mine.keyring.secret())
    for topic in data_topics(mine.contract_in_force(clock()).contract):
        for partition, records in enumerate(kafka.topics[topic]):
            receiving.take(KafkaPartition(topic, partition), records, clock())
    with store.reading() as tx:
        for one in tx.inbox.undelivered(1000):
            origin = f"{mine.deployment}/{one.source}/{one.topic}/{one.partition}/{one.generation}"
            if origin in origins:
                found.add(one.event_id)
    store.close()
    return found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return partnership(tmp_path / "p", clock() - 3_600_000)


@pytest.fixture
def kafka(root: Path) -> MemoryKafka:
    return cluster(root, clock())


async def test_a_stolen_stream_key_as_the_guide_has_it(
    root: Path, kafka: MemoryKafka, tmp_path: Path
) -> None:
    police, council, support = (
        Adapter(root / agency, lambda agency=agency: MemoryTransport(kafka, agency))  # type: ignore[misc]  # bound now
        for agency in (POLICE, COUNCIL, SUPPORT)
    )
    guide = Guide()
    await police.start()
    await council.start()  # and support is away until the end
    cosigned = police.publish(TO, 20)
    await until(lambda: len(council.inbox()) == 20, police, council)
    await until(lambda: police.receipts() > 0, police, council)
    await asyncio.sleep(1.5)  # receipts are dated to the second

    since = clock()
    thief = Thief.of(root / POLICE, tmp_path / "stolen", since)
    origins = {
        f"{police.loaded().key_name}/{topic}/{partition}/{row.name}"
        for (topic, partition), row in thief.heads.items()
    }
    eve = MemoryTransport(kafka, POLICE)
    believed, record = thief.forged(police.event(TO), clock())
    await eve.send([record])
    await until(lambda: believed in council.inbox(), police, council)  # nobody can know yet
    published = [*cosigned, *police.publish(TO, 30)]
    # where its record met ours
    await until(lambda: bool(council.stopped()), police, council, within_s=120)

    # --- the first hour --------------------------------------------------------------------------
    listed = await guide.next("keys list", root / POLICE)
    assert listed.code == 0
    kid = (await police.keys())["stream ed25519"]
    assert kid[:16] in listed.out
    before = council.manifest_of(POLICE).version
    revoked = await guide.next(
        "keys revoke", root / POLICE, KID=kid[:16], TIME=format_instant(since)
    )
    assert revoked.code == 0, revoked.err
    assert "Telephone every party" in revoked.err
    await until(lambda: council.manifest_of(POLICE).version > before, police, council)
    listed = await guide.next("keys list", root / POLICE)
    assert re.search(rf"{kid[:16]}.*revoked", listed.out)
    assert (await police.keys())["stream ed25519"] != kid
    assert (await guide.next("log verify", root / POLICE)).code == 0
    assert (await guide.next("status", root / POLICE)).code in {0, 1}

    # --- the thief goes on, and so do we ---------------------------------------------------------
    before = len(council.noise())
    forged = [
        thief.forged(police.event(TO), at, partition=partition, anew=anew)
        for at in (clock(), since - BACK_DATED_MS)
        for partition in range(6)
        for anew in (False, True)
    ]
    await eve.send([record for _, record in forged])
    published += police.publish(TO, 30)
    await until(lambda: len(council.noise()) >= before + len(forged), police, council)
    refused = set(council.noise())
    refused.discard("generation_ahead")  # a back-dated generation after a later one is that as well
    assert refused == {"key_revoked", "equivocation", "stream_stopped"}
    assert council.noise().count("equivocation") == 1

    # --- the other agency ------------------------------------------------------------------------
    assert (await guide.next("status", root / COUNCIL)).code in {0, 1}
    ((sender, topic, partition),) = council.stopped()
    await council.end()
    released = await guide.next(
        "status release", root / COUNCIL, SENDER=sender, TOPIC=topic, PARTITION=partition
    )
    assert released.code == 0, released.err
    await council.start()
    await until(lambda: set(published) <= set(council.inbox()), police, council)
    assert council.inbox().count(believed) == 1
    assert len(council.inbox()) == len(published) + 1
    doubted = await guide.next("keys doubted", root / COUNCIL, SENDER=POLICE)
    assert doubted.code == 1
    assert [line.split()[0] for line in doubted.out.splitlines()[1:]] == [believed]
    assert guide.done()

    # --- who was away ----------------------------------------------------------------------------
    await support.start()
    await until(lambda: set(published) <= set(support.inbox()), police, council, support)
    assert sorted(support.inbox()) == sorted(published)  # once each, and nothing of the thief's
    assert support.evidence() == support.quarantined() == 0
    believed_still = from_the_beginning(support, kafka, origins, tmp_path / "fresh.db")
    assert believed_still <= set(cosigned)
    assert believed_still
    assert council.open_gaps() == support.open_gaps() == 0
    await until(lambda: police.receipts() > 0, police, council, support)
    for one in (police, council, support):
        await one.end()
