"""Real objects of every kind that a parser reads, made from fixed keys and times."""

from __future__ import annotations

from datetime import date

from broker.agency.config_sections import GovernanceSection
from broker.agency.config_template import format_config
from broker.audit.entries import ContractReference, NewLogEntry, Share
from broker.audit.evidence import Evidence
from broker.envelope.layout import MIN_CIPHERTEXT_BYTES, WRAP_BYTES, format_value, key_list_bytes
from broker.envelope.primitives import Ed25519Signer, b64, lp, sha256
from broker.event import OpenedEvent
from broker.judging.partition_state import Gap, Generation, PartitionState, StoredCheckpoint
from broker.keys.delegation import Delegation, delegation_text
from broker.keys.keyfile import format_keyfile, public_of, seal_key
from broker.keys.kid import kid
from broker.keys.manifest import Manifest, ManifestKey
from broker.keys.signed_document import document_text
from broker.partnership import entry, officer
from broker.record import Record
from broker.registry.newest_manifests import NamedManifest, RegistryHash
from broker.statements.heartbeats import Head, Heartbeat
from broker.statements.manifest_requests import ManifestRequest, format_manifest_request
from broker.statements.notices import REFUSAL_HEADING, REPLAY_HEADING
from broker.tlog.checkpoint import Checkpoint, Origin
from broker.tlog.cosignature import signed_checkpoint
from broker.tlog.merkle import Frontier, leaf_hash
from broker.tlog.note import (
    COSIGNATURE_ED25519,
    ED25519,
    Note,
    SignatureLine,
    format_note,
    note_signer,
    sign_note,
)
from contracts import loading
from contracts.drafting import draft, london_parties
from contracts.durations import DAY_MS
from contracts.examples import example
from contracts.loading import parse_contract, shipped_terms
from contracts.parties import GovernanceKeys

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


def sealed_value(groups: int, recipients: int) -> bytes:
    """A value of the right form; nothing in it opens."""
    sealed = [(bytes([g]) * 32, bytes(MIN_CIPHERTEXT_BYTES)) for g in range(groups)]
    keys = bytes(key_list_bytes(groups))
    entries = [(bytes([r + 1]) * WRAP_BYTES, keys) for r in range(recipients)]
    return format_value(bytes(16), NOW, bytes(32), sealed, entries)


def delegation() -> Delegation:
    """One with both keys; its signatures and proofs are not looked at by the parser."""
    keys = []
    for algorithm in ("ed25519", "ml-dsa-65"):
        public = public_of(algorithm, sha256(f"manifest {algorithm}".encode()))
        own = kid("manifest", algorithm, public)
        keys.append({"kid": own, "algorithm": algorithm, "public": public, "possession": bytes(64)})
    return Delegation.model_validate(
        {
            "agency": "csu-camden",
            "deployment": "pan-london",
            "version": NOW,
            "issued": NOW,
            "expires": NOW + 400 * DAY_MS,
            "keys": keys,
            "withdrawn": [{"keys": [bytes(32), bytes(32)], "stand": [bytes(32)]}],
            "standing": [
                {"contract": "london-hate-crime", "state": "resumed", "since": NOW, "reason": "x"}
            ],
            "revocations": [{"kid": bytes(32), "since": NOW, "reason": "laptop lost"}],
        }
    )


def delegation_note() -> bytes:
    """A delegation with two lines that verify under no key."""
    lines = (SignatureLine("pan-london/csu-camden", bytes([n] * 4), bytes(64)) for n in (1, 2))
    return format_note(Note(delegation_text(delegation()), tuple(lines)))


_PAIR = {
    "ed25519": public_of("ed25519", sha256(b"governance")),
    "ed25519_possession": bytes(64),
    "ml_dsa_65": public_of("ml-dsa-65", sha256(b"governance")),
    "ml_dsa_65_possession": bytes(64),
}


def officer_file() -> bytes:
    """The file of an officer, whose signatures and proofs are not looked at by the parser."""
    made = officer.OfficerStatement.model_validate(
        {
            "agency": "csu-camden",
            "deployment": "pan-london",
            "governance": _PAIR,
            "issued": NOW,
            "officer": "chief",
        }
    )
    lines = (SignatureLine(NAME, bytes([n] * 4), bytes(64)) for n in (1, 2))
    return format_note(Note(document_text(officer.HEADER, "pan-london", made), tuple(lines)))


