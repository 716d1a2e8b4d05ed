"""Cases that open: every type, every role and what is withheld from it, texts, sizes, streams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from broker.event import JSON
from broker.record import format_record
from contracts.examples import permitted_recipients, permitted_types
from tests.vectors.making.agencies import CAST, COUNCIL, MINUTE, NOW, POLICE, PROSECUTION, SUPPORT
from tests.vectors.making.event_drafts import CASE, CORRECTION, MADE, PLAIN
from tests.vectors.making.scene import NOT_ADDRESSED, Case, Scene
from tests.vectors.making.setting import Setting

LOGICAL = {CASE: "b", CORRECTION: "b"}
AGREED: dict[str, JSON] = {
    **PLAIN,
    "consent.share_identity": True,
    "consent.pass_to_police": True,
    "consent.support_contact": True,
}
NARRATIVE = "incident.narrative"


def cases(setting: Setting) -> Iterator[Case]:
    """All of them."""
    yield from _types(setting)
    yield from _roles(setting)
    yield from _texts(setting)
    yield from _sizes(setting)
    yield from _streams(setting)
    yield from _parts_and_copies(setting)


def _types(setting: Setting) -> Iterator[Case]:
    contract = setting.signed.contract
    for event_type in contract.event_types:
        source = next(a for a in CAST if event_type in permitted_types(contract, a))
        to = permitted_recipients(contract, source, event_type)
        for reader in to:
            s = Scene(setting, f"10-opened-{event_type.replace('.', '_')}_{reader.split('-')[0]}")
            event = s.event(event_type, source, to)
            one = s.log(source, LOGICAL.get(event_type, "a")).one(event.value())
            yield s.opened(
                f"{event_type} with every leaf that may be sent, to all that may receive it.",
                event,
                one,
                agency=reader,
                spec="contracts.md; envelope.md, Groups",
            )


def _roles(setting: Setting) -> Iterator[Case]:
    for source, reader in (
        (SUPPORT, POLICE),
        (SUPPORT, COUNCIL),
        (COUNCIL, SUPPORT),
        (COUNCIL, POLICE),
        (PROSECUTION, SUPPORT),
    ):
        short = (source.split("-")[0], reader.split("-")[0])
        s = Scene(setting, f"10-opened-referral_{short[0]}_to_{short[1]}")
        event = s.event(MADE, source, (reader,))
        yield s.opened(
            "A referral to one agency: its groups are those of that agency alone.",
            event,
            s.log(source).one(event.value()),
            agency=reader,
            spec="envelope.md, Groups",
        )
    s = Scene(setting, "10-opened-council_case_to_all")
    event = s.event(CASE, COUNCIL, (POLICE, PROSECUTION, SUPPORT))
    yield s.opened(
        "What a council may say of a case: leaves that only others may send are not there.",
        event,
        s.log(COUNCIL, "b").one(event.value()),
        agency=PROSECUTION,
        spec="contracts.md, What may be sent",
    )


def _texts(setting: Setting) -> Iterator[Case]:
    texts = {
        "accents": "Zoë Ångström-Ñíguez, Łódź",
        "scripts": "Зоя 玲 זואי ζωή ज़ोया زويا",
        "beyond_the_plane": "\U0001f3f3\ufe0f\u200d\U0001f308 \U00010348",
        "decomposed": "Zoe\u0308",
        "quotes": 'She said "no" \\ and left / so it was',
        "separators": "one\u2028two\u2029three",
        "lines": "one\n\ttwo",
        "spaces": "  two before and after  ",
        "noncharacter": "\uffff\ufeff",
        "markup": '<b>&amp;</b> {"a":1} ${x} %s',
    }
    for what, text in texts.items():
        s = Scene(setting, f"10-opened-text_{what}")
        event = s.event(MADE, to=(COUNCIL,), flat={**AGREED, "victim.name": text})
        yield s.opened(
            "A text is what it was, code point by code point; nothing is normalised.",
            event,
            s.log().one(event.value()),
            spec="envelope.md, JSON inside groups",
        )


def _sizes(setting: Setting) -> Iterator[Case]:
    s = Scene(setting, "10-opened-sizes")
    log = s.log(SUPPORT)
    for size in (251, 252, 253, 260, 261, 508, 509, 1020, 1021, 2044, 2045, 6000):
        event = s.event(MADE, SUPPORT, (POLICE, COUNCIL), flat={**AGREED, NARRATIVE: "n"})
        group = event.group_of(NARRATIVE)
        event.groups[group][NARRATIVE] = "n" * (size - len('{"incident.narrative":""}'))
        assert len(event.contents()[group]) == size
        s.then(log.one(event.value()), event.answer(POLICE))
    yield s.case(
        "Groups of sizes at the edges of Padme's classes.",
        agency=POLICE,
        spec="envelope.md, Padding",
    )
    s = Scene(setting, "10-opened-nothing_but_what_is_required")
    event = s.event(MADE, to=(COUNCIL, SUPPORT), flat=dict(PLAIN))
    assert [bool(group) for group in event.groups][1:] == [False] * (len(event.groups) - 1)
    yield s.opened(
        "Groups without a leaf are sealed as {}.",
        event,
        s.log().one(event.value()),
        spec="envelope.md, Groups",
    )
    s = Scene(setting, "10-opened-empty_object")
    event = s.event(
        MADE,
        to=(COUNCIL,),
        flat={**PLAIN, "alleged_perpetrators": [], "consent.share_identity": True},
    )
    yield s.opened("A list of nothing is a leaf.", event, s.log().one(event.value()))


def _streams(setting: Setting) -> Iterator[Case]:
    s = Scene(setting, "10-opened-batch")
    log = s.log()
    events = [s.small() for _ in range(5)]
    for event, one in zip(events, log.send(*(e.value() for e in events)), strict=True):
        s.then(one, event.answer(COUNCIL))
    events = [s.small() for _ in range(3)]
    records = log.send(*(e.value() for e in events), at=NOW + MINUTE)
    for event, one in zip(events, records, strict=True):
        s.then(one, event.answer(COUNCIL))
    yield s.case("Two batches, each under one checkpoint.", spec="proof.md; streams.md")
    s = Scene(setting, "10-opened-among_others")
    log = s.log()
    mine, theirs = s.small(), s.small(to=(SUPPORT,))
    records = log.send(theirs.value(), mine.value(), theirs.value())
    s.then(records[0], NOT_ADDRESSED)
    s.then(records[1], mine.answer(COUNCIL))
    s.then(records[2], NOT_ADDRESSED)
    yield s.case("Events for others stand in the stream like any.", spec="streams.md")
    s = Scene(setting, "10-opened-last_partition")
    event = s.small()
    yield s.opened(
        "The largest number of a partition; how many a topic has is not looked at.",
        event,
        s.log(partition=2**31 - 1).one(event.value()),
        spec="proof.md; contracts.md, Topics",
    )
    s = Scene(setting, "10-opened-offset_ignored")
    event = s.small()
    text = format_record(s.log().one(event.value())).decode("ascii")
    s.then(text[:-1] + ',"offset":12}', event.answer(COUNCIL))
    yield s.case("An offset says nothing.", spec="opening.md, Files")


def _parts_and_copies(setting: Setting) -> Iterator[Case]:
    spec = "envelope.md, Parts and copies"
    s = Scene(setting, "10-opened-copy")
    copy = replace(s.event(to=(COUNCIL,)), event_id=s.event().id)
    yield s.opened(
        "A copy to one agency: the event's id is that of group 0.",
        copy,
        s.log().one(copy.value()),
        spec=spec,
    )
    s = Scene(setting, "10-repeat-copy")
    original = s.event(to=(COUNCIL, SUPPORT))
    copy = replace(s.event(to=(COUNCIL,)), event_id=original.id, time=NOW + MINUTE)
    log = s.log()
    s.then(log.one(original.value()), original.answer(COUNCIL))
    s.then(log.one(copy.value(), at=NOW + MINUTE), {"repeat": True})
    yield s.case("An event and a copy of it: the event is taken once.", spec=spec)
    s = Scene(setting, "10-repeat-original_after_copy")
    original = s.event(to=(COUNCIL, SUPPORT))
    copy = replace(s.event(to=(COUNCIL,)), event_id=original.id)
    log = s.log()
    s.then(log.one(copy.value()), copy.answer(COUNCIL))
    s.then(log.one(original.value()), {"repeat": True})
    yield s.case("A copy and then the event: the event is taken once.", spec=spec)
    s = Scene(setting, "10-repeat-two_parts")
    whole = s.event().id
    parts = [replace(s.event(to=to), event_id=whole) for to in ((COUNCIL,), (COUNCIL, SUPPORT))]
    log = s.log()
    s.then(log.one(parts[0].value()), parts[0].answer(COUNCIL))
    s.then(log.one(parts[1].value()), {"repeat": True})
    yield s.case("Two parts of one event: the event is taken once.", spec=spec)
    s = Scene(setting, "10-id_reused-copy")
    original = s.event(to=(COUNCIL, SUPPORT))
    other = replace(s.event(to=(COUNCIL,), requested_service="counselling"), event_id=original.id)
    log = s.log()
    s.then(log.one(original.value()), original.answer(COUNCIL))
    s.then(log.one(other.value()))
    yield s.case("A copy that says something else under the event's id.", spec=spec)
    s = Scene(setting, "10-opened-one_clear_id")
    first = replace(s.event(to=(COUNCIL,)), event_id=s.event().id)
    second = replace(s.event(to=(COUNCIL,)), id=first.id, event_id=s.event().id)
    log = s.log()
    s.then(log.one(first.value()), first.answer(COUNCIL))
    s.then(log.one(second.value()), second.answer(COUNCIL))
    yield s.case("Two copies with one id in the clear are two events.", spec=spec)
