"""Idempotency of source items, and links between own references and shared ids.

An item is one record of an export under its own idempotency key. A link joins the agency's own
reference (a case, a referral) to the random id that all agencies share. Both sides of a link are
unique: two cases of one system never share an id, and no case has two ids.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, insert, select, update

from broker.errors import StoreError
from broker.store import schema
from broker.store.area import Area
from broker.store.dialects import upsert
from broker.store.rows import ItemOutcome, ItemRow

_i = schema.items
_l = schema.links

_FIND = select(*_i.c).where(_i.c.source_key == bindparam("key_"))
_NEW = upsert(_i)
_ADD = _NEW.on_conflict_do_update(
    index_elements=[_i.c.source_key],
    set_={column.name: _NEW.excluded[column.name] for column in _i.c if not column.primary_key},
    where=_i.c.outcome != "published",
)
_REOPEN = (
    update(_i)
    .where(_i.c.event_id == bindparam("event_id_"), _i.c.outcome == "published")
    .values(outcome="seal_again", code=bindparam("code_"))
)
_SHARED = select(_l.c.shared_id).where(
    _l.c.kind == bindparam("kind_"), _l.c.own_reference == bindparam("own_")
)
_OWN = select(_l.c.own_reference).where(
    _l.c.kind == bindparam("kind_"), _l.c.shared_id == bindparam("shared_")
)
_LINK = insert(_l)


class Items(Area):
    """Items of exports with their events, so that no item is sent twice."""

    def find(self, source_key: bytes) -> ItemRow | None:
        return self._first(ItemRow, _FIND, {"key_": source_key})

    def add(
        self,
        source_key: bytes,
        event_id: str | None,
        outcome: ItemOutcome,
        code: str | None,
        now: int,
    ) -> None:
        """Record the outcome of an item. A refused item may be offered again.

        Raises:
            StoreError: `item_published` for one that was published.
        """
        self.add_many([ItemRow(source_key, event_id, outcome, code, now)])

    def add_many(self, rows: Sequence[ItemRow]) -> None:
        """Record the outcomes of different items in one statement.

        Raises the same errors as `add`.
        """
        if not rows:
            return
        done = self._connection.execute(
            _ADD,
            [
                {
                    "source_key": row.source_key,
                    "event_id": row.event_id,
                    "outcome": row.outcome,
                    "code": row.code,
                    "added_ms": row.added_ms,
                }
                for row in rows
            ],
        )
        if done.rowcount != len(rows):  # a row that was already published stayed unchanged
            raise StoreError("this item was published already", code="item_published")

    def reopen(self, event_id: str, code: str) -> bool:
        """Allow the item of an event to be published again. Returns whether it exists.

        There is no index for this rare query.
        """
        asked = {"event_id_": event_id, "code_": code}
        return self._connection.execute(_REOPEN, asked).rowcount > 0


class ReferenceLinks(Area):
    """The agency's own references, each with its shared random id."""

    def case_for(self, own_reference: str, kind: str = "case") -> str | None:
        shared: str | None = self._connection.scalar(
            _SHARED, {"kind_": kind, "own_": own_reference}
        )
        return shared

    def own_for(self, shared_id: str, kind: str = "case") -> str | None:
        own: str | None = self._connection.scalar(_OWN, {"kind_": kind, "shared_": shared_id})
        return own

    def add(self, kind: str, own_reference: str, shared_id: str) -> None:
        """Store a pair, unless it is known.

        Raises:
            StoreError: `link_conflict` if either side is linked to another value.
        """
        shared = self.case_for(own_reference, kind)
        own = self.own_for(shared_id, kind)
        if shared == shared_id:
            return
        if shared is not None or own is not None:
            raise StoreError(
                f"a {kind} of the agency's own system is linked to another shared id already",
                code="link_conflict",
                fix="The two systems disagree about which case this is; a person must decide.",
            )
        self._connection.execute(
            _LINK, {"kind": kind, "own_reference": own_reference, "shared_id": shared_id}
        )
