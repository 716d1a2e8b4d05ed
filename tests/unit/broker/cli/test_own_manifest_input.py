"""Input that a manifest cannot hold ends with our own errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from broker.agency.own_manifest import StatementError, revoke_keys, suspend_contract
from broker.agency.participant import Participant, load_participant
from broker.clock import now_ms
from broker.keys.keyring import Keyring

NOW = now_ms()


@pytest.fixture
def mine(root: Path) -> Participant:
    return load_participant(root / "csu-camden", NOW)


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(StatementError) as caught:
        act()
    assert caught.value.exit_code == 2
    assert caught.value.fix
    return caught.value.code


def stream_kid(participant: Participant) -> bytes:
    return participant.stream_signer(NOW).kid


@pytest.mark.parametrize("reason", ["", "x" * 257, "two\nlines", "\x1b[31m", "\ud800"])
def test_a_reason_that_no_manifest_can_say(
    mine: Participant, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kid, contract = stream_kid(mine), mine.contract_in_force(NOW).contract
    monkeypatch.delattr(Keyring, "create")  # nothing is made for what cannot be said
    assert code_of(lambda: revoke_keys(mine, [kid], NOW - 1, reason, NOW)) == "reason_invalid"
    act = lambda: suspend_contract(mine, contract.name, reason, NOW)  # noqa: E731 - one act
    assert code_of(act) == "reason_invalid"


@pytest.mark.parametrize(("since", "code"), [(-1, "since_too_early"), (10**18, "since_ahead")])
def test_a_time_that_no_manifest_can_say(mine: Participant, since: int, code: str) -> None:
    assert code_of(lambda: revoke_keys(mine, [stream_kid(mine)], since, "lost", NOW)) == code
    assert revoke_keys(mine, [stream_kid(mine)], NOW - 1, "lost", NOW).manifest.revocations


@pytest.mark.parametrize("kids", [[], [b""], [b"\x00" * 31], [b"\x00" * 32]])
def test_a_key_that_is_none_of_ours(mine: Participant, kids: list[bytes]) -> None:
    assert code_of(lambda: revoke_keys(mine, kids, NOW - 1, "lost", NOW)) == "key_not_listed"


def test_a_key_that_is_named_twice_is_revoked_once(mine: Participant) -> None:
    kid = stream_kid(mine)
    said = revoke_keys(mine, [kid, kid], NOW - 1, "lost", NOW).manifest
    assert [one.kid for one in said.revocations] == [kid]
