"""A partnership of four with real keys and contracts, and whatever a hostile one can make of them.

Everything is signed and sealed by the product's own primitives, but in the order and with the
contents that a test asks for: other groups, another ``to``, keys that were given or withheld
against the contract, someone else's ciphertext, a checkpoint of yesterday. Readers are real too:
``FileView`` over verified manifests and contracts.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import UUID, uuid4

from broker.agency.participant import Participant, load_participant
from broker.agency.partnership import create_partnership
from broker.agency.tryout import london_agencies
from broker.envelope import framing
from broker.envelope.canonical import format_json
from broker.envelope.layout import format_value
from broker.envelope.opening import OpeningKey
from broker.envelope.padding import pad
from broker.envelope.primitives import (
    HASH_BYTES,
    NONCE_BYTES,
    AeadKey,
    b64,
    lp,
    one_step_kdf,
    random_bytes,
)
from broker.envelope.sealing import ExchangeKey, Session
from broker.event import JSON
from broker.judging.file_view import FileView
from broker.judging.judging import Judgement, judge
from broker.judging.placement import Link, generation_name
from broker.judging.trust import OpeningKeys, Trust
from broker.keys.governance import GovernanceSigner
from broker.keys.issuing import ManifestChanges, issue_manifest
from broker.keys.keyfile import KeyEntry
from broker.keys.manifest import VerifiedManifest
from broker.keys.signer import Signer
from broker.record import (
    CONTENT_TYPE_HEADER,
    LEAF_CONTENT_TYPE,
    PROOF_HEADER,
    SEALED_CONTENT_TYPE,
    Record,
)
from broker.registry.contract_book import ContractBook
from broker.registry.contracts import SignedContract, countersign, verify_contract
from broker.registry.manifests import ManifestBook
from broker.sending.streams import Stream, append, open_generation
from broker.statements.authorship import author, cosigner
from broker.store.rows import GenerationRow
from broker.tlog.checkpoint import Checkpoint, Origin
from broker.tlog.cosignature import signed_checkpoint
from broker.tlog.merkle import EMPTY_ROOT, Frontier, append_batch, leaf_hash
from broker.tlog.note import NoteSigner
from broker.tlog.proof import format_proof
from contracts.drafting import draft
from contracts.examples import example
from contracts.grouping import grouping
from contracts.loading import parse_contract, shipped_terms
from contracts.model import Contract, topic_name
from contracts.parties import GovernanceKeys
from contracts.schema import flatten

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NOW = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()) * SECOND
TODAY = date(2026, 3, 2)

POLICE, PROSECUTION = "csu-camden", "cps-london"
COUNCIL, SUPPORT = "council-camden", "haven-support"
CAST = (POLICE, PROSECUTION, COUNCIL, SUPPORT)
MADE, CHANGED, CASE = "referral.made", "referral.status-changed", "case.updated"
SALT = bytes(16)


@dataclass
class Workshop:
    """The partnership as it was founded at ``NOW``; nothing in it changes."""

    root: Path
    participants: Mapping[str, Participant]
    governance: Mapping[str, GovernanceSigner]

    @property
    def deployment(self) -> str:
        return self.participants[POLICE].deployment

    @property
    def signed(self) -> SignedContract:
        """The contract that all four signed."""
        return self.participants[POLICE].contracts.trusted()[0]

    @property
    def contract(self) -> Contract:
        return self.signed.contract

    @property
    def manifests(self) -> ManifestBook:
        return self.participants[POLICE].manifests

    def topic(self, logical: str = "a") -> str:
        return topic_name(self.contract, logical)

    def stream_key(self, agency: str) -> Signer:
        return self.participants[agency].stream_signer(NOW)

    def cosigner(self, agency: str, name: str | None = None) -> NoteSigner:
        key_name = self.participants[agency].key_name if name is None else name
        return cosigner(key_name, self.stream_key(agency))

    def author(self, agency: str, *, receipts: bool = False) -> NoteSigner:
        participant = self.participants[agency]
        key = participant.receipt_signer(NOW) if receipts else participant.stream_signer(NOW)
        return author(participant.key_name, key)

    def receipt_cosigner(self, agency: str) -> NoteSigner:
        participant = self.participants[agency]
        return cosigner(participant.key_name, participant.receipt_signer(NOW))

    def exchange_key(self, agency: str) -> ExchangeKey:
        key = self.manifests.exchange_key(agency, NOW)
        return ExchangeKey(agency, key.kid, key.sealer())

    def reissue(
        self, agency: str, changes: ManifestChanges, now: int, book: ManifestBook | None = None
    ) -> ManifestBook:
        """The manifests with a newer one of ``agency``."""
        before = (book or self.manifests).history(agency)[-1].manifest
        issued = issue_manifest(before, changes, self.governance[agency], now)
        return (book or self.manifests).adding(issued)

    def newer_manifest(self, agency: str, changes: ManifestChanges, now: int) -> VerifiedManifest:
        before = self.manifests.history(agency)[-1].manifest
        return issue_manifest(before, changes, self.governance[agency], now)

    def another_contract(
        self,
        *,
        parties: Sequence[str] = CAST,
        starts: date = TODAY,
        ends: date = TODAY + timedelta(days=364),
        terms: Callable[[str], str] = lambda text: text,
    ) -> SignedContract:
        """Another contract between some of the four, signed by all of its parties."""
        plans = [plan for plan in london_agencies() if plan.id in parties]
        text = draft(
            terms(shipped_terms()),
            deployment=self.deployment,
            parties=[plan.party for plan in plans],
            governance_keys={
                plan.id: GovernanceKeys(
                    ed25519=b64(self.governance[plan.id].public.ed25519),
                    ml_dsa_65=b64(self.governance[plan.id].public.ml_dsa_65),
                )
                for plan in plans
            },
            starts=starts,
            ends=ends,
            review_on=starts,
        )
        parsed = parse_contract(text.encode(), "another.yaml")
        signed = verify_contract(parsed, None)
        for plan in plans:
            signed = countersign(parsed, self.governance[plan.id], signed.note)
        return signed

    def book(self, agency: str, *more: SignedContract) -> ContractBook:
        """The contracts of ``agency``, with some more."""
        found = self.participants[agency].contracts
        for signed in more:
            found = found.adding(signed)
        return found

    def directory(self, agency: str, into: Path) -> Path:
        """A copy of an agency's folder that a test may write to."""
        return Path(shutil.copytree(self.root / agency, into / agency))


