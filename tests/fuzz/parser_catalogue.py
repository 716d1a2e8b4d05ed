"""Every parser of this project with the errors that it may raise and real objects to start from.

`tests/property/test_parsers*.py` and the atheris harness run the same list. Each parser on it reads
bytes from outside: from Kafka, an agency's own system, an operator's editor or a disk.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from broker.agency.config import parse_config
from broker.audit.entries import format_entry, parse_log_entry
from broker.audit.evidence import format_evidence, parse_evidence
from broker.envelope.canonical import CanonicalError, format_json, parse_json
from broker.envelope.layout import (
    LayoutError,
    SealedEvent,
    format_value,
    parse_value,
)
from broker.envelope.padding import PaddingError, pad, unpad
from broker.envelope.primitives import b64, lp
from broker.errors import (
    ConfigError,
    DisclosureLogError,
    EntryError,
    EvidenceError,
    KeyAccessError,
    ManifestError,
    NoteError,
    ProofError,
    RefusedError,
    StoreError,
)
from broker.judging.partition_state import (
    format_state,
    parse_outline,
    parse_state,
)
from broker.keys.delegation import delegation_text, parse_delegation
from broker.keys.enrolment import verify_public
from broker.keys.keyfile import parse_keyfile, public_of
from broker.keys.manifest import SignedManifest, manifest_text, parse_manifest
from broker.operations.trial import parse_plain
from broker.partnership import entry as agency_entries
from broker.partnership.bundle import Bundle, format_bundle, parse_bundle
from broker.partnership.officer import parse_officer_file
from broker.receiving.inbox_payload import format_payload, parse_payload
from broker.record import RecordFormatError, format_record, parse_record
from broker.statements import heartbeats, notices
from broker.statements.authorship import read_note
from broker.statements.heartbeats import Heartbeat
from broker.statements.manifest_requests import ManifestRequest, parse_manifest_request
from broker.statements.notices import Notice
from broker.statements.receipts import format_receipt, parse_receipt
from broker.statements.signed_contract import pack_contract, unpack_contract
from broker.tlog.checkpoint import (
    format_checkpoint,
    parse_checkpoint,
    parse_origin,
)
from broker.tlog.cosignature import format_signed_checkpoint
from broker.tlog.generation_links import parse_link
from broker.tlog.merkle import EMPTY_ROOT, Frontier
from broker.tlog.note import (
    Note,
    SignatureLine,
    format_note,
    parse_note,
)
from broker.tlog.proof import Proof, format_proof, parse_proof
from contracts.documents import document_hash, require_document, shipped_documents
from contracts.errors import ContractError, EventError
from contracts.events import PlainEvent
from contracts.loading import parse_contract, parse_framework, shipped_terms
from tests.fuzz.parser_objects import (
    AUTHOR,
    BEAT,
    CONTRACT,
    COSIGNER,
    ENTRIES,
    EVENT,
    HEAD,
    LINK,
    NAME,
    NOTICES,
    NOW,
    OPENED,
    ORIGIN,
    PATH,
    PLAIN,
    RECORDS,
    REQUEST,
    ROOT,
    SIGNED,
    TREE,
    agency_entry,
    config_text,
    delegation,
    delegation_note,
    evidence,
    key_files,
    manifest,
    officer_file,
    sealed_value,
    state,
)
from tests.support.words import validate_event

Wrap = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Parser:
    """One parser.

    Attributes:
        name: for reports and folders.
        parse: what is tried.
        refusals: the only exceptions that may come out.
        seeds: real inputs.
        again: an accepted object as bytes, where there is one way to write it; compared.
        wrap: JSON text inside a whole input (a note around it), for documents.
        documents: JSON values that `wrap` makes real inputs of.
        slow: milliseconds rather than microseconds a call.
    """

    name: str
    parse: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...]
    seeds: tuple[bytes, ...]
    again: Callable[[Any], bytes] | None = None
    wrap: Wrap | None = None
    documents: tuple[Any, ...] = field(default=())
    slow: bool = False

    def check(self, data: bytes) -> bool:
        """Return True if the input is accepted. Other faults than a refusal propagate."""
        try:
            found = self.parse(data)
        except self.refusals:
            return False
        if self.again is not None:
            assert self.again(found) == data, "accepted, and written in another way"
        return True


def plain(data: bytes) -> str:
    """Bytes as text, so that a parser of text is tried with any."""
    return data.decode("utf-8", "surrogatepass") if _is_text(data) else data.decode("latin-1")


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def value_again(sealed: SealedEvent) -> bytes:
    """A parsed value as bytes."""
    return format_value(
        sealed.id,
        sealed.time,
        sealed.contract,
        [(group.commitment, group.ciphertext) for group in sealed.groups],
        [(entry.wrap, entry.key_list) for entry in sealed.recipients],
    )


def proof_again(proof: Proof) -> bytes:
    """A parsed proof as bytes, its checkpoint anew from its parts."""
    body = format_checkpoint(proof.checkpoint)
    text = format_note(Note(body, (proof.line.line(),)))
    return format_proof(proof.index, proof.path, text, proof.extra)


def in_note(head: str) -> Wrap:
    """A wrap: the JSON as the last line of a note's text, under a signature that is none."""
    line = SignatureLine(NAME, b"keyi", b"signature")

    def act(document: bytes) -> bytes:
        signed = f"— {line.name} {b64(line.key_id + line.signature)}\n".encode()
        return head.encode() + document + b"\n\n" + signed

    return act


