"""One referral: what was shared, what was not and why, both sides' history, and who opened it."""

from __future__ import annotations

import pytest

from broker.audit.actor import Actor
from broker.event import OpenedEvent
from broker.keys.instant import format_instant
from broker.operations.desk.drafts import send_draft
from broker.operations.desk.errors import DeskError
from broker.operations.desk.further_events import FurtherRequest, send_further
from broker.operations.desk.held_referral import find_referral
from broker.operations.desk.keeping import EventKeeper
from broker.operations.desk.referral_view import open_referral
from broker.operations.erasure import _forget_desk
from tests.support.desk_partnership import ROSA, SAM, DeskPartnership
from tests.support.founded_partnership import CHANGED, COUNCIL, MADE, POLICE, SUPPORT
from tests.unit.broker.operations.desk.written_referral import TYPED, sent, step, written


def values(fields: object) -> dict[str, object]:
    return {one.path: one.values for one in fields}  # type: ignore[attr-defined]  # fields


async def test_a_referral_shows_what_its_reader_may_have_and_why_not_more(
    desks: DeskPartnership,
) -> None:
    referral = sent(desks.desk(SUPPORT), (COUNCIL, POLICE))
    await desks.deliver()
    view = open_referral(desks.desk(COUNCIL), ROSA, referral.referral_id, SUPPORT)
    shown = values(view.fields)
    assert shown["victim.name"] == ("Noor Exampleton",)
    assert shown["incident.strands"] == ("Race", "Religion or belief")
    assert shown["incident.known_to_police"] == (False,)
    assert (
        shown["alleged_perpetrators"] == ({"the name": "Placeholder Neighbour"},)
        or shown["alleged_perpetrators"]
    )
    assert {"case_id", "referral_id"}.isdisjoint(shown)
    withheld = {one.path: (one.reason, one.readers) for one in view.withheld}
    assert withheld["incident.narrative"] == ("field_not_granted", ("police", "support"))
    assert "victim.name" not in withheld
    assert withheld.keys().isdisjoint(shown)
    assert view.also_to == (desks.desk(COUNCIL).name_of(POLICE),)
    assert (view.line.service, view.line.urgent, view.line.due) == (
        "Housing",
        True,
        "acknowledge",
    )
    assert view.agreement is not None
    assert (view.agreement.name, view.agreement.clause) == ("london-hate-crime", "4.1")


async def test_a_field_without_consent_is_withheld_for_lack_of_consent(
    desks: DeskPartnership,
) -> None:
    texts = {**TYPED, "consent.pass_to_police": ["no"]}
    referral = sent(desks.desk(SUPPORT), (COUNCIL, POLICE), texts)
    await desks.deliver()
    of_police = open_referral(desks.desk(POLICE), ROSA, referral.referral_id, SUPPORT)
    reasons = {one.path: one.reason for one in of_police.withheld}
    assert reasons["victim.name"] == "consent_missing"
    assert reasons["victim.tenure"] == "field_not_granted"
    of_council = open_referral(desks.desk(COUNCIL), ROSA, referral.referral_id, SUPPORT)
    assert values(of_council.fields)["victim.name"] == ("Noor Exampleton",)


async def test_an_event_of_another_agency_with_the_same_id_is_not_the_referral(
    desks: DeskPartnership,
) -> None:
    draft = written(desks.desk(SUPPORT))
    referral = send_draft(desks.desk(SUPPORT), ROSA, draft.id, draft.version)
    council = desks[COUNCIL]
    in_force = council.desk.in_force("case.updated", (POLICE,))
    other = OpenedEvent(
        id=referral.event_id,
        type="case.updated",
        source=POLICE,
        time=format_instant(desks.clock()),
        to=(COUNCIL,),
        flat={"case_id": draft.case_id, "case_status": "under-investigation"},
        withheld=(),
        contract=in_force.reference,
        case_id=draft.case_id,
    )
    with council.member.store.transaction() as tx:
        keeper = EventKeeper(council.desk.secret, COUNCIL)
        keeper.received(tx, other, in_force.contract, desks.clock())
    await desks.deliver()
    view = open_referral(council.desk, ROSA, referral.referral_id, SUPPORT)
    assert values(view.fields)["victim.name"] == ("Noor Exampleton",)


async def test_each_opening_is_recorded_with_the_person_and_the_reason(
    desks: DeskPartnership,
) -> None:
    referral = sent(desks.desk(SUPPORT))
    await desks.deliver()
    for actor in (ROSA, Actor("sam.exampleton", reason="complaint 2026/17")):
        open_referral(desks.desk(COUNCIL), actor, referral.referral_id, SUPPORT)
    entries = desks[COUNCIL].entries("consultation")
    assert [(one.operator, one.event_id, one.source) for one in entries] == [
        ("rosa.sampleworth", referral.event_id, SUPPORT),
        ("sam.exampleton", referral.event_id, SUPPORT),
    ]
    assert [one.reason_text is not None for one in entries] == [False, True]
    (share,) = entries[0].shares
    assert "victim.name" in share.fields
    open_referral(desks.desk(SUPPORT), SAM, referral.referral_id, COUNCIL)
    (own,) = desks[SUPPORT].entries("consultation")
    assert (own.operator, own.source) == ("sam.exampleton", None)


