"""Sources of the vectors: one label for all randomness, and values that a library drew.

Every seed, salt and nonce is H(label, name, counter), so a case depends on its own name and not on
the cases before it. HPKE encapsulations and ML-DSA signatures cannot be fixed that way: the library
draws their randomness and offers no other. They are recorded once in fixed.json, under a hash of
all that they are for, and checked whenever they are taken from there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from broker.envelope.primitives import (
    MlDsa44Signer,
    MlDsa44Verifier,
    MlDsa65Signer,
    MlDsa65Verifier,
    SealBroken,
    SignatureInvalid,
    WrapOpener,
    WrapSealer,
    b64,
    lp,
    sha256,
    strict_b64,
)


class MissingError(Exception):
    """Something is not recorded, and recording was not asked for."""


class Ground:
    """The label and the record.

    Args:
        path: of fixed.json.
        record: whether what is missing is made and kept.
    """

    def __init__(self, path: Path, *, record: bool = False) -> None:
        held = json.loads(path.read_text("utf-8"))
        self._path = path
        self._about: str = held["about"]
        self._label: str = held["label"]
        self._recorded: dict[str, str] = held["recorded"]
        self._used: dict[str, str] = {}
        self._record = record

    def draw(self, count: int, *name: str | int | bytes) -> bytes:
        """``count`` bytes that follow from the label and this name."""
        parts = [p if isinstance(p, bytes) else str(p).encode() for p in name]
        head = lp(self._label.encode(), *parts)
        blocks = (sha256(head + at.to_bytes(8, "big")) for at in range(-(-count // 32)))
        return b"".join(blocks)[:count]

    def wrap(self, seed: bytes, info: bytes, secret: bytes) -> bytes:
        """An HPKE session wrap for the exchange key with this seed."""
        opener = WrapOpener(seed)

        def check(found: bytes) -> bool:
            try:
                return opener.open(found, info) == secret
            except SealBroken:
                return False

        return self._take(
            sha256(lp(b"wrap", opener.public, info, secret)),
            lambda: WrapSealer(opener.public).seal(secret, info),
            check,
        )

    def signature(self, key: MlDsa44Signer | MlDsa65Signer, message: bytes) -> bytes:
        """An ML-DSA signature."""
        verifier = (
            MlDsa65Verifier(key.public)
            if isinstance(key, MlDsa65Signer)
            else MlDsa44Verifier(key.public)
        )

        def check(found: bytes) -> bool:
            try:
                verifier.verify(found, message)
            except SignatureInvalid:
                return False
            return True

        name = sha256(lp(b"signature", key.public, message))
        return self._take(name, lambda: key.sign(message), check)

    def _take(
        self, name: bytes, make: Callable[[], bytes], check: Callable[[bytes], bool]
    ) -> bytes:
        held = self._recorded.get(name.hex())
        if held is None:
            if not self._record:
                raise MissingError(
                    "fixed.json lacks something that the vectors need: run generate.py --record"
                )
            held = self._recorded[name.hex()] = b64(make())
        found = strict_b64(held)
        if not check(found):
            raise MissingError(f"fixed.json holds something else under {name.hex()}")
        self._used[name.hex()] = held
        return found

    def save(self) -> None:
        """Write back what was used."""
        text = json.dumps(
            {
                "about": self._about,
                "label": self._label,
                "recorded": dict(sorted(self._used.items())),
            },
            indent=1,
        )
        self._path.write_text(text + "\n", "utf-8")


class RecordedSigner:
    """An ML-DSA key whose signatures are those of fixed.json."""

    def __init__(self, ground: Ground, key: MlDsa44Signer | MlDsa65Signer) -> None:
        self._ground = ground
        self._key = key
        self.public = key.public

    def sign(self, message: bytes) -> bytes:
        """The recorded signature."""
        return self._ground.signature(self._key, message)
