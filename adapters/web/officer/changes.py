"""Page: what changes if this agency signs a version of an agreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.responses import Response

from adapters.web.officer.chosen import READERS, chosen_agreement, state_of
from adapters.web.officer.words import EFFECTS, TagWords, path_in_words
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.operations.contract_comparison import compare_versions, compared_with
from broker.operations.contract_signing import left_out_parties
from broker.registry.contracts import SignedContract
from contracts.comparison_effects import Effect
from contracts.comparison_sides import PlainChange, plain_change
from contracts.comparison_summary import SummaryLine
from contracts.phrases import N_

_SECTIONS: Final[Sequence[tuple[str, str, frozenset[Effect]]]] = (
    ("wider", N_("What widens"), frozenset({"widens", "both"})),
    ("judge", N_("What a person must judge"), frozenset({"unknown"})),
    ("narrower", N_("What narrows"), frozenset({"narrows"})),
    ("equal", N_("What changes and neither widens nor narrows"), frozenset({"neutral"})),
)
_FACTS: Final[Mapping[str, tuple[str, str]]] = {
    "event": (N_("Kind of event"), ""),
    "purpose": (N_("Purpose"), N_("Not stated")),
    "basis": (N_("Legal basis"), N_("None is named")),
    "consent": (N_("Consent"), N_("Sent without asking")),
}
"""Name of each fact, and the text if it is empty."""
_COUNTED: Final[Sequence[tuple[TagWords, frozenset[Effect]]]] = (
    (EFFECTS["widens"], frozenset({"widens", "both"})),
    (EFFECTS["unknown"], frozenset({"unknown"})),
    (EFFECTS["narrows"], frozenset({"narrows"})),
    (EFFECTS["neutral"], frozenset({"neutral"})),
)


def changes(visit: Visit) -> Response:
    """Show each change between a version and the one that it is compared with, widening first."""
    participant = visit.agency.participant()
    signed = chosen_agreement(visit)
    everyone = visit.query.text("for") == "all"
    before = compared_with(participant, signed, visit.agency.clock())
    state = state_of(visit, signed)
    party = None if everyone else participant.agency
    summary = None if before is None else compare_versions(before.text, signed.text, party).summary
    lines = () if summary is None else summary.lines
    return visit.page(
        "officer/changes.html",
        signed=signed,
        contract=signed.contract,
        state=state,
        before=before,
        version=None if summary is None else summary.version,
        counts=[(tag, sum(one.effect in effects for one in lines)) for tag, effects in _COUNTED],
        sections=[
            (name, title, [(one, _plain(before, signed, one)) for one in found])
            for name, title, effects in _SECTIONS
            if (found := [one for one in lines if one.effect in effects])
        ],
        widening=sum(one.widening for one in lines),
        total=len(lines),
        everyone=everyone,
        left_out=left_out_parties(participant, signed) if state.awaits_us else (),
        effects=EFFECTS,
        facts=_FACTS,
        path_in_words=path_in_words,
    )


def _plain(before: SignedContract | None, after: SignedContract, line: SummaryLine) -> PlainChange:
    older = after if before is None else before
    return plain_change(older.contract, after.contract, line)


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/agreements/{sha256}/changes", READERS, changes),
)
