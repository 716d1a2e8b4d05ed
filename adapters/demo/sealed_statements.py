"""Statements of sample agencies for their partners, sealed and signed as adapters do."""

from __future__ import annotations

from collections.abc import Iterable

from broker.agency.participant import Participant
from broker.envelope.sealing import WrapRecipient
from broker.statements.authorship import author
from broker.statements.partner_statements import (
    StatementForm,
    StatementPlace,
    parse_statement,
    seal_statement,
)
from broker.tlog.note import Note


def signed_statement(
    form: StatementForm,
    own: Participant,
    place: StatementPlace,
    content: bytes,
    readers: Iterable[str],
) -> Note:
    """Return the note of a statement that an agency makes for others.

    Args:
        form: kind of statement.
        own: the agency.
        place: of the statement.
        content: what it says.
        readers: ids of the agencies for which it is sealed.

    Raises:
        RegistryError: an agency has no exchange key.
    """
    keys = [
        WrapRecipient(agency, key.kid, key.sealer())
        for agency in readers
        for key in (own.manifests.exchange_key(agency, place.time_ms),)
    ]
    signer = author(own.key_name, own.receipt_signer(place.time_ms))
    return parse_statement(form, seal_statement(form, place, content, keys, signer)).note
