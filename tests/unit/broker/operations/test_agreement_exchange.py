"""Running adapters exchange agreements over the contracts topic; nothing has effect unsigned."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from adapters.wiring import Outside, connect_broker
from broker.agency.participant import LoadedAgency, load_participant
from broker.control.control import Control
from broker.control.news import News
from broker.control.own_statements import OwnStatements, SigningKeys
from broker.envelope.primitives import b64
from broker.judging.key_resolver import TrustStore
from broker.observing.health import Readiness
from broker.observing.metrics import Metrics
from broker.operations import (
    agreement_records,
    arrived_agreements,
    bundle_reading,
    contract_revision,
    contract_signing,
)
from broker.operations.agency_entry import write_entry
from broker.operations.agency_status import report
from broker.operations.agreement_exchange import AgreementExchange
from broker.operations.agreement_state import agreement_states
from broker.operations.bundles import add_bundles, held_bundle, make_bundle
from broker.operations.contract_revision import revise_contract
from broker.operations.contract_validity import contract_validity
from broker.operations.signatories import parse_signatory
from broker.partnership.bundle import Bundle, format_bundle, parse_bundle
from broker.record import KafkaPartition, Record
from broker.registry import received_versions, repository
from broker.registry.contracts import SignedContract, countersign
from broker.registry.received_versions import ReceivedVersion, exceeding, read_received
from broker.service import own_manifest_watch
from broker.service.own_manifest_watch import watch_own_manifest
from broker.statements.signed_contract import pack_contract
from broker.store.database import Store, open_store
from broker.store.reader_rows import HeadsRow
from broker.transport.topics import control_topics
from contracts import loading
from contracts.documents import document_hash
from contracts.durations import DAY_MS, HOUR_MS
from contracts.loading import load_contract, parse_contract
from contracts.vocabulary.known import Documents, shipped_vocabulary_files
from tests.support import founding
from tests.support.founding import NOW, cheap_scrypt, found
from tests.support.memory_kafka import MemoryKafka, MemoryTransport
from tests.support.passed_agreements import PARTIES, found_all, pass_round, sign

A, B, C = "csu-camden", "cps-london", "haven-support"
NEWCOMER = "lantern-centre"
LABEL = "parties.haven-support.legal_name"
PERSON = parse_signatory("Ada Okafor, Director")
TOPICS = control_topics("pan-camden")


PARSE = loading.parse_contract
PARSED: dict[tuple[bytes, str], loading.ContractText] = {}


def parse_once(
    raw: bytes, where: str, documents: Documents | None = None, *, vocabulary_needed: bool = True
) -> loading.ContractText:
    """Parse a text once for all agencies: each holds the same documents."""
    if (raw, where) not in PARSED:
        PARSED[raw, where] = PARSE(raw, where, documents, vocabulary_needed=vocabulary_needed)
    return PARSED[raw, where]


class Adapter:
    """An agency's adapter, as far as it exchanges agreements."""

    def __init__(self, folder: Path, kafka: MemoryKafka) -> None:
        self.folder, self.kafka = folder, kafka
        self.agency = folder.name
        participant = load_participant(folder, NOW)
        self.loaded = LoadedAgency(participant)
        self.store = open_store(participant.path(participant.config.state.database))
        self.trust = TrustStore(
            self.agency, participant.contracts, participant.manifests, participant.keyring
        )
        transport = MemoryTransport(kafka, self.agency)
        self.now = NOW
        self.exchange = AgreementExchange(self.loaded, self.store, transport, lambda: self.now)
        self.control = Control(self.trust, participant.repository, self.store, self.exchange.take)
        self.statements = OwnStatements(
            SigningKeys(self.loaded, lambda: self.now),
            self.store,
            transport,
            lambda: self.now,
            lambda *_: None,
        )
        self.heard = 0

    def publish(self) -> None:
        async def act() -> None:
            await self.statements.announce(self.control.contracts, self.control.manifests)
            await self.exchange.publish(self.control.contracts)

        asyncio.run(act())

    def hear(self) -> list[str]:
        """Take what is new on the contracts topic; returns the codes of refused records."""
        records = self.kafka.topics[TOPICS.contracts][0][self.heard :]
        self.heard += len(records)
        return self.take(*records).rejected

    def take(self, *records: Record) -> News:
        return self.control.take(KafkaPartition(TOPICS.contracts, 0), list(records), self.now)

    def take_value(self, *values: bytes) -> list[str]:
        return self.take(*(Record(TOPICS.contracts, 0, (), one, 0) for one in values)).rejected

    def reload(self) -> None:
        """As after a change of the folder."""
        self.loaded.participant = load_participant(self.folder, self.now)
        fresh = self.loaded.participant
        self.trust.believe(fresh.contracts, fresh.manifests, fresh.keyring)

    def signs(self) -> None:
        """A person signs what awaits the agency, and the adapter takes it up."""
        sign(self.folder)
        self.reload()
        self.heard = 0  # a contract is believed that was not before
        self.hear()
        self.publish()

    def awaiting(self) -> list[str]:
        participant = load_participant(self.folder, self.now)
        states = agreement_states(participant, self.now)
        return [one.line.version for one in states if one.awaits_us]

    def heartbeats(self, *agencies: str) -> None:
        """The adapters of these agencies are heard."""
        with self.store.transaction() as tx:
            for agency in agencies:
                tx.heads.save(HeadsRow(agency, self.now, 0, bytes(32)))

    def own(self) -> dict[bytes, Record]:
        """The newest records under this agency's keys."""
        found = {one.key: one for one in self.kafka.topics[TOPICS.contracts][0] if one.key}
        return {k: v for k, v in found.items() if k.startswith(f"{self.agency}/".encode())}


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each text is parsed once, which takes most of the time otherwise."""
    for module in (loading, repository, bundle_reading, contract_revision):
        monkeypatch.setattr(module, "parse_contract", parse_once)
    with cheap_scrypt():
        yield


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Agencies that all hold the agreement which all have signed."""
    root = tmp_path_factory.mktemp("exchange") / "root"
    root.mkdir()
    found_all(root)
    pass_round(root)
    with cheap_scrypt():
        for agency in PARTIES:
            add_bundles(root / agency, [root / f"{len(PARTIES) - 1}.bundle"], NOW)
    return root


