"""Command ``concordant doctor``: checks for everything that an adapter needs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from broker.cli.output import ENVIRONMENT, NO, Agency, AsJson, Output, note, print_json, print_text

if TYPE_CHECKING:
    from broker.operations.checks.check import Check

_MARKS: Final = {"ok": "ok  ", "warn": "warn", "fail": "FAIL", "skipped": "-   "}

app = typer.Typer(
    help="Check everything that this agency's adapter needs; each failure comes with its fix."
)


@app.callback(invoke_without_command=True)
def doctor(
    agency: Agency,
    offline: Annotated[bool, typer.Option("--offline", help="Do not connect to Kafka.")] = False,
    timeout: Annotated[float, typer.Option(min=0.5, help="Seconds to wait for Kafka.")] = 5.0,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Check clock, certificates, keys, manifests, contract, Kafka, rights, folders and state.

    Every item that is held, waits or is missing is named with the command that continues it. One
    line each: ok, warn (something to do soon) or FAIL with its fix. Unlocks the agency's keys and
    changes nothing. Exit code 1 if anything fails, 3 if there is no configuration to check.
    """
    from broker.clock import now_ms
    from broker.operations.checks.examination import examine

    checks = examine(agency, now_ms(), kafka_timeout_s=None if offline else timeout)
    failed = sum(check.status == "fail" for check in checks)
    if json:
        document = {"ok": not failed, "checks": [asdict(check) for check in checks]}
        print_json(document, output)
    else:
        print_text("".join(_line(check) for check in checks), output)
    warned = sum(check.status == "warn" for check in checks)
    warnings = f" {warned} to look at." if warned else ""
    note((f"{failed} of {len(checks)} checks failed." if failed else "Nothing fails.") + warnings)
    if failed and len(checks) == 1:
        raise typer.Exit(ENVIRONMENT)
    raise typer.Exit(NO if failed else 0)


def _line(check: Check) -> str:
    """For people: one line a check, and the fix on a second one."""
    code = f" ({check.code})" if check.code else ""
    text = f"{_MARKS[check.status]}  {check.name:14}{check.detail}{code}\n"
    return text + (f"      to do:        {check.fix}\n" if check.fix else "")
