"""Errors of PostgreSQL and of its driver, as this project's errors.

Their texts may hold values of rows, so only codes go further.
"""

from __future__ import annotations

from typing import Final

import psycopg
from sqlalchemy import exc

from broker.errors import StoreError

_CODES: Final = {
    "53100": "store_full",
    "55P03": "store_busy",  # a lock was not available in time
    "57014": "store_busy",
    "40001": "store_busy",
    "40P01": "store_busy",
    "XX001": "store_corrupt",
    "XX002": "store_corrupt",
    "28000": "store_login_refused",
    "28P01": "store_login_refused",
    "3D000": "store_login_refused",
}
_CLASSES: Final = {
    "22": "store_conflict",
    "23": "store_conflict",
    "08": "store_unreachable",
    "53": "store_unreachable",
    "57": "store_unreachable",
}
_IDLE_IN_TRANSACTION: Final = "25P03"
_LOGIN_WORDS: Final = ("password", "authentication", "does not exist", "pg_hba")
_EXPLANATIONS: Final = {
    "store_busy": (
        "Another process kept the state database locked.",
        "Look for a process that hangs or a long transaction in pg_stat_activity, or try again.",
    ),
    "store_full": (
        "The disk of the state database's server is full.",
        "Free space on that disk; committed data is not lost.",
    ),
    "store_corrupt": (
        "The state database is damaged.",
        "Stop the adapter and restore the state from a backup.",
    ),
    "store_conflict": ("A row contradicts the content of the state database.", None),
    "store_unreachable": (
        "The server of the state database cannot be reached.",
        "Check that it runs, and url and ca in [state]. Nothing that was committed is lost.",
    ),
    "store_login_refused": (
        "The server of the state database refuses the login.",
        "Check the user and the database in url, and the file of the password, in [state].",
    ),
    "store_unusable": (
        "The state database cannot be read or written.",
        "Let the role that logs in own the schema; the log of the server says more.",
    ),
}


def explained(code: str, where: str) -> StoreError:
    """Return the error with this code."""
    detail, fix = _EXPLANATIONS[code]
    return StoreError(detail, code=code, where=where, fix=fix)


def of_postgres(error: BaseException | None, where: str) -> StoreError:
    """Return this project's error for an error of PostgreSQL or its driver."""
    return explained(_code(error), where)


def is_unreachable(error: exc.DBAPIError) -> bool:
    """Return whether a new connection may help."""
    return _code(error.orig) == "store_unreachable"


def _code(error: BaseException | None) -> str:
    state = getattr(error, "sqlstate", None) or ""
    if state == _IDLE_IN_TRANSACTION:
        return "store_unreachable"
    if state:
        return _CODES.get(state) or _CLASSES.get(state[:2], "store_unusable")
    if isinstance(error, psycopg.DataError | OverflowError):  # a value that no column can hold
        return "store_conflict"
    if isinstance(error, psycopg.OperationalError):
        said = str(error).lower()  # the driver has no code for a login that failed
        refused = any(word in said for word in _LOGIN_WORDS)
        return "store_login_refused" if refused else "store_unreachable"
    return "store_unusable"
