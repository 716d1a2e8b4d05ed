"""Pages of the web application with many events: CPU time of the server, and size of the answer.

The state database of one agency gets events in its outbox and inbox, referrals of which one in
twenty is open, and a disclosure log, all of the same number. A person with every role then opens
each page several times through the ASGI application, without a network. The first look at the
disclosure log after a start verifies it as a whole, so it has a row of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import httpx

from adapters.demo.sample_listings import place_listings, publish_listings
from adapters.demo.samples.year import last_full_year, sample_year
from adapters.demo.year_in_state import record_year
from adapters.trial_partnership import create_partnership
from adapters.web.people import EVERY_ROLE, Person
from adapters.web.serving import WebServer
from bench import results
from bench.meter import now_ms
from broker.agency.participant import Participant, load_participant
from broker.audit.entries import EntryKind, NewLogEntry, Share
from broker.audit.log import append_entries
from broker.audit.recording import contract_reference
from broker.figures.counting import last_quarters
from broker.operations.figures import release_figures
from broker.store.database import open_store
from broker.store.rows import NewInboxRow, NewOutboxRow, ReferralRow
from broker.store.transaction import Transaction

AGENCY: Final = "haven-support"
PARTNER: Final = "csu-camden"
TYPE: Final = "referral.made"
EVENTS: Final = 100_000
ROUNDS: Final = 9
_CHUNK: Final = 5_000
_BEING_VERIFIED: Final = 503
"""Status of the pages of the log until it is verified for the first time."""
_OPEN: Final = 20
"""One referral in so many is open."""
_KINDS: Final[tuple[EntryKind, ...]] = ("collection", "disclosure", "consultation", "refusal")
_CSRF: Final = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Ask:
    """One page: its name in the table, address and form; no form is a GET."""

    name: str
    path: str
    form: dict[str, str] | None = None


def run(*, quick: bool = False) -> None:
    """Measure and write out/pages.jsonl."""
    events = EVENTS // 10 if quick else EVENTS
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "partnership"
        create_partnership(root, now_ms())
        participant = load_participant(root / AGENCY, now_ms())
        _fill(participant, events)
        _publish(root)
        rows = asyncio.run(_measure(root / AGENCY, participant, events))
    results.show(rows)
    results.save("pages", rows)


def _fill(participant: Participant, events: int) -> None:
    store = open_store(participant.state)
    for first in range(0, events, _CHUNK):
        with store.transaction() as tx:
            _add(tx, participant, range(first, min(first + _CHUNK, events)))
    store.close()


def _add(tx: Transaction, participant: Participant, numbers: range) -> None:
    now = now_ms()
    tx.inbox.add_many([_received(number, now) for number in numbers])
    tx.referrals.save_many(_referral(number, now) for number in numbers)
    seqs = tx.outbox.add_many(
        [NewOutboxRow(_id("sent", number), "bench", 0, b"sealed") for number in numbers], now
    )
    tx.outbox.mark_sent([(seq, seq, now) for seq in seqs])
    append_entries(tx, list(_entries(participant, numbers, now)))


def _publish(root: Path) -> None:
    """Publish the sample services of the agency, and figures of the sample year."""
    now = now_ms()
    place_listings(root, [AGENCY])
    publish_listings(root, [AGENCY], now)
    record_year(load_participant(root / AGENCY, now), sample_year(last_full_year(now)), now)
    release_figures(
        root / AGENCY, last_quarters(now, 2)[1].name, ("borough", "strand"), now, incomplete=True
    )


def _received(number: int, now: int) -> NewInboxRow:
    return NewInboxRow(
        PARTNER, _id("event", number), TYPE, now, "bench", 0, "generation", number,
        b"{}", b"", _case(number),
    )  # fmt: skip


def _referral(number: int, now: int) -> ReferralRow:
    is_open = number % _OPEN == 0
    return ReferralRow(
        referral_id=_id("referral", number),
        case_id=_id("case", number // 3),
        role="fulfiller",
        counterparty=PARTNER,
        status="requested" if is_open else "completed",
        business_status=None,
        version=1,
        made_ms=now - number,
        acknowledge_by_ms=now + number * 1000 if is_open else None,
        respond_by_ms=now + number * 2000 if is_open else None,
        updated_ms=now,
        closed=not is_open,
        event_source=PARTNER,
        event_id=_id("event", number),
    )


def _entries(participant: Participant, numbers: range, now: int) -> Iterator[NewLogEntry]:
    signed = participant.contracts.all()[0]
    reference = contract_reference(signed.text)
    fields = {path: one.clause for path, one in signed.contract.event_types[TYPE].fields.items()}
    for number in numbers:
        kind = _KINDS[number % len(_KINDS)]
        yield NewLogEntry(
            kind=kind,
            time_ms=now,
            case_key=_case(number // 3),
            event_id=_id("event", number),
            source=None if kind == "disclosure" else PARTNER,
            type=TYPE,
            contract=reference,
            shares=() if kind == "refusal" else (Share((AGENCY,), fields),),
            reason="contract_unknown" if kind == "refusal" else None,
            operator="adapter",
        )


def _id(kind: str, number: int) -> str:
    return str(UUID(bytes=hashlib.sha256(f"{kind} {number}".encode()).digest()[:16], version=4))


def _case(number: int) -> bytes:
    return hashlib.sha256(b"case %d" % number).digest()


async def _measure(root: Path, participant: Participant, events: int) -> list[dict[str, object]]:
    server = WebServer(root, now_ms, "127.0.0.1", 0)
    try:
        transport = httpx.ASGITransport(server.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            person = Person("bench", "Rosa Sampleworth", EVERY_ROLE, "provider")
            began = time.process_time()
            await server.start()
            link = server.new_link(person)
            await client.get(link[link.index("/link/") :])
            csrf = _CSRF.findall((await client.get("/help")).text)[0]
            answer = await client.get("/log")
            while answer.status_code == _BEING_VERIFIED:
                await asyncio.sleep(0.2)
                answer = await client.get("/log")
            first = _row(time.process_time() - began, answer)
            return [
                {"page": name, "events": f"{events:,}", **found}
                for name, found in [
                    ("log, first look after a start", first),
                    *[
                        (ask.name, await _times(client, ask, csrf, ROUNDS))
                        for ask in _asks(participant)
                    ],
                ]
            ]
    finally:
        await server.stop()


def _asks(participant: Participant) -> list[Ask]:
    sha256 = participant.contracts.all()[0].hash.hex()
    field = next(iter(participant.contracts.all()[0].contract.event_types[TYPE].fields))
    return [
        Ask("inbox", "/inbox"),
        Ask("inbox, closed, page 100", "/inbox?show=closed&page=100"),
        Ask("log", "/log"),
        Ask("log, one kind and recipient", f"/log?kind=collection&recipient={AGENCY}"),
        Ask("who received one field", "/who-received", {"field": field, "reason": "audit"}),
        Ask("board", "/board"),
        Ask("agreements", "/agreements"),
        Ask("one agreement", f"/agreements/{sha256}"),
        Ask("find a service", "/services"),
        Ask("gaps in services", "/coverage"),
        Ask("figures", "/figures"),
        Ask("one table of figures", "/figures/1"),
        Ask("pause or leave", f"/agreements/{sha256}/stop"),
    ]


async def _times(client: httpx.AsyncClient, ask: Ask, csrf: str, rounds: int) -> dict[str, object]:
    taken: list[float] = []
    for _ in range(rounds):
        began = time.process_time()
        if ask.form is None:
            answer = await client.get(ask.path)
        else:
            answer = await client.post(ask.path, data={"csrf": csrf, **ask.form})
        taken.append(time.process_time() - began)
        answer.raise_for_status()
    return _row(statistics.median(taken), answer)


def _row(seconds: float, answer: httpx.Response) -> dict[str, object]:
    size = int(answer.headers.get("content-length", len(answer.content)))
    return {"server CPU, ms": round(seconds * 1000, 1), "kB": round(size / 1000, 1)}
