"""Limits on the statements of each agency, by the time that they state.

A reader that starts again processes the statements of many minutes at once. So a statement counts
in the interval of its stated time, and not in that of its arrival. Every party can write another's
signed statement again (replay). So one that was counted is recognised and not counted twice.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from broker.errors import RefusedError

INTERVALS_COUNTED: Final = 64
"""Newest intervals of one sender that are counted; an older one has no room left.

So a sender that returns to an earlier interval does not begin to count anew.
"""


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A refusal without its traceback, which would keep the statement in memory."""

    step: int | float
    code: str
    detail: str

    def error(self) -> RefusedError:
        return RefusedError(self.step, self.code, self.detail)


@dataclass(slots=True)
class _Interval:
    """Counted statements of one interval.

    Attributes:
        used: their sizes together.
        counted: their digests.
        refused: those of them that were refused, by digest.
    """

    used: int = 0
    counted: set[bytes] = field(default_factory=set)
    refused: dict[bytes, _Refusal] = field(default_factory=dict)


class StatementLimit:
    """Limit on one kind of statement, for each sender and each interval of the stated time.

    The state is in memory and starts again at a restart.

    Args:
        recognised: newest intervals of a sender in which each statement is recognised.
    """

    def __init__(self, recognised: int = INTERVALS_COUNTED) -> None:
        self._recognised = recognised
        self._senders: dict[Hashable, dict[int, _Interval]] = {}

    def interval(self, sender: Hashable, start: int) -> _Interval | None:
        """Return what was counted in an interval; None if nothing was."""
        return self._senders.get(sender, {}).get(start)

    def is_over(self, sender: Hashable, start: int) -> bool:
        """Return whether an interval is before all that are counted."""
        counted = self._senders.get(sender, {})
        return len(counted) >= INTERVALS_COUNTED and start < min(counted)

    def count(self, sender: Hashable, start: int, digest: bytes, size: int) -> None:
        """Count a statement once."""
        counted = self._senders.setdefault(sender, {})
        interval = counted.setdefault(start, _Interval())
        if digest in interval.counted:
            return
        interval.used += size
        newest_first = sorted(counted, reverse=True)
        if start in newest_first[: self._recognised]:
            interval.counted.add(digest)
        for one in newest_first[self._recognised :]:
            counted[one].counted.clear()
            counted[one].refused.clear()
        for one in newest_first[INTERVALS_COUNTED:]:
            del counted[one]

    def forget_refusals(self) -> None:
        """Forget what was refused: other keys and agreements may judge it differently."""
        for intervals in self._senders.values():
            for interval in intervals.values():
                interval.refused.clear()


@dataclass(frozen=True, slots=True)
class Admission:
    """Admission of one statement: whether its sender has room, and whether it is a repeat.

    Attributes:
        limit: the limit of its kind.
        sender: the agency, and its kind if the limit has several.
        start: begin of the interval of its stated time, ms.
        digest: of what its author signed.
        size: how much of the limit it uses.
        most: the limit for an interval.
        many: the error for more than that.
    """

    limit: StatementLimit
    sender: Hashable
    start: int
    digest: bytes
    size: int
    most: int
    many: Callable[[], RefusedError]

    @property
    def counted(self) -> bool:
        """True if exactly this statement was counted before."""
        interval = self.limit.interval(self.sender, self.start)
        return interval is not None and self.digest in interval.counted

    def require(self) -> None:
        """Check the statement before the cost of a signature check.

        Raises:
            RefusedError: it was refused before, or there is no room for it (`many`).
        """
        interval = self.limit.interval(self.sender, self.start)
        if interval is None:
            if self.limit.is_over(self.sender, self.start) or self.size > self.most:
                raise self.many()
            return
        if self.digest in interval.refused:
            raise interval.refused[self.digest].error()
        if self.digest not in interval.counted and interval.used + self.size > self.most:
            raise self.many()

    def count(self) -> None:
        """Count the statement, whose author was verified."""
        self.limit.count(self.sender, self.start, self.digest, self.size)

    @contextmanager
    def judged(self) -> Iterator[None]:
        """Remember a refusal of the counted statement, so that a repeat is not judged again."""
        try:
            yield
        except RefusedError as refusal:
            interval = self.limit.interval(self.sender, self.start)
            if interval is not None and self.digest in interval.counted:
                known = _Refusal(refusal.step, refusal.code, refusal.detail)
                interval.refused[self.digest] = known
            raise
