"""Whoever has a copy of an agency's folder, passphrase and all, and its certificate for Kafka."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from broker.agency.participant import Participant, load_participant
from broker.record import CONTENT_TYPE_HEADER, PROOF_HEADER, SEALED_CONTENT_TYPE, Record
from broker.sending.sealing_context import event_sealer
from broker.sending.streams import Stream, append, open_generation
from broker.statements.authorship import cosigner
from broker.store.database import open_store
from broker.store.rows import GenerationRow
from contracts.events import PlainEvent


@dataclass
class Thief:
    """Signs as the agency does, with what it held when it was robbed."""

    participant: Participant
    heads: dict[tuple[str, int], GenerationRow]
    now: int

    @classmethod
    def of(cls, folder: Path, into: Path, now: int) -> Thief:
        """Take a copy of the folder as it is."""
        # Not in this process: closing a file gives up its POSIX locks on it, SQLite's among them,
        # and the next command would empty the journal under the running service.
        subprocess.run(["/bin/cp", "-R", str(folder), str(into)], check=True)
        participant = load_participant(into, now)
        store = open_store(participant.path(participant.config.state.database))
        with store.reading() as tx:
            heads = {(row.topic, row.partition): row for row in tx.streams.heads()}
        store.close()
        return cls(participant, heads, now)

    def forged(
        self, event: PlainEvent, log_time: int, *, partition: int | None = None, anew: bool = False
    ) -> tuple[str, Record]:
        """An event of the thief's own, signed for ``log_time`` (ms): its id and its record.

        Args:
            event: what it says.
            log_time: what the checkpoint will name; earlier than now is back-dated.
            partition: another than that of the case.
            anew: begin a generation of its own instead of going on with the agency's.
        """
        sealed = event_sealer(self.participant).seal(event, log_time)
        place = (sealed.topic, sealed.partition if partition is None else partition)
        stream = Stream(self.participant.deployment, self.participant.agency, *place)
        row = self.heads.get(place)
        if row is None or anew:
            known = replace(row, log_time_s=0) if row is not None else None
            row = open_generation(stream, known, known, log_time)
        row = replace(row, log_time_s=min(row.log_time_s, log_time // 1000))
        signer = cosigner(self.participant.key_name, self.participant.stream_signer(self.now))
        grown, (placed,) = append(stream, row, [sealed.value], signer, log_time)
        self.heads[place] = grown
        headers = ((CONTENT_TYPE_HEADER, SEALED_CONTENT_TYPE), (PROOF_HEADER, placed.proof))
        return sealed.event_id, Record(*place, headers, sealed.value)
