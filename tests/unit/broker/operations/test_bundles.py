"""An agreement comes into being: drafted, passed round as one file, signed by all."""

from __future__ import annotations

import itertools
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from broker.agency.config import load_config
from broker.agency.participant import load_participant
from broker.errors import EntryError, WrongInputError
from broker.operations import contract_signing
from broker.operations.agency_entry import write_entry
from broker.operations.bundles import add_bundles, held_bundle, make_bundle, show_bundle
from broker.operations.contract_draft import draft_contract
from broker.operations.contract_validity import contract_validity
from broker.operations.signatories import (
    NothingToSignError,
    file_to_sign,
    parse_signatory,
)
from broker.partnership.bundle import Bundle, format_bundle
from broker.partnership.entry import verify_entry
from broker.transport.certificates import (
    certify_request,
    issue_ca,
    issue_certificate,
)
from contracts.durations import DAY_MS
from tests.support.founding import NOW, cheap_scrypt, content, found
from tests.support.manifest_files import newest_manifest_file
from tests.support.passed_agreements import (
    DAY,
    PARTIES,
    drafted,
    found_all,
    joined,
    pass_round,
    sign,
)


@pytest.fixture(autouse=True)
def _quickly() -> object:
    with cheap_scrypt():
        yield


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Agencies with entries and a drafted agreement; none has signed."""
    root = tmp_path_factory.mktemp("founded")
    found_all(root)
    return root


@pytest.fixture(scope="module")
def signed(founded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after one bundle went round; the last agency has everything."""
    root = tmp_path_factory.mktemp("signed") / "root"
    shutil.copytree(founded, root)
    pass_round(root)
    return root


@pytest.fixture
def root(signed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(signed, tmp_path / "root"))


def refused(folder: Path, *paths: Path, now: int = NOW) -> str:
    """The code of a refusal that leaves the folder as it was."""
    before = content(folder)
    with pytest.raises(EntryError) as error:
        add_bundles(folder, paths, now)
    assert content(folder) == before
    assert error.value.exit_code == 4
    assert error.value.fix
    return error.value.code


def write(path: Path, bundle: Bundle) -> Path:
    path.write_bytes(format_bundle(bundle))
    return path


# --- one file goes round -------------------------------------------------------------------------


def test_an_agreement_is_in_force_when_the_file_was_passed_round(root: Path) -> None:
    last = list(root.glob("*.bundle"))[-1]
    for agency in PARTIES:
        added = add_bundles(root / agency, [root / "3.bundle"], NOW)
        assert [(one.missing, one.deployment) for one in added.agreements] == [((), "pan-camden")]
        assert contract_validity(None, root / agency, None, NOW).holds, (agency, last)
        participant = load_participant(root / agency, NOW)
        assert set(participant.manifests.agencies()) == set(PARTIES)
        assert load_config(root / agency).deployment == "pan-camden"


def test_a_newcomer_need_not_accept_that_it_lacks_the_versions_before_it(root: Path) -> None:
    newcomer = joined(root)
    add_bundles(newcomer, [root / "next.yaml"], NOW)

    def warned(folder: Path) -> list[str]:
        reviewed = contract_signing.review_signing(folder, file_to_sign(folder, NOW), (), NOW)
        return [one.rule for one in reviewed.unaccepted(())]

    assert warned(newcomer) == ["previous-not-held"]
    added = add_bundles(newcomer, [root / "next.bundle"], NOW)
    assert added.left_out == ("london-hate-crime 1.0.0",)
    assert warned(newcomer) == []
    sign(newcomer)
    # a party of the earlier version that lost its copy is warned
    lost = root / "cps-london"
    for path in (lost / "contracts").iterdir():
        path.unlink()
    add_bundles(lost, [root / "next.yaml"], NOW)
    assert warned(lost) == ["previous-not-held"]


def test_the_order_and_the_number_of_times_do_not_matter(root: Path, tmp_path: Path) -> None:
    ends = set()
    for number, order in enumerate(itertools.permutations(["0", "1", "3"])):
        folder = Path(shutil.copytree(root / "csu-camden", tmp_path / f"{number}"))
        for one in (*order, *order):
            add_bundles(folder, [root / f"{one}.bundle"], NOW)
        ends.add(format_bundle(held_bundle(load_participant(folder, NOW))))
    assert len(ends) == 1


