from __future__ import annotations

from base64 import b64encode

import pytest

from broker.errors import NoteError
from broker.tlog.checkpoint import (
    Checkpoint,
    Origin,
    format_checkpoint,
    parse_checkpoint,
    parse_decimal,
    parse_origin,
)
from broker.tlog.merkle import EMPTY_ROOT, MAX_LOG_SIZE

# The example of c2sp.org/tlog-checkpoint
C2SP_BODY = b"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
ORIGIN = "pan-london/csu-camden/pan-london.london-hate-crime.a/3/0000019a1b2c3d4e-" + "0" * 32
ROOT = b64encode(b"r" * 32)


def malformed() -> pytest.RaisesExc[NoteError]:
    return pytest.RaisesExc(NoteError, check=lambda error: error.code == "checkpoint_malformed")


def test_the_specifications_example_has_one_form() -> None:
    checkpoint = parse_checkpoint(C2SP_BODY)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert format_checkpoint(checkpoint) == C2SP_BODY


def test_the_head_of_an_empty_log_can_be_named_with_one_root_only() -> None:
    empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    assert parse_checkpoint(format_checkpoint(empty)) == empty
    with malformed():
        format_checkpoint(Checkpoint(ORIGIN, 0, b"r" * 32))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"o\n1\n" + ROOT,
        b"o\n1\n" + ROOT + b"\nextension\n",
        b"o\n1\n" + ROOT + b"\nx",
        b"o\n1\n" + ROOT + b"\n\n",
        b"\n1\n" + ROOT + b"\n",
        b"o o\n1\n" + ROOT + b"\n",
        b"o+o\n1\n" + ROOT + b"\n",
        b"\xc3\xa8\n1\n" + ROOT + b"\n",
        b"o" * 256 + b"\n1\n" + ROOT + b"\n",
        b"o\n01\n" + ROOT + b"\n",
        b"o\n-1\n" + ROOT + b"\n",
        b"o\n+1\n" + ROOT + b"\n",
        b"o\n1 \n" + ROOT + b"\n",
        b"o\n1_0\n" + ROOT + b"\n",
        b"o\n\n" + ROOT + b"\n",
        "o\n\u0661\n".encode() + ROOT + b"\n",
        b"o\n%d\n" % (MAX_LOG_SIZE + 1) + ROOT + b"\n",
        b"o\n1\n" + ROOT[:-1] + b"\n",
        b"o\n1\n" + b64encode(b"r" * 31) + b"\n",
        b"o\n1\n" + b64encode(b"r" * 33) + b"\n",
        b"o\n1\n" + ROOT[:-2] + b"J=\n",
        b"o\r\n1\n" + ROOT + b"\n",
    ],
)
def test_text_in_any_other_form_is_refused(text: bytes) -> None:
    with malformed():
        parse_checkpoint(text)


@pytest.mark.parametrize(
    "checkpoint",
    [
        Checkpoint("a\nb", 1, b"r" * 32),
        Checkpoint("", 1, b"r" * 32),
        Checkpoint("o", -1, b"r" * 32),
        Checkpoint("o", MAX_LOG_SIZE + 1, b"r" * 32),
        Checkpoint("o", 1, b"r" * 31),
        Checkpoint("o\n1\n" + ROOT.decode() + "\n", 1, b"r" * 32),
    ],
)
def test_an_unreadable_checkpoint_is_not_written(checkpoint: Checkpoint) -> None:
    with malformed():
        format_checkpoint(checkpoint)


def test_limits_are_inclusive() -> None:
    largest = Checkpoint("o" * 255, MAX_LOG_SIZE, b"r" * 32)
    assert parse_checkpoint(format_checkpoint(largest)) == largest


def test_decimals_have_one_form() -> None:
    assert [parse_decimal(digits, 10) for digits in (b"0", b"9", b"10")] == [0, 9, 10]
    for digits in (b"", b"00", b"01", b"11", b" 1", b"1\n", b"1" * 20):
        with pytest.raises(ValueError):
            parse_decimal(digits, 10)


# --- origins ---


def test_an_origin_names_a_stream_and_its_signer() -> None:
    origin = parse_origin(ORIGIN)
    assert origin == Origin(
        "pan-london",
        "csu-camden",
        "pan-london.london-hate-crime.a",
        3,
        "0000019a1b2c3d4e-" + "0" * 32,
    )
    assert origin.key_name == "pan-london/csu-camden"
    assert origin.format() == ORIGIN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a/b/c/0",
        "a/b/c/0/g/",
        "a/b/c/0/g/h",
        "/b/c/0/g",
        "a//c/0/g",
        "a/b//0/g",
        "a/b/c//g",
        "a/b/c/0/",
        "A/b/c/0/g",
        "a/../c/0/g",
        "a/-b/c/0/g",
        "a/b/c_d/0/g",
        "a/b/c/00/g",
        "a/b/c/-1/g",
        "a/b/c/x/g",
        "a/b/c/\u0661/g",
        "a/b/c/2147483648/g",
        "a/b/\u00e9/0/g",
        "a/b/c/0/g\n",
        "a" * 250 + "/b/c/0/g",
    ],
)
def test_text_that_is_not_an_origin_is_refused(text: str) -> None:
    with malformed():
        parse_origin(text)


def test_origin_limits_are_inclusive() -> None:
    assert parse_origin("a/b/c/2147483647/g").partition == 2**31 - 1
    assert parse_origin("a" * 247 + "/b/c/0/g").agency == "b"


@pytest.mark.parametrize(
    "origin",
    [
        Origin("a", "b/c", "d", 0, "g"),
        Origin("a", "b", "", 0, "g"),
        Origin("a", "b", "c", -1, "g"),
        Origin("a", "b", "c/0/g", 0, "g"),
    ],
)
def test_a_part_that_would_change_the_others_is_not_written(origin: Origin) -> None:
    with malformed():
        origin.format()
