"""Cases of step 6: whether the contract is known, owns the topic, is in force and names the two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from broker.envelope.primitives import sha256
from broker.registry.contracts import SignedContract
from contracts.model import topic_name, trial_topic_name
from tests.vectors.making.agencies import (
    COUNCIL,
    DAY,
    NOW,
    POLICE,
    PROSECUTION,
    SECOND,
    SUPPORT,
    instant,
)
from tests.vectors.making.contract_worlds import more_contracts, odd_contracts
from tests.vectors.making.event_drafts import Draft, Terms
from tests.vectors.making.scene import NOT_ADDRESSED, Case, Scene
from tests.vectors.making.setting import Setting
from tests.vectors.making.streams import Log

SHORT_ENDS = instant(2026, 3, 3)
SHORT_TAKEN_UNTIL = SHORT_ENDS + (14 + 30) * DAY
UNTIMED_TAKEN_UNTIL = SHORT_ENDS + (30 + 30) * DAY


def cases(settings: Mapping[str, Setting]) -> Iterator[Case]:
    """All of them."""
    yield from _unknown(settings["contracts"])
    yield from _incomplete(settings["incomplete"])
    yield from _topics(settings["contracts"])
    yield from _dates(settings["contracts"])
    yield from _parties(settings["contracts"])


def _plain(
    s: Scene, signed: SignedContract, source: str = POLICE, to: tuple[str, ...] = (COUNCIL,)
) -> Draft:
    return s.small(source, to, signed=signed)


def _log(s: Scene, signed: SignedContract, agency: str = POLICE, now: int = NOW) -> Log:
    return s.log(agency, topic=topic_name(signed.contract, "a"), now=now)


def _unknown(setting: Setting) -> Iterator[Case]:
    spec = "contracts.md, Which contract; contract-signatures.md"
    s = Scene(setting, "6-contract_unknown-no_file")
    draft = s.event(to=(COUNCIL,))
    draft.contract = bytes(range(32))
    yield s.refused("A contract of which there is no file.", s.log().one(draft.value()))
    for what, odd in odd_contracts(setting).items():
        s = Scene(setting, f"6-contract_unknown-{what}")
        draft = s.event(to=(COUNCIL,))
        draft.contract = sha256(odd.raw)
        yield s.refused(odd.about, s.log().one(draft.value()), spec=spec)
    s = Scene(setting, "10-opened-foreign_line")
    foreign = more_contracts(setting)["foreign-line"]
    event = _plain(s, foreign)
    yield s.opened(
        "A line of somebody who is not a party is ignored.",
        event,
        _log(s, foreign).one(event.value()),
        spec=spec,
    )


def _incomplete(setting: Setting) -> Iterator[Case]:
    spec = "contract-signatures.md"
    s = Scene(setting, "6-contract_unknown-incomplete")
    yield s.refused(
        "One party has not signed: the reader believes the keys that the contract pins, but takes "
        "nothing under it.",
        s.log().one(s.event().value()),
        spec=spec,
    )
    s = Scene(setting, "2-key_unknown-own_signature_missing")
    yield s.refused(
        "The reader has not signed the only contract: nothing that it pins is believed.",
        s.log().one(s.event().value()),
        agency=SUPPORT,
        spec=spec,
    )


def _topics(setting: Setting) -> Iterator[Case]:
    more = more_contracts(setting)
    s = Scene(setting, "6-topic_not_owned-other_contracts")
    event = _plain(s, more["short"])
    yield s.refused(
        "A topic of another contract, which the reader knows.", s.log().one(event.value())
    )
    s = Scene(setting, "6-topic_not_owned-no_such_logical")
    event = s.event()
    log = s.log(topic="pan-london.london-small.c")
    yield s.refused("A logical topic that the contract does not have.", log.one(event.value()))
    s = Scene(setting, "10-opened-trial_topic")
    event = s.event()
    topic = trial_topic_name(setting.signed.contract, "b")
    yield s.opened(
        "Trial topics count as owned for files.",
        event,
        s.log(topic=topic).one(event.value()),
        spec="contracts.md, Step 6; topics.md",
    )
    s = Scene(setting, "10-opened-other_topic_of_the_contract")
    event = s.event()
    yield s.opened(
        "A type on another topic of its contract, which readers do not check.",
        event,
        s.log(logical="b").one(event.value()),
        spec="contracts.md, Topics",
    )


def _dates(setting: Setting) -> Iterator[Case]:
    more = more_contracts(setting)
    short, untimed, later = more["short"], more["no-retention"], more["later"]
    spec = "contracts.md, Dates and retention"
    for name, signed, at, now, about in (
        (
            "10-opened-contracts_last_second",
            short,
            SHORT_ENDS - SECOND,
            SHORT_ENDS,
            "in its last second",
        ),
        ("6-contract_not_in_force-ended", short, SHORT_ENDS, SHORT_ENDS, "after its last day"),
        ("10-opened-contracts_first_second", later, SHORT_ENDS, SHORT_ENDS, "in its first second"),
        (
            "6-contract_not_in_force-not_started",
            later,
            SHORT_ENDS - SECOND,
            SHORT_ENDS,
            "a second before its first day",
        ),
        (
            "10-opened-retention_and_grace",
            short,
            NOW,
            SHORT_TAKEN_UNTIL - 1,
            "while it was in force; the reader's clock is in the last millisecond of retention and "
            "grace",
        ),
        (
            "6-contract_ended-retention_and_grace",
            short,
            NOW,
            SHORT_TAKEN_UNTIL,
            "while it was in force; retention and grace are over",
        ),
        (
            "10-opened-retention_not_said",
            untimed,
            NOW,
            UNTIMED_TAKEN_UNTIL - 1,
            "whose type says no retention: 30 days, the last millisecond",
        ),
        (
            "6-contract_ended-retention_not_said",
            untimed,
            NOW,
            UNTIMED_TAKEN_UNTIL,
            "whose type says no retention: 30 days, and they are over",
        ),
    ):
        s = Scene(setting, name)
        event = replace(_plain(s, signed), time=at)
        one = _log(s, signed, now=at).one(event.value())
        s.then(one, event.answer(COUNCIL) if "opened" in name else None)
        yield s.case(f"An event under a contract, {about}.", now=max(now, NOW), spec=spec)
    s = Scene(setting, "6-contract_not_in_force-before_contract_ended")
    event = replace(_plain(s, short), time=SHORT_ENDS)
    yield s.refused(
        "Log time is looked at before retention and grace.",
        _log(s, short, now=SHORT_ENDS).one(event.value()),
        now=SHORT_TAKEN_UNTIL,
    )


def _parties(setting: Setting) -> Iterator[Case]:
    without = more_contracts(setting)["without-police"]
    s = Scene(setting, "6-not_a_party-sender")
    event = replace(_plain(s, without, PROSECUTION), source=POLICE)
    yield s.refused(
        "A sender whom the contract does not name.", _log(s, without).one(event.value())
    )
    s = Scene(setting, "6-contract_unknown-reader_not_named")
    event = replace(_plain(s, without, PROSECUTION), to=[POLICE], may_read={POLICE: [True]})
    yield s.refused(
        "A reader whom the contract does not name does not know it.",
        _log(s, without, PROSECUTION).one(event.value()),
        agency=POLICE,
    )
    s = Scene(setting, "5-not_addressed-wrap_under_other_contract")
    first = s.small()
    s.then(s.log().one(first.value()), first.answer(COUNCIL))
    short = more_contracts(setting)["short"]
    second = _plain(s, short)
    second.terms = Terms(first.deployment, first.contract, POLICE)
    s.then(_log(s, short).one(second.value()), NOT_ADDRESSED)
    yield s.case(
        "A wrap that was opened under one contract opens nothing under another: what a wrap gave "
        "is remembered with its contract.",
        spec="envelope.md, Derivations",
    )
    s = Scene(setting, "10-opened-second_contract")
    event = _plain(s, without, PROSECUTION, (COUNCIL, SUPPORT))
    yield s.opened(
        "A second contract, between three of the four.",
        event,
        _log(s, without, PROSECUTION).one(event.value()),
    )
