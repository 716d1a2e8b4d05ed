"""``contract export``: an agreement in the forms that officers and developers ask for."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.contract import AgencyOrFile, File, Named, require_one_source
from broker.cli.output import Output, print_json, print_text
from contracts.markup import DocumentFormat

if TYPE_CHECKING:
    from broker.operations.contract_choice import Chosen

app = typer.Typer(
    no_args_is_help=True,
    help="Write an agreement for a record of processing, a catalogue, or a developer's tools.",
)

Party = Annotated[
    str | None,
    typer.Option("--party", metavar="ID", help="For this agency; with --agency DIR, its own."),
]


class DictionaryFormat(StrEnum):
    """Formats of ``contract export dictionary``."""

    csv = "csv"
    text = "text"
    md = "md"
    html = "html"


@app.command("ropa")
def ropa(
    file: File = None,
    agency: AgencyOrFile = None,
    contract: Named = None,
    party: Party = None,
    output: Output = None,
) -> None:
    """Write the rows for a party's record of processing activities, as CSV.

    One row for each purpose, with the columns of Article 30 UK GDPR and section 61 of the Data
    Protection Act 2018. Cells that the agreement cannot fill say so.
    """
    from contracts.processing_record import processing_record_csv

    chosen = _chosen(file, agency, contract)
    print_text(processing_record_csv(chosen.contract, _party(chosen, agency, party)), output)


@app.command("dpia")
def dpia(
    file: File = None,
    agency: AgencyOrFile = None,
    contract: Named = None,
    party: Party = None,
    form: Annotated[
        DocumentFormat, typer.Option("--format", help="Text, Markdown, or an HTML page.")
    ] = DocumentFormat.md,
    output: Output = None,
) -> None:
    """Write a data protection impact assessment that the agreement has filled in as far as it can.

    It has the seven steps of the ICO's form. Risks and sign-off are empty: people assess them.
    """
    from contracts.impact_assessment import impact_assessment
    from contracts.markup import written

    chosen = _chosen(file, agency, contract)
    document = impact_assessment(chosen.contract, _party(chosen, agency, party))
    print_text(written(document, form), output)


@app.command("odcs")
def odcs(
    file: File = None,
    agency: AgencyOrFile = None,
    contract: Named = None,
    output: Output = None,
) -> None:
    """Write the agreement as Open Data Contract Standard 3.2.0, for a data catalogue."""
    import yaml

    from contracts.odcs import odcs_document

    document = odcs_document(_chosen(file, agency, contract).text)
    print_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100), output)


@app.command("dictionary")
def dictionary(
    file: File = None,
    agency: AgencyOrFile = None,
    contract: Named = None,
    party: Party = None,
    form: Annotated[
        DictionaryFormat, typer.Option("--format", help="CSV, text, Markdown, or an HTML page.")
    ] = DictionaryFormat.csv,
    output: Output = None,
) -> None:
    """Write the data dictionary of a party: every field that it reads or sends, with its codes."""
    from contracts.data_dictionary import data_dictionary, data_dictionary_csv
    from contracts.markup import written

    chosen = _chosen(file, agency, contract)
    of = _party(chosen, agency, party)
    if form is DictionaryFormat.csv:
        print_text(data_dictionary_csv(chosen.contract, of), output)
    else:
        document = data_dictionary(chosen.contract, of)
        print_text(written(document, DocumentFormat(form.value)), output)


@app.command("json-schema")
def schemas(
    file: File = None,
    agency: AgencyOrFile = None,
    contract: Named = None,
    party: Party = None,
    event_type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Only this event type.")
    ] = None,
    output: Output = None,
) -> None:
    """Write JSON Schemas 2020-12 of the events that a party receives and sends.

    JSON: {"receives": {TYPE: schema}, "sends": {TYPE: schema}}. A schema has only the fields that
    the agreement grants to the party.
    """
    from contracts.typed_models import party_schemas

    chosen = _chosen(file, agency, contract)
    print_json(party_schemas(chosen.contract, _party(chosen, agency, party), event_type), output)


@app.command("asyncapi")
def asyncapi(
    file: File = None,
    agency: AgencyOrFile = None,
    contract: Named = None,
    party: Party = None,
    output: Output = None,
) -> None:
    """Write an AsyncAPI 3.1 document of the topics and events of a party, as JSON."""
    from contracts.async_api import async_api_document

    chosen = _chosen(file, agency, contract)
    print_json(async_api_document(chosen.contract, _party(chosen, agency, party)), output)


@app.command("openapi")
def openapi(
    file: File = None,
    agency: AgencyOrFile = None,
    contract: Named = None,
    party: Party = None,
    output: Output = None,
) -> None:
    """Write an OpenAPI 3.1 document of the HTTP interface of a party's adapter, as JSON."""
    from contracts.open_api import open_api_document

    chosen = _chosen(file, agency, contract)
    print_json(open_api_document([chosen.contract], _party(chosen, agency, party)), output)


@app.command("python")
def models(
    file: File = None,
    agency: AgencyOrFile = None,
    contract: Named = None,
    party: Party = None,
    output: Output = None,
) -> None:
    """Write a Python module with pydantic models of the events that a party receives and sends.

    The models also cover the messages of the adapter's bus side. The module needs only pydantic.
    Make it again when a new version of the agreement is in force.
    """
    from contracts.pydantic_models import pydantic_module

    chosen = _chosen(file, agency, contract)
    print_text(pydantic_module(chosen.contract, _party(chosen, agency, party)), output)


def types(
    file: File = None,
    agency: AgencyOrFile = None,
    contract: Named = None,
    party: Party = None,
    output: Output = None,
) -> None:
    """Write a Python module with types of the events that a party receives and sends.

    The module has a TypedDict for each event type and direction, and needs only the standard
    library. Make it again when a new version of the agreement is in force.
    """
    from contracts.typed_models import typed_module

    chosen = _chosen(file, agency, contract)
    print_text(typed_module(chosen.contract, _party(chosen, agency, party)), output)


def _chosen(file: Path | None, agency: Path | None, name: str | None) -> Chosen:
    from broker.clock import now_ms
    from broker.operations.contract_choice import choose

    require_one_source(file, agency)
    return choose(file, agency, name, now_ms())


def _party(chosen: Chosen, agency: Path | None, party: str | None) -> str:
    """Return the agency that was named, or the one whose folder was given."""
    if party is not None:
        return party
    if agency is None:
        raise typer.BadParameter(
            f"give --party ID: one of {', '.join(chosen.contract.by_id) or 'no party yet'}"
        )
    from broker.agency.config import load_config

    return load_config(agency).agency
