"""Drafts of the agency's people, with encrypted content. A sent draft is removed."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, func, insert, select, update

from broker.store import desk_schema
from broker.store.area import Area
from broker.store.desk_rows import DraftRow

_t = desk_schema.desk_drafts
_ADD = insert(_t)
_GET = select(*_t.c).where(_t.c.draft_id == bindparam("id_"))
_OF_OWNER = (
    select(*_t.c)
    .where(_t.c.owner == bindparam("owner_"))
    .order_by(_t.c.changed_ms.desc(), _t.c.draft_id)
    .limit(bindparam("limit_"))
)
_CHANGE = (
    update(_t)
    .where(_t.c.draft_id == bindparam("id_"), _t.c.version == bindparam("before_"))
    .values(
        version=bindparam("before_") + 1,
        changed_ms=bindparam("now_"),
        content=bindparam("content_"),
    )
)
_REMOVE = delete(_t).where(_t.c.draft_id == bindparam("id_"))
_FORGET_CASE = delete(_t).where(_t.c.case_key == bindparam("case_"))
_COUNT = select(func.count()).select_from(_t)
_FORGET_OLD = delete(_t).where(_t.c.changed_ms <= bindparam("before_"))


class Drafts(Area):
    """Drafts that were not sent."""

    def add(self, row: DraftRow) -> None:
        """Add a draft.

        Raises:
            StoreError: `store_conflict` for a known id.
        """
        values = {name: getattr(row, name) for name in DraftRow.__slots__}
        self._connection.execute(_ADD, values)

    def get(self, draft_id: str) -> DraftRow | None:
        return self._first(DraftRow, _GET, {"id_": draft_id})

    def of_owner(self, owner: str, limit: int) -> list[DraftRow]:
        """Return a person's last drafts, newest first."""
        return self._all(DraftRow, _OF_OWNER, {"owner_": owner, "limit_": limit})

    def change(self, draft_id: str, before: int, content: bytes, now: int) -> bool:
        """Replace the content of a draft. Returns False if its version is not `before`."""
        asked = {"id_": draft_id, "before_": before, "content_": content, "now_": now}
        return self._connection.execute(_CHANGE, asked).rowcount == 1

    def remove(self, draft_id: str) -> bool:
        """Remove a draft. Returns whether there was one."""
        return self._connection.execute(_REMOVE, {"id_": draft_id}).rowcount == 1

    def forget_case(self, case_key: bytes) -> int:
        """Remove the drafts of a case. Returns how many."""
        return self._connection.execute(_FORGET_CASE, {"case_": case_key}).rowcount

    def forget_unchanged_since(self, before_ms: int) -> int:
        """Remove drafts that were last changed at or before a time. Returns how many."""
        return self._connection.execute(_FORGET_OLD, {"before_": before_ms}).rowcount

    def count(self) -> int:
        """Return how many drafts there are."""
        count: int = self._connection.execute(_COUNT).scalar_one()
        return count
