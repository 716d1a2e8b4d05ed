"""The vectors are made again from fixed.json, byte for byte, and nothing else makes them."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from broker.envelope.primitives import WrapOpener, WrapSealer, b64

VECTORS = Path(__file__).parents[2] / "vectors"


def generate(script: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for name in ("settings", "cases")
        for path in (folder / name).rglob("*")
        if path.is_file()
    }


def test_the_generator_makes_the_same_bytes(tmp_path: Path) -> None:
    done = generate(VECTORS / "generate.py", "--into", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    made, committed = files(tmp_path), files(VECTORS)
    assert len(committed) > 300
    assert made.keys() == committed.keys()
    assert [name for name in made if made[name] != committed[name]] == []


class Ground(Protocol):
    """tests/vectors/making/ground.py; the vectors are no package of the tests."""

    def wrap(self, seed: bytes, info: bytes, secret: bytes) -> bytes: ...

    def save(self) -> None: ...


@pytest.fixture
def ground(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Ground]:
    """The record of one wrap, or whatever else a test puts there."""
    monkeypatch.syspath_prepend(str(VECTORS))
    module = importlib.import_module("making.ground")

    def opened(recorded: dict[str, str] | None, *, record: bool = False) -> Ground:
        path = tmp_path / "fixed.json"
        if recorded is not None:
            content = {"about": "test keys", "label": "a label", "recorded": recorded}
            path.write_text(json.dumps(content), "utf-8")
        made: Ground = module.Ground(path, record=record)
        return made

    return opened


SEED, INFO, SECRET = bytes(range(32)), b"info", b"s" * 32


def recorded(path: Path) -> dict[str, str]:
    held: dict[str, str] = json.loads(path.read_text("utf-8"))["recorded"]
    return held


def test_what_was_recorded_is_taken_again(ground: Callable[..., Ground], tmp_path: Path) -> None:
    first = ground({}, record=True)
    wrap = first.wrap(SEED, INFO, SECRET)
    first.save()
    assert WrapOpener(SEED).open(wrap, INFO) == SECRET
    assert ground(None).wrap(SEED, INFO, SECRET) == wrap
    assert len(recorded(tmp_path / "fixed.json")) == 1


def test_what_is_not_used_is_dropped(ground: Callable[..., Ground], tmp_path: Path) -> None:
    one = ground({"00" * 32: "AAAA"}, record=True)
    one.wrap(SEED, INFO, SECRET)
    one.save()
    assert list(recorded(tmp_path / "fixed.json")) != ["00" * 32]
    assert len(recorded(tmp_path / "fixed.json")) == 1


def test_what_is_not_recorded_is_an_error_in_one_sentence(ground: Callable[..., Ground]) -> None:
    with pytest.raises(Exception, match=r"^fixed\.json lacks .*: run generate\.py --record$"):
        ground({}).wrap(SEED, INFO, SECRET)


def test_what_is_recorded_wrongly_is_an_error(
    ground: Callable[..., Ground], tmp_path: Path
) -> None:
    first = ground({}, record=True)
    first.wrap(SEED, INFO, SECRET)
    first.save()
    (name,) = recorded(tmp_path / "fixed.json")
    other = WrapSealer(WrapOpener(SEED).public).seal(SECRET, b"another info")
    with pytest.raises(Exception, match=r"^fixed\.json holds something else under "):
        ground({name: b64(other)}).wrap(SEED, INFO, SECRET)
