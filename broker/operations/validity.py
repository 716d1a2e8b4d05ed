"""Ends of everything that this agency depends on: certificates, keys, delegation, agreements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from broker.agency.participant import Participant
from broker.keys.kid import EXCHANGE, RECEIPT, STREAM
from broker.operations.agency_progress import (
    DELEGATION_WARNING_MS,
    MANIFEST_WARNING_MS,
    delegation_ends,
)
from broker.operations.checks.examination import ENDS_SOON_MS
from broker.operations.checks.machine_checks import CERTIFICATE_SOON_MS
from broker.transport.tls_ends import TlsEnds
from contracts.durations import DAY_MS
from contracts.phrases import N_, Phrase

EndState: TypeAlias = Literal["in_time", "soon", "ended", "unusable"]
Kind: TypeAlias = Literal[
    "certificate", "authority", "stream", "receipt", "exchange", "key_list", "delegation",
    "agreement",
]  # fmt: skip
KEY_SOON_MS: Final = 5 * DAY_MS
"""The adapter renews keys before; a shorter rest needs a person (the alert `EndsSoon`)."""
_ROLES: Final[tuple[tuple[str, Kind], ...]] = (
    (STREAM, "stream"), (RECEIPT, "receipt"), (EXCHANGE, "exchange"),
)  # fmt: skip
_BY_ITSELF: Final = N_("The running adapter renews it by itself.")


@dataclass(frozen=True, slots=True)
class Ending:
    """One thing that ends.

    Attributes:
        kind: its kind.
        name: name of an agreement; empty for the others.
        ends_ms: its end, milliseconds since the epoch; 0 if it cannot be used.
        state: whether a person has to act.
        do: what to do, in whole sentences. A command stands between backticks.
        entry: name of the runbook entry; empty if nothing is to be done.
        later: what to do when it ends soon; empty if that is now, or if the adapter does it.
    """

    kind: Kind
    name: str
    ends_ms: int
    state: EndState
    do: Phrase
    entry: str = ""
    later: str = ""

    def days_left(self, now: int) -> int:
        """Return the whole days that are left; negative after the end."""
        return (self.ends_ms - now) // DAY_MS


def endings(participant: Participant, now: int) -> tuple[Ending, ...]:
    """Return everything that ends, the first to end first. Needs no passphrase and no state."""
    found = [
        *_certificates(participant, now),
        *_keys(participant, now),
        *_delegation(participant, now),
        *_agreements(participant, now),
    ]
    return tuple(sorted(found, key=lambda one: one.ends_ms))


def _state(ends_ms: int, soon_ms: int, now: int) -> EndState:
    if not ends_ms:
        return "unusable"
    if ends_ms <= now:
        return "ended"
    return "soon" if ends_ms - now < soon_ms else "in_time"


def _ending(
    kind: Kind,
    ends_ms: int,
    soon_ms: int,
    now: int,
    calm: Phrase,
    act: Phrase,
    entry: str,
    name: str = "",
) -> Ending:
    state = _state(ends_ms, soon_ms, now)
    if state == "in_time":
        return Ending(kind, name, ends_ms, state, calm, later="" if calm == _BY_ITSELF else act)
    return Ending(kind, name, ends_ms, state, act, entry)


def _certificates(participant: Participant, now: int) -> Iterator[Ending]:
    renews = participant.config.kafka.renewal is not None
    act = {
        "certificate": N_("Renew it: `concordant kafka renew --agency DIR`.")
        if renews
        else N_("Ask Kafka's host for a certificate of the same name, and replace the file."),
        "authority": N_("Ask Kafka's host for the new authority, and add it to the file."),
    }
    calm = {
        "certificate": _BY_ITSELF if renews else N_("Nothing yet."),
        "authority": N_("Nothing yet."),
    }
    for part, ends_ms in TlsEnds(participant.kafka_connection()).read().items():
        yield _ending(part, ends_ms, CERTIFICATE_SOON_MS, now, calm[part], act[part], "ends-soon")


def _keys(participant: Participant, now: int) -> Iterator[Ending]:
    manifest = participant.manifests.newest(participant.agency)
    if manifest is None:
        return
    act = N_("Look whether the adapter runs. Renew by hand: `concordant keys renew --agency DIR`.")
    yield _ending(
        "key_list", manifest.expires, MANIFEST_WARNING_MS, now, _BY_ITSELF, act,
        "manifest-not-renewed",
    )  # fmt: skip
    for role, kind in _ROLES:
        ends = [
            key.not_after
            for key in manifest.keys
            if key.role == role
            and participant.manifests.revoked_since(participant.agency, key.kid) is None
        ]
        if ends:
            yield _ending(
                kind, max(ends), KEY_SOON_MS, now, _BY_ITSELF, act, "manifest-not-renewed"
            )


def _delegation(participant: Participant, now: int) -> Iterator[Ending]:
    ends_ms = delegation_ends(participant)
    if ends_ms is not None:
        act = N_("The holder of the governance keys runs `concordant keys delegate --agency DIR`.")
        yield _ending(
            "delegation", ends_ms, DELEGATION_WARNING_MS, now, N_("Nothing yet."), act,
            "delegation-ends",
        )  # fmt: skip


def _agreements(participant: Participant, now: int) -> Iterator[Ending]:
    for signed in participant.contracts.live(now):
        contract = signed.contract
        name = f"{contract.name} {contract.version}"
        act = N_("Tell the officer: the parties agree on a new version and sign it.")
        yield _ending(
            "agreement",
            contract.ends_ms,
            ENDS_SOON_MS,
            now,
            N_("Nothing yet."),
            act,
            "ends-soon",
            name,
        )
