"""Inputs that are made to cost time or memory cost little of either.

The inputs and the limit on memory are in tests/fuzz/parser_hostile.py, which runs as a process of
its own: libraries in C and Rust take memory that no Python tool counts, and only the system stops.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from contracts.errors import ConcordantError
from tests.fuzz.parser_catalogue import PARSERS
from tests.fuzz.parser_exports import exports

HOSTILE = Path(__file__).parents[1] / "fuzz" / "parser_hostile.py"
ALL = {parser.name: parser for parser in (*PARSERS, *exports())}
CPU_SECONDS = 5.0
"""For one input of at most a few megabytes. The slowest takes about 1 s here; what is quadratic
takes minutes, so a loaded machine does not blur the difference."""


def test_no_input_costs_more_than_its_size_explains() -> None:
    done = subprocess.run(
        [sys.executable, str(HOSTILE)], capture_output=True, text=True, timeout=240, check=False
    )
    *lines, last = done.stdout.splitlines() or [""]
    tried = [json.loads(line) for line in lines]
    assert last == "done", f"after {tried[-1] if tried else 'nothing'}: {done.stderr[-2000:]}"
    assert len(tried) > 300
    assert [line for line in tried if line["cpu"] > CPU_SECONDS] == []


@pytest.mark.parametrize(
    ("parser", "data", "code"),
    [
        ("contract", b"parties: [" + b"{}," * 513 + b"]", "contract_invalid"),
        ("contract", b"".join(b"a%d: [%s]\n" % (n, b"1," * 500) for n in range(50)),
         "contract_invalid"),
        ("config", b"a" + b".a" * 1024 + b" = 1\n", "config_unreadable"),
        ("config", b"a = " + b"[\n" * 20_000, "config_unreadable"),
        ("config", b"a = " + b"\n".join([b"[" * 2000] * 2) + b"1", "config_unreadable"),
        ("cps", b"<a xmlns='" + b"u" * 201 + b"'/>", "file_malformed"),
        ("csu", b"CASE_REF" + b" " * 16_384 + b"\r\n", "file_malformed"),
        ("payload", b"{}", "store_corrupt"),
    ],
)  # fmt: skip
def test_an_excess_is_refused_by_the_name_of_its_limit(parser: str, data: bytes, code: str) -> None:
    with pytest.raises(ConcordantError) as caught:
        ALL[parser].parse(data)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("field", "value"),
    [("issued", 2**53 - 1), ("keys", [{}] * 257), ("contacts", {f"k{n}": 1 for n in range(257)})],
)
def test_no_manifest_stops_its_reader(field: str, value: object) -> None:
    manifest = ALL["manifest"]
    assert manifest.wrap is not None
    document = {**manifest.documents[0], field: value}
    with pytest.raises(ConcordantError) as caught:
        manifest.parse(manifest.wrap(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)))
    assert caught.value.code == "manifest_malformed"
