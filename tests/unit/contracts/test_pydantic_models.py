"""The module of models: importable, checked by mypy, and in step with the JSON forms of events."""

from __future__ import annotations

import ast
import subprocess
import sys
import types
from copy import copy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from broker.event import OpenedEvent
from contracts.errors import UnknownNameError
from contracts.examples import example
from contracts.model import Contract
from contracts.pydantic_models import pydantic_module
from contracts.typed_models import leaves_of_party
from tests.support.words import flatten

POLICE, CHARITY = "csu-camden", "haven-support"
ID = "0f6f6e8c-5a3e-4a87-9a52-0f4a3f1f0a11"


def module(contract: Contract, agency: str) -> Any:
    made = types.ModuleType("events_of_test")
    sys.modules["events_of_test"] = made  # pydantic looks annotations up there
    exec(compile(pydantic_module(contract, agency), "events.py", "exec"), made.__dict__)
    return made


def received(contract: Contract, event_type: str) -> dict[str, Any]:
    plain = example(contract, POLICE, event_type)
    paths = leaves_of_party(contract, CHARITY, "receives")[event_type]
    flat = {p: v for p, v in flatten(event_type, plain.data).items() if p in paths}
    event = OpenedEvent(
        ID, event_type, POLICE, "2026-11-30T08:00:00.000Z", (CHARITY,), flat, ("a",)
    )
    return {**event.as_json(), "urgent": False, "withheld_reasons": {"a": "consent_missing"}}


def test_every_party_has_models_of_each_type_that_it_receives_and_sends(contract: Contract) -> None:
    for party in contract.parties:
        made = module(contract, party.id)
        for direction, ending in (("receives", "Received"), ("sends", "ToSend")):
            for event_type in leaves_of_party(contract, party.id, direction):  # type: ignore[arg-type]
                own = "".join(w.capitalize() for w in event_type.replace("-", ".").split("."))
                assert getattr(made, f"{own}{ending}").model_fields["type"].default == event_type


def test_an_example_of_each_type_to_send_is_valid_and_comes_out_as_it_went_in(
    contract: Contract,
) -> None:
    for party in contract.parties:
        made = module(contract, party.id)
        for event_type in leaves_of_party(contract, party.id, "sends"):
            plain = example(contract, party.id, event_type)
            body = {**asdict(plain), "recipients": list(plain.recipients)}
            message = made.MessageToSend.model_validate(
                {"id": "1", "source": "/x", "type": event_type, "data": body}
            )
            assert message.model_dump(mode="json")["data"] == body


def test_a_received_event_is_read_from_the_bytes_of_a_cloud_event(contract: Contract) -> None:
    made = module(contract, CHARITY)
    event = received(contract, "referral.made")
    document = {"specversion": "1.0", "id": ID, "source": "/s", "type": "referral.made"}
    message = made.ReceivedMessage.model_validate({**document, "data": event, "withheld": "a"})
    assert type(message.data).__name__ == "ReferralMadeReceived"
    assert message.data.data.case_id == event["data"]["case_id"]
    text = message.model_dump_json().encode()
    assert made.ReceivedMessage.model_validate(text) == message


def test_a_field_that_needs_consent_may_be_missing_in_a_received_event(contract: Contract) -> None:
    made = module(contract, CHARITY)
    event = received(contract, "referral.made")
    event["data"].pop("victim")
    read = made.ReferralMadeReceived.model_validate(event)
    assert read.data.victim is None


def test_a_field_that_the_agreement_does_not_have_is_refused_when_sending(
    contract: Contract,
) -> None:
    made = module(contract, POLICE)
    plain = example(contract, POLICE, "referral.made")
    with pytest.raises(ValidationError):
        made.ReferralMadeToSend(recipients=[CHARITY], data={**plain.data, "surprise": 1})


def test_results_have_the_same_id_each_time(contract: Contract) -> None:
    made = module(contract, CHARITY)
    document = {"id": ID, "source": "/s", "type": "referral.made"}
    message = made.ReceivedMessage.model_validate(
        {**document, "data": received(contract, "referral.made")}
    )
    first, again = message.imported(), message.imported()
    rejected = message.rejected("unknown_tenant")
    assert first == again
    assert rejected.id != first.id
    assert first.model_dump(mode="json")["data"] == {
        "id": ID,
        "source": POLICE,
        "outcome": "imported",
    }


def test_a_text_of_a_vocabulary_is_a_literal_of_the_module(contract: Contract) -> None:
    hostile = 'x"""\n    import os\n    """\u202e\\'
    form = contract.vocabulary.form
    all_types = {
        name: each.model_copy(update={"description": hostile})
        for name, each in form.event_types.items()
    }
    changed, words = copy(contract), copy(contract.vocabulary)
    words.form = form.model_copy(update={"event_types": all_types})
    changed.__dict__["vocabulary"] = words
    assert module(changed, CHARITY).ReferralMadeReceived.__doc__ == hostile
    tree = ast.parse(pydantic_module(changed, CHARITY))
    names = {a.name for one in ast.walk(tree) if isinstance(one, ast.Import) for a in one.names}
    assert names == {"json"}


USE = """def follow(client: Client) -> None:
    for event in client.subscribe("cases", types=[ReferralMadeReceived]):
        identifier: str = event.model.data.referral_id
        wrong: int = event.model.data.case_id
        event.acknowledge()


def ask(client: Client, event: ReferralMadeToSend) -> str:
    return client.publish(event).id
"""
SKIPPED = "".join(
    f"[mypy-{name}.*]\nfollow_imports = skip\n" for name in ("adapters", "broker", "httpx")
)
"""The client needs none of these."""


def test_the_module_passes_mypy_strict_and_a_wrong_use_is_found(
    contract: Contract, tmp_path: Path
) -> None:
    (tmp_path / "events.py").write_text(pydantic_module(contract, CHARITY))
    (tmp_path / "use.py").write_text(
        "from concordant.client import Client\n\n"
        "from events import ReceivedMessage, ReferralMadeReceived, ReferralMadeToSend\n\n\n"
        "def wrong(message: ReceivedMessage) -> int:\n"
        "    if isinstance(message.data, ReferralMadeReceived):\n"
        "        return message.data.data.case_id\n"
        "    return 0\n\n\n" + USE
    )
    (tmp_path / "mypy.ini").write_text("[mypy]\n" + SKIPPED)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "use.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line for line in done.stdout.splitlines() if ": error" in line]
    assert [one.partition(": ")[0] for one in errors] == ["use.py:8", "use.py:15"], done.stdout


def test_an_agency_that_is_no_party_has_none(contract: Contract) -> None:
    with pytest.raises(UnknownNameError):
        pydantic_module(contract, "haven-suport")
