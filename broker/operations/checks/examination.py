"""Examination of an agency: every check in turn; a failed check does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from broker.agency.config import load_config
from broker.agency.participant import Participant, load_participant
from broker.operations.agency_progress import Stage, stage_and_next_step
from broker.operations.agreement_state import agreement_states
from broker.operations.checks import key_checks, machine_checks, settings_checks
from broker.operations.checks.check import Check, failed, passed, skipped, warned
from broker.operations.checks.flow_checks import FLOW, flow_checks, held_checks
from broker.operations.checks.kafka_checks import KAFKA, kafka_checks
from broker.registry.contract_in_force import ContractInForce
from contracts.durations import DAY_MS
from contracts.errors import ConcordantError
from contracts.phrases import N_, Phrase, joined, phrase, phrases

ENDS_SOON_MS = 30 * DAY_MS
"""Warning time: a new version of a contract takes weeks to agree on and to sign."""

Checks = Iterator[Check]

_STAGES: Final[Mapping[Stage, Phrase]] = {
    "incomplete": N_("incomplete"),
    "founded": N_("founded"),
    "to_check": N_("to check"),
    "to_sign": N_("to sign"),
    "signed": N_("signed"),
    "ended": N_("ended"),
    "not_started": N_("not started"),
    "suspended": N_("suspended"),
    "certificate_missing": N_("certificate missing"),
    "manifest_not_ours": N_("manifest not ours"),
    "delegation_ends": N_("delegation ends"),
    "manifest_ends": N_("manifest ends"),
    "in_force": N_("in force"),
}
_STATES: Final[Mapping[str, Phrase]] = {"suspended": N_("suspended"), "left": N_("left")}


def examine(agency: Path, now: int, *, kafka_timeout_s: float | None) -> list[Check]:
    """Run every check of an agency.

    Args:
        agency: its folder.
        now: milliseconds since the epoch.
        kafka_timeout_s: how long to wait for Kafka; None does not connect.
    """
    try:
        config = load_config(agency)
    except ConcordantError as error:
        return [failed("configuration", error)]
    found = [
        passed(
            "configuration",
            phrase(
                "%(agency)s in %(deployment)s", agency=config.agency, deployment=config.deployment
            ),
        )
    ]
    found += _guarded("adapter", lambda: settings_checks.adapter(agency, config))
    found += _guarded("settings", lambda: settings_checks.settings(agency, config))
    found += _guarded("folders", lambda: machine_checks.folders(agency, config))
    found += _guarded("disk", lambda: machine_checks.disk(agency))
    found += _guarded("state", lambda: machine_checks.state(agency, config))
    try:
        participant = load_participant(agency, now)
    except ConcordantError as error:
        unsigned = _guarded("agreement", lambda: _unsigned(agency, now))
        registry = failed("registry", error)
        if error.code == "contract_unsigned" and unsigned:  # one next step, that of agency status
            registry = replace(registry, fix=unsigned[0].fix)
        found += [registry, *unsigned]
        reason = N_("the contracts and manifests cannot be loaded")
        unknown = (
            "partners",
            "clock",
            "contract",
            "manifests",
            "delegation",
            "keys",
            "passphrase",
            "held",
            *FLOW,
        )
        found += [skipped(name, reason) for name in unknown]
        found += _guarded("certificate", lambda: machine_checks.certificate(agency, config, now))
        found += [skipped(name, reason) for name in KAFKA]
        return found
    every: tuple[tuple[str, Callable[[], Checks]], ...] = (
        ("partners", lambda: settings_checks.partners(participant)),
        ("settings", lambda: settings_checks.heartbeat_intervals(participant, now)),
        ("clock", lambda: machine_checks.clock(participant, now)),
        ("contract", lambda: _contract(participant, now)),
        ("agreement", lambda: _agreements(participant, now)),
        ("manifests", lambda: key_checks.manifests(participant, now)),
        ("delegation", lambda: key_checks.delegation(participant, now)),
        ("passphrase", lambda: key_checks.passphrase(participant)),
        ("keys", lambda: key_checks.keys(participant, now)),
        ("keys", lambda: settings_checks.governance_passphrase(participant)),
        ("certificate", lambda: machine_checks.certificate(agency, config, now)),
        ("state", lambda: flow_checks(participant, now)),
        ("held", lambda: held_checks(participant, now)),
    )
    for name, checks in every:
        found += _guarded(name, checks)
    if kafka_timeout_s is None:
        return [*found, *(skipped(name, N_("offline")) for name in KAFKA)]
    return found + _guarded("kafka", lambda: kafka_checks(participant, now, kafka_timeout_s))


def _guarded(name: str, checks: Callable[[], Checks]) -> list[Check]:
    """Return the results of a check, or the error that stopped it."""
    found: list[Check] = []
    try:
        found.extend(checks())
    except ConcordantError as error:
        found.append(failed(name, error))
    except OSError as error:
        found.append(
            Check(
                name,
                "fail",
                phrase("cannot be checked (%(strerror)s)", strerror=error.strerror),
                code="unreadable",
            )
        )
    return found


def _unsigned(agency: Path, now: int) -> Checks:
    """Name the version that an agency without any signed agreement should sign."""
    yield from _agreements(load_participant(agency, now, unsigned_ok=True), now)


def _agreements(participant: Participant, now: int) -> Checks:
    """Name what awaits our signature, or else the next step, as `agency status` does."""
    states = agreement_states(participant, now)
    stage, step = stage_and_next_step(participant, states, now)
    fix = joined(" ", (step.what, step.command)) if step.command else step.what
    waiting = [one.named for one in states if one.awaits_us]
    if waiting:
        yield warned(
            "agreement", phrase("awaits our signature: %(names)s", names=", ".join(waiting)), fix
        )
    elif stage not in {"in_force", "manifest_ends", "certificate_missing"}:
        yield warned(
            "agreement",
            phrase("%(stage)s; next, by %(by)s", stage=_STAGES[stage], by=step.by),
            fix,
        )


def _contract(participant: Participant, now: int) -> Checks:
    for in_force in participant.contracts_in_force(now):
        yield from _one_contract(participant, in_force, now)


def _one_contract(participant: Participant, in_force: ContractInForce, now: int) -> Checks:
    contract = in_force.contract
    named = f"{contract.name} {contract.version}"
    status = in_force.status(now)
    mine = status.departed.get(participant.agency)
    if mine is not None:
        again = (
            "concordant contract resume --reason resolved" if mine.state == "suspended" else None
        )
        yield Check(
            "contract",
            "fail",
            phrase(
                "%(named)s: this agency has %(state)s it", named=named, state=_STATES[mine.state]
            ),
            again and phrase("when the reason no longer applies: %(command)s", command=again),
            f"contract_{mine.state}",
        )
        return
    if not status.in_force:
        gone = ", ".join(status.by)
        yield Check(
            "contract",
            "fail",
            joined("", (named, ": ", status.state, f" ({gone})")),
            code=status.state,
        )
        return
    yield from _dates(named, contract.ends_ms, now)
    for agency, departure in status.departed.items():
        yield warned(
            "contract",
            phrase(
                "%(agency)s has %(state)s %(named)s: it receives nothing",
                agency=agency,
                state=_STATES[departure.state],
                named=named,
            ),
        )


def _dates(named: str, ends_ms: int, now: int) -> Checks:
    days = (ends_ms - now) // DAY_MS
    if ends_ms - now < ENDS_SOON_MS:
        yield warned(
            "contract",
            phrases(
                "%(named)s ends in %(n)s day", "%(named)s ends in %(n)s days", days, named=named
            ),
            N_("agree on a new version and sign"),
        )
    else:
        left = phrases("%(n)s day", "%(n)s days", days)
        yield passed(
            "contract",
            phrase(
                "%(named)s is in force, signed by every party, for %(left)s", named=named, left=left
            ),
        )
