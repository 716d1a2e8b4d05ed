"""Events that another agency causes are counted each time, and logged once a minute."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest
import structlog

from broker.control.news import News
from broker.control.statement_publisher import PublishedStatements
from broker.observing import logs
from broker.observing.metrics import Metrics
from broker.receiving.persistence import Batch
from broker.record import KafkaPartition
from broker.service.reporting import report_batch, report_news, report_unions
from broker.statements.notices import REFUSAL_HEADING, Notice
from broker.tlog.checkpoint import Origin

OURS = Origin("pan-london", "council-camden", "t", 0, "g")
THEIRS = Origin("pan-london", "csu-camden", "t", 0, "g")


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers, root.level)
    stream = io.StringIO()
    logs.configure("debug", stream=stream)
    yield stream
    root.handlers, root.level = before
    structlog.reset_defaults()


def events(out: io.StringIO) -> list[str]:
    return [json.loads(line)["event"] for line in out.getvalue().splitlines()]


def counted(metrics: Metrics, name: str) -> float:
    found = re.search(rf"^concordant_{name} (\S+)$", metrics.text().decode(), re.M)
    assert found is not None
    return float(found[1])


def test_a_recipient_that_refuses_everything_does_not_flood_the_log(out: io.StringIO) -> None:
    metrics, log = Metrics(), logs.logger("broker")
    for index in range(3_000):
        news = News(refusals=[("csu-camden", Notice(REFUSAL_HEADING, OURS, index, index))])
        report_news(news, metrics, log)
    report_news(News(refusals=[("cps-london", Notice(REFUSAL_HEADING, OURS, 1, 1))]), metrics, log)
    assert events(out) == ["refused_by_recipient"] * 2
    assert counted(metrics, r'alarms_total{code="refused_by_recipient"}') == 3_001


def test_a_sender_whose_every_record_is_refused_or_waits_does_not_flood_the_log(
    out: io.StringIO,
) -> None:
    metrics, log = Metrics(), logs.logger("broker")
    for index in range(1_000):
        batch = Batch(
            refused=[
                (THEIRS, index, 9, "grouping_wrong"),
                (THEIRS, -1, 4, "superseded"),
                (None, -1, 0, "value_missing"),
            ],
            alarms=[("csu-camden", "gap")],
            deferred=[("csu-camden", "early")],
        )
        report_batch(KafkaPartition("t", 0), batch, 0, metrics, log)
    assert sorted(events(out)) == ["alarm", "record_deferred"] + ["record_refused"] * 3
    refused = r'records_refused_total{code="grouping_wrong",step="9"}'
    assert counted(metrics, refused) == 1_000


def test_parts_of_unions_are_counted_and_tokens_that_are_too_large_are_an_error(
    out: io.StringIO,
) -> None:
    metrics = Metrics()
    name, union = "concordant_statements_sent_total", {"kind": "union"}
    assert metrics.registry.get_sample_value(name, union) == 0
    looked = PublishedStatements(
        (("agreement", "2026-Q2", "key"), ("agreement", "2026-Q2", "tokens")),
        (("agreement", "2026-Q2"),),
    )
    report_unions(looked, metrics, logs.logger("broker"))
    assert metrics.registry.get_sample_value(name, union) == 2
    assert events(out) == ["union_statement_sent", "union_statement_sent", "tokens_too_large"]
    last = json.loads(out.getvalue().splitlines()[-1])
    assert (last["agreement"], last["period"]) == ("agreement", "2026-q2")
    assert '"dropped"' not in out.getvalue()
