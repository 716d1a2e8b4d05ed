"""A misspelt name is refused, and the nearest known one is named, in each command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.commands import every_command

AGENCY, EVENT = "haven-support", "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38"
TOPIC = "pan-london.london-hate-crime.a"

# (command, words, what is meant)
MISSPELT = {
    ("event ping", "AGENCY"): (("haven-suport",), AGENCY),
    ("directory search", "CODE"): (("--need", "advocaty"), "advocacy"),
    ("partnership ready", "NAME"): (
        ("london-hate-crimes", "--version", "1.0.0"),
        "london-hate-crime",
    ),
    ("figures", "NAME"): (
        ("--period", "2026-Q1", "--by", "borough", "--contract", "london-hate-crimes"),
        "london-hate-crime",
    ),
    ("event cancel", "AGENCY"): ((EVENT, "--recipient", "haven-suport"), AGENCY),
    ("contract explain", "TYPE"): (("--type", "referal.made", "--field", "id"), "referral.made"),
    ("contract explain", "PATH"): (("--field", "victim.adress"), "victim.address"),
    ("contract explain", "NAME"): (("--contract", "london-hate-crimes"), "london-hate-crime"),
    ("contract matrix", "TYPE"): (("--type", "referal.made"), "referral.made"),
    ("contract matrix", "PATH"): (("--field", "victim.adress"), "victim.address"),
    ("contract matrix", "NAME"): (("--contract", "london-hate-crimes"), "london-hate-crime"),
    ("contract simulate", "NAME"): (("--contract", "london-hate-crimes"), "london-hate-crime"),
    ("contract who", "FIELD"): (("victim.adress",), "victim.address"),
    ("contract who", "TYPE"): (("victim", "--type", "referal.made"), "referral.made"),
    ("contract who", "NAME"): (("victim", "--contract", "london-hate-crimes"), "london-hate-crime"),
    ("contract calendar", "NAME"): (("--contract", "london-hate-crimes"), "london-hate-crime"),
    ("contract export ropa", "NAME"): (("--contract", "london-hate-crimes"), "london-hate-crime"),
    ("contract export dpia", "NAME"): (("--contract", "london-hate-crimes"), "london-hate-crime"),
    ("contract export odcs", "NAME"): (("--contract", "london-hate-crimes"), "london-hate-crime"),
    ("contract export dictionary", "NAME"): (
        ("--contract", "london-hate-crimes"),
        "london-hate-crime",
    ),
    ("contract export json-schema", "NAME"): (
        ("--contract", "london-hate-crimes"),
        "london-hate-crime",
    ),
    ("contract export json-schema", "TYPE"): (("--type", "referal.made"), "referral.made"),
    ("contract export asyncapi", "NAME"): (
        ("--contract", "london-hate-crimes"),
        "london-hate-crime",
    ),
    ("adapter bus asyncapi", "NAME"): (
        ("--contract", "london-hate-crimes"),
        "london-hate-crime",
    ),
    ("contract export python", "NAME"): (
        ("--contract", "london-hate-crimes"),
        "london-hate-crime",
    ),
    ("contract export openapi", "NAME"): (
        ("--contract", "london-hate-crimes"),
        "london-hate-crime",
    ),
    ("contract types", "NAME"): (("--contract", "london-hate-crimes"), "london-hate-crime"),
    ("contract sign", "CODE"): (("FILE", "--accept", "gaps"), "gap"),
    ("contract leave", "CODE"): (("--reason", "disputes"), "dispute"),
    ("contract leave", "NAME"): (
        ("--contract", "london-hate-crimes", "--reason", "dispute", "--yes"),
        "london-hate-crime",
    ),
    ("contract resume", "CODE"): (("--reason", "resolve"), "resolved"),
    ("contract resume", "NAME"): (
        ("--contract", "london-hate-crimes", "--reason", "resolved"),
        "london-hate-crime",
    ),
    ("contract suspend", "CODE"): (("--reason", "dpia-review"), "dpia_review"),
    ("contract suspend", "NAME"): (
        ("--contract", "london-hate-crimes", "--reason", "dispute"),
        "london-hate-crime",
    ),
    ("event example", "TYPE"): (("referal.made",), "referral.made"),
    ("event evidence", "AGENCY"): ((EVENT, "--source", "haven-suport"), AGENCY),
    ("keys doubted", "SENDER"): (("haven-suport",), AGENCY),
    ("mapping init", "TYPE"): (("FILE", "--type", "referal.made"), "referral.made"),
    ("mapping columns", "KIND"): (("--kind", "councl"), "council"),
    ("log show", "PATH"): (("--field", "victim.adress"), "victim.address"),
    ("log show", "KIND"): (("--kind", "consultaton"), "consultation"),
    ("quarantine discard", "AGENCY"): (("--sender", "haven-suport", "--reason", "x"), AGENCY),
    ("status release", "AGENCY"): (("haven-suport", TOPIC, "0"), AGENCY),
    ("status release", "TOPIC"): ((AGENCY, f"{TOPIC}b", "0"), TOPIC),
    ("conformance", "[CASE]..."): (("10-opened-batches",), "10-opened-batch"),
}  # fmt: skip
NAMES = {"TYPE", "PATH", "NAME", "CODE", "AGENCY", "SENDER", "TOPIC", "KIND", "FIELD", "[CASE]..."}
OTHERS = {
    ("keys passphrase", "NAME"),  # of an environment variable
    ("agency officer new", "NAME"),  # of a deployment that is new
    ("kafka authority identity", "NAME"),  # of a DNS name or a new certificate
    ("kafka plan", "NAME"),  # a principal of the host's own Kafka
    ("kafka apply", "NAME"),
    ("kafka strimzi", "NAME"),
    ("kafka authority identity", "NAME"),
    ("agency init", "NAME"),  # the legal name
    ("agency init", "CODE"),  # an area of the Office for National Statistics
    ("agency init", "KIND"),  # its test is below
    ("agency check-partner", "NAME"),  # who compares the words
    ("vocabulary new", "NAME"),  # of the new vocabulary
    ("vocabulary show", "TYPE"),  # it has no folder; its test is in test_vocabulary.py
    ("contract new", "NAME"),  # of the new agreement
    ("contract draft", "NAME"),  # of the new partnership
}


def test_every_command_that_takes_a_name_is_tried() -> None:
    taken = {
        (command.name, parameter.metavar)
        for command in every_command()
        for parameter in command.parameters
        if parameter.metavar in NAMES and "--operator" not in parameter.opts
    }
    assert taken - OTHERS == set(MISSPELT)


def test_a_misspelt_kind_of_adapter_is_refused_before_anything_is_written(
    cli, tmp_path: Path
) -> None:
    (tmp_path / "passphrase").write_text("a long passphrase of the test\n")
    contact = "M. Manager,manager@haven.example"
    contacts = ("data_protection_officer", "breach", "rights_and_complaints", "operations")
    options = {
        "--id": AGENCY,
        "--name": "Haven Support",
        "--role": "support",
        "--area": "E09000007",
        "--adapter": "suport",
        "--kafka": "kafka.example:9093",
        "--passphrase-file": tmp_path / "passphrase",
    }
    words = [word for option in options.items() for word in option]
    words += [word for name in contacts for word in ("--contact", f"{name}={contact}")]
    done = cli("agency", "init", tmp_path / "agency", *words)
    done.require_failure("config_adapter_unknown", 3)
    assert "support" in done.err.split("to do:")[1]
    assert not (tmp_path / "agency").exists()


@pytest.mark.parametrize(("command", "metavar"), MISSPELT)
def test_a_misspelt_name_is_refused_with_the_nearest_known_one(
    cli, world, command: str, metavar: str
) -> None:
    words, meant = MISSPELT[command, metavar]
    world.state_of("csu-camden")
    folder = world.directory("csu-camden")
    contract = folder / "contracts" / "london-hate-crime.yaml"
    agency = () if command == "conformance" else ("--agency", folder)
    given = [contract if word == "FILE" else word for word in words]
    done = cli(*command.split(), *given, *agency)
    assert done.code == (4 if command == "event example" else 2), done.err
    assert done.out == b""
    found = " ".join(done.err.split())
    assert f" {meant}" in found
    assert "id you mean" in found


@pytest.mark.parametrize(
    ("change", "name", "meant"),
    [
        ({"type": "referal.made"}, "referal.made", "referral.made"),
        ({"recipients": ["council-camden", "haven-suport"]}, "haven-suport", AGENCY),
        ({"urgensy": "routine"}, "urgensy", "urgency"),
        ({"urgency": "rutine"}, "urgency", "routine"),
    ],
)
def test_event_seal_suggests_what_a_refused_line_may_mean(
    cli, world, change: dict[str, object], name: str, meant: str
) -> None:
    event = world.event(cli, "csu-camden", "referral.made")
    if change.keys() <= event.keys():
        event |= change
    else:
        event["data"] |= change
    done = cli(
        "event", "seal", "--agency", world.directory("csu-camden"),
        stdin=json.dumps(event).encode() + b"\n",
    )  # fmt: skip
    assert done.code == 4
    (refused,) = done.jsonl
    (told,) = refused["suggestions"]
    assert (told["for"], told["known"][0]) == (name, meant)


def test_a_refusal_for_another_reason_has_no_suggestion(cli, world) -> None:
    event = world.event(cli, "csu-camden", "referral.made", case_id="x")
    done = cli(
        "event", "seal", "--agency", world.directory("csu-camden"),
        stdin=json.dumps(event).encode() + b"\n",
    )  # fmt: skip
    assert set(done.jsonl[0]) == {"refused", "detail"}


def test_a_misspelt_kind_of_adapter_is_named_with_the_nearest_one(cli, world) -> None:
    path: Path = world.directory("csu-camden") / "agency.toml"
    text = path.read_text()
    assert 'kind = "csu"' in text
    path.write_text(text.replace('kind = "csu"', 'kind = "csuu"'))
    done = cli("doctor", "--agency", path.parent, "--offline", "--json")
    assert "Did you mean csu?" in done.text + done.err
