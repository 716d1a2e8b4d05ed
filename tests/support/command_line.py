"""Fixtures of a try-out partnership, made once and copied, and the command as a shell runs it."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import typer.main

from adapters import main as program
from broker import clock as broker_clock
from broker.agency.participant import Participant, load_participant
from broker.clock import now_ms
from broker.judging.key_resolver import TrustStore
from broker.receiving.persistence import Batch
from broker.receiving.receiving import Receiving
from broker.record import (
    CONTENT_TYPE_HEADER,
    PROOF_HEADER,
    SEALED_CONTENT_TYPE,
    KafkaPartition,
    Record,
)
from broker.sending.sealing_context import event_sealer
from broker.sending.streams import Stream, append, open_generation
from broker.statements.authorship import cosigner
from broker.store.database import Store, open_store
from contracts.events import PlainEvent
from tests.support.trial_folder import trial_folder

CASE = "11112222-3333-4444-8555-666677778888"


@dataclass(frozen=True)
class Done:
    """Result of a command."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def jsonl(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def require_failure(self, code: str, exit_code: int = 3) -> None:
        """Nothing on standard output; on standard error what, where, what to do, and the code."""
        assert self.code == exit_code, self.text
        assert self.out == b""
        assert f"code:  {code}" in self.err
        assert "to do:" in self.err
        assert "Traceback" not in self.err


Cli = Callable[..., Done]


_parser = cache(typer.main.get_command)
"""The parser of the program, made once: it takes longer to make than most commands take."""


class Terminal(io.TextIOWrapper):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def run(*arguments: object, stdin: bytes = b"", terminal: bool = False) -> Done:
    out, err = io.BytesIO(), io.BytesIO()
    stream = Terminal if terminal else io.TextIOWrapper
    streams = {
        "argv": ["concordant", *map(str, arguments)],
        "stdin": stream(io.BytesIO(stdin), "utf-8"),
        "stdout": stream(out, "utf-8"),
        "stderr": io.TextIOWrapper(err, "utf-8"),
    }
    with mock.patch.multiple(sys, **streams), mock.patch("typer.main.get_command", _parser):
        try:
            program.main()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        sys.stdout.flush()
        if not sys.stderr.closed:  # closed where whoever read standard output went away
            sys.stderr.flush()
        return Done(code, out.getvalue(), err.getvalue().decode())


@pytest.fixture(scope="session")
def cli() -> Cli:
    """Runs the command in this process: arguments, bytes for standard input -> `Done`."""
    return run


@pytest.fixture(scope="session")
def made() -> Path:
    """The partnership that no test changes, made an hour ago: clocks may be a little behind."""
    return trial_folder()


@pytest.fixture(scope="session")
def foreign() -> Path:
    """Another partnership of the same names with keys of its own making."""
    return trial_folder("foreign")


@pytest.fixture(scope="session")
def line(cli: Cli, made: Path) -> bytes:
    """One plain event of csu-camden, as a line."""
    return cli("event", "example", "referral.made", "--agency", made / "csu-camden").out


@pytest.fixture(scope="session")
def sealed(cli: Cli, made: Path, line: bytes, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Two records of it."""
    sender = tmp_path_factory.mktemp("sealed") / "csu-camden"
    shutil.copytree(made / "csu-camden", sender)
    done = cli("event", "seal", "--agency", sender, stdin=line * 2)
    assert done.code == 0
    return done.out


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A copy of it to do anything with."""
    copy = tmp_path / "partnership"
    shutil.copytree(made, copy)
    return copy


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], int]:
    """Sets the commands' clock some milliseconds ahead; returns its time."""

    def ahead(milliseconds: int) -> int:
        moved = now_ms() + milliseconds
        monkeypatch.setattr(broker_clock, "now_ms", lambda: moved)
        return moved

    return ahead


_EXAMPLES: dict[tuple[str, str], bytes] = {}
"""They are the same every time (`test_event_types`)."""


@dataclass
class World:
    """Agencies that send to and receive from each other on live streams, without Kafka."""

    root: Path
    offset: int = 0
    loaded: dict[str, Participant] = field(default_factory=dict)

    def directory(self, agency: str) -> Path:
        return self.root / agency

    def participant(self, agency: str) -> Participant:
        """As it was when it was first asked for."""
        if agency not in self.loaded:
            self.loaded[agency] = load_participant(self.directory(agency), now_ms())
        return self.loaded[agency]

    def store(self, agency: str) -> Store:
        return open_store(self.directory(agency) / "state" / "concordant.db")

    def without_state(self, agency: str) -> Path:
        """The agency's folder, whose adapter has not run: another test may have tried sealing."""
        folder = self.directory(agency)
        for path in (folder / "state").glob("*.db*"):
            path.unlink()
        return folder

    def state_of(self, agency: str) -> None:
        """The agency's adapter has run: it has a state, with nothing in it yet."""
        self.store(agency).close()

    def event(self, cli: Cli, sender: str, event_type: str, **leaves: Any) -> dict[str, Any]:
        """The example of a type, with some leaves set (`None` removes one)."""
        if (sender, event_type) not in _EXAMPLES:
            done = cli("event", "example", event_type, "--agency", self.directory(sender))
            _EXAMPLES[sender, event_type] = done.out
        event: dict[str, Any] = json.loads(_EXAMPLES[sender, event_type])
        for path, value in leaves.items():
            *parents, last = path.split("__")
            target = event["data"]
            for parent in parents:
                target = target.setdefault(parent, {})
            if value is None:
                target.pop(last, None)
            else:
                target[last] = value
        return event

    def live(self, sender: str, *events: dict[str, Any]) -> list[Record]:
        """Records of the sender's live streams; each call is one batch for each stream."""
        participant, now = self.participant(sender), now_ms()
        sealer = event_sealer(participant)
        signer = cosigner(participant.key_name, participant.stream_signer(now))
        records: list[Record] = []
        store = self.store(sender)
        for event in events:
            plain = PlainEvent(event["type"], tuple(event["recipients"]), event["data"])
            sealed = sealer.seal(plain, now)
            stream = Stream(participant.deployment, sender, sealed.topic, sealed.partition)
            with store.transaction() as tx:
                row = tx.streams.current(KafkaPartition(sealed.topic, sealed.partition))
                row = row or open_generation(stream, None, None, now)
                grown, (place,) = append(stream, row, [sealed.value], signer, now)
                tx.streams.save(grown)
            headers = ((CONTENT_TYPE_HEADER, SEALED_CONTENT_TYPE), (PROOF_HEADER, place.proof))
            records.append(
                Record(sealed.topic, sealed.partition, headers, sealed.value, self.offset)
            )
            self.offset += 1
        store.close()
        return records

    def receive(self, agency: str, *records: Record) -> list[Batch]:
        """As the adapter of an agency takes them from Kafka."""
        participant = self.participant(agency)
        store = self.store(agency)
        trust = TrustStore(
            agency, participant.contracts, participant.manifests, participant.keyring
        )
        receiving = Receiving(store, trust, participant.keyring.secret())
        batches = [receiving.take(r.kafka_partition, [r], now_ms()) for r in records]
        store.close()
        return batches


@pytest.fixture
def world(root: Path) -> World:
    return World(root)
