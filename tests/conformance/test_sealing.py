"""Records sealed from the text alone: our reader and the second reader open them.

A partnership is founded (keys, a contract, manifests), an event is sealed and put into a stream by
`sealing*.py`, which import nothing of the software; the software then reads the files.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from broker import pseudonyms
from broker.judging.verification_cache import VerificationCache
from broker.operations.record_file import open_line
from broker.operations.vector_setting import load_setting
from tests.conformance.contracts import Contract, well_formed
from tests.conformance.conventions import DAY_MS, parse_time
from tests.conformance.judging import Reading
from tests.conformance.refusals import MalformedError
from tests.conformance.sealing import Sender, clear_id, event_id, exchange_key_of, partition
from tests.conformance.sealing_log import Log
from tests.conformance.sealing_statements import Agency, b64, contract_note
from tests.conformance.view import load_view

TERMS = Path(__file__).parents[1] / "vectors/settings/rotated/contracts/london-small.yaml"
NOW = parse_time("2026-03-02T12:00:00.500Z")
POLICE, COUNCIL, SUPPORT = "csu-camden", "council-camden", "haven-support"
MADE: dict[str, Any] = {
    "case_id": "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38",
    "referral_id": "b41e9c07-2f6d-4a95-8c3b-e6d27a10f594",
    "requested_service": "practical_support",
    "urgency": "urgent",
}
NEEDS = {"victim.needs": ["shelter_accommodation"]}
"""A field that the council is not granted."""


@dataclass(frozen=True)
class Partnership:
    """Four agencies, the folder of a setting, and the police's stream."""

    folder: Path
    agencies: dict[str, Agency]
    contract: Contract
    sender: Sender
    log: Log

    def seal(
        self,
        data: dict[str, Any],
        to: tuple[str, ...],
        identity: str | None = None,
        *,
        addressed: tuple[str, ...] = (),
        clear: str | None = None,
    ) -> bytes:
        view = load_view(self.folder, POLICE, NOW)
        return self.sender.seal(
            self.contract,
            "referral.made",
            data,
            {agency: exchange_key_of(view.of(agency), NOW) for agency in to},
            identity=identity or str(uuid.uuid4()),
            time=NOW,
            addressed=addressed,
            clear_id=clear,
        )

    def read(self, lines: list[bytes], reader: str) -> list[dict[str, Any]]:
        """The answers of our reader, which are those of the second."""
        context, cache = load_setting(self.folder, reader).context(NOW), VerificationCache()
        answers = [open_line(line, context, cache, NOW)[0] for line in lines]
        second = Reading(load_view(self.folder, reader, NOW), NOW)
        assert [json.loads(second.answer(line)) for line in lines] == answers
        return answers


@pytest.fixture
def partnership(tmp_path: Path) -> Partnership:
    terms = json.loads(TERMS.read_bytes())
    pinned = TERMS.parents[3] / "documents" / f"{terms['pins']['vocabulary']}.txt"
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / pinned.name).write_bytes(pinned.read_bytes())
    tmp_path = tmp_path / "settings" / "founded"
    tmp_path.mkdir(parents=True)
    deployment = terms["deployment"]
    agencies = {p["id"]: Agency(deployment, p["id"]) for p in terms["parties"]}
    terms["governance_keys"] = {agency: one.pinned for agency, one in agencies.items()}
    file = json.dumps(terms).encode()
    contract = well_formed(file, {pinned.stem: pinned.read_bytes()})
    for name in ("contracts", "manifests"):
        (tmp_path / name).mkdir()
    (tmp_path / "contracts/agreed.yaml").write_bytes(file)
    for agency, one in agencies.items():
        note = contract_note(file, contract.members, one, NOW - DAY_MS)
        (tmp_path / f"contracts/agreed.{agency}.note").write_bytes(note)
    setting: dict[str, Any] = {"deployment": deployment, "agencies": {}}
    for agency, one in agencies.items():
        (tmp_path / f"manifests/{agency}.txt").write_bytes(one.manifest(1, NOW - DAY_MS))
        setting["agencies"][agency] = {
            "governance": {name.replace("_", "-"): key for name, key in one.pinned.items()},
            "exchange_seeds": [b64(one.exchange_seed)],
        }
    (tmp_path / "setting.json").write_text(json.dumps(setting))
    police = agencies[POLICE]
    topic = f"{deployment}.{contract.members['name']}.a"
    count = contract.members["topics"]["a"]["partitions"]
    log = Log(police.name, topic, partition(b"s" * 32, MADE["case_id"], count), police.stream)
    return Partnership(tmp_path, agencies, contract, Sender(deployment, POLICE), log)


