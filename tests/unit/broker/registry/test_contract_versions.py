"""Versions of a contract: effect, replacement, and leaving by signature."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import RegistryError
from broker.registry.contract_book import ContractBook
from broker.registry.contract_in_force import contract_in_force
from broker.registry.contracts import SignedContract, verify_contract
from broker.registry.manifests import ManifestBook
from broker.registry.repository import OTHERS_FOLDER, Repository
from broker.registry.stops import Stop
from broker.sending.sealing_context import SealingContext
from broker.statements.presence import Presence
from contracts.durations import DAY_MS, SECOND_MS
from contracts.loading import parse_contract
from contracts.status import Departure
from tests.support.contract_signatures import first_day, signed_by
from tests.support.founded_partnership import (
    COUNCIL,
    NOW,
    POLICE,
    SUPPORT,
    TODAY,
    FoundedPartnership,
    founded,
)

CAST = (POLICE, COUNCIL, SUPPORT)
Version = Callable[..., SignedContract]


@pytest.fixture(scope="module")
def world() -> FoundedPartnership:
    return founded()


def version(
    number: str,
    *previous: SignedContract,
    parties: tuple[str, ...] = CAST,
    signers: tuple[str, ...] | None = None,
    start: int = 0,
    signed: int = 0,
    days: int = 364,
) -> SignedContract:
    """A version that some have signed, so many milliseconds after its first day."""
    world = founded()
    listed = ", ".join(f'"{one}"' for one in sorted(one.hash.hex() for one in previous))
    starts = TODAY + timedelta(days=start)
    made = world.another_contract(
        parties=parties,
        starts=starts,
        ends=starts + timedelta(days=days),
        terms=lambda text: text.replace(
            "\nversion: 1.0.0\n", f"\nversion: {number}\nprevious: [{listed}]\n", 1
        ),
    )
    pairs = [world.governance[one] for one in (parties if signers is None else signers)]
    return signed_by(made.text, pairs, first_day(made.text) + signed)


def book(*contracts: SignedContract, agency: str = COUNCIL) -> ContractBook:
    world = founded()
    return ContractBook(
        deployment=world.deployment,
        agency=agency,
        fingerprints=world.governance[agency].public.fingerprints,
        contracts=contracts,
    )


def sending(contracts: ContractBook, now: int) -> str:
    manifests = ManifestBook(contracts.deployment)
    return contract_in_force(contracts, manifests, now).contract.version


START = first_day(version("1.0.0").text)


def test_a_version_has_effect_from_the_last_signature_or_its_first_day() -> None:
    assert version("1.0.0", signed=-DAY_MS).effect == START
    late = version("1.0.0", signers=(POLICE, COUNCIL))
    last = signed_by(late.text, [founded().governance[SUPPORT]], START + 5 * SECOND_MS)
    assert late.effect is None
    assert late.with_notes(last.notes).effect == START + 5 * SECOND_MS


def test_a_signature_thirty_days_after_the_first_day_does_not_count() -> None:
    assert version("1.0.0", signed=30 * DAY_MS).missing == ()
    assert version("1.0.0", signed=30 * DAY_MS + 1).missing == CAST


def test_an_old_draft_that_is_completed_after_its_successor_replaces_nothing() -> None:
    first = version("1.0.0")
    draft = version("1.1.0", first, signers=(POLICE,))
    newer = version("1.2.0", first, draft)
    before = book(first, draft, newer)
    assert sending(before, START + DAY_MS) == "1.2.0"
    completed = draft.with_notes(version("1.1.0", first, signed=10 * DAY_MS).notes)
    after = book(first, completed, newer)
    assert sending(after, START + 20 * DAY_MS) == "1.2.0"


def test_two_drafts_of_different_parties_end_in_one_version() -> None:
    first = version("1.0.0")
    one = version("1.1.0", first, signers=(POLICE,))
    other = version("1.1.1", first, signers=(SUPPORT,))
    joint = version("1.2.0", first, one, other)
    assert sending(book(first, one, other, joint), START + DAY_MS) == "1.2.0"
    complete = [version(number, first) for number in ("1.1.0", "1.1.1")]
    assert sending(book(first, *complete, joint), START + DAY_MS) == "1.2.0"


def test_a_version_that_has_ended_still_replaces_those_before() -> None:
    first = version("1.0.0")
    short = version("1.1.0", first, days=5)
    with pytest.raises(RegistryError) as error:
        sending(book(first, short), START + 10 * DAY_MS)
    assert error.value.code == "contract_expired"


def test_a_note_dated_back_loses_no_record_between_parties() -> None:
    """The reader's own clock counts: it held the version complete a week after its effect."""
    first, second = version("1.0.0"), version("1.1.0", version("1.0.0"))
    held = START + 7 * DAY_MS
    contracts = book(first, second)
    contracts.completed[second.hash] = held
    known = contract_in_force(
        contracts, ManifestBook(contracts.deployment), contract_hash=first.hash
    )
    last = held + second.contract.changeover_ms
    assert known.replaced_by(POLICE, COUNCIL, START - 1) == ()
    for at in (START, held, last - 1):
        narrowing = known.replaced_by(POLICE, COUNCIL, at)
        assert narrowing is not None
        assert len(narrowing) == 1
    assert known.replaced_by(POLICE, COUNCIL, last) is None