@pytest.fixture
def root(signed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(signed, tmp_path / "root"))


@pytest.fixture
def kafka() -> MemoryKafka:
    cluster = MemoryKafka()
    for name in TOPICS.names:
        cluster.create_topic(name, 1)
        for agency in (*PARTIES, NEWCOMER):
            cluster.allow(agency, name)
    return cluster


@pytest.fixture
def adapters(root: Path, kafka: MemoryKafka) -> Iterator[dict[str, Adapter]]:
    made = {agency: Adapter(root / agency, kafka) for agency in PARTIES}
    for one in made.values():
        one.heartbeats(*PARTIES)
    yield made
    for one in made.values():
        one.store.close()


def revise(
    folder: Path, *entries: Path, value: str = "Haven five", framework: Path | None = None
) -> Path:
    """An agency makes the next version from its newest one."""
    out = folder.parent / f"next-{folder.name}.yaml"
    out.unlink(missing_ok=True)
    revise_contract(
        Path(newest(folder).text.where),
        add=entries,
        remove=(),
        values={} if entries else {LABEL: value},
        out=out,
        now=NOW,
        framework=framework,
    )
    return out


def drafts(
    adapter: Adapter, *entries: Path, value: str = "Haven five", framework: Path | None = None
) -> str:
    """The agency of an adapter makes the next version, signs and publishes it."""
    out = revise(adapter.folder, *entries, value=value, framework=framework)
    more = [] if framework is None else [framework]
    add_bundles(adapter.folder, [out, *entries, *more], NOW)
    adapter.reload()
    adapter.signs()
    return load_contract(out).contract.version


def newcomer(root: Path) -> Path:
    found(root / NEWCOMER, NEWCOMER, "support")
    write_entry(root / NEWCOMER, root / f"{NEWCOMER}.entry", NOW)
    return root / f"{NEWCOMER}.entry"


def content(folder: Path) -> dict[str, bytes]:
    """The files of a folder, without the database."""
    return {name: raw for name, raw in founding.content(folder).items() if ".db" not in name}


def newest(folder: Path) -> SignedContract:
    """The newest version that an agency holds."""
    known = load_participant(folder, NOW).contracts.all()
    return max(known, key=lambda one: one.contract.version)


