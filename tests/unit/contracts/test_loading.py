from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml

from contracts import strict_yaml
from contracts.errors import ContractError
from contracts.loading import (
    AGREEMENT_BYTES,
    ContractText,
    load_contract,
    parse_contract,
    shipped_framework,
    shipped_terms,
)
from contracts.model import Contract, topic_name, trial_topic_name


def refusal(text: str | bytes) -> ContractError:
    raw = text.encode() if isinstance(text, str) else text
    with pytest.raises(ContractError) as caught:
        parse_contract(raw, "c.yaml")
    assert caught.value.exit_code == 3
    return caught.value


def test_the_hash_is_that_of_the_exact_bytes(
    contract_yaml: str, contract_text: ContractText
) -> None:
    assert contract_text.raw == contract_yaml.encode()
    assert contract_text.hash == hashlib.sha256(contract_yaml.encode()).digest()


def test_the_draft_keeps_the_terms_as_they_were_written(contract_yaml: str) -> None:
    assert contract_yaml.startswith(shipped_terms().rstrip())
    assert "# Alleged perpetrators" in contract_yaml


def test_a_contract_file_is_loaded_and_remembers_where(tmp_path: Path, contract_yaml: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(contract_yaml)
    loaded = load_contract(path)
    assert loaded.where == str(path)
    assert loaded.contract.party("csu-camden") is not None
    assert loaded.contract.party("nobody") is None


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(ContractError) as caught:
        load_contract(tmp_path / "missing.yaml")
    assert caught.value.code == "contract_unreadable"


def test_topic_names_are_neutral(contract_text: ContractText) -> None:
    contract = contract_text.contract
    assert topic_name(contract, "a") == "pan-london.london-hate-crime.a"
    assert trial_topic_name(contract, "a") == "pan-london.london-hate-crime.a.trial"
    names = [topic_name(contract, t.topic) for t in contract.event_types.values()]
    assert not any(event_type in name for event_type in contract.event_types for name in names)


def test_it_is_in_force_from_midnight_to_midnight_utc(contract_text: ContractText) -> None:
    assert contract_text.contract.starts_ms == 1_767_225_600_000
    assert contract_text.contract.ends_ms == 1_830_297_600_000


def test_the_shipped_framework_names_no_lead() -> None:
    framework = shipped_framework()
    assert any("no lead agency" in text for text in framework.governance)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("kafka_days: 14", 'kafka_days: "14"', "event_types.referral.made.retention.kafka_days"),
        ("partitions: 6}", "partitions: six}", "topics.a.partitions"),
        ("required: true", "required: yes", "event_types.referral.made.fields.case_id.required"),
        ("grants: nothing", "grants: everything", "coordinator.grants"),
        ("version: 1.0.0\nstatus", "version: 1.0\nstatus", "version"),
        ("starts: 2026-01-01", "starts: 2026-02-30", "starts"),
        ("status: offered", "owner: somebody\nstatus: offered", "owner"),
        ("acknowledge_within: PT48H", "acknowledge_within: 2 days", "service_levels"),
        ("acknowledge_within: PT48H", "acknowledge_within: P0D", "service_levels"),
        ("topic: a", "topic: z", "event_types.referral.made.topic"),
        ('"csu-camden"\n    legal', '"csu-lewisham"\n    legal', "parties[1].id"),
        ("ends: 2027-12-31", "ends: 2025-12-31", "ends"),
        ("ends: 2027-12-31", "ends: 1830211200", "ends"),
        ("ends: 2027-12-31", "ends: 2027-12-31T00:00:00", "ends"),
        ("ends: 2027-12-31", "ends: 20271231", "ends"),
        ("share_identity]", "share_everything]", "consent"),
        ("purpose: prosecute", "purpose: gossip", "purpose"),
        ("readers: [police]}", "readers: [prosecution]}", "readers"),
        ("scope: support_contact}", "scope: anything}", "consent_by_role"),
        ("status: offered-for-signature", "status: draft", "status"),
        ("ends: 2027-12-31", "ends: 2027-13-31", "ends"),
    ],
)
def test_an_error_is_named_with_file_line_and_field(
    contract_yaml: str, old: str, new: str, field: str
) -> None:
    assert old in contract_yaml
    changed = contract_yaml.replace(old, new, 1)
    error = refusal(changed)
    assert error.code == "contract_invalid"
    assert error.fix
    assert field in str(error)
    assert "Input should" not in str(error)  # the model's words speak of Python
    line = changed[: changed.index(new)].count("\n") + 1
    assert error.where is not None
    named = int(error.where.split(":")[1])
    # A field in flow style is named by its own line; a missing or dangling one by its parent's.
    assert abs(named - line) <= 4 or field in {"owner", "parties[1].id"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("readers: [police, prosecution, council, support]}", "readers: [police, council]}"),
        (
            "readers: [police, prosecution, council, support]}",
            "readers: [police, prosecution, council, support], senders: [police]}",
        ),
        (
            "readers: [police, prosecution, council, support]}",
            "readers: [police, prosecution, council, support], identifies: true}",
        ),
    ],
)
def test_each_recipient_sees_the_record_type_on_which_a_rule_rests(
    contract_yaml: str, old: str, new: str
) -> None:
    """Each reader checks that no event about an incident has identifying fields."""
    head, tail = contract_yaml.split("\n      record_type: ", 1)
    assert "incident_identifiers: never" in head
    assert "event_types.case.updated.fields.record_type" in str(
        refusal(f"{head}\n      record_type: {tail.replace(old, new, 1)}")
    )
    other = head.replace("incident_identifiers: never", "incident_identifiers: allowed")
    parse_contract(f"{other}\n      record_type: {tail.replace(old, new, 1)}".encode(), "c.yaml")