def test_a_shared_folder_works_as_well(root: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    for path in (*root.glob("*.bundle"), *root.glob("*.entry"), root / "agreement.yaml"):
        shutil.copy(path, shared)
    for agency in PARTIES:
        add_bundles(root / agency, [shared], NOW)
        assert contract_validity(None, root / agency, None, NOW).holds


def test_the_same_content_gives_the_same_file(root: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_bundle(root / "csu-camden", tmp_path / name, NOW)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_nothing_private_is_in_a_bundle(root: Path) -> None:
    bundles = b"".join(path.read_bytes() for path in root.glob("*.bundle"))
    for agency in PARTIES:
        for name, held in content(root / agency).items():
            if name.endswith((".key.json", "key.pem", "passphrase")):
                assert held.strip() not in bundles
    assert b"PRIVATE" not in bundles
    assert b"ciphertext" not in bundles


def test_a_bundle_is_shown_without_an_agency(root: Path) -> None:
    shown = show_bundle(root / "3.bundle", NOW)
    assert [one.agency for one in shown.entries] == sorted(PARTIES)
    assert shown.agreements[0].missing == ()
    assert {agency for agency, _ in shown.manifests} == set(PARTIES)


def test_every_folder_shows_who_signed_in_what_capacity(root: Path) -> None:
    (one,) = load_participant(root / "haven-support", NOW).contracts.all()
    note = one.note_of("csu-camden")
    assert note is not None
    assert (note.signatory.name, note.signatory.capacity) == ("Ada Okafor", "Director")


def test_nothing_awaits_a_signature_after_it(root: Path) -> None:
    """`nothing_to_sign`, and what ends it: the next version arrives."""
    with pytest.raises(NothingToSignError) as error:
        file_to_sign(root / "csu-camden", NOW)
    assert error.value.code == "nothing_to_sign"
    text = (root / "agreement.yaml").read_text().replace("version: 1.0.0", "version: 1.1.0", 2)
    (root / "next.yaml").write_text(text)
    add_bundles(root / "csu-camden", [root / "next.yaml"], NOW)
    assert file_to_sign(root / "csu-camden", NOW).name == "london-hate-crime-1.1.0.yaml"


def test_of_two_versions_one_is_named(founded: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(founded / "csu-camden", tmp_path / "a"))
    text = (founded / "agreement.yaml").read_text()
    (tmp_path / "x.yaml").write_text(text.replace("version: 1.0.0", "version: 1.1.0", 2))
    add_bundles(folder, [founded / "agreement.yaml", tmp_path / "x.yaml"], NOW)
    with pytest.raises(WrongInputError) as error:
        file_to_sign(folder, NOW)
    assert error.value.code == "signing_ambiguous"
    named = Path((error.value.where or "").split(", ")[0])
    reviewed = contract_signing.review_signing(folder, named, (), NOW)
    person = parse_signatory("Ada Okafor, Director")
    contract_signing.sign(reviewed, now=NOW, signatory=person, shown="shown")
    assert len(load_participant(folder, NOW).contracts.trusted()) == 1


@pytest.mark.parametrize("text", ["Ada Okafor", ", Director", "Ada,", "Ada\u202e, Director"])
def test_a_signatory_is_a_name_and_a_capacity(text: str) -> None:
    with pytest.raises(WrongInputError) as error:
        parse_signatory(text)
    assert error.value.code == "option_invalid"


def test_a_signature_that_was_interrupted_is_finished(
    founded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each write of the step that gives an agency its deployment, and of the signature."""
    replace_file = Path.replace
    writes, ended = 0, False
    while not ended:
        folder = Path(shutil.copytree(founded / "csu-camden", tmp_path / f"{writes}"))
        add_bundles(folder, [founded / "agreement.yaml", *founded.glob("*.entry")], NOW)
        left = [None] * writes

        def end_there(path: Path, target: Path, left: list[None] = left) -> Path:
            if not left:
                raise KeyboardInterrupt
            left.pop()
            return replace_file(path, target)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", end_there)
            try:
                sign(folder)
                ended = True
            except KeyboardInterrupt:
                writes += 1
        if not ended:
            with suppress(NothingToSignError):  # it ended after the signature was written
                sign(folder)
        participant = load_participant(folder, NOW)
        assert len(participant.contracts.trusted()) == 1
        assert participant.deployment == "pan-camden"
        assert participant.manifest(NOW).version == NOW
    assert writes >= 5  # signatory, manifest, entry, agency.toml, signature


# --- wrong input ---------------------------------------------------------------------------------


def test_an_entry_altered_by_a_bit(root: Path, tmp_path: Path) -> None:
    raw = bytearray((root / "cps-london.entry").read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / "x").write_bytes(raw)
    assert refused(root / "csu-camden", tmp_path / "x") in {"entry_malformed", "possession_invalid"}


def test_two_agencies_with_one_id(root: Path, tmp_path: Path) -> None:
    found(tmp_path / "imposter", "cps-london", "prosecution", deployment="pan-camden")
    write_entry(tmp_path / "imposter", tmp_path / "x.entry", NOW)
    assert refused(root / "csu-camden", tmp_path / "x.entry") == "entry_conflict"
    assert refused(root / "cps-london", tmp_path / "x.entry") == "entry_conflict"
    with pytest.raises(EntryError) as error:
        draft_contract(
            terms="london-hate-crime",
            entries=[tmp_path / "x.entry", root / "cps-london.entry"],
            deployment="pan-camden",
            starts=DAY,
            ends=DAY,
            review_on=DAY,
            out=tmp_path / "y.yaml",
            now=NOW,
        )
    assert error.value.code == "entry_conflict"
    assert not (tmp_path / "y.yaml").exists()


def test_an_entry_of_another_deployment(root: Path, tmp_path: Path) -> None:
    found(tmp_path / "other", "council-kent", "council", deployment="marac-kent")
    write_entry(tmp_path / "other", tmp_path / "x.entry", NOW)
    assert refused(root / "csu-camden", tmp_path / "x.entry") == "entry_foreign"


def test_an_agreement_of_another_deployment(founded: Path, root: Path, tmp_path: Path) -> None:
    drafted(founded, tmp_path / "kent.yaml", "marac-kent")
    assert refused(root / "csu-camden", tmp_path / "kent.yaml") == "entry_foreign"
    folder = Path(shutil.copytree(founded / "csu-camden", tmp_path / "unsigned"))
    add_bundles(folder, [founded / "agreement.yaml"], NOW)
    assert refused(folder, tmp_path / "kent.yaml") == "entry_foreign"


def test_an_agreement_that_is_not_ours(founded: Path, tmp_path: Path) -> None:
    found(tmp_path / "other", "council-lewisham", "council")
    assert refused(tmp_path / "other", founded / "agreement.yaml") == "contract_foreign"


def test_an_expired_delegation(root: Path) -> None:
    late = NOW + 401 * DAY_MS
    code = refused(root / "csu-camden", root / "cps-london.entry", now=late)
    assert code == "delegation_expired"


def test_a_made_up_agreement_brings_no_manifest_of_another_key(root: Path, tmp_path: Path) -> None:
    """A made-up entry of a party that is pinned already, with its manifest."""
    found(tmp_path / "imposter", "cps-london", "prosecution", deployment="pan-camden")
    entry = (tmp_path / "imposter" / "entries" / "cps-london.entry").read_bytes()
    manifest = verify_entry(entry, now=NOW).manifest.raw
    folder = root / "csu-camden"
    (folder / "entries" / "cps-london.entry").unlink(missing_ok=True)
    version = verify_entry(entry, now=NOW).manifest.manifest.version
    bundle = Bundle(entries={"cps-london": entry}, manifests={("cps-london", version): manifest})
    assert refused(folder, write(tmp_path / "x", bundle)) in {
        "entry_conflict",
        "delegation_signature_invalid",
    }


def test_a_manifest_under_another_name(root: Path, tmp_path: Path) -> None:
    whole = held_bundle(load_participant(root / "council-camden", NOW))
    (raw,) = [raw for (agency, _), raw in whole.manifests.items() if agency == "cps-london"]
    bundle = replace(whole, manifests={("cps-london", 2): raw})
    assert refused(root / "csu-camden", write(tmp_path / "x", bundle)) == "bundle_malformed"


def test_an_agreement_under_another_hash(root: Path, tmp_path: Path) -> None:
    whole = held_bundle(load_participant(root / "council-camden", NOW))
    bundle = replace(whole, agreements={"0" * 64: next(iter(whole.agreements.values()))})
    bundle = replace(bundle, signatures={})
    assert refused(root / "csu-camden", write(tmp_path / "x", bundle)) == "bundle_malformed"


def test_an_altered_agreement_with_the_signatures_of_another(root: Path, tmp_path: Path) -> None:
    whole = held_bundle(load_participant(root / "council-camden", NOW))
    (raw,) = whole.agreements.values()
    note = whole.signatures[next(iter(whole.agreements)), "cps-london"]
    (tmp_path / "x.yaml").write_bytes(raw + b"# more\n")
    (tmp_path / "x.cps-london.note").write_bytes(note)
    assert refused(root / "csu-camden", tmp_path / "x.yaml") == "contract_altered"


def test_another_file_is_no_bundle(root: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"hello")
    assert refused(root / "csu-camden", tmp_path / "x") == "bundle_malformed"


def test_one_refused_file_among_good_ones_changes_nothing(root: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"hello")
    assert refused(root / "csu-camden", root / "3.bundle", tmp_path / "x") == "bundle_malformed"


def test_a_bundle_that_is_older_than_what_is_held(root: Path, tmp_path: Path) -> None:
    folder = root / "council-camden"
    old = write(tmp_path / "old", held_bundle(load_participant(folder, NOW)))
    newer = root / "csu-camden"
    add_bundles(newer, [old], NOW)
    held = newest_manifest_file(newer, "cps-london")
    reissued = contract_manifest(root / "cps-london")
    held.with_name(f"cps-london.{NOW + 1}.note").write_bytes(reissued)
    held.unlink()
    load_participant(newer, NOW)  # remembers the version
    assert refused(newer, old) == "bundle_older"


def contract_manifest(folder: Path) -> bytes:
    """The second manifest of an agency."""
    from broker.agency.own_manifest import renew_keys

    return renew_keys(load_participant(folder, NOW), NOW).raw


# --- certificates --------------------------------------------------------------------------------


def certificates(root: Path, **own: bytes) -> Bundle:
    return Bundle(
        entries={
            agency: (root / agency / "entries" / f"{agency}.entry").read_bytes()
            for agency in PARTIES
        },
        certificates=own,
    )


def test_the_host_of_kafka_answers_with_a_certificate(root: Path, tmp_path: Path) -> None:
    authority = issue_ca("pan-camden", NOW)
    bundle = certificates(root)
    entry = verify_entry(bundle.entries["csu-camden"], now=NOW).entry
    pem = certify_request(authority, entry.certificate_request.encode(), "csu-camden", now=NOW)
    bundle = replace(bundle, certificates={"csu-camden": pem}, authority=authority.certificate)
    added = add_bundles(root / "csu-camden", [write(tmp_path / "x", bundle)], NOW)
    assert ("certificate", "tls/cert.pem") in added.new
    assert (root / "csu-camden" / "tls" / "cert.pem").read_bytes() == pem
    other = replace(bundle, authority=issue_ca("x", NOW).certificate, certificates={})
    assert refused(root / "csu-camden", write(tmp_path / "y", other)) == "certificate_foreign"


def test_a_certificate_for_another_id_or_another_key(root: Path, tmp_path: Path) -> None:
    authority = issue_ca("pan-camden", NOW)
    entry = verify_entry(certificates(root).entries["cps-london"], now=NOW).entry
    for pem in (
        certify_request(authority, entry.certificate_request.encode(), "cps-london", now=NOW),
        issue_certificate(authority, "csu-camden", now=NOW)[0],
        issue_ca("pan-camden", NOW).certificate,
        b"no certificate",
    ):
        bundle = replace(
            certificates(root), certificates={"csu-camden": pem}, authority=authority.certificate
        )
        code = refused(root / "csu-camden", write(tmp_path / "x", bundle))
        assert code == "certificate_foreign"
