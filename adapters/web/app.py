"""ASGI application: who may ask, then the page, then the answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route

from adapters.web.agency import OwnAgency
from adapters.web.authentication import Authentication
from adapters.web.doors import Doors
from adapters.web.errors import (
    FormRefusedError,
    PageError,
    PageNotFoundError,
    RoleMissingError,
    SessionMissingError,
)
from adapters.web.headers import SafeHeaders
from adapters.web.own_path import own_path
from adapters.web.pages import NavigationEntry, PageArea, PageRoute
from adapters.web.rendering import Renderer
from adapters.web.request_limits import (
    MOST_TOGETHER,
    MOST_WATCHING,
    MOST_WATCHING_ALL,
    Places,
    Rate,
    query_of,
    read_form,
    require_own_page,
    require_own_visit,
)
from adapters.web.sessions import Session
from adapters.web.static_files import KeptFiles
from adapters.web.visit import Form, Visit
from broker.codes.meanings import next_step
from broker.observing.logs import logger
from broker.waiting import set_within
from contracts.errors import ConcordantError

REQUESTS_A_MINUTE: Final = 600
"""Requests of one person."""
LOOK_S: Final = 1.0
"""Interval at which a page that waits is told of changes."""
WATCH_S: Final = 600.0
"""Longest time that one request waits for changes; the browser asks again."""
HELP: Final = "/help"
"""First page of a person whose roles have none."""
STATIC: Final = Path(__file__).with_name("static")
_STATUS: Final = {1: 409, 2: 400, 3: 503, 4: 422}
"""Exit code of an error to the HTTP status of its page."""


class WebApp:
    """The application of one agency.

    Args:
        agency: the agency.
        doors: ways in.
        renderer: makes pages.
        areas: what the application offers.
    """

    def __init__(
        self, agency: OwnAgency, doors: Doors, renderer: Renderer, areas: Sequence[PageArea]
    ) -> None:
        self._agency = agency
        self._doors = doors
        self._renderer = renderer
        self._entries: list[NavigationEntry] = [entry for area in areas for entry in area.entries]
        self._rate = Rate(REQUESTS_A_MINUTE, time.monotonic)
        self._authentication = Authentication(doors, agency.clock, renderer)
        self._together = Places(MOST_TOGETHER)
        self._watching = Places(MOST_WATCHING, MOST_WATCHING_ALL)
        self._ending = asyncio.Event()
        self._log = logger("web")
        pages = [page for area in areas for page in area.pages]
        self.asgi: Final = Starlette(
            routes=[*self._own_routes(), *self._routes_of(pages)],
            middleware=[
                Middleware(SafeHeaders, form_target=self._authentication.sign_out_origin),
                Middleware(
                    TrustedHostMiddleware, allowed_hosts=list(doors.hosts), www_redirect=False
                ),
            ],
            exception_handlers={HTTPException: self._unknown, Exception: self._defect},
        )

    def end_streams(self) -> None:
        """End the answers that wait for changes, so that the server can stop at once."""
        self._ending.set()

    # --- routes ---------------------------------------------------------------------------------

    def _own_routes(self) -> list[BaseRoute]:
        return [
            Route("/", self._guarded(self._home), methods=["GET"]),
            *(
                Route(one.path, self._guarded(one.answer), methods=[one.method])
                for one in self._authentication.routes()
            ),
            Route("/live", self._guarded(self._live), methods=["GET"]),
            Mount("/static", KeptFiles(directory=STATIC)),
        ]

    def _routes_of(self, pages: Sequence[PageRoute]) -> list[BaseRoute]:
        return [
            Route(page.path, self._guarded(self._page(page)), methods=[page.method])
            for page in pages
        ]

    def _guarded(
        self, answer: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return the same, which answers a refusal with its page."""

        async def guarded(request: Request) -> Response:
            try:
                return await answer(request)
            except PageError as error:
                return self._refused(request, error)
            except ConcordantError as error:
                return self._failed(request, error)
            except Exception as error:  # noqa: BLE001 - here its page gets the safe headers
                return await self._defect(request, error)

        return guarded

    # --- requests -------------------------------------------------------------------------------

    def _session(self, request: Request) -> Session:
        """Return the session of a request.

        Raises:
            SessionMissingError: there is none.
            TooManyRequestsError: its person asks too fast.
            FormRefusedError: another site makes the request.
        """
        session = self._authentication.session(request)
        self._rate.take(session.person.id)
        require_own_visit(request)
        return session

    def _page(self, page: PageRoute) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            session = self._session(request)
            renewal = self._authentication.renewal(request, session)
            if renewal is not None:
                return RedirectResponse(renewal, status_code=303)
            if not page.roles & session.person.roles:
                raise RoleMissingError(needed=page.roles, visit=self._visit(request, session))
            with self._together.required(session.person.id):
                form = Form()
                if page.method == "POST":
                    require_own_page(request, self._doors.address)
                    form = await read_form(request, page.most_bytes)
                    if not session.csrf_fits(form.text("csrf")):
                        raise FormRefusedError
                visit = self._visit(request, session, form)
                return await run_in_threadpool(page.handler, visit)

        return answer

    def _visit(self, request: Request, session: Session, form: Form | None = None) -> Visit:
        return Visit(
            self._agency,
            session,
            request.url.path,
            {name: str(value) for name, value in request.path_params.items()},
            query_of(request),
            form or Form(),
            self._renderer,
            self._doors.sessions,
            own_path(URL(request.headers.get("referer", "/"))),
        )

    # --- own pages ------------------------------------------------------------------------------

    async def _home(self, request: Request) -> Response:
        session = self._session(request)
        own = (entry.path for entry in self._entries if entry.roles & session.person.roles)
        return RedirectResponse(next(own, HELP), status_code=303)

    async def _live(self, request: Request) -> Response:
        """Tell a page when something has changed (server-sent events)."""
        session = self._session(request)
        return StreamingResponse(self._changes(request, session), media_type="text/event-stream")

    async def _changes(self, request: Request, session: Session) -> AsyncIterator[str]:
        with self._watching.one(session.person.id) as room:
            if not room:
                return
            ends = time.monotonic() + WATCH_S
            seen = await run_in_threadpool(self._agency.state_stamp)
            yield ": waiting\n\n"
            while time.monotonic() < ends:
                if await set_within(self._ending, LOOK_S) or await request.is_disconnected():
                    return
                if not self._authentication.lasts(session):
                    return
                stamp = await run_in_threadpool(self._agency.state_stamp)
                if stamp != seen:
                    seen = stamp
                    yield "event: changed\ndata: \n\n"

    # --- refusals -------------------------------------------------------------------------------

    def _refused(self, request: Request, error: PageError) -> Response:
        values = {"visit": None, "said": None, **error.values}
        return self._renderer.page(
            error.template, values, status=error.status, route=request.url.path
        )

    def _failed(self, request: Request, error: ConcordantError) -> Response:
        """Return the page of an error of a use case."""
        error.fix = next_step(error)
        self._log.warning("web_refused", code=error.code)
        return self._renderer.page(
            "errors/failed.html",
            {"visit": self._visit_or_none(request), "said": None, "error": error},
            status=_STATUS.get(error.exit_code, 500),
            route=request.url.path,
        )

    def _visit_or_none(self, request: Request) -> Visit | None:
        try:
            return self._visit(request, self._authentication.session(request))
        except SessionMissingError:
            return None

    async def _unknown(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        visit = self._visit_or_none(request)
        if visit is None:
            return self._refused(request, self._authentication.missing(request))
        return self._refused(request, PageNotFoundError(visit=visit))

    async def _defect(self, request: Request, error: Exception) -> Response:
        self._log.error("web_defect", code="internal_fault", exc_info=error)
        return self._renderer.page(
            "errors/defect.html", {"visit": None, "said": None}, status=500, route=request.url.path
        )
