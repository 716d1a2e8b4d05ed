"""The form of bundles: one content has one file, and every other file is refused."""

from __future__ import annotations

import hashlib
import struct
import zipfile
from collections.abc import Callable
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import EntryError
from broker.partnership.bundle import (
    BUNDLE_LIMIT_BYTES,
    MEMBERS_LIMIT,
    Bundle,
    format_bundle,
    parse_bundle,
)

HASH = hashlib.sha256(b"agreement").hexdigest()
WHOLE = Bundle(
    agreements={HASH: b"agreement"},
    signatures={
        (HASH, "csu-camden"): b"note",
        (HASH, "cps-london.siro"): b"other",
        (HASH, "cps-london.chief"): b"third",
    },
    entries={"csu-camden": b"entry", "cps-london": b"other"},
    manifests={("csu-camden", 1): b"manifest", ("csu-camden", 12): b"newer"},
    authority=b"authority",
    certificates={"csu-camden": b"certificate"},
)
RAW = format_bundle(WHOLE)


def refused(raw: bytes) -> str:
    with pytest.raises(EntryError) as error:
        parse_bundle(raw, "x.bundle")
    assert (error.value.where, error.value.exit_code) == ("x.bundle", 4)
    return error.value.code


def test_a_written_bundle_is_read_and_written_again() -> None:
    assert parse_bundle(RAW) == WHOLE
    assert format_bundle(parse_bundle(RAW)) == RAW
    assert parse_bundle(format_bundle(Bundle())) == Bundle()


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_every_altered_bit_is_refused(data: st.DataObject) -> None:
    raw = bytearray(RAW)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert refused(bytes(raw)) in {"bundle_malformed", "bundle_too_large"}


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_refused_by_a_code(raw: bytes) -> None:
    assert refused(raw) == "bundle_malformed"
    assert refused(b"PK\3\4" + raw) == "bundle_malformed"


def archive(write: Callable[[zipfile.ZipFile], object], kind: int = zipfile.ZIP_STORED) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", kind) as made:
        write(made)
    return out.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "../agency.toml",
        "/etc/passwd",
        "entries/../../agency.toml",
        "entries/csu-camden.entry/../x",
        "entries\\csu-camden.entry",
        "entries/CSU.entry",
        "entries/.entry",
        "keys/secret.key.json",
        "manifests/csu-camden.01.note",
        "agreements/x.yaml",
        "entries/",
    ],
)
def test_a_member_with_another_name_is_refused(name: str) -> None:
    assert refused(archive(lambda made: made.writestr(name, b"x"))) == "bundle_malformed"


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    def write(made: zipfile.ZipFile) -> None:
        made.writestr("entries/csu-camden.entry", b"\0" * 50_000_000)

    assert refused(archive(write, zipfile.ZIP_DEFLATED)) == "bundle_malformed"


def test_two_members_of_one_name_are_refused() -> None:
    def write(made: zipfile.ZipFile) -> None:
        for content in (b"one", b"two"):
            made.writestr("entries/csu-camden.entry", content)

    with pytest.warns(UserWarning, match="Duplicate"):
        raw = archive(write)
    assert refused(raw) == "bundle_malformed"


def test_bytes_before_between_and_after_are_refused() -> None:
    for raw in (b"x" + RAW, RAW + b"x", RAW[:40] + b"x" + RAW[40:]):
        assert refused(raw) == "bundle_malformed"


def test_another_order_and_another_time_are_refused() -> None:
    def write(made: zipfile.ZipFile) -> None:
        for name, content in reversed(list(WHOLE.members())):
            made.writestr(name, content)

    assert refused(archive(write)) == "bundle_malformed"


def test_limits() -> None:
    assert refused(b"PK" + bytes(BUNDLE_LIMIT_BYTES)) == "bundle_too_large"
    many = Bundle(manifests={("csu-camden", v): b"" for v in range(1, MEMBERS_LIMIT + 2)})
    with pytest.raises(EntryError) as error:
        format_bundle(many)
    assert error.value.code == "bundle_too_large"
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 60_000, 60_000, 46 * 60_000, 0, 0)
    assert refused(bytes(46 * 60_000) + end) == "bundle_too_large"
