"""Results of a run: findings as JSON, a row to drop, and commands to try next."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from adapters.demo import person
from adapters.demo.auditing import VerifiedLog
from adapters.demo.comparing import ExchangeComparison
from adapters.demo.desk import Desk
from adapters.demo.figures import RunFigures
from adapters.demo.screen import Screen
from broker.store.rows import ReferralRow

TRY_FOLDER: Final = "try"
OWN_ROW: Final = "my-report.csv"


def as_json(result: Result) -> dict[str, object]:
    """Return everything that was found, for ``--json``."""
    comparison, figures = result.comparison, result.figures
    return {
        "folder": str(result.root),
        "cases": result.cases,
        "met": result.met,
        "expectations": [{"what": what, "met": met} for what, met in result.expectations],
        "story": {
            "person": person.NAME,
            "case_id": result.case_id,
            "critical_incident_ms": dict(result.critical_ms),
            "referrals": [
                {
                    "with": row.counterparty,
                    "side": row.role,
                    "status": row.status,
                    "version": row.version,
                    "overdue": row in result.overdue,
                }
                for row in result.referrals
            ],
        },
        "address_received": [
            {
                "log_of": log.agency,
                "event": found.type,
                "event_id": found.event_id,
                "from": found.source or log.agency,
                "received_by": found.recipient,
                "clause": found.clause,
                "contract": found.contract.version if found.contract else None,
            }
            for log in result.logs
            for found in log.disclosures
        ],
        "logs_verified": {log.agency: log.head.size for log in result.logs},
        "refusals": result.refusals,
        "compared": None
        if comparison is None
        else {
            "events": comparison.events,
            "sent": comparison.sent,
            "arrived": comparison.arrived,
            "refused": comparison.refused,
            "lost": comparison.lost,
            "twice": comparison.twice,
            "unexpected": comparison.unexpected,
            "aside": comparison.aside,
            "repeated_rows": comparison.repeated_rows,
            "rows_refused": dict(comparison.rows_refused),
            "files_refused": dict(comparison.files_refused),
        },
        "flaws_exported": dict(result.flaws),
        "quarter": result.quarter,
        "directory": result.directory,
        "figures": None
        if figures is None
        else {**figures.as_json(), "kafka_mib": result.kafka_mib},
    }


def leave(result: Result, json_file: Path | None) -> None:
    """Write ``demo.json`` into the folder, and to the file of ``--json``."""
    text = json.dumps(as_json(result), indent=2, ensure_ascii=False) + "\n"
    if result.root.is_dir():
        (result.root / "demo.json").write_text(text)
    if json_file is not None:
        json_file.write_text(text)


def own_row(root: Path) -> Path:
    """Write a report of the reporting centre, about a fictitious person, to change and drop."""
    desk = Desk(root / person.CENTRE)
    row = person.third_party_report(desk)
    roles = desk.mapping.document.roles
    row[roles.case], row[roles.referral] = "C-1", "C-1/1"
    row[desk.form.column("victim.name")] = "Your Own Testcase"
    folder = root / TRY_FOLDER
    folder.mkdir(exist_ok=True)
    (folder / OWN_ROW).write_bytes(desk.form.write([row]))
    return folder / OWN_ROW


def try_next(screen: Screen, result: Result, *, ours: bool) -> None:
    """Show the folder and commands that work with it.

    Args:
        screen: where they are shown.
        result: of the run.
        ours: whether the demo started Kafka.
    """
    root = result.root
    row = own_row(root)
    centre, unit = root / person.CENTRE, root / person.POLICE
    screen.act(f"Try next, with {root}")
    if ours:
        down = _shell("concordant", "kafka", "down", "--root", root)
        screen.line(f"Start its Kafka again, for 1 and 2 (and stop it with: {down}):")
        screen.line(f"  {_shell('concordant', 'kafka', 'up', '--root', root)}")
    screen.line("1. Drop a row of your own; change it first if you like (Ctrl-C ends the adapter):")
    screen.line(
        f"  {_shell('cp', row, centre / 'import')} && "
        f"{_shell('concordant', 'adapter', 'run', '--agency', centre)}"
    )
    screen.line("2. Follow a subscriber; your row is among what it shows:")
    screen.line(f"  {_shell('concordant', 'subscribe', '--agency', unit)}")
    screen.line("3. Audit a case: who received the address, under which clause?")
    command = ("concordant", "log", "show", "--agency", unit, "--case", result.case_id)
    screen.line(f"  {_shell(*command, '--field', 'victim.address')}")
    screen.line("4. Search the directory, and count the cases of a quarter:")
    search = ("directory", "search", "--need", "housing", "--area", "E09000007")
    screen.line(f"  {_shell('concordant', *search, '--agency', unit)}")
    if result.quarter is not None:
        asked = ("--period", result.quarter["period"], "--by", "borough,strand")
        screen.line(f"  {_shell('concordant', 'figures', '--agency', unit, *asked)}")
    screen.line("5. Click through the pages of an agency (the link works once):")
    screen.line(f"  {_shell('concordant', 'web', '--agency', unit)}")


def _shell(*words: object) -> str:
    """Return a command line to paste, with the path of the program where it is not on the PATH."""
    first, *rest = (str(word) for word in words)
    called = Path(sys.argv[0])
    if first == "concordant" and shutil.which(first) is None and called.name == first:
        first = os.path.relpath(called) if called.is_relative_to(Path.cwd()) else str(called)
    return shlex.join([first, *rest])


@dataclass(slots=True)
class Result:
    """Result of a run.

    Attributes:
        root: the folder that stays.
        case_id: shared id of the story's case.
        expectations: (what must hold, whether it did).
        comparison, figures, refusals: findings, if the demo reached them.
        logs: the verified logs and the recipients of the address.
        referrals: referrals of the story's case, as the unit has them.
        quarter: release of the quarter's figures, as JSON.
        directory: results of the directory, as JSON.
    """

    root: Path
    cases: int
    case_id: str = ""
    expectations: list[tuple[str, bool]] = field(default_factory=list)
    comparison: ExchangeComparison | None = None
    figures: RunFigures | None = None
    refusals: list[dict[str, str]] = field(default_factory=list)
    logs: tuple[VerifiedLog, ...] = ()
    referrals: tuple[ReferralRow, ...] = ()
    overdue: tuple[ReferralRow, ...] = ()
    critical_ms: Mapping[str, int] = field(default_factory=dict)
    flaws: Mapping[str, int] = field(default_factory=dict)
    kafka_mib: int = 0
    quarter: Mapping[str, object] | None = None
    directory: Mapping[str, object] | None = None

    @property
    def met(self) -> bool:
        """Return whether every expectation held."""
        return all(held for _, held in self.expectations)

    def expect(self, screen: Screen, what: str, held: bool) -> None:
        """Record an expectation, and show whether it holds."""
        self.expectations.append((what, held))
        screen.say(what, "✓" if held else "✗")
