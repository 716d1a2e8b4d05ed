"""The vectors are made again from fixed.json, byte for byte, and nothing else makes them."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.envelope.primitives import WrapOpener, WrapSealer, b64
from tests.vectors import large
from tests.vectors.making.ground import Ground

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
    for name in (large.RECIPES, large.IGNORED):
        assert (tmp_path / name).read_bytes() == (VECTORS / name).read_bytes()


def test_large_files_are_made_by_python_alone(tmp_path: Path) -> None:
    names = large.recipes(VECTORS)
    for name in ("large.py", large.RECIPES):
        shutil.copy(VECTORS / name, tmp_path)
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-I", "-S", tmp_path / "large.py"]
    first = subprocess.run(command, capture_output=True, text=True, check=True)
    assert first.stdout.split() == list(names)
    for name, held in names.items():
        content = (tmp_path / name).read_bytes()
        assert content == (VECTORS / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == held["sha256"]
        assert len(content) == held["bytes"]
    (tmp_path / next(iter(names))).write_bytes(b"cut")
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert again.stdout.split() == [next(iter(names))]


def test_a_recipe_that_makes_other_bytes_is_an_error() -> None:
    name, held = next(iter(large.recipes(VECTORS).items()))
    with pytest.raises(large.RecipeError, match="does not make"):
        large.content_of(name, {**held, "parts": ["other"]})


def test_no_file_of_padding_is_kept_in_the_repository() -> None:
    ignored = {line[1:] for line in (VECTORS / large.IGNORED).read_text().splitlines()[1:]}
    assert ignored == large.recipes(VECTORS).keys()
    kept = [path for path in VECTORS.rglob("*") if path.is_file()]
    padded = {str(path.relative_to(VECTORS)) for path in kept if large.recipe(path.read_bytes())}
    assert padded == ignored


@pytest.fixture
def ground(tmp_path: Path) -> Callable[..., Ground]:
    """The record of one wrap, or whatever else a test puts there."""

    def opened(recorded: dict[str, str] | None, *, record: bool = False) -> Ground:
        path = tmp_path / "fixed.json"
        if recorded is not None:
            content = {"about": "test keys", "label": "a label", "recorded": recorded}
            path.write_text(json.dumps(content), "utf-8")
        return Ground(path, record=record)

    return opened


SEED, INFO, SECRET = bytes(range(32)), b"info", b"s" * 32


def recorded(path: Path) -> dict[str, str]:
    held: dict[str, str] = json.loads(path.read_text("utf-8"))["recorded"]
    return held


def test_recorded_values_are_used_again(ground: Callable[..., Ground], tmp_path: Path) -> None:
    first = ground({}, record=True)
    wrap = first.wrap(SEED, INFO, SECRET)
    first.save()
    assert WrapOpener(SEED).open(wrap, INFO) == SECRET
    assert ground(None).wrap(SEED, INFO, SECRET) == wrap
    assert len(recorded(tmp_path / "fixed.json")) == 1


def test_unused_recordings_are_dropped(ground: Callable[..., Ground], tmp_path: Path) -> None:
    one = ground({"00" * 32: "AAAA"}, record=True)
    one.wrap(SEED, INFO, SECRET)
    one.save()
    assert list(recorded(tmp_path / "fixed.json")) != ["00" * 32]
    assert len(recorded(tmp_path / "fixed.json")) == 1


def test_a_missing_recording_is_an_error_in_one_sentence(ground: Callable[..., Ground]) -> None:
    with pytest.raises(Exception, match=r"^fixed\.json lacks .*: run generate\.py --record$"):
        ground({}).wrap(SEED, INFO, SECRET)


def test_a_wrong_recording_is_an_error(ground: Callable[..., Ground], tmp_path: Path) -> None:
    first = ground({}, record=True)
    first.wrap(SEED, INFO, SECRET)
    first.save()
    (name,) = recorded(tmp_path / "fixed.json")
    other = WrapSealer(WrapOpener(SEED).public).seal(SECRET, b"another info")
    with pytest.raises(Exception, match=r"^fixed\.json holds something else under "):
        ground({name: b64(other)}).wrap(SEED, INFO, SECRET)
