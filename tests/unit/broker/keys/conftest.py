"""Keys and manifests made from fixed seeds, so that a failure can be seen again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from broker.envelope.primitives import Ed25519Signer, MlDsa65Signer, sha256
from broker.keys import keyring as keyring_module
from broker.keys.enrolment import possession_message
from broker.keys.governance import GovernanceSigner
from broker.keys.issuing import ManifestSigner
from broker.keys.keyfile import KeyEntry, kid_of, public_of
from broker.keys.keyring import Keyring
from broker.keys.kid import ED25519, GOVERNANCE, LONGEST_LIFE_MS, ML_DSA_65, SIGNING_ROLES
from broker.keys.manifest import Manifest, ManifestKey, manifest_text
from broker.keys.signer import SoftwareSigner
from broker.tlog.note import format_note, sign_note
from contracts.durations import DAY_MS
from tests.support.delegated_keys import delegated

NOW = 1_762_000_000_000
DEPLOYMENT = "test-deployment"
AGENCY = "alpha"


@pytest.fixture
def now() -> int:
    return NOW


@pytest.fixture
def vectors() -> Callable[[str], Any]:
    """Published vectors by file name."""
    folder = os.environ.get("CONCORDANT_VECTORS")
    if folder is None:
        pytest.skip("CONCORDANT_VECTORS is not set: published vectors are not here")
    return lambda name: json.loads((Path(folder) / name).read_text())


def seed(label: str) -> bytes:
    return sha256(label.encode())


@pytest.fixture
def governance() -> Callable[..., GovernanceSigner]:
    def make(agency: str = AGENCY, label: str = "governance") -> GovernanceSigner:
        kinds: dict[str, Any] = {ED25519: Ed25519Signer, ML_DSA_65: MlDsa65Signer}
        halves = []
        for algorithm, kind in kinds.items():
            key = kind(seed(f"{label} {agency} {algorithm}"))
            kid = kid_of(GOVERNANCE, algorithm, b"", key.public)
            halves.append(SoftwareSigner(kid, GOVERNANCE, algorithm, key))
        return GovernanceSigner(DEPLOYMENT, agency, halves[0], halves[1])

    return make


@pytest.fixture
def listed() -> Callable[..., ManifestKey]:
    """A key as a manifest lists it, valid from now for as long as its role may be."""

    def make(
        role: str,
        algorithm: str,
        *,
        label: str = "first",
        agency: str = AGENCY,
        start: int = NOW,
        life: int | None = None,
    ) -> ManifestKey:
        private = seed(f"{label} {agency} {role} {algorithm}")
        public = public_of(algorithm, private)
        kid = kid_of(role, algorithm, private, public)
        possession = None
        if role in SIGNING_ROLES:
            from broker.envelope.primitives import MlDsa44Signer

            kind = Ed25519Signer if algorithm == ED25519 else MlDsa44Signer
            possession = kind(private).sign(possession_message(DEPLOYMENT, agency, kid))
        return ManifestKey.model_validate(
            {
                "kid": kid,
                "role": role,
                "algorithm": algorithm,
                "public": public,
                "not_before": start,
                "not_after": start + (LONGEST_LIFE_MS[role] if life is None else life),
                "possession": possession,
            }
        )

    return make


@pytest.fixture
def signer(governance: Callable[..., GovernanceSigner]) -> Callable[..., ManifestSigner]:
    """The manifest keys of an agency, delegated 30 days ago."""
    made: dict[tuple[str, str, str], ManifestSigner] = {}

    def make(
        agency: str = AGENCY, label: str = "first", governed: str = "governance"
    ) -> ManifestSigner:
        what = agency, label, governed
        if what not in made:
            made[what] = delegated(governance(agency, governed), NOW - 30 * DAY_MS, label)
        return made[what]

    return make


@pytest.fixture
def manifest(
    listed: Callable[..., ManifestKey], signer: Callable[..., ManifestSigner]
) -> Callable[..., Manifest]:
    def make(agency: str = AGENCY, **changes: Any) -> Manifest:
        fields: dict[str, Any] = {
            "agency": agency,
            "deployment": DEPLOYMENT,
            "version": 1,
            "delegation": signer(agency).delegation.hash,
            "issued": NOW,
            "expires": NOW + 30 * DAY_MS,
            "contacts": {"operations": f"operations@{agency}.example"},
            "keys": (
                listed("stream", "ed25519", agency=agency),
                listed("stream", "ml-dsa-44", agency=agency),
                listed("exchange", "mlkem768-x25519", agency=agency),
                listed("receipt", "ed25519", agency=agency),
            ),
            **changes,
        }
        return Manifest.model_validate(fields)

    return make


@pytest.fixture
def signed_note(signer: Callable[..., ManifestSigner]) -> Callable[..., bytes]:
    """A delegation, and a manifest as a signed note after it."""

    def make(document: Manifest | bytes, keys: ManifestSigner | None = None) -> bytes:
        agency = AGENCY if isinstance(document, bytes) else document.agency
        keys = keys or signer(agency)
        text = document if isinstance(document, bytes) else manifest_text(document)
        return keys.delegation.raw + format_note(sign_note(text, keys.note_signers()))

    return make


@pytest.fixture(autouse=True)
def stretched(monkeypatch: pytest.MonkeyPatch) -> None:
    """One hash in place of scrypt, whose 400 ms tests/unit/broker/envelope tests."""
    monkeypatch.setattr(
        keyring_module, "scrypt_key", lambda given, salt, cost: sha256(given + salt)
    )


@pytest.fixture
def keyring(tmp_path: Path) -> Callable[..., Keyring]:
    def make(passphrase: bytes = b"correct", agency: str = AGENCY) -> Keyring:
        return Keyring(
            tmp_path / "keys",
            deployment=DEPLOYMENT,
            agency=agency,
            passphrase=lambda: passphrase,
        )

    return make


@pytest.fixture
def stream_entry(keyring: Callable[..., Keyring]) -> KeyEntry:
    return keyring().create("stream", "ed25519", not_before=NOW, not_after=NOW + DAY_MS)
