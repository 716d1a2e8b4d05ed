"""Acknowledgements of suspensions and departures (docs/spec/receipts.md)."""

from __future__ import annotations

import pytest

from broker.keys.issuing import ManifestChanges
from broker.keys.manifest import StandingEntry
from broker.statements.acknowledgements import (
    Acknowledgement,
    format_acknowledgement,
    is_acknowledgement,
    parse_acknowledgement,
)
from broker.statements.authorship import read_note
from tests.support.founded_partnership import (
    COUNCIL,
    NOW,
    POLICE,
    SUPPORT,
    FoundedPartnership,
)
from tests.support.memory_agency import Clock
from tests.support.memory_control import NOTICE, ControlNode
from tests.support.sent_records import Log

HOUR = 3_600_000


def suspends(node: ControlNode, world: FoundedPartnership, agency: str, *, resumes: bool) -> None:
    entry = StandingEntry(
        contract=world.contract.name,
        versions=(world.signed.hash,),
        state="suspended",
        since=NOW,
        reason="dispute",
    )
    manifests = world.reissue(agency, ManifestChanges(standing=(entry,)), NOW)
    if resumes:
        manifests = world.resume(agency, NOW + HOUR, manifests)
    node.trust.believe(node.trust.contracts, manifests)


async def test_a_reader_says_once_that_it_knows(
    node: ControlNode, world: FoundedPartnership, log: Log, clock: Clock
) -> None:
    """A receipt over each stream of that agency goes with it."""
    suspends(node, world, POLICE, resumes=True)
    clock.now = NOW + HOUR
    for _ in range(2):
        node.notices.learned(node.trust.contracts, node.trust.manifests)
        await node.notices.flush()
    notes = [read_note(one.value or b"") for one in node.said()]
    told = [parse_acknowledgement(one) for one in notes if is_acknowledgement(one)]
    name = world.contract.name
    assert told == [
        (Acknowledgement(world.deployment, POLICE, name, "suspended", NOW), NOW + HOUR),
        (Acknowledgement(world.deployment, POLICE, name, "resumed", NOW + HOUR), NOW + HOUR),
    ]


def test_acknowledgements_of_our_suspension_are_kept(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    suspends(node, world, COUNCIL, resumes=False)
    mine = Acknowledgement(world.deployment, COUNCIL, world.contract.name, "suspended", NOW)

    def hear(known: Acknowledgement, agency: str) -> list[str]:
        author = world.author(agency, receipts=True)
        note = format_acknowledgement(known, clock.now, author)
        return node.hear(node.topics.receipts, note, content_type=NOTICE).rejected

    def kept(agency: str) -> bytes | None:
        with node.member.store.reading() as tx:
            return tx.meta.get(f"{mine.name}/{agency}")

    assert hear(mine, POLICE) == []
    first = clock.now
    clock.pass_(HOUR)
    assert hear(mine, POLICE) == []
    assert kept(POLICE) == str(first).encode()
    another = Acknowledgement(world.deployment, COUNCIL, world.contract.name, "left", NOW)
    assert hear(another, SUPPORT) == []
    assert kept(SUPPORT) is None


@pytest.mark.parametrize("text", [b"", b"concordant.acknowledgement/v1\nx\ny\nz\nleft\n01\n2\n"])
def test_a_text_in_another_form_is_refused(
    node: ControlNode, world: FoundedPartnership, text: bytes
) -> None:
    from broker.tlog.note import format_note, sign_note

    text = text or b"concordant.acknowledgement/v1\n\n"
    note = format_note(sign_note(text, [world.author(POLICE, receipts=True)]))
    news = node.hear(node.topics.receipts, note, content_type=NOTICE)
    assert news.rejected == ["notice_malformed"]
