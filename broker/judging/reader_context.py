"""Interface of what a reader knows when it judges a record: the second argument of ``judge``.

Everything here is looked up, nothing is decided. Two classes implement it: ``StoreContext`` asks
the state database, ``FileContext`` a file of records. The verification cache
(broker/judging/verification_cache.py) saves work and never changes an answer; its ``signed`` is
cleared when a new manifest becomes known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from broker.envelope.opening import OpeningKey, Sessions
from broker.event import JSON
from broker.judging.continuity_types import StreamHistory
from broker.judging.partition_state import PartitionState
from broker.judging.state_limits import Room
from broker.judging.trials import Trials
from broker.registry.contract_in_force import ContractInForce
from broker.tlog.checkpoint import Place
from broker.tlog.merkle import VerifiedPath
from broker.tlog.note import NoteVerifier
from broker.tlog.proof import CheckpointMemo

WRAPS_PER_PARTY_AND_MINUTE = 64
"""New wraps that a reader tries for one sender in a minute of its own clock, times parties."""


@dataclass(frozen=True, slots=True)
class StreamKey:
    """A stream key of some agency that was valid at the log time asked for.

    ``revoked_since`` is the earliest time (ms) at which it may have been compromised, or None.
    ``manifest_expired`` says that every manifest that lists it had expired by then; a newer one may
    still vouch for it.
    """

    kid: bytes
    verifier: NoteVerifier
    revoked_since: int | None = None
    manifest_expired: bool = False


class Known(Protocol):
    """An event of this source and id that was taken before."""

    @property
    def type(self) -> str:
        """Its type."""

    def same(self, flat: Mapping[str, JSON]) -> bool:
        """Whether the fields granted both times are equal."""


class ReaderContext(Protocol):
    """What the reader knows. Times in ms unless they say s."""

    deployment: str
    agency: str
    sessions: Sessions
    checkpoints: CheckpointMemo
    signed: set[bytes]
    paths: dict[str, VerifiedPath]
    trials: Trials
    covered_more: bool
    """Whether records that wait are covered now."""
    folded_elsewhere: list[tuple[str, int, int]]
    """(origin, first, last) of what was tried and is another history: to be asked for again."""

    def stream_key(self, agency: str, key_id: bytes, log_time: int) -> StreamKey:
        """The key of a signature line, valid at ``log_time``.

        Raises:
            RefusedError: step 2, ``key_unknown`` or ``key_not_valid``.
        """

    def receipts(self, origin: str, index: int, before: int) -> Sequence[tuple[int, bytes]]:
        """(size, root) that other, unrevoked agencies cosigned before ``before`` (ms).

        Those of sizes above ``index``, in ascending order.
        """

    def contract_in_force(self, contract_hash: bytes) -> ContractInForce | None:
        """The contract of that hash, if every party's signature was verified here."""

    def opening_keys(self, log_time: int) -> tuple[tuple[OpeningKey, ...], bool]:
        """My exchange keys to try at ``log_time``, and whether one that I listed is gone."""

    def try_wrap(self, agency: str) -> bool:
        """Count one new wrap of a sender that is tried; False if it has none left this minute."""

    def state(self, place: Place) -> PartitionState | None:
        """What is held of a sender's partition."""

    def room(self, agency: str) -> Room:
        """What is left of the bytes and gaps that may be kept of a sender."""

    def forget_doubted(self, agency: str) -> bool:
        """Let go of the gaps that a sender's revoked keys revealed; whether there were any."""

    def forget_passed(self, place: Place) -> bool:
        """Let go of what is complete or was passed over in a sender's other partitions.

        Returns:
            Whether there was any.
        """

    def recall(self, place: Place) -> StreamHistory:
        """Lookups into what was taken of a sender's partition."""

    def known(self, source: str, event_id: str) -> Known | None:
        """The event of this source and id, if one was taken."""
