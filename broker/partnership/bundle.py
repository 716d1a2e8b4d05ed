"""Bundle: one file that agencies pass round until all have signed (docs/spec/bundles.md).

A bundle is a ZIP file with stored members in a fixed order, so one content has one file. Reading
builds the file again and compares the bytes: a member that leaves the folder, a compression bomb, a
second member of one name or hidden bytes are all refused by that one check. This module checks the
form; `broker/operations/bundle_reading.py` checks every signature before anything is written.
"""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final

from broker.errors import EntryError
from broker.keys.manifest import MANIFEST_FILE_LIMIT_BYTES
from broker.partnership.entry import ENTRY_LIMIT_BYTES
from broker.registry.contract_notes import CONTRACT_NOTE_LIMIT_BYTES
from contracts.documents import DOCUMENT_BYTES
from contracts.loading import AGREEMENT_BYTES

BUNDLE_MAGIC: Final = b"PK"
"""First bytes of a bundle: those of every zip file."""
BUNDLE_LIMIT_BYTES: Final = 64 * 1024 * 1024
MEMBERS_LIMIT: Final = 16_384
"""Maximum number of members: 256 parties with twenty versions of their agreement have 6,000."""
DIRECTORY_LIMIT_BYTES: Final = 4 * 1024 * 1024
CERTIFICATE_LIMIT_BYTES: Final = 16 * 1024
_END_BYTES: Final = 22
_END: Final = struct.Struct("<4s4H2LH")
_TIME: Final = (1980, 1, 1, 0, 0, 0)
_ID: Final = "[a-z][a-z0-9-]{0,61}[a-z0-9]"
_OFFICER: Final = "[a-z][a-z0-9-]{0,62}"
AUTHORITY_NAME: Final = "kafka/ca.pem"


@dataclass(frozen=True, slots=True)
class Bundle:
    """The members of a bundle, unverified.

    Attributes:
        agreements: exact bytes by SHA-256, hexadecimal.
        signatures: notes, by the agreement's hash and the party's id; of a party with officers
            `ID.OFFICER`.
        entries: by agency id.
        manifests: by agency id and version.
        authority: certificate of the authority that Kafka trusts, PEM.
        certificates: TLS certificates by agency id, PEM.
        documents: framework agreements and vocabularies, by SHA-256, hexadecimal.
        own_certificates: by agency id, the certificate of an authority of its own, followed by
            those of its issuers, PEM.
    """

    agreements: Mapping[str, bytes] = field(default_factory=dict)
    signatures: Mapping[tuple[str, str], bytes] = field(default_factory=dict)
    entries: Mapping[str, bytes] = field(default_factory=dict)
    manifests: Mapping[tuple[str, int], bytes] = field(default_factory=dict)
    authority: bytes | None = None
    certificates: Mapping[str, bytes] = field(default_factory=dict)
    documents: Mapping[str, bytes] = field(default_factory=dict)
    own_certificates: Mapping[str, bytes] = field(default_factory=dict)

    def members(self) -> Iterator[tuple[str, bytes]]:
        """Name and content of each member, in the order of their names."""
        named = {f"agreements/{one}.yaml": raw for one, raw in self.agreements.items()}
        named |= {f"agreements/{h}.{a}.note": raw for (h, a), raw in self.signatures.items()}
        named |= {f"entries/{one}.entry": raw for one, raw in self.entries.items()}
        named |= {f"manifests/{a}.{v}.note": raw for (a, v), raw in self.manifests.items()}
        named |= {f"kafka/certificates/{one}.pem": raw for one, raw in self.certificates.items()}
        named |= {f"documents/{one}.txt": raw for one, raw in self.documents.items()}
        named |= {f"kafka/own/{one}.pem": raw for one, raw in self.own_certificates.items()}
        if self.authority is not None:
            named[AUTHORITY_NAME] = self.authority
        yield from sorted(named.items())


@dataclass(slots=True)
class _Members:
    agreements: dict[str, bytes] = field(default_factory=dict)
    signatures: dict[tuple[str, str], bytes] = field(default_factory=dict)
    entries: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, int], bytes] = field(default_factory=dict)
    authority: bytes | None = None
    certificates: dict[str, bytes] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)
    own_certificates: dict[str, bytes] = field(default_factory=dict)


def _authority(members: _Members, _: re.Match[str], raw: bytes) -> None:
    members.authority = raw


