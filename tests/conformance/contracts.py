"""Contracts that a reader knows, and step 6 (docs/spec/contracts.md; contract-signatures.md)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.conformance.contract_form import length, parse_contract_file
from tests.conformance.conventions import (
    DAY_MS,
    EPOCH,
    decode_base64,
    hides,
    parse_time,
    sha256,
)
from tests.conformance.json_form import parse
from tests.conformance.notes import ED25519, ML_DSA_65, Note, NoteKey, read_note, signers
from tests.conformance.refusals import MalformedError, NotBelievedError, RefusedError
from tests.conformance.vocabularies import Vocabulary, vocabulary_of

KAFKA_DAYS_WITHOUT_RETENTION = 30
NOTE_BYTES = 65536
NAME_CHARACTERS = 200
HASH_BYTES = 32
SIGNING_MS = 30 * DAY_MS


@dataclass(frozen=True, slots=True)
class GovernanceKeys:
    """The pair that a contract pins for a party."""

    ed25519: bytes
    ml_dsa_65: bytes

    def note_keys(self, name: str) -> tuple[NoteKey, NoteKey]:
        return NoteKey(name, ED25519, self.ed25519), NoteKey(name, ML_DSA_65, self.ml_dsa_65)

    @property
    def pairs(self) -> dict[str | None, GovernanceKeys]:
        """This pair, which is of no officer."""
        return {None: self}

    @property
    def threshold(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class Officers:
    """The pairs that a contract pins for the officers of a party, in the order of their names."""

    named: tuple[tuple[str, GovernanceKeys], ...]

    @property
    def pairs(self) -> dict[str | None, GovernanceKeys]:
        """Each pair by its officer."""
        return dict(self.named)

    @property
    def threshold(self) -> int:
        return 2


Pinned = GovernanceKeys | Officers


def governance_signed(note: Note, pinned: Pinned, name: str) -> bool:
    """Return True if a note has exactly the lines of as many pairs as must sign, in their order."""
    lines = [(line.name, line.key_id) for line in note.lines]
    signing = [
        key
        for pair in pinned.pairs.values()
        for key in pair.note_keys(name)
        if any((one.name, one.key_id) in lines for one in pair.note_keys(name))
    ]
    if len(signing) != 2 * pinned.threshold:
        return False
    if lines != [(key.name, key.key_id) for key in signing]:
        return False
    try:
        return signers(note, tuple(signing)) == set(signing)
    except NotBelievedError:
        return False


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract file that is well formed. `members` are as `contract_form` gives them."""

    hash: bytes
    members: dict[str, Any]
    vocabulary: Vocabulary

    @property
    def deployment(self) -> str:
        return str(self.members["deployment"])

    @property
    def reference(self) -> tuple[str, str]:
        """Name and version, as manifests call it."""
        return self.members["name"], self.members["version"]

    @property
    def replaces(self) -> set[bytes]:
        """The hashes of the versions that it replaces."""
        return {bytes.fromhex(one) for one in self.members["previous"]}

    @property
    def changeover(self) -> int:
        """Length of the changeover in milliseconds."""
        return length(self.members["changeover"])

    def grants(self, sender: str, reader: str, event_type: str) -> set[str]:
        """Leaves of a type that the contract grants a reader from a sender."""
        terms = self.members["event_types"].get(event_type)
        if terms is None or self.roles.get(sender) not in terms["publishers"]:
            return set()
        if self.roles.get(reader) not in terms["recipients"]:
            return set()
        return {
            path
            for path, field in terms["fields"].items()
            if self.roles[reader] in field["readers"]
            and (not field["senders"] or self.roles[sender] in field["senders"])
        }

    @property
    def documents(self) -> tuple[bytes, bytes]:
        """Hashes of vocabulary and framework agreement."""
        pins = self.members["pins"]
        return bytes.fromhex(pins["vocabulary"]), bytes.fromhex(pins["framework"])

    @property
    def roles(self) -> dict[str, str]:
        """The role of each party."""
        return {party["id"]: party["role"] for party in self.members["parties"]}

    @property
    def pinned(self) -> dict[str, Pinned]:
        found: dict[str, Pinned] = {}
        for agency, pairs in self.members["governance_keys"].items():
            named = {officer: GovernanceKeys(**pair) for officer, pair in pairs.items()}
            found[agency] = named[None] if None in named else Officers(tuple(named.items()))
        return found

    @property
    def begins_at(self) -> int:
        return _midnight(self.members["starts"])

    @property
    def ends_at(self) -> int:
        """The end of the last day, exclusive."""
        return _midnight(self.members["ends"]) + DAY_MS

    @property
    def taken_until(self) -> int:
        """End of the longest retention and the grace period."""
        days = [
            terms["retention"]["kafka_days"] if terms["retention"] else KAFKA_DAYS_WITHOUT_RETENTION
            for terms in self.members["event_types"].values()
        ]
        grace: int = self.members["retention"]["grace_days"]
        return self.ends_at + (max(days) + grace) * DAY_MS

    def owns(self, topic: str) -> bool:
        """Return True for a topic of the contract, or its trial topic (this reader reads files)."""
        stem = f"{self.deployment}.{self.members['name']}."
        return topic.removesuffix(".trial") in {stem + name for name in self.members["topics"]}


