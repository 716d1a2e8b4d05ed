"""HTTP health endpoints of an adapter for supervisors and monitoring: /livez, /readyz, /metrics.

Ready means that every named check passes; the answer lists each with its reason. Live means that
the event loop still runs. By default the port is bound to this machine: the answers hold no
personal data, but they show how busy an agency is. Clients are not trusted: connections are few and
short, one request each, and an answer is made at most a few times a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from broker.errors import ConfigError
from broker.observing.metrics import CONTENT_TYPE
from broker.waiting import set_within

Check = Callable[[], str | None]
"""Returns None if the check passes, or why not, without personal data.

The checks of a source and of a sink return a reason code, which `status` and `doctor` explain.
"""

LOCAL: Final = "127.0.0.1"
MAX_CONNECTIONS: Final = 32
BACKLOG: Final = 16
"""Connections that wait to be accepted; this many are accepted before the limit is checked."""
REQUEST_S: Final = 5.0
"""Seconds for a whole request, and after which an idle connection is closed."""
CONNECTION_S: Final = 30.0
"""Longest life of a connection in seconds, whatever its client does."""
AGAIN_S: Final = 0.2
"""Maximum age of an answer in seconds: making one takes a thread that the adapter also needs."""
STOP_S: Final = 3
"""Seconds for answers to be sent when the adapter stops."""
STARTING: Final = "starting"
"""Reason of a check that its task has not set yet."""
_FAILED: Final = "the check itself failed"
_START_S: Final = 10.0
_POLL_S: Final = 0.02
TICK_S: Final = 1.0
"""Seconds between two changes of the date that answers state."""
_Made = TypeVar("_Made")


class Flag:
    """A check that a task sets; it fails with the reason ``STARTING`` until then."""

    def __init__(self, reason: str | None = STARTING) -> None:
        self._reason = reason

    def up(self) -> None:
        """Let the check pass from now on."""
        self._reason = None

    def down(self, reason: str) -> None:
        """Let the check fail from now on, with `reason`."""
        self._reason = reason

    def __call__(self) -> str | None:
        """See `Check`."""
        return self._reason


class _Recent(Generic[_Made]):
    """An answer that is made at most once in ``AGAIN_S``, for all requests together."""

    def __init__(self, make: Callable[[], _Made]) -> None:
        self._make = make
        self._lock = asyncio.Lock()
        self._made: tuple[float, _Made] | None = None

    async def get(self) -> _Made:
        """Return the answer, made in a thread; concurrent requests wait for the same one."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._made is None or now - self._made[0] >= AGAIN_S:
                self._made = now, await asyncio.to_thread(self._make)
            return self._made[1]


class Readiness:
    """The named checks of one process."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}

    def add(self, name: str, check: Check) -> None:
        """Add or replace a check."""
        self._checks[name] = check

    def flag(self, name: str) -> Flag:
        """Add a check that a task sets."""
        flag = Flag()
        self.add(name, flag)
        return flag

    def reasons(self) -> dict[str, str | None]:
        """Return every check with its reason, None if it passes."""
        return {name: _ask(check) for name, check in self._checks.items()}


def health_app(readiness: Readiness, metrics: Callable[[], bytes]) -> Starlette:
    """Return the app with the three endpoints.

    `metrics` refreshes and renders; it runs in a thread.
    """
    recent_reasons, recent_metrics = _Recent(readiness.reasons), _Recent(metrics)

    async def livez(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        reasons = await recent_reasons.get()
        ready = all(reason is None for reason in reasons.values())
        checks = {
            name: {"ok": reason is None} | ({} if reason is None else {"reason": reason})
            for name, reason in reasons.items()
        }
        return JSONResponse({"ready": ready, "checks": checks}, status_code=200 if ready else 503)

    async def metrics_text(_request: Request) -> Response:
        return Response(await recent_metrics.get(), headers={"content-type": CONTENT_TYPE})

    return Starlette(
        routes=[
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/metrics", metrics_text),
        ]
    )


class HealthServer:
    """The app on a port, as one task of the adapter's event loop."""

    def __init__(self, app: Starlette, *, port: int, host: str = LOCAL) -> None:
        self._app = app
        self._wanted = (host, port)
        self._server: QuietServer | None = None
        self.port = port

    @property
    def connections(self) -> int:
        """Return the number of connected clients."""
        return 0 if self._server is None else len(self._server.server_state.connections)

    async def start(self) -> None:
        """Bind the port and serve. Port 0 takes a free one, which `port` then names.

        Raises:
            ConfigError: `config_port_unusable`.
        """
        listening = listening_socket(*self._wanted, "health and metrics")
        self.port = listening.getsockname()[1]
        self._server = QuietServer(
            uvicorn.Config(
                self._app,
                http=_BoundedProtocol,
                backlog=BACKLOG,
                timeout_graceful_shutdown=STOP_S,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                headers=[("connection", "close")],
            )
        )
        await self._server.begin(listening)

    async def stop(self) -> None:
        """Answer open requests, then close the port."""
        if self._server is not None:
            await self._server.end()
            self._server = None