async def test_both_sides_see_the_same_history(desks: DeskPartnership) -> None:
    referral = sent(desks.desk(POLICE), (SUPPORT,))
    await desks.deliver()
    support, police = desks.desk(SUPPORT), desks.desk(POLICE)
    desks.clock.pass_(1000)
    step(support, referral.referral_id, POLICE, "received", actor=SAM)
    await desks.deliver()
    desks.clock.pass_(1000)
    step(
        support, referral.referral_id, POLICE, "received", "awaiting-information",
        note="Which floor?",
    )  # fmt: skip
    await desks.deliver()
    question = open_referral(police, ROSA, referral.referral_id, SUPPORT).history[0]
    desks.clock.pass_(1000)
    send_further(
        police,
        ROSA,
        find_referral(police, referral.referral_id, SUPPORT),
        FurtherRequest("case.updated", {"note": "The second."}, (SUPPORT, question.event_id), "k"),
    )
    await desks.deliver()
    histories = [
        [
            (one.type, one.source, one.status and one.status.label, values(one.fields), one.about)
            for one in view.history
        ]
        for view in (
            open_referral(police, ROSA, referral.referral_id, SUPPORT),
            open_referral(support, ROSA, referral.referral_id, POLICE),
        )
    ]
    assert [one[:3] for one in histories[0]] == [
        ("case.updated", POLICE, None),
        (CHANGED, SUPPORT, "Awaiting information"),
        (CHANGED, SUPPORT, "Received"),
        (MADE, POLICE, None),
    ]
    assert [one[:3] for one in histories[0]] == [one[:3] for one in histories[1]]
    assert histories[0][0][3:] == ({"note": ("The second.",)}, (SUPPORT, question.event_id))
    assert histories[0][1][3:] == ({"note": ("Which floor?",)}, None)


async def test_the_next_steps_are_those_of_the_vocabulary(desks: DeskPartnership) -> None:
    referral = sent(desks.desk(SUPPORT))
    await desks.deliver()
    council = desks.desk(COUNCIL)
    rules = desks.wire.world.contract.vocabulary.form.referrals
    assert rules is not None
    for status in ("requested", "accepted", "in-progress"):
        view = open_referral(council, ROSA, referral.referral_id, SUPPORT)
        changes = {one.status for one in view.steps if one.business_status is None}
        assert changes == set(rules.fulfiller.transitions[status])
        progress = [one.business_status for one in view.steps if one.business_status]
        assert progress == list(rules.fulfiller.business)
        assert {one.status for one in view.steps if one.needs_reason} <= set(rules.reason_required)
        if status != "in-progress":
            following = {"requested": "accepted", "accepted": "in-progress"}[status]
            step(council, referral.referral_id, SUPPORT, following)
    own = open_referral(desks.desk(SUPPORT), ROSA, referral.referral_id, COUNCIL)
    assert {one.status for one in own.steps} == {"entered-in-error", "requested"}
    assert {one.type for one in own.further} == {
        "correction.made", "critical-incident.declared",
    }  # fmt: skip


async def test_a_referral_of_others_is_not_here(desks: DeskPartnership) -> None:
    referral = sent(desks.desk(SUPPORT))
    await desks.deliver()
    for agency, other in ((POLICE, SUPPORT), (COUNCIL, POLICE), (SUPPORT, SUPPORT)):
        with pytest.raises(DeskError) as refusal:
            open_referral(desks.desk(agency), ROSA, referral.referral_id, other)
        assert refusal.value.code == "referral_not_kept"
    assert desks[POLICE].entries("consultation") == []


async def test_erased_content_leaves_a_referral_with_its_dates(desks: DeskPartnership) -> None:
    referral = sent(desks.desk(SUPPORT))
    await desks.deliver()
    council = desks.desk(COUNCIL)
    held = find_referral(council, referral.referral_id, SUPPORT)
    with council.store.transaction() as tx:
        assert _forget_desk(tx, council.case_key(held.row.case_id)) == 1
    view = open_referral(council, ROSA, referral.referral_id, SUPPORT)
    assert (view.fields, view.withheld, view.agreement) == ((), (), None)
    assert [(one.type, one.removed) for one in view.history] == [(MADE, True)]
    assert view.steps
    assert desks[COUNCIL].entries("consultation") == []
