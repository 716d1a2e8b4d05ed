"""Parts of a trial partnership, and its loading."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.trial_partnership import TrialPartnership, create_partnership
from broker.agency import participant as participant_module
from broker.agency.participant import Participant, load_participant
from broker.errors import ConfigError, KeyAccessError, ManifestError, RegistryError
from contracts.durations import DAY_MS
from contracts.errors import ConcordantError, ContractError
from tests.support.manifest_files import newest_manifest_file
from tests.support.partnership_fixtures import founded, load, now, partnership

__all__ = ["founded", "load", "now", "partnership"]

Load = Callable[..., Participant]
CONTRACT = "contracts/london-hate-crime.yaml"
NOTE = "contracts/london-hate-crime.csu-camden.note"


def code_of(act: Callable[[], object], kind: type[ConcordantError] = RegistryError) -> str:
    with pytest.raises(kind) as caught:
        act()
    assert caught.value.exit_code == 3
    return caught.value.code


def test_every_agency_is_in_force_today(founded: TrialPartnership, now: int) -> None:
    assert len(founded.agencies) == 7
    for agency in founded.agencies:
        participant = load_participant(founded.directory(agency), now)
        assert participant.agency == agency
        in_force = participant.contract_in_force(now)
        assert in_force.signed.missing == ()
        assert in_force.signed.parties == set(founded.agencies)
        assert in_force.status(now).in_force
        assert participant.manifests.agencies() == tuple(sorted(founded.agencies))


def test_loading_reads_no_passphrase(load: Load, partnership: TrialPartnership, now: int) -> None:
    directory = partnership.directory("csu-camden")
    (directory / "passphrase").unlink()
    participant = load()
    assert participant.contract_in_force(now)
    kid = participant.manifest(now).keys_of("stream", "ed25519")[0].kid
    assert participant.keyring.holds(kid)
    assert code_of(lambda: participant.stream_signer(now), KeyAccessError) == "passphrase_missing"


def test_loading_is_fast(load: Load) -> None:
    load()
    seconds = []
    for _ in range(3):
        started = time.process_time()
        load()
        seconds.append(time.process_time() - started)
    assert min(seconds) < 0.15


def test_all_keys_open_under_their_roles(load: Load, now: int) -> None:
    participant = load()
    manifest = participant.manifest(now)
    stream = participant.stream_signer(now)
    assert stream.kid == manifest.keys_of("stream", "ed25519")[0].kid
    assert participant.stream_signer(now, "ml-dsa-44").algorithm == "ml-dsa-44"
    assert participant.receipt_signer(now).role == "receipt"
    exchange = participant.manifests.exchange_key("csu-camden", now)
    assert participant.keyring.opener(exchange.kid).public == exchange.public
    assert len(participant.keyring.secret()) == 32
    governance = participant.governance_signer()
    assert participant.contracts.governance_of("csu-camden") == (governance.public,)


def test_a_wrong_passphrase_is_wrong(load: Load, partnership: TrialPartnership, now: int) -> None:
    (partnership.directory("csu-camden") / "passphrase").write_text("not this one\n")
    assert code_of(lambda: load().stream_signer(now), KeyAccessError) == "passphrase_wrong"


def test_keys_that_have_ended_do_not_sign(load: Load, now: int) -> None:
    later = now + 31 * DAY_MS
    assert code_of(lambda: load(now=later).stream_signer(later)) == "manifest_expired"


def test_a_missing_governance_key_is_missing(load: Load, partnership: TrialPartnership) -> None:
    for path in (partnership.directory("csu-camden") / "governance").iterdir():
        path.unlink()
    assert code_of(load().governance_signer, KeyAccessError) == "key_missing"


def test_a_contract_altered_by_a_byte_is_refused(load: Load, partnership: TrialPartnership) -> None:
    path = partnership.directory("csu-camden") / CONTRACT
    text = path.read_bytes()
    path.write_bytes(text.replace(b"# London", b"# london", 1))
    assert code_of(load) == "contract_altered"
    path.write_bytes(text + b"\n")
    assert code_of(load) == "contract_altered"
    path.write_bytes(text.replace(b"version: 1.0.0\n", b"version: 1.0.0\nzone: 1\n", 1))
    assert code_of(load, ContractError) == "contract_invalid"


def test_a_missing_party_is_named(load: Load, partnership: TrialPartnership, now: int) -> None:
    (partnership.directory("csu-camden") / NOTE.replace("csu-camden", "cps-london")).unlink()
    participant = load()
    assert code_of(lambda: participant.contract_in_force(now)) == "contract_unsigned"
    with pytest.raises(RegistryError, match="cps-london"):
        participant.contract_in_force(now)


def test_an_agreement_we_have_not_signed_is_not_believed(
    load: Load, partnership: TrialPartnership
) -> None:
    (partnership.directory("csu-camden") / NOTE).unlink()
    assert code_of(load) == "contract_unsigned"
    with pytest.raises(RegistryError, match="csu-camden"):
        load()
    proposed = load(unsigned_ok=True)
    assert proposed.contracts.trusted() == ()
    assert proposed.contracts.by_hash(proposed.contracts.all()[0].hash) is None
    assert proposed.manifests.agencies() == ()
    (partnership.directory("csu-camden") / CONTRACT).unlink()
    assert code_of(load) == "contract_missing"


def test_a_forged_signature_names_the_party(load: Load, partnership: TrialPartnership) -> None:
    path = partnership.directory("csu-camden") / NOTE.replace("csu-camden", "haven-support")
    raw = path.read_bytes()
    path.write_bytes(raw[:-20] + (b"A" if raw[-20:-19] != b"A" else b"B") + raw[-19:])
    assert code_of(load) == "contract_signature_invalid"
    with pytest.raises(RegistryError, match="haven-support"):
        load()


def test_a_note_that_is_none_is_malformed(load: Load, partnership: TrialPartnership) -> None:
    (partnership.directory("csu-camden") / NOTE).write_bytes(b"\xff\x00")
    assert code_of(load) == "contract_note_malformed"


def test_a_contract_that_pins_other_keys_for_us_is_foreign(
    load: Load, partnership: TrialPartnership
) -> None:
    for folder in ("contracts", "manifests"):
        for path in (partnership.directory("csu-lewisham") / folder).iterdir():
            (partnership.directory("csu-camden") / folder / path.name).write_bytes(
                path.read_bytes()
            )
    load()
    config = partnership.directory("csu-camden") / "agency.toml"
    other = (partnership.directory("csu-lewisham") / "agency.toml").read_text()
    fingerprint = next(line for line in other.splitlines() if line.startswith("ed25519"))
    text = "\n".join(
        fingerprint if line.startswith("ed25519") else line
        for line in config.read_text().splitlines()
    )
    config.write_text(text)
    assert code_of(load) == "contract_foreign"


def test_a_damaged_manifest_names_its_file(load: Load, partnership: TrialPartnership) -> None:
    path = newest_manifest_file(partnership.directory("csu-camden"), "cps-london")
    path.write_bytes(path.read_bytes().replace(b"@", b"%"))
    with pytest.raises(ManifestError) as caught:
        load()
    assert caught.value.code == "manifest_signature_invalid"
    assert caught.value.where == str(path)


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path, now: int) -> None:
    (tmp_path / "something").write_text("kept")
    with pytest.raises(ConfigError) as caught:
        create_partnership(tmp_path, now)
    assert caught.value.code == "directory_not_empty"
    with pytest.raises(ConfigError):
        create_partnership(tmp_path / "something", now)
    assert [path.name for path in tmp_path.iterdir()] == ["something"]


def test_a_failure_leaves_nothing_behind(
    tmp_path: Path, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("adapters.trial_partnership.save_identity", full)
    with pytest.raises(ConfigError) as caught:
        create_partnership(tmp_path / "new", now)
    assert caught.value.code == "directory_unusable"
    assert not (tmp_path / "new").exists()


def test_kafka_has_its_identity_before_the_agencies_are_made(
    tmp_path: Path, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hosted() -> None:
        assert (tmp_path / "new/kafka/tls/key.pem").exists()
        assert [path.name for path in (tmp_path / "new").iterdir() if path.is_dir()] == ["kafka"]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        create_partnership(tmp_path / "new", now, hosted=hosted)
    assert not (tmp_path / "new").exists()


def test_each_agency_holds_the_entries_of_all(founded: TrialPartnership) -> None:
    for agency in founded.agencies:
        held = {path.stem for path in (founded.directory(agency) / "entries").iterdir()}
        assert held == set(founded.agencies)


def test_secrets_are_the_users_alone(founded: TrialPartnership) -> None:
    secret = [
        path
        for agency in founded.agencies
        for path in founded.directory(agency).rglob("*")
        if path.name in {"passphrase", "key.pem"} or path.name.endswith(".key.json")
    ]
    assert len(secret) == 7 * 11
    for path in secret:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_copy_that_cannot_be_written_to_can_be_read(
    load: Load, partnership: TrialPartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    (partnership.directory("csu-camden") / "state/manifest-versions.json").unlink()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("broker.registry.registry_records.write_durably", refuse)
    load()

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("broker.registry.registry_records.write_durably", fail)
    assert code_of(load) == "registry_unwritable"


def test_loading_imports_neither_the_service_nor_its_database() -> None:
    import subprocess
    import sys

    script = (
        f"import {participant_module.__name__}, sys;"
        "print([m for m in ('faststream','aiokafka','alembic','sqlalchemy','confluent_kafka')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"
