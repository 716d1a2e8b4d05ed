"""Connection to the agency's own database: PostgreSQL through psycopg, or an SQLite file.

The search path of a PostgreSQL session is `pg_catalog` alone, and every table is named with its
schema. So no function or table that another user put into a schema is used in place of the meant
one. A text of the server or of the driver may hold values of rows, so errors are translated to
codes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, StaticPool

from adapters.tables.errors import DatabaseError, RowFaultError
from broker.agency.config import CONFIG_NAME
from broker.agency.config_rules import is_loopback
from broker.agency.config_secrets import passphrase_source
from broker.agency.config_sections import SYSTEM_AUTHORITIES
from broker.agency.database_section import DatabaseSection, authorities, parse_address
from broker.errors import KeyAccessError
from broker.keys.passphrase import load_passphrase

CONNECT_S: Final = 10
STATEMENT_MS: Final = 30_000
LOCK_MS: Final = 10_000
CLAIM_MS: Final = 2_000
"""Time in which the server ends a session that was closed or lost, and frees its lock."""
BUSY_S: Final = 10.0
INSTALL: Final = "Install it: pip install 'concordant[postgres]'"

_TABLE_CODES: Final = frozenset({"42P01", "42703", "3F000", "42P10"})
_LOGIN_CODES: Final = frozenset({"28000", "28P01", "3D000"})
_BUSY_CODES: Final = frozenset({"55P03", "57014", "40001", "40P01"})
_GENERAL_CLASSES: Final = frozenset({"0A", "25", "42", "55", "58", "F0", "XX"})
"""Classes of PostgreSQL's codes of faults that other rows meet, too."""
_GENERAL_OF_SQLITE: Final = (
    "SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FULL", "SQLITE_NOMEM",
    "SQLITE_PROTOCOL", "SQLITE_SCHEMA",
)  # fmt: skip
_RIGHTS_CODE: Final = "42501"
_LOCK_NOT_AVAILABLE: Final = "55P03"
_MEANT: Final = {
    "database_unreachable": (
        "The agency's own database cannot be reached.",
        "Check that it runs (a SQLite file must exist), and url or path in [database]. Rows wait "
        "there.",
    ),
    "database_login_refused": (
        "The agency's own database refuses the login.",
        "Check the user and the database in url, and the file of the password.",
    ),
    "database_tls_failed": (
        "TLS with the agency's own database failed.",
        "Check ca, certificate and key in the section [database], and the name in url.",
    ),
    "database_table_missing": (
        "A table or a column is missing in the agency's own database.",
        "Find out which: concordant adapter tables check --agency DIR",
    ),
    "database_rights_missing": (
        "The agency's own database denies the adapter a right.",
        "Find out which: concordant adapter tables check --agency DIR",
    ),
    "database_busy": (
        "The agency's own database is locked or too slow.",
        "Look for a long transaction there. The adapter tries again.",
    ),
    "database_in_use": (
        "Another adapter takes the rows of this outbox.",
        "Stop the other adapter, or name another table.",
    ),
    "database_row_failed": (
        "The agency's own database refuses to read or change a row.",
        "Read the log of the database server: a trigger, a constraint or a view of these tables "
        "fails. The adapter tries again.",
    ),
    "database_failed": (
        "The agency's own database reports a fault.",
        "Read the log of the database server. The adapter tries again.",
    ),
}


def database_error(code: str) -> DatabaseError:
    """Return the error of a code."""
    detail, fix = _MEANT[code]
    return DatabaseError(detail, code=code, where=f"{CONFIG_NAME}: database", fix=fix)


