"""Two of three officers: one alone can neither sign, leave, resume nor delegate."""

from __future__ import annotations

import shutil
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.web.people import Role
from broker.agency.participant import LoadedAgency, Participant, load_participant
from broker.errors import (
    EntryError,
    ManifestError,
    NoteError,
    OfficersAwaitedError,
    RegistryError,
    WrongInputError,
)
from broker.keys.delegation import (
    DelegatedStatement,
    delegation_text,
    parse_delegation,
    verify_delegation,
)
from broker.keys.governance import GovernanceSigner
from broker.operations.agency_entry import own_entry, write_entry
from broker.operations.agreement_exchange import AgreementExchange
from broker.operations.agreement_state import agreement_states
from broker.operations.bundles import add_bundles, make_bundle
from broker.operations.contract_departure import depart, review_departure
from broker.operations.contract_validity import contract_validity
from broker.operations.key_delegation import delegated_keys
from broker.operations.officer_delegations import (
    finish_delegation,
    review_delegation,
    sign_delegation,
)
from broker.operations.officers import add_officers, new_officer
from broker.operations.signatories import NothingToSignError, file_to_sign
from broker.partnership.entry import verify_entry
from broker.registry.contracts import verify_contract
from broker.statements.signed_contract import pack_contract
from broker.store.database import open_store
from broker.tlog.note import Note, format_note, sign_note
from contracts.durations import DAY_MS, HOUR_MS
from tests.support.founding import NOW, cheap_scrypt, content, found
from tests.support.memory_kafka import MemoryKafka, MemoryTransport
from tests.support.web_visitor import visitor
from tests.unit.broker.operations.test_bundles import drafted, sign

AGENCY, OTHERS = "csu-camden", ("cps-london", "haven-support", "council-camden")
ROLES = {"csu-camden": "police", "cps-london": "prosecution", "haven-support": "support"}
ROLES |= {"council-camden": "council"}
DEPLOYMENT = "pan-camden"
CHIEF, DEPUTY, SIRO = "chief", "deputy", "siro"
OFFICERS = (CHIEF, DEPUTY, SIRO)
CONTRACT = "london-hate-crime"


@pytest.fixture(autouse=True)
def _quickly() -> object:
    with cheap_scrypt():
        yield


def folder_of(root: Path, officer: str) -> Path:
    """The chief's keys were made with the agency; the others have a folder of their own."""
    return root / (AGENCY if officer == CHIEF else officer)


def signed_by_another(root: Path, proposed: Path, officer: str = DEPUTY, now: int = NOW) -> Path:
    out = root / "signed.delegation"
    sign_delegation(review_delegation(folder_of(root, officer), proposed, now), out)
    return out


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An agency with three officers, and three other agencies; a drafted agreement."""
    root = tmp_path_factory.mktemp("officers")
    with cheap_scrypt():
        for agency, role in ROLES.items():
            found(root / agency, agency, role, deployment=DEPLOYMENT)
        (root / "passphrase").write_text("another horse\n")
        for officer in (DEPUTY, SIRO):
            new_officer(
                root / officer,
                agency=AGENCY,
                deployment=DEPLOYMENT,
                officer=officer,
                passphrase_file=root / "passphrase",
                now=NOW,
            )
        files = {one: folder_of(root, one) / "officers" / f"{one}.officer" for one in OFFICERS}
        added = add_officers(root / AGENCY, [files[DEPUTY], files[SIRO]], CHIEF, NOW)
        add_officers(root / DEPUTY, [files[CHIEF], files[SIRO]], None, NOW)
        add_officers(root / SIRO, [files[CHIEF], files[DEPUTY]], None, NOW)
        assert added.proposed is not None
        finish_delegation(root / AGENCY, signed_by_another(root, added.proposed), NOW)
        for agency in ROLES:
            write_entry(root / agency, root / f"{agency}.entry", NOW)
    drafted(root, root / "agreement.yaml", DEPLOYMENT)
    return root


@pytest.fixture(scope="module")
def agreed(named: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after two officers and the three others have signed."""
    root = Path(shutil.copytree(named, tmp_path_factory.mktemp("agreed") / "root"))
    passed: list[Path] = [root / "agreement.yaml", *root.glob("*.entry")]
    with cheap_scrypt():
        for number, folder in enumerate((AGENCY, SIRO, *OTHERS)):
            add_bundles(root / folder, passed, NOW)
            sign(root / folder, NOW + number * HOUR_MS)
            passed = [root / f"{number}.bundle"]
            make_bundle(root / folder, passed[0], NOW)
        for folder in (AGENCY, DEPUTY, SIRO, *OTHERS):
            add_bundles(root / folder, passed, NOW)
    return root


