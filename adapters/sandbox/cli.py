"""Command ``concordant sandbox``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.output import REFUSED, Agency, note, number_of, printable

if TYPE_CHECKING:
    from adapters.sandbox.happenings import Happening, Summary


class KafkaChoice(StrEnum):
    """Kafka of a rehearsal."""

    memory = "memory"
    local = "local"


def sandbox(
    agency: Agency,
    exports: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...",
            show_default=False,
            help="Exports of your system to drop into the import folder of the rehearsal.",
        ),
    ] = None,
    partner: Annotated[
        list[str] | None,
        typer.Option(
            "--partner",
            metavar="ID=BEHAVIOUR",
            help="How a partner behaves: accept, reject, silent, late (late:30s) or rubbish. "
            "A partner that is not named accepts.",
        ),
    ] = None,
    agreement: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The agreement or draft to rehearse. The default is the one in contracts/ of the "
            "agency's folder.",
        ),
    ] = None,
    every: Annotated[
        str,
        typer.Option(
            metavar="DURATION", help="Time between two events of each partner; 0 for none."
        ),
    ] = "10s",
    duration: Annotated[
        str | None,
        typer.Option("--for", metavar="DURATION", help="End after this time, for example 60s."),
    ] = None,
    events: Annotated[
        int | None,
        typer.Option(min=1, help="End when so many events were imported, refused or delivered."),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of the rehearsal, absent or empty; it stays. The default is a temporary "
            "folder, which is removed at the end.",
        ),
    ] = None,
    kafka: Annotated[
        KafkaChoice,
        typer.Option(
            help="Kafka in memory, or a real one on this machine (needs the extra `local`)."
        ),
    ] = KafkaChoice.memory,
    outside: Annotated[
        bool,
        typer.Option(
            "--outside",
            help="Use a source or sink that reaches a system outside, such as a database. Name a "
            "test system in the settings.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document a line.")
    ] = False,
) -> None:
    """Rehearse alone: your agency's settings and mapping with simulated partners.

    It copies the settings, the mapping and the terms of your agreement into a sandbox with
    throw-away keys, and runs your adapter and each partner there. Your agency's keys, Kafka, state
    and folders are only read or not used at all. One line tells each thing that happens. Ctrl-C
    ends it. Exit code 4 means that a row or an event of yours was refused.
    """
    from adapters.sandbox.behaviours import seconds_of
    from adapters.sandbox.rehearsal import RehearsalPlan, Shown, rehearse

    plan = RehearsalPlan(
        agency=agency,
        exports=tuple(exports or ()),
        partners=tuple(partner or ()),
        agreement=agreement,
        folder=folder,
        kafka=kafka.value,
        every_s=0.0 if every in {"0", "0s"} else seconds_of(every, "--every"),
        for_s=None if duration is None else seconds_of(duration, "--for"),
        events=events,
        outside=outside,
    )
    show = _show_json if as_json else _show_text
    summary = rehearse(plan, Shown(show, note))
    if as_json:
        _write(summary.as_json())
    else:
        _show_summary(summary)
    if summary.counts["not_sent"]:
        raise typer.Exit(REFUSED)


def _show_text(happening: Happening) -> None:
    from datetime import UTC, datetime

    typer.echo(printable(f"{datetime.now(UTC):%H:%M:%S} {happening.text}"))
    if happening.fix:
        typer.echo(printable(f"         next: {happening.fix}"))


def _show_json(happening: Happening) -> None:
    from broker.cli.times import instant
    from broker.clock import now_ms

    _write({"time": instant(now_ms()), **happening.as_json()})


def _write(document: dict[str, object]) -> None:
    from broker.cli.lines import write_json

    write_json([document])


_TITLES = {
    "sent": "sealed for a partner",
    "not_sent": "not sent",
    "imported": "imported by a partner's system",
    "rejected": "refused by a partner's system",
    "reported": "reports of partners about your events",
    "partner_sent": "sent by a partner",
    "rubbish_sent": "faulty records sent by a partner",
    "received": "accepted by your adapter",
    "delivered": "delivered to your system",
    "refused": "records refused by your adapter",
    "put_aside": "put aside by your adapter",
}


def _show_summary(summary: Summary) -> None:
    typer.echo("")
    typer.echo("Summary")
    for what, title in _TITLES.items():
        if summary.counts[what]:
            typer.echo(f"  {summary.counts[what]:>6,}  {title}")
    for agency, counts in sorted(summary.by_partner.items()):
        parts = [f"{count:,} {_TITLES[what]}" for what, count in counts.items() if what in _TITLES]
        if parts:
            typer.echo(printable(f"  {agency}: {'; '.join(parts)}"))
    if summary.codes:
        typer.echo(f"  {number_of(len(summary.codes), 'reason code')}:")
        for code, count in sorted(summary.codes.items()):
            typer.echo(f"  {count:>6,}  {code}")
    if summary.folder:
        typer.echo(printable(f"  Everything of this rehearsal is in {summary.folder}"))
