"""The built wheels, installed by their sums into a fresh environment, work."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support.code_scan import PACKAGE_FOLDERS
from tests.unit.deploy.test_extras import BASE, with_only

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel."""
    folder = tmp_path_factory.mktemp("built")
    _build(root, folder, "sdist", "wheel")
    return folder


@pytest.fixture(scope="module")
def demo_wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the demo and its fictitious agencies."""
    folder = tmp_path_factory.mktemp("demo")
    _build(root / "deploy/demo", folder, "wheel")
    (found,) = folder.glob("*.whl")
    return found


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


def _is_demo(name: str) -> bool:
    return name.startswith(("adapters/demo/", "adapters/sandbox/"))


def test_every_file_of_the_packages_is_in_one_of_the_wheels(
    root: Path, wheel: Path, demo_wheel: Path
) -> None:
    runtime, demo = _names(wheel), _names(demo_wheel)
    for package in ("concordant", "contracts", "broker", "adapters"):
        folder = PACKAGE_FOLDERS[package]
        for path in folder.rglob("*"):
            if path.is_file() and path.suffix in {".py", ".json", ".yaml", ".typed", ".mako"}:
                name = path.relative_to(folder.parent).as_posix()
                assert (name in runtime, name in demo) == (not _is_demo(name), _is_demo(name))


def test_both_wheels_have_one_version_and_the_demo_asks_for_it(
    wheel: Path, demo_wheel: Path
) -> None:
    version = wheel.name.split("-")[1]
    assert demo_wheel.name.split("-")[1] == version
    with zipfile.ZipFile(demo_wheel) as archive:
        (metadata,) = (n for n in archive.namelist() if n.endswith("/METADATA"))
        assert (
            f"Requires-Dist: concordant[adapter,local]=={version}"
            in archive.read(metadata).decode()
        )


def test_the_wheel_has_our_packages_and_the_lock_of_kafkas_jars_only(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in _names(wheel)}
    (metadata,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops == {"concordant", "contracts", "broker", "adapters", metadata}
    assert "broker/transport/kafka_distribution/jgo.lock.toml" in _names(wheel)


def test_the_wheel_without_any_extra_reads_agreements(wheel: Path, tmp_path: Path) -> None:
    """Installed alone; `contracts` and what the base declares can be imported, and nothing else."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--target", tmp_path / "site", wheel], check=True)
    script = (
        "import concordant, contracts\n"
        "from contracts.loading import shipped_framework, shipped_terms\n"
        "shipped_framework(); shipped_terms()\n"
        "print(contracts.__file__)\n"
        "try:\n    concordant.subscribe\n"
        "except concordant.InstallationError as error:\n    print(error.code)\n"
    )
    done = with_only(BASE, script, path=tmp_path / "site")
    assert done.stderr == ""
    file, code = done.stdout.split()
    assert file == str(tmp_path / "site" / "contracts" / "__init__.py")
    assert code == "package_missing"


def test_the_wheel_names_its_extras_and_addresses(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = archive.read(name).decode()
    for line in (
        "Provides-Extra: adapter",
        "Provides-Extra: subscriber",
        "Provides-Extra: local",
        "Project-URL: Source, ",
        "Project-URL: Changelog, ",
    ):
        assert f"\n{line}" in metadata
    for extra, name in (
        ("adapter", "typer"),
        ("adapter", "sqlalchemy"),
        ("subscriber", "aiokafka"),
    ):
        assert re.search(rf"^Requires-Dist: {name}\W.*extra == '{extra}'", metadata, re.M)
    assert re.search(r"^Requires-Dist: pydantic[<>=][^;]*$", metadata, re.M)


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
    installed: Path, demo_wheel: Path, tmp_path: Path
) -> None:
    concordant = str(installed / "concordant")
    done = subprocess.run(
        [concordant, "quickstart", "p"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 2
    assert b"demo_missing" in done.stderr
    pip = [installed / "python", "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, demo_wheel], check=True)

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
