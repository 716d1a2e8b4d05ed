"""Listings of the directory: the newest of each agency, and this agency's own."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from broker.store import schema
from broker.store.area import Area
from broker.store.dialects import upsert
from broker.store.rows import ListingRow

_t = schema.listings
_ALL = select(*_t.c).order_by(_t.c.agency)
_ONE = select(*_t.c).where(_t.c.agency == bindparam("agency_"))
_INSERT = upsert(_t)
_SAVE = _INSERT.on_conflict_do_update(
    index_elements=[_t.c.agency],
    set_={name: _INSERT.excluded[name] for name in ("time_ms", "note", "content")},
)


class Listings(Area):
    """One listing of each agency."""

    def all(self) -> list[ListingRow]:
        """Return all, by agency."""
        return self._all(ListingRow, _ALL)

    def get(self, agency: str) -> ListingRow | None:
        """Return the listing of an agency."""
        return self._first(ListingRow, _ONE, {"agency_": agency})

    def save(self, row: ListingRow) -> None:
        """Store the listing of an agency; it replaces the one before."""
        self._connection.execute(
            _SAVE,
            {
                "agency": row.agency,
                "time_ms": row.time_ms,
                "note": row.note,
                "content": row.content,
            },
        )
