"""Content of statements with counts: one form, and bounds before anything is expanded."""

from __future__ import annotations

import zlib
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from broker.figures import counts_content
from broker.figures.counting import CountsOf, ReferralCounts
from broker.figures.counts_content import MAX_ATOMS, MAX_JSON_BYTES, packed, unpacked

NAMES = ("borough", "strand")


def counts(atoms: dict[tuple[tuple[str, ...], ...], int], without: int = 0) -> CountsOf:
    return CountsOf("d", "agreement", "agency", "2026-Q3", "0" * 64, NAMES, atoms, without)


CODES = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3).map(tuple)
ATOMS = st.dictionaries(st.tuples(CODES, CODES), st.integers(1, 1_000), max_size=8)


@given(ATOMS, st.integers(0, 1_000))
def test_packed_counts_are_unpacked(
    atoms: dict[tuple[tuple[str, ...], ...], int], without: int
) -> None:
    referrals = ReferralCounts(NAMES, atoms, without) if without % 2 else None
    given_counts = replace(counts(atoms, without), referrals=referrals)
    content = packed(given_counts)
    assert content is not None
    assert unpacked(content) == given_counts
    assert unpacked(content).digest == given_counts.digest


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    for content in (data, zlib.compress(data)):
        with pytest.raises(ValueError, match="content"):
            unpacked(content)


def test_a_bomb_is_refused_before_it_is_expanded() -> None:
    bomb = zlib.compress(bytes(20 * MAX_JSON_BYTES))
    with pytest.raises(ValueError, match="too large"):
        unpacked(bomb)


@pytest.mark.parametrize(
    ("member", "content"),
    [
        ("atoms", b"{},"),
        ("atoms", b"1,"),
        ("dimensions", b"1,"),
        ("atoms", b'{"values":[[%b1]],"cases":1},' % (b"1," * 99)),
        ("referrals.atoms", b"{},"),
    ],
)
def test_wrong_elements_are_not_gathered(member: str, content: bytes) -> None:
    """A small record could otherwise make its readers keep millions of faults."""
    elements = b"[" + (content * 200).rstrip(b",") + b"]"
    said = orjson.loads(counts({(("a",), ("b",)): 1}).canonical())
    said["referrals"] = {"atoms": [], "dimensions": list(NAMES), "without_consent": 0}
    place = said
    *parents, name = member.split(".")
    for one in parents:
        place = place[one]
    place[name] = orjson.Fragment(elements)
    with pytest.raises(ValueError, match="required members") as refused:
        unpacked(zlib.compress(orjson.dumps(said)))
    assert isinstance(refused.value.__cause__, ValidationError)
    assert refused.value.__cause__.error_count() < 20  # of 200 elements


def test_data_after_the_end_is_refused() -> None:
    content = packed(counts({}))
    assert content is not None
    for altered in (content + b"x", content[:-1]):
        with pytest.raises(ValueError, match="end"):
            unpacked(altered)


def test_atoms_in_another_order_or_twice_are_refused() -> None:
    said = counts({(("a",), ("b",)): 1, (("c",), ("d",)): 1}).canonical()
    first, second = b'{"cases":1,"values":[["a"],["b"]]}', b'{"cases":1,"values":[["c"],["d"]]}'
    assert first + b"," + second in said
    for other in (second + b"," + first, first + b"," + first):
        with pytest.raises(ValueError, match="canonical"):
            unpacked(zlib.compress(said.replace(first + b"," + second, other)))


def test_more_cases_than_a_country_has_are_refused() -> None:
    content = packed(counts({(("a",), (f"{n}",)): 9_999_999 for n in range(2)}))
    assert content is not None
    with pytest.raises(ValueError, match="too many"):
        unpacked(content)


def test_counts_that_no_record_holds_are_not_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    some = counts({(("a",), (f"{n:05}",)): 1 for n in range(MAX_ATOMS)})
    assert packed(some) is not None
    assert packed(replace(some, atoms={**some.atoms, (("b",), ("b",)): 1})) is None
    monkeypatch.setattr(counts_content, "MAX_CONTENT_BYTES", 1_000)
    assert packed(some) is None