def in_force(folder: Path) -> list[str]:
    participant = load_participant(folder, NOW)
    assert contract_validity(None, folder, None, NOW).holds
    return [one.contract.version for one in participant.contracts.live(NOW)]


def proposal(adapter: Adapter, value: str, at: int = NOW) -> SignedContract:
    """Another version after the one in force, signed by the agency of an adapter alone."""
    before = load_participant(adapter.folder, NOW).contracts.live(NOW)[0]
    out = adapter.folder.parent / f"proposal-{adapter.agency}.yaml"
    out.unlink(missing_ok=True)
    revise_contract(
        Path(before.text.where), add=(), remove=(), values={LABEL: value}, out=out, now=NOW
    )
    text = load_contract(out)
    signer = load_participant(adapter.folder, NOW).governance_signer()
    return countersign(SignedContract(text), signer, PERSON, time=at, shown=bytes(32))


def packed(signed: SignedContract) -> bytes:
    return pack_contract(signed.text.raw, signed.notes[0].raw)


# --- a version travels ----------------------------------------------------------------------------


def test_a_revised_version_reaches_the_others_and_all_sign(adapters: dict[str, Adapter]) -> None:
    version = drafts(adapters[A])
    for agency in (B, C, "council-camden"):
        other = adapters[agency]
        assert other.hear() == []
        assert other.awaiting() == [version]
        assert in_force(other.folder) == ["1.0.0"]  # unsigned, it has no effect
        assert any(one.awaits_us for one in report(other.folder, NOW).contracts)
        other.signs()
        assert other.awaiting() == []
    for one in adapters.values():
        assert one.hear() == []
        one.reload()
        assert in_force(one.folder) == [version]
        assert not read_received(one.folder)


def test_records_that_come_again_in_any_order_change_nothing(adapters: dict[str, Adapter]) -> None:
    drafts(adapters[A])
    adapters[B].hear()
    adapters[B].signs()
    other = adapters[C]
    other.hear()
    before = content(other.folder / "contracts")
    for order in (slice(None), slice(None, None, -1)):
        records = other.kafka.topics[TOPICS.contracts][0][order]
        assert other.take(*records).rejected == []
        assert content(other.folder / "contracts") == before
    fresh = load_participant(other.folder, NOW)
    assert format_bundle(held_bundle(fresh)) == format_bundle(
        held_bundle(replace(fresh, contracts=other.control.contracts))
    )


def test_the_entry_and_the_signature_of_a_newcomer_travel(
    root: Path, adapters: dict[str, Adapter]
) -> None:
    """The newcomer is not on Kafka yet: one member publishes for it."""
    entry = newcomer(root)
    version = drafts(adapters[A], entry)
    for agency in (B, C, "council-camden"):
        adapters[agency].hear()
        assert (adapters[agency].folder / "entries" / f"{NEWCOMER}.entry").read_bytes() == (
            entry.read_bytes()
        )
        adapters[agency].signs()
    adapters[A].hear()
    adapters[A].reload()
    make_bundle(adapters[A].folder, root / "for-newcomer.bundle", NOW)
    add_bundles(root / NEWCOMER, [root / "for-newcomer.bundle"], NOW)
    sign(root / NEWCOMER)
    make_bundle(root / NEWCOMER, root / "signed.bundle", NOW)
    add_bundles(adapters[A].folder, [root / "signed.bundle"], NOW)
    adapters[A].reload()
    adapters[A].publish()
    for one in adapters.values():
        assert one.hear() == []
        one.reload()
        assert in_force(one.folder) == [version]
    # the newcomer runs now, and publishes for itself
    adapters[A].heartbeats(*PARTIES, NEWCOMER)
    adapters[A].publish()
    assert [key for key, record in adapters[A].own().items() if record.value is None]
    assert not any((one.value or b"")[:2] == b"PK" for one in adapters[A].own().values())


def test_documents_travel_with_a_version(root: Path, adapters: dict[str, Adapter]) -> None:
    framework = root / "framework.md"
    framework.write_text("# Framework agreement\n\nAnother text.\n")
    version = drafts(adapters[A], framework=framework)
    other = adapters[B]
    assert set(other.hear()) <= {"document_missing"}  # until the bundle comes
    assert other.awaiting() == [version]
    (digest,) = {path.stem for path in (other.folder / "documents").iterdir()} & {
        path.stem for path in (adapters[A].folder / "documents").iterdir()
        if path.read_bytes() == framework.read_bytes()
    }  # fmt: skip
    other.signs()
    assert digest


