"""Certificate authority of Kafka's host: made once, issues certificates from entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.errors import ConfigError, EntryError, TransportError
from broker.keys.durable import write_durably
from broker.operations.bundle_reading import read_file
from broker.operations.contract_draft import require_distinct
from broker.partnership.bundle import Bundle, format_bundle
from broker.partnership.entry import verify_entry
from broker.transport.certificates import Authority, certify_request, issue_ca, save_identity

_CERTIFICATE: Final = "ca.pem"
_KEY: Final = "key.pem"


@dataclass(frozen=True, slots=True)
class Issued:
    """Certificates that were issued.

    Attributes:
        agencies: their agency ids.
        file: the bundle that holds them.
    """

    agencies: tuple[str, ...]
    file: Path


def make_authority(folder: Path, now: int) -> bool:
    """Make a certificate authority; whether this call made it.

    Args:
        folder: absent or empty, or an authority, which stays as it is.
        now: milliseconds since the epoch.

    Raises:
        ConfigError: `directory_not_empty` or `directory_unusable`.
    """
    if (folder / _CERTIFICATE).is_file() and (folder / _KEY).is_file():
        return False
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ConfigError(
                "The folder holds something, and no certificate authority.",
                code="directory_not_empty",
                where=str(folder),
                fix="Give a folder that is absent or empty.",
            )
        made = issue_ca("kafka", now)
        save_identity(folder, ca=made.certificate, certificate=made.certificate, key=made.key)
    except OSError as error:
        raise ConfigError(
            f"The authority cannot be written ({error.strerror}).",
            code="directory_unusable",
            where=str(folder),
            fix="Check the free space, the owner and the permissions of the folder.",
        ) from None
    return True


def issue_certificates(folder: Path, entries: Sequence[Path], out: Path, now: int) -> Issued:
    """Issue a certificate for each entry, and write a bundle with all of them.

    Args:
        folder: the authority's.
        entries: files of agencies' entries.
        out: the bundle.
        now: milliseconds since the epoch.

    Raises:
        EntryError: an entry is refused; nothing is written.
        TransportError: `certificate_invalid`: the authority cannot be read.
        ConfigError: `file_unusable` or `output_unwritable`.
    """
    try:
        authority = Authority((folder / _CERTIFICATE).read_bytes(), (folder / _KEY).read_bytes())
    except OSError as error:
        raise ConfigError(
            f"The authority cannot be read ({error.strerror}).",
            code="file_unusable",
            where=str(folder),
            fix="Name the folder of the authority. Check that it is there, its owner and its "
            "permissions.",
        ) from None
    verified = [verify_entry(read_file(path), now=now, where=str(path)) for path in entries]
    require_distinct(verified)
    certificates: dict[str, bytes] = {}
    for entry in verified:
        try:
            request = entry.entry.certificate_request.encode()
            certificates[entry.agency] = certify_request(authority, request, entry.agency, now=now)
        except TransportError as error:
            if error.code != "certificate_request_invalid":
                raise
            raise EntryError(error.detail, code=error.code, fix=error.fix) from None
    bundle = Bundle(
        entries={entry.agency: entry.raw for entry in verified},
        authority=authority.certificate,
        certificates=certificates,
    )
    try:
        write_durably(out, format_bundle(bundle))
    except OSError as error:
        raise ConfigError(
            f"The bundle cannot be written ({error.strerror}).",
            code="output_unwritable",
            where=str(out),
            fix="Name a file in a folder that exists and that you may write to.",
        ) from None
    return Issued(tuple(certificates), out)
