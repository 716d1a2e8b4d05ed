"""Files of the agency's folders that hold a case, for `log erase`.

A file is looked at only if the case's ids stand in it. The adapter then says of each record which
case it is about; a record that it cannot read is the case's if one of the ids stands in it. The
case's records are cut out of a file and all other bytes stay as they were; a file of nothing else
is removed. What cannot be cut is removed where every record of it was taken (`processed/`), and
otherwise left and named, because other cases in it were never sent.
"""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final
from uuid import uuid4

from adapters.base import AgencyAdapter, Context, MappingError, Records, Rejected, Row
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
_WIDE: Final = {"utf-16-le": rb"[0-9A-Za-z_]\x00", "utf-16-be": rb"\x00[0-9A-Za-z_]"}
"""A letter or digit, which must not stand beside an id."""
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
        pattern = pattern_of(names, self._encoding)
        found: list[FoundFile] = []
        for folder, path in self._folders.items():
            for file in _files(path):
                one = self._look(tx, file, folder, names, pattern, whole_files)
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
        pattern: re.Pattern[bytes],
        whole_files: bool,
    ) -> FoundFile | None:
        named = pattern.search(os.fsencode(file.name)) is not None
        try:
            if not named and not _holds(file, pattern):
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
        ours: list[Row | Rejected] = []
        others: list[Row | Rejected] | None = None
        if file.name.lower().endswith(tuple(self._adapter.suffixes)):
            try:
                with file.open("rb") as stream:
                    ours, others = self._sorted(tx, stream, self._read(stream), names)
            except (MappingError, OSError):
                others = None
        if others is not None:
            if not ours and not named:
                return None  # records of other cases that mention an id
            if not others:
                return FoundFile(file, folder, "remove", len(ours))
            if not named:
                return FoundFile(file, folder, "cut", len(ours))
        # It cannot be cut: the adapter cannot read it, or its name holds an id.
        if folder == "processed" or whole_files:
            return FoundFile(file, folder, "remove", len(ours))
        return FoundFile(file, folder, "leave", len(ours), "file_shared")

    def _cut(self, tx: Transaction, file: Path, names: CaseNames) -> None:
        beside = file.with_name(f".{file.name}.tmp")
        with file.open("rb") as stream:
            status = os.fstat(stream.fileno())
            records = self._read(stream)
            _, others = self._sorted(tx, stream, records, names)
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
    ) -> tuple[list[Row | Rejected], list[Row | Rejected]]:
        """The records of the case, and the others."""
        pattern = pattern_of(names, self._encoding)
        context = Context(
            self._participant.agency, self._participant.config.partners, KnownLinks(tx)
        )
        ours: list[Row | Rejected] = []
        others: list[Row | Rejected] = []
        # All are read before one is looked up: both move the place in the stream.
        for item, case in [(_light(one), self._case_of(one, context)) for one in records]:
            if case is None:  # it cannot be read: the bytes decide
                stream.seek(item.start)
                is_ours = pattern.search(stream.read(item.end - item.start)) is not None
            else:
                is_ours = case == names.shared_id
            (ours if is_ours else others).append(item)
        return ours, others

    def _case_of(self, item: Row | Rejected, context: Context) -> str | None:
        """The shared id of a record's case, None if that cannot be told."""
        if isinstance(item, Rejected):
            return None
        try:
            case = self._adapter.to_event(item, context).event.data.get("case_id")
        except MappingError:
            return None
        except Exception:  # noqa: BLE001 - a fault in an adapter: the bytes decide
            return None
        return case if isinstance(case, str) else None


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


def pattern_of(names: CaseNames, encoding: str | None = None) -> re.Pattern[bytes]:
    """The case's ids as they can stand in a file, as whole words.

    Args:
        names: of the case.
        encoding: of the agency's exports, where it states one; others are looked for as well.
    """
    stated = () if encoding is None else (encoding,)
    texts = [(text, True) for text in (names.shared_id, *sorted(names.events))]
    if names.own_reference:
        spelt = {
            names.own_reference,
            html.escape(names.own_reference),
            html.escape(names.own_reference, quote=False),
            json.dumps(names.own_reference)[1:-1],
            names.own_reference.replace("/", "\\/"),
            names.own_reference.replace('"', '""'),
        }
        texts += [(text, False) for text in sorted(spelt)]
    narrow: set[bytes] = set()
    wide: set[bytes] = set()
    for text, any_case in texts:
        flag = b"(?i:%s)" if any_case else b"(?:%s)"
        for one in (*ENCODINGS, *stated):
            try:
                narrow.add(flag % re.escape(text.encode(one)))
            except UnicodeEncodeError:
                continue
        for wide_encoding, unit in _WIDE.items():
            body = flag % re.escape(text.encode(wide_encoding))
            wide.add(rb"(?<!%s)%s(?!%s)" % (unit, body, unit))
    start = rb"(?<![0-9A-Za-z_])(?<![0-9A-Za-z][-/])"
    end = rb"(?![0-9A-Za-z_])(?![-/][0-9A-Za-z])"
    parts = [rb"%s(?:%s)%s" % (start, b"|".join(sorted(narrow)), end), *sorted(wide)]
    return re.compile(b"|".join(parts))


def _light(item: Row | Rejected) -> Row | Rejected:
    """A record without its values: only where it stands is needed."""
    return Row(item.line, {}, item.start, item.end) if isinstance(item, Row) else item


def _holds(file: Path, pattern: re.Pattern[bytes]) -> bool:
    handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    before = b""
    with os.fdopen(handle, "rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            if pattern.search(before + chunk):
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
