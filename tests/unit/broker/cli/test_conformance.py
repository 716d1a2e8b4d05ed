"""`concordant conformance`: any reader against the vectors, and what the command says of it."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from broker.cli import conformance
from broker.operations import vector_cases as conformance_cases

Cli = Callable[..., Any]
VECTORS = Path(__file__).parents[3] / "vectors"
FEW = ("0-value_missing", "5-not_addressed-to_others", "10-opened-other_headers", "4-gap-jump")

ALWAYS = """
import sys
for _ in sys.stdin:
    print('{"not_addressed": true}')
"""
TOLD = """
import json, sys
with open(sys.argv[1], "w") as told:
    json.dump([sys.argv[2:], sys.stdin.read().count("\\n")], told)
print('{"refused":"value_missing","step":0}')
raise SystemExit(4)
"""
PROXY = """
import sys
from pathlib import Path
from broker.operations.vector_setting import load_setting
from broker.judging.verification_cache import VerificationCache
from broker.operations.record_file import open_line
from broker.keys.instant import parse_instant
import orjson
now = parse_instant(sys.argv[3])
context = load_setting(Path(sys.argv[1]), sys.argv[2]).context(now)
cache = VerificationCache()
for line in sys.stdin.buffer:
    answer, _ = open_line(line.rstrip(b"\\n"), context, cache, now)
    sys.stdout.buffer.write(orjson.dumps(answer) + b"\\n")
