"""`keys list` and `keys renew`: what there is, what is due, and what a renewal leaves behind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from broker.agency.participant import load_participant
from broker.clock import now_ms
from tests.support.manifest_files import newest_manifest_file

DAY = 86_400_000
AGENCY = "csu-camden"


def listed(cli, folder: Path, *more: str):
    return cli("keys", "list", "--agency", folder, "--json", *more)


def test_every_key_is_listed_with_role_validity_and_whether_it_is_here(cli, made: Path) -> None:
    done = listed(cli, made / AGENCY)
    assert done.code == 0
    keys = done.json["keys"]
    assert [(key["role"], key["algorithm"], key["state"]) for key in keys] == [
        ("governance", "ed25519", "pinned"),
        ("governance", "ml-dsa-65", "pinned"),
        ("manifest", "ed25519", "valid"),
        ("manifest", "ml-dsa-65", "valid"),
        ("exchange", "mlkem768-x25519", "valid"),
        ("receipt", "ed25519", "valid"),
        ("stream", "ed25519", "valid"),
        ("stream", "ml-dsa-44", "valid"),
    ]
    assert all(key["held"] for key in keys)
    assert all(len(key["kid"]) == 64 for key in keys)
    assert done.json["manifest"]["version"] > 1_700_000_000_000
    assert done.json["needs"] == []


def test_as_a_table_too(cli, made: Path) -> None:
    done = cli("keys", "list", "--agency", made / AGENCY)
    assert done.code == 0
    assert done.lines[0].split() == ["role", "algorithm", "id", "from", "until", "state", "here"]
    assert len(done.lines) == 9


def test_into_a_file(cli, made: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    done = listed(cli, made / AGENCY, "--output", str(file))
    assert (done.code, done.out) == (0, b"")
    assert json.loads(file.read_text())["agency"] == AGENCY


def test_an_output_that_cannot_be_written_is_an_error(cli, made: Path, tmp_path: Path) -> None:
    done = listed(cli, made / AGENCY, "--output", str(tmp_path / "no" / "where"))
    assert done.code == 3
    assert "output_unwritable" in done.err


def test_listing_needs_no_passphrase(cli, root: Path) -> None:
    (root / AGENCY / "passphrase").unlink()
    assert listed(cli, root / AGENCY).code == 0


def test_governance_keys_offline_are_well(cli, root: Path) -> None:
    shutil.rmtree(root / AGENCY / "governance")
    done = listed(cli, root / AGENCY)
    assert done.code == 0
    assert [key["held"] for key in done.json["keys"]] == [False, False, *[True] * 6]


def test_a_key_that_is_needed_and_not_here_is_named(cli, root: Path) -> None:
    for path in (root / AGENCY).glob("keys/exchange-*"):
        path.unlink()
    done = listed(cli, root / AGENCY)
    assert done.code == 3
    assert "exchange" in done.err
    assert "keys renew" in done.err


def test_keys_that_end_soon_are_reported(cli, root: Path, clock) -> None:
    clock(25 * DAY)
    done = listed(cli, root / AGENCY)
    assert done.code == 0
    assert "concordant keys renew" in done.json["needs"][0]
    clock(31 * DAY)
    assert "expired" in " ".join(listed(cli, root / AGENCY).json["needs"])


# --- renewing ------------------------------------------------------------------------------------


def test_with_nothing_due_the_manifest_alone_is_renewed(cli, root: Path, clock) -> None:
    now = clock(DAY)
    done = cli("keys", "renew", "--agency", root / AGENCY, "--json")
    assert done.code == 0
    assert done.json["added"] == []
    manifest = load_participant(root / AGENCY, now).manifests.newest(AGENCY)
    assert manifest is not None
    assert manifest.version == done.json["manifest"]["version"] == now
    assert 29 * DAY < manifest.expires - now <= 30 * DAY
    assert Path(done.json["manifest"]["file"]).is_file()


def test_an_exchange_keys_successor_is_published_ahead_of_its_start(cli, root: Path, clock) -> None:
    now = clock(24 * DAY)
    done = cli("keys", "renew", "--agency", root / AGENCY, "--json")
    assert [key["role"] for key in done.json["added"]] == ["exchange"]
    states = {
        key["state"]: key
        for key in listed(cli, root / AGENCY).json["keys"]
        if key["role"] == "exchange"
    }
    assert set(states) == {"valid", "next"}
    assert states["next"]["not_before"] == states["valid"]["not_after"]
    manifest = load_participant(root / AGENCY, now).manifests.newest(AGENCY)
    assert manifest is not None
    successor = max(manifest.keys_of("exchange", "mlkem768-x25519"), key=lambda k: k.not_before)
    assert successor.not_before - now >= 5 * DAY
    assert successor.not_after - successor.not_before <= 30 * DAY


def test_all_replaces_every_key_and_others_still_read_what_we_seal(cli, root: Path, clock) -> None:
    clock(DAY)
    done = cli("keys", "renew", "--agency", root / AGENCY, "--all")
    assert done.code == 0
    assert len(done.lines) == 5
    assert "adapter publishes" in done.err
    example = cli("event", "example", "referral.made", "--agency", root / AGENCY).out
    record = cli("event", "seal", "--agency", root / AGENCY, stdin=example)
    assert record.code == 0
    reader = root / "council-camden"
    refused = cli("event", "open", "--agency", reader, stdin=record.out)
    assert refused.jsonl[0] == {"refused": "key_unknown", "step": 2}
    name = newest_manifest_file(root / AGENCY, AGENCY).name
    shutil.copy(root / AGENCY / "manifests" / name, reader / "manifests" / name)
    assert "data" in cli("event", "open", "--agency", reader, stdin=record.out).jsonl[0]


def test_renewing_twice_changes_nothing_but_the_version(cli, root: Path, clock) -> None:
    clock(24 * DAY)
    first = cli("keys", "renew", "--agency", root / AGENCY, "--json").json
    second = cli("keys", "renew", "--agency", root / AGENCY, "--json").json
    assert len(first["added"]) == 1
    assert second["added"] == []
    assert second["manifest"]["version"] > first["manifest"]["version"]


def test_an_expired_manifest_can_be_renewed(cli, root: Path, clock) -> None:
    clock(40 * DAY)
    assert cli("keys", "renew", "--agency", root / AGENCY).code == 0
    assert cli("event", "types", "--agency", root / AGENCY).code == 0


def test_without_the_manifest_keys_nothing_is_renewed(cli, root: Path) -> None:
    shutil.rmtree(root / AGENCY / "governance")
    assert cli("keys", "renew", "--agency", root / AGENCY).code == 0
    for path in (root / AGENCY / "keys").glob("manifest-*"):
        path.unlink()
    before = sorted(path.name for path in (root / AGENCY).rglob("*.key.json"))
    done = cli("keys", "renew", "--agency", root / AGENCY, "--all")
    assert (done.code, done.out) == (3, b"")
    assert "key_missing" in done.err
    assert sorted(path.name for path in (root / AGENCY).rglob("*.key.json")) == before


def test_a_wrong_passphrase_renews_nothing(cli, root: Path) -> None:
    before = load_participant(root / AGENCY, now_ms()).manifests.newest(AGENCY)
    (root / AGENCY / "passphrase").write_text("wrong")
    done = cli("keys", "renew", "--agency", root / AGENCY, "--all")
    assert (done.code, done.out) == (3, b"")
    assert "passphrase_wrong" in done.err
    assert load_participant(root / AGENCY, now_ms()).manifests.newest(AGENCY) == before