def test_a_version_that_a_person_added_is_published_for_silent_signers(
    root: Path, adapters: dict[str, Adapter]
) -> None:
    """The one who signed it has no running adapter: its bundle came by mail."""
    signed = proposal(adapters[B], "Haven four")
    name = signed.hash.hex()
    bundle = root / "mail.bundle"
    note = {(name, B): signed.notes[0].raw}
    bundle.write_bytes(format_bundle(Bundle({name: signed.text.raw}, note)))
    add_bundles(adapters[A].folder, [bundle], NOW)
    adapters[A].reload()
    adapters[A].publish()
    assert adapters[C].hear() == []
    assert adapters[C].awaiting() == []  # csu heard that cps runs: cps publishes it itself
    adapters[A].now = NOW + 2 * DAY_MS
    adapters[A].publish()
    assert adapters[C].hear() == []
    assert adapters[C].awaiting() == [signed.contract.version]
    assert not load_participant(adapters[A].folder, NOW).contracts.received


def test_parts_that_an_agency_holds_are_not_verified_again(
    adapters: dict[str, Adapter], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = adapters[A]
    bundle = held_bundle(load_participant(one.folder, NOW))
    bundle = replace(bundle, manifests={}, authority=None, certificates={}, own_certificates={})
    entry = next(iter(bundle.entries.values()))
    verified = mock.Mock(side_effect=bundle_reading.collect_members)
    monkeypatch.setattr(arrived_agreements, "collect_members", verified)
    assert one.take_value(format_bundle(bundle), entry) == []
    assert not verified.called
    (name, signer), note = next(iter(bundle.signatures.items()))
    altered = replace(bundle, signatures={(name, signer): note[:-1] + b"A\n"})
    assert len(one.take_value(format_bundle(altered), entry[:-1] + b"A\n")) == 2


def test_of_records_that_were_sent_only_those_that_changed_are_sent_again(
    root: Path, kafka: MemoryKafka, adapters: dict[str, Adapter]
) -> None:
    """A party falls silent: the others publish its signature, although no file has changed."""
    drafts(adapters[A], newcomer(root))
    sent = len(kafka.topics[TOPICS.contracts][0])

    def look() -> list[bytes | None]:
        asyncio.run(adapters[A].exchange.publish(adapters[A].control.contracts, True))
        return [one.key for one in kafka.topics[TOPICS.contracts][0][sent:]]

    assert look() == []
    adapters[A].now = NOW + 2 * DAY_MS
    changed = look()
    assert changed
    assert f"{A}/entry".encode() not in changed
    assert look() == changed


async def test_each_file_that_is_exchanged_is_noticed(root: Path) -> None:
    """An entry or a document that a person adds is published without a restart."""
    folder, stop = root / A, asyncio.Event()
    called: list[str] = []

    class Running:
        """The part of a service that takes up new files."""

        async def reload(self) -> None:
            called.append("reload")

        def publish_changed(self) -> None:
            called.append("publish")

    participant = load_participant(folder, NOW)
    with mock.patch.object(own_manifest_watch, "LOOK_S", 0.02):
        task = asyncio.create_task(watch_own_manifest(participant, Running(), stop))  # type: ignore[arg-type]  # it asks for no more
        try:
            await asyncio.sleep(0.2)
            (folder / "documents").mkdir(exist_ok=True)
            for number, name in enumerate(
                (
                    f"entries/{NEWCOMER}.entry",
                    f"documents/{'ab' * 32}.txt",
                    "contracts/next.yaml",
                    f"manifests/{A}.9.note",
                ),
                start=1,
            ):
                (folder / name).write_bytes(b"new")
                async with asyncio.timeout(10):
                    while len(called) < number:  # noqa: ASYNC110 - the watch tells of nothing else
                        await asyncio.sleep(0.02)
        finally:
            stop.set()
            await task
    assert called == ["publish", "publish", "reload", "reload"]


def test_of_newer_entries_of_a_party_one_an_hour_is_taken(
    root: Path, adapters: dict[str, Adapter]
) -> None:
    """A party that publishes its entry again and again makes the others store and send little."""
    reader, held = adapters[B], adapters[B].folder / "entries" / f"{A}.entry"

    def entry(at: int) -> bytes:
        write_entry(root / A, root / "again.entry", at)
        return (root / "again.entry").read_bytes()

    first, second, third = (entry(NOW + seconds * 1000) for seconds in (1, 2, 3))
    assert reader.take_value(first) == []
    assert held.read_bytes() == first
    assert reader.take_value(third, second) == []
    reader.publish()
    assert held.read_bytes() == first
    reader.now += HOUR_MS
    reader.publish()
    assert held.read_bytes() == third


def test_an_unsigned_draft_does_not_travel(adapters: dict[str, Adapter]) -> None:
    add_bundles(adapters[A].folder, [revise(adapters[A].folder)], NOW)
    adapters[A].now = NOW + 2 * DAY_MS  # no agency is heard
    adapters[A].reload()
    adapters[A].publish()
    assert adapters[B].hear() == []
    assert adapters[B].awaiting() == []


def with_vocabulary(adapter: Adapter, leaves: str | None, at: int = NOW) -> tuple[bytes, Path]:
    """A bundle with a version that an agency signed and that pins a vocabulary of its own.

    Returns:
        The record, and the path of the vocabulary in an agency's folder.
    """
    raw = shipped_vocabulary_files()["hate-crime"] + b"# ours\n"
    name = f"documents/{document_hash(raw)}.txt"
    (adapter.folder / name).write_bytes(raw)
    live = load_participant(adapter.folder, NOW).contracts.live(NOW)[0]
    out = adapter.folder.parent / f"words-{leaves}.yaml"
    revise_contract(
        Path(live.text.where),
        add=(),
        remove=() if leaves is None else (leaves,),
        values={"pins.vocabulary": document_hash(raw)},
        out=out,
        now=NOW,
    )
    text = parse_contract(out.read_bytes(), str(out), Documents({document_hash(raw): raw}))
    signer = load_participant(adapter.folder, NOW).governance_signer()
    signed = countersign(SignedContract(text), signer, PERSON, time=at, shown=bytes(32))
    digest = text.hash.hex()
    notes = {(digest, one.signer): one.raw for one in signed.notes}
    bundle = Bundle({digest: text.raw}, notes, documents={document_hash(raw): raw})
    return format_bundle(bundle), Path(name)


def test_a_version_without_an_agency_never_stops_it(adapters: dict[str, Adapter]) -> None:
    """The version pins a vocabulary that this agency has never seen."""
    record, document = with_vocabulary(adapters[A], leaves=C)
    reader = adapters[C]
    assert reader.take_value(record) == []
    assert (reader.folder / document).exists()
    assert len(load_participant(reader.folder, NOW).contracts.others()) == 1
    (reader.folder / document).unlink()
    assert len(load_participant(reader.folder, NOW).contracts.others()) == 1


def test_a_deleted_version_leaves_documents_that_others_need(adapters: dict[str, Adapter]) -> None:
    reader = adapters[C]
    parted, document = with_vocabulary(adapters[A], leaves=C)
    received, _ = with_vocabulary(adapters[A], leaves=None)
    assert reader.take_value(received, parted) == []
    assert [one.documents for one in read_received(reader.folder).values()] == [(document.stem,)]
    end = max(one.contract.ends_ms for one in reader.control.contracts.all())
    reader.exchange.tidy(reader.control.contracts, end)
    assert not read_received(reader.folder)
    assert (reader.folder / document).exists()


def test_a_version_owns_only_documents_that_came_with_it(adapters: dict[str, Adapter]) -> None:
    reader = adapters[C]
    received, document = with_vocabulary(adapters[A], leaves=None)
    (reader.folder / document).write_bytes((adapters[A].folder / document).read_bytes())
    assert reader.take_value(received) == []
    assert [one.documents for one in read_received(reader.folder).values()] == [()]


# --- what is refused ------------------------------------------------------------------------------


def forged(adapter: Adapter, root: Path) -> bytes:
    """A text that pins an attacker's keys for a known party, with the attacker's signature."""
    text = proposal(adapter, "Haven four").text
    found(root / "other" / adapter.agency, adapter.agency, "police")
    thief = load_participant(root / "other" / adapter.agency, NOW, unsigned_ok=True)
    signer = replace(thief.governance_signer(), deployment="pan-camden")
    keys, raw = text.contract.governance_keys[adapter.agency], text.raw
    raw = raw.replace(keys.ed25519.encode(), b64(signer.public.ed25519).encode())
    raw = raw.replace(keys.ml_dsa_65.encode(), b64(signer.public.ml_dsa_65).encode())
    changed = SignedContract(parse_contract(raw, "forged"))
    return packed(countersign(changed, signer, PERSON, time=NOW, shown=bytes(32)))


def test_a_version_that_no_known_party_signed_is_not_even_read(
    root: Path, adapters: dict[str, Adapter], monkeypatch: pytest.MonkeyPatch
) -> None:
    invented = forged(adapters[A], root)
    signed = proposal(adapters[A], "Haven four")
    before = content(adapters[B].folder)
    name = signed.hash.hex()
    unsigned = format_bundle(Bundle({name: signed.text.raw}))
    altered = pack_contract(signed.text.raw + b"#", signed.notes[0].raw)
    with monkeypatch.context() as patched:
        patched.setattr("broker.operations.bundle_reading.parse_contract", None)
        codes = adapters[B].take_value(unsigned, altered, invented)
    assert codes == ["contract_signer_unknown"] * 3
    assert content(adapters[B].folder) == before
    assert adapters[B].take_value(packed(signed)) == []


def test_altered_and_foreign_parts_are_refused(
    root: Path, adapters: dict[str, Adapter], tmp_path: Path
) -> None:
    path = newcomer(root)
    entry = path.read_bytes()
    add_bundles(adapters[A].folder, [revise(adapters[A].folder, path), path], NOW)
    sign(adapters[A].folder)
    signed = newest(adapters[A].folder)
    name, note = signed.hash.hex(), signed.notes[0].raw
    found(tmp_path / "twin", NEWCOMER, "support")
    write_entry(tmp_path / "twin", tmp_path / "twin.entry", NOW)
    twin = (tmp_path / "twin.entry").read_bytes()
    good = Bundle({name: signed.text.raw}, {(name, A): note}, {NEWCOMER: entry})
    other = entry.replace(b"The body of", b"the body of", 1)
    cases = {
        "another hash": replace(good, agreements={"0" * 64: signed.text.raw}, signatures={}),
        "altered entry": replace(good, entries={NEWCOMER: other}),
        "two with one id": replace(good, entries={NEWCOMER: twin}),
        "another document": replace(good, documents={"1" * 64: b"# Framework\n"}),
        "a manifest": replace(good, manifests={(A, 1): b"x"}),
    }
    before = content(adapters[B].folder)
    codes = {what: adapters[B].take_value(format_bundle(one)) for what, one in cases.items()}
    assert codes == {
        "another hash": ["contract_signer_unknown"],
        "altered entry": ["entry_signature_invalid"],
        "two with one id": ["entry_conflict"],
        "another document": ["bundle_malformed"],
        "a manifest": ["bundle_malformed"],
    }
    assert adapters[B].take_value(entry) == ["entry_unpinned"]
    assert adapters[B].take_value(format_bundle(good)[:-1] + b"x") == ["bundle_malformed"]
    assert content(adapters[B].folder) == before
    assert adapters[B].take_value(format_bundle(good)) == []
    assert adapters[B].awaiting() == [signed.contract.version]


def test_a_version_of_another_deployment_is_refused(adapters: dict[str, Adapter]) -> None:
    text = proposal(adapters[A], "Haven four").text
    raw = text.raw.replace(b"pan-camden", b"marac-kent")
    assert raw != text.raw
    signer = load_participant(adapters[A].folder, NOW).governance_signer()
    kent = countersign(
        SignedContract(parse_contract(raw, "kent")),
        replace(signer, deployment="marac-kent"),
        PERSON,
        time=NOW,
        shown=bytes(32),
    )
    before = content(adapters[B].folder)
    assert adapters[B].take_value(packed(kent)) == ["contract_signer_unknown"]
    assert content(adapters[B].folder) == before


# --- what others can make an agency keep ----------------------------------------------------------


def test_the_newest_versions_of_a_signer_stay_and_others_are_deleted(
    adapters: dict[str, Adapter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(received_versions, "VERSIONS_LIMIT", 2)
    reader = adapters[C]
    before = set(content(reader.folder / "contracts"))
    honest = proposal(adapters[B], "of the prosecution", NOW)
    assert reader.take_value(packed(honest)) == []
    many = [proposal(adapters[A], f"Haven {n}", NOW + n * 1000) for n in range(5)]
    for one in many[:4]:
        assert reader.take_value(packed(one)) == []
    held = set(read_received(reader.folder))
    assert held == {honest.hash, many[2].hash, many[3].hash}
    assert {one.hash for one in reader.control.contracts.awaiting(NOW)} == held
    assert len(set(content(reader.folder / "contracts")) - before) == 2 * len(held)
    # an old one that is replayed takes the place of none
    assert reader.take_value(packed(many[0])) == ["contract_versions_many"]
    assert set(read_received(reader.folder)) == held
    # a restart changes nothing, and a signed version leaves the list
    reader.reload()
    assert {one.hash for one in reader.control.contracts.awaiting(NOW)} == held
    (file,) = (
        Path(one.text.where) for one in reader.control.contracts.all() if one.hash == many[2].hash
    )
    reviewed = contract_signing.review_signing(reader.folder, file, (), NOW)
    contract_signing.sign(reviewed, (), now=NOW, signatory=PERSON, shown="shown")
    reader.reload()
    assert reader.take_value(packed(many[4])) == []
    assert many[2].hash not in read_received(reader.folder)
    assert reader.control.contracts.by_hash(many[2].hash) is not None


def test_a_version_that_was_signed_a_moment_ago_is_never_deleted(
    adapters: dict[str, Adapter], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command has signed it; the running adapter does not know that yet."""
    monkeypatch.setattr(received_versions, "VERSIONS_LIMIT", 1)
    reader = adapters[C]
    first = proposal(adapters[A], "Haven 1", NOW)
    reader.take_value(packed(first))
    sign(reader.folder)
    assert reader.take_value(packed(proposal(adapters[A], "Haven 2", NOW + 1000))) == []
    again = load_participant(reader.folder, NOW).contracts.by_hash(first.hash)
    assert again is not None
    assert C in again.parties


def test_a_deleted_version_takes_its_entries_along(
    root: Path, adapters: dict[str, Adapter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(received_versions, "VERSIONS_LIMIT", 1)
    later = proposal(adapters[A], "Haven 2", NOW + 60_000)
    drafts(adapters[A], newcomer(root))
    reader = adapters[C]
    reader.hear()
    assert (reader.folder / "entries" / f"{NEWCOMER}.entry").exists()
    assert reader.take_value(packed(later)) == []
    assert not (reader.folder / "entries" / f"{NEWCOMER}.entry").exists()
    assert len(reader.control.contracts.awaiting(NOW)) == 1


def test_a_version_that_a_person_adds_is_theirs(
    root: Path, adapters: dict[str, Adapter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(received_versions, "VERSIONS_LIMIT", 1)
    reader = adapters[C]
    first = proposal(adapters[A], "Haven 1", NOW)
    reader.take_value(packed(first))
    file = root / "by-mail.yaml"
    file.write_bytes(first.text.raw)
    add_bundles(reader.folder, [file], NOW)
    assert not read_received(reader.folder)
    reader.reload()
    assert reader.take_value(packed(proposal(adapters[A], "Haven 2", NOW + 1000))) == []
    assert first.hash in {one.hash for one in reader.control.contracts.awaiting(NOW)}


def test_versions_that_can_no_longer_be_signed_are_deleted(adapters: dict[str, Adapter]) -> None:
    reader = adapters[C]
    signed = proposal(adapters[A], "Haven 1", NOW)
    reader.take_value(packed(signed))
    reader.exchange.tidy(reader.control.contracts, NOW)
    assert set(read_received(reader.folder)) == {signed.hash}
    reader.exchange.tidy(reader.control.contracts, signed.contract.ends_ms)
    assert not read_received(reader.folder)
    assert load_participant(reader.folder, NOW).contracts.held(signed.hash) is None


def test_a_party_hides_no_version_of_another_party(adapters: dict[str, Adapter]) -> None:
    """A version that names another one as its previous takes the place of that one in the list."""
    reader = adapters[C]
    honest = proposal(adapters[B], "Haven 1", NOW)
    reader.take_value(packed(honest))
    text = proposal(adapters[A], "Haven 2").text
    live = reader.control.contracts.live(NOW)[0].hash.hex()
    both = ", ".join(f'"{one}"' for one in sorted([live, honest.hash.hex()]))
    kept, _, _ = text.raw.decode().partition("\nprevious:")
    assert live in text.raw.decode()[len(kept) :]
    raw = f"{kept}\nprevious: [{both}]\n".encode()
    signer = load_participant(adapters[A].folder, NOW).governance_signer()
    draft = SignedContract(parse_contract(raw, "hiding"))
    hiding = countersign(draft, signer, PERSON, time=NOW, shown=bytes(32))
    assert reader.take_value(packed(hiding)) == []
    shown = {one.hash for one in reader.control.contracts.awaiting(NOW)}
    assert shown == {honest.hash, hiding.hash}


def test_bytes_are_counted_for_each_signer() -> None:
    half = received_versions.BYTES_LIMIT // 2
    versions = {bytes([n]): ReceivedVersion({"a": n}, half if n else 1) for n in range(4)}
    versions[b"x"] = ReceivedVersion({"a": 0, "b": 0}, half)
    assert exceeding(versions) == {bytes([0]), bytes([1])}


def test_a_record_stays_within_its_limit_and_the_share_of_others(
    adapters: dict[str, Adapter], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts(adapters[A], newcomer(root))
    sender = adapters[A]
    sender.now = NOW + 2 * DAY_MS  # all are silent
    limit = 140_000
    monkeypatch.setattr(agreement_records, "RECORD_LIMIT_BYTES", limit)

    def bundles() -> list[Bundle]:
        records = sender.exchange.records(sender.control.contracts, sender.now)
        assert max(len(one.value or b"") for one in records) <= limit
        found = [one for one in records if (one.value or b"").startswith(b"PK")]
        assert len({one.key for one in records}) == len(records)
        return [parse_bundle(one.value or b"") for one in found]

    many = bundles()
    assert len(many) > 1
    assert {agency for one in many for agency in one.entries} == {*PARTIES, NEWCOMER} - {A}
    monkeypatch.setattr(agreement_records, "OTHERS_LIMIT_BYTES", 60_000)
    fewer = {agency for one in bundles() for agency in one.entries}
    assert 0 < len(fewer) < len(PARTIES)


# --- by themselves --------------------------------------------------------------------------------


async def test_running_adapters_exchange_by_themselves(root: Path, kafka: MemoryKafka) -> None:
    """One revises and signs; the others get the version, sign, and it is in force for all."""
    folders = [root / agency for agency in (A, B, C, "council-camden")]
    stop = asyncio.Event()
    tasks: list[asyncio.Task[None]] = []
    stores: list[Store] = []
    for folder in folders:
        participant = load_participant(folder, NOW)
        store = open_store(participant.path(participant.config.state.database))
        stores.append(store)
        transport = MemoryTransport(kafka, folder.name)
        outside = Outside(store, transport, lambda: NOW, Metrics(), Readiness())
        service = connect_broker(participant, outside, lambda: None)
        tasks += [
            asyncio.create_task(service.run(stop)),
            asyncio.create_task(watch_own_manifest(participant, service, stop)),
        ]

    async def until(condition: Callable[[Path], bool], folder: Path) -> None:
        async with asyncio.timeout(180):
            while not await asyncio.to_thread(condition, folder):
                assert not any(task.done() for task in tasks)
                await asyncio.sleep(0.2)

    def awaits(folder: Path) -> bool:
        return bool(load_participant(folder, NOW).contracts.awaiting(NOW))

    def complete(folder: Path) -> bool:
        version = newest(folder)
        return version.contract.version != "1.0.0" and not version.missing

    try:
        add_bundles(folders[0], [revise(folders[0])], NOW)
        await asyncio.to_thread(sign, folders[0])
        for folder in folders[1:]:
            await until(awaits, folder)
        for folder in folders[1:]:
            await asyncio.to_thread(sign, folder)
        for folder in folders:
            await until(complete, folder)
    finally:
        stop.set()
        await asyncio.gather(*tasks)
        for store in stores:
            store.close()
