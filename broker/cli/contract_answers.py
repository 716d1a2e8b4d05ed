"""``contract simulate|who|calendar``: what an agreement means for one event, field or year."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.contract import AgencyOrFile, EventType, File, Named, require_one_source
from broker.cli.lines import chunks, read_lines, write_json
from broker.cli.output import (
    REFUSED,
    Agency,
    AsJson,
    Output,
    note,
    print_json,
    print_table,
    print_tables,
    write_file,
    write_out,
)

if TYPE_CHECKING:
    from contracts.simulation import Simulated

Events = Annotated[
    Path | None,
    typer.Argument(metavar="[FILE]", help="Plain events, JSON Lines; standard input if left out."),
]


class CalendarFormat(StrEnum):
    """Formats of ``contract calendar``."""

    text = "text"
    ics = "ics"
    json = "json"


def simulate(
    agency: Agency,
    file: Events = None,
    contract: Named = None,
    agreement: Annotated[
        Path | None,
        typer.Option("--agreement", metavar="FILE", help="Another version to try, also unsigned."),
    ] = None,
) -> None:
    """Say what each recipient would read of an event, and what is left out and why.

    Needs no key, and seals nothing. In: {"type", "recipients", "data"}. Out, one line for each
    event: {"recipients": {ID: {"reads", "left_out"}}}; each of "left_out" is {"field", "reason",
    "clause"}. Or {"refused", "detail", "clause"}; exit code 4 if any would be refused.
    """
    from broker.clock import now_ms
    from broker.operations.contract_simulation import EventSimulator

    simulator = EventSimulator(agency, contract, agreement, now_ms())
    refused = False
    for chunk in chunks(read_lines(file)):
        answers = simulator.simulate(chunk)
        refused |= not all(one.permitted for one in answers)
        write_json(map(_line, answers))
    raise typer.Exit(REFUSED if refused else 0)


def who(
    field: Annotated[
        str,
        typer.Argument(
            metavar="FIELD", help="A field or a group of fields, by its path with dots."
        ),
    ],
    file: File = None,
    agency: AgencyOrFile = None,
    contract: Named = None,
    type: EventType = None,  # noqa: A002 - the option's own word
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Say who may read a field, for what, on which legal basis, with which consent, how long.

    One row for each event type and role; below the table, each purpose and legal basis in words.
    `contract explain --field` adds why each purpose is necessary.
    """
    from broker.cli import terms_text
    from broker.clock import now_ms
    from broker.operations.contract_choice import choose
    from contracts.field_answer import answer_fields

    require_one_source(file, agency)
    chosen = choose(file, agency, contract, now_ms())
    answers = answer_fields(chosen.contract, field, type)
    if json:
        print_json(terms_text.field_json(chosen, answers, field, type), output)
        return
    rows = [row for answer in answers for row in terms_text.reader_rows(answer)]
    if rows:
        meanings = terms_text.meanings(answers)
        print_tables([(terms_text.READER_COLUMNS, rows), (("WORD", "MEANS"), meanings)], output)
    for answer in answers:
        if answer.terms is None:
            note(f"{answer.path} of {answer.event_type}: the agreement grants it to no role.")
    if rows:
        place = str(file) if file is not None else f"--agency {agency}"
        note(
            "Why each purpose is necessary, and all conditions: "
            f"concordant contract explain {place} --field {field}"
        )


def calendar(
    file: File = None,
    agency: AgencyOrFile = None,
    contract: Named = None,
    form: Annotated[
        CalendarFormat, typer.Option("--format", help="ics is a file for a calendar program.")
    ] = CalendarFormat.text,
    output: Output = None,
) -> None:
    """Say on which days the parties have something to do: reviews, assessments, start and end."""
    from broker.clock import now_ms
    from broker.operations.contract_choice import choose
    from contracts.calendar import agreement_dates

    require_one_source(file, agency)
    now = now_ms()
    terms = choose(file, agency, contract, now).contract
    dates = agreement_dates(terms)
    if form is CalendarFormat.ics:
        from broker.operations.contract_calendar import calendar_file

        data = calendar_file([terms], now)
        if output is None:
            write_out(data)
        else:
            write_file(output, data, "calendar")
    elif form is CalendarFormat.json:
        print_json(
            [{"kind": d.kind, "what": d.what, "day": str(d.day), "by": list(d.by)} for d in dates],
            output,
        )
    else:
        rows = [(str(one.day), one.what, ", ".join(one.by) or "no party yet") for one in dates]
        print_table(("DAY", "WHAT", "WHO"), rows, output)


def _line(answer: Simulated) -> dict[str, object]:
    if not answer.permitted:
        return {"refused": answer.code, "detail": answer.detail, "clause": answer.clause}
    return {
        "recipients": {
            agency: {
                "reads": list(view.reads),
                "left_out": [
                    {"field": one.field, "reason": one.reason, "clause": one.clause}
                    for one in view.left_out
                ],
            }
            for agency, view in answer.recipients.items()
        }
    }
