"""TLS context that takes up renewed files at the next connection, without a restart.

Python's `SSLContext` can add trusted authorities, but cannot remove one. So each change of the
files makes a new context, and connections that begin later use it. Running connections go on with
the certificate that they began with. While the files do not fit together (a new certificate beside
the old key), the last context that fitted is used.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from broker.errors import TransportError
from broker.transport.connection import KafkaConnection, MinimumTls, TlsFiles, ssl_context

FileMarks: TypeAlias = tuple[tuple[int, int, int] | None, ...]
"""Values that change when a file is replaced or rewritten: inode, size, time of change."""


def file_marks(paths: tuple[Path, ...]) -> FileMarks:
    """Return marks by which a later change of the files is noticed; None for an absent file."""
    return tuple(map(_mark, paths))


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


class RenewableContext(ssl.SSLContext):
    """A client's context that is made anew when its files change.

    asyncio calls `wrap_bio` for each connection. Only that call and `wrap_socket` are used;
    settings of this object itself have no effect.
    """

    _load: Callable[[], ssl.SSLContext]
    _files: tuple[Path, ...]

    def __new__(cls, tls: TlsFiles, minimum: MinimumTls = "1.3") -> RenewableContext:
        """Load the files for the first time.

        Raises:
            TransportError: `certificate_unreadable`.
        """
        made = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        made._load = lambda: ssl_context(tls, minimum)
        made._files = tls.present
        made._marks = file_marks(made._files)
        made._context = made._load()
        made.problem = None
        return made

    def __init__(self, tls: TlsFiles, minimum: MinimumTls = "1.3") -> None:
        """Do nothing more: `ssl.SSLContext` is set up in `__new__`."""

    _marks: FileMarks
    _context: ssl.SSLContext
    problem: TransportError | None
    """Fault for which the present files are not used; None if they are."""

    @classmethod
    def of(cls, connection: KafkaConnection) -> RenewableContext:
        """Return the context of a connection.

        Raises:
            TransportError: `certificate_unreadable`.
        """
        return cls(connection.tls, connection.minimum_tls)

    def current(self) -> ssl.SSLContext:
        """Return the context of the present files, or the last one that could be made."""
        marks = file_marks(self._files)
        if marks != self._marks:
            try:
                self._context = self._load()
            except TransportError as error:
                self.problem = error
            else:
                # the marks from before the load: a change during it is loaded next time
                self._marks, self.problem = marks, None
        return self._context

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """Begin a connection with the present files."""
        return self.current().wrap_bio(*args, **options)

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        """Begin a connection with the present files."""
        return self.current().wrap_socket(*args, **options)
