"""PostgreSQL schema that holds the state: connections, transactions and commits.

A write transaction first takes an advisory lock of its schema, so writers of all processes take
turns. It runs in READ COMMITTED: each statement sees all that earlier writers committed, and none
can fail for a conflict of serialization. A read transaction is REPEATABLE READ, one snapshot.

`synchronous_commit` is on in every session, in whichever way the server is set: an acknowledged
event must survive a power cut. A process that hangs inside a write transaction loses it after
`IDLE_IN_TRANSACTION_MS`, so it does not stop the others.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Final

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, exc

from broker.errors import StoreError
from broker.store import backend
from broker.store.all_tables import ALL_TABLES
from broker.store.place import PostgresPlace
from broker.store.postgres_errors import explained, is_unreachable, of_postgres
from broker.store.versions import FoundVersion, make_current

CONNECT_S: Final = 5
IDLE_IN_TRANSACTION_MS: Final = 15_000
"""The server ends a session that is silent inside a write transaction for this time."""
LOST_HOST_MS: Final = 15_000
"""A connection whose packets nothing answers is closed after this time."""
_RETRY_S: Final = 0.05
_POOL: Final = 10

_ENDING: Final = (
    "SELECT number::text, CASE WHEN number IS NOT NULL THEN pg_notify(%s, '') END "
    "FROM pg_current_xact_id_if_assigned() AS number"
)
"""Returns the number of a transaction that wrote something, and tells the others about it."""
_TABLES: Final = (
    "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
    "WHERE nspname = %s AND relkind IN ('r', 'p', 'v', 'm')"
)
_SCHEMAS: Final = "SELECT count(*) FROM pg_namespace WHERE nspname = %s"
_MARK: Final = "concordant_state"
_DAMAGE: Final = (
    "SELECT coalesce(checksum_failures, 0) FROM pg_stat_database WHERE datname = current_database()"
)


class PostgresBackend:
    """One schema, which processes of several machines may use."""

    def __init__(self, engine: Engine, place: PostgresPlace) -> None:
        self.engine = engine
        self._reading = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self._place = place
        self._channel = f"concordant {place.schema}"[:63]
        digest = sha256(b"concordant state\0" + place.schema.encode()).digest()
        number = int.from_bytes(digest[:8], "big", signed=True)
        self._take_turn = (
            "SELECT set_config('idle_in_transaction_session_timeout', "
            f"'{IDLE_IN_TRANSACTION_MS}', true), pg_advisory_xact_lock({number})"
        )

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Begin an exclusive write transaction: see `Backend`."""
        with self._translated(), self._begun(self.engine, self._take_turn) as connection:
            yield connection
            number, _ = connection.exec_driver_sql(_ENDING, (self._channel,)).one()
            try:
                connection.commit()
            except exc.DBAPIError as error:
                if number is None or not is_unreachable(error) or not self._committed(number):
                    raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Begin a read transaction: see `Backend`."""
        with self._translated(), self._begun(self._reading, "SELECT 1") as connection:
            yield connection

    @contextmanager
    def apart(self) -> Iterator[Connection]:
        """Begin a transaction that waits for no writer, and whose commit is not counted."""
        with self._translated(), self._begun(self.engine, "SELECT 1") as connection:
            yield connection
            connection.commit()

    def commits(self) -> PostgresCommits:
        """Begin to listen for commits, on a connection of its own."""
        with self._translated():
            raw = self.engine.raw_connection()
            connection = raw.driver_connection
            assert isinstance(connection, psycopg.Connection)
            raw.detach()
            connection.autocommit = True
            connection.execute(f'LISTEN "{self._channel}"')
            return PostgresCommits(connection, self._place.where)

    def check(self) -> None:
        """Look for missing tables, and for pages whose checksum was wrong."""
        with self.reading() as connection:
            found = connection.exec_driver_sql(_TABLES, (self._place.schema,)).scalars()
            missing = set(ALL_TABLES.tables) - set(found)
            damaged: int = connection.exec_driver_sql(_DAMAGE).scalar_one()
        if missing or damaged:
            raise explained("store_corrupt", self._place.where)

    def unsafe_settings(self) -> list[str]:
        """Return the server's settings with which a power cut loses committed data."""
        with self.reading() as connection:
            return [
                name
                for name in ("fsync", "full_page_writes", "synchronous_commit")
                if connection.exec_driver_sql(f"SHOW {name}").scalar() == "off"
            ]

    def fold(self) -> bool:
        """Free the space of cleared rows.

        The server writes over it later: nothing removes it at once from its files, from its
        write-ahead log or from a copy.
        """
        names = ", ".join(f'"{name}"' for name in sorted(ALL_TABLES.tables))
        with self._translated(), self.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql(f"VACUUM (SKIP_LOCKED) {names}")
        return True

    def busy(self) -> StoreError:
        """Return the error for a writer that waited too long."""
        return explained("store_busy", self._place.where)

    @contextmanager
    def _begun(self, engine: Engine, first: str) -> Iterator[Connection]:
        """Begin a transaction with a statement. A lost connection is replaced, for some seconds."""
        with self._connected(engine, first) as connection:
            yield connection

    def _connected(self, engine: Engine, first: str) -> Connection:
        ends = time.monotonic() + backend.BUSY_TIMEOUT_S
        while True:
            connection: Connection | None = None
            try:
                connection = engine.connect()
                connection.exec_driver_sql(first)
            except exc.DBAPIError as error:
                if connection is not None:
                    connection.close()
                if not is_unreachable(error) or time.monotonic() >= ends:
                    raise
            else:
                return connection
            time.sleep(_RETRY_S)

    def _committed(self, number: str) -> bool:
        """Return whether a transaction was committed whose connection was lost at its end."""
        ends = time.monotonic() + backend.BUSY_TIMEOUT_S
        while True:
            asked = f"SELECT pg_xact_status('{int(number)}'::xid8)"
            with self._connected(self.engine, "SELECT 1") as connection:
                state: str | None = connection.exec_driver_sql(asked).scalar()
            if state != "in progress" or time.monotonic() >= ends:
                return state == "committed"
            time.sleep(_RETRY_S)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Translate library exceptions, whose text could hold values, to StoreError."""
        try:
            yield
        except exc.DBAPIError as error:
            raise of_postgres(error.orig, self._place.where) from None
        except psycopg.Error as error:
            raise of_postgres(error, self._place.where) from None
        except exc.SQLAlchemyError as error:
            raise StoreError(
                f"the state database refused a statement ({type(error).__name__})",
                code="store_unusable",
                where=self._place.where,
            ) from None


class PostgresCommits:
    """Notifications of commits, on a connection of its own."""

    def __init__(self, connection: psycopg.Connection, where: str) -> None:
        self._connection = connection
        self._where = where
        self._number = 0

    def count(self) -> int:
        """Return a number that is another one after each commit; it does not wait."""
        try:
            self._number += sum(1 for _ in self._connection.notifies(timeout=0))
        except psycopg.Error as error:
            raise of_postgres(error, self._where) from None
        return self._number

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class PostgresVersion:
    """The mark of a schema: a table with one row."""

    def __init__(self, place: PostgresPlace) -> None:
        self._place = place

    def read(self, connection: Connection) -> FoundVersion:
        """Read the mark."""
        tables = set(connection.exec_driver_sql(_TABLES, (self._place.schema,)).scalars())
        if _MARK not in tables:
            return FoundVersion(0, False, len(tables))
        found = connection.exec_driver_sql("SELECT version, owner FROM concordant_state").one()
        return FoundVersion(found.version, found.owner == self._place.owner, len(tables))

    def create(self, connection: Connection) -> None:
        """Make the schema if it is missing, and its mark."""
        if not connection.exec_driver_sql(_SCHEMAS, (self._place.schema,)).scalar():
            connection.exec_driver_sql(f'CREATE SCHEMA "{self._place.schema}"')
        connection.exec_driver_sql(
            "CREATE TABLE concordant_state (version integer NOT NULL, owner text NOT NULL)"
        )
        connection.exec_driver_sql(
            "INSERT INTO concordant_state VALUES (0, %s)", (self._place.owner,)
        )

    def write(self, connection: Connection, version: int) -> None:
        """Write the version."""
        connection.exec_driver_sql("UPDATE concordant_state SET version = %s", (version,))


def open_postgres(place: PostgresPlace) -> PostgresBackend:
    """Open the schema with this version's tables; create them if there are none.

    Raises:
        StoreError: see `broker.store.database.open_store`; `state_not_moved`.
    """
    if place.file is not None and place.file.exists():
        raise StoreError(
            "The agency has a state in a SQLite file, and url names another one.",
            code="state_not_moved",
            where=str(place.file),
            fix="Move it into an empty schema: concordant agency move-state --agency DIR",
        )
    opened = PostgresBackend(_engine(place), place)
    try:
        make_current(opened, PostgresVersion(place), place.where)
    except BaseException:
        opened.engine.dispose()
        raise
    return opened


def postgres_exists(place: PostgresPlace) -> bool:
    """Return whether the schema holds a state; nothing is created.

    Raises:
        StoreError: the server cannot be asked.
    """
    asked = PostgresBackend(_engine(place), place)
    try:
        with asked.reading() as connection:
            return PostgresVersion(place).read(connection).version > 0
    finally:
        asked.engine.dispose()


def _engine(place: PostgresPlace) -> Engine:
    url = URL.create(
        "postgresql+psycopg",
        username=place.user,
        password=place.password(),
        host=place.host,
        port=place.port,
        database=place.database,
    )
    return create_engine(
        url,
        pool_size=_POOL,
        max_overflow=_POOL,
        hide_parameters=True,  # parameters are personal data and must not appear in an error text
        connect_args=_parameters(place),
        use_native_hstore=False,  # it would ask the server for the type at every start
        execution_options={"preserve_rowcount": True},
    )


def _parameters(place: PostgresPlace) -> dict[str, str]:
    """Return the parameters of libpq, with the settings of every session."""
    settings = {
        "search_path": f'"{place.schema}",pg_temp',  # pg_catalog comes first by itself
        "synchronous_commit": "on",
        "lock_timeout": f"{int(backend.BUSY_TIMEOUT_S * 1000)}",
        "jit": "off",
        "standard_conforming_strings": "on",
    }
    tls = {"sslmode": "prefer"} if place.tls is None else place.tls.parameters()
    return {
        "connect_timeout": str(CONNECT_S),
        "application_name": "concordant state",
        "client_encoding": "utf8",
        "target_session_attrs": "read-write",
        "keepalives_idle": "5",
        "tcp_user_timeout": str(LOST_HOST_MS),
        "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
        **tls,
    }
