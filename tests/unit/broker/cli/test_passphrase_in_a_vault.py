"""An agency whose passphrase is in Vault: what doctor and other commands say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.agency.participant import load_participant
from broker.clock import now_ms
from tests.support.vault_double import TOKEN, VaultDouble, vault_double

AGENCY = "csu-camden"


@pytest.fixture
def folder(root: Path) -> Path:
    return root / AGENCY


@pytest.fixture
def vault(folder: Path, tmp_path: Path) -> Iterator[VaultDouble]:
    """The agency's passphrase, moved from its file into a store."""
    with vault_double(tmp_path) as double:
        passphrase = (folder / "passphrase").read_text().removesuffix("\n")
        (folder / "passphrase").unlink()
        double.secrets["secret", AGENCY] = {"passphrase": passphrase}
        (folder / "token").write_text(TOKEN)
        (folder / "token").chmod(0o600)
        config = folder / "agency.toml"
        setting = (
            f'vault = {{ address = "{double.address}", path = "{AGENCY}", ca = "{double.ca}", '
            'token = { file = "token" } }'
        )
        config.write_text(config.read_text().replace('file = "passphrase"', setting))
        yield double


def test_doctor_reads_it_and_says_what_is_wrong(cli, folder: Path, vault: VaultDouble) -> None:
    def check() -> tuple[str, str | None]:
        (one,) = (
            line
            for line in cli("doctor", "--offline", "--agency", folder, "--json").json["checks"]
            if line["name"] == "passphrase"
        )
        return one["status"], one.get("code")

    assert check()[0] == "ok"
    (folder / "token").chmod(0o644)
    assert check() == ("fail", "passphrase_readable")
    (folder / "token").chmod(0o600)
    vault.sealed = True
    assert check() == ("fail", "passphrase_store_unreachable")
    vault.sealed = False
    vault.tokens.clear()
    assert check() == ("fail", "passphrase_store_refused")


def test_a_change_of_passphrase_names_the_place_for_the_new_one(
    cli, folder: Path, vault: VaultDouble, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    new.write_text("quiet harbour lamp\n")
    done = cli("keys", "passphrase", "--agency", folder, "--new-file", new)
    assert done.code == 0
    assert f"{vault.address} secret/{AGENCY}" in done.err
    vault.secrets["secret", AGENCY] = {"passphrase": "quiet harbour lamp"}
    assert cli("doctor", "--offline", "--agency", folder).code == 0


def test_an_agency_that_is_loaded_again_needs_no_store(folder: Path, vault: VaultDouble) -> None:
    now = now_ms()
    before = load_participant(folder, now)
    before.keyring.secret()
    vault.sealed = True
    after = load_participant(folder, now)
    after.keyring.stay_unlocked(before.keyring)
    assert after.stream_signer(now).public == before.stream_signer(now).public
