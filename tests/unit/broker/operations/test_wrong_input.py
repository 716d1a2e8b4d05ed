"""Wrong files of other agencies: each is refused by a code, and the folder stays as it was.

The table in docs/spec/bundles.md, "Wrong input", names these tests.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from broker.agency.own_manifest import renew_keys
from broker.agency.participant import load_participant
from broker.errors import EntryError
from broker.keys.signed_document import document_text
from broker.operations.agency_entry import own_entry, write_entry
from broker.operations.bundles import add_bundles, held_bundle
from broker.partnership.bundle import Bundle, format_bundle
from broker.partnership.entry import HEADER, Entry
from broker.tlog.note import format_note, sign_note
from broker.transport.certificates import (
    certificate_request,
    certify_request,
    issue_ca,
    new_private_key,
)
from contracts.durations import DAY_MS
from tests.support.founding import NOW, found
from tests.unit.broker.operations.test_bundles import (  # noqa: F401 - fixtures
    _quickly,
    founded,
    root,
    signed,
)

READER, OTHER = "csu-camden", "cps-london"
Tree = dict[str, tuple[int, bytes | None]]


def tree(folder: Path) -> Tree:
    """Every file and folder with its permissions; the bytes of files."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            path.read_bytes() if path.is_file() else None,
        )
        for path in sorted(folder.rglob("*"))
    }


def refused(folder: Path, given: Path | bytes, now: int = NOW) -> str:
    """The code of a refusal that leaves the folder, and the one above it, as they were."""
    above = folder.parent
    path = given if isinstance(given, Path) else above / "wrong"
    if isinstance(given, bytes):
        path.write_bytes(given)
    before = tree(above)
    with pytest.raises(EntryError) as error:
        add_bundles(folder, [path], now)
    assert tree(above) == before
    assert error.value.exit_code == 4
    assert error.value.fix
    return error.value.code


def entry_of(folder: Path, agency: str) -> bytes:
    return (folder / agency / "entries" / f"{agency}.entry").read_bytes()


def signed_entry(folder: Path, entry: Entry) -> bytes:
    """An entry that the other agency's own keys signed, whatever it says."""
    signer = load_participant(folder / OTHER, NOW).governance_signer()
    text = document_text(HEADER, entry.deployment, entry)
    return format_note(sign_note(text, signer.note_signers()))


# --- entries -------------------------------------------------------------------------------------


def test_an_entry_with_an_altered_bit(root: Path) -> None:  # noqa: F811
    """One bit of each part: first line, deployment, every member, both signature lines."""
    raw = entry_of(root, OTHER)
    members = ("agency", "certificate_request", "delegation", "governance", "manifest", "profile")
    places = [0, raw.index(b"\n") + 1, len(raw) - 3, raw.rindex("—".encode()) + 4]
    places += [raw.index(f'"{name}":'.encode()) + len(name) + 6 for name in members]
    allowed = {"entry_malformed", "entry_foreign", "entry_signature_invalid", "bundle_malformed"}
    allowed |= {"possession_invalid", "certificate_request_invalid", "entry_mixed"}
    for at in places:
        bent = bytearray(raw)
        bent[at] ^= 1
        assert refused(root / READER, bytes(bent)) in allowed, at


def test_two_agencies_with_one_id(root: Path, tmp_path: Path) -> None:  # noqa: F811
    found(tmp_path / "imposter", OTHER, "prosecution", deployment="pan-camden")
    write_entry(tmp_path / "imposter", root / "wrong", NOW)
    assert refused(root / READER, root / "wrong") == "entry_conflict"
    assert refused(root / OTHER, root / "wrong") == "entry_conflict"


def test_an_entry_of_another_deployment(root: Path, tmp_path: Path) -> None:  # noqa: F811
    found(tmp_path / "other", "council-kent", "council", deployment="marac-kent")
    write_entry(tmp_path / "other", root / "wrong", NOW)
    assert refused(root / READER, root / "wrong") == "entry_foreign"


def test_a_certificate_request_for_another_id(root: Path) -> None:  # noqa: F811
    entry = own_entry(root / OTHER, OTHER, NOW).entry
    request = certificate_request(new_private_key(), READER).decode()
    raw = signed_entry(root, entry.model_copy(update={"certificate_request": request}))
    assert refused(root / READER, raw) == "certificate_request_invalid"


