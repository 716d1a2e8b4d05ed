"""Systems of the agencies that use PostgreSQL, an SFTP server, or the Python client."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import asyncssh
import psycopg

from adapters.http_api.tokens import SCOPES, new_token
from broker.clock import now_ms
from concordant import Client, ClientError, Event, connect
from concordant.client.errors import concerns_the_caller
from tests.acceptance.agreed_state import Order
from tests.acceptance.own_systems import (
    Answer,
    FolderSystem,
    HttpSource,
    NoAnswerError,
    OwnSystem,
)
from tests.support.database_agency import OwnDatabase
from tests.support.postgres import PostgresServer
from tests.support.sftp_server import SftpServer, sftp_server


class DatabaseSystem(OwnSystem):
    """Inserts rows into its outbox table, and writes a result into each row of its inbox table.

    Attributes:
        server: its own PostgreSQL.
        own: its database there.
    """

    server: PostgresServer
    own: OwnDatabase

    def settings(self) -> str:
        return 'source = "database"\nsink = "database"\n'

    def sections(self) -> str:
        section = self.own.section
        return (
            f'\n[database]\nurl = "{section.url}"\npoll = 0.2\n'
            '[database.password]\nfile = "database-password"\n'
        )

    def prepare(self) -> None:
        """Start the server, and make the tables."""
        self.server = PostgresServer()
        self.own = OwnDatabase("postgresql", self.folder, self.server)

    def stop(self) -> None:
        super().stop()
        self.server.end()

    def _run(self, statement: str, *values: object) -> list[Any]:
        try:
            return self.own.run(statement, *values)
        except psycopg.OperationalError as error:
            raise NoAnswerError(type(error).__name__) from None

    def hand_over(self, order: Order) -> Answer:
        put = (
            "INSERT INTO concordant_outbox (id, aggregatetype, aggregateid, type, payload) "
            "VALUES (?, 'case', ?, ?, ?) ON CONFLICT DO NOTHING"
        )
        key = str(uuid5(NAMESPACE_URL, order.marker))
        self._run(put, key, order.case, order.type, json.dumps(order.body()))
        asked = "SELECT state, code, event_id FROM concordant_outbox WHERE id = ?"
        ((state, code, event_id),) = self._run(asked, key)
        if state == "accepted":
            return Answer(id=str(event_id))
        if state == "refused":
            return Answer(code=code)
        raise NoAnswerError

    def receive(self) -> bool:
        rows = self._run(
            "SELECT source, id, payload FROM concordant_inbox WHERE result IS NULL "
            "ORDER BY position"
        )
        for source, event_id, payload in rows:
            reason = self.take(json.loads(payload) if isinstance(payload, str) else payload)
            self._run(
                "UPDATE concordant_inbox SET result = ?, reason = ? WHERE source = ? AND id = ?",
                "imported" if reason is None else "rejected",
                reason,
                source,
                event_id,
            )
        return bool(rows)

    def results(self) -> list[tuple[str, str]]:
        """Return id and result of each row of the inbox, sorted."""
        rows = self._run("SELECT id, result FROM concordant_inbox")
        return sorted((str(event_id), str(result)) for event_id, result in rows)


class SftpSystem(FolderSystem):
    """Exchanges the files of `FolderSystem` through a server of SFTP."""

    server: SftpServer

    def settings(self) -> str:
        return 'source = "sftp"\nsink = "sftp"\n'

    def sections(self) -> str:
        return f"{super().sections()}\n{self.server.section(poll=0.2)}"

    def prepare(self) -> None:
        """Start the server, and pin its key."""
        self._serving = ExitStack()
        self.server = self._serving.enter_context(sftp_server(self.folder))
        self.server.pin()

    def stop(self) -> None:
        super().stop()
        self._serving.close()

    @property
    def exports(self) -> Path:
        return self.server.root / "exports"

    @property
    def imports(self) -> Path:
        return self.server.root / "imports"

    def go_down(self) -> None:
        """Refuse every operation."""

        def refuse(_operation: str, _path: str) -> None:
            raise asyncssh.SFTPFailure("down")

        self.server.before = refuse

    def come_up(self) -> None:
        """Work again."""
        self.server.before = lambda _operation, _path: None


class ClientSystem(HttpSource):
    """Publishes and subscribes with the Python client, and keeps its position in a file."""

    def start(self) -> None:
        self._token = new_token(self.folder, "own-program", SCOPES, now_ms())[1]
        OwnSystem.start(self)

    def stop(self) -> None:
        OwnSystem.stop(self)

    def settings(self) -> str:
        return 'source = "http"\nsink = "http"\n'

    def _client(self) -> Client:
        return connect(self.address(""), token=self._token)

    def hand_over(self, order: Order) -> Answer:
        body = order.body()
        event = Event(order.type, order.recipients, body["data"])  # type: ignore[arg-type]  # JSON
        try:
            with self._client() as client:
                return Answer(id=client.publish(event, key=order.marker).id)
        except ClientError as error:
            if concerns_the_caller(error):
                raise NoAnswerError(error.code) from None
            return Answer(code=error.code)

    def receive(self) -> bool:
        try:
            return self._handle_events()
        except ClientError as error:
            if concerns_the_caller(error):
                raise NoAnswerError(error.code) from None
            raise

    def _handle_events(self) -> bool:
        found = False
        positions = str(self.folder / "own.positions")
        with (
            self._client() as client,
            client.subscribe("own-program", positions=positions, results=True, wait=0.2) as events,
        ):
            for event in events:
                found = True
                members = {name: getattr(event, name) for name in ("id", "source", "type", "data")}
                reason = self.take(members)
                if reason is None:
                    event.acknowledge()
                else:
                    event.reject(reason)
        return found
