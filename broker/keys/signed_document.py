"""Signed note of three lines: header, deployment, and one line of canonical JSON.

Delegations and entries have this form (docs/spec/entries.md). Such a file has exactly one form:
canonical text, exactly the signature lines of its signers, and no other bytes. So a reader refuses
every altered bit.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, ValidationError

from broker.envelope.canonical import CanonicalError, format_json, parse_json
from broker.envelope.primitives import HASH_BYTES
from broker.errors import NoteError
from broker.keys.keyfile import Base64
from broker.tlog.note import Note, format_note, parse_note
from contracts.hidden_characters import HIDDEN


def without_hidden(text: str) -> str:
    """Return the text; refuse hidden characters and space at its ends."""
    if text != text.strip() or HIDDEN.search(text) or "\n" in text or "\t" in text:
        raise ValueError("the text has hidden characters, or space at its ends")
    return text


Line = Annotated[
    str, StringConstraints(min_length=1, max_length=200), AfterValidator(without_hidden)
]
"""One line of text that people read: no control, bidirectional or zero-width character."""

Id = Annotated[str, StringConstraints(pattern=r"\A[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?\z")]
Hash = Annotated[Base64, Field(min_length=HASH_BYTES, max_length=HASH_BYTES)]
Kid = Hash
StatementLine = Annotated[
    str, StringConstraints(min_length=1, max_length=256, pattern=r"\A[^\x00-\x1f]+\z")
]
Version = Annotated[int, Field(ge=1, le=2**53 - 1)]


class MalformedDocument(ValueError):  # noqa: N818 - each caller raises its own error instead
    """The bytes are not a document of that form; the text gives the reason without any value."""


DocumentT = TypeVar("DocumentT", bound=BaseModel)


def document_text(header: str, deployment: str, document: BaseModel) -> bytes:
    """Return the text that is signed."""
    line = format_json(document.model_dump(mode="json", exclude_none=True))
    return f"{header}\n{deployment}\n".encode() + line + b"\n"


def parse_document(
    raw: bytes, *, header: str, model: type[DocumentT], signatures: Collection[int]
) -> tuple[DocumentT, Note]:
    """Parse the bytes of a document without checking its signatures.

    Args:
        raw: the file's bytes; the caller has checked their number.
        header: the first line.
        model: of the JSON; it has a member `deployment`.
        signatures: possible numbers of signature lines of the document.

    Raises:
        MalformedDocument: it has another form.
    """
    try:
        note = parse_note(raw)
        first, deployment, line, end = note.text.decode("utf-8").split("\n")
        if (first, end) != (header, ""):
            raise MalformedDocument("it is a file of another kind")
        document = model.model_validate(parse_json(line.encode()))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in found["loc"])
        raise MalformedDocument(f"the field {field}: {found['msg'].lower()}") from None
    except NoteError as error:
        raise MalformedDocument(error.detail.rstrip(".").lower()) from None
    except MalformedDocument:
        raise
    except CanonicalError as error:
        raise MalformedDocument(str(error)) from None
    except ValueError:
        raise MalformedDocument("its text is not three lines") from None
    text = document_text(header, deployment, document)
    if getattr(document, "deployment", None) != deployment or text != note.text:
        raise MalformedDocument("its text is not canonical")
    if len(note.signatures) not in signatures or format_note(note) != raw:
        raise MalformedDocument("its signature lines are not the ones that it must have")
    return document, note
