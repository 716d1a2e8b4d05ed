"""The `proof` header: its one form, its link, and step 1 (docs/spec/proof.md; streams.md
"Generations").
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from tests.conformance.conventions import be, decode_base64, is_name, lp, parse_lp, sha256
from tests.conformance.merkle import EMPTY_ROOT
from tests.conformance.notes import DASH, Line, parse_note
from tests.conformance.refusals import MalformedError, RefusedError

FIRST_LINE = "c2sp.org/tlog-proof@v1"
DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
GENERATION = re.compile(r"[0-9a-f]{16}-[0-9a-f]{32}")
PREDECESSOR_RANDOM_BYTES = 16
HASH_BYTES = 32
MAX_ORIGIN = 255
COSIGNATURE_BYTES = 8 + 64


@dataclass(frozen=True, slots=True)
class Origin:
    """The name of a log, in its parts."""

    deployment: str
    agency: str
    topic: str
    partition: int
    generation: str

    @property
    def stream(self) -> str:
        return f"{self.deployment}/{self.agency}/{self.topic}/{self.partition}"

    @property
    def signer(self) -> str:
        return f"{self.deployment}/{self.agency}"


@dataclass(frozen=True, slots=True)
class Link:
    """Content of `extra`: the predecessor's head, and 16 random bytes."""

    name: str
    size: int
    root: bytes
    random: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """A parsed header. `time` is the log time in seconds."""

    index: int
    path: tuple[bytes, ...]
    origin: Origin
    size: int
    root: bytes
    checkpoint: str
    cosignature: Line
    extra: bytes | None

    @property
    def time(self) -> int:
        return int.from_bytes(self.cosignature.signature[:8], "big")


def parse_proof(header: bytes) -> Proof:
    """The header's parts.

    Raises:
        MalformedError: it is not in its one form.
    """
    try:
        text = header.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError("not UTF-8") from error
    head, separator, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if not separator or lines.pop(0) != FIRST_LINE:
        raise MalformedError("not a proof")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = decode_base64(lines.pop(0).removeprefix("extra "))
        if not extra:
            raise MalformedError("an empty extra")
    if not lines or not lines[0].startswith("index "):
        raise MalformedError("no index")
    index = _decimal(lines.pop(0).removeprefix("index "))
    path = tuple(_hash(line) for line in lines)
    note = parse_note(checkpoint)
    body = note.text.split("\n")
    if len(body) != 4:  # origin, size, root, and what follows the last newline
        raise MalformedError("not a checkpoint of three lines")
    origin, size, root = _origin(body[0]), _decimal(body[1]), _hash(body[2])
    if len(note.lines) != 1:
        raise MalformedError("not one signature")
    (line,) = note.lines
    if len(line.signature) != COSIGNATURE_BYTES:
        raise MalformedError("not a cosignature")
    if size == 0 and root != EMPTY_ROOT:
        raise MalformedError("not the root of nothing")
    if extra is not None and index != 0:
        raise MalformedError("an extra above index 0")
    proof = Proof(index, path, origin, size, root, note.text, line, extra)
    if proof.time >= 2**63:
        raise MalformedError("a time beyond 2^63")
    if serialise(proof).encode() != header:
        raise MalformedError("in another form")
    return proof


def serialise(proof: Proof) -> str:
    """The one text of a proof."""
    signature = base64.b64encode(proof.cosignature.key_id + proof.cosignature.signature).decode()
    return "\n".join(
        [
            FIRST_LINE,
            *([] if proof.extra is None else ["extra " + base64.b64encode(proof.extra).decode()]),
            f"index {proof.index}",
            *(base64.b64encode(node).decode() for node in proof.path),
            "",
            proof.checkpoint,  # ends in a newline, so an empty line follows
            f"{DASH}{proof.cosignature.name} {signature}\n",
        ]
    )


def _decimal(text: str) -> int:
    if not DECIMAL.fullmatch(text) or int(text) >= 2**63:
        raise MalformedError("not a decimal below 2^63")
    return int(text)


def _hash(text: str) -> bytes:
    octets = decode_base64(text)
    if len(octets) != HASH_BYTES:
        raise MalformedError("not 32 bytes")
    return octets


def _origin(text: str) -> Origin:
    parts = text.split("/")
    if len(parts) != 5 or len(text) > MAX_ORIGIN:
        raise MalformedError("not an origin")
    deployment, agency, topic, partition, generation = parts
    if not all(is_name(part) for part in (deployment, agency, topic, generation)):
        raise MalformedError("not an origin")
    if _decimal(partition) >= 2**31:
        raise MalformedError("not a partition")
    return Origin(deployment, agency, topic, int(partition), generation)


def judge_form(
    header: bytes, *, deployment: str, topic: str, partition: int
) -> tuple[Proof, Link | None]:
    """Step 1. The link is there at index 0, and only there."""
    try:
        proof = parse_proof(header)
    except MalformedError as error:
        raise RefusedError(1, "proof_malformed") from error
    origin = proof.origin
    if (origin.deployment, origin.topic, origin.partition) != (deployment, topic, partition):
        raise RefusedError(1, "origin_wrong")
    if not GENERATION.fullmatch(origin.generation):
        raise RefusedError(1, "generation_name")
    if proof.index != 0:
        return proof, None
    if proof.extra is None:
        raise RefusedError(1, "link_malformed")
    link = _link(proof.extra)
    if not origin.generation > link.name:
        raise RefusedError(1, "generation_order")
    if origin.generation.split("-")[1] != _generation_hash(origin, link):
        raise RefusedError(1, "generation_name")
    return proof, link


def _link(extra: bytes) -> Link:
    try:
        name, size, root, random = parse_lp(extra)
        link = Link(name.decode("ascii"), int.from_bytes(size, "big"), root, random)
    except ValueError as error:
        raise RefusedError(1, "link_malformed") from error
    if len(size) != 8 or len(root) != HASH_BYTES or len(random) != PREDECESSOR_RANDOM_BYTES:
        raise RefusedError(1, "link_malformed")
    first = link.name == "" and link.size == 0 and root == EMPTY_ROOT
    later = GENERATION.fullmatch(link.name) is not None and 1 <= link.size < 2**63
    if not first and not later:
        raise RefusedError(1, "link_malformed")
    return link


def _generation_hash(origin: Origin, link: Link) -> str:
    elements = (link.name, be(link.size, 8), link.root, link.random)
    return sha256(lp("concordant/1/generation", origin.stream, *elements)).hex()[:32]
