"""Page: who received what, of a case or of a field, for an access answer or an audit.

A search is sent as a form: a reference of a case never stands in an address, where a browser or a
proxy would keep it. Each search is a consultation in the disclosure log, with person and reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from adapters.web.errors import LogUncheckedError
from adapters.web.officer.chosen import INSPECTORS, disclosure_log
from adapters.web.officer.words import KINDS, LEFT_OUT
from adapters.web.pages import PageRoute
from adapters.web.reasons import REASON_WORDS
from adapters.web.visit import Visit
from broker.audit.entries import EntryKind
from broker.audit.reason_text import reason_text
from broker.errors import WrongInputError
from broker.operations.case_disclosures import (
    Disclosure,
    disclosure_recipients,
    disclosures_csv,
    disclosures_of,
    unserved_parties,
)
from broker.operations.log_answer import LogAnswer, LogEntry, LogQuery
from contracts.legal_codes import law_in_words
from contracts.phrases import N_
from contracts.wording import field_label, in_words, type_title

MOST_ENTRIES: Final = 100
"""Entries that are shown of a field in all cases, the newest ones."""
_SHOWN: Final[Sequence[EntryKind]] = ("disclosure", "collection", "consultation")


@dataclass(frozen=True, slots=True)
class Receipt:
    """Fields that one agency received with one event, under the same terms.

    Attributes:
        recipient: agency id.
        entry: the entry of the log.
        title: the kind of event in words.
        fields: labels and clauses of the fields.
        purposes, bases: of all these fields together.
        contract: name and version of the agreement.
    """

    recipient: str
    entry: LogEntry
    title: str
    fields: tuple[tuple[str, str], ...]
    purposes: tuple[str, ...]
    bases: tuple[str, ...]
    contract: str


@dataclass(frozen=True, slots=True)
class LeftOutField:
    """A field that an agency, or every recipient, did not get."""

    label: str
    agency: str
    reason: str
    entry: LogEntry


def search(visit: Visit) -> Response:
    """Show the form."""
    return _page(visit)


def found(visit: Visit) -> Response:
    """Show who received what, as a page or as CSV."""
    case, field = visit.form.text("case"), visit.form.text("field")
    reason = visit.form.text("reason")
    if visit.form.text("format") == "csv":
        visit.require_recent_sign_in()
    if not case and not field:
        return _page(visit, [("case", N_("Enter the reference of a case, or choose a field"))])
    try:
        said = reason_text(reason, "", "")
    except WrongInputError:
        fault = N_("Say in one line of at most 200 characters why you are looking")
        return _page(visit, [("reason", fault)])
    try:
        log = disclosure_log(visit)
        answer = log.show(_query(case, field), visit.person.actor(said))
        disclosures = disclosures_of(answer, log.contracts)
    except WrongInputError as error:
        if error.code != "case_unknown":
            raise
        fault = N_("We have no case with this reference. Check it, or enter the shared number")
        return _page(visit, [("case", fault)])
    except LogUncheckedError as error:
        return _page(visit, check=error.values["check"])
    if visit.form.text("format") == "csv":
        return visit.download(
            disclosures_csv(disclosures).encode(), "disclosures.csv", "text/csv; charset=utf-8"
        )
    return _page(visit, (), answer=answer, disclosures=disclosures)


def _query(case: str, field: str) -> LogQuery:
    """Return the query of one case, or of one field through all cases."""
    if case:
        return LogQuery(case=case, field=field)
    return LogQuery(field=field, kinds=frozenset(_SHOWN), limit=MOST_ENTRIES)


def _page(
    visit: Visit,
    faults: Sequence[tuple[str, str]] = (),
    *,
    check: object = None,
    answer: LogAnswer | None = None,
    disclosures: Sequence[Disclosure] = (),
) -> Response:
    groups: Mapping[str, Sequence[Receipt]] = {
        kind: tuple(_receipts(one for one in disclosures if one.kind == kind))
        for kind in ("disclosure", "collection")
    }
    return visit.page(
        "officer/received.html",
        status=422 if faults else 200,
        faults=faults,
        check=check,
        kinds=KINDS,
        left_out_words=LEFT_OUT,
        reason_words=REASON_WORDS,
        type_title=type_title,
        in_words=in_words,
        law_in_words=law_in_words,
        fields=_fields(visit),
        answer=answer,
        groups=groups,
        people=_rest(answer, people=True),
        program=_rest(answer, people=False),
        left_out=[] if answer is None else list(_left_out(visit, answer)),
        sent_nothing=()
        if answer is None
        else unserved_parties(visit.agency.participant(), answer, disclosures),
        recipients=disclosure_recipients(disclosures),
    )


def _receipts(found: Iterable[Disclosure]) -> Iterable[Receipt]:
    together: dict[tuple[int, str], list[Disclosure]] = {}
    for one in found:
        together.setdefault((one.received.entry.index, one.received.recipient), []).append(one)
    for (_, recipient), of_one in together.items():
        first = of_one[0].received
        yield Receipt(
            recipient=recipient,
            entry=first.entry,
            title=type_title(first.entry.type),
            fields=tuple((one.label, one.received.clause) for one in of_one),
            purposes=tuple(dict.fromkeys(name for one in of_one for name in one.purposes)),
            bases=tuple(dict.fromkeys(code for one in of_one for code in one.bases)),
            contract=first.contract,
        )


def _rest(answer: LogAnswer | None, *, people: bool) -> Sequence[LogEntry]:
    """Return the entries besides what was sent and received: those of people, or of programs."""
    if answer is None:
        return ()
    return [
        one
        for one in answer.entries
        if (one.kind == "consultation" or not one.has_fields) and bool(one.acting_for) == people
    ]


def _left_out(visit: Visit, answer: LogAnswer) -> Iterable[LeftOutField]:
    for one in answer.left_out:
        yield LeftOutField(
            _label(visit, one.entry.type, one.path), one.agency, one.reason, one.entry
        )


def _label(visit: Visit, event_type: str, path: str) -> str:
    for signed in visit.agency.participant().contracts.all():
        if event_type in signed.contract.event_types:
            return field_label(signed.contract.vocabulary, event_type, path)
    return path


def _fields(visit: Visit) -> Sequence[tuple[str, str]]:
    """Return every field of the agreements with its label, in the order of the labels."""
    labels: dict[str, str] = {}
    for signed in visit.agency.participant().contracts.all():
        vocabulary = signed.contract.vocabulary
        for name, event_type in vocabulary.event_types.items():
            for path in event_type.leaves:
                labels.setdefault(path, field_label(vocabulary, name, path))
    return sorted(labels.items(), key=lambda one: one[1].casefold())


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/who-received", INSPECTORS, search),
    PageRoute("POST", "/who-received", INSPECTORS, found),
)