@cache
def workshop() -> Workshop:
    """Founded once for a process."""
    folder = Path(tempfile.mkdtemp(prefix="workshop-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    root = folder / "partnership"
    plans = {plan.id: plan for plan in london_agencies()}
    create_partnership(root, NOW, agencies=[plans[agency] for agency in CAST])
    participants = {agency: load_participant(root / agency, NOW) for agency in CAST}
    governance = {agency: one.governance_signer() for agency, one in participants.items()}
    return Workshop(root, participants, governance)


# --- sealing whatever one likes ------------------------------------------------------------------


@dataclass
class Forgery:
    """One event on its way to a sealed value; every part can be another than the contract's.

    Made honest by ``draft_event``; a test then changes what it wants and calls ``value``.
    """

    source: str
    contract: bytes
    head: dict[str, JSON]
    groups: list[dict[str, JSON]]
    to: list[str]
    may_read: dict[str, list[bool]]
    event_id: UUID = field(default_factory=uuid4)
    time: int = NOW
    texts: dict[int, bytes] = field(default_factory=dict)
    """JSON text by group, where it is not the canonical one of ``groups``."""
    padded: Callable[[bytes], bytes] = pad
    commitments: dict[int, bytes] = field(default_factory=dict)
    ciphertexts: dict[int, Callable[[bytes], bytes]] = field(default_factory=dict)
    key_lists: Callable[[bytes], bytes] = lambda keys: keys
    session: Callable[[ExchangeKey], Session] | None = None
    """Other terms for the session wraps; those of this source and contract if None."""

    def contents(self) -> list[bytes]:
        objects: list[JSON] = [{**self.head, "data": self.groups[0]}, *self.groups[1:]]
        return [
            self.texts.get(index) or format_json(content) for index, content in enumerate(objects)
        ]

    def value(self) -> bytes:
        """The sealed bytes (docs/spec/envelope.md, "Sealing")."""
        world = workshop()
        context = framing.event_context(
            framing.context_prefix(world.deployment, self.contract, self.source),
            str(self.event_id),
        )
        secrets, commitments, sealed = [], [], []
        for index, content in enumerate(self.contents()):
            secret = random_bytes(HASH_BYTES)
            derived = one_step_kdf(secret, framing.group_info(context, index))
            ciphertext = AeadKey(derived[:HASH_BYTES]).seal(
                bytes(NONCE_BYTES), self.padded(content), framing.group_aad(context, index)
            )
            commitment = self.commitments.get(index, derived[HASH_BYTES:])
            secrets.append(secret)
            commitments.append(commitment)
            sealed.append((commitment, self.ciphertexts.get(index, lambda c: c)(ciphertext)))
        bound = framing.groups_hash(context, commitments)
        entries = []
        for agency in self.to:
            key = world.exchange_key(agency)
            session = (
                self.session(key)
                if self.session
                else Session(world.deployment, self.contract, self.source, key, NOW)
            )
            may_read = self.may_read[agency]
            keys = b"".join(
                secret if may else bytes(HASH_BYTES)
                for secret, may in zip(secrets, may_read, strict=True)
            )
            nonce = random_bytes(NONCE_BYTES)
            aad = framing.key_list_aad(context, bound, session.tail)
            key_list = nonce + session.aead.seal(nonce, keys, aad)
            entries.append((session.wrap, self.key_lists(key_list)))
        return format_value(self.event_id.bytes, self.time, self.contract, sealed, sorted(entries))


def draft_event(
    event_type: str = MADE,
    source: str = POLICE,
    to: Sequence[str] = (COUNCIL, SUPPORT),
    *,
    signed: SignedContract | None = None,
    without: Sequence[str] = (),
    publisher: str | None = None,
    **changes: JSON,
) -> Forgery:
    """An event as an honest sender would seal it; ``changes`` are leaves (dots as ``__``).

    ``publisher`` is whose fields it has, if not ``source``'s.
    """
    world = workshop()
    governing = signed or world.signed
    publisher = publisher or source
    role = world.contract.role_of[publisher]
    if role not in world.contract.event_types[event_type].publishers:
        publisher = POLICE
    plain = example(world.contract, publisher, event_type)
    flat = flatten(event_type, plain.data)
    flat |= {name.replace("__", "."): value for name, value in changes.items()}
    layout = grouping(governing.contract, event_type, frozenset(to))
    groups = [
        {path: flat[path] for path in order if path in flat and path not in without}
        for order in layout.order
    ]
    return Forgery(
        source,
        governing.hash,
        {"to": sorted(to), "type": event_type},
        groups,
        list(to),
        {agency: list(layout.may_read[agency]) for agency in to},
    )


def group_of(path: str, event_type: str = MADE, to: Sequence[str] = (COUNCIL, SUPPORT)) -> int:
    return grouping(workshop().contract, event_type, frozenset(to)).group_of[path]


# --- signing whatever one likes ------------------------------------------------------------------


@dataclass
class Log:
    """A sender's stream, kept as an honest relay keeps it."""

    agency: str = POLICE
    logical: str = "a"
    partition: int = 0
    now: int = NOW
    newest: GenerationRow | None = None
    last: GenerationRow | None = None

    @property
    def topic(self) -> str:
        return workshop().topic(self.logical)

    @property
    def stream(self) -> Stream:
        return Stream(workshop().deployment, self.agency, self.topic, self.partition)

    def restart(self) -> None:
        self.newest = open_generation(self.stream, self.last, self.newest, self.now)

    def send(self, *values: bytes, at: int | None = None) -> list[Record]:
        """One batch under one checkpoint."""
        self.now = self.now if at is None else at
        if self.newest is None:
            self.restart()
        assert self.newest is not None
        signer = workshop().cosigner(self.agency)
        self.newest, places = append(self.stream, self.newest, values, signer, self.now)
        self.last = self.newest
        return [
            record(value, place.proof, self.topic, self.partition)
            for value, place in zip(values, places, strict=True)
        ]

    def send_one(self, value: bytes, at: int | None = None) -> Record:
        return self.send(value, at=at)[0]

    def copy(self) -> Log:
        """The same past, another future."""
        return replace(self)


def record(
    value: bytes | None,
    proof: bytes | None,
    topic: str | None = None,
    partition: int = 0,
    content_type: bytes | None = SEALED_CONTENT_TYPE,
    offset: int = -1,
) -> Record:
    headers = ((CONTENT_TYPE_HEADER, content_type), (PROOF_HEADER, proof))
    return Record(topic or workshop().topic(), partition, headers, value, offset)


def as_leaf(original: Record) -> Record:
    """The same record as its sender replays it once the content is gone."""
    assert original.value is not None
    headers = tuple(
        (name, LEAF_CONTENT_TYPE if name == CONTENT_TYPE_HEADER else value)
        for name, value in original.headers
    )
    return replace(original, headers=headers, value=leaf_hash(original.value))


def proof_of(original: Record) -> bytes:
    found = dict(original.headers)[PROOF_HEADER]
    assert found is not None
    return found


def with_proof(original: Record, proof: bytes) -> Record:
    return replace(
        original,
        headers=tuple((n, proof if n == PROOF_HEADER else v) for n, v in original.headers),
    )


FIRST_LINK = Link("", 0, EMPTY_ROOT, SALT)


def link_bytes(link: Link) -> bytes:
    return lp(link.name.encode(), link.size.to_bytes(8, "big"), link.root, link.salt)


def stream_name(agency: str = POLICE, logical: str = "a", partition: int = 0) -> str:
    world = workshop()
    return f"{world.deployment}/{agency}/{world.topic(logical)}/{partition}"


def generation(link: Link = FIRST_LINK, opened: int = NOW, agency: str = POLICE) -> str:
    return generation_name(stream_name(agency), link, opened)


def signed_record(
    value: bytes,
    *,
    agency: str = POLICE,
    origin: str | None = None,
    before: Sequence[bytes] = (),
    extra: bytes | None = link_bytes(FIRST_LINK),
    link: Link | None = None,
    signer: NoteSigner | None = None,
    at: int = NOW,
    topic: str | None = None,
    partition: int = 0,
) -> Record:
    """One record at the end of a log of one's own making, signed whatever it says."""
    world = workshop()
    if link is not None:
        extra = link_bytes(link)
    if origin is None:
        name = generation(link or FIRST_LINK, agency=agency)
        origin = Origin(world.deployment, agency, world.topic(), partition, name).format()
    leaves = [*(leaf_hash(one) for one in before), leaf_hash(value)]
    _, root, paths = append_batch(Frontier(), leaves)
    key = signer or world.cosigner(agency)
    text = signed_checkpoint(key, at // SECOND, Checkpoint(origin, len(leaves), root))
    proof = format_proof(len(before), paths[-1], text, None if before else extra)
    return record(value, proof, topic or world.topic(), partition)


# --- reading -------------------------------------------------------------------------------------


@dataclass
class Vault:
    """A key source that holds only some of a participant's keys."""

    inner: Participant
    without: frozenset[bytes]

    def entries(self) -> tuple[KeyEntry, ...]:
        return tuple(e for e in self.inner.keyring.entries() if e.kid not in self.without)

    def holds(self, kid: bytes) -> bool:
        return kid not in self.without and self.inner.keyring.holds(kid)

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner.keyring, name)


class Reader:
    """An agency that judges records one after the other, and lets wait what has to."""

    def __init__(
        self,
        agency: str = COUNCIL,
        *,
        manifests: ManifestBook | None = None,
        contracts: ContractBook | None = None,
        receipted: Callable[[str, int, bytes, int], bool] = lambda *_: False,
        destroyed: Sequence[bytes] = (),
        now: int = NOW,
    ) -> None:
        world = workshop()
        participant = world.participants[agency]
        book = manifests or world.manifests
        self.agency = agency
        self.now = now
        self.trust = Trust(agency, book, contracts or participant.contracts)
        keys = OpeningKeys(agency, book, Vault(participant, frozenset(destroyed)))  # type: ignore[arg-type]  # the rest is passed on
        self.opening_keys: Callable[[int], tuple[tuple[OpeningKey, ...], bool]] = keys
        self.view = FileView(world.deployment, agency, self.trust, keys, receipted, now)

    def take(self, one: Record, now: int | None = None) -> Judgement:
        judgement = judge(one, self.view, self.now if now is None else now)
        if judgement.outcome != "deferred":  # it is judged again, so nothing of it is taken yet
            self.view.took(judgement)
        return judgement

    def refusal(self, one: Record, now: int | None = None) -> tuple[float, str]:
        """The step and the code; fails if it is not refused for good."""
        judgement = self.take(one, now)
        assert judgement.outcome == "refused", judgement
        assert judgement.refusal is not None
        assert judgement.event is None
        return judgement.refusal.step, judgement.refusal.code

    def deferral(self, one: Record, now: int | None = None) -> tuple[float, str]:
        """The step and the code of what time or news may cure."""
        judgement = self.take(one, now)
        assert judgement.outcome == "deferred", judgement
        assert judgement.refusal is not None
        assert judgement.event is None
        return judgement.refusal.step, judgement.refusal.code
