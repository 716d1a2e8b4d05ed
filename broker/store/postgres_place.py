"""Place of a state database on a PostgreSQL server: address, schema and ways to log in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


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
