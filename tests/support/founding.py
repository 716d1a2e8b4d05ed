"""Agencies as `agency init` makes them, quickly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from broker.operations.agency_founding import Founded, FoundingPlan, found_agency
from broker.partnership.profile import Profile
from tests.support.command_line import Done
from tests.support.key_derivation import cheap_key

NOW = 1_790_000_000_000
CONTACTS = ("data_protection_officer", "breach", "rights_and_complaints", "operations")
ADAPTERS = {"police": "csu", "prosecution": "cps", "council": "council", "support": "support"}


@contextmanager
def cheap_scrypt() -> Iterator[None]:
    with mock.patch("broker.keys.keyring.scrypt_key", cheap_key):
        yield


def profile(agency: str = "csu-camden", role: str = "police", **changed: Any) -> Profile:
    return Profile.model_validate(
        {
            "legal_name": f"The body of {agency}",
            "role": role,
            "area": ["E09000007"],
            "contacts": {
                name: {"name": name.replace("_", " "), "email": f"{name}@{agency}.example"}
                for name in CONTACTS
            },
            **changed,
        }
    )


def plan(agency: str = "csu-camden", role: str = "police", **changed: Any) -> FoundingPlan:
    values = {
        "agency": agency,
        "profile": profile(agency, role),
        "adapter": ADAPTERS.get(role, "council"),
        "kafka": "localhost:9092",
        "passphrase_file": "passphrase",
        **changed,
    }
    return FoundingPlan.model_validate(values)


def found(
    folder: Path, agency: str = "csu-camden", role: str = "police", now: int = NOW, **changed: Any
) -> Founded:
    """An agency in a folder of its own, with its passphrase in it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "passphrase").write_bytes(b"correct horse battery staple\n")
    return found_agency(folder, plan(agency, role, **changed), now)


def options(folder: Path, agency: str = "csu-camden", role: str = "police") -> list[str]:
    """The options of `agency init` that other programs give."""
    passphrase = folder.parent / f"{folder.name}.passphrase"
    passphrase.write_text("correct horse battery staple\n")
    given = ["--id", agency, "--name", f"The body of {agency}", "--role", role]
    given += ["--area", "E09000007", "--adapter", ADAPTERS.get(role, "council")]
    given += ["--kafka", "localhost:9092", "--passphrase-file", str(passphrase)]
    for name in CONTACTS:
        given += ["--contact", f"{name}={name.replace('_', ' ')}, {name}@{agency}.example"]
    return given


def reason(done: Done) -> str:
    """The reason code of a refusal."""
    return done.err.rpartition("code:")[2].strip()


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, by its path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
