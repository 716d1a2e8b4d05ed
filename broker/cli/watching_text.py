"""Texts of ``concordant tail`` and ``concordant top``."""

from __future__ import annotations

from collections.abc import Sequence
from json import dumps
from types import TracebackType
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.text import Text

from broker.cli.output import plain_table, printable
from broker.operations.flow_lines import FlowLine
from broker.operations.live_state import LivePicture
from broker.operations.partner_flow import PartnerFlow
from broker.utc_text import moment
from contracts.durations import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, duration_text

WIDTH: Final = 80
"""Columns of a terminal in which `top` fits."""
_PARTNER: Final = 18
"""Longest shown part of a partner's id."""


def json_line(line: FlowLine) -> str:
    """Return a step as one line of JSON."""
    return dumps(line.as_json()) + "\n"


def tail_line(line: FlowLine) -> str:
    """Return a step as one line of text."""
    parts = (
        moment(line.time_ms),
        line.step.replace("_", " ").ljust(9),
        ", ".join(line.partners) or "-",
        line.about or "-",
        line.event_id or "-",
        line.code,
    )
    return "  ".join(parts).rstrip() + "\n"


def picture_text(picture: LivePicture) -> str:
    """Return one picture of `top`; no line is longer than `WIDTH`."""
    status = picture.status
    outbox, inbox = status.outbox, status.inbox
    runs = "runs" if status.adapter_runs else "does not run"
    lines = [
        *_wrapped(picture.health.sentence),
        f"{status.agency} in {status.deployment}, {moment(status.time_ms)}. The adapter {runs}.",
        "",
        f"sent      {picture.sent_minute:>7,} in the last minute {picture.sent_hour:>9,} in the "
        "last hour",
        f"received  {picture.received_minute:>7,} in the last minute "
        f"{picture.received_hour:>9,} in the last hour",
        f"to send   {outbox.waiting + status.copies:>7,}"
        + _oldest(status.time_ms, outbox.oldest_pending_ms, outbox.oldest_unsent_ms),
        f"to deliver{inbox.undelivered + inbox.behind:>7,}"
        + _oldest(status.time_ms, inbox.oldest_undelivered_ms),
        f"put aside {sum(one.count for one in status.held):>7,}",
        f"overdue   {len(status.referrals.overdue):>7,}",
        "",
    ]
    heard = {one.agency: one.heard_ms for one in status.heartbeats}
    columns = ("partner", "heard", "sent", "recv", "to send", "deliver", "aside", "late")
    rows = [_row(one, heard.get(one.agency), status.time_ms) for one in status.partners]
    lines += [line[:WIDTH] for line in plain_table(columns, rows).splitlines()]
    lines += ["", "sent, recv: events in the last 24 hours"]
    return "\n".join(printable(line[:WIDTH]) for line in lines) + "\n"


def _row(one: PartnerFlow, heard_ms: int | None, now: int) -> Sequence[str]:
    return (
        one.agency[:_PARTNER],
        "never" if heard_ms is None else _age(now - heard_ms),
        str(one.sent),
        str(one.received),
        str(one.to_send),
        str(one.to_deliver),
        str(one.put_aside),
        str(one.overdue),
    )


def _age(milliseconds: int) -> str:
    """Return an age in its largest unit, in at most 8 characters."""
    for size, unit in ((DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "min")):
        if milliseconds >= size:
            return f"{min(milliseconds // size, 9999)} {unit}"
    return f"{max(milliseconds, 0) // SECOND_MS} s"


def _oldest(now: int, *times: int | None) -> str:
    known = [time for time in times if time is not None]
    return f" the oldest for {duration_text(now - min(known))}" if known else ""


def _wrapped(sentence: str) -> list[str]:
    lines = [""]
    for word in sentence.split():
        if len(lines[-1]) + len(word) >= WIDTH:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


class LiveScreen:
    """The whole terminal, with the newest picture."""

    def __init__(self) -> None:
        self._live = Live(console=Console(), screen=True, auto_refresh=False)

    def show(self, picture: LivePicture) -> None:
        """Replace the picture."""
        self._live.update(Text(picture_text(picture)), refresh=True)

    def __enter__(self) -> LiveScreen:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()