def well_formed(file: bytes, documents: Mapping[str, bytes]) -> Contract:
    """The contract of a file, with the vocabulary that it pins.

    Args:
        file: exact bytes.
        documents: vocabulary files by the SHA-256 of their bytes.

    Raises:
        MalformedError: the file or its vocabulary is not well formed, or the vocabulary is missing.
    """
    members = parse_contract_file(file)
    found = documents.get(members["pins"]["vocabulary"])
    if found is None or sha256(found).hex() != members["pins"]["vocabulary"]:
        raise MalformedError("the vocabulary is missing")
    vocabulary = vocabulary_of(found)
    for rule in members["consent_by_role"].values():
        _one_of(rule["scope"], vocabulary.scopes)
    referrals = vocabulary.form["referrals"]
    changed = None if referrals is None else referrals["changed"]["type"]
    for name, terms in members["event_types"].items():
        if terms["informed"] and name != changed:
            raise MalformedError("a type that changes no referral informs no others")
        for path, field in terms["fields"].items():
            _check_fit(path, field, terms, vocabulary)
    return Contract(sha256(file), members, vocabulary)


def _one_of(name: str, known: Collection[str]) -> None:
    if name not in known:
        raise MalformedError("a name that the vocabulary lacks")


def _check_fit(
    path: str, field: dict[str, Any], terms: dict[str, Any], vocabulary: Vocabulary
) -> None:
    for scope in field["consent"]:
        _one_of(scope, vocabulary.scopes)
    _one_of(field["data_subject"], vocabulary.subjects)
    unread = set(terms["recipients"]) - set(field["readers"])
    if path in vocabulary.answers and (field["consent"] or field["identifies"] or unread):
        raise MalformedError("a consent leaf that not every recipient would see")
    if path in vocabulary.record_kinds and terms["incident_identifiers"] == "never":  # noqa: SIM102
        if field["consent"] or field["identifies"] or field["senders"] or unread:
            raise MalformedError("a record type that not every recipient would see")


def _midnight(day: date) -> int:
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return (moment - EPOCH) // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class KnownContract:
    """A contract with the times of the parties' notes; it is used when every party has signed."""

    contract: Contract
    signed: dict[str, int]

    @property
    def fully_signed(self) -> bool:
        return self.signed.keys() == self.contract.pinned.keys()

    @property
    def effect(self) -> int:
        """Time of its effect, contracts.md, "Versions"; of a contract that every party signed."""
        return max(self.contract.begins_at, *self.signed.values())


def know_contract(
    file: bytes,
    notes: Iterable[bytes],
    *,
    deployment: str,
    reader: str,
    own: Pinned,
    documents: Mapping[str, bytes],
) -> KnownContract:
    """Return a contract that is known as contracts.md, "Which contract", defines it.

    Raises:
        MalformedError: the file is not well formed.
        NotBelievedError: it is another deployment's, pins other keys, or lacks the own signature.
    """
    contract = well_formed(file, documents)
    if contract.deployment != deployment or contract.pinned.get(reader) != own:
        raise NotBelievedError("not a contract of this reader")
    known = KnownContract(contract, _signed(contract, notes))
    if reader not in known.signed:
        raise NotBelievedError("not signed by the reader")
    return known


def know_other(
    file: bytes,
    notes: Iterable[bytes],
    *,
    reader: str,
    known: Mapping[bytes, KnownContract],
    documents: Mapping[str, bytes],
) -> KnownContract:
    """Return a version without the reader that replaces a known one, as a known party signed it.

    contracts.md, "Signing is leaving".

    Raises:
        MalformedError: the file is not well formed.
        NotBelievedError: it replaces nothing that the reader knows, or no known party signed it.
    """
    contract = well_formed(file, documents)
    before = [known[one].contract for one in contract.replaces if one in known]
    before = [
        one
        for one in before
        if (one.deployment, one.reference[0]) == (contract.deployment, contract.reference[0])
    ]
    if reader in contract.roles or not before:
        raise NotBelievedError("it replaces nothing of this reader without it")
    pairs = [
        (agency, pair) for one in known.values() for agency, pair in one.contract.pinned.items()
    ]
    signed = {
        agency: time
        for agency, time in _signed(contract, notes).items()
        if any(agency in one.roles for one in before) and (agency, contract.pinned[agency]) in pairs
    }
    if not signed:
        raise NotBelievedError("no known party signed it")
    return KnownContract(contract, signed)


