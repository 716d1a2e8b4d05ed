"""Makes the try-out partnership for docker-compose.yml in a volume, and Kafka's settings beside it.

The same `create_partnership` as `concordant quickstart`, with Kafka's name in the network, and the
same `server_properties` as the local Kafka that the tests run. Nothing is made a second time.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final

from adapters.trial_partnership import create_partnership
from broker.agency.config import CONFIG_NAME
from broker.transport.certificates import issue_ca, issue_certificate, save_identity
from broker.transport.local_settings import KAFKA_FOLDER, server_properties

HOST: Final = "kafka"
PORT: Final = 9092
CONTROLLER_PORT: Final = 9093
HTTP_PORT: Final = 9464
IN_CONTAINER: Final = Path("/var/lib/kafka")
"""Kafka's folder as its own container sees it: `tls` and `data` are mounted there."""

PAGES_OF: Final = "haven-support"
"""The agency whose people work at the pages."""
PAGES_PORT: Final = 8443

_HTTP_HERE: Final = 'host = "127.0.0.1"\nport = 0\n'
_HTTP_EVERYWHERE: Final = f'host = "0.0.0.0"\nport = {HTTP_PORT}\n'


def make(root: Path, now: int) -> bool:
    """Makes the partnership.

    Args:
        root: an empty folder, or one that this made before.
        now: milliseconds since the epoch.

    Returns:
        Whether it had to be made.

    Raises:
        ConcordantError: the folder holds something else, or cannot be written.
    """
    kafka = root / KAFKA_FOLDER
    settings = kafka / "config" / "server.properties"
    if settings.exists():
        return False
    partnership = create_partnership(root, now, bootstrap=f"{HOST}:{PORT}", hosts=[HOST])
    for agency in partnership.agencies:
        config = partnership.directory(agency) / CONFIG_NAME
        text = config.read_text()
        if text.count(_HTTP_HERE) != 1:
            raise RuntimeError("agency.toml is not written as this script expects")
        config.write_text(text.replace(_HTTP_HERE, _HTTP_EVERYWHERE))
    _add_pages(partnership.directory(PAGES_OF))
    tls = kafka / "tls"
    store = tls / "keystore.pem"
    store.touch(mode=0o600)
    store.write_bytes(b"".join((tls / n).read_bytes() for n in ("key.pem", "cert.pem", "ca.pem")))
    settings.parent.mkdir()
    settings.write_text(
        server_properties(IN_CONTAINER, host=HOST, port=PORT, controller_port=CONTROLLER_PORT)
    )
    return True


def _add_pages(directory: Path) -> None:
    """Give an agency a certificate for its pages, and the settings that use it."""
    authority = issue_ca("trial pages")
    certificate, key = issue_certificate(authority, PAGES_OF, ["localhost"])
    save_identity(directory / "web", ca=authority.certificate, certificate=certificate, key=key)
    config = directory / CONFIG_NAME
    address = f'address = "https://localhost:{PAGES_PORT}"'
    files = 'certificate = "web/cert.pem"\nkey = "web/key.pem"'
    config.write_text(f"{config.read_text()}\n[web]\n{files}\n{address}\n")


if __name__ == "__main__":
    made = make(Path(sys.argv[1]), time.time_ns() // 1_000_000)
    sys.stderr.write("made\n" if made else "is there already\n")
