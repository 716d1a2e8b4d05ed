"""`keys revoke`: what it refuses, and what an agency has afterwards."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from broker.agency.participant import load_participant
from broker.clock import now_ms
from broker.keys.instant import format_instant
from tests.support.manifest_files import newest_manifest_file

DAY, MINUTE = 86_400_000, 60_000
AGENCY, READER = "csu-camden", "council-camden"


def keys(cli, folder: Path) -> dict[str, str]:
    """Key ids by role and algorithm."""
    listed = cli("keys", "list", "--agency", folder, "--json").json["keys"]
    return {f"{key['role']} {key['algorithm']}": key["kid"] for key in listed}


def revoke(cli, folder: Path, *arguments: str, since: int | None = None):
    earliest = format_instant(now_ms() - MINUTE if since is None else since)
    options = ("--since", earliest, "--reason", "laptop stolen", "--agency", folder)
    return cli("keys", "revoke", *arguments, *options)


def test_a_revoked_key_has_a_successor_in_the_same_version(cli, root: Path, clock) -> None:
    now = clock(DAY)
    kid = keys(cli, root / AGENCY)["stream ed25519"]
    done = revoke(cli, root / AGENCY, kid[:16], "--json")
    assert done.code == 0
    assert done.json["manifest"]["version"] == now
    assert [key["kid"] for key in done.json["revoked"]] == [kid]
    (added,) = done.json["added"]
    assert (added["role"], added["algorithm"]) == ("stream", "ed25519")
    participant = load_participant(root / AGENCY, now)
    assert participant.stream_signer(now).kid.hex() == added["kid"]
    states = {
        key["kid"]: key["state"]
        for key in cli("keys", "list", "--agency", root / AGENCY, "--json").json["keys"]
    }
    assert (states[kid], states[added["kid"]]) == ("revoked", "valid")


def test_a_key_that_was_lost_long_ago_is_revoked_by_a_delegation(cli, root: Path, clock) -> None:
    now = clock(10 * DAY)
    kid = keys(cli, root / AGENCY)["stream ed25519"]
    long_ago = now - 8 * DAY
    revoke(cli, root / AGENCY, kid, since=long_ago).require_failure("since_too_early", 2)
    options = ("--revoke", kid, "--since", format_instant(long_ago), "--reason", "laptop stolen")
    done = cli("keys", "delegate", "--agency", root / AGENCY, *options, "--json")
    assert done.code == 0, done.err
    book = load_participant(root / AGENCY, now).manifests
    assert book.revoked_since(AGENCY, bytes.fromhex(kid)) == long_ago - long_ago % 1000
    assert cli("keys", "delegate", "--agency", root / AGENCY, "--revoke", kid).code == 2


def test_the_next_steps_and_the_agencies_to_tell_are_shown(cli, root: Path) -> None:
    ids = keys(cli, root / AGENCY)
    for role, said in (
        ("stream ed25519", "publishes again what others have not confirmed"),
        ("exchange mlkem768-x25519", "can read what was sealed for it"),
        ("receipt ed25519", "do not count"),
    ):
        done = revoke(cli, root / AGENCY, ids[role])
        assert done.code == 0
        assert done.lines[0].split() == ["role", "algorithm", "id", "from"]
        assert said in done.err
        assert "Telephone every party" in done.err
        assert re.search(r"Manifest version [0-9]{13},", done.err)


def test_all_revokes_every_key_of_the_machine(cli, root: Path, clock) -> None:
    clock(DAY)
    done = revoke(cli, root / AGENCY, "--all", "--json")
    assert done.code == 0
    assert len(done.json["revoked"]) == len(done.json["added"]) == 4
    states = [
        key["state"]
        for key in cli("keys", "list", "--agency", root / AGENCY, "--json").json["keys"]
        if key["role"] not in {"governance", "manifest"}
    ]
    assert sorted(states) == ["revoked"] * 4 + ["valid"] * 4
    again = revoke(cli, root / AGENCY, "--all", "--json")
    assert len(again.json["revoked"]) == 4  # the successors; the first ones stay as they are


def test_others_refuse_what_it_signed_and_read_what_its_successor_signs(
    cli, root: Path, line: bytes
) -> None:
    before = cli("event", "seal", "--agency", root / AGENCY, stdin=line).out
    ids = keys(cli, root / AGENCY)
    assert revoke(cli, root / AGENCY, ids["stream ed25519"]).code == 0
    after = cli("event", "seal", "--agency", root / AGENCY, stdin=line).out
    name = newest_manifest_file(root / AGENCY, AGENCY).name
    shutil.copy(root / AGENCY / "manifests" / name, root / READER / "manifests" / name)
    (refused,) = cli("event", "open", "--agency", root / READER, stdin=before).jsonl
    assert refused == {"refused": "key_revoked", "step": 2}
    assert "data" in cli("event", "open", "--agency", root / READER, stdin=after).jsonl[0]


def test_an_event_sealed_for_a_revoked_exchange_key_is_still_opened(
    cli, root: Path, sealed: bytes
) -> None:
    kid = keys(cli, root / READER)["exchange mlkem768-x25519"]
    assert revoke(cli, root / READER, kid).code == 0
    opened = cli("event", "open", "--agency", root / READER, stdin=sealed).jsonl
    assert all("data" in one for one in opened)


@pytest.mark.parametrize(
    ("named", "code"),
    [("ffffffffffffffff", "key_not_listed"), ("g0", "key_not_listed"), ("", "key_not_listed")],
)
def test_an_unlisted_key_is_not_revoked(cli, root: Path, named: str, code: str) -> None:
    revoke(cli, root / AGENCY, named).require_failure(code, 2)


def test_a_beginning_that_fits_two_keys_is_refused(cli, root: Path, clock) -> None:
    for day in range(1, 9):  # some 30 keys, and 16 digits
        clock(day * DAY // 2)
        assert cli("keys", "renew", "--all", "--agency", root / AGENCY).code == 0
    listed = cli("keys", "list", "--agency", root / AGENCY, "--json").json["keys"]
    apart = {"governance", "manifest"}  # no manifest lists these
    firsts = [key["kid"][0] for key in listed if key["role"] not in apart]
    pinned = {key["kid"][0] for key in listed if key["role"] in apart}
    twice = next(one for one in firsts if firsts.count(one) > 1 and one not in pinned)
    revoke(cli, root / AGENCY, twice).require_failure("key_ambiguous", 2)
    whole = next(key["kid"] for key in listed if key["kid"][0] == twice)
    assert revoke(cli, root / AGENCY, whole[:16]).code == 0  # more of the id


def test_a_governance_key_is_not_revoked_and_what_to_do_is_said(cli, root: Path) -> None:
    for algorithm in ("ed25519", "ml-dsa-65"):
        done = revoke(cli, root / AGENCY, keys(cli, root / AGENCY)[f"governance {algorithm}"])
        done.require_failure("key_governance", 2)
        assert "new id" in done.err


@pytest.mark.parametrize("reason", ["", "x" * 257, "two\nlines", "\x1b[31m"])
def test_a_reason_that_no_manifest_can_say_is_wrong_usage(cli, root: Path, reason: str) -> None:
    before = sorted(path.name for path in (root / AGENCY).rglob("*.key.json"))
    options = ("--since", format_instant(now_ms()), "--reason", reason, "--agency", root / AGENCY)
    done = cli("keys", "revoke", "--all", *options)
    assert done.code == 2
    assert "--reason" in done.err
    assert sorted(path.name for path in (root / AGENCY).rglob("*.key.json")) == before


@pytest.mark.parametrize(
    "since", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2026-11-23T02:10:00", "yesterday"]
)
def test_a_time_that_no_manifest_can_say_is_wrong_usage(cli, root: Path, since: str) -> None:
    options = ("--since", since, "--reason", "laptop stolen", "--agency", root / AGENCY)
    done = cli("keys", "revoke", "--all", *options)
    assert done.code == 2
    assert "--since takes a time" in done.err


def test_without_the_manifest_keys_nothing_is_made(cli, root: Path) -> None:
    kid = keys(cli, root / AGENCY)["stream ed25519"]
    for path in (root / AGENCY / "keys").glob("manifest-*"):
        path.unlink()
    before = sorted(path.name for path in (root / AGENCY).rglob("*.key.json"))
    done = revoke(cli, root / AGENCY, kid)
    done.require_failure("key_missing")
    assert "keys delegate" in done.err
    assert sorted(path.name for path in (root / AGENCY).rglob("*.key.json")) == before


def test_a_key_is_revoked_without_the_governance_keys(cli, root: Path) -> None:
    kid = keys(cli, root / AGENCY)["stream ed25519"]
    shutil.rmtree(root / AGENCY / "governance")
    assert revoke(cli, root / AGENCY, kid).code == 0


def test_a_revocation_can_only_be_dated_earlier(cli, root: Path) -> None:
    kid, now = keys(cli, root / AGENCY)["stream ed25519"], now_ms()
    assert revoke(cli, root / AGENCY, kid, since=now - MINUTE).code == 0
    revoke(cli, root / AGENCY, kid, since=now - MINUTE).require_failure("key_revoked_before", 2)
    revoke(cli, root / AGENCY, kid, since=now).require_failure("key_revoked_before", 2)
    assert revoke(cli, root / AGENCY, kid, since=now - DAY).code == 0


def test_a_time_to_come_is_refused(cli, root: Path) -> None:
    kid = keys(cli, root / AGENCY)["stream ed25519"]
    revoke(cli, root / AGENCY, kid, since=now_ms() + MINUTE).require_failure("since_ahead", 2)
    assert revoke(cli, root / AGENCY, kid, since=now_ms() - MINUTE).code == 0


@pytest.mark.parametrize("since", ["yesterday", "2026-11-23T02:10:00", ""])
def test_a_time_without_a_zone_is_a_mistake_of_usage(cli, root: Path, since: str) -> None:
    done = cli(
        "keys", "revoke", "--all", "--since", since, "--reason", "x", "--agency", root / AGENCY
    )
    assert (done.code, done.out) == (2, b"")


def test_keys_or_all_but_not_both_and_not_neither(cli, root: Path) -> None:
    kid = keys(cli, root / AGENCY)["stream ed25519"]
    for arguments in ((), (kid, "--all")):
        assert revoke(cli, root / AGENCY, *arguments).code == 2
