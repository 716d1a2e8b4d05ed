"""State of an agency as an operator finds it: a silent partner, things put aside, figures."""

from __future__ import annotations

from pathlib import Path

from broker.errors import RefusedError
from broker.observing.flow import STEPS_S
from broker.record import Record
from broker.store.database import Store, open_store
from broker.store.flow_hours import FlowHourRow
from broker.store.reader_rows import HeadsRow
from broker.store.rows import NewInboxRow
from broker.tlog.checkpoint import Origin
from contracts.durations import HOUR_MS, MINUTE_MS

SECRET_NAME = "Ada Placeholdersson"
"""A personal value in a file name and in a payload, which no page may show."""
DATABASE = Path("state") / "concordant.db"
SENDER, SILENT = "cps-london", "csu-camden"


def opened_state(folder: Path) -> Store:
    """Open the state of an agency's folder; make it if there is none."""
    (folder / DATABASE).parent.mkdir(mode=0o700, exist_ok=True)
    return open_store(folder / DATABASE)


def hear(store: Store, agency: str, now: int) -> None:
    """Note a heartbeat of an agency."""
    with store.transaction() as tx:
        tx.heads.save(HeadsRow(agency, now, 0, b""))


def refuse_record(store: Store, now: int, code: str = "consent_missing", number: int = 1) -> str:
    """Put a record of a partner aside. Returns its id."""
    refusal = RefusedError(9, code, "a field lacks consent")
    record = Record("trial.a", 3, (), b"sealed", number)
    with store.transaction() as tx:
        origin = Origin("trial", SENDER, "trial.a", 3, "0" * 32)
        return str(tx.quarantine.add(record, "[]", origin, 1200 + number, refusal, now))


def hold_event(store: Store, now: int) -> str:
    """Hold an event that our own system did not take. Returns its id."""
    new = NewInboxRow(
        SENDER,
        "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38",
        "case.updated",
        now,
        "trial.a",
        3,
        "0" * 32,
        1,
        SECRET_NAME.encode(),
        b"",
        b"c" * 32,
    )
    with store.transaction() as tx:
        seq = tx.inbox.add(new)
        assert seq is not None
        tx.inbox.hold(seq, "webhook_refused", None, "our system refused it", now)
    return f"event-{seq}"


def hold_file(folder: Path) -> None:
    """Put an export aside whose name holds a person's name."""
    place = folder / "quarantine"
    place.mkdir(exist_ok=True)
    (place / f"{SECRET_NAME}.csv").write_text("a,b\n")


def fill_hours(store: Store, now: int) -> None:
    """Store figures of the last day: busy by day, quiet at night."""
    begin = now - now % HOUR_MS
    with store.transaction() as tx:
        for ago in range(24):
            hour = begin - ago * HOUR_MS
            busy = 40 if 8 <= (hour // HOUR_MS) % 24 <= 17 else 3
            lags = [0] * (len(STEPS_S) + 1)
            lags[0], lags[1], lags[4 if ago != 3 else 7] = busy, busy // 2, 1
            received = sum(lags) if ago != 12 else 0
            tx.flow_hours.save(
                FlowHourRow(hour, busy + ago % 5, received, lags if received else [0] * len(lags))
            )


def make_trouble(folder: Path, now: int) -> None:
    """Bring an agency into a state with one silent partner and three things put aside."""
    store = opened_state(folder)
    for agency in ("cps-london", "council-camden"):
        hear(store, agency, now - 18_000)
    hear(store, SILENT, now - 31 * MINUTE_MS)
    refuse_record(store, now - 2 * HOUR_MS)
    refuse_record(store, now - HOUR_MS, "key_unknown", 2)
    hold_event(store, now - 40 * MINUTE_MS)
    hold_file(folder)
    fill_hours(store, now)
    store.close()
