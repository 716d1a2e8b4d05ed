"""The folders of each kept release continue with the code of today, with events in flight."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from broker.errors import StoreError
from broker.operations.agency_backup import back_up
from broker.operations.agency_restore import restore
from broker.store.versions import FIRST_SCHEMA_VERSION, SCHEMA_VERSION
from tests.releases.kept_release import RELEASES, KeptRelease
from tests.releases.making import KEPT
from tests.support.later_version import make_newer
from tests.support.live_adapter import POLICE, SUPPORT, Adapter

NEWEST = RELEASES[-1]
ARRIVED = "SELECT count(*) FROM inbox WHERE delivered_ms IS NOT NULL"
UNSENT = "SELECT count(*) FROM outbox WHERE sent_ms IS NULL"


def test_the_first_schema_is_among_the_kept_releases(tmp_path: Path) -> None:
    assert {KeptRelease(name, tmp_path / name).expected.schema for name in RELEASES} >= {
        FIRST_SCHEMA_VERSION
    }


@pytest.mark.parametrize("name", RELEASES)
async def test_agencies_upgrade_one_after_the_other_and_nothing_is_lost(
    name: str, tmp_path: Path
) -> None:
    release = KeptRelease(name, tmp_path)
    expected = release.expected
    assert release.ask(SUPPORT, ARRIVED) == [(len(expected.delivered),)]
    assert release.ask(POLICE, UNSENT) == [(len(expected.unsent + expected.waiting),)]

    await release.start_at_its_time(POLICE)
    await release.until(POLICE, UNSENT, 0)
    await release[POLICE].stop()
    on_kafka = release.sealed_on_kafka()
    assert len(on_kafka) == len(set(on_kafka)) == len(expected.events)
    assert set(expected.sealed.values()) <= set(on_kafka), "resent with the bytes of the release"
    assert release.ask(SUPPORT, "PRAGMA user_version") == [(expected.schema,)]

    await release.start_at_its_time(SUPPORT)
    await release.until(SUPPORT, ARRIVED, len(expected.events))
    await release[SUPPORT].stop()
    assert release.inbox_files() == expected.events
    for agency in KEPT:
        assert release.ask(agency, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
        assert release.ask(agency, "PRAGMA integrity_check") == [("ok",)]
    release.require_whole_logs()


async def test_after_an_upgrade_the_former_version_continues_from_its_backup_only(
    tmp_path: Path,
) -> None:
    """Rollback: "How to upgrade" in docs/compatibility.md."""
    release = KeptRelease(NEWEST, tmp_path / "release")
    before = release[SUPPORT].folder
    backup, again = tmp_path / "backup", tmp_path / "again" / SUPPORT
    again.parent.mkdir()
    back_up(before, backup, release[SUPPORT].clock)
    newer = make_newer(before).read_bytes()
    with pytest.raises(StoreError) as caught:
        await release.start_at_its_time(SUPPORT)
    assert (caught.value.code, caught.value.exit_code) == ("store_newer", 3)
    assert (before / "state/concordant.db").read_bytes() == newer

    passphrase = (before / "passphrase").read_bytes()
    restore(backup, again, passphrase.strip(), release.expected.now)
    shutil.copy(before / "passphrase", again / "passphrase")
    release.adapters[SUPPORT] = Adapter(again, release.kafka)
    await release.start_at_its_time(POLICE)
    await release.start_at_its_time(SUPPORT)
    await release.until(SUPPORT, ARRIVED, len(release.expected.events))
    await release.stop()
    assert release.inbox_files() == release.expected.events
    release.require_whole_logs()
