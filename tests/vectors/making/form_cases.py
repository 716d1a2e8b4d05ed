"""Cases of steps 0 and 1: a record's form, its headers, the one form of a proof."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

from broker.envelope.layout import MAX_VALUE_BYTES
from broker.envelope.primitives import b64, strict_b64
from broker.record import (
    CONTENT_TYPE_HEADER,
    LEAF_CONTENT_TYPE,
    PROOF_HEADER,
    Record,
    format_record,
)
from broker.tlog.proof import MAX_PROOF_BYTES
from tests.support.record_parts import proof_of, record, with_proof
from tests.vectors.making.agencies import COUNCIL
from tests.vectors.making.scene import Case, Scene
from tests.vectors.making.setting import Setting
from tests.vectors.making.streams import altered_proof

Change = Callable[[bytes], bytes]


def cases(setting: Setting) -> Iterator[Case]:
    """All of them."""
    yield from _lines(setting)
    yield from _told(setting)
    yield from _headers(setting)
    yield from _proofs(setting)


def honest(scene: Scene) -> Record:
    """A record that opens."""
    return scene.log().one(scene.small().value())


# --- step 0 ---------------------------------------------------------------------------------------


def _lines(setting: Setting) -> Iterator[Case]:
    malformed = {
        "not-json": ("A line that is not JSON.", lambda line: line[:-1]),
        "member-missing": (
            "A line without a partition.",
            lambda line: line.replace('"partition":0,', ""),
        ),
        "member-unknown": ("A line with a member more.", lambda line: line[:-1] + ',"key":null}'),
        "member-repeated": (
            "A line that names the partition twice.",
            lambda line: line[:-1] + ',"partition":0}',
        ),
        "topic-empty": ("A topic of no letters.", lambda line: _set(line, "topic", "")),
        "partition-true": ("A partition that is true.", lambda line: _set(line, "partition", True)),
        "partition-large": (
            "A partition that Kafka cannot number.",
            lambda line: _set(line, "partition", 2**31),
        ),
        "offset-low": ("An offset below -1.", lambda line: _set(line, "offset", -2)),
        "headers-list": ("Headers as a list.", lambda line: _set(line, "headers", [])),
        "header-number": (
            "A header whose value is a number.",
            lambda line: _set(line, "headers", {"content-type": 1}),
        ),
        "header-surrogate": (
            "A header with a surrogate that stands for no byte.",
            lambda line: _set(line, "headers", {"content-type": "\ud800"}),
        ),
        "value-base64": (
            "A value in base64 without its padding.",
            lambda line: _set(line, "value", "AAA"),
        ),
        "value-bits": (
            "A value in base64 whose last bits are not zero.",
            lambda line: _set(line, "value", "AAB="),
        ),
        "left_out_text": (
            "What was left out is not a list.",
            lambda line: line[:-1] + ',"left_out":"victim.name"}',
        ),
        "left_out_object": (
            "What was left out is an object.",
            lambda line: line[:-1] + ',"left_out":{"victim.name":"consent_missing"}}',
        ),
        "list": ("A line that is a list.", lambda line: f"[{line}]"),
    }
    for what, (about, change) in malformed.items():
        scene = Scene(setting, f"0-record_malformed-{what}")
        line = format_record(honest(scene)).decode("ascii")
        scene.then(change(line))
        yield scene.case(about, spec="opening.md, Files")


def _told(setting: Setting) -> Iterator[Case]:
    """A line of `event seal`, which tells the sender what was left out."""
    scene = Scene(setting, "10-opened-line_with_left_out")
    event = scene.small()
    line = format_record(scene.log().one(event.value())).decode("ascii")
    told = '[{"field":"victim.name","agency":"council-camden","reason":"consent_missing"}]'
    scene.then(line[:-1] + f',"left_out":{told}}}', event.answer(COUNCIL))
    yield scene.case(
        "A line that tells the sender what was left out: a reader ignores it.",
        spec="opening.md, Files",
    )


def _set(line: str, member: str, value: object) -> str:
    return json.dumps({**json.loads(line), member: value}, separators=(",", ":"))


def _headers(setting: Setting) -> Iterator[Case]:
    s = Scene(setting, "0-value_missing")
    yield s.refused("A record without a value.", replace(honest(s), value=None))
    s = Scene(setting, "0-value_too_large")
    yield s.refused(
        "A value of one byte more than allowed; its size is looked at before anything else.",
        replace(honest(s), value=bytes(MAX_VALUE_BYTES + 1), headers=()),
    )
    s = Scene(setting, "3-not_included-largest_value")
    yield s.refused(
        "A value of exactly the limit is not too large.",
        replace(honest(s), value=bytes(MAX_VALUE_BYTES)),
        spec=None,
    )
    for name in (CONTENT_TYPE_HEADER, PROOF_HEADER):
        text = name.decode()
        s = Scene(setting, f"0-headers_wrong-{text}-missing")
        one = honest(s)
        yield s.refused(
            f"A record without {text}.",
            replace(one, headers=tuple(h for h in one.headers if h[0] != name)),
        )
        s = Scene(setting, f"0-headers_wrong-{text}-twice")
        one = honest(s)
        again = tuple(h for h in one.headers if h[0] == name)
        yield s.refused(
            f"A record with {text} twice, with the same value.",
            replace(one, headers=one.headers + again),
        )
        s = Scene(setting, f"0-headers_wrong-{text}-null")
        one = honest(s)
        null = tuple((n, None if n == name else v) for n, v in one.headers)
        yield s.refused(f"A record whose {text} is null.", replace(one, headers=null))
    s = Scene(setting, "0-headers_wrong-capital")
    one = honest(s)
    yield s.refused(
        "Names of headers are compared as bytes: Proof is not proof.",
        replace(one, headers=tuple((b"Proof" if n == b"proof" else n, v) for n, v in one.headers)),
    )
    s = Scene(setting, "10-opened-other_headers")
    event = s.small()
    one = s.log().one(event.value())
    more = ((b"Proof", b"x"), (b"\xff\xfe", None), (b"traceparent", b"\x80"), (b"proof ", b"y"))
    yield s.opened(
        "Other headers are ignored, of whatever bytes they are.",
        event,
        replace(one, headers=(*more, *one.headers)),
        spec=SPEC_HEADERS,
    )
    s = Scene(setting, "0-proof_too_large")
    yield s.refused(
        "A proof of one byte more than allowed.",
        with_proof(honest(s), b"x" * (MAX_PROOF_BYTES + 1)),
    )
    s = Scene(setting, "1-proof_malformed-longest")
    yield s.refused(
        "A proof of exactly the limit is parsed.", with_proof(honest(s), b"x" * MAX_PROOF_BYTES)
    )
    for what, content_type in (
        ("json", b"application/json"),
        ("parameter", b"application/vnd.concordant.sealed; v=1"),
        ("capital", b"application/vnd.concordant.Sealed"),
        ("bytes", b"\xff"),
    ):
        s = Scene(setting, f"0-content_type_unknown-{what}")
        one = honest(s)
        yield s.refused(
            "A content type that is not one of the two, byte for byte.",
            record(one.value, proof_of(one), one.topic, content_type=content_type),
        )
    for length in (31, 33):
        s = Scene(setting, f"0-value_malformed-leaf_{length}")
        one = honest(s)
        yield s.refused(
            f"A leaf record of {length} bytes.",
            record(bytes(length), proof_of(one), one.topic, content_type=LEAF_CONTENT_TYPE),
        )


SPEC_HEADERS = "opening.md, step 0; topics.md, Headers"


# --- step 1: the proof ----------------------------------------------------------------------------


def _proofs(setting: Setting) -> Iterator[Case]:
    for what, (about, old, new) in _ALTERED.items():
        s = Scene(setting, f"1-proof_malformed-{what}")
        log = s.log()
        one = log.send(s.small().value(), b"a second record")[0]
        yield s.refused(about, altered_proof(one, old, new))
    for what, (about, old, new) in _ALTERED_LATER.items():
        s = Scene(setting, f"1-proof_malformed-{what}")
        one = s.log().send(b"a first record", s.small().value())[1]
        yield s.refused(about, altered_proof(one, old, new))
    s = Scene(setting, "1-proof_malformed-extra_empty")
    one = s.log().send(s.small().value(), b"a second record")[0]
    line = next(part for part in proof_of(one).split(b"\n") if part.startswith(b"extra "))
    yield s.refused("An extra line that is empty.", altered_proof(one, line, b"extra "))
    whole = {
        "newline_more": ("A proof with a newline more.", lambda p: p + b"\n"),
        "newline_less": ("A proof without its last newline.", lambda p: p[:-1]),
        "crlf": ("A proof whose lines end in CR LF.", lambda p: p.replace(b"\n", b"\r\n")),
        "no_signature": (
            "A checkpoint without a signature line.",
            lambda p: p[: p.rindex("— ".encode())],
        ),
        "two_signatures": (
            "A checkpoint with two signature lines, the second of another name.",
            lambda p: p + p[p.rindex("— ".encode()) :].replace(b"csu-camden", b"cps-london"),
        ),
        "signature_twice": (
            "A checkpoint with the same signature line twice.",
            lambda p: p + p[p.rindex("— ".encode()) :],
        ),
        "signature_short": (
            "A signature line one byte short.",
            lambda p: _signature(p, lambda raw: raw[:-1]),
        ),
        "signature_long": (
            "A signature line with a byte more.",
            lambda p: _signature(p, lambda raw: raw + b"\x00"),
        ),
        "signature_time": (
            "A signature line whose time is 2^63.",
            lambda p: _signature(p, lambda raw: raw[:4] + b"\x80" + bytes(7) + raw[12:]),
        ),
        "signature_ml_dsa": (
            "A signature line as long as a cosignature of ML-DSA-44.",
            lambda p: _signature(p, lambda raw: raw[:12] + bytes(2420)),
        ),
        "name_plus": (
            "A name with a plus sign in the signature line.",
            lambda p: p.replace("— pan-london/csu-camden ".encode(), "— pan-london+csu ".encode()),
        ),
        "name_empty": (
            "No name in the signature line.",
            lambda p: p.replace("— pan-london/csu-camden ".encode(), "—  ".encode()),
        ),
        "name_control": (
            "A control character in the signature line's name.",
            lambda p: p.replace("— pan-london/".encode(), "— pan-london/\x07".encode()),
        ),
        "name_not_utf8": (
            "A name in the signature line that is not UTF-8.",
            lambda p: p.replace("— pan-london/".encode(), "— ".encode() + b"\xff/"),
        ),
        "extra_base64": (
            "Extra data in base64 without its padding.",
            lambda p: p.replace(b"\nindex", b"A\nindex"),
        ),
        "node_short": (
            "A hash of the path with 31 bytes.",
            lambda p: _node(p, lambda raw: raw[:-1]),
        ),
        "root_short": (
            "A root with 31 bytes.",
            lambda p: _root(p, lambda raw: raw[:-1]),
        ),
        "node_bits": (
            "A hash of the path in base64 whose last bits are not zero.",
            lambda p: _loose(p, 4),
        ),
        "not_utf8": ("A proof with a byte that is not UTF-8.", lambda p: p[:-2] + b"\xff\n"),
        "extension": (
            "A checkpoint with an extension line.",
            lambda p: p.replace("\n\n— ".encode(), "\nan extension\n\n— ".encode()),
        ),
        "text": ("Something else altogether.", lambda _p: b"index 0\n"),
        "empty": ("An empty proof.", lambda _p: b""),
    }
    for what, (about, change) in whole.items():
        s = Scene(setting, f"1-proof_malformed-{what}")
        one = s.log().send(s.small().value(), b"a second record")[0]
        altered = change(proof_of(one))
        assert altered != proof_of(one)
        yield s.refused(about, with_proof(one, altered))


_ALTERED: dict[str, tuple[str, bytes, bytes]] = {
    "version": ("Another version of the proof.", b"tlog-proof@v1", b"tlog-proof@v2"),
    "size_zero": ("A size of nothing with another root than nothing's.", b"\n2\n", b"\n0\n"),
    "size_leading_zero": ("A size with a leading zero.", b"\n2\n", b"\n02\n"),
    "size_large": ("A size of 2^63.", b"\n2\n", b"\n9223372036854775808\n"),
    "dash": ("A signature line with a hyphen for its dash.", "— ".encode(), b"- "),
    "partition_leading_zero": ("A partition with a leading zero.", b".a/0/", b".a/00/"),
    "partition_large": ("A partition of 2^31.", b".a/0/", b".a/2147483648/"),
    "origin_capital": ("An origin with a capital letter.", b".a/0/", b".A/0/"),
    "origin_short": ("An origin of four parts.", b".a/0/", b".a/"),
    "origin_long": ("An origin of six parts.", b".a/0/", b".a/0/0/"),
    "space": ("A space at the end of a line.", b"index 0\n", b"index 0 \n"),
    "index_sign": ("An index with a sign.", b"index 0\n", b"index +0\n"),
    "index_missing": ("No index.", b"index 0\n", b""),
    "blank_lines": ("Two empty lines before the checkpoint.", b"\n\npan", b"\n\n\npan"),
}
_ALTERED_LATER: dict[str, tuple[str, bytes, bytes]] = {
    "index_leading_zero": ("An index with a leading zero.", b"index 1\n", b"index 01\n"),
    "index_large": ("An index of 2^63.", b"index 1\n", b"index 9223372036854775808\n"),
    "extra_later": ("Extra data above index 0.", b"index 1\n", b"extra eA==\nindex 1\n"),
    "blank_line": (
        "An empty line before the index.",
        b"v1\nindex 1\n",
        b"v1\n\nindex 1\n",
    ),
}


def _line(proof: bytes, at: int, change: Change) -> bytes:
    lines = proof.split(b"\n")
    head, space, encoded = lines[at].rpartition(b" ")
    raw = change(strict_b64(encoded))
    lines[at] = head + space + b64(raw).encode()
    return b"\n".join(lines)


def _signature(proof: bytes, change: Change) -> bytes:
    return _line(proof, -2, change)


def _root(proof: bytes, change: Change) -> bytes:
    return _line(proof, -4, change)


def _node(proof: bytes, change: Change) -> bytes:
    return _line(proof, 3, change)


def _loose(proof: bytes, at: int) -> bytes:
    lines = proof.split(b"\n")
    node = lines[at - 1]
    assert node.endswith(b"=")
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = alphabet[alphabet.index(node[-2:-1]) + 1]
    lines[at - 1] = node[:-2] + bytes([last]) + b"="
    return b"\n".join(lines)
