"""`keys adopt`, and how a foreign manifest and the end of a delegation are shown."""

from __future__ import annotations

from pathlib import Path

from broker.agency.participant import load_participant
from broker.keys.issuing import ManifestChanges, issue_manifest
from broker.registry.repository import manifest_name

DAY = 86_400_000
AGENCY = "csu-camden"


def foreign(folder: Path, now: int) -> int:
    """The manifest keys sign a manifest elsewhere, and it comes into the folder."""
    participant = load_participant(folder, now)
    signer = participant.manifest_signer()
    made = issue_manifest(participant.manifest(now), ManifestChanges(), signer, now)
    (folder / "manifests" / manifest_name(made)).write_bytes(made.raw)
    return made.manifest.version


def test_an_adopted_manifest_is_one_of_ours(cli, root: Path, clock) -> None:
    folder = root / AGENCY
    version = foreign(folder, clock(DAY))
    clock(2 * DAY)
    cli("keys", "renew", "--agency", folder).require_failure("manifest_not_ours", 3)
    done = cli("keys", "adopt", version, "--agency", folder, "--json")
    assert (done.code, done.json) == (0, {"adopted": version, "left": []})
    assert cli("keys", "renew", "--agency", folder).code == 0


def test_a_version_that_does_not_await_it_is_refused(cli, root: Path, clock) -> None:
    folder = root / AGENCY
    own = load_participant(folder, clock(0)).manifests.newest(AGENCY)
    assert own is not None
    refused = cli("keys", "adopt", own.version, "--agency", folder)
    refused.require_failure("manifest_not_foreign", 2)


def test_a_foreign_manifest_shows_until_its_keys_are_withdrawn(cli, root: Path, clock) -> None:
    folder = root / AGENCY
    version = foreign(folder, clock(DAY))
    clock(2 * DAY)
    assert stage(cli, folder) == "manifest_not_ours"
    check = delegation_check(cli, folder)
    assert (check["status"], check["code"]) == ("fail", "manifest_not_ours")
    status = cli("status", "--agency", folder, "--json")
    if status.code == 0:  # only a folder whose adapter has run
        assert status.json["manifests_not_ours"] == [version]
    assert cli("keys", "delegate", "--withdraw", "--agency", folder).code == 0
    assert stage(cli, folder) != "manifest_not_ours"
    assert cli("keys", "renew", "--agency", folder).code == 0


def test_the_end_of_the_delegation_is_shown_from_90_days_before(cli, root: Path, clock) -> None:
    folder = root / AGENCY
    now = clock(0)
    newest = load_participant(folder, now).manifests.newest_verified(AGENCY)
    assert newest is not None
    ends = newest.delegation.delegation.expires
    clock(ends - now - 91 * DAY)
    assert delegation_check(cli, folder)["status"] == "ok"
    assert stage(cli, folder) == "manifest_ends"
    assert cli("keys", "renew", "--agency", folder).code == 0
    assert stage(cli, folder) != "delegation_ends"
    clock(ends - now - 89 * DAY)
    assert delegation_check(cli, folder)["status"] == "warn"
    assert stage(cli, folder) == "delegation_ends"
    clock(ends - now + DAY)
    assert delegation_check(cli, folder)["code"] == "delegation_expired"


def stage(cli, folder: Path) -> str:
    return cli("agency", "status", "--agency", folder, "--json").json["stage"]


def delegation_check(cli, folder: Path) -> dict[str, str]:
    checks = cli("doctor", "--offline", "--agency", folder, "--json").json["checks"]
    return next(one for one in checks if one["name"] == "delegation")
