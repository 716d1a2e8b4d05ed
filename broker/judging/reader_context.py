"""Interface of the reader's context, the second argument of ``judge``.

Its methods look values up and decide nothing. Two classes implement it: ``StoreContext`` reads the
state database, ``FileContext`` reads a file of records. Caches belong to the caller
(broker/judging/verification_cache.py), not to the context.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from broker.envelope.opening import OpeningKey
from broker.event import JSON
from broker.judging.continuity_types import StreamHistory
from broker.judging.partition_state import PartitionState
from broker.judging.state_limits import Room
from broker.registry.contract_in_force import ContractInForce
from broker.tlog.checkpoint import Place
from broker.tlog.note import NoteVerifier

WRAPS_PER_PARTY_AND_MINUTE = 64
"""New wraps that a reader tries for one sender in a minute of its own clock, times parties."""


@dataclass(frozen=True, slots=True)
class StreamKey:
    """A stream key of an agency, valid at the requested log time.

    ``revoked_since`` is the earliest time (ms) at which it may have been compromised, or None.
    ``manifest_expired`` says that every manifest that lists it had expired by then; a newer one may
    still cover the time.
    """

    kid: bytes
    verifier: NoteVerifier
    revoked_since: int | None = None
    manifest_expired: bool = False


class Known(Protocol):
    """An event of this source and id that was accepted before."""

    @property
    def type(self) -> str:
        """Return its type."""

    def same(self, flat: Mapping[str, JSON]) -> bool:
        """Return whether the fields granted both times are equal."""


class ReaderContext(Protocol):
    """The reader's context. Times in ms unless they say s."""

    deployment: str
    agency: str

    def stream_key(self, agency: str, key_id: bytes, log_time: int) -> StreamKey:
        """Return the key of a signature line, valid at ``log_time``.

        Raises:
            RefusedError: step 2, ``key_unknown`` or ``key_not_valid``.
        """

    def receipts(
        self, origin: str, index: int, before: int, among: frozenset[str] | None = None
    ) -> Sequence[tuple[int, bytes]]:
        """Return (size, root) that other, unrevoked agencies cosigned before ``before`` (ms).

        They have sizes above ``index``, in ascending order; with ``among`` only of these agencies.
        """

    def contract_in_force(self, contract_hash: bytes) -> ContractInForce | None:
        """Return the contract of that hash, if every party's signature was verified here."""

    def opening_keys(self, log_time: int) -> tuple[tuple[OpeningKey, ...], bool]:
        """Return this agency's exchange keys for ``log_time``, and whether one is missing."""

    def wraps_left(self, agency: str) -> int:
        """Return the number of new wraps of a sender that may be tried in this minute."""

    def state(self, place: Place) -> PartitionState | None:
        """Return the state of a sender's partition."""

    def room(self, agency: str) -> Room:
        """Return the bytes and gaps that remain of a sender's limits."""

    def affected(self, agency: str) -> Mapping[Place, PartitionState]:
        """Return a sender's states without the gaps that its revoked keys revealed, if any.

        Searched once in a batch: then there is none.
        """

    def passed(
        self, place: Place, relief: Mapping[Place, PartitionState]
    ) -> Mapping[Place, PartitionState]:
        """States of a sender's other partitions without what is complete or was passed over.

        Searched once in a batch for each partition: then there is none.

        Args:
            place: the partition that is left as it is.
            relief: states that are smaller already.
        """

    def history(self, place: Place) -> StreamHistory:
        """Return look-ups in the accepted records of a sender's partition."""

    def known(self, source: str, event_id: str) -> Known | None:
        """Return the event of this source and id, if one was accepted."""
