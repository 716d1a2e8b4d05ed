"""Command ``concordant event ping``: a test of the way to a partner and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.output import NO, Agency, AsJson, note, print_json, print_table, print_text

if TYPE_CHECKING:
    from broker.operations.event_ping import PingResult, Station

_WORDS = {
    "accepted": "accepted here",
    "sealed": "sealed for {partner}",
    "on_kafka": "on Kafka",
    "fetched": "fetched by {partner}",
    "verified": "verified by {partner}",
    "answered": "answered by {partner}",
    "answer_on_kafka": "answer on Kafka",
    "answer_verified": "answer verified here",
}


def ping(
    partner: Annotated[
        str, typer.Argument(metavar="AGENCY", help="Agency id of the partner to test.")
    ],
    agency: Agency,
    timeout: Annotated[
        float, typer.Option(min=1, max=600, help="Seconds to wait for the answer.")
    ] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Test the way to a partner and back over the live topics, without personal data.

    Sends a small sealed record of the protocol. The partner's running adapter answers it by itself.
    Shows each station with its time, and where it stopped. It needs Kafka and the passphrase; your
    own adapter may run or not. It says nothing about a case and leaves nothing in the systems of
    both agencies. Exit code 1 if no answer came in time.
    """
    from broker.clock import now_ms
    from broker.operations.event_ping import ping_partner

    result = ping_partner(agency, partner, now_ms, timeout_s=timeout)
    if as_json:
        print_json(_as_json(result))
    else:
        _show(result)
    raise typer.Exit(0 if result.came_back else NO)


def _show(result: PingResult) -> None:
    first = result.stations[0].time_ms
    rows = [_row(one, result.partner, first) for one in result.stations]
    print_table(("station", "time (UTC)", "after", "by the clock of", "place"), rows)
    runs = "runs" if result.own_adapter_runs else "does not run; a ping does not need it"
    note(f"The adapter of this agency {runs}.")
    if result.came_back:
        total = result.stations[-1].time_ms - first
        print_text(f"{result.partner} answered after {total:,} ms.")
        return
    reached = _WORDS[result.stations[-1].name].format(partner=result.partner)
    print_text(f"No answer of {result.partner} ({result.code}). The last station: {reached}.")
    note(f"to do: {result.fix}")


def _row(station: Station, partner: str, first: int) -> tuple[str, ...]:
    from broker.cli.times import instant

    time = (instant(station.time_ms) or "").partition("T")[2].rstrip("Z")
    place = "" if station.topic is None else f"{station.topic} {station.partition} "
    return (
        _WORDS[station.name].format(partner=partner),
        time,
        f"{station.time_ms - first:,} ms",
        station.by,
        f"{place}offset {station.offset}" if place else "",
    )


def _as_json(result: PingResult) -> dict[str, object]:
    from broker.cli.times import instant

    first = result.stations[0].time_ms
    stations = []
    for one in result.stations:
        shown: dict[str, object] = {
            "station": one.name,
            "by": one.by,
            "time": instant(one.time_ms),
            "after_ms": one.time_ms - first,
        }
        if one.topic is not None:
            shown |= {"topic": one.topic, "partition": one.partition, "offset": one.offset}
        stations.append(shown)
    return {
        "partner": result.partner,
        "came_back": result.came_back,
        "stations": stations,
        "own_adapter_runs": result.own_adapter_runs,
        "last_heard": instant(result.heard_ms),
        "code": result.code,
        "fix": result.fix or None,
    }
