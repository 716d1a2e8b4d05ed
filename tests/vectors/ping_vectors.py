"""Writer of the vectors of pings: `python -m tests.vectors.ping_vectors`.

A value is sealed to a key whose seed is in the file. Each case alters a value, and says whether a
reader reads and opens it.
"""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

from broker.envelope.primitives import WrapSealer
from broker.envelope.sealing import WrapRecipient
from broker.statements.pings import PingKind, PingPlace, PongTimes, seal_ping, seal_pong
from tests.conformance import envelope
from tests.support.founded_partnership import COUNCIL, NOW, POLICE, founded

FILE = Path(__file__).parents[1] / "conformance" / "ping_vectors.json"
SEED, KID, BYTES, ID = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96)), "3c" * 16
TIMES = (NOW + 1, NOW + 2, NOW + 3)


def value_of(kind: PingKind) -> bytes:
    """A ping of the police to the council, or the pong to it."""
    world = founded()
    there = (POLICE, COUNCIL) if kind == "ping" else (COUNCIL, POLICE)
    place = PingPlace(kind, world.deployment, *there, ID, NOW)
    key = WrapRecipient(place.to, KID, WrapSealer(envelope.exchange_key(SEED).public))
    signer = world.author(place.agency, receipts=True)
    if kind == "ping":
        return seal_ping(place, BYTES, key, signer)
    return seal_pong(place, BYTES, PongTimes(*TIMES), key, signer)


def cases() -> list[dict[str, Any]]:
    """Every case: its value, the alteration, and whether it is read and opened."""
    read = {"ping": {"read": True, "times": []}, "pong": {"read": True, "times": list(TIMES)}}
    found: list[dict[str, Any]] = []
    for kind in ("ping", "pong"):
        found += [
            {"name": f"{kind}", "of": kind, **read[kind]},
            {"name": f"{kind} cut by a byte", "of": kind, "cut": 1, "read": False},
            {"name": f"{kind} with a byte more", "of": kind, "add": "00", "read": False},
            {"name": f"{kind} of another count", "of": kind, "flip": [7, 1], "read": False},
            {"name": f"{kind} of another heading", "of": kind, "flip": [16, 1], "read": False},
            {
                "name": f"{kind} of another seal",
                "of": kind,
                "flip": [-1, 1],
                "read": False,
            },
        ]
    return found


def write() -> None:
    """Write the file anew; every sealed part is then another."""
    values = {kind: b64encode(value_of(kind)).decode() for kind in ("ping", "pong")}
    document = {
        "deployment": founded().deployment,
        "seed": SEED.hex(),
        "kid": KID.hex(),
        "bytes": BYTES.hex(),
        "id": ID,
        "time": NOW,
        "values": values,
        "cases": cases(),
    }
    FILE.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    write()
