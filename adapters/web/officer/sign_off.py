"""Pages: signatures of a version, the checks before ours, and how to sign."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from starlette.responses import Response

from adapters.web.errors import PageNotFoundError
from adapters.web.officer.chosen import DECIDERS, READERS, chosen_agreement, state_of
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.codes.meanings import next_step
from broker.operations import contract_signing
from broker.operations.agreement_state import shell_path
from broker.operations.partner_checks import checked_partners
from broker.operations.shown_texts import shown_text
from broker.operations.uploaded_files import finish_uploaded
from broker.registry.contracts import SignedContract
from contracts.errors import ConcordantError
from contracts.party_terms import party_of
from contracts.phrases import N_

_FORM_BYTES: Final = 1024 * 1024
"""Largest form with a delegation."""


def sign_off(visit: Visit) -> Response:
    """Show who has signed, what stops our signature, and the steps to sign."""
    return _page(visit, chosen_agreement(visit))


def delegation(visit: Visit) -> Response:
    """Take the delegation that this agency's officers have signed, and issue the manifest."""
    visit.require_recent_sign_in()
    signed = chosen_agreement(visit)
    raw = visit.form.file("delegation")
    if raw is None:
        return _page(visit, signed, N_("Choose the file that your officers signed"))
    try:
        finish_uploaded(visit.agency.root, raw, visit.agency.clock())
    except ConcordantError as error:
        return _page(visit, signed, N_("The file was refused. Nothing was changed"), error)
    said = N_("The delegation is in force. The running adapter publishes the manifest.")
    path = f"/agreements/{signed.hash.hex()}/sign-off"
    return visit.redirect(path, said)


def _page(
    visit: Visit,
    signed: SignedContract,
    fault: str | None = None,
    refused: ConcordantError | None = None,
) -> Response:
    participant = visit.agency.participant()
    state = state_of(visit, signed)
    now = visit.agency.clock()
    reviewed = None
    if state.awaits_us:
        reviewed = contract_signing.review_signing(participant.root, Path(state.file), (), now)
    return visit.page(
        "officer/sign_off.html",
        status=200 if fault is None else 422,
        faults=[] if fault is None else [("delegation", fault)],
        refused=None if refused is None else (refused, next_step(refused)),
        signed=signed,
        contract=signed.contract,
        state=state,
        us=party_of(signed.contract, participant.agency),
        reviewed=reviewed,
        partners={one.agency: one for one in checked_partners(participant)},
        kept={
            note.signer
            for note in signed.notes_of(participant.agency)
            if shown_text(signed, note) is not None
        },
        keys_here=participant.holds_governance_keys(),
        folder=shell_path(visit.agency.root),
        officers=participant.config.governance.officers,
        deciders=DECIDERS,
    )


def shown(visit: Visit) -> Response:
    """Give the text that a signatory of this agency was shown."""
    signed = chosen_agreement(visit)
    agency = visit.agency.participant().agency
    for note in signed.notes_of(agency):
        text = shown_text(signed, note) if note.signer == visit.path["signer"] else None
        if text is not None:
            name = f"{signed.contract.name}-{signed.contract.version}-shown.txt"
            return visit.download(text.encode(), name, "text/plain; charset=utf-8")
    raise PageNotFoundError(visit=visit)


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/agreements/{sha256}/sign-off", READERS, sign_off),
    PageRoute("POST", "/agreements/{sha256}/delegation", DECIDERS, delegation, _FORM_BYTES),
    PageRoute("GET", "/agreements/{sha256}/shown/{signer}", READERS, shown),
)
