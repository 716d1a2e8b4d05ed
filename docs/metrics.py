"""Write docs/metrics.md from the metrics classes of the adapter: python docs/metrics.py."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from pathlib import Path
from typing import get_args

sys.path.insert(0, str(Path(__file__).parents[1]))

from broker.observing.metrics import Expiring, HeldKind, Loop, Metrics, Outcome
from broker.observing.state_gauges import StateGauges

PAGE = Path(__file__).with_name("metrics.md")
PREFIX = "concordant_"

HEAD = """\
# Metrics

What `/metrics` of an adapter shows, in the text format of Prometheus. Made from the program by
`docs/metrics.py`.

No label holds a person, a case or an event type. The alert rules over these metrics are in
`deploy/prometheus/alerts.yml`, and [Connecting an
agency](guides/connecting-an-agency.md#watching-it) says what to do for each alert. Counts that an
alert reads exist at 0 from the start and continue after a restart. Those that begin with `process_` are
of Prometheus' client library.

| metric | type | labels | meaning |
| --- | --- | --- | --- |
"""


TAIL = """
## Labels

`code` is a [reason code](codes.md), `step` a step of [opening](spec/opening.md), `agency` the id of
a party, `topic` a topic of an agreement, `check` a check of `/readyz`, and `name` the name of what
ends. These labels have fixed values:

| label | values |
| --- | --- |
"""

LABELS = {
    "`kind` of `concordant_held`": HeldKind,
    "`loop`": Loop,
    "`outcome`": Outcome,
    "`what`": Expiring,
}
"""Labels whose values the program fixes."""


def page() -> str:
    """The whole page."""
    labels = _labels()
    rows = []
    for family in Metrics().registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        of_family = ", ".join(f"`{label}`" for label in labels.pop(family.name, ()))
        rows.append(f"| `{name}` | {family.type} | {of_family} | {family.documentation} |\n")
    if labels:
        raise ValueError(f"the registry does not show these metrics: {sorted(labels)}")
    values = "".join(
        f"| {label} | {', '.join(f'`{value}`' for value in sorted(get_args(kinds)))} |\n"
        for label, kinds in LABELS.items()
    )
    return HEAD + "".join(sorted(rows)) + TAIL + values


def _labels() -> dict[str, tuple[str, ...]]:
    """The labels of each metric, as the constructors declare them: name, text, labels."""
    found = {}
    sources = [textwrap.dedent(inspect.getsource(one)) for one in (Metrics, StateGauges)]
    for node in ast.walk(ast.parse("\n".join(sources))):
        if isinstance(node, ast.Call) and len(node.args) >= 2:
            texts = [one.value for one in node.args if isinstance(one, ast.Constant)]
            words = [text for text in texts if isinstance(text, str)]
            if len(words) == len(node.args) and words[1].endswith("."):
                found[PREFIX + words[0].removeprefix(PREFIX)] = tuple(words[2:])
    return found


if __name__ == "__main__":
    PAGE.write_text(page())
