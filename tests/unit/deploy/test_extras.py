"""The small installations: what each extra declares is what its code imports, and is enough."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from broker.record import format_record
from tests.support.agency_fixtures import clock, kafka, open_member, police
from tests.support.code_scan import PACKAGE_FOLDERS, ROOT
from tests.support.founded_partnership import COUNCIL, MADE, NOW, founded
from tests.support.memory_agency import MemoryAgency

__all__ = ["clock", "kafka", "open_member", "police"]

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = ("adapters", "broker", "concordant", "contracts")
NOT_IMPORTED = {
    "tzdata": "data, which zoneinfo finds",
}
OF_THE_TESTS = {"hypothesis", "pytest"}
"""`adapters.testing` is for tests of adapters."""


def names(requirements: list[str]) -> set[str]:
    found: set[str] = set()
    for one in requirements:
        name = re.match(r"[\w-]+", one)
        assert name is not None
        if name[0] == "concordant":
            for extra in re.findall(r"\w+", one.partition("[")[2]):
                found |= names(PROJECT["optional-dependencies"][extra])
        else:
            found.add(name[0])
    return found


BASE = names(PROJECT["dependencies"])
SUBSCRIBER = BASE | names(PROJECT["optional-dependencies"]["subscriber"])
READER = BASE | names(PROJECT["optional-dependencies"]["reader"])
ADAPTER = BASE | names(PROJECT["optional-dependencies"]["adapter"])


TOKEN = names(PROJECT["optional-dependencies"]["pkcs11"]) - ADAPTER
"""Imported when a signing key on a PKCS#11 token is used, and only then."""
POSTGRES = names(PROJECT["optional-dependencies"]["postgres"]) - ADAPTER
"""Imported when the state is on a PostgreSQL server, and only then."""
OPTIONAL = set[str]().union(*(names(asked) for asked in PROJECT["optional-dependencies"].values()))
"""Packages of the extras. Some are for one source or sink, and imported only when it is used."""
WHOLE = (ADAPTER | OPTIONAL) - OF_THE_TESTS


def imported(file: Path) -> Iterator[str]:
    """Modules that a file imports anywhere, but for those that only the type checker sees."""
    todo: list[ast.AST] = [ast.parse(file.read_text())]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            todo += node.orelse
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            todo += ast.iter_child_nodes(node)


def file_of(module: str) -> Path | None:
    top, *rest = module.split(".")
    path = PACKAGE_FOLDERS.get(top, ROOT / top).joinpath(*rest)
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if file.is_file():
            return file
    return None


def distributions(modules: set[str]) -> set[str]:
    known = packages_distributions()
    tops = {module.split(".")[0] for module in modules} - set(OURS) - set(sys.stdlib_module_names)
    return {re.sub(r"_", "-", known[top][0]).lower() for top in tops if top not in OF_THE_TESTS}


def reached(*roots: str) -> set[str]:
    """Every module that is imported from these, at once or later."""
    found: set[str] = set()
    todo = list(roots)
    while todo:
        module = todo.pop()
        if module in found:
            continue
        found.add(module)
        parent = module.rpartition(".")[0]
        file = file_of(module)
        if module.split(".")[0] not in OURS or file is None:
            continue
        todo += [parent] if parent else []
        if module != "concordant":  # its `subscribe` is the entrance to the next extra
            todo += imported(file)
    return found


def test_contracts_alone_imports_what_the_base_declares_and_nothing_else() -> None:
    modules = {
        module
        for file in (
            *PACKAGE_FOLDERS["contracts"].rglob("*.py"),
            *(PACKAGE_FOLDERS["concordant"] / f"{name}.py" for name in ("packages", "__main__")),
        )
        for module in imported(file)
        if not module.startswith("adapters")
    }
    assert distributions(modules) == BASE


def test_a_reader_imports_what_its_extra_declares_and_nothing_else() -> None:
    """SQLAlchemy is the caller's: it is imported only for a connection of it."""
    found = distributions(reached("concordant.client", "concordant.client.http_connection"))
    assert (found | BASE) - {"sqlalchemy"} == READER


def test_a_subscriber_imports_what_its_extra_declares_and_nothing_else() -> None:
    found = distributions(reached("broker.subscriber", "broker.transport.kafka"))
    assert (found | BASE) - TOKEN - POSTGRES == SUBSCRIBER


def test_the_whole_program_imports_what_is_declared_and_nothing_else() -> None:
    modules = {
        module
        for package in OURS
        for file in PACKAGE_FOLDERS[package].rglob("*.py")
        for module in imported(file)
    }
    assert distributions(modules) == WHOLE - NOT_IMPORTED.keys()


BLOCKED = """
import sys
from importlib.abc import MetaPathFinder
ALLOWED = {allowed!r}
class Block(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.split(".")[0]
        if top in ALLOWED or top in sys.stdlib_module_names or top[0] == "_":
            return None
        raise ModuleNotFoundError(f"No module named {{top!r}}", name=top)
sys.meta_path.insert(0, Block())
"""


