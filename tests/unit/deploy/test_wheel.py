"""The built wheel is what is tested: installed by its sums into a fresh environment, it works."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel."""
    folder = tmp_path_factory.mktemp("built")
    _build(root, folder, "sdist", "wheel")
    return folder


def _build(source: Path, folder: Path, *targets: str) -> None:
    wanted = [word for target in targets for word in ("--target", target)]
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder), *wanted]
    subprocess.run(command, cwd=source, check=True, capture_output=True)


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(root: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a fresh environment with the wheel and what it needs, and nothing else."""
    venv = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    pip = [venv / "bin/python", "-m", "pip", "install", "--quiet"]
    lock = root / "locks/runtime.lock"
    subprocess.run([*pip, "--require-hashes", "--requirement", lock], check=True)
    subprocess.run([*pip, "--no-index", "--no-deps", wheel], check=True)
    subprocess.run([venv / "bin/python", "-m", "pip", "check"], check=True, capture_output=True)
    return venv / "bin"


def test_every_file_of_the_packages_is_in_the_wheel(root: Path, wheel: Path) -> None:
    there = _names(wheel)
    for package in ("contracts", "broker", "adapters"):
        for path in (root / package).rglob("*"):
            if path.is_file() and path.suffix in {".py", ".json", ".yaml", ".typed", ".mako"}:
                assert path.relative_to(root).as_posix() in there


def test_the_wheel_has_our_packages_and_the_lock_of_kafkas_jars_only(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in _names(wheel)}
    (metadata,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops == {"contracts", "broker", "adapters", metadata}
    assert "broker/transport/kafka_distribution/jgo.lock.toml" in _names(wheel)


def test_the_source_distribution_builds_the_same_wheel(
    built: Path, wheel: Path, tmp_path: Path
) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {Path(*Path(name).parts[1:]).as_posix() for name in tar.getnames()}
        tar.extractall(tmp_path, filter="data")
    assert {"pyproject.toml", "README.md", "LICENSE", "PKG-INFO", "Makefile"} <= names
    assert not any(name.startswith((".venv", ".git/", "dist")) for name in names)
    (source,) = tmp_path.iterdir()
    _build(source, tmp_path / "again", "wheel")
    (again,) = (tmp_path / "again").glob("*.whl")
    assert _names(again) == _names(wheel)


def test_the_installed_command_makes_a_partnership_and_seals(
    installed: Path, tmp_path: Path
) -> None:
    concordant = str(installed / "concordant")

    def run(*words: str, given: str = "") -> str:
        done = subprocess.run(
            [concordant, *words],
            cwd=tmp_path,
            input=given,
            text=True,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    agencies = run("quickstart", "p").split()
    assert len(agencies) == 7
    (first, *_) = run("event", "types", "--agency", f"p/{agencies[0]}").split()
    example = run("event", "example", first, "--agency", f"p/{agencies[0]}")
    record = run("event", "seal", "--agency", f"p/{agencies[0]}", given=example)
    assert run("event", "verify", "--agency", f"p/{agencies[1]}", given=record)


def test_the_installed_packages_find_the_lock_of_kafkas_jars_and_the_adapters(
    installed: Path, tmp_path: Path
) -> None:
    code = (
        "from broker.transport.distribution import load_lock; "
        "from adapters.catalogue import installed; "
        "print(len(load_lock()), *installed())"
    )
    done = subprocess.run(
        [installed / "python", "-c", code], cwd=tmp_path, text=True, capture_output=True, check=True
    )
    jars, *kinds = done.stdout.split()
    assert int(jars) > 20
    assert {"csu", "cps", "council", "council-csv", "support"} <= set(kinds)


def test_without_the_extra_a_local_kafka_says_how_to_get_it(
    installed: Path, tmp_path: Path
) -> None:
    code = "from broker.transport.distribution import java_path; java_path()"
    done = subprocess.run(
        [installed / "python", "-c", code],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert "the Java runtime for the local Kafka is not installed" in done.stderr
