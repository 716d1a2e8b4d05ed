"""``contract export ropa|dpia|odcs``: an agreement in the forms that others ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.contract import AgencyOrFile, File, Named, require_one_source
from broker.cli.output import Output, print_text
from contracts.markup import DocumentFormat

if TYPE_CHECKING:
    from broker.operations.contract_choice import Chosen

app = typer.Typer(
    no_args_is_help=True,
    help="Write an agreement as a record of processing, an impact assessment, or for a catalogue.",
)

Party = Annotated[
    str | None,
    typer.Option("--party", metavar="ID", help="For this agency; with --agency DIR, its own."),
]


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
