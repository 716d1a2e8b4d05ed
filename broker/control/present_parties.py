"""Active parties by the contracts and manifests that are believed now."""

from __future__ import annotations

from broker.judging.key_resolver import TrustStore
from broker.statements.presence import Presence


class PresentParties:
    """Active parties, found again when another contract or manifest is believed.

    Args:
        trust: what is believed now.
    """

    def __init__(self, trust: TrustStore) -> None:
        self._trust = trust
        self._presence = Presence(trust.contracts, trust.manifests)

    def now(self) -> Presence:
        """Return the active parties, by the present books."""
        contracts, manifests = self._trust.contracts, self._trust.manifests
        if not self._presence.rests_on(contracts, manifests):
            self._presence = Presence(contracts, manifests)
        return self._presence
