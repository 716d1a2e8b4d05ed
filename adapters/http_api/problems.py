"""Problem details (RFC 9457) of the HTTP interface: status, reason code, field and advice.

A problem never contains a value of the request, because values are personal data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import JSONResponse

from broker.codes.meanings import CODES, next_step
from contracts.errors import ConcordantError

PROBLEM_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:concordant:problem:"


class ApiError(ConcordantError):
    """A request that is not carried out.

    Attributes:
        status: the HTTP status.
        headers: headers of the answer, for example `Retry-After`.
        members: further members of the problem, without personal values.
    """

    code = "request_malformed"

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str,
        where: str | None = None,
        fix: str | None = None,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail, code=code, where=where, fix=fix)
        self.status = status
        self.headers = dict(headers or {})
        self.members = dict(members or {})


def problem(
    status: int, error: ConcordantError, members: Mapping[str, object] | None = None
) -> dict[str, object]:
    """Return the problem details of an error."""
    known = CODES.get(error.code)
    found: dict[str, object] = {
        "type": f"{TYPE_PREFIX}{error.code}",
        "title": error.code.replace("_", " ") if known is None else known.means,
        "status": status,
        "detail": error.detail,
        "code": error.code,
    }
    advice = next_step(error)
    if advice:
        found["advice"] = advice
    if error.where:
        found["field"] = error.where
    return found | dict(members or {})


def problem_response(error: ApiError) -> JSONResponse:
    """Return the answer to a request that is not carried out."""
    return JSONResponse(
        problem(error.status, error, error.members),
        status_code=error.status,
        headers=error.headers,
        media_type=PROBLEM_TYPE,
    )
