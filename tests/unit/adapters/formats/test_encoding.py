"""Text in another encoding than it is read in is refused, and the suspected one is named."""

from __future__ import annotations

import pytest

from adapters.base import Context, MappingError, Row
from adapters.csu import ADAPTER
from adapters.formats.encoding import PIECE_BYTES, as_stream, check_encoding
from adapters.formats.signs import has_escapes, text_sign
from adapters.mapping import MemoryLinks

NAMES = (
    "José", "Zoë", "Müller", "François", "Siân", "Håkon", "Renée", "Björk", "Núñez", "Seán",
    "Dáithí", "Göran", "São Tomé", "Muñoz", "Élodie", "Özil", "Ángel", "Ødegård", "Hôtel",
)  # fmt: skip


def export(name: str) -> str:
    row = {"ACTION": "CASE", "PARTNERS": "P", "CRN": "C1", "CASE_STATUS": "01", "VIC_NAME": name}
    return ADAPTER.write([row], header=ADAPTER.mapping.export_columns).decode()


def refusal(content: bytes, stated: str | None = None) -> MappingError:
    with pytest.raises(MappingError) as error:
        ADAPTER.read(content, stated)
    assert error.value.code == "file_encoding"
    return error.value


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("encoding", ["cp850", "cp437"])
def test_an_export_of_dos_is_refused_and_told(name: str, encoding: str) -> None:
    try:
        content = export(f"{name} and").encode(encoding)
    except UnicodeEncodeError:
        pytest.skip(f"{encoding} has no such name")
    assert "cp850" in refusal(content).detail


@pytest.mark.parametrize(
    ("text", "encoding", "suspect"),
    [
        ("José Núñez", "mac_roman", "mac_roman"),
        ("don’t José", "mac_roman", "mac_roman"),
        ("Wałęsa", "cp1250", "windows-1250"),
        ("Łukasz Michał", "cp1250", "windows-1250"),
        ("Świątek", "iso8859_2", "ISO-8859-2"),
        ("Иван Петров", "cp1251", "windows-1251"),
        ("costs £40", "cp850", "cp850"),
        ("MÜLLER", "cp850", "cp850"),
        ("ÉLISE José", "mac_roman", "mac_roman"),
    ],
)
def test_the_encoding_that_is_suspected_is_named(text: str, encoding: str, suspect: str) -> None:
    error = refusal(export(text).encode(encoding))
    assert suspect in error.detail
    assert error.where == "line 2"
    assert text not in error.diagnostics()


