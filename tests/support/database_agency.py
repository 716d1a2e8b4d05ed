"""Agencies in memory whose own systems exchange events through tables of a real database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

from adapters.base import AgencySystem
from adapters.council import ADAPTER
from adapters.sides import SideParts
from adapters.tables.scripts import DatabaseRoles, Dialect, tables_script
from adapters.tables.sink import DatabaseSink, database_sink
from adapters.tables.source import DatabaseSource, database_source
from broker.agency.database_section import DatabaseSection
from broker.audit.entries import NewLogEntry
from broker.observing.metrics import Metrics
from broker.store.rows import RefusedRow
from tests.support.founded_partnership import COUNCIL, SUPPORT, FoundedPartnership
from tests.support.http_agency import as_body
from tests.support.memory_agency import Clock, MemoryAgency, cluster
from tests.support.memory_kafka import MemoryKafka
from tests.support.postgres import PostgresServer, postgres

APPLICATION, SECRET = "housing system", "the application's password"
ADAPTER_SECRET = "the adapter's password"


class OwnDatabase:
    """The agency's own database, used as its application uses it.

    Args:
        dialect: postgresql or sqlite.
        folder: folder of an SQLite file, and of the password.
        settings: of the section `[database]`, besides address and password.
        made: whether to run the script for the tables.
    """

    def __init__(
        self,
        dialect: Dialect,
        folder: Path,
        server: PostgresServer | None = None,
        *,
        made: bool = True,
        **settings: Any,
    ) -> None:
        self.dialect = dialect
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.server = server
        self.name = ""
        address: dict[str, Any] = {"path": str(folder / "own.db")}
        if dialect == "postgresql":
            self.server = server or postgres()
            _roles(self.server)
            self.name = self.server.database()
            (folder / "database-password").write_text(ADAPTER_SECRET)
            (folder / "database-password").chmod(0o600)
            address = {
                "url": self.server.url(self.name, DatabaseRoles().adapter),
                "password": {"file": "database-password"},
            }
        else:
            sqlite3.connect(folder / "own.db").close()
        self.section = DatabaseSection.model_validate(address | settings)
        if made:
            self.script(tables_script(self.section, dialect, DatabaseRoles()))

    @property
    def postgres(self) -> bool:
        return self.dialect == "postgresql"

    def connect(self) -> Any:
        """Return a connection of the application."""
        if self.server is None:
            return sqlite3.connect(self.folder / "own.db", timeout=30)
        return psycopg.connect(
            host=str(self.server.folder),
            port=self.server.port,
            user=APPLICATION,
            password=SECRET,
            dbname=self.name,
        )

    def script(self, text: str) -> None:
        """Run a script as the administrator."""
        if self.server is None:
            with sqlite3.connect(self.folder / "own.db") as connection:
                connection.executescript(text)
            connection.close()
        else:
            with self.server.owner(self.name) as connection:
                connection.execute(text.encode())

    def run(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement of the application in a transaction of its own; `?` marks values."""
        connection = self.connect()
        try:
            found = run(connection, statement, *values)
            connection.commit()
        finally:
            connection.close()
        return found

    def put(
        self, body: Mapping[str, Any] | str, id_: str | None = None, connection: Any = None
    ) -> str:
        """Insert an event into the outbox as the application does. Return its key."""
        key = id_ or str(uuid4())
        text = body if isinstance(body, str) else json.dumps(body)
        kind = "unknown" if isinstance(body, str) else str(body.get("type"))
        statement = (
            "INSERT INTO concordant_outbox (id, aggregatetype, aggregateid, type, payload) "
            "VALUES (?, 'case', 'own-17', ?, ?)"
        )
        if connection is None:
            self.run(statement, key, kind, text)
        else:
            run(connection, statement, key, kind, text)
        return key

    def answers(self) -> dict[str, tuple[Any, ...]]:
        """Return key -> (state, code, field, event id) of each row of the outbox."""
        rows = self.run("SELECT id, state, code, field, event_id FROM concordant_outbox")
        return {str(row[0]): row[1:] for row in rows}

    def inbox(self) -> list[dict[str, Any]]:
        """Return the rows of the inbox."""
        names = (
            "source", "id", "type", "case_id", "urgent", "received_at", "payload", "offer",
            "result", "reason", "text", "recorded_at", "result_code",
        )  # fmt: skip
        rows = self.run(f"SELECT {', '.join(names)} FROM concordant_inbox ORDER BY position")
        found = [dict(zip(names, row, strict=True)) for row in rows]
        for one in found:
            if isinstance(one["payload"], str):
                one["payload"] = json.loads(one["payload"])
        return found


