"""Revision of an agreement: the next version, with everything else as it was."""

from __future__ import annotations

import difflib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from broker.agency.participant import load_participant
from broker.errors import EntryError, WrongInputError
from broker.operations.agency_entry import write_entry
from broker.operations.contract_revision import Revised, revise_contract
from broker.registry.contract_files import note_path
from contracts.errors import ConcordantError, ContractError, UnknownNameError
from contracts.loading import load_contract
from contracts.succession import HeldVersion, succession_findings
from tests.support.contract_signatures import signed_by
from tests.support.drafted_agreements import TODAY, drafted, with_entries
from tests.support.founding import NOW, cheap_scrypt, found

AGENCIES = {"csu-camden": "police", "council-camden": "council"}
AGENCIES |= {"haven-support": "support", "cps-london": "prosecution"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("revision")
    with_entries(root, {**AGENCIES, "council-lewisham": "council"})
    with cheap_scrypt():
        found(root / "kent", "council-kent", "council", deployment="marac-kent")
        write_entry(root / "kent", root / "council-kent.entry", NOW)
    drafted(root / "first.yaml", [root / f"{agency}.entry" for agency in AGENCIES])
    return root


def revised(root: Path, out: Path, **given: object) -> Revised:
    values = {"add": (), "remove": (), "values": {}, **given}
    return revise_contract(root / "first.yaml", out=out, now=NOW, **values)  # type: ignore[arg-type]


def changed_lines(root: Path, done: Revised) -> list[str]:
    before = (root / "first.yaml").read_text().splitlines()
    after = done.text.raw.decode().splitlines()
    return [line for line in difflib.ndiff(before, after) if line[0] in "+-"]


def test_a_party_joins(root: Path, tmp_path: Path) -> None:
    done = revised(root, tmp_path / "x.yaml", add=[root / "council-lewisham.entry"])
    contract, before = done.text.contract, load_contract(root / "first.yaml")
    assert [party.id for party in contract.parties] == [*AGENCIES, "council-lewisham"]
    assert set(contract.governance_keys) == {*AGENCIES, "council-lewisham"}
    assert contract.review_by[-1] == "council-lewisham"
    assert (contract.version, contract.previous) == ("2.0.0", (before.hash.hex(),))
    assert contract.version_record[-1].version == "2.0.0"
    assert done.findings == ()
    (line,) = done.summary.lines  # all that a signatory has to read
    assert "council-lewisham" in line.text
    held = [HeldVersion(before, True)]
    errors = [f for f in succession_findings(done.text, held, NOW) if f.severity == "error"]
    assert errors == []
    removed = [line for line in changed_lines(root, done) if line.startswith("- ")]
    assert {line[2:].partition(":")[0] for line in removed} <= {"version", "review_by"}


def test_a_party_is_left_out_and_comments_stay(root: Path, tmp_path: Path) -> None:
    done = revised(root, tmp_path / "x.yaml", remove=["cps-london"])
    contract = done.text.contract
    assert "cps-london" not in contract.by_id
    assert "cps-london" not in contract.governance_keys
    assert "cps-london" not in contract.review_by
    assert contract.version == "2.0.0"  # the comparison counts what it cannot judge as widening
    first = (root / "first.yaml").read_text()
    comments = [line for line in first.splitlines() if line.lstrip().startswith("#")]
    text = done.text.raw.decode()
    assert all(comment in text for comment in comments)


def test_one_joins_and_one_is_left_out(root: Path, tmp_path: Path) -> None:
    done = revised(
        root, tmp_path / "x.yaml", add=[root / "council-lewisham.entry"], remove=["haven-support"]
    )
    wanted = {*AGENCIES, "council-lewisham"} - {"haven-support"}
    assert set(done.text.contract.by_id) == wanted == set(done.text.contract.governance_keys)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("ends", (TODAY + timedelta(days=290)).isoformat()),
        ("retention.grace_days", "8"),
        ("parties.haven-support.legal_name", 'Haven "Support": for all'),
        ("parties.0.contacts.breach.email", "new@police.example"),
        ("roles.police", "A unit of the police."),
        ("summary", "What is shared, and why."),
    ],
)
def test_a_value_is_set_and_nothing_else(root: Path, tmp_path: Path, path: str, value: str) -> None:
    done = revised(root, tmp_path / "x.yaml", values={path: value})
    node: object = done.text.contract.model_dump(mode="json")
    for part in path.split("."):
        if isinstance(node, list):
            node = next(one for at, one in enumerate(node) if part == str(at) or one["id"] == part)
        else:
            assert isinstance(node, dict)
            node = node[part]
    assert str(node) == value


