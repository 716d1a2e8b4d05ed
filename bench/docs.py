"""Writes docs/benchmarks.md and docs/benchmarks.svg from what the other parts left in bench/out."""

from __future__ import annotations

import os
import platform
import ssl
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from bench import results
from bench.peers import ENVIRONMENT
from bench.plot import plot

DOCS: Final = Path(__file__).parent.parent / "docs"
_OURS: Final = ("cryptography", "pydantic", "orjson", "aiokafka", "faststream", "sqlalchemy")
_PEERS: Final = ("joserfc", "confluent-kafka", "kafkacrypto")
KAFKA: Final = "4.4.0"


def run(*, quick: bool = False) -> None:
    """Write both files."""
    del quick
    rows = results.load("envelope")
    shown = [row for row in rows if (row["recipients"], row["batch"]) == (4, 256)]
    (DOCS / "benchmarks.svg").write_text(plot(shown), "utf-8")
    text = (Path(__file__).parent / "benchmarks.md.in").read_text("utf-8")
    end = results.load("endtoend")
    growth = results.load("growth")
    parts = {
        "machine": _machine(),
        "envelope": _envelope(rows),
        "endtoend": _table([row for row in end if "partitions" in row]),
        "latency": _table([row for row in end if "rate" in row]),
        "batching": _table(results.load("batching")),
        "growth": _table([row for row in growth if "events" in row]),
        "startup": _table([row for row in growth if "start_up_with" in row]),
    }
    for name, part in parts.items():
        text = text.replace(f"<!-- {name} -->", part)
    (DOCS / "benchmarks.md").write_text(text, "utf-8")
    print("wrote", DOCS / "benchmarks.md", "and its plot")


def _machine() -> str:
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = models[0].split(":")[1].strip() if models else cpu
    ours = ", ".join(f"{name} {version(name)}" for name in _OURS)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}; {os.cpu_count()} cores of {cpu}, "
        f"{platform.system()} {platform.release().split('-')[0]}; "
        f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION.rsplit(' ', 3)[0]}; "
        f"{ours}; {_peers()}; Apache Kafka {KAFKA} on the same machine."
    )


def _peers() -> str:
    found = []
    for name in _PEERS:
        folders = ENVIRONMENT.glob(f"lib/*/site-packages/{name.replace('-', '_')}-*.dist-info")
        numbers = [folder.name.removesuffix(".dist-info").rsplit("-", 1)[1] for folder in folders]
        found.append(f"{name} {numbers[0]}" if numbers else f"{name} (not installed)")
    return ", ".join(found).replace(".dist", "")


def _envelope(rows: Sequence[Mapping[str, Any]]) -> str:
    parts = []
    for recipients in (4, 1, 16):
        for batch in (256, 16, 1):
            mine = [r for r in rows if (r["recipients"], r["batch"]) == (recipients, batch)]
            if mine:
                noun = "recipient" if recipients == 1 else "recipients"
                parts.append(f"### {recipients} {noun}, batches of {batch}\n")
                parts.append(_table(_named(row) for row in mine))
    return "\n".join(parts)


def _named(row: Mapping[str, Any]) -> dict[str, object]:
    return {
        "case": row["case"],
        "produce, us": f"{row['produce_us']:.1f}",
        "consume, us": f"{row['consume_us']:.1f}",
        "bytes": row["bytes"],
        "produce, x reference": f"{row['produce_x_ref']:.2f}",
        "consume, x reference": f"{row['consume_x_ref']:.2f}",
    }


def _table(rows: Iterable[Mapping[str, object]]) -> str:
    lines: list[str] = []
    for row in rows:
        if not lines:
            lines.append("| " + " | ".join(name.replace("_", " ") for name in row) + " |")
            lines.append("|" + " --- |" * len(row))
        lines.append("| " + " | ".join(str(value) for value in row.values()) + " |")
    return "\n".join(lines) + "\n" if lines else "*(not measured in this run)*\n"
