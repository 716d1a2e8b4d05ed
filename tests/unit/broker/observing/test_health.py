"""Health endpoints: live, ready or the reason why not, and the metrics."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time

import httpx
import pytest

from broker.errors import ConfigError
from broker.observing import health
from broker.observing.health import Flag, HealthServer, Readiness, health_app


async def get(readiness: Readiness, path: str, method: str = "GET") -> httpx.Response:
    app = health_app(readiness, lambda: b"concordant_up 1\n")
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://adapter") as http:
        return await http.request(method, path)


async def test_alive_is_answered_in_every_state() -> None:
    readiness = Readiness()
    readiness.add("kafka", lambda: "not reachable")
    assert (await get(readiness, "/livez")).text == "ok\n"


async def test_ready_names_every_check_and_the_reason_of_those_that_fail() -> None:
    readiness = Readiness()
    readiness.add("contract", lambda: None)
    kafka = readiness.flag("kafka")
    answer = await get(readiness, "/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "checks": {"contract": {"ok": True}, "kafka": {"ok": False, "reason": "starting"}},
    }
    kafka.up()
    answer = await get(readiness, "/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    kafka.down("kafka_unreachable")
    answer = await get(readiness, "/readyz")
    assert answer.json()["checks"]["kafka"] == {"ok": False, "reason": "kafka_unreachable"}


async def test_a_check_that_breaks_is_not_ready_and_shows_no_message() -> None:
    def broken() -> str | None:
        raise ValueError("Jane Doe")

    readiness = Readiness()
    readiness.add("state", broken)
    answer = await get(readiness, "/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["state"]["reason"]


def test_a_flag_may_start_up() -> None:
    assert Flag(None)() is None


async def test_metrics_come_in_prometheus_form() -> None:
    answer = await get(Readiness(), "/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.text == "concordant_up 1\n"


async def test_nothing_else_is_answered() -> None:
    assert (await get(Readiness(), "/")).status_code == 404
    assert (await get(Readiness(), "/readyz", "POST")).status_code == 405


async def test_the_server_answers_on_its_port_and_then_lets_it_go() -> None:
    handlers = (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))
    server = HealthServer(health_app(Readiness(), lambda: b""), port=0)
    await server.start()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"http://127.0.0.1:{server.port}/readyz")
    assert answer.json() == {"ready": True, "checks": {}}
    assert "server" not in answer.headers
    await asyncio.wait_for(server.stop(), 10)
    await server.stop()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", server.port))


async def test_a_port_that_is_taken_is_an_error_with_a_fix_and_not_the_end() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = HealthServer(health_app(Readiness(), lambda: b""), port=taken.getsockname()[1])
        with pytest.raises(ConfigError) as caught:
            await server.start()
    assert caught.value.code == "config_port_unusable"
    assert caught.value.fix


async def serving() -> HealthServer:
    server = HealthServer(health_app(Readiness(), lambda: bytes(8_000_000)), port=0)
    await server.start()
    return server


async def test_half_open_connections_are_few_and_block_no_client() -> None:
    server = await serving()
    async with asyncio.TaskGroup() as group:
        opening = [
            group.create_task(asyncio.open_connection("127.0.0.1", server.port))
            for _ in range(10 * health.MAX_CONNECTIONS)
        ]
    flood = [task.result() for task in opening]
    for _, writer in flood:
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
    assert server.connections <= health.MAX_CONNECTIONS
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(f"http://127.0.0.1:{server.port}/livez")).text == "ok\n"
    assert 0 < server.connections <= health.MAX_CONNECTIONS
    await asyncio.wait_for(server.stop(), 10)
    for _, writer in flood:
        writer.close()


@pytest.mark.parametrize(
    "begin",
    [
        b"",
        b"GET /livez HTTP/1.1\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /livez HTTP/1.1\r\n",
    ],
)
async def test_a_request_that_comes_byte_by_byte_is_cut_off(
    begin: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "REQUEST_S", 0.3)
    server = await serving()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(begin)

    async def trickle() -> None:
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.02)

    trickling = asyncio.create_task(trickle())
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):
            await reader.read()  # to the end, which the server makes
    trickling.cancel()
    await asyncio.wait_for(server.stop(), 10)


async def test_a_flood_of_requests_makes_few_answers_and_one_for_each_connection() -> None:
    made = 0

    def metrics() -> bytes:
        nonlocal made
        made += 1
        return b"concordant_up 1\n"

    server = HealthServer(health_app(Readiness(), metrics), port=0)
    await server.start()

    async def ask() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        with contextlib.suppress(ConnectionError):
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
            answers = (await reader.read()).count(b"concordant_up 1")
        writer.close()
        return answers

    began = time.monotonic()
    answers = [await ask() for _ in range(40)]
    took = time.monotonic() - began
    assert answers == [1] * 40
    assert made <= 1 + took / health.AGAIN_S
    await asyncio.wait_for(server.stop(), 10)


async def test_an_answer_that_is_not_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "REQUEST_S", 0.1)
    monkeypatch.setattr(health, "CONNECTION_S", 0.5)
    server = await serving()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert await reader.read(1)
    async with asyncio.timeout(10):
        while server.connections:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.05)
    writer.close()
    await asyncio.wait_for(server.stop(), 10)


async def test_an_answer_that_takes_its_time_is_not_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "REQUEST_S", 0.1)

    def slow() -> bytes:
        time.sleep(0.5)
        return b"late 1\n"

    server = HealthServer(health_app(Readiness(), slow), port=0)
    await server.start()
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"http://127.0.0.1:{server.port}/metrics")
    assert answer.text == "late 1\n"
    await asyncio.wait_for(server.stop(), 10)
