"""A FastStream handler over the models, against the adapter's bus side and a real NATS."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.pydantic_models import pydantic_module
from tests.support.bus_agency import bus_town, until
from tests.support.bus_servers import NatsServer
from tests.support.code_scan import ROOT
from tests.support.founded_partnership import COUNCIL


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    made = NatsServer(tmp_path / "nats")
    made.start()
    yield made
    made.kill()


async def test_the_handler_of_the_guide_takes_what_the_adapter_publishes(
    server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = bus_town(tmp_path, server.settings())
    events = types.ModuleType("events")
    monkeypatch.setitem(sys.modules, "events", events)
    exec(pydantic_module(town.world.contract, COUNCIL), events.__dict__)
    guide = (ROOT / "docs/guides/connecting-a-bus.md").read_text()
    text = re.findall(r"```python\n(.*?)```", guide, re.S)[0]
    names = town.council.bus.names
    for old, new in (
        ("nats://127.0.0.1:4222", f"nats://127.0.0.1:{server.port}"),
        ("concordant.received", names.received),
        ("concordant.results", names.results),
        ("CONCORDANT", town.council.bus.stream),
    ):
        text = text.replace(old, new)
    handler = types.ModuleType("handler")
    monkeypatch.setitem(sys.modules, "handler", handler)
    made = town.police.member.publish(town.police.member.event())
    await town.carry()
    town.council.start(source=False)
    await until(lambda: not (town.council.sink.trouble and town.council.sink.trouble()))
    exec(text, handler.__dict__)
    await handler.broker.start()
    await until(lambda: town.council.undelivered() == 0)
    await handler.broker.stop()
    assert len(handler.handled) == 1
    assert made is not None
    await town.close()
