"""Files of the agency's folders that hold a case, for `log erase`.

A file is looked at only if the case's ids stand in it, whatever a spreadsheet did to them: in other
capitals, or with marks that have no width. The adapter then says of each record which case it is
about; a refused record is the case's if it names it, and one that cannot be read if an id stands in
it. Where a broken record stands for several lines, the lines beside one of the case are in doubt:
they may be the rest of it. The case's records are cut out of a file and all other bytes stay as
they were; a file of nothing else is removed. What cannot be cut is removed where every record of it
was taken (`processed/`), and otherwise left and named, because other cases in it were never sent.
"""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final
from uuid import uuid4

from adapters.base import AgencyAdapter, Context, MappingError, Records, Rejected, Row
from adapters.mapping import RowMapping
from adapters.sources.rejects import content_of, rejected_pieces
from adapters.sources.shelving import FILE_MODE, LEFT_OUT
from broker.agency.participant import Participant
from broker.held.quarantine_folder import REASON
from broker.operations.erasure import CaseNames, Folder, FoundFile
from broker.store.interfaces import Transaction

CHUNK_BYTES: Final = 1024 * 1024
OVERLAP_BYTES: Final = 4096
"""Longer than any id in any encoding."""
ENCODINGS: Final = ("utf-8", "cp1252", "cp850")
_NO_WIDTH: Final = "[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]"
_NO_WIDTH_BYTES: Final = re.compile(
    rb"\xc2\xad|\xe2\x80[\x8b-\x8f]|\xe2\x81[\xa0-\xa4]|\xef\xbb\xbf"
    rb"|\\u(?:00ad|200[b-f]|206[0-4]|feff)"
)
"""Marks without width as UTF-8, or as JSON writes them."""
_WORD: Final = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyz_")
_JOINS: Final = frozenset(b"-/")
"""Between the groups of a reference: EK/2025/1 does not stand in EK/2025/1-B."""
_EVENT_FILE: Final = re.compile(
    r"\.?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\.[a-z0-9]{1,16}){1,2}(?:\.tmp)?"
)


