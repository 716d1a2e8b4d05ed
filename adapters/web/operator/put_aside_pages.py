"""Pages of what is put aside: list, one item, retry and discard."""

from __future__ import annotations

from functools import partial
from typing import Final

from starlette.responses import Response

from adapters.web.errors import PageNotFoundError
from adapters.web.operator.texts_with_commands import advice_parts
from adapters.web.reasons import meaning
from adapters.web.visit import Visit
from broker.audit.reason_text import reason_text
from broker.errors import WrongInputError
from broker.held.retrying import Retried
from broker.observing.metrics import HeldKind
from broker.operations.discarding import Discarding, Wanted
from broker.operations.put_aside import (
    PutAside,
    PutAsideList,
    one_put_aside,
    put_aside,
    refused_rows_of,
)
from broker.operations.retry import HELD_ID, RetriedRecord, retry_all
from contracts.phrases import N_

ROWS: Final = 25
MOST_ROWS: Final = 100
"""Refused rows of one file that are shown."""
KINDS: Final[dict[HeldKind, str]] = {
    "record": N_("Refused records"),
    "unconfirmed": N_("Records that wait for a receipt"),
    "deferred": N_("Senders whose records wait"),
    "stopped": N_("Senders that contradict themselves"),
    "event": N_("Events that our system did not take"),
    "outbox": N_("Our events that wait"),
    "file": N_("Refused files"),
    "rows": N_("Refused rows of files"),
    "row": N_("Refused rows of our database"),
    "entry": N_("Entries that are not taken"),
    "temporary": N_("Unfinished files"),
}
"""Heading of each kind."""
OUTCOMES: Final = {
    "opened": N_("The record opened, and its event is in the inbox."),
    "repeat": N_("The event of the record is in the inbox already."),
    "not_addressed": N_("The record is for other agencies."),
    "refused": N_("The record was refused again. Correct the cause first."),
    "deferred": N_("The record cannot be judged yet. It stays."),
    "not_held": N_("This is not put aside any more."),
    "released": N_("The adapter offers the event to our system again as soon as it runs."),
    "delivered": N_("Our system has the event now."),
    "held": N_("It is still put aside. Correct the cause first."),
    "asked": N_("The adapter tries it again as soon as it runs."),
    "needs_export": N_("Export the event from our system again: it is sealed again."),
    "moved_to_import": N_("The file is back in the import folder."),
    "removed": N_("The unfinished file was removed."),
    "waits": N_("It waits. A retry changes nothing."),
}
"""Sentence for each outcome of a retry."""


def put_aside_list(visit: Visit) -> Response:
    """Show what is put aside, 25 a page."""
    agency = visit.agency
    kind = visit.query.text("kind")
    kind = kind if kind in KINDS else ""
    page = visit.query.number("page", 1)
    store = agency.state()
    if store is None:
        return visit.page(
            "operator/put_aside.html", found=None, kind="", kinds=KINDS, at=1, last=1, rows=ROWS
        )
    with store.reading() as tx:
        show = partial(put_aside, agency.participant(), tx, agency.clock(), kind=kind, most=ROWS)
        found: PutAsideList = show(first=(page - 1) * ROWS)
        last = max(-(-found.total // ROWS), 1)
        if page > last:
            page, found = last, show(first=(last - 1) * ROWS)
    return visit.page(
        "operator/put_aside.html",
        found=found,
        kind=kind,
        kinds=KINDS,
        at=page,
        last=last,
        rows=ROWS,
    )


def put_aside_item(visit: Visit) -> Response:
    """Show one item, with what helps, and the forms that retry and discard it."""
    return _item_page(visit, _item(visit, visit.query.text("id")))


def retry(visit: Visit) -> Response:
    """Try one item again."""
    agency = visit.agency
    item = _item(visit, visit.form.text("id"))
    (outcome,) = retry_all(
        agency.participant(),
        agency.store(),
        [item.id],
        visit.person.actor(),
        0.0,
        agency.clock(),
    )
    said = OUTCOMES[outcome.outcome]
    if _still_held(outcome):
        return visit.redirect(f"/put-aside/item?id={item.id}", said)
    return visit.redirect("/put-aside", said)


def discard(visit: Visit) -> Response:
    """Discard one item for a reason, which the disclosure log records."""
    visit.require_recent_sign_in()
    agency = visit.agency
    item = _item(visit, visit.form.text("id"))
    reason = visit.form.text("reason")
    accepted = visit.form.text("accepted") == "yes"
    faults: list[tuple[str, str]] = []
    try:
        reason = reason_text(reason, "reason", "")
    except WrongInputError:
        asked = N_("Enter in one line of at most 200 characters why you discard it")
        faults.append(("reason", asked))
    if item.accepted and not accepted:
        faults.append(("accepted", N_("Confirm that you told the sender")))
    if faults:
        return _item_page(visit, item, reason=reason, faults=faults)
    discarding = Discarding(agency.participant(), agency.store())
    planned = discarding.plan(Wanted((item.id,), accepted_events=accepted), agency.clock())
    (done,) = discarding.discard(planned, visit.person.actor(reason), agency.clock())
    if done.settled:
        said = N_("It was discarded. The disclosure log records who did it, and why.")
        return visit.redirect("/put-aside", said)
    if done.outcome == "not_held":
        return visit.redirect("/put-aside", OUTCOMES["not_held"])
    sentence = N_("It cannot be discarded.")
    return _item_page(visit, item, reason=reason, faults=[("reason", sentence)])


def _item(visit: Visit, id_: str) -> PutAside:
    """Return the item of an id.

    Raises:
        PageNotFoundError: nothing that is put aside has this id.
    """
    agency = visit.agency
    if HELD_ID.match(id_):
        with agency.store().reading() as tx:
            found = one_put_aside(agency.participant(), tx, id_, agency.clock())
        if found is not None:
            return found
    raise PageNotFoundError(visit=visit)


def _item_page(
    visit: Visit, item: PutAside, reason: str = "", faults: list[tuple[str, str]] | None = None
) -> Response:
    return visit.page(
        "operator/put_aside_item.html",
        status=422 if faults else 200,
        item=item,
        kinds=KINDS,
        rows=refused_rows_of(visit.agency.participant(), item.id)[:MOST_ROWS],
        meaning=meaning,
        reason=reason,
        faults=faults or [],
        advice=partial(
            advice_parts, say=visit.renderer.text, folder=visit.agency.root, item=item.id
        ),
    )


def _still_held(outcome: RetriedRecord | Retried) -> bool:
    return outcome.outcome in {"refused", "deferred", "held", "waits"}
