"""Systems of the agencies, as small honest programs: each sends events, and imports once for an id.

A system repeats a request whose answer it did not get, with the same key. It imports at least once
delivered events once, and notices a repeat with other content. It rejects some events.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from adapters.base import Context, Row
from adapters.csu import ADAPTER as CSU
from adapters.demo.desk import Desk
from adapters.demo.samples.sample_rows import SampleRow, spoiled
from adapters.http_api.tokens import SCOPES, new_token
from adapters.mapping import MemoryLinks
from broker import pseudonyms
from broker.agency.config_bus import BusSection
from broker.agency.participant import load_participant
from broker.clock import now_ms
from contracts.vocabulary import Vocabulary
from tests.acceptance.agreed_state import Order
from tests.support.bus_agency import OwnSystem as BusProgram
from tests.support.webhook_receiver import Reply, Taken, WebhookReceiver, webhook_receiver

PAUSE_S = 0.1
REASON = "person_unknown"


@dataclass(frozen=True)
class Answer:
    """Answer to an event: the id of an accepted one, or the code of a refused one."""

    id: str = ""
    code: str = ""


@dataclass(frozen=True)
class Imported:
    """One event that a system holds."""

    source: str
    type: str
    flat: Mapping[str, Any]


class NoAnswerError(Exception):
    """The adapter did not answer, or said that it cannot take the event now."""


@dataclass
class OwnSystem(ABC):
    """The system of one agency.

    Attributes:
        agency: id of the agency.
        folder: its folder.
        words: the vocabulary, to flatten events.
        rng: decides which requests are repeated.
        rejects: cases of which it takes no event.
        imported: event id -> what it holds.
        order: ids in the order of their import.
        answers: marker of an order -> answer.
        faults: what the adapter did wrong, as it saw it.
        as_sent: marker -> leaves as they were sent, if the own format cannot say all of them.
    """

    agency: str
    folder: Path
    words: Vocabulary
    rng: random.Random
    rejects: set[str] = field(default_factory=set)
    imported: dict[str, Imported] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    as_sent: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    outgoing: deque[Order] = field(default_factory=deque)
    stopped: threading.Event = field(default_factory=threading.Event)

    repeats_refused = True

    def settings(self) -> str:
        """Return what `agency.toml` needs, after the line of the kind."""
        return ""

    def sections(self) -> str:
        """Return more sections of `agency.toml`."""
        return ""

    def prepare(self) -> None:  # noqa: B027 - most need nothing
        """Make what must be there before the adapter starts."""

    def start(self) -> None:
        """Start its threads."""
        self._threads = [
            threading.Thread(target=self._repeat, args=(one,), daemon=True)
            for one in (self._send_next, self.receive)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop its threads."""
        self.stopped.set()
        for thread in self._threads:
            thread.join(30)

    def send(self, orders: Sequence[Order]) -> None:
        """Send events, in this order."""
        self.outgoing.extend(orders)

    def _repeat(self, act: Callable[[], bool]) -> None:
        while not self.stopped.is_set():
            try:
                done = act()
            except (NoAnswerError, OSError, httpx.HTTPError):
                done = False
            except Exception as error:  # noqa: BLE001 - a fault of the test must show
                self.faults.append(f"{self.agency}: {type(error).__name__}: {error}")
                done = False
            if not done:
                self.stopped.wait(PAUSE_S)

    def _send_next(self) -> bool:
        if not self.outgoing:
            return False
        order = self.outgoing[0]
        answer = self.hand_over(order)
        known = self.answers.setdefault(order.marker, answer)
        if known != answer:
            self.faults.append(f"{self.agency}: {known} and {answer} for one key")
        elif self.rng.random() < 0.3 and (answer.id or self.repeats_refused):
            return True  # it forgets that it had an answer, and sends again
        self.outgoing.popleft()
        return True

    def take(self, event: Mapping[str, Any]) -> str | None:
        """Import an event once. Return the reason if it is rejected."""
        one = Imported(
            event["source"],
            event["type"],
            self.words.type(event["type"]).flatten(event["data"]),
        )
        return self.take_flat(event["id"], one)

    def take_flat(self, event_id: str, one: Imported) -> str | None:
        """Import an event, by its leaves."""
        known = self.imported.get(event_id)
        if known is not None:
            if known != one:
                self.faults.append(f"{self.agency}: {event_id} came again with other content")
            return None
        if one.flat["case_id"] in self.rejects:
            return REASON
        self.imported[event_id] = one
        self.order.append(event_id)
        return None

    @abstractmethod
    def hand_over(self, order: Order) -> Answer:
        """Hand one event over, and return the answer.

        Raises:
            NoAnswerError: there is none yet.
        """

    @abstractmethod
    def receive(self) -> bool:
        """Look for received events once. Return whether there were some."""


