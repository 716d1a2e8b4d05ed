"""Page: the records that an agreement fills in for a register, as files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from starlette.responses import Response

from adapters.web.errors import PageNotFoundError
from adapters.web.officer.chosen import READERS, chosen_agreement, state_of
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from contracts.data_dictionary import data_dictionary_csv
from contracts.impact_assessment import impact_assessment
from contracts.markup import DocumentFormat, written
from contracts.model import Contract
from contracts.party_paper import party_paper
from contracts.processing_record import processing_record, processing_record_csv


@dataclass(frozen=True, slots=True)
class RecordsExport:
    """A record that an agreement fills in for a party.

    Attributes:
        ending: ending of the file's name.
        media_type: its type.
        content: (agreement, agency) -> text.
    """

    ending: str
    media_type: str
    content: Callable[[Contract, str], str]


EXPORTS: Final[Mapping[str, RecordsExport]] = MappingProxyType(
    {
        "processing": RecordsExport("csv", "text/csv; charset=utf-8", processing_record_csv),
        "assessment": RecordsExport(
            "md",
            "text/markdown; charset=utf-8",
            lambda contract, agency: written(
                impact_assessment(contract, agency), DocumentFormat.md
            ),
        ),
        "assessment-page": RecordsExport(
            "html",
            "text/html; charset=utf-8",
            lambda contract, agency: written(
                impact_assessment(contract, agency), DocumentFormat.html
            ),
        ),
        "dictionary": RecordsExport("csv", "text/csv; charset=utf-8", data_dictionary_csv),
        "paper": RecordsExport(
            "html",
            "text/html; charset=utf-8",
            lambda contract, agency: written(party_paper(contract, agency), DocumentFormat.html),
        ),
    }
)


def records(visit: Visit) -> Response:
    """Show the record of processing, and offer the records as files."""
    signed = chosen_agreement(visit)
    return visit.page(
        "officer/records.html",
        signed=signed,
        contract=signed.contract,
        state=state_of(visit, signed),
        record=processing_record(signed.contract, visit.agency.participant().agency),
    )


def record_file(visit: Visit) -> Response:
    """Give one record as a file."""
    signed = chosen_agreement(visit)
    export = EXPORTS.get(visit.path["record"])
    if export is None:
        raise PageNotFoundError(visit=visit)
    text = export.content(signed.contract, visit.agency.participant().agency)
    name = f"{signed.contract.name}-{visit.path['record']}.{export.ending}"
    return visit.download(text.encode(), name, export.media_type)


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/agreements/{sha256}/records", READERS, records),
    PageRoute("GET", "/agreements/{sha256}/records/{record}", READERS, record_file),
)
