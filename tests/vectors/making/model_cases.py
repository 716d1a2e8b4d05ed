"""Cases of step 10: the event's model, and an id that was met before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

from broker.event import JSON
from tests.vectors.making.agencies import COUNCIL, POLICE, PROSECUTION, SUPPORT
from tests.vectors.making.event_drafts import (
    CASE,
    CHANGED,
    CORRECTION,
    CRITICAL,
    MADE,
    PLAIN,
    Draft,
)
from tests.vectors.making.scene import REPEAT, Case, Scene
from tests.vectors.making.setting import Setting

SAME = UUID("0198b6a1-7c44-8e21-9f00-0123456789ab")
AGREED: dict[str, JSON] = {**PLAIN, "consent.share_identity": True}


def cases(setting: Setting) -> Iterator[Case]:
    """All of them."""
    yield from _values(setting)
    yield from _other_types(setting)
    yield from _together(setting)
    yield from _ids(setting)


_WRONG: dict[str, tuple[str, JSON]] = {
    "code_list": ("urgency", "whenever"),
    "code_list_capital": ("urgency", "Urgent"),
    "text_for_number": ("alleged_perpetrator_count", "1"),
    "true_for_number": ("alleged_perpetrator_count", True),
    "number_negative": ("alleged_perpetrator_count", -1),
    "number_large": ("alleged_perpetrator_count", 1000),
    "number_for_boolean": ("incident.known_to_police", 1),
    "text_for_boolean": ("incident.known_to_police", "true"),
    "number_for_text": ("victim.name", 7),
    "object_for_text": ("victim.name", {"first": "Zephyrine"}),
    "text_for_list": ("incident.strands", "race"),
    "list_repeated": ("incident.strands", ["race", "race"]),
    "list_long": ("other_agencies", ["health"] * 25),
    "list_code_list": ("incident.strands", ["race", "weather"]),
    "uuid": ("case_id", "not-a-uuid"),
    "uuid_capital": ("case_id", "7D0F6A52-93C1-4E8B-A2D4-51C6E09B7F38"),
    "uuid_newline": ("case_id", "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38\n"),
    "date_calendar": ("incident.occurred_on", "2025-02-29"),
    "date_month": ("incident.occurred_on", "2025-13-01"),
    "date_form": ("incident.occurred_on", "2025-2-01"),
    "time": ("incident.occurred_time", "24:00"),
    "digits_not_ascii": ("victim.uprn", "9٠"),
    "postcode": ("victim.postcode", "zz99 9zz"),
    "email": ("victim.email", "zephyrine@mail"),
    "text_empty": ("victim.name", ""),
    "text_long": ("victim.name", "x" * 301),
    "text_control": ("victim.name", "Zephyrine\u0007"),
    "text_c1": ("victim.name", "Zephyrine\u0085"),
    "borough": ("incident.borough", "E09000034"),
    "list_object_more": ("alleged_perpetrators", [{"known_to_victim": True, "shoe_size": 38}]),
    "list_object_value": ("alleged_perpetrators", [{"known_to_victim": "yes"}]),
    "list_of_text": ("alleged_perpetrators", ["Barnaby"]),
}


def _values(setting: Setting) -> Iterator[Case]:
    for what, (path, value) in _WRONG.items():
        s = Scene(setting, f"10-event_invalid-{what}")
        draft = s.event(MADE, to=(COUNCIL,), flat={**AGREED, path: value})
        yield s.refused(
            f"{path} has a value that its schema refuses.",
            s.log().one(draft.value()),
            spec="contracts.md, Schemas",
        )
    for what, path, value in (
        ("300_letters", "victim.name", "x" * 300),
        ("300_code_points", "victim.name", "\U0001f3f3" * 300),
        ("leap_day", "incident.occurred_on", "2024-02-29"),
        ("empty_list", "other_agencies", []),
        ("zero", "alleged_perpetrator_count", 0),
        ("lines", "reason", "One line.\n\tAnother."),
    ):
        s = Scene(setting, f"10-opened-{what}")
        flat: dict[str, JSON] = {**AGREED, path: value}  # type: ignore[dict-item]  # JSON it is
        event = s.event(MADE, to=(COUNCIL,), flat=flat)
        yield s.opened(
            f"{path} at the edge of what its schema takes.",
            event,
            s.log().one(event.value()),
            spec="contracts.md, Schemas",
        )


def _other_types(setting: Setting) -> Iterator[Case]:
    for what, event_type, path, value in (
        ("version_zero", CHANGED, "version", 0),
        ("urn", CASE, "urn", "01zz9021025"),
        ("hour", CRITICAL, "declared_at", "2025-03-10T24:00:00.000Z"),
        ("minute", CRITICAL, "declared_at", "2025-03-10T08:60:00.000Z"),
        ("leap_second", CRITICAL, "declared_at", "2016-12-31T23:59:60.000Z"),
        ("day", CRITICAL, "declared_at", "2025-02-30T08:15:00.000Z"),
        ("zone", CRITICAL, "declared_at", "2025-03-10T08:15:00.000+00:00"),
        ("retracted", CORRECTION, "retracted", ["Victim.name"]),
    ):
        s = Scene(setting, f"10-event_invalid-{what}")
        reader = PROSECUTION if event_type == CASE else COUNCIL
        draft = s.event(event_type, to=(reader,), **{path.replace(".", "__"): value})  # type: ignore[arg-type]  # a leaf
        logical = "b" if event_type in (CASE, CORRECTION) else "a"
        yield s.refused(
            f"{path} of {event_type} has a value that its schema refuses.",
            s.log(logical=logical).one(draft.value()),
            agency=reader,
            spec="contracts.md, Schemas",
        )


def _together(setting: Setting) -> Iterator[Case]:
    spec = "contracts.md, A reader's part"
    s = Scene(setting, "10-event_invalid-answers_half")
    draft = s.event(CHANGED, to=(COUNCIL,), without=["answers.id"])
    yield s.refused(
        "Of an optional object one leaf is there, and another that it requires is not.",
        s.log().one(draft.value()),
        spec=spec,
    )
    s = Scene(setting, "10-opened-answers_absent")
    event = s.event(CHANGED, to=(COUNCIL,), without=["answers.id", "answers.source"])
    yield s.opened(
        "An optional object that is absent.", event, s.log().one(event.value()), spec=spec
    )
    s = Scene(setting, "10-event_invalid-intelligence_half")
    draft = s.event(MADE, SUPPORT, (POLICE,), without=["intelligence.handling_code"])
    assert any("intelligence.source_grade" in group for group in draft.groups)
    yield s.refused(
        "Intelligence without its handling code.",
        s.log(SUPPORT).one(draft.value()),
        agency=POLICE,
        spec=spec,
    )


# --- ids ------------------------------------------------------------------------------------------


def _ids(setting: Setting) -> Iterator[Case]:
    def small(s: Scene, **more: JSON) -> Draft:
        return replace(s.event(MADE, to=(COUNCIL,), flat={**AGREED, **more}), id=SAME)

    s = Scene(setting, "10-repeat-same_id")
    log = s.log()
    first = small(s)
    s.then(log.one(first.value()), first.answer(COUNCIL))
    s.then(log.one(small(s).value()), REPEAT)
    s.then(s.log(partition=1).one(small(s).value()), REPEAT)
    yield s.case("The same event sealed again, in the same stream and in another.")
    s = Scene(setting, "10-repeat-other_leaves")
    log = s.log()
    first = small(s, urgency="urgent")
    s.then(log.one(first.value()), first.answer(COUNCIL))
    s.then(log.one(small(s, **{"incident.borough": "E09000007"}).value()), REPEAT)
    yield s.case("Only leaves that are in both are compared.")
    s = Scene(setting, "10-id_reused-other_value")
    log = s.log()
    first = small(s, urgency="urgent")
    s.then(log.one(first.value()), first.answer(COUNCIL))
    s.then(log.one(small(s, urgency="routine").value()))
    s.then(log.one(small(s, urgency="urgent").value()), REPEAT)
    yield s.case("An id that was used for another value.")
    s = Scene(setting, "10-id_reused-order_of_a_list")
    log = s.log()
    first = small(s, **{"incident.strands": ["race", "disability"]})
    s.then(log.one(first.value()), first.answer(COUNCIL))
    s.then(log.one(small(s, **{"incident.strands": ["disability", "race"]}).value()))
    yield s.case("The order of a list is part of its value.")
    s = Scene(setting, "10-id_reused-other_type")
    first = small(s)
    s.then(s.log().one(first.value()), first.answer(COUNCIL))
    other = replace(
        s.event(
            CASE,
            to=(COUNCIL,),
            flat={"case_id": PLAIN["case_id"], "referral_id": PLAIN["referral_id"]},
        ),
        id=SAME,
    )
    s.then(s.log(logical="b").one(other.value()))
    yield s.case("An id that was used for another type, with equal leaves.")
    s = Scene(setting, "10-opened-id_of_another_sender")
    first = small(s)
    s.then(s.log().one(first.value()), first.answer(COUNCIL))
    theirs = replace(s.event(MADE, SUPPORT, (COUNCIL,), flat=AGREED), id=SAME)
    s.then(s.log(SUPPORT).one(theirs.value()), theirs.answer(COUNCIL))
    yield s.case("An id is its sender's own.")
    s = Scene(setting, "10-opened-id_of_a_refused_event")
    log = s.log()
    odd = small(s, urgency="whenever")
    s.then(log.one(odd.value()), {"refused": "event_invalid", "step": 10})
    event = small(s)
    s.then(log.one(event.value()), event.answer(COUNCIL))
    yield s.case("A refused event leaves its id free.")
