"""Framework agreement and vocabulary: in every folder and bundle, explained and signed with it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from broker.agency.participant import load_participant
from broker.cli import terms_text
from broker.errors import EntryError, RegistryError
from broker.operations import contract_signing
from broker.operations.agency_entry import write_entry
from broker.operations.agreement_documents import documents_of, keep_documents, read_document
from broker.operations.bundles import add_bundles, make_bundle, show_bundle
from broker.operations.contract_choice import choose
from broker.operations.contract_revision import revise_contract
from broker.operations.partner_checks import FingerprintDiffersError, check_partner
from broker.operations.signatories import file_to_sign, parse_signatory
from broker.partnership.bundle import Bundle, format_bundle, parse_bundle
from broker.partnership.entry import verify_entry
from contracts.documents import document_hash, shipped_documents, shipped_pins
from contracts.errors import ContractError
from contracts.loading import load_contract
from contracts.vocabulary.known import shipped_vocabulary_files
from tests.support.drafted_agreements import drafted, with_entries
from tests.support.founding import NOW, cheap_scrypt, content, found
from tests.support.words import HATE_CRIME

PARTIES = {"csu-camden": "police", "council-camden": "council"}
ME, OTHER = PARTIES
NEWCOMER = "haven-support"
OWN = "Our own framework agreement.\n\nNo party leads.\n"


@pytest.fixture(autouse=True)
def _quickly() -> object:
    with cheap_scrypt():
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("documents") / "root"
    with_entries(root, {**PARTIES, NEWCOMER: "support"})
    (root / "framework.txt").write_text(OWN)
    drafted(
        root / "agreement.yaml",
        [root / f"{agency}.entry" for agency in PARTIES],
        framework=root / "framework.txt",
    )
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "root"))


def sign(folder: Path, now: int = NOW) -> None:
    reviewed = contract_signing.review_signing(folder, file_to_sign(folder, now), (), now)
    rules = {one.rule for one in reviewed.findings if one.severity == "warning"}
    person = parse_signatory("Ada Okafor, Director")
    contract_signing.sign(reviewed, rules, now=now, signatory=person, shown="The agreement.")


def start(root: Path) -> Path:
    """The first agency has the agreement and its own framework agreement."""
    files = [root / "framework.txt", root / "agreement.yaml"]
    files += [root / f"{agency}.entry" for agency in PARTIES]
    added = add_bundles(root / ME, files, NOW)
    assert ("document", document_hash(OWN.encode())) in added.new
    return root / ME


def test_a_draft_pins_the_framework_of_the_partnership(root: Path) -> None:
    pins = load_contract(root / "agreement.yaml").contract.pins
    assert pins.framework == document_hash(OWN.encode())
    assert pins.vocabulary == shipped_pins(HATE_CRIME).vocabulary


def test_an_agreement_without_its_framework_is_refused(root: Path) -> None:
    before = content(root / ME)
    with pytest.raises(EntryError) as refused:
        add_bundles(root / ME, [root / "agreement.yaml"], NOW)
    assert refused.value.code == "document_missing"
    assert content(root / ME) == before
    with pytest.raises(RegistryError) as unsigned:
        contract_signing.review_signing(root / ME, root / "agreement.yaml", (), NOW)
    assert unsigned.value.code == "document_missing"
    start(root)
    sign(root / ME)


def test_a_file_that_no_agreement_pins_is_no_document(root: Path) -> None:
    (root / "framework.txt").write_text(OWN + "And one more sentence.\n")
    before = content(root / ME)
    with pytest.raises(EntryError) as refused:
        add_bundles(root / ME, [root / "agreement.yaml", root / "framework.txt"], NOW)
    assert refused.value.code == "bundle_malformed"
    assert content(root / ME) == before


def test_both_go_with_the_bundle_and_are_explained(root: Path) -> None:
    folder = start(root)
    sign(folder)
    made = make_bundle(folder, root / "a.bundle", NOW)
    vocabulary = shipped_vocabulary_files()["hate-crime"]
    assert set(made.documents.values()) == {OWN.encode(), vocabulary}
    add_bundles(root / OTHER, [root / "a.bundle"], NOW)
    for agency in PARTIES:
        assert read_document(root / agency, document_hash(OWN.encode())) == OWN.encode()
    text = terms_text.explanation(choose(None, root / OTHER, None, NOW))
    assert "No party leads." in text
    assert terms_text.explanation_json(choose(None, root / OTHER, None, NOW))["framework"] == OWN
    sign(root / OTHER)
    assert not add_bundles(root / OTHER, [root / "a.bundle"], NOW).new


@pytest.mark.parametrize("raw", [b"another text", OWN.encode() + b"\xff", b""])
def test_a_document_with_another_hash_or_form_is_refused(root: Path, raw: bytes) -> None:
    bundle = Bundle(documents={document_hash(OWN.encode()): raw})
    (root / "a.bundle").write_bytes(format_bundle(bundle))
    before = content(root / ME)
    with pytest.raises(EntryError) as refused:
        add_bundles(root / ME, [root / "a.bundle"], NOW)
    assert refused.value.code in {"bundle_malformed", "document_invalid"}
    assert content(root / ME) == before


def test_a_document_is_read_from_the_folder_only_with_its_hash(root: Path) -> None:
    folder = start(root)
    digest = document_hash(OWN.encode())
    (folder / "documents" / f"{digest}.txt").write_text("Altered.")
    assert read_document(folder, digest) is None
    with pytest.raises(RegistryError) as missing:
        documents_of(folder, [load_contract(root / "agreement.yaml").contract])
    assert missing.value.code == "document_missing"


@pytest.mark.timeout(20)
def test_a_pipe_in_the_place_of_a_document_counts_as_absent_and_is_replaced(tmp_path: Path) -> None:
    digest = document_hash(OWN.encode())
    (tmp_path / "documents").mkdir()
    os.mkfifo(tmp_path / "documents" / f"{digest}.txt")
    assert read_document(tmp_path, digest) is None
    assert keep_documents(tmp_path, {digest: OWN.encode()}) == [digest]
    assert read_document(tmp_path, digest) == OWN.encode()


def with_own_vocabulary(root: Path) -> tuple[Path, Path]:
    """The agency has an agreement with a vocabulary of the partnership: its file, and the copy."""
    shipped = shipped_vocabulary_files()["hate-crime"]
    own = root / "own.vocabulary.yaml"
    own.write_bytes(shipped + b"# ours\n")
    agreement = root / "agreement.yaml"
    text, digest = agreement.read_text(), document_hash(own.read_bytes())
    assert document_hash(shipped) in text
    agreement.write_text(text.replace(document_hash(shipped), digest))
    files = [root / "framework.txt", agreement, own]
    add_bundles(root / ME, [*files, *(root / f"{agency}.entry" for agency in PARTIES)], NOW)
    return own, root / ME / "documents" / f"{digest}.txt"


@pytest.mark.parametrize("given", ["a.bundle", "own.vocabulary.yaml"])
@pytest.mark.parametrize("altered", [False, True])
def test_a_vocabulary_that_was_lost_or_altered_is_restored(
    root: Path, altered: bool, given: str
) -> None:
    own, held = with_own_vocabulary(root)
    make_bundle(root / ME, root / "a.bundle", NOW)
    held.write_bytes(own.read_bytes() + b"#") if altered else held.unlink()
    with pytest.raises(ContractError) as stopped:
        load_participant(root / ME, NOW, unsigned_ok=True)
    assert stopped.value.code == "document_missing"
    assert held.stem in (stopped.value.where or "")
    assert "contracts/" in (stopped.value.where or "")
    before = content(root / ME)
    with pytest.raises(ContractError) as useless:
        add_bundles(root / ME, [root / f"{OTHER}.entry"], NOW)
    assert useless.value.code == "document_missing"
    assert content(root / ME) == before
    assert ("document", held.stem) in add_bundles(root / ME, [root / given], NOW).new
    assert held.read_bytes() == own.read_bytes()
    sign(root / ME)


def test_a_framework_that_was_lost_is_restored_from_its_file(root: Path) -> None:
    folder, digest = start(root), document_hash(OWN.encode())
    (folder / "documents" / f"{digest}.txt").unlink()
    assert ("document", digest) in add_bundles(folder, [root / "framework.txt"], NOW).new
    assert read_document(folder, digest) == OWN.encode()


def test_documents_of_the_software_need_no_file(root: Path) -> None:
    for raw in shipped_documents().values():
        assert read_document(None, document_hash(raw)) == raw
        assert read_document(root / ME, document_hash(raw)) == raw
    assert read_document(root / ME, "0" * 64) is None


def test_a_revision_pins_another_framework(root: Path) -> None:
    (root / "next.txt").write_text("Another framework.")
    done = revise_contract(
        root / "agreement.yaml",
        add=(),
        remove=(),
        values={},
        out=root / "next.yaml",
        now=NOW,
        framework=root / "next.txt",
    )
    assert done.text.contract.pins.framework == document_hash(b"Another framework.")
    (root / "next.txt").write_bytes(b"\xff")
    with pytest.raises(ContractError) as refused:
        revise_contract(
            root / "agreement.yaml",
            add=(),
            remove=(),
            values={},
            out=root / "next.yaml",
            now=NOW,
            framework=root / "next.txt",
        )
    assert refused.value.code == "document_invalid"


def test_a_newcomer_gets_the_versions_before_and_leaves_them_out(root: Path) -> None:
    folder = start(root)
    sign(folder)
    revise_contract(
        root / "agreement.yaml",
        add=[root / f"{NEWCOMER}.entry"],
        remove=(),
        values={},
        out=root / "next.yaml",
        now=NOW,
    )
    add_bundles(folder, [root / "next.yaml", root / f"{NEWCOMER}.entry"], NOW)
    make_bundle(folder, root / "a.bundle", NOW)
    added = add_bundles(root / NEWCOMER, [root / "a.bundle"], NOW)
    assert added.left_out == ("london-hate-crime 1.0.0",)
    assert [one.version for one in added.agreements] == ["2.0.0"]
    sign(root / NEWCOMER)
    with pytest.raises(EntryError) as refused:  # it names no version of another name
        add_bundles(found_elsewhere(root), [root / "a.bundle"], NOW)
    assert refused.value.code == "contract_foreign"


def found_elsewhere(root: Path) -> Path:
    found(root / "cps-london", "cps-london", "prosecution")
    return root / "cps-london"


def test_replaced_governance_keys(root: Path, tmp_path: Path) -> None:
    """The next version pins new keys of a party: its entry is taken once a person compared them."""
    folder = start(root)
    sign(folder)
    make_bundle(folder, root / "a.bundle", NOW)
    add_bundles(root / OTHER, [root / "a.bundle"], NOW)
    sign(root / OTHER)
    make_bundle(root / OTHER, root / "a.bundle", NOW)
    add_bundles(folder, [root / "a.bundle"], NOW)
    again = tmp_path / "again"
    later = NOW + 10_000  # each renewal of an entry counts at least one second
    found(again, OTHER, PARTIES[OTHER], now=later)
    write_entry(again, root / "new.entry", later)
    entry = verify_entry((root / "new.entry").read_bytes(), now=NOW)
    before = content(folder)
    with pytest.raises(EntryError) as refused:
        add_bundles(folder, [root / "new.entry"], NOW)
    assert refused.value.code == "entry_conflict"
    assert content(folder) == before
    revise_contract(
        root / "agreement.yaml",
        add=[root / "new.entry"],
        remove=[OTHER],
        values={},
        out=root / "next.yaml",
        now=NOW,
    )
    add_bundles(folder, [root / "next.yaml"], NOW)
    with pytest.raises(EntryError):  # the agreement alone vouches for nothing
        add_bundles(folder, [root / "new.entry"], NOW)
    with pytest.raises(FingerprintDiffersError):
        check_partner(folder, OTHER, "abandon " * 12, "A", "telephone", NOW)
    check_partner(folder, OTHER, " ".join(entry.words), "A. Okafor", "telephone", NOW)
    add_bundles(folder, [root / "new.entry"], later)
    held = (folder / "entries" / f"{OTHER}.entry").read_bytes()
    assert held == (root / "new.entry").read_bytes()
    sign(folder)
    make_bundle(folder, root / "b.bundle", later)
    assert len(parse_bundle((root / "b.bundle").read_bytes()).agreements) == 2
    assert len(show_bundle(root / "b.bundle", later).agreements) == 2
    assert load_participant(folder, later).contracts.governance_of(OTHER)[0] == entry.governance


def test_a_forged_agreement_with_other_keys_is_refused(root: Path, tmp_path: Path) -> None:
    """Without a version that it replaces, an agreement may not name other keys of a party."""
    folder = start(root)
    forger = tmp_path / "forger"
    found(forger, OTHER, PARTIES[OTHER])
    write_entry(forger, root / "forged.entry", NOW)
    drafted(root / "forged.yaml", [root / f"{ME}.entry", root / "forged.entry"])
    before = content(folder)
    with pytest.raises(EntryError) as refused:
        add_bundles(folder, [root / "forged.yaml"], NOW)
    assert refused.value.code == "entry_conflict"
    assert content(folder) == before
