"""Requests and answers of the client, against answers that an adapter or a proxy may give."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from broker.transport.certificates import issue_ca, issue_certificate
from concordant.client import Client, ClientError, Event, connect
from concordant.client.errors import concerns_the_caller
from concordant.client.http_connection import HttpConnection
from concordant.client.http_requests import checked_address, tls_context
from contracts.errors import ConcordantError

Handler = Callable[[httpx.Request], httpx.Response]


def against(handler: Handler) -> Client:
    transport = httpx.MockTransport(handler)
    return Client(HttpConnection("http://localhost:1", "t" * 40, transport=transport))


def document(number: int) -> dict[str, Any]:
    return {
        "id": f"00000000-0000-8000-8000-{number:012d}", "type": "referral.made", "source": "csu",
        "time": "2026-11-30T09:00:00.000Z", "data": {}, "cursor": f"c{number}",
    }  # fmt: skip


def page(*numbers: int) -> httpx.Response:
    events = [document(number) for number in numbers]
    return httpx.Response(200, json={"events": events, "next": f"c{max(numbers, default=9)}"})


def problem(status: int, code: str, **members: object) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "detail": "No.", **members})


@pytest.mark.parametrize(
    "url",
    [
        "http://adapter.example:8480", "adapter.example", "https://", "ftp://localhost", "",
        "https://user:pw@adapter.example", "https://adapter.example/?token=1", "http://10.0.0.1",
    ],
)  # fmt: skip
def test_an_address_that_would_give_the_token_away_is_refused(url: str) -> None:
    with pytest.raises(ClientError) as error:
        connect(url, token="t" * 40)
    assert error.value.code == "client_address_unusable"
    assert "pw" not in error.value.diagnostics()


@pytest.mark.parametrize(
    "url", ["https://adapter.example:8480/", "http://127.0.0.1:8480", "http://[::1]:1"]
)
def test_tls_or_this_machine_is_taken(url: str) -> None:
    assert checked_address(url) == url.rstrip("/")


def test_a_tls_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for given in ((tmp_path / "ca.pem", None), (None, (tmp_path / "absent", tmp_path / "absent"))):
        with pytest.raises(ClientError) as error:
            tls_context(*given)
        assert error.value.code == "client_certificate_unusable"


def test_an_encrypted_key_is_refused_and_not_asked_for_on_the_terminal(tmp_path: Path) -> None:
    certificate, key = issue_certificate(issue_ca("test"), "client")
    (tmp_path / "client.pem").write_bytes(certificate)
    (tmp_path / "client.key").write_bytes(
        load_pem_private_key(key, None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")
        )
    )
    with pytest.raises(ClientError) as error:
        tls_context(None, (tmp_path / "client.pem", tmp_path / "client.key"))
    assert error.value.code == "client_certificate_unusable"


@pytest.mark.parametrize(
    ("status", "code", "waits"),
    [
        (0, "client_unreachable", True),
        (401, "api_token_wrong", True),
        (403, "api_scope_missing", True),
        (404, "path_unknown", True),
        (200, "client_answer_unknown", True),
        (404, "event_unknown", False),
        (409, "result_conflict", False),
        (422, "idempotency_key_reused", False),
        (422, "event_invalid", False),
        (0, "idempotency_key_invalid", False),
    ],
)
def test_an_error_is_about_the_caller_or_about_the_event(
    status: int, code: str, waits: bool
) -> None:
    assert concerns_the_caller(ClientError("No.", code=code, status=status)) is waits


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"events": {}, "next": "c"}),
        httpx.Response(200, json={"events": [1], "next": "c"}),
        httpx.Response(200, json={"events": [{"id": 1}], "next": "c"}),
        httpx.Response(404, text="not found"),
        httpx.Response(302, headers={"location": "http://elsewhere.example"}),
        httpx.Response(200, content=b"[" * 100_000),
    ],
)
def test_an_answer_of_something_else_is_no_event(answer: httpx.Response) -> None:
    with pytest.raises(ClientError) as error:
        next(against(lambda _request: answer).subscribe("cases", wait=0))
    assert error.value.code == "client_answer_unknown"


def test_a_problem_keeps_its_code_its_field_and_its_advice() -> None:
    given = problem(422, "field_not_granted", field="data.victim.name", advice="Leave it out.")
    with pytest.raises(ConcordantError) as error:
        against(lambda _request: given).publish(Event("referral.made", ["a"], {}))
    assert error.value.code == "field_not_granted"
    assert (error.value.where, error.value.fix) == ("data.victim.name", "Leave it out.")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_request_that_may_succeed_later_is_sent_again_after_the_given_time(status: int) -> None:
    answers = iter(
        [
            httpx.Response(status, json={"code": "x", "detail": "x"}, headers={"retry-after": "0"}),
            httpx.Response(status, text="bad gateway", headers={"retry-after": "0"}),
            page(1),
        ]
    )
    trouble: list[ClientError] = []
    events = against(lambda _request: next(answers)).subscribe(
        "cases", wait=9, on_trouble=trouble.append
    )
    assert next(events).cursor == "c1"
    assert [error.status for error in trouble] == [status, status]


def test_a_restored_adapter_is_read_anew_and_nothing_is_given_twice(tmp_path: Path) -> None:
    asked: list[str | None] = []

    def handler(request: httpx.Request) -> httpx.Response:
        after = request.url.params.get("after")
        asked.append(after)
        if after == "c1":
            return problem(410, "cursor_unknown")
        return page(1, 2) if after is None else page()

    trouble: list[str] = []
    file = tmp_path / "p.db"
    with against(lambda _request: page(1)).subscribe("cases", positions=file, wait=0) as events:
        next(events).acknowledge()
    events = against(handler).subscribe(
        "cases", positions=file, wait=1, on_trouble=lambda error: trouble.append(error.code)
    )
    assert next(events).cursor == "c2"
    assert (asked, trouble) == (["c1", None], ["cursor_unknown"])


def test_removed_events_are_told_and_never_passed_over_in_silence() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("after") == "c5":
            return page(6)
        return problem(410, "events_removed", removed=3, next="c5")

    with pytest.raises(ClientError) as error:
        next(against(handler).subscribe("cases", wait=0))
    assert (error.value.code, error.value.members["removed"]) == ("events_removed", 3)
    told: list[int] = []
    events = against(handler).subscribe("cases", wait=1, on_removed=told.append)
    assert next(events).cursor == "c6"
    assert told == [3]


def test_a_request_names_the_choice_and_the_key(tmp_path: Path) -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return page() if request.method == "GET" else httpx.Response(201, json={"id": "1"})

    client = against(handler)
    asked = client.subscribe(
        "cases", types=["a", "b"], senders=["csu"], start="earliest", positions=tmp_path / "p.db",
        wait=0,
    )  # fmt: skip
    assert list(asked) == []
    client.publish(Event("a", ["x"], {"case_id": "1"}), key="key-1")
    assert dict(seen[0].url.params) == {
        "wait": "0", "replay": "true", "since": "1970-01-01T00:00:00.000Z", "type": "a,b",
        "from": "csu",
    }  # fmt: skip
    assert seen[1].headers["idempotency-key"] == "key-1"
    assert json.loads(seen[1].content) == {
        "type": "a",
        "recipients": ["x"],
        "data": {"case_id": "1"},
    }
    again = client.subscribe("cases", start="earliest", positions=tmp_path / "p.db", wait=0)
    assert list(again) == []
    assert seen[2].url.params["after"] == "c9"  # the position counts, not the start


def test_a_redirect_does_not_carry_the_token_away() -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.host)
        return httpx.Response(307, headers={"location": "http://elsewhere.example/events"})

    with pytest.raises(ClientError):
        against(handler).publish(Event("a", ["x"], {}))
    assert seen == ["localhost"]
