"""The agreement that an address names, and the log of the agency."""

from __future__ import annotations

import re
from typing import Final

from adapters.web.errors import LogUncheckedError, PageNotFoundError
from adapters.web.people import Role
from adapters.web.visit import Visit
from broker.operations.agreement_state import AgreementState, agreement_states
from broker.operations.disclosure_log import DisclosureLog
from broker.registry.contracts import SignedContract

READERS: Final = frozenset({Role.OFFICER, Role.SIGNATORY, Role.AUDITOR})
"""Roles that read agreements."""
DECIDERS: Final = frozenset({Role.OFFICER, Role.SIGNATORY})
"""Roles that act on agreements."""
INSPECTORS: Final = frozenset({Role.OFFICER, Role.AUDITOR})
"""Roles that read the disclosure log."""

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def is_sha256(text: str) -> bool:
    """Return whether a text is a SHA-256 hash in hexadecimal."""
    return _SHA256.fullmatch(text) is not None


def chosen_agreement(visit: Visit) -> SignedContract:
    """Return the version whose SHA-256 the address has.

    Raises:
        PageNotFoundError: this agency has no such version.
    """
    name = visit.path["sha256"]
    if is_sha256(name):
        for signed in visit.agency.participant().contracts.all():
            if signed.hash.hex() == name:
                return signed
    raise PageNotFoundError(visit=visit)


def disclosure_log(visit: Visit) -> DisclosureLog:
    """Return the log of the agency, over the state that the server keeps open.

    Raises:
        LogUncheckedError: its first verification goes on.
        StoreError: `state_missing`: the adapter has not run yet.
    """
    agency = visit.agency
    check = agency.log_check()
    if check is not None:
        raise LogUncheckedError(visit=visit, check=check)
    return DisclosureLog(
        agency.participant(), agency.store(), agency.clock(), agency.remembered_log
    )


def state_of(visit: Visit, signed: SignedContract) -> AgreementState:
    """Return the state of a version for this agency."""
    states = agreement_states(visit.agency.participant(), visit.agency.clock())
    return next(one for one in states if one.line.sha256 == signed.hash.hex())
