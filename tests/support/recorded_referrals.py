"""Referrals with their answers, recorded in the state of an agency without Kafka."""

from __future__ import annotations

from broker import pseudonyms
from broker.agency.participant import Participant
from broker.clock import now_ms
from broker.event import OpenedEvent, uuid_text
from broker.figures.recording import FactRecorder
from broker.store.transaction import Transaction
from contracts.events import PlainEvent

HOUR_S = 3600


class Referring:
    """Referrals of an agency, sent 20 days ago, as its adapter's transactions record them.

    Args:
        tx: a transaction of its state.
        participant: the agency.
        first: number of the first referral.
        now: ms; by default the time of now.
    """

    def __init__(
        self,
        tx: Transaction,
        participant: Participant,
        first: int = 0,
        now: int | None = None,
    ) -> None:
        self._now = now_ms() if now is None else now
        self._secret = participant.keyring.secret()
        self._contract = participant.contracts_in_force(self._now)[0].signed.contract
        self._facts = FactRecorder(tx, self._secret, participant.agency)
        self._agency = participant.agency
        self._serial = first

    def made(
        self, number: int, to: str, status: str = "", after_hours: int = 1, reason: str = ""
    ) -> None:
        """Record referrals, and the answer of each if it has one."""
        now = self._now
        for _ in range(number):
            self._serial += 1
            case = uuid_text(self._serial.to_bytes(16, "big"))
            key = pseudonyms.case_key(self._secret, case)
            data = {
                "case_id": case, "referral_id": case, "requested_service": "advocacy",
                "incident": {"borough": "E09000007", "strands": ["race", "religion"]},
                "consent": {"statistics": True},
            }  # fmt: skip
            event = PlainEvent("referral.made", (to,), data)
            sent_ms = now - 20 * 86_400_000
            self._facts.published(event, self._contract, case, key, sent_ms)
            if status:
                flat = {
                    "case_id": case, "referral_id": case, "version": 2, "status": status,
                    "previous_status": "requested", **({"reason": reason} if reason else {}),
                }  # fmt: skip
                answer = OpenedEvent(
                    id=uuid_text(self._serial.to_bytes(15, "big") + b"\1"), source=to,
                    type="referral.status-changed", time="", to=(self._agency,), flat=flat,
                    withheld=(), log_time=sent_ms // 1000 + after_hours * HOUR_S,
                )  # fmt: skip
                self._facts.received(answer, self._contract, key, now)

    def write(self) -> None:
        self._facts.write()
