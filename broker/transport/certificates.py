"""TLS identities for Kafka: one certificate authority for a partnership, one certificate a party.

Kafka takes a client's principal from the common name of its certificate. The contract names it for
each party, and the ACLs of `topics.py` use it. These certificates protect only the connection; no
event is trusted because of them, and an agency may use certificates of its own authority instead.
Keys are ECDSA on P-256, because Kafka's PEM stores read it in every Java, in PKCS#8 PEM without a
passphrase: the file mode protects the file, as Kafka and OpenSSL expect.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from broker.errors import TransportError
from broker.keys.durable import make_private_folder

AUTHORITY_LIFE = dt.timedelta(days=3650)
CERTIFICATE_LIFE = dt.timedelta(days=365)
BACKDATE = dt.timedelta(minutes=10)
"""Time before `now` at which a certificate begins: a party's clock may be 5 minutes behind."""

OPERATOR_NAME = "kafka-operator"
"""Common name of the Kafka operator, who is Kafka's super user."""

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority: its certificate and private key, both PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """Facts about a certificate, for `doctor`.

    Attributes:
        common_name: the Kafka principal's name; empty if there is none.
        subject: the whole subject, which is the principal's name if Kafka has no mapping rule.
        not_before: start, milliseconds since the epoch.
        not_after: end, milliseconds since the epoch.
    """

    common_name: str
    subject: str
    not_before: int
    not_after: int


def issue_ca(deployment: str, now: int | None = None) -> Authority:
    """Makes the certificate authority of one deployment.

    Args:
        deployment: for example `pan-london`; goes into the authority's name.
        now: milliseconds since the epoch; None is the clock.
    """
    start = _moment(now)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"Concordant {deployment} authority"[:64])]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - BACKDATE)
        .not_valid_after(start + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate.public_bytes(serialization.Encoding.PEM), _key_pem(key))


def issue_certificate(
    authority: Authority, common_name: str, hosts: Sequence[str] = (), now: int | None = None
) -> tuple[bytes, bytes]:
    """Issues a certificate for a party, or for Kafka itself if `hosts` are given.

    Args:
        authority: the issuer.
        common_name: lower-case letters, digits, `.` and `-`: the Kafka principal.
        hosts: DNS names and IP addresses of a server; empty for a client.
        now: milliseconds since the epoch; None is the clock.

    Returns:
        (certificate PEM, private key PEM in PKCS#8).

    Raises:
        TransportError: `certificate_invalid`, the name cannot be a principal or the authority
            cannot be read.
    """
    issuer, issuer_key = _issuer(authority, common_name)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certified(issuer, issuer_key, common_name, key.public_key(), hosts, now)
    return certificate.public_bytes(serialization.Encoding.PEM), _key_pem(key)


def _issuer(
    authority: Authority, common_name: str
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    if not _NAME.fullmatch(common_name):
        raise TransportError(
            "a TLS common name has lower-case letters, digits, '.' and '-' only",
            code="certificate_invalid",
            fix="Use the agency's id as its Kafka principal.",
        )
    try:
        issuer = x509.load_pem_x509_certificate(authority.certificate)
        issuer_key = serialization.load_pem_private_key(authority.key, password=None)
    except (ValueError, TypeError):
        raise TransportError(
            "the certificate authority's files cannot be read", code="certificate_invalid"
        ) from None
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise TransportError(
            "the authority's key is not an elliptic curve key", code="certificate_invalid"
        )
    return issuer, issuer_key


def certify_request(
    authority: Authority, request: bytes, common_name: str, *, now: int | None = None
) -> bytes:
    """Issue a client certificate for the key of a request.

    Args:
        authority: the issuer.
        request: PKCS#10 in PEM.
        common_name: the Kafka principal, which the request must name.
        now: milliseconds since the epoch; None is the clock.

    Returns:
        The certificate, PEM.

    Raises:
        TransportError: `certificate_request_invalid` or `certificate_invalid`.
    """
    verify_certificate_request(request, common_name)
    issuer, issuer_key = _issuer(authority, common_name)
    public = x509.load_pem_x509_csr(request).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)  # verified above
    certificate = _certified(issuer, issuer_key, common_name, public, (), now)
    return certificate.public_bytes(serialization.Encoding.PEM)


def _certified(
    issuer: x509.Certificate,
    issuer_key: ec.EllipticCurvePrivateKey,
    common_name: str,
    public: ec.EllipticCurvePublicKey,
    hosts: Sequence[str],
    now: int | None,
) -> x509.Certificate:
    start = _moment(now)
    purposes = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if hosts:
        purposes.append(ExtendedKeyUsageOID.SERVER_AUTH)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .issuer_name(issuer.subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - BACKDATE)
        .not_valid_after(min(start + CERTIFICATE_LIFE, issuer.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if hosts:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False
        )
    return builder.sign(issuer_key, hashes.SHA256())


def new_private_key() -> bytes:
    """Return a new TLS private key, PEM in PKCS#8."""
    return _key_pem(ec.generate_private_key(ec.SECP256R1()))


def certificate_request(key: bytes, common_name: str) -> bytes:
    """Return a PKCS#10 request for a client certificate.

    Args:
        key: the private key, PEM.
        common_name: the Kafka principal.

    Returns:
        The request, PEM.

    Raises:
        TransportError: `certificate_unreadable`: the private key cannot be read.
    """
    try:
        private = serialization.load_pem_private_key(key, password=None)
    except (ValueError, TypeError):
        private = None
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TransportError(
            "The TLS private key cannot be read.",
            code="certificate_unreadable",
            fix="Put the file back.",
        )
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .sign(private, hashes.SHA256())
    )
    return request.public_bytes(serialization.Encoding.PEM)