def test_our_reader_opens_what_was_sealed_from_the_text(partnership: Partnership) -> None:
    identity = event_id(b"s" * 32, "case-management/referral/17")
    value = partnership.seal({**MADE, **NEEDS}, (COUNCIL, SUPPORT), identity)
    partnership.log.open(NOW)
    lines = partnership.log.append([value], NOW)
    (council,) = partnership.read(lines, COUNCIL)
    (support,) = partnership.read(lines, SUPPORT)
    assert (council["id"], council["type"], council["source"]) == (
        identity,
        "referral.made",
        POLICE,
    )
    assert council["time"] == "2026-03-02T12:00:00.500Z"
    assert "victim" not in council["data"]
    assert "victim.needs" in council["withheld"]
    assert support["data"]["victim"] == {"needs": ["shelter_accommodation"]}
    assert partnership.read(lines, "cps-london") == [{"not_addressed": True}]
    assert partnership.read(lines, POLICE) == [{"not_addressed": True}]


def test_batches_and_generations_follow_each_other(partnership: Partnership) -> None:
    log = partnership.log
    values = [partnership.seal(MADE, (COUNCIL,)) for _ in range(9)]
    log.open(NOW)
    lines = [*log.append(values[:3], NOW), *log.append(values[3:8], NOW + 1000)]
    log.open(NOW)
    lines += log.append(values[8:], NOW + 1000)
    answers = partnership.read([*lines, lines[4]], COUNCIL)
    assert [sorted(answer) for answer in answers[:-1]] == [sorted(answers[0])] * 9
    assert not any("gap" in answer or "refused" in answer for answer in answers)
    assert answers[-1] == {"repeat": True}
    assert partnership.read([lines[0], lines[8]], COUNCIL)[1]["gap"] == [1, 7]


def test_the_same_event_sealed_again_is_a_repeat(partnership: Partnership) -> None:
    identity = event_id(b"s" * 32, "case-management/referral/18")
    assert uuid.UUID(identity).version == 8
    values = [partnership.seal(MADE, (COUNCIL,), identity) for _ in range(2)]
    assert values[0] != values[1]
    partnership.log.open(NOW)
    answers = partnership.read(partnership.log.append(values, NOW), COUNCIL)
    assert answers[1] == {"repeat": True}


def test_a_copy_that_was_sealed_from_the_text_is_its_event(partnership: Partnership) -> None:
    secret, both = b"s" * 32, (COUNCIL, SUPPORT)
    identity = event_id(secret, "case-management/referral/19")
    clear = clear_id(secret, identity, COUNCIL)
    assert clear == pseudonyms.clear_id(secret, identity, COUNCIL)
    partnership.log.open(NOW)
    original = partnership.seal({**MADE, **NEEDS}, (SUPPORT,), identity, addressed=both)
    copy = partnership.seal({**MADE, **NEEDS}, (COUNCIL,), identity, addressed=both, clear=clear)
    lines = partnership.log.append([original, copy], NOW)
    other, council = partnership.read(lines, COUNCIL)
    support, _ = partnership.read(lines, SUPPORT)
    assert (other, council["id"], support["id"]) == ({"not_addressed": True}, identity, identity)
    assert "victim" not in council["data"]
    assert support["data"]["victim"] == {"needs": ["shelter_accommodation"]}
    whole = partnership.seal({**MADE, **NEEDS}, both, identity)
    (line,) = partnership.log.append([whole], NOW)
    assert partnership.read([*lines, line], COUNCIL)[2] == {"repeat": True}


@pytest.mark.parametrize(
    ("changes", "to"),
    [
        ({}, (POLICE,)),
        ({}, ("cps-london",)),
        ({"victim.name": "Zephyrine"}, (COUNCIL,)),
        (NEEDS, (COUNCIL,)),
        ({"urgency": "whenever"}, (COUNCIL,)),
    ],
    ids=["itself", "another role", "no field of the contract", "nobody reads it", "no such code"],
)
def test_a_sender_of_the_text_refuses_what_a_reader_would(
    partnership: Partnership, changes: dict[str, Any], to: tuple[str, ...]
) -> None:
    with pytest.raises(MalformedError):
        partnership.seal({**MADE, **changes}, to)
