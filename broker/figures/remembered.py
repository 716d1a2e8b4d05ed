"""Releases as the state keeps them: encrypted, because they hold exact counts."""

from __future__ import annotations

import orjson

from broker.figures.counts_held import NotCounted
from broker.figures.disclosure import Mark
from broker.figures.row_keys import FigureRowKind, bound_to, row_key
from broker.figures.tables import Published, PublishedFigure
from broker.store.figure_releases import FigureReleaseRow
from broker.store.transaction import Transaction


class RememberedReleases:
    """The releases of one agreement and period.

    Args:
        tx: a transaction.
        secret: this agency's key for pseudonyms.
        agreement: its name.
        period: `YYYY-Qn`.
    """

    def __init__(self, tx: Transaction, secret: bytes, agreement: str, period: str) -> None:
        self._tx = tx
        self._key = row_key(secret, FigureRowKind.RELEASE)
        self._agreement = agreement
        self._period = period
        self._row = bound_to(agreement, period)

    def all(self) -> list[Published]:
        """Return the releases, oldest first.

        Raises:
            SealBroken: a row was changed.
        """
        rows = self._tx.figure_releases.of(self._agreement, self._period)
        return [_parsed(self._key.open(row.content, self._row)) for row in rows]

    @classmethod
    def opened(cls, tx: Transaction, secret: bytes, row: FigureReleaseRow) -> Published:
        """Return the release of a row.

        Raises:
            SealBroken: the row was changed.
        """
        of = cls(tx, secret, row.agreement, row.period)
        return _parsed(of._key.open(row.content, of._row))

    def add(self, release: Published, now: int) -> None:
        """Remember a release."""
        sealed = self._key.seal(_formatted(release), self._row)
        self._tx.figure_releases.add(self._agreement, self._period, sealed, now)


def _formatted(release: Published) -> bytes:
    return orjson.dumps(
        {
            "by": release.by,
            "round_to": release.round_to,
            "contributors": dict(release.contributors),
            "of": release.of,
            "not_counted": {one: why.value for one, why in release.not_counted.items()},
            "figures": [
                [
                    one.where,
                    one.threshold,
                    one.shown,
                    None if one.mark is None else one.mark.value,
                    dict(one.by_contributor),
                    one.kept,
                ]
                for one in release.figures
            ],
        }
    )


def _parsed(content: bytes) -> Published:
    said = orjson.loads(content)
    return Published(
        by=tuple(said["by"]),
        round_to=said["round_to"],
        figures=tuple(
            PublishedFigure(
                tuple((name, value) for name, value in where),
                threshold,
                shown,
                None if mark is None else Mark(mark),
                own,
                kept,
            )
            for where, threshold, shown, mark, own, kept in said["figures"]
        ),
        contributors=said["contributors"],
        of=said.get("of", "cases"),
        not_counted={one: NotCounted(why) for one, why in said.get("not_counted", {}).items()},
    )