class AdapterCaseFiles:
    """The folders of one agency.

    Args:
        participant: the agency.
        adapter: reads its files.
    """

    def __init__(self, participant: Participant, adapter: AgencyAdapter) -> None:
        self._participant = participant
        self._adapter = adapter
        self._encoding = participant.config.adapter.encoding
        folders = participant.config.folders
        self._folders: dict[Folder, Path] = {
            "import": participant.path(folders.import_),
            "processed": participant.path(folders.processed),
            "quarantine": participant.path(folders.quarantine),
            "inbox": participant.path(folders.inbox),
        }

    def find(self, tx: Transaction, names: CaseNames, *, whole_files: bool) -> list[FoundFile]:
        """See ``CaseFiles.find``."""
        ids = CaseIds(names, self._encoding)
        found: list[FoundFile] = []
        for folder, path in self._folders.items():
            for file in _files(path):
                one = self._look(tx, file, folder, names, ids, whole_files)
                if one is not None:
                    found.append(one)
        gone = {one.path for one in found if one.step == "remove"}
        kept: tuple[Folder, ...] = ("processed", "quarantine")
        for folder in kept:
            for path in _files(self._folders[folder]):
                base = _base_of(path.name)
                if base is None or path in gone:
                    continue
                of_it = {one for one in _files(path.parent) if _is_of(one.name, base)}
                if of_it & gone and of_it <= gone:
                    found.append(FoundFile(path, folder, "remove"))
        return found

    def erase(self, tx: Transaction, found: FoundFile, names: CaseNames) -> None:
        """See ``CaseFiles.erase``."""
        if found.step == "remove":
            found.path.unlink(missing_ok=True)
        elif found.step == "cut":
            self._cut(tx, found.path, names)

    def _look(
        self,
        tx: Transaction,
        file: Path,
        folder: Folder,
        names: CaseNames,
        ids: CaseIds,
        whole_files: bool,
    ) -> FoundFile | None:
        named = ids.stand_in(os.fsencode(file.name))
        try:
            if not named and not _holds(file, ids):
                return None
        except OSError:
            return FoundFile(file, folder, "leave", 0, "file_unreadable")
        if folder == "import":
            return FoundFile(file, folder, "leave", 0, "not_taken")
        if folder == "inbox":
            ours = _EVENT_FILE.fullmatch(file.name) is not None
            return FoundFile(file, folder, "remove" if ours else "leave", 1, _unless(ours))
        if file.name.endswith((REASON, LEFT_OUT)) or file.name.startswith("."):
            return FoundFile(file, folder, "remove")
        return self._of_export(tx, file, folder, names, named, whole_files)

    def _of_export(
        self,
        tx: Transaction,
        file: Path,
        folder: Folder,
        names: CaseNames,
        named: bool,
        whole_files: bool,
    ) -> FoundFile | None:
        """A file in `processed/` or `quarantine/` in which an id of the case stands."""
        found: _Sorted | None = None
        if file.name.lower().endswith(tuple(self._adapter.suffixes)):
            try:
                with file.open("rb") as stream:
                    found = self._sorted(tx, stream, self._read(stream), names)
            except (MappingError, OSError):
                found = None
        # In `processed/` every record was taken, or stands in `quarantine/` as well.
        whole = folder == "processed" or whole_files
        ours = 0 if found is None else found.ours
        if found is not None:
            if not ours and not named:
                return None  # records of other cases that mention an id
            if not found.others and (whole or not found.in_doubt):
                return FoundFile(file, folder, "remove", ours)
            if not named and (whole or not found.in_doubt):
                return FoundFile(file, folder, "cut", ours)
        # It cannot be cut: the adapter cannot read it, its name holds an id, or lines are in doubt.
        if whole:
            return FoundFile(file, folder, "remove", ours)
        return FoundFile(file, folder, "leave", ours, "file_shared")

    def _cut(self, tx: Transaction, file: Path, names: CaseNames) -> None:
        beside = file.with_name(f".{file.name}.tmp")
        with file.open("rb") as stream:
            status = os.fstat(stream.fileno())
            records = self._read(stream)
            others = self._sorted(tx, stream, records, names).others
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
            with os.fdopen(os.open(beside, flags, FILE_MODE), "wb") as out:
                for piece in content_of(rejected_pieces(records, others), stream):
                    out.write(piece)
                out.flush()
                os.fsync(out.fileno())
        os.utime(beside, ns=(status.st_atime_ns, status.st_mtime_ns))
        beside.replace(file)

    def _read(self, stream: BinaryIO) -> Records:
        return self._adapter.read(stream, self._encoding)

    def _sorted(
        self, tx: Transaction, stream: BinaryIO, records: Records, names: CaseNames
    ) -> _Sorted:
        """The records of the case, those in doubt, and the others."""
        ids = CaseIds(names, self._encoding)
        context = Context(
            self._participant.agency, self._participant.config.partners, KnownLinks(tx)
        )
        # All are read before one is looked up: both move the place in the stream.
        looked_at = [(_light(one), self._is_of(one, context, names)) for one in records]
        judged: list[tuple[Row | Rejected, bool]] = []
        for item, told in looked_at:
            is_of = told
            if is_of is None:  # the bytes decide
                stream.seek(item.start)
                is_of = ids.stand_in(stream.read(item.end - item.start))
            judged.append((item, is_of))
        result = _Sorted()
        for run in _runs(judged, stream):
            in_doubt = any(is_of for _, is_of in run)
            for item, is_of in run:
                if is_of:
                    result.ours += 1
                elif in_doubt:
                    result.in_doubt += 1
                else:
                    result.others.append(item)
        return result

    def _is_of(self, item: Row | Rejected, context: Context, names: CaseNames) -> bool | None:
        """Whether a record is about the case, None if that cannot be told."""
        if isinstance(item, Rejected):
            return None
        try:
            case = self._adapter.to_event(item, context).event.data.get("case_id")
        except MappingError:
            return self._names_it(item, names)
        except Exception:  # noqa: BLE001 - a fault in an adapter: the bytes decide
            return None
        return case == names.shared_id if isinstance(case, str) else None

    def _names_it(self, row: Row, names: CaseNames) -> bool | None:
        """Whether a refused record names the case; None if it names none, or none can be told."""
        mapping = getattr(self._adapter, "mapping", None)
        if not isinstance(mapping, RowMapping):
            return None
        own, shared = (_plain(text) for text in mapping.case_names(row))
        if not own and not shared:
            return None
        wanted = {_plain(names.shared_id), _plain(names.own_reference or "")} - {""}
        return own in wanted or shared in wanted


@dataclass(slots=True)
class _Sorted:
    """Records of a file by whose they are.

    Attributes:
        ours: how many are the case's.
        in_doubt: how many lines may be the rest of one of them, or records of others.
        others: the records of other cases.
    """

    ours: int = 0
    in_doubt: int = 0
    others: list[Row | Rejected] = field(default_factory=list)


