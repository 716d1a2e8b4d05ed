"""A real Prometheus reads real adapters, and each query of the dashboard has an answer.

Without Debian's package `prometheus` the test is skipped.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.runner import PORT_FILE
from adapters.trial_agencies import london_agencies
from adapters.trial_partnership import create_partnership
from broker.clock import now_ms
from broker.observing.metrics import Metrics
from tests.support.bus_servers import free_port
from tests.support.live_adapter import CAST, POLICE, copy_partnership, export
from tests.support.live_adapter import Partnership as Live
from tests.support.promtool import REQUIRED, require_promtool

LIMIT_S = 90


class Prometheus:
    """A server of its own, which asks every adapter once a second."""

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}"

    def answers(self, expression: str) -> list[float]:
        """Return the values of an instant query; those that are no number are left out."""
        query = urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(f"{self._address}/api/v1/query?{query}", timeout=5) as got:
                found: dict[str, Any] = json.load(got)
        except OSError:
            return []
        values = [float(one["value"][1]) for one in found["data"]["result"]]
        return [value for value in values if not math.isnan(value)]


@contextmanager
def prometheus(folder: Path, ports: Sequence[str]) -> Iterator[Prometheus]:
    program = shutil.which("prometheus")
    if program is None:
        reason = "prometheus is missing: apt-get install prometheus"
        if os.environ.get(REQUIRED):
            pytest.fail(reason)
        pytest.skip(reason)
    targets = [{"targets": [f"127.0.0.1:{port}" for port in ports]}]
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": "concordant", "static_configs": targets}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    with (folder / "prometheus.log").open("wb") as log:
        server = subprocess.Popen(
            [
                program,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        yield Prometheus(port)
    finally:
        server.terminate()
        server.wait(30)


def queries(root: Path) -> dict[str, str]:
    """Return the queries of the dashboard, by panel and reference."""
    dashboard = json.loads((root / "deploy/grafana/concordant.json").read_text())
    return {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in dashboard["panels"]
        for target in panel["targets"]
    }


async def unanswered(server: Prometheus, live: Live, asked: dict[str, str]) -> dict[str, str]:
    """Return the queries that have no answer within the limit; events flow meanwhile."""
    left, end, batch = dict(asked), time.monotonic() + LIMIT_S, 0
    while left and time.monotonic() < end:
        batch += 1
        live[POLICE].drop(f"{batch}.csv", export({}, seed=batch))
        await asyncio.sleep(1.5)  # Prometheus needs two readings for a rate
        for name, expression in tuple(left.items()):
            if await asyncio.to_thread(server.answers, expression):
                del left[name]
    return left


@pytest.mark.slow
def test_each_query_of_the_dashboard_has_an_answer(root: Path, tmp_path: Path) -> None:
    plans = {plan.id: plan for plan in london_agencies()}
    made = tmp_path / "made"
    create_partnership(made, now_ms() - 3_600_000, agencies=[plans[one] for one in CAST])
    asked = queries(root)
    assert len(asked) > 15

    async def run() -> dict[str, str]:
        live = copy_partnership(made, tmp_path / "live")
        await live.start(*CAST)
        try:
            ports = [(live[one].folder / PORT_FILE).read_text().strip() for one in CAST]
            with prometheus(tmp_path, ports) as server:
                return await unanswered(server, live, asked)
        finally:
            await live.stop()

    assert asyncio.run(run()) == {}


def test_metrics_keep_the_conventions() -> None:
    """Prometheus' own check, and names that say what they count in base units."""
    require_promtool()
    text = Metrics().text()
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b""), done.stderr
    for family in Metrics().registry.collect():
        assert family.documentation.endswith(".") or family.name.startswith("process_")
        for unit in ("_ms", "_milliseconds", "_kib", "_percent"):
            assert not family.name.endswith(unit), family.name


def test_the_software_and_its_process_are_described() -> None:
    text = Metrics().text().decode()
    assert "concordant_build_info{" in text
    assert "process_start_time_seconds" in text
    assert "process_cpu_seconds_total" in text