_Take = Callable[[_Members, "re.Match[str]", bytes], object]
_KINDS: Final[tuple[tuple[re.Pattern[str], int, _Take], ...]] = (
    (
        re.compile(r"agreements/([0-9a-f]{64})\.yaml"),
        AGREEMENT_BYTES,
        lambda into, name, raw: into.agreements.__setitem__(name[1], raw),
    ),
    (
        re.compile(rf"agreements/([0-9a-f]{{64}})\.({_ID}(?:\.{_OFFICER})?)\.note"),
        CONTRACT_NOTE_LIMIT_BYTES,
        lambda into, name, raw: into.signatures.__setitem__((name[1], name[2]), raw),
    ),
    (
        re.compile(rf"entries/({_ID})\.entry"),
        ENTRY_LIMIT_BYTES,
        lambda into, name, raw: into.entries.__setitem__(name[1], raw),
    ),
    (
        re.compile(rf"manifests/({_ID})\.([1-9][0-9]{{0,15}})\.note"),
        MANIFEST_FILE_LIMIT_BYTES,
        lambda into, name, raw: into.manifests.__setitem__((name[1], int(name[2])), raw),
    ),
    (
        re.compile(rf"kafka/certificates/({_ID})\.pem"),
        CERTIFICATE_LIMIT_BYTES,
        lambda into, name, raw: into.certificates.__setitem__(name[1], raw),
    ),
    (
        re.compile(rf"kafka/own/({_ID})\.pem"),
        CERTIFICATE_LIMIT_BYTES,
        lambda into, name, raw: into.own_certificates.__setitem__(name[1], raw),
    ),
    (
        re.compile(r"documents/([0-9a-f]{64})\.txt"),
        DOCUMENT_BYTES,
        lambda into, name, raw: into.documents.__setitem__(name[1], raw),
    ),
    (re.compile(re.escape(AUTHORITY_NAME)), CERTIFICATE_LIMIT_BYTES, _authority),
)


def format_bundle(bundle: Bundle) -> bytes:
    """The bytes of a bundle; the same content gives the same bytes.

    Raises:
        EntryError: `bundle_too_large`.
    """
    members = list(bundle.members())
    if len(members) > MEMBERS_LIMIT or sum(len(raw) for _, raw in members) > BUNDLE_LIMIT_BYTES:
        raise _too_large(None)
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for name, raw in members:
            info = zipfile.ZipInfo(name, _TIME)
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            archive.writestr(info, raw)
    return out.getvalue()


def parse_bundle(raw: bytes, where: str | None = None) -> Bundle:
    """Read the members of a bundle.

    Args:
        raw: the file's bytes; at most one more than the limit need be read.
        where: the file's name, for errors.

    Raises:
        EntryError: `bundle_too_large` or `bundle_malformed`.
    """
    if len(raw) > BUNDLE_LIMIT_BYTES:
        raise _too_large(where)
    _require_bounded_directory(raw, where)
    into = _Members()
    try:
        with zipfile.ZipFile(BytesIO(raw)) as archive:
            for info in archive.infolist():
                _take(archive, info, into)
        bundle = Bundle(
            into.agreements,
            into.signatures,
            into.entries,
            into.manifests,
            into.authority,
            into.certificates,
            into.documents,
            into.own_certificates,
        )
        if format_bundle(bundle) != raw:
            raise ValueError("not the one way to write it")
    except (ValueError, OSError, EOFError, struct.error, NotImplementedError, RuntimeError):
        raise _malformed(where) from None
    except zipfile.BadZipFile:
        raise _malformed(where) from None
    return bundle


def _take(archive: zipfile.ZipFile, info: zipfile.ZipInfo, into: _Members) -> None:
    for pattern, limit, take in _KINDS:
        name = pattern.fullmatch(info.filename)
        if name is not None:
            if info.compress_type != zipfile.ZIP_STORED or info.file_size > limit:
                raise ValueError("a member is compressed or too large")
            take(into, name, archive.read(info))
            return
    raise ValueError("a member has another name")


def _require_bounded_directory(raw: bytes, where: str | None) -> None:
    """Check the size of the list of members before the library reads it."""
    if len(raw) < _END_BYTES:
        raise _malformed(where)
    mark, disk, first, here, total, size, start, comment = _END.unpack(raw[-_END_BYTES:])
    if (mark, disk, first, comment) != (b"PK\5\6", 0, 0, 0) or here != total:
        raise _malformed(where)
    if total > MEMBERS_LIMIT or size > DIRECTORY_LIMIT_BYTES:
        raise _too_large(where)
    if start + size != len(raw) - _END_BYTES:
        raise _malformed(where)


def _malformed(where: str | None) -> EntryError:
    return EntryError(
        "Not a bundle, or one that was altered.",
        code="bundle_malformed",
        where=where,
        fix="Ask the agency that sent it for the file that it made with: concordant bundle make",
    )


def _too_large(where: str | None) -> EntryError:
    return EntryError(
        f"The file is too large for a bundle: more than {BUNDLE_LIMIT_BYTES >> 20} MiB or "
        f"{MEMBERS_LIMIT:,} members.",
        code="bundle_too_large",
        where=where,
        fix="Ask the agency that sent it for the file that it made with: concordant bundle make",
    )
