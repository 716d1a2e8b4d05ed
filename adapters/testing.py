"""Test suite for the required behaviour of an adapter, for the author's tests to inherit.

Example::

    class TestMine(AdapterBehaviour):
        adapter = mine.ADAPTER
        document = mine.ADAPTER.mapping.document

        def export(self) -> bytes: ...

The suite asks for what the mapping declares that it carries: for each of its event types, every
field that has a column. A field without a column is held when it arrives, or goes into the column
``rest``; ``concordant mapping check`` and ``mapping columns`` show such fields.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

import pytest

from adapters.base import AgencyAdapter, Context, MappingError, Outgoing, Rejected, Row
from adapters.full_events import VALUES, full_data, opened, plain
from adapters.mapping.document import MappingDocument
from adapters.mapping.linking import MemoryLinks
from adapters.mapping.parts import Column
from adapters.sources.rejects import piece_bytes, rejected_pieces
from contracts.vocabulary import unflatten

__all__ = [
    "AdapterBehaviour",
    "full_data",
    "opened",
    "plain",
]


class AdapterBehaviour:
    """Inherit, set the class attributes, and define ``export``.

    Attributes:
        adapter: the adapter under test.
        document: mapping document of the adapter.
        one_way: leaves that the adapter writes and never reads (a many-to-one code).
    """

    adapter: ClassVar[AgencyAdapter]
    document: ClassVar[MappingDocument]
    one_way: ClassVar[frozenset[str]] = frozenset()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run the tests of one event type for each type that the mapping carries both ways."""
        if "event_type" in metafunc.fixturenames:
            metafunc.parametrize("event_type", _both_ways(self.document))

    def context(self, links: MemoryLinks | None = None) -> Context:
        """Return a context with the partners that the events above name."""
        return Context(
            agency="this-agency",
            partners={"P1": "partner-one", "P2": "partner-two"},
            links=links or MemoryLinks(),
        )

    def export(self) -> bytes:
        """Return a good export of this agency with several records, for partners P1 and P2."""
        raise NotImplementedError

    def rows(self, content: bytes) -> list[Row]:
        """Return the good rows of a file; a rejected row fails the test."""
        found = list(self.adapter.read(content))
        assert not [r.error.diagnostics() for r in found if isinstance(r, Rejected)]
        return [row for row in found if isinstance(row, Row)]

    def events(self, content: bytes, context: Context | None = None) -> list[Outgoing]:
        """Return every record of a file as an event."""
        context = context or self.context()
        return [self.sent(row, context) for row in self.rows(content)]

    def sent(self, row: Row, context: Context) -> Outgoing:
        """Return a row as an event; a row that the mapping does not send fails the test."""
        outgoing = self.adapter.to_event(row, context)
        assert outgoing is not None
        return outgoing

    # --- from the agency to its partners --------------------------------------------------------

    def test_an_export_becomes_valid_events(self) -> None:
        events = self.events(self.export())
        assert events
        for outgoing in events:
            assert outgoing.event.recipients
            assert len(outgoing.key) == 32
            self.document.type_of(outgoing.event.type).validate(outgoing.event.data)

    def test_the_same_record_has_the_same_key_and_others_have_others(self) -> None:
        context = self.context()
        first = [o.key for o in self.events(self.export(), context)]
        again = [o.key for o in self.events(self.export(), context)]
        assert first == again
        assert len(set(first)) == len(first)

    def test_a_quarantined_record_is_a_file_that_can_be_dropped_again(self) -> None:
        content = self.export()
        records = self.adapter.read(content)
        for row in records:
            pieces = rejected_pieces(records, [row])
            (alone,) = self.rows(b"".join(piece_bytes(pieces, io.BytesIO(content))))
            assert isinstance(row, Row)
            assert dict(alone.values) == dict(row.values)

    def test_the_records_cover_the_file_in_order(self) -> None:
        content = self.export()
        records = self.adapter.read(content)
        end = len(records.head)
        assert content.startswith(records.head)
        for item in records:
            assert not content[end : item.start].strip()
            assert item.start < item.end
            end = item.end
        assert content[end:].strip() == records.tail.strip()
        assert [item.start for item in records] == [item.start for item in records]

    def test_a_refused_record_is_refused_again_from_its_own_bytes(self) -> None:
        """Cut a file at any place. Its refused records are refused again from their own bytes."""
        content = self.export()
        for cut in range(1, len(content), max(1, len(content) // 40)):
            damaged = content[:cut] + content[cut + 1 :]
            try:
                records = self.adapter.read(damaged)
                rejected = [item for item in records if isinstance(item, Rejected)]
                if not rejected:
                    continue
                pieces = rejected_pieces(records, rejected)
                again = list(self.adapter.read(b"".join(piece_bytes(pieces, io.BytesIO(damaged)))))
            except MappingError:
                continue  # the file as a whole is refused
            assert [type(item) for item in again] == [Rejected] * len(rejected)

    def test_an_empty_file_is_refused(self) -> None:
        for content in (b"", b" \r\n", b"\xef\xbb\xbf"):
            with pytest.raises(MappingError) as refusal:
                list(self.adapter.read(content))
            assert refusal.value.code == "file_empty"

    def test_a_binary_file_is_refused(self) -> None:
        with pytest.raises(MappingError) as refusal:
            list(self.adapter.read(bytes(range(256)) * 8))
        assert refusal.value.code in ("file_encoding", "file_malformed")

    def test_a_file_cut_off_anywhere_loses_nothing_silently(self) -> None:
        content = self.export()
        whole = {o.key for o in self.events(content)}
        for cut in range(1, len(content) - 2, max(1, len(content) // 60)):
            try:
                found = list(self.adapter.read(content[:cut]))
            except MappingError:
                continue  # the file as a whole is refused
            rows = [item for item in found if isinstance(item, Row)]
            for row in rows:  # no half record may pass for a complete one
                assert self.sent(row, self.context()).key in whole

    # --- from the partners to the agency --------------------------------------------------------

    def test_every_leaf_that_is_carried_can_be_written_down(self, event_type: str) -> None:
        flat = full_data(self.document, event_type)
        self.document.type_of(event_type).validate(unflatten(flat))
        written = self.adapter.from_event(opened(event_type, flat), self.context())
        (row,) = self.adapter.read_back(written)
        assert row

    def test_a_written_event_reads_back_as_the_same_data(self, event_type: str) -> None:
        flat = full_data(self.document, event_type)
        written = self.adapter.from_event(opened(event_type, flat), self.context())
        (row,) = self.rows(written)
        back = self.sent(row, self.context()).event
        assert back.type == event_type
        assert self.document.type_of(event_type).flatten(back.data) == {
            path: value for path, value in flat.items() if path not in self.one_way
        }

    def test_a_partial_event_is_written_with_missing_leaves_named(self, event_type: str) -> None:
        flat = full_data(self.document, event_type)
        needed = self.document.type_of(event_type).required
        withheld = [leaf for leaf in flat if leaf not in needed]
        event = opened(event_type, flat, withheld=withheld)
        written = self.adapter.from_event(event, self.context())
        (row,) = self.adapter.read_back(written)
        named = row[self.document.roles.not_shared]
        names = named.split(";") if isinstance(named, str) else named
        own = {path: column.column for column, path in self.document.columns_of(event_type)}
        assert isinstance(names, list)
        assert set(names) >= {own[path] for path in withheld if path in own}
        for path in withheld:
            if path in own and isinstance(VALUES.get(path), str):
                assert not row.get(own[path])

    def test_a_known_case_carries_the_own_reference(self) -> None:
        links = MemoryLinks()
        links.link("case", "OWN-4711", str(VALUES["case_id"]))
        flat = full_data(self.document, "case.updated")
        context = self.context(links)
        written = self.adapter.from_event(opened("case.updated", flat), context)
        (row,) = self.adapter.read_back(written)
        assert row[self.document.roles.case] == "OWN-4711"
        assert row[self.document.roles.shared_case] == VALUES["case_id"]

    # --- errors ---------------------------------------------------------------------------------

    def test_an_unknown_code_is_refused_in_every_coded_column(self) -> None:
        for column, row in self._coded_rows():
            bad: object = "Secret-Testcase"
            if column.kind == "codes" and not isinstance(row.values.get(column.column), str):
                bad = ["Secret-Testcase"]
            refused = replace(row, values={**row.values, column.column: bad})
            with pytest.raises(MappingError) as refusal:
                self.adapter.to_event(refused, self.context())
            assert refusal.value.code == "unknown_value"
            assert column.column in (refusal.value.where or "")
            assert "Secret" not in refusal.value.diagnostics()

    def test_a_date_that_does_not_exist_is_refused(self) -> None:
        reached = 0
        for column, row in self._rows_with("date"):
            moment = _impossible((column.formats or self.document.date_formats)[0])
            refused = replace(row, values={**row.values, column.column: moment})
            with pytest.raises(MappingError) as refusal:
                self.adapter.to_event(refused, self.context())
            assert refusal.value.code == "invalid_date"
            assert moment not in refusal.value.diagnostics()
            reached += 1
        assert reached

    def test_an_unknown_partner_kind_or_missing_recipient_is_refused(self) -> None:
        roles = self.document.roles
        row = self.rows(self.export())[0]
        for column, value, code in (
            (roles.recipients, "UNKNOWN", "unknown_partner"),
            (roles.recipients, "", "missing_value"),
            (roles.kind, "NONSENSE", "unknown_kind"),
        ):
            refused = replace(row, values={**row.values, column: value})
            links = MemoryLinks()
            with pytest.raises(MappingError) as refusal:
                self.adapter.to_event(refused, self.context(links))
            assert refusal.value.code == code
            assert links.count() == 0  # a refused row leaves no link behind

    @pytest.mark.parametrize(
        "reference", ["#N/A", "NULL", "2.61E+12", "1.0", "01/12/2026", "A-1\u200b", "\u0410-1"]
    )
    def test_a_value_that_a_spreadsheet_changed_is_not_a_reference(self, reference: str) -> None:
        roles = self.document.roles
        row = self.rows(self.export())[0]
        changed = replace(row, values={**row.values, roles.case: reference, roles.shared_case: ""})
        links = MemoryLinks()
        with pytest.raises(MappingError) as refusal:
            self.adapter.to_event(changed, self.context(links))
        assert refusal.value.code == "invalid_value"
        assert roles.case in (refusal.value.where or "")
        assert links.count() == 0

    def test_a_value_of_another_kind_than_text_is_refused_as_a_reference(self) -> None:
        roles = self.document.roles
        row = self.rows(self.export())[0]
        for value in (7, True, ["A-1"], {"A": "1"}, [], {}):
            changed = replace(row, values={**row.values, roles.case: value})
            with pytest.raises(MappingError) as refusal:
                self.adapter.to_event(changed, self.context())
            assert refusal.value.code == "invalid_value"

    def test_a_reference_linked_otherwise_is_refused(self) -> None:
        roles = self.document.roles
        row = self.rows(self.export())[0]
        links = MemoryLinks()
        links.link("case", "OTHER", str(VALUES["case_id"]))
        values = {**row.values, roles.shared_case: VALUES["case_id"], roles.case: "MINE-1"}
        with pytest.raises(MappingError) as refusal:
            self.adapter.to_event(replace(row, values=values), self.context(links))
        assert refusal.value.code == "unknown_case"

    def test_every_table_covers_its_shared_list(self) -> None:
        for name, table in self.document.tables.items():
            if table.list is None:
                continue
            known = set(self.document.codes_of(table) or ())
            assert set(table.readable.values()) <= known, name
            assert set(table.writable) == known, name

    def _coded_rows(self) -> Iterable[tuple[Column, Row]]:
        yield from self._rows_with("code")
        yield from self._rows_with("codes")

    def _rows_with(self, kind: str) -> Iterable[tuple[Column, Row]]:
        for event_type in _both_ways(self.document):
            flat = full_data(self.document, event_type)
            written = self.adapter.from_event(opened(event_type, flat), self.context())
            (row,) = self.rows(written)
            for column, _ in self.document.columns_of(event_type):
                if column.kind == kind and column.use != "import":
                    yield column, row


def _both_ways(document: MappingDocument) -> tuple[str, ...]:
    """Return the event types that the mapping both sends and receives."""
    kinds = document.kinds.values()
    return tuple(
        t for t in document.event_types if any(k.type == t and k.use == "both" for k in kinds)
    )


def _impossible(pattern: str) -> str:
    return pattern.replace("%d", "30").replace("%m", "02").replace("%Y", "2025")
