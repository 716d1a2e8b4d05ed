"""The source and the sink `http`: endpoints with which the agency's system sends and reads events.

- `POST /events` publishes an event.
- `GET /events` returns received events: at once, when one comes (long poll), or as a stream.
- `POST /events/{id}/result` says what became of an event in the agency's system.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from adapters.exchange.accepting import KEY_CHARACTERS, ExchangeAcceptance
from adapters.exchange.caller import token_caller
from adapters.exchange.from_parts import acceptance_of, reading_of
from adapters.exchange.offering import EventSelection, Offering
from adapters.exchange.results import parse_import_result
from adapters.http_api.cursors import Cursors
from adapters.http_api.endpoints import RETRY_S, Endpoint
from adapters.http_api.limits import WaitingReaders, read_body
from adapters.http_api.pages import MOST_EVENTS, PageReader
from adapters.http_api.problems import ApiError
from adapters.http_api.streams import event_stream
from adapters.http_api.tokens import Identity
from adapters.sides import SideParts
from broker.keys.instant import parse_instant
from broker.observing.health import Check
from broker.waiting import set_within

MOST_WAIT_S: Final = 60
MOST_RESULT_BYTES: Final = 4_096
MOST_LIST_CHARACTERS: Final = 4_096
SOURCE_TURN_S: Final = 30.0
_KEY: Final = re.compile(rf"[!-~]{{1,{KEY_CHARACTERS}}}")
_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,127}")
_AGENCY: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?")


class HttpSource:
    """Takes events over HTTP; see ``SourceLoop``.

    The server calls it. Its loop only shows life, and that events may be taken: a restored agency
    starts the loop when it knows its own newest manifest.
    """

    trouble: Check | None = None

    def __init__(
        self, acceptance: ExchangeAcceptance, published: Callable[[], None], request_bytes: int
    ) -> None:
        self._acceptance = acceptance
        self._published = published
        self._request_bytes = request_bytes
        self._begun = False
        self.endpoints = (Endpoint("POST", "/events", ("publish",), self.publish),)

    def retry_now(self) -> None:
        """Do nothing: no request waits."""

    async def run(self, stop: asyncio.Event, turned: Callable[[], None]) -> None:
        """Take events, and report life until ``stop`` is set."""
        self._begun = True
        while not stop.is_set():
            turned()
            await set_within(stop, SOURCE_TURN_S)

    async def publish(self, request: Request, identity: Identity) -> Response:
        """Answer `POST /events`."""
        if not self._begun:
            raise ApiError(
                503,
                "The adapter does not take events yet; nothing was accepted.",
                code="source_not_started",
                headers={"retry-after": str(RETRY_S)},
            )
        key = _idempotency_key(request)
        _require_json(request)
        body = await read_body(request, self._request_bytes)
        request.state.check()  # the token may have been revoked while a slow body came
        accepted = await asyncio.to_thread(
            self._acceptance.accept, token_caller(identity.name), key, body
        )
        self._published()
        id_ = orjson.loads(accepted.answer)["id"]
        headers = {"location": f"/events/{id_}"}
        return Response(accepted.answer, 201, headers, "application/json")


class HttpSink:
    """Offers received events over HTTP; see ``SinkLoop``."""

    trouble: Check | None = None

    def __init__(self, offering: Offering, pages: PageReader) -> None:
        self._offering = offering
        self._pages = pages
        self._waiting = WaitingReaders()
        self._stop = asyncio.Event()
        query = ("after", "limit", "wait", "since", "type", "from", "replay")
        self.endpoints = (
            Endpoint("GET", "/events", ("read",), self.read, query),
            Endpoint("POST", "/events/{id}/result", ("result",), self.result, ("from",)),
        )

    async def run(
        self,
        wait: Callable[[float], Awaitable[None]],
        stop: asyncio.Event,
        turned: Callable[[], None],
    ) -> None:
        """Offer new events until ``stop`` is set."""
        try:
            await self._offering.run(wait, stop, turned)
        finally:
            self._stop.set()
            self._offering.bell.ring()

    async def read(self, request: Request, identity: Identity) -> Response:
        """Answer `GET /events`."""
        query = request.query_params
        wait_s = _integer(query.get("wait"), "wait", 0, MOST_WAIT_S, default=0)
        limit = _integer(query.get("limit"), "limit", 1, MOST_EVENTS, default=MOST_EVENTS)
        stream = "text/event-stream" in request.headers.get("accept", "").lower()
        after = query.get("after")
        if stream:
            after = request.headers.get("last-event-id") or after
        selection = parse_selection(request, identity.name)
        number = await asyncio.to_thread(self._place, after, _since(query.get("since"), after))
        check = request.state.check
        if stream:
            self._waiting.require_room(identity.name)
            body = event_stream(self._pages, self._waiting, selection, number, check, self._stop)
            return StreamingResponse(body, media_type="text/event-stream")
        with self._waiting.one(identity.name):
            page = await self._pages.within(selection, number, limit, wait_s, check, self._stop)
        return Response(page, media_type="application/json")

    def _place(self, cursor: str | None, since_ms: int | None) -> int:
        return self._pages.place(cursor) if since_ms is None else self._pages.since(since_ms)

    async def result(self, request: Request, identity: Identity) -> Response:
        """Answer `POST /events/{id}/result`."""
        event_id = path_id(request)
        sender = query_agency(request)
        _require_json(request)
        rejection = parse_import_result(await read_body(request, MOST_RESULT_BYTES))
        request.state.check()
        outcome = await asyncio.to_thread(
            self._offering.result, token_caller(identity.name), event_id, sender, rejection
        )
        return Response(
            orjson.dumps({"id": event_id, "state": outcome}), 200, None, "application/json"
        )


def http_source(parts: SideParts) -> HttpSource:
    """Return the source that `agency.toml` calls ``http``."""
    acceptance = acceptance_of(parts)
    return HttpSource(acceptance, parts.published, parts.participant.config.api.request_bytes)


def http_sink(parts: SideParts) -> HttpSink:
    """Return the sink that `agency.toml` calls ``http``."""
    participant = parts.participant
    reading = reading_of(parts)
    offering = Offering(parts.store, reading, parts.clock, participant.config.api.keep_days)
    return HttpSink(offering, PageReader(offering, Cursors(participant.root, participant.agency)))


def path_id(request: Request) -> str:
    """Return the event's id in the path.

    Raises:
        ApiError: `event_unknown` (404): it is not a UUID.
    """
    text = str(request.path_params["id"])
    try:
        if str(UUID(text)) == text:
            return text
    except ValueError:
        pass
    raise ApiError(404, "No event of this id is known here.", code="event_unknown")


def query_agency(request: Request) -> str | None:
    """Return the sender that the query names, if it names one.

    Raises:
        ApiError: `request_malformed` (400).
    """
    sender = request.query_params.get("from")
    if sender is not None and not _AGENCY.fullmatch(sender):
        raise ApiError(
            400, "The sender is not an agency id.", code="request_malformed", where="from"
        )
    return sender


def parse_selection(request: Request, reader: str) -> EventSelection:
    """Return the events that a request asks for: ``type``, ``from`` and ``replay``.

    Raises:
        ApiError: `request_malformed` (400).
    """
    query = request.query_params
    again = query.get("replay", "false")
    if again not in {"true", "false"}:
        raise ApiError(400, "replay is true or false.", code="request_malformed", where="replay")
    return EventSelection(
        token_caller(reader),
        _list(query.get("type"), "type", _TYPE),
        _list(query.get("from"), "from", _AGENCY),
        again == "true",
    )


def _list(text: str | None, name: str, form: re.Pattern[str]) -> frozenset[str]:
    parts = text.split(",") if text is not None and len(text) <= MOST_LIST_CHARACTERS else []
    if text is not None and not (parts and all(form.fullmatch(one) for one in parts)):
        raise ApiError(
            400,
            f"The parameter {name} is a list of names with commas between them.",
            code="request_malformed",
            where=name,
        )
    return frozenset(parts)


def _since(text: str | None, after: str | None) -> int | None:
    if text is None:
        return None
    try:
        if after:
            raise ValueError("both")
        return parse_instant(text)
    except ValueError:
        raise ApiError(
            400,
            "since is a time such as 2026-11-30T09:00:00.000Z, without a cursor beside it.",
            code="request_malformed",
            where="since",
        ) from None


def _idempotency_key(request: Request) -> str:
    given = request.headers.getlist("idempotency-key")
    if not given:
        raise ApiError(
            400,
            "The header Idempotency-Key is missing.",
            code="idempotency_key_missing",
            where="Idempotency-Key",
        )
    key = given[0]
    if len(key) > 1 and key.startswith('"') and key.endswith('"'):  # as the IETF draft writes it
        key = key[1:-1]
    if len(given) != 1 or not _KEY.fullmatch(key):
        raise ApiError(
            400,
            f"An idempotency key has 1 to {KEY_CHARACTERS} visible ASCII characters.",
            code="idempotency_key_invalid",
            where="Idempotency-Key",
        )
    return key


def _require_json(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" or request.headers.get("content-encoding"):
        raise ApiError(
            415,
            "The body must be application/json, without a content encoding.",
            code="media_type_unknown",
            where="Content-Type",
        )


def _integer(text: str | None, name: str, lowest: int, highest: int, *, default: int) -> int:
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) < 6 and lowest <= int(text) <= highest:
        return int(text)
    raise ApiError(
        400,
        f"The parameter {name} is a whole number from {lowest} to {highest}.",
        code="request_malformed",
        where=name,
    )
