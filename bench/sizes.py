"""Cost of a partnership by its number of parties, in process and without Kafka.

One run measures 7, 32, 100 and 256 parties in turns, in CPU time of this process. Each step is
measured as the commands and the adapter take it: draft, sign (review and signature of the last
party), verify (every note of every party), explain, start-up (loading the registry from the
folder), the heartbeats of one interval, one event to every party that may receive it, and the
evidence that 44 days leave on disk. The cost of adding one party is that of ``contract revise``,
the review of one party, and the signatures of all.
"""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench import results
from bench.many_parties import (
    Member,
    complete,
    drafted,
    found_members,
    signed_by_all,
    without_scrypt,
)
from bench.meter import now_ms
from broker.agency.participant import Participant, load_participant
from broker.control.own_statements import own_heartbeat
from broker.judging.file_context import FileContext
from broker.judging.judgements import Opened
from broker.judging.judging import judge_each
from broker.judging.key_resolver import TrustStore
from broker.judging.verification_cache import VerificationCache
from broker.operations.contract_revision import revise_contract
from broker.operations.contract_signing import review_signing
from broker.record import CONTENT_TYPE_HEADER, PROOF_HEADER, SEALED_CONTENT_TYPE, Record
from broker.registry.contract_files import note_path
from broker.registry.contracts import SignedContract, countersign, verify_contract
from broker.sending.sealing_context import event_sealer
from broker.sending.streams import Stream, append, open_generation
from broker.statements.authorship import cosigner, require_both_authors
from broker.statements.heartbeats import Head, read_heartbeat
from broker.store.database import open_store
from broker.tlog.checkpoint import GenerationPlace
from contracts.events import PlainEvent
from contracts.examples import example
from contracts.explain import explain
from contracts.model import topic_name

SIZES: Final = (7, 32, 100, 256)
JOINED: Final = (7, 50, 100)
DAYS: Final = 44
COSIGNERS: Final = 8
RECEIPTS: Final = 1 + 48 + DAYS
"""Kept receipts of an origin and a cosigner: the newest, 48 hours, and a day each."""
EVENT: Final = "critical-incident.declared"
HEADS: Final = 6


def run(*, quick: bool = False) -> None:
    """Measure and write out/sizes.jsonl."""
    sizes = SIZES[:2] if quick else SIZES
    joined = JOINED[:1] if quick else JOINED
    now = now_ms()
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as found, without_scrypt():
        root = Path(found)
        members = found_members(root / "agencies", max((*sizes, *(n + 1 for n in joined))), now)
        cases = [_Case(members[:count], root / f"{count}", now) for count in sizes]
        measured = [case.measured() for case in cases]
        for step in measured[0]:
            values: dict[str, object] = {"step": step}
            base = measured[0][step]
            for case, one in zip(cases, measured, strict=True):
                values[f"{len(case.members)}"] = _rounded(one[step])
            values[f"{sizes[-1]} / {sizes[0]}"] = f"{measured[-1][step] / base:.1f}"
            rows.append(values)
        results.show(rows)
        adding = [_adding(members, count, root, now) for count in joined]
        results.show(adding)
    results.save("sizes", [*rows, *adding])


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _cpu_ms(work: Callable[[], Any], times: int = 3) -> float:
    """Median CPU time of a piece of work, in ms."""
    found = []
    for _ in range(times):
        gc.collect()
        began = time.process_time()
        work()
        found.append((time.process_time() - began) * 1000)
    return statistics.median(found)


