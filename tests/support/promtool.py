"""promtool: alert rules judged over series as real adapters expose them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/prometheus/alerts.yml"
REQUIRED = "CONCORDANT_REQUIRE_TOOLS"
"""Environment variable of `.ci/run`: a tool that is missing fails the test that needs it."""

Firing = dict[str, set[str]]
"""Names of the alerts that fire, by instance."""


def require_promtool() -> None:
    """Skip where promtool is missing; fail where it has to be there."""
    if shutil.which("promtool") is None:
        reason = "promtool is missing: apt-get install prometheus"
        if os.environ.get(REQUIRED):
            pytest.fail(reason)
        pytest.skip(reason)


def series(*phases: tuple[str | None, int], instance: str = "a") -> list[dict[str, str]]:
    """Input series of promtool from what an adapter exposed, one phase after another.

    Args:
        phases: (text of /metrics, or None while it is not scraped; for how many scrapes).
        instance: of the adapter.
    """
    values: dict[str, list[str]] = {}
    past = 0
    for text, scrapes in phases:
        found = {} if text is None else _samples(text, instance)
        found |= {} if text is None else {f'up{{instance="{instance}",job="concordant"}}': 1.0}
        for name in values.keys() | found.keys():
            before = values.setdefault(name, [f"_x{past}"] if past else [])
            value = found.get(name)
            if value is None:
                before.append(f"_x{scrapes}")
            else:
                before.append(f"{value:g}+0x{scrapes - 1}")
        past += scrapes
    return [{"series": name, "values": " ".join(what)} for name, what in sorted(values.items())]


def _samples(text: str, instance: str) -> dict[str, float]:
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = {**sample.labels, "instance": instance, "job": "concordant"}
            words = ",".join(f'{name}="{labels[name]}"' for name in sorted(labels))
            found[f"{sample.name}{{{words}}}"] = sample.value
    return found


def firing(
    folder: Path,
    given: Sequence[Mapping[str, str]],
    at: Sequence[int],
    instances: Sequence[str],
) -> list[Firing]:
    """Alerts that fire so many minutes after the first scrape, with one scrape a minute."""
    rules = yaml.safe_load(RULES.read_text())
    names = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
    asked = [(minute, where, name) for minute in at for where in instances for name in names]
    # promtool says what it was told to expect and what it got: let nothing be as expected
    expressions = [
        {
            "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing",instance="{where}"}})',
            "eval_time": f"{minute}m",
            "exp_samples": [{"labels": "{}", "value": -1}],
        }
        for minute, where, name in asked
    ]
    test = {
        "interval": "1m",
        "input_series": list(given),
        "promql_expr_test": expressions,
    }
    document = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}
    path = folder / "test.yml"
    path.write_text(yaml.safe_dump(document))
    done = subprocess.run(
        ["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False
    )
    answers = [line.split("got:")[1].strip() for line in done.stderr.splitlines() if "got:" in line]
    assert len(answers) == len(asked), done.stdout + done.stderr
    found: list[Firing] = [{where: set() for where in instances} for _ in at]
    for (minute, where, name), answer in zip(asked, answers, strict=True):
        if answer != "nil":
            found[at.index(minute)][where].add(name)
    return found
