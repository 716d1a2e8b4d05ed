"""Sign-in and sign-out: one-time links, an OpenID Connect provider, or a trusted proxy."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, TypeVar
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from adapters.web.doors import Doors
from adapters.web.errors import FormRefusedError, SessionMissingError
from adapters.web.identity.id_token import LEEWAY_S
from adapters.web.identity.pending import PENDING_MS, PendingSignIn
from adapters.web.identity.refusals import SignInRefusedError
from adapters.web.own_path import own_path
from adapters.web.people import PROXY, Person
from adapters.web.rendering import Renderer
from adapters.web.request_limits import Places, Rate, own_origin, read_form, require_own_page
from adapters.web.sessions import Session, SignIn
from broker.observing.logs import logger

SIGN_INS_A_MINUTE: Final = 120
"""Attempts to sign in from one address."""
MOST_ASKING: Final = 8
"""Requests to the provider at one time: a slow one must not hold up the other pages."""
ANSWER_PATH: Final = "/sign-in/answer"
AGAIN_PATH: Final = "/sign-in/again"
SIGNED_OUT_PATH: Final = "/signed-out"
MOST_CODE: Final = 4_096

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class SignInRoute:
    """A page of the sign-in.

    Attributes:
        method: GET shows, POST changes.
        path: its address.
        answer: the page.
    """

    method: Literal["GET", "POST"]
    path: str
    answer: Callable[[Request], Awaitable[Response]]


class Authentication:
    """Sessions of requests, and the pages that begin and end them.

    Args:
        doors: ways in.
        clock: () -> ms since the epoch.
        renderer: makes pages.
    """

    def __init__(self, doors: Doors, clock: Callable[[], int], renderer: Renderer) -> None:
        self._doors = doors
        self._clock = clock
        self._renderer = renderer
        self._rate = Rate(SIGN_INS_A_MINUTE, time.monotonic)
        self._asking = Places(MOST_ASKING)
        self._log = logger("web")

    def routes(self) -> Sequence[SignInRoute]:
        """Return the pages of the ways that are open."""
        found = [
            SignInRoute("POST", "/sign-out", self._sign_out),
            SignInRoute("GET", SIGNED_OUT_PATH, self._signed_out),
        ]
        if self._doors.links is not None:
            found.append(SignInRoute("GET", "/link/{token}", self._by_link))
        if self._doors.provider is not None:
            found.append(SignInRoute("GET", "/sign-in", self._to_provider))
            found.append(SignInRoute("GET", AGAIN_PATH, self._to_provider_again))
            found.append(SignInRoute("GET", ANSWER_PATH, self._from_provider))
        if self._doors.proxy is not None:
            found.append(SignInRoute("GET", "/sign-in", self._by_proxy))
        return found

    def session(self, request: Request) -> Session:
        """Return the session of a request.

        Raises:
            SessionMissingError: there is none, or the proxy names another person by now.
        """
        session = self._doors.sessions.find(self._token(request), self._clock())
        if session is None or not self._still_named(request, session.person):
            self._end(request)
            raise self.missing(request)
        return session

    def lasts(self, session: Session) -> bool:
        """Return whether a session that a request holds has not ended meanwhile."""
        return self._doors.sessions.lasts(session, self._clock())

    def renewal(self, request: Request, session: Session) -> str | None:
        """Return where the provider confirms person and roles again; None if it need not.

        A role that the provider takes away ends so. Only a person who opens a page is sent there.
        """
        opened = request.headers.get("sec-fetch-mode", "navigate") == "navigate"
        if request.method != "GET" or not opened or not session.stale(self._clock()):
            return None
        return f"/sign-in?{urlencode({'next': own_path(request.url)})}"

    def missing(self, request: Request, *, used: bool = False) -> SessionMissingError:
        """Return the refusal of a request without a session, with the way to sign in.

        Args:
            request: the request.
            used: whether it came with a one-time link that does not work any more.
        """
        by_name = self._doors.provider is not None or self._doors.proxy is not None
        onward = own_path(request.url) if request.method == "GET" and not used else "/"
        return SessionMissingError(
            used=used,
            onward=onward if by_name else None,
            links=self._doors.links is not None,
        )

    # --- ways in --------------------------------------------------------------------------------

    async def _by_link(self, request: Request) -> Response:
        self._take_attempt(request)
        assert self._doors.links is not None
        now = self._clock()
        person = self._doors.links.use(str(request.path_params["token"]), now)
        if person is None:
            raise self.missing(request, used=True)
        return self._signed_in(request, SignIn(person, now), "/")

    async def _by_proxy(self, request: Request) -> Response:
        self._take_attempt(request)
        assert self._doors.proxy is not None
        try:
            person = self._doors.proxy.person(request)
        except SignInRefusedError as error:
            self._log.warning("web_sign_in_refused", reason=error.reason)
            raise
        onward = own_path(request.query_params.get("next"))
        return self._signed_in(request, SignIn(person, self._clock()), onward)

    async def _to_provider_again(self, request: Request) -> Response:
        """Send the browser to the provider, which must ask who the person is."""
        return await self._to_provider(request, again=True)

    async def _to_provider(self, request: Request, *, again: bool = False) -> Response:
        """Send the browser to the provider, with a cookie that binds the answer to it."""
        self._take_attempt(request)
        way = self._doors.provider
        assert way is not None
        onward = own_path(request.query_params.get("next"))
        token, pending = way.pending.begin(onward, self._clock(), again=again)
        try:
            address = await self._ask(
                partial(way.provider.sign_in_address, pending, self._answer_to(request))
            )
        except SignInRefusedError as error:
            self._log.warning("web_sign_in_refused", reason=error.reason)
            raise
        response = RedirectResponse(address, status_code=303)
        self._set_cookie(response, self._pending_cookie, token, PENDING_MS // 1000)
        return response

    async def _from_provider(self, request: Request) -> Response:
        """Sign in the person whom the provider names, in the browser that began it."""
        self._take_attempt(request)
        try:
            signed_in, onward = await self._named_by_provider(request)
        except SignInRefusedError as error:
            if error.reason == "roles_missing":  # the provider has taken the last role away
                self._end(request)
            self._log.warning("web_sign_in_refused", reason=error.reason)
            raise
        response = self._signed_in(request, signed_in, onward)
        self._delete_cookie(response, self._pending_cookie)
        return response

    async def _named_by_provider(self, request: Request) -> tuple[SignIn, str]:
        way = self._doors.provider
        assert way is not None
        answer = request.query_params
        pending = way.pending.take(request.cookies.get(self._pending_cookie, ""), self._clock())
        states = answer.getlist("state")
        if (
            pending is None
            or len(states) != 1
            or not hmac.compare_digest(states[0].encode(), pending.state.encode())
        ):
            raise SignInRefusedError("state")
        await self._ask(partial(way.provider.require_issuer, answer.get("iss")))
        if "error" in answer:
            raise SignInRefusedError("provider_refused")
        code = answer.get("code", "")
        if not 0 < len(code) <= MOST_CODE:
            raise SignInRefusedError("code_missing")
        verified = await self._ask(
            partial(way.provider.signed_in, code, pending, self._answer_to(request))
        )
        signed_in = way.sign_in(verified, self._clock())
        if pending.again:
            self._require_proof(request, pending, signed_in)
        return signed_in, pending.onward

    def _require_proof(self, request: Request, pending: PendingSignIn, signed_in: SignIn) -> None:
        """Require that the provider has just asked the person of the session who they are.

        Raises:
            SignInRefusedError: `proof_missing` or `another_person`.
        """
        if signed_in.proved_ms < pending.began_ms - LEEWAY_S * 1000:
            raise SignInRefusedError("proof_missing")
        session = self._doors.sessions.find(self._token(request), self._clock())
        if session is not None and session.person.id != signed_in.person.id:
            raise SignInRefusedError("another_person")

    def _signed_in(self, request: Request, signed_in: SignIn, onward: str) -> Response:
        """Give the session a new number: what a browser had before opens nothing any more."""
        token = self._doors.sessions.renew(self._token(request), signed_in, self._clock())
        self._log.info("web_signed_in", kind=signed_in.person.vouched)
        response = RedirectResponse(onward, status_code=303)
        self._set_cookie(response, self._doors.cookie, token, None)
        return response

    # --- ways out -------------------------------------------------------------------------------

    async def _sign_out(self, request: Request) -> Response:
        require_own_page(request, self._doors.address)
        session = self.session(request)
        form = await read_form(request, 4_096)
        if not session.csrf_fits(form.text("csrf")):
            raise FormRefusedError
        self._end(request)
        response = RedirectResponse(self._after_sign_out(request, session), status_code=303)
        self._delete_cookie(response, self._doors.cookie)
        response.headers["clear-site-data"] = '"cache"'  # no page is left for the back button
        return response

    def _after_sign_out(self, request: Request, session: Session) -> str:
        way = self._doors.provider
        if way is None or session.id_token is None:
            return SIGNED_OUT_PATH
        back_to = f"{self._origin(request)}{SIGNED_OUT_PATH}"
        return way.provider.sign_out_address(session.id_token, back_to) or SIGNED_OUT_PATH

    def sign_out_origin(self) -> str | None:
        """Return the provider's origin to which the form of the sign-out leads, if it is known."""
        way = self._doors.provider
        return None if way is None else way.provider.sign_out_origin

    async def _signed_out(self, _request: Request) -> Response:
        return self._renderer.page("sign_in/signed_out.html", {"visit": None, "said": None})

    def _end(self, request: Request) -> None:
        self._doors.sessions.end(self._token(request))

    # --- details --------------------------------------------------------------------------------

    @property
    def _pending_cookie(self) -> str:
        return f"{self._doors.cookie}-sign-in"

    def _token(self, request: Request) -> str:
        return request.cookies.get(self._doors.cookie, "")

    def _still_named(self, request: Request, person: Person) -> bool:
        """Return whether the proxy, if it vouched for the person, still names them so."""
        if person.vouched != PROXY:
            return True
        assert self._doors.proxy is not None
        try:
            return self._doors.proxy.person(request) == person
        except SignInRefusedError:
            return False

    def _origin(self, request: Request) -> str:
        return self._doors.address or own_origin(request)

    def _answer_to(self, request: Request) -> str:
        return f"{self._origin(request)}{ANSWER_PATH}"

    def _take_attempt(self, request: Request) -> None:
        """Count an attempt to sign in; others' attempts stop no person at another address.

        Raises:
            TooManyRequestsError: the address has had its attempts.
        """
        self._rate.take("" if request.client is None else request.client.host)

    async def _ask(self, call: Callable[[], Answer]) -> Answer:
        """Call the provider in a thread.

        Raises:
            TooManyRequestsError: too many people wait for it.
        """
        with self._asking.required("provider"):
            return await run_in_threadpool(call)

    def _delete_cookie(self, response: Response, name: str) -> None:
        """Delete a cookie. Browsers keep a `__Host-` cookie if its deletion is not secure."""
        response.delete_cookie(
            name, path="/", secure=self._doors.secure, httponly=True, samesite="lax"
        )

    def _set_cookie(self, response: Response, name: str, value: str, max_age: int | None) -> None:
        response.set_cookie(
            name,
            value,
            max_age=max_age,
            path="/",
            secure=self._doors.secure,
            httponly=True,
            samesite="lax",
        )
