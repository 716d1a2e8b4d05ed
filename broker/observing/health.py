"""What a supervisor and a monitoring system ask an adapter: /livez, /readyz and /metrics.

Ready means that every named check passes; the answer lists each with its reason, so that it is
the first place to look. Alive means that the event loop still turns. The port is bound to this
machine by default: the answers hold no personal data, but they tell how busy an agency is.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from broker.errors import ConfigError
from broker.observing.metrics import CONTENT_TYPE

Check = Callable[[], str | None]
"""None if all is well, or the reason why not, in words without personal data."""

LOCAL: Final = "127.0.0.1"
_FAILED: Final = "the check itself failed"
_START_S: Final = 10.0
_POLL_S: Final = 0.02


class Flag:
    """A check that a task sets; down with the reason `starting` until it does."""

    def __init__(self, reason: str | None = "starting") -> None:
        self._reason = reason

    def up(self) -> None:
        """From now on all is well."""
        self._reason = None

    def down(self, reason: str) -> None:
        """From now on not, because of `reason`."""
        self._reason = reason

    def __call__(self) -> str | None:
        """See `Check`."""
        return self._reason


class Readiness:
    """The named checks of one process."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}

    def add(self, name: str, check: Check) -> None:
        """Adds or replaces a check."""
        self._checks[name] = check

    def flag(self, name: str) -> Flag:
        """Adds a check that a task sets."""
        flag = Flag()
        self.add(name, flag)
        return flag

    def reasons(self) -> dict[str, str | None]:
        """Every check with its reason, None where all is well."""
        return {name: _ask(check) for name, check in self._checks.items()}


def health_app(readiness: Readiness, metrics: Callable[[], bytes]) -> Starlette:
    """The three answers. `metrics` refreshes and renders; it runs in a thread."""

    async def livez(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        reasons = await asyncio.to_thread(readiness.reasons)
        ready = all(reason is None for reason in reasons.values())
        checks = {
            name: {"ok": reason is None} | ({} if reason is None else {"reason": reason})
            for name, reason in reasons.items()
        }
        return JSONResponse({"ready": ready, "checks": checks}, status_code=200 if ready else 503)

    async def metrics_text(_request: Request) -> Response:
        return Response(await asyncio.to_thread(metrics), headers={"content-type": CONTENT_TYPE})

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
        self._server: _QuietServer | None = None
        self._task: asyncio.Task[None] | None = None
        self.port = port

    async def start(self) -> None:
        """Binds and serves. Port 0 takes a free one, which `port` then names.

        Raises:
            ConfigError: `config_port_unusable`.
        """
        listening = self._bind()
        self.port = listening.getsockname()[1]
        self._server = _QuietServer(
            uvicorn.Config(
                self._app, log_config=None, access_log=False, lifespan="off", server_header=False
            )
        )
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]))
        async with asyncio.timeout(_START_S):
            while not self._server.started and not self._task.done():  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(_POLL_S)

    async def stop(self) -> None:
        """Answers what is being asked, then closes the port."""
        if self._server is None or self._task is None:
            return
        self._server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._server = self._task = None

    def _bind(self) -> socket.socket:
        # uvicorn would end the process if the port is taken
        family = socket.AF_INET6 if ":" in self._wanted[0] else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(self._wanted)
        except (OSError, OverflowError):
            listening.close()
            raise ConfigError(
                f"the port {self._wanted[1]} for health and metrics cannot be used",
                code="config_port_unusable",
                fix="set another port in agency.toml, or stop what uses this one",
            ) from None
        return listening


class _QuietServer(uvicorn.Server):
    """Leaves signals to the adapter, which has more to stop than this."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _ask(check: Check) -> str | None:
    try:
        return check()
    except Exception:  # noqa: BLE001 - a broken check must show as not ready, never as an error 500
        return _FAILED
