"""Names that people type: check that they are known, and suggest similar ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from contracts.errors import UnknownNameError

__all__ = ["below", "nearest", "require_known", "suggestion"]

_SUGGESTED = 3
_PART = 3
"""Least number of characters of a part by which a name is found."""
_LISTED = 12
_SHOWN_CHARACTERS = 80
_COMPARED_CHARACTERS = 200


def below(path: str, asked: str) -> bool:
    """Return whether a path is the one asked for, or lies below it."""
    return path == asked or path.startswith(f"{asked}.")


def nearest(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return up to three known names that resemble `name`, the most alike first.

    A dotted path is also compared by its last part, so that `adress` finds `victim.address`. Names
    of which the typed text is a part come last: `risk` finds `victim.risk_level`.
    """
    names = tuple(dict.fromkeys(known))
    name = name[:_COMPARED_CHARACTERS]
    folded = {each.casefold(): each for each in names}
    found = [
        folded[each]
        for each in difflib.get_close_matches(name.casefold(), folded, _SUGGESTED, cutoff=0.7)
    ]
    last = {each: each.rpartition(".")[2].casefold() for each in names}
    asked = name.rpartition(".")[2].casefold()
    for part in difflib.get_close_matches(asked, set(last.values()), _SUGGESTED, cutoff=0.75):
        found += [each for each in names if last[each] == part]
    if len(asked) >= _PART:
        found += [each for each in names if asked in each.casefold()]
    return tuple(dict.fromkeys(found))[:_SUGGESTED]


def _parents(paths: Iterable[str]) -> tuple[str, ...]:
    """Return every path that lies above one of `paths`: `victim` for `victim.name`."""
    return tuple(
        dict.fromkeys(
            ".".join(parts[:length])
            for parts in (path.split(".") for path in paths)
            for length in range(1, len(parts))
        )
    )


def suggestion(name: str, known: Iterable[str], *, shown: Iterable[str] | None = None) -> str:
    """Return what to tell a person who typed a name that is not known.

    Args:
        name: as it was typed.
        known: the names among which a similar one is looked for.
        shown: the names that are listed where none is similar; `known` if left out.
    """
    names = tuple(dict.fromkeys(known))
    alike = nearest(name, names)
    if alike:
        return f"Did you mean {' or '.join(alike)}?"
    listed = sorted(set(names if shown is None else shown))
    if not listed:
        return "There is none."
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return f"Known are: {', '.join(listed[:_LISTED])}{more}"


def require_known(
    kind: str, name: str, known: Iterable[str], *, code: str, exact: bool = False
) -> None:
    """Check that a name that was typed is one of those known, or lies above one of them.

    Args:
        kind: what it names, for example `event type`.
        name: as it was typed.
        known: every name, or path, that exists.
        code: of the error.
        exact: a name that lies above others is not enough.

    Raises:
        UnknownNameError: with suggestions.
    """
    names = tuple(dict.fromkeys(known))
    if name in names or (not exact and any(below(each, name) for each in names)):
        return
    fix = suggestion(name, names if exact else (*names, *_parents(names)), shown=names)
    shown = name[:_SHOWN_CHARACTERS]
    raise UnknownNameError(f"There is no {kind} called {shown!r}.", code=code, fix=fix)
