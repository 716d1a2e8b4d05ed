"""States of an agency's folder: files, settings, keys; each mended as the registry says."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from broker.store.database import open_store
from tests.support.command_line import run
from tests.support.trial_folder import trial_folder

AGENCY, OTHER = "csu-camden", "council-camden"


def command_line(*words: object, stdin: bytes = b"") -> tuple[int, str]:
    """A command as a shell runs it: (exit code, what it printed)."""
    done = run(*words, stdin=stdin)
    return done.code, done.text + done.err


DOCTOR = ("doctor", "--offline")


@dataclass(frozen=True)
class State:
    """A state: how to cause it, how it is shown, and its next step as a person carries it out."""

    code: str
    spoil: Callable[[Path], object]
    to_do: Callable[[Path], object]
    command: tuple[str, ...] = DOCTOR


def put_back(name: str) -> Callable[[Path], None]:
    """Put back the files that ``take`` moved away."""

    def act(folder: Path) -> None:
        for path in (folder.parent / "away").glob(name.rpartition("/")[2]):
            shutil.move(path, folder / name.rpartition("/")[0] / path.name)

    return act


def take(name: str) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        (folder.parent / "away").mkdir(exist_ok=True)
        for path in list(folder.glob(name)):
            shutil.move(path, folder.parent / "away" / path.name)

    return act


def write(name: str, content: bytes) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        take(name)(folder)
        (folder / name).write_bytes(content)

    return act


def write_back(name: str) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        (folder / name).unlink()
        put_back(name)(folder)

    return act


def chmod(name: str, mode: int) -> Callable[[Path], None]:
    return lambda folder: (folder / name).chmod(mode)


def setting(before: bytes, after: bytes) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        path = folder / "agency.toml"
        assert before in path.read_bytes()
        path.write_bytes(path.read_bytes().replace(before, after, 1))

    return act


def changed(code: str, before: bytes, after: bytes) -> State:
    """A setting that is wrong, and corrected."""
    return State(code, setting(before, after), setting(after, before))


def from_another_party(name: str) -> Callable[[Path], None]:
    """Copy the files that every party holds from another party."""

    def act(folder: Path) -> None:
        for path in (folder.parent / OTHER).glob(name):
            shutil.copy(path, folder / name.rpartition("/")[0] / path.name)

    return act


def run_there(*words: str) -> Callable[[Path], None]:
    """The command that the next step names."""

    def act(folder: Path) -> None:
        code, said = command_line(*words, "--agency", folder)
        assert code == 0, said

    return act


def no_folder(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))


def the_folder(folder: Path) -> None:
    folder.with_name("moved").rename(folder)


def started(folder: Path) -> None:
    """Run the first actions of a starting adapter."""
    open_store(folder / "state/concordant.db").close()


OWN = f"manifests/{AGENCY}.*.note"
INTERVAL = b"[intervals]\nheartbeat = 600\n[http]"

TYPES = ("event", "types")
"""A command that needs the agency's contracts and manifests, and no key."""


def alter(name: str, before: bytes, after: bytes) -> Callable[[Path], None]:
    """A file with other bytes in it."""

    def act(folder: Path) -> None:
        (path,) = folder.glob(name)
        content = path.read_bytes()
        assert before in content
        path.write_bytes(content.replace(before, after, 1))

    return act


def damage(name: str) -> Callable[[Path], None]:
    """A file of the right name without its content; a copy of it lies elsewhere, as a backup."""

    def act(folder: Path) -> None:
        for path in list(folder.glob(name)):
            (folder.parent / "away").mkdir(exist_ok=True)
            shutil.copy(path, folder.parent / "away" / path.name)
            path.write_bytes(b"x" * 64)

    return act


def started_then_damaged(folder: Path) -> None:
    started(folder)
    for beside in ("-wal", "-shm"):
        (folder / f"state/concordant.db{beside}").unlink(missing_ok=True)
    damage("state/concordant.db")(folder)


def no_folder_but_a_file(folder: Path, name: str) -> None:
    (folder / name).rename(folder / f"{name}-away")
    (folder / name).write_bytes(b"a file where the folder should be")


def folder_back(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / f"{name}-away").rename(folder / name)


def a_folder_for_the_note(folder: Path) -> None:
    note = min(folder.glob("contracts/*.note"))
    note.unlink()
    note.mkdir()


def note_from_another_party(folder: Path) -> None:
    note = min(folder.glob("contracts/*.note"))
    note.rmdir()
    from_another_party("contracts/*.note")(folder)


HAVEN = "manifests/haven-support.*.note"
CONTRACT, SIGNATURES = "contracts/*.yaml", "contracts/*.note"

