"""Drafts are sent once, whatever the pages do in whatever order."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from broker.operations.desk.drafts import change_draft, discard_draft, send_draft
from broker.operations.desk.errors import DeskError
from tests.support.desk_partnership import ROSA, SAM, desk_partnership
from tests.support.founded_partnership import COUNCIL, SUPPORT, founded
from tests.support.property_runs import runs
from tests.unit.broker.operations.desk.written_referral import written

ACTS = st.lists(
    st.tuples(
        st.sampled_from(["send", "change", "spoil", "discard", "send as another"]),
        st.integers(0, 3),
    ),
    max_size=8,
)


@runs(20)
@given(ACTS)
def test_a_draft_is_sent_at_most_once_and_never_lost(acts: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        desks = desk_partnership(founded(), Path(folder))
        try:
            desk = desks.desk(SUPPORT)
            draft, version = written(desk, (COUNCIL,)), 2
            answers: set[str] = set()
            discarded = False
            for act, back in acts:
                seen = max(1, version - back)
                try:
                    if act == "send":
                        answers.add(send_draft(desk, ROSA, draft.id, seen).event_id)
                    elif act == "send as another" and not answers:
                        send_draft(desk, SAM, draft.id, seen)
                        raise AssertionError("another person's draft was sent")
                    elif act == "discard":
                        discard_draft(desk, ROSA, draft.id)
                        discarded = True
                    elif act in ("change", "spoil"):
                        service = ["housing"] if act == "change" else []
                        change_draft(
                            desk, ROSA, draft.id, seen, texts={"requested_service": service}
                        )
                        assert seen == version
                        version += 1
                except DeskError:  # any other error fails the test
                    continue
            assert set(desks[SUPPORT].outbox()) == answers
            assert len(answers) <= 1
            with desk.store.reading() as tx:
                assert (tx.drafts.get(draft.id) is None) == (bool(answers) or discarded)
        finally:
            desks.close()
