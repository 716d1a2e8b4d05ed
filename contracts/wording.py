"""Wording shared by explanations of agreements: wrapped lines, durations, labels of codes."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping

from pydantic import BaseModel

from contracts.durations import DAY_MS, HOUR_MS, MINUTE_MS, duration_ms
from contracts.hidden_characters import visible
from contracts.legal_codes import LegalKind, codes_in, legal_codes
from contracts.phrases import N_, Phrase, joined, phrases
from contracts.terms import FieldTerms, LegalBasis
from contracts.vocabulary import Vocabulary

__all__ = [
    "basis_lines", "counted", "duration", "duration_words", "field_label", "flat", "in_words",
    "kind_of_data", "listed", "of_incident", "other_members", "type_title", "wrapped",
]  # fmt: skip

_WIDTH = 96


def wrapped(text: str, indent: str = "  ") -> list[str]:
    """Return `text` in lines of about 96 characters.

    Hidden characters are shown by their code point. Every line but the first is indented further,
    so that the text of one party cannot imitate other lines.
    """
    return textwrap.wrap(
        visible(text),
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + "    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def in_words(code: str) -> str:
    """Return a code as words: `ethnic-origin` is `ethnic origin`."""
    return code.replace("-", " ").replace("_", " ")


def type_title(event_type: str) -> str:
    """Return the name of an event type in words: `referral.made` is `Referral made`."""
    text = in_words(event_type.replace(".", " "))
    return text[:1].upper() + text[1:]


def counted(count: int, one: str, many: str) -> str:
    """Return a number with its noun, for example ``1 event`` or ``1,204 events``."""
    return f"{count:,} {one if count == 1 else many}"


def listed(label: str, items: Iterable[str], indent: str = "  ") -> list[str]:
    """Return `label: a, b, c`, wrapped; `none` where there are no items."""
    return wrapped(f"{label}: {', '.join(items) or 'none'}", indent)


def duration(text: str) -> str:
    """Return a duration in words with its own form, for example `4 hours (PT4H)`."""
    return f"{duration_words(text)} ({text})"


def duration_words(text: str) -> Phrase:
    """Return a duration in words only, for example `4 hours`."""
    milliseconds = duration_ms(text)
    if milliseconds % DAY_MS == 0:
        return phrases("%(n)s day", "%(n)s days", milliseconds // DAY_MS)
    if milliseconds % HOUR_MS == 0:
        return phrases("%(n)s hour", "%(n)s hours", milliseconds // HOUR_MS)
    return phrases("%(n)s minute", "%(n)s minutes", milliseconds // MINUTE_MS)


def field_label(vocabulary: Vocabulary, event_type: str, path: str) -> str:
    """Return the label of a field; its path if the vocabulary has none."""
    form = vocabulary.event_types.get(event_type)
    leaf = None if form is None else form.leaves.get(path)
    return path if leaf is None or leaf.form.label is None else leaf.form.label


_SENSITIVITY = {
    "none": "not personal data",
    "personal": "personal data",
    "special-category": "special category data",
    "criminal-offence": "criminal offence data",
}
_INCIDENT = {
    "never": "left out of {record}",
    "with-consent": "in {record}, the same rules of consent apply",
    "allowed": "sent also in {record}",
}


def kind_of_data(field: FieldTerms) -> str:
    """Return in words the kind of a field, its treatment by the law and its data subject."""
    subject = "no person" if field.data_subject == "none" else field.data_subject
    return f"{field.category}, {_SENSITIVITY[field.sensitivity]}, about: {subject}"


def of_incident(vocabulary: Vocabulary, rule: str) -> str:
    """Return in words what `incident_identifiers` says of identifying fields.

    The text is empty if the vocabulary has no records without a person.
    """
    record = vocabulary.depersonalised_record
    return _INCIDENT[rule].format(record=record) if record else ""


def flat(value: object) -> str:
    """Return any value of an agreement on one line, with the names of its members."""
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return joined(
            "; ",
            (
                joined(": ", (str(name).replace("_", " "), flat(each)))
                for name, each in value.items()
                if each is not None
            ),
        )
    if isinstance(value, bool):
        return N_("yes") if value else N_("no")
    if isinstance(value, tuple | list):
        return joined(", ", map(flat, value)) or N_("none")
    return str(value)


def other_members(term: BaseModel, shown: Collection[str], indent: str) -> Iterator[str]:
    """Yield a line for each member of `term` that is not in `shown`, absent ones left out.

    An explanation ends each of its parts with this, so that a new member of the format is shown
    even before it has its own wording.
    """
    for name in type(term).model_fields:
        value = getattr(term, name)
        if name not in shown and value is not None:
            yield from wrapped(f"{name.replace('_', ' ').capitalize()}: {flat(value)}", indent)


def basis_lines(basis: LegalBasis, indent: str) -> Iterator[str]:
    """Yield one legal basis in words: the party, the basis and its conditions."""
    text = f"{', '.join(basis.relied_on_by)} ({basis.regime}): {_in_words('bases', basis.basis)}"
    members: tuple[tuple[str, LegalKind, str | None], ...] = (
        ("Article 9", "article_9", basis.article_9),
        ("Article 10", "article_10", basis.article_10),
        ("Schedule 1", "schedule_1", basis.schedule_1),
        ("Schedule 8", "schedule_8", basis.schedule_8),
    )
    conditions = [f"{label}: {_in_words(kind, value)}" for label, kind, value in members if value]
    text += f"; {'; '.join(conditions) or 'no condition for special categories'}"
    yield from wrapped(text, indent)
    inside = indent + "    "
    if basis.appropriate_policy_document is not None:
        yield from wrapped(f"Policy document: {basis.appropriate_policy_document}", inside)
    for gateway in basis.gateways:
        yield from wrapped(f"Gateway: {_in_words('gateways', gateway)}", inside)
    shown = {"purpose", "relied_on_by", "regime", "basis", "article_9", "article_10"}
    shown |= {"schedule_1", "schedule_8"}
    yield from other_members(basis, shown | {"appropriate_policy_document", "gateways"}, inside)


def _in_words(kind: LegalKind, text: str) -> str:
    """Return the codes in a text, each with its label; other texts stay unchanged."""
    known = legal_codes(kind)
    return "; ".join(
        f"{code} ({known[code].label})" if code in known else code for code in codes_in(text)
    )
