"""Events as models of the module that `contract export python` writes."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from concordant import Client, ClientError
from concordant.testing import Partnership, TestAgency
from contracts.pydantic_models import pydantic_module
from tests.support.founded_partnership import COUNCIL


@pytest.fixture
def models(partnership: Partnership) -> Any:
    made = types.ModuleType("models_of_test")
    sys.modules["models_of_test"] = made  # pydantic looks annotations up there
    text = pydantic_module(partnership.agreement, COUNCIL)
    exec(compile(text, "models.py", "exec"), made.__dict__)
    return made


def test_a_subscription_to_a_class_gives_events_with_its_model(
    client: Client, send: Callable[..., str], models: Any
) -> None:
    sent = send()
    send("case.updated")
    (event,) = _all(client, types=[models.ReferralMadeReceived])
    assert isinstance(event.model, models.ReferralMadeReceived)
    assert (event.model.id, event.model.data.case_id) == (sent, event.data["case_id"])
    assert {event.model for event in _all(client, types=["referral.made"])} == {None}


def test_a_model_is_published(council: TestAgency, partnership: Partnership, models: Any) -> None:
    example = council.example("referral.made", ["haven-support"])
    event = models.ReferralMadeToSend.model_validate(example.body())
    accepted = council.publish(event)
    (received,) = partnership["haven-support"].received()
    assert received.id == accepted.id


def test_an_event_of_another_version_is_event_model_outdated(
    client: Client, send: Callable[..., str], models: Any
) -> None:
    send()

    class Narrower(models.ReferralMadeReceived):  # type: ignore[name-defined,misc]  # made above
        """The class of an older version: the reason was a number."""

        new_member: int

    with pytest.raises(ClientError) as error:
        next(client.subscribe("cases", types=[Narrower], wait=0))
    assert (error.value.code, error.value.where) == ("event_model_outdated", "new_member")


def _all(client: Client, **options: Any) -> list[Any]:
    found = []
    with client.subscribe("cases", wait=0, **options) as events:
        for event in events:
            found.append(event)
            event.acknowledge()
    return found
