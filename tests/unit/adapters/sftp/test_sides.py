"""The source and the sink by their names, and their commands, over a real SFTP server."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path

import asyncssh
import pytest

from adapters.sftp.side import require_ssh_client
from adapters.trial_agencies import london_agencies
from adapters.trial_partnership import create_partnership
from broker.clock import now_ms
from concordant import InstallationError
from tests.support.command_line import run as command
from tests.support.founded_partnership import COUNCIL, founded
from tests.support.live_adapter import CAST, POLICE, SUPPORT, copy_partnership, export
from tests.support.sftp_server import SftpServer, sftp_server


def with_sftp(folder: Path, server: SftpServer, source: bool = True, sink: bool = True) -> None:
    settings = folder / "agency.toml"
    chosen = ('source = "sftp"\n' if source else "") + ('sink = "sftp"\n' if sink else "")
    text = settings.read_text().replace("[adapter]\n", f"[adapter]\n{chosen}", 1)
    settings.write_text(f"{text}\n{server.section()}")


async def until(done: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not done():
        assert time.monotonic() < ends
        await asyncio.sleep(0.05)


async def test_an_export_of_one_server_becomes_an_import_on_another(tmp_path: Path) -> None:
    """Two adapters, each with its own server: the police sends, the support service receives."""
    root = tmp_path / "partnership"
    plans = {plan.id: plan for plan in london_agencies()}
    create_partnership(root, now_ms(), agencies=[plans[one] for one in CAST])
    for name in ("p", "s", "town"):
        (tmp_path / name).mkdir()
    town = copy_partnership(root, tmp_path / "town")
    with sftp_server(tmp_path / "p") as police, sftp_server(tmp_path / "s") as support:
        with_sftp(town[POLICE].folder, police, sink=False)
        with_sftp(town[SUPPORT].folder, support, source=False)
        await town.start(POLICE, SUPPORT)
        try:
            (police.root / "exports/one.csv").write_bytes(export({}))
            await until(lambda: any(one[0] != "." for one in support.files("imports")))
            await until(lambda: not police.files("exports"))
        finally:
            await town.stop()
        assert set(police.files("archive")) == {"one.csv"}
        assert len(support.files("imports")) == 1
        assert not list((town[SUPPORT].folder / "inbox").glob("*"))
        assert list((town[POLICE].folder / "processed").glob("one*.csv"))


def test_a_key_is_pinned_after_its_fingerprint_was_compared(
    tmp_path: Path, server: SftpServer
) -> None:
    """Codes sftp_fingerprint_differs and sftp_host_unpinned; their advice is carried out."""
    folder = founded().directory(COUNCIL, tmp_path)
    with_sftp(folder, server)
    pinned = server.known_hosts.read_text()
    server.known_hosts.unlink()
    first = command("adapter", "sftp", "test", "--agency", folder)
    assert (first.code, "sftp_host_unpinned" in first.err) == (3, True)
    asked = command("adapter", "sftp", "pin", "--agency", folder)
    assert asked.code == 2  # there is no terminal to ask on
    wrong = command("adapter", "sftp", "pin", "--agency", folder, "--fingerprint", "SHA256:x")
    assert (wrong.code, "sftp_fingerprint_differs" in wrong.err) == (2, True)
    assert not server.known_hosts.exists()
    no = command("adapter", "sftp", "pin", "--agency", folder, stdin=b"no\n", terminal=True)
    assert (no.code, server.known_hosts.exists()) == (1, False)
    assert server.host_key is not None
    fingerprint = server.host_key.get_fingerprint()
    assert fingerprint in no.err
    done = command("adapter", "sftp", "pin", "--agency", folder, "--fingerprint", fingerprint)
    assert (done.code, server.known_hosts.read_text()) == (0, pinned)
    tested = command("adapter", "sftp", "test", "--agency", folder, "--json")
    assert (tested.code, set(tested.json["folders"].values())) == (0, {True})
    (server.root / "rejects").rmdir()
    missing = command("adapter", "sftp", "test", "--agency", folder)
    assert (missing.code, "missing" in missing.text) == (1, True)
    yes = command("adapter", "sftp", "pin", "--agency", folder, stdin=b"yes\n", terminal=True)
    assert yes.code == 0


def test_without_a_server_pinning_says_so(tmp_path: Path, server: SftpServer) -> None:
    folder = founded().directory(COUNCIL, tmp_path)
    with_sftp(folder, server)
    text = (folder / "agency.toml").read_text().replace(f"port = {server.port}", "port = 9")
    (folder / "agency.toml").write_text(text)
    found = command("adapter", "sftp", "pin", "--agency", folder, "--fingerprint", "x")
    assert (found.code, "sftp_unreachable" in found.err) == (3, True)


def test_without_the_library_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asyncssh
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    with pytest.raises(InstallationError) as caught:
        require_ssh_client()
    assert "concordant[sftp]" in (caught.value.fix or "")
