"""Contracts signed in counterparts, and which of several applies."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from adapters.trial_partnership import TrialPartnership
from broker.agency.participant import Participant, load_participant
from broker.envelope.primitives import b64
from broker.errors import RegistryError
from broker.keys.governance import GovernancePublic, GovernanceSigner
from broker.registry.contract_book import ContractBook
from broker.registry.contract_in_force import contract_in_force
from broker.registry.contract_notes import (
    CONTRACT_NOTE_LIMIT_BYTES,
    note_text,
    sign_contract_note,
)
from broker.registry.contracts import (
    SignedContract,
    countersign,
    require_signed,
    verify_contract,
)
from broker.registry.manifests import ManifestBook
from broker.tlog.note import format_note, sign_note
from contracts.drafting import draft, london_parties
from contracts.durations import DAY_MS
from contracts.loading import ContractText, parse_contract, shipped_terms
from contracts.parties import GovernanceKeys
from tests.support.contract_signatures import SHOWN, SIGNATORY, first_day, signed_by

TODAY = date(2025, 11, 1)
AGENCIES = ("csu-camden", "cps-london", "haven-support")
Draft = Callable[..., ContractText]


@pytest.fixture(scope="session")
def signers(founded: TrialPartnership) -> dict[str, GovernanceSigner]:
    return {
        agency: load_participant(founded.directory(agency), 1_762_000_000_000).governance_signer()
        for agency in AGENCIES
    }


@pytest.fixture
def text(signers: dict[str, GovernanceSigner]) -> Draft:
    def make(
        *,
        version: str = "1.0.0",
        previous: bytes | None = None,
        start: int = 0,
        days: int = 300,
        deployment: str = "pan-london",
        pinned: dict[str, GovernancePublic] | None = None,
    ) -> ContractText:
        pairs = {agency: signer.public for agency, signer in signers.items()} | (pinned or {})
        drafted = draft(
            shipped_terms(),
            deployment=deployment,
            parties=[party for party in london_parties() if party["id"] in AGENCIES],
            governance_keys={
                agency: GovernanceKeys(ed25519=b64(p.ed25519), ml_dsa_65=b64(p.ml_dsa_65))
                for agency, p in pairs.items()
            },
            starts=TODAY + timedelta(days=start),
            ends=TODAY + timedelta(days=start + days),
            review_on=TODAY,
        ).replace("\nversion: 1.0.0\n", f"\nversion: {version}\n", 1)
        if previous is not None:
            drafted += f'previous: ["{previous.hex()}"]\n'
        return parse_contract(drafted.encode(), f"{version}.yaml")

    return make


@pytest.fixture
def sign(signers: dict[str, GovernanceSigner]) -> Callable[..., SignedContract]:
    def act(text: ContractText, *agencies: str) -> SignedContract:
        return signed_by(text, [signers[agency] for agency in agencies or AGENCIES])

    return act


@pytest.fixture
def book(signers: dict[str, GovernanceSigner]) -> Callable[..., ContractBook]:
    def make(*contracts: SignedContract, agency: str = "csu-camden") -> ContractBook:
        return ContractBook(
            deployment="pan-london",
            agency=agency,
            fingerprints=signers[agency].public.fingerprints,
            contracts=contracts,
        )

    return make


def in_force(contracts: ContractBook, now: int, name: str | None = None) -> SignedContract:
    return contract_in_force(contracts, ManifestBook("pan-london"), now, name=name).signed


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(RegistryError) as caught:
        act()
    return caught.value.code


def test_the_text_of_a_note_is_what_the_protocol_says(text: Draft) -> None:
    before = text()
    contract = text(version="1.1.0", previous=before.hash)
    signed = note_text(contract, "csu-camden", SIGNATORY, 1_762_000_000_000, SHOWN)
    assert signed.decode().split("\n") == [
        "concordant.contract/v1",
        "pan-london",
        "london-hate-crime",
        "1.1.0",
        " ".join(map(b64, (contract.hash, *contract.contract.pinned_documents))),
        b64(before.hash),
        '{"agency":"csu-camden","capacity":"Chief Officer","name":"Ada Okafor",'
        f'"shown":"{b64(SHOWN)}","time":"2025-11-01T12:26:40.000Z"}}',
        "",
    ]


def test_parties_sign_one_after_the_other(text: Draft, sign: Callable[..., SignedContract]) -> None:
    contract = text()
    nobody = verify_contract(contract)
    assert (nobody.parties, nobody.missing) == (frozenset(), AGENCIES)
    two = sign(contract, "haven-support", "csu-camden")
    assert two.missing == ("cps-london",)
    assert code_of(lambda: require_signed(two)) == "contract_unsigned"
    with pytest.raises(RegistryError, match="cps-london"):
        require_signed(two)
    require_signed(sign(contract))


def test_signing_twice_changes_nothing(
    text: Draft, sign: Callable[..., SignedContract], signers: dict[str, GovernanceSigner]
) -> None:
    once = sign(text(), "csu-camden")
    again = countersign(once, signers["csu-camden"], SIGNATORY, time=1, shown=bytes(32))
    assert again is once


def test_notes_count_in_any_order(text: Draft, sign: Callable[..., SignedContract]) -> None:
    contract = text()
    notes = [note.raw for agency in AGENCIES for note in sign(contract, agency).notes]
    whole = verify_contract(contract, notes)
    assert whole.missing == ()
    assert verify_contract(contract, [*reversed(notes), *notes]) == whole
    assert verify_contract(contract, notes[2:]).with_notes(whole.notes) == whole


def test_the_earliest_note_of_a_party_counts(
    text: Draft, signers: dict[str, GovernanceSigner]
) -> None:
    contract = text()
    at = first_day(contract)
    (early,), (late,) = (
        signed_by(contract, [signers["csu-camden"]], at + later).notes for later in (0, 1000)
    )
    for notes in ([early.raw, late.raw], [late.raw, early.raw]):
        assert verify_contract(contract, notes).notes == (early,)
    with_late = verify_contract(contract, [late.raw])
    assert with_late.with_notes([early]).notes == (early,)


def test_a_note_is_refused_in_another_form(
    text: Draft, sign: Callable[..., SignedContract], signers: dict[str, GovernanceSigner]
) -> None:
    contract = text()
    (note,) = sign(contract, "csu-camden").notes
    (other,) = sign(contract, "cps-london").notes
    body, _, lines = note.raw.partition(b"\n\n")
    first, second, _ = lines.split(b"\n")
    foreign = other.raw.partition(b"\n\n")[2]
    malformed = [
        body + b"\n\n" + first + b"\n",
        body + b"\n\n" + lines + foreign,
        body + b"\n\n" + lines + b"\n",
        note.raw.replace(b'"name":', b'"name": ', 1),
        b"",
        note.raw + b" " * CONTRACT_NOTE_LIMIT_BYTES,
    ]
    for raw in malformed:
        assert code_of(lambda raw=raw: verify_contract(contract, [raw])) == (
            "contract_note_malformed"
        )
    for raw in (
        body + b"\n\n" + second + b"\n" + first + b"\n",
        body + b"\n\n" + foreign,
        note.raw.replace(b"Ada", b"Eve", 1),
    ):
        assert code_of(lambda raw=raw: verify_contract(contract, [raw])) == (
            "contract_signature_invalid"
        )


@pytest.mark.parametrize("line", range(6))
def test_a_note_that_differs_in_what_follows_from_the_file_is_refused(
    text: Draft, signers: dict[str, GovernanceSigner], line: int
) -> None:
    """Both keys of the party have signed the text, so only the comparison can refuse it."""
    contract = text()
    lines = note_text(contract, "csu-camden", SIGNATORY, first_day(contract), SHOWN).split(b"\n")
    lines[line] += b"x"
    raw = format_note(sign_note(b"\n".join(lines), signers["csu-camden"].note_signers()))
    code = code_of(lambda: verify_contract(contract, [raw]))
    assert code == ("contract_note_malformed" if line == 0 else "contract_altered")


def test_the_note_of_an_agency_that_is_no_party_is_refused(
    text: Draft, founded: TrialPartnership, now: int
) -> None:
    outsider = load_participant(founded.directory("council-camden"), now).governance_signer()
    contract = text()
    raw = sign_contract_note(contract, outsider, SIGNATORY, first_day(contract), SHOWN)
    assert code_of(lambda: verify_contract(contract, [raw])) == "contract_note_malformed"


def test_a_signature_of_another_contract_does_not_count(
    text: Draft, sign: Callable[..., SignedContract]
) -> None:
    other = sign(text(days=200))
    assert code_of(lambda: verify_contract(text(), [other.notes[0].raw])) == "contract_altered"


def test_an_agency_that_is_not_a_party_cannot_sign(
    text: Draft, founded: TrialPartnership, now: int
) -> None:
    outsider = load_participant(founded.directory("council-camden"), now).governance_signer()
    assert code_of(lambda: signed_by(text(), [outsider])) == "contract_foreign"


def test_a_party_does_not_sign_what_pins_other_keys_for_it(
    text: Draft, founded: TrialPartnership, signers: dict[str, GovernanceSigner], now: int
) -> None:
    other = load_participant(founded.directory("council-camden"), now).governance_signer()
    contract = text(pinned={"csu-camden": other.public})
    signer = signers["csu-camden"]
    assert code_of(lambda: signed_by(contract, [signer])) == "contract_keys_differ"


def test_unusable_or_shared_governance_keys_are_refused(
    text: Draft, signers: dict[str, GovernanceSigner]
) -> None:
    good = signers["csu-camden"].public
    identity = GovernancePublic((1).to_bytes(32, "little"), good.ml_dsa_65)
    for pair in (identity, good):
        contract = text(pinned={"cps-london": pair})
        code = code_of(lambda contract=contract: verify_contract(contract))
        assert code == "contract_keys_invalid"


def test_one_contract_in_force_applies(
    text: Draft, sign: Callable[..., SignedContract], book: Callable[..., ContractBook], now: int
) -> None:
    signed = sign(text())
    known = book(signed)
    assert in_force(known, now) == signed
    assert in_force(known, now, "london-hate-crime") == signed
    assert known.by_hash(signed.hash) == signed
    assert known.by_hash(bytes(32)) is None
    assert "pan-london.london-hate-crime.a" in known.topics(signed)
    assert code_of(lambda: in_force(known, now, "other")) == "contract_missing"
    assert code_of(lambda: in_force(book(), now)) == "contract_missing"


def test_before_its_start_and_after_its_end_none_applies(
    text: Draft, sign: Callable[..., SignedContract], book: Callable[..., ContractBook], now: int
) -> None:
    known = book(sign(text(start=5, days=10)))
    assert code_of(lambda: in_force(known, now)) == "contract_not_started"
    assert code_of(lambda: in_force(known, now + 30 * DAY_MS)) == "contract_expired"
    in_force(known, now + 6 * DAY_MS)


def test_two_versions_at_once_are_ambiguous(
    text: Draft, sign: Callable[..., SignedContract], book: Callable[..., ContractBook], now: int
) -> None:
    first, second = sign(text()), sign(text(version="1.1.0"))
    known = book(first, second)
    assert code_of(lambda: in_force(known, now)) == "contract_ambiguous"


def test_a_version_that_names_the_previous_one_replaces_it_when_it_is_in_force(
    text: Draft, sign: Callable[..., SignedContract], book: Callable[..., ContractBook], now: int
) -> None:
    first = sign(text())
    following = text(version="1.1.0", previous=first.hash, start=3)
    second = sign(following)
    assert in_force(book(first, second), now) == first
    assert in_force(book(first, second), now + 4 * DAY_MS) == second
    half = sign(following, "csu-camden")
    assert in_force(book(first, half), now + 4 * DAY_MS) == first


def test_a_contract_well_signed_by_made_up_keys_is_foreign(
    text: Draft,
    sign: Callable[..., SignedContract],
    book: Callable[..., ContractBook],
    signers: dict[str, GovernanceSigner],
) -> None:
    signed = sign(text())
    known = book(signed)
    assert known.governance_of("cps-london") == (signers["cps-london"].public,)
    assert known.governance_of("council-camden") == ()
    elsewhere = verify_contract(text(deployment="elsewhere"))
    assert code_of(lambda: known.adding(elsewhere)) == "contract_foreign"
    with pytest.raises(RegistryError) as pinned:
        ContractBook(
            deployment="pan-london",
            agency="csu-camden",
            fingerprints=signers["cps-london"].public.fingerprints,
            contracts=[signed],
        )
    with pytest.raises(RegistryError) as unnamed:
        ContractBook(
            deployment="pan-london",
            agency="council-lewisham",
            fingerprints=signers["cps-london"].public.fingerprints,
            contracts=[signed],
        )
    assert {pinned.value.code, unnamed.value.code} == {"contract_foreign"}


def test_a_contract_that_pins_keys_which_we_have_replaced_stays_ours(
    text: Draft, sign: Callable[..., SignedContract], signers: dict[str, GovernanceSigner]
) -> None:
    signed = sign(text())
    mine = signers["csu-camden"].public.fingerprints
    known = ContractBook(
        deployment="pan-london", agency="csu-camden", fingerprints=("new", "new"), former=[mine]
    ).adding(signed)
    assert known.trusted() == (signed,)
    with pytest.raises(RegistryError):
        ContractBook(
            deployment="pan-london",
            agency="csu-camden",
            fingerprints=("new", "new"),
            former=[signers["cps-london"].public.fingerprints, (mine[0], "other")],
            contracts=[signed],
        )


def test_only_contracts_that_we_signed_lend_trust(
    text: Draft, sign: Callable[..., SignedContract], book: Callable[..., ContractBook]
) -> None:
    unsigned = sign(text(), "cps-london", "haven-support")
    known = book(unsigned)
    assert known.trusted() == ()
    assert known.governance_of("cps-london") == ()


def test_a_contract_from_kafka_is_taken_only_with_our_own_signature(
    text: Draft,
    sign: Callable[..., SignedContract],
    load: Callable[..., Participant],
    now: int,
) -> None:
    participant = load()
    first = participant.contract_in_force(now).signed
    proposal = text(version="2.0.0")
    signed = sign(proposal, "cps-london")
    taken = lambda note: participant.repository.store_contract(  # noqa: E731 - one act, two notes
        proposal.raw, note, participant.contracts, now
    )
    assert code_of(lambda: taken(signed.notes[0].raw)) == "contract_unsigned"
    assert load().contracts.all() == (first,)
    mine = taken(sign(proposal, "csu-camden").notes[0].raw)
    rest = participant.repository.store_contract(proposal.raw, signed.notes[0].raw, mine, now)
    kept = rest.by_hash(proposal.hash)
    assert kept is not None
    assert kept.missing == ("haven-support",)
    again = load().contracts.by_hash(proposal.hash)
    assert again is not None
    assert again.missing == ("haven-support",)


def test_two_texts_with_one_version_are_not_both_kept(
    text: Draft,
    sign: Callable[..., SignedContract],
    load: Callable[..., Participant],
    now: int,
) -> None:
    participant = load()
    taken = lambda signed: participant.repository.store_contract(  # noqa: E731 - one act, two texts
        signed.text.raw, signed.notes[0].raw, participant.contracts, now
    )
    taken(sign(text(version="2.0.0")))
    other = sign(text(version="2.0.0", days=200))
    assert code_of(lambda: taken(other)) == "contract_ambiguous"


def test_signatures_that_cannot_be_read_are_said_so(
    load: Callable[..., Participant], partnership: TrialPartnership
) -> None:
    path = partnership.directory("csu-camden") / "contracts" / "london-hate-crime.csu-camden.note"
    path.unlink()
    path.mkdir()
    assert code_of(load) == "registry_unreadable"
