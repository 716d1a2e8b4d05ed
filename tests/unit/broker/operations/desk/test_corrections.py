"""Corrections: a reader sees new values and withdrawn fields beside what was shared first."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

from broker.event import JSON
from broker.operations.desk.further_events import FurtherRequest, send_further, unsent_fields
from broker.operations.desk.held_referral import find_referral
from broker.operations.desk.referral_view import ReferralView, open_referral
from tests.support.desk_partnership import ROSA, DeskPartnership
from tests.support.founded_partnership import COUNCIL, SUPPORT
from tests.unit.broker.operations.desk.written_referral import sent

CONSENT: Mapping[str, JSON] = {"consent.pass_to_police": True, "consent.share_identity": True}


def request(about: tuple[str, str], **answers: JSON) -> FurtherRequest:
    typed = {name.replace("__", "."): value for name, value in answers.items()}
    return FurtherRequest(
        "correction.made", {"reason": "wrong_value", **typed}, about, str(uuid4())
    )


def correct(
    desks: DeskPartnership, agency: str, other: str, asked: FurtherRequest, id_: str
) -> None:
    desk = desks.desk(agency)
    desks.clock.pass_(1000)
    send_further(desk, ROSA, find_referral(desk, id_, other), asked)


def seen(desks: DeskPartnership, referral_id: str) -> ReferralView:
    return open_referral(desks.desk(COUNCIL), ROSA, referral_id, SUPPORT)


async def test_the_latest_correction_of_a_field_counts(desks: DeskPartnership) -> None:
    referral = sent(desks.desk(SUPPORT))
    await desks.deliver()
    about = (SUPPORT, referral.event_id)
    for name in ("Noor Testname", "Noor Placeholder"):
        asked = request(about, victim__name=name, victim__email="n@mail.example", **CONSENT)
        correct(desks, SUPPORT, COUNCIL, asked, referral.referral_id)
    asked = request(about, retracted=["victim.phone"])
    correct(desks, SUPPORT, COUNCIL, asked, referral.referral_id)
    await desks.deliver()
    view = seen(desks, referral.referral_id)
    now = {path: one.field and one.field.values for path, one in view.corrections.items()}
    assert now["victim.name"] == ("Noor Placeholder",)
    assert now["victim.phone"] is None
    assert now["victim.email"] == ("n@mail.example",)
    assert "reason" not in now  # of the correction, not of the referral
    assert "consent.share_identity" not in now  # repeated as it was
    values = {one.path: one.values for one in view.fields}
    assert values["victim.name"] == ("Noor Exampleton",)  # what was shared first stays readable
    assert values["victim.email"] == ()
    (withdrawn, *_) = [one for one in view.history if one.withdrawn]
    (paths,) = [one.values for one in withdrawn.fields if one.path == "retracted"]
    assert paths == ("the victim's telephone number",)


async def test_a_correction_by_the_other_side_changes_nothing(desks: DeskPartnership) -> None:
    referral = sent(desks.desk(SUPPORT))
    await desks.deliver()
    asked = request((SUPPORT, referral.event_id), retracted=["victim.name"])
    correct(desks, COUNCIL, SUPPORT, asked, referral.referral_id)
    view = seen(desks, referral.referral_id)
    assert view.history[0].withdrawn == ("victim.name",)
    assert view.corrections == {}


async def test_fields_that_need_consent_are_named_before_they_are_sent(
    desks: DeskPartnership,
) -> None:
    referral = sent(desks.desk(SUPPORT))
    held = find_referral(desks.desk(SUPPORT), referral.referral_id, COUNCIL)
    about = (SUPPORT, referral.event_id)
    unsent = unsent_fields(desks.desk(SUPPORT), held, request(about, victim__name="Noor T."))
    assert [(one.field, one.reason) for one in unsent] == [("victim.name", "consent_missing")]
    given = request(about, victim__name="Noor T.", **CONSENT)
    assert unsent_fields(desks.desk(SUPPORT), held, given) == ()
