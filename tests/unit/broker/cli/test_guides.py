"""The sessions of the guides are what happens when one types them in order."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.base import AgencySystem
from adapters.catalogue import adapter_named
from adapters.delivery import InboxDelivery
from adapters.sinks.folder_sink import FolderSink
from broker.audit.head_signing import sign_own_head
from broker.clock import now_ms
from broker.partnership.entry import verify_entry
from broker.store.database import open_store
from broker.store.rows import AttemptsRow, NewInboxRow
from contracts.examples import example
from contracts.loading import load_contract
from contracts.vocabulary.template import vocabulary_template
from tests.support.commands import Command, every_command
from tests.support.founding import cheap_scrypt
from tests.support.guide_sessions import GUIDES, require_shown, sessions

READER, SENDER = "haven-support", "csu-camden"
FOUNDING = "founding-a-partnership.md"
STORY = (FOUNDING, "joining-a-partnership.md", "leaving-a-partnership.md")
"""Guides that continue each other, with the same agencies."""
OF_A_STORY_ELSEWHERE = {
    "kafka plan": "unit/broker/cli/test_kafka_bundle.py",
    "kafka apply": "unit/broker/cli/test_kafka_bundle.py",
    "kafka up": "unit/broker/cli/test_kafka.py",
    "kafka down": "unit/broker/cli/test_kafka.py",
    "doctor": "unit/broker/cli/test_doctor.py",
}
"""Commands of these guides that need Kafka, by the test that runs them."""
OFFICERS = "officers.md"
OFFICERS_GUIDE = "an-agreement-from-draft-to-review.md"
"""See `test_officers_guide.py`."""
CONNECTIONS = {"connecting-a-spreadsheet.md", "connecting-an-xml-export.md"}
"""See `tests/unit/adapters/authoring/test_connection_guides.py`."""
YEAR = {"directory.md", "figures.md"}
"""See `tests/unit/adapters/demo/test_year_guide.py`."""
CASE = "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38"
OTHER_PROGRAMS = {"docker", "kubectl", "tar"}
"""Programs of other projects, which need a cluster: see `tests/unit/deploy/test_kubernetes.py`."""
ELSEWHERE = {
    "quickstart": "unit/docs/test_readme.py",
    "kafka": "unit/broker/cli/test_kafka.py",
    "event ping": "unit/broker/cli/test_ping.py",
    "sandbox": "unit/adapters/sandbox/test_cli.py",
    "adapter": "integration/test_service_kafka.py",
    "agency governance": "unit/broker/cli/test_governance.py",
    "web": "unit/adapters/web/test_serving.py",
}
"""Commands that start something, or need Kafka or typed words, by the test that runs them."""
ENDS: dict[tuple[str, str], int] = {
    ("contracts-and-audits.md", "contract breaking"): 1,  # the next version ends later
    ("contracts-and-audits.md", "log show --refusals"): 1,  # nothing was refused
    ("contracts-and-audits.md", "event evidence"): 1,  # no heartbeat yet; see test_service_evidence
    ("contracts-and-audits.md", "event evidence --check"): 3,  # so there is no file to check
    ("mappings.md", "mapping check (before codes are added)"): 4,
    ("lint-rules.md", "contract lint"): 1,  # the rules of the guide find something
    ("vocabularies.md", "contract lint"): 1,  # what only people can write is still open
    ("connecting-an-agency.md", "doctor --offline"): 1,  # the guide has changed the passphrase
    ("connecting-an-agency.md", "quarantine show"): 2,
    ("connecting-an-agency.md", "quarantine discard"): 4,
    ("connecting-an-agency.md", "quarantine retry"): 4,  # nothing of that id is held
    ("when-a-key-is-lost.md", "status release"): 1,  # that stream is not stopped
}
"""Exit codes other than 0: what is answered in the state that the guide leads to here."""


def delivered_event(world, cli) -> str:
    """An event of the guide's case, delivered to the reader; its id."""
    world.without_state(READER)
    event = world.event(cli, SENDER, "referral.made", case_id=CASE)
    world.receive(READER, *world.live(SENDER, event))
    participant = world.participant(READER)
    store = world.store(READER)
    with store.reading() as tx:
        event_id = tx.inbox.undelivered(1)[0].event_id
    sink = FolderSink(participant.path("inbox"))
    adapter = adapter_named("support")
    system = AgencySystem(adapter, READER, participant.config.partners)
    InboxDelivery(system, store, sink, now_ms).round()
    with store.transaction() as tx:
        sign_own_head(tx, participant, now_ms())  # as the running adapter does each minute
    store.close()
    return str(event_id)


