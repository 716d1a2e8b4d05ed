"""Foreign packages with our names are refused, whatever they do when they are imported."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from concordant.packages import PACKAGES, InstallationError, require_own_packages
from tests.support.code_scan import PACKAGE_FOLDERS, ROOT

ENTRANCE = PACKAGE_FOLDERS["concordant"]
KINDS = {
    "empty": "",
    "raises": "raise RuntimeError('never run me')\n",
    "exits": "import sys\nsys.exit(0)\n",
    "is an interrupt": "raise KeyboardInterrupt\n",
    "replaces itself": "import sys\nsys.modules[__name__] = object()\n",
    "replaces others": "import sys\nfor n in ('broker', 'contracts', 'adapters'):\n"
    "    sys.modules[n] = sys\n",
    "claims our names": "DISTRIBUTION = 'concordant'\ndef __getattr__(name): return print\n",
}
PROGRAMS = {
    "broker": "import broker",
    "broker.subscriber": "from broker.subscriber import subscribe",
    "contracts": "import contracts",
    "contracts.decision": "from contracts.decision import decide",
    "adapters": "from adapters.base import AgencyAdapter",
    "concordant": "from concordant import subscribe",
}
TRY_ALL = f"""
import json, sys
found = {{}}
for name, program in {PROGRAMS!r}.items():
    if name.split(".")[0] == sys.argv[1]:
        continue
    try:
        exec(program)
        found[name] = "imported"
    except BaseException as error:
        found[name] = getattr(error, "code", repr(error))
print(json.dumps(found))
"""


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join((str(folder), str(ENTRANCE.parent), str(ROOT)))},
        cwd=folder.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def foreign(folder: Path, name: str, content: str, *, as_file: bool = False) -> Path:
    path = folder / f"{name}.py" if as_file else folder / name / "__init__.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return folder


@pytest.mark.parametrize("as_file", [False, True], ids=["package", "file"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PACKAGES)
def test_every_import_of_ours_beside_a_foreign_one_is_refused(
    tmp_path: Path, name: str, kind: str, as_file: bool
) -> None:
    folder = foreign(tmp_path / "path", name, KINDS[kind], as_file=as_file)
    done = run(folder, "-c", TRY_ALL, name)
    found = json.loads(done.stdout)
    assert len(found) >= 4
    assert found == dict.fromkeys(found, "package_foreign")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PACKAGES)
def test_one_that_was_installed_over_ours_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    """Both distributions are in one site-packages, and the later one replaced our file."""
    site = tmp_path / "site"
    shutil.copytree(ENTRANCE, site / "concordant")
    for each in PACKAGES:
        (site / each).mkdir()
        shutil.copy(ROOT / each / "__init__.py", site / each)
    foreign(site, name, KINDS[kind])
    done = run(site, "-c", TRY_ALL, name)
    found = json.loads(done.stdout)
    assert len(found) >= 4
    assert found == dict.fromkeys(found, "package_foreign")
    command = run(site, "-m", "concordant", "status")
    assert (command.returncode, command.stdout) == (3, "")
    assert command.stderr.splitlines()[-1].split() == ["code:", "package_foreign"]


@pytest.mark.parametrize("name", PACKAGES)
def test_the_command_says_so_in_one_sentence(tmp_path: Path, name: str) -> None:
    folder = foreign(tmp_path / "path", name, KINDS["exits"])
    done = run(folder, "-m", "concordant", "--help")
    assert (done.returncode, done.stdout) == (3, "")
    first, where, to_do, code = done.stderr.splitlines()
    assert name in first
    assert str(folder / name / "__init__.py") in where
    assert to_do.startswith("  to do: ")
    assert code.split() == ["code:", "package_foreign"]


@pytest.mark.parametrize("name", ["contracts", "adapters"])
@pytest.mark.parametrize(
    "before",
    [
        "import {name}",
        "import sys; sys.modules['{name}'] = None",
        "import sys; sys.modules['{name}'] = object()",
        "import sys, types; sys.modules['{name}'] = types.ModuleType('{name}')",
    ],
)
def test_a_program_that_imported_the_foreign_one_first_is_told(
    tmp_path: Path, name: str, before: str
) -> None:
    folder = foreign(tmp_path / "path", name, "")
    script = before.format(name=name) + (
        "\nimport concordant\ntry:\n    import broker\n"
        "except concordant.InstallationError as error:\n    print(error.code)"
    )
    assert run(folder, "-c", script).stdout.split() == ["package_foreign"]


def test_a_finder_of_another_distribution_may_raise(tmp_path: Path) -> None:
    script = (
        "import sys\nclass Finder:\n    def find_spec(self, name, *rest):\n"
        "        if name == 'contracts': raise RuntimeError\n"
        "sys.meta_path.insert(0, Finder())\n"
        "try:\n    import broker\nexcept ImportError as error:\n    print(error.code)"
    )
    tmp_path.joinpath("path").mkdir()
    assert run(tmp_path / "path", "-c", script).stdout.split() == ["package_foreign"]


def test_a_folder_without_init_changes_nothing(tmp_path: Path) -> None:
    """Python takes such a folder only if there is no package of the name."""
    for name in PACKAGES:
        (tmp_path / "path" / name).mkdir(parents=True)
    script = "import contracts, broker, adapters; print(contracts.__file__)"
    found = run(tmp_path / "path", "-c", script).stdout.strip()
    assert found == str(ROOT / "contracts/__init__.py")


def test_our_own_packages_are_ours() -> None:
    require_own_packages(complete=True)


def test_a_package_that_is_not_there_is_missing_for_the_command_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("concordant.packages.PACKAGES", ("no_such_package_here",))
    require_own_packages()
    with pytest.raises(InstallationError) as caught:
        require_own_packages(complete=True)
    assert (caught.value.code, caught.value.exit_code) == ("package_missing", 3)


def test_a_line_feed_in_a_path_is_shown_by_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("concordant.packages._found", lambda _name: "/a\nb/__init__.py")
    with pytest.raises(InstallationError) as caught:
        require_own_packages()
    assert r"where: /a\nb/__init__.py" in caught.value.diagnostics()
