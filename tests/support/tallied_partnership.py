"""A partnership with a party that tallies unions, over one Kafka in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from adapters.trial_agencies import AgencyPlan, london_agencies
from broker.agency.participant import LoadedAgency
from broker.control.control import Control, Takers
from broker.control.news import News
from broker.control.own_statements import SigningKeys
from broker.control.own_unions import SINCE, OwnUnions
from broker.control.statement_sender import StatementSender
from broker.control.unions_taken import UnionsTaken
from broker.event import JSON
from broker.figures.unions.held import HeldUnion
from broker.figures.unions.tally import UnionTally
from broker.figures.unions.tokens import TokenPlace
from broker.record import CONTENT_TYPE_HEADER, UNION_CONTENT_TYPE, KafkaPartition, Record
from broker.registry.contracts import SignedContract
from broker.transport.topics import control_topics
from contracts.drafting import draft
from contracts.events import PlainEvent
from contracts.loading import parse_contract, shipped_terms
from contracts.vocabulary import unflatten
from tests.support.contract_signatures import signed_by
from tests.support.founded_partnership import FoundedPartnership, found_with
from tests.support.memory_agency import Clock, MemoryAgency
from tests.support.memory_partnership import MemoryPartnership, opened_partnership

POLICE, COUNCIL, CHARITY = "csu-camden", "council-camden", "haven-support"
ANALYST = "data-observatory"
CONTRIBUTORS = (COUNCIL, POLICE, CHARITY)
"""In the order of their ids: the first of them makes the key."""
PERIOD = "2026-Q2"
BEFORE_END = int(datetime(2026, 6, 25, 12, tzinfo=UTC).timestamp()) * 1000
END = int(datetime(2026, 7, 1, tzinfo=UTC).timestamp()) * 1000
DAY = 86_400_000
OPENS, CLOSES = END + 7 * DAY, END + 28 * DAY


def terms() -> str:
    """Return the terms of the shipped agreement, with a role that tallies."""
    text = shipped_terms()
    for old, new in (
        ("\nroles:\n", '\nroles:\n  analyst: "Counts for the partnership."\n'),
        ("secondary_suppression: true\n", "secondary_suppression: true\n  tally: analyst\n"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def plans() -> list[AgencyPlan]:
    """Return the contributors and the party that tallies."""
    plans = {plan.id: plan for plan in london_agencies()}
    party = {
        **plans[COUNCIL].party, "id": ANALYST, "role": "analyst", "legal_name": "Data Observatory",
    }  # fmt: skip
    analyst = AgencyPlan(ANALYST, plans[COUNCIL].adapter, {}, party)
    return [*(plans[one] for one in CONTRIBUTORS), analyst]


def founded_with_tally() -> FoundedPartnership:
    """Found it some days before the end of the quarter, so that its keys are valid afterwards."""
    return found_with(plans(), terms(), BEFORE_END)


def version_without(world: FoundedPartnership, agency: str, signed_ms: int) -> SignedContract:
    """Return a second version of the agreement without a party, with effect from a time (ms)."""
    first = world.signed
    left = [plan for plan in plans() if plan.id != agency]
    replaces = f"\nversion: 1.1.0\nprevious: [{first.hash.hex()}]\n"
    text = draft(
        terms().replace("\nversion: 1.0.0\n", replaces, 1),
        deployment=world.deployment,
        parties=[plan.party for plan in left],
        governance_keys={plan.id: first.contract.governance_keys[plan.id] for plan in left},
        starts=first.contract.starts,
        ends=first.contract.ends,
        review_on=first.contract.starts,
    )
    signers = [world.governance[plan.id] for plan in left]
    return signed_by(parse_contract(text.encode(), "second.yaml"), signers, signed_ms)


class UnionNode:
    """The part of one agency in unions."""

    def __init__(self, member: MemoryAgency) -> None:
        self.member = member
        world, participant = member.world, member.participant
        signing = SigningKeys(LoadedAgency(participant), member.clock)
        self.sender = StatementSender(signing, member.store, member.transport, member.clock)
        self.own = OwnUnions(member.store, member.secret, member.terms, self.sender, member.clock)
        taken = UnionsTaken(member.store, member.secret)
        self.control = Control(
            member.trust_store,
            participant.repository,
            member.store,
            takers=Takers(union=taken.take),
        )
        self._topic = control_topics(world.deployment).receipts
        self._read = 0
        self.place = TokenPlace(world.deployment, world.contract.name, PERIOD)
        with member.store.transaction() as tx:
            tx.meta.set(f"{SINCE}:{world.contract.name}", (0).to_bytes(8, "big"))

    def on_kafka(self) -> list[Record]:
        """Return every record of the topic with the statements."""
        return self.member.kafka.topics[self._topic][0]

    def hear(self, *values: bytes) -> News:
        """Read what is new on Kafka, or these values instead."""
        if values:
            headers = ((CONTENT_TYPE_HEADER, UNION_CONTENT_TYPE),)
            records = [Record(self._topic, 0, headers, value) for value in values]
        else:
            records = self.on_kafka()
            records, self._read = records[self._read :], len(records)
        placed = [replace(one, offset=at) for at, one in enumerate(records)]
        return self.control.take(KafkaPartition(self._topic, 0), placed, self.member.clock.now)

    @property
    def result(self) -> UnionTally | None:
        """The result that this agency holds."""
        manifests = self.member.terms.manifests
        with self.member.store.reading() as tx:
            return HeldUnion(tx, self.member.secret, self.place, manifests).result(ANALYST)

    def held(self) -> set[tuple[str, str]]:
        """Return the parts that this agency holds, with their authors."""
        with self.member.store.reading() as tx:
            return {(one.part, one.agency) for one in tx.unions.held()}

    def case_ids(self) -> int:
        """Return how many ids of cases this agency holds."""
        with self.member.store.reading() as tx:
            return sum(1 for _ in tx.unions.seen_since(self.place.agreement, 0))


@dataclass
class TalliedPartnership:
    """The partnership, and the part of each agency in unions."""

    town: MemoryPartnership
    nodes: dict[str, UnionNode] = field(default_factory=dict)

    @property
    def clock(self) -> Clock:
        """The clock of every agency."""
        return self.town.members[POLICE].clock

    def at(self, time_ms: int) -> None:
        """Set the clock of every agency ahead."""
        self.clock.pass_(time_ms - self.clock.now)

    async def report(self, sender: str, to: str, case: str) -> None:
        """Send a referral about a case, and let its recipient read it."""
        absent = dict.fromkeys(
            path.replace(".", "__") for path in self.town.event(sender, "referral.made")
        )
        leaves = {path.replace(".", "__"): value for path, value in _leaves(case).items()}
        await self.town.send(sender, "referral.made", [to], **{**absent, **leaves})

    def accept(self, sender: str, to: str, case: str, *, consent: bool = True) -> None:
        """Accept a referral about a case for sending."""
        data = unflatten({**_leaves(case), "consent.statistics": consent})
        event = PlainEvent("referral.made", (to,), data)
        assert self.town.members[sender].publish(event) is not None

    async def round(self, *agencies: str) -> list[News]:
        """Let agencies look and then read, until each has read all."""
        news = []
        for _ in range(3):
            for agency in agencies or tuple(self.nodes):
                await self.nodes[agency].own.look()
            news += [self.nodes[one].hear() for one in agencies or tuple(self.nodes)]
        return news

    def close(self) -> None:
        """Close every database."""
        self.town.close()


def opened(world: FoundedPartnership, folder: Path) -> TalliedPartnership:
    """Return the agencies of the partnership, each with a database in a folder."""
    town = opened_partnership(world, folder, BEFORE_END)
    nodes = {agency: UnionNode(member) for agency, member in town.members.items()}
    return TalliedPartnership(town, nodes)


def _leaves(case: str) -> dict[str, JSON]:
    return {
        "case_id": case, "referral_id": str(uuid4()), "requested_service": "advocacy",
        "incident.borough": "E09000007", "incident.strands": ["race"],
        "incident.record_type": "hate_crime", "incident.reporting_channel": "self",
        "consent.statistics": True,
    }  # fmt: skip


def cases(number: int) -> Sequence[str]:
    """Return ids of cases."""
    return [str(uuid4()) for _ in range(number)]