"""


def script(tmp_path: Path, text: str, *arguments: str) -> str:
    path = tmp_path / "a reader.py"
    path.write_text(text, "utf-8")
    return shlex.join([sys.executable, str(path)]) + "".join(f" {word}" for word in arguments)


def test_this_reader_passes(cli: Cli) -> None:
    done = cli("conformance", *FEW)
    assert (done.code, done.lines) == (0, ["4 cases, 4 passed"])
    assert done.err == ""


def test_a_command_that_answers_rightly_passes(cli: Cli, tmp_path: Path) -> None:
    reader = script(tmp_path, PROXY, "{setting}", "{agency}", "{now}")
    done = cli("conformance", "--command", reader, *FEW[:2])
    assert (done.code, done.lines) == (0, ["2 cases, 2 passed"])


def test_a_command_that_answers_wrongly_is_told_where(cli: Cli, tmp_path: Path) -> None:
    done = cli("conformance", "--command", script(tmp_path, ALWAYS), *FEW)
    assert done.code == 1
    *faults, last = done.lines
    assert last == "4 cases, 1 passed"
    assert [fault.partition(":")[0] for fault in faults] == sorted(
        set(FEW) - {"5-not_addressed-to_others"}
    )
    assert (
        '0-value_missing: record 1: expected {"refused":"value_missing","step":0}, '
        'got {"not_addressed":true}' in faults
    )


def test_the_command_is_told_setting_agency_and_time(cli: Cli, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    reader = script(tmp_path, TOLD, f"'{told}'", "{setting}", "--as={agency}", "{now}", "{other}")
    done = cli("conformance", "--command", reader, "0-value_missing")
    assert done.code == 0
    assert json.loads(told.read_text("utf-8")) == [
        [
            str(VECTORS / "settings" / "partnership"),
            "--as=council-camden",
            "2026-03-02T12:00:00.000Z",
            "{other}",
        ],
        1,
    ]


def test_no_shell_reads_the_command(cli: Cli, tmp_path: Path) -> None:
    reader = script(tmp_path, ALWAYS, ";", "touch", str(tmp_path / "made"))
    cli("conformance", "--command", reader, "0-value_missing")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pass", "no answers, and the command ended with 0"),
        ("raise SystemExit(7)", "no answers, and the command ended with 7"),
        (
            "import os; os.kill(os.getpid(), 9)",
            "no answers, and the command was killed by signal 9",
        ),
        ("print('{')", "answer 1 is not JSON"),
        ("import os; os.write(1, bytes(range(128, 256)))", "answer 1 is not JSON"),
        ("print('[' * 900 + ']' * 900)", "answer 1 is nested too deeply"),
        ('for _ in \'ab\': print(\'{"refused":"value_missing","step":0}\')', "expected 1 answers"),
        ('print(\'{"refused":"value_missing","step":0.0}\')', '"step":0}, got'),
        ('print(\'{"refused":"value_missing","step":false}\')', '"step":0}, got'),
    ],
)
def test_a_wrong_answer_fails(cli: Cli, tmp_path: Path, text: str, said: str) -> None:
    done = cli("conformance", "--command", script(tmp_path, text), "0-value_missing")
    assert done.code == 1
    assert said in done.lines[0]
    assert done.lines[1] == "1 cases, 0 passed"


def test_a_command_that_does_not_end_fails(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conformance_cases, "CASE_SECONDS", 0.2)
    reader = script(tmp_path, "import time; time.sleep(30)")
    done = cli("conformance", "--command", reader, "0-value_missing")
    assert done.code == 1
    assert "no answer within" in done.lines[0]


def test_a_command_that_never_stops_writing_is_ended(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conformance_cases, "MAX_ANSWER_BYTES", 4096)
    reader = script(tmp_path, "while True: print('{}')")
    done = cli("conformance", "--command", reader, "0-value_missing")
    assert done.code == 1
    assert "4096 bytes" in done.lines[0]


def test_child_processes_of_a_command_end_with_it(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conformance_cases, "CASE_SECONDS", 1)
    shell = shlex.join(["sh", "-c", "sleep 300 & wait"])
    began = time.monotonic()
    done = cli("conformance", "--command", shell, "0-value_missing")
    assert done.code == 1
    assert "no answer within" in done.lines[0]
    assert time.monotonic() - began < 60  # the output ends when nobody is left who holds it


@pytest.mark.parametrize(
    ("words", "code", "ended"),
    [
        ("", "command_invalid", 2),
        ("'", "command_invalid", 2),
        ("/nowhere/at/all {setting}", "command_not_started", 3),
    ],
)
def test_a_command_that_cannot_be_read_or_started_is_said_so(
    cli: Cli, words: str, code: str, ended: int
) -> None:
    done = cli("conformance", "--command", words, "0-value_missing")
    done.require_failure(code, ended)


def test_a_case_that_is_not_there_is_named(cli: Cli) -> None:
    done = cli("conformance", "11-everything")
    assert done.code == 2
    assert "11-everything" in done.err


def test_a_folder_without_vectors_is_said(cli: Cli, tmp_path: Path) -> None:
    done = cli("conformance", "--vectors", tmp_path)
    assert done.code == 3
    assert "vectors_missing" in done.err.split()


def test_large_vectors_that_are_not_made_are_said_with_what_makes_them(
    cli: Cli, tmp_path: Path
) -> None:
    folder = tmp_path / "vectors"
    shutil.copytree(VECTORS, folder, ignore=shutil.ignore_patterns("making", "*line_of_1_mib*"))
    done = cli("conformance", "--vectors", folder, "0-value_missing")
    assert done.code == 3
    assert "vectors_missing" in done.err
    assert f"python {folder}/large.py" in " ".join(done.err.split())
    subprocess.run([sys.executable, folder / "large.py"], check=True, capture_output=True)
    assert cli("conformance", "--vectors", folder, "0-value_missing").code == 0
    (folder / "large.json").write_text('{"files": 1}')
    done = cli("conformance", "--vectors", folder, "0-value_missing")
    assert done.code == 3
    assert "vectors_invalid" in done.err


def test_no_command_is_blamed_for_a_setting_that_is_missing(cli: Cli, tmp_path: Path) -> None:
    vectors = tmp_path / "vectors"
    (vectors / "cases").mkdir(parents=True)
    shutil.copy(VECTORS / "cases" / f"{FEW[0]}.json", vectors / "cases")
    done = cli("conformance", "--vectors", vectors, "--command", script(tmp_path, ALWAYS))
    done.require_failure("vectors_invalid")
    assert "settings/partnership" in done.err


def test_without_a_source_tree_the_vectors_are_asked_for(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conformance, "_BESIDE", tmp_path / "vectors")
    done = cli("conformance")
    assert done.code == 3
    assert "--vectors" in done.err


def test_wrong_usage_is_2(cli: Cli) -> None:
    assert cli("conformance", "--vector").code == 2


@pytest.mark.parametrize("damage", ["case", "setting", "agency", "answers"])
def test_damaged_vectors_are_not_the_readers_fault(cli: Cli, tmp_path: Path, damage: str) -> None:
    name = "0-value_missing"
    (tmp_path / "cases").mkdir()
    case = json.loads((VECTORS / "cases" / f"{name}.json").read_text("utf-8"))
    shutil.copytree(VECTORS / "settings" / "partnership", tmp_path / "settings" / "partnership")
    if damage == "agency":
        case["agency"] = "nobody"
    elif damage == "answers":
        case["expect"] = []
    elif damage == "setting":
        (tmp_path / "settings" / "partnership" / "setting.json").write_text("{}", "utf-8")
    text = json.dumps(case)
    (tmp_path / "cases" / f"{name}.json").write_text(
        text[:-1] if damage == "case" else text, "utf-8"
    )
    done = cli("conformance", "--vectors", tmp_path)
    assert done.code == 3
    assert "damaged" in done.err
