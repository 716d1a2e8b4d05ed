"""Every parser of this project with the errors that it may raise and real objects to start from.

`tests/property/test_parsers*.py` and the atheris harness run the same list. What is on it reads
bytes that somebody else wrote: Kafka, an agency's own system, an operator's editor, a disk.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import orjson

from broker import heartbeats, receipts
from broker.audit.entries import ContractReference, Entry, Share, format_entry, parse_entry
from broker.audit.errors import DisclosureLogError
from broker.authorship import read_note
from broker.cli.trying import parse_plain
from broker.config import GovernanceSection, format_config, parse_config
from broker.control import pack_contract, unpack_contract
from broker.envelope.canonical import CanonicalError, format_json, parse_json
from broker.envelope.layout import (
    MIN_CIPHERTEXT_BYTES,
    WRAP_BYTES,
    LayoutError,
    SealedEvent,
    format_value,
    key_list_bytes,
    parse_value,
)
from broker.envelope.padding import PaddingError, pad, unpad
from broker.envelope.primitives import Ed25519Signer, b64, lp, sha256
from broker.errors import (
    ConfigError,
    KeyAccessError,
    ManifestError,
    RefusedError,
    StoreError,
)
from broker.event import OpenedEvent
from broker.heartbeats import Head, Heartbeat
from broker.inbox_payload import format_payload, parse_payload
from broker.keys.enrolment import verify_public
from broker.keys.instant import DAY_MS
from broker.keys.keyfile import format_keyfile, parse_keyfile, public_of, seal_key
from broker.keys.kid import kid
from broker.keys.manifest import Manifest, ManifestKey, manifest_text, parse_manifest
from broker.partition_state import (
    Gap,
    Generation,
    Kept,
    PartitionState,
    format_state,
    parse_state,
)
from broker.receipts import Notice
from broker.record import Record, RecordFormatError, format_record, parse_record
from broker.tlog.checkpoint import (
    Checkpoint,
    Origin,
    format_checkpoint,
    parse_checkpoint,
    parse_origin,
)
from broker.tlog.cosignature import format_signed_checkpoint, signed_checkpoint
from broker.tlog.errors import NoteError, ProofError
from broker.tlog.merkle import EMPTY_ROOT, Frontier, leaf_hash
from broker.tlog.note import (
    COSIGNATURE_ED25519,
    ED25519,
    Note,
    SignatureLine,
    format_note,
    note_signer,
    parse_note,
    sign_note,
)
from broker.tlog.proof import Proof, format_proof, parse_proof
from broker.verification import parse_link
from contracts import schema
from contracts.drafting import draft, london_parties
from contracts.errors import ContractError, EventError
from contracts.events import PlainEvent
from contracts.examples import example
from contracts.loading import parse_contract, parse_framework, shipped_terms
from contracts.parties import GovernanceKeys

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
        """Whether the input is accepted; anything but a refusal or an equal form propagates."""
        try:
            found = self.parse(data)
        except self.refusals:
            return False
        if self.again is not None:
            assert self.again(found) == data, "accepted, and written in another way"
        return True


NOW = 1_762_000_000_000
NAME = "pan-london/csu-camden"
KEY = Ed25519Signer(bytes(range(32)))
COSIGNER = note_signer(NAME, COSIGNATURE_ED25519, KEY)
AUTHOR = note_signer(NAME, ED25519, KEY)
ROOT = leaf_hash(b"root")
GENERATION = f"{NOW:016x}-{'ab' * 16}"
ORIGIN = Origin("pan-london", "csu-camden", "pan-london.london-hate-crime.a", 3, GENERATION)
HEAD = Checkpoint(ORIGIN.format(), 9, ROOT)
SIGNED = signed_checkpoint(COSIGNER, NOW // 1000, HEAD)
PATH = [leaf_hash(bytes([number])) for number in range(4)]
LINK = lp(GENERATION.encode(), (7).to_bytes(8, "big"), ROOT, bytes(16))


def plain(data: bytes) -> str:
    """Bytes as text, so that a parser of text is tried with any."""
    return data.decode("utf-8", "surrogatepass") if _is_text(data) else data.decode("latin-1")


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def sealed_value(groups: int, recipients: int) -> bytes:
    """A value of the right form; nothing in it opens."""
    sealed = [(bytes([g]) * 32, bytes(MIN_CIPHERTEXT_BYTES)) for g in range(groups)]
    keys = bytes(key_list_bytes(groups))
    entries = [(bytes([r + 1]) * WRAP_BYTES, keys) for r in range(recipients)]
    return format_value(bytes(16), NOW, bytes(32), sealed, entries)


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


def bare(document: bytes) -> bytes:
    """A wrap that adds nothing."""
    return document


def manifest() -> Manifest:
    """One with a key of each kind; its signatures and proofs are not looked at by the parser."""
    keys = []
    for role, algorithm in (
        ("stream", "ed25519"),
        ("stream", "ml-dsa-44"),
        ("exchange", "mlkem768-x25519"),
        ("receipt", "ed25519"),
    ):
        public = public_of(algorithm, sha256(f"{role} {algorithm}".encode()))
        fields = {"role": role, "algorithm": algorithm, "public": public}
        fields |= {"kid": kid(role, algorithm, public), "not_before": NOW}
        keys.append(ManifestKey.model_validate({**fields, "not_after": NOW + 30 * DAY_MS}))
    return Manifest.model_validate(
        {
            "agency": "csu-camden",
            "deployment": "pan-london",
            "version": 3,
            "issued": NOW,
            "expires": NOW + 30 * DAY_MS,
            "tls_principal": "csu-camden",
            "contacts": {"operations": "operations@csu-camden.example"},
            "keys": keys,
            "revocations": [{"kid": keys[0].kid, "since": NOW, "reason": "laptop lost"}],
            "standing": [
                {"contract": "london-hate-crime", "version": "1.0.0", "state": "suspended",
                 "since": NOW, "reason": "review"}
            ],
        }
    )  # fmt: skip


def key_files() -> tuple[bytes, ...]:
    """A key and a secret, under a key that no passphrase gives."""
    made = []
    for role, algorithm, ends in (
        ("stream", "ed25519", NOW + DAY_MS),
        ("secret", "hmac-sha256", None),
    ):
        names = {"deployment": "pan-london", "agency": "csu-camden", "role": role}
        file = seal_key(
            bytes(range(32)),
            **names,
            algorithm=algorithm,
            not_before=NOW,
            not_after=ends,
            encryption_key=bytes(32),
            salt=bytes(16),
        )
        made.append(format_keyfile(file))
    return tuple(made)


def contract_text() -> bytes:
    """The shipped agreement with parties and keys."""
    keys = GovernanceKeys(ed25519=b64(bytes(32)), ml_dsa_65=b64(bytes(1952)))
    text = draft(
        shipped_terms(),
        deployment="pan-london",
        parties=london_parties(),
        governance_keys={str(p["id"]): keys for p in london_parties()},
        starts=date(2026, 1, 1),
        ends=date(2026, 12, 31),
        review_on=date(2026, 10, 1),
    )
    return text.encode()


def config_text() -> bytes:
    """An agency's configuration as it is made."""
    return format_config(
        agency="csu-camden",
        deployment="pan-london",
        governance=GovernanceSection(ed25519=b64(bytes(32)), ml_dsa_65=b64(bytes(32))),
        adapter="csu",
        partners={"LEW": "csu-lewisham", "CPS": "cps-london"},
        bootstrap="localhost:9092",
        http_port=0,
    ).encode()


