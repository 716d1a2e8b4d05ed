"""States of a store, a clock, a contract or a referral that one call meets, and ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from adapters.authoring.new_code import add_code
from adapters.base import Context, Row
from adapters.mapping import MemoryLinks, RowMapping
from adapters.mapping.document import load_mapping, parse_mapping
from adapters.sinks.folder_sink import FolderSink
from broker.errors import ConcordantError
from broker.operations.vector_setting import load_setting
from broker.registry.contract_book import ContractBook
from broker.registry.contract_in_force import contract_in_force
from broker.sending.streams import Stream, append, open_generation
from broker.store import backend
from broker.store.database import open_store
from broker.store.exclusion import exclusive
from contracts.decision import decide
from contracts.examples import example
from contracts.vocabulary.known import no_documents
from tests.support.codes.statements import COSIGNER, SETTINGS
from tests.support.codes.vector_readers import members
from tests.support.words import REFERRALS
from tests.vectors.making.agencies import (
    COUNCIL,
    NOW,
    POLICE,
    PROSECUTION,
    SUPPORT,
    agreed,
    instant,
)

Act = Callable[[Path], object]


def decided(setting: str, now: int, sender: str, *recipients: str) -> None:
    """The decision on a correct event, as ``event seal`` makes it."""
    trust = load_setting(SETTINGS / setting, COUNCIL).resolver
    signed = trust.contracts.trusted()[0]
    event = replace(example(signed.contract, sender, "case.updated"), recipients=recipients)
    status = trust.contracts.status_of(signed, trust.manifests, now)
    found = decide(signed.contract, status, sender, recipients, event, now)
    # what these few may not read is another matter
    if found.code not in {"", None, "field_not_granted"}:
        raise ConcordantError(found.detail, code=found.code)


def contracts(now: int) -> object:
    """The contract in force at a time."""
    trust = load_setting(SETTINGS / "partnership", COUNCIL).resolver
    return contract_in_force(trust.contracts, trust.manifests, now)


def adopted(deployment: str) -> ContractBook:
    parties = list(members().values())
    trust = load_setting(SETTINGS / "partnership", COUNCIL).resolver
    return trust.contracts.adding(agreed(parties, deployment=deployment, starts=date(2026, 3, 2)))


def delivered(tmp: Path, *, is_folder: bool) -> str:
    inbox = tmp / "inbox"
    if is_folder:
        inbox.unlink()
    else:
        inbox.write_bytes(b"a file where the folder should be")
    return FolderSink(inbox).deliver("an-event", ".csv", b"x")


def signed_at(now: int) -> object:
    """A record of a stream whose last one was signed at noon."""
    stream = Stream("pan-london", POLICE, "topic", 0)
    row = replace(open_generation(stream, None, None, NOW), log_time_s=NOW // 1000)
    return append(stream, row, [b"x"], COSIGNER, now)


def opened(path: Path) -> None:
    open_store(path).close()


def two_adapters(tmp: Path, *, both: bool) -> None:
    with exclusive(tmp / "lock"):
        if both:
            with exclusive(tmp / "lock"):
                pass


def checked_lease(tmp: Path, token: int) -> None:
    store = open_store(tmp / f"{token}.db")
    with store.transaction() as tx:
        tx.lease.acquire("relay", "one", 1)
        tx.lease.acquire("relay", "two", 2)
        tx.lease.check("relay", token)


def written(tmp: Path, *, held: bool) -> None:
    """A transaction while another process may hold the state."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend, "BUSY_TIMEOUT_S", 0.05)
        first, second = open_store(tmp / "busy.db"), open_store(tmp / "busy.db")
        try:
            if held:
                with first.transaction() as tx, second.transaction():
                    tx.meta.set("a", b"1")
            else:
                with second.transaction() as tx:
                    tx.meta.set("a", b"1")
        finally:
            first.close()
            second.close()


def a_file(path: Path) -> Path:
    path.write_bytes(b"x")
    return path


MAPPING = b"""\
mapping: own
version: "1"
source: a test
vocabulary: hate-crime
format: {type: csv}
roles: {kind: Kind, recipients: To, case: Case, rest: Other}
derived: {status: "int(row.Status) > 1 ? '2' : '1'"}
kinds: {U: {type: case.updated}}
tables:
  status:
    list: case_status
    codes: {"1": charged}
columns:
  - {column: status, paths: [case_status], kind: code, table: status}
"""


BLOCK = b"""  status:
    list: case_status
    codes: {"1": charged}
"""
FLOW = b"""  status: {list: case_status, codes: {"1": charged}}
"""