class FolderSystem(OwnSystem):
    """Exports CSV files of a police system, and imports the files of the inbox folder."""

    repeats_refused = False  # each refused export is a file of the quarantine of its own

    def start(self) -> None:
        self.desk = Desk(self.folder)
        self.secret = load_participant(self.folder, now_ms()).keyring.secret()
        self._seen: set[str] = set()
        self._numbers: dict[str, int] = {}
        super().start()

    def hand_over(self, order: Order) -> Answer:
        if order.marker not in self.answers:
            self._export(order, f"{order.marker}.csv")
        else:  # the same row once more, in another file
            self._export(order, f"{order.marker}-again.csv")
        return self._last

    def _export(self, order: Order, name: str) -> None:
        rows = [self._row(order)]
        content = self.desk.form.write(rows)
        (item,) = self.desk.adapter.read(content)
        if not order.refused:
            assert isinstance(item, Row), item
            context = Context(self.agency, dict(self.desk.partners), MemoryLinks())
            outgoing = self.desk.adapter.to_event(item, context)
            assert outgoing is not None
            flat = self.words.type(order.type).flatten(outgoing.event.data)
            self.as_sent[order.marker] = flat
            self._last = Answer(id=pseudonyms.event_id(self.secret, outgoing.key))
        else:
            self._last = Answer(code="in the quarantine folder")
        place = self.exports / name
        hidden = place.with_name(f".{name}.tmp")
        hidden.write_bytes(content)
        hidden.rename(place)
        while place.exists() and not self.stopped.wait(PAUSE_S):
            pass

    @property
    def exports(self) -> Path:
        """Return the folder into which it puts exports."""
        return self.folder / "import"

    @property
    def imports(self) -> Path:
        """Return the folder from which it takes received events."""
        return self.folder / "inbox"

    def received(self) -> Iterable[Path]:
        """Return the complete files of received events."""
        return [one for one in self.imports.iterdir() if one.name[0] != "."]

    def _row(self, order: Order) -> Mapping[str, object]:
        number = self._numbers.setdefault(order.case, 100 + len(self._numbers))
        ids = {"case_id", "referral_id"}
        leaves = {path: value for path, value in order.flat.items() if path not in ids}
        spoil = leaves.get("victim.age_band") == "XX99"
        if spoil:
            del leaves["victim.age_band"]
        row = self.desk.row(
            order.type,
            leaves,
            [self.desk.code_of(agency) for agency in order.recipients],
            case=self.desk.form.case_reference(number),
            shared_case=order.case,
            referral=self.desk.form.referral_reference(number),
            shared_referral=str(order.flat["referral_id"]),
        )
        if not spoil:
            return row
        mapping = self.desk.mapping
        return spoiled(SampleRow(row, number, order.type), mapping, "unknown_value").values

    def receive(self) -> bool:
        found = False
        new = [one for one in self.received() if one.name not in self._seen]
        for file in sorted(new, key=lambda one: one.stat().st_mtime_ns):
            (values,) = CSU.read_back(file.read_bytes())
            context = Context(self.agency, dict(self.desk.partners), MemoryLinks())
            outgoing = self.desk.form.importing.to_event(Row(1, values, 0, 0), context)
            assert outgoing is not None
            flat = self.words.type(outgoing.event.type).flatten(outgoing.event.data)
            sender = self.desk.partners[str(values[self.desk.mapping.document.roles.received_from])]
            self._seen.add(file.name)
            event_id = file.name.split(".")[0]
            if event_id in self.imported:
                self.faults.append(f"{self.agency}: two files of {event_id}")
            self.take_flat(event_id, Imported(sender, outgoing.event.type, flat))
            found = True
        return found


class HttpSource(OwnSystem):
    """Posts events with a key, and repeats what was not answered."""

    def start(self) -> None:
        token = new_token(self.folder, "own-system", SCOPES, now_ms())[1]
        self.client = httpx.Client(headers={"authorization": f"Bearer {token}"}, timeout=20)
        super().start()

    def stop(self) -> None:
        super().stop()
        self.client.close()

    def settings(self) -> str:
        return 'source = "http"\n'

    def sections(self) -> str:
        return "\n[api]\nrequests_per_minute = 100000\n"

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{int((self.folder / 'state/api-port').read_text())}{path}"

    def hand_over(self, order: Order) -> Answer:
        headers = {"idempotency-key": order.marker}
        url = self.address("/events")
        if self.rng.random() < 0.3:  # the connection breaks before the answer
            with suppress(httpx.HTTPError):
                wait = httpx.Timeout(20, read=0.02)
                self.client.post(url, json=order.body(), headers=headers, timeout=wait)
        answer = self.client.post(url, json=order.body(), headers=headers)
        if answer.status_code == 201:
            return Answer(id=answer.json()["id"])
        if answer.status_code in (400, 422):
            return Answer(code=answer.json()["code"])
        raise NoAnswerError(answer.status_code)


