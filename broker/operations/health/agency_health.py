"""Health of an agency in one sentence: everything flows, or what does not.

`concordant status` and the operator's board show the same words. A trouble that follows from a more
pressing one is left out: without a running adapter, for example, every partner seems silent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.agency.names import agency_names
from broker.agency.participant import Participant, load_participant
from broker.agency.running import open_held_state
from broker.operations.agency_status import Status, agency_status
from broker.operations.checks import machine_checks
from broker.operations.checks.check import Check
from broker.operations.health.flow_troubles import (
    kafka_trouble,
    own_system_troubles,
    own_troubles,
    put_aside_troubles,
)
from broker.operations.health.partner_troubles import (
    Named,
    alarm_troubles,
    answer_troubles,
    missing_troubles,
    silence_trouble,
    trust_troubles,
)
from broker.operations.health.trouble import Trouble
from broker.operations.health.validity_troubles import validity_troubles
from broker.store.transaction import Transaction
from contracts.durations import duration_text
from contracts.phrases import N_, Phrase, capitalised, joined, phrase, phrases, sentences

FLOWS: Final = N_("Everything flows.")
_ORDER: Final = {"now": 0, "today": 1, "soon": 2}
_SAID: Final = 2
"""Troubles that the sentence names; the steps name all."""


@dataclass(frozen=True, slots=True)
class Health:
    """Health of an agency at one moment.

    Attributes:
        flows: whether every event gets where it belongs.
        sentence: the whole in one sentence.
        works: what still works, and that nothing is lost.
        troubles: everything that needs a person, the most pressing first.
        time_ms: when it was looked at, milliseconds since the epoch.
    """

    flows: bool
    sentence: Phrase
    works: Phrase
    troubles: tuple[Trouble, ...]
    time_ms: int


def health(status: Status, checks: Sequence[Check] = (), named: Named = str) -> Health:
    """Return the health of an agency.

    Args:
        status: its state.
        checks: results of `machine_health`.
        named: gives the name of an agency, by its id.
    """
    found = tuple(sorted(_troubles(status, checks, named), key=lambda one: _ORDER[one.urgency]))
    flows = all(one.urgency == "soon" for one in found)
    return Health(
        flows, _sentence(found, flows=flows), _works(status, found), found, status.time_ms
    )


def look(agency: Path, now: int) -> tuple[Status, Health]:
    """Return state and health of an agency, with its partners' names.

    Args:
        agency: its folder.
        now: milliseconds since the epoch.

    Raises:
        ConcordantError: as `agency_status.report`.
    """
    participant = load_participant(agency, now)
    store = open_held_state(participant)
    try:
        with store.reading() as tx:
            return look_into(participant, tx, now)
    finally:
        store.close()


def look_into(participant: Participant, tx: Transaction, now: int) -> tuple[Status, Health]:
    """Return state and health of an agency that is already loaded; see `look`."""
    status = agency_status(participant, tx, now)
    return status, health(status, machine_health(participant.root), agency_names(participant).full)


def without_state(now: int) -> Health:
    """Return the health of an agency whose adapter has not run yet, or whose state is gone."""
    missing = Trouble(
        "adapter-down",
        "now",
        N_("there is no state: the adapter has not run yet, or its state is gone"),
        N_(
            "Start the adapter: `concordant adapter run --agency DIR`. If it has run before, "
            "restore its state from the backup first: `concordant agency restore`."
        ),
    )
    works = N_(
        "Partners' events wait in Kafka. Keys, rights and checks are shown without the state."
    )
    return Health(False, _sentence([missing], flows=False), works, (missing,), now)


def machine_health(agency: Path) -> tuple[Check, ...]:
    """Return the checks of the machine that are quick enough for each look."""
    return tuple(machine_checks.disk(agency))


def _troubles(status: Status, checks: Sequence[Check], named: Named) -> Iterator[Trouble]:
    yield from own_troubles(status, checks)
    yield from trust_troubles(status, named)
    kafka = kafka_trouble(status) if status.adapter_runs else None
    if kafka is not None:
        yield kafka
    elif status.adapter_runs:
        silence = silence_trouble(status, named)
        if silence is not None:
            yield silence
    yield from missing_troubles(status, named)
    yield from own_system_troubles(status)
    yield from put_aside_troubles(status)
    yield from answer_troubles(status)
    yield from alarm_troubles(status, named)
    yield from validity_troubles(status)


def _sentence(troubles: Sequence[Trouble], *, flows: bool) -> Phrase:
    if not troubles:
        return FLOWS
    if flows:
        trouble = _with_rest(troubles[0].says, len(troubles) - 1)
        return phrase("Everything flows, but %(trouble)s.", trouble=trouble)
    clauses = [one.says for one in troubles[:_SAID]]
    if len(troubles) == _SAID:
        text = phrase("%(first)s, and %(second)s", first=clauses[0], second=clauses[1])
    else:
        text = _with_rest(joined(", ", clauses), len(troubles) - len(clauses))
    return joined("", (capitalised(text), "."))


def _with_rest(said: Phrase, count: int) -> Phrase:
    """Return troubles in words with the number of those that are not named."""
    if not count:
        return said
    return phrases(
        "%(troubles)s, and %(n)s more thing needs a person",
        "%(troubles)s, and %(n)s more things need a person",
        count,
        troubles=said,
    )


def _works(status: Status, troubles: Sequence[Trouble]) -> Phrase:
    names = {one.entry for one in troubles if one.urgency != "soon"}
    waiting = status.outbox.pending + status.outbox.unsent + status.copies
    now = _now_wait(waiting)
    if "adapter-down" in names:
        return sentences(
            N_("Nothing is lost. Events wait here and in Kafka until the adapter runs again."), now
        )
    if "kafka-unavailable" in names:
        return sentences(
            N_("Nothing is lost. Events are accepted and stored here until Kafka takes them."), now
        )
    if "agreement-not-in-force" in names:
        return N_("What was received stays readable. Nothing new is sent.")
    if not names:
        return _calm(status)
    return sentences(
        N_("Everything else flows, and nothing is lost."),
        N_("The missing records have been asked for.") if "records-missing" in names else "",
        phrases("%(n)s event of ours waits.", "%(n)s events of ours wait.", waiting)
        if waiting
        else "",
    )


def _now_wait(waiting: int) -> str:
    if not waiting:
        return ""
    return phrases("Now %(n)s event of ours waits.", "Now %(n)s events of ours wait.", waiting)


def _calm(status: Status) -> Phrase:
    heard = [one.heard_ms for one in status.heartbeats if one.heard_ms is not None]
    if not heard:
        return N_("Nothing waits, and nothing is put aside.")
    return phrases(
        "%(n)s partner was heard within the last %(time)s. Nothing waits too long.",
        "%(n)s partners were heard within the last %(time)s. Nothing waits too long.",
        len(heard),
        time=duration_text(status.time_ms - min(heard)),
    )
