"""Inputs made to cost time or memory, tried in a process of its own with a limit on both.

Run as a program, it prints one line of JSON for each input: parser, name, bytes, CPU seconds and
whether it was accepted. Sizes are such that anything quadratic takes minutes. `tests/property/
test_parsers_bounds.py` reads the lines; a process that dies of its limit prints no more of them.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator

from tests.fuzz.parser_catalogue import PARSERS
from tests.fuzz.parser_exports import exports

MEMORY_BYTES = 1536 * 2**20
"""Of the whole process: the interpreter and its libraries take 200 MB of addresses."""
KIB, MIB = 2**10, 2**20

ALL = {parser.name: parser for parser in (*PARSERS, *exports())}
Named = tuple[str, str, bytes]


def everywhere() -> Iterator[Named]:
    """Inputs that are tried on every parser."""
    size = 512 * KIB
    for name in ALL:
        yield name, "zeros", bytes(size)
        yield name, "ones", b"\xff" * size
        yield name, "newlines", b"\n" * size
        yield name, "blanks", b" " * size
        yield name, "slashes", b"/" * size
        yield name, "brackets", b"[" * size
        yield name, "objects", b'{"a":' * (size // 5)
        yield name, "digits", b"9" * size
        yield name, "letters", b'"' + b"a" * size + b'"'
        yield name, "list", b"[" + b"1," * (size // 2) + b"1]"
        yield name, "names", b"{" + b",".join(b'"k%d":1' % n for n in range(40_000)) + b"}"


def notes() -> Iterator[Named]:
    """Signed notes: lines without end, and documents in them that are too much."""
    signature = "— a QUFBQUFB\n".encode()
    for name in ("note", "receipt", "notice", "heartbeat", "manifest", "proof"):
        yield name, "signatures", b"a\n\n" + signature * 30_000
        yield name, "empty lines", b"a\n" + b"\n" * 300_000 + signature
    for name in ("heartbeat", "manifest"):
        wrap = ALL[name].wrap
        assert wrap is not None
        for part in ("keys", "heads", "revocations"):
            yield name, part, wrap(b'{"%s":[' % part.encode() + b"{}," * 100_000 + b"{}]}")
        contacts = b",".join(b'"k%d":1' % n for n in range(40_000))
        yield name, "contacts", wrap(b'{"contacts":{' + contacts + b"}}")
        yield name, "depth", wrap(b"[" * 300_000)


def agreements() -> Iterator[Named]:
    """YAML: what is cheap to write and dear to read."""
    texts = {
        "parties": b"parties: [" + b"{}," * 300_000 + b"]",
        "terms": b"".join(b"t%d: {fields: {}}\n" % n for n in range(40_000)),
        "repeated keys": b"a: 1\n" * 100_000,
        "items": b"a:\n" + b"- a\n" * 200_000,
        "dashes": b"- " * 400_000,
        "questions": b"? " * 400_000,
        "anchors": b"&a " * 300_000,
        "tags": b"!a " * 300_000,
        "aliases": b"".join(b"a%d: &a%d [*a%d,*a%d]\n" % (n, n, n - 1, n - 1) for n in range(99)),
        "long key": b"a" * MIB + b": 1",
        "folded": b"a: >\n" + b" x\n" * 300_000,
        "escapes": b'a: "' + b"\\n" * 400_000 + b'"',
        "comment": b"#" * MIB,
        "flow": b"a: " + b"[{a: " * 100_000,
        "number": b"a: " + b"9" * 900_000,
    }
    for label, text in texts.items():
        yield "contract", label, text[:MIB]
        yield "framework", label, text[:MIB]


def settings() -> Iterator[Named]:
    """TOML: dotted keys took memory in the square of their parts."""
    yield "config", "dotted key", b"a" + b".a" * 30_000 + b" = 1\n"
    yield "config", "dotted table", b"[a" + b".a" * 30_000 + b"]\n"
    dotted = (b"a%d" % n + b".a" * 1_000 + b" = 1\n" for n in range(30))
    yield "config", "many dotted keys", b"".join(dotted)
    yield "config", "depth", b"a = " + b"[\n" * 30_000
    yield "config", "tables", b"[[a]]\n" * 10_000
    yield "config", "long number", b"a = " + b"9" * 5_000


def files() -> Iterator[Named]:
    """Exports: a few megabytes, as a broken one may have; a sound one of that size is large."""
    for name, separator in (("csu", b","), ("support", b","), ("council", b";")):
        head = ALL[name].seeds[-1].split(b"\n")[0].rstrip(b"\r") + b"\r\n"
        yield name, "open quotes", head + b'"a\r\n' * 300_000
        yield name, "one quote", head + b'"' + b"a\r\n" * 300_000
        yield name, "separators", head + separator * MIB
        yield name, "backslashes", head + b"\\" * MIB + separator + b"a\r\n"
        yield name, "wide header", head.rstrip() + b" " * 100_000 + b"\r\n" + b"a\r\n" * 10_000
    yield "council", "lines", b"{}\n" * 300_000
    yield "council", "depth", b'{"a":' + b"[" * MIB
    yield "council", "repeated keys", b"{" + b'"a":1,' * 200_000 + b'"a":1}'
    yield "council", "digits", b'{"a":' + b"9" * 4_200 + b"}\n" + b'{"a":' + b"9" * MIB + b"}\n"
    opened = b'<CaseExport xmlns="urn:example:cps:case-export:3">'
    laughs = b"".join(b'<!ENTITY a%d "&a%d;&a%d;">' % (n, n - 1, n - 1) for n in range(1, 40))
    names = b" ".join(b"a%d='1'" % n for n in range(100_000))
    for label, text in {
        "cases": opened + b"<Case/>" * 100_000 + b"</CaseExport>",
        "children": opened + b"<Case>" + b"<a/>" * 200_000 + b"</Case></CaseExport>",
        "depth": b"<a>" * 300_000,
        "attributes": b"<a " + names + b"/>",
        "laughs": b'<!DOCTYPE a [<!ENTITY a0 "x">' + laughs + b"]><a>&a39;</a>",
        "outside": b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        # The parser repeats a namespace for each element: 180 kB became 1.6 GB once
        "namespace": b"<a xmlns='" + b"u" * 100_000 + b"'>" + b"<b/>" * 40_000 + b"</a>",
        "comment": b"<!--" + b"-" * MIB,
        "sections": opened + b"<![CDATA[x]]>" * 100_000 + b"</CaseExport>",
        "references": opened + b"&#65;" * 200_000 + b"</CaseExport>",
    }.items():
        yield "cps", label, text


def main() -> None:
    """Try all of them in order."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    for source in (everywhere, notes, agreements, settings, files):
        for name, label, data in source():
            begun = time.process_time()
            accepted = ALL[name].check(data)
            took = time.process_time() - begun
            line = {"parser": name, "input": label, "bytes": len(data), "cpu": round(took, 3)}
            sys.stdout.write(json.dumps(line | {"accepted": accepted}) + "\n")
            sys.stdout.flush()
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main()
