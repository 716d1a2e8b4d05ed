"""Counts of what an adapter does to the files of its import folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from adapters.base import MappingError
from adapters.sources.folder_source import report_file
from adapters.sources.source_file import SourceFile, Verdict
from adapters.sources.watched_folder import FolderSource
from broker.codes.counted import ITEM_REFUSALS
from broker.observing.metrics import Metrics


def refused(metrics: Metrics) -> dict[str, float]:
    """Codes of refused items that are not 0."""
    lines = [
        line for line in metrics.text().decode().splitlines() if "items_refused_total{" in line
    ]
    counts = {line.split('"')[1]: float(line.split()[-1]) for line in lines}
    return {code: count for code, count in counts.items() if count}


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.csv", b"", "file_empty"),
        ("export.xlsx", b"x", "file_type_unknown"),
        ("utf16.csv", b"x", "file_encoding"),
        ("fault.csv", b"x", "handler_failed"),
        ("link.csv", None, "symlink"),
    ],
)
async def test_a_file_that_is_refused_as_a_whole_is_counted(
    tmp_path: Path, name: str, content: bytes | None, code: str
) -> None:
    metrics = Metrics()
    assert f'items_refused_total{{code="{code}"}} 0.0' in metrics.text().decode()
    assert code in ITEM_REFUSALS

    async def take(file: SourceFile) -> Verdict:
        if file.name == "utf16.csv":
            raise MappingError("x", code="file_encoding")
        raise RuntimeError

    (tmp_path / "import").mkdir()
    source = FolderSource(
        tmp_path / "import",
        processed=tmp_path / "processed",
        quarantine=tmp_path / "quarantine",
        suffixes=lambda: (".csv",),
        report=partial(report_file, metrics),
        settle_s=0,
    )
    path = tmp_path / "import" / name
    path.symlink_to("elsewhere") if content is None else path.write_bytes(content)
    for _ in range(3):
        await source.poll(take)
    assert not path.exists()
    assert not path.is_symlink()
    assert refused(metrics) == {code: 1.0}
