"""Entries of agencies, and their fingerprints (docs/spec/entries.md)."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.conformance import json_form, keys
from tests.conformance.contracts import GovernanceKeys, Officers, Pinned
from tests.conformance.conventions import hides, lp, parse_time, sha256
from tests.conformance.delegations import SKEW_MS, verify_delegation
from tests.conformance.manifests import verify_manifest
from tests.conformance.notes import DASH, Note, read_note, signers, verifies
from tests.conformance.refusals import MalformedError, NotBelievedError
from tests.conformance.statement_values import id_value, octets

MAX_BYTES = 256 * 1024
MAX_REQUEST = 4096
MAX_TEXT = 200
MAX_AREAS = 64
BITS_OF_A_WORD, WORDS = 11, 12
UNASSIGNED = "unassigned"
MEMBERS = {"agency", "deployment", "issued", "profile", "governance", "delegation", "manifest"}
MEMBERS |= {"certificate_request"}
PROFILE = {"legal_name", "role", "area", "relationship", "third_party_reporting", "contacts"}
MAY_HAVE = {"registration", "regime", "public_authority"}
CONTACTS = {"data_protection_officer", "breach", "rights_and_complaints", "operations"}
MAY_CONTACT = {"siro", "caldicott_guardian"}
PAIR = {"ed25519", "ed25519_possession", "ml_dsa_65", "ml_dsa_65_possession"}
AGENCY = re.compile(r"[a-z][a-z0-9-]{0,61}[a-z0-9]")
ROLE = re.compile(r"[a-z][a-z0-9-]{0,62}")
OFFICE = re.compile(r"[a-z][a-z0-9-]{0,62}")
AREA = re.compile(r"[EWSNK][0-9]{8}")
REGISTRATION = re.compile(r"[A-Z][A-Z0-9]{7}")
EMAIL = re.compile(r"[^@\s<>,]+@[^@\s<>,]+")
REGIMES = {"uk-gdpr", "dpa2018-part3"}
RELATIONSHIPS = {"joint-controller", "separate-controller"}


class EntryRefusedError(Exception):
    """An entry that is refused.

    Attributes:
        code: as the specification's table has it; for a delegation or a manifest the part of the
            codes that they have in common, `delegation_` or `manifest_`.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that was checked."""

    agency: str
    governance: Pinned

    def words(self, word_list: list[str]) -> list[str]:
        """The words that people compare by telephone."""
        if isinstance(self.governance, Officers):
            parts: list[str | bytes] = ["concordant/1/fingerprint/officers", self.agency, "2"]
            for office, pair in self.governance.named:
                parts += [office, *_kids(pair)]
        else:
            parts = ["concordant/1/fingerprint", self.agency, *_kids(self.governance)]
        bits = int.from_bytes(sha256(lp(*parts)), "big") >> 256 - BITS_OF_A_WORD * WORDS
        places = [bits >> BITS_OF_A_WORD * at & 2047 for at in reversed(range(WORDS))]
        return [word_list[place] for place in places]


def verify_entry(file: bytes, *, now: int, deployment: str | None) -> Entry:
    """Check an entry in the order of the table.

    Raises:
        EntryRefusedError: the first check that fails.
    """
    if len(file) > MAX_BYTES:
        raise EntryRefusedError("entry_too_large")
    try:
        note, stated, pairs = _parsed(file)
    except (MalformedError, ValueError, NotBelievedError) as error:
        raise EntryRefusedError("entry_malformed") from error
    agency, own = stated["agency"], stated["deployment"]
    if deployment is not None and own not in (deployment, UNASSIGNED):
        raise EntryRefusedError("entry_foreign")
    for pair, proofs in pairs.values():
        for algorithm, public in ((keys.ED25519, pair.ed25519), (keys.ML_DSA_65, pair.ml_dsa_65)):
            _check_key(algorithm, public)
            message = lp("concordant/1/possession", own, agency, _kid(algorithm, public))
            if not verifies(algorithm, public, proofs[algorithm], message):
                raise EntryRefusedError("possession_invalid")
    if not any(_signed(note, pair, f"{own}/{agency}") for pair, _ in pairs.values()):
        raise EntryRefusedError("entry_signature_invalid")
    if parse_time(stated["issued"]) > now + SKEW_MS:
        raise EntryRefusedError("entry_early")
    named = tuple((office or "", pair) for office, (pair, _) in sorted(pairs.items(), key=str))
    governance: Pinned = Officers(named) if None not in pairs else pairs[None][0]
    _verify_parts(stated, governance, now)
    return Entry(agency, governance)


def _verify_parts(stated: dict[str, Any], governance: Pinned, now: int) -> None:
    """Check delegation, manifest and certificate request under the entry's own keys."""
    agency, own = stated["agency"], stated["deployment"]
    first = stated["delegation"].encode()
    try:
        named = json.loads(first.split(b"\n")[2])["agency"]
        pinned = {named: [governance]}
        delegation = verify_delegation(first, deployment=own, pinned=pinned, now=now)
        if delegation.expires <= now:
            raise NotBelievedError("expired")
    except (MalformedError, NotBelievedError, ValueError, KeyError, IndexError, TypeError) as error:
        raise EntryRefusedError("delegation_") from error
    try:
        both = first + stated["manifest"].encode()
        manifest = verify_manifest(both, deployment=own, pinned=pinned, now=now)
    except (MalformedError, NotBelievedError, ValueError) as error:
        raise EntryRefusedError("manifest_") from error
    if {delegation.agency, manifest.agency} != {agency}:
        raise EntryRefusedError("entry_mixed")
    if not _is_request(stated["certificate_request"].encode(), agency):
        raise EntryRefusedError("certificate_request_invalid")


