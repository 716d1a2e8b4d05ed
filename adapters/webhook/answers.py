"""Meaning of an endpoint's answer: imported, rejected, gone, or an attempt that failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Literal, TypeAlias

from adapters.exchange.errors import ExchangeError
from adapters.exchange.results import Rejection, parse_import_result

MOST_ANSWER_BYTES: Final = 4_096
"""Most bytes of an answer that are read."""
GONE: Final = 410
_UNPROCESSABLE: Final = 422
_BUSY: Final = frozenset({429, 502, 503, 504})
"""Statuses that concern the endpoint and not the event: other events wait as well."""

ImportedBy: TypeAlias = Literal["status", "body"]


@dataclass(frozen=True, slots=True)
class Imported:
    """The agency's system has the event."""


@dataclass(frozen=True, slots=True)
class RejectedRequest:
    """The agency's system rejected the event.

    Attributes:
        rejection: its reason.
    """

    rejection: Rejection


@dataclass(frozen=True, slots=True)
class EndpointGone:
    """The endpoint asks not to be called any more (410)."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt failed. The event is sent again later.

    Attributes:
        code: reason code.
        detail: one sentence without a value of the event or of the answer.
        endpoint: whether other events would meet the same fault, so that they wait too.
        after_s: pause that the endpoint asked for; None if it asked for none.
    """

    code: str
    detail: str
    endpoint: bool
    after_s: float | None = None


Answer: TypeAlias = Imported | RejectedRequest | EndpointGone | Failed


def answer_of(
    status: int,
    headers: Mapping[str, str],
    body: bytes | None,
    imported_by: ImportedBy,
    now_ms: int,
) -> Answer:
    """Return the meaning of an answer.

    Args:
        status: the HTTP status.
        headers: the headers, looked up without regard to case.
        body: the body; None if it is longer than ``MOST_ANSWER_BYTES`` or has a content encoding.
        imported_by: as in the setting.
        now_ms: the present time.
    """
    json = "json" in headers.get("content-type", "").lower()
    if 200 <= status < 300:
        return _of_success(status, body, imported_by, json=json)
    if status == _UNPROCESSABLE and isinstance(result := _result(body), RejectedRequest):
        return result
    if status == GONE:
        return EndpointGone()
    if 300 <= status < 400:
        detail = f"The endpoint answered {status}. Redirects are not followed."
        return Failed("webhook_redirected", detail, endpoint=False)
    busy = status in _BUSY
    return Failed(
        "webhook_busy" if busy else "webhook_refused",
        f"The endpoint answered {status}.",
        endpoint=busy,
        after_s=_retry_after_s(headers.get("retry-after"), now_ms),
    )


def _of_success(
    status: int, body: bytes | None, imported_by: ImportedBy, *, json: bool
) -> Imported | RejectedRequest | Failed:
    result = _result(body)
    if result is not None:
        return result
    # A rejection in a wrong form, or one too long to be read, must not count as imported.
    unclear = json if body is None else b'"outcome"' in body
    if imported_by == "status" and not unclear:
        return Imported()
    return Failed(
        "webhook_answer_unknown",
        f"The endpoint answered {status}, but its body is not a result.",
        endpoint=False,
    )


def _result(body: bytes | None) -> Imported | RejectedRequest | None:
    """Return the result that a body states; None if it states none."""
    if not body:
        return None
    try:
        rejection = parse_import_result(body)
    except ExchangeError:
        return None
    return Imported() if rejection is None else RejectedRequest(rejection)


def _retry_after_s(value: str | None, now_ms: int) -> float | None:
    """Return the seconds of a `Retry-After` (RFC 9110): a number, or a date."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:9]), 10**9)) if len(text) < 10 else 1e9
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    return max(0.0, (at - now).total_seconds())