def in_manifest(document: bytes) -> bytes:
    """A wrap: the JSON of a manifest, after a delegation."""
    return delegation_note() + in_note("concordant.manifest/v1\npan-london\n")(document)


def in_delegation(document: bytes) -> bytes:
    """A wrap: the JSON of a delegation, under the two lines that it must have."""
    _, lines = delegation_note().split(b"\n\n")
    return b"concordant.delegation/v1\npan-london\n" + document + b"\n\n" + lines


def manifest_again(signed: SignedManifest) -> bytes:
    """The bytes of a parsed manifest and its delegation."""
    note = Note(manifest_text(signed.manifest), signed.note.signatures)
    return signed.delegation.raw + format_note(note)


def bare(document: bytes) -> bytes:
    """A wrap that adds nothing."""
    return document


def parse_notice(data: bytes) -> Notice:
    return notices.parse_notice(read_note(data))


def parse_request(data: bytes) -> ManifestRequest:
    return parse_manifest_request(read_note(data))


def parse_heartbeat(data: bytes) -> Heartbeat:
    return heartbeats.parse_heartbeat(read_note(data), "pan-london")


def parse_event(data: bytes) -> PlainEvent:
    """A line as `event seal` takes it, held against its type."""
    event = parse_plain(data)
    validate_event(event.type, event.data)
    return event


def parse_public(data: bytes) -> None:
    """Any bytes as a public key; the first one says of which kind."""
    kinds = ("ed25519", "ml-dsa-44", "ml-dsa-65", "mlkem768-x25519", "none")
    verify_public(kinds[data[0] % len(kinds)] if data else "ed25519", data[1:])


def _parse_gap(body: bytes) -> None:
    """Any bytes as the stored form of the first gap of a state."""
    parse_state((_STATE, [(*_GAPS[0][:3], body), *_GAPS[1:]]))


def _document(note: bytes) -> Any:
    """The JSON of a note of three lines."""
    return orjson.loads(note.split(b"\n")[2])


def _around(note: bytes) -> Wrap:
    """A wrap: the JSON of a document, under the two lines that it must have."""
    text, lines = note.split(b"\n\n")
    head = b"\n".join(text.split(b"\n")[:2])
    return lambda document: head + b"\n" + document + b"\n\n" + lines


in_entry = _around(agency_entry())


_MANIFEST = manifest()
_MANIFEST_JSON = orjson.loads(manifest_text(_MANIFEST).split(b"\n")[2])
_DELEGATION_JSON = orjson.loads(delegation_text(delegation()).split(b"\n")[2])
_BEAT_NOTE = heartbeats.format_heartbeat(BEAT, [AUTHOR])
_STATE, _GAPS = format_state(state())
_PAYLOAD = format_payload(OPENED)

_BUNDLE = format_bundle(
    Bundle(documents={document_hash(raw): raw for raw in shipped_documents().values()})
)

