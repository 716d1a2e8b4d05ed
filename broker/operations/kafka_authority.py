"""Certificate authority of Kafka's host: made once, issues certificates from entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.agency.participant import load_participant
from broker.errors import ConfigError, EntryError, TransportError
from broker.keys.durable import make_private_folder, write_durably
from broker.keys.keyfile import UNASSIGNED
from broker.operations.agency_entry import ENTRIES_FOLDER, own_entry
from broker.operations.bundle_reading import (
    Collected,
    as_refused,
    collect,
    read_file,
    require_pins,
)
from broker.operations.contract_draft import require_distinct
from broker.operations.target_folder import names_in, not_empty, writing
from broker.partnership.bundle import CERTIFICATE_LIMIT_BYTES, Bundle, format_bundle
from broker.transport.certificates import (
    Authority,
    authority_of,
    certificate_digest,
    certify_request,
    issue_ca,
    issue_certificate,
    read_certificate,
    save_identity,
    verify_own_chain,
)

_CERTIFICATE: Final = "ca.pem"
_KEY: Final = "key.pem"


@dataclass(frozen=True, slots=True)
class OwnAuthority:
    """Authority of an agency that brings its own certificate.

    Attributes:
        agency: its id.
        subject: the authority's name.
        digest: SHA-256 of the authority's certificate, for comparison by telephone.
    """

    agency: str
    subject: str
    digest: str


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
    if names_in(folder):
        raise not_empty(folder, "The folder holds something, and no certificate authority.")
    with writing(folder, "authority"):
        made = issue_ca("kafka", now)
        save_identity(folder, ca=made.certificate, certificate=made.certificate, key=made.key)
    return True


def _read_authority(folder: Path) -> Authority:
    try:
        return Authority((folder / _CERTIFICATE).read_bytes(), (folder / _KEY).read_bytes())
    except OSError as error:
        raise ConfigError(
            f"The authority cannot be read ({error.strerror}).",
            code="file_unusable",
            where=str(folder),
            fix="Name the folder of the authority. Check that it is there, its owner and its "
            "permissions.",
        ) from None


def issue_certificates(folder: Path, entries: Sequence[Path], out: Path, now: int) -> Issued:
    """Issue a certificate for each entry, and write a bundle with all of them.

    Args:
        folder: the authority's.
        entries: files of agencies' entries, or bundles, whose entries all get a certificate.
        out: the bundle.
        now: milliseconds since the epoch.

    Raises:
        EntryError: an entry is refused; nothing is written.
        TransportError: `certificate_invalid`: the authority cannot be read.
        ConfigError: `file_unusable` or `output_unwritable`.
    """
    authority = _read_authority(folder)
    found = Collected()
    for path in entries:
        as_refused(path, lambda p=path: collect(read_file(p), str(p), UNASSIGNED, found, now))  # type: ignore[misc]
    as_refused(entries[0], lambda: require_pins(found.agreements.values(), found.entries))
    verified = [found.entries[agency] for agency in sorted(found.entries)]
    if not verified:
        raise EntryError(
            "These files hold no entry of an agency.",
            code="entry_malformed",
            where=", ".join(map(str, entries)),
            fix="Ask the agency for the file that it made with: concordant agency entry",
        )
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


def issue_identity(folder: Path, name: str, hosts: Sequence[str], out: Path, now: int) -> None:
    """Issue a certificate of the host's own, with its key: for the operator, or for a broker.

    Args:
        folder: the authority's.
        name: the common name, which is the principal.
        hosts: DNS names and addresses of a broker; none for the operator.
        out: the folder to write; absent or empty.
        now: milliseconds since the epoch.

    Raises:
        TransportError: `certificate_invalid`.
        ConfigError: `file_unusable`, `directory_not_empty` or `directory_unusable`.
    """
    authority = _read_authority(folder)
    certificate, key = issue_certificate(authority, name, hosts, now)
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise ConfigError(
                "The folder is not empty.",
                code="directory_not_empty",
                where=str(out),
                fix="Give a folder that is absent or empty.",
            )
        save_identity(out, ca=authority.certificate, certificate=certificate, key=key)
    except OSError as error:
        raise ConfigError(
            f"The certificate cannot be written ({error.strerror}).",
            code="directory_unusable",
            where=str(out),
            fix="Check the free space, the owner and the permissions of the folder.",
        ) from None


def bring_certificate(agency: Path, file: Path, now: int) -> OwnAuthority:
    """Use a certificate of this agency's own authority, and pass it on in bundles.

    Args:
        agency: the agency's folder.
        file: the certificate, then that of each issuer, PEM.
        now: milliseconds since the epoch.

    Raises:
        TransportError: `certificate_foreign`: it is not for the key of this agency's request.
        ConfigError: `file_unusable`, or the folder cannot be written; `config_invalid` if
            this agency does not log in with a certificate.
    """
    participant = load_participant(agency, now, unsigned_ok=True)
    tls = participant.kafka_connection().tls
    if tls.certificate is None:
        raise ConfigError(
            "This agency does not log in to Kafka with a certificate.",
            code="config_invalid",
            where="agency.toml: kafka.security",
            fix='Set security = "mtls".',
        )
    chain = read_file(file)[:CERTIFICATE_LIMIT_BYTES]
    name = participant.agency
    request = own_entry(agency, name, now).entry.certificate_request.encode()
    facts = verify_own_chain(chain, name, request)
    try:
        make_private_folder(tls.certificate.parent)
        write_durably(agency / ENTRIES_FOLDER / f"{name}.pem", chain)
        write_durably(tls.certificate, chain)
    except OSError as error:
        raise ConfigError(
            f"The certificate cannot be written ({error.strerror}).",
            code="output_unwritable",
            where=str(agency),
            fix="Check the free space, the owner and the permissions of the folder.",
        ) from None
    return OwnAuthority(name, facts.subject, certificate_digest(authority_of(chain)))


def write_trust(folder: Path, bundle: Path, out: Path, now: int) -> tuple[OwnAuthority, ...]:
    """Write the authorities that Kafka trusts: the host's, and those that agencies bring.

    Args:
        folder: the host's authority.
        bundle: holds the certificates that agencies bring.
        out: Kafka's file of trusted certificates, PEM (`ssl.truststore.location`).
        now: milliseconds since the epoch.

    Raises:
        EntryError: the bundle is refused.
        ConfigError: `file_unusable` or `output_unwritable`.
    """
    found = Collected()
    as_refused(bundle, lambda: collect(read_file(bundle), str(bundle), UNASSIGNED, found, now))
    authorities = [read_file(folder / _CERTIFICATE)]
    brought = []
    for agency, chain in sorted(found.own_certificates.items()):
        pem = authority_of(chain)
        authorities.append(pem)
        brought.append(OwnAuthority(agency, read_certificate(pem).subject, certificate_digest(pem)))
    try:
        write_durably(out, b"".join(dict.fromkeys(authorities)))
    except OSError as error:
        raise ConfigError(
            f"The file cannot be written ({error.strerror}).",
            code="output_unwritable",
            where=str(out),
            fix="Name a file in a folder that exists and that you may write to.",
        ) from None
    return tuple(brought)
