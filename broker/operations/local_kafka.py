"""Local Kafka of a trial partnership's folder: start and stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from broker.agency.config import CONFIG_NAME, load_config
from broker.errors import ConfigError
from broker.keys.durable import write_durably
from broker.transport.certificates import Authority
from broker.transport.local import LocalKafka, Phase, find_detached, stop_detached
from broker.transport.local_settings import KAFKA_FOLDER, free_port, port_in_use


@dataclass(frozen=True, slots=True)
class Running:
    """A running local Kafka.

    Attributes:
        bootstrap: address for clients.
        folder: its data, log and TLS files.
        before: whether it was already running.
    """

    bootstrap: str
    folder: Path
    before: bool


def agencies_of(root: Path) -> list[Path]:
    """Return the agency folders of a partnership's folder.

    Raises:
        ConfigError: ``partnership_missing``.
    """
    found = _agencies(root)
    if not found:
        raise ConfigError(
            "This folder holds no partnership.",
            code="partnership_missing",
            where=str(root),
            fix="Give the folder that was made with: concordant quickstart DIR",
        )
    return found


def _agencies(root: Path) -> list[Path]:
    return sorted(path.parent for path in root.glob(f"*/{CONFIG_NAME}"))


def start_local(
    root: Path,
    tell: Callable[[str], None],
    port: int | None = None,
    authority: Path | None = None,
) -> Running:
    """Start it, unless it is already running.

    Args:
        root: the partnership's folder.
        authority: folder of the authority that issued the agencies' certificates. The partnership's
            folder then needs to hold no agency. None uses, or makes, one of Kafka's own.
        port: port to listen on; the agencies' `agency.toml` then names it. None keeps the present
            one, or takes a free one if another program uses it.
        tell: called with the progress, in words.

    Raises:
        ConfigError: the folder holds no partnership, or it uses another Kafka.
        TransportError: `kafka_distribution` or `kafka_start_failed`.
    """
    agencies = _agencies(root) if authority is not None else agencies_of(root)
    bootstrap = (
        load_config(agencies[0]).kafka.bootstrap if agencies else f"localhost:{port or free_port()}"
    )
    folder = kafka_folder(root)
    running = find_detached(folder)
    if running is not None:
        return Running(running.bootstrap, folder, before=True)
    here = _port(bootstrap, root)
    if port is None and port_in_use(here):
        port = free_port()
        tell(f"another program uses port {here}: port {port} instead, also in each {CONFIG_NAME}")
    if port is not None and port != here:
        for agency in agencies:
            _move(agency, bootstrap, f"localhost:{port}")
    port = port or here
    told: set[Phase] = set()

    def progress(phase: Phase, detail: str) -> None:
        if phase not in told or phase is Phase.JARS:
            told.add(phase)
            tell(f"{phase.value}: {detail}")

    issuer = _authority(folder / "authority" if authority is None else authority)
    if authority is not None and issuer is None:
        raise ConfigError(
            "This folder holds no certificate authority.",
            code="file_unusable",
            where=str(authority),
            fix="Give the folder of the authority that issued the certificates of the agencies. "
            "Check that it exists, its owner and its permissions.",
        )
    local = LocalKafka(folder, issuer, port=port, progress=progress, detached=True)
    local.start()
    return Running(local.bootstrap, folder, before=False)


def stop_local(root: Path) -> bool:
    """Stop it; return False if it was not running.

    Raises:
        ConfigError: ``partnership_missing``.
    """
    if not kafka_folder(root).is_dir():
        agencies_of(root)
    return stop_detached(kafka_folder(root))


def kafka_folder(root: Path) -> Path:
    """Return the folder of a partnership's files for the Kafka operator."""
    return root / KAFKA_FOLDER


def _authority(folder: Path) -> Authority | None:
    certificate, key = (folder / name for name in ("cert.pem", "key.pem"))
    if not certificate.is_file() or not key.is_file():
        return None
    return Authority(certificate.read_bytes(), key.read_bytes())


def _move(agency: Path, bootstrap: str, address: str) -> None:
    """Change Kafka's address in an agency's configuration, and nothing else.

    Raises:
        ConfigError: ``config_invalid``, the address is not in the form that `quickstart` writes.
    """
    path = agency / CONFIG_NAME
    text = path.read_text()
    old = f'bootstrap = "{bootstrap}"'
    if text.count(old) != 1:
        raise ConfigError(
            "The address of Kafka is not in the line that `quickstart` wrote.",
            code="config_invalid",
            where=f"{path}: kafka.bootstrap",
            fix=f'Write it there yourself: bootstrap = "{address}"',
        )
    write_durably(path, text.replace(old, f'bootstrap = "{address}"').encode())


def _port(bootstrap: str, root: Path) -> int:
    host, _, port = bootstrap.rpartition(":")
    if host not in {"localhost", "127.0.0.1"} or not port.isdigit():
        raise ConfigError(
            "The agencies of this partnership use another Kafka.",
            code="kafka_not_local",
            where=f"{root}/*/{CONFIG_NAME}: kafka.bootstrap",
            fix="Start that one, or set bootstrap to localhost:PORT.",
        )
    return int(port)
