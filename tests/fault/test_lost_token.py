"""A PKCS#11 token that is taken away while the adapter runs: events wait, and none is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from adapters.trial_agencies import london_agencies
from adapters.trial_partnership import create_partnership
from broker.agency.participant import load_participant
from broker.clock import now_ms
from broker.keys import token as token_module
from broker.keys.token import SigningToken, TokenKey
from tests.support.command_line import run
from tests.support.live_adapter import CAST, POLICE, SUPPORT, copy_partnership, export
from tests.support.softhsm import SoftHsm, softhsm

__all__ = ["softhsm"]


def moved_to_token(folder: Path, hsm: SoftHsm) -> None:
    """The agency's signing keys are replaced by keys on the token."""
    config = folder / "agency.toml"
    setting = f'operational = "file:keys"\nsigning = "{hsm.uri}"'
    text = config.read_text().replace('operational = "file:keys"', setting)
    config.write_text(text + f'\n[signing_pin]\nfile = "{hsm.pin}"\n')
    done = run("keys", "renew", "--all", "--agency", folder)
    assert done.code == 0, done.err


async def test_events_wait_for_a_token_that_is_away(
    softhsm: SoftHsm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pkcs11

    plans = {plan.id: plan for plan in london_agencies()}
    create_partnership(tmp_path / "p", now_ms() - 60_000, agencies=[plans[one] for one in CAST])
    moved_to_token(tmp_path / "p" / POLICE, softhsm)
    for other in CAST:  # as a bundle or Kafka would bring it
        for note in (tmp_path / "p" / POLICE / "manifests").glob(f"{POLICE}.*"):
            target = tmp_path / "p" / other / "manifests" / note.name
            target.write_bytes(note.read_bytes())
    town = copy_partnership(tmp_path / "p", tmp_path / "town")
    police, support = town[POLICE], town[SUPPORT]
    now = now_ms()
    for signer in (
        load_participant(police.folder, now).stream_signer(now),
        load_participant(police.folder, now).receipt_signer(now),
    ):
        assert isinstance(signer.key, TokenKey)

    def inbox() -> int:
        return len(list((support.folder / "inbox").glob("[0-9a-f]*")))

    await town.start(POLICE, SUPPORT)
    police.drop("first.csv", export({"REFERRAL_NO": "R10001-1"}))
    await support.until(lambda _: inbox() == 1)
    with monkeypatch.context() as away:

        def gone(*_: object) -> None:
            raise pkcs11.TokenNotPresent

        away.setattr(token_module, "_token", gone)
        away.setattr(SigningToken, "_key", gone)
        police.drop("second.csv", export({"REFERRAL_NO": "R20001-1"}))
        await police.until(lambda text: "token_unavailable" in text)
        status = await asyncio.to_thread(run, "status", "--agency", police.folder, "--json")
        assert status.json["signing_token"] == "token_unavailable"
        assert status.err
        doctor = await asyncio.to_thread(
            run, "doctor", "--offline", "--agency", police.folder, "--json"
        )
        assert "token_unavailable" in {one.get("code") for one in doctor.json["checks"]}
        assert inbox() == 1
    await support.until(lambda _: inbox() == 2)
    status = await asyncio.to_thread(run, "status", "--agency", police.folder, "--json")
    assert status.json["signing_token"] == "present"
    await town.stop()