@pytest.fixture
def root(agreed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(agreed, tmp_path / "root"))


@cache
def signer(root: Path, officer: str) -> GovernanceSigner:
    with cheap_scrypt():
        held = load_participant(folder_of(root, officer), NOW, unsigned_ok=True)
        return held.governance_signer()


@cache
def partner(root: Path) -> Participant:
    return load_participant(root / OTHERS[0], NOW)


# --- who they are --------------------------------------------------------------------------------


def test_no_folder_has_the_keys_of_two_officers(named: Path) -> None:
    for officer in OFFICERS:
        held = load_participant(folder_of(named, officer), NOW, unsigned_ok=True)
        assert held.officer == officer
        kinds = [one.role for one in held.governance_source().entries()]
        assert kinds == ["governance", "governance"]


def test_the_entry_carries_each_pair_with_proof(named: Path) -> None:
    entry = own_entry(named / AGENCY, AGENCY, NOW)
    assert set(entry.governance.pairs) == set(OFFICERS)
    assert entry.governance.needed == 2
    public = {signer(named, one).public for one in OFFICERS}
    assert set(entry.governance.pairs.values()) == public


def test_the_words_are_over_all_pairs_and_the_threshold(named: Path) -> None:
    entry = own_entry(named / AGENCY, AGENCY, NOW)
    from broker.keys.governance import OfficerKeys
    from broker.partnership.fingerprint import fingerprint

    assert isinstance(entry.governance, OfficerKeys)
    whole = entry.governance.officers
    others = [OfficerKeys(whole[:2]), OfficerKeys((*whole[:2], ("other", whole[2][1])))]
    found_words = {fingerprint(AGENCY, one) for one in (entry.governance, *others)}
    assert len(found_words) == 3


@pytest.mark.parametrize("half", ["ed25519_possession", "ml_dsa_65_possession"])
def test_an_entry_without_a_proof_of_one_officer_is_refused(named: Path, half: str) -> None:
    entry = own_entry(named / AGENCY, AGENCY, NOW).entry
    officers = dict(entry.governance.officers or {})
    stolen = officers[SIRO].model_copy(update={half: getattr(officers[DEPUTY], half)})
    governance = entry.governance.model_copy(update={"officers": {**officers, SIRO: stolen}})
    raw = _entry_note(entry.model_copy(update={"governance": governance}), signer(named, CHIEF))
    with pytest.raises(EntryError) as error:
        verify_entry(raw, now=NOW)
    assert error.value.code == "possession_invalid"


def test_an_entry_whose_delegation_one_officer_signed_is_refused(named: Path) -> None:
    entry = own_entry(named / AGENCY, AGENCY, NOW).entry
    signed = parse_delegation(entry.delegation.encode())
    alone = format_note(sign_note(signed.note.text, signer(named, CHIEF).note_signers()))
    changed = entry.model_copy(update={"delegation": alone.decode()})
    with pytest.raises(EntryError) as error:
        verify_entry(_entry_note(changed, signer(named, CHIEF)), now=NOW)
    assert error.value.code == "delegation_signature_invalid"


def _entry_note(entry: object, by: GovernanceSigner) -> bytes:
    from broker.keys.signed_document import document_text
    from broker.partnership.entry import HEADER

    text = document_text(HEADER, DEPLOYMENT, entry)  # type: ignore[arg-type]  # an Entry
    return format_note(sign_note(text, by.note_signers()))


def test_officers_are_named_once_and_before_a_signature(root: Path, tmp_path: Path) -> None:
    file = folder_of(root, DEPUTY) / "officers" / "deputy.officer"
    for folder in (root / AGENCY, root / OTHERS[0]):
        before = content(folder)
        with pytest.raises((WrongInputError, EntryError)):
            add_officers(folder, [file], "chief", NOW)
        assert content(folder) == before
    found(tmp_path / "new", "council-kent", "council")
    with pytest.raises(WrongInputError) as error:
        add_officers(tmp_path / "new", [file], "chief", NOW)
    assert error.value.code == "officers_unsuitable"


