"""Meaning of an endpoint's answer."""

from __future__ import annotations

import pytest

from adapters.exchange.results import Rejection
from adapters.webhook.answers import (
    Answer,
    EndpointGone,
    Failed,
    Imported,
    ImportedBy,
    RejectedRequest,
    answer_of,
)

NOW = 1_764_500_000_000  # 30 November 2025, 10:53:20
REJECTION = b'{"outcome": "rejected", "reason": "unknown_tenant", "text": "No such tenant"}'
JSON = {"content-type": "application/json"}


def answer(
    status: int,
    body: bytes | None = b"",
    headers: dict[str, str] | None = None,
    by: ImportedBy = "status",
) -> Answer:
    return answer_of(status, headers or {}, body, by, NOW)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
@pytest.mark.parametrize("body", [b"", b"OK", b"{}", b'{"outcome": "imported"}', b"<html>"])
def test_success_is_imported(status: int, body: bytes) -> None:
    assert answer(status, body) == Imported()


@pytest.mark.parametrize("status", [200, 422])
def test_a_rejection_in_the_body_is_a_rejection(status: int) -> None:
    assert answer(status, REJECTION) == RejectedRequest(
        Rejection("unknown_tenant", "No such tenant")
    )


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'{"outcome": "rejected"}', {}),
        (b'{"outcome": "rejected", "reason": "Two Words"}', JSON),
        (b'{"outcome": "later"}', JSON),
        (None, JSON),
    ],
)
def test_a_rejection_in_a_wrong_form_is_not_imported(
    body: bytes | None, headers: dict[str, str]
) -> None:
    """Code webhook_answer_unknown: otherwise the event would be lost for the system."""
    found = answer(200, body, headers)
    assert isinstance(found, Failed)
    assert (found.code, found.endpoint) == ("webhook_answer_unknown", False)


@pytest.mark.parametrize("body", [b"", b"OK", b"{}", None])
def test_with_imported_by_body_only_the_body_says_so(body: bytes | None) -> None:
    found = answer(200, body, by="body")
    assert isinstance(found, Failed)
    assert found.code == "webhook_answer_unknown"
    assert answer(200, b'{"outcome": "imported"}', by="body") == Imported()


@pytest.mark.parametrize(
    ("status", "code", "endpoint"),
    [
        (301, "webhook_redirected", False),
        (307, "webhook_redirected", False),
        (400, "webhook_refused", False),
        (401, "webhook_refused", False),
        (404, "webhook_refused", False),
        (422, "webhook_refused", False),
        (429, "webhook_busy", True),
        (500, "webhook_refused", False),
        (502, "webhook_busy", True),
        (503, "webhook_busy", True),
        (504, "webhook_busy", True),
    ],
)
def test_other_statuses_fail(status: int, code: str, endpoint: bool) -> None:
    found = answer(status)
    assert isinstance(found, Failed)
    assert (found.code, found.endpoint) == (code, endpoint)
    assert str(status) in found.detail


def test_gone_is_gone() -> None:
    assert answer(410, REJECTION) == EndpointGone()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("Sun, 30 Nov 2025 10:54:20 GMT", 60.0),
        ("Sun, 30 Nov 2025 10:00:00 GMT", 0.0),
        ("9" * 400, 1e9),
        ("soon", None),
        ("-5", None),
        ("1e400", None),
        ("", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str, seconds: float | None) -> None:
    found = answer(503, headers={"retry-after": value})
    assert isinstance(found, Failed)
    assert found.after_s == seconds
