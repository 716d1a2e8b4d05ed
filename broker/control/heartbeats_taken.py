"""Taking of heartbeats (docs/spec/heartbeats.md, "Read")."""

from __future__ import annotations

from typing import Final

from broker.control.budgets import Budgets
from broker.control.heartbeat_retention import contradicted, keep_heard
from broker.control.named_manifests import ASK_AGAIN_MS, ASK_SELDOM_MS, note_named
from broker.control.news import News
from broker.control.present_parties import PresentParties
from broker.envelope.primitives import sha256
from broker.errors import RefusedError
from broker.judging.key_resolver import TrustStore
from broker.judging.partition_state import parse_outline
from broker.keys.instant import CLOCK_SKEW_MS
from broker.registry.newest_manifests import KnownDelegations
from broker.statements.authorship import require_both_authors
from broker.statements.heartbeats import Head, Heartbeat, read_heartbeat, withheld
from broker.store.database import Store
from broker.store.reader_rows import CheckpointRow, HeadsRow
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import GenerationPlace, Origin, Place
from broker.transport.topics import all_readable_topics
from contracts.durations import DAY_MS

CONTRADICTED_LOGS: Final = 16
"""Maximum number of logs of one agency with a heartbeat kept as evidence.

Each may have 512 kB, and an agency can contradict itself in any number of logs.
"""


class HeartbeatTaker:
    """Takes heartbeats into the state.

    Args:
        trust: what is believed now.
        present: the active parties.
        store: the agency's state.
        budgets: how many heartbeats are processed.
    """

    def __init__(
        self, trust: TrustStore, present: PresentParties, store: Store, budgets: Budgets
    ) -> None:
        self._agency = trust.current.resolver.agency
        self._trust = trust
        self._present = present
        self._store = store
        self._budgets = budgets
        self._known_delegations = KnownDelegations()
        self._unknown_keys: dict[str, tuple[int, int | None]] = {}

    def take(self, value: bytes, news: News, now: int) -> None:
        """Apply steps 1 to 5 of docs/spec/heartbeats.md, "Read".

        Raises:
            RefusedError: the heartbeat is dropped.
            StoreError: nothing was written; it must be given again.
        """
        trust = self._trust
        note, beat = read_heartbeat(value, trust.manifests.deployment)  # 1
        if beat.agency not in self._present.now().parties:
            raise RefusedError(1, "party_left", "a heartbeat of an agency that takes no part")
        if beat.time > now + CLOCK_SKEW_MS:  # 2
            raise RefusedError(2, "early", "the heartbeat is ahead of this clock")
        with self._store.reading() as tx:  # 3, before the cost of a signature check
            if _stale(tx, beat):
                return
        admission = self._budgets.heartbeat(beat.agency, beat.time, sha256(note.text))
        admission.require()
        try:
            key_id = require_both_authors(note, trust.manifests, beat.agency, beat.time)  # 4
        except RefusedError as refusal:
            if refusal.code == "key_unknown":
                self._want_manifest(beat.agency, news, now)
            raise
        self._unknown_keys.pop(beat.agency, None)
        admission.count()
        with admission.judged():
            if not self._believe(beat, value, key_id, news, now):
                return
        news.heartbeats.append(beat)
        if beat.agency != self._agency:
            self._compare(beat, news)

    def _believe(self, beat: Heartbeat, value: bytes, key_id: bytes, news: News, now: int) -> bool:
        """Store a heartbeat with verified signatures; returns whether it is new.

        Raises:
            RefusedError: ``equivocation``; the contradiction is stored as evidence.
        """
        trust = self._trust
        with self._store.transaction() as tx:
            if _stale(tx, beat):
                return False
            contradiction = contradicted(tx, beat)
            if contradiction is not None:
                _keep_contradiction(tx, beat, *contradiction, value, now)
            else:
                tx.heads.save(HeadsRow(beat.agency, beat.time, *beat.log))
                if beat.agency != self._agency:
                    keep_heard(tx, beat, value, key_id)
                    books = (trust.contracts, trust.manifests)
                    note_named(tx, beat, self._known_delegations, *books, now)
        if contradiction is not None:  # 5
            news.alarms.append((beat.agency, "equivocation"))
            raise RefusedError(4, "equivocation", "a head contradicts a signed checkpoint")
        return True

    def _want_manifest(self, agency: str, news: News, now: int) -> None:
        """Ask for the manifest of a party whose heartbeat verifies with no known key.

        The manifest that lists the key may be withheld. Anyone who can write to the topic can cause
        this, so it is bounded: every 30 seconds, and after a day every hour.
        """
        if agency == self._agency:
            return
        since, last = self._unknown_keys.get(agency, (now, None))
        pause = ASK_AGAIN_MS if 0 <= now - since < DAY_MS else ASK_SELDOM_MS
        if last is not None and 0 <= now - last < pause:
            return
        self._unknown_keys[agency] = (since, now)
        news.manifests_wanted.append(agency)

    def _compare(self, beat: Heartbeat, news: News) -> None:
        """Find heads above what arrived here."""
        held: dict[tuple[str, int, str], int] = {}
        with self._store.reading() as tx:
            for head in beat.heads:
                stored = tx.reader.state_head(Place(beat.agency, head.topic, head.partition))
                if stored is None:
                    continue
                for generation in parse_outline(stored).generations.values():
                    held[head.topic, head.partition, generation.name] = generation.size
        readable = all_readable_topics(
            (signed.contract for signed in self._trust.contracts.trusted()), self._agency
        )
        for head, _held in withheld(beat, held):
            if head.topic in readable:
                log = GenerationPlace(beat.agency, head.topic, head.partition, head.generation)
                news.missing.append((log, head.size - 1))


def _stale(tx: Transaction, beat: Heartbeat) -> bool:
    last = tx.heads.get(beat.agency)
    return last is not None and last.heard_ms >= beat.time


def _keep_contradiction(
    tx: Transaction, beat: Heartbeat, head: Head, held: CheckpointRow, note: bytes, now: int
) -> None:
    """Store two signed roots for one size as evidence, once for each log, within a limit."""
    log = Origin(beat.deployment, beat.agency, head.topic, head.partition, head.generation).format()
    kept = tx.evidence.origins("heartbeat")
    theirs = sum(name.split("/")[1] == beat.agency for name in kept)
    if log not in kept and theirs < CONTRADICTED_LOGS:
        tx.evidence.add("heartbeat", log, held.text, note, now)
