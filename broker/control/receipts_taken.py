"""Taking of receipts (docs/spec/receipts.md, "Kept")."""

from __future__ import annotations

from broker.control.budgets import Budgets
from broker.control.news import News
from broker.control.present_parties import PresentParties
from broker.control.receipts_kept import ReceiptRules
from broker.envelope.primitives import sha256
from broker.errors import NoteError, RefusedError
from broker.judging.ends import RECEIPTS_AFTER_MS
from broker.judging.key_resolver import TrustStore
from broker.keys.instant import CLOCK_SKEW_MS
from broker.registry.manifests import ManifestBook
from broker.statements.receipts import parse_receipt
from broker.store.database import Store
from broker.tlog.checkpoint import Origin, parse_origin
from broker.tlog.cosignature import verify_cosignature
from broker.tlog.generation_links import GENERATION
from contracts.errors import ConcordantError


class ReceiptTaker:
    """Takes receipts into the state.

    Args:
        trust: what is believed now.
        present: the active parties.
        store: the agency's state.
        budgets: how many bytes of receipts are processed.
    """

    def __init__(
        self, trust: TrustStore, present: PresentParties, store: Store, budgets: Budgets
    ) -> None:
        self._trust = trust
        self._present = present
        self._store = store
        self._budgets = budgets
        self._rules = ReceiptRules(trust.current.resolver.agency)
        self._rules_of: ManifestBook | None = None

    def take(self, value: bytes, news: News, now: int) -> None:
        """Verify and keep a receipt.

        Raises:
            RefusedError: the receipt is dropped.
            StoreError: nothing was written; it must be given again.
        """
        trust = self._trust
        signed = parse_receipt(value)
        agency = signed.line.name.partition("/")[2]
        admission = self._budgets.receipt(
            agency, signed.line.timestamp * 1000, sha256(value), len(value)
        )
        if admission.counted:
            return
        origin = self._require_stream(signed.checkpoint.origin, agency)
        key = trust.manifests.receipt_key(agency, signed.line.key_id)
        if key is None or key.at(signed.line.timestamp * 1000) != "valid":
            raise RefusedError(2, "key_unknown", "no valid receipt key of this agency signed it")
        if key.revoked_since is not None and signed.line.timestamp * 1000 >= key.revoked_since:
            raise RefusedError(2, "key_revoked", "the receipt key is revoked")
        try:
            verify_cosignature(signed.line, key.verifier, signed.body)
        except NoteError:
            raise RefusedError(2, "signature_wrong", "the receipt does not verify") from None
        if signed.line.timestamp * 1000 > now + CLOCK_SKEW_MS:
            raise RefusedError(2, "early", "the receipt is ahead of this clock")
        admission.require()
        admission.count()
        rules = self._present_rules()
        try:
            with self._store.transaction() as tx:
                rules.keep(tx, origin, signed, value, now // 1000)
        except ConcordantError:
            rules.recount()
            raise
        news.receipts += 1

    def _present_rules(self) -> ReceiptRules:
        """Return the rules of storing, with the revocations that are known now."""
        manifests = self._trust.manifests
        if self._rules_of is not manifests:
            self._rules_of = manifests
            self._rules.ends = {
                agency: manifests.revocation_times(agency) for agency in manifests.agencies()
            }
            self._rules.stops = {
                agency: tuple(
                    -(-(stop.since + RECEIPTS_AFTER_MS) // 1000) for stop in manifests.stops(agency)
                )
                for agency in manifests.agencies()
            }
        terms = [signed.contract for signed in self._trust.contracts.trusted()]
        longest = max((contract.grace_ms for contract in terms), default=0)
        self._rules.retention_s = longest // 1000
        return self._rules

    def thin(self, now: int) -> None:
        """Remove receipts that are superfluous by now."""
        with self._store.transaction() as tx:
            self._present_rules().thin_all(tx, now // 1000)

    def _require_stream(self, name: str, cosigner: str) -> Origin:
        """Check that a receipt is for another agency's stream that its signer may read."""
        try:
            origin = parse_origin(name)
        except NoteError:
            raise RefusedError(1, "receipt_malformed", "not a stream's name") from None
        known = self._trust.manifests.newest(origin.agency) is not None
        if (
            origin.deployment != self._trust.manifests.deployment
            or not known
            or origin.agency == cosigner
        ):
            raise RefusedError(1, "origin_wrong", "a receipt for no stream of another agency")
        if cosigner not in self._present.now().readers(origin.kafka_partition):
            raise RefusedError(2, "party_left", "its signer does not read this topic, or has left")
        if GENERATION.fullmatch(origin.generation) is None:
            raise RefusedError(1, "origin_wrong", "a receipt for no generation of a stream")
        return origin
