"""Writer of the vectors of statements for partners: `python -m tests.vectors.statement_vectors`.

A listing and counts are sealed to a key whose seed is in the file. Each case alters one of them, or
is another content, and says what a reader gets: the content, or that it does not open, or a code.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from pathlib import Path
from typing import Any

from broker.envelope.primitives import WrapSealer
from broker.envelope.sealing import WrapRecipient
from broker.figures.counting import CountsOf, ReferralCounts
from broker.statements.counts_statement import COUNTS
from broker.statements.listings import LISTING
from broker.statements.partner_statements import StatementForm, StatementPlace, seal_statement
from tests.conformance import envelope
from tests.support.founded_partnership import COUNCIL, NOW, SUPPORT, founded

FILE = Path(__file__).parents[1] / "conformance" / "statement_vectors.json"
SEED, KID = bytes(range(32)), bytes(range(32, 64))
AGREEMENT, PERIOD = "london-hate-crime", "2026-Q1"
NAMES = ("borough", "strand")
ATOMS = {(("E09000007",), ("race",)): 12, (("not-stated",), ("race", "religion")): 1}
REFERRALS = ReferralCounts(("status",), {(("accepted",),): 3}, 0)
LISTED = b'{"organisation":{"description":"Help.","name":"Haven"}}'


def counted(**changed: Any) -> CountsOf:
    """Counts of the charity, some members changed."""
    said: dict[str, Any] = {
        "deployment": founded().deployment, "agreement": AGREEMENT, "agency": SUPPORT,
        "period": PERIOD, "vocabulary": "ab" * 32, "dimensions": NAMES, "atoms": ATOMS,
        "without_consent": 2, "referrals": REFERRALS, "salt": "cd" * 32,
    }  # fmt: skip
    return CountsOf(**{**said, **changed})


def sealed(form: StatementForm, content: bytes) -> bytes:
    """A statement of the charity to the council."""
    world = founded()
    subject = () if form is LISTING else (AGREEMENT, PERIOD)
    place = StatementPlace(world.deployment, SUPPORT, NOW, subject)
    key = WrapRecipient(COUNCIL, KID, WrapSealer(envelope.exchange_key(SEED).public))
    return seal_statement(form, place, content, [key], world.author(SUPPORT, receipts=True))


def cases() -> list[dict[str, Any]]:
    """Every case: the kind, the value, and the answer."""
    found: list[dict[str, Any]] = []

    def add(kind: str, name: str, value: bytes, answer: str) -> None:
        text = b64encode(value).decode()
        found.append({"kind": kind, "name": name, "value": text, "answer": answer})

    for kind, form, content in (
        ("listing", LISTING, LISTED),
        ("counts", COUNTS, zlib.compress(counted().canonical(), 9)),
    ):
        value = sealed(form, content)
        said = LISTED if form is LISTING else counted().canonical()
        add(kind, "as it is made", value, said.decode())
        for name, altered in (
            ("cut by a byte", value[:-1]),
            ("with a byte more", value + b"\0"),
            ("of another count of parts", value[:7] + b"\x03" + value[8:]),
            ("of another heading", value[:17] + b"x" + value[18:]),
            ("of another sealed part", value[:-1] + bytes([value[-1] ^ 1])),
        ):
            add(kind, name, altered, "malformed")
    said = counted().canonical()
    for name, text in (
        ("without referrals", counted(referrals=None).canonical()),
        ("without cases", counted(atoms={}).canonical()),
    ):
        add("counts", name, sealed(COUNTS, zlib.compress(text, 9)), text.decode())
    for name, text in (
        ("with a space", said.replace(b":", b": ", 1)),
        ("with a member more", said.replace(b"{", b'{"a":1,', 1)),
        ("with an atom of no case", said.replace(b'"cases":12', b'"cases":0')),
        ("with a number that is a fraction", said.replace(b'"cases":12', b'"cases":1.5')),
        ("with the same atom twice", said.replace(b'"E09000007"', b'"not-stated"').replace(
            b'["race"]', b'["race","religion"]')),
        ("of another format", said.replace(b"counts/v1", b"counts/v2")),
        ("with null for referrals", counted(referrals=None).canonical().replace(
            b'"without_consent"', b'"referrals":null,"without_consent"')),
    ):  # fmt: skip
        assert text != said
        add("counts", name, sealed(COUNTS, zlib.compress(text, 9)), "malformed")
    compressed = zlib.compress(said, 9)
    add("counts", "not compressed", sealed(COUNTS, said), "malformed")
    add("counts", "with bytes after its end", sealed(COUNTS, compressed + b"x"), "malformed")
    return found


def write() -> None:
    """Write the file anew; every sealed part is then another."""
    document = {"partner": COUNCIL, "seed": SEED.hex(), "kid": KID.hex(), "cases": cases()}
    FILE.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    write()
