"""Figures of the quarter in the demo: each case counts once, and one agency previews a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from adapters.demo.person import POLICE
from adapters.demo.report import Result
from adapters.demo.screen import Screen
from adapters.demo.stage import Stage
from broker.agency.participant import Participant
from broker.agency.running import open_held_state
from broker.clock import now_ms
from broker.figures.counting import Period, last_quarters
from broker.figures.own_counts import own_counts
from broker.operations.figures import release_figures
from broker.releases.release_json import json_of
from broker.releases.release_sources import sources_in_words
from broker.releases.table_cells import rows_of, table_cells, table_headings

BY: Final = ("borough", "strand")


def quarter_figures(
    stage: Stage,
    participants: Mapping[str, Participant],
    cases: Iterable[str],
    screen: Screen,
    result: Result,
) -> None:
    """Count the cases of the run, and show what the police unit could publish of them.

    Args:
        stage: the running agencies.
        participants: them, loaded.
        cases: shared ids of all cases of the run; an id may come several times.
        screen: where the table is shown.
        result: takes the release.
    """
    now = now_ms()
    (period,) = last_quarters(now, 1)
    screen.act(f"Figures of {period.name}, without a central database")
    known = len(set(cases))
    counted = sum(_minted(one, period, now) for one in participants.values())
    result.expect(
        screen,
        f"{known} cases, most of them known to several agencies: the seven count each of them once",
        counted == known,
    )
    release = release_figures(stage.directory(POLICE), period.name, BY, now)
    result.quarter = json_of(release)
    title = f"Preview of the figures of {POLICE}"
    screen.table(title, table_headings(release), list(rows_of(release)))
    limit = max(one.threshold for one in table_cells(release))
    screen.say(
        f"{sources_in_words(release)} Numbers are rounded to {release.published.round_to}. A "
        f"number of a borough below {limit} is hidden, and so is one that would give it away."
    )
    screen.say(
        "Adapters tell each other new counts of a running quarter once a week. So the table has "
        f"the newest cases of {POLICE}, and those that its partners had at the start. It is a "
        "preview: an agency publishes a table when the quarter has ended."
    )


def _minted(participant: Participant, period: Period, now: int) -> int:
    """Return the cases that an agency minted in a quarter, those without consent included."""
    contract = participant.contract_in_force(now).contract
    store = open_held_state(participant)
    try:
        with store.reading() as tx:
            secret = participant.keyring.secret()
            found = own_counts(tx, secret, contract, participant.agency, period)
    finally:
        store.close()
    return 0 if found is None else found.cases + found.without_consent