def verify_certificate_request(pem: bytes, common_name: str) -> None:
    """Check a request: its form, its key, its name and its own signature.

    Args:
        pem: the request, in its canonical form.
        common_name: the Kafka principal that it must name, and nothing else.

    Raises:
        TransportError: `certificate_request_invalid`.
    """
    try:
        request = x509.load_pem_x509_csr(pem)
        names = [(one.oid, one.value) for one in request.subject]
        sound = (
            names == [(NameOID.COMMON_NAME, common_name)]
            and request.public_bytes(serialization.Encoding.PEM) == pem
            and isinstance(request.public_key(), ec.EllipticCurvePublicKey)
            and not list(request.extensions)
            and request.is_signature_valid
        )
    except (ValueError, TypeError, x509.DuplicateExtension, UnsupportedAlgorithm):
        sound = False
    if not sound:
        raise TransportError(
            "The certificate request is damaged, or it is for another name than the agency's id.",
            code="certificate_request_invalid",
            fix="Ask the agency for its entry again.",
        )


def verify_issued(
    authority: bytes, certificate: bytes, common_name: str, request: bytes | None = None
) -> None:
    """Check that an authority issued a certificate to a name, for the key of a request.

    Args:
        authority: the authority's certificate, PEM.
        certificate: the certificate, PEM.
        common_name: the Kafka principal.
        request: PKCS#10 in PEM; None checks no key.

    Raises:
        TransportError: `certificate_foreign`.
    """
    try:
        issuer = x509.load_pem_x509_certificate(authority)
        issued = x509.load_pem_x509_certificate(certificate)
        names = [(one.oid, one.value) for one in issued.subject]
        sound = names == [(NameOID.COMMON_NAME, common_name)]
        if request is not None:
            wanted = x509.load_pem_x509_csr(request).public_key()
            sound = sound and issued.public_key() == wanted
        issued.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        sound = False
    if not sound:
        raise TransportError(
            f"The certificate is not one that the authority issued to {common_name}.",
            code="certificate_foreign",
            fix="Ask Kafka's host to issue it again, from the agency's entry.",
        )


def verify_own_chain(pem: bytes, common_name: str, request: bytes) -> CertificateFacts:
    """Check a certificate of an agency's own authority, with the certificates of its issuers.

    Args:
        pem: the agency's certificate, then that of each issuer, the last one self-signed.
        common_name: the Kafka principal, which the certificate's common name must be.
        request: the agency's certificate request, PEM, whose key the certificate must have.

    Returns:
        The facts of the last certificate, that of the authority.

    Raises:
        TransportError: `certificate_foreign`.
    """
    try:
        chain = x509.load_pem_x509_certificates(pem)
        names = chain[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        sound = [one.value for one in names] == [common_name] and 2 <= len(chain) <= 8
        sound = sound and chain[0].public_key() == x509.load_pem_x509_csr(request).public_key()
        for one, issuer in zip(chain, [*chain[1:], chain[-1]], strict=True):
            one.verify_directly_issued_by(issuer)
        for issuer in chain[1:]:
            constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints)
            sound = sound and constraints.value.ca
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound):
        sound = False
    if not sound:
        raise TransportError(
            f"The certificates are not a chain of {common_name}'s own authority for the key of "
            "its request.",
            code="certificate_foreign",
            fix="Put the certificate first, then that of each issuer, the self-signed one last.",
        )
    return _facts(chain[-1])


def authority_of(chain: bytes) -> bytes:
    """Return the last certificate of a chain that `verify_own_chain` has checked, PEM."""
    return x509.load_pem_x509_certificates(chain)[-1].public_bytes(serialization.Encoding.PEM)


def certificate_digest(pem: bytes) -> str:
    """Return the SHA-256 of a certificate as other programs show it: pairs joined by colons."""
    digest = x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256())
    return ":".join(f"{one:02X}" for one in digest)


def read_certificate(pem: bytes) -> CertificateFacts:
    """Read the name and the validity of a certificate.

    Raises:
        TransportError: `certificate_invalid`, the bytes are not a PEM certificate.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise TransportError(
            "the file is not a PEM certificate", code="certificate_invalid"
        ) from None
    return _facts(certificate)


def read_certificates(pem: bytes) -> list[CertificateFacts]:
    """Read all certificates of a file; there is at least one.

    Raises:
        TransportError: `certificate_invalid`.
    """
    try:
        return [_facts(one) for one in x509.load_pem_x509_certificates(pem)]
    except ValueError:
        raise TransportError(
            "the file is not a PEM certificate", code="certificate_invalid"
        ) from None


def _facts(certificate: x509.Certificate) -> CertificateFacts:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    name = names[0].value if names else ""
    return CertificateFacts(
        name if isinstance(name, str) else "",
        certificate.subject.rfc4514_string(),
        int(certificate.not_valid_before_utc.timestamp() * 1000),
        int(certificate.not_valid_after_utc.timestamp() * 1000),
    )


def save_identity(folder: Path, *, ca: bytes, certificate: bytes, key: bytes) -> None:
    """Writes `ca.pem`, `cert.pem` and `key.pem` (mode 0600) into a folder of mode 0700."""
    make_private_folder(folder)
    for name, content, mode in (
        ("ca.pem", ca, 0o644),
        ("cert.pem", certificate, 0o644),
        ("key.pem", key, 0o600),
    ):
        handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, mode)
            file.write(content)


def _moment(now: int | None) -> dt.datetime:
    if now is None:
        return dt.datetime.now(dt.UTC).replace(microsecond=0)
    return dt.datetime.fromtimestamp(now // 1000, dt.UTC)


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
