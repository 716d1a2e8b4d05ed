"""Conversion of rows to events and events to rows, by the mapping file alone.

``RowMapping`` compiles a document once: it finds the columns for each leaf of each event type. Both
directions are pure except for the links of the context. Links are written last, so that a refused
row leaves no link behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import orjson

from adapters.base import Context, FilePlace, Outgoing, Row
from adapters.formats.delimited import split_escaped
from adapters.mapping.document import Column, Kind, MappingDocument
from adapters.mapping.linking import partner_agency, shared_id
from adapters.mapping.reading import Terms, is_absent, read_value, text_of
from adapters.mapping.writing import write_moment, write_value
from broker.event import JSON, OpenedEvent
from contracts.errors import EventError
from contracts.events import PlainEvent
from contracts.vocabulary import unflatten

_PLACEHOLDER = "00000000-0000-4000-8000-000000000000"
"""Placeholder for an id that is minted only after the rest of the row is valid."""

_LINKED = ("case_id", "referral_id")

_LABEL = b"concordant/1/source-key"


@dataclass(frozen=True, slots=True)
class _TypeTerms:
    """Compiled terms of one event type."""

    own_kind: str
    kind: Kind
    read: tuple[tuple[Column, str], ...]
    write: Mapping[str, tuple[Column, ...]]
    leaf_of: Mapping[str, str]
    column_of: Mapping[str, str]
    required: tuple[str, ...]


class RowMapping:
    """A compiled mapping file.

    Attributes:
        document: the file.
        export_columns: all required columns of an export.
        known_columns: all allowed columns, in order; the header of an import.
        multiline_columns: columns whose values may have line breaks.
    """

    def __init__(self, document: MappingDocument) -> None:
        self.document = document
        self._kinds = {own: self._compile(own, kind) for own, kind in document.kinds.items()}
        self._columns = {column.column: column for column in document.columns}
        self._types: dict[str, _TypeTerms] = {}
        for terms in self._kinds.values():
            self._types.setdefault(terms.kind.type, terms)
        special = document.special_columns()
        imported = set(document.import_columns())
        declared = document.columns
        self.export_columns = tuple(n for n in special if n not in imported) + tuple(
            c.column for c in declared if c.use != "import" and not c.optional
        )
        known = [n for n in special if n not in imported] + [c.column for c in declared]
        self.known_columns = (*known, *(n for n in special if n in imported))
        self.multiline_columns = frozenset(
            c.column for c in declared if c.multiline or any(p.multiline for p in c.parts)
        )
        roles = document.roles
        unsettled = {roles.shared_case, roles.shared_referral, *imported}
        unsettled |= {c.column for c in declared if c.volatile or c.use == "import"}
        self._settled = tuple(n for n in self.known_columns if n not in unsettled)

    @property
    def version(self) -> str:
        """Return the version of the mapping file."""
        return self.document.version

    def _compile(self, own_kind: str, kind: Kind) -> _TypeTerms:
        form = self.document.words.type(kind.type)
        read: list[tuple[Column, str]] = []
        write: dict[str, tuple[Column, ...]] = {}
        column_of = {
            leaf: own
            for leaf, own in (
                ("case_id", self.document.roles.shared_case),
                ("referral_id", self.document.roles.shared_referral),
            )
            if own and leaf in form.leaves
        }
        for column, path in self.document.columns_of(kind.type):
            if column.use != "import":
                read.append((column, path))
            if column.use != "export":
                write[path] = (*write.get(path, ()), column)
            column_of.setdefault(path, column.column)
        return _TypeTerms(
            own_kind=own_kind,
            kind=kind,
            read=tuple(read),
            write=write,
            leaf_of={own: leaf for leaf, own in column_of.items()},
            column_of=column_of,
            required=tuple(path for path in form.leaves if path in form.required),
        )

    # --- rows to events -------------------------------------------------------------------------

    def to_event(self, row: Row, context: Context) -> Outgoing:
        """Turn a row into an event.

        Raises:
            MappingError: with line and column.
        """
        roles, place = self.document.roles, FilePlace(row.line)
        terms = self._terms_of(row, place)
        known = Terms(self.document, context, terms.leaf_of, terms.column_of)
        for name in terms.kind.required:
            if is_absent(self._columns[name], row.values.get(name)):
                raise place.at(name).error("missing_value", "this kind of row needs a value here")
        flat: dict[str, JSON] = {}
        for column, path in terms.read:
            raw = row.values.get(column.column)
            if is_absent(column, raw):
                continue
            value = read_value(column, raw, place.at(column.column), known)
            if value is not None:
                flat[path] = value
        recipients = self._recipients(row, place, context)
        self._check(terms, flat, place)
        case = self._linked("case", roles.case, roles.shared_case, terms, row, context)
        referral = None
        if terms.kind.referral != "none":
            own, shared = roles.referral, roles.shared_referral
            referral = self._linked("referral", own, shared, terms, row, context)
        event_flat = {"case_id": case or "", **({"referral_id": referral} if referral else {})}
        reference = "\x1f".join(
            _role(row, own) or _role(row, shared)
            for own, shared in (
                (roles.case, roles.shared_case),
                (roles.referral, roles.shared_referral),
            )
        )
        content = {n: row.values[n] for n in self._settled if not _blank(row.values.get(n))}
        return Outgoing(
            event=PlainEvent(
                type=terms.kind.type,
                recipients=recipients,
                data=unflatten({**event_flat, **flat}),
            ),
            key=source_key(context.agency, self.document.mapping, reference, content),
            line=row.line,
        )

    def case_names(self, row: Row) -> tuple[str, str]:
        """Return the own reference and the shared id of a row's case, unchecked.

        An absent value, or one that is not a text, gives an empty text.
        """
        roles = self.document.roles
        own, shared = (row.values.get(name) for name in (roles.case, roles.shared_case))
        return (own if isinstance(own, str) else "", shared if isinstance(shared, str) else "")

    def _terms_of(self, row: Row, place: FilePlace) -> _TypeTerms:
        roles = self.document.roles
        terms = self._kinds.get(_role(row, roles.kind))
        if terms is None:
            known = ", ".join(self._kinds)
            raise place.at(roles.kind).error("unknown_kind", f"one of {known} is expected")
        return terms

    def _recipients(self, row: Row, place: FilePlace, context: Context) -> tuple[str, ...]:
        roles = self.document.roles
        raw = row.values.get(roles.recipients)
        here = place.at(roles.recipients)
        if isinstance(raw, list):
            codes = [text_of(item, here) for item in raw]
            if "" in codes:
                raise here.error("invalid_value", "an item of the list is empty")
        else:
            text = _role(row, roles.recipients)
            items = split_escaped(text, roles.recipients_separator)
            codes = [code for item in items if (code := item.strip())]
        if not codes:
            raise here.error("missing_value", "at least one partner is expected")
        return tuple(dict.fromkeys(partner_agency(code, here, context) for code in codes))

    def _check(self, terms: _TypeTerms, flat: Mapping[str, JSON], place: FilePlace) -> None:
        whole = dict(flat)
        whole["case_id"] = _PLACEHOLDER
        if terms.kind.referral in ("new", "known"):
            whole["referral_id"] = _PLACEHOLDER
        for path in terms.required:
            if path not in whole:
                own = terms.column_of.get(path, path)
                raise place.at(own).error("missing_value", "this kind of row needs a value here")
        try:
            self.document.words.type(terms.kind.type).validate(unflatten(whole))
        except EventError as error:
            # A part of a list, such as alleged_perpetrators[0].name, is in the list's column.
            leaf = (error.where or "").split("[")[0]
            own = terms.column_of.get(leaf, leaf)
            raise place.at(own).error("invalid_value", error.detail) from None

    def _linked(
        self, kind: str, own: str, shared: str, terms: _TypeTerms, row: Row, context: Context
    ) -> str | None:
        place, roles = FilePlace(row.line, own), self.document.roles
        is_case = kind == "case"
        found = shared_id(
            "case" if is_case else "referral",
            _role(row, own),
            _role(row, shared),
            place,
            context,
            mint=terms.kind.case == "any" if is_case else terms.kind.referral == "new",
            pattern=roles.case_pattern if is_case else roles.referral_pattern,
        )
        if found is None and (is_case or terms.kind.referral in ("new", "known")):
            raise place.error(
                "missing_value", f"the own reference or the shared {kind} id is needed"
            )
        return found

    # --- events to rows -------------------------------------------------------------------------

    def to_row(self, event: OpenedEvent, context: Context) -> dict[str, object]:
        """Return the event in the agency's own columns and terms; missing values stay empty.

        Returns:
            Own column -> value, for every known column in order. Empty text (empty list where the
            style has lists) means nothing was received; ``not_shared`` names what the contract
            withholds.

        Raises:
            MappingError: unknown_kind, unknown_column, unknown_value when the mapping has no place
                for a received value. A value is never dropped silently.
        """
        roles = self.document.roles
        row = self.own_values(event.type, event.flat, context, event.unlisted)
        terms = self._types[event.type]
        for path, kind, own, shared in (
            ("case_id", "case", roles.case, roles.shared_case),
            ("referral_id", "referral", roles.referral, roles.shared_referral),
        ):
            identifier = event.flat.get(path)
            if own and isinstance(identifier, str):
                row[own] = context.links.own(kind, identifier) or ""
                row[shared] = identifier
        withheld = sorted({terms.column_of.get(path, path) for path in event.withheld})
        row[roles.received_from] = context.partner_code(event.source)
        row[roles.recipients] = self._list([context.partner_code(a) for a in event.to])
        row[roles.event_id] = event.id
        row[roles.sent_at] = write_moment(event.time, self.document.datetime_formats)
        row[roles.not_shared] = self._list(withheld)
        if roles.unlisted:
            unlisted = sorted({terms.column_of.get(path, path) for path in event.unlisted})
            row[roles.unlisted] = self._list(unlisted)
        return row

    def own_values(
        self,
        event_type: str,
        flat: Mapping[str, JSON],
        context: Context,
        unlisted: Collection[str] = (),
    ) -> dict[str, object]:
        """Return leaves in own columns and terms; ids, partners and the rest of a row stay empty.

        Args:
            event_type: decides the kind of row and the column of each leaf.
            flat: leaves by path; the ids of case and referral are skipped.
            context: partners and links.
            unlisted: leaves with a code that its code list does not have.

        Raises:
            MappingError: unknown_kind, unknown_column, unknown_value.
        """
        place = FilePlace(0)
        terms = self._types.get(event_type)
        if terms is None:
            raise place.error("unknown_kind", f"the mapping has no kind of row for {event_type}")
        known = Terms(self.document, context, terms.leaf_of, terms.column_of)
        further = replace(known, unlisted=bool(self.document.roles.unlisted))
        row: dict[str, object] = dict.fromkeys(self.known_columns, "")
        row[self.document.roles.kind] = terms.own_kind
        for path, value in flat.items():
            if path in _LINKED:
                continue
            columns = terms.write.get(path)
            if columns is None:
                raise place.error("unknown_column", f"the mapping has no column for {path}")
            for column in columns:
                at = further if path in unlisted else known
                row[column.column] = write_value(column, value, place.at(column.column), at)
        return row

    def _list(self, items: list[str]) -> object:
        if self.document.style == "text":
            return self.document.roles.recipients_separator.join(items)
        return items


def _role(row: Row, column: str) -> str:
    """Return the text of a column with a special role; empty when absent.

    Raises:
        MappingError: invalid_value for any value but a text.
    """
    value = row.values.get(column)
    return "" if value is None else text_of(value, FilePlace(row.line, column))


def _blank(value: object) -> bool:
    """Return whether a raw value adds nothing to the key of a record."""
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def source_key(agency: str, mapping: str, reference: str, content: Mapping[str, object]) -> bytes:
    """Derive the idempotency key of a record, 32 bytes: exported again, it is one event only.

    The key is derived from the record's own reference and its content as text. Column order, line
    ends and encoding do not change it; a changed value does.

    Args:
        agency: this agency.
        mapping: the adapter's name.
        reference: own reference of the record.
        content: own column -> raw value, without volatile columns (an extract date) and without
            shared ids, which a system learns after the first export.
    """
    settled = {name: _settled(value) for name, value in content.items()}
    body = orjson.dumps(
        [agency, mapping, reference, {name: v for name, v in settled.items() if v not in ("", [])}],
        option=orjson.OPT_SORT_KEYS,
    )
    return hashlib.sha256(_LABEL + b"\0" + body).digest()


def _settled(value: object) -> object:
    if isinstance(value, str):
        return value.replace("\r\n", "\n").strip()
    if isinstance(value, int) and abs(value) >= 1 << 63:
        return str(value)  # orjson cannot write larger integers
    if isinstance(value, list):
        return [_settled(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): _settled(item) for name, item in value.items()}
    return value
