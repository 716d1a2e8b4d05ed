"""Meaning of an agreement for one party: what it gives and gets, why, by which law, how long.

The page `This agreement for us` shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from contracts.legal_codes import codes_in, law_in_words
from contracts.model import Contract
from contracts.parties import Party
from contracts.party_terms import Exchange, exchanges, party_of, party_purposes
from contracts.phrases import N_
from contracts.terms import EventTerms, LegalBasis
from contracts.wording import duration_words, field_label, in_words, type_title

__all__ = ["ExchangeRow", "PartyOverview", "PurposeRow", "TimeRow", "party_overview"]

_SENSITIVE: Final = {
    "special-category": N_("special category data"),
    "criminal-offence": N_("criminal offence data"),
}


@dataclass(frozen=True, slots=True)
class ExchangeRow:
    """Fields of one kind of event, between the party and partners that are treated alike.

    Attributes:
        title: the kind of event in words.
        text: its description in the agreement.
        clause: clause of the agreement.
        partners: agency ids.
        kinds: categories of the data.
        special: kinds of data that the law treats in its own way.
        reads: labels of the fields.
        kinds_kept_back: categories of which the reader gets nothing.
        kept_back: labels of the fields that the reader does not get.
        with_consent: labels of the fields that need consent.
    """

    title: str
    text: str
    clause: str
    partners: tuple[str, ...]
    kinds: tuple[str, ...]
    special: tuple[str, ...]
    reads: tuple[str, ...]
    kinds_kept_back: tuple[str, ...]
    kept_back: tuple[str, ...]
    with_consent: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PurposeRow:
    """One purpose of the party, with its law in words."""

    title: str
    text: str
    bases: tuple[str, ...]
    conditions: tuple[str, ...]
    gateways: tuple[str, ...]
    policy_documents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TimeRow:
    """Time limits of one kind of event; None where the agreement states none."""

    title: str
    urgent: bool
    acknowledge: str | None
    answer: str | None
    keep_years: int | None
    kafka_days: int | None


@dataclass(frozen=True, slots=True)
class PartyOverview:
    """Meaning of an agreement for one party.

    Attributes:
        party: the party.
        gives, gets: the rows of both directions.
        never: categories of which the party gets nothing at all.
        purposes: purposes that it pursues.
        times: time limits.
    """

    party: Party
    gives: tuple[ExchangeRow, ...]
    gets: tuple[ExchangeRow, ...]
    never: tuple[str, ...]
    purposes: tuple[PurposeRow, ...]
    times: tuple[TimeRow, ...]

    @property
    def gives_by_title(self) -> tuple[tuple[str, tuple[ExchangeRow, ...]], ...]:
        """Return what the party gives, by kind of event."""
        titles = _once(row.title for row in self.gives)
        return tuple(
            (title, tuple(row for row in self.gives if row.title == title)) for title in titles
        )

    @property
    def special(self) -> tuple[str, ...]:
        """Return the kinds of data, given or got, that the law treats in its own way."""
        return _once(kind for row in (*self.gives, *self.gets) for kind in row.special)

    @property
    def bases(self) -> tuple[str, ...]:
        """Return every legal basis, each once."""
        return _once(basis for one in self.purposes for basis in one.bases)

    @property
    def kept(self) -> tuple[tuple[int, tuple[str, ...]], ...]:
        """Return the years for which the party keeps what it gets, with the kinds of event."""
        titles: dict[int, list[str]] = {}
        got = {row.title for row in self.gets}
        for one in self.times:
            if one.keep_years is not None and not one.urgent and one.title in got:
                titles.setdefault(one.keep_years, []).append(one.title)
        return tuple((years, tuple(named)) for years, named in sorted(titles.items()))


def party_overview(contract: Contract, agency: str) -> PartyOverview:
    """Return what an agreement means for one party.

    Raises:
        UnknownNameError: `agency_unknown`: the agreement has no such party.
    """
    party = party_of(contract, agency)
    gets = exchanges(contract, agency, giving=False)
    read = {one.terms.fields[path].category for one in gets for path in one.reads}
    every = _once(
        field.category for terms in contract.event_types.values() for field in terms.fields.values()
    )
    return PartyOverview(
        party,
        tuple(_row(contract, one) for one in exchanges(contract, agency, giving=True)),
        tuple(_row(contract, one) for one in gets),
        tuple(in_words(one) for one in every if one not in read),
        tuple(
            _purpose(one.name, one.purpose.text, one.bases)
            for one in party_purposes(contract, party)
        ),
        tuple(
            row
            for name, terms in contract.event_types.items()
            if party.role in (*terms.recipients, *terms.publishers)
            for row in _times(name, terms)
        ),
    )


def _row(contract: Contract, one: Exchange) -> ExchangeRow:
    fields = one.terms.fields
    read = _once(fields[path].category for path in one.reads)
    kept_back = _once(fields[path].category for path in one.kept_back)
    stated = {fields[path].sensitivity for path in one.reads}

    def labels(paths: Sequence[str]) -> tuple[str, ...]:
        return tuple(field_label(contract.vocabulary, one.event_type, path) for path in paths)

    return ExchangeRow(
        title=type_title(one.event_type),
        text=one.terms.text,
        clause=one.terms.clause,
        partners=one.partners,
        kinds=tuple(map(in_words, read)),
        special=tuple(words for each, words in _SENSITIVE.items() if each in stated),
        reads=labels(one.reads),
        kinds_kept_back=tuple(in_words(each) for each in kept_back if each not in read),
        kept_back=labels(one.kept_back),
        with_consent=labels(one.with_consent),
    )


def _purpose(name: str, text: str, bases: Iterable[LegalBasis]) -> PurposeRow:
    found = tuple(bases)
    title = in_words(name)
    conditions = (
        condition
        for one in found
        for condition in (one.article_9, one.article_10, one.schedule_1, one.schedule_8)
    )
    return PurposeRow(
        title=title[:1].upper() + title[1:],
        text=text,
        bases=_law(one.basis for one in found),
        conditions=_law(conditions),
        gateways=_law(each for one in found for each in one.gateways),
        policy_documents=_once(
            one.appropriate_policy_document for one in found if one.appropriate_policy_document
        ),
    )


def _law(texts: Iterable[str | None]) -> tuple[str, ...]:
    """Return the law that texts of an agreement name, each once, in words."""
    return _once(law_in_words(code) for text in texts for code in codes_in(text))


def _times(name: str, terms: EventTerms) -> Iterable[TimeRow]:
    levels, kept = terms.service_levels, terms.retention
    years = None if kept is None else kept.recipient_years
    days = None if kept is None else kept.kafka_days
    title = type_title(name)
    if levels is None:
        yield TimeRow(title, False, None, None, years, days)
        return
    own = duration_words(levels.acknowledge_within), duration_words(levels.respond_within)
    yield TimeRow(title, False, *own, years, days)
    urgent = levels.urgent_acknowledge_within, levels.urgent_respond_within
    if any(urgent):
        acknowledge, answer = (None if one is None else duration_words(one) for one in urgent)
        yield TimeRow(title, True, acknowledge, answer, years, days)


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
