"""Prometheus and Grafana ask only for metrics and labels that an adapter has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from prometheus_client import Histogram

from adapters.trial_agencies import london_agencies
from broker.observing.metrics import Expiring, Metrics

# Labels that Prometheus itself adds, and the function's own.
_ADDED = {"instance", "job", "le"}


def _expressions(root: Path) -> list[tuple[str, str, str]]:
    """(where, expression, text with labels in it)."""
    alerts = yaml.safe_load((root / "deploy/prometheus/alerts.yml").read_text())
    found = [
        (rule["alert"], rule["expr"], " ".join(rule["annotations"].values()))
        for group in alerts["groups"]
        for rule in group["rules"]
    ]
    dashboard = json.loads((root / "deploy/grafana/concordant.json").read_text())
    found += [
        (panel["title"], target["expr"], target["legendFormat"])
        for panel in dashboard["panels"]
        for target in panel["targets"]
    ]
    return found


@pytest.fixture(scope="module")
def labels() -> dict[str, set[str]]:
    """The labels of each sample that `/metrics` can have."""
    found: dict[str, set[str]] = {}
    suffixes = {"counter": ["_total"], "gauge": [""], "histogram": ["_sum", "_count", "_bucket"]}
    for metric in set(Metrics().registry._names_to_collectors.values()):
        if not hasattr(metric, "_labelnames"):
            continue  # of any process: no labels
        name, own = metric._name, set(metric._labelnames)
        suffixes = {
            "counter": ["_total"],
            "gauge": [""],
            "histogram": ["_sum", "_count", "_bucket"],
        }
        for suffix in suffixes[metric._type]:
            found[name + suffix] = own | ({"le"} if isinstance(metric, Histogram) else set())
    return found


def test_every_metric_that_is_asked_for_exists(root: Path, labels: dict[str, set[str]]) -> None:
    expressions = _expressions(root)
    assert len(expressions) > 20
    for where, expression, _ in expressions:
        asked = set(re.findall(r"concordant_\w+", expression))
        assert asked or re.search(r"\b(up|process_\w+)\{", expression), where
        assert asked <= set(labels), where


def test_every_label_that_is_asked_for_exists(root: Path, labels: dict[str, set[str]]) -> None:
    for where, expression, text in _expressions(root):
        asked = set(re.findall(r"concordant_\w+", expression))
        known = _ADDED.union(*(labels[name] for name in asked))
        used = {
            label.strip()
            for group in re.findall(r"by \(([^)]*)\)", expression)
            for label in group.split(",")
        }
        used |= set(re.findall(r"(\w+)(?:=~|!=|=)\"", expression))
        always = re.sub(r"{{ if \$labels\.(\w+) }}.*?{{ end }}", "", text)
        used |= set(re.findall(r"\$labels\.(\w+)", always))
        used |= set(re.findall(r"{{(\w+)}}", always))
        assert used <= known, where


def test_the_words_of_an_alert_are_values_of_its_metric(root: Path) -> None:
    text = (root / "deploy/prometheus/alerts.yml").read_text()
    what = {word for found in re.findall(r'what=~?"([^"]+)"', text) for word in found.split("|")}
    assert what == set(get_args(Expiring))


def test_every_alert_says_what_it_is_and_what_to_do_and_has_a_runbook(root: Path) -> None:
    alerts = yaml.safe_load((root / "deploy/prometheus/alerts.yml").read_text())
    rules = [rule for group in alerts["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert set(rule["annotations"]) == {"summary", "action", "runbook_url"}
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_commands_in_alerts_are_commands_of_ours(root: Path, parsed: Any) -> None:
    alerts = (root / "deploy/prometheus/alerts.yml").read_text()
    commands = set(re.findall(r"concordant ((?:[a-z]+ )+--agency DIR)", alerts))
    assert commands
    for command in commands:
        assert parsed(command.split())[0] == command.removesuffix(" --agency DIR")


def test_every_adapter_of_the_compose_file_is_scraped(root: Path) -> None:
    config = yaml.safe_load((root / "deploy/prometheus/prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    (targets,) = job["static_configs"]
    assert targets["targets"] == [f"{plan.id}:9464" for plan in london_agencies()]
    assert config["rule_files"] == ["alerts.yml"]


def test_grafana_finds_its_source_and_its_dashboard(root: Path) -> None:
    folder = root / "deploy/grafana/provisioning"
    source = yaml.safe_load((folder / "datasources/concordant.yml").read_text())["datasources"][0]
    dashboard = json.loads((root / "deploy/grafana/concordant.json").read_text())
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {source["uid"]}
    compose = yaml.safe_load((root / "docker-compose.yml").read_text())
    provider = yaml.safe_load((folder / "dashboards/concordant.yml").read_text())["providers"][0]
    mounts = [volume.split(":") for volume in compose["services"]["grafana"]["volumes"]]
    assert any(target.startswith(provider["options"]["path"]) for _, target, _ in mounts)
    assert all((root / here).exists() for here, _, _ in mounts)
    host, port = source["url"].removeprefix("http://").split(":")
    assert f":{port}" in compose["services"][host]["ports"][0]
