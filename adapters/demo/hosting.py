"""Abilities of the Kafka operator: what the operator sees, and attacks with every Kafka right.

The demo uses the operator's own identity here, to show that each attack is noticed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from broker.clock import now_ms
from broker.envelope.layout import LayoutError, SealedEvent, parse_value
from broker.errors import NoteError, ProofError, TransportError
from broker.record import PROOF_HEADER, Record
from broker.tlog.proof import Proof, parse_proof
from broker.transport.certificates import Authority, issue_certificate, save_identity
from broker.transport.connection import KafkaConnection, TlsFiles, admin_settings
from broker.transport.kafka import KafkaTransport, raw_records
from broker.transport.local_settings import KAFKA_FOLDER

STRANGER = "council-elsewhere"
ADMIN_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One record as the operator can parse it: everything that is not encrypted.

    Attributes:
        record: as Kafka holds it.
        sealed: the value's fixed parts; they name no person.
        proof: the header in which the sender signs its log.
    """

    record: Record
    sealed: SealedEvent
    proof: Proof

    @property
    def event_id(self) -> str:
        """Return the id of the event."""
        return str(UUID(bytes=self.sealed.id))

    @property
    def size(self) -> int:
        """Return the bytes of value and headers."""
        return record_size(self.record)


def record_size(record: Record) -> int:
    """Return the bytes of value and headers of a record."""
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.value or b"") + headers


def take_apart(record: Record) -> Seen | None:
    """Parse what every reader of a topic can see of a record; None if it is not a sealed event."""
    proof = next((value for name, value in record.headers if name == PROOF_HEADER), None)
    if proof is None or record.value is None:
        return None
    try:
        return Seen(record, parse_value(record.value), parse_proof(proof))
    except (LayoutError, ProofError, NoteError):
        return None


def dump(operator: KafkaConnection, topics: Sequence[str]) -> list[Record]:
    """Return every record of some topics.

    Raises:
        TransportError: Kafka cannot be reached.
    """
    return asyncio.run(raw_records(operator, topics))


def alter(operator: KafkaConnection, record: Record) -> Record:
    """Write a record again with one bit of its ciphertext changed, as super user.

    Raises:
        TransportError: Kafka cannot be reached.
    """
    assert record.value is not None
    value = bytearray(record.value)
    value[len(value) // 2] ^= 1
    altered = replace(record, value=bytes(value))
    return _send(operator, altered)


def repeat(operator: KafkaConnection, record: Record) -> Record:
    """Write a record a second time, unchanged (replay).

    Raises:
        TransportError: Kafka cannot be reached.
    """
    return _send(operator, record)


def _send(connection: KafkaConnection, record: Record) -> Record:
    async def send() -> int:
        transport = KafkaTransport(connection)
        try:
            (offset,) = await transport.send([record])
        finally:
            await transport.close()
        return offset

    return replace(record, offset=asyncio.run(send()))


def withhold(operator: KafkaConnection, record: Record) -> None:
    """Delete a record, and the records before it in its partition, before its reader has it.

    Raises:
        TransportError: Kafka did not delete it.
    """
    import confluent_kafka
    from confluent_kafka.admin import AdminClient

    settings: dict[str, str | int | float | bool] = {**admin_settings(operator)}
    admin = AdminClient(settings)
    place = confluent_kafka.TopicPartition(record.topic, record.partition, record.offset + 1)
    answers = admin.delete_records([place], request_timeout=ADMIN_TIMEOUT_S)
    for answer in answers.values():
        try:
            answer.result()
        except confluent_kafka.KafkaException as error:
            raise TransportError(
                "Kafka did not delete the record", code="kafka_refused", where=record.topic
            ) from error


def stranger(root: Path, bootstrap: str) -> KafkaConnection:
    """Return the connection of an agency with a valid certificate and no rights on this Kafka."""
    folder = root / KAFKA_FOLDER / STRANGER
    if not folder.is_dir():
        kept = root / KAFKA_FOLDER / "authority"
        authority = Authority((kept / "ca.pem").read_bytes(), (kept / "key.pem").read_bytes())
        certificate, key = issue_certificate(authority, STRANGER, now=now_ms())
        save_identity(folder, ca=authority.certificate, certificate=certificate, key=key)
    return KafkaConnection(bootstrap, TlsFiles.in_folder(folder), STRANGER)


def refusal_of(act: Callable[[], object]) -> str:
    """Return the code with which Kafka refuses an action; empty if it does not refuse."""
    try:
        act()
    except TransportError as error:
        return error.code
    return ""


def write_as(connection: KafkaConnection, record: Record) -> None:
    """Try to write a record. Raises TransportError with Kafka's answer."""
    _send(connection, record)


def read_as(connection: KafkaConnection, topics: Sequence[str]) -> None:
    """Try to read topics. Raises TransportError with Kafka's answer."""
    asyncio.run(raw_records(connection, topics))