STATES = (
    State(
        "contract_altered", alter(CONTRACT, b"\n", b"\n#\n"), from_another_party(CONTRACT), TYPES
    ),
    State("contract_note_malformed", damage(SIGNATURES), from_another_party(SIGNATURES), TYPES),
    State("manifest_malformed", damage(HAVEN), from_another_party(HAVEN), TYPES),
    State(
        "manifest_signature_invalid",
        alter(HAVEN, b"@", b"%"),
        from_another_party(HAVEN),
        TYPES,
    ),
    State("manifest_rollback", take(HAVEN), from_another_party(HAVEN), TYPES),
    State(
        "registry_invalid",
        damage("state/manifest-versions.json"),
        put_back("state/manifest-versions.json"),
        TYPES,
    ),
    State(
        "contract_missing",
        lambda folder: no_folder_but_a_file(folder, "contracts"),
        lambda folder: folder_back(folder, "contracts"),
        TYPES,
    ),
    State(
        "config_signer",
        setting(b'operational = "file:keys"', b'operational = "pkcs11:keys"'),
        setting(b'operational = "pkcs11:keys"', b'operational = "file:keys"'),
        TYPES,
    ),
    State("key_unreadable", damage("keys/stream-*"), put_back("keys/stream-*")),
    State("certificate_invalid", damage("tls/cert.pem"), put_back("tls/cert.pem")),
    State("store_corrupt", started_then_damaged, put_back("state/concordant.db"), ("status",)),
    State("registry_unreadable", a_folder_for_the_note, note_from_another_party, TYPES),
    State(
        "registry_unwritable",
        lambda folder: no_folder_but_a_file(folder, "state"),
        lambda folder: folder_back(folder, "state"),
        TYPES,
    ),
    State("config_missing", no_folder, the_folder, TYPES),
    State("config_missing", take("agency.toml"), put_back("agency.toml"), TYPES),
    State("config_unreadable", write("agency.toml", b"["), write_back("agency.toml"), TYPES),
    State("config_newer", write("agency.toml", b"format = 2"), write_back("agency.toml"), TYPES),
    State("config_invalid", write("agency.toml", b"x = 1"), write_back("agency.toml"), TYPES),
    changed("config_adapter_unknown", b'kind = "csu"', b'kind = "csuu"'),
    changed("partner_unknown", b'"council-camden"', b'"council-camdem"'),
    changed("config_address_invalid", b'"localhost:', b'"localhost-'),
    changed("config_folders_same", b'inbox = "inbox"', b'inbox = "import"'),
    changed("config_interval_invalid", b"[http]", INTERVAL),
    changed("config_port_unusable", b'host = "127.0.0.1"', b'host = "no.such.host"'),
    State("passphrase_missing", take("passphrase"), put_back("passphrase")),
    State("passphrase_wrong", write("passphrase", b"wrong"), write_back("passphrase")),
    State("passphrase_readable", chmod("passphrase", 0o644), chmod("passphrase", 0o600)),
    State("key_readable", chmod("tls/key.pem", 0o644), chmod("tls/key.pem", 0o600)),
    State("certificate_unreadable", take("tls/cert.pem"), put_back("tls/cert.pem")),
    State("folder_unwritable", take("inbox"), lambda folder: (folder / "inbox").mkdir()),
    State("key_missing", take("keys/stream-*"), run_there("keys", "renew", "--all")),
    State("manifest_rollback", take(OWN), from_another_party(OWN), TYPES),
    State("contract_missing", take("contracts/*"), from_another_party("contracts/*"), TYPES),
    State("contract_unsigned", take(SIGNATURES), from_another_party(SIGNATURES), TYPES),
    State(
        "state_missing",
        take("state/concordant.db*"),
        started,
        ("status",),
    ),
)


def carry_out(code: str, tmp: Path) -> None:
    """Bring each state of this code about, do what the registry says, and ask again."""
    for number, state in enumerate(one for one in STATES if one.code == code):
        if state.command == DOCTOR:
            assert examined()[code] == "shown, and gone"
            continue
        root = tmp / str(number)
        _copied(root)
        folder = root / AGENCY
        state.spoil(folder)
        shown(state, folder)
        state.to_do(folder)
        code, said = command_line(*state.command, "--agency", folder)
        assert code == 0, said


@cache
def examined() -> dict[str, str]:
    """Result of each state that ``doctor`` shows, one after the other in one folder.

    Each look shows the next state and that the one before it is gone: doctor derives keys.
    """
    folder = Path(tempfile.mkdtemp(dir=trial_folder().parent)) / AGENCY
    _copied(folder.parent)
    found: dict[str, str] = {}
    before = ""
    for state in (one for one in STATES if one.command == DOCTOR):
        state.spoil(folder)
        said = shown(state, folder)
        if before:
            found[before] = "shown" if f"({before})" in said else "shown, and gone"
        state.to_do(folder)
        before = state.code
    code, said = command_line(*DOCTOR, "--agency", folder)
    assert code == 0, said
    return {**found, before: "shown, and gone"}


def shown(state: State, folder: Path) -> str:
    """Output of the command about the state: its code and the next step."""
    code, said = command_line(*state.command, "--agency", folder)
    assert code != 0
    assert re.search(rf"\b{state.code}\b", said), said
    assert "to do:" in said
    return said


def _copied(root: Path) -> None:
    for agency in (AGENCY, OTHER):
        shutil.copytree(trial_folder() / agency, root / agency)
