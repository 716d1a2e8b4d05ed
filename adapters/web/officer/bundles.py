"""Page: files that agencies pass to each other, in and out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from adapters.web.officer.chosen import DECIDERS, READERS, is_sha256
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.codes.meanings import next_step
from broker.operations.agreement_state import agreement_states
from broker.operations.uploaded_files import add_uploaded, bundle_bytes
from contracts.errors import ConcordantError
from contracts.phrases import N_

_FORM_BYTES: Final = 16 * 1024 * 1024
"""Largest form with a file. `concordant bundle add` takes larger files."""


def bundles(visit: Visit) -> Response:
    """Show how files come in and go out."""
    return _page(visit)


def add(visit: Visit) -> Response:
    """Add an uploaded file after all checks of `bundle add`."""
    raw = visit.form.file("file")
    if raw is None:
        return _page(visit, N_("Choose a file"))
    try:
        added = add_uploaded(visit.agency.root, raw, visit.agency.clock())
    except ConcordantError as error:
        return _page(visit, N_("The file was refused. Nothing was added"), error)
    said = N_("The file was added.") if added.new else N_("We have everything in the file already.")
    sha256 = visit.form.text("agreement")
    back = f"/agreements/{sha256}/sign-off" if is_sha256(sha256) else "/bundles"
    return visit.redirect(back, said)


def ours(visit: Visit) -> Response:
    """Give this agency's bundle as a file."""
    agency = visit.agency.participant().agency
    content = bundle_bytes(visit.agency.root, visit.agency.clock())
    return visit.download(content, f"{agency}.bundle", "application/zip")


def _page(
    visit: Visit, fault: str | None = None, refused: ConcordantError | None = None
) -> Response:
    participant = visit.agency.participant()
    return visit.page(
        "officer/bundles.html",
        status=200 if fault is None else 422,
        faults=[] if fault is None else [("file", fault)],
        refused=None if refused is None else (refused, next_step(refused)),
        states=agreement_states(participant, visit.agency.clock()),
        titles={one.hash.hex(): one.contract.title for one in participant.contracts.all()},
        may_add=visit.may(DECIDERS),
    )


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/bundles", READERS, bundles),
    PageRoute("POST", "/bundles", DECIDERS, add, _FORM_BYTES),
    PageRoute("GET", "/bundles/ours", READERS, ours),
)
