"""Agreements of many parties with real governance keys, made in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from itertools import islice

from broker.envelope.primitives import Ed25519Signer, MlDsa65Signer, b64, sha256
from broker.keys.governance import GovernanceSigner
from broker.keys.kid import ED25519, GOVERNANCE, ML_DSA_65, kid
from broker.keys.signer import SoftwareSigner
from broker.registry.contracts import SignedContract, countersign, verify_contract
from contracts.drafting import YamlValue, draft, london_parties
from contracts.loading import ContractText, parse_contract, shipped_terms
from contracts.parties import GovernanceKeys
from tests.support.contract_signatures import SHOWN, SIGNATORY, first_day

DEPLOYMENT = "pan-london"
FIRST_DAY = date(2026, 3, 2)


def party_ids(count: int) -> tuple[str, ...]:
    """Ids in the agreement's order, which is not the order of ids."""
    return tuple(party["id"] for party in parties(count))  # type: ignore[misc]  # they are texts


def parties(count: int) -> list[dict[str, YamlValue]]:
    """The first are those of the shipped partnership; the others are like them in turns."""
    shipped = london_parties()
    found = list(islice(shipped, count))
    for at in range(len(found), count):
        like = shipped[at % len(shipped)]
        name = f"{like['id']}-{at:03d}"
        found.append(
            {
                **like,
                "id": name,
                "legal_name": f"{like['legal_name']}, branch {at}",
                "ico_registration": f"ZB{at:06d}",
            }
        )
    return found


@cache
def governance(agency: str) -> GovernanceSigner:
    """The governance keys of an agency, the same each time."""
    first = Ed25519Signer(sha256(f"ed25519 {agency}".encode()))
    second = MlDsa65Signer(sha256(f"ml-dsa-65 {agency}".encode()))
    return GovernanceSigner(
        DEPLOYMENT,
        agency,
        SoftwareSigner(kid(GOVERNANCE, ED25519, first.public), GOVERNANCE, ED25519, first),
        SoftwareSigner(kid(GOVERNANCE, ML_DSA_65, second.public), GOVERNANCE, ML_DSA_65, second),
    )


def agreement_text(
    members: Sequence[dict[str, YamlValue]],
    first_day: date = FIRST_DAY,
    held: Mapping[str, GovernanceSigner] | None = None,
) -> bytes:
    """The file of an agreement between these parties; ``held`` are keys that are there already."""
    keys = {}
    for party in members:
        public = keys_of(str(party["id"]), held).public
        keys[str(party["id"])] = GovernanceKeys(
            ed25519=b64(public.ed25519), ml_dsa_65=b64(public.ml_dsa_65)
        )
    return draft(
        shipped_terms(),
        deployment=DEPLOYMENT,
        parties=members,
        governance_keys=keys,
        starts=first_day,
        ends=first_day + timedelta(days=364),
        review_on=first_day + timedelta(days=180),
    ).encode()


def keys_of(agency: str, held: Mapping[str, GovernanceSigner] | None = None) -> GovernanceSigner:
    """The governance keys of an agency: those that are held, or made ones."""
    return (held or {}).get(agency) or governance(agency)


def signed_by_every_party(
    text: ContractText, held: Mapping[str, GovernanceSigner]
) -> SignedContract:
    """The agreement with the note of each party, dated at its first day."""
    unsigned = verify_contract(text)
    notes = []
    for party in text.contract.parties:
        signer = keys_of(party.id, held)
        own = countersign(unsigned, signer, SIGNATORY, time=first_day(text), shown=SHOWN)
        note = own.note_of(party.id)
        assert note is not None
        notes.append(note)
    return replace(unsigned, notes=tuple(notes))


def agreement(count: int) -> ContractText:
    """An agreement of so many parties."""
    return parse_contract(agreement_text(parties(count)), f"{count}.yaml")
