"""Manifest keys of an agency, made from a label, and the delegation that names them."""

from __future__ import annotations

from broker.envelope.primitives import Ed25519Signer, MlDsa65Signer, sha256
from broker.keys.delegation import (
    DelegatedStatement,
    DelegationChanges,
    VerifiedDelegation,
    issue_delegation,
)
from broker.keys.governance import GovernanceSigner
from broker.keys.issuing import ManifestChanges, ManifestSigner
from broker.keys.kid import ED25519, MANIFEST, ML_DSA_65, kid
from broker.keys.signer import SoftwareSigner


def manifest_pair(agency: str, label: str = "first") -> tuple[SoftwareSigner, SoftwareSigner]:
    """A pair of manifest keys; the same for the same label."""
    seeds = [sha256(f"{label} {agency} {one}".encode()) for one in (ED25519, ML_DSA_65)]
    first, second = Ed25519Signer(seeds[0]), MlDsa65Signer(seeds[1])
    return (
        SoftwareSigner(kid(MANIFEST, ED25519, first.public), MANIFEST, ED25519, first),
        SoftwareSigner(kid(MANIFEST, ML_DSA_65, second.public), MANIFEST, ML_DSA_65, second),
    )


def delegated(
    governance: GovernanceSigner,
    now: int,
    label: str = "first",
    *,
    previous: VerifiedDelegation | None = None,
    changes: DelegationChanges | None = None,
) -> ManifestSigner:
    """A signer of manifests with a delegation that was issued at ``now``, ms."""
    keys = manifest_pair(governance.agency, label)
    before = None if previous is None else previous.delegation
    delegation = issue_delegation(governance, keys, now, previous=before, changes=changes)
    return ManifestSigner(delegation, *keys)


def delegated_again(
    signer: ManifestSigner, governance: GovernanceSigner, now: int, changes: DelegationChanges
) -> ManifestSigner:
    """The same manifest keys with a later delegation that states more."""
    keys = signer.ed25519, signer.ml_dsa_65
    previous = signer.delegation.delegation
    delegation = issue_delegation(governance, keys, now, previous=previous, changes=changes)
    return ManifestSigner(delegation, *keys)


def delegated_statements(changes: ManifestChanges) -> tuple[DelegatedStatement, ...]:
    """The statements of a delegation that make these changes of a manifest count."""
    left = [("left", one.contract, one.since) for one in changes.standing if one.state == "left"]
    ended = [
        ("resumed", one.contract, one.until) for one in changes.standing if one.until is not None
    ]
    return tuple(
        DelegatedStatement(
            contract=contract,
            state=state,  # type: ignore[arg-type]  # one of the two
            since=since,
            reason="dispute",
        )
        for state, contract, since in dict.fromkeys((*left, *ended))
    )
