"""Limit of the connections whose TLS handshake is not complete.

The server hears of a connection only after its handshake. So the listening socket itself counts:
above the limit the oldest handshake is ended, and each is ended after some seconds. A client that
connects and sends nothing takes neither file descriptors nor the place of others for long.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Final

HANDSHAKE_S: Final = 5.0
"""Seconds within which a TLS handshake must be complete."""


class CountingSocket(socket.socket):
    """A listening socket that limits the handshakes of the connections which it accepts.

    Args:
        listening: a bound socket, which this one replaces.
        most: most handshakes at one time. As many again may be about to end.
    """

    def __init__(self, listening: socket.socket, most: int) -> None:
        family, kind, protocol = listening.family, listening.type, listening.proto
        super().__init__(family, kind, protocol, fileno=listening.detach())
        self._most = most
        self._begun: dict[int, socket.socket] = {}
        self._ending: list[socket.socket] = []

    @property
    def handshakes(self) -> int:
        """Return the number of connections that are open and whose handshake is not complete."""
        self._forget_closed()
        return len(self._begun) + len(self._ending)

    def accept(self) -> tuple[socket.socket, object]:
        """Accept a connection, and end the oldest handshake if there are too many.

        Raises:
            BlockingIOError: there is none, or it must wait until others have ended.
        """
        if self.handshakes >= 2 * self._most:
            raise BlockingIOError
        accepted, address = super().accept()
        if len(self._begun) >= self._most:
            self._end(next(iter(self._begun.values())))
        self._begun[accepted.fileno()] = accepted
        asyncio.get_running_loop().call_later(HANDSHAKE_S, self._end, accepted)
        return accepted, address

    def complete(self, descriptor: int) -> None:
        """Note that the handshake of a connection is complete."""
        self._begun.pop(descriptor, None)

    def _end(self, connection: socket.socket) -> None:
        """End a handshake if it is not complete; its transport then closes the socket."""
        if self._begun.get(connection.fileno()) is not connection:
            return
        del self._begun[connection.fileno()]
        self._ending.append(connection)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    def _forget_closed(self) -> None:
        self._begun = {at: one for at, one in self._begun.items() if one.fileno() == at}
        self._ending = [one for one in self._ending if one.fileno() != -1]
