"""Section `[database]` of `agency.toml`: tables of the agency's own database."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal
from urllib.parse import unquote

from pydantic import AfterValidator, Field, StringConstraints

from broker.agency.config_pairs import invalid, require_one, require_pair
from broker.agency.config_sections import (
    SYSTEM_AUTHORITIES,
    PassphraseSection,
    Seconds,
    Section,
    Text,
)

IDENTIFIER_BYTES: Final = 63
"""Most bytes of a name in PostgreSQL, which cuts longer ones off without an error."""
_ADDRESS: Final = re.compile(
    r"postgresql://(?P<user>[^:@/?#\[\]]+)@(?P<host>\[[0-9A-Fa-f:.]+\]|[^:@/?#\[\]]+)"
    r"(?::(?P<port>[0-9]{1,5}))?/(?P<name>[^/?#@]+)"
)


def _short(text: str) -> str:
    if len(text.encode()) > IDENTIFIER_BYTES:
        raise ValueError(f"a name has at most {IDENTIFIER_BYTES} bytes")
    return text


Identifier = Annotated[
    str,
    StringConstraints(pattern=r"\A[^\x00-\x1f\x7f]+\z", min_length=1),
    AfterValidator(_short),
]
"""Name of a schema, a table or a column; it is quoted wherever it is used."""


class OutboxColumns(Section):
    """Names of the columns of the outbox table; the first five are those of Debezium."""

    id: Identifier = "id"
    aggregatetype: Identifier = "aggregatetype"
    aggregateid: Identifier = "aggregateid"
    type: Identifier = "type"
    payload: Identifier = "payload"
    recipients: Identifier | None = None
    version: Identifier | None = None
    position: Identifier = "position"
    state: Identifier = "state"
    code: Identifier = Field(default="code")
    field: Identifier = "field"
    detail: Identifier = "detail"
    event_id: Identifier = "event_id"
    answer: Identifier = "answer"
    answered_at: Identifier = "answered_at"


class OutboxSection(Section):
    """Table or view with what the agency's own application sends."""

    form: Literal["events", "mapped"] = "events"
    schema_: Identifier = Field(default="public", alias="schema")
    table: Identifier = "concordant_outbox"
    answers: Literal["columns", "table", "delete"] = "columns"
    answers_table: Identifier = "concordant_outbox_answers"
    aggregatetypes: Annotated[tuple[Identifier, ...], Field(max_length=64, strict=False)] = ()
    columns: OutboxColumns = OutboxColumns()


class InboxColumns(Section):
    """Names of the columns of the inbox table."""

    source: Identifier = "source"
    id: Identifier = "id"
    type: Identifier = "type"
    case_id: Identifier = "case_id"
    urgent: Identifier = "urgent"
    received_at: Identifier = "received_at"
    payload: Identifier = "payload"
    offer: Identifier = "offer"
    position: Identifier = "position"
    result: Identifier = "result"
    reason: Identifier = "reason"
    text: Identifier = "text"
    recorded_at: Identifier = "recorded_at"
    result_code: Identifier = "result_code"


class InboxSection(Section):
    """Table into which received events are inserted."""

    form: Literal["events", "mapped"] = "events"
    schema_: Identifier = Field(default="public", alias="schema")
    table: Identifier = "concordant_inbox"
    columns: InboxColumns = InboxColumns()


class DatabaseSection(Section):
    """The agency's own database, if `[adapter]` has the source or sink ``database``.

    Either ``url`` (PostgreSQL) or ``path`` (SQLite). Off this machine PostgreSQL is reached over
    TLS only, and its certificate is verified.
    """

    url: Text | None = None
    path: Text | None = None
    password: PassphraseSection | None = None
    ca: Text | None = None
    certificate: Text | None = None
    key: Text | None = None
    poll: Seconds = 1.0
    row_bytes: Annotated[int, Field(ge=1_024, le=16_777_216)] = 1_048_576
    outbox: OutboxSection = OutboxSection()
    inbox: InboxSection = InboxSection()


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """Address of a PostgreSQL database.

    Attributes:
        user: the role that logs in.
        host: name, address, or folder of a Unix socket.
        port: TCP port.
        name: name of the database.
    """

    user: str
    host: str
    port: int
    name: str

    @property
    def socket(self) -> bool:
        """Return whether the host is a folder of a Unix socket."""
        return self.host.startswith("/")


def parse_address(url: str) -> DatabaseAddress | None:
    """Return the parts of a URL; None if it has another form, for example with a password."""
    found = _ADDRESS.fullmatch(url)
    if found is None:
        return None
    user, host, name = (unquote(found[part]) for part in ("user", "host", "name"))
    port = int(found["port"] or 5432)
    if not 0 < port < 65_536 or any(ord(sign) < 32 for sign in user + host + name):
        return None
    return DatabaseAddress(user, host.strip("[]"), port, name)


def require_complete_database(section: DatabaseSection, where: str) -> None:
    """Check the settings that concern each other.

    Raises:
        ConfigError: `config_invalid`; names the file and the setting, never a value.
    """
    where = f"{where}: database"
    example = 'For example: url = "postgresql://concordant_adapter@db.example.org/housing"'
    require_one(section, ("url", "path"), where, example)
    if section.url is not None and parse_address(section.url) is None:
        raise invalid(
            "The address has not the form postgresql://USER@HOST:PORT/NAME, without a password.",
            f"{where}.url",
            'Put the password into a file, and set: password = { file = "database-password" }',
        )
    if section.path is not None:
        for name in ("password", "ca", "certificate", "key"):
            if getattr(section, name) is not None:
                raise invalid(
                    "This setting is for PostgreSQL; path names an SQLite file.",
                    f"{where}.{name}",
                    "Remove the setting.",
                )
    require_pair(section, "certificate", "key", where)
    if section.outbox.form == "mapped" and section.outbox.answers == "delete":
        raise invalid(
            "Rows of the agency's own table are never deleted.",
            f"{where}.outbox.answers",
            'Set answers to "table" or "columns".',
        )
    for name, part in (("outbox", section.outbox), ("inbox", section.inbox)):
        # Rows may be taken in the order of their change marker or their key.
        columns = part.columns.model_dump(exclude={"position", "version"})
        names = [one for one in columns.values() if one is not None]
        if len(set(names)) != len(names):
            raise invalid(
                "Two columns have the same name.",
                f"{where}.{name}.columns",
                "Give each column a name of its own.",
            )


def authorities(section: DatabaseSection, local: bool) -> str | None:
    """Return the setting of the authorities that verify the server; None without TLS.

    Args:
        section: the settings.
        local: whether only this machine can reach the address.
    """
    if section.ca is None:
        return None if local else SYSTEM_AUTHORITIES
    return section.ca