def agency_entry(officers: tuple[str, ...] = ()) -> bytes:
    """An entry whose signatures, proofs and parts are not looked at by the parser."""
    pair = _PAIR
    contact = {"name": "Duty desk", "email": "duty@police.example"}
    functions = ("data_protection_officer", "breach", "rights_and_complaints", "operations")
    several = {"threshold": 2, "officers": dict.fromkeys(officers, pair)}
    made = entry.Entry.model_validate(
        {
            "agency": "csu-camden",
            "deployment": "pan-london",
            "issued": NOW,
            "profile": {
                "legal_name": "Camden Police",
                "role": "police",
                "area": ["E09000007"],
                "contacts": dict.fromkeys(functions, contact),
            },
            "governance": several if officers else pair,
            "delegation": delegation_note().decode(),
            "manifest": "a manifest",
            "certificate_request": "a request",
        }
    )
    lines = (SignatureLine(NAME, bytes([n] * 4), bytes(64)) for n in (1, 2))
    return format_note(Note(document_text(entry.HEADER, "pan-london", made), tuple(lines)))


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
            "delegation": sha256(delegation_text(delegation())),
            "issued": NOW,
            "expires": NOW + 30 * DAY_MS,
            "contacts": {"operations": "operations@csu-camden.example"},
            "keys": keys,
            "revocations": [
                {"kid": keys[0].kid, "since": NOW, "stated": NOW, "reason": "laptop lost"}
            ],
            "standing": [
                {"contract": "london-hate-crime", "versions": [bytes(32)], "state": "suspended",
                 "since": NOW, "reason": "review"}
            ],
        }
    )  # fmt: skip


def evidence() -> Evidence:
    """A document in which nothing holds; its notes are not looked at by the parser."""
    return Evidence.model_validate(
        {
            "format": "concordant.evidence/v1",
            "deployment": "pan-london",
            "agency": "csu-camden",
            "event": "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38",
            "contract": {"name": "london-hate-crime", "version": "1.0.0", "sha256": "0" * 64},
            "manifest": "concordant.manifest/v1\n",
            "stream_key": "1" * 64,
            "heartbeat": "concordant.heartbeat/v1\n",
            "head": {
                "topic": "pan-london.london-hate-crime.a",
                "partition": 0,
                "generation": GENERATION,
                "size": 5,
                "root": ROOT.hex(),
            },
            "index": 3,
            "leaf": "2" * 64,
            "path": ["3" * 64, "4" * 64],
            "classical": {"checkpoint": "pan-london/csu-camden\n", "path": []},
        }
    )


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
        passphrase_file="passphrase",
    ).encode()


def state() -> PartitionState:
    """A reader's state with gaps of both kinds."""
    frontier = Frontier().extend(PATH[:3])
    kept = StoredCheckpoint(5, ROOT, NOW // 1000, 3)
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
    NewLogEntry("destruction", NOW, reason="expired", operator="service"),
    NewLogEntry(
        "retry", NOW, item="deferred-csu-camden/a.b/0", operator="ops", reason_text=bytes(32)
    ),
    NewLogEntry(
        "setting",
        NOW,
        operator="ops",
        settings=("retention.inbox_days", "web.language"),
        settings_before=bytes(32),
        settings_after=b"a" * 32,
    ),
    NewLogEntry(
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
    NamedManifest(NOW, NOW, ROOT),
    (RegistryHash(ROOT, ROOT),),
)
NOTICES = tuple(
    format_note(sign_note(f"{kind}\n{ORIGIN.format()}\n5\n{rest}\n".encode(), [AUTHOR]))
    for kind, rest in ((REFUSAL_HEADING, "5"), (REPLAY_HEADING, "8\n1795392000000"))
)
REQUEST = format_manifest_request(ManifestRequest("pan-london", "csu-camden", NOW), AUTHOR)
HEADERS = ((b"content-type", b"application/vnd.concordant.sealed"), (b"proof", SIGNED))
RECORDS = (
    Record(ORIGIN.topic, 3, HEADERS, sealed_value(1, 1)),
    Record("t", 0, ((b"\xff\x00", None), (b"a", b"\xc3\x28"), (b"a", b"")), None),
)
CONTRACT = contract_text()
# JSON is YAML too; read with our own reader, because PyYAML's makes dates and numbers of texts
TREE = loading.read(loading._AGREEMENT, CONTRACT, "contract.yaml")[0]
TERMS = parse_contract(CONTRACT, "contract.yaml").contract
EVENT = example(TERMS, "csu-camden", "referral.made")
PLAIN = {"type": EVENT.type, "recipients": list(EVENT.recipients), "data": EVENT.data}
