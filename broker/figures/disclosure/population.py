"""Counts as arrays, and sets of atoms as sorted indices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from broker.figures.disclosure.model import Counts

__all__ = ["Integers", "Population"]

Integers: TypeAlias = npt.NDArray[np.int64]


class Population:
    """The cases of every atom that some cell counts.

    Atoms and contributors are sorted by name, so that the order of the input has no effect.

    Args:
        counts: cases of each atom and contributor.
        atoms: names of the atoms to count.
        gone: contributors of earlier releases. They count none now if `counts` lacks them.

    Attributes:
        atoms: names.
        contributors: names.
        own: shape (atoms, contributors), cases of each.
        totals: shape (atoms,), cases of all.

    Raises:
        ValueError: A count is negative.
    """

    def __init__(self, counts: Counts, atoms: Iterable[str], gone: Iterable[str] = ()) -> None:
        self.atoms = tuple(sorted(set(atoms)))
        names = {name for of_atom in counts.values() for name in of_atom}.union(gone)
        self.contributors = tuple(sorted(names))
        self._positions = {name: position for position, name in enumerate(self.atoms)}
        columns = {name: position for position, name in enumerate(self.contributors)}
        self.own: Integers = np.zeros((len(self.atoms), len(self.contributors)), dtype=np.int64)
        for atom, of_atom in counts.items():
            row = self._positions.get(atom)
            for name, count in of_atom.items():
                if count < 0:
                    raise ValueError(f"The count of atom {atom!r} is negative: {count}.")
                if row is not None:
                    self.own[row, columns[name]] = count
        self.totals: Integers = self.own.sum(axis=1)

    def positions(self, atoms: Iterable[str]) -> Integers:
        """Sorted indices of atoms."""
        return np.array(sorted(self._positions[name] for name in atoms), dtype=np.int64)

    def own_of(self, members: Integers) -> Integers:
        """Cases of each contributor in a set of atoms, shape (contributors,)."""
        result: Integers = self.own[members].sum(axis=0)
        return result

    def by_contributor(self, own: Integers) -> dict[str, int]:
        """The contributors that have a case, with their number."""
        return {
            name: int(count) for name, count in zip(self.contributors, own, strict=True) if count
        }
