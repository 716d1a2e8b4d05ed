"""Each refusal of another agency's record: brought about, and its next step carried out.

The records are those of ``tests/vectors``, one case for each code. Steps 0 to 4 leave nothing of a
refused record. Steps 5 to 10 hold it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

from broker.codes.meanings import CODES
from broker.operations.vector_cases import Case, load_cases, this_reader
from tests.support.code_scan import ROOT
from tests.support.codes.vector_readers import VectorReader

OF_FILES = {"record_malformed", "before_start", "content_missing"}
"""Refusals that only the reading of a file gives."""
OTHER_NEWS = {
    "fold_awaited",
    "not_heard",
    "receipt_awaited",
    "contract_unknown",
    "key_unknown",
    "state_full",
}
"""Refusals that news of another kind mend; ``named.py`` names the test."""
CASE_OF = {
    "early": "2-early-second",
    "manifest_expired": "2-manifest_expired-at_its_end",
    "stream_stopped": "4-equivocation-other_record",
    "value_malformed": "0-value_malformed-leaf_31",
}
MENDED_BY_NEWS = {
    "contract_ended",
    "contract_field_unknown",
    "contract_not_in_force",
    "key_not_valid",
    "suspended",
    "contract_left",
    "contract_replaced",
}
"""Refusals that end with another contract or manifest."""
MINUTE = 60_000
POLICE, COUNCIL = "csu-camden", "council-camden"


@cache
def cases() -> dict[str, Case]:
    """The code of each refusal, and a case that is about it."""
    found: dict[str, Case] = {}
    every = load_cases(ROOT / "tests/vectors", [])
    for case in sorted(every, key=lambda one: one.agency == POLICE):  # who sends does not read
        for answer in case.expect:
            code = str(answer.get("refused"))
            about = CASE_OF.get(code, case.name.split("-")[1])
            if "refused" in answer and about in (code, case.name):
                found.setdefault(code, case)
    return {code: case for code, case in found.items() if code not in OF_FILES | OTHER_NEWS}


def carry_out(code: str, folder: Path) -> None:
    """Bring the refusal about in a reader's state, and do what the registry says."""
    reader = VectorReader(cases()[code], folder)
    told = {code for _, code in reader.told()}
    assert code in told, told
    step = CODES[code].to_do
    last = reader.records()[0 if "status release" in step else -1]
    sender = COUNCIL if reader.case.agency == POLICE else POLICE
    if "judged again by itself" in step:
        reader.now += 10 * MINUTE
        reader.news()
        assert reader.take_again().opened
        return
    if "An exchange key: restore" in step:
        reader.restore_keys()
        assert reader.judged_again() == [None]
        return
    if "status release" in step:
        assert not reader.sent_again(sender, last)
        reader.release(sender, last.topic, last.partition)
    else:
        assert step.startswith("Nothing: ") or "ell the sender" in step, step
    if code in reader.held():
        assert ("quarantine retry" in step) is (code in NEWER) or reader.judged_again() == [code]
        if "quarantine discard" in step:
            reader.discard()
            assert reader.held() == []
    else:
        assert "record is held" not in step
        assert "quarantine" not in step
    if code in MENDED_BY_NEWS:
        reader.news()
    assert reader.sent_again(sender, last)
    reader.store.close()


NEWER = {"version_unknown", "type_unknown", "contract_field_unknown"}
"""Refusals that a newer software of ours may not give: only there a retry is proposed."""


# --- files ---------------------------------------------------------------------------------------

FILES = ("before_start", "record_malformed")


def carry_out_file(code: str, _: Path) -> None:
    """A file that is cut or out of order is refused; the sender's whole file is not."""
    (case,) = load_cases(ROOT / "tests/vectors", ["4-before_start-index"])
    whole = tuple(sorted(case.records, key=_index))
    lines = (whole[0][:-9],) if code == "record_malformed" else case.records
    assert code in refusals(replace(case, records=lines))
    assert refusals(replace(case, records=whole)) & {code, "gap"} == set()


def refusals(case: Case) -> set[str]:
    """The codes with which the records of a file are refused."""
    return {str(answer.get("refused")) for answer in this_reader(case) if isinstance(answer, dict)}


def _index(line: str) -> int:
    found = re.search(r"index (\d+)", line)
    assert found is not None
    return int(found[1])