def run(connection: Any, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run a statement; return its rows."""
    if isinstance(connection, psycopg.Connection):
        found = connection.execute(statement.replace("?", "%s").encode(), values)
        return found.fetchall() if found.description else []
    cursor = connection.execute(statement, values)
    return list(cursor.fetchall())


@cache
def _roles(server: PostgresServer) -> None:
    """Make the logins of the application and of the adapter, which all databases share."""
    with server.owner() as connection:
        roles = DatabaseRoles()
        for name, secret in ((APPLICATION, SECRET), (roles.adapter, ADAPTER_SECRET)):
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(name), sql.Literal(secret)
                )
            )
        connection.execute(
            sql.SQL("CREATE ROLE {0} NOLOGIN; GRANT {0} TO {1}").format(
                sql.Identifier(roles.application), sql.Identifier(APPLICATION)
            )
        )


class DatabaseAgency:
    """One agency with its own database."""

    def __init__(
        self, member: MemoryAgency, root: Path, own: OwnDatabase, adapter: Any = ADAPTER
    ) -> None:
        self.member = member
        self.root = root
        self.own = own
        self.adapter = adapter
        self.metrics = Metrics()
        self.published = 0
        self.start()

    def start(self) -> None:
        """Make the source and the sink, as a new process would."""
        config = self.member.participant.config.model_copy(update={"database": self.own.section})
        participant = replace(self.member.participant, root=self.root, config=config)
        self.parts = SideParts(
            participant,
            AgencySystem(self.adapter, self.member.agency, config.partners, leave_out=True),
            self.member.store,
            self.member.publisher,
            self._count,
            lambda: self.member.contracts,
            self.metrics,
            self.member.clock,
            0.1,
        )
        self.source: DatabaseSource = database_source(self.parts)
        self.sink: DatabaseSink = database_sink(self.parts)

    def stop(self) -> None:
        """Close the connections, as the end of a process does."""
        self.source._tables.database.close()
        self.sink._database.close()

    def _count(self) -> None:
        self.published += 1

    def body(self, to: Sequence[str] = (), **changes: Any) -> dict[str, Any]:
        """Return a valid event of this agency as JSON."""
        others = (COUNCIL,) if self.member.agency != COUNCIL else (SUPPORT,)
        return as_body(self.member.event(to=tuple(to) or others, **changes))

    def take(self) -> int:
        """Take rows until none waits. Return how many."""
        total = 0
        while done := self.source.round():
            total += done
        return total

    def outbox(self) -> list[str]:
        """Return the ids of the accepted events, in order."""
        with self.member.store.reading() as tx:
            return [row.event_id for row in tx.outbox.pending(999)]

    def held_rows(self) -> list[RefusedRow]:
        with self.member.store.reading() as tx:
            return tx.refused_rows.list(99)

    def held_events(self) -> list[tuple[str, str]]:
        """Return (code, detail) of the held events."""
        return self.member.held_events()

    def entries(self, kind: str) -> list[NewLogEntry]:
        """Return the entries of a kind in the disclosure log."""
        return self.member.log_entries(kind)


@dataclass
class DatabasePartnership:
    """Agencies over one Kafka in memory."""

    world: FoundedPartnership
    kafka: MemoryKafka
    clock: Clock
    agencies: Mapping[str, DatabaseAgency]

    def __getitem__(self, agency: str) -> DatabaseAgency:
        return self.agencies[agency]

    async def deliver(self, sender: str, reader: str) -> None:
        """Relay what the sender accepted, and let the reader receive it."""
        await self[sender].member.relay_outbox()
        self[reader].member.receive_all()

    def close(self) -> None:
        for one in self.agencies.values():
            one.stop()
            one.member.store.close()


def database_partnership(
    folder: Path, world: FoundedPartnership, own: Mapping[str, OwnDatabase], **adapters: Any
) -> DatabasePartnership:
    """Return agencies with a database each."""
    clock = Clock()
    kafka = cluster(world)
    return DatabasePartnership(
        world,
        kafka,
        clock,
        {
            one: DatabaseAgency(
                MemoryAgency(one, folder / f"{one}.db", kafka, clock, world),
                database.folder,
                database,
                adapters.get(one.replace("-", "_"), ADAPTER),
            )
            for one, database in own.items()
        },
    )
