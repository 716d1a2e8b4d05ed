"""Renewal of this agency's TLS certificate by a command of its own, such as an ACME client.

The command runs without a shell, in the agency's folder, in a process group of its own, and for a
limited time. It gets no secret of ours: the environment variables that hold one are taken out. The
end of its output is kept in a file, because it may hold names; log lines and errors do not repeat
it. Afterwards the files are checked: a command that says that it succeeded, and changed nothing, is
a failure.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.agency.config_sections import RenewalSection
from broker.agency.participant import Participant, load_participant
from broker.errors import ConfigError, TransportError
from broker.keys.durable import SECRET_MODE, make_private_folder, write_durably
from broker.keys.secret_source import CREDENTIALS_DIRECTORY
from broker.transport.certificates import read_certificate
from broker.transport.tls_ends import TlsEnds
from contracts.durations import DAY_MS

OUTPUT_NAME: Final = "state/certificate-renewal.log"
OUTPUT_BYTES: Final = 64 * 1024
"""The end of the command's output that is kept."""
_LEFT_OVER_S: Final = 1.0
"""Time for the rest of the output after the command has ended."""


@dataclass(frozen=True, slots=True)
class RenewedCertificate:
    """A renewed certificate and its end, in milliseconds since the epoch."""

    certificate: Path
    ends_ms: int


def renewal_of(participant: Participant) -> RenewalSection:
    """Return the configured command.

    Raises:
        ConfigError: `renewal_not_configured`.
    """
    section = participant.config.kafka.renewal
    if section is None or participant.kafka_connection().tls.certificate is None:
        raise ConfigError(
            "No command is configured that renews the TLS certificate.",
            code="renewal_not_configured",
            where="agency.toml: kafka.renewal",
            fix='Add to agency.toml, for example: [kafka.renewal] command = ["step", "ca", '
            '"renew", "--force", "tls/cert.pem", "tls/key.pem"]. Or ask Kafka\'s host for a new '
            "certificate.",
        )
    return section


def certificate_renewal_due(participant: Participant, ends_ms: int, now: int) -> bool:
    """Return whether the configured command should run now."""
    section = participant.config.kafka.renewal
    return section is not None and ends_ms - now < section.days_before * DAY_MS


async def renew_certificate(participant: Participant, now: int) -> RenewedCertificate:
    """Run the configured command, and check the files afterwards.

    Args:
        participant: the agency.
        now: milliseconds since the epoch.

    Raises:
        ConfigError: `renewal_not_configured`.
        TransportError: `renewal_failed`, `renewal_timed_out` or `renewal_without_effect`.
    """
    section = renewal_of(participant)
    connection = participant.kafka_connection()
    path = connection.tls.certificate
    assert path is not None  # `renewal_of`
    ends = TlsEnds(connection)
    before, name = ends.read()["certificate"], _name(path)
    await _run(participant, section)
    end = ends.read()["certificate"]
    if ends.problem is not None:
        raise _without_effect(participant, "the TLS files cannot be used together afterwards")
    if name is not None and _name(path) != name:
        raise _without_effect(participant, "the certificate is for another name than before")
    if end <= max(before, now):
        raise _without_effect(participant, "the certificate does not end later than before")
    return RenewedCertificate(path, end)


async def renew_agency(agency: Path, now: int) -> RenewedCertificate:
    """Run the command of an agency's folder; see `renew_certificate`."""
    return await renew_certificate(load_participant(agency, now, unsigned_ok=True), now)


async def _run(participant: Participant, section: RenewalSection) -> None:
    try:
        process = await asyncio.create_subprocess_exec(
            *section.command,
            cwd=participant.root,
            env=_environment(participant),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not a command"
        raise _failed(f"cannot be started ({reason})", None) from None
    assert process.stdout is not None
    output = bytearray()
    reading = asyncio.ensure_future(_keep_end(process.stdout, output))
    try:
        async with asyncio.timeout(section.timeout):
            code = await process.wait()
        await asyncio.wait([reading], timeout=_LEFT_OVER_S)
    except TimeoutError:
        raise TransportError(
            f"the command that renews the TLS certificate did not end within "
            f"{section.timeout:g} seconds, and was stopped",
            code="renewal_timed_out",
            where=str(_log(participant)),
            fix="Read its output there; run it by hand, or give it more time: timeout in "
            "[kafka.renewal]",
        ) from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        reading.cancel()
        _keep(participant, bytes(output))
    if code != 0:
        raise _failed(f"failed (exit status {code})", _log(participant))


async def _keep_end(stream: asyncio.StreamReader, output: bytearray) -> None:
    while piece := await stream.read(8192):
        output += piece
        del output[:-OUTPUT_BYTES]


def _keep(participant: Participant, output: bytes) -> None:
    path = _log(participant)
    with contextlib.suppress(OSError):  # the result of the command counts, not its text
        make_private_folder(path.parent)
        write_durably(path, output, mode=SECRET_MODE)


def _log(participant: Participant) -> Path:
    return participant.path(OUTPUT_NAME)


def _name(path: Path) -> str | None:
    try:
        return read_certificate(path.read_bytes()).common_name
    except (OSError, TransportError):
        return None


def _environment(participant: Participant) -> dict[str, str]:
    """Return the environment without the variables that `agency.toml` names for secrets."""
    secret = set(_named_variables(participant.config.model_dump())) | {CREDENTIALS_DIRECTORY}
    return {name: value for name, value in os.environ.items() if name not in secret}


def _named_variables(section: object) -> Iterator[str]:
    if isinstance(section, Mapping):
        for name, value in section.items():
            if name == "environment" and isinstance(value, str):
                yield value
            else:
                yield from _named_variables(value)


def _failed(detail: str, log: Path | None) -> TransportError:
    return TransportError(
        f"the command that renews the TLS certificate {detail}",
        code="renewal_failed",
        where="agency.toml: kafka.renewal" if log is None else str(log),
        fix="correct command in [kafka.renewal]"
        if log is None
        else "read its output there, correct the cause, then: concordant kafka renew --agency DIR",
    )


def _without_effect(participant: Participant, detail: str) -> TransportError:
    return TransportError(
        f"the command ended well, but {detail}",
        code="renewal_without_effect",
        where=str(_log(participant)),
        fix="The command must replace the files that certificate and key in [kafka] name.",
    )
