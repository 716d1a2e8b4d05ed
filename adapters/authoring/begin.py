"""Beginning of each command about mappings: an agency's folder, and what the command works on."""

from __future__ import annotations

from pathlib import Path

from adapters.authoring.dry_run import DryRun
from adapters.authoring.proposal import MappingProposal, chosen_type, propose
from adapters.base import AgencyAdapter, MappingError
from adapters.catalogue import adapter_named, adapter_of, installed
from adapters.formats import detect
from adapters.limits import MAX_FILE_BYTES
from adapters.mapped import KIND, MAPPING_FILE, OwnMapping
from adapters.mapping.document import MappingDocument
from adapters.mapping.rows import RowMapping
from broker.agency.config import load_config
from broker.agency.kinds import own_documents
from broker.agency.participant import load_participant
from broker.errors import ConfigError, WrongInputError
from contracts.bounded_file import read_bounded
from contracts.names import suggestion
from contracts.phrases import N_, phrase

__all__ = ["begin", "document_of", "dry_run", "own_mapping_file", "unused_mapping"]


def begin(
    directory: Path, sample: Path, name: str | None, event_type: str | None, now: int
) -> MappingProposal:
    """Propose a mapping for a sample of an agency's system.

    Args:
        directory: the agency's folder.
        sample: an export.
        name: name of the mapping; the agency's id if it is left out.
        event_type: type that a row becomes; a likely one if it is left out.
        now: milliseconds since the epoch.

    Raises:
        ConcordantError: the folder or the sample cannot be read.
    """
    participant = load_participant(directory, now, unsigned_ok=True)
    contracts = list(
        {one.contract.name: one.contract for one in participant.contracts.all()}.values()
    )
    if not contracts:
        raise WrongInputError(
            N_("This agency has no agreement, so there is no vocabulary to map to."),
            code="contract_missing",
            where=str(directory),
        )
    chosen = chosen_type(contracts, participant.agency, event_type)
    content = read_bounded(sample, MAX_FILE_BYTES, ConfigError, code="input_unreadable")
    try:
        detected = detect(content, sample.name)
    except MappingError as error:
        error.where = f"{sample.name}: {error.where}" if error.where else sample.name
        raise
    if detected.unread > len(detected.rows):
        raise MappingError(
            N_(
                "most of the first records cannot be read, so this file is no export "
                "with a header and records"
            ),
            code="file_malformed",
            where=sample.name,
            fix=N_("Name an export of your system."),
        )
    return propose(
        name or participant.agency,
        contracts,
        participant.agency,
        participant.config.partners,
        detected,
        chosen,
    )


def dry_run(
    directory: Path, mapping: Path | None, now: int
) -> tuple[DryRun, MappingDocument | None]:
    """Return a dry run of an agency's exports, and its mapping for the coverage.

    Args:
        directory: the agency's folder.
        mapping: another mapping file than the agency's; it need not be in the folder.
        now: milliseconds since the epoch.

    Raises:
        ConcordantError: the folder or the mapping file cannot be used.
    """
    participant = load_participant(directory, now, unsigned_ok=True)
    if mapping is not None:
        adapter: AgencyAdapter = OwnMapping(mapping, own_documents(directory))
    else:
        adapter = adapter_of(directory, participant.config)
    return DryRun(participant, adapter, now), _document(adapter)


def unused_mapping(directory: Path) -> str | None:
    """Return the kind of an agency's adapter if its folder has a mapping file that is not used."""
    kind = load_config(directory).adapter.kind
    return kind if kind != KIND and (directory / MAPPING_FILE).is_file() else None


def document_of(directory: Path | None, kind: str | None) -> MappingDocument:
    """Return the mapping of an agency, or of an installed kind of adapter if one is named.

    Raises:
        WrongInputError: `mapping_none`: the adapter has no mapping file.
        ConcordantError: it cannot be read.
    """
    if kind is not None and kind not in installed():
        raise WrongInputError(
            N_("No installed package offers this kind of adapter."),
            code="config_adapter_unknown",
            where=kind,
            fix=suggestion(kind, installed()),
        )
    if kind is not None or directory is None:
        document = _document(adapter_named(kind or KIND))
    else:
        document = _document(adapter_of(directory, load_config(directory)))
    if document is None:
        raise WrongInputError(
            N_("This adapter has no mapping file: its package describes its columns."),
            code="mapping_none",
        )
    return document


def own_mapping_file(directory: Path) -> Path:
    """Return the path of an agency's own mapping file.

    Raises:
        ConfigError: `mapping_none`: the agency's adapter is of another kind.
    """
    section = load_config(directory).adapter
    if section.kind != KIND:
        raise ConfigError(
            phrase(
                "This agency's adapter is %(kind)s, whose mapping is in its package.",
                kind=section.kind,
            ),
            code="mapping_none",
            where=f"{directory / 'agency.toml'}: adapter.kind",
        )
    return directory / (section.mapping or MAPPING_FILE)


def _document(adapter: AgencyAdapter) -> MappingDocument | None:
    mapping = getattr(adapter, "mapping", None)
    return mapping.document if isinstance(mapping, RowMapping) else None
