"""Both readers in a setting of the vectors: the same lines, the same agency, the same time.

tests/vectors/README.md ("A setting"). Contracts and manifests are loaded once for each reader. Each
reading of lines begins with an empty state.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from broker.judging.verification_cache import VerificationCache
from broker.operations.record_file import open_line
from broker.operations.vector_cases import Case, load_cases
from broker.operations.vector_setting import SettingReader, load_setting
from tests.conformance.judging import Reading
from tests.conformance.view import ReaderContext, load_view
from tests.differential.comparison import Comparison

VECTORS = Path(__file__).parents[1] / "vectors"
SETTINGS = VECTORS / "settings"

_product = cache(load_setting)


@cache
def cases() -> tuple[Case, ...]:
    """Every vector."""
    return tuple(load_cases(VECTORS, []))


@cache
def agencies(folder: Path) -> tuple[str, ...]:
    """Those that a setting has keys of."""
    return tuple(json.loads((folder / "setting.json").read_bytes())["agencies"])


@cache
def _second(folder: Path, agency: str, now: int) -> ReaderContext:
    return load_view(folder, agency, now)


def product_answers(folder: Path, agency: str, now: int, lines: Sequence[bytes]) -> list[str]:
    """As ``concordant event open`` writes them."""
    reader: SettingReader = _product(folder, agency)
    context, cache = reader.context(now), VerificationCache()
    return [_text(open_line(line, context, cache, now)[0]) for line in lines]


def second_answers(folder: Path, agency: str, now: int, lines: Sequence[bytes]) -> list[str]:
    """As ``tests/conformance/reader.py`` does."""
    reading = Reading(_second(folder, agency, now), now)
    return [_text(json.loads(reading.answer(line))) for line in lines]


def compared(
    folder: Path, readers: Sequence[str], now: int, lines: Sequence[bytes], about: object
) -> Comparison:
    """The answers of each of these agencies, in one comparison."""
    reached: list[str] = []
    for reader in readers:
        ours = product_answers(folder, reader, now, lines)
        theirs = second_answers(folder, reader, now, lines)
        reached += [_outcome(answer) for answer in ours]
        if ours != theirs:
            at = next(
                n for n, pair in enumerate(zip(ours, theirs, strict=True)) if len(set(pair)) > 1
            )
            told = f"{about}; record {at + 1} as {reader} in {folder.name}: {lines[at]!r}"
            return Comparison(ours[at], theirs[at], told, tuple(reached))
    return Comparison("", "", about, tuple(reached))


def _text(answer: object) -> str:
    """One text for equal JSON."""
    return json.dumps(answer, sort_keys=True)


def _outcome(answer: str) -> str:
    found = json.loads(answer)
    if "refused" in found:
        return f"{found['step']} {found['refused']}"
    return "opened" if "id" in found else "repeat" if "repeat" in found else "not_addressed"
