"""Exports that are made to cost more than their size, for each format: what a reader must bear."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from adapters.council import ADAPTER as COUNCIL
from adapters.cps import ADAPTER as CPS
from adapters.cps.case_xml import NAMESPACE
from adapters.csu import ADAPTER as CSU

Pieces: TypeAlias = Iterator[bytes]


class Worst(NamedTuple):
    """One kind of bad export.

    Attributes:
        kind: of adapter, as in ``agency.toml``.
        suffix: of the file.
        pieces: size in bytes -> the file, in pieces.
    """

    kind: str
    suffix: str
    pieces: Callable[[int], Pieces]


def _filled(head: bytes, unit: bytes, tail: bytes = b"") -> Callable[[int], Pieces]:
    """A head, then a unit again and again up to the size, then a tail."""

    def pieces(size: int) -> Pieces:
        yield head
        block = unit * max(1, 256 * 1024 // len(unit))
        left = max(0, size - len(head) - len(tail)) // len(unit) * len(unit)
        while left > 0:
            yield block[:left]
            left -= len(block)
        yield tail

    return pieces


def _numbered(
    head: bytes, unit: Callable[[int], bytes], tail: bytes = b""
) -> Callable[[int], Pieces]:
    """A head, then units that differ, up to the size, then a tail."""

    def pieces(size: int) -> Pieces:
        yield head
        done, number = len(head) + len(tail), 0
        while done < size:
            block = b"".join(unit(number + at) for at in range(2_000))
            yield block
            done += len(block)
            number += 2_000
        yield tail

    return pieces


_HEADER: Final = ",".join(CSU.mapping.export_columns).encode() + b"\r\n"
_COLUMNS: Final = len(CSU.mapping.export_columns)


def csu_row(number: int) -> bytes:
    """A good row of a police unit, every one about a case of its own."""
    narrative = "Shouted at the victim outside the building and followed them to the door. " * 2
    values = {
        "ACTION": "CASE",
        "PARTNERS": "CPSLON",
        "CRN": f"01/{number}/26",
        "EXTRACT_DATE": "02/11/2026",
        "CASE_STATUS": "01",
        "HC_FLAGS": "HC-DIS;HC-RAC",
        "OFFICER_NOTE": narrative,
    }
    return ",".join(values.get(n, "") for n in CSU.mapping.export_columns).encode() + b"\r\n"


_GOOD_CASE: Final = """<Case><Action>ChargingDecision</Action>
<Recipients><Agency>01PL</Agency></Recipients>
<Case><Number>CMS-{number}</Number><URN>01ZZ1000126</URN></Case>
<File><Offences><Offence>Harassment</Offence></Offences></File>
<Charging><Decision>B-Charge</Decision></Charging></Case>
"""
_ROOT: Final = f'<?xml version="1.0"?>\n<CaseExport xmlns="{NAMESPACE}">\n'.encode()
_END: Final = b"</CaseExport>\n"


def cps_case(number: int) -> bytes:
    """A good case of the prosecution service."""
    return _GOOD_CASE.format(number=number).encode()


_REFERRAL: Final[Mapping[str, object]] = {
    "action": "NEW_REFERRAL",
    "notify": ["HAVEN"],
    "service_code": "SUP-EMO",
    "priority": "P3",
    "resident_name": "Håkon Sampleton",
    "incident_class": "HI",
    "motivations": ["DIS", "REL"],
    "perceived_by": "VIC",
    "la_code": "00AZ",
    "incident_details": "Threw an object at the window; there was no injury.",
    "consent_support": True,
    "consent_identity": True,
}


def council_line(number: int) -> bytes:
    """A good line of a council."""
    own = {"asb_case_ref": f"ASB/{number + 1}", "referral_ref": f"HSG/{number + 1}"}
    return json.dumps({**_REFERRAL, **own}).encode() + b"\n"


_QUOTED: Final = b'"' + b"," * (_COLUMNS - 1) + b"\r\n"
_WIDE: Final = _HEADER + b'"' + b"\xf0\x9f\x98\x80"

WORST: Final[Mapping[str, Worst]] = {
    "csv good rows": Worst("csu", ".csv", _numbered(_HEADER, csu_row)),
    "csv lines of one letter": Worst("csu", ".csv", _filled(_HEADER, b"a\n")),
    "csv good rows between bad ones": Worst(
        "csu", ".csv", _numbered(_HEADER, lambda n: csu_row(n) if n % 50 else b"a\r\n")
    ),
    "csv header without end": Worst("csu", ".csv", _filled(b"ACTION", b",ACTION")),
    "csv one cell": Worst("csu", ".csv", _filled(_HEADER, b"x", b"\r\n")),
    "csv one quoted cell": Worst("csu", ".csv", _filled(_WIDE, b"x\n", b'"\r\n')),
    "csv quotes never closed": Worst("csu", ".csv", _filled(_HEADER, _QUOTED)),
    "csv quotes only": Worst("csu", ".csv", _filled(_HEADER, b'""' * 40 + b"\n")),
    "csv rows of many cells": Worst("csu", ".csv", _filled(_HEADER, b"ab," * 170_000 + b"\r\n")),
    "csv rows as long as may be": Worst(
        "csu",
        ".csv",
        _filled(
            _HEADER,
            (b"\xf0\x9f\x98\x80" + b"x" * 6_000 + b",") * (_COLUMNS - 1) + b"x\r\n",
        ),
    ),
    "csv blank lines": Worst("csu", ".csv", _filled(b"", b"\n", _HEADER)),
    "csv blank lines between rows": Worst("csu", ".csv", _filled(_HEADER, b"\n", b"a\n")),
    "csv lines of blanks": Worst("csu", ".csv", _filled(_HEADER, b" \n" * 99 + b"a\n")),
    "csv empty rows": Worst("csu", ".csv", _filled(_HEADER, b"," * (_COLUMNS - 1) + b"\r\n")),
    "csv header repeated": Worst("csu", ".csv", _filled(_HEADER, _HEADER)),
    "csv rows of quoted cells": Worst(
        "csu",
        ".csv",
        _filled(_HEADER, b",".join([b'"' + b"x\n" * 4_000 + b'"'] * _COLUMNS) + b"\r\n"),
    ),
    "csv open quotes over many lines": Worst(
        "csu", ".csv", _filled(_HEADER, b'"a\n' + b"b\n" * 200_000)
    ),
    "csv cp1252": Worst("csu", ".csv", _filled(_HEADER, b"caf\xe9 \x96 na\xefve\r\n")),
    "csv not ASCII": Worst("csu", ".csv", _filled(_HEADER, b"\xe9\n")),
    "csv broad characters": Worst("csu", ".csv", _filled(_HEADER, "😀\n".encode())),
    "csv carriage returns": Worst("csu", ".csv", _filled(_HEADER, b"\r")),
    "csv tabs": Worst("csu", ".csv", _filled(_HEADER, b"\t", b"a\n")),
    "csv of other words": Worst(
        "csu",
        ".csv",
        _numbered(_HEADER, lambda n: b"a" + bytes(c + 0x80 for c in b"%x" % n) + b" "),
    ),
    "csv of NUL": Worst("csu", ".csv", _filled(_HEADER, b"\0")),
    "csv UTF-32": Worst("csu", ".csv", _filled(b"\xff\xfe\0\0", b"a\0\0\0\n\0\0\0")),
    "csv UTF-16": Worst("csu", ".csv", _filled(b"\xff\xfe", b"a\0\n\0")),
    "xml good cases": Worst("cps", ".xml", _numbered(_ROOT, cps_case, _END)),
    "xml prefix declared each time": Worst(
        "cps", ".xml", _filled(_ROOT, b'<p:C xmlns:p="u1"/>', _END)
    ),
    "xml empty cases": Worst("cps", ".xml", _filled(_ROOT, b"<Case/>", _END)),
    "xml cases of one value": Worst(
        "cps", ".xml", _filled(_ROOT, b"<Case><Action>x</Action></Case>", _END)
    ),
    "xml cases of full lists": Worst(
        "cps",
        ".xml",
        _filled(
            _ROOT, b"<Case><Recipients>" + b"<Agency/>" * 19_990 + b"</Recipients></Case>", _END
        ),
    ),
    "xml cases as long as may be": Worst(
        "cps",
        ".xml",
        _filled(_ROOT, b"<Case><Action>&#128512;" + b"x" * 520_000 + b"</Action></Case>", _END),
    ),
    "xml refused case without end": Worst(
        "cps", ".xml", _filled(_ROOT + b"<Case a=''>", b"<a/>", b"</Case>" + _END)
    ),
    "xml comments between cases": Worst(
        "cps", ".xml", _filled(_ROOT + b"<Case/>", b"<!---->", _END)
    ),
    "xml comments in a refused case": Worst(
        "cps", ".xml", _filled(_ROOT + b"<Case a=''>", b"a<!---->", b"</Case>" + _END)
    ),
    "xml line ends": Worst("cps", ".xml", _filled(_ROOT + b"<Case/>", b"\n", _END)),
    "xml CDATA": Worst(
        "cps",
        ".xml",
        _filled(_ROOT + b"<Case><Action>", b"<![CDATA[x]]>", b"</Action></Case>" + _END),
    ),
    "xml instructions": Worst(
        "cps", ".xml", _filled(_ROOT + b"<Case>", b"<?a?>", b"</Case>" + _END)
    ),
    "xml long tags": Worst("cps", ".xml", _filled(_ROOT, b"<Case " + b" " * 200_000 + b"/>", _END)),
    "xml one namespace declared in each element": Worst(
        "cps", ".xml", _filled(_ROOT + b"<Case>", b'<Action xmlns="u"/>', b"</Case>" + _END)
    ),
    "xml attributes in each case": Worst(
        "cps",
        ".xml",
        _filled(_ROOT, b"<Case " + b"".join(b'a%d="" ' % n for n in range(900)) + b"/>", _END),
    ),
    "xml attribute as long as may be": Worst(
        "cps", ".xml", _filled(_ROOT, b'<Case a="' + b"x" * 250_000 + b'"/>', _END)
    ),
    "xml empty elements in one case": Worst(
        "cps", ".xml", _filled(_ROOT + b"<Case>", b"<Action/>", b"</Case>" + _END)
    ),
    "xml items in one list": Worst(
        "cps",
        ".xml",
        _filled(_ROOT + b"<Case><Recipients>", b"<Agency/>", b"</Recipients></Case>" + _END),
    ),
    "xml names that differ": Worst("cps", ".xml", _numbered(_ROOT, lambda n: b"<a%d/>" % n, _END)),
    "xml namespaces that differ": Worst(
        "cps", ".xml", _numbered(_ROOT, lambda n: b'<Case xmlns:p%d="u%d"/>' % (n, n), _END)
    ),
    "xml one long namespace": Worst(
        "cps",
        ".xml",
        _filled(_ROOT + b'<p:C xmlns:p="' + b"u" * 200_000 + b'">', b"<p:C/>", b"</p:C>" + _END),
    ),
    "xml one attribute": Worst("cps", ".xml", _filled(_ROOT + b'<Case a="', b"x", b'"/>' + _END)),
    "xml many attributes": Worst(
        "cps", ".xml", _numbered(_ROOT + b"<Case ", lambda n: b'a%d="" ' % n, b"/>" + _END)
    ),
    "xml one text": Worst(
        "cps", ".xml", _filled(_ROOT + b"<Case><Action>", b"x", b"</Action></Case>" + _END)
    ),
    "xml one text of entities": Worst(
        "cps", ".xml", _filled(_ROOT + b"<Case><Action>", b"&#128512;", b"</Action></Case>" + _END)
    ),
    "xml one comment": Worst("cps", ".xml", _filled(_ROOT + b"<!--", b"x", b"-->" + _END)),
    "xml comments": Worst("cps", ".xml", _filled(_ROOT, b"<!---->", _END)),
    "xml depth": Worst("cps", ".xml", _filled(_ROOT, b"<Case>")),
    "xml entities declared": Worst(
        "cps", ".xml", _filled(b'<!DOCTYPE a [<!ENTITY b "', b"x", b'">]><a>&b;</a>')
    ),
    "xml UTF-16": Worst("cps", ".xml", _filled(b"\xff\xfe<\0", b"a\0")),
    "json good lines": Worst("council", ".jsonl", _numbered(b"", council_line)),
    "json one line": Worst("council", ".jsonl", _filled(b'{"notify":"', b"x", b'"}\n')),
    "json one object on many lines": Worst(
        "council", ".jsonl", _filled(b'{"notify":\n[', b"1,\n", b"1]}")
    ),
    "json depth": Worst("council", ".jsonl", _filled(b'{"notify":', b"[" * 500_000 + b"\n")),
    "json objects": Worst(
        "council", ".jsonl", _filled(b'{"a":1}\n', b'{"notify":[' + b'{"":[]},' * 9_000 + b"1]}\n")
    ),
    "json members that repeat": Worst(
        "council", ".jsonl", _filled(b'{"a":1}\n', b"{" + b'"a":1,' * 19_000 + b'"a":1}\n')
    ),
    "json lists": Worst(
        "council", ".jsonl", _filled(b'{"a":1}\n', b'{"notify":[' + b"[]," * 9_000 + b"1]}\n")
    ),
    "json numbers": Worst(
        "council",
        ".jsonl",
        _filled(b'{"a":1}\n', b'{"previous_reports":' + b"9" * 500_000 + b"}\n"),
    ),
    "json many values": Worst("council", ".jsonl", _filled(b'{"a":', b"[],")),
    "json texts as long as may be": Worst(
        "council",
        ".jsonl",
        _filled(b'{"a":1}\n', '{"incident_details":"😀'.encode() + b"x" * 500_000 + b'"}\n'),
    ),
    "json blank lines": Worst("council", ".jsonl", _filled(b'{"a":1}\n', b"\n", b"{}\n")),
    "json lines of blanks": Worst(
        "council", ".jsonl", _filled(b'{"a":1}\n', b" \n" * 99 + b"{}\n")
    ),
    "json long keys": Worst(
        "council", ".jsonl", _filled(b'{"a":1}\n', b'{"' + b"k" * 500_000 + b'":1}\n')
    ),
    "json keys that differ": Worst(
        "council",
        ".jsonl",
        _filled(b'{"a":1}\n', b"{" + b"".join(b'"%d":1,' % n for n in range(19_000)) + b'"a":1}\n'),
    ),
    "json escapes": Worst(
        "council",
        ".jsonl",
        _filled(b'{"a":1}\n', b'{"notify":"' + b"\\ud83d\\ude00" * 40_000 + b'"}\n'),
    ),
    "json records in a list": Worst(
        "council",
        ".jsonl",
        _filled(
            b'{"a":1}\n',
            b'{"action":"NEW_REFERRAL","perpetrators":[' + b'{"":{}},' * 6_000 + b"{}]}\n",
        ),
    ),
    "json texts in a list": Worst(
        "council", ".jsonl", _filled(b'{"a":1}\n', b'{"notify":[' + b'"ab",' * 19_000 + b'""]}\n')
    ),
    "json floats": Worst(
        "council", ".jsonl", _filled(b'{"a":1}\n', b'{"notify":[' + b"1e9," * 19_000 + b"1]}\n")
    ),
    "json UTF-16": Worst("council", ".jsonl", _filled(b"\xff\xfe{\0", b'"\0')),
    "json UTF-32 without mark": Worst("council", ".jsonl", _filled(b"{\0\0\0", b'"\0\0\0')),
    "json NUL": Worst("council", ".jsonl", _filled(b"{", b"\0")),
    "json mark repeated": Worst("council", ".jsonl", _filled(b'{"a":1}\n', b"\xef\xbb\xbf\n")),
    "json cp1252": Worst("council", ".jsonl", _filled(b'{"a":"\xe9"}\n', b"caf\xe9 \x96\r\n")),
    "json empty objects": Worst("council", ".jsonl", _filled(b"", b"{}\n")),
    "json csv lines of one letter": Worst(
        "council",
        ".csv",
        _filled(";".join(COUNCIL.mapping.export_columns).encode() + b"\r\n", b"a\n"),
    ),
}
"""Name -> export."""

assert {CPS.name, CSU.name, COUNCIL.name} == {worst.kind for worst in WORST.values()}
