"""A partnership of four with real keys and contracts, founded once for a process.

Its manifests, contracts and keys are the product's own; a test may ask for a newer manifest,
another contract between some of the four, or a copy of an agency's folder.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

from adapters.trial_agencies import AgencyPlan, london_agencies
from adapters.trial_partnership import create_partnership
from broker.agency.participant import Participant, load_participant
from broker.envelope.primitives import (
    b64,
)
from broker.envelope.sealing import WrapRecipient
from broker.keys.delegation import DelegationChanges
from broker.keys.governance import GovernanceSigner
from broker.keys.issuing import ManifestChanges, ManifestSigner, issue_manifest
from broker.keys.manifest import VerifiedManifest
from broker.keys.signer import SoftwareSigner
from broker.registry.contract_book import ContractBook
from broker.registry.contracts import SignedContract
from broker.registry.manifests import ManifestBook
from broker.statements.authorship import author, cosigner
from broker.tlog.note import NoteSigner
from contracts.drafting import draft
from contracts.loading import parse_contract, shipped_terms
from contracts.model import Contract, topic_name
from contracts.parties import GovernanceKeys
from tests.support.contract_signatures import signed_by
from tests.support.delegated_keys import delegated_again, delegated_statements

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


@dataclass
class FoundedPartnership:
    """The partnership as it was at a time; nothing in it changes."""

    root: Path
    participants: Mapping[str, Participant]
    governance: Mapping[str, GovernanceSigner]
    manifest_signers: Mapping[str, ManifestSigner]
    now: int = NOW

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

    def stream_key(self, agency: str) -> SoftwareSigner:
        return self.participants[agency].stream_signer(self.now)

    def cosigner(self, agency: str, name: str | None = None) -> NoteSigner:
        key_name = self.participants[agency].key_name if name is None else name
        return cosigner(key_name, self.stream_key(agency))

    def author(self, agency: str, *, receipts: bool = False) -> NoteSigner:
        participant = self.participants[agency]
        key = (
            participant.receipt_signer(self.now)
            if receipts
            else participant.stream_signer(self.now)
        )
        return author(participant.key_name, key)

    def receipt_cosigner(self, agency: str) -> NoteSigner:
        participant = self.participants[agency]
        return cosigner(participant.key_name, participant.receipt_signer(self.now))

    def exchange_key(self, agency: str) -> WrapRecipient:
        key = self.manifests.exchange_key(agency, self.now)
        return WrapRecipient(agency, key.kid, key.sealer())

    def reissue(
        self, agency: str, changes: ManifestChanges, now: int, book: ManifestBook | None = None
    ) -> ManifestBook:
        """The manifests with a newer one of ``agency``.

        If it leaves or resumes, a new delegation of the same manifest keys states that too.
        """
        book = book or self.manifests
        before = book.history(agency)[-1]
        signer = replace(self.manifest_signers[agency], delegation=before.delegation)
        statements = delegated_statements(changes)
        if statements:
            signer = delegated_again(
                signer, self.governance[agency], now, DelegationChanges(standing=statements)
            )
        return book.adding(issue_manifest(before.manifest, changes, signer, now))

    def resume(self, agency: str, now: int, book: ManifestBook) -> ManifestBook:
        """The manifests after an agency has ended its suspensions."""
        newest = book.history(agency)[-1].manifest
        ended = {"until": now, "until_reason": "resolved"}
        lasting = [one for one in newest.standing if one.state == "suspended" and not one.until]
        changes = ManifestChanges(standing=tuple(one.model_copy(update=ended) for one in lasting))
        return self.reissue(agency, changes, now, book)

    def newer_manifest(self, agency: str, changes: ManifestChanges, now: int) -> VerifiedManifest:
        before = self.manifests.history(agency)[-1].manifest
        return issue_manifest(before, changes, self.manifest_signers[agency], now)

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
        return signed_by(parsed, [self.governance[plan.id] for plan in plans])

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
def founded() -> FoundedPartnership:
    """Founded once for a process."""
    plans = {plan.id: plan for plan in london_agencies()}
    return found_with([plans[agency] for agency in CAST])


def found_with(
    plans: Sequence[AgencyPlan], terms: str | None = None, now: int = NOW
) -> FoundedPartnership:
    """A partnership of these agencies under some terms; its folder goes when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="founded-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    root = folder / "partnership"
    create_partnership(root, now, agencies=plans, terms=terms)
    participants = {plan.id: load_participant(root / plan.id, now) for plan in plans}
    governance = {agency: one.governance_signer() for agency, one in participants.items()}
    signers = {agency: one.manifest_signer() for agency, one in participants.items()}
    return FoundedPartnership(root, participants, governance, signers, now)
