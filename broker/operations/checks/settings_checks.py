"""Checks of every value in `agency.toml` that reading the file alone does not check."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from broker.agency.config import AgencyConfig, governance_kids
from broker.agency.kinds import (
    SINKS,
    SOURCES,
    declared_kinds,
    own_documents,
    require_kind,
    require_side,
)
from broker.agency.participant import Participant
from broker.agency.running import adapter_runs, health_port
from broker.operations.checks.check import Check, passed, skipped, warned
from broker.operations.rule_set_files import rule_sets_of
from broker.registry.awaited import awaited
from broker.statements.heartbeats import SILENT_INTERVALS
from broker.transport.connection import wrong_address
from contracts.errors import ConcordantError
from contracts.names import nearest
from contracts.phrases import N_, phrase, phrases

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def adapter(agency: Path, config: AgencyConfig) -> Iterator[Check]:
    """Check that the kind of adapter is installed and can be loaded.

    Raises:
        ConcordantError: it is not installed, cannot be loaded, or its mapping file cannot be used.
    """
    if not declared_kinds():
        yield skipped("adapter", N_("concordant is not installed as a package"))
        return
    made_for_agency = getattr(require_kind(config.adapter.kind), "for_agency", None)
    if made_for_agency is not None:  # it reads a mapping file in the folder
        made_for_agency(agency, config.adapter.mapping, own_documents(agency))
    require_side(SOURCES, config.adapter.source)
    require_side(SINKS, config.adapter.sink)
    runs = N_("it runs") if adapter_runs(agency) else N_("it does not run")
    yield passed(
        "adapter", phrase("%(kind)s is installed; %(runs)s", kind=config.adapter.kind, runs=runs)
    )


def settings(agency: Path, config: AgencyConfig) -> Iterator[Check]:
    """Check that governance ids, folders and addresses are consistent.

    Raises:
        ConfigError: the ids of the governance keys are not base64.
    """
    governance_kids(config)
    wrong = [
        *_same_folders(agency, config),
        *_addresses(config),
        *_health(agency, config),
        *_lint_rules(agency, config),
    ]
    yield from wrong
    if not any(check.status == "fail" for check in wrong):
        yield passed("settings", N_("folders and addresses are consistent"))


def partners(participant: Participant) -> Iterator[Check]:
    """Check that each partner is a party of a contract, and each party can be addressed."""
    config = participant.config
    parties = {
        party.id for signed in participant.contracts.trusted() for party in signed.contract.parties
    }
    own = participant.agency
    wrong = False
    for code, partner in sorted(config.partners.items()):
        reason = None
        if partner == own:
            reason = N_("is this agency itself")
        elif partner not in parties:
            reason = N_("is no party of a contract that we signed")
        if reason:
            wrong = True
            others = sorted(parties - {own})
            alike = nearest(partner, others)
            meant = f". Did you mean {' or '.join(alike)}?" if alike else ""
            detail = phrase(
                "the partner %(partner)s %(reason)s [agency.toml: partners.%(code)s]",
                partner=partner,
                reason=reason,
                code=code,
            )
            yield Check(
                "partners",
                "fail",
                detail,
                phrase("use one of %(names)s%(meant)s", names=", ".join(others), meant=meant),
                "partner_unknown",
            )
    missing = sorted(parties - {own} - set(config.partners.values()))
    if missing:
        detail = phrase(
            "no code of our system for %(names)s: no export can address them",
            names=", ".join(missing),
        )
        yield warned("partners", detail, N_("add a line to [partners] in agency.toml"))
    elif not wrong:
        yield passed(
            "partners",
            phrases(
                "%(n)s code, each of a party", "%(n)s codes, each of a party", len(config.partners)
            ),
        )


def _same_folders(agency: Path, config: AgencyConfig) -> Iterator[Check]:
    named = config.folders.model_dump(by_alias=True, exclude={"done_marker"})
    seen: dict[Path, str] = {}
    for name, folder in named.items():
        path = (agency / folder).resolve()
        if path in seen:
            detail = phrase(
                "%(seen)s and %(name)s are the same folder [agency.toml: folders.%(name)s]",
                seen=seen[path],
                name=name,
            )
            fix = N_("give each its own folder: otherwise the adapter would read its own output")
            yield Check("settings", "fail", detail, fix, "config_folders_same")
        seen[path] = name


def _addresses(config: AgencyConfig) -> Iterator[Check]:
    if (address := wrong_address(config.kafka.bootstrap)) is not None:
        detail = phrase(
            "%(address)s is not HOST:PORT [agency.toml: kafka.bootstrap]", address=repr(address)
        )
        fix = N_("for example: kafka.example.org:9092")
        yield Check("settings", "fail", detail, fix, "config_address_invalid")


def _lint_rules(agency: Path, config: AgencyConfig) -> Iterator[Check]:
    """Check the organisation's own lint rules: without them no contract can be signed."""
    try:
        rule_sets_of(agency, config)
    except ConcordantError as error:
        detail = phrase(
            "%(detail)s [%(where)s; agency.toml: lint.rules]",
            detail=error.detail,
            where=error.where,
        )
        yield Check("settings", "fail", detail, error.fix, error.code)


