"""Format of post-quantum evidence: one JSON document that proves an event's place in its log.

docs/spec/evidence.md. The document is self-contained except for the contract, which the verifier
must already have and trust: contract, manifest, stream key, heartbeat, head, path, leaf. It holds
names, keys, signatures and hashes, and no content of the event.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from broker.errors import EvidenceError
from broker.keys.manifest import MANIFEST_FILE_LIMIT_BYTES
from broker.strict_json import StrictJsonError, parse_strict_json
from broker.tlog.merkle import MAX_LOG_SIZE

FORMAT: Final = "concordant.evidence/v1"
MAX_EVIDENCE_BYTES: Final = 2 * 1024 * 1024
"""Maximum size of the document in bytes: a manifest and a heartbeat, 512 KiB each, with escapes."""
MAX_PATH: Final = 63

_Hash = Annotated[str, StringConstraints(pattern=r"\A[0-9a-f]{64}\z")]
_Name = Annotated[str, StringConstraints(pattern=r"\A[!-~]{1,255}\z")]
_Note = Annotated[str, StringConstraints(min_length=1, max_length=MANIFEST_FILE_LIMIT_BYTES)]
_Count = Annotated[int, Field(ge=0, le=MAX_LOG_SIZE)]
_Path = Annotated[tuple[_Hash, ...], Field(max_length=MAX_PATH, strict=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ContractPart(_Part):
    """The contract that pins the sender's governance keys."""

    name: _Name
    version: _Name
    sha256: _Hash


class HeadPart(_Part):
    """The stream's head in the heartbeat."""

    topic: _Name
    partition: Annotated[int, Field(ge=0, le=2**31 - 1)]
    generation: _Name
    size: _Count
    root: _Hash


class ClassicalPart(_Part):
    """The Ed25519 checkpoint beside the chain, with its own path.

    The proof does not depend on it.
    """

    checkpoint: _Note
    path: _Path


class Evidence(_Part):
    """A parsed document: its form is valid, but nothing in it is verified.

    Attributes:
        agency: the event's sender.
        event: its id.
        manifest: the sender's manifest, the whole note.
        stream_key: id of its ML-DSA-44 stream key, hexadecimal.
        heartbeat: the sender's heartbeat, the whole note.
        index: index of the event's record in its log.
        leaf: RFC 6962 leaf hash of the sealed value.
        path: hashes from the leaf's sibling up to the head's root.
    """

    format: Literal["concordant.evidence/v1"]
    deployment: _Name
    agency: _Name
    event: _Name
    contract: ContractPart
    manifest: _Note
    stream_key: _Hash
    heartbeat: _Note
    head: HeadPart
    index: _Count
    leaf: _Hash
    path: _Path
    classical: ClassicalPart | None = None


def format_evidence(evidence: Evidence) -> bytes:
    """Return the document as one line."""
    return orjson.dumps(evidence.model_dump(mode="json", exclude_none=True)) + b"\n"


def parse_evidence(document: bytes) -> Evidence:
    """Parse a document.

    Raises:
        EvidenceError: `evidence_malformed`; the message names the member, never its value.
    """
    if len(document) > MAX_EVIDENCE_BYTES:
        raise _malformed("it is too large")
    try:
        return Evidence.model_validate(parse_strict_json(document))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        member = ".".join(str(part) for part in first["loc"])
        raise _malformed(f"the member {member} is missing or wrong") from None
    except StrictJsonError as error:
        raise _malformed(str(error)) from None


def _malformed(reason: str) -> EvidenceError:
    return EvidenceError(
        f"Not an evidence document: {reason}.",
        code="evidence_malformed",
        fix="Ask for it again: concordant event evidence EVENT_ID --agency DIR --out FILE",
    )