def test_the_contract_pins_the_keys_of_exactly_its_parties(contract_yaml: str) -> None:
    head, tail = contract_yaml.split("governance_keys:\n")
    renamed = tail.replace("  csu-camden:", "  csu-elsewhere:", 1)
    error = refusal(f"{head}governance_keys:\n{renamed}")
    assert error.code == "contract_invalid"
    assert (error.where or "").endswith("parties[0]")
    assert "csu-elsewhere" in error.detail


def test_a_key_of_the_wrong_length_or_with_spare_bits_is_refused(contract_yaml: str) -> None:
    key = 'ed25519: "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="'
    assert key in contract_yaml
    for wrong in (key.replace("AQE=", "AQF="), key.replace("AQEBAQE=", "AQE="), 'ed25519: "-"'):
        assert "governance_keys.csu-camden.ed25519" in str(
            refusal(contract_yaml.replace(key, wrong))
        )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("# nothing\n", "empty"),
        ("a: 1\na: 2\n", "twice"),
        ("a: {b: 1, b: 2}\n", "twice"),
        ("a: &x 1\nb: *x\n", "anchors"),
        ("a: &x 1\n", "anchors"),
        ("a: *x\n", "aliases"),
        ("a: !!python/object/apply:os.system [x]\n", "tags"),
        ("a: !!str 1\n", "tags"),
        ("? [1, 2]\n: 3\n", "plain text"),
        ("? &k a\n: 3\n", "plain text"),
        ("a: 1\n---\nb: 2\n", "second document"),
        ("a: [1, 2\n", "a list in square brackets has no end"),
        ("a: \x00\n", "a character that may not be in a text"),
        ("\ufeffa: 1\n", "byte order mark"),
        ("a:\n  - b # said to all\u2028  - c\n", "line break"),
        ("a:\n  - b # said to all\u2029  - c\n", "line break"),
        ("a:\n  - b # said to all\x85  - c\n", "line break"),
        ("[" * 40 + "]" * 40, "nested"),
        ("just text", "mapping is expected"),
    ],
)
def test_only_plain_yaml_with_one_reading_is_taken(text: str, reason: str) -> None:
    error = refusal(text)
    assert reason in str(error)
    assert error.where is not None
    assert error.where.startswith("c.yaml")


def test_bytes_that_are_not_utf8_are_refused() -> None:
    assert "UTF-8" in str(refusal(b"name: caf\xe9\n"))


def test_a_file_larger_than_the_limit_is_refused_before_it_is_parsed() -> None:
    assert f"{AGREEMENT_BYTES >> 20} MiB" in str(refusal(b"#" * (AGREEMENT_BYTES + 1)))


def test_many_faults_are_listed_up_to_ten(contract_yaml: str) -> None:
    error = refusal(contract_yaml.replace("data_subject: victim", "data_subject: nobody"))
    assert len(error.detail.splitlines()) == 11
    assert error.detail.splitlines()[-1].endswith("more")


@pytest.mark.parametrize("loader", [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)])
@pytest.mark.parametrize("text", ['title: "\\ud800"', '"\\udfff": 1', '- "\\ud83d\\ude00"'])
def test_half_a_character_is_refused_by_either_parser(
    loader: type, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contracts.strict_yaml._Loader", loader)
    refused = refusal(text)
    assert refused.where == "c.yaml:1"
    assert "character" in str(refused)


@pytest.mark.parametrize(
    ("principal", "taken"),
    [
        ("CN=csu-camden,OU=Adapters, O=Met", True),
        ("x", True),
        ("x" * 256, True),
        ("*", True),  # of the form; `kafka plan` gives it no right
        ("x" * 257, False),
        ("", False),
        (" x", False),
        ("x ", False),
        ("a\\tb", False),
        ("a\\u0000b", False),
        ("caf\\u00e9", False),
        ("User:x", False),
        ("uSER:x", False),
    ],
)
def test_a_principal_is_the_name_that_kafka_prints(
    contract_yaml: str, principal: str, taken: bool
) -> None:
    public = "    public_authority: true\n"
    text = contract_yaml.replace(public, f'{public}    kafka_principal: "{principal}"\n', 1)
    assert text != contract_yaml
    if taken:
        assert parse_contract(text.encode(), "c.yaml").contract.parties[0].principal == principal
        return
    refused = refusal(text)
    assert (refused.code, "parties[0].kafka_principal" in str(refused)) == (
        "contract_invalid",
        True,
    )


def test_the_principal_is_the_agency_id_unless_the_contract_names_one(contract: Contract) -> None:
    assert [party.principal for party in contract.parties] == [p.id for p in contract.parties]


def _patterns(schema: object) -> set[str]:
    if isinstance(schema, dict):
        own = {schema["pattern"]} if isinstance(schema.get("pattern"), str) else set()
        own |= set(schema.get("patternProperties", ()))
        return own.union(*map(_patterns, schema.values()))
    return set().union(*map(_patterns, schema)) if isinstance(schema, list) else set()


def test_every_form_of_a_text_has_words_for_the_author() -> None:
    patterns = _patterns(Contract.model_json_schema(mode="serialization"))
    assert len(patterns) > 4
    assert patterns <= strict_yaml._FORMS.keys()
