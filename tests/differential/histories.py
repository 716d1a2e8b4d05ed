"""Random histories of one sender's partition, honest and not, and how a host delivers them.

docs/spec/streams.md. A sender appends batches, restarts, goes back to an old copy, signs a second
history, cuts its batches otherwise, names predecessors that it never had, lets its clock fall. The
host then drops, repeats and reorders, and gives leaves for records. Nothing is signed: steps 1 to 3
come before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random

from broker.tlog.generation_links import LINK_SALT_BYTES, GenerationLink
from broker.tlog.merkle import EMPTY_ROOT, Frontier, append_batch, fold

SALT = bytes(LINK_SALT_BYTES)


def drawn(*name: object) -> bytes:
    """32 bytes that follow from a name."""
    return hashlib.sha256(repr(name).encode()).digest()


@dataclass(frozen=True)
class Shown:
    """A record as it is after step 3: its place, its checkpoint, what it links to."""

    generation: str
    index: int
    leaf: bytes
    path: tuple[bytes, ...]
    size: int
    root: bytes
    time: int
    link: GenerationLink | None
    leaf_only: bool = False

    def __str__(self) -> str:
        link = (
            ""
            if self.link is None
            else f" after {self.link.name[:16].lstrip('0')}:{self.link.size}"
        )
        leaf = " leaf" if self.leaf_only else ""
        name = self.generation[:16].lstrip("0")
        return f"{name}:{self.index} of {self.size} at {self.time}{link}{leaf}"


@dataclass
class Sender:
    """A sender's partition while it is written; ``heads`` are the logs as they were signed."""

    rng: Random
    time: int = 100
    shown: list[Shown] = field(default_factory=list)
    heads: dict[str, list[Frontier]] = field(default_factory=dict)

    def open(self) -> None:
        """Another generation, most often an honest one."""
        number = len(self.heads) + 1
        name = f"{number:016x}-{drawn('name', number).hex()[:32]}"
        link = self._link(number)
        self.heads[name] = []
        self._append(name, Frontier(), link, "main", self.rng.randint(1, 5))
        if self.rng.random() < 0.25:
            self._append(name, self.rng.choice(self.heads[name]), link, "fork", 2, signed=False)
        if self.rng.random() < 0.15:
            self._cut_otherwise(name, link)

    def _link(self, number: int) -> GenerationLink:
        names = list(self.heads)
        if not names:
            return GenerationLink("", 0, EMPTY_ROOT, SALT)
        name = self.rng.choice(names) if self.rng.random() < 0.3 else names[-1]
        heads = self.heads[name]
        head = self.rng.choice(heads) if self.rng.random() < 0.3 else heads[-1]
        size, root = head.size, fold(head)
        if self.rng.random() < 0.1:  # of a size, and perhaps a root, that was never signed
            size = self.rng.randint(1, size + 3)
            root = self.rng.choice((root, drawn("no root")))
        if self.rng.random() < 0.1:  # of a generation that the sender did not write
            before = self.rng.randint(0, number - 1)
            name = f"{before:016x}-{drawn('never', self.rng.randint(0, 2)).hex()[:32]}"
        return GenerationLink(name, size, root, SALT)

    def _append(
        self,
        name: str,
        frontier: Frontier,
        link: GenerationLink,
        tag: str,
        batches: int,
        *,
        signed: bool = True,
    ) -> None:
        time = self.time
        for _ in range(batches):
            first = frontier.size
            count = self.rng.choice((1, 1, 2, 3, 4))
            leaves = [drawn(name, tag, first + at) for at in range(count)]
            time += self.rng.choice((0, 1, 1, 2))
            if self.rng.random() < 0.02:
                time -= 3
            frontier, root, paths = append_batch(frontier, leaves)
            self._show(name, first, leaves, paths, frontier.size, root, time, link)
            if signed:
                self.heads[name].append(frontier)
                self.time = time

    def _cut_otherwise(self, name: str, link: GenerationLink) -> None:
        """The first leaves under a checkpoint that cuts a batch, or that comes at another time."""
        size = self.rng.randint(1, self.heads[name][-1].size)
        leaves = [drawn(name, "main", at) for at in range(size)]
        _, root, paths = append_batch(Frontier(), leaves)
        time = self.time + self.rng.choice((-2, 0, 1))
        one = self.rng.randrange(size)
        self._show(name, one, [leaves[one]], [paths[one]], size, root, time, link)

    def _show(
        self,
        name: str,
        first: int,
        leaves: list[bytes],
        paths: list[tuple[bytes, ...]],
        size: int,
        root: bytes,
        time: int,
        link: GenerationLink,
    ) -> None:
        for at, (leaf, path) in enumerate(zip(leaves, paths, strict=True), first):
            named = link if at == 0 else None
            self.shown.append(Shown(name, at, leaf, tuple(path), size, root, time, named))


def history(rng: Random) -> list[Shown]:
    """Records of a sender in the order of signing."""
    sender = Sender(rng)
    for _ in range(rng.choice((1, 2, 2, 3, 3, 4, 6))):
        sender.open()
    return sender.shown


def delivered(shown: list[Shown], rng: Random) -> Iterator[Shown]:
    """Records as a malicious host delivers them: left out, reordered, repeated."""
    kept = rng.choice((1, 1, 0.75, 0.4))
    order = [record for record in shown if kept == 1 or rng.random() < kept]
    if rng.random() < 0.3:
        order = order[rng.randint(0, 4) :]
    for _ in range(rng.choice((0, 1, 3, 6))):
        order.insert(rng.randint(0, len(order)), rng.choice(shown))
    for _ in range(rng.choice((0, 0, 2, 6)) if order else 0):
        moved = order.pop(rng.randrange(len(order)))
        order.insert(rng.randint(0, len(order)), moved)
    leaves = rng.choice((0, 0.1, 0.3))
    for record in order:
        leaf_only = leaves > 0 and rng.random() < leaves
        yield replace(record, leaf_only=True) if leaf_only else record
