"""Tokens, scopes, limits and faults of the HTTP interface: a hostile client gets no further."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import httpx
import pytest

from adapters.exchange import json_input
from adapters.exchange.accepting import parse_event
from adapters.exchange.errors import ExchangeError
from adapters.exchange.json_input import require_shallow
from adapters.http_api import limits, tokens
from adapters.http_api.limits import RequestRate
from adapters.http_api.problems import ApiError
from adapters.http_api.tokens import SCOPES, TokenBook, new_token, revoke, stored_tokens
from adapters.token_cli import ScopeName
from broker.errors import ConfigError, WrongInputError
from tests.support.founded_partnership import POLICE
from tests.support.http_agency import HttpAgency, http_partnership, key

DAY = 86_400_000
NAME = "Zephyrine Quillfeather"


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


# --- tokens ---------------------------------------------------------------------------------------


def test_only_the_hash_of_a_token_is_stored_and_only_its_owner_reads_the_file(
    tmp_path: Path,
) -> None:
    stored, token = new_token(tmp_path, "housing", ["read"], 0)
    path = tmp_path / "api-tokens.json"
    assert path.stat().st_mode & 0o777 == 0o600
    secret = token.split("_", 2)[2]
    assert secret not in path.read_text()
    assert len(secret) == 43  # 256 bits
    assert stored_tokens(tmp_path) == (stored,)


def test_a_token_is_valid_until_it_expires_or_is_revoked(tmp_path: Path) -> None:
    stored, token = new_token(tmp_path, "housing", ["read"], 0, days=2)
    book = TokenBook(tmp_path)
    found = book.identify(token, None, 1)
    assert found is not None
    assert (found.name, found.scopes) == ("housing", {"read"})
    assert book.identify(token, None, 2 * DAY) is None
    revoke(tmp_path, stored.id, 5)
    assert book.identify(token, None, 6) is None
    assert revoke(tmp_path, stored.id, 9).revoked == stored_tokens(tmp_path)[0].revoked


@pytest.mark.parametrize("token", ["", "x", "concordant_00000000_" + "A" * 43])
def test_an_unknown_token_has_no_identity(tmp_path: Path, token: str) -> None:
    new_token(tmp_path, "housing", ["read"], 0)
    assert TokenBook(tmp_path).identify(token, None, 1) is None


def test_the_secret_of_another_token_does_not_fit(tmp_path: Path) -> None:
    (_, one), (_, two) = (new_token(tmp_path, name, ["read"], 0) for name in ("a", "b"))
    mixed = "_".join([*one.split("_")[:2], two.split("_", 2)[2]])
    assert TokenBook(tmp_path).identify(mixed, None, 1) is None


def test_a_token_bound_to_a_certificate_needs_it(tmp_path: Path) -> None:
    _, token = new_token(tmp_path, "housing", ["read"], 0, certificate="a" * 64)
    book = TokenBook(tmp_path)
    assert book.identify(token, None, 1) is None
    assert book.identify(token, "b" * 64, 1) is None
    assert book.identify(token, "a" * 64, 1) is not None


@pytest.mark.parametrize("given", [{"name": "Two Words"}, {"scopes": []}, {"days": 0}])
def test_other_values_are_api_token_invalid(tmp_path: Path, given: dict[str, object]) -> None:
    asked = {"name": "housing", "scopes": ["read"], "now": 0, **given}
    with pytest.raises(WrongInputError) as caught:
        new_token(tmp_path, **asked)  # type: ignore[arg-type]
    assert caught.value.code == "api_token_invalid"
    assert stored_tokens(tmp_path) == ()


def test_an_id_that_no_token_has_is_api_token_unknown(tmp_path: Path) -> None:
    with pytest.raises(WrongInputError) as caught:
        revoke(tmp_path, "00000000", 0)
    assert caught.value.code == "api_token_unknown"


def test_a_list_that_others_can_write_to_is_api_tokens_unreadable(tmp_path: Path) -> None:
    _, token = new_token(tmp_path, "housing", ["read"], 0)
    path = tmp_path / "api-tokens.json"
    path.chmod(0o666)
    with pytest.raises(ConfigError) as caught:
        TokenBook(tmp_path).identify(token, None, 1)
    assert caught.value.code == "api_tokens_unreadable"
    path.chmod(0o600)
    assert TokenBook(tmp_path).identify(token, None, 1) is not None
    path.write_text("[]")
    with pytest.raises(ConfigError) as caught:
        stored_tokens(tmp_path)
    assert caught.value.code == "api_tokens_unreadable"


async def test_without_a_token_it_is_api_token_missing(police: HttpAgency) -> None:
    async with police.client("") as client:
        for path in ("/events", "/openapi.json", f"/events/{'0' * 36}"):
            answer = await client.get(path)
            assert code(answer) == (401, "api_token_missing")
            assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("value", ["Bearer x", "Basic eA==", "Bearer", "Bearer a b", "bearer é"])
async def test_another_token_is_api_token_wrong(police: HttpAgency, value: str) -> None:
    police.token()
    async with police.client("") as client:
        answer = await client.get("/events", headers={"authorization": value.encode("latin-1")})
    assert code(answer) == (401, "api_token_wrong")
    assert 'api_refusals_total{code="api_token_wrong"} 1.0' in police.metrics.text().decode()


async def test_a_token_without_the_scope_is_api_scope_missing(police: HttpAgency) -> None:
    async with police.client(police.token("a", ("read",))) as client:
        answer = await client.post("/events", json=police.body(), headers=key())
        result = await client.post("/events/x/result", json={"outcome": "imported"})
    async with police.client(police.token("b", ("publish",))) as client:
        read = await client.get("/events")
        assert (await client.get("/openapi.json")).status_code == 200
    assert [code(one) for one in (answer, result, read)] == [(403, "api_scope_missing")] * 3
    assert police.entries("disclosure") == []


# --- limits ---------------------------------------------------------------------------------------


async def test_a_token_above_its_rate_is_rate_limited(tmp_path: Path) -> None:
    town = http_partnership(tmp_path, POLICE, requests_per_minute=2)
    async with town[POLICE].client() as client:
        answers = [await client.get("/events") for _ in range(3)]
    async with town[POLICE].client(town[POLICE].token("other")) as client:
        other = await client.get("/events")
    town.close()
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert code(answers[2]) == (429, "rate_limited")
    assert int(answers[2].headers["retry-after"]) == 30
    assert other.status_code == 200


def test_the_rate_recovers_with_time() -> None:
    now = [0.0]
    rate = RequestRate(60, lambda: now[0])
    for _ in range(60):
        rate.take("a")
    with pytest.raises(ApiError):
        rate.take("a")
    now[0] = 1.0
    rate.take("a")


async def test_a_body_above_the_limit_is_request_too_large_before_it_is_read(
    tmp_path: Path,
) -> None:
    town = http_partnership(tmp_path, POLICE, request_bytes=2_048)
    police = town[POLICE]
    headers = {**key(), "content-type": "application/json"}

    async def endless() -> object:
        while True:
            yield b" " * 1_024

    async with police.client() as client:
        stated = await client.post(
            "/events", content=b"{}", headers={**headers, "content-length": "9" * 30}
        )
        streamed = await client.post("/events", content=endless(), headers=headers)  # type: ignore[arg-type]
    town.close()
    assert [code(one) for one in (stated, streamed)] == [(413, "request_too_large")] * 2


async def test_a_body_that_comes_slowly_is_request_slow(
    police: HttpAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BODY_S", 0.05)

    async def slow() -> object:
        yield b"{"
        await asyncio.sleep(5)

    headers = {**key(), "content-type": "application/json"}
    async with police.client() as client:
        answer = await client.post("/events", content=slow(), headers=headers)  # type: ignore[arg-type]
    assert code(answer) == (408, "request_slow")


@pytest.mark.parametrize("path", ["/events", "/events/7f0c1f3e-2b61-4b0f-9a8e-0d4f6a7c1e52/result"])
async def test_a_token_that_is_revoked_while_its_body_comes_changes_nothing(
    police: HttpAgency, path: str
) -> None:
    token = police.token()
    (stored,) = stored_tokens(police.root)
    content = json.dumps(police.body() if path == "/events" else {"outcome": "imported"})

    async def slow() -> object:
        revoke(police.root, stored.id, police.member.clock.now)
        yield content.encode()

    headers = {**key(), "content-type": "application/json"}
    async with police.client(token) as client:
        answer = await client.post(path, content=slow(), headers=headers)  # type: ignore[arg-type]
    assert code(answer) == (401, "api_token_wrong")
    assert police.entries("disclosure") == []


@pytest.mark.parametrize(
    "headers",
    [{"content-type": "text/plain"}, {"content-encoding": "gzip"}],
    ids=["type", "encoding"],
)
async def test_another_form_of_body_is_media_type_unknown(
    police: HttpAgency, headers: dict[str, str]
) -> None:
    async with police.client() as client:
        answer = await client.post(
            "/events",
            content=b"{}",
            headers={"content-type": "application/json", **key(), **headers},
        )
    assert code(answer) == (415, "media_type_unknown")


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a":' * 40 + b"1" + b"}" * 40], ids=["open", "closed"]
)
def test_a_deep_document_is_refused_before_it_is_parsed(body: bytes) -> None:
    begin = time.perf_counter()
    with pytest.raises(ExchangeError) as caught:
        parse_event(body)
    assert caught.value.code == "request_malformed"
    assert time.perf_counter() - begin < 1


@pytest.mark.parametrize(
    "body", [b'"' + b"[" * 1000 + b'"', b'["\\"[[["]' + b" " * 99, b'"' * 1_000_001, b"\\" * 99]
)
def test_brackets_in_texts_do_not_count_and_no_text_takes_long(body: bytes) -> None:
    begin = time.perf_counter()
    require_shallow(body)
    assert time.perf_counter() - begin < 1


@pytest.mark.parametrize(
    "body",
    [b'\\"' * 99, b'\\"' * 99 + b"\\", b'"', b'"\\', b'{"a": "b\\\\"}', b'["\\""', b'\\"a"b"' * 9],
)
def test_each_byte_of_a_body_is_looked_at_once(body: bytes) -> None:
    """A quote outside of every match would be one at which the search read to the end in vain."""
    assert b'"' not in json_input._BRACKETS.sub(b"", body)


HOSTILE = {
    "empty": b"",
    "null": b"null",
    "repeated": b'{"type": "a", "type": "b", "recipients": [], "data": {}}',
    "nan": b'{"type": "a", "recipients": [], "data": {"x": NaN}}',
    "surrogate": b'{"type": "\\ud800", "recipients": [], "data": {}}',
    "utf-16": '{"type": "a"}'.encode("utf-16"),
    "bom": b'\xef\xbb\xbf{"type": "a", "recipients": [], "data": {}}',
    "number": b'{"type": "a", "recipients": [], "data": {"x": ' + b"9" * 5_000 + b"}}",
    "bytes": bytes(range(256)),
    "recipients": b'{"type": "a", "recipients": [null], "data": {}}',
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_body_is_event_malformed(police: HttpAgency, body: bytes) -> None:
    headers = {**key(), "content-type": "application/json"}
    async with police.client() as client:
        answer = await client.post("/events", content=body, headers=headers)
    assert code(answer) == (400, "event_malformed")
    assert [one.reason for one in police.entries("refusal")] == ["event_malformed"]


async def test_an_event_with_large_numbers_or_hidden_characters_is_refused(
    police: HttpAgency,
) -> None:
    for value in (10**400, "a\x00b", "\u202e", {"a": {"b": {}}}, None):
        body = police.body()
        body["data"]["incident"] = value
        async with police.client(police.token(f"t{abs(hash(str(value)))}"[:9])) as client:
            answer = await client.post("/events", json=body, headers=key())
        assert answer.status_code in {400, 422}, value
    assert police.entries("disclosure") == []


# --- faults ---------------------------------------------------------------------------------------


async def test_unknown_paths_and_methods(police: HttpAgency) -> None:
    async with police.client() as client:
        path = await client.get("/admin")
        slash = await client.get("/events/")
        methods = [
            await client.request(method, "/events")
            for method in ("PUT", "DELETE", "PATCH", "TRACE", "OPTIONS")
        ]
        head = await client.head("/events")
    assert [code(one) for one in (path,)] == [(404, "path_unknown")]
    assert slash.status_code in {404, 307}
    assert [code(one) for one in methods] == [(405, "method_unknown")] * 5
    assert {one.headers["allow"] for one in methods} == {"GET, POST"}
    assert head.status_code == 405
    assert police.entries("consultation") == []


async def test_a_defect_is_internal_fault_without_details(
    police: HttpAgency, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_arguments: object) -> None:
        raise ValueError(NAME)

    monkeypatch.setattr(police.source._acceptance, "accept", broken)
    async with police.client() as client:
        answer = await client.post("/events", json=police.body(), headers=key())
    assert code(answer) == (500, "internal_fault")
    assert NAME not in answer.text + capsys.readouterr().err


async def test_every_answer_has_the_headers_of_a_careful_server(police: HttpAgency) -> None:
    async with police.client() as client:
        answers = [await client.get("/events"), await client.get("/x"), await client.put("/events")]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "server" not in answer.headers


async def test_a_list_of_tokens_that_cannot_be_read_lets_no_request_in(
    police: HttpAgency,
) -> None:
    async with police.client() as client:
        (police.root / tokens.API_TOKENS_FILE).write_text("{}x")
        answer = await client.get("/events")
    assert code(answer) == (503, "api_tokens_unreadable")
    assert str(police.root) not in answer.text


def test_the_command_offers_each_scope() -> None:
    assert tuple(ScopeName) == SCOPES