def test_a_removed_sender_is_refused_from_the_effect() -> None:
    first = version("1.0.0")
    without = version("1.1.0", first, parties=(POLICE, COUNCIL))
    contracts = book(first, without)
    known = contract_in_force(
        contracts, ManifestBook(contracts.deployment), contract_hash=first.hash
    )
    assert known.replaced_by(SUPPORT, COUNCIL, START) is None
    assert known.replaced_by(SUPPORT, COUNCIL, START - 1) == ()


# --- signing is leaving ---------------------------------------------------------------------------


def parted(contracts: ContractBook, text: SignedContract) -> set[Departure]:
    return set(contracts.partings(text.text))


def test_a_signature_without_a_party_parts_the_two_whether_or_not_it_is_complete() -> None:
    first = version("1.0.0")
    draft = version(
        "1.1.0", first, parties=(POLICE, COUNCIL), signers=(POLICE,), start=3, signed=-DAY_MS
    )
    since = START + 3 * DAY_MS
    signer = book(first, draft, agency=POLICE)
    assert parted(signer, first) == {Departure(SUPPORT, "left", since)}
    removed = book(first, agency=SUPPORT).adding_other(draft)
    assert parted(removed, first) == {Departure(POLICE, "left", since)}
    unsigned = book(first, draft, agency=COUNCIL)
    assert parted(unsigned, first) == set()
    later = version(
        "1.1.0",
        first,
        parties=(POLICE, COUNCIL),
        signers=(POLICE,),
        start=3,
        signed=5 * DAY_MS,
    )
    (late,) = parted(book(first, agency=SUPPORT).adding_other(later), first)
    assert late.since_ms == since + 5 * DAY_MS


def test_one_signature_takes_no_right_of_another_party_at_kafka_and_ends_no_statements() -> None:
    """The other parties still share the version before with the party that is left out."""
    first = version("1.0.0")
    draft = version("1.1.0", first, parties=(POLICE, COUNCIL), signers=(POLICE,))
    contracts = book(first, draft, agency=POLICE)
    manifests = ManifestBook(contracts.deployment)
    assert parted(contracts, first) == {Departure(SUPPORT, "left", START)}
    assert contracts.departures(first.text, manifests) == ()
    assert SUPPORT in Presence(contracts, manifests).parties
    status = contracts.status_of(first, manifests, START + DAY_MS)
    assert status.party_state(SUPPORT) == "left"


def test_a_sender_takes_the_newer_version_when_it_has_effect() -> None:
    first = version("1.0.0")
    newer = version("1.1.0", first, signed=DAY_MS)
    contracts = book(first, newer, agency=POLICE)
    kept = SealingContext(contracts, ManifestBook(contracts.deployment))
    for moment, number in (
        (START + 1, "1.0.0"),
        (START + DAY_MS - 1, "1.0.0"),
        (START + DAY_MS, "1.1.0"),
        (START + 1, "1.0.0"),
    ):
        found = kept.contract_in_force("referral.made", (COUNCIL,), moment)
        assert found.contract.version == number


