"""Set-up: which Python is taken, and what is said if none will do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def _run(root: Path, path: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(path), **more}
    return subprocess.run(
        ["/bin/sh", str(root / "deploy/python.sh")],
        env=environment,
        text=True,
        capture_output=True,
        check=False,
    )


def _python(folder: Path, name: str, *, fit: bool) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\nexit {0 if fit else 1}\n")
    path.chmod(0o755)


def test_an_old_python3_is_passed_over(root: Path, tmp_path: Path) -> None:
    _python(tmp_path / "bin", "python3", fit=False)
    _python(tmp_path / "bin", "python3.12", fit=True)
    done = _run(root, tmp_path / "bin")
    assert done.stdout.strip() == str(tmp_path / "bin/python3.12")


def test_the_one_that_is_named_is_taken(root: Path, tmp_path: Path) -> None:
    done = _run(root, tmp_path, PYTHON=sys.executable)
    assert done.stdout.strip() == sys.executable


def test_without_one_it_says_what_is_needed(root: Path, tmp_path: Path) -> None:
    _python(tmp_path / "bin", "python3", fit=False)
    done = _run(root, tmp_path / "bin")
    assert done.returncode == 3
    assert "3.11" in done.stderr


def test_make_says_what_there_is(root: Path) -> None:
    done = subprocess.run(
        ["make", "-C", str(root), "help"],
        env=os.environ | {"MAKEFLAGS": ""},
        text=True,
        capture_output=True,
        check=True,
    )
    for target in ("setup", "demo", "test", "lint", "clean", "lock", "help"):
        assert f"make {target} " in done.stdout
