"""Page: whether the software of every party can read a version of an agreement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from adapters.web.officer.chosen import READERS, chosen_agreement
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.operations.directory.readiness import readiness_of


def ready(visit: Visit) -> Response:
    """Show each party with what it cannot read, those that cannot first."""
    signed = chosen_agreement(visit)
    contract, agency = signed.contract, visit.agency
    found = readiness_of(
        agency.participant(), agency.state(), contract.name, contract.version, agency.clock()
    )
    return visit.page(
        "officer/ready.html",
        signed=signed,
        contract=contract,
        found=found,
        parties=sorted(found.parties, key=lambda one: one.ready),
    )


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/agreements/{sha256}/ready", READERS, ready),
)
