"""Pages of the runbook; they need neither the documentation nor a network."""

from __future__ import annotations

from functools import partial

from starlette.responses import Response

from adapters.web.errors import PageNotFoundError
from adapters.web.operator.texts_with_commands import told
from adapters.web.visit import Visit
from broker.operations.runbook.runbook import RUNBOOK


def runbook(visit: Visit) -> Response:
    """List every entry."""
    return visit.page("operator/runbook.html", runbook=RUNBOOK)


def runbook_entry(visit: Visit) -> Response:
    """Show one entry.

    Raises:
        PageNotFoundError: there is no entry of this name.
    """
    entry = RUNBOOK.get(visit.path["name"])
    if entry is None:
        raise PageNotFoundError(visit=visit)
    return visit.page(
        "operator/runbook_entry.html",
        entry=entry,
        told=partial(told, say=visit.renderer.text, folder=visit.agency.root),
    )
