"""Facts about referrals: what one event says about a referral that this agency sent.

The codes of an event and its answer about consent are those of a `Fact`. Beside it stands what the
event does to a referral, which a pseudonym names (docs/spec/figures.md, "Facts of referrals").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import orjson

from broker import pseudonyms
from broker.figures.facts import Fact, fact_of, format_fact, parse_fact
from broker.figures.referral_dimensions import counted_referrals
from contracts.events import JSON
from contracts.model import Contract
from contracts.referral import ReferralRules

__all__ = [
    "Changed", "Made", "ReferralFact", "formatted_referral", "parsed_referral", "referral_fact_of",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Made:
    """A referral that an own event made, with each recipient.

    Attributes:
        referral: pseudonym of its id, hexadecimal.
        recipients: agency ids; each of them is asked for the service.
        acknowledge_due: deadline of the agreement, ms; None if it has none.
        respond_due: the same for the answer.
    """

    referral: str
    recipients: tuple[str, ...]
    acknowledge_due: int | None
    respond_due: int | None


@dataclass(frozen=True, slots=True)
class Changed:
    """A change of a referral's status; the codes of the event have the new status.

    Attributes:
        referral: pseudonym of its id, hexadecimal.
        recipients: the agencies that were asked and with which the status changes.
        version: number of the change.
    """

    referral: str
    recipients: tuple[str, ...]
    version: int


@dataclass(frozen=True, slots=True)
class ReferralFact:
    """Statement of one event about a case in which this agency sent a referral.

    Attributes:
        said: event, time, codes by dimension, consent and correction.
        act: what the event does to a referral; None if it does nothing.
    """

    said: Fact
    act: Made | Changed | None

    @property
    def counts(self) -> bool:
        """Return whether it can change a count."""
        said = self.said
        return bool(self.act or said.asked or said.answer is not None or said.corrected)


def referral_fact_of(
    contract: Contract,
    secret: bytes,
    event_type: str,
    flat: Mapping[str, JSON],
    *,
    source: str,
    event: str,
    time_ms: int,
    sent_to: Sequence[str] | None,
) -> ReferralFact | None:
    """Return what an event says about referrals of this agency.

    Args:
        contract: agreement of the event.
        secret: this agency's key for pseudonyms.
        event_type: type of the event, which the agreement has.
        flat: valid leaves by dotted path.
        source: agency of the event.
        event: id of the event.
        time_ms: when it was said, ms.
        sent_to: agencies that an own event reaches; None for an event of another agency.

    Returns:
        None if the agreement counts no referrals, or the event cannot change a count.
    """
    counted = counted_referrals(contract)
    if counted is None:
        return None
    figures, rules = counted
    said = fact_of(contract, figures, event_type, flat, source, event, time_ms)
    act: Made | Changed | None = None
    if sent_to is not None:
        act = _made(contract, rules, secret, event_type, flat, sent_to, time_ms)
    recipients = (source,) if sent_to is None else tuple(sent_to)
    fact = ReferralFact(said, act or _changed(rules, secret, event_type, flat, recipients))
    return fact if fact.counts else None


def _made(
    contract: Contract,
    rules: ReferralRules,
    secret: bytes,
    event_type: str,
    flat: Mapping[str, JSON],
    recipients: Sequence[str],
    now: int,
) -> Made | None:
    made = rules.new_referral(event_type, flat)
    if made is None or not recipients:
        return None
    levels = contract.event_types[event_type].service_levels
    due = None if levels is None else rules.clocks(levels, now, made.urgency)
    return Made(
        pseudonyms.referral_key(secret, made.referral_id).hex(),
        tuple(sorted(recipients)),
        None if due is None else due.acknowledge_due,
        None if due is None else due.respond_due,
    )


def _changed(
    rules: ReferralRules,
    secret: bytes,
    event_type: str,
    flat: Mapping[str, JSON],
    recipients: tuple[str, ...],
) -> Changed | None:
    change = rules.status_change(event_type, flat)
    if change is None:
        return None
    referral = pseudonyms.referral_key(secret, change.referral_id).hex()
    return Changed(referral, tuple(sorted(recipients)), change.version)


def formatted_referral(fact: ReferralFact) -> bytes:
    """Format a fact for the state; source and event id stand beside it."""
    kind: Literal["made", "changed"] | None = None
    members: tuple[object, ...] = ()
    match fact.act:
        case Made(referral, recipients, acknowledge_due, respond_due):
            kind, members = "made", (referral, recipients, acknowledge_due, respond_due)
        case Changed(referral, recipients, version):
            kind, members = "changed", (referral, recipients, version)
    said = orjson.Fragment(format_fact(fact.said))
    return orjson.dumps({"said": said, "kind": kind, "act": members})


def parsed_referral(source: str, event: str, content: bytes) -> ReferralFact:
    """Return the fact that ``formatted_referral`` wrote."""
    found = orjson.loads(content)
    said = parse_fact(source, event, orjson.dumps(found["said"]))
    if found["kind"] is None:
        return ReferralFact(said, None)
    referral, recipients, *others = found["act"]
    act = Made if found["kind"] == "made" else Changed
    return ReferralFact(said, act(referral, tuple(recipients), *others))