def with_only(
    allowed: set[str], script: str, *words: str, path: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """A program in a Python that has these distributions and what they need."""
    return subprocess.run(
        [sys.executable, "-c", BLOCKED.format(allowed=modules_of(allowed)) + script, *words],
        cwd=path,
        env=os.environ | {"PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def modules_of(declared: set[str]) -> set[str]:
    from importlib.metadata import PackageNotFoundError, requires

    whole: set[str] = set()
    todo = set(declared)
    while todo:
        one = todo.pop()
        whole.add(one)
        try:
            needs = requires(one) or []
        except PackageNotFoundError:
            continue
        for need in needs:
            name = re.match(r"[\w.-]+", need)
            if name is not None and "extra" not in need:
                todo |= {re.sub(r"[_.]", "-", name[0]).lower()} - whole
    known = packages_distributions()
    return {
        top
        for top, owners in known.items()
        if {re.sub(r"[_.]", "-", owner).lower() for owner in owners} & whole
    } | {*OURS, "tests"}


def test_contracts_alone_reads_and_checks_an_agreement_and_decides() -> None:
    script = (
        "from contracts.loading import shipped_framework\n"
        "from contracts import lint, decision, status, examples, explain, comparison\n"
        "from contracts.vocabulary.known import named_vocabulary\n"
        "import concordant\n"
        "types = named_vocabulary('hate-crime').event_types\n"
        "print(type(shipped_framework()).__name__, len(types))\n"
    )
    done = with_only(BASE, script)
    assert done.stderr == ""
    assert done.stdout.split()[1] == "5"


def test_contracts_alone_says_how_to_get_the_rest() -> None:
    script = (
        "import concordant\n"
        "try:\n    concordant.subscribe\n"
        "except concordant.InstallationError as error:\n    print(error.code, error.fix)\n"
    )
    assert (
        with_only(BASE, script).stdout == "package_missing pip install 'concordant[subscriber]'\n"
    )
    done = with_only(BASE, "from concordant.__main__ import main; main()", "status")
    assert done.returncode == 3
    assert "concordant[adapter]" in done.stderr
    assert "Traceback" not in done.stderr


READ = """
import concordant, sqlite3
from pathlib import Path
client = concordant.connect("http://127.0.0.1:1", token="t")
connection = sqlite3.connect(":memory:")
concordant.create_tables(connection)
with connection:
    event = concordant.Event("referral.made", ["council-camden"], {"case_id": "1"})
    print(client.publish(event, key="1", transaction=connection).key)
try:
    next(client.subscribe("dashboard", wait=0))
except concordant.ClientError as error:
    print(error.code)
ours = ("broker", "adapters", "cryptography")
print([name for name in sys.modules if name.split(".")[0] in ours])
try:
    concordant.open_agency
except concordant.InstallationError as error:
    print(error.fix)
"""


def test_a_reader_works_with_what_its_extra_declares_and_has_no_cryptographic_part() -> None:
    done = with_only(READER, READ)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "1", "client_unreachable", "[]", "pip install 'concordant[adapter]'",
    ]  # fmt: skip


SUBSCRIBE = """
import asyncio
from pathlib import Path
from broker.record import parse_record
from concordant import subscribe
from tests.support.memory_kafka import MemoryKafka, MemoryTransport
import broker.transport.kafka  # as for a real Kafka

async def main(directory, agency, now, records, topics):
    kafka = MemoryKafka()
    for topic in topics:
        kafka.create_topic(topic, 6)
        kafka.allow(agency, topic)
    sent = [parse_record(line) for line in Path(records).read_bytes().splitlines()]
    await MemoryTransport(kafka, agency).send(sent)
    receiver = MemoryTransport(kafka, agency, group="desk")
    async with subscribe(Path(directory), "desk", clock=lambda: now, receiver=receiver) as events:
        async for event in events:
            print(event.type, event.source)
            return

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5:]))
"""


async def test_a_subscriber_gets_events_with_what_its_extra_declares(
    police: MemoryAgency, tmp_path: Path
) -> None:
    await police.send()
    records = tmp_path / "records.jsonl"
    sent = [each for log in police.kafka.topics.values() for part in log for each in part]
    records.write_bytes(b"".join(format_record(record) + b"\n" for record in sent))
    folder = founded().directory(COUNCIL, tmp_path)
    words = [str(folder), COUNCIL, str(NOW), str(records), *police.kafka.topics]
    done = with_only(SUBSCRIBER, SUBSCRIBE, *words)
    assert done.stderr == ""
    assert done.stdout.split() == [MADE, police.agency]


@pytest.mark.parametrize("extra", ["subscriber", "reader", "adapter", "testing", "local"])
def test_an_extra_adds_something(extra: str) -> None:
    assert names(PROJECT["optional-dependencies"][extra]) - BASE
