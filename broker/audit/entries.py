"""Format of one entry of the disclosure log (DPA 2018 s62; docs/spec/disclosure-log.md).

An entry holds names and codes: field paths, agencies, the contract and the clause that decided, a
reason code, the operator, and an HMAC of the case id. It cannot hold the value of a field: every
text in it must have the form of a name. A reason in words is stored encrypted beside the log
(`broker.audit.reasons`); the entry holds the hash of the ciphertext.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias, cast, get_args

from broker.envelope.canonical import CanonicalError, format_json, parse_json
from broker.envelope.primitives import b64, strict_b64
from broker.errors import DisclosureLogError

EntryKind: TypeAlias = Literal[
    # the six kinds of section 62
    "collection",  # taken from the agency's own export, or received from a partner
    "alteration",  # an update or a correction was taken or received
    "consultation",  # shown to a person or a subscriber, or a sealed record or the log was read
    "disclosure",  # sealed for recipients
    "combination",  # records of a further source joined those of a case
    "erasure",  # content was removed; the entry never holds it
    # and four more kinds
    "refusal",  # not shared, or not accepted, with the reason
    "destruction",  # destruction of an exchange key's private half
    "retry",  # a person asked to try an item again that was put aside or waited
    "setting",  # settings of this agency's software differ from those last recorded
]

#: Form of field paths, agencies, types and codes: names in a contract or a code list.
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.\-]{0,99}")
#: Form of clauses and versions: short, without a space.
_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._()/:+\-]{0,63}")
#: Form of an account of the operating system or a directory (`DOMAIN\account`, `account@realm`);
#: other characters are percent-encoded (`broker.agency.account`).
_OPERATOR: Final = re.compile(r"[\w%][\w ._@/:+\\%$'\-]{0,127}")
_SOURCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/\-]{0,199}")
#: Form of the id of an item, as `quarantine list` prints it.
_ITEM: Final = re.compile(r"[a-z0-9][A-Za-z0-9._/\-]{0,499}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class ContractReference:
    """The exact contract text that decided: name, version and SHA-256 in hexadecimal."""

    name: str
    version: str
    hash: str


@dataclass(frozen=True, slots=True)
class Share:
    """Fields with the same recipients, each with the clause that granted it."""

    recipients: tuple[str, ...]
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NewLogEntry:
    """One entry, before it has a position in the log.

    Attributes:
        time_ms: time of the action, ms since the Unix epoch, UTC.
        case_key: HMAC of the case id under the agency's secret (`pseudonyms.case_key`).
        event_id: the event's id, and `source` the agency that sent it.
        left_out: field path -> code of the reason why it was shared with no addressed agency.
        left_out_for: agency -> the same, for fields that other agencies got.
        not_sealed: for a disclosure: addressed agency to which it was not sealed -> code.
        record: for a disclosure: the id in the clear of its record, if it is not the event's id.
        reason: a code, never free text: of a refusal, an erasure or a destruction, or the reason
            that a person stated for a consultation.
        operator: the account or process that did it, as the system names it.
        acting_for: the name given with `--operator`.
        reason_text: SHA-256 of the encrypted reason in words (`broker.audit.reasons`).
        recipients: for a refusal: the agencies with which it was not shared.
        clause: for a refusal: the clause that decided.
        about: for a consultation: `log` or `sealed_record`, if it was not an opened event.
        filter: for a consultation of the log: the query besides the case.
        joined: for a combination: the sources whose records were there before.
        count: for an erasure: the number of removed items.
        item: for a retry: the id of the item, as `quarantine list` prints it.
        settings: for a setting: the names of the settings that differ.
        settings_before, settings_after: digests of all settings (`broker.audit.setting_changes`).
    """

    kind: EntryKind
    time_ms: int
    case_key: bytes | None = None
    event_id: str | None = None
    source: str | None = None
    type: str | None = None
    contract: ContractReference | None = None
    shares: tuple[Share, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    left_out_for: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    not_sealed: Mapping[str, str] = field(default_factory=dict)
    record: str | None = None
    reason: str | None = None
    operator: str | None = None
    acting_for: str | None = None
    reason_text: bytes | None = None
    recipients: tuple[str, ...] = ()
    clause: str | None = None
    about: str | None = None
    filter: Mapping[str, str] = field(default_factory=dict)
    joined: tuple[str, ...] = ()
    count: int | None = None
    item: str | None = None
    settings: tuple[str, ...] = ()
    settings_before: bytes | None = None
    settings_after: bytes | None = None

    def fields(self) -> frozenset[str]:
        """Return every field path that was shared with any agency."""
        return frozenset(path for share in self.shares for path in share.fields)


KINDS: Final[tuple[EntryKind, ...]] = get_args(EntryKind)
_KINDS: Final = frozenset(KINDS)

#: Cache of texts that are valid names, by form. A contract names a few hundred, an entry about
#: fifty; matching each again took two thirds of the time of an entry. Bounded, never cleared.
_SEEN: Final[dict[re.Pattern[str], set[str]]] = {
    _NAME: set(),
    _LABEL: set(),
    _HASH: set(),
    _OPERATOR: set(),
}
_MAX_SEEN: Final = 4096


def is_name(text: str) -> bool:
    """Return whether a text is a valid name: an agency, a type, a field path or a code."""
    return _NAME.fullmatch(text) is not None


def format_entry(entry: NewLogEntry) -> bytes:
    """Return the entry as canonical JSON, which is hashed and stored.

    Raises:
        DisclosureLogError: `log_entry_invalid`, a text in it is not a name, code or label.
    """
    _require_names(entry)
    record: dict[str, object] = {"kind": entry.kind, "time": _text_of(entry.time_ms)}
    if entry.case_key is not None:
        record["case"] = b64(entry.case_key)
    for name, text in (
        ("event", entry.event_id),
        ("record", entry.record),
        ("source", entry.source),
        ("type", entry.type),
        ("reason", entry.reason),
        ("operator", entry.operator),
        ("acting_for", entry.acting_for),
        ("clause", entry.clause),
        ("about", entry.about),
        ("item", entry.item),
    ):
        if text is not None:
            record[name] = text
    for name, digest in (
        ("reason_text", entry.reason_text),
        ("settings_before", entry.settings_before),
        ("settings_after", entry.settings_after),
    ):
        if digest is not None:
            record[name] = digest.hex()
    for name, names in (
        ("recipients", entry.recipients),
        ("joined", entry.joined),
        ("settings", entry.settings),
    ):
        if names:
            record[name] = list(names)
    if entry.filter:
        record["filter"] = dict(entry.filter)
    if entry.count is not None:
        record["count"] = entry.count
    if entry.contract is not None:
        record["contract"] = {
            "name": entry.contract.name,
            "version": entry.contract.version,
            "hash": entry.contract.hash,
        }
    if entry.shares:
        record["shares"] = [
            {"recipients": list(share.recipients), "fields": dict(share.fields)}
            for share in entry.shares
        ]
    record |= _left_out(entry)
    try:
        return format_json(record)
    except CanonicalError:
        raise _invalid("it has a value that is not a name") from None


def _left_out(entry: NewLogEntry) -> dict[str, object]:
    found: dict[str, object] = {}
    if entry.left_out:
        found["left_out"] = dict(entry.left_out)
    if entry.left_out_for:
        found["left_out_for"] = {agency: dict(of) for agency, of in entry.left_out_for.items()}
    if entry.not_sealed:
        found["not_sealed"] = dict(entry.not_sealed)
    return found


def parse_log_entry(data: bytes) -> NewLogEntry:
    """Parse exactly the bytes that `format_entry` writes.

    Raises:
        DisclosureLogError: `log_entry_invalid`.
    """
    try:
        record = cast("dict[str, object]", parse_json(data))
        contract = cast("dict[str, str] | None", record.get("contract"))
        shares = cast("list[dict[str, object]]", record.get("shares", []))
        case = cast("str | None", record.get("case"))
        entry = NewLogEntry(
            kind=cast("EntryKind", record["kind"]),
            time_ms=_milliseconds(cast("str", record["time"])),
            case_key=None if case is None else strict_b64(case),
            event_id=cast("str | None", record.get("event")),
            source=cast("str | None", record.get("source")),
            type=cast("str | None", record.get("type")),
            contract=None if contract is None else ContractReference(**contract),
            shares=tuple(
                Share(
                    tuple(cast("list[str]", share["recipients"])),
                    cast("dict[str, str]", share["fields"]),
                )
                for share in shares
            ),
            left_out=cast("dict[str, str]", record.get("left_out", {})),
            left_out_for=cast("dict[str, dict[str, str]]", record.get("left_out_for", {})),
            not_sealed=cast("dict[str, str]", record.get("not_sealed", {})),
            record=cast("str | None", record.get("record")),
            reason=cast("str | None", record.get("reason")),
            operator=cast("str | None", record.get("operator")),
            acting_for=cast("str | None", record.get("acting_for")),
            reason_text=_digest(record, "reason_text"),
            recipients=tuple(cast("list[str]", record.get("recipients", []))),
            clause=cast("str | None", record.get("clause")),
            about=cast("str | None", record.get("about")),
            filter=cast("dict[str, str]", record.get("filter", {})),
            joined=tuple(cast("list[str]", record.get("joined", []))),
            count=cast("int | None", record.get("count")),
            item=cast("str | None", record.get("item")),
            settings=tuple(cast("list[str]", record.get("settings", []))),
            settings_before=_digest(record, "settings_before"),
            settings_after=_digest(record, "settings_after"),
        )
        same = format_entry(entry) == data
    except (CanonicalError, KeyError, TypeError, ValueError, AttributeError):
        raise _invalid("it is not an entry") from None
    if not same:
        raise _invalid("it has members that an entry does not have")
    return entry


def _digest(record: Mapping[str, object], name: str) -> bytes | None:
    text = cast("str | None", record.get(name))
    return None if text is None else bytes.fromhex(text)


def _require_names(entry: NewLogEntry) -> None:  # noqa: PLR0912 - one check for each member
    if entry.kind not in _KINDS:
        raise _invalid("its kind is unknown")
    if entry.case_key is not None and len(entry.case_key) != 32:
        raise _invalid("its case is not an HMAC")
    if not all(_UUID.fullmatch(one) for one in (entry.event_id, entry.record) if one is not None):
        raise _invalid("its event is not an id")
    if entry.source is not None and _SOURCE.fullmatch(entry.source) is None:
        raise _invalid("its source is not a name")
    if entry.item is not None and _ITEM.fullmatch(entry.item) is None:
        raise _invalid("its item is not an id")
    _require(_NAME, (text for text in (entry.type, entry.reason, entry.about) if text is not None))
    _require(_OPERATOR, (text for text in (entry.operator, entry.acting_for) if text is not None))
    for digest in (entry.reason_text, entry.settings_before, entry.settings_after):
        if digest is not None and len(digest) != 32:
            raise _invalid("a hash in it is not a hash")
    _require(_NAME, entry.recipients)
    _require(_NAME, entry.settings)
    _require(_NAME, entry.joined)
    if entry.clause is not None:
        _require(_LABEL, (entry.clause,))
    if entry.filter:
        _require(_NAME, entry.filter)
        _require(_LABEL, entry.filter.values())
    if entry.count is not None and (type(entry.count) is not int or not 0 <= entry.count < 2**53):
        raise _invalid("its count is not a number")
    if entry.contract is not None:
        _require(_NAME, (entry.contract.name,))
        _require(_LABEL, (entry.contract.version,))
        _require(_HASH, (entry.contract.hash,))
    for share in entry.shares:
        _require(_NAME, share.recipients)
        _require(_NAME, share.fields)
        _require(_LABEL, share.fields.values())
    for codes in (entry.left_out, entry.not_sealed):
        if codes:
            _require(_NAME, codes)
            _require(_NAME, codes.values())
    for agency, codes in entry.left_out_for.items():
        _require(_NAME, (agency, *codes, *codes.values()))


def _require(form: re.Pattern[str], texts: Iterable[str]) -> None:
    seen = _SEEN[form]
    for text in texts:
        if text not in seen:
            if form.fullmatch(text) is None:
                # do not repeat the text, which could be a personal value
                raise _invalid("a text in it is not a name")
            if len(seen) < _MAX_SEEN:
                seen.add(text)


def _invalid(rule: str) -> DisclosureLogError:
    return DisclosureLogError(
        f"Not an entry of the disclosure log: {rule}.",
        code="log_entry_invalid",
        fix="Report this: an entry may hold names and codes only.",
    )


def _text_of(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment.isoformat()[:19]}.{milliseconds % 1000:03d}Z"


def _milliseconds(text: str) -> int:
    # other forms are refused because the entry is formatted again and compared
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000
