"""An entry holds names and codes, in one spelling, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.audit.entries import (
    ContractReference,
    NewLogEntry,
    Share,
    format_entry,
    parse_log_entry,
)
from broker.errors import DisclosureLogError

ENTRY = NewLogEntry(
    kind="disclosure",
    time_ms=1_760_000_000_123,
    case_key=b"k" * 32,
    event_id="00000000-0000-4000-8000-000000000001",
    source="csu-camden",
    type="referral.made",
    contract=ContractReference("london-hate-crime", "1.0.0", "ab" * 32),
    shares=(
        Share(("council-camden", "haven-support"), {"victim.needs": "4.1.2"}),
        Share(("haven-support",), {"victim.address": "4.1.10", "victim.phone": "4.1.11"}),
    ),
    left_out={"victim.email": "consent_missing"},
    left_out_for={"csu-camden": {"victim.phone": "consent_missing"}},
    operator="DOMAIN\\adapter",
)


@pytest.mark.parametrize(
    "entry",
    [
        ENTRY,
        NewLogEntry(kind="refusal", time_ms=0, reason="field_not_granted"),
        NewLogEntry(kind="erasure", time_ms=1, case_key=b"k" * 32, reason="erasure_requested"),
        NewLogEntry(kind="destruction", time_ms=2, operator="Ops Müller"),
        NewLogEntry(
            kind="retry", time_ms=2, item="outbox-pan-london.a", reason="unsent", source="a"
        ),
        NewLogEntry(
            kind="setting",
            time_ms=3,
            settings=("retention.inbox_days",),
            settings_before=b"b" * 32,
            settings_after=b"a" * 32,
        ),
    ],
)
def test_an_entry_reads_back_as_it_was_written(entry: NewLogEntry) -> None:
    assert parse_log_entry(format_entry(entry)) == entry


def test_absent_parts_are_absent_and_the_time_is_rfc_3339() -> None:
    text = format_entry(
        NewLogEntry(kind="refusal", time_ms=1_760_000_000_007, reason="party_unknown")
    )
    assert text == (
        b'{"kind":"refusal","reason":"party_unknown","time":"2025-10-09T08:53:20.007Z"}'
    )


def test_the_case_id_itself_is_nowhere() -> None:
    assert b'"case":"a2tra2tr' in format_entry(ENTRY)  # base64 of the HMAC


def test_all_shared_fields_are_named() -> None:
    assert ENTRY.fields() == {"victim.needs", "victim.address", "victim.phone"}


@pytest.mark.parametrize(
    "entry",
    [
        replace(ENTRY, kind="gossip"),  # type: ignore[arg-type]  # the point of the test
        replace(ENTRY, reason="told Jane Doe"),
        replace(ENTRY, type="Jane Doe"),
        replace(ENTRY, event_id="Jane Doe"),
        replace(ENTRY, source="Jane Doe"),
        replace(ENTRY, operator='x"; 12 High Street, NW1'),
        replace(ENTRY, case_key=b"short"),
        replace(ENTRY, left_out={"victim.name": "Jane Doe"}),
        replace(ENTRY, left_out={"Jane Doe": "consent_missing"}),
        replace(ENTRY, left_out_for={"cps": {"Jane Doe": "consent_missing"}}),
        replace(ENTRY, left_out_for={"Jane Doe": {"victim.name": "consent_missing"}}),
        replace(ENTRY, left_out_for={"cps": {"victim.name": "Jane Doe"}}),
        replace(ENTRY, shares=(Share(("Jane Doe",), {}),)),
        replace(ENTRY, shares=(Share(("cps",), {"victim.name=Jane": "4.1"}),)),
        replace(ENTRY, shares=(Share(("cps",), {"victim.name": "Jane Doe"}),)),
        replace(ENTRY, contract=ContractReference("Jane Doe", "1", "ab" * 32)),
        replace(ENTRY, contract=ContractReference("a", "Jane Doe", "ab" * 32)),
        replace(ENTRY, contract=ContractReference("a", "1", "Jane Doe")),
    ],
)
def test_an_invalid_name_is_refused_and_not_repeated(entry: NewLogEntry) -> None:
    with pytest.raises(DisclosureLogError) as caught:
        format_entry(entry)
    assert caught.value.code == "log_entry_invalid"
    assert "Jane" not in caught.value.diagnostics()
    assert "High Street" not in caught.value.diagnostics()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"kind":"refusal"}',
        b'{"kind":"refusal","time":"yesterday"}',
        b'{"kind":"refusal","time":"2025-10-09T08:53:20.007+00:00"}',
        b'{"kind":"refusal","time":"2025-10-09T08:53:20.007Z","value":"Jane"}',
        b'{"time":"2025-10-09T08:53:20.007Z","kind":"refusal"}',
        b'{"case":"AA","kind":"refusal","time":"2025-10-09T08:53:20.007Z"}',
        b'{"kind":"refusal","reason":5,"time":"2025-10-09T08:53:20.007Z"}',
        b'{"contract":{"x":"y"},"kind":"refusal","time":"2025-10-09T08:53:20.007Z"}',
        b'{"kind":"refusal","shares":[1],"time":"2025-10-09T08:53:20.007Z"}',
    ],
)
def test_other_bytes_are_no_entry(text: bytes) -> None:
    with pytest.raises(DisclosureLogError) as caught:
        parse_log_entry(text)
    assert caught.value.code == "log_entry_invalid"
