"""Check that a further event says something, before it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from broker.event import JSON
from broker.operations.desk.entry_fields import EntryField
from broker.operations.desk.further_events import FurtherEvent

ContentFault: TypeAlias = Literal["corrected_and_withdrawn", "nothing_corrected", "nothing_said"]


@dataclass(frozen=True, slots=True)
class ContentProblem:
    """Fault of the content of a further event.

    Attributes:
        fault: its code.
        path: leaf path of the field at which it is corrected; None if the event has no field.
    """

    fault: ContentFault
    path: str | None


def content_problems(
    event: FurtherEvent,
    fields: Sequence[EntryField],
    answers: Mapping[str, JSON],
    corrected: Mapping[str, JSON],
) -> tuple[ContentProblem, ...]:
    """Return the faults of an event that says nothing, or withdraws a field that it corrects.

    Answers about consent that are as recorded correct nothing.

    Args:
        event: the type of the event.
        fields: fields that were asked for.
        answers: leaves that the person filled in, by path.
        corrected: leaves of the event that it corrects, by path; empty if it corrects none.
    """
    withdraws = event.withdraws
    withdrawn = answers.get(withdraws) if withdraws else None
    gone = {str(path) for path in withdrawn} if isinstance(withdrawn, list) else set[str]()
    before = corrected if withdraws else {}
    said = {
        one.path
        for one in fields
        if one.path in answers
        and one.path != withdraws
        and answers[one.path] != before.get(one.path)
        and not (withdraws and one.required)
    }
    if said or gone:
        twice = sorted(said & gone)
        return tuple(ContentProblem("corrected_and_withdrawn", path) for path in twice)
    if withdraws is None:
        return (ContentProblem("nothing_said", next((one.path for one in fields), None)),)
    return (ContentProblem("nothing_corrected", withdraws),)
