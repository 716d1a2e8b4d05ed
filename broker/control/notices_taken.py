"""Taking of small signed notes: notices, manifest requests and acknowledgements.

docs/spec/receipts.md, "Notices"; docs/spec/streams.md, "Ends".
"""

from __future__ import annotations

from broker.control.budgets import Budgets
from broker.control.news import News
from broker.control.present_parties import PresentParties
from broker.control.replay_requests import ReplayRequests, require_recent
from broker.errors import RefusedError
from broker.judging.key_resolver import TrustStore
from broker.keys.instant import CLOCK_SKEW_MS
from broker.keys.kid import RECEIPT
from broker.statements.acknowledgements import (
    acknowledgements_of,
    is_acknowledgement,
    parse_acknowledgement,
)
from broker.statements.authorship import read_note, require_author
from broker.statements.manifest_requests import is_manifest_request, parse_manifest_request
from broker.statements.notices import REFUSAL_HEADING, REPLAY_HEADING, parse_notice
from broker.store.database import Store
from broker.tlog.note import Note


class NoticeTaker:
    """Takes notices to this agency.

    Args:
        trust: what is believed now.
        present: the active parties.
        store: the agency's state.
        budgets: how many notices are processed.
        replay_requests: requests that are still to be published.
    """

    def __init__(
        self,
        trust: TrustStore,
        present: PresentParties,
        store: Store,
        budgets: Budgets,
        replay_requests: ReplayRequests,
    ) -> None:
        self._agency = trust.current.resolver.agency
        self._trust = trust
        self._present = present
        self._store = store
        self._budgets = budgets
        self._replay_requests = replay_requests

    def take(self, value: bytes, news: News, now: int) -> None:
        """Take a notice, a request for our manifest, or an acknowledgement.

        Raises:
            RefusedError: it is dropped.
            StoreError: nothing was written; it must be given again.
        """
        note = read_note(value)
        if is_acknowledgement(note):
            self._acknowledgement(note, now)
            return
        if is_manifest_request(note):
            self._manifest_request(note, news, now)
            return
        notice = parse_notice(note)
        if notice.origin.agency != self._agency:
            return
        sender = note.signatures[0].name.partition("/")[2]
        if notice.kind == REPLAY_HEADING:
            require_recent(notice.time_ms, now)
        if self._budgets.knows_notice(sender, notice):
            return  # anyone can write it again (replay); it must not count again
        require_author(note, self._trust.manifests, sender, RECEIPT, now)
        self._budgets.notice(sender, notice, now)
        origin = notice.origin
        if sender not in self._present.now().readers(origin.kafka_partition):
            raise RefusedError(2, "party_left", "its signer does not read this topic, or has left")
        if notice.kind == REFUSAL_HEADING:
            news.refusals.append((sender, notice))
            return
        news.let_go += self._replay_requests.ask(sender, notice, now)
        news.replays.append(notice)

    def _manifest_request(self, note: Note, news: News, now: int) -> None:
        """Note that a party lacks our newest manifest."""
        request = parse_manifest_request(note)
        if (request.deployment, request.agency) != (self._trust.manifests.deployment, self._agency):
            return
        if news.manifest_asked:
            return  # before the cost of a signature check
        require_recent(request.time_ms, now)
        sender = note.signatures[0].name.partition("/")[2]
        if sender not in self._present.now().parties or sender == self._agency:
            raise RefusedError(2, "party_left", "its signer takes no part in a contract of ours")
        require_author(note, self._trust.manifests, sender, RECEIPT, now)
        news.manifest_asked = True

    def _acknowledgement(self, note: Note, now: int) -> None:
        """Keep when a partner first said that it knows a suspension or departure of ours."""
        known, time_ms = parse_acknowledgement(note)
        own = (self._trust.manifests.deployment, self._agency)
        if known not in acknowledgements_of(*own, self._trust.manifests.stops(self._agency)):
            return
        sender = note.signatures[0].name.partition("/")[2]
        if sender not in self._present.now().parties or sender == self._agency:
            raise RefusedError(2, "party_left", "its signer takes no part in a contract of ours")
        name = f"{known.name}/{sender}"
        with self._store.reading() as tx:
            if tx.meta.get(name) is not None:
                return  # known, before the cost of a signature check
        require_author(note, self._trust.manifests, sender, RECEIPT, now)
        if time_ms > now + CLOCK_SKEW_MS:
            raise RefusedError(2, "early", "the acknowledgement is ahead of this clock")
        with self._store.transaction() as tx:
            tx.meta.set(name, str(time_ms).encode())
