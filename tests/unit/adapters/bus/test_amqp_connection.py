"""Frames of RabbitMQ: each is read whole, and a header that is not text can be read too."""

from __future__ import annotations

import asyncio

import pytest
from aiormq.connection import FrameReceiver
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.frame import marshal
from pamqp.header import ContentHeader
from pamqp.heartbeat import Heartbeat

from adapters.bus.amqp_connection import LenientReader, readable_header
from adapters.bus.cloud_events import UNDECODED


def content_header(headers: dict[str, str]) -> bytes:
    properties = Basic.Properties(headers=dict(headers), content_type="text/plain")
    return ContentHeader(0, 7, properties).marshal()


def undecodable(headers: dict[str, str]) -> bytes:
    return content_header(headers).replace("\u00ff".encode(), b"\xff\xfe")


@pytest.mark.parametrize("headers", [{"trace-\u00ff": "x"}, {"a": "b", "\u00ff": "y"}])
def test_a_header_name_that_is_not_text_is_replaced_and_the_size_is_kept(
    headers: dict[str, str],
) -> None:
    found = ContentHeader()
    found.unmarshal(readable_header(undecodable(headers)))
    assert found.body_size == 7
    assert found.properties.headers == {UNDECODED: ""}


def test_a_readable_header_stays_as_it_is() -> None:
    content = content_header({"trace": "\u00e9"})
    assert readable_header(content) is content


async def test_frames_are_read_one_after_the_other() -> None:
    header = undecodable({"\u00ff": "x"})
    bad = b"\x02\x00\x01" + len(header).to_bytes(4, "big") + header + b"\xce"
    frames = [
        marshal(Basic.GetEmpty(), 1),
        bad,
        marshal(ContentBody(b"\x02 body"), 1),
        marshal(Heartbeat(), 0),
    ]
    reader = asyncio.StreamReader()
    reader.feed_data(b"".join(frames))
    reader.feed_eof()
    lenient = LenientReader(reader)
    receiver = FrameReceiver(lenient)  # type: ignore[arg-type]  # as the library reads
    kinds = [type((await receiver.get_frame())[2]) for _ in frames]
    assert kinds == [Basic.GetEmpty, ContentHeader, ContentBody, Heartbeat]
    assert lenient.at_eof()


@pytest.mark.parametrize("sent", [b"AMQP\x00\x00\x09\x01", b"\x00rubbish"])
async def test_bytes_outside_a_frame_reach_the_library(sent: bytes) -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(sent)
    reader.feed_eof()
    lenient = LenientReader(reader)
    found = await lenient.readexactly(1)
    assert found + await lenient.read() == sent
