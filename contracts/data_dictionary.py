"""Data dictionary of one party: every field that it reads or sends, in words and with its codes.

As a document for people (`contracts/markup.py`), and as CSV for a spreadsheet or a data catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields

from contracts.consent_needs import consent_needs
from contracts.csv_text import csv_text
from contracts.markup import Block, Document, Heading, MarkupTable, Paragraph
from contracts.model import Contract
from contracts.typed_models import leaves_of_party
from contracts.vocabulary import EventType, Leaf
from contracts.vocabulary.format import Value, VocabularyForm
from contracts.vocabulary.report import condition_in_words

__all__ = ["DictionaryRow", "data_dictionary", "data_dictionary_csv", "dictionary_rows"]


@dataclass(frozen=True, slots=True)
class DictionaryRow:
    """One field of one event type, for one party.

    Attributes:
        direction: `receives`, `sends` or `receives and sends`.
        form: kind and limits in words.
        required_when: conditions under which an event needs the field.
        consent: scopes without which the field is left out.
    """

    event_type: str
    field: str
    label: str
    direction: str
    form: str
    code_list: str
    required: str
    category: str
    sensitivity: str
    data_subject: str
    identifies: str
    purposes: str
    readers: str
    consent: str
    clause: str
    required_when: str


def dictionary_rows(contract: Contract, agency: str) -> Iterator[DictionaryRow]:
    """Yield the rows of one party, in the order of the agreement and its vocabulary.

    Raises:
        UnknownNameError: `agency_unknown`: the agreement has no such party.
    """
    gets = leaves_of_party(contract, agency, "receives")
    gives = leaves_of_party(contract, agency, "sends")
    for name in contract.event_types:
        of_type = contract.vocabulary.type(name)
        for path, leaf in of_type.leaves.items():
            read, sent = path in gets.get(name, ()), path in gives.get(name, ())
            if read or sent:
                words = [word for word, is_so in (("receives", read), ("sends", sent)) if is_so]
                yield _row(contract, of_type, leaf, " and ".join(words))


def _row(contract: Contract, of_type: EventType, leaf: Leaf, direction: str) -> DictionaryRow:
    form, stated = contract.vocabulary.form, leaf.form
    terms = contract.event_types[of_type.name]
    field = terms.fields[leaf.path]
    needs = consent_needs(contract, terms, field)
    scopes = dict.fromkeys((*needs.everyone, *(need.scope for need in needs.by_role)))
    return DictionaryRow(
        event_type=of_type.name,
        field=leaf.path,
        label=stated.label or "",
        direction=direction,
        form=_form(form, leaf),
        code_list=stated.value.code or "",
        required="yes" if leaf.required else "",
        required_when="; ".join(
            condition_in_words(form, of_type, one)
            for one in of_type.conditions
            if leaf.path in one.required
        ),
        category=field.category,
        sensitivity=field.sensitivity,
        data_subject=form.data_subjects.get(field.data_subject, field.data_subject),
        identifies="yes" if field.identifies else "",
        purposes="; ".join(field.purposes),
        readers="; ".join(field.readers),
        consent="; ".join(scopes),
        clause=field.clause,
    )


def _required(row: DictionaryRow) -> str:
    if row.required:
        return ", in every event"
    return f", in every event in which {row.required_when}" if row.required_when else ""


def _form(form: VocabularyForm, leaf: Leaf) -> str:
    one = _value(form, leaf.form.value)
    if leaf.form.longest is None:
        return one
    what = "set" if leaf.form.set_of is not None else "list"
    return f"{what} of at most {leaf.form.longest}: {one}"


def _value(form: VocabularyForm, value: Value) -> str:
    if value.object is not None:
        members = form.items[value.object].fields
        return f"{value.object} ({', '.join(members)})"
    if value.code is not None:
        return f"code of {value.code}"
    kind = form.kinds.get(value.kind or "")
    if kind is None:
        return str(value.kind)
    if kind.text is not None:
        return f"text of {kind.text.shortest} to {kind.text.longest} characters"
    if kind.integer is not None:
        return f"whole number from {kind.integer.lowest} to {kind.integer.highest}"
    return f"{value.kind}: {kind.pattern}"


def data_dictionary_csv(contract: Contract, agency: str) -> str:
    """Return the rows as CSV (RFC 4180), with a line of column names first.

    Raises:
        UnknownNameError: `agency_unknown`: the agreement has no such party.
    """
    columns = [each.name for each in fields(DictionaryRow)]
    return csv_text(columns, (astuple(row) for row in dictionary_rows(contract, agency)))


def data_dictionary(contract: Contract, agency: str) -> Document:
    """Return the dictionary as a document: fields of each event type, then all code lists.

    Raises:
        UnknownNameError: `agency_unknown`: the agreement has no such party.
    """
    title = f"{contract.title}: data dictionary of {agency}"
    return Document(title, tuple(_blocks(contract, agency)))


def _blocks(contract: Contract, agency: str) -> Iterator[Block]:
    form = contract.vocabulary.form
    yield Paragraph(
        f"Agreement {contract.name} {contract.version}; vocabulary {form.vocabulary} of "
        f"{form.dated}, SHA-256 {contract.vocabulary.hash}."
    )
    rows = list(dictionary_rows(contract, agency))
    yield Heading("Event types")
    for name in dict.fromkeys(row.event_type for row in rows):
        yield Heading(name, 3)
        yield Paragraph(form.event_types[name].description)
        yield MarkupTable(
            ("field", "what it is", "direction", "form", "sensitivity", "consent", "clause"),
            tuple(
                (
                    row.field,
                    row.label,
                    row.direction,
                    row.form + _required(row),
                    row.sensitivity,
                    row.consent,
                    row.clause,
                )
                for row in rows
                if row.event_type == name
            ),
        )
    yield Heading("Code lists")
    for name in sorted({row.code_list for row in rows if row.code_list}):
        listed = form.code_lists[name]
        yield Heading(name, 3)
        yield Paragraph(f"Of {listed.dated}. Source: {listed.source}.")
        yield MarkupTable(("code", "meaning"), tuple(listed.codes.items()))