class _Case:
    """A partnership of one size."""

    def __init__(self, members: list[Member], root: Path, now: int) -> None:
        self.members, self.root, self.now = members, root, now
        root.mkdir()
        self.file = root / "agreement.yaml"

    def measured(self) -> dict[str, float]:
        """Every figure, by its name in the table."""
        now, members = self.now, self.members
        found: dict[str, float] = {}
        found["draft, ms"] = _cpu_ms(lambda: drafted(members, self.file, now))
        text = drafted(members, self.file, now)
        found["agreement, kB"] = len(text.raw) / 1000
        signed = signed_by_all(text, members, now)
        found["all signatures, kB"] = sum(len(note.raw) for note in signed.notes) / 1000
        found |= self._signing(signed)
        raw = [note.raw for note in signed.notes]
        found["verify all signatures, ms"] = _cpu_ms(lambda: verify_contract(text, raw))
        found["explain, ms"] = _cpu_ms(lambda: explain(text))
        found["explanation, kB"] = len(explain(text)) / 1000
        sender, reader = (complete(one, members, signed, now, self.root) for one in members[:2])
        found["start-up, ms"] = _cpu_ms(lambda: load_participant(reader.directory, now))
        found["start-up, MB of memory"] = _memory_mb(reader.directory, now)
        found |= self._heartbeats(reader)
        found |= self._event(sender, reader)
        found[f"{DAYS} days of evidence, MB"] = self._evidence(sender) / 1e6
        return found

    def _signing(self, signed: SignedContract) -> dict[str, float]:
        """Cost of the last party: review with every other note beside the file, and signature."""
        last = self.members[-1]
        for note in signed.notes[:-1]:
            note_path(self.file, note.agency).write_bytes(note.raw)
        before = replace(signed, notes=signed.notes[:-1])
        return {
            "review before a signature, ms": _cpu_ms(
                partial(review_signing, last.directory, self.file, (), self.now), 1
            ),
            "sign, ms": _cpu_ms(
                lambda: countersign(
                    before,
                    last.governance,
                    signed.notes[-1].signatory,
                    time=signed.notes[-1].time,
                    shown=signed.notes[-1].shown,
                )
            ),
        }

    def _heartbeats(self, reader: Member) -> dict[str, float]:
        """Verification of the heartbeats of all parties of one interval, and of one minute."""
        participant = load_participant(reader.directory, self.now)
        store = open_store(self.root / "heartbeats.db")
        contract = participant.contract_in_force(self.now).contract
        topic = topic_name(contract, "a")
        heads = [Head(topic, at, f"{at:032d}", 9, bytes(32)) for at in range(HEADS)]
        note = own_heartbeat(participant, store, heads, self.now)
        store.close()
        manifests = participant.manifests

        def verify() -> None:
            for _ in self.members:
                parsed, beat = read_heartbeat(note, participant.deployment)
                require_both_authors(parsed, manifests, beat.agency, beat.time)

        found = _cpu_ms(verify)
        interval = contract.heartbeat_interval_ms / 60_000
        return {
            "heartbeats of one interval, ms": found,
            "heartbeats a minute, ms": found / interval,
            "heartbeats a day on Kafka, MB": len(self.members) * len(note) * 1440 / interval / 1e6,
        }

    def _event(self, sender: Member, reader: Member) -> dict[str, float]:
        """One event to every party that may receive it: sealed, and opened by one of them."""
        now = self.now
        source = load_participant(sender.directory, now)
        contract = source.contract_in_force(now).contract
        shown = example(contract, source.agency, EVENT)
        roles = contract.event_types[EVENT].recipients
        to = tuple(
            party.id
            for party in contract.parties
            if party.role in roles and party.id != source.agency
        )
        assert reader.agency in to
        event = PlainEvent(shown.type, to, shown.data)
        sealing = _cpu_ms(lambda: event_sealer(source).seal(event, now))
        sealed = event_sealer(source).seal(event, now)
        stream = Stream(source.deployment, source.agency, sealed.topic, sealed.partition)
        row = open_generation(stream, None, None, now)
        signer = cosigner(source.key_name, source.stream_signer(now))
        _, places = append(stream, row, list(sealed.values), signer, now)
        records = [
            Record(
                stream.topic,
                stream.partition,
                ((CONTENT_TYPE_HEADER, SEALED_CONTENT_TYPE), (PROOF_HEADER, place.proof)),
                value,
            )
            for value, place in zip(sealed.values, places, strict=True)
        ]
        me = load_participant(reader.directory, now)
        opened = _opened(me, records, now)
        assert opened == 1, opened
        return {
            "event to all: recipients": len(to),
            "event to all: records": len(records),
            "event to all: seal, ms": sealing,
            "event to all: kB": sum(len(value) for value in sealed.values) / 1000,
            "event to all: read by one, ms": _cpu_ms(lambda: _opened(me, records, now)),
        }

    def _evidence(self, sender: Member) -> int:
        """Bytes of a reader's database after 44 days: an event a day of every other party."""
        participant = load_participant(sender.directory, self.now)
        path = self.root / "evidence.db"
        store = open_store(path)
        topic = topic_name(participant.contract_in_force(self.now).contract, "a")
        head = Head(topic, 0, "0" * 32, 9, bytes(32))
        note = own_heartbeat(participant, store, [head], self.now)
        text = bytes(330)
        with store.transaction() as tx:
            for member in self.members[1:]:
                log = GenerationPlace(member.agency, topic, 0, "0" * 32)
                origin = f"{participant.deployment}/{member.agency}/{topic}/0/{'0' * 32}"
                for day in range(DAYS):
                    at = self.now - day * 86_400_000
                    tx.heartbeats.keep(member.agency, at, note, b"key1", [(log, DAYS - day)])
                for other in self.members[:COSIGNERS]:
                    for number in range(RECEIPTS):
                        tx.receipts.add(origin, number, bytes(32), other.agency, number, text)
        store.close()
        return path.stat().st_size


def _opened(me: Participant, records: list[Record], now: int) -> int:
    """Number of records of an event that a new reader opens."""
    trust = TrustStore(me.agency, me.contracts, me.manifests, me.keyring).current
    context, cache = FileContext(trust, lambda *_: (), now), VerificationCache()
    opened = 0
    for _record, judgement in judge_each(records, context, cache, now):
        context.took(judgement)
        opened += isinstance(judgement, Opened)
    return opened


def _memory_mb(directory: Path, now: int) -> float:
    """Peak of the resident memory of a new process that has loaded an agency."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from broker.agency.participant import load_participant\n"
        "loaded = load_participant(Path(sys.argv[1]), int(sys.argv[2]))\n"
        "status = Path('/proc/self/status').read_text()\n"
        "print(status.partition('VmHWM:')[2].split()[0])\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(directory), str(now)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return int(out) / 1024


def _adding(members: list[Member], count: int, root: Path, now: int) -> dict[str, object]:
    """Cost of adding one party to so many."""
    folder = root / f"adding-{count}"
    folder.mkdir()
    before, joining = members[:count], members[count]
    file, out = folder / "before.yaml", folder / "after.yaml"
    text = drafted(before, file, now)
    one = complete(before[2], before, signed_by_all(text, before, now), now, folder)
    revise = partial(
        revise_contract, file, add=[joining.entry_file], remove=(), values={}, out=out, now=now
    )
    revising = _cpu_ms(revise, 1)
    reviewed = review_signing(one.directory, out, (), now)
    after = reviewed.merged.text
    return {
        "added to": count,
        "revise, ms": _rounded(revising),
        "review by one, ms": _rounded(
            _cpu_ms(lambda: review_signing(one.directory, out, (), now), 1)
        ),
        "sign by all, ms": _rounded(
            _cpu_ms(lambda: signed_by_all(after, [*before, joining], now), 1)
        ),
        "changes shown to a party": len(reviewed.changes),
    }