def test_a_file_of_an_officer_is_refused_if_any_bit_differs(named: Path, tmp_path: Path) -> None:
    found(tmp_path / "a", AGENCY, "police", deployment=DEPLOYMENT)
    raw = (folder_of(named, DEPUTY) / "officers" / "deputy.officer").read_bytes()
    before = content(tmp_path / "a")
    for at in range(0, len(raw), len(raw) // 12):
        bent = bytearray(raw)
        bent[at] ^= 1
        (tmp_path / "x").write_bytes(bent)
        with pytest.raises(EntryError) as error:
            add_officers(tmp_path / "a", [tmp_path / "x"], CHIEF, NOW)
        assert error.value.code == "officer_invalid"
    assert content(tmp_path / "a") == before


# --- signing -------------------------------------------------------------------------------------


def test_the_agreement_is_in_force_with_two_of_three(root: Path) -> None:
    for folder in (AGENCY, DEPUTY, SIRO, *OTHERS):
        assert contract_validity(None, root / folder, (), NOW + DAY_MS).holds, folder
    (signed,) = partner(root).contracts.all()
    assert {one.officer for one in signed.notes_of(AGENCY)} == {CHIEF, SIRO}
    names = {path.name for path in (root / OTHERS[0] / "contracts").glob(f"*{AGENCY}*.note")}
    assert names == {f"{CONTRACT}.{AGENCY}.{one}.note" for one in (CHIEF, SIRO)}


def test_the_note_that_completes_the_threshold_counts(root: Path) -> None:
    (signed,) = partner(root).contracts.all()
    note = signed.note_of(AGENCY)
    assert note is not None
    assert (note.officer, note.time) == (SIRO, NOW + HOUR_MS)


def test_with_one_signature_another_officer_is_awaited(named: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(named, tmp_path / "root"))
    add_bundles(root / AGENCY, [root / "agreement.yaml", *root.glob("*.entry")], NOW)
    sign(root / AGENCY)
    participant = load_participant(root / AGENCY, NOW, unsigned_ok=True)
    assert not participant.contracts.trusted()
    (state,) = agreement_states(participant, NOW)
    assert not state.awaits_us
    assert state.step is not None
    assert state.step.by == "deputy or siro"
    assert not contract_validity(None, root / AGENCY, (), NOW).holds
    with pytest.raises(NothingToSignError):
        file_to_sign(root / AGENCY, NOW)


@settings(max_examples=25, deadline=None)
@given(st.sets(st.sampled_from(OFFICERS)), st.permutations([0, 1, 2]), st.data())
def test_a_party_has_signed_with_notes_of_two_different_pairs(
    agreed: Path, which: set[str], order: list[int], data: st.DataObject
) -> None:
    """Whatever the times, the order and repeated notes of one officer."""
    from broker.registry.contract_notes import Signatory, sign_contract_note

    (signed,) = partner(agreed).contracts.all()
    start = signed.contract.starts_ms
    times = {one: start + 1000 * data.draw(st.integers(0, 5)) for one in which}
    notes = []
    for officer, at in times.items():
        person = Signatory(name="Ada Okafor", capacity="Officer")
        for later in (0, data.draw(st.integers(0, 3)) * 1000):
            key = signer(agreed, officer)
            notes.append(
                sign_contract_note(signed.text, key, person, at + later, bytes(32), officer)
            )
    notes = [notes[at] for at in sorted(range(len(notes)), key=lambda at: order[at % 3])]
    found_here = verify_contract(signed.text, notes)
    assert (AGENCY in found_here.parties) == (len(which) >= 2)
    if len(which) >= 2:
        note = found_here.note_of(AGENCY)
        assert note is not None
        assert note.time == sorted(times.values())[1]


def test_one_officer_does_not_sign_for_another(agreed: Path) -> None:
    from broker.registry.contract_notes import Signatory, sign_contract_note

    (signed,) = partner(agreed).contracts.all()
    person = Signatory(name="Ada Okafor", capacity="Officer")
    key, start = signer(agreed, CHIEF), signed.contract.starts_ms
    for officer, code in (
        (DEPUTY, "contract_signature_invalid"),
        (None, "contract_note_malformed"),
        ("treasurer", "contract_note_malformed"),
    ):
        raw = sign_contract_note(signed.text, key, person, start, bytes(32), officer)
        with pytest.raises(RegistryError) as error:
            verify_contract(signed.text, [raw])
        assert error.value.code == code


# --- leaving, resuming, delegating ---------------------------------------------------------------


def proposed(root: Path) -> Path:
    return max((root / AGENCY / "requests").iterdir(), key=lambda path: path.name)


def test_one_officer_alone_cannot_leave(root: Path) -> None:
    reviewed = review_departure(root / AGENCY, CONTRACT, "left", NOW + DAY_MS)
    manifests = content(root / AGENCY / "manifests")
    with pytest.raises(OfficersAwaitedError):
        depart(reviewed, "dispute", NOW + DAY_MS)
    assert content(root / AGENCY / "manifests") == manifests
    with pytest.raises(ManifestError) as error:
        finish_delegation(root / AGENCY, proposed(root), NOW + DAY_MS)
    assert error.value.code == "delegation_signature_invalid"
    assert content(root / AGENCY / "manifests") == manifests


def test_two_officers_leave(root: Path) -> None:
    at = NOW + DAY_MS
    with pytest.raises(OfficersAwaitedError) as awaited:
        depart(review_departure(root / AGENCY, CONTRACT, "left", at), "dispute", at)
    assert (awaited.value.code, awaited.value.exit_code) == ("officers_awaited", 1)
    assert awaited.value.where == str(proposed(root))
    signed = signed_by_another(root, proposed(root), SIRO, at + HOUR_MS)
    issued = finish_delegation(root / AGENCY, signed, at + 2 * HOUR_MS)
    known = partner(root)
    book = known.repository.store_manifest(
        issued.raw, known.contracts, known.manifests, at + 3 * HOUR_MS
    )
    (stop,) = book.stops(AGENCY)
    assert (stop.state, stop.contract) == ("left", CONTRACT)


def test_the_page_takes_what_two_officers_signed(root: Path) -> None:
    at = NOW + DAY_MS
    with pytest.raises(OfficersAwaitedError):
        depart(review_departure(root / AGENCY, CONTRACT, "left", at), "dispute", at)
    unsigned = proposed(root)
    signed = signed_by_another(root, unsigned, SIRO, at)
    version = load_participant(root / AGENCY, at).contracts.all()[0].hash.hex()
    address = f"/agreements/{version}"
    manifests = content(root / AGENCY / "manifests")
    person = visitor(root / AGENCY, at, Role.OFFICER)
    assert 'id="delegation-form"' in person.get(f"{address}/sign-off").text
    for raw in (b"", b"no delegation", unsigned.read_bytes()):
        refused = person.post(f"{address}/delegation", files={"delegation": ("d", raw)})
        assert refused.status_code == 422
        assert str(root) not in refused.text
    assert content(root / AGENCY / "manifests") == manifests
    taken = person.post(f"{address}/delegation", files={"delegation": ("d", signed.read_bytes())})
    assert taken.status_code == 303
    known = load_participant(root / AGENCY, at)
    assert [stop.state for stop in known.manifests.stops(AGENCY)] == ["left"]
    auditor = visitor(root / AGENCY, at, Role.AUDITOR)
    assert 'id="delegation-elsewhere"' in auditor.get(f"{address}/sign-off").text
    assert auditor.post(f"{address}/delegation", {}).status_code == 403


def test_two_officers_resume_and_one_alone_does_not(root: Path) -> None:
    at = NOW + DAY_MS
    suspended = depart(review_departure(root / AGENCY, CONTRACT, "suspended", at), "dispute", at)
    assert suspended.changed  # the manifest keys may suspend
    at += DAY_MS
    with pytest.raises(OfficersAwaitedError):
        depart(review_departure(root / AGENCY, CONTRACT, "resumed", at), "resolved", at)
    (stop,) = load_participant(root / AGENCY, at).manifests.stops(AGENCY)
    assert stop.open
    finish_delegation(root / AGENCY, signed_by_another(root, proposed(root), now=at), at)
    (stop,) = load_participant(root / AGENCY, at).manifests.stops(AGENCY)
    assert not stop.open


def test_two_officers_delegate_new_manifest_keys(root: Path) -> None:
    at = NOW + DAY_MS
    before = load_participant(root / AGENCY, at).manifests.newest_verified(AGENCY)
    with pytest.raises(OfficersAwaitedError):
        delegated_keys(root / AGENCY, at, withdraw=True)
    assert load_participant(root / AGENCY, at).manifests.newest_verified(AGENCY) == before
    issued = finish_delegation(root / AGENCY, signed_by_another(root, proposed(root), now=at), at)
    assert before is not None
    assert issued.delegation.delegation.kids != before.delegation.delegation.kids
    assert issued.delegation.delegation.withdrawn[0].keys == before.delegation.delegation.kids
    assert own_entry(root / AGENCY, AGENCY, at).delegation.hash == issued.delegation.hash


def test_a_proposal_of_another_agency_is_not_signed(root: Path) -> None:
    signed = parse_delegation(own_entry(root / OTHERS[0], OTHERS[0], NOW).delegation.raw)
    (root / "x").write_bytes(signed.raw)
    with pytest.raises(ManifestError):
        review_delegation(root / DEPUTY, root / "x", NOW)


def test_a_delegation_is_finished_once(root: Path) -> None:
    at = NOW + DAY_MS
    with pytest.raises(OfficersAwaitedError):
        delegated_keys(root / AGENCY, at)
    signed = signed_by_another(root, proposed(root), now=at)
    finish_delegation(root / AGENCY, signed, at)
    before = content(root / AGENCY)
    with pytest.raises(ManifestError) as error:
        finish_delegation(root / AGENCY, signed, at)
    assert error.value.code == "manifest_rollback"
    assert content(root / AGENCY) == before


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(OFFICERS), max_size=3),
    st.sampled_from(["left", "resumed", None]),
    st.lists(st.integers(0, 5), max_size=6),
)
def test_no_lines_of_one_officer_are_a_delegation(
    agreed: Path, who: list[str], state: str | None, lines: list[int]
) -> None:
    """Property: whatever it states, and however its lines are arranged, two officers must sign."""
    known = partner(agreed)
    (governance,) = known.contracts.governance_of(AGENCY)
    held = known.manifests.newest_verified(AGENCY)
    assert held is not None
    stated = held.delegation.delegation
    if state is not None:
        statement = DelegatedStatement(contract=CONTRACT, state=state, since=NOW, reason="x")  # type: ignore[arg-type]
        stated = stated.model_copy(update={"standing": (statement,)})
    text = delegation_text(stated)
    signatures = [
        line
        for officer in who
        for line in sign_note(text, signer(agreed, officer).note_signers()).signatures
    ]
    signatures += [signatures[at] for at in lines if at < len(signatures)]
    chosen = list(dict.fromkeys(signatures))
    accepted = False
    with suppress(ManifestError, NoteError):  # a note of no lines is no note
        signed = parse_delegation(format_note(Note(text, tuple(chosen))))
        verify_delegation(signed, [governance], deployment=DEPLOYMENT, now=NOW)
        accepted = True
    assert not accepted or len(set(who)) == 2
    if len(who) == 2 and who == sorted(set(who)) and chosen == signatures[:4]:
        assert accepted


def test_a_record_with_the_note_of_one_officer_is_taken(root: Path) -> None:
    """Each officer's note travels alone on the contracts topic, and two of them sign."""
    agreement = partner(root).contracts.all()[0]
    notes = agreement.notes_of(AGENCY)
    assert len(notes) == 2
    folder = shutil.copytree(root / OTHERS[0], root / "reader")
    for note in folder.glob(f"contracts/*.{AGENCY}.*.note"):
        note.unlink()
    reader = load_participant(folder, NOW, unsigned_ok=True)
    store = open_store(folder / "state" / "taken.db")
    exchange = AgreementExchange(
        LoadedAgency(reader), store, MemoryTransport(MemoryKafka(), OTHERS[0]), lambda: NOW
    )
    book = reader.contracts
    assert AGENCY in book.all()[0].missing
    for note in notes:
        book = exchange.take(pack_contract(agreement.text.raw, note.raw), book, NOW)
    store.close()
    assert AGENCY in book.all()[0].parties
