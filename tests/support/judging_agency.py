"""Agencies that judge records, over verified manifests and contracts: ``FileContext`` is real."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from broker.agency.participant import Participant
from broker.envelope.opening import OpeningKey
from broker.judging.file_context import FileContext
from broker.judging.judgements import Deferred, Judgement, Placed, Refused, Unplaced, Unverified
from broker.judging.judging import judge
from broker.judging.key_resolver import KeyResolver, OpeningKeys, Trust
from broker.judging.verification_cache import VerificationCache
from broker.keys.keyfile import KeyEntry
from broker.record import (
    Record,
)
from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook
from tests.support.founded_partnership import (
    COUNCIL,
    NOW,
    founded,
)


@dataclass
class KeySubset:
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
        receipts: Callable[[str, int, int], Sequence[tuple[int, bytes]]] = lambda *_: (),
        destroyed: Sequence[bytes] = (),
        now: int = NOW,
    ) -> None:
        world = founded()
        participant = world.participants[agency]
        book = manifests or world.manifests
        self.agency = agency
        self.now = now
        self.trust = KeyResolver(agency, book, contracts or participant.contracts)
        keys = OpeningKeys(agency, book, KeySubset(participant, frozenset(destroyed)))  # type: ignore[arg-type]  # the rest is passed on
        self.opening_keys: Callable[[int], tuple[tuple[OpeningKey, ...], bool]] = keys
        self.context = FileContext(Trust(self.trust, keys), receipts, now)
        self.cache = VerificationCache()
        self.budgets: dict[str, int] = {}

    def take(self, one: Record, now: int | None = None) -> Judgement:
        judgement = judge(one, self.context, self.cache, self.now if now is None else now)
        found = judgement.refused if isinstance(judgement, Deferred) else judgement
        if self.budgets and isinstance(found, Placed):
            self.budgets[found.verified.origin.agency] -= found.wraps
        if judgement.outcome != "deferred":  # it is judged again, so nothing of it is taken yet
            self.context.took(judgement)
        return judgement

    def refusal(self, one: Record, now: int | None = None) -> tuple[float, str]:
        """The step and the code; fails if it is not refused for good."""
        judgement = self.take(one, now)
        assert isinstance(judgement, Refused | Unverified | Unplaced), judgement
        return judgement.refusal.step, judgement.refusal.code

    def deferral(self, one: Record, now: int | None = None) -> tuple[float, str]:
        """The step and the code of what time or news may cure."""
        judgement = self.take(one, now)
        assert isinstance(judgement, Deferred), judgement
        return judgement.refusal.step, judgement.refusal.code