@pytest.mark.parametrize("shift", range(-6, 4))
def test_a_sign_is_found_where_a_piece_of_the_file_ends(shift: int) -> None:
    """The file is looked at in pieces; one word may lie in two of them."""
    content = b"\n" + b"ab " * (PIECE_BYTES // 3)
    content = content[: PIECE_BYTES + shift - 1] + b" Jos\x82 and\n" + b"ab\n" * 100
    with pytest.raises(MappingError) as error:
        check_encoding(as_stream(content))
    assert "cp850" in error.value.detail
    assert error.value.where == "line 2"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_refused_with_and_without_its_mark(encoding: str) -> None:
    assert "UTF-" in refusal(export("Siân").encode(encoding)).detail


def test_windows_1252_without_such_signs_is_read() -> None:
    for name in (*NAMES, "Müller – “about £40” … it’s", "50 % – 60 %", "Mr\u00a0Smith", "5 m²"):
        (row,) = ADAPTER.read(export(name).encode("cp1252"))
        assert isinstance(row, Row)
        assert row.values["VIC_NAME"] == name


def test_a_stated_encoding_is_believed_and_nothing_else_is_read() -> None:
    for name in NAMES:
        (row,) = ADAPTER.read(export(name).encode("cp850"), "cp850")
        assert isinstance(row, Row)
        assert row.values["VIC_NAME"] == name
    assert "UTF-8" in refusal(export("José").encode(), "cp850").detail
    assert "stated" in refusal(export("José").encode("cp1252"), "utf-8").detail
    assert "windows-1252" in refusal(export("x").encode() + b"\x81\r\n", "windows-1252").detail
    assert check_encoding(as_stream(export("x").encode()), stated="cp850").codec == "cp850"


WRONG = {
    "Jos\ufffd": "was lost",
    "JosÃ©": "windows-1252",
    "MÃ¼ller": "windows-1252",
    "itâ€™s": "windows-1252",
    "Â£40": "windows-1252",
    "WaÅ‚Ä™sa": "windows-1252",
    "Jos├®": "cp850",
    "Jos√©": "mac_roman",
    "Jos\x82": "ISO-8859-1",
    "Jos‚ and": "cp850",
    "Mu¤oz": "cp850",
    "JosŽ": "mac_roman",
    "MŸller": "mac_roman",
    "MšLLER": "cp850",
    "Ìåäæèä": "another alphabet",
}


@pytest.mark.parametrize("text", WRONG)
def test_text_that_was_read_wrongly_before_is_refused_by_its_row(text: str) -> None:
    good, bad = ADAPTER.read((export("José") + export(text).splitlines()[1] + "\r\n").encode())
    assert isinstance(good, Row)
    assert isinstance(bad, Row)
    context = Context("me", {"P": "partner-one"}, MemoryLinks())
    with pytest.raises(MappingError) as error:
        ADAPTER.to_event(
            Row(3, dict(bad.values) | {"ACTION": "CASE", "OFFICER_NOTE": text}, 0, 0), context
        )
    assert error.value.code == "text_encoding"
    assert WRONG[text] in error.value.detail


ESCAPED = (
    "O&#39;Brien", "O&#x27;Brien", "O&rsquo;Brien", "Smith &amp; Sons", "Jos&eacute;", "Jos\\u00e9",
    "Jos\\xe9", "Jos=C3=A9", "Jos%C3%A9", "O=E2=80=99Brien", "Jos+AOk-", "+AMk-lise",
)  # fmt: skip


@pytest.mark.parametrize("text", ["M?ller", "?ukasz M?ller", "Jos?-Mar?a", *ESCAPED])
def test_a_short_text_in_which_an_earlier_program_changed_a_character_is_refused(text: str) -> None:
    (row,) = ADAPTER.read(export("x").encode())
    assert isinstance(row, Row)
    context = Context("me", {"P": "partner-one"}, MemoryLinks())
    values = dict(row.values) | {"ACTION": "REFER", "REFERRAL_NO": "R1", "RECORD_CLASS": "CRIME"}
    values |= {"HC_FLAGS": "HC-DIS", "PERCEIVED_BY": "V", "VIC_NAME": text}
    with pytest.raises(MappingError) as error:
        ADAPTER.to_event(Row(2, values, 0, 0), context)
    assert (error.value.code, error.value.where) == ("text_encoding", "line 2, column VIC_NAME")


@pytest.mark.parametrize("declared", ["UTF-8", "utf-8", "US-ASCII"])
@pytest.mark.parametrize("quote", ['"', "'"])
def test_xml_in_another_encoding_than_it_declares_is_told(declared: str, quote: str) -> None:
    from adapters.cps import ADAPTER as CPS

    content = f"""<?xml version={quote}1.0{quote} encoding={quote}{declared}{quote}?>
<CaseExport xmlns="urn:example:cps:case-export:3"><Case><Action>José</Action></Case></CaseExport>"""
    with pytest.raises(MappingError) as error:
        CPS.read(content.encode("cp850"))
    assert (error.value.code, error.value.where) == ("file_encoding", "line 2")
    assert "cp850" in error.value.detail


def test_xml_in_utf_16_is_refused_in_any_alphabet() -> None:
    """Of a text in another alphabet, few of the first bytes are zero."""
    from adapters.cps import ADAPTER as CPS

    content = f"""<?xml version="1.0"?><!--{"李" * 3000}-->
<CaseExport xmlns="urn:example:cps:case-export:3"><Case Deleted="true"/></CaseExport>"""
    for encoding in ("utf-16-le", "utf-16-be", "utf-16", "utf-32-le", "utf-32-be"):
        with pytest.raises(MappingError) as error:
            CPS.read(content.encode(encoding))
        assert error.value.code == "file_encoding", encoding


def test_good_text_has_no_sign_of_a_wrong_encoding() -> None:
    others = ("CAFÉ’S”", "na hÉireann", "Zażółć", "Łukasz", "Ångström", "√2", "£40–50", "naïve",
              "“quoted”", "À la", "5 m²", "€5", "½", "e.g. 20‰", "Дмитрий",
              "李", "محمد", "😀", "GROßMANN", "McÉwan", "Škoda", "ŽELJKO", "NuŠa", "Ægir",
              "who?what")  # fmt: skip
    for text in (*NAMES, *others):
        assert text_sign(text) is None, text
    for text in ("R&D; more", "Smith & Sons", "+44 20 7946", "a+b@x.org", "C:\\users\\x", "x=C3",
                 "100% sure", "AT&T;", "1+A1-"):  # fmt: skip
        assert not has_escapes(text), text
