"""Statements of a reader: receipts for complete streams, notices that name only a place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.envelope.primitives import Ed25519Signer, Ed25519Verifier
from broker.errors import RefusedError
from broker.judging.partition_state import receiptable
from broker.statements.notices import (
    REFUSAL_HEADING,
    REPLAY_HEADING,
    Notice,
    format_notice,
    parse_notice,
)
from broker.statements.receipts import format_receipt, parse_receipt
from broker.tlog.checkpoint import Origin
from broker.tlog.cosignature import verify_cosignature
from broker.tlog.note import (
    COSIGNATURE_ED25519,
    ED25519,
    Note,
    SignatureLine,
    note_signer,
    note_verifier,
    parse_note,
)
from tests.support.stream_world import (
    AGENCY,
    DEPLOYMENT,
    SIGNER,
    STREAM,
    T0,
    SenderLog,
    StreamReader,
)

KEY = Ed25519Signer(bytes([9]) * 32)
READER = f"{DEPLOYMENT}/haven-support"
ORIGIN = Origin(DEPLOYMENT, AGENCY, STREAM.topic, 3, f"{T0:016x}-" + "0" * 32)


def test_a_whole_batch_without_gap_is_receiptable(sender: SenderLog, reader: StreamReader) -> None:
    facts = sender.send(2) + sender.send(2)
    reader.take_all(facts[:2])
    assert receiptable(reader.state) == (facts[0].generation, 2, facts[0].root)
    reader.take(facts[2])
    assert receiptable(reader.state) is None  # the batch is not whole
    reader.take(facts[3])
    assert receiptable(reader.state) == (sender.newest.name, 4, sender.newest.root)


def test_a_reader_may_receipt_from_its_recorded_start(
    sender: SenderLog, reader: StreamReader
) -> None:
    facts = sender.send(3)
    reader.take_all(facts[2:])
    assert receiptable(reader.state) == (sender.newest.name, 3, sender.newest.root)


def test_an_open_gap_anywhere_forbids_a_receipt(sender: SenderLog, reader: StreamReader) -> None:
    facts = sender.send(3)
    reader.take_all([facts[0], facts[2]])
    assert receiptable(reader.state) is None
    sender.restart()
    reader.take_all(sender.send(1))
    assert receiptable(reader.state) is None
    reader.take(facts[1])
    assert receiptable(reader.state) == (sender.newest.name, 1, sender.newest.root)


def test_a_stopped_partition_gets_no_receipt(sender: SenderLog, reader: StreamReader) -> None:
    reader.take_all(sender.send(1))
    assert receiptable(replace(reader.state, stopped=True)) is None


def test_a_receipt_is_a_cosignature_over_the_senders_checkpoint() -> None:
    signer = note_signer(READER, COSIGNATURE_ED25519, KEY)
    receipt = parse_receipt(format_receipt(ORIGIN, 4, bytes(32), signer, T0 // 1000))
    verifier = note_verifier(READER, COSIGNATURE_ED25519, Ed25519Verifier(KEY.public))
    verify_cosignature(receipt.line, verifier, receipt.body)
    assert (receipt.checkpoint.origin, receipt.checkpoint.size) == (ORIGIN.format(), 4)
    assert (receipt.checkpoint.root, receipt.line.timestamp) == (bytes(32), T0 // 1000)


@pytest.mark.parametrize("value", [b"", b"\n\n", b"not a note", b"\xff"])
def test_another_text_is_no_receipt(value: bytes) -> None:
    with pytest.raises(RefusedError) as caught:
        parse_receipt(value)
    assert caught.value.code == "receipt_malformed"


@pytest.mark.parametrize(
    "notice",
    [
        Notice(REFUSAL_HEADING, ORIGIN, 4, 4),
        Notice(REPLAY_HEADING, ORIGIN, 0, 2**40, 1_772_452_800_000),
    ],
)
def test_a_notice_is_read_back(notice: Notice) -> None:
    signer = note_signer(READER, ED25519, KEY)
    assert parse_notice(parse_note(format_notice(notice, signer))) == notice


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"{REPLAY_HEADING}\n{ORIGIN.format()}\n1\n",
        f"{REPLAY_HEADING}\n{ORIGIN.format()}\n1\n2\n",
        f"{REPLAY_HEADING}\n{ORIGIN.format()}\n1\n2\n3\n4\n",
        f"{REPLAY_HEADING}\n{ORIGIN.format()}\n1\n2",
        f"{REPLAY_HEADING}\n{ORIGIN.format()}\n2\n1\n3\n",
        f"{REPLAY_HEADING}\n{ORIGIN.format()}\n01\n2\n3\n",
        f"{REPLAY_HEADING}\n{ORIGIN.format()}\n-1\n2\n3\n",
        f"{REPLAY_HEADING}\n{ORIGIN.format()}\n1\n{2**63}\n3\n",
        f"{REPLAY_HEADING}\nsomewhere\n1\n2\n3\n",
        f"{REPLAY_HEADING}\n{ORIGIN.format()}é\n1\n2\n3\n",
        f"{REFUSAL_HEADING}\n{ORIGIN.format()}\n1\n2\n",
        f"concordant.other/v1\n{ORIGIN.format()}\n1\n2\n",
        f"é\n{ORIGIN.format()}\n1\n2\n",
    ],
)
def test_a_notice_has_one_form(text: str) -> None:
    note = Note(text.encode(), (SignatureLine("a/b", bytes(4), b"x"),))
    with pytest.raises(RefusedError) as caught:
        parse_notice(note)
    assert caught.value.code == "notice_malformed"


def test_a_receipt_key_is_no_stream_key() -> None:
    assert note_signer(READER, COSIGNATURE_ED25519, KEY).key_id != SIGNER.key_id
