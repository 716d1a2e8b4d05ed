"""Write the tables of docs/benchmarks.md and docs/benchmarks.svg from the results in bench/out.

Each table is between two comments with its name. The text around the tables is written by hand. A
table whose part was not measured keeps its content.
"""

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
    """Write the tables and the plot."""
    del quick
    rows = results.load("envelope")
    shown = [row for row in rows if (row["recipients"], row["batch"]) == (4, 256)]
    if shown:
        (DOCS / "benchmarks.svg").write_text(plot(shown), "utf-8")
    end = results.load("endtoend")
    growth, sizes = results.load("growth"), results.load("sizes")
    agreements = results.load("agreements")
    parts = {
        "machine": _machine() if rows else "",
        "envelope": _envelope(rows),
        "endtoend": _table([row for row in end if "partitions" in row]),
        "latency": _table([row for row in end if "rate" in row]),
        "batching": _table(results.load("batching")),
        "growth": _table([row for row in growth if "events" in row]),
        "startup": _table([row for row in growth if "start_up_with" in row]),
        "sizes": _table([row for row in sizes if "step" in row]),
        "joining": _table([row for row in sizes if "added to" in row]),
        "agreements": _table([row for row in agreements if "step" in row]),
        "registry": _table([row for row in agreements if "registry, s" in row]),
        "idle": _table(results.load("idle")),
        "shared": _table(results.load("shared_state")),
        "pages": _table(results.load("pages")),
        "disclosure": _table(results.load("disclosure")),
        "figures": _table(results.load("figures")),
        "exports": _table(_exports(results.load("exports"))),
    }
    page = DOCS / "benchmarks.md"
    page.write_text(filled(page.read_text("utf-8"), parts), "utf-8")
    print("wrote the tables of", page, "and the plot")


def filled(text: str, parts: Mapping[str, str]) -> str:
    """Replace the text between the two comments of each part that was measured."""
    for name, part in parts.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, begun, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not begun or not ended:
            raise ValueError(f"docs/benchmarks.md has no place for {name}: {begin} ... {end}")
        if part:
            text = before + begin + part + end + after
    return text


def _exports(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, object]]:
    """One row an input, the largest peak first."""
    sizes = sorted({row["size_mb"] for row in rows})
    found: dict[str, dict[float, Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["name"], {})[row["size_mb"]] = row
    peaks = {name: max(row["peak_mb"] for row in of.values()) for name, of in found.items()}
    return [
        {"input": name}
        | {f"{size:g} MB": of[size]["peak_mb"] if size in of else "" for size in sizes}
        | {"CPU, s/MB": f"{of[max(of)]['cpu_s'] / max(of):.3f}", "outcome": of[max(of)]["code"]}
        for name, of in sorted(found.items(), key=lambda item: -peaks[item[0]])
    ]


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
    parts = [""] if rows else []
    for recipients in (4, 1, 16):
        for batch in (256, 16, 1):
            mine = [r for r in rows if (r["recipients"], r["batch"]) == (recipients, batch)]
            if mine:
                noun = "recipient" if recipients == 1 else "recipients"
                parts.append(f"### {recipients} {noun}, batches of {batch}\n")
                parts.append(_table(_named(row) for row in mine).lstrip("\n"))
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
    return "\n" + "\n".join(lines) + "\n" if lines else ""
