"""Facts of a case, folded: any order, repeats, corrections, late records, withdrawn consent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.figures.case_values import CaseValues, values_of_case
from broker.figures.facts import Corrected, Fact, format_fact, parse_fact
from contracts.drafting import london_parties
from contracts.parties import Party
from contracts.vocabulary.known import named_vocabulary

FIGURES = named_vocabulary("hate-crime").figures
assert FIGURES is not None
POLICE, COUNCIL, CPS = "csu-camden", "council-camden", "cps-london"
CHARITY, CENTRE = "haven-support", "lantern-centre"
CONTACT = {"name": "Desk", "email": "desk@agency.example"}
PARTIES: Mapping[str, Party] = {
    str(one["id"]): Party.model_validate(
        {**one, "relationship": "separate-controller", "contacts": dict.fromkeys(
            ("data_protection_officer", "operations", "breach", "rights_and_complaints"), CONTACT
        )}
    )
    for one in london_parties()
}  # fmt: skip
SOURCES = (POLICE, COUNCIL, CPS, CHARITY, CENTRE)
CODES = {
    "strand": ("race", "religion", "disability"),
    "borough": ("E09000007", "E09000023"),
    "recorded_as": ("hate_crime", "hate_incident"),
    "outcome": ("acquitted", "convicted_trial"),
}


def fact(event: str, source: str = POLICE, time_ms: int = 1, **said: object) -> Fact:
    options = {name: said.pop(name) for name in ("asked", "answer", "corrected") if name in said}
    values = {name: (code,) if isinstance(code, str) else code for name, code in said.items()}
    return Fact(source, event, time_ms, values, **options)  # type: ignore[arg-type]  # as written


def values(*facts: Fact, agency: str = POLICE) -> CaseValues | None:
    return values_of_case(facts, FIGURES, PARTIES, agency)


def counted(*facts: Fact, agency: str = POLICE) -> CaseValues:
    found = values(*facts, agency=agency)
    assert found is not None
    return found


CORRECTIONS = st.builds(
    Corrected,
    st.sampled_from(SOURCES),
    st.sampled_from(["e0", "e1", "e2"]),
    st.lists(st.sampled_from(sorted(CODES)), unique=True).map(tuple),
    st.booleans(),
)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        name: st.lists(
            st.sampled_from(codes), min_size=1, max_size=3 if name == "strand" else 1, unique=True
        ).map(lambda found: tuple(sorted(found)))
        for name, codes in CODES.items()
    },
)
FACTS = st.lists(
    st.builds(
        Fact,
        st.sampled_from(SOURCES),
        st.sampled_from(["e0", "e1", "e2", "e3"]),
        st.integers(0, 3),
        VALUES,
        st.booleans(),
        st.sampled_from([None, True, False]),
        st.none() | CORRECTIONS,
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda one: (one.source, one.event),
)


@given(FACTS, st.data())
def test_neither_order_nor_repeats_change_the_values(
    facts: list[Fact], data: st.DataObject
) -> None:
    repeated = [*facts, *data.draw(st.lists(st.sampled_from(facts), max_size=4))]
    assert values(*data.draw(st.permutations(repeated))) == values(*facts)


@given(FACTS)
def test_each_dimension_has_a_value_and_only_strands_have_several(facts: list[Fact]) -> None:
    found = values(*facts)
    if found is not None:
        assert found.keys() == {*FIGURES.dimensions, "source", "unit_area"}
        assert all(codes for codes in found.values())
        several = {name for name, codes in found.items() if len(codes) > 1}
        assert several <= {"strand", "civil_measure"}


@given(FACTS)
def test_a_no_after_all_answers_takes_the_case_out_and_a_yes_takes_it_in(facts: list[Fact]) -> None:
    assert values(*facts, fact("last", POLICE, 9, answer=False)) is None
    assert values(*facts, fact("last", POLICE, 9, answer=True)) is not None


@given(FACTS)
def test_a_withdrawn_value_is_as_if_it_was_never_said(facts: list[Fact]) -> None:
    plain = [one for one in facts if one.corrected is None]
    wrong = fact("wrong", CPS, 2, outcome="acquitted", borough="E09000023")
    withdrawn = fact("c", CPS, 9, corrected=Corrected(CPS, "wrong", ("borough", "outcome"), False))
    empty = fact("wrong", CPS, 2)
    assert values(*plain, wrong, withdrawn) == values(*plain, empty, withdrawn)


@given(FACTS)
def test_a_fact_reads_back_as_it_was_written(facts: list[Fact]) -> None:
    for one in facts:
        assert parse_fact(one.source, one.event, format_fact(one)) == one


def test_the_last_statement_of_one_value_counts_also_if_it_arrives_first() -> None:
    late = fact("old", COUNCIL, 1, borough="E09000007")
    assert counted(fact("new", POLICE, 2, borough="E09000023"), late)["borough"] == ("E09000023",)


def test_strands_of_every_agency_count_together_and_each_replaces_its_own() -> None:
    found = counted(
        fact("1", POLICE, 1, strand="religion"),
        fact("2", POLICE, 2, strand="race"),
        fact("3", COUNCIL, 1, strand=("disability", "race")),
    )
    assert found["strand"] == ("disability", "race")


def test_only_the_agency_that_said_a_value_withdraws_it() -> None:
    said = fact("1", POLICE, 1, outcome="acquitted")
    for source, expected in ((POLICE, "not-stated"), (CPS, "acquitted")):
        taken = fact("c", source, 2, corrected=Corrected(POLICE, "1", ("outcome",), False))
        assert counted(said, taken)["outcome"] == (expected,)
    own = fact("1", CPS, 1, outcome="convicted_trial")  # its id is that of the other's event
    taken = fact("c", CPS, 2, corrected=Corrected(POLICE, "1", ("outcome",), False))
    assert counted(own, taken)["outcome"] == ("convicted_trial",)


@pytest.mark.parametrize(
    ("answers", "counts"),
    [
        ([], True), ([None], False), ([True], True), ([False], False), ([True, False], False),
        ([False, True], True), ([True, None], True),
    ],
)  # fmt: skip
def test_the_last_answer_decides_and_silence_is_no_consent(
    answers: Sequence[bool | None], counts: bool
) -> None:
    facts = [fact("0", POLICE, 0)]
    facts += [fact(str(at), POLICE, at, asked=True, answer=a) for at, a in enumerate(answers, 1)]
    assert (values(*facts) is not None) == counts


def test_a_withdrawn_answer_is_silence() -> None:
    yes = fact("1", CHARITY, 1, asked=True, answer=True)
    withdrawn = fact("2", CHARITY, 2, corrected=Corrected(CHARITY, "1", (), True))
    assert values(yes) is not None
    assert values(yes, withdrawn) is None


def test_a_report_to_a_third_party_service_is_never_a_crime_by_itself() -> None:
    report = fact("1", CENTRE, 1, recorded_as="hate_crime")
    assert counted(report, agency=CENTRE)["recorded_as"] == ("third-party-report",)
    recorded = counted(report, fact("2", POLICE, 2, recorded_as="hate_incident"), agency=CENTRE)
    assert recorded["recorded_as"] == ("hate_incident",)
    assert recorded["unit_area"] == ("E09000007",)
    assert recorded["source"] == ("support",)
    later = counted(
        fact("2", POLICE, 2, recorded_as="hate_incident"),
        fact("3", CENTRE, 3, recorded_as="hate_crime"),
    )
    assert later["recorded_as"] == ("hate_incident",)


def test_the_last_recording_counts_with_its_agency_in_any_order() -> None:
    first = fact("1", POLICE, 1, recorded_as="hate_incident")
    last = fact("2", "council-lewisham", 2, recorded_as="hate_crime")
    for found in (counted(first, last), counted(last, first)):
        assert found["recorded_as"] == ("hate_crime",)
        assert found["unit_area"] == ("E09000023",)


def test_the_area_is_that_of_the_agency_that_recorded() -> None:
    assert counted(fact("1", POLICE, 1))["unit_area"] == ("not-stated",)
    london = counted(fact("1", CPS, 1, recorded_as="hate_crime"))
    assert london["unit_area"] == ("several-areas",)
    recorded = [fact("1", POLICE, 1, recorded_as="hate_crime")]
    wider = PARTIES[POLICE].model_copy(update={"area": ("E09000007", "E09000023")})
    several = values_of_case(recorded, FIGURES, {**PARTIES, POLICE: wider}, POLICE)
    assert several is not None
    assert several["unit_area"] == ("several-areas",)
    gone = values_of_case(recorded, FIGURES, {}, POLICE)
    assert gone is not None
    assert gone["unit_area"] == gone["source"] == ("not-stated",)
