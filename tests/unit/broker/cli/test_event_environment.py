"""The event commands when the folder, a contract, a manifest, a clock or the input is not right.

Each says which in one sentence, with a code and what to do, and seals or opens nothing.
"""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import pytest

from broker.agency.participant import load_participant
from broker.clock import now_ms
from broker.registry.contracts import SignedContract
from contracts.loading import load_contract, parse_contract
from tests.support.contract_signatures import signed_by
from tests.support.manifest_files import newest_manifest_file

DAY = 86_400_000
SENDER, READER = "csu-camden", "council-camden"
NAME = "contracts/london-hate-crime"


def require_failure(done, code: str) -> None:
    done.require_failure(code)


# --- the agency's folder -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "config_missing"),
        (b"", "config_invalid"),
        (b"\xff\xfe\x00", "config_unreadable"),
        (b"agency = ", "config_unreadable"),
        (b"x = 1\n", "config_invalid"),
    ],
)
def test_a_configuration_that_is_not_right(
    cli, root: Path, content: bytes | None, code: str
) -> None:
    path = root / SENDER / "agency.toml"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    require_failure(cli("event", "types", "--agency", root / SENDER), code)


def test_a_configuration_that_is_huge(cli, root: Path) -> None:
    (root / SENDER / "agency.toml").write_bytes(b"#" * 3_000_000)
    done = cli("event", "types", "--agency", root / SENDER)
    assert (done.code, done.out) == (3, b"")
    assert "config_unreadable" in done.err


def test_a_folder_that_is_no_agency(cli, tmp_path: Path) -> None:
    require_failure(cli("event", "types", "--agency", tmp_path / "nothing"), "config_missing")


def test_without_an_agency_it_is_a_usage_error(cli) -> None:
    done = cli("event", "types")
    assert (done.code, done.out) == (2, b"")
    assert "--agency" in done.err


# --- contracts -----------------------------------------------------------------------------------


def every_command(cli, folder: Path, line: bytes, sealed: bytes):
    yield cli("event", "types", "--agency", folder)
    yield cli("event", "example", "referral.made", "--agency", folder)
    yield cli("event", "seal", "--agency", folder, stdin=line)


def test_a_contract_altered_by_a_byte(cli, root: Path, line: bytes, sealed: bytes) -> None:
    path = root / SENDER / f"{NAME}.yaml"
    path.write_bytes(path.read_bytes() + b"\n")
    for done in every_command(cli, root / SENDER, line, sealed):
        require_failure(done, "contract_altered")
    for command in ("open", "verify"):
        done = cli("event", command, "--agency", root / SENDER, stdin=sealed)
        require_failure(done, "contract_altered")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{", b"a: &x 1\nb: *x\n", b"x" * 2_000_000])
def test_a_contract_that_cannot_be_read(cli, root: Path, content: bytes) -> None:
    (root / SENDER / f"{NAME}.yaml").write_bytes(content)
    done = cli("event", "types", "--agency", root / SENDER)
    assert (done.code, done.out) == (3, b"")
    assert "contract_invalid" in done.err
    assert "london-hate-crime.yaml" in done.err


def test_a_missing_party_signature_is_named(cli, root: Path, line: bytes, sealed: bytes) -> None:
    (root / SENDER / f"{NAME}.haven-support.note").unlink()
    for done in every_command(cli, root / SENDER, line, sealed):
        require_failure(done, "contract_unsigned")
        assert "haven-support" in done.err
        assert "lantern-centre" not in done.err


def test_one_of_a_partys_two_signatures_is_not_enough(cli, root: Path) -> None:
    path = root / SENDER / f"{NAME}.haven-support.note"
    lines = path.read_text().splitlines(True)
    path.write_text("".join(lines[:-1]))
    done = cli("event", "types", "--agency", root / SENDER)
    require_failure(done, "contract_note_malformed")
    assert "haven-support" in done.err


def test_a_signature_that_does_not_verify_names_the_party(cli, root: Path) -> None:
    path = root / SENDER / f"{NAME}.haven-support.note"
    lines = path.read_text().splitlines(True)
    at = len(lines) - 1
    head, _, encoded = lines[at].rstrip("\n").rpartition(" ")
    raw = bytearray(base64.b64decode(encoded))
    raw[-1] ^= 1
    lines[at] = f"{head} {base64.b64encode(bytes(raw)).decode()}\n"
    path.write_text("".join(lines))
    done = cli("event", "types", "--agency", root / SENDER)
    require_failure(done, "contract_signature_invalid")
    assert "haven-support" in done.err


def test_no_signature_and_no_contract(cli, root: Path) -> None:
    for note in (root / SENDER).glob(f"{NAME}.*.note"):
        note.unlink()
    require_failure(cli("event", "types", "--agency", root / SENDER), "contract_unsigned")
    (root / SENDER / f"{NAME}.yaml").unlink()
    require_failure(cli("event", "types", "--agency", root / SENDER), "contract_missing")


def test_an_expired_contract(cli, root: Path, clock) -> None:
    clock(400 * DAY)
    done = cli("event", "types", "--agency", root / SENDER)
    require_failure(done, "contract_expired")


def by_everyone(root: Path, text: bytes) -> SignedContract:
    """A contract that every party has signed."""
    parsed = parse_contract(text, "another.yaml")
    return signed_by(
        parsed,
        [
            load_participant(root / party.id, now_ms()).governance_signer()
            for party in parsed.contract.parties
        ],
    )


def test_two_versions_at_once(cli, root: Path, line: bytes, sealed: bytes) -> None:
    first = load_contract(root / SENDER / f"{NAME}.yaml")
    text = first.raw.replace(b"\nversion: 1.0.0\n", b"\nversion: 1.1.0\n", 1)
    assert text != first.raw
    second = by_everyone(root, text)
    load_participant(root / SENDER, now_ms()).repository.write_contract(second)
    for done in every_command(cli, root / SENDER, line, sealed):
        require_failure(done, "contract_ambiguous")
        assert "1.0.0" in done.err
        assert "1.1.0" in done.err
    assert cli("event", "open", "--agency", root / READER, stdin=sealed).code == 0


def test_a_version_that_names_the_one_before_replaces_it(cli, root: Path, line: bytes) -> None:
    first = load_contract(root / SENDER / f"{NAME}.yaml")
    text = first.raw.replace(b"\nversion: 1.0.0\n", b"\nversion: 1.1.0\n", 1)
    text += f'previous: ["{first.hash.hex()}"]\n'.encode()
    second = by_everyone(root, text)
    for agency in (SENDER, READER):
        load_participant(root / agency, now_ms()).repository.write_contract(second)
    done = cli("event", "seal", "--agency", root / SENDER, stdin=line)
    assert done.code == 0, done.text
    assert "data" in cli("event", "open", "--agency", root / READER, stdin=done.out).jsonl[0]


def test_a_contract_signed_by_unknown_keys_is_not_ours(cli, root: Path, foreign: Path) -> None:
    stem = f"{NAME}.".rpartition("/")[2]
    for source in (foreign / SENDER / NAME).parent.glob(f"{stem}*"):
        shutil.copy(source, (root / SENDER / NAME).parent)
    require_failure(cli("event", "types", "--agency", root / SENDER), "contract_foreign")


# --- manifests and clocks ------------------------------------------------------------------------


def test_a_recipient_whose_manifest_has_expired_refuses_each_line(
    cli, root: Path, line: bytes, clock
) -> None:
    clock(29 * DAY)
    assert cli("keys", "renew", "--agency", root / SENDER).code == 0
    clock(31 * DAY)
    done = cli("event", "seal", "--agency", root / SENDER, stdin=line)
    assert done.code == 4
    assert done.jsonl[0]["refused"] in {"manifest_expired", "exchange_key_missing"}


def test_our_own_expired_manifest(cli, root: Path, line: bytes, clock) -> None:
    clock(31 * DAY)
    require_failure(cli("event", "seal", "--agency", root / SENDER, stdin=line), "manifest_expired")


def test_a_manifest_that_was_altered_lost_or_brought_back(cli, root: Path) -> None:
    path = newest_manifest_file(root / SENDER, "haven-support")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"@", b"%", 1))
    require_failure(cli("event", "types", "--agency", root / SENDER), "manifest_signature_invalid")
    path.unlink()
    require_failure(cli("event", "types", "--agency", root / SENDER), "manifest_rollback")
    path.write_bytes(content)
    assert cli("event", "types", "--agency", root / SENDER).code == 0


