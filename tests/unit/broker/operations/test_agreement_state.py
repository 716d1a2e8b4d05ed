"""One state of each agreement in every command, and one next step."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from broker.agency.participant import load_participant
from broker.cli import status_text, terms_text
from broker.operations import contract_signing
from broker.operations.agency_progress import agency_progress, agreement_statuses
from broker.operations.agency_status import report
from broker.operations.agreement_state import agreement_states
from broker.operations.bundles import add_bundles, make_bundle
from broker.operations.checks.examination import examine
from broker.operations.contract_choice import choose
from broker.operations.contract_revision import revise_contract
from broker.operations.contract_validity import contract_validity
from broker.operations.partner_checks import check_partner
from broker.operations.signatories import file_to_sign, parse_signatory
from broker.partnership.entry import verify_entry
from broker.store.database import open_store
from contracts.durations import DAY_MS
from tests.support.drafted_agreements import drafted, with_entries
from tests.support.founding import NOW, cheap_scrypt, found

PARTIES = {"csu-camden": "police", "council-camden": "council"}
ME, OTHER = PARTIES
FIRST, SECOND = "london-hate-crime 1.0.0", "london-hate-crime 1.1.0"


@pytest.fixture(autouse=True)
def _quickly() -> object:
    with cheap_scrypt():
        yield


def sign(folder: Path) -> None:
    reviewed = contract_signing.review_signing(folder, file_to_sign(folder, NOW), (), NOW)
    rules = {found.rule for found in reviewed.findings if found.severity == "warning"}
    person = parse_signatory("Ada Okafor, Director")
    contract_signing.sign(reviewed, rules, now=NOW, signatory=person, shown="The agreement.")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two agencies with a version in force, and a second version that the other has signed."""
    root = tmp_path_factory.mktemp("states") / "root"
    with cheap_scrypt():
        with_entries(root, PARTIES)
        drafted(root / "first.yaml", sorted(root.glob("*.entry")))
        for agency in PARTIES:
            add_bundles(root / agency, [root / "first.yaml", *root.glob("*.entry")], NOW)
            for partner in PARTIES:
                words = verify_entry((root / f"{partner}.entry").read_bytes(), now=NOW).words
                if partner != agency:
                    check_partner(
                        root / agency, partner, " ".join(words), "A. Okafor", "video", NOW
                    )
            sign(root / agency)
        for agency in PARTIES:
            make_bundle(root / agency, root / f"{agency}.bundle", NOW)
        for agency in PARTIES:
            add_bundles(root / agency, sorted(root.glob("*.bundle")), NOW)
        revise_contract(
            root / "first.yaml",
            add=(),
            remove=(),
            values={"retention.grace_days": "29"},
            out=root / "second.yaml",
            now=NOW,
        )
        add_bundles(root / OTHER, [root / "second.yaml"], NOW)
        sign(root / OTHER)
        make_bundle(root / OTHER, root / "second.bundle", NOW)
        add_bundles(root / ME, [root / "second.bundle"], NOW)
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "root"))


def answers(folder: Path, now: int = NOW) -> dict[str, dict[str, tuple[str, bool]]]:
    """State of each version and whether it awaits us, as each command says it."""
    participant = load_participant(folder, now)
    open_store(participant.path(participant.config.state.database)).close()
    validity = contract_validity(None, folder, None, now)
    explained = json.loads(
        json.dumps(terms_text.explanation_json(choose(None, folder, None, now)), default=str)
    )
    chosen = f"{explained['contract']} {explained['version']}"
    shown = report(folder, now)
    return {
        "verify": {f"{v.name} {v.version}": (v.state, v.awaits_us) for v in validity.contracts},
        "contract status": {
            one.state.named: (one.state.state, one.state.awaits_us)
            for one in agreement_statuses(folder, now)
        },
        "agency status": {
            one.named: (one.state, one.awaits_us) for one in agency_progress(folder, now).agreements
        },
        "status": {
            f"{one.name} {one.version}": (one.state, one.awaits_us) for one in shown.contracts
        },
        "explain": {chosen: (explained["state"], chosen in explained["awaits_us"])},
    }


def test_every_command_says_the_same_and_names_what_awaits_us(root: Path) -> None:
    folder = root / ME
    wanted = {FIRST: ("in_force", False), SECOND: ("partially_signed", True)}
    found = answers(folder)
    assert found.pop("explain") == {FIRST: wanted[FIRST]}
    assert all(each == wanted for each in found.values()), found
    assert contract_validity(None, folder, None, NOW).holds
    assert SECOND in terms_text.explanation(choose(None, folder, None, NOW))
    step = agency_progress(folder, NOW).next
    assert step.command is not None
    assert "contract sign" in step.command
    (asked,) = [each for each in examine(folder, NOW, kafka_timeout_s=None)
                if each.name == "agreement"]  # fmt: skip
    assert SECOND in asked.detail
    waiting = [v for v in contract_validity(None, folder, None, NOW).contracts if v.awaits_us]
    said = {
        "verify": waiting[0].command,
        "doctor": asked.fix,
        "status": "\n".join(status_text.needs(report(folder, NOW))),
        "explain": terms_text.explanation(choose(None, folder, None, NOW)),
    }
    assert [name for name, text in said.items() if step.command not in (text or "")] == []


def test_a_replaced_version_is_replaced_in_every_command(root: Path) -> None:
    folder = root / ME
    sign(folder)
    wanted = {FIRST: ("superseded", False), SECOND: ("in_force", False)}
    found = answers(folder)
    assert found.pop("explain") == {SECOND: wanted[SECOND]}
    assert all(each == wanted for each in found.values()), found
    assert not [one for one in examine(folder, NOW, kafka_timeout_s=None)
                if one.name == "agreement"]  # fmt: skip


def test_a_version_that_others_have_to_sign_is_the_next_step(root: Path) -> None:
    progress = agency_progress(root / OTHER, NOW)
    assert {one.named: one.state for one in progress.agreements} == {
        FIRST: "in_force",
        SECOND: "partially_signed",
    }
    for name in ("ca.pem", "cert.pem"):
        (root / OTHER / "tls" / name).write_text("")
    progress = agency_progress(root / OTHER, NOW)
    assert (progress.stage, progress.next.by) == ("in_force", ME)


def test_after_the_end_every_command_says_so(root: Path) -> None:
    folder, later = root / OTHER, NOW + 20 * DAY_MS
    participant = load_participant(folder, later)
    ended = NOW + 301 * DAY_MS
    states = {one.named: (one.state, one.step) for one in agreement_states(participant, ended)}
    assert states == {FIRST: ("expired", None), SECOND: ("partially_signed", None)}


def test_doctor_names_the_first_agreement_that_awaits_us(tmp_path: Path, made: Path) -> None:
    folder = tmp_path / ME
    found(folder, ME, "police")
    checks = examine(folder, NOW, kafka_timeout_s=None)
    (step,) = [each for each in checks if each.name == "agreement"]
    assert step.fix is not None
    assert (agency_progress(folder, NOW).next.command or "-") in step.fix
