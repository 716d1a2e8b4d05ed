"""Search of an agency's folders for a case: its ids in every spelling, files, compressed files."""

from __future__ import annotations

import html
import itertools
import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from adapters.packed_files import PackedKind, UnsearchableError, packed_kind, unpacked_pieces
from broker.operations.erasure import UNSEARCHED, CaseNames, Folder, FoundFile

CHUNK_BYTES: Final = 1024 * 1024
OVERLAP_BYTES: Final = 4096
"""Overlap of two pieces; longer than any id in any encoding."""
MAX_FOLDERS: Final = 16
"""Maximum depth of nested folders that are searched."""


def holds(file: Path, stand_in: Callable[[bytes], bool]) -> bool:
    before = b""
    with open_file(file) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            if stand_in(before + chunk):
                return True
            before = (before + chunk)[-OVERLAP_BYTES:]
    return False


def open_file(file: Path) -> BinaryIO:
    return os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")


def packed_kind_of(file: Path) -> PackedKind | None:
    with open_file(file) as stream:
        return packed_kind(stream)


def in_packed_file(
    file: Path, folder: Folder, kind: PackedKind, ids: CaseIds, *, named: bool, whole_files: bool
) -> FoundFile | None:
    """Search the bytes of a compressed file. The adapter never cuts one."""
    # Search the raw bytes too: ZIP comments, and data before or after the compressed part.
    found, whole = named or holds(file, ids.stand_in), True
    if not found:
        with open_file(file) as stream:
            try:
                found = any(map(ids.stand_in, unpacked_pieces(stream, kind)))
            except UnsearchableError:
                whole = False
    if found and folder in {"processed", "quarantine"}:
        if whole_files:
            return FoundFile(file, folder, "remove")
        return FoundFile(file, folder, "leave", 0, "file_packed")
    if found:
        why = "not_taken" if folder == "import" else "file_foreign"
        return FoundFile(file, folder, "leave", 0, why)
    return None if whole else FoundFile(file, folder, "leave", 0, UNSEARCHED)


def files_directly_in(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(e.name for e in entries if e.is_file(follow_symlinks=False))
    except OSError:
        return
    yield from (folder / name for name in names)


def files_below(
    folder: Path, others: set[Path], unsearched: Callable[[Path], None]
) -> Iterator[Path]:
    """Yield files in subfolders, without links and without the agency's other folders.

    Args:
        folder: one of the agency's folders.
        others: all folders of the agency.
        unsearched: called with each folder whose files are not searched, because it cannot be read
            or is nested too deeply. This can be ``folder`` itself.
    """

    def unreadable(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            unsearched(Path(os.fsdecode(error.filename)))

    for place, inside, names in os.walk(folder, onerror=unreadable):
        inside[:] = sorted(one for one in inside if Path(place, one) not in others)
        if len(Path(place).relative_to(folder).parts) >= MAX_FOLDERS:
            for one in inside:
                if not Path(place, one).is_symlink():
                    unsearched(Path(place, one))
            inside.clear()
        if Path(place) == folder:
            continue
        try:
            paths = [Path(place, name) for name in sorted(names)]
            plain = [path for path in paths if stat.S_ISREG(path.lstat().st_mode)]
        except OSError:
            unsearched(Path(place))
        else:
            yield from plain


ENCODINGS: Final = ("utf-8", "cp1252", "cp850")
_NO_WIDTH_BYTES: Final = re.compile(
    rb"\xc2\xad|\xe2\x80[\x8b-\x8f]|\xe2\x81[\xa0-\xa4]|\xef\xbb\xbf"
    rb"|\\u(?:00ad|200[b-f]|206[0-4]|feff)"
)
"""Invisible characters as UTF-8, or as JSON writes them."""
_WORD: Final = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyz_")
_JOINS: Final = frozenset(b"-/")
"""Characters that join the groups of a reference: EK/2025/1 does not match in EK/2025/1-B."""


class CaseIds:
    """Matches a case's ids in bytes: as whole words, in any capitals and any character width.

    It uses plain searches, because a file of 64 MiB is searched for several hundred ids.

    Args:
        names: ids of the case.
        encoding: encoding of the agency's exports, if it states one; others are tried as well.
    """

    def __init__(self, names: CaseNames, encoding: str | None = None) -> None:
        own: set[str] = set()
        if names.own_reference:
            own = {
                names.own_reference,
                html.escape(names.own_reference),
                html.escape(names.own_reference, quote=False),
                json.dumps(names.own_reference)[1:-1],
                names.own_reference.replace("/", "\\/"),
                names.own_reference.replace('"', '""'),
            }
        encodings = ENCODINGS if encoding is None else (*ENCODINGS, encoding)
        certain = {names.shared_id, *names.events}
        if not _is_common(names.own_reference or ""):
            certain |= own
        self._certain = _encoded(certain, encodings)
        self._all = _encoded(certain | own, encodings)

    def stand_in(self, content: bytes) -> bool:
        """Return whether one of the ids appears in the bytes."""
        return _any_word(self._all, content)

    def prove(self, content: bytes) -> bool:
        """Return whether an id appears that no file would hold for another reason."""
        return _any_word(self._certain, content)


def _is_common(reference: str) -> bool:
    """Return whether a reference is too common to prove anything: a short or plain number."""
    return len(reference) < 4 or (reference.isdigit() and len(reference) < 7)


def _encoded(texts: Iterable[str], encodings: Iterable[str]) -> list[bytes]:
    found: set[bytes] = set()
    for text, one in itertools.product(texts, encodings):
        with suppress(UnicodeEncodeError):
            found.add(text.encode(one).replace(b"\0", b"").lower())
    return sorted(found - {b""})


def _any_word(words: Sequence[bytes], content: bytes) -> bool:
    # With its zero bytes removed, ASCII text in UTF-16 or UTF-32 equals plain ASCII.
    plain = _NO_WIDTH_BYTES.sub(b"", content.replace(b"\0", b"").lower())
    return any(_is_word(plain, word) for word in words)


def _is_word(content: bytes, word: bytes) -> bool:
    at = content.find(word)
    while at >= 0:
        end = at + len(word)
        if not _joined(content[max(0, at - 2) : at][::-1]) and not _joined(content[end : end + 2]):
            return True
        at = content.find(word, at + 1)
    return False


def _joined(beside: bytes) -> bool:
    """Return whether a word continues in the two neighbouring bytes, the nearer one first."""
    if not beside:
        return False
    return beside[0] in _WORD or (
        len(beside) == 2 and beside[0] in _JOINS and beside[1] in _WORD - {ord("_")}
    )
