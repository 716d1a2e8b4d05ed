"""Find and erase a case in the files of the agency's folders, for `log erase`.

A file is examined only if one of the case's ids appears in it, in any capitals and with or without
invisible characters. The adapter then says which case each record is about. A refused record
belongs to the case if it names the case. A record that cannot be read belongs to the case if an id
appears in it. A broken record of several lines, or broken lines beside each other, are in doubt if
one of them is the case's: they may be of several cases. Compressed files are searched within
limits.

A mapping file can compute the reference from several columns. Then no search of bytes finds it, so
every file is read. A file whose records the mapping in use cannot all read is left and named.

The case's records are cut out of a file, and all other bytes stay as they were. A file with no
other records is removed. A file that cannot be cut is removed if every record of it was taken
(`processed/`). Otherwise it is left and named, because its other cases were never sent.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import BinaryIO, Final

from adapters.base import AgencyAdapter, Context, MappingError, Records, Rejected, Row
from adapters.case_records import (
    Judged,
    SortedRecords,
    Verdict,
    has_lines,
    is_torn,
    position_of,
    runs,
)
from adapters.case_search import (
    CaseIds,
    files_below,
    files_directly_in,
    holds,
    in_packed_file,
    packed_kind_of,
)
from adapters.links import KnownLinks
from adapters.mapping import RowMapping
from adapters.sources.rejects import piece_bytes, rejected_pieces
from adapters.sources.shelving import FILE_MODE, LEFT_OUT, RESULTS
from broker.agency.participant import Participant
from broker.held.reason_file import REASON
from broker.operations.erasure import (
    FOLDER_UNSEARCHED,
    UNSEARCHED,
    CaseNames,
    Folder,
    FoundFile,
)
from broker.store.transaction import Transaction

MAX_TORN: Final = 10_000
"""Maximum number of broken lines in a file that is cut. The adapter stops after 1,000."""
SHEETS: Final = (".xlsx", ".xlsm", ".ods")
_NO_WIDTH: Final = "[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]"
_EVENT_FILE: Final = re.compile(
    r"\.?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\.[a-z0-9]{1,16}){1,2}(?:\.tmp)?"
)


class AdapterCaseFiles:
    """Searches and erases in the folders of one agency.

    Args:
        participant: the agency.
        adapter: reads the agency's files.
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
            for file in files_directly_in(path):
                one = self._look(tx, file, folder, names, ids, whole_files)
                if one is not None:
                    found.append(one)
            unsearched: list[Path] = []
            for file in files_below(path, set(self._folders.values()), unsearched.append):
                one = self._look(tx, file, folder, names, ids, whole_files=False)
                if one is not None:  # in a folder that a person made: the adapter makes none
                    why = "not_taken" if folder == "import" else "file_foreign"
                    why = one.why if one.why in {UNSEARCHED, "file_unreadable"} else why
                    found.append(FoundFile(file, folder, "leave", one.records, why))
            found += [FoundFile(one, folder, "leave", 0, FOLDER_UNSEARCHED) for one in unsearched]
        gone = {one.path for one in found if one.step == "remove"}
        kept: tuple[Folder, ...] = ("processed", "quarantine")
        for folder in kept:
            for path in files_directly_in(self._folders[folder]):
                base = _base_of(path.name)
                if base is None or path in gone:
                    continue
                of_it = {one for one in files_directly_in(path.parent) if _is_of(one.name, base)}
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
        named = ids.prove(os.fsencode(file.name))
        try:
            kind = packed_kind_of(file)
            if kind is not None:
                packed = in_packed_file(
                    file, folder, kind, ids, named=named, whole_files=whole_files
                )
                return self._of_spreadsheet(tx, file, folder, names, packed, whole_files)
            stands = named or holds(file, ids.stand_in)
            if not stands and (folder == "inbox" or not self._computed()):
                return None
            proved = named or holds(file, ids.prove)
        except OSError:
            return FoundFile(file, folder, "leave", 0, "file_unreadable")
        if not stands:
            return self._of_computed(tx, file, folder, names, whole_files)
        if folder == "inbox":
            return self._of_inbox(file, names, proved=proved)
        return self._of_own(tx, file, folder, names, whole_files, named=named, proved=proved)

    def _of_own(
        self,
        tx: Transaction,
        file: Path,
        folder: Folder,
        names: CaseNames,
        whole_files: bool,
        *,
        named: bool,
        proved: bool,
    ) -> FoundFile | None:
        """Describe a file in the import folder, or one that the adapter put away."""
        if folder == "import":
            return FoundFile(file, folder, "leave", 0, "not_taken")
        if file.name.endswith((REASON, LEFT_OUT, RESULTS)) or file.name.startswith("."):
            return FoundFile(file, folder, "remove") if proved else None
        # Every record of a file in `processed/` was taken or was copied to `quarantine/`.
        whole = whole_files or (folder == "processed" and proved)
        return self._of_export(tx, file, folder, names, named, whole)

    def _of_computed(
        self, tx: Transaction, file: Path, folder: Folder, names: CaseNames, whole: bool
    ) -> FoundFile | None:
        """Describe a file that does not hold the reference, because the mapping computes it."""
        if file.name.endswith((REASON, LEFT_OUT, RESULTS)):
            return None  # holds line numbers and names of columns
        found = self._records_in(tx, file, names)
        if found is None or (found.unclear and not found.ours):
            return FoundFile(file, folder, "leave", 0, UNSEARCHED)
        if not found.ours and not found.in_doubt:
            return None
        if folder == "import":
            return FoundFile(file, folder, "leave", found.ours, "not_taken")
        return self._of_export(tx, file, folder, names, False, whole)

    def _records_in(self, tx: Transaction, file: Path, names: CaseNames) -> SortedRecords | None:
        """Return the sorted records of an export; None if the adapter cannot read it."""
        if not self._is_export(file):
            return None
        try:
            with file.open("rb") as stream:
                return self._sorted(tx, stream, self._read(stream), names)
        except (MappingError, OSError):
            return None

    def _computed(self) -> bool:
        """Return whether the mapping file computes the reference of a case."""
        mapping = getattr(self._adapter, "mapping", None)
        if not isinstance(mapping, RowMapping):
            return False
        roles = mapping.document.roles
        return not {roles.case, roles.shared_case}.isdisjoint(mapping.document.derived)

    def _of_spreadsheet(
        self,
        tx: Transaction,
        file: Path,
        folder: Folder,
        names: CaseNames,
        packed: FoundFile | None,
        whole: bool,
    ) -> FoundFile | None:
        """Describe a compressed file that the adapter can read, by its records.

        A reference can stand in a cell as a number or in pieces, where no search of bytes finds it.
        A spreadsheet cannot be cut: it is removed if it has no other records.
        """
        is_sheet = file.name.lower().endswith(SHEETS)
        if folder == "inbox" or not (self._is_export(file) or is_sheet):
            return packed
        found = self._records_in(tx, file, names)
        if found is None or (found.unclear and not found.ours):
            return packed or FoundFile(file, folder, "leave", 0, UNSEARCHED)
        if not found.ours and not found.in_doubt:
            return packed
        if folder == "import":
            return FoundFile(file, folder, "leave", found.ours, "not_taken")
        if whole or not (found.others or found.in_doubt):
            return FoundFile(file, folder, "remove", found.ours)
        return FoundFile(file, folder, "leave", found.ours, "file_packed")

    def _is_export(self, file: Path) -> bool:
        return file.name.lower().endswith(tuple(self._adapter.suffixes))

    def _of_inbox(self, file: Path, names: CaseNames, *, proved: bool) -> FoundFile | None:
        event = _EVENT_FILE.fullmatch(file.name)
        if event is None:
            return FoundFile(file, "inbox", "leave", 1, "file_foreign") if proved else None
        shared = CaseIds(CaseNames(names.shared_id, None, frozenset()), self._encoding)
        if event[1] in names.events or holds(file, shared.prove):
            return FoundFile(file, "inbox", "remove", 1)
        return None  # an event of another case that mentions an id

    def _of_export(
        self,
        tx: Transaction,
        file: Path,
        folder: Folder,
        names: CaseNames,
        named: bool,
        whole: bool,
    ) -> FoundFile | None:
        """Describe an export in `processed/` or `quarantine/` that holds an id of the case."""
        found = self._records_in(tx, file, names)
        ours = 0 if found is None else found.ours
        if found is not None:
            if not ours and not named and not found.in_doubt:
                return None  # records of other cases that mention an id
            certain = whole or not found.in_doubt
            if certain and not found.others:
                return FoundFile(file, folder, "remove", ours)
            if certain and not named:
                return FoundFile(file, folder, "cut", ours)
        # The file cannot be cut: the adapter cannot read it, its name holds an id, or lines are in
        # doubt.
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
                for piece in piece_bytes(rejected_pieces(records, others), stream):
                    out.write(piece)
                out.flush()
                os.fsync(out.fileno())
        os.utime(beside, ns=(status.st_atime_ns, status.st_mtime_ns))
        beside.replace(file)

    def _read(self, stream: BinaryIO) -> Records:
        return self._adapter.read(stream, self._encoding)

    def _sorted(
        self, tx: Transaction, stream: BinaryIO, records: Records, names: CaseNames
    ) -> SortedRecords:
        """Sort the records of a file into the case's, those in doubt, and the others."""
        ids = CaseIds(names, self._encoding)
        context = Context(
            self._participant.agency, self._participant.config.partners, KnownLinks(tx)
        )
        # Read all records before the first look-up, because both move the position in the stream.
        computed = self._computed()
        looked_at: list[tuple[Row | Rejected, bool | None]] = []
        torn = 0
        for one in records:
            looked_at.append((position_of(one), self._is_of(one, context, names)))
            torn += is_torn(one)
            if torn > MAX_TORN:  # a file with this many broken lines costs too much work
                raise MappingError("too many lines are broken", code="file_malformed")
        judged: list[Judged] = []
        stream = records.source or stream
        for item, told in looked_at:
            verdict: Verdict = "ours" if told else "other"
            if told is None:  # search the raw bytes
                stream.seek(item.start)
                content = stream.read(item.end - item.start)
                verdict = "ours" if ids.prove(content) else verdict
                if verdict == "other" and (computed or ids.stand_in(content)):
                    verdict = "unclear" if computed else "doubt"
            judged.append((item, verdict))
        result = SortedRecords()
        for run in runs(judged, stream):
            several = len(run) > 1 or has_lines(run[0][0], stream)
            in_doubt = several and any(verdict == "ours" for _, verdict in run)
            for item, verdict in run:
                if verdict == "ours":
                    result.ours += 1
                elif in_doubt or verdict in ("doubt", "unclear"):
                    result.in_doubt += 1
                    result.unclear += verdict == "unclear"
                else:
                    result.others.append(item)
        return result

    def _is_of(self, item: Row | Rejected, context: Context, names: CaseNames) -> bool | None:
        """Return True if a record is about the case, False if not, None if that cannot be told."""
        if isinstance(item, Rejected):
            return None
        try:
            outgoing = self._adapter.to_event(item, context)
        except MappingError:
            outgoing = None
        except Exception:  # noqa: BLE001 - a fault in an adapter: the bytes decide
            return None
        if outgoing is None:  # refused, or filtered by the mapping and still about a person
            return self._names_it(item, names)
        case = outgoing.event.data.get("case_id")
        if not isinstance(case, str):
            return None
        if self._computed() and context.links.own("case", case) is None:
            # The file may have been taken under another mapping.
            return True if case == names.shared_id else self._names_it(item, names) or None
        return case == names.shared_id

    def _names_it(self, row: Row, names: CaseNames) -> bool | None:
        """Return whether a refused record names the case; None if it names none or is unclear."""
        mapping = getattr(self._adapter, "mapping", None)
        if not isinstance(mapping, RowMapping):
            return None
        try:
            own, shared = (_plain(text) for text in mapping.case_names(row))
        except MappingError:  # an expression has no value for this row
            return None
        if not own and not shared:
            return None
        wanted = {_plain(names.shared_id), _plain(names.own_reference or "")} - {""}
        return own in wanted or shared in wanted


def _plain(text: str) -> str:
    """Remove characters that programs add around or inside a reference."""
    return re.sub(_NO_WIDTH, "", text).strip().lstrip("'").casefold()


def _base_of(name: str) -> str | None:
    """Return the name of the file that a report of the adapter describes; None for other files."""
    for ending in (REASON, LEFT_OUT, RESULTS):
        if name.endswith(ending):
            return name.removesuffix(ending)
    return None


def _is_of(name: str, base: str) -> bool:
    """Return whether a report about BASE covers a file: BASE itself, or ``BASE.rejected.csv``."""
    return _base_of(name) is None and (name == base or name.startswith(f"{base}."))
