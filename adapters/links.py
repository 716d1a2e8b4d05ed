"""Store of the agency's own references and shared ids, in the state database."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from adapters.base import MappingError
from broker.errors import StoreError
from broker.store.transaction import Transaction


class StoreLinks:
    """``Links`` (adapters/base.py) within one transaction."""

    def __init__(
        self,
        tx: Transaction,
        mint: Callable[[str, str], str] = lambda _kind, _own_reference: str(uuid4()),
    ) -> None:
        """``mint``: (kind, own reference) -> its shared id; a random one by default."""
        self._tx = tx
        self._mint = mint

    def shared(self, kind: str, own_reference: str) -> str:
        """Return the shared id for an own reference; mint one when there is none yet."""
        known = self.find_shared(kind, own_reference)
        if known is not None:
            return known
        minted = self._mint(kind, own_reference)
        self.link(kind, own_reference, minted)
        return minted

    def find_shared(self, kind: str, own_reference: str) -> str | None:
        """Return the shared id for an own reference, or None."""
        return self._tx.links.case_for(own_reference, kind)

    def own(self, kind: str, shared_id: str) -> str | None:
        """Return the own reference for a shared id, or None."""
        return self._tx.links.own_for(shared_id, kind)

    def minted(self, kind: str, own_reference: str) -> str:
        """Return the id that a reference without one would get."""
        return self._mint(kind, own_reference)

    def link(self, kind: str, own_reference: str, shared_id: str) -> None:
        """Record that two ids name one thing. Raises MappingError(unknown_case) on a conflict."""
        try:
            self._tx.links.add(kind, own_reference, shared_id)
        except StoreError as error:
            if error.code != "link_conflict":
                raise
            raise MappingError(
                "this reference and this shared id belong to two different things",
                code=f"unknown_{kind}",
            ) from None


class PendingLinks:
    """``Links`` of one row, written only when the row is accepted.

    A refused row must not leave a link behind: it could join two people's cases. A dry run never
    writes them.
    """

    def __init__(self, stored: StoreLinks | None) -> None:
        """Args: stored: what is linked already; None for an agency without a database yet."""
        self._stored = stored
        self._shared: dict[tuple[str, str], str] = {}
        self._own: dict[tuple[str, str], str] = {}

    def shared(self, kind: str, own_reference: str) -> str:
        """Return the shared id for an own reference; mint one when there is none yet."""
        known = self.find_shared(kind, own_reference)
        if known is not None:
            return known
        minted = str(uuid4()) if self._stored is None else self._stored.minted(kind, own_reference)
        self.link(kind, own_reference, minted)
        return minted

    def find_shared(self, kind: str, own_reference: str) -> str | None:
        """Return the shared id for an own reference, or None."""
        pending = self._shared.get((kind, own_reference))
        if pending is not None or self._stored is None:
            return pending
        return self._stored.find_shared(kind, own_reference)

    def own(self, kind: str, shared_id: str) -> str | None:
        """Return the own reference for a shared id, or None."""
        pending = self._own.get((kind, shared_id))
        if pending is not None or self._stored is None:
            return pending
        return self._stored.own(kind, shared_id)

    def link(self, kind: str, own_reference: str, shared_id: str) -> None:
        """Remember that two ids name one thing. Raises MappingError(unknown_case) on a conflict."""
        known = self.find_shared(kind, own_reference), self.own(kind, shared_id)
        if known[0] not in (None, shared_id) or known[1] not in (None, own_reference):
            raise MappingError(
                "this reference and this shared id belong to two different things",
                code=f"unknown_{kind}",
            )
        self._shared[kind, own_reference] = shared_id
        self._own[kind, shared_id] = own_reference

    def write(self) -> None:
        """Write what was linked."""
        assert self._stored is not None
        for (kind, own_reference), shared_id in self._shared.items():
            self._stored.link(kind, own_reference, shared_id)


class KnownLinks:
    """Read-only ``Links``: looks up known links, and stores no new id and no new link."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def shared(self, kind: str, own_reference: str) -> str:
        """Return the known shared id, or a random one that is not stored."""
        return self.find_shared(kind, own_reference) or str(uuid4())

    def find_shared(self, kind: str, own_reference: str) -> str | None:
        """Return the known shared id, or None."""
        return self._tx.links.case_for(own_reference, kind)

    def own(self, kind: str, shared_id: str) -> str | None:
        """Return the known own reference, or None."""
        return self._tx.links.own_for(shared_id, kind)

    def link(self, kind: str, own_reference: str, shared_id: str) -> None:
        """Do nothing: this class only reads."""