def heartbeat_intervals(participant: Participant, now: int) -> Iterator[Check]:
    """Check that our own intervals of heartbeats and of silence fit those of the agreements."""
    intervals = participant.config.intervals
    agreed = awaited(participant.contracts, participant.manifests, now)
    own = agreed.get(participant.agency)
    longest = max(agreed.values(), default=None)
    sent, silence = intervals.heartbeat, intervals.silence_alarm
    if own is not None and sent is not None and sent * 1000 > SILENT_INTERVALS * own:
        detail = phrase(
            "we send a heartbeat every %(sent)s s, but the others raise an alarm "
            "after %(value)s s [agency.toml: intervals.heartbeat]",
            sent=f"{sent:g}",
            value=f"{SILENT_INTERVALS * own / 1000:g}",
        )
        fix = phrase("remove the setting, or set it to %(value)s or less", value=f"{own / 1000:g}")
        yield Check("settings", "fail", detail, fix, "config_interval_invalid")
    if longest is not None and silence is not None and silence * 1000 <= longest:
        detail = phrase(
            "we raise an alarm after %(silence)s s without a heartbeat, but agencies "
            "send one every %(value)s s [agency.toml: intervals.silence_alarm]",
            silence=f"{silence:g}",
            value=f"{longest / 1000:g}",
        )
        fix = phrase(
            "remove the setting, or set it to %(value)s",
            value=f"{SILENT_INTERVALS * longest / 1000:g}",
        )
        yield Check("settings", "fail", detail, fix, "config_interval_invalid")


def _health(agency: Path, config: AgencyConfig) -> Iterator[Check]:
    http = config.http
    if http.host not in LOOPBACK:
        detail = phrase(
            "/metrics and /readyz answer on %(host)s, not only on this machine", host=http.host
        )
        yield warned("settings", detail, N_("let a firewall allow only the monitoring system"))
    if adapter_runs(agency) and http.port in {0, health_port(agency)}:
        return
    problem = _bindable(http.host, http.port)
    if problem:
        where = "agency.toml: http"
        detail = phrase(
            "the health server cannot listen on %(host)s:%(port)s: %(problem)s [%(where)s]",
            host=http.host,
            port=http.port,
            problem=problem,
            where=where,
        )
        fix = N_("use a free port and an address of this machine, or port 0")
        yield Check("settings", "fail", detail, fix, "config_port_unusable")


def _bindable(host: str, port: int) -> str | None:
    """Return why the health port cannot be opened; None if it can."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        return "the host does not exist"
    family, kind, number, _, address = found[0]
    with socket.socket(family, kind, number) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            in_use = error.errno == errno.EADDRINUSE
            return "another program uses it" if in_use else (error.strerror or "no").lower()
    return None


def governance_passphrase(participant: Participant) -> Iterator[Check]:
    """Check that the governance keys open with their passphrase, while they are here.

    Raises:
        ConcordantError: they do not open.
    """
    section = participant.config.governance_passphrase
    here = any(entry.role == "governance" for entry in participant.governance_source().entries())
    if section is None or not here:
        return
    try:
        participant.governance_signer()
    except ConcordantError as error:
        yield Check(
            "keys",
            "fail",
            phrase("governance: %(detail)s", detail=error.detail),
            error.fix,
            error.code,
        )
