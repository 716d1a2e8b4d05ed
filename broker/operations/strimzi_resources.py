"""Kafka's host that runs Strimzi: resources for Kubernetes in a folder, instead of a live cluster.

The folder is the host's record, as the topic of `applied.py` is on a cluster that `kafka apply`
manages: `applied/` has the version of each contract that the resources were made from. Versions are
chosen by the same rules (`kafka_versions.py`), and topics and rights are the same plans
(`kafka_host.wanted`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from broker.agency.participant import load_participant
from broker.errors import ConfigError
from broker.keys.durable import write_durably
from broker.operations.kafka_contracts import (
    HostContracts,
    contracts_of_bundle,
    contracts_of_participant,
)
from broker.operations.kafka_host import HostPlan, contracts_with_topics, wanted
from broker.operations.kafka_versions import select_versions
from broker.operations.target_folder import writing
from broker.transport.applied import AppliedContracts, format_applied, parse_applied
from broker.transport.principals import assign_principals, bare_name
from broker.transport.strimzi import (
    Cluster,
    Resource,
    cluster_resources,
    nameable,
    topic_resources,
    user_resources,
    without_rights,
)
from contracts.bounded_file import read_bounded
from contracts.loading import ContractText
from contracts.model import Contract

CLUSTER_FILE: Final = "kafka.yaml"
TOPICS_FILE: Final = "topics.yaml"
USERS_FILE: Final = "users.yaml"
APPLIED_FOLDER: Final = "applied"
_MAX_RESOURCES_BYTES: Final = 16 * 2**20
_MAX_RECORD_BYTES: Final = 4 * 2**20 + 1024
"""Largest contract file, and the lines before it in a record."""


@dataclass(frozen=True, slots=True)
class WrittenResources:
    """Resources in the host's folder.

    Attributes:
        plan: versions that are recorded now, those that wait, and parties without rights.
        files: what was written.
        stopped: principals of users that have no right any more.
    """

    plan: HostPlan
    files: tuple[Path, ...]
    stopped: tuple[str, ...]


def host_contracts(agency: Path | None, bundle: Path | None, now: int) -> HostContracts:
    """Return the contracts of an agency's folder, or those of a bundle.

    Raises:
        ConcordantError: the folder or the bundle cannot be loaded.
    """
    if bundle is not None:
        return contracts_of_bundle(bundle, now)
    assert agency is not None
    return contracts_of_participant(load_participant(agency, now))


def write_resources(
    source: HostContracts,
    folder: Path,
    cluster: Cluster,
    own: Iterable[str],
    now: int,
    follow: Collection[bytes] = (),
) -> WrittenResources:
    """Write the resources that the contracts need.

    `kafka.yaml` is written once and never again, because the host fits it to its cluster. Versions
    are recorded before rights change. While it is unknown which version a folder was made from,
    nothing is written.

    Args:
        source: contracts and manifests that the host knows.
        folder: of the host; it is made if it is absent.
        cluster: the Kafka to describe.
        own: principals of the host that no party may have, besides the operator's.
        now: milliseconds since the epoch.
        follow: hashes of versions that the host has decided to apply.

    Raises:
        ConfigError: `directory_unusable`, `resources_unreadable`.
        TransportError: `kafka_conflict`.
        RegistryError: as `select_versions`.
    """
    topics_before = _names(folder / TOPICS_FILE)
    applied = _read_applied(folder / APPLIED_FOLDER)
    selected = select_versions(
        source.contracts,
        applied,
        now,
        follow,
        contracts_with_topics(topics_before, source.deployment),
        of_a_party=source.of_a_party,
    )
    if not selected.revoking:
        return WrittenResources(HostPlan((), (), selected.waiting), (), ())
    _, rights_before = wanted(
        applied.by_name.values(),
        source.contracts,
        source.manifests_for(tuple(applied.by_name.values())),
        now,
    )
    contracts = [text.contract for text in selected.applied]
    assigned = assign_principals(contracts, {*own, cluster.operator}, rights_before)
    principals, unnameable = nameable(contracts, assigned.principals)

    def principals_of(contract: Contract) -> dict[str, str]:
        found = ((party.id, (contract.name, party.id)) for party in contract.parties)
        return {agency: principals[key] for agency, key in found if key in principals}

    topics, rights = wanted(
        selected.applied,
        source.contracts,
        source.manifests_for(selected.applied),
        now,
        principals_of,
    )
    users = user_resources(cluster, rights)
    stopped = sorted(_names(folder / USERS_FILE) - {bare_name(right.principal) for right in rights})
    users += [without_rights(cluster, principal) for principal in stopped]
    plan = HostPlan((), selected.begun, selected.waiting, (*assigned.refused, *unnameable))
    with writing(folder, "folder with the resources"):
        files = _write(folder, selected.begun, cluster, topic_resources(cluster, topics), users)
    return WrittenResources(plan, files, tuple(stopped))


def _write(
    folder: Path,
    begun: Iterable[ContractText],
    cluster: Cluster,
    topics: list[Resource],
    users: list[Resource],
) -> tuple[Path, ...]:
    """Write the records, then the resources.

    Raises:
        OSError: a file cannot be written.
    """
    (folder / APPLIED_FOLDER).mkdir(parents=True, exist_ok=True)
    for text in begun:
        write_durably(folder / APPLIED_FOLDER / text.contract.name, format_applied(text))
    parts = [(TOPICS_FILE, topics), (USERS_FILE, users)]
    if not (folder / CLUSTER_FILE).exists():
        parts.insert(0, (CLUSTER_FILE, cluster_resources(cluster)))
    for name, resources in parts:
        content = yaml.safe_dump_all(resources, sort_keys=False, explicit_start=True, width=100)
        write_durably(folder / name, content.encode())
    return tuple(folder / name for name, _ in parts)


def _read_applied(folder: Path) -> AppliedContracts:
    """Return the recorded versions.

    Raises:
        ConfigError: `resources_unreadable`.
    """
    by_name: dict[str, ContractText] = {}
    unreadable: set[str] = set()
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        text = parse_applied(file.name, _read(file, _MAX_RECORD_BYTES))
        if text is None:
            unreadable.add(file.name)
        else:
            by_name[file.name] = text
    return AppliedContracts(by_name, frozenset(unreadable))


def _names(file: Path) -> set[str]:
    """Return the names of the resources in a file that an earlier run wrote; none if absent.

    Raises:
        ConfigError: `resources_unreadable`.
    """
    if not file.exists():
        return set()
    try:
        found = list(yaml.safe_load_all(_read(file, _MAX_RESOURCES_BYTES)))
        names = {str(one["metadata"]["name"]) for one in found}
    except (yaml.YAMLError, UnicodeError, TypeError, KeyError, RecursionError):
        raise _unreadable(file, "It is not a list of resources.") from None
    if not names:
        raise _unreadable(file, "It has no resource.")
    return names


def _read(file: Path, limit: int) -> bytes:
    return read_bounded(
        file, limit, ConfigError, code="resources_unreadable", what="file of the host's folder"
    )


def _unreadable(file: Path, detail: str) -> ConfigError:
    return ConfigError(
        detail,
        code="resources_unreadable",
        where=str(file),
        fix="Restore the folder from its last good copy, for example from version control.",
    )
