"""A changed setting is an entry of the disclosure log, and there is no entry without a change."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.agency.config import load_config, parse_config
from broker.agency.participant import Participant, load_participant
from broker.audit.actor import Actor
from broker.audit.entries import NewLogEntry
from broker.audit.log import log_origin
from broker.audit.query import entries_of_log
from broker.audit.setting_changes import digests_of, record_settings
from broker.audit.verification import verify_log
from broker.store.database import Store, open_store
from tests.support.founded_partnership import COUNCIL, NOW, founded

OPS = Actor("ops", "duty.officer")
SALT = b"s" * 32


@pytest.fixture
def agency(tmp_path: Path) -> Participant:
    return load_participant(founded().directory(COUNCIL, tmp_path), NOW)


def entries(store: Store) -> list[NewLogEntry]:
    with store.reading() as tx:
        return [placed.entry for placed in entries_of_log(tx)]


def record(store: Store, agency: Participant, actor: Actor = OPS) -> bool:
    with store.transaction() as tx:
        return record_settings(tx, agency, actor, NOW)


def change(agency: Participant, old: str, new: str) -> None:
    file = agency.root / "agency.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_changed_setting_is_logged_once_with_name_digests_and_person(
    agency: Participant, tmp_path: Path
) -> None:
    store = open_store(tmp_path / "state.db")
    assert not record(store, agency)  # the first settings
    assert not record(store, agency)
    change(agency, "inbox_days = 90", "inbox_days = 80")
    (agency.root / "agency.toml").open("a").write('\n[web]\nlanguage = "cy"\n')
    assert record(store, agency)
    assert not record(store, agency)
    (entry,) = entries(store)
    assert (entry.kind, entry.operator, entry.acting_for) == ("setting", "ops", "duty.officer")
    assert entry.settings == ("retention.inbox_days", "web.language")
    assert entry.settings_before != entry.settings_after
    with store.reading() as tx:
        verify_log(tx, log_origin(agency.deployment, agency.agency), lambda *_: None)
    store.close()


def test_the_digests_of_two_changes_are_a_chain(agency: Participant, tmp_path: Path) -> None:
    store = open_store(tmp_path / "state.db")
    record(store, agency)
    change(agency, "inbox_days = ", "inbox_days = 1")
    record(store, agency)
    change(agency, "inbox_days = 1", "inbox_days = ")
    record(store, agency)
    first, second = entries(store)
    assert first.settings_after == second.settings_before
    assert second.settings_after == first.settings_before
    store.close()


def test_neither_log_nor_database_holds_a_value(agency: Participant, tmp_path: Path) -> None:
    secret = "Ada Placeholdersson"
    store = open_store(tmp_path / "state.db")
    record(store, agency)
    line = re.search(r"^\[partners\].*\n", (agency.root / "agency.toml").read_text(), re.M)
    assert line is not None
    change(agency, line[0], f'{line[0]}"{secret}" = "csu-camden"\n')
    assert record(store, agency)
    assert entries(store)[0].settings == ("partners",)
    store.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("state.db*"))
    assert secret.encode() not in stored


def test_a_file_that_cannot_be_read_is_compared_later(agency: Participant, tmp_path: Path) -> None:
    store = open_store(tmp_path / "state.db")
    record(store, agency)
    good = (agency.root / "agency.toml").read_text()
    (agency.root / "agency.toml").write_text("agency = ")
    assert not record(store, agency)
    (agency.root / "agency.toml").write_text(good)
    assert not record(store, agency)
    assert entries(store) == []
    store.close()


def test_an_explicit_default_and_a_comment_are_no_change(agency: Participant) -> None:
    plain = load_config(agency.root)
    text = (agency.root / "agency.toml").read_text()
    same = parse_config(f"# reviewed\n{text}\n[web]\nlinks = true\n".encode(), "agency.toml")
    differs = digests_of(same, SALT).keys() - digests_of(plain, SALT).keys()
    assert differs == {"web.links"}  # without it the adapter decides, so the line is a change
    noted = parse_config(f"# reviewed\n{text}".encode(), "agency.toml")
    assert digests_of(noted, SALT) == digests_of(plain, SALT)


@settings(max_examples=25, deadline=None)
@given(days=st.lists(st.integers(min_value=0, max_value=3), max_size=8))
def test_there_is_an_entry_exactly_for_each_change(
    tmp_path_factory: pytest.TempPathFactory, days: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("settings")
    agency = load_participant(founded().directory(COUNCIL, folder), NOW)
    file = agency.root / "agency.toml"
    base = file.read_text().partition("[retention]")[0]
    store = open_store(folder / "state.db")
    written = [0, *days]
    for one in written:
        file.write_text(f"{base}[retention]\nprocessed_days = {one}\n")
        record(store, agency)
    changes = sum(one != before for before, one in pairwise(written))
    assert len(entries(store)) == changes
    store.close()