def next_version(folder: Path) -> None:
    """``next.yaml``: it replaces the version in force, and begins after a gap."""
    from hashlib import sha256

    raw = (folder / "contracts" / "london-hate-crime.yaml").read_text()
    ends = re.search(r"^ends: (\S+)$", raw, re.M)
    starts = re.search(r"^starts: (\S+)$", raw, re.M)
    assert ends is not None
    assert starts is not None
    begin = datetime.fromisoformat(ends[1]) + timedelta(days=2)
    later = (begin + timedelta(days=200)).date().isoformat()
    text = raw.replace(ends[0], f"ends: {later}").replace(
        starts[0], f"starts: {begin.date().isoformat()}"
    )
    text = text.replace("version: 1.0.0", "version: 1.1.0", 2).replace(
        "version: 1.1.0}", "version: 1.0.0}", 1
    )
    record = re.search(r"^version_record:\n((?:  .*\n)+)", text, re.M)
    assert record is not None
    today = datetime.now(UTC).date().isoformat()
    entry = f'  - {{version: 1.1.0, date: {today}, change: "Goes on.", authorised_by: "All."}}\n'
    text = text.replace(record[0], record[0] + entry)
    Path("next.yaml").write_text(f'{text}previous: ["{sha256(raw.encode()).hexdigest()}"]\n')


def officers_files(folder: Path) -> None:
    """The next version, and an event to try."""
    next_version(folder)
    contract = load_contract(folder / "contracts" / "london-hate-crime.yaml").contract
    event = example(contract, READER, "referral.made")
    plain = {"type": event.type, "recipients": list(event.recipients), "data": event.data}
    Path("events.jsonl").write_text(json.dumps(plain) + "\n")


def next_vocabulary(_folder: Path) -> None:
    """The next version of the vocabulary that the guide writes, with one more code."""
    text = vocabulary_template("housing", "Housing after an assault", datetime.now(UTC).date())
    more = '      visit: "A visit"\n'
    assert more in text
    Path("next.vocabulary.yaml").write_text(text.replace(more, f'{more}      call: "A call"\n'))


def own_rules(_folder: Path) -> None:
    """The file of rules that the guide shows."""
    shown = re.search(r"```yaml\n(.*?)```", (GUIDES / "lint-rules.md").read_text(), re.S)
    assert shown is not None
    Path("own-rules.yaml").write_text(shown[1])


def export_of_a_system(_folder: Path) -> None:
    """The export that the guide shows."""
    shown = re.search(r"```text\n(.*?)```", (GUIDES / "mappings.md").read_text(), re.S)
    assert shown is not None
    Path("asb.csv").write_text(shown[1])


def items_on_their_way(folder: Path) -> None:
    """A refused own row, an event that is delivered again, and one that our system refused."""
    store = open_store(folder / "state" / "concordant.db")
    now = now_ms()
    with store.transaction() as tx:
        tx.refused_rows.hold("row-key", "type_unknown", None, "The type is unknown.", now)
        tried, refused = (
            tx.inbox.add(
                NewInboxRow(
                    SENDER, f"0c0ffee0-0000-4000-8000-00000000010{number}", "case.updated", now,
                    "pan-london.a", 0, "0" * 32, number, b"content", b"", bytes([number]) * 32,
                )
            )
            for number in (1, 2)
        )  # fmt: skip
        assert (tried, refused) == (2, 3), "the ids of the guide"
        tx.attempts.keep(AttemptsRow(tried, 1, now, now, "webhook_unreachable"))
        tx.inbox.hold(refused, "unknown_value", None, "The code has no own code.", now)
    store.close()


PREPARE: dict[str, Callable[[Path], None]] = {
    "connecting-an-agency.md": items_on_their_way,
    "mappings.md": export_of_a_system,
    "lint-rules.md": own_rules,
    "contracts-and-audits.md": officers_files,
    "vocabularies.md": next_vocabulary,
}


def test_the_try_out_gives_kafka_its_rights_before_an_adapter_runs() -> None:
    typed = [one.command for one in sessions("connecting-an-agency.md")]
    order = ["kafka up", "kafka apply", "adapter run"]
    at = [next(i for i, one in enumerate(typed) if f"concordant {name}" in one) for name in order]
    assert at == sorted(at)


