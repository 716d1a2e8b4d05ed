"""Agreements of many parties with real governance keys, made in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from itertools import islice

from broker.envelope.primitives import Ed25519Signer, MlDsa65Signer, b64, sha256
from broker.keys.governance import GovernanceSigner
from broker.keys.kid import ED25519, GOVERNANCE, ML_DSA_65, kid
from broker.keys.signer import SoftwareSigner
from contracts.drafting import YamlValue, draft, london_parties
from contracts.loading import ContractText, parse_contract, shipped_terms
from contracts.parties import GovernanceKeys

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


def agreement_text(members: Sequence[dict[str, YamlValue]], first_day: date = FIRST_DAY) -> bytes:
    """The file of an agreement between these parties."""
    keys = {}
    for party in members:
        public = governance(str(party["id"])).public
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


def agreement(count: int) -> ContractText:
    """An agreement of so many parties."""
    return parse_contract(agreement_text(parties(count)), f"{count}.yaml")