def state() -> PartitionState:
    """A reader's state with gaps of both kinds."""
    frontier = Frontier().extend(PATH[:3])
    kept = Kept(5, ROOT, NOW // 1000, 3)
    gaps = (Gap(1, 2, Frontier(1, (PATH[0],)), frontier), Gap(3, 4, frontier, None, ROOT))
    held = Generation(GENERATION, 0, 3, frontier, kept, gaps, 5)
    return PartitionState(GENERATION, GENERATION, NOW // 1000, {GENERATION: held})


OPENED = OpenedEvent(
    id="0198b6a1-7c44-8e21-9f00-0123456789ab",
    type="case.updated",
    source="cps-london",
    time="2025-11-03T09:30:00.000Z",
    to=("csu-camden",),
    flat={"case_id": "5d0d8f8a-54a7-4f7a-9a51-3f4f1f6f8b01", "strands": ["race"], "witnesses": 2},
    withheld=("victim.name",),
    contract=("london-hate-crime", "1.0.0", "ab" * 32),
    log_time=NOW // 1000,
    urgent=True,
)
ENTRIES = (
    Entry("destruction", NOW, reason="expired", operator="service"),
    Entry(
        "disclosure",
        NOW,
        bytes(32),
        OPENED.id,
        "csu-camden",
        "case.updated",
        ContractReference("london-hate-crime", "1.0.0", "ab" * 32),
        (Share(("cps-london",), {"case_id": "4.1", "victim.name": "4.2"}),),
        {"victim.phone": "consent_missing"},
    ),
)
BEAT = Heartbeat(
    "pan-london",
    "csu-camden",
    NOW,
    (Head(ORIGIN.topic, 3, GENERATION, 9, ROOT),),
    (4, ROOT),
)
NOTICES = tuple(
    format_note(sign_note(f"{kind}\n{ORIGIN.format()}\n5\n{last}\n".encode(), [AUTHOR]))
    for kind, last in ((receipts.REFUSAL_HEADING, 5), (receipts.REPLAY_HEADING, 8))
)
HEADERS = ((b"content-type", b"application/vnd.concordant.sealed"), (b"proof", SIGNED))
RECORDS = (
    Record(ORIGIN.topic, 3, HEADERS, sealed_value(1, 1)),
    Record("t", 0, ((b"\xff\x00", None), (b"a", b"\xc3\x28"), (b"a", b"")), None),
)
CONTRACT = contract_text()
TERMS = parse_contract(CONTRACT, "contract.yaml").contract
EVENT = example(TERMS, "csu-camden", "referral.made")
PLAIN = {"type": EVENT.type, "recipients": list(EVENT.recipients), "data": EVENT.data}


def parse_notice(data: bytes) -> Notice:
    return receipts.parse_notice(read_note(data))


def parse_heartbeat(data: bytes) -> Heartbeat:
    return heartbeats.parse_heartbeat(read_note(data), "pan-london")


def parse_event(data: bytes) -> PlainEvent:
    """A line as `event seal` takes it, held against its type."""
    event = parse_plain(data)
    schema.validate_event(event.type, event.data)
    return event


def parse_public(data: bytes) -> None:
    """Any bytes as a public key; the first one says of which kind."""
    kinds = ("ed25519", "ml-dsa-44", "ml-dsa-65", "mlkem768-x25519", "none")
    verify_public(kinds[data[0] % len(kinds)] if data else "ed25519", data[1:])


_MANIFEST = manifest()
_MANIFEST_JSON = orjson.loads(manifest_text(_MANIFEST).split(b"\n")[2])
_BEAT_NOTE = heartbeats.format_heartbeat(BEAT, [AUTHOR])
_STATE = format_state(state())
_PAYLOAD = format_payload(OPENED)

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
    Parser("link", parse_link, (RefusedError,), (LINK, lp(b"", bytes(8), EMPTY_ROOT, bytes(16))),
           lambda link: lp(link.name.encode(), link.size.to_bytes(8, "big"), link.root, link.salt)),
    Parser("frontier", Frontier.from_bytes, (ProofError,),
           (Frontier().extend(PATH[:3]).to_bytes(), bytes(8)), Frontier.to_bytes),
    Parser("receipt", receipts.parse_receipt, (RefusedError,),
           (receipts.format_receipt(ORIGIN, 9, ROOT, COSIGNER, NOW // 1000),),
           lambda signed: format_signed_checkpoint(signed.body, signed.line)),
    Parser("notice", parse_notice, (RefusedError,), NOTICES),
    Parser("heartbeat", parse_heartbeat, (RefusedError,), (_BEAT_NOTE,),
           wrap=in_note("concordant.heartbeat/v1\npan-london\n"),
           documents=(orjson.loads(_BEAT_NOTE.split(b"\n")[2]),)),
    Parser("manifest", parse_manifest, (ManifestError,),
           (in_note("concordant.manifest/v1\npan-london\n")(format_json(_MANIFEST_JSON)),),
           lambda signed: format_note(Note(manifest_text(signed.manifest), signed.note.signatures)),
           in_note("concordant.manifest/v1\npan-london\n"), (_MANIFEST_JSON,)),
    Parser("public-key", parse_public, (ManifestError,),
           tuple(bytes([i]) + public_of(a, bytes(32)) for i, a in
                 ((0, "ed25519"), (1, "ml-dsa-44"), (2, "ml-dsa-65"), (3, "mlkem768-x25519")))),
    Parser("key-file", lambda data: parse_keyfile(data, "key.json"), (KeyAccessError,),
           key_files(), wrap=bare, documents=tuple(map(orjson.loads, key_files()))),
    Parser("contract", lambda data: parse_contract(data, "contract.yaml"), (ContractError,),
           (CONTRACT,), slow=True),
    Parser("framework", lambda data: parse_framework(data, "framework.yaml"), (ContractError,),
           (shipped_terms("pan-london-framework").encode(),), slow=True),
    Parser("signed-contract", unpack_contract, (RefusedError,),
           (pack_contract(b"name: x\n", SIGNED), pack_contract(b"", b"")),
           lambda pair: pack_contract(*pair)),
    Parser("config", lambda data: parse_config(data, "agency.toml"), (ConfigError,),
           (config_text(),)),
    Parser("record", parse_record, (RecordFormatError,), tuple(map(format_record, RECORDS)),
           wrap=bare, documents=(json.loads(format_record(RECORDS[0])),)),
    Parser("event", parse_event, (EventError,), (orjson.dumps(PLAIN),), wrap=bare,
           documents=(PLAIN,)),
    Parser("state", parse_state, (ValueError,), (_STATE,), wrap=bare,
           documents=(orjson.loads(_STATE),)),
    Parser("payload", parse_payload, (StoreError,), (_PAYLOAD,), wrap=bare,
           documents=(orjson.loads(_PAYLOAD),)),
    Parser("entry", parse_entry, (DisclosureLogError,), tuple(map(format_entry, ENTRIES)),
           format_entry, bare, tuple(orjson.loads(format_entry(entry)) for entry in ENTRIES)),
)  # fmt: skip
