"""Checks of the machine and the agency's folder: folders, disk, state, clock, TLS identity."""

from __future__ import annotations

import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from broker.agency.config import AgencyConfig
from broker.agency.config_secrets import agency_state
from broker.agency.kafka_settings import connection_of
from broker.agency.participant import Participant
from broker.keys.instant import CLOCK_SKEW_MS
from broker.operations.checks.check import Check, passed, warned
from broker.registry.repository import CONTRACTS_FOLDER, MANIFESTS_FOLDER
from broker.store.database import open_store, state_exists
from broker.store.place import PostgresPlace
from broker.transport.connection import ssl_context
from broker.transport.tls_ends import TlsPart, tls_facts
from contracts.durations import DAY_MS, duration_text
from contracts.phrases import N_, phrase, phrases

_CERTIFICATE: Final = N_(
    "ask Kafka's host to issue a certificate for the same name, and replace "
    "the files that [kafka] in agency.toml names"
)
LEAST_FREE_BYTES: Final = 512 * 2**20
"""Minimum free space for the state database: a day of events and its log."""
LITTLE_FREE_BYTES: Final = 4 * 2**30
CERTIFICATE_SOON_MS: Final = 30 * DAY_MS


def folders(agency: Path, config: AgencyConfig) -> Iterator[Check]:
    """Check that every folder to which the adapter writes is writable."""
    named = (
        config.folders.import_,
        config.folders.processed,
        config.folders.quarantine,
        config.folders.inbox,
        CONTRACTS_FOLDER,
        MANIFESTS_FOLDER,
        str(Path(config.state.database).parent),
    )
    wrong = [name for name in dict.fromkeys(named) if not _writable(agency / name)]
    for name in wrong:
        yield Check(
            "folders",
            "fail",
            phrase("%(value)s is missing or cannot be written to", value=agency / name),
            N_("make the folder, and let the account that runs the adapter write to it"),
            "folder_unwritable",
        )
    if not wrong:
        yield passed(
            "folders",
            phrases(
                "%(n)s folder can be written to", "%(n)s folders can be written to", len(set(named))
            ),
        )


def _writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def disk(agency: Path) -> Iterator[Check]:
    """Check the disk space for the state."""
    free = shutil.disk_usage(agency).free
    text = phrase("%(value)s GiB free", value=f"{free / 2**30:.1f}")
    if free < LEAST_FREE_BYTES:
        yield Check(
            "disk",
            "fail",
            text,
            N_("free disk space: nothing can be received or sent"),
            "disk_full",
        )
    elif free < LITTLE_FREE_BYTES:
        yield warned(
            "disk",
            text,
            N_(
                "make room: keep files for fewer days, [retention] in agency.toml; delete nothing "
                "in state/"
            ),
        )
    else:
        yield passed("disk", text)


def state(agency: Path, config: AgencyConfig) -> Iterator[Check]:
    """Run the state database's own check.

    Raises:
        StoreError: it finds a fault.
    """
    place = agency_state(config, agency)
    if not state_exists(place):
        yield passed("state", N_("no state yet: the adapter makes it when it starts"))
    elif isinstance(place, Path):
        yield from _file(place)
    else:
        yield _server(place)


def _server(place: PostgresPlace) -> Check:
    """Check a state on a PostgreSQL server."""
    store = open_store(place)
    try:
        store.check()
        unsafe = store.unsafe_settings()
    finally:
        store.close()
    if unsafe:
        return Check(
            "state",
            "fail",
            phrase(
                "a power cut at the server can lose events: %(names)s is off",
                names=" and ".join(unsafe),
            ),
            N_("Set fsync, full_page_writes and synchronous_commit to on in postgresql.conf."),
            "store_unsafe",
        )
    return passed(
        "state",
        phrase("the state database is sound (schema %(name)s of a server)", name=place.schema),
    )


def _file(path: Path) -> Iterator[Check]:
    before = path.stat()
    mode = stat.S_IMODE(before.st_mode)
    if mode & 0o077:  # opening the database corrects its mode
        yield warned(
            "state",
            phrase(
                "others could read the state database (it had mode %(mode)s); now they cannot",
                mode=f"{mode:o}",
            ),
            N_("find out who has changed it, and who has read it since"),
        )
    store = open_store(path)
    try:
        store.check()
    finally:
        store.close()
    yield passed(
        "state",
        phrase(
            "the state database is sound (%(value)s MiB)", value=f"{before.st_size / 2**20:.1f}"
        ),
    )


def clock(participant: Participant, now: int) -> Iterator[Check]:
    """Check that this clock is not behind the signatures of others."""
    newest = max(
        (verified.manifest.issued for verified in participant.manifests.all()), default=now
    )
    if state_exists(participant.state):
        store = open_store(participant.state)
        try:
            with store.reading() as tx:
                newest = max([newest, *(row.heard_ms for row in tx.heads.all())])
        finally:
            store.close()
    ahead = newest - now
    if ahead > CLOCK_SKEW_MS:
        yield Check(
            "clock",
            "fail",
            phrase(
                "%(time)s behind the newest time that a party has signed", time=duration_text(ahead)
            ),
            N_("set the clock by NTP (chrony or systemd-timesyncd)"),
            "clock_behind",
        )
    else:
        yield passed("clock", N_("not behind any time that a party has signed"))


def certificate(agency: Path, config: AgencyConfig, now: int) -> Iterator[Check]:
    """Check that the TLS files can be used, are ours, and stay valid for a while.

    With SASL there is no client certificate, and the authority may be that of the system.

    Raises:
        TransportError: a file is missing or invalid.
    """
    files = connection_of(config.kafka, agency, config.agency).tls
    ssl_context(files, config.kafka.minimum_tls)
    if files.certificate is None:
        how = config.kafka.security
        yield passed(
            "certificate", phrase('none is needed: [kafka] security is "%(how)s"', how=how)
        )
    parts: tuple[tuple[TlsPart, Path | None], ...] = (
        ("certificate", files.certificate),
        ("authority", files.ca),
    )
    for name, path in parts:
        if path is None:
            continue
        facts = tls_facts(name, path.read_bytes())
        if not facts.not_before <= now < facts.not_after:
            yield Check(
                "certificate",
                "fail",
                phrase("the TLS %(name)s is not valid now", name=name),
                _CERTIFICATE,
                "certificate_expired",
            )
        elif facts.not_after - now < CERTIFICATE_SOON_MS:
            left = duration_text(facts.not_after - now)
            own = name == "certificate" and config.kafka.renewal is not None
            fix = f"concordant kafka renew --agency {agency}" if own else _CERTIFICATE
            yield warned(
                "certificate",
                phrase("the TLS %(name)s expires in %(left)s", name=name, left=left),
                fix,
            )
        elif name == "certificate":
            left = duration_text(facts.not_after - now)
            yield passed(
                "certificate",
                phrase(
                    "%(common_name)s, valid for %(left)s", common_name=facts.common_name, left=left
                ),
            )
    mode = 0 if files.key is None else stat.S_IMODE(files.key.stat().st_mode)
    if mode & 0o077:
        yield Check(
            "certificate",
            "fail",
            phrase("others can read the TLS key (mode %(mode)s)", mode=f"{mode:o}"),
            phrase("chmod 600 %(key)s", key=files.key),
            "key_readable",
        )
