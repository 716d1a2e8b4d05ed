"""Conversion of rows to events and events to rows, by the mapping file alone.

``RowMapping`` compiles a document once: it finds the columns for each leaf of each event type. Both
directions are pure except for the links of the context. Links are written last, so that a refused
row leaves no link behind.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from adapters.base import Context, FilePlace, Outgoing, Row
from adapters.formats.delimited import split_escaped
from adapters.mapping.compiled import ColumnNames, TypeTerms, compile_kind
from adapters.mapping.document import MappingDocument
from adapters.mapping.expressions import compile_expression
from adapters.mapping.linking import partner_agency, shared_id
from adapters.mapping.places import RestText
from adapters.mapping.reading import Terms, is_absent, raw_text, read_value
from adapters.mapping.source_key import source_key
from adapters.mapping.writing import write_moment, write_value
from broker.event import JSON, OpenedEvent
from contracts.errors import EventError
from contracts.events import PlainEvent
from contracts.vocabulary import unflatten

_PLACEHOLDER: Final = "00000000-0000-4000-8000-000000000000"
"""Placeholder for an id that is minted only after the rest of the row is valid."""


class RowMapping:
    """A compiled mapping file.

    Attributes:
        document: the file.
        export_columns: all required columns of an export.
        known_columns: all allowed columns, in order; the header of an import.
        written_columns: columns of an import, in order.
        multiline_columns: columns whose values may have line breaks.
    """

    def __init__(self, document: MappingDocument) -> None:
        self.document = document
        self._kinds = {own: compile_kind(document, own) for own in document.kinds}
        self._columns = {column.column: column for column in document.columns}
        self._types: dict[str, TypeTerms] = {}
        for terms in self._kinds.values():
            if terms.kind.use != "export":
                self._types.setdefault(terms.kind.type, terms)
        names = ColumnNames.of(document)
        self.export_columns, self.known_columns = names.needed, names.known
        self.multiline_columns = names.multiline
        self.written_columns = names.written
        self._settled = names.settled
        lacking = document.condition_columns - set(document.may_lack)
        self._decisive = () if document.style == "text" else tuple(sorted(lacking))

    @property
    def version(self) -> str:
        """Return the version of the mapping file."""
        return self.document.version

    # --- rows to events -------------------------------------------------------------------------

    def to_event(self, row: Row, context: Context) -> Outgoing | None:
        """Turn a row into an event; None for a row that the mapping filters.

        Raises:
            MappingError: with line and column.
        """
        place = FilePlace(row.line)
        for name in self._decisive:  # the header of a table has them; a record of JSON may not
            if row.values.get(name) in (None, ""):
                raise place.at(name).error(
                    "missing_value",
                    "a condition of the mapping reads this member, and the record lacks it",
                    fix="Export it in each record, or name it under `may_lack` in the file.",
                )
        whole = self._with_derived(row, place)
        if self.document.only and not compile_expression(self.document.only).holds(
            whole.values, place
        ):
            return None
        terms = self._terms_of(whole, place)
        known = Terms(self.document, context, terms.leaf_of, terms.column_of)
        for name in terms.kind.required:
            if is_absent(self._columns[name], whole.values.get(name)):
                raise place.at(name).error("missing_value", "this kind of row needs a value here")
        flat = self._leaves(whole, terms, known, place)
        recipients = self._recipients(whole, place, context)
        self._check(terms, flat, place)
        case = self._linked_case(whole, terms, context)
        referral = self._linked_referral(whole, terms, context)
        linked: dict[str, JSON] = {terms.case_field: case or ""}
        if referral and terms.referral_field:
            linked[terms.referral_field] = referral
        return Outgoing(
            event=PlainEvent(
                type=terms.kind.type,
                recipients=recipients,
                data=unflatten({**linked, **flat}),
            ),
            key=source_key(
                context.agency,
                self.document.mapping,
                self._reference(whole),
                {n: row.values[n] for n in self._settled if not _blank(row.values.get(n))},
            ),
            line=row.line,
        )

    def _leaves(
        self, row: Row, terms: TypeTerms, known: Terms, place: FilePlace
    ) -> dict[str, JSON]:
        flat: dict[str, JSON] = {
            path: value  # type: ignore[misc]  # a list of texts is a list of JSON values
            for path, value in self.document.fixed.items()
            if path in terms.leaves
        }
        for column, path in terms.read:
            raw = row.values.get(column.column)
            if is_absent(column, raw):
                if not column.default:
                    continue
                raw = column.default
            value = read_value(column, raw, place.at(column.column), known)
            if value is not None:
                flat[path] = value
        return flat

    def case_names(self, row: Row) -> tuple[str, str]:
        """Return the own reference and the shared id of a row's case, unchecked.

        An absent value, or one that is not a text, gives an empty text.
        """
        roles = self.document.roles
        values = row.values
        if roles.case in self.document.derived:
            values = self._with_derived(row, FilePlace(row.line)).values
        own, shared = (values.get(name) for name in (roles.case, roles.shared_case))
        return (own if isinstance(own, str) else "", shared if isinstance(shared, str) else "")

    def _with_derived(self, row: Row, place: FilePlace) -> Row:
        """Return the row with the columns that the mapping derives."""
        if not self.document.derived:
            return row
        values = dict(row.values)
        for name, text in self.document.derived.items():
            values[name] = compile_expression(text).value(values, place.at(name))
        return replace(row, values=values)

    def _terms_of(self, row: Row, place: FilePlace) -> TypeTerms:
        roles = self.document.roles
        if not roles.kind:
            for terms in self._kinds.values():
                if terms.kind.use != "import" and terms.takes(row, place):
                    return terms
            raise place.error(
                "unknown_kind",
                "the row is of none of the kinds of the mapping",
                fix="Correct the record, or the conditions under `kinds` in the mapping file.",
            )
        named = self._kinds.get(_role(row, roles.kind))
        if named is None or named.kind.use == "import":
            known = ", ".join(own for own, t in self._kinds.items() if t.kind.use != "import")
            raise place.at(roles.kind).error("unknown_kind", f"one of {known} is expected")
        return named

    def _recipients(self, row: Row, place: FilePlace, context: Context) -> tuple[str, ...]:
        roles = self.document.roles
        raw = row.values.get(roles.recipients)
        here = place.at(roles.recipients)
        if isinstance(raw, list):
            codes = [raw_text(item, here) for item in raw]
            if "" in codes:
                raise here.error("invalid_value", "an item of the list is empty")
        else:
            text = _role(row, roles.recipients)
            items = split_escaped(text, roles.recipients_separator)
            codes = [code for item in items if (code := item.strip())]
        for route in self.document.routes:
            if route.when is None or compile_expression(route.when).holds(row.values, place):
                codes += route.to
        if not codes:
            raise here.error("missing_value", "at least one partner is expected")
        return tuple(dict.fromkeys(partner_agency(code, here, context) for code in codes))

    def _check(self, terms: TypeTerms, flat: Mapping[str, JSON], place: FilePlace) -> None:
        whole = dict(flat)
        whole[terms.case_field] = _PLACEHOLDER
        if terms.referral_field and terms.kind.referral in ("new", "known"):
            whole[terms.referral_field] = _PLACEHOLDER
        for path in terms.required:
            if path not in whole:
                own = terms.column_of.get(path, path)
                raise place.at(own).error("missing_value", "this kind of row needs a value here")
        try:
            self.document.type_of(terms.kind.type).validate(unflatten(whole))
        except EventError as error:
            # A part of a list, such as alleged_perpetrators[0].name, is in the list's column.
            leaf = (error.where or "").split("[")[0]
            own = terms.column_of.get(leaf, leaf)
            raise place.at(own).error("invalid_value", error.detail) from None

    def _reference(self, row: Row) -> str:
        roles = self.document.roles
        return "\x1f".join(
            _role(row, own) or _role(row, shared)
            for own, shared in (
                (roles.case, roles.shared_case),
                (roles.referral, roles.shared_referral),
            )
        )

    def _linked_case(self, row: Row, terms: TypeTerms, context: Context) -> str:
        roles = self.document.roles
        place = FilePlace(row.line, roles.case)
        found = shared_id(
            "case",
            _role(row, roles.case),
            _role(row, roles.shared_case),
            place,
            context,
            mint=terms.kind.case == "any",
            pattern=roles.case_pattern,
        )
        if found is None:
            raise place.error("missing_value", "the own reference or the shared case id is needed")
        return found

    def _linked_referral(self, row: Row, terms: TypeTerms, context: Context) -> str | None:
        if terms.kind.referral == "none":
            return None
        roles = self.document.roles
        place = FilePlace(row.line, roles.referral)
        found = shared_id(
            "referral",
            _role(row, roles.referral),
            _role(row, roles.shared_referral),
            place,
            context,
            mint=terms.kind.referral == "new",
            pattern=roles.referral_pattern,
        )
        if found is None and terms.kind.referral in ("new", "known"):
            raise place.error(
                "missing_value", "the own reference or the shared referral id is needed"
            )
        return found

    # --- events to rows -------------------------------------------------------------------------

    def to_row(self, event: OpenedEvent, context: Context) -> dict[str, object]:
        """Return the event in the agency's own columns and terms; missing values stay empty.

        Returns:
            Own column -> value, for every known column in order. Empty text (empty list where the
            style has lists) means nothing was received; ``not_shared`` names what the contract
            withholds. The column ``rest``, if there is one, holds what has no column of its own.

        Raises:
            MappingError: unknown_kind, unknown_column, unknown_value when the mapping has no place
                for a received value. A value is never dropped silently.
        """
        document, roles = self.document, self.document.roles
        terms = self._received(event.type)
        rest = RestText(document, event.type)
        row = self._own_values(terms, event.flat, context, rest, event.unlisted)
        for path, kind, own, shared in (
            (terms.case_field, "case", roles.case, roles.shared_case),
            (terms.referral_field or "", "referral", roles.referral, roles.shared_referral),
        ):
            identifier = event.flat.get(path)
            if not isinstance(identifier, str):
                continue
            if own in row:
                row[own] = context.links.own(kind, identifier) or ""
            rest.place(row, shared, path, identifier)
        withheld = sorted({terms.column_of.get(path, path) for path in event.withheld})
        rest.place(row, roles.kind, "kind", terms.own_kind)
        rest.place(row, roles.received_from, "from", context.partner_code(event.source))
        rest.place(row, roles.recipients, "recipients", [context.partner_code(a) for a in event.to])
        rest.place(row, roles.event_id, "event", event.id)
        sent = write_moment(event.time, document.datetime_formats, document.zone)
        rest.place(row, roles.sent_at, "sent", sent)
        rest.place(row, roles.not_shared, "not shared", withheld)
        unlisted = sorted({terms.column_of.get(path, path) for path in event.unlisted})
        rest.place(row, roles.unlisted, "codes that their list does not have", unlisted)
        rest.finish(row)
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
        rest = RestText(self.document, event_type)
        terms = self._received(event_type)
        row = self._own_values(terms, flat, context, rest, unlisted)
        if self.document.roles.kind:
            row[self.document.roles.kind] = terms.own_kind
        rest.finish(row)
        return row

    def _received(self, event_type: str) -> TypeTerms:
        terms = self._types.get(event_type)
        if terms is None:
            raise FilePlace(0).error(
                "unknown_kind", f"the mapping has no kind of row for {event_type}"
            )
        return terms

    def _own_values(
        self,
        terms: TypeTerms,
        flat: Mapping[str, JSON],
        context: Context,
        rest: RestText,
        unlisted: Collection[str],
    ) -> dict[str, object]:
        place, roles = FilePlace(0), self.document.roles
        known = Terms(self.document, context, terms.leaf_of, terms.column_of)
        further = replace(known, unlisted=bool(roles.unlisted or roles.rest))
        row: dict[str, object] = dict.fromkeys(self.written_columns, "")
        for path, value in flat.items():
            if path in (terms.case_field, terms.referral_field):
                continue
            columns = terms.write.get(path, ())
            if not columns and path not in terms.computed:
                rest.field(path, value)
            for column in columns:
                at = further if path in unlisted else known
                row[column.column] = write_value(column, value, place.at(column.column), at)
        for one in self.document.written:
            expression = compile_expression(one.value, "field")
            if not expression.names.isdisjoint(flat):
                found = expression.value(flat, place.at(one.column))
                row[one.column] = "" if found is None else str(found)
        return row


def _role(row: Row, column: str) -> str:
    """Return the text of a column with a special role; empty when absent.

    Raises:
        MappingError: invalid_value for any value but a text.
    """
    value = row.values.get(column)
    return "" if value is None else raw_text(value, FilePlace(row.line, column))


def _blank(value: object) -> bool:
    """Return whether a raw value adds nothing to the key of a record."""
    return value is None or value == [] or (isinstance(value, str) and not value.strip())
