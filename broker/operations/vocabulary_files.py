"""Vocabularies that an officer writes, checks, reads and compares: from a file or by name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from broker.errors import ConfigError, WrongInputError
from broker.operations.contract_draft import write_new
from contracts.bounded_file import read_bounded
from contracts.errors import ContractError
from contracts.findings import Finding
from contracts.names import nearest
from contracts.vocabulary.comparison import VocabularyChange, compare_vocabularies
from contracts.vocabulary.known import named_vocabulary, shipped_vocabulary_files
from contracts.vocabulary.lint import lint_vocabulary
from contracts.vocabulary.template import vocabulary_template
from contracts.vocabulary.vocabulary import VOCABULARY_BYTES, Vocabulary, parse_vocabulary


@dataclass(frozen=True, slots=True)
class CheckedVocabulary:
    """A vocabulary file and its findings, errors first; a file that does not load is an error."""

    file: str
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> int:
        """Return the number of errors."""
        return sum(one.severity == "error" for one in self.findings)


@dataclass(frozen=True, slots=True)
class ComparedVocabularies:
    """Two vocabularies and their changes, in the order of the file."""

    old: Vocabulary
    new: Vocabulary
    changes: tuple[VocabularyChange, ...]


def shipped_vocabularies() -> tuple[Vocabulary, ...]:
    """Return the vocabularies that come with the software, in the order of their names."""
    return tuple(map(named_vocabulary, shipped_vocabulary_files()))


def vocabulary_of(name_or_file: str) -> Vocabulary:
    """Return a vocabulary by its file, or one that comes with the software by its name.

    Raises:
        WrongInputError: `vocabulary_unknown`.
        ConfigError: `file_unusable`.
        ContractError: `vocabulary_invalid`.
    """
    if name_or_file in shipped_vocabulary_files():
        return named_vocabulary(name_or_file)
    path = Path(name_or_file)
    if not path.exists():
        known = tuple(shipped_vocabulary_files())
        alike = nearest(name_or_file, known)
        meant = f" Did you mean {alike[0]}?" if alike else ""
        raise WrongInputError(
            "There is no such vocabulary, and no such file.",
            code="vocabulary_unknown",
            where=name_or_file,
            fix=f"Name a file, or one of: {', '.join(known)}.{meant}",
        )
    return parse_vocabulary(_bytes_of(path), name_or_file)


def check_vocabulary(path: Path, now: int) -> CheckedVocabulary:
    """Return what should be corrected in a vocabulary file before an agreement pins it.

    Args:
        path: the file.
        now: ms; lists that are older than five years are found.

    Raises:
        ConfigError: `file_unusable`: nothing was checked.
    """
    raw = _bytes_of(path)
    try:
        vocabulary = parse_vocabulary(raw, str(path))
    except ContractError as error:
        return CheckedVocabulary(str(path), _faults(error, str(path)))
    today = datetime.fromtimestamp(now // 1000, UTC).date()
    found = sorted(lint_vocabulary(vocabulary, today), key=lambda one: one.severity != "error")
    return CheckedVocabulary(str(path), tuple(found))


def compare_vocabulary_files(old: str, new: str) -> ComparedVocabularies:
    """Compare two vocabularies, each a file or the name of one that comes with the software.

    Raises:
        WrongInputError, ConfigError, ContractError: see ``vocabulary_of``.
    """
    before, after = vocabulary_of(old), vocabulary_of(new)
    return ComparedVocabularies(before, after, compare_vocabularies(before, after))


def new_vocabulary(name: str, title: str, out: Path, today: date) -> Vocabulary:
    """Write a first vocabulary that loads and passes lint, for an officer to extend.

    Args:
        name: its name, for example `housing`.
        title: one line for people.
        out: the file, which must not exist.
        today: the date of its lists.

    Raises:
        WrongInputError: `option_invalid`; `output_exists`.
        ConfigError: `output_unwritable`.
    """
    raw = vocabulary_template(name, title, today).encode()
    try:
        made = parse_vocabulary(raw, str(out))
    except ContractError as error:
        raise WrongInputError(
            f"The name or the title cannot be used: {error.detail}",
            code="option_invalid",
            where="NAME, --title",
            fix="Give a name of lower-case letters, digits and hyphens, and a title of one line.",
        ) from None
    write_new(out, raw)
    return made


def _bytes_of(path: Path) -> bytes:
    return read_bounded(
        path, VOCABULARY_BYTES, ConfigError, code="file_unusable", what="vocabulary"
    )


def _faults(error: ContractError, file: str) -> tuple[Finding, ...]:
    where = error.where or file
    return tuple(
        Finding("not-a-vocabulary", "error", where if at == 0 else "", line.strip())
        for at, line in enumerate(error.detail.split("\n"))
    )
