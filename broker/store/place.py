"""Place of a state database: a SQLite file, or a schema of a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class PostgresTls:
    """TLS with a server; its certificate and its name are verified.

    Attributes:
        ca: file of the authorities, or `system`.
        certificate, key: files of the client's own certificate; None if it has none.
    """

    ca: str
    certificate: str | None = None
    key: str | None = None

    def parameters(self) -> dict[str, str]:
        """Return the parameters of libpq."""
        found = {"sslmode": "verify-full", "sslrootcert": self.ca}
        if self.certificate is not None and self.key is not None:
            found |= {"sslcert": self.certificate, "sslkey": self.key}
        return found


@dataclass(frozen=True, slots=True)
class PostgresPlace:
    """A schema of a database.

    Attributes:
        user: role that logs in.
        host: name, address, or folder of a Unix socket.
        port: TCP port.
        database: name of the database.
        schema: holds the tables of one agency; small letters, digits, `_` and `-`.
        owner: names the agency and its partnership; another one's schema is refused.
        password: returns the password, None if libpq finds its own way.
        tls: None on this machine.
        where: the setting, for errors.
        file: a SQLite file whose state must be moved here first; None if there is none.
    """

    user: str
    host: str
    port: int
    database: str
    schema: str
    owner: str
    password: Callable[[], str | None]
    tls: PostgresTls | None
    where: str
    file: Path | None = None


StatePlace: TypeAlias = Path | PostgresPlace


def place_name(place: StatePlace) -> str:
    """Return how messages name a place."""
    return str(place) if isinstance(place, Path) else place.where
