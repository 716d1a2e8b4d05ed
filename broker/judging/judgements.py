"""Judgements: the possible results for a record, each with exactly its own fields.

``judge`` (broker/judging/judging.py) returns one of them. Handle a judgement with ``match``, or use
``isinstance(judgement, Placed)`` if only the position in the stream matters. Each has an
``outcome``: its name in docs/spec/opening.md.
"""

from __future__ import annotations

from dataclasses import field
from typing import ClassVar, Final, TypeAlias, TypeVar, final

from broker.errors import RefusedError
from broker.event import OpenedEvent
from broker.judging.continuity_types import Placement, Relief
from broker.judging.verification import VerifiedRecord
from contracts.values import value_class

DEFERRED_CODES: Final = frozenset(
    {
        "early",
        "manifest_expired",
        "key_unknown",
        "receipt_awaited",
        "contract_unknown",
        "own_suspension",
        "wrap_budget",
        "state_full",
    }
)
"""Refusals that time or news may resolve: receiving waits, a file is judged as it is."""


# --- the record has a position in its sender's stream -------------------------------------------


@value_class(frozen=True, slots=True)
class Placed:
    """Base of the judgements on a record that passed step 4: its place counts in every case.

    ``wraps`` is how many new wraps were tried: the caller takes them from the sender's budget.
    """

    verified: VerifiedRecord
    placement: Placement
    wraps: int = field(default=0, kw_only=True)


@final
@value_class(frozen=True, slots=True)
class Opened(Placed):
    """An event for this agency."""

    outcome: ClassVar = "opened"
    event: OpenedEvent


@final
@value_class(frozen=True, slots=True)
class NotAddressed(Placed):
    """No wrap is for this agency."""

    outcome: ClassVar = "not_addressed"


@final
@value_class(frozen=True, slots=True)
class Repeat(Placed):
    """The same record (step 4) or the same event (step 10) was accepted before."""

    outcome: ClassVar = "repeat"


@final
@value_class(frozen=True, slots=True)
class BeforeStart(Placed):
    """The record is before the first one that this reader accepted from the stream."""

    outcome: ClassVar = "before_start"


@final
@value_class(frozen=True, slots=True)
class LeafTaken(Placed):
    """A leaf replay closed a gap: the position is known, the content is missing."""

    outcome: ClassVar = "leaf"


@final
@value_class(frozen=True, slots=True)
class Refused(Placed):
    """Refused at steps 5 to 10, by the sender's fault or ours; a person can retry it."""

    outcome: ClassVar = "refused"
    refusal: RefusedError


# --- the record has no position -----------------------------------------------------------------


@final
@value_class(frozen=True, slots=True)
class Unverified:
    """Refused at steps 0 to 3: its sender is not known."""

    outcome: ClassVar = "refused"
    refusal: RefusedError


@final
@value_class(frozen=True, slots=True)
class Unplaced:
    """Refused at step 4: it does not fit into its sender's stream."""

    outcome: ClassVar = "refused"
    verified: VerifiedRecord
    refusal: RefusedError
    relief: Relief = ()


@final
@value_class(frozen=True, slots=True)
class Equivocation:
    """Refused at step 4: it contradicts what its sender signed; that partition must stop."""

    outcome: ClassVar = "refused"
    verified: VerifiedRecord
    refusal: RefusedError
    relief: Relief = ()


# --- not yet -------------------------------------------------------------------------------------


@final
@value_class(frozen=True, slots=True)
class Deferred:
    """Time or news may resolve the refusal.

    ``refused`` is the judgement of a record that may not wait.
    """

    outcome: ClassVar = "deferred"
    refused: Refused | Unverified | Unplaced

    @property
    def refusal(self) -> RefusedError:
        """Return the refusal that may be resolved."""
        return self.refused.refusal


Decided: TypeAlias = (
    Opened
    | NotAddressed
    | Repeat
    | BeforeStart
    | LeafTaken
    | Refused
    | Unverified
    | Unplaced
    | Equivocation
)
"""A final judgement."""

Judgement: TypeAlias = Decided | Deferred


_R = TypeVar("_R", Refused, Unverified, Unplaced)


def may_wait(refused: _R) -> _R | Deferred:
    """Return the refusal, deferred if time or news may resolve it."""
    return Deferred(refused) if refused.refusal.code in DEFERRED_CODES else refused


def relief_of(judgement: Judgement) -> Relief:
    """Return the state to forget for more room, also if the record was then refused."""
    found = judgement.refused if isinstance(judgement, Deferred) else judgement
    if isinstance(found, Placed):
        return found.placement.relief
    return () if isinstance(found, Unverified) else found.relief


def sender_of(judgement: Judgement) -> str | None:
    """Return the signer of the record; None if that is not verified."""
    found = judgement.refused if isinstance(judgement, Deferred) else judgement
    return None if isinstance(found, Unverified) else found.verified.origin.agency
