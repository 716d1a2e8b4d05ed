"""Checkpoints: the head of one log at one size (c2sp.org/tlog-checkpoint), and log origins.

A checkpoint has three lines and no extension lines: origin, size, root. `concordant/1` names a log
`deployment/agency/topic/partition/generation`, so the origin gives the sender and the place of the
events (docs/spec/proof.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from broker.envelope.primitives import b64, strict_b64
from broker.errors import NoteError
from broker.record import KafkaPartition
from broker.tlog.merkle import EMPTY_ROOT, HASH_BYTES, MAX_LOG_SIZE

__all__ = [
    "Checkpoint",
    "GenerationPlace",
    "Origin",
    "Place",
    "format_checkpoint",
    "parse_checkpoint",
    "parse_decimal",
    "parse_origin",
]

#: Bytes of an origin: one length byte holds it in an ML-DSA-44 cosignature.
MAX_ORIGIN_BYTES: Final = 255
#: Kafka numbers partitions with a signed 32-bit integer.
MAX_PARTITION: Final = 2**31 - 1

_DECIMAL: Final = re.compile(rb"0|[1-9][0-9]{0,18}")
_ORIGIN_TEXT: Final = re.compile(rb"[!-*,-~]{1,255}")  # printable ASCII, no space, no plus
_PART: Final = re.compile(r"[a-z0-9][a-z0-9.-]*")
_CHECKPOINT_LINES: Final = 3
_ORIGIN_PARTS: Final = 5


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log.

    Attributes:
        origin: the log's name; `parse_origin` parses this protocol's form of it.
        size: number of leaves.
        root: 32 bytes.
    """

    origin: str
    size: int
    root: bytes


class Place(NamedTuple):
    """A sender's stream in one partition, across its generations."""

    agency: str
    topic: str
    partition: int

    @property
    def kafka_partition(self) -> KafkaPartition:
        """Return its Kafka partition, which other senders' streams share."""
        return KafkaPartition(self.topic, self.partition)

    def generation(self, name: str) -> GenerationPlace:
        """Return one generation of the stream."""
        return GenerationPlace(*self, name)


class GenerationPlace(NamedTuple):
    """One generation of a sender's stream: a separate log."""

    agency: str
    topic: str
    partition: int
    generation: str

    @property
    def place(self) -> Place:
        """Return the stream."""
        return Place(self.agency, self.topic, self.partition)

    @property
    def kafka_partition(self) -> KafkaPartition:
        """Return its Kafka partition, which other senders' streams share."""
        return KafkaPartition(self.topic, self.partition)

    def origin(self, deployment: str) -> Origin:
        """Return the log's name."""
        return Origin(deployment, *self)


@dataclass(frozen=True, slots=True)
class Origin:
    """The name of one stream's log."""

    deployment: str
    agency: str
    topic: str
    partition: int
    generation: str

    @property
    def place(self) -> Place:
        """Return the sender's stream to which the log belongs."""
        return Place(self.agency, self.topic, self.partition)

    @property
    def kafka_partition(self) -> KafkaPartition:
        """Return its Kafka partition, which other senders' streams share."""
        return KafkaPartition(self.topic, self.partition)

    @property
    def log(self) -> GenerationPlace:
        """Return the log without the deployment, as the state database names it."""
        return GenerationPlace(self.agency, self.topic, self.partition, self.generation)

    @property
    def key_name(self) -> str:
        """`deployment/agency`: the name of the keys that sign this log."""
        return f"{self.deployment}/{self.agency}"

    def format(self) -> str:
        """Return `deployment/agency/topic/partition/generation`.

        Raises:
            NoteError: `checkpoint_malformed`, a part that `parse_origin` would refuse.
        """
        text = "/".join(
            (self.deployment, self.agency, self.topic, str(self.partition), self.generation)
        )
        # a slash in a part would make one part more, so the result is parsed again
        parse_origin(text)
        return text


@lru_cache(maxsize=4096)  # cache: a reader meets few streams and many records of each
def parse_origin(text: str) -> Origin:
    """Read an origin of this protocol.

    Raises:
        NoteError: `checkpoint_malformed`.
    """
    parts = text.split("/")
    if len(text) > MAX_ORIGIN_BYTES or len(parts) != _ORIGIN_PARTS:
        raise _malformed("an origin is deployment/agency/topic/partition/generation")
    deployment, agency, topic, partition, generation = parts
    if not all(_PART.fullmatch(part) for part in (deployment, agency, topic, generation)):
        raise _malformed("a part of an origin has lower-case letters, digits, dots and hyphens")
    try:
        number = parse_decimal(partition.encode(), MAX_PARTITION)
    except ValueError as error:
        raise _malformed("the partition is a decimal number") from error
    return Origin(deployment, agency, topic, number, generation)


def parse_decimal(digits: bytes, maximum: int) -> int:
    """Read an ASCII decimal without sign or leading zeros.

    Raises:
        ValueError: not such a number, or above `maximum`.
    """
    if _DECIMAL.fullmatch(digits) is None:
        raise ValueError("not a canonical decimal number")
    value = int(digits)
    if value > maximum:
        raise ValueError("the number is too large")
    return value


def format_checkpoint(checkpoint: Checkpoint) -> bytes:
    """Return the note text of a checkpoint, the text that a cosignature covers.

    Raises:
        NoteError: `checkpoint_malformed`, a checkpoint that could not be parsed again.
    """
    text = f"{checkpoint.origin}\n{checkpoint.size}\n{b64(checkpoint.root)}\n".encode()
    # a newline in the origin would make one line more, so the result is parsed again
    parse_checkpoint(text)
    return text


def parse_checkpoint(text: bytes) -> Checkpoint:
    """Read the note text of a checkpoint.

    Raises:
        NoteError: `checkpoint_malformed`.
    """
    lines = text.split(b"\n")
    if len(lines) != _CHECKPOINT_LINES + 1 or lines[-1]:
        raise _malformed("a checkpoint is origin, size and root, each on one line")
    origin, digits, encoded, _ = lines
    if _ORIGIN_TEXT.fullmatch(origin) is None:
        raise _malformed("an origin is printable ASCII without spaces and plus signs")
    try:
        size = parse_decimal(digits, MAX_LOG_SIZE)
        root = strict_b64(encoded)
    except ValueError as error:
        raise _malformed("the size is a decimal number and the root canonical base64") from error
    if len(root) != HASH_BYTES or (size == 0 and root != EMPTY_ROOT):
        raise _malformed("the root has 32 bytes, and that of an empty log is a fixed hash")
    return Checkpoint(origin.decode("ascii"), size, root)


def _malformed(rule: str) -> NoteError:
    return NoteError(f"Not a checkpoint: {rule}.", code="checkpoint_malformed")