def _runs(
    judged: list[tuple[Row | Rejected, bool]], stream: BinaryIO
) -> Iterator[list[tuple[Row | Rejected, bool]]]:
    """Records in groups: torn lines with nothing but blank lines between them, and single ones."""
    run: list[tuple[Row | Rejected, bool]] = []
    for item, is_of in judged:
        if run and not (_torn(run[-1][0]) and _torn(item) and _blank(stream, run[-1][0], item)):
            yield run
            run = []
        run.append((item, is_of))
    if run:
        yield run


def _torn(item: Row | Rejected) -> bool:
    return isinstance(item, Rejected) and item.torn


def _blank(stream: BinaryIO, before: Row | Rejected, after: Row | Rejected) -> bool:
    stream.seek(before.end)
    return not stream.read(max(0, after.start - before.end)).strip()


def _plain(text: str) -> str:
    """A reference without what programs put around it or into it."""
    return re.sub(_NO_WIDTH, "", text).strip().lstrip("'").casefold()


class KnownLinks:
    """Links that are known already; nothing is minted for good and nothing is linked."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def shared(self, kind: str, own_reference: str) -> str:
        """The shared id that is known, or one of nothing."""
        return self.find_shared(kind, own_reference) or str(uuid4())

    def find_shared(self, kind: str, own_reference: str) -> str | None:
        """The shared id that is known."""
        return self._tx.links.case_for(own_reference, kind)

    def own(self, kind: str, shared_id: str) -> str | None:
        """The own reference that is known."""
        return self._tx.links.own_for(shared_id, kind)

    def link(self, kind: str, own_reference: str, shared_id: str) -> None:
        """Links nothing: the file is only looked at."""


class CaseIds:
    """The case's ids as they can stand in a file: as whole words, in any capitals and any width.

    Plain searches, because a file of 64 MiB is searched for some hundred ids.

    Args:
        names: of the case.
        encoding: of the agency's exports, where it states one; others are looked for as well.
    """

    def __init__(self, names: CaseNames, encoding: str | None = None) -> None:
        texts = {names.shared_id, *names.events}
        if names.own_reference:
            texts |= {
                names.own_reference,
                html.escape(names.own_reference),
                html.escape(names.own_reference, quote=False),
                json.dumps(names.own_reference)[1:-1],
                names.own_reference.replace("/", "\\/"),
                names.own_reference.replace('"', '""'),
            }
        encodings = ENCODINGS if encoding is None else (*ENCODINGS, encoding)
        found: set[bytes] = set()
        for text in texts - {""}:
            for one in encodings:
                with suppress(UnicodeEncodeError):
                    found.add(text.encode(one).replace(b"\0", b"").lower())
        self._ids = sorted(found)

    def stand_in(self, content: bytes) -> bool:
        """Whether one of them stands in some bytes."""
        # Without zero bytes the ASCII of UTF-16 and UTF-32 is that of UTF-8.
        plain = _NO_WIDTH_BYTES.sub(b"", content.replace(b"\0", b"").lower())
        return any(_is_word(plain, one) for one in self._ids)


def _is_word(content: bytes, word: bytes) -> bool:
    at = content.find(word)
    while at >= 0:
        end = at + len(word)
        if not _joined(content[max(0, at - 2) : at][::-1]) and not _joined(content[end : end + 2]):
            return True
        at = content.find(word, at + 1)
    return False


def _joined(beside: bytes) -> bool:
    """Whether a word goes on in the two bytes beside it, the nearer one first."""
    if not beside:
        return False
    return beside[0] in _WORD or (
        len(beside) == 2 and beside[0] in _JOINS and beside[1] in _WORD - {ord("_")}
    )


def _light(item: Row | Rejected) -> Row | Rejected:
    """A record without its values: only where it stands is needed."""
    return Row(item.line, {}, item.start, item.end) if isinstance(item, Row) else item


def _holds(file: Path, ids: CaseIds) -> bool:
    handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    before = b""
    with os.fdopen(handle, "rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            if ids.stand_in(before + chunk):
                return True
            before = (before + chunk)[-OVERLAP_BYTES:]
    return False


def _files(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(e.name for e in entries if e.is_file(follow_symlinks=False))
    except OSError:
        return
    yield from (folder / name for name in names)


def _unless(ours: bool) -> str:
    return "" if ours else "file_foreign"


def _base_of(name: str) -> str | None:
    """The name of the file that a report of ours is about; None for other files."""
    for ending in (REASON, LEFT_OUT):
        if name.endswith(ending):
            return name.removesuffix(ending)
    return None


def _is_of(name: str, base: str) -> bool:
    """Whether a report about BASE is about a file: BASE itself, or ``BASE.rejected.csv``."""
    return _base_of(name) is None and (name == base or name.startswith(f"{base}."))
