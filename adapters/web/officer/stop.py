"""Pages: pause, resume or leave an agreement, with what stops before one confirms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from starlette.responses import Response

from adapters.web.errors import PageNotFoundError
from adapters.web.officer.chosen import DECIDERS, READERS, chosen_agreement, state_of
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.codes.meanings import next_step
from broker.operations.contract_departure import (
    DepartureReview,
    DepartureState,
    depart,
    review_departure,
    review_of,
    stop_lines,
)
from broker.operations.contract_revision import version_without
from broker.operations.open_referrals import open_work
from broker.registry.contracts import SignedContract
from contracts.departure_reasons import DEPARTURE_REASONS, RESUMPTION_REASONS
from contracts.errors import ConcordantError
from contracts.phrases import N_


@dataclass(frozen=True, slots=True)
class StopWay:
    """One decision on this agency's part.

    Attributes:
        state: the new state.
        title: heading of its page.
        button: text of its button.
        done: sentence after it.
        needs_keys: whether it needs the signing keys.
        reasons: code of each reason, with its meaning.
    """

    state: DepartureState
    title: str
    button: str
    done: str
    needs_keys: bool
    reasons: Mapping[str, str]


WAYS: Final[Mapping[str, StopWay]] = MappingProxyType(
    {
        "pause": StopWay(
            "suspended",
            N_("Pause our part"),
            N_("Pause our part now"),
            N_("Our part is paused. The running adapter tells the partners at once."),
            False,
            DEPARTURE_REASONS,
        ),
        "leave": StopWay(
            "left",
            N_("Leave the agreement for good"),
            N_("Leave for good"),
            N_("We have left. The running adapter tells the partners at once."),
            True,
            DEPARTURE_REASONS,
        ),
        "resume": StopWay(
            "resumed",
            N_("Resume our part"),
            N_("Resume our part now"),
            N_("Our part goes on. The running adapter tells the partners at once."),
            True,
            RESUMPTION_REASONS,
        ),
    }
)
"""Each decision by the last part of the address of its page."""


def stop(visit: Visit) -> Response:
    """Show what is open, what stops and what goes on, and the decisions that are possible."""
    signed = chosen_agreement(visit)
    participant, store = visit.agency.participant(), visit.agency.state()
    reviewed = _reviewed(visit, signed)
    return visit.page(
        "officer/stop.html",
        signed=signed,
        contract=signed.contract,
        state=state_of(visit, signed),
        work=open_work(store),
        stops=stop_lines(participant, signed, store),
        own_id=participant.agency,
        departure_reasons=DEPARTURE_REASONS,
        may_decide=visit.may(DECIDERS),
        reviewed=reviewed,
        paused=_is_paused(reviewed),
    )


def ask(visit: Visit) -> Response:
    """Show one decision with what it does, and its form."""
    return _way_page(visit, chosen_agreement(visit), _way(visit))


def decide(visit: Visit) -> Response:
    """Pause, resume or leave, after the person has confirmed it."""
    visit.require_recent_sign_in()
    signed, way = chosen_agreement(visit), _way(visit)
    reason = visit.form.text("reason")
    faults = [
        (field, text)
        for field, text, wrong in (
            ("reason", N_("Choose a reason"), reason not in way.reasons),
            (
                "telephoned",
                N_("Confirm that you telephone the partners"),
                way.state != "resumed" and not visit.form.text("telephoned"),
            ),
            ("may", N_("Confirm that you may decide this"), not visit.form.text("may")),
        )
        if wrong
    ]
    if faults:
        return _way_page(visit, signed, way, faults)
    now = visit.agency.clock()
    try:
        done = depart(
            review_departure(visit.agency.root, signed.contract.name, way.state, now), reason, now
        )
    except ConcordantError as error:
        place = "decision" if visit.agency.participant().holds_governance_keys() else "keys"
        return _way_page(visit, signed, way, [(place, N_("Nothing was changed."))], error)
    said = way.done if done.changed else N_("Nothing was changed: it was so already.")
    return visit.redirect(f"/agreements/{signed.hash.hex()}/stop", said)


def next_version(visit: Visit) -> Response:
    """Give a draft of the next version without one party."""
    signed = chosen_agreement(visit)
    agency = visit.form.text("agency")
    if agency not in signed.contract.by_id or agency == visit.agency.participant().agency:
        raise PageNotFoundError(visit=visit)
    content = version_without(Path(signed.text.where), agency, visit.agency.clock())
    return visit.download(content, f"{signed.contract.name}-next.yaml", "application/yaml")


def _way(visit: Visit) -> StopWay:
    """Return the decision of the address.

    Raises:
        PageNotFoundError: there is no such decision.
    """
    way = WAYS.get(visit.path["how"])
    if way is None:
        raise PageNotFoundError(visit=visit)
    return way


def _reviewed(visit: Visit, signed: SignedContract) -> DepartureReview | None:
    """Return the effects of a stop; None if there is nothing to stop."""
    participant = visit.agency.participant()
    ended = state_of(visit, signed).state in {"left", "expired"}
    if participant.agency not in signed.parties or ended:
        return None
    return review_of(participant, signed.contract.name, "suspended", visit.agency.clock())


def _is_paused(reviewed: DepartureReview | None) -> bool:
    return reviewed is not None and reviewed.suspended_since is not None


def _way_page(
    visit: Visit,
    signed: SignedContract,
    way: StopWay,
    faults: Sequence[tuple[str, str]] = (),
    refused: ConcordantError | None = None,
) -> Response:
    reviewed = _reviewed(visit, signed)
    paused = _is_paused(reviewed)
    return visit.page(
        "officer/stop_way.html",
        status=422 if faults else 200,
        faults=faults,
        refused=None if refused is None else (refused, next_step(refused)),
        contract=signed.contract,
        sha256=signed.hash.hex(),
        way=way,
        reviewed=reviewed,
        paused=paused,
        possible=reviewed is not None
        and (way.state == "left" or paused == (way.state == "resumed")),
        keys_here=visit.agency.participant().holds_governance_keys(),
        work=open_work(visit.agency.state()),
    )


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/agreements/{sha256}/stop", READERS, stop),
    PageRoute("GET", "/agreements/{sha256}/stop/{how}", DECIDERS, ask),
    PageRoute("POST", "/agreements/{sha256}/stop/{how}", DECIDERS, decide),
    PageRoute("POST", "/agreements/{sha256}/next-version", DECIDERS, next_version),
)
