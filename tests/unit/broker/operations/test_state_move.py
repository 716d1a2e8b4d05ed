"""The state of an agency on a server: move, doctor, backup and restore."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from adapters.trial_partnership import TrialPartnership
from broker.agency.config import load_config
from broker.agency.participant import load_participant
from broker.agency.running import ADAPTER_LOCK
from broker.errors import ConfigError, StoreError
from broker.keys.passphrase import PassphraseSource
from broker.operations.agency_backup import back_up
from broker.operations.agency_restore import restore
from broker.operations.checks.check import Check
from broker.operations.checks.machine_checks import state
from broker.operations.state_move import move_state
from broker.store.database import open_store
from broker.store.exclusion import exclusive
from tests.support.partnership_fixtures import founded, now, partnership
from tests.support.postgres import OWNER, PostgresServer, postgres
from tests.support.postgres import PASSWORD as OWNER_PASSWORD
from tests.support.state_places import PASSWORD, postgres_place, require_postgres

__all__ = ["founded", "now", "partnership"]
AGENCY = "csu-camden"


@pytest.fixture
def agency(partnership: TrialPartnership) -> Path:
    """An agency with a state in its file."""
    require_postgres()
    folder = partnership.directory(AGENCY)
    path = folder / load_config(folder).state.database
    with closing(open_store(path)) as store, store.transaction() as tx:
        tx.meta.set("name", b"value")
    return folder


def new_schema() -> tuple[str, str, str]:
    """Return url, schema and password of a state that does not exist yet."""
    place = postgres_place()
    return postgres().url(place.database, place.user), place.schema, PASSWORD


def name_server(
    folder: Path, server: tuple[str, str, str] | None = None, *, file: str = "state-password"
) -> None:
    """Name a schema in `agency.toml`, by default a new one."""
    url, schema, password = server or new_schema()
    (folder / "state-password").write_text(password)
    more = f'url = "{url}"\nschema = "{schema}"\npassword = {{ file = "{file}" }}\n'
    config = folder / "agency.toml"
    config.write_text(config.read_text().replace("[state]\n", f"[state]\n{more}"))


def kept(folder: Path, now: int) -> bytes | None:
    with closing(open_store(load_participant(folder, now).state)) as store, store.reading() as tx:
        return tx.meta.get("name")


def checked(folder: Path) -> Check:
    (found,) = state(folder, load_config(folder))
    return found


def test_a_state_in_a_file_is_state_not_moved_until_it_is(agency: Path, now: int) -> None:
    with pytest.raises(ConfigError) as without:
        move_state(agency)
    assert without.value.code == "config_invalid"
    name_server(agency)
    with pytest.raises(StoreError) as caught:
        kept(agency, now)
    assert caught.value.code == "state_not_moved"
    with exclusive(agency / ADAPTER_LOCK), pytest.raises(StoreError) as runs:
        move_state(agency)
    assert runs.value.code == "already_running"
    assert move_state(agency) == 1
    assert kept(agency, now) == b"value"
    with pytest.raises(StoreError) as again:
        move_state(agency)
    assert again.value.code == "state_missing"


def test_without_its_password_the_state_is_store_password_missing(agency: Path, now: int) -> None:
    name_server(agency, file="missing")
    with pytest.raises(StoreError) as caught:
        move_state(agency)
    assert caught.value.code == "store_password_missing"
    (agency / "missing").write_text(PASSWORD)
    move_state(agency)
    assert kept(agency, now) == b"value"


def test_a_server_that_can_lose_events_is_store_unsafe(agency: Path) -> None:
    name_server(agency)
    move_state(agency)
    found = checked(agency)  # the server of the tests runs without fsync
    assert (found.status, found.code) == ("fail", "store_unsafe")


def test_a_server_that_loses_nothing_is_sound(agency: Path) -> None:
    server = PostgresServer("fsync=on")
    try:
        name_server(agency, (server.url(server.database(), OWNER), "agency", OWNER_PASSWORD))
        move_state(agency)
        assert checked(agency).status == "ok"
    finally:
        server.end()


def test_a_backup_of_a_state_on_a_server_is_restored_and_moved(
    agency: Path, tmp_path: Path, now: int
) -> None:
    name_server(agency)
    move_state(agency)
    file, folder = tmp_path / "backup", tmp_path / "restored"
    secret = PassphraseSource(file=tmp_path / "secret")
    (tmp_path / "secret").write_text("the words of the backup's passphrase")
    back_up(agency, file, lambda: now, secret)
    restore(file, folder, b"the words of the backup's passphrase", now)
    assert not (folder / "state-password").exists()
    (folder / "passphrase").write_bytes((agency / "passphrase").read_bytes())
    config = folder / "agency.toml"
    config.write_text(config.read_text().replace(load_schema(agency), postgres_place().schema))
    (folder / "state-password").write_text(PASSWORD)
    with pytest.raises(StoreError) as caught:
        kept(folder, now)
    assert caught.value.code == "state_not_moved"
    assert move_state(folder) == 1
    assert kept(folder, now) == b"value"


def load_schema(folder: Path) -> str:
    schema = load_config(folder).state.schema_
    assert schema is not None
    return schema
