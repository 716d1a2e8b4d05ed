"""The public API: a name is added or removed on purpose, here and on the page."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tomllib
from importlib import import_module

import pytest

import concordant
from adapters.base import AgencyAdapter
from broker.event import OpenedEvent
from broker.subscriber import Events, subscribe
from tests.support.code_scan import ROOT

PUBLIC = {
    "concordant": "Accepted AsyncClient AsyncReceived AsyncSubscription Client ClientError Event"
    " InstallationError Queued Received ReceivedEvent Relayed Subscription __version__ connect"
    " connect_async create_tables create_tables_async open_agency open_agency_async publish"
    " require_own_packages subscribe",
    "concordant.testing": "FoundedPartnership Partnership SentEvent TestAgency found_partnership",
    "broker.subscriber": "Events subscribe",
    "broker.event": "JSON OpenedEvent uuid_text",
    "broker.errors": "BackupError ConfigError DisclosureLogError EntryError EvidenceError"
    " KeyAccessError ManifestError NoteError PackageError ProofError RefusedError RegistryError"
    " SigningRefusedError StoreError TransportError WrongInputError",
    "contracts.errors": "ConcordantError ContractError EventError UnknownNameError",
    "contracts.events": "JSON PlainEvent",
    "contracts.loading": "AGREEMENT_BYTES ContractText DOCUMENTS_FOLDER documents_beside"
    " fit_vocabulary load_contract load_draft parse_contract parse_draft parse_framework"
    " shipped_framework shipped_names shipped_terms",
    "contracts.lint": "NOT_CHECKED RULES lint lint_text",
    "contracts.decision": "Decision decide has_consent receiver_check without_ungranted",
    "contracts.status": "ContractStatus Departure State contract_status",
    "adapters.base": "AgencyAdapter Context Export FilePlace Links MappingError Outgoing Records"
    " Rejected Row",
    "adapters.mapping": "Column DelimitedAdapter Dialect Kind MappedAdapter MappingDocument"
    " MappingFileError MemoryLinks PackagedAdapter Roles RowMapping Table Terms load_mapping"
    " parse_mapping read_delimited read_value source_key write_delimited write_value",
    "adapters.testing": "AdapterBehaviour full_data opened plain",
}
"""Before you change this list, read docs/compatibility.md and add a line to CHANGELOG.md."""
PAGE = (ROOT / "docs" / "public-api.md").read_text()


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_module_has_these_names(name: str) -> None:
    module = import_module(name)
    assert sorted(module.__all__) == sorted(PUBLIC[name].split())
    for each in module.__all__:
        assert hasattr(module, each)


@pytest.mark.parametrize("name", PUBLIC)
def test_the_page_lists_the_names(name: str) -> None:
    (section,) = re.findall(rf"^## `{re.escape(name)}`$(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    assert re.findall(r"^\| `(\w+)` \|", section, re.M) == import_module(name).__all__


def test_the_page_lists_no_other_module() -> None:
    assert re.findall(r"^## `([\w.]+)`$", PAGE, re.M) == list(PUBLIC)


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        (Events, "acknowledge"),
        (
            OpenedEvent,
            "as_json case_id clear_id contract data flat id log_time replaced source time to type "
            "unlisted urgent withheld",
        ),
        (AgencyAdapter, "from_event mapping_version name read read_back suffixes to_event"),
    ],
)
def test_members_of_what_programs_use(kind: type, members: str) -> None:
    names = {*getattr(kind, "__annotations__", {}), *vars(kind)}
    assert sorted(name for name in names if not name.startswith("_")) == sorted(members.split())


def test_the_parameters_of_subscribe() -> None:
    assert list(inspect.signature(subscribe).parameters) == (
        ["directory", "name", "clock", "receiver", "on_trouble", "acting_for", "reason"]
    )
    assert concordant.subscribe is subscribe


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    demo = tomllib.loads((ROOT / "deploy/demo/pyproject.toml").read_text())["project"]
    assert concordant.__version__ == project["version"] == demo["version"]
    for words in (["-m", "concordant"], ["-m", "adapters.main"]):
        done = subprocess.run(
            [sys.executable, *words, "--version"], cwd=ROOT, capture_output=True, check=True
        )
        assert done.stdout.decode() == f"concordant {project['version']}\n"


def test_the_version_is_printed_without_loading_the_commands() -> None:
    script = (
        "import sys; sys.argv = ['concordant', '--version']\n"
        "from concordant.__main__ import main; main()\n"
        "sys.exit(any(name in sys.modules for name in ('typer', 'pydantic', 'adapters')))"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    ("typed", "at", "offered"),
    [("concordant quar", 1, "quarantine"), ("concordant quarantine re", 2, "retry")],
)
def test_a_shell_completes_commands(typed: str, at: int, offered: str) -> None:
    script = "from adapters.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "_CONCORDANT_COMPLETE": "complete_bash",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(at),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == [offered]


def test_the_support_matrix_classifiers_and_workflow_name_the_same_pythons() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    classified = {
        line.rpartition(" ")[2] for line in project["classifiers"] if "Python :: 3." in line
    }
    page = (ROOT / "docs" / "compatibility.md").read_text()
    (row,) = re.findall(r"^\| Python \| ([^|]*) \|", page, re.M)
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    (matrix,) = re.findall(r"^ *python: \[(.*)\]$", workflow, re.M)
    assert classified == set(re.findall(r"3\.\d+", row.partition("(")[0]))
    assert classified == set(re.findall(r"3\.\d+", matrix))
    assert project["requires-python"] == f">={min(classified, key=lambda v: int(v[2:]))}"
