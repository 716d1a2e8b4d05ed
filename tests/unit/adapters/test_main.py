"""The command as a process of its own: what it imports, how fast it answers, how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

HEAVY = ("faststream", "aiokafka", "confluent_kafka", "alembic", "uvicorn", "starlette", "httpx")

ASK = f"""
import io, sys
from adapters.main import main

def run(*arguments, stdin=b""):
    sys.argv = ["concordant", *arguments]
    sys.stdin, sys.stdout = io.TextIOWrapper(io.BytesIO(stdin)), io.TextIOWrapper(io.BytesIO())
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, arguments
    sys.stdout.flush()
    return sys.stdout.buffer.getvalue()

sender, reader = sys.argv[1:]
example = run("event", "example", "referral.made", "--agency", sender)
record = run("event", "seal", "--agency", sender, stdin=example)
assert b'"data"' in run("event", "open", "--agency", reader, stdin=record)
assert b'"verified"' in run("event", "verify", "--agency", reader, stdin=record)
assert b"referral.made" in run("event", "types", "--agency", reader)
found = [name for name in {HEAVY!r} if name in sys.modules]
sys.stderr.write("imported: " + ",".join(found))
"""


def process(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "adapters.main", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


def test_the_event_commands_import_neither_faststream_nor_aiokafka(root: Path) -> None:
    command = [sys.executable, "-c", ASK, root / "csu-camden", root / "council-camden"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.stderr.decode() == "imported: "


def test_an_answer_takes_no_more_than_a_second_of_work(made: Path) -> None:
    best = 9.0
    for _ in range(2):
        before = os.times()
        assert process("event", "types", "--agency", made / "csu-camden").returncode == 0
        after = os.times()
        spent = after.children_user + after.children_system
        best = min(best, spent - before.children_user - before.children_system)
    assert best < 1.0


def test_an_error_is_a_few_lines_and_no_traceback(tmp_path: Path) -> None:
    done = process("event", "types", "--agency", tmp_path)
    assert (done.returncode, done.stdout) == (3, b"")
    assert b"Traceback" not in done.stderr
    assert done.stderr.decode().splitlines()[-1] == "  code:  config_missing"


@pytest.mark.parametrize(
    "arguments",
    [["nothing"], ["event"], ["event", "nothing"], ["event", "seal"], ["event", "open", "--no"]],
)
def test_a_wrong_command_is_a_usage_error(cli, arguments: list[str]) -> None:
    done = cli(*arguments)
    assert done.code == 2
    assert "Usage:" in done.err + done.text


@pytest.mark.parametrize(
    "noun",
    ["", "event", "contract", "keys", "log", "quarantine", "status", "doctor", "kafka"],
)
def test_help_teaches_every_noun(cli, noun: str) -> None:
    done = cli(*[noun] if noun else [], "--help")
    assert done.code == 0
    assert len(done.text) > 300


def test_help_of_the_whole_says_what_exit_codes_mean(cli) -> None:
    text = " ".join(cli("--help").text.split())
    for words in ("0 done", "1 the answer is no", "2 usage", "3 the environment", "4 part of"):
        assert words in text


def test_a_reader_of_the_output_may_close_it(made: Path) -> None:
    example = process("event", "example", "referral.made", "--agency", made / "csu-camden").stdout
    command = [sys.executable, "-m", "adapters.main", "event", "verify", "--agency"]
    with subprocess.Popen(
        [*command, str(made / "cps-london")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        try:
            running.stdin.write(example * 5000)
            running.stdin.close()
        except BrokenPipeError:
            pass
        errors = running.stderr.read()
        running.wait(30)
    assert b"Traceback" not in errors


def test_output_is_utf_8_in_any_locale(root: Path) -> None:
    command = [sys.executable, "-m", "adapters.main", "contract", "explain", "--agency"]
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [*command, str(root / "csu-camden")], capture_output=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    done.stdout.decode("utf-8")


def test_redirected_tables_are_not_cut(root: Path) -> None:
    command = [sys.executable, "-m", "adapters.main", "keys", "list", "--agency"]
    environment = {**os.environ, "COLUMNS": "40", "TERM": "dumb"}
    done = subprocess.run(
        [*command, str(root / "csu-camden")], capture_output=True, env=environment, check=False
    )
    lines = done.stdout.decode().splitlines()
    assert max(map(len, lines)) > 80
    assert "…" not in done.stdout.decode()


def test_sealing_and_opening_a_thousand_lines_keeps_their_order(cli, root: Path) -> None:
    example = cli("event", "example", "referral.status-changed", "--agency", root / "csu-camden")
    started = time.process_time()
    sealed = cli("event", "seal", "--agency", root / "csu-camden", stdin=example.out * 1000)
    assert sealed.code == 0
    record = json.loads(sealed.lines[0])
    assert {json.loads(line)["partition"] for line in sealed.lines} == {record["partition"]}
    assert len({json.loads(line)["headers"]["proof"].split()[-1] for line in sealed.lines}) == 2
    checked = cli("event", "verify", "--agency", root / "cps-london", stdin=sealed.out)
    assert [line["index"] for line in checked.jsonl] == list(range(1000))
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    "arguments", [["--help"], ["event", "--help"], ["contract", "sign", "--help"], []]
)
def test_help_that_is_read_no_further_is_no_failure(arguments: list[str]) -> None:
    """As by `concordant --help | head -1`; with no argument the help is a usage error's (2)."""
    command = [sys.executable, "-m", "adapters.main", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        started.stdout.close()
        err = started.stderr.read()
    assert started.returncode == 0
    assert err == b""