PARSERS: tuple[Parser, ...] = (
    Parser("value", parse_value, (LayoutError,), (sealed_value(1, 1), sealed_value(3, 2)),
           value_again),
    Parser("json", parse_json, (CanonicalError,), (format_json(EVENT.data), b"{}"), format_json,
           bare, (EVENT.data, [["a"], {"b": [True, -1]}])),
    Parser("padding", unpad, (PaddingError,), (pad(b"{}"), pad(bytes(300))), pad),
    Parser("note", parse_note, (NoteError,), (SIGNED, *NOTICES), format_note),
    Parser("checkpoint", parse_checkpoint, (NoteError,), (format_checkpoint(HEAD),),
           format_checkpoint),
    Parser("origin", lambda data: parse_origin(plain(data)), (NoteError,),
           (HEAD.origin.encode(),), lambda origin: origin.format().encode()),
    Parser("proof", parse_proof, (ProofError,),
           (format_proof(5, PATH, SIGNED), format_proof(0, PATH, SIGNED, LINK)), proof_again),
    Parser("link", parse_link, (ProofError,), (LINK, lp(b"", bytes(8), EMPTY_ROOT, bytes(16))),
           lambda link: lp(link.name.encode(), link.size.to_bytes(8, "big"), link.root, link.salt)),
    Parser("frontier", Frontier.from_bytes, (ProofError,),
           (Frontier().extend(PATH[:3]).to_bytes(), bytes(8)), Frontier.to_bytes),
    Parser("receipt", parse_receipt, (RefusedError,),
           (format_receipt(ORIGIN, 9, ROOT, COSIGNER, NOW // 1000),),
           lambda signed: format_signed_checkpoint(signed.body, signed.line)),
    Parser("notice", parse_notice, (RefusedError,), NOTICES),
    Parser("manifest request", parse_request, (RefusedError,), (REQUEST,)),
    Parser("heartbeat", parse_heartbeat, (RefusedError,), (_BEAT_NOTE,),
           wrap=in_note("concordant.heartbeat/v1\npan-london\n"),
           documents=(orjson.loads(_BEAT_NOTE.split(b"\n")[2]),)),
    Parser("manifest", parse_manifest, (ManifestError,),
           (in_manifest(format_json(_MANIFEST_JSON)),), manifest_again, in_manifest,
           (_MANIFEST_JSON,)),
    Parser("delegation", parse_delegation, (ManifestError,), (delegation_note(),),
           lambda signed: format_note(
               Note(delegation_text(signed.delegation), signed.note.signatures)),
           in_delegation, (_DELEGATION_JSON,)),
    Parser("public-key", parse_public, (ManifestError,),
           tuple(bytes([i]) + public_of(a, bytes(32)) for i, a in
                 ((0, "ed25519"), (1, "ml-dsa-44"), (2, "ml-dsa-65"), (3, "mlkem768-x25519")))),
    Parser("key-file", lambda data: parse_keyfile(data, "key.json"), (KeyAccessError,),
           key_files(), wrap=bare, documents=tuple(map(orjson.loads, key_files()))),
    Parser("contract", lambda data: parse_contract(data, "contract.yaml"), (ContractError,),
           (CONTRACT,), wrap=bare, documents=(TREE,), slow=True),
    Parser("framework", lambda data: parse_framework(data, "framework.yaml"), (ContractError,),
           (shipped_terms("pan-london-framework").encode(),), slow=True),
    Parser("document", lambda data: require_document(data, "framework.txt"), (ContractError,),
           tuple(shipped_documents().values()), str.encode),
    Parser("bundle", parse_bundle, (EntryError,), (_BUNDLE,), format_bundle),
    Parser("agency-entry", agency_entries.parse_entry, (EntryError,),
           (agency_entry(), agency_entry(("chief", "siro"))), None,
           in_entry, tuple(map(_document, (agency_entry(), agency_entry(("chief", "siro")))))),
    Parser("officer", parse_officer_file, (EntryError,), (officer_file(),), None,
           _around(officer_file()), (_document(officer_file()),)),
    Parser("signed-contract", unpack_contract, (RefusedError,),
           (pack_contract(b"name: x\n", SIGNED), pack_contract(b"", b"")),
           lambda pair: pack_contract(*pair)),
    Parser("config", lambda data: parse_config(data, "agency.toml"), (ConfigError,),
           (config_text(),)),
    Parser("record", parse_record, (RecordFormatError,), tuple(map(format_record, RECORDS)),
           wrap=bare, documents=(json.loads(format_record(RECORDS[0])),)),
    Parser("event", parse_event, (EventError,), (orjson.dumps(PLAIN),), wrap=bare,
           documents=(PLAIN,)),
    Parser("state", lambda data: parse_state((data, _GAPS)), (ValueError,), (_STATE,), wrap=bare,
           documents=(orjson.loads(_STATE),)),
    Parser("outline", parse_outline, (ValueError,), (_STATE,), wrap=bare,
           documents=(orjson.loads(_STATE),)),
    Parser("gap", _parse_gap, (ValueError,), (_GAPS[0][3],)),
    Parser("payload", parse_payload, (StoreError,), (_PAYLOAD,), wrap=bare,
           documents=(orjson.loads(_PAYLOAD),)),
    Parser("entry", parse_log_entry, (DisclosureLogError,), tuple(map(format_entry, ENTRIES)),
           format_entry, bare, tuple(orjson.loads(format_entry(entry)) for entry in ENTRIES)),
    Parser("evidence", parse_evidence, (EvidenceError,), (format_evidence(evidence()),), wrap=bare,
           documents=(orjson.loads(format_evidence(evidence())),)),
)  # fmt: skip
