"""A vocabulary, compiled: what the engine asks about event types, fields, codes and their parts.

The engine names no field, event type or code of a subject. A vocabulary says which field holds the
shared id of a case, which fields hold answers about consent, and so on; another subject brings
another file (docs/adr/0042-domain-words-are-data.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from contracts.errors import EventError
from contracts.strict_yaml import DocumentKind, read, refused_for, validated
from contracts.vocabulary.checks import vocabulary_faults
from contracts.vocabulary.event_types import EventType
from contracts.vocabulary.figures import Figures, compiled_figures
from contracts.vocabulary.format import CodeList, VocabularyForm
from contracts.vocabulary.kinds import Annotations
from contracts.vocabulary.part_forms import ReferralsForm

__all__ = ["VOCABULARY_BYTES", "Vocabulary", "parse_vocabulary"]

VOCABULARY_BYTES: Final = 1 << 20
"""Largest vocabulary, 1 MiB."""
_VOCABULARY: Final = DocumentKind(
    noun="the vocabulary",
    largest=VOCABULARY_BYTES,
    code="vocabulary_invalid",
    fix="Correct the line that is named. If an agreement pins this vocabulary, take the file with "
    "the pinned hash from another party.",
)


class Vocabulary:
    """One vocabulary file, by its exact bytes.

    Attributes:
        form: the file's content.
        hash: SHA-256 of the file, 64 hexadecimal digits.
        event_types: name to event type.
        case: leaf path of the shared id of a case; it decides the partition, and no event is
            without it.
        urgent_types: event types that go before all others at the sender and at each reader.
        altering_types: event types that change what an earlier event said; the disclosure log calls
            them alterations.
        answers: leaf path of each answer about consent to its scope (docs/spec/contracts.md,
            "Consent").
        answer_to: scope to the leaf path of the answer.
        scopes: scope to its label.
        identity_scope: scope that every consent-bound field needs; None without consent.
        record_kinds: leaf paths that say of what kind a record is.
        depersonalised_kinds: codes of the kinds whose records carry no identifying field where the
            agreement says `never`.
        depersonalised_record: such a record in words.
        referrals: course of a referral; None if the vocabulary has none.
        figures: by what cases are counted; None if the vocabulary does not say.
    """

    def __init__(self, form: VocabularyForm, raw: bytes) -> None:
        annotations = Annotations(form)
        self.form = form
        self.hash = hashlib.sha256(raw).hexdigest()
        self.event_types: Mapping[str, EventType] = MappingProxyType(
            {name: EventType(form, name, annotations) for name in form.event_types}
        )
        parts, consent = form.parts, form.consent
        self.case = parts.case
        self.urgent_types = frozenset(parts.urgent_types)
        self.altering_types = frozenset(parts.altering_types)
        self.answers: Mapping[str, str] = {} if consent is None else consent.answers
        self.answer_to = {scope: path for path, scope in self.answers.items()}
        self.scopes: Mapping[str, str] = {} if consent is None else consent.scopes
        self.identity_scope = None if consent is None else consent.identity
        self.record_kinds = parts.record_kinds
        self.depersonalised_kinds = parts.depersonalised_kinds
        self.depersonalised_record = parts.depersonalised_record or ""
        self.referrals: ReferralsForm | None = form.referrals
        self.figures: Figures | None = compiled_figures(form)

    @property
    def code_lists(self) -> Mapping[str, CodeList]:
        """Return name to code list."""
        return self.form.code_lists

    def scope_in_words(self, scope: str) -> str:
        """Return a consent scope in words with its code."""
        return f"{self.scopes[scope].lower()} ({scope})"

    def type(self, name: str) -> EventType:
        """Return one event type.

        Raises:
            EventError: `type_unknown`.
        """
        found = self.event_types.get(name)
        if found is None:
            raise EventError("there is no event type of this name", code="type_unknown")
        return found


def parse_vocabulary(raw: bytes, where: str) -> Vocabulary:
    """Parse a vocabulary from its exact bytes; `where` is the file name for messages.

    Raises:
        ContractError: `vocabulary_invalid`, with file, line and field of the first fault, and up
            to ten of them in the text.
    """
    tree, lines = read(_VOCABULARY, raw, where)
    form = validated(_VOCABULARY, VocabularyForm, tree, lines, where)
    faults = list(vocabulary_faults(form))
    if faults:
        raise refused_for(_VOCABULARY, faults, lines, where)
    return Vocabulary(form, raw)
