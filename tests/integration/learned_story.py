"""A contract is agreed on while adapters run, and its new topic is made later than it is needed.

The new version moves referrals to a topic of their own. Its parties sign it one after the other,
nobody starts anything again, and Kafka's host applies it last.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from uuid import uuid4

from broker.envelope.primitives import sha256
from broker.event import OpenedEvent
from broker.observing import logs
from broker.subscriber import Events
from contracts.events import PlainEvent
from contracts.examples import example
from contracts.model import Contract
from contracts.policy import policy_for
from tests.integration.commands import concordant
from tests.integration.key_story import COUNCIL, Adapter, clock
from tests.integration.service_story import until
from tests.support.words import flatten, unflatten

WHO = "Ada Okafor, Chief Superintendent"
REFERRAL, CASE = "referral.made", "case.updated"
"""A type that moves to the new topic, and one that stays where it was."""


def with_a_topic_of_their_own(text: str, previous: bytes) -> str:
    """The next version: referrals move to the topic ``c``."""
    text = re.sub(r"^version: .*$", "version: 1.1.0", text, count=1, flags=re.M)
    text = with_an_entry(text)
    text = text.replace("  b: {partitions: 6}\n", "  b: {partitions: 6}\n  c: {partitions: 6}\n")
    head, made, rest = text.partition("\n  referral.made:\n")
    rest = rest.replace("    topic: a\n", "    topic: c\n", 1)
    return f'{head}{made}{rest}previous: ["{previous.hex()}"]\n'


def with_an_entry(text: str) -> str:
    """The text with version 1.1.0 in its version record."""
    today = datetime.now(UTC).date().isoformat()
    entry = f'  - {{version: 1.1.0, date: {today}, change: "More.", authorised_by: "All"}}\n'
    return text.replace("version_record:\n", f"version_record:\n{entry}", 1)


def knows(one: Adapter, contract_hash: bytes) -> bool:
    assert one.service is not None
    known = one.service.parts.control.contracts.by_hash(contract_hash)
    # it seals by the new version a moment after it believes it
    sealer = one.service.parts.publisher._sealer
    return (
        known is not None
        and not known.missing
        and sealer._addressees(REFERRAL, (), clock()).in_force.hash == contract_hash
    )


def event(one: Adapter, event_type: str) -> PlainEvent:
    """An event of its own case, of everything that the council may read."""
    if event_type == REFERRAL:
        return one.event((COUNCIL,))
    contract = one.loaded().contract_in_force(clock()).contract
    sent = policy_for(contract, one.agency, (COUNCIL,), event_type).fields
    flat = flatten(event_type, example(contract, one.agency, event_type).data)
    flat = {path: value for path, value in flat.items() if path in sent}
    return PlainEvent(event_type, (COUNCIL,), unflatten(flat | {"case_id": str(uuid4())}))


def publish(one: Adapter, event_type: str, count: int) -> list[str]:
    assert one.service is not None
    assert one.store is not None
    events = [event(one, event_type) for _ in range(count)]
    with one.store.transaction() as tx:
        ids = [one.service.parts.publisher.publish(tx, each, clock()) for each in events]
    one.service.published()
    return [each for each in ids if each is not None]


async def follow(events: Events, taken: list[OpenedEvent]) -> None:
    async for one in events:
        taken.append(one)


async def learned_while_running(
    police: Adapter,
    council: Adapter,
    others: list[Adapter],
    subscription: Events,
    apply: Callable[[Contract], None],
) -> str:
    """The whole story; returns the new topic. ``apply`` makes a contract's topics and rights."""
    everyone = [police, council, *others]
    taken: list[OpenedEvent] = []
    following = asyncio.create_task(follow(subscription, taken))
    lines = io.StringIO()
    logs.configure("warning", json=True, stream=lines)
    try:
        for one in everyone:
            await one.start()
        published = police.publish((COUNCIL,), 3)
        await until(lambda: len(council.inbox()) == 3, *everyone)
        old = police.loaded().contract_in_force(clock())
        text = with_a_topic_of_their_own(old.text.raw.decode(), old.hash)
        for one in everyone:
            proposal = one.directory / "state" / "next.yaml"
            proposal.write_text(text)
            sign = ("contract", "sign", "--agency", one.directory, proposal, "--as", WHO, "--yes")
            done = await concordant(
                *sign, "--accept", "lone-topic", "--accept", "recipient-not-party"
            )
            assert done.code == 0, done.err
        new = sha256(text.encode())
        await until(lambda: all(knows(one, new) for one in everyone), *everyone)
        contract = police.loaded().contract_in_force(clock()).contract
        topic = f"{contract.deployment}.{contract.name}.c"

        referrals = publish(police, REFERRAL, 2)
        await until(lambda: waited_for(lines, "receiving_waits", topic), *everyone)
        await until(lambda: waited_for(lines, "relay_waits"), *everyone)
        others_meanwhile = publish(police, CASE, 1)
        await until(lambda: len(council.inbox()) == 4, *everyone)
        assert set(council.inbox()) == {*published, *others_meanwhile}

        await asyncio.to_thread(apply, contract)
        expected = [*published, *others_meanwhile, *referrals]
        await until(lambda: len(council.inbox()) >= len(expected), *everyone, within_s=60)
        expected += publish(police, REFERRAL, 2)
        await until(lambda: len(council.inbox()) >= len(expected), *everyone)
        await until(lambda: len(taken) >= len(expected), *everyone, within_s=60)
        assert sorted(council.inbox()) == sorted(expected)
        assert sorted(one.id for one in taken) == sorted(expected)
        assert not council.quarantined()
        assert not council.evidence()
    finally:
        logs.configure("warning")
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
    return topic


def waited_for(lines: io.StringIO, event: str, topic: str | None = None) -> bool:
    """Return True if the log reports a wait for a topic that Kafka does not have."""
    said = [json.loads(line) for line in lines.getvalue().splitlines()]
    return any(
        one["event"] == event
        and one["code"] in {"kafka_topic_missing", "kafka_refused"}
        and one.get("topic") == topic
        for one in said
    )
