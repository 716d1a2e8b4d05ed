"""Fields that a correction asks for: those of the corrected message, and which are withdrawn."""

from __future__ import annotations

from collections.abc import Iterable

from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.answers import Texts
from broker.operations.desk.entry_fields import EntryField, choice_field
from broker.operations.desk.further_events import FurtherEvent
from broker.operations.desk.history import HistoryItem
from contracts.model import Contract
from contracts.policy import policy_for
from contracts.vocabulary import Vocabulary


def correction_fields(
    contract: Contract,
    agency: DeskAgency,
    recipient: str,
    event: FurtherEvent,
    corrected: HistoryItem,
    fields: Iterable[EntryField],
) -> tuple[EntryField, ...]:
    """Return what a correction of one message asks for, withdrawn fields included.

    Args:
        contract: the agreement.
        agency: this agency.
        recipient: the other side.
        event: the type of the correction.
        corrected: the message that it corrects.
        fields: fields of the type that may be filled in.
    """
    path = event.withdraws
    policy = policy_for(contract, agency.id, (recipient,), event.type)
    if path is None or path not in policy.fields:
        return tuple(fields)
    answers = contract.vocabulary.answers
    options = {one.path: one.label for one in corrected.fields if one.path not in answers}
    leaf = contract.vocabulary.type(event.type).leaves[path]
    return (*fields, choice_field(leaf, options))


def recorded_consent(vocabulary: Vocabulary, corrected: HistoryItem) -> Texts:
    """Return the answers about consent that a message stated, as texts of a form."""
    found = {path: corrected.flat.get(path) for path in vocabulary.answers}
    return {
        path: ["yes" if given else "no"] for path, given in found.items() if isinstance(given, bool)
    }
