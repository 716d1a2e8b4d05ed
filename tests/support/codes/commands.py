"""Commands that are given something wrong, and given again as the registry says."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from adapters.trial_partnership import create_partnership
from broker.clock import now_ms
from broker.errors import ConcordantError
from broker.store.database import open_store
from tests.support.code_scan import ROOT
from tests.support.codes import folders
from tests.support.codes.folders import AGENCY, OTHER
from tests.support.trial_folder import trial_folder

CASE = "00000000-0000-4000-8000-000000000000"
VECTORS = ROOT / "tests/vectors"


@dataclass(frozen=True)
class Words:
    """A command that is wrong, and right; ``{agency}`` and others are filled in.

    Attributes:
        wrong, right: its words.
        before: what a person does between the two.
        ended: exit codes of the right one; 1 where its answer may be no.
    """

    wrong: str
    right: str
    before: Callable[[Path], object] = lambda _: None
    ended: Sequence[int] = (0,)


def no_file(root: Path) -> None:
    (root / "events.jsonl").write_bytes(b"")


def report_folder(root: Path) -> None:
    (root / "no").mkdir()


LOG = "log show --agency {agency}"
REVOKE = "keys revoke --agency {agency}"

COMMANDS = {
    "moment_invalid": Words(
        f"{LOG} --since yesterday", f"{LOG} --since 2026-03-02T12:00:00Z", ended=(0, 1)
    ),
    "field_unknown": Words(f"{LOG} --field victim.nam", f"{LOG} --field victim.name", ended=(0, 1)),
    "mapping_none": Words(
        "mapping add-code strand A race --agency {agency}", "mapping columns --agency {agency}"
    ),
    "case_unknown": Words(f"{LOG} --case Quillfeather", f"{LOG} --case {CASE}", ended=(0, 1)),
    "operator_invalid": Words(
        f"{LOG} --operator {'x' * 129}", f"{LOG} --operator duty.officer", ended=(0, 1)
    ),
    "reason_invalid": Words(
        f"{LOG} --reason {'x' * 201}", f"{LOG} --reason complaint-17", ended=(0, 1)
    ),
    "agency_unknown": Words(
        "keys doubted nobody --agency {agency}", "keys doubted {other} --agency {agency}"
    ),
    "agency_own": Words(
        "keys doubted {name} --agency {agency}", "keys doubted {other} --agency {agency}"
    ),
    "record_unknown": Words(
        "quarantine export 999 --agency {agency}", "quarantine list --agency {agency}"
    ),
    "input_unreadable": Words(
        "event verify {root}/events.jsonl --agency {agency}",
        "event verify {root}/events.jsonl --agency {agency}",
        no_file,
    ),
    "output_unwritable": Words(
        "contract matrix {contract} -o {root}/no/m.txt",
        "contract matrix {contract} -o {root}/no/m.txt",
        report_folder,
    ),
    "contract_unreadable": Words("contract lint {root}/no.yaml", "contract lint {contract}"),
    "partnership_missing": Words(
        "kafka down --agency-root {root}/damaged", "kafka down --agency-root {made}"
    ),
    "vectors_missing": Words(
        "conformance --vectors {root} 0-value_missing",
        "conformance --vectors {vectors} 0-value_missing",
    ),
    "vectors_invalid": Words(
        "conformance --vectors {root}/damaged 0-value_missing",
        "conformance --vectors {vectors} 0-value_missing",
    ),
    "command_invalid": Words(
        "conformance --command ' 0-value_missing",
        "conformance 0-value_missing",
    ),
    "command_not_started": Words(
        "conformance --command /no/such/program 0-value_missing",
        "conformance --command {program} 0-value_missing",
        ended=(0, 1),
    ),
    "key_not_listed": Words(
        f"{REVOKE} ffffffffffffffff --since 2026-03-02T12:00:00Z --reason lost",
        "keys list --agency {agency}",
    ),
    "event_unknown": Words(f"event evidence {CASE} --agency {{agency}}", LOG),
}


@cache
def root() -> Path:
    """Two agencies with a state each, used by all of these commands; none of them changes it."""
    place = trial_folder().parent / "commands"
    for agency in (AGENCY, OTHER):
        shutil.copytree(trial_folder() / agency, place / agency)
        open_store(place / agency / "state/concordant.db").close()
    (place / "damaged/cases").mkdir(parents=True)
    shutil.copy(VECTORS / "cases/0-value_missing.json", place / "damaged/cases")
    (place / "wrong.txt").write_text("x")
    return place


def carry_out(code: str, _: Path) -> None:
    """The wrong command ends with the code; what the registry says, given, does not."""
    one = COMMANDS[code]
    contract = next((root() / AGENCY / "contracts").glob("*.yaml"))
    values = {
        "root": root(),
        "made": trial_folder(),
        "agency": root() / AGENCY,
        "name": AGENCY,
        "other": OTHER,
        "contract": contract,
        "vectors": VECTORS,
        "program": shutil.which("true"),
    }

    def given(words: str) -> tuple[int, str]:
        return folders.command_line(*(word.format(**values) for word in words.split()))

    ended, said = given(one.wrong)
    assert ended != 0
    assert re.search(rf"\b{code}\b", said), said
    one.before(root())
    ended, said = given(one.right)
    assert ended in one.ended, said
    assert not re.search(rf"code:  {code}\b", said), said


def carry_out_folder(code: str, _: Path) -> None:
    """A partnership is not made where something is; in an absent folder, it is."""
    with pytest.raises(ConcordantError) as refused:
        create_partnership(root(), now_ms())
    assert refused.value.code == code == "directory_not_empty"
    assert (trial_folder() / AGENCY / "agency.toml").exists()


# --- events of our own ---------------------------------------------------------------------------

REFERRAL = "b41e9c07-2f6d-4a95-8c3b-e6d27a10f594"


def changed(**changes: Any) -> Callable[[dict[str, Any]], bytes]:
    """The event with other members; a dotted name is a leaf of its data."""

    def act(event: dict[str, Any]) -> bytes:
        for name, value in changes.items():
            *parents, last = name.split("__")
            target = event
            for parent in parents:
                target = target.setdefault(parent, {})
            target[last] = value
        return json.dumps(event).encode()

    return act


EVENTS: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "event_malformed": lambda _: b"not json",
    "recipients_invalid": changed(recipients=[]),
    "party_unknown": changed(recipients=["nobody"]),
    "type_unknown": changed(type="referral.maed"),
    "event_invalid": changed(data__urgency="whenever"),
    "condition_unmet": changed(
        data__intelligence__handling_code="C", data__intelligence__handling_conditions=[]
    ),
    "field_not_granted": changed(recipients=["haven-support"]),
    "recipient_not_permitted": changed(recipients=["cps-london", "council-camden"]),
}


@cache
def sealed() -> dict[str, tuple[object, bool]]:
    """By code: what the faulty line was refused with, and whether the corrected one is sealed."""
    folder = root() / AGENCY
    code, example = folders.command_line("event", "example", "referral.made", "--agency", folder)
    assert code == 0
    lines = [
        b"%s\n%s\n" % (spoil(json.loads(example)), example.encode().strip())
        for spoil in EVENTS.values()
    ]
    _, said = folders.command_line("event", "seal", "--agency", folder, stdin=b"".join(lines))
    answers = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return {
        code: (bad.get("refused"), "value" in good)
        for code, bad, good in zip(EVENTS, answers[::2], answers[1::2], strict=True)
    }


def carry_out_event(code: str, _: Path) -> None:
    """The faulty event is refused with the code; the corrected one is sealed."""
    assert sealed()[code] == (code, True)