def with_code(tmp: Path, table: str, own: str, shared: str, content: bytes = MAPPING) -> object:
    """A code that is added to a mapping file."""
    file = tmp / "mapping.yaml"
    file.write_bytes(content)
    return add_code(file, no_documents(), table, own, shared)


def mapped(status: str) -> object:
    """A row of which an expression of the mapping makes a number."""
    mapping = RowMapping(parse_mapping(MAPPING, "mapping.yaml"))
    context = Context("council-camden", {"P": "csu-camden"}, MemoryLinks())
    row = Row(2, {"Kind": "U", "To": "P", "Case": "C1", "Status": status}, 0, 0)
    return mapping.to_event(row, context)


CALLS: dict[str, tuple[Act, Act]] = {
    "code_known": (
        lambda tmp: with_code(tmp, "status", "1", "fined"),
        lambda tmp: with_code(tmp, "status", "2", "fined"),
    ),
    "code_unknown": (
        lambda tmp: with_code(tmp, "status", "2", "find"),
        lambda tmp: with_code(tmp, "status", "2", "fined"),
    ),
    "table_unknown": (
        lambda tmp: with_code(tmp, "state", "2", "fined"),
        lambda tmp: with_code(tmp, "status", "2", "fined"),
    ),
    "mapping_layout": (
        lambda tmp: with_code(tmp, "status", "2", "fined", MAPPING.replace(BLOCK, FLOW)),
        lambda tmp: with_code(tmp, "status", "2", "fined"),
    ),
    "expression_failed": (lambda _: mapped("many"), lambda _: mapped("1")),
    "mapping_invalid": (
        lambda _: parse_mapping(b"{", "mapping.json"),
        lambda _: load_mapping("adapters.csu", "2026-11"),
    ),
    "sink_unavailable": (
        lambda tmp: delivered(tmp, is_folder=False),
        lambda tmp: delivered(tmp, is_folder=True),
    ),
    "store_unusable": (
        lambda tmp: opened(a_file(tmp / "state") / "concordant.db"),
        lambda tmp: opened(tmp / "concordant.db"),
    ),
    "store_busy": (lambda tmp: written(tmp, held=True), lambda tmp: written(tmp, held=False)),
    "already_running": (
        lambda tmp: two_adapters(tmp, both=True),
        lambda tmp: two_adapters(tmp, both=False),
    ),
    "lease_lost": (lambda tmp: checked_lease(tmp, 1), lambda tmp: checked_lease(tmp, 2)),
    "clock_jumped": (lambda _: signed_at(NOW - 600_000), lambda _: signed_at(NOW + 1_000)),
    "contract_not_started": (
        lambda _: contracts(instant(2026, 2, 27)),
        lambda _: contracts(instant(2026, 3, 2)),
    ),
    "contract_expired": (
        lambda _: contracts(instant(2027, 3, 2)),
        lambda _: contracts(instant(2027, 2, 27)),
    ),
    "contract_foreign": (lambda _: adopted("elsewhere"), lambda _: adopted("pan-london")),
    "not_in_force": (
        lambda _: decided("partnership", instant(2026, 2, 27), POLICE, COUNCIL),
        lambda _: decided("partnership", instant(2026, 3, 2), POLICE, COUNCIL),
    ),
    "contract_left": (
        lambda _: decided("standing", NOW + 5_400_000, COUNCIL, SUPPORT),
        lambda _: decided("standing", NOW + 5_400_000, COUNCIL, PROSECUTION),
    ),
    "reason_required": (
        lambda _: REFERRALS.check_transition("requested", "rejected", "fulfiller", None),
        lambda _: REFERRALS.check_transition("requested", "rejected", "fulfiller", "no_capacity"),
    ),
    "reason_unknown": (
        lambda _: REFERRALS.check_transition("requested", "rejected", "fulfiller", "whim"),
        lambda _: REFERRALS.check_transition("requested", "rejected", "fulfiller", "no_capacity"),
    ),
    "transition_not_allowed": (
        lambda _: REFERRALS.check_transition("requested", "completed", "fulfiller", None),
        lambda _: REFERRALS.check_transition("in-progress", "completed", "fulfiller", None),
    ),
    "version_conflict": (
        lambda _: REFERRALS.check_version(1, "requested", 3, "requested"),
        lambda _: REFERRALS.check_version(2, "requested", 3, "requested"),
    ),
}


def carry_out(code: str, tmp: Path) -> None:
    """The call is refused with the code; after what the registry says, it is not."""
    bad, good = CALLS[code]
    with pytest.raises(ConcordantError) as refused:
        bad(tmp)
    assert refused.value.code == code, refused.value
    good(tmp)
