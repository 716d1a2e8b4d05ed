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


def test_each_package_of_the_lock_is_installed_once(root: Path, tmp_path: Path) -> None:
    """A stand-in for Python notes the packages of each installer."""
    names = [f"package-{number}" for number in range(11)]
    lock = tmp_path / "some.lock"
    lock.write_text("# made\n" + "".join(f"{one}==1 \\\n    --hash=sha256:00\n" for one in names))
    python = tmp_path / "venv/bin/python"
    python.parent.mkdir(parents=True)
    taken = tmp_path / "taken"
    python.write_text(
        "#!/bin/sh\n"
        "for one; do last=$one; done\n"
        'case "$*" in *--requirement*) cat "$last" >> ' + f"{taken}.$$" + " ;; esac\n"
    )
    python.chmod(0o755)
    script = root / "deploy/setup.sh"
    done = subprocess.run(["/bin/sh", str(script), str(tmp_path / "venv"), str(lock)], check=False)
    assert done.returncode == 0
    parts = [path.read_text() for path in tmp_path.glob("taken.*")]
    assert len(parts) == 4
    found = [line.split("==")[0] for part in parts for line in part.splitlines() if "==" in line]
    assert sorted(found) == sorted(names)


def test_a_package_that_is_not_installed_ends_the_set_up(root: Path, tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text("one==1\ntwo==1\nthree==1\nfour==1\nfive==1\n")
    python = tmp_path / "venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(
        "#!/bin/sh\n"
        "for one; do last=$one; done\n"
        'case "$*" in *--requirement*) ! grep -q three "$last" ;; *--editable*) exit 9 ;; esac\n'
    )
    python.chmod(0o755)
    script = root / "deploy/setup.sh"
    done = subprocess.run(
        ["/bin/sh", str(script), str(tmp_path / "venv"), str(lock)],
        check=False,
        capture_output=True,
    )
    assert done.returncode == 1