def test_a_role_that_reads_a_field_is_added_by_the_path_that_lint_shows(
    root: Path, tmp_path: Path
) -> None:
    path = "event_types.referral.made.fields.victim.needs.readers"
    done = revised(root, tmp_path / "x.yaml", values={path: "police, support, council"})
    readers = done.text.contract.event_types["referral.made"].fields["victim.needs"].readers
    assert readers == ("police", "support", "council")
    assert done.text.contract.version == "2.0.0"  # it widens
    (change,) = [one for one in done.changes if one.effect == "widens"]
    assert "council will also read the victim's needs" in change.text


def test_a_role_that_does_not_exist_is_refused_as_a_reader(root: Path, tmp_path: Path) -> None:
    path = "event_types.referral.made.fields.victim.needs.readers"
    with pytest.raises(ContractError) as refused:
        revised(root, tmp_path / "x.yaml", values={path: "police, suport"})
    assert refused.value.code == "contract_invalid"
    assert not (tmp_path / "x.yaml").exists()


def test_the_version_record_has_the_words_of_the_author(root: Path, tmp_path: Path) -> None:
    done = revised(
        root, tmp_path / "x.yaml", values={"retention.grace_days": "20"}, change="The board asked."
    )
    assert done.text.contract.version_record[-1].change == "The board asked."


def test_a_narrower_version_gets_the_next_second_number(root: Path, tmp_path: Path) -> None:
    shorter = (TODAY + timedelta(days=290)).isoformat()
    done = revised(root, tmp_path / "x.yaml", values={"ends": shorter})
    assert done.text.contract.version == "1.1.0"


def refused(root: Path, out: Path, **given: object) -> str:
    kinds = (EntryError, WrongInputError, UnknownNameError, ContractError)
    with pytest.raises(kinds) as error:
        revised(root, out, **given)
    assert not out.exists()
    assert isinstance(error.value, ConcordantError)
    return error.value.code


def test_a_revision_that_makes_no_version_is_refused(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.yaml"
    assert refused(root, out) == "option_missing"
    assert refused(root, out, values={"version": "9.0.0"}) == "option_invalid"
    assert refused(root, out, values={"ends.day": "1"}) == "field_unknown"
    assert refused(root, out, values={"parties": "none"}) == "field_unknown"
    assert refused(root, out, values={"ends": "tomorrow"}) == "contract_invalid"
    assert refused(root, out, remove=["nhs"]) == "agency_unknown"
    assert refused(root, out, remove=list(AGENCIES)) == "contract_invalid"
    assert refused(root, out, add=[root / "cps-london.entry"]) == "entry_conflict"
    assert refused(root, out, add=[root / "council-kent.entry"]) == "entry_foreign"
    twice = {"parties.cps-london.legal_name": "X"}
    assert refused(root, out, remove=["cps-london"], values=twice) == "field_unknown"


def test_a_file_that_is_there_is_not_overwritten(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.yaml"
    revised(root, out, values={"summary": "One."})
    before = out.read_bytes()
    revised(root, out, values={"summary": "One."})
    with pytest.raises(WrongInputError) as error:
        revised(root, out, values={"summary": "Two."})
    assert error.value.code == "output_exists"
    assert out.read_bytes() == before


def test_the_next_version_lists_every_version_that_a_party_has_signed(
    root: Path, tmp_path: Path
) -> None:
    """Two drafts of different parties: the next one lists both, and what they replace."""
    folder = tmp_path / "held"
    folder.mkdir()
    first = load_contract(root / "first.yaml")
    (folder / "first.yaml").write_bytes(first.raw)
    drafts = []
    for name, days in (("one", 290), ("two", 280), ("unsigned", 270)):
        values = {"ends": (TODAY + timedelta(days=days)).isoformat()}
        done = revised(root, folder / f"{name}.yaml", values=values)
        drafts.append(done.text)
    for text, agency in zip(drafts, AGENCIES, strict=False):
        if text is drafts[2]:
            continue
        with cheap_scrypt():
            signer = load_participant(root / agency, NOW, unsigned_ok=True).governance_signer()
        (note,) = signed_by(text, [replace(signer, deployment="pan-camden")], NOW).notes
        note_path(Path(text.where), agency).write_bytes(note.raw)
    with pytest.raises(WrongInputError) as error:  # a signed version replaces it
        revise_contract(
            folder / "first.yaml",
            add=(),
            remove=(),
            values={"summary": "Lost."},
            out=tmp_path / "lost.yaml",
            now=NOW,
        )
    assert error.value.code == "version_replaced"
    assert not (tmp_path / "lost.yaml").exists()
    joint = revise_contract(
        folder / "one.yaml",
        add=(),
        remove=(),
        values={"summary": "Both."},
        out=folder / "joint.yaml",
        now=NOW,
    ).text.contract
    assert joint.previous == tuple(sorted(one.hash.hex() for one in (first, *drafts[:2])))