@pytest.mark.parametrize(
    "page",
    sorted(
        path.name
        for path in GUIDES.glob("*.md")
        if path.name not in {*STORY, OFFICERS, OFFICERS_GUIDE, *YEAR, *CONNECTIONS}
    ),
)
def test_the_commands_of_a_guide_do_what_it_shows(
    cli, world, page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = [
        one
        for one in sessions(page)
        if one.command.split()[0] not in OTHER_PROGRAMS
        and one.command.split()[1] not in ELSEWHERE
        and " ".join(one.command.split()[1:3]) not in ELSEWHERE
    ]
    if not typed:
        return
    event_id = delivered_event(world, cli)
    folder = world.directory(READER)
    monkeypatch.chdir(tmp_path)
    PREPARE.get(page, lambda _folder: None)(folder)
    new = tmp_path / "new-passphrase"
    new.write_text("another long passphrase of nobody\n")
    new.chmod(0o600)
    key = next(
        one["kid"][:16]
        for one in cli("keys", "list", "--agency", folder, "--json").json["keys"]
        if one["algorithm"] == "ed25519" and one["role"] == "stream"
    )
    values = {
        "DIR": str(folder), "EVENT_ID": event_id, "KID": key, "FILE": str(new), "ID": "1",
        "SENDER": SENDER, "TOPIC": "pan-london.london-hate-crime.a", "PARTITION": "0",
        "TIME": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "/backups/csu-camden-2026-11-29": str(tmp_path / "backup"),
        "/backups/before-the-upgrade": str(tmp_path / "before"),
    }  # fmt: skip
    restored = {"DIR": str(tmp_path / "restored"), "FILE": str(folder / "passphrase")}
    for one in typed:
        used = values | (restored if "agency restore" in one.command else {})
        words = [
            re.sub(r"\bDIR\b", used["DIR"], word) if "DIR" in word else used.get(word, word)
            for word in shlex.split(one.command, comments=True)[1:]
        ]
        asks = words[:2] in (
            ["contract", "sign"],
            ["quarantine", "show"],
            ["quarantine", "discard"],
            ["outbox", "discard"],
            ["inbox", "discard"],
        )
        done = cli(*words, stdin=b"yes\n", terminal=asks)
        name = " ".join(words[:2] + [w for w in words if w in {"--check", "--refusals"}])
        if name == "mapping check" and "--json" not in words:
            name += " (before codes are added)"
        assert done.code == ENDS.get((page, name), 0), (one.command, done.code, done.err, done.text)
        if one.shown:
            require_shown(one, done.lines)


def test_agencies_found_join_and_leave_a_partnership_by_the_guides(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    today = datetime.now(UTC).date()
    days = {
        "2027-01-01": today,
        "2027-12-31": today + timedelta(days=360),
        "2027-07-01": today + timedelta(days=180),
    }
    for agency in ("csu-camden", "council-camden", "haven-support", "lantern-centre"):
        Path(f"{agency}.passphrase").write_text(f"the passphrase of {agency}\n")

    def value(word: str) -> str:
        if word.startswith("WORDS OF "):
            entry = Path(f"{word.removeprefix('WORDS OF ')}.entry").read_bytes()
            return " ".join(verify_entry(entry, now=now_ms()).words)
        return str(days.get(word, word))

    warned = 0  # a signature on a version without a party says what it stops
    with cheap_scrypt():
        for page in STORY:
            for one in sessions(page):
                if command_of(one.command) in OF_A_STORY_ELSEWHERE:
                    continue
                words = [value(word) for word in shlex.split(one.command)[1:]]
                done = cli(*words)
                assert done.code == 0, (one.command, done.err)
                warned += "leaves out lantern-centre" in done.err
                if one.shown:
                    require_shown(one, done.lines)
    assert warned == 3


def command_of(line: str) -> str:
    """The name of the command that a line runs, without its arguments."""
    first, second, third, *_ = [*shlex.split(line, comments=True)[1:], "", ""]
    if first in {"doctor", "status", "quickstart", "sandbox"}:
        return first
    return (
        f"{first} {second} {third}"
        if (first, second) == ("kafka", "authority")
        else f"{first} {second}"
    )


def shape(line: str) -> tuple[str, frozenset[str]]:
    """A command's name, and the options that it gives."""
    return command_of(line), frozenset(w for w in shlex.split(line) if w.startswith("--"))


def test_a_page_for_a_role_has_only_commands_that_a_guide_replays() -> None:
    replayed: dict[str, set[str]] = {}
    for path in GUIDES.glob("*.md"):
        for one in sessions(path.name):
            name, options = shape(one.command)
            replayed.setdefault(name, set()).update(options)
    pages = sorted((GUIDES / "roles").glob("*.md"))
    assert [page.stem for page in pages] == ["drafter", "it-engineer", "kafka-host", "officer"]
    for page in pages:
        for line in re.findall(r"`(concordant [^`]+)`", page.read_text()):
            name, options = shape(line)
            assert name in replayed, (page.name, line)
            assert options <= replayed[name] | {"--set"}, (page.name, line)


OPERATORS = {
    "watch": ("status", "top", "tail"),
    "back up": ("agency backup", "agency restore"),
    "upgrade": ("agency backup", "doctor", "status", "quarantine list"),
    "recover": ("agency restore", "quarantine retry", "outbox retry", "inbox retry"),
}
"""What an operator does, and the commands for it that a session of the guide replays."""


def test_the_commands_of_operators_are_replayed() -> None:
    page = "connecting-an-agency.md"
    replayed = [one.command for one in sessions(page)]
    guide = (GUIDES / page).read_text()
    for task, commands in OPERATORS.items():
        assert f"\n| {task} | [" in guide
        for name in commands:
            assert any(line.startswith(f"concordant {name} ") for line in replayed), (task, name)


def test_three_officers_are_named_by_the_guide(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("csu-camden", "siro", "deputy"):
        Path(f"{name}.passphrase").write_text(f"the passphrase of {name}\n")
    with cheap_scrypt():
        for one in sessions(OFFICERS):
            words = shlex.split(one.command)[1:]
            if "VERSION" in one.command:
                (proposed,) = Path("csu-camden/requests").iterdir()
                words = [str(proposed) if "VERSION" in word else word for word in words]
            done = cli(*words)
            assert done.code == 0, (one.command, done.err)
            if one.shown:
                assert list(one.shown) == done.lines, one.command
    entry = verify_entry(Path("csu-camden.entry").read_bytes(), now=now_ms())
    assert set(entry.governance.pairs) == {"chief", "deputy", "siro"}


def test_the_audit_guide_shows_what_its_main_commands_answer() -> None:
    shown = {one.command for one in sessions("contracts-and-audits.md") if one.shown}
    for begin in ("contract verify", "log verify", "log show", "log erase"):
        assert any(command.startswith(f"concordant {begin}") for command in shown), begin


NOT_SHOWN = {
    "contract sign": {"--counterpart", "--json"},
    "contract verify": {"--signatures"},
    "contract draft": {"--framework", "--json"},
    "contract revise": {"--framework", "--json"},
    "contract suspend": {"--contract", "--json", "--resume", "--leave"},
    "contract resume": {"--contract", "--json"},
    "contract leave": {"--contract", "--json"},
}
"""Options without a transcript: they change nothing in what is shown but its form or its source."""


def forms(command: Command) -> set[str]:
    """Formats that a command can write."""
    return {
        str(one.value)
        for parameter in command.parameters
        if "--format" in parameter.opts
        for one in parameter.type_descriptor.annotation
    }


@pytest.mark.parametrize(
    "command",
    [one for one in every_command() if one.name.split()[0] in {"contract", "vocabulary"}],
    ids=lambda one: one.name,
)
def test_each_command_option_and_format_of_agreements_is_in_a_session_that_is_replayed(
    command: Command,
) -> None:
    given: set[str] = set()
    written: set[str] = set()
    shown = False
    for path in GUIDES.glob("*.md"):
        for one in sessions(path.name):
            words = shlex.split(one.command, comments=True)[1:]
            if " ".join(words[: len(command.name.split())]) != command.name:
                continue
            shown |= bool(one.shown)
            given.update("--output" if word == "-o" else word for word in words)
            written.update(words[at + 1] for at, word in enumerate(words) if word == "--format")
    options = {opt for p in command.parameters for opt in p.opts if opt.startswith("--")}
    missing = options - {"--help"} - given - NOT_SHOWN.get(command.name, set())
    default = {str(getattr(p.default, "value", p.default)) for p in command.parameters
               if "--format" in p.opts}  # fmt: skip
    assert shown, "no session shows what it prints"
    assert missing == set()
    assert forms(command) - written - default == set()
