"""The log names the account that logged in, whatever name the user gives."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from broker.agency import account
from broker.agency.account import label, login_name
from broker.audit.entries import NewLogEntry, format_entry, parse_log_entry
from broker.cli.operator_name import actor
from broker.errors import WrongInputError

ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def no_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A system that keeps no login id."""
    path = tmp_path / "loginuid"
    monkeypatch.setattr(account, "_LOGIN_ID", path)
    return path


def test_the_environment_does_not_name_the_operator(
    monkeypatch: pytest.MonkeyPatch, no_login: Path
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "someone-else")
    assert login_name() == ME


def test_the_login_id_counts_before_the_account_of_the_process(no_login: Path) -> None:
    no_login.write_text("4294967294")
    assert login_name() == "uid 4294967294"
    no_login.write_text("4294967295")  # no login
    assert login_name() == ME


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("DOMAIN\\account", "DOMAIN\\account"),
        ("account@realm", "account@realm"),
        ("O'Brien", "O'Brien"),
        ("Ops Müller", "Ops Müller"),
        ('a"b;c', "a%22b%3Bc"),
        ("-x", "%2Dx"),
        ("", "unknown"),
        ("a" * 300, "a" * 128),
    ],
)
def test_a_name_is_kept_as_it_is_where_an_entry_may_hold_it(text: str, kept: str) -> None:
    assert label(text) == kept
    entry = NewLogEntry(
        kind="consultation", time_ms=0, operator=label(text), acting_for=label(text)
    )
    assert parse_log_entry(format_entry(entry)) == entry


@pytest.mark.parametrize("name", ["", "  ", "x" * 129])
def test_a_name_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(WrongInputError) as caught:
        actor(name, None)
    assert caught.value.code == "operator_invalid"
