"""Vocabularies as data: event types, fields and code lists of one subject, in a signed file.

An agreement pins its vocabulary by the hash of the file, and every event is checked by the
vocabulary of the agreement that it names (docs/spec/vocabularies.md).
"""

from contracts.vocabulary.event_types import JSON, EventType, Leaf, Restricted, unflatten
from contracts.vocabulary.format import CodeList
from contracts.vocabulary.vocabulary import (
    VOCABULARY_BYTES,
    Vocabulary,
    parse_vocabulary,
)

__all__ = [
    "JSON", "VOCABULARY_BYTES", "CodeList", "EventType", "Leaf", "Restricted", "Vocabulary",
    "parse_vocabulary", "unflatten",
]  # fmt: skip
