"""Times in command output: for people to the second, for scripts in RFC 3339."""

from __future__ import annotations


def instant(milliseconds: int | None) -> str | None:
    """A time for scripts: RFC 3339, UTC, milliseconds and ``Z``; None for none."""
    from broker.keys.instant import format_instant

    return None if milliseconds is None else format_instant(milliseconds)


def parse_moment(text: str, option: str) -> int:
    """Parse a day (its start, UTC) or a time with its zone to milliseconds.

    Raises:
        WrongInputError: ``moment_invalid``.
    """
    from datetime import UTC, datetime

    from broker.errors import WrongInputError

    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None and len(text) == len("2026-11-29"):
            found = found.replace(tzinfo=UTC)
        milliseconds = int(found.timestamp() * 1000)
        if found.tzinfo is None or not 0 <= milliseconds < 253_402_300_800_000:
            raise ValueError
    except (ValueError, OverflowError):
        raise WrongInputError(
            "This is not a day, and not a time with its zone.",
            code="moment_invalid",
            where=option,
            fix=f"For example: {option} 2026-11-29, or {option} 2026-11-29T08:00:00Z",
        ) from None
    return milliseconds