def test_a_missing_proof_of_possession(root: Path) -> None:  # noqa: F811
    entry = own_entry(root / OTHER, OTHER, NOW).entry
    for half in ("ed25519_possession", "ml_dsa_65_possession"):
        wrong = entry.governance.model_copy(update={half: bytes(64)})
        raw = signed_entry(root, entry.model_copy(update={"governance": wrong}))
        assert refused(root / READER, raw) == "possession_invalid"
        absent = entry.governance.model_copy(update={half: None})
        raw = signed_entry(root, entry.model_copy(update={"governance": absent}))
        assert refused(root / READER, raw) == "entry_malformed"


def test_an_expired_delegation(root: Path) -> None:  # noqa: F811
    wrong = entry_of(root, OTHER)
    assert refused(root / READER, wrong, NOW + 401 * DAY_MS) == "delegation_expired"


# --- bundles -------------------------------------------------------------------------------------


def archive(write: Callable[[zipfile.ZipFile], object], kind: int = zipfile.ZIP_STORED) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", kind) as made:
        write(made)
    return out.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "../agency.toml",
        "../../wrong",
        "/tmp/wrong.entry",
        "entries/../../agency.toml",
        "entries/../keys/x.entry",
        "entries\\..\\x.entry",
        "C:\\wrong.entry",
        "entries/csu-camden.entry\0.pem",
        "keys/secret.key.json",
    ],
)
def test_a_path_that_leaves_the_folder(root: Path, name: str) -> None:  # noqa: F811
    raw = archive(lambda made: made.writestr(name, entry_of(root, OTHER)))
    assert refused(root / READER, raw) == "bundle_malformed"


def test_a_link_in_a_bundle(root: Path) -> None:  # noqa: F811
    def write(made: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo(f"entries/{OTHER}.entry", (1980, 1, 1, 0, 0, 0))
        info.create_system = 3
        info.external_attr = 0o120777 << 16  # a symbolic link
        made.writestr(info, "/etc/passwd")

    assert refused(root / READER, archive(write)) == "bundle_malformed"


def test_a_bomb(root: Path) -> None:  # noqa: F811
    """Compressed bytes, a size that is not true, and a list of members that is too long."""
    name = f"entries/{OTHER}.entry"
    bomb = archive(lambda made: made.writestr(name, b"\0" * 20_000_000), zipfile.ZIP_DEFLATED)
    assert len(bomb) < 50_000
    assert refused(root / READER, bomb) == "bundle_malformed"
    stored = archive(lambda made: made.writestr(name, b"x"))
    at = stored.index(b"PK\1\2") + 20  # the sizes of the member in the list
    lies = stored[:at] + b"\xff\xff\xff\x7f" * 2 + stored[at + 8 :]
    assert refused(root / READER, lies) == "bundle_malformed"
    end = stored.index(b"PK\5\6")
    many = stored[: end + 8] + b"\xff\xff\xff\xff" + stored[end + 12 :]
    assert refused(root / READER, many) == "bundle_too_large"


def test_a_certificate_for_another_id(root: Path) -> None:  # noqa: F811
    authority = issue_ca("pan-camden", NOW)
    entry = own_entry(root / OTHER, OTHER, NOW).entry
    pem = certify_request(authority, entry.certificate_request.encode(), OTHER, now=NOW)
    entries = {READER: entry_of(root, READER), OTHER: entry_of(root, OTHER)}
    bundle = Bundle(entries=entries, certificates={READER: pem}, authority=authority.certificate)
    assert refused(root / READER, format_bundle(bundle)) == "certificate_foreign"


def test_a_bundle_that_is_older_than_what_is_held(root: Path) -> None:  # noqa: F811
    """The reader has the newer manifest of a party, and has never had the older one."""
    whole = held_bundle(load_participant(root / "council-camden", NOW))
    later = NOW + DAY_MS
    renewed = renew_keys(load_participant(root / OTHER, later), later)
    kept = {one: raw for one, raw in whole.manifests.items() if one[0] != OTHER}
    name = OTHER, renewed.manifest.version
    newer = replace(whole, manifests={**kept, name: renewed.raw}, entries={})
    (root / "newer").write_bytes(format_bundle(newer))
    add_bundles(root / READER, [root / "newer"], later)
    for path in (root / READER / "manifests").glob(f"{OTHER}.{NOW}.note"):
        path.unlink()  # it came with the entry of the party
    old = format_bundle(replace(whole, entries={}))
    assert refused(root / READER, old, later) == "bundle_older"


def test_a_file_that_is_a_device_or_a_pipe(root: Path) -> None:  # noqa: F811
    """A pipe would wait for ever; it is refused before it is read."""
    from broker.errors import ConfigError

    os.mkfifo(root / "pipe")
    with pytest.raises(ConfigError) as error:
        add_bundles(root / READER, [root / "pipe"], NOW)
    assert error.value.code == "file_unusable"
