"""Pages of upkeep: keys and certificates, rights on Kafka, and all checks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from starlette.responses import Response

from adapters.web.operator.texts_with_commands import told
from adapters.web.visit import Visit
from broker.errors import RegistryError
from broker.operations.checks.check import Status
from broker.operations.checks.examination import examine
from broker.operations.kafka_rights import Compared, kafka_rights
from broker.operations.runbook.runbook import RUNBOOK
from broker.operations.validity import EndState, Kind, endings
from contracts.phrases import N_, Phrase

TIMEOUT_S: Final = 5.0
"""Longest time that a page waits for Kafka."""
KINDS: Final[dict[Kind, str]] = {
    "certificate": N_("Certificate for Kafka"),
    "authority": N_("Authority of Kafka’s certificates"),
    "stream": N_("Signing key for messages"),
    "receipt": N_("Signing key for receipts"),
    "exchange": N_("Key with which others encrypt for us"),
    "key_list": N_("Our list of keys"),
    "delegation": N_("Permission of the governance keys for the adapter’s keys"),
    "agreement": N_("Agreement"),
}
END_STATES: Final[dict[EndState, tuple[str, str, str]]] = {
    "in_time": (N_("Valid"), "good", "tick"),
    "soon": (N_("Act soon"), "wait", "clock"),
    "ended": (N_("Ended"), "stop", "warning"),
    "unusable": (N_("Cannot be used"), "stop", "warning"),
}
RIGHTS: Final[dict[Compared, tuple[str, str, str]]] = {
    "not_asked": (N_("Not compared"), "", ""),
    "as_agreed": (N_("As agreed"), "good", "tick"),
    "missing": (N_("Missing"), "stop", "cross"),
    "no_topic": (N_("Topic does not exist"), "stop", "cross"),
    "excess": (N_("More than agreed"), "wide", "up"),
}
OPERATIONS: Final = {
    "read": N_("read"),
    "write": N_("write"),
    "delete": N_("delete records"),
    "describe": N_("see"),
    "create": N_("create topics"),
}
CHECKS: Final[dict[Status, tuple[str, str, str]]] = {
    "ok": (N_("Good"), "good", "tick"),
    "warn": (N_("Look at it"), "wait", "warning"),
    "fail": (N_("Fails"), "stop", "cross"),
    "skipped": (N_("Not checked"), "", ""),
}
CHECK_NAMES: Final[Mapping[str, Phrase]] = {
    "adapter": N_("Adapter"),
    "agreement": N_("Agreement"),
    "alarms": N_("Alarms"),
    "certificate": N_("Certificate"),
    "clock": N_("Clock"),
    "configuration": N_("Configuration"),
    "contract": N_("Contract"),
    "delegation": N_("Delegation"),
    "deliveries": N_("Deliveries"),
    "desk": N_("Desk"),
    "disk": N_("Disk"),
    "folders": N_("Folders"),
    "heartbeats": N_("Heartbeats"),
    "held": N_("Held"),
    "inbox": N_("Inbox"),
    "kafka": N_("Kafka"),
    "kafka clock": N_("Kafka clock"),
    "keys": N_("Keys"),
    "manifests": N_("Manifests"),
    "newest": N_("Newest"),
    "notices": N_("Notices"),
    "other rights": N_("Other rights"),
    "outbox": N_("Outbox"),
    "partners": N_("Partners"),
    "passphrase": N_("Passphrase"),
    "principal": N_("Principal"),
    "referrals": N_("Referrals"),
    "registry": N_("Registry"),
    "results": N_("Results"),
    "rights": N_("Rights"),
    "settings": N_("Settings"),
    "sink": N_("Sink"),
    "source": N_("Source"),
    "state": N_("State"),
    "streams": N_("Streams"),
}
"""Heading of each check, by its name."""
_ORDER: Final = {"fail": 0, "warn": 1, "skipped": 2, "ok": 3}


def keys(visit: Visit) -> Response:
    """Show what ends, with days left and what to do."""
    agency, now = visit.agency, visit.agency.clock()
    return visit.page(
        "operator/keys.html",
        endings=endings(agency.participant(), now),
        kinds=KINDS,
        states=END_STATES,
        runbook=RUNBOOK,
        told=partial(told, say=visit.renderer.text, folder=visit.agency.root),
    )


def rights(visit: Visit) -> Response:
    """Show what this agency may do on Kafka, compared with Kafka's own rules if asked to."""
    agency = visit.agency
    ask = visit.query.text("ask") == "yes"
    try:
        found = kafka_rights(agency.participant(), agency.clock(), TIMEOUT_S if ask else None)
    except RegistryError as error:
        if error.code != "contract_missing":
            raise
        return visit.page("operator/no_rights.html")
    return visit.page("operator/rights.html", rights=found, states=RIGHTS, operations=OPERATIONS)


def checks(visit: Visit) -> Response:
    """Run every check of ``concordant doctor``, once a person asks for it."""
    agency = visit.agency
    found = None
    if visit.query.text("run") == "yes":
        results = examine(agency.root, agency.clock(), kafka_timeout_s=TIMEOUT_S)
        found = sorted(results, key=lambda one: _ORDER[one.status])
    return visit.page("operator/checks.html", checks=found, states=CHECKS, names=CHECK_NAMES)
