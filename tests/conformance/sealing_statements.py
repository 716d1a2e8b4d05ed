"""Statements that an agency signs before it sends: its contract signature, and its manifest
(docs/spec/keys.md; contract-signatures.md).
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

from tests.conformance import json_form, keys
from tests.conformance.conventions import DAY_MS, lp, sha256, write_time
from tests.conformance.envelope import exchange_key
from tests.conformance.notes import DASH, ED25519, ML_DSA_65, NoteKey


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


@dataclass(slots=True)
class Agency:
    """An agency with one key of each role that its records need."""

    deployment: str
    id: str
    governance: tuple[Ed25519PrivateKey, MLDSA65PrivateKey] = field(
        default_factory=lambda: (Ed25519PrivateKey.generate(), MLDSA65PrivateKey.generate())
    )
    manifest_keys: tuple[Ed25519PrivateKey, MLDSA65PrivateKey] = field(
        default_factory=lambda: (Ed25519PrivateKey.generate(), MLDSA65PrivateKey.generate())
    )
    stream: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    exchange_seed: bytes = field(default_factory=lambda: os.urandom(32))

    @property
    def name(self) -> str:
        """Of its keys in signature lines."""
        return f"{self.deployment}/{self.id}"

    @property
    def pinned(self) -> dict[str, str]:
        """As a contract pins its governance keys."""
        first, second = (key.public_key().public_bytes_raw() for key in self.governance)
        return {"ed25519": b64(first), "ml_dsa_65": b64(second)}

    def lines(self, text: str) -> str:
        """The two signature lines of its governance keys."""
        return self._lines(text, self.governance)

    def _lines(self, text: str, pair: tuple[Ed25519PrivateKey, MLDSA65PrivateKey]) -> str:
        lines = []
        for kind, key in zip((ED25519, ML_DSA_65), pair, strict=True):
            note_key = NoteKey(self.name, kind, key.public_key().public_bytes_raw())
            signature = note_key.key_id + key.sign(text.encode())
            lines.append(f"{DASH}{self.name} {b64(signature)}\n")
        return "".join(lines)

    def delegation(self, issued: int) -> str:
        """The text of a delegation of its manifest keys, for the longest time."""
        named = []
        for algorithm, key in zip((keys.ED25519, keys.ML_DSA_65), self.manifest_keys, strict=True):
            public = key.public_key().public_bytes_raw()
            kid = keys.kid("manifest", algorithm, public)
            message = lp("concordant/1/possession", self.deployment, self.id, kid)
            named.append(
                {
                    "kid": b64(kid),
                    "algorithm": algorithm,
                    "public": b64(public),
                    "possession": b64(key.sign(message)),
                }
            )
        stated = {
            "agency": self.id,
            "deployment": self.deployment,
            "version": issued,
            "issued": write_time(issued),
            "expires": write_time(issued + 400 * DAY_MS),
            "keys": named,
            "withdrawn": [],
            "standing": [],
            "revocations": [],
        }
        return f"concordant.delegation/v1\n{self.deployment}\n{json_form.serialise(stated)}\n"

    def manifest(self, version: int, issued: int) -> bytes:
        """A delegation, and a manifest of a stream and an exchange key, with the longest lives."""
        delegation = self.delegation(issued)
        public = exchange_key(self.exchange_seed).public
        stated = {
            "agency": self.id,
            "deployment": self.deployment,
            "version": version,
            "delegation": b64(sha256(delegation.encode())),
            "issued": write_time(issued),
            "expires": write_time(issued + 30 * DAY_MS),
            "contacts": {},
            "keys": [
                self._listed(keys.STREAM, keys.ED25519, self.stream, issued),
                self._key(keys.EXCHANGE, keys.X_WING, public, issued),
            ],
            "revocations": [],
            "standing": [],
        }
        text = f"concordant.manifest/v1\n{self.deployment}\n{json_form.serialise(stated)}\n"
        first = f"{delegation}\n{self.lines(delegation)}"
        return f"{first}{text}\n{self._lines(text, self.manifest_keys)}".encode()

    def _key(self, role: str, algorithm: str, public: bytes, begins: int) -> dict[str, Any]:
        return {
            "kid": b64(keys.kid(role, algorithm, public)),
            "role": role,
            "algorithm": algorithm,
            "public": b64(public),
            "not_before": write_time(begins),
            "not_after": write_time(begins + keys.LONGEST_LIFE_MS[role]),
        }

    def _listed(
        self, role: str, algorithm: str, key: Ed25519PrivateKey, begins: int
    ) -> dict[str, Any]:
        public = key.public_key().public_bytes_raw()
        kid = keys.kid(role, algorithm, public)
        message = lp("concordant/1/possession", self.deployment, self.id, kid)
        possession = b64(key.sign(message))
        return {**self._key(role, algorithm, public, begins), "possession": possession}


def contract_note(file: bytes, members: dict[str, Any], party: Agency, time: int) -> bytes:
    """The note of a party about a contract file without versions before it."""
    act = {
        "agency": party.id,
        "capacity": "Chief Officer",
        "name": "Ada Okafor",
        "shown": b64(sha256(b"a text that was shown")),
        "time": write_time(time),
    }
    documents = (bytes.fromhex(members["pins"][kind]) for kind in ("vocabulary", "framework"))
    text = "".join(
        f"{line}\n"
        for line in (
            "concordant.contract/v1",
            members["deployment"],
            members["name"],
            members["version"],
            " ".join(map(b64, (sha256(file), *documents))),
            "-",
            json_form.serialise(act),
        )
    )
    return f"{text}\n{party.lines(text)}".encode()