class Database:
    """The agency's own database; it connects when it is first used, and again after a fault.

    Only one thread may use it at a time.

    Args:
        section: the settings.
        folder: folder that paths are relative to.
    """

    def __init__(self, section: DatabaseSection, folder: Path) -> None:
        self._section = section
        self._folder = folder
        self._engine: Engine | None = None
        self._lock: str | None = None

    @property
    def postgres(self) -> bool:
        """Return whether it is PostgreSQL."""
        return self._section.url is not None

    @property
    def dialect(self) -> str:
        """Return `postgresql` or `sqlite`."""
        return "postgresql" if self.postgres else "sqlite"

    def lock_for(self, table: str) -> None:
        """Let only one session take the rows of a table; PostgreSQL only.

        A connection waits up to ``CLAIM_MS`` for an earlier session to end, then it is
        `database_in_use`.
        """
        self._lock = table

    @contextmanager
    def transaction(self, *, of_row: bool = False) -> Iterator[Connection]:
        """Begin a transaction; commit at the end, roll back on an exception.

        Args:
            of_row: whether it concerns one row alone.

        Raises:
            RowFaultError: the database refuses this row; others may work.
            DatabaseError: nothing was committed, or the commit was not confirmed.
        """
        with self.translated(of_row=of_row), self._connected().begin() as connection:
            yield connection

    @contextmanager
    def translated(self, *, of_row: bool = False) -> Iterator[None]:
        """Translate errors of the driver; a lost connection is closed."""
        try:
            yield
        except exc.DBAPIError as error:
            found = driver_error_code(error)
            if of_row and found == "database_failed" and _concerns_row(error):
                detail, fix = _MEANT["database_row_failed"]
                raise RowFaultError(detail, where=f"{CONFIG_NAME}: database", fix=fix) from None
            if found != "database_busy":
                self.close()
            raise database_error(found) from None
        except (exc.SQLAlchemyError, OSError):
            self.close()
            raise database_error("database_failed") from None

    def close(self) -> None:
        """Close the connection; the next use connects again."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    def _connected(self) -> Engine:
        if self._engine is None:
            engine = self._postgres() if self.postgres else self._sqlite()
            try:
                self._claim(engine)
            except BaseException:
                engine.dispose()
                raise
            self._engine = engine
        return self._engine

    def _claim(self, engine: Engine) -> None:
        if self._lock is None or not self.postgres:
            return
        number = int.from_bytes(sha256(self._lock.encode()).digest()[:8], "big", signed=True)
        with engine.connect() as connection:  # its end takes back the timeout, not the lock
            limit = text("SELECT set_config('lock_timeout', :most, true)")
            connection.execute(limit, {"most": f"{CLAIM_MS}ms"})
            try:
                connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": number})
            except exc.DBAPIError as error:
                if sql_state(error) != _LOCK_NOT_AVAILABLE:
                    raise
                raise database_error("database_in_use") from None

    def _postgres(self) -> Engine:
        try:
            import psycopg  # noqa: F401 - SQLAlchemy loads it by name
        except ImportError:
            raise DatabaseError(
                "The library for PostgreSQL is not installed.",
                code="database_driver_missing",
                where=f"{CONFIG_NAME}: database.url",
                fix=INSTALL,
            ) from None
        section, folder = self._section, self._folder
        assert section.url is not None
        address = parse_address(section.url)
        assert address is not None
        ca = authorities(section, address.socket or is_loopback(address.host))
        query: dict[str, str] = {
            "sslmode": "prefer" if ca is None else "verify-full",
            "connect_timeout": str(CONNECT_S),
            "application_name": "concordant",
            "client_encoding": "utf8",
            "keepalives_idle": "30",
            "options": (
                f"-c search_path=pg_catalog -c statement_timeout={STATEMENT_MS} "
                f"-c lock_timeout={LOCK_MS} -c timezone=UTC -c datestyle=ISO "
                "-c default_transaction_isolation=read\\ committed "
                "-c standard_conforming_strings=on"
            ),
        }
        if ca is not None:
            query["sslrootcert"] = ca if ca == SYSTEM_AUTHORITIES else str(folder / ca)
        if section.certificate is not None and section.key is not None:
            query["sslcert"] = str(folder / section.certificate)
            query["sslkey"] = str(folder / section.key)
        url = URL.create(
            "postgresql+psycopg",
            username=address.user,
            password=self._password(),
            host=address.host,
            port=address.port,
            database=address.name,
        )
        # One connection, which is kept: a lost one is an error, and the next use connects again.
        return create_engine(
            url, poolclass=StaticPool, connect_args=query, hide_parameters=True, logging_name="own"
        )

    def _password(self) -> str | None:
        section = self._section.password
        if section is None:
            return None
        try:
            return load_passphrase(passphrase_source(section, self._folder)).decode("utf-8")
        except (KeyAccessError, UnicodeDecodeError):
            raise DatabaseError(
                "The password of the agency's own database cannot be read, is empty or is too "
                "long.",
                code="database_password_missing",
                where=f"{CONFIG_NAME}: database.password",
                fix="Put the password where [database] password names it, on one line, readable "
                "by this account only.",
            ) from None

    def _sqlite(self) -> Engine:
        assert self._section.path is not None
        path = self._folder / self._section.path

        def connect() -> sqlite3.Connection:
            # mode=rw: a misspelt path must not make an empty database
            return sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=rw",
                uri=True,
                timeout=BUSY_S,
                check_same_thread=False,
                isolation_level=None,
            )

        engine = create_engine(
            "sqlite+pysqlite://", creator=connect, poolclass=NullPool, hide_parameters=True
        )
        event.listen(engine, "begin", _begin)
        event.listen(engine, "connect", _trust_no_schema)
        return engine


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _trust_no_schema(raw: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    cursor = raw.cursor()
    cursor.execute("PRAGMA trusted_schema = OFF")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def sql_state(error: exc.DBAPIError) -> str:
    """Return PostgreSQL's code of an error; empty if there is none."""
    return str(getattr(error.orig, "sqlstate", None) or "")


def driver_error_code(error: exc.DBAPIError) -> str:  # noqa: PLR0911 - one return a code
    """Return our code of an error of the driver."""
    if isinstance(error.orig, sqlite3.Error):
        return _of_sqlite(error.orig)
    state = sql_state(error)
    if state in _TABLE_CODES:
        return "database_table_missing"
    if state == _RIGHTS_CODE:
        return "database_rights_missing"
    if state in _LOGIN_CODES:
        return "database_login_refused"
    if state in _BUSY_CODES:
        return "database_busy"
    if state.startswith(("08", "57P", "53")):
        return "database_unreachable"
    if state:
        return "database_failed"
    said = str(error.orig).lower()  # the driver has no code for a login that failed
    if "password" in said or "authentication" in said or "does not exist" in said:
        return "database_login_refused"
    if "certificate" in said or "ssl" in said:
        return "database_tls_failed" if "closed unexpectedly" not in said else _UNREACHABLE
    return _UNREACHABLE


def _concerns_row(error: exc.DBAPIError) -> bool:
    """Return whether an error may concern the values of one row alone."""
    if error.connection_invalidated:
        return False
    if isinstance(error.orig, sqlite3.Error):
        name = getattr(error.orig, "sqlite_errorname", "") or ""
        return not name.startswith(_GENERAL_OF_SQLITE)
    return sql_state(error)[:2] not in _GENERAL_CLASSES


_UNREACHABLE: Final = "database_unreachable"


def _of_sqlite(error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith("SQLITE_CANTOPEN"):
        return _UNREACHABLE
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "database_busy"
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
        return "database_rights_missing"
    if "no such table" in str(error) or "no such column" in str(error):
        return "database_table_missing"
    return "database_failed"
