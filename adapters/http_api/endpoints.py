"""Endpoints of the HTTP interface: who may call one, and the answers to faults.

An endpoint is called only with a valid token that has its scope, and within the limits of requests
and bytes. Every fault is answered with problem details: a refusal with its code, a fault of the
machine with 503, and a defect with 500 and no details.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from adapters.exchange.errors import ExchangeError
from adapters.http_api.limits import RequestRate
from adapters.http_api.problems import ApiError, problem_response
from adapters.http_api.tokens import SCOPES, Identity, TokenBook
from broker.codes.meanings import own_event_step
from broker.observing.logs import logger
from broker.observing.metrics import Metrics
from broker.waiting import DESCRIPTORS_EXHAUSTED
from contracts.errors import ConcordantError, EventError

Handler: TypeAlias = Callable[[Request, Identity], Awaitable[Response]]

CERTIFICATE: Final = "client_certificate"
"""Member of the request's state: SHA-256 of the client's certificate, hexadecimal."""
RETRY_S: Final = 10
"""Seconds after which a client should try again what the machine could not do."""
STATUSES: Final = {
    "event_ambiguous": 409,
    "event_unknown": 404,
    "idempotency_key_reused": 422,
    "result_conflict": 409,
    "result_too_early": 409,
}
"""Status of a request that is not carried out, if it is not 400."""
FIELDS: Final = {"key": "Idempotency-Key", "sender": "from"}
"""Header or query parameter of this interface for a field that every side has."""
_BEARER: Final = re.compile(r"[Bb]earer ([!-~]{1,200})")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method of a path.

    Attributes:
        method: ``GET`` or ``POST``.
        path: path with ``{id}`` for an event's id.
        scopes: the token must have one of them.
        handler: answers the request.
        query: names of the query parameters that it knows.
    """

    method: str
    path: str
    scopes: Collection[str]
    handler: Handler
    query: Collection[str] = ()


class Access:
    """Admits requests.

    Args:
        tokens: the agency's tokens.
        rate: limits the requests of each token name.
        metrics: counts requests that are not carried out.
        clock: () -> ms since the epoch.
    """

    def __init__(
        self, tokens: TokenBook, rate: RequestRate, metrics: Metrics, clock: Callable[[], int]
    ) -> None:
        self._tokens = tokens
        self._rate = rate
        self._metrics = metrics
        self._clock = clock
        self._log = logger("api")

    async def answer(self, endpoint: Endpoint, request: Request) -> Response:
        """Answer a request; every fault becomes problem details."""
        try:
            identity = self.identify(request, endpoint.scopes)
            self._rate.take(identity.name)
            _require_known_query(request, endpoint.query)
            request.state.check = partial(self.identify, request, endpoint.scopes)
            return await endpoint.handler(request, identity)
        except ApiError as error:
            return self.refused(error)
        except EventError as error:
            return self.refused(_refused_event(error))
        except ExchangeError as error:
            return self.refused(_not_carried_out(error))
        except ConcordantError as error:
            self._log.warning("request_failed", code=error.code)
            return self.refused(_unavailable(error))
        except Exception as error:  # noqa: BLE001 - its text may hold values: only its type and place are logged
            self._log.error("request_failed", code="internal_fault", exc_info=error)
            return self.refused(internal_fault())

    def refused(self, error: ApiError) -> Response:
        """Return and count the answer to a request that is not carried out."""
        self._metrics.api_refused(error.code)
        return problem_response(error)

    def identify(self, request: Request, scopes: Collection[str] = SCOPES) -> Identity:
        """Return the system that sent a request.

        Raises:
            ApiError: `api_token_missing` or `api_token_wrong` (401), `api_scope_missing` (403).
        """
        given = request.headers.getlist("authorization")
        if not given:
            raise _unauthorized("The request has no bearer token.", "api_token_missing")
        found = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
        certificate: str | None = getattr(request.state, CERTIFICATE, None)
        token = found[1] if found else ""
        identity = self._tokens.identify(token, certificate, self._clock())
        if identity is None:
            raise _unauthorized(
                "The token is not valid: it is unknown, expired or revoked, or the client "
                "certificate is another one.",
                "api_token_wrong",
            )
        if not identity.scopes.intersection(scopes):
            named = " or ".join(sorted(scopes))
            raise ApiError(
                403,
                f"The token does not have the scope {named}.",
                code="api_scope_missing",
            )
        return identity


def internal_fault() -> ApiError:
    """Return the answer to a defect of this software."""
    return ApiError(500, "The request met a defect of this software.", code="internal_fault")


def _unauthorized(detail: str, code: str) -> ApiError:
    return ApiError(401, detail, code=code, headers={"www-authenticate": "Bearer"})


def _require_known_query(request: Request, known: Collection[str]) -> None:
    given = [name for name, _ in request.query_params.multi_items()]
    if len(set(given)) != len(given) or set(given) - set(known):
        may = ", ".join(sorted(known)) or "none"
        raise ApiError(
            400,
            f"A query parameter is unknown or repeated; this address knows: {may}.",
            code="request_malformed",
            where="query",
        )


def _refused_event(error: EventError) -> ApiError:
    status = 400 if error.code == "event_malformed" else 422
    members = {} if error.clause is None else {"clause": error.clause}
    return ApiError(
        status,
        error.detail,
        code=error.code,
        where=error.where,
        fix=own_event_step(error),
        members=members,
    )


def _not_carried_out(error: ExchangeError) -> ApiError:
    status = STATUSES.get(error.code, 400)
    where = None if error.where is None else FIELDS.get(error.where, error.where)
    return ApiError(status, error.detail, code=error.code, where=where, fix=error.fix)


def _unavailable(error: ConcordantError) -> ApiError:
    """Return 503 without the place of the fault, which names files of this machine."""
    detail = "The adapter cannot carry out the request now; nothing was accepted."
    code = "descriptors_exhausted" if error.code == DESCRIPTORS_EXHAUSTED else error.code
    return ApiError(503, detail, code=code, headers={"retry-after": str(RETRY_S)})
