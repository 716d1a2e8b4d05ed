"""Partnerships of up to 256 parties for the benchmark of sizes.

Every agency is made by ``agency init``'s function, with its own keys and entry. Only scrypt is
replaced, because it takes 0.4 s for each agency and belongs to none of the measured steps. Two
agencies get the whole registry in their folders: the sender and the reader that are measured.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final
from unittest.mock import patch

from adapters.trial_partnership import PASSPHRASE_NAME
from broker.keys.governance import GovernanceSigner
from broker.operations.agency_founding import FoundingPlan, found_agency
from broker.operations.contract_draft import draft_contract
from broker.partnership.entry import VerifiedEntry
from broker.partnership.profile import Profile
from broker.registry.contract_book import ContractBook
from broker.registry.contract_notes import Signatory, shown_hash
from broker.registry.contracts import SignedContract, countersign, verify_contract
from broker.registry.manifests import ManifestBook
from broker.registry.repository import Repository
from contracts.drafting import london_parties
from contracts.loading import ContractText

DEPLOYMENT: Final = "pan-london"
TERMS: Final = "london-hate-crime"
_KINDS: Final = {"police": "csu", "prosecution": "cps", "council": "council", "support": "support"}
_NOT_OF_A_PROFILE: Final = frozenset({"id", "ico_registration", "kafka_principal"})
SIGNATORY: Final = Signatory(name="Duty desk", capacity="Operations contact")
SHOWN: Final = shown_hash("a text that was shown")


def _cheap_key(passphrase: bytes, salt: bytes, cost: int) -> bytes:
    return hashlib.sha256(passphrase + salt + str(cost).encode()).digest()


@contextmanager
def without_scrypt() -> Iterator[None]:
    """Replace scrypt in the block; key files made in one block open in another."""
    with patch("broker.keys.keyring.scrypt_key", _cheap_key):
        yield


@dataclass(frozen=True)
class Member:
    """An agency that was founded.

    Attributes:
        directory: its folder.
        governance: its governance keys.
        entry: its entry for others.
    """

    directory: Path
    governance: GovernanceSigner
    entry: VerifiedEntry

    @property
    def agency(self) -> str:
        """Its id."""
        return self.entry.agency

    @property
    def entry_file(self) -> Path:
        """The file of its entry."""
        return self.directory / "entries" / f"{self.agency}.entry"


def found_members(root: Path, count: int, now: int) -> list[Member]:
    """Found agencies like those of the shipped partnership, in turns."""
    shipped = london_parties()
    found = []
    for at in range(count):
        like = shipped[at % len(shipped)]
        agency = f"{like['id']}-{at:03d}"
        folder = root / agency
        folder.mkdir(parents=True)
        (folder / PASSPHRASE_NAME).write_bytes(b"correct horse battery staple\n")
        (folder / PASSPHRASE_NAME).chmod(0o600)
        profile = {name: value for name, value in like.items() if name not in _NOT_OF_A_PROFILE}
        profile |= {"legal_name": f"{like['legal_name']}, branch {at}"}
        plan = FoundingPlan(
            agency=agency,
            deployment=DEPLOYMENT,
            profile=Profile.model_validate({**profile, "registration": f"ZB{at:06d}"}),
            adapter=_KINDS[str(like["role"])],
            kafka="localhost:19092",
            passphrase_file=PASSPHRASE_NAME,
        )
        made = found_agency(folder, plan, now)
        assert made.governance is not None
        found.append(Member(folder, made.governance, made.entry))
    return found


def drafted(members: Sequence[Member], out: Path, now: int) -> ContractText:
    """Draft the agreement of these members, in force today."""
    today = today_of(now)
    return draft_contract(
        terms=TERMS,
        entries=[one.entry_file for one in members],
        deployment=DEPLOYMENT,
        starts=today,
        ends=today + timedelta(days=364),
        review_on=today + timedelta(days=180),
        out=out,
        now=now,
    ).text


def today_of(now: int) -> date:
    """The day of a time, UTC."""
    return datetime.fromtimestamp(now // 1000, UTC).date()


def signed_by_all(text: ContractText, members: Sequence[Member], now: int) -> SignedContract:
    """The agreement with the note of every member."""
    signed = verify_contract(text)
    notes = []
    for one in members:
        own = countersign(
            signed, one.governance, SIGNATORY, time=now // 1000 * 1000, shown=SHOWN
        ).note_of(one.agency)
        assert own is not None
        notes.append(own)
    return replace(signed, notes=tuple(notes))


def complete(
    member: Member, members: Sequence[Member], signed: SignedContract, now: int, root: Path
) -> Member:
    """A copy of a member below ``root`` with the agreement and every manifest in its folder."""
    member = replace(member, directory=shutil.copytree(member.directory, root / member.agency))
    fingerprints = member.governance.public.fingerprints
    repository = Repository(
        member.directory, deployment=DEPLOYMENT, agency=member.agency, fingerprints=fingerprints
    )
    repository.write_contract(signed)
    contracts = ContractBook(
        deployment=DEPLOYMENT, agency=member.agency, fingerprints=fingerprints, contracts=[signed]
    )
    book = ManifestBook(DEPLOYMENT)
    for other in members:
        book = repository.store_manifest(other.entry.manifest.raw, contracts, book, now)
    return member