class HttpSystem(HttpSource):
    """Reads events by long polls, and sends a result for each."""

    cursor: str | None = None

    def settings(self) -> str:
        return 'source = "http"\nsink = "http"\n'

    def receive(self) -> bool:
        after = f"&after={self.cursor}" if self.cursor else ""
        try:
            answer = self.client.get(self.address(f"/events?wait=1&limit=20{after}"))
        except (OSError, ValueError, httpx.HTTPError):
            self.cursor = None  # it starts again, and reads what has no result
            raise
        if answer.status_code != 200:
            self.cursor = None
            raise NoAnswerError(answer.status_code)
        page = answer.json()
        for event in page["events"]:
            reason = self.take(event)
            result = {"outcome": "imported"}
            if reason is not None:
                result = {"outcome": "rejected", "reason": reason}
            path = f"/events/{event['id']}/result?from={event['source']}"
            done = self.client.post(self.address(path), json=result)
            if done.status_code != 200:
                self.cursor = None
                raise NoAnswerError(done.status_code)
        self.cursor = page["next"]
        return bool(page["events"])


class WebhookSystem(HttpSource):
    """Takes webhooks; it answers some of them with 500, or not at all."""

    def prepare(self) -> None:
        """Serve the endpoint, whose address the settings need."""
        self._serving = ExitStack()
        self._down = False
        self.receiver: WebhookReceiver = self._serving.enter_context(webhook_receiver())
        self.receiver.reply = self._reply
        (self.folder / "webhook-secret").write_text(f"{self.receiver.secret}\n")
        (self.folder / "webhook-secret").chmod(0o600)

    def settings(self) -> str:
        return 'source = "http"\nsink = "webhook"\n'

    def sections(self) -> str:
        return (
            f'{super().sections()}\n[webhook]\nurl = "{self.receiver.url}"\n'
            "retry_first = 0.2\nretry_most = 1.0\n"
        )

    def stop(self) -> None:
        super().stop()
        self._serving.close()

    def go_down(self) -> None:
        """End the endpoint."""
        self._down = True  # connections that are open do not help
        self._serving.close()

    def come_up(self) -> None:
        """Serve it again at its address."""
        self._serving.enter_context(webhook_receiver(again=self.receiver))
        self._down = False

    def _reply(self, taken: Taken) -> Reply:
        luck = self.rng.random()
        if self._down or luck < 0.1:
            return 0, {}, b""
        if luck < 0.25:
            return 500, {}, b""
        reason = self.take(taken.event)
        if luck > 0.9:  # it has the event, and dies before it answers
            return 0, {}, b""
        if reason is None:
            return 204, {}, b""
        body = json.dumps({"outcome": "rejected", "reason": reason}).encode()
        return 422, {"content-type": "application/json"}, body

    def receive(self) -> bool:
        return False


class BusSystem(OwnSystem):
    """Publishes on a bus and reads its answers; a second program takes events and sends results."""

    bus: BusSection

    def settings(self) -> str:
        return 'source = "bus"\nsink = "bus"\n'

    def sections(self) -> str:
        servers = json.dumps(list(self.bus.servers))
        return f'\n[bus]\nkind = "{self.bus.kind}"\nservers = {servers}\ntls = false\n'

    def start(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._runs = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runs.start()
        self._sender = BusProgram(self.bus, self.bus.names.answers)
        self._reader = BusProgram(self.bus, self.bus.names.received)
        super().start()

    def stop(self) -> None:
        super().stop()
        for program in (self._sender, self._reader):
            self._wait(program.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._runs.join(30)

    def _wait(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(90)

    def hand_over(self, order: Order) -> Answer:
        message = _cloud_event(order.marker, order.type, order.body())
        self._wait(self._sender.publish(self.bus.names.send, message, order.case))
        ends = time.monotonic() + 10
        while time.monotonic() < ends and not self.stopped.is_set():
            found = self._wait(self._sender.read(1))
            if found is None or found["data"]["message"]["id"] != order.marker:
                continue
            if found["data"]["state"] == "accepted":
                return Answer(id=found["data"]["id"])
            return Answer(code=found["data"]["refusal"]["code"])
        raise NoAnswerError

    def receive(self) -> bool:
        event = self._wait(self._reader.read(1))
        if event is None:
            return False
        reason = self.take(event["data"])
        result = {"id": event["id"], "source": event["data"]["source"], "outcome": "imported"}
        if reason is not None:
            result |= {"outcome": "rejected", "reason": reason}
        body = _cloud_event(str(uuid4()), "concordant.result", result)
        self._wait(self._reader.publish(self.bus.names.results, body))
        return True


def _cloud_event(id_: str, type_: str, data: Mapping[str, Any]) -> bytes:
    return json.dumps(
        {"specversion": "1.0", "id": id_, "source": "/own-system", "type": type_, "data": data}
    ).encode()