def test_clocks_may_differ_by_five_minutes(cli, root: Path, clock) -> None:
    line = cli("event", "example", "referral.made", "--agency", root / SENDER).out
    record = cli("event", "seal", "--agency", root / SENDER, stdin=line).out
    for behind, answer in ((4 * 60_000, "data"), (6 * 60_000, "refused")):
        clock(-behind)
        for command in ("open", "verify"):
            done = cli("event", command, "--agency", root / READER, stdin=record)
            wanted = "verified" if (command, answer) == ("verify", "data") else answer
            assert wanted in done.jsonl[0], (behind, command)
            if answer == "refused":
                assert done.jsonl[0] == {"refused": "early", "step": 2}


def test_a_clock_that_is_far_behind_says_so(cli, root: Path, clock) -> None:
    clock(-7_200_000)
    done = cli("event", "types", "--agency", root / SENDER)
    require_failure(done, "delegation_early")
    assert "clock" in done.err.lower()


def test_a_clock_that_fell_back_seals_nothing(cli, root: Path, line: bytes, clock) -> None:
    assert cli("event", "seal", "--agency", root / SENDER, stdin=line).code == 0
    clock(-600_000)
    require_failure(cli("event", "seal", "--agency", root / SENDER, stdin=line), "clock_jumped")


# --- input and output ----------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["seal", "open", "verify"])
def test_an_input_that_is_not_there_or_is_a_folder(cli, made: Path, command: str) -> None:
    for file in (made / "nothing.jsonl", made):
        require_failure(cli("event", command, "--agency", made / SENDER, file), "input_unreadable")


@pytest.mark.parametrize("content", [b"{}", b"", b"not a database, but long enough" * 400])
def test_a_state_that_is_not_ours(cli, root: Path, line: bytes, content: bytes) -> None:
    path = root / SENDER / "state" / "concordant.db"
    path.write_bytes(content)
    for beside in ("-wal", "-shm"):  # SQLite would restore the database from them
        path.with_name(f"{path.name}{beside}").unlink(missing_ok=True)
    done = cli("event", "seal", "--agency", root / SENDER, stdin=line)
    if content:
        require_failure(done, "store_corrupt")
    else:
        assert done.code == 0