def test_a_version_without_us_counts_only_from_known_parties_and_for_known_versions() -> None:
    first = version("1.0.0")
    mine = book(first, agency=SUPPORT)
    foreign = [
        version("1.1.0", parties=(POLICE, COUNCIL)),  # it replaces nothing
        version("1.1.0", first, parties=(POLICE, COUNCIL), signers=()),
        version("1.1.0", first),  # it names us
    ]
    for one in foreign:
        with pytest.raises(RegistryError) as error:
            mine.adding_other(one)
        assert error.value.code == "contract_foreign"
    two = version("1.1.0", version("1.0.0", parties=(POLICE, SUPPORT)), parties=(POLICE, COUNCIL))
    narrow = book(version("1.0.0", parties=(POLICE, SUPPORT)), agency=SUPPORT).adding_other(two)
    (kept,) = narrow.others()
    assert kept.parties == {POLICE}  # the council was no party of the version before


def test_a_version_without_us_is_kept_from_kafka_and_loaded_again(
    world: FoundedPartnership, tmp_path: object
) -> None:
    folder = world.directory(SUPPORT, Path(str(tmp_path)))
    pair = world.governance[SUPPORT].public.fingerprints
    repository = Repository(folder, deployment=world.deployment, agency=SUPPORT, fingerprints=pair)
    contracts = repository.load_contracts()
    draft = version("1.1.0", world.signed, parties=(POLICE, COUNCIL), signers=(POLICE,))
    (note,) = draft.notes
    taken = repository.store_contract(draft.text.raw, note.raw, contracts, NOW)
    assert [one.agency for one in parted(taken, world.signed)] == [POLICE]
    assert repository.store_contract(draft.text.raw, note.raw, taken, NOW) is taken
    assert parted(repository.load_contracts(), world.signed) == parted(taken, world.signed)
    assert len(list((folder / OTHERS_FOLDER).glob("*.yaml"))) == 1


def test_the_text_of_a_version_without_us_needs_no_vocabulary(tmp_path: Path) -> None:
    text = version("1.1.0", parties=(POLICE, COUNCIL)).text
    words = text.contract.pins.vocabulary.encode()
    other = parse_contract(
        text.raw.replace(words, b"ab" * 32), "other.yaml", vocabulary_needed=False
    )
    repository = Repository(tmp_path, deployment="d", agency=SUPPORT, fingerprints=())
    repository.keep_without_us(other)
    assert repository.without_us([other.hash]) == {other.hash}
    assert [one.hash for one in repository.texts_without_us()] == [other.hash]


@settings(max_examples=25, deadline=None)
@given(
    order=st.permutations(range(3)),
    copies=st.lists(st.integers(0, 2), max_size=4),
)
def test_effect_does_not_depend_on_the_order_in_which_notes_arrive(
    order: list[int], copies: list[int]
) -> None:
    notes = [one.raw for one in SIGNED_LATE.notes]
    arrived = [notes[index] for index in (*order, *copies)]
    signed = SignedContract(SIGNED_LATE.text)
    for raw in arrived:
        signed = signed.with_notes(verify_contract(SIGNED_LATE.text, [raw]).notes)
    assert signed.effect == SIGNED_LATE.effect
    assert signed == SIGNED_LATE


SIGNED_LATE = version("1.0.0", signed=DAY_MS)


def test_a_stop_covers_what_a_text_replaces_that_we_have_not_signed() -> None:
    first = version("1.0.0")
    second = version("1.1.0", first, signers=(POLICE,))
    stop = Stop(
        contract="london-hate-crime",
        state="suspended",
        since=START,
        until=None,
        versions=frozenset({second.hash}),
        reason="legal_review",
        stated=START,
    )

    class Manifests(ManifestBook):
        def stops(self, agency: str) -> tuple[Stop, ...]:
            return (stop,) if agency == POLICE else ()

    manifests = Manifests(founded().deployment)
    assert book(first).departures(first.text, manifests) == ()  # the text is not here
    (found,) = book(first, second).departures(first.text, manifests)
    assert (found.agency, found.state, found.since_ms) == (POLICE, "suspended", START)
