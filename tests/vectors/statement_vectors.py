"""Writer of the vectors of statements for partners: `python -m tests.vectors.statement_vectors`.

A listing, counts and the parts of a union are sealed to a key whose seed is in the file. Each case
alters one of them, or is another content, and says what a reader gets: the content, or that it does
not open, or a code. The tokens of some cases are there too.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from pathlib import Path
from typing import Any

from broker.envelope.primitives import WrapSealer, lp
from broker.envelope.sealing import WrapRecipient
from broker.figures.counting import CountsOf, ReferralCounts
from broker.figures.unions.tokens import (
    PeriodKey,
    TokenPlace,
    TokenSets,
    format_tokens,
)
from broker.statements.counts_statement import COUNTS
from broker.statements.listings import LISTING
from broker.statements.partner_statements import StatementForm, StatementPlace, seal_statement
from broker.statements.union_statements import UNION
from tests.conformance import envelope
from tests.support.founded_partnership import COUNCIL, NOW, SUPPORT, founded

FILE = Path(__file__).parents[1] / "conformance" / "statement_vectors.json"
SEED, KID = bytes(range(32)), bytes(range(32, 64))
AGREEMENT, PERIOD = "london-hate-crime", "2026-Q1"
NAMES = ("borough", "strand")
ATOMS = {(("E09000007",), ("race",)): 12, (("not-stated",), ("race", "religion")): 1}
REFERRALS = ReferralCounts(("status",), {(("accepted",),): 3}, 0)
PERIOD_KEY, SECRET = bytes(range(64, 96)), bytes(range(96, 128))
CASE_IDS = [f"0f3d9a52-6b1c-4e7d-8a90-1c2d3e4f5a{number:02x}" for number in range(4)]
LISTED = b'{"organisation":{"description":"Help.","name":"Haven"}}'


def counted(**changed: Any) -> CountsOf:
    """Counts of the charity, some members changed."""
    said: dict[str, Any] = {
        "deployment": founded().deployment, "agreement": AGREEMENT, "agency": SUPPORT,
        "period": PERIOD, "vocabulary": "ab" * 32, "dimensions": NAMES, "atoms": ATOMS,
        "without_consent": 2, "referrals": REFERRALS, "salt": "cd" * 32,
    }  # fmt: skip
    return CountsOf(**{**said, **changed})


def sealed(form: StatementForm, content: bytes, part: str = "") -> bytes:
    """A statement of the charity to the council; a part of a union names which."""
    world = founded()
    subject = () if form is LISTING else (AGREEMENT, PERIOD, part)[: form.subject]
    place = StatementPlace(world.deployment, SUPPORT, NOW, subject)
    key = WrapRecipient(COUNCIL, KID, WrapSealer(envelope.exchange_key(SEED).public))
    return seal_statement(form, place, content, [key], world.author(SUPPORT, receipts=True))


class Cases:
    """Cases of the file."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []

    def add(self, kind: str, name: str, value: bytes, answer: str) -> None:
        """Add one: the kind, its name, the value, and the answer."""
        text = b64encode(value).decode()
        self.found.append({"kind": kind, "name": name, "value": text, "answer": answer})


def union_place() -> TokenPlace:
    """The union of the file."""
    return TokenPlace(founded().deployment, AGREEMENT, PERIOD)


def add_unions(cases: Cases) -> None:
    """Add the parts of a union, as they are made and with each fault of a content."""
    key = PeriodKey(union_place(), PERIOD_KEY)
    sets = TokenSets.of(key, CASE_IDS[:2], CASE_IDS[2:], SECRET)
    content = format_tokens(sets)
    minted, seen = (b"".join(sorted(one)) for one in (sets.minted, sets.seen))
    said = {
        "key_id": sets.key_id.hex(),
        "minted": [one.hex() for one in sorted(sets.minted)],
        "seen": [one.hex() for one in sorted(sets.seen)],
    }
    cases.add("key", "as it is made", sealed(UNION, PERIOD_KEY, "key"), key.id.hex())
    cases.add("key", "of 31 bytes", sealed(UNION, PERIOD_KEY[1:], "key"), "malformed")
    made = sealed(UNION, content, "tokens")
    cases.add("tokens", "as they are made", made, json.dumps(said))
    for name, other in (
        ("cut by a byte", content[:-1]),
        ("with a part more", lp(sets.key_id, minted, seen, b"")),
        ("of a key id of 31 bytes", lp(sets.key_id[1:], minted, seen)),
        ("with a token of 15 bytes", lp(sets.key_id, minted[1:], seen)),
        ("with a token twice", lp(sets.key_id, minted[:16] * 2, seen)),
        ("not ascending", lp(sets.key_id, minted[16:] + minted[:16], seen)),
        ("with a token in both sets", lp(sets.key_id, seen[:16], seen)),
        ("without padding", lp(sets.key_id, minted, seen[16:])),
        ("without seen cases", lp(sets.key_id, minted, b"")),
    ):
        cases.add("tokens", name, sealed(UNION, other, "tokens"), "malformed")
    for share in (50, 0, 100, None):
        text = json.dumps({"contributors": [COUNCIL, SUPPORT], "share_percent": share})
        result = text.replace(" ", "").encode()
        cases.add("result", f"of a share of {share}", sealed(UNION, result, "result"), text)
    text = '{"contributors":["a"],"newer":[{"x":1}],"share_percent":7}'
    answer = json.dumps({"contributors": ["a"], "share_percent": 7})
    cases.add("result", "with a newer member", sealed(UNION, text.encode(), "result"), answer)
    for name, text in (
        ("above 100", '{"contributors":["a","b"],"share_percent":101}'),
        ("below 0", '{"contributors":["a","b"],"share_percent":-1}'),
        ("of a fraction", '{"contributors":["a","b"],"share_percent":1.5}'),
        ("of a flag", '{"contributors":["a","b"],"share_percent":true}'),
        ("without a share", '{"contributors":["a","b"]}'),
        ("of no contributor", '{"contributors":[],"share_percent":1}'),
        ("of contributors that are not ascending", '{"contributors":["b","a"],"share_percent":1}'),
        ("with a contributor twice", '{"contributors":["a","a"],"share_percent":1}'),
        ("of a contributor that is no id", '{"contributors":["A"],"share_percent":1}'),
        ("with a member twice", '{"contributors":["a"],"share_percent":1,"share_percent":2}'),
        ("that is no object", "[]"),
    ):
        cases.add("result", name, sealed(UNION, text.encode(), "result"), "malformed")


def tokens_of_cases() -> dict[str, Any]:
    """The tokens of some cases, and the first one that names no case."""
    place, key = union_place(), PeriodKey(union_place(), PERIOD_KEY)
    padded = TokenSets.of(key, (), (), SECRET)
    return {
        "deployment": place.deployment, "agreement": AGREEMENT, "period": PERIOD,
        "period_key": PERIOD_KEY.hex(), "secret": SECRET.hex(),
        "tokens": {one: key.token(one).hex() for one in CASE_IDS},
        "padding": [one.hex() for one in sorted(padded.seen)],
    }  # fmt: skip


def cases() -> list[dict[str, Any]]:
    """Every case: the kind, the value, and the answer."""
    cases = Cases()
    add = cases.add
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
    add_unions(cases)
    return cases.found


def write() -> None:
    """Write the file anew; every sealed part is then another."""
    document = {
        "partner": COUNCIL, "seed": SEED.hex(), "kid": KID.hex(), "union": tokens_of_cases(),
        "cases": cases(),
    }  # fmt: skip
    FILE.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    write()
