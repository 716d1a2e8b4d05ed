"""Comparison of both readers on one input: their answers and differences.

A *family* makes an input with the randomness that it is given and shows it to both. The randomness
is Hypothesis's in the tests, so that a disagreement is shrunk, and Python's in the campaign, where
the number of a run makes it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

REFUSED = "refused"
"""What a parser made of it, where a refusal has no code."""


SHOWN = 2000
"""Characters of an answer or an input that are printed."""


@dataclass(frozen=True)
class Comparison:
    """One input, seen by both.

    Attributes:
        product: what the product answers.
        second: what the second reader answers.
        about: the input, as far as somebody needs it to see what went on.
        reached: what the product's answer counts as in the tally.
    """

    product: object
    second: object
    about: object
    reached: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Return True if both answers are the same. ``True`` is not ``1``."""
        return repr(self.product) == repr(self.second)

    def __str__(self) -> str:
        told = (f"product: {self.product}", f"second:  {self.second}", f"of:      {self.about}")
        return "\n".join(line if len(line) <= SHOWN else f"{line[:SHOWN]}..." for line in told)


@dataclass(frozen=True)
class Family:
    """A kind of input.

    Attributes:
        name: for people.
        compare: makes one and shows it to both.
        examples: how many ``make test`` tries.
        share: of a campaign's time, beside the others'.
    """

    name: str
    compare: Callable[[Random], Comparison]
    examples: int
    share: int = 4