def _signed(contract: Contract, notes: Iterable[bytes]) -> dict[str, int]:
    """Time of the note with which each party has signed: of officers, the second one."""
    found: dict[tuple[str, str | None], int] = {}
    for raw in notes:
        try:
            note = know_note(contract, raw)
        except (MalformedError, NotBelievedError):
            continue
        if note.time <= contract.begins_at + SIGNING_MS:
            pair = note.agency, note.officer
            found[pair] = min(note.time, found.get(pair, note.time))
    signed: dict[str, int] = {}
    for agency, pinned in contract.pinned.items():
        times = sorted(time for (of, _), time in found.items() if of == agency)
        if len(times) >= pinned.threshold:
            signed[agency] = times[pinned.threshold - 1]
    return signed


@dataclass(frozen=True, slots=True)
class Signed:
    """A party's note: its agency, its officer and the time of the signature."""

    agency: str
    officer: str | None
    time: int


def know_note(contract: Contract, raw: bytes) -> Signed:
    """Check one note by contract-signatures.md, "The note of a party".

    Raises:
        MalformedError: its form is wrong.
        NotBelievedError: it differs from the file, or a signature does not verify.
    """
    if len(raw) > NOTE_BYTES:
        raise MalformedError("too large")
    note = read_note(raw)
    *head, last, end = note.text.split("\n")
    if end or tuple(head) != _six_lines(contract):
        raise NotBelievedError("a note about something else")
    act = parse(last.encode())
    needed = {"agency", "capacity", "name", "shown", "time"}
    if not isinstance(act, dict) or act.keys() - {"officer"} != needed:
        raise MalformedError("not the members of a signature")
    if not all(isinstance(value, str) for value in act.values()):
        raise MalformedError("not a text")
    for member in ("capacity", "name"):
        text = act[member]
        if not 1 <= len(text) <= NAME_CHARACTERS or text != text.strip() or hides(text):
            raise MalformedError("a text that hides something")
    if len(decode_base64(act["shown"])) != HASH_BYTES:
        raise MalformedError("not a hash")
    time = parse_time(act["time"])
    pinned = contract.pinned.get(act["agency"])
    pair = None if pinned is None else pinned.pairs.get(act.get("officer"))
    if pair is None:
        raise NotBelievedError("not a party, or not an officer of it")
    keys = pair.note_keys(f"{contract.deployment}/{act['agency']}")
    if [(line.name, line.key_id) for line in note.lines] != [(k.name, k.key_id) for k in keys]:
        raise NotBelievedError("not the two lines of the party")
    signers(note, keys)
    return Signed(act["agency"], act.get("officer"), time)


def _six_lines(contract: Contract) -> tuple[str, ...]:
    name, version = contract.reference
    previous = sorted(contract.replaces)
    return (
        "concordant.contract/v1",
        contract.deployment,
        name,
        version,
        " ".join(base64.b64encode(one).decode() for one in (contract.hash, *contract.documents)),
        " ".join(base64.b64encode(one).decode() for one in previous) or "-",
    )


def judge_contract(
    known: KnownContract | None,
    *,
    topic: str,
    source: str,
    reader: str,
    log_time: int,
    now: int,
    takes_no_part: Callable[[str, Contract, int], str | None],
    successors: Callable[[bytes], list[KnownContract]],
) -> Contract:
    """Step 6. Times in milliseconds."""
    if known is None:
        raise RefusedError(6, "contract_unknown")
    contract = known.contract
    if not contract.owns(topic):
        raise RefusedError(6, "topic_not_owned")
    if not known.effect <= log_time < contract.ends_at:
        raise RefusedError(6, "contract_not_in_force")
    if now >= contract.taken_until:
        raise RefusedError(6, "contract_ended")
    for newer in successors(contract.hash):
        parties = newer.contract.roles.keys()
        if log_time < newer.effect or not {source, reader} & parties:
            continue
        if not {source, reader} <= parties or log_time >= newer.effect + newer.contract.changeover:
            raise RefusedError(6, "contract_replaced")
    for party in (source, reader):
        if party not in contract.roles:
            raise RefusedError(6, "not_a_party")
        state = takes_no_part(party, contract, log_time if party == source else now)
        if state == "left":
            raise RefusedError(6, "contract_left")
        if state is not None:
            raise RefusedError(6, "suspended" if party == source else "own_suspension")
    return contract
