"""Mapping file: an agency's columns and codes beside those of a vocabulary.

The file is YAML, and JSON is YAML too. Every list is in a file that can be replaced without a
change of code. A file that contradicts itself is refused when it is loaded, with file, line and
field, before any row is read. docs/guides/mappings.md describes every member for its author.
"""

from __future__ import annotations

from importlib import resources
from typing import Final

from pydantic import ValidationInfo, model_validator

from adapters.mapping.document_checks import document_faults
from adapters.mapping.mapping_form import MappingForm
from contracts.errors import ConcordantError, ContractError
from contracts.strict_yaml import DocumentKind, SeveralFaultsError, read, validated
from contracts.vocabulary.known import Documents, named_vocabulary

MAPPING_BYTES: Final = 1 << 20
"""Largest mapping file, 1 MiB."""
_MAPPING: Final = DocumentKind(
    noun="the mapping file",
    largest=MAPPING_BYTES,
    code="mapping_invalid",
    fix="Correct each line that is named; then try the file: concordant mapping check FILE "
    "--agency DIR.",
    shown=100,
)


class MappingFileError(ConcordantError):
    """A mapping file cannot be used; its author must correct it."""

    code = "mapping_invalid"
    exit_code = 3


class MappingDocument(MappingForm):
    """A mapping file without contradictions, whose vocabularies are loaded."""

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> MappingDocument:
        documents = info.context if isinstance(info.context, Documents) else None
        self._load_words(documents)
        faults = document_faults(self)
        if faults:
            raise SeveralFaultsError(faults)
        return self

    def _load_words(self, documents: Documents | None) -> None:
        named = [self.vocabulary]
        named += [k.vocabulary for k in self.kinds.values() if k.vocabulary]
        named += [t.vocabulary for t in self.tables.values() if t.vocabulary]
        for name in named:
            try:
                self._words[name] = named_vocabulary(name, documents)
            except ContractError as error:
                raise ValueError(f"{error.detail.rstrip('.')} ({error.fix})") from None


def parse_mapping(
    content: bytes, where: str, documents: Documents | None = None
) -> MappingDocument:
    """Parse a mapping file.

    Args:
        content: the file, YAML in the strict form of agreements, or JSON.
        where: its name, for errors.
        documents: places of vocabularies besides those of the software.

    Raises:
        MappingFileError: it is not YAML, contradicts itself, or breaks the model.
    """
    try:
        tree, lines = read(_MAPPING, content, where)
        return validated(_MAPPING, MappingDocument, tree, lines, where, documents)
    except ContractError as error:
        raise MappingFileError(error.detail, where=error.where, fix=error.fix) from None


def load_mapping(package: str, version: str | None = None) -> MappingDocument:
    """Load an adapter's mapping file: ``mapping.<version>.yaml`` (or json) in its package.

    Args:
        package: for example ``adapters.csu``.
        version: the newest when None (versions are dates and sort as text).

    Raises:
        MappingFileError: the file does not exist or cannot be used.
    """
    files = sorted(
        (
            entry
            for entry in resources.files(package).iterdir()
            if entry.name.startswith("mapping.") and entry.name.endswith((".yaml", ".json"))
        ),
        key=lambda entry: entry.name,
    )
    chosen = [
        entry for entry in files if version is None or entry.name.startswith(f"mapping.{version}.")
    ]
    if not chosen:
        raise MappingFileError(f"{package} has no mapping file mapping.{version or '<date>'}.yaml")
    return parse_mapping(chosen[-1].read_bytes(), f"{package}/{chosen[-1].name}")
