"""Every written form is read back unchanged.

Values, proofs and notes are in test_envelope.py and test_tlog_text.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from adapters import council, cps
from adapters.base import Row
from adapters.council.forms import CouncilFormat
from adapters.cps.case_xml import format_file, parse_export
from adapters.formats.delimited import escape, split_escaped
from adapters.formats.json_records import flat_items
from adapters.mapping import Dialect, read_delimited, write_delimited
from adapters.mapping.parts import LIST_KINDS
from broker.audit.entries import (
    ContractReference,
    NewLogEntry,
    Share,
    format_entry,
    parse_log_entry,
)
from broker.envelope.primitives import lp, sha256
from broker.event import OpenedEvent
from broker.judging.partition_state import (
    Gap,
    GapRow,
    Generation,
    PartitionState,
    StoredCheckpoint,
    changed_gaps,
    format_state,
    parse_state,
)
from broker.keys.delegation import delegation_text
from broker.keys.instant import LAST_INSTANT_MS, format_instant, parse_instant
from broker.keys.keyfile import format_keyfile, open_key, parse_keyfile, seal_key
from broker.keys.manifest import Manifest, manifest_text, parse_manifest
from broker.receiving.inbox_payload import format_payload, parse_payload
from broker.record import Record, format_record, parse_record
from broker.registry.newest_manifests import NamedManifest, RegistryHash
from broker.statements import heartbeats
from broker.statements.authorship import read_note
from broker.statements.heartbeats import Head, Heartbeat
from broker.statements.notices import (
    REFUSAL_HEADING,
    REPLAY_HEADING,
    Notice,
    format_notice,
    parse_notice,
)
from broker.statements.receipts import format_receipt, parse_receipt
from broker.statements.signed_contract import pack_contract, unpack_contract
from broker.tlog.generation_links import parse_link
from broker.tlog.merkle import EMPTY_ROOT, MAX_LOG_SIZE, Frontier
from broker.tlog.note import format_note, sign_note
from tests.fuzz.parser_objects import (
    AUTHOR,
    COSIGNER,
    NOW,
    ORIGIN,
    delegation,
    delegation_note,
)

few = settings(max_examples=60, deadline=None)
names = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True)
# No event holds U+007F (contracts/scalars.py), and a file that does is taken for a binary one
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x7f"), max_size=30)
hashes = st.binary(min_size=32, max_size=32)
sizes = st.integers(0, 2**53 - 1)
instants = st.integers(0, LAST_INSTANT_MS)
ids = st.uuids().map(str)
generations = st.from_regex(r"[0-9a-f]{16}-[0-9a-f]{32}", fullmatch=True)
leaves = st.recursive(
    words | st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)


@given(instants)
def test_instants(ms: int) -> None:
    assert parse_instant(format_instant(ms)) == ms


headers = st.lists(
    st.tuples(st.binary(max_size=20), st.none() | st.binary(max_size=40)), max_size=4
)


@given(st.builds(Record, words.filter(bool), st.integers(0, 2**31 - 1), headers.map(tuple),
                 st.none() | st.binary(max_size=60)))  # fmt: skip
def test_records_with_any_headers(record: Record) -> None:
    assert parse_record(format_record(record)) == record


@given(st.sampled_from([REFUSAL_HEADING, REPLAY_HEADING]),
       st.integers(0, MAX_LOG_SIZE), st.integers(0, MAX_LOG_SIZE))  # fmt: skip
def test_notices(kind: str, first: int, last: int) -> None:
    assume(last >= first)
    last = first if kind == REFUSAL_HEADING else last
    notice = Notice(kind, ORIGIN, first, last, first if kind == REPLAY_HEADING else 0)
    assert parse_notice(read_note(format_notice(notice, AUTHOR))) == notice


@given(st.integers(1, MAX_LOG_SIZE), hashes)
def test_receipts(size: int, root: bytes) -> None:
    written = format_receipt(ORIGIN, size, root, COSIGNER, NOW // 1000)
    checkpoint = parse_receipt(written).checkpoint
    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (ORIGIN.format(), size, root)


heads = st.lists(
    st.builds(Head, names, st.integers(0, 99), generations, sizes, hashes),
    max_size=4,
    unique_by=lambda head: (head.topic, head.partition, head.generation),
)


versions = (st.integers(1, 2**53 - 1), st.integers(1, 2**53 - 1), hashes)
registries = st.lists(
    st.builds(RegistryHash, hashes, hashes), max_size=3, unique_by=lambda one: one.contract
)


@few
@given(
    heads, sizes, st.tuples(sizes, hashes), names, st.builds(NamedManifest, *versions), registries
)
def test_heartbeats(
    found: list[Head],
    time: int,
    log: tuple[int, bytes],
    agency: str,
    manifest: NamedManifest,
    registry: list[RegistryHash],
) -> None:
    ordered = sorted(found, key=lambda head: (head.topic, head.partition, head.generation))
    known = sorted(registry, key=lambda one: one.contract)
    beat = Heartbeat("pan-london", agency, time, tuple(ordered), log, manifest, tuple(known))
    written = heartbeats.format_heartbeat(beat, [AUTHOR])
    assert heartbeats.parse_heartbeat(read_note(written), "pan-london") == beat


lines = st.from_regex(r"[ -~é]{1,40}", fullmatch=True)
listed = st.lists(hashes, min_size=1, max_size=3, unique=True).map(sorted)
lasting = st.fixed_dictionaries(
    {
        "contract": lines,
        "versions": listed,
        "state": st.sampled_from(["suspended", "left"]),
        "since": instants,
        "reason": lines,
    }
)
ended = st.fixed_dictionaries(
    {
        "contract": lines,
        "versions": listed,
        "state": st.just("suspended"),
        "since": st.just(0),
        "until": instants,
        "reason": lines,
        "until_reason": lines,
    }
)
stops = lasting | ended
manifest_fields = st.fixed_dictionaries(
    {
        "agency": names,
        "deployment": names,
        "version": st.integers(1, 2**53 - 1),
        "delegation": st.just(sha256(delegation_text(delegation()))),
        "issued": instants,
        "expires": instants,
        "contacts": st.dictionaries(names, lines, max_size=2),
        "keys": st.lists(
            st.fixed_dictionaries(
                {
                    "kid": hashes,
                    "role": st.sampled_from(["stream", "exchange", "receipt"]),
                    "algorithm": st.sampled_from(["ed25519", "ml-dsa-44", "mlkem768-x25519"]),
                    "public": st.binary(max_size=40),
                    "not_before": instants,
                    "not_after": instants,
                    "possession": st.none() | st.binary(max_size=64),
                }
            ),
            max_size=2,
        ),
        "revocations": st.lists(
            st.fixed_dictionaries(
                {"kid": hashes, "since": instants, "stated": instants, "reason": lines}
            ),
            max_size=2,
        ),
        "standing": st.lists(stops, max_size=2),
    }
)


@few
@given(manifest_fields)
def test_manifests(fields: dict[str, Any]) -> None:
    manifest = Manifest.model_validate(fields)
    raw = delegation_note() + format_note(sign_note(manifest_text(manifest), [AUTHOR]))
    assert parse_manifest(raw).manifest == manifest


@few
@given(names, st.sampled_from([("stream", "ed25519"), ("secret", "hmac-sha256")]), instants,
       st.none() | instants, hashes)  # fmt: skip
def test_key_files(
    agency: str, kind: tuple[str, str], begins: int, ends: int | None, secret: bytes
) -> None:
    role, algorithm = kind
    file = seal_key(
        secret,
        deployment="pan-london",
        agency=agency,
        role=role,
        algorithm=algorithm,
        not_before=begins,
        not_after=ends,
        encryption_key=bytes(32),
        salt=bytes(16),
    )
    read = parse_keyfile(format_keyfile(file), "key.json")
    assert read == file
    assert open_key(read, bytes(32), "key.json") == secret


@given(st.binary(max_size=99), st.binary(max_size=99))
def test_contracts_with_their_signatures(raw: bytes, note: bytes) -> None:
    assert unpack_contract(pack_contract(raw, note)) == (raw, note)


@given(generations, st.integers(1, MAX_LOG_SIZE), hashes, st.binary(min_size=16, max_size=16))
def test_links(name: str, size: int, root: bytes, salt: bytes) -> None:
    link = parse_link(lp(name.encode(), size.to_bytes(8, "big"), root, salt))
    assert (link.name, link.size, link.root, link.salt) == (name, size, root, salt)
    first = parse_link(lp(b"", bytes(8), EMPTY_ROOT, salt))
    assert (first.name, first.size) == ("", 0)


frontiers = st.lists(hashes, max_size=6).map(lambda found: Frontier().extend(found))
kept = st.builds(StoredCheckpoint, sizes, hashes, sizes, sizes)
gaps = st.builds(Gap, sizes, sizes, frontiers, st.none() | frontiers, st.none() | hashes)
held = st.builds(
    Generation,
    generations,
    sizes,
    sizes,
    frontiers,
    kept,
    st.lists(gaps, max_size=2, unique_by=lambda gap: gap.first).map(
        lambda found: tuple(sorted(found, key=lambda gap: gap.first))
    ),
    st.none() | sizes,
    st.booleans(),
    st.none() | frontiers,
    st.booleans(),
    st.binary(max_size=4),
)


def _changes_of(state: PartitionState) -> None:
    """Written change by change, the rows are those of the whole state."""
    rows: dict[tuple[str, int], GapRow] = {}
    names = sorted(state.generations)
    before: PartitionState | None = None
    steps = [names[: at + 1] for at in range(len(names))] + [names[:1]]
    for step in steps:  # one generation after another comes, then all but one go
        after = replace(state, generations={name: state.generations[name] for name in step})
        removed, written = changed_gaps(before, after)
        for name in removed:
            rows.pop(name, None)
        rows |= {(row[0], row[1]): row for row in written}
        assert sorted(rows.values()) == format_state(after)[1]
        before = after


@few
@given(st.lists(held, min_size=1, max_size=3), sizes, st.booleans())
def test_reader_states(found: list[Generation], time: int, stopped: bool) -> None:
    by_name = {generation.name: generation for generation in found}
    state = PartitionState(max(by_name), min(by_name), time, by_name, stopped)
    assert parse_state(format_state(state)) == state
    _changes_of(state)


@few
@given(
    st.builds(
        OpenedEvent,
        ids,
        names,
        names,
        instants.map(format_instant),
        st.lists(names, max_size=3).map(tuple),
        st.dictionaries(names, leaves, max_size=4),
        st.lists(names, max_size=3).map(tuple),
        st.tuples(names, names, hashes.map(bytes.hex)),
        sizes,
        st.booleans(),
    )
)
def test_events_in_the_inbox(event: OpenedEvent) -> None:
    assert parse_payload(format_payload(event)) == event


field_names = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,20}", fullmatch=True)
clauses = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.]{0,8}", fullmatch=True)
entries = st.builds(
    NewLogEntry,
    st.sampled_from(["disclosure", "refusal", "destruction"]),
    instants,
    st.none() | hashes,
    st.none() | ids,
    st.none() | names,
    st.none() | field_names,
    st.none() | st.builds(ContractReference, field_names, clauses, hashes.map(bytes.hex)),
    st.lists(
        st.builds(
            Share,
            st.lists(field_names, max_size=2).map(tuple),
            st.dictionaries(field_names, clauses, max_size=3),
        ),
        max_size=2,
    ).map(tuple),
    left_out=st.dictionaries(field_names, field_names, max_size=2),
    left_out_for=st.dictionaries(
        field_names, st.dictionaries(field_names, field_names, min_size=1, max_size=2), max_size=2
    ),
    reason=st.none() | field_names,
    operator=st.none() | st.just("service"),
    acting_for=st.none() | st.just("A. Person"),
    reason_text=st.none() | hashes,
)


@few
@given(entries)
def test_entries_of_the_disclosure_log(entry: NewLogEntry) -> None:
    assert parse_log_entry(format_entry(entry)) == entry


@given(st.lists(words, min_size=1, max_size=4), st.sampled_from([";", "/", "|"]))
def test_lists_inside_a_field(items: list[str], separator: str) -> None:
    joined = separator.join(escape(item, separator) for item in items)
    assert split_escaped(joined, separator) == items


cells = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), max_size=20
).map(str.strip)


@given(st.lists(st.tuples(cells, cells), max_size=4), st.sampled_from([",", ";"]), st.booleans())
def test_delimited_rows_formulas_included(
    rows: list[tuple[str, str]], delimiter: str, bom: bool
) -> None:
    dialect = Dialect(delimiter=delimiter, bom=bom)
    written = [dict(zip(("ONE", "TWO"), row, strict=True)) for row in rows]
    content = write_delimited(written, dialect, header=("ONE", "TWO"))
    read = list(read_delimited(content, dialect, known=("ONE", "TWO"), needed=("ONE",)))
    kept = [row for row in written if any(row.values())]
    assert [row.values for row in read if isinstance(row, Row)] == kept
    assert len(read) == len(kept)


SCALARS = [c.column for c in cps.ADAPTER.mapping.document.columns
           if c.kind in ("text", "date", "time", "code")]  # fmt: skip
texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cn"], include_characters="\n<&>\"']"),
    max_size=30,
).map(str.strip)


@few
@given(st.lists(st.dictionaries(st.sampled_from(SCALARS), texts, max_size=4), max_size=3))
def test_cases_in_xml(rows: list[dict[str, str]]) -> None:
    schema = cps.ADAPTER.schema
    read = list(parse_export(format_file(rows, schema), schema))
    found = [
        {n: v for n, v in row.values.items() if v} if isinstance(row, Row) else {} for row in read
    ]
    assert found == [{n: v for n, v in row.items() if v} for row in rows]
    assert all(
        isinstance(row, Row) == bool(values) for row, values in zip(read, found, strict=True)
    )


KNOWN = council.ADAPTER.mapping.known_columns
members = names.map(lambda name: name.replace(".", "_"))
"""Names without dots: a part of a record in a list is named by its dotted path."""
values_of_json = st.recursive(
    words | st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(members, inner, max_size=3),
    max_leaves=5,
)


@few
@given(st.lists(st.dictionaries(st.sampled_from(KNOWN), values_of_json, max_size=4), max_size=3))
def test_json_lines(rows: list[dict[str, Any]]) -> None:
    form = CouncilFormat(council.ADAPTER.mapping)
    content = form.write(rows, "jsonl")
    assume(content.strip())
    read = [row.values for row in form.read(content) if isinstance(row, Row)]
    document = council.ADAPTER.mapping.document
    lists = {c.column for c in document.columns if c.kind in LIST_KINDS}
    lists |= {document.roles.recipients, document.roles.not_shared}
    written = [
        {n: flat_items(v) if n in lists else v for n, v in row.items() if v not in ("", [])}
        for row in rows
    ]
    empty: tuple[object, ...] = ("", None, [])
    assert read == [row for row in written if any(v not in empty for v in row.values())]
