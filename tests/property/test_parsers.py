"""No input makes a parser raise anything but its own errors, or take two texts for one thing.

Input comes from Kafka, from agencies' systems, from editors and from disks. The list of parsers is
tests/fuzz/parser_catalogue.py; `make fuzz` tries the same ones for longer.
"""

from __future__ import annotations

import random

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.parser_catalogue import PARSERS, Parser
from tests.fuzz.parser_exports import exports
from tests.fuzz.parser_mutation import replaced, spliced

ALL = (*PARSERS, *exports())
STRUCTURED = tuple(parser for parser in ALL if parser.documents)
EXAMPLES, SLOW_EXAMPLES = 120, 25

every = pytest.mark.parametrize("parser", ALL, ids=lambda parser: parser.name)
structured = pytest.mark.parametrize("parser", STRUCTURED, ids=lambda parser: parser.name)
randoms = st.integers(0, 2**64 - 1).map(random.Random)
anything = st.one_of(
    st.binary(max_size=400),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
)


def examples(parser: Parser) -> settings:
    return settings(
        max_examples=SLOW_EXAMPLES if parser.slow else EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@every
def test_real_output_is_accepted(parser: Parser) -> None:
    assert all(parser.check(seed) for seed in parser.seeds)


@structured
def test_documents_are_accepted_where_they_belong(parser: Parser) -> None:
    assert parser.wrap is not None
    for document in parser.documents:
        assert parser.check(parser.wrap(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)))


@every
def test_any_bytes_are_accepted_or_refused_in_our_own_words(parser: Parser) -> None:
    @examples(parser)
    @given(anything)
    def hold(data: bytes) -> None:
        parser.check(data)

    parser.check(b"")
    hold()


@every
def test_altered_inputs_are_accepted_in_their_one_form_or_refused(parser: Parser) -> None:
    @examples(parser)
    @given(st.sampled_from(parser.seeds), randoms)
    def hold(seed: bytes, rng: random.Random) -> None:
        parser.check(spliced(seed, rng, parser.seeds))

    hold()


@structured
def test_altered_documents_are_accepted_in_their_one_form_or_refused(parser: Parser) -> None:
    wrap = parser.wrap
    assert wrap is not None

    @examples(parser)
    @given(st.sampled_from(parser.documents), randoms)
    def hold(document: object, rng: random.Random) -> None:
        parser.check(wrap(replaced(document, rng)))

    hold()


def numbers(document: object) -> int:
    """Number of values in a document that numbers could replace."""
    if isinstance(document, dict):
        return sum(map(numbers, document.values()))
    if isinstance(document, list):
        return sum(map(numbers, document))
    return 1


def with_value(document: object, at: list[int], value: object) -> object:
    """The document with its n-th value replaced."""
    if isinstance(document, dict):
        return {name: with_value(item, at, value) for name, item in document.items()}
    if isinstance(document, list):
        return [with_value(item, at, value) for item in document]
    at[0] -= 1
    return value if at[0] == -1 else document


@structured
@pytest.mark.parametrize("value", [2**53 - 1, 2**64 - 1, -1, 0, "", None, 1.5, True, [], {}])
def test_no_value_of_another_kind_gets_past_a_parser_as_an_accident(
    parser: Parser, value: object
) -> None:
    # 2^53 - 1 ms is an instant of the year 287396: it ended in the calendar's OverflowError once
    assert parser.wrap is not None
    for document in parser.documents:
        every_nth = 40 if parser.slow else 1
        for at in range(0, numbers(document), every_nth):
            changed = with_value(document, [at], value)
            parser.check(parser.wrap(orjson.dumps(changed, option=orjson.OPT_SORT_KEYS)))
