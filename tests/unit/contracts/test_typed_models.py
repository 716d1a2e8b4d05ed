"""The generated module: importable, checked by mypy, and only what the party may read or send."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from copy import copy
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import UnknownNameError
from contracts.model import Contract
from contracts.typed_models import leaves_of_party, typed_module
from contracts.vocabulary import parse_vocabulary
from contracts.vocabulary.json_schema import json_schema
from contracts.vocabulary.known import shipped_vocabulary_files

CHARITY = "haven-support"


def module(contract: Contract, agency: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(typed_module(contract, agency), "events.py", "exec"), names)
    return names


def test_a_party_has_types_only_for_what_it_may_read(contract: Contract) -> None:
    made = module(contract, CHARITY)["ReferralMadeReceivedVictim"].__annotations__
    granted = leaves_of_party(contract, CHARITY, "receives")["referral.made"]
    assert {f"victim.{name}" for name in made} == {p for p in granted if p.startswith("victim.")}
    assert "name" in made
    assert "uprn" not in made  # councils read it, charities do not


def test_every_type_and_direction_of_every_party_is_importable(contract: Contract) -> None:
    for party in contract.parties:
        names = module(contract, party.id)
        for direction, ending in (("receives", "Received"), ("sends", "ToSend")):
            for event_type in leaves_of_party(contract, party.id, direction):  # type: ignore[arg-type]
                own = "".join(w.capitalize() for w in event_type.replace("-", ".").split("."))
                assert f"{own}{ending}" in names


HOSTILE = (
    'x"""\n    import os; os.environ["PWNED"] = "yes"\n    """',
    "x\\",
    "ends with a quote'",
    "\u202e and \x07",
)


@pytest.mark.parametrize("description", HOSTILE)
def test_a_text_of_a_vocabulary_is_a_literal_of_the_module(
    contract: Contract, description: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PWNED", raising=False)
    form = contract.vocabulary.form
    types = {
        name: each.model_copy(update={"description": description})
        for name, each in form.event_types.items()
    }
    items = {
        name: each.model_copy(update={"description": description})
        for name, each in form.items.items()
    }
    changed = copy(contract)
    words = copy(contract.vocabulary)
    words.form = form.model_copy(update={"event_types": types, "items": items})
    changed.__dict__["vocabulary"] = words
    names = module(changed, CHARITY)
    assert names["ReferralMadeReceived"].__doc__ == description
    assert "PWNED" not in os.environ
    tree = ast.parse(typed_module(changed, CHARITY))
    allowed = (ast.Expr, ast.ImportFrom, ast.Assign, ast.ClassDef)
    assert all(isinstance(one, allowed) for one in tree.body)


def test_a_name_is_no_word_of_python_and_stands_for_one_thing(contract: Contract) -> None:
    raw = shipped_vocabulary_files()["hate-crime"].decode()
    text = raw.replace("AllegedPerpetrator", "None").replace("gender", "literal")
    text = text.replace("hate_strand", "none")
    changed = copy(contract)
    changed.__dict__["vocabulary"] = parse_vocabulary(text.encode(), "v.yaml")
    names = module(changed, "csu-camden")
    assert {"None_", "None__", "Literal_"} <= names.keys()


def test_a_wrong_use_is_found_by_mypy(contract: Contract, tmp_path: Path) -> None:
    (tmp_path / "events.py").write_text(typed_module(contract, CHARITY))
    (tmp_path / "use.py").write_text(
        "from events import ReferralMadeReceived\n\n\n"
        "def needs(data: ReferralMadeReceived) -> list[str]:\n"
        "    return list(data['victim']['needs'])\n\n\n"
        "def wrong(data: ReferralMadeReceived) -> int:\n"
        "    return data['urgency']\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "use.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line for line in done.stdout.splitlines() if "error" in line and "Found" not in line]
    assert len(errors) == 1, done.stdout
    assert errors[0].startswith("use.py:9")


def test_an_agency_that_is_no_party_has_none(contract: Contract) -> None:
    with pytest.raises(UnknownNameError) as caught:
        typed_module(contract, "haven-suport")
    assert caught.value.code == "agency_unknown"


def test_a_schema_of_one_party_has_only_its_leaves(contract: Contract) -> None:
    paths = leaves_of_party(contract, CHARITY, "receives")["referral.made"]
    schema = json_schema(contract.vocabulary.form, "referral.made", paths)
    victim = schema["$defs"]["Victim"]["properties"]
    assert {f"victim.{name}" for name in victim} == {p for p in paths if p.startswith("victim.")}
    assert "alleged_perpetrators" not in schema["properties"]
    assert schema["required"] == ["case_id", "referral_id", "requested_service"]
