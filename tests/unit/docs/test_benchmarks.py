"""Page of the benchmarks: the command replaces tables and keeps the text."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from bench import docs
from bench.__main__ import PARTS
from bench.docs import DOCS, filled

PAGE = (DOCS / "benchmarks.md").read_text("utf-8")
NAMES = re.findall(r"<!-- (\w+) -->", PAGE)


@pytest.mark.parametrize("name", NAMES)
def test_a_measured_table_is_replaced_and_the_rest_stays(name: str) -> None:
    written = filled(PAGE, {name: "\nTABLE\n", **{other: "" for other in NAMES if other != name}})
    before, _, rest = PAGE.partition(f"<!-- {name} -->")
    _, _, after = rest.partition(f"<!-- /{name} -->")
    assert written == f"{before}<!-- {name} -->\nTABLE\n<!-- /{name} -->{after}"


def test_without_results_the_page_stays(
    tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "benchmarks.md").write_text(PAGE, "utf-8")
    monkeypatch.setattr(docs, "DOCS", tmp_path)
    monkeypatch.setattr(docs.results, "load", lambda _name: [])
    docs.run()
    assert (tmp_path / "benchmarks.md").read_text("utf-8") == PAGE
    assert "benchmarks.md" in capsys.readouterr().out


def test_a_part_without_a_place_is_an_error() -> None:
    with pytest.raises(ValueError, match="absent"):
        filled(PAGE, {"absent": "x"})


def test_each_part_is_a_module() -> None:
    for module in PARTS.values():
        assert callable(import_module(f"bench.{module}").run)
