"""Cases of the settings in ``worlds``: keys that changed, were revoked, parties that left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from broker.keys.kid import EXCHANGE, STREAM
from tests.vectors.making.agencies import (
    COUNCIL,
    DAY,
    FOUNDED,
    HOUR,
    MINUTE,
    NOW,
    POLICE,
    PROSECUTION,
    SECOND,
    SUPPORT,
    Key,
)
from tests.vectors.making.event_drafts import CASE, MADE, Draft
from tests.vectors.making.scene import NOT_ADDRESSED, Case, Scene
from tests.vectors.making.setting import Setting
from tests.vectors.making.worlds import (
    EXCHANGE_CHANGES,
    LIFTED,
    PARTITIONS,
    PROSECUTION_ENDS,
    SECOND_STATED,
    STREAM_CHANGES,
    ended_stream,
    revoked_run,
    revoked_stream,
)

LATE = NOW + 60 * DAY


def cases(settings: Mapping[str, Setting]) -> Iterator[Case]:
    """All of them."""
    yield from _stream_keys(settings["rotated"])
    yield from _exchange_keys(settings["rotated"])
    yield from _shared_key(settings["shared-key"])
    yield from _missing_keys(settings["rotated"])
    yield from _shortened(settings["rotated"])
    yield from _revoked(settings["revoked"])
    yield from _standing(settings["standing"])
    yield from _undelegated(settings["undelegated"])


def _at(s: Scene, log_time: int, **how: object) -> Draft:
    return replace(s.event(**how), time=log_time)  # type: ignore[arg-type]  # passed on


# --- rotated --------------------------------------------------------------------------------------


def _stream_keys(setting: Setting) -> Iterator[Case]:
    police = setting.members[POLICE]
    old, new = police.key(STREAM), police.key(STREAM, "second", begins=STREAM_CHANGES)
    spec = "opening.md, step 2; keys.md, Manifests"
    s = Scene(setting, "10-opened-both_stream_keys")
    first, second = _at(s, STREAM_CHANGES - SECOND), _at(s, STREAM_CHANGES)
    log = s.log(key=old, now=first.time)
    s.then(log.one(first.value()), first.answer(COUNCIL))
    log.signer = new.cosigner
    s.then(log.one(second.value(), at=second.time), second.answer(COUNCIL))
    yield s.case(
        "One stream, the last second of the old key and the first of the new one.",
        now=LATE,
        spec=spec,
    )
    s = Scene(setting, "2-key_not_valid-successor_early")
    early = _at(s, STREAM_CHANGES - SECOND)
    yield s.refused(
        "The new stream key, a second before it begins.",
        s.log(key=new, now=early.time).one(early.value()),
        now=LATE,
        spec=spec,
    )
    s = Scene(setting, "10-opened-old_manifest_vouches")
    event = _at(s, STREAM_CHANGES + DAY)
    yield s.opened(
        "The old stream key after the end that the second manifest gives it: the first one, not "
        "expired at log time, still vouches for it.",
        event,
        s.log(key=old, now=event.time).one(event.value()),
        now=LATE,
        spec=spec,
    )
    s = Scene(setting, "2-manifest_expired-old_manifest")
    event = _at(s, FOUNDED + 30 * DAY)
    yield s.refused(
        "The same key once the first manifest has expired: its last end by any manifest is later.",
        s.log(key=old, now=event.time).one(event.value()),
        now=LATE,
        spec=spec,
    )


def _exchange_keys(setting: Setting) -> Iterator[Case]:
    council = setting.members[COUNCIL]
    new = {COUNCIL: council.key(EXCHANGE, "second", begins=EXCHANGE_CHANGES)}
    signer = setting.members[POLICE].key(STREAM, "second", begins=STREAM_CHANGES)
    grace_ends = EXCHANGE_CHANGES + 7 * DAY
    for name, at, exchange, about in (
        ("10-opened-old_exchange_key", EXCHANGE_CHANGES - SECOND, {}, "in its last second"),
        (
            "10-opened-exchange_key_a_week_after",
            grace_ends - SECOND,
            {},
            "in the last second of the seven days after its end",
        ),
        (
            "5-not_addressed-exchange_key_ended",
            grace_ends,
            {},
            "seven days after its end, when it is not tried any more",
        ),
        ("10-opened-new_exchange_key", EXCHANGE_CHANGES, new, "in its first second"),
        (
            "5-not_addressed-exchange_key_early",
            EXCHANGE_CHANGES - SECOND,
            new,
            "a second before it begins, when it is not tried",
        ),
    ):
        s = Scene(setting, name)
        event = replace(s.event(exchange=exchange), time=at)
        one = s.log(key=signer, now=at).one(event.value())
        s.then(one, event.answer(COUNCIL) if "opened" in name else NOT_ADDRESSED)
        yield s.case(f"A wrap for an exchange key {about}.", now=LATE, spec="opening.md, step 5")


def _shared_key(setting: Setting) -> Iterator[Case]:
    about = "An event to two agencies, one of which lists the other's public exchange key"
    s = Scene(setting, "10-opened-key_listed_by_two_agencies")
    event = s.event(to=(COUNCIL, SUPPORT))
    yield s.opened(
        f"{about}: each wrap names its recipient, so the two differ and the owner opens its own.",
        event,
        s.log().one(event.value()),
        spec="envelope.md, Derivations",
    )
    s = Scene(setting, "5-key_missing-key_of_another_agency")
    yield s.refused(
        f"{about}: the one that does not hold the private half misses it.",
        s.log().one(s.event(to=(COUNCIL, SUPPORT)).value()),
        agency=SUPPORT,
        spec="opening.md, step 5",
    )
    s = Scene(setting, "5-not_addressed-key_listed_by_another_agency")
    event = s.event(to=(SUPPORT,))
    s.then(s.log().one(event.value()), NOT_ADDRESSED)
    yield s.case(
        "An event to an agency that lists the reader's public exchange key: the wrap opens for "
        "nobody, since the holder of the private half is not the recipient that it names.",
        spec="envelope.md, Derivations",
    )


def _missing_keys(setting: Setting) -> Iterator[Case]:
    signer = setting.members[POLICE].key(STREAM, "second", begins=STREAM_CHANGES)
    support = setting.members[SUPPORT]
    new = {SUPPORT: support.key(EXCHANGE, "second", begins=EXCHANGE_CHANGES)}
    week = EXCHANGE_CHANGES + 7 * DAY
    s = Scene(setting, "5-key_missing-for_it")
    yield s.refused(
        "An event for an exchange key that the reader listed and has destroyed.",
        s.log().one(s.event().value()),
        agency=SUPPORT,
        now=LATE,
    )
    s = Scene(setting, "5-key_missing-for_others")
    event = _at(s, week - SECOND, to=(COUNCIL,))
    yield s.refused(
        "An event for others, while a key that the reader no longer has would have to be tried.",
        s.log(key=signer, now=event.time).one(event.value()),
        agency=SUPPORT,
        now=LATE,
    )
    s = Scene(setting, "10-opened-beside_a_missing_key")
    event = replace(s.event(exchange=new), time=EXCHANGE_CHANGES)
    yield s.opened(
        "An event for a key that is held, while another is missing.",
        event,
        s.log(key=signer, now=event.time).one(event.value()),
        agency=SUPPORT,
        now=LATE,
        spec="opening.md, step 5",
    )
    s = Scene(setting, "5-not_addressed-missing_key_ended")
    event = _at(s, week, to=(COUNCIL,))
    s.then(s.log(key=signer, now=week).one(event.value()), NOT_ADDRESSED)
    yield s.case(
        "A key that ended seven days before log time is not missed.", agency=SUPPORT, now=LATE
    )
    s = Scene(setting, "5-not_addressed-own_with_missing_key")
    event = s.event(source=SUPPORT, to=(COUNCIL, POLICE))
    s.then(s.log(SUPPORT).one(event.value()), NOT_ADDRESSED)
    yield s.case("What the reader sent itself needs no key.", agency=SUPPORT, now=LATE)


def _shortened(setting: Setting) -> Iterator[Case]:
    week = PROSECUTION_ENDS + 7 * DAY
    for name, at in (
        ("10-opened-shortened_and_revoked_key", week - SECOND),
        ("5-not_addressed-shortened_key", week),
    ):
        s = Scene(setting, name)
        event = replace(s.event(CASE, to=(PROSECUTION, COUNCIL)), time=at)
        one = s.log(logical="b", now=at).one(event.value())
        s.then(one, event.answer(PROSECUTION) if "opened" in name else NOT_ADDRESSED)
        yield s.case(
            "The reader's newest manifest that lists the key says when it ends; that it is revoked "
            "there does not keep it from being tried.",
            agency=PROSECUTION,
            now=LATE,
            spec="opening.md, step 5",
        )


# --- revoked --------------------------------------------------------------------------------------

_COVER = {
    "covered": "another agency's receipt that is older than the revocation's time.",
    "last_second": "a receipt of the last second before the revocation's time.",
    "readers_own": "a receipt of the reader itself, whose receipt key was revoked later and is no "
    "longer listed.",
}
_COVER_NOT = {
    "none": "no receipt.",
    "at_since": "a receipt of exactly the revocation's time.",
    "own_receipt": "a receipt of the sender itself.",
    "revoked_signer": "a receipt of an agency whose newest manifest lists a revoked receipt key.",
    "signer_since": "a receipt of the very time from which its own key may be in other hands.",
    "stream_key": "a receipt that was signed with a stream key.",
    "unlisted_key": "a receipt whose key no manifest lists.",
    "before_key": "a receipt that is dated before its key began.",
    "altered": "a receipt whose signature does not verify.",
    "after_since": "no receipt, signed at the revocation's time.",
}
_COVER_LATER = {
    "other_root": "a receipt over another root of its size.",
    "later_size": "a receipt over a later size, under whose checkpoint nothing has come.",
}


def _revoked(setting: Setting) -> Iterator[Case]:
    spec = "opening.md, Receipts that cover"
    assert {*_COVER, *_COVER_NOT, *_COVER_LATER, "run"} == set(PARTITIONS)
    for what, about in _COVER.items():
        _, event, one = revoked_stream(setting, what)
        s = Scene(setting, f"10-opened-receipt_{what}")
        yield s.opened(f"A revoked key, and {about}", event, one, now=NOW + 3 * DAY, spec=spec)
    for what, about in _COVER_NOT.items():
        _, _, one = revoked_stream(setting, what)
        s = Scene(setting, f"2-key_revoked-{what}")
        yield s.refused(f"A revoked key, and {about}", one, now=NOW + 3 * DAY, spec=spec)
    for what, about in _COVER_LATER.items():
        _, _, one = revoked_stream(setting, what)
        s = Scene(setting, f"2-receipt_awaited-{what}")
        yield s.refused(f"A revoked key, and {about}", one, now=NOW + 3 * DAY, spec=spec)
    s = Scene(setting, "10-opened-receipt_run")
    run = revoked_run(setting)
    awaited = {"refused": "receipt_awaited", "step": 2}
    first, second, third = run.records
    s.then(first, run.events[0].answer(COUNCIL))
    s.then(second, awaited)
    s.then(run.fork, awaited)
    s.then(third, run.events[2].answer(COUNCIL), gap=(1, 1))
    s.then(run.fork, awaited)
    s.then(second, run.events[1].answer(COUNCIL))
    yield s.case(
        "Receipts over the first and the last of three checkpoints: the second record is tried and "
        "covered once the third has shown it on its left; a fork in its place never is.",
        now=NOW + 3 * DAY,
        spec=spec,
    )
    s = Scene(setting, "10-opened-successor_of_revoked_key")
    successor: Key = setting.members[POLICE].key(STREAM, "second", begins=NOW + 2 * DAY)
    event = _at(s, NOW + 2 * DAY)
    yield s.opened(
        "The successor of a revoked key.",
        event,
        s.log(key=successor, now=event.time).one(event.value()),
        now=NOW + 3 * DAY,
        spec=spec,
    )
    s = Scene(setting, "2-key_revoked-before_early")
    event = _at(s, NOW + 4 * DAY)
    yield s.refused(
        "Revocation is looked at before the reader's clock.",
        s.log(now=event.time).one(event.value()),
        now=NOW + 3 * DAY,
        spec="opening.md, step 2",
    )


# --- standing -------------------------------------------------------------------------------------


def _standing(setting: Setting) -> Iterator[Case]:
    spec = "contracts.md, Suspension and departure"
    first, later = setting.signed, setting.later
    assert later is not None
    for name, source, reader, at, signed, about in (
        (
            "6-not_heard-before_suspension",
            POLICE,
            COUNCIL,
            NOW - SECOND,
            first,
            "Logged in the last second before the sender suspended its part, by its own words.",
        ),
        (
            "6-suspended-sender",
            POLICE,
            COUNCIL,
            NOW,
            first,
            "The sender suspended its part, though its newest manifest does not say so.",
        ),
        (
            "10-opened-signed_later",
            POLICE,
            COUNCIL,
            NOW + HOUR,
            later,
            "The suspension does not list the version, so the sender signed it afterwards.",
        ),
        ("6-contract_left-sender", SUPPORT, COUNCIL, NOW, later, "The sender left."),
        (
            "6-contract_left-version_replaced",
            SUPPORT,
            COUNCIL,
            NOW,
            first,
            "The sender left a version that replaces this one.",
        ),
        ("6-contract_left-reader", COUNCIL, SUPPORT, NOW, first, "The reader left."),
        (
            "6-contract_left-reader_of_earlier_record",
            COUNCIL,
            SUPPORT,
            NOW - HOUR,
            first,
            "The reader left after the record was logged.",
        ),
        (
            "6-own_suspension-reader",
            COUNCIL,
            POLICE,
            NOW + HOUR,
            first,
            "The reader suspended its part: the record waits until it resumes.",
        ),
        (
            "10-opened-reader_resumed",
            COUNCIL,
            PROSECUTION,
            NOW + MINUTE,
            first,
            "The reader has resumed, and opens what waited.",
        ),
        (
            "6-suspended-during",
            PROSECUTION,
            COUNCIL,
            LIFTED - SECOND,
            first,
            "The sender has resumed; what it logged during its suspension stays refused.",
        ),
        (
            "6-suspended-from_statement",
            PROSECUTION,
            COUNCIL,
            SECOND_STATED,
            later,
            "It begins when that manifest was issued.",
        ),
        (
            "10-opened-others_suspended",
            COUNCIL,
            PROSECUTION,
            NOW,
            first,
            "That other addressed agencies suspended or left does not matter.",
        ),
    ):
        s = Scene(setting, name)
        others = sorted({POLICE, PROSECUTION, COUNCIL, SUPPORT} - {source})
        event_type = CASE if PROSECUTION in (reader, source) or source == COUNCIL else MADE
        event_type = MADE if source == SUPPORT else event_type
        to = [a for a in others if event_type == CASE or a != PROSECUTION]
        event = replace(s.event(event_type, source, to, signed=signed), time=at)
        one = s.log(source, "b" if event_type == CASE else "a", now=at).one(event.value())
        s.then(one, event.answer(reader) if "opened" in name else None)
        yield s.case(about, agency=reader, now=NOW + DAY, spec=spec)
    yield from _ends(setting)


def _undelegated(setting: Setting) -> Iterator[Case]:
    for name, source, at, about in (
        (
            "6-suspended-left_without_delegation",
            POLICE,
            NOW,
            "No delegation states the departure of the sender, so it is a suspension.",
        ),
        (
            "6-suspended-end_without_delegation",
            PROSECUTION,
            LIFTED + MINUTE,
            "No delegation states the end of the sender's suspension, so it lasts.",
        ),
    ):
        s = Scene(setting, name)
        others = sorted({POLICE, PROSECUTION, COUNCIL, SUPPORT} - {source})
        event = replace(s.event(CASE, source, others), time=at)
        s.then(s.log(source, "b", now=at).one(event.value()))
        yield s.case(
            about,
            agency=COUNCIL,
            now=NOW + DAY,
            spec="contracts.md, Suspension and departure",
        )


def _ends(setting: Setting) -> Iterator[Case]:
    spec = "streams.md, Ends"
    s = Scene(setting, "10-opened-within_changeover")
    event = replace(s.event("referral.made", SUPPORT, [COUNCIL, POLICE]), time=NOW - SECOND)
    one = s.log(SUPPORT, now=event.time).one(event.value())
    s.then(one, event.answer(COUNCIL))
    about = "Logged before the sender left, and read within the changeover after it."
    yield s.case(about, now=NOW + DAY, spec=spec)
    s = Scene(setting, "6-not_heard-after_changeover")
    event = replace(s.event("referral.made", SUPPORT, [COUNCIL, POLICE]), time=NOW - SECOND)
    one = s.log(SUPPORT, now=event.time).one(event.value())
    s.then(one)
    about = "Logged before the sender left, and read when the changeover was over."
    yield s.case(about, now=NOW + 7 * DAY, spec=spec)
    for name, about in {
        "10-opened-covered_by_receipt": "A receipt from before the suspension covers the record.",
        "10-opened-receipt_minutes_after_end": "A receipt counts until five minutes after the end.",
        "6-not_heard-receipt_late": "A receipt of five minutes after the end does not count.",
        "6-not_heard-witness_left": "The receipt's signer had itself left at that time.",
        "6-fold_awaited-below_receipt": "Below a receipt whose leaves are not all here.",
        "10-opened-suspension_lifted": "A later manifest states the suspension without its end; it "
        "has ended all the same. A receipt from before the next suspension covers the record.",
        "10-opened-suspension_back_dated": "A suspension cannot begin before the manifest that "
        "states it first.",
    }.items():
        s = Scene(setting, name)
        _, events = ended_stream(setting, name)
        event, one = events[0]
        s.then(one, event.answer(COUNCIL) if "opened" in name else None)
        yield s.case(about, now=NOW + DAY, spec=spec)
