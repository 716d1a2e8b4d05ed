"""The guide of the bus: its settings, commands and handler are true."""

from __future__ import annotations

import asyncio
import importlib
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from adapters.bus.cloud_events import parse_cloud_event
from broker.agency.config import CONFIG_NAME, parse_config
from broker.codes.meanings import CODES
from contracts.pydantic_models import pydantic_module
from contracts.typed_models import leaves_of_party
from tests.support import command_line
from tests.support.code_scan import ROOT
from tests.support.config_text import config_text
from tests.support.founded_partnership import founded

GUIDE = (ROOT / "docs/guides/connecting-a-bus.md").read_text()
CHARITY = "haven-support"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.S)


def settings() -> str:
    (shown,) = blocks("toml")
    sides, bus = shown.split("\n\n")
    return config_text().replace("[adapter]\n", f"{sides}\n", 1) + f"\n{bus}"


@pytest.fixture
def handler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Return the module of the guide's handler, beside the module of models."""
    (tmp_path / "events.py").write_text(pydantic_module(founded().contract, CHARITY))
    (tmp_path / "handler.py").write_text(blocks("python")[0])
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("events", "handler", "handler_trial"):
        sys.modules.pop(name, None)
    yield importlib.import_module("handler")
    for name in ("events", "handler"):
        sys.modules.pop(name, None)


def test_the_settings_switch_both_sides() -> None:
    config = parse_config(settings().encode(), CONFIG_NAME)
    assert (config.adapter.source, config.adapter.sink) == ("bus", "bus")
    assert config.bus is not None
    names = set(re.findall(r"^\| `(concordant\.\w+)` \|", GUIDE, re.M))
    assert names == set(config.bus.names.model_dump().values())


def test_the_commands_describe_the_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = founded().directory(CHARITY, tmp_path)
    (shown,) = blocks("toml")
    with (folder / CONFIG_NAME).open("a") as config:
        config.write("\n" + shown.split("\n\n")[1])
    monkeypatch.chdir(tmp_path)
    typed = [
        line[2:]
        for block in blocks("console")
        for line in block.splitlines()
        if line.startswith("$ concordant adapter bus") and " test " not in line  # needs a bus
    ]
    assert len(typed) == 3
    for one in typed:
        words = [{"DIR": str(folder)}.get(word, word) for word in shlex.split(one)[1:]]
        done = command_line.run(*words)
        assert done.code == 0, done.err
    assert '"asyncapi": "3.0.0"' in (tmp_path / "bus.json").read_text()
    assert "AsyncApiStandalone" in (tmp_path / "bus.html").read_text()


def test_without_the_section_the_commands_say_so(tmp_path: Path) -> None:
    folder = founded().directory(CHARITY, tmp_path)
    done = command_line.run("adapter", "bus", "permissions", "--agency", str(folder))
    assert done.code == 3
    assert "config_invalid" in done.err


def test_the_handler_and_its_test_run_without_a_bus(handler: ModuleType) -> None:
    beside = Path(str(handler.__file__)).with_name("handler_trial.py")
    beside.write_text(blocks("python")[1])
    importlib.import_module("handler_trial")
    assert len(handler.handled) == 1


@pytest.mark.usefixtures("handler")
async def test_the_message_to_send_is_a_cloud_event_of_the_shared_form() -> None:
    from contracts.examples import example

    names: dict[str, Any] = {}
    exec(blocks("python")[2], names)
    sent: list[Any] = []

    class Broker:
        async def publish(self, message: Any, *_place: object, **_more: object) -> None:
            await asyncio.sleep(0)
            sent.append(message)

    names["broker"] = Broker()
    contract = founded().contract
    plain = example(contract, CHARITY, min(leaves_of_party(contract, CHARITY, "sends")))
    body = {"type": plain.type, "recipients": list(plain.recipients), "data": plain.data}
    await names["send"](body, "7")
    read = parse_cloud_event(sent[0].model_dump_json().encode(), {})
    assert (read.id, read.source, read.type) == ("7", "/housing", plain.type)


def test_every_code_of_the_table_is_a_code() -> None:
    table = GUIDE.partition("## When something is wrong")[2]
    named = {
        code
        for row in re.findall(r"^\| (`.*?) \|", table, re.M)
        for code in re.findall(r"`(\w+)`", row)
    }
    assert named
    assert named <= CODES.keys()