# --- form -----------------------------------------------------------------------------------------


def _parsed(
    file: bytes,
) -> tuple[Note, dict[str, Any], dict[str | None, tuple[GovernanceKeys, dict[str, bytes]]]]:
    note = read_note(file)
    lines = note.text.split("\n")
    if len(note.lines) != 2 or _written(note) != file:
        raise MalformedError("not in its one form")
    if len(lines) != 4 or lines[0] != "concordant.entry/v1":
        raise MalformedError("not an entry")
    stated = json_form.parse(lines[2].encode())
    if not isinstance(stated, dict) or stated.keys() != MEMBERS:
        raise MalformedError("not its members")
    if not AGENCY.fullmatch(_text(stated["agency"])) or id_value(stated["deployment"]) != lines[1]:
        raise MalformedError("not an agency of this deployment")
    parse_time(stated["issued"])
    for part in ("delegation", "manifest", "certificate_request"):
        if not isinstance(stated[part], str):
            raise MalformedError("not a string")
    if len(stated["certificate_request"]) > MAX_REQUEST:
        raise MalformedError("too long")
    _check_profile(stated["profile"])
    return note, stated, _pairs(stated["governance"])


def _check_profile(profile: object) -> None:
    if not isinstance(profile, dict) or not PROFILE <= profile.keys() <= PROFILE | MAY_HAVE:
        raise MalformedError("not a profile")
    _text(profile["legal_name"])
    areas = profile["area"]
    if not isinstance(areas, list) or not 1 <= len(areas) <= MAX_AREAS:
        raise MalformedError("not areas")
    fine = all(AREA.fullmatch(_text(area)) for area in areas)
    fine &= ROLE.fullmatch(_text(profile["role"])) is not None
    fine &= profile["relationship"] in RELATIONSHIPS
    fine &= isinstance(profile["third_party_reporting"], bool)
    fine &= isinstance(profile.get("public_authority", True), bool)
    fine &= profile.get("regime", "uk-gdpr") in REGIMES
    fine &= REGISTRATION.fullmatch(_text(profile.get("registration", "Z1234567"))) is not None
    contacts = profile["contacts"]
    if not isinstance(contacts, dict) or not CONTACTS <= contacts.keys() <= CONTACTS | MAY_CONTACT:
        raise MalformedError("not contacts")
    for contact in contacts.values():
        if not isinstance(contact, dict) or contact.keys() != {"name", "email"}:
            raise MalformedError("not a contact")
        _text(contact["name"])
        fine &= EMAIL.fullmatch(_text(contact["email"])) is not None
    if not fine:
        raise MalformedError("not a value of a profile")


def _text(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT or value != value.strip():
        raise MalformedError("not a text")
    if hides(value):
        raise MalformedError("a hidden character")
    return value


def _pairs(stated: object) -> dict[str | None, tuple[GovernanceKeys, dict[str, bytes]]]:
    if not isinstance(stated, dict):
        raise MalformedError("not keys")
    if stated.keys() == PAIR:
        return {None: _pair(stated)}
    officers = stated.get("officers")
    threshold = stated.get("threshold")
    if stated.keys() != {"threshold", "officers"} or isinstance(threshold, bool) or threshold != 2:
        raise MalformedError("neither a pair nor officers")
    if not isinstance(officers, dict) or len(officers) not in (2, 3):
        raise MalformedError("not two or three officers")
    if not all(OFFICE.fullmatch(office) for office in officers):
        raise MalformedError("not an office")
    return {office: _pair(pair) for office, pair in officers.items()}


def _pair(stated: object) -> tuple[GovernanceKeys, dict[str, bytes]]:
    if not isinstance(stated, dict) or stated.keys() != PAIR:
        raise MalformedError("not a pair")
    proofs = {
        keys.ED25519: octets(stated["ed25519_possession"]),
        keys.ML_DSA_65: octets(stated["ml_dsa_65_possession"]),
    }
    return GovernanceKeys(octets(stated["ed25519"]), octets(stated["ml_dsa_65"])), proofs


def _written(note: Note) -> bytes:
    lines = (
        f"{DASH}{line.name} {b64encode(line.key_id + line.signature).decode()}\n"
        for line in note.lines
    )
    return f"{note.text}\n{''.join(lines)}".encode()


# --- keys and signatures --------------------------------------------------------------------------


def _check_key(algorithm: str, public: bytes) -> None:
    try:
        keys.check_public(algorithm, public)
    except MalformedError as error:
        raise EntryRefusedError("key_") from error


def _kid(algorithm: str, public: bytes) -> bytes:
    return keys.kid("governance", algorithm, public)


def _kids(pair: GovernanceKeys) -> tuple[bytes, bytes]:
    return _kid(keys.ED25519, pair.ed25519), _kid(keys.ML_DSA_65, pair.ml_dsa_65)


def _signed(note: Note, pair: GovernanceKeys, name: str) -> bool:
    """Return True if the two lines are those of a pair, in its order."""
    both = pair.note_keys(name)
    if [(line.name, line.key_id) for line in note.lines] != [(k.name, k.key_id) for k in both]:
        return False
    try:
        return signers(note, both) == set(both)
    except NotBelievedError:
        return False


def _is_request(pem: bytes, agency: str) -> bool:
    try:
        request = x509.load_pem_x509_csr(pem)
        return (
            [(one.oid, one.value) for one in request.subject] == [(NameOID.COMMON_NAME, agency)]
            and request.public_bytes(Encoding.PEM) == pem
            and isinstance(request.public_key(), EllipticCurvePublicKey)
            and not list(request.extensions)
            and request.is_signature_valid
        )
    except (ValueError, TypeError):
        return False