def listening_socket(host: str, port: int, purpose: str) -> socket.socket:
    """Return a bound socket; port 0 takes a free one.

    Args:
        host: address to listen on.
        port: the port.
        purpose: for what, for the error.

    Raises:
        ConfigError: `config_port_unusable`.
    """
    # uvicorn itself would end the process if the port is taken
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError):
        listening.close()
        raise ConfigError(
            f"the port {port} for {purpose} cannot be used",
            code="config_port_unusable",
            fix="Set another port in agency.toml, or stop the program that uses this one.",
        ) from None
    return listening


class LimitedProtocol(H11Protocol):
    """A connection of a server that keeps only so many open.

    Attributes:
        opened_s: time of the loop at which it was accepted.
    """

    opened_s: float

    @property
    def answering(self) -> bool:
        """Return whether a request has begun and its answer is not yet sent."""
        if self.cycle is None:
            return False
        return not self.cycle.response_complete or self.transport.get_write_buffer_size() > 0

    def make_room(self) -> bool:
        """Close the connection that has waited longest for its client; False if none waits."""
        mine = [one for one in self.connections if isinstance(one, LimitedProtocol)]
        waiting = [one for one in mine if not one.answering]
        if not waiting:
            return False
        oldest = min(waiting, key=lambda one: one.opened_s)
        self.connections.discard(oldest)
        oldest.transport.abort()
        return True


class _BoundedProtocol(LimitedProtocol):
    """A connection with a time limit; their number is limited too.

    Each connection takes a file descriptor of the adapter. A client that sends half a request and
    waits, or sends it byte by byte (slow loris), is disconnected. If there are too many
    connections, the one that has waited longest for its client is closed, so that a flood does not
    lock a supervisor out.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection, if there is or can be made room for it."""
        self.transport = transport
        self.opened_s = self.loop.time()
        if len(self.connections) >= MAX_CONNECTIONS and not self.make_room():
            transport.abort()
            return
        super().connection_made(transport)
        self.loop.call_later(REQUEST_S, self._look)

    def _look(self) -> None:
        if self not in self.connections:  # a closing connection may still hold an unread answer
            return
        if self.answering and self.loop.time() - self.opened_s < CONNECTION_S:
            self.loop.call_later(REQUEST_S, self._look)
        else:
            self.transport.abort()


class QuietServer(uvicorn.Server):
    """A server that leaves signals to the adapter, which has more to stop, and rarely wakes it."""

    _serving: asyncio.Task[None] | None = None

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = asyncio.Event()

    async def begin(self, listening: socket.socket) -> None:
        """Serve from a bound socket; return when the server has started."""
        self._serving = asyncio.create_task(self.serve(sockets=[listening]))
        async with asyncio.timeout(_START_S):
            while not self.started and not self._serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(_POLL_S)

    async def end(self) -> None:
        """Answer open requests, then close the port."""
        if self._serving is None:
            return
        self.should_exit = True
        self._ending.set()
        with contextlib.suppress(asyncio.CancelledError):
            await self._serving

    async def main_loop(self) -> None:
        """Set the date of answers once a second, until the end; the library looks ten times."""
        while not await self.on_tick(0):
            await set_within(self._ending, TICK_S)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _ask(check: Check) -> str | None:
    try:
        return check()
    except Exception:  # noqa: BLE001 - a broken check must show as not ready, never as an error 500
        return _FAILED
