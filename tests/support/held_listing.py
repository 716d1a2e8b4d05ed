"""A listing of a partner in an agency's state, signed as one that came over Kafka."""

from __future__ import annotations

from pathlib import Path

from broker.agency.participant import Participant, load_participant
from broker.envelope.sealing import WrapRecipient
from broker.statements.authorship import author
from broker.statements.listings import LISTING
from broker.statements.partner_statements import (
    StatementPlace,
    parse_statement,
    seal_statement,
)
from broker.store.database import open_store
from broker.store.rows import ListingRow
from broker.tlog.note import format_note


def hold_listing(folder: Path, partner: Participant, content: bytes, now: int) -> None:
    """Keep a listing that a partner has signed.

    Args:
        folder: folder of the agency that holds it; its state is made if there is none.
        partner: the agency whose listing it is.
        content: the listing.
        now: ms; the time of the listing.
    """
    participant = load_participant(folder, now)
    own = participant.agency
    key = partner.manifests.exchange_key(own, now)
    value = seal_statement(
        LISTING,
        StatementPlace(partner.deployment, partner.agency, now),
        content,
        [WrapRecipient(own, key.kid, key.sealer())],
        author(partner.key_name, partner.receipt_signer(now)),
    )
    note = format_note(parse_statement(LISTING, value).note)
    database = participant.path(participant.config.state.database)
    database.parent.mkdir(exist_ok=True)
    store = open_store(database)
    with store.transaction() as tx:
        tx.listings.save(ListingRow(partner.agency, now, note, content))
    store.close()


def own_content(folder: Path, now: int) -> bytes:
    """Return what an agency has published last."""
    participant = load_participant(folder, now)
    store = open_store(participant.path(participant.config.state.database))
    with store.reading() as tx:
        row = tx.listings.get(participant.agency)
    store.close()
    assert row is not None
    return row.content
