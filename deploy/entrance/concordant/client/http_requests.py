"""Requests of the client to the adapter's HTTP interface, and their answers, without I/O."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from concordant.client.errors import ClientError
from concordant.client.events import Accepted, unknown_answer
from concordant.client.handled import IMPORTED, Untold
from concordant.client.interface import EventPage, Selection

MOST_WAIT_S: Final = 60
"""Longest wait for which the adapter lets a request ask."""
ANSWER_S: Final = 30.0
"""Seconds within which an answer must come, besides the wait that was asked for."""
RETRY_S: Final = 2.0
_RETRIED: Final = frozenset({408, 429, 500, 502, 503, 504})
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request.

    Attributes:
        method, path: of the interface.
        query: parameters.
        body: JSON text, if it has a body.
        headers: besides the token.
        timeout_s: seconds within which the answer must come.
    """

    method: str
    path: str
    query: Mapping[str, str]
    body: str | None = None
    headers: Mapping[str, str] | None = None
    timeout_s: float = ANSWER_S


def checked_address(url: str) -> str:
    """Return the address of an adapter.

    Raises:
        ClientError: `client_address_unusable`: no address, or one that would send the token and
            personal data without TLS.
    """
    parts = urlsplit(url)
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not secure or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ClientError(
            "The address of the adapter cannot be used.",
            code="client_address_unusable",
            fix="Give https://HOST:PORT. Without TLS only this machine's own adapter can be "
            "reached: http://127.0.0.1:PORT",
        )
    return url.rstrip("/")


def tls_context(
    ca: str | Path | None, certificate: tuple[str | Path, str | Path] | None
) -> ssl.SSLContext:
    """Return the context with which the adapter's certificate is verified.

    Args:
        ca: PEM of the authority of the adapter's certificate; None for those of the system.
        certificate: PEM files of the client's certificate and key, if the adapter asks for one.

    Raises:
        ClientError: `client_certificate_unusable`.
    """
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
        if certificate is not None:
            context.load_cert_chain(str(certificate[0]), str(certificate[1]), _no_passphrase)
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        raise ClientError(
            "A TLS file of the client cannot be used.",
            code="client_certificate_unusable",
            where="ca, certificate",
            fix="Check that ca is the PEM file of the adapter's authority, and that the files of "
            "certificate are a PEM certificate and its key, which has no passphrase.",
        ) from None
    return context


def _no_passphrase() -> str:
    """Refuse an encrypted key: without this, OpenSSL asks on the terminal and a service hangs."""
    raise ValueError


def publish_request(event: str, key: str) -> HttpRequest:
    """Return the request that publishes an event."""
    headers = {"idempotency-key": key, "content-type": "application/json"}
    return HttpRequest("POST", "/events", {}, event, headers)


def page_request(selection: Selection, after: str | None, wait_s: float) -> HttpRequest:
    """Return the request of the next events."""
    wait = int(min(wait_s, MOST_WAIT_S))
    query = {"wait": str(wait), "replay": "true"}
    if after is not None:
        query["after"] = after
    elif selection.since is not None:
        query["since"] = instant(selection.since)
    if selection.types:
        query["type"] = ",".join(selection.types)
    if selection.senders:
        query["from"] = ",".join(selection.senders)
    return HttpRequest("GET", "/events", query, timeout_s=ANSWER_S + wait)


def result_request(one: Untold) -> HttpRequest:
    """Return the request that sends a result."""
    document: dict[str, str] = {"outcome": one.result.outcome}
    if one.result.outcome != IMPORTED:
        document |= {"reason": one.result.reason, "text": one.result.detail}
    return HttpRequest(
        "POST",
        f"/events/{one.event_id}/result",
        {"from": one.source},
        json.dumps(document),
        {"content-type": "application/json"},
    )


def state_request(event_id: str, source: str | None) -> HttpRequest:
    """Return the request that asks what became of an event."""
    return HttpRequest("GET", f"/events/{event_id}", {} if source is None else {"from": source})


def instant(moment: datetime) -> str:
    """Return a time as the interface takes it.

    Raises:
        ClientError: `subscription_start_invalid`: the time has no zone, or is before 1970.
    """
    if moment.tzinfo is None or moment.timestamp() < 0:
        raise ClientError(
            "The time has no time zone, or is before 1970.",
            code="subscription_start_invalid",
            where="start",
            fix="For example: datetime.now(UTC) - timedelta(days=7)",
        )
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + (
        f"{moment.microsecond // 1000:03d}Z"
    )


def answer_document(status: int, content: bytes, retry_after: str | None = None) -> dict[str, Any]:
    """Return the JSON object of a good answer.

    Raises:
        ClientError: with the code of a problem, or `client_answer_unknown`.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _retried(unknown_answer(status), status, retry_after)
    if 200 <= status < 300:
        return document
    code, detail = document.get("code"), document.get("detail")
    if not isinstance(code, str) or not isinstance(detail, str):
        raise _retried(unknown_answer(status), status, retry_after)
    where, advice = document.get("field"), document.get("advice")
    error = ClientError(
        detail,
        code=code,
        where=where if isinstance(where, str) else None,
        fix=advice if isinstance(advice, str) else None,
        status=status,
        members=document,
    )
    raise _retried(error, status, retry_after)


def accepted_answer(document: Mapping[str, Any]) -> Accepted:
    """Return the answer to a published event.

    Raises:
        ClientError: `client_answer_unknown`.
    """
    event_id = document.get("id")
    if not isinstance(event_id, str):
        raise unknown_answer()
    return Accepted(event_id, document.get("left_out", ()), document.get("not_sealed", ()))


def page_answer(document: Mapping[str, Any]) -> EventPage:
    """Return a page of events.

    Raises:
        ClientError: `client_answer_unknown`.
    """
    events, after = document.get("events"), document.get("next")
    if not isinstance(events, list) or not isinstance(after, str):
        raise unknown_answer()
    if not all(isinstance(one, dict) for one in events):
        raise unknown_answer()
    return EventPage(events, after)


def unreachable(error: Exception) -> ClientError:
    """Return the error of an adapter that does not answer, without what the library says of it."""
    if isinstance(error, ssl.SSLError) or "CERTIFICATE_VERIFY" in str(error):
        return ClientError(
            "The certificate of the adapter is not valid for the given authority and address.",
            code="client_certificate_refused",
            fix="Give the authority of the adapter's certificate as ca, and the name that stands "
            "in the certificate as the host.",
        )
    return ClientError(
        "The adapter cannot be reached, or does not answer in time.",
        code="client_unreachable",
        fix="Check that the adapter runs and that the address is right. The same request can be "
        "sent again.",
        retry_s=RETRY_S,
    )


def _retried(error: ClientError, status: int, retry_after: str | None) -> ClientError:
    if status in _RETRIED:
        given = retry_after or ""
        error.retry_s = float(given) if given.isascii() and given.isdigit() else RETRY_S
    return error
