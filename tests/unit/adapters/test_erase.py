"""`log erase`: after it, no byte below the agency's folder holds the case, but what it names."""

from __future__ import annotations

import asyncio
import bz2
import csv
import errno
import gzip
import io
import os
import zipfile
from pathlib import Path

import pytest

from adapters.base import AgencySystem
from adapters.catalogue import adapter_named
from adapters.delivery import InboxDelivery
from adapters.intake import Intake, Publication
from adapters.sinks.folder_sink import FolderSink
from adapters.sources.watched_folder import FolderSource
from broker.clock import now_ms
from broker.observing.metrics import Metrics
from broker.sending.publishing import Publisher
from broker.sending.sealing_context import event_sealer
from broker.store.database import open_store

SENDER, READER = "csu-camden", "haven-support"
OURS, OTHER = "EK/2025/0042", "EK/2025/0042-B"
NAME, PHONE = "Zephyrine Quillfeather", "020 7946 0999"
OTHER_NAME = "Dafydd Notreal"
SEED = Path(__file__).parent / "erase_seed.csv"


def export(*rows: dict[str, str], more: tuple[str, ...] = ()) -> bytes:
    """An export of a unit with these cells in rows that are otherwise good."""
    header, good = list(csv.reader(io.StringIO(SEED.read_text())))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*header, *more])
    for number, row in enumerate(rows):
        cells = dict(zip(header, good, strict=True)) | {"REFERRAL_NO": f"R{number}"} | row
        writer.writerow([*cells.values(), *("x" for _ in more)])
    return out.getvalue().encode()


def row(case: str, name: str = NAME, phone: str = PHONE, **more: str) -> dict[str, str]:
    return {"CRN": case, "VIC_NAME": name, "VIC_TEL": phone, "REFERRAL_NO": f"R-{case}", **more}


def drop(world, name: str, content: bytes) -> None:
    folder = world.directory(SENDER) / "import"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)


def take(world) -> None:
    """As the running adapter takes what lies in the import folder."""
    participant = world.participant(SENDER)
    config, adapter = participant.config, adapter_named("csu")
    store = open_store(participant.path(config.state.database))
    publisher = Publisher(event_sealer(participant))
    system = AgencySystem(adapter, SENDER, config.partners)
    intake = Intake(system, store, Publication(publisher, lambda: None), Metrics(), now_ms)
    ticks = iter(range(10, 10_000, 100))
    source = FolderSource(
        participant.path("import"),
        processed=participant.path("processed"),
        quarantine=participant.path("quarantine"),
        suffixes=lambda: adapter.suffixes,
        clock=lambda: float(next(ticks)),
    )
    for _ in range(4):
        asyncio.run(source.poll(intake.take))
    store.close()


def sent(world) -> None:
    store = world.store(SENDER)
    with store.transaction() as tx:
        rows = tx.outbox.pending(100)
        first = tx.outbox.counts().sent
        tx.outbox.index([(r.seq, "g", at, b"l" * 32, b"p") for at, r in enumerate(rows, first)])
        tx.outbox.mark_sent([(r.seq, at, now_ms()) for at, r in enumerate(rows, first)])
    store.close()


def erase(cli, world, agency: str = SENDER, *more: str, case: str = OURS):
    return cli("log", "erase", "--agency", world.directory(agency), "--case", case, "--json", *more)


def holding(folder: Path, *values: str) -> set[str]:
    """Files below a folder in whose bytes or name one of the values stands."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file()
        for value in values
        if value.encode() in path.read_bytes() or value in path.name
    }


@pytest.fixture
def police(world, cli) -> Path:
    """Own rows of two cases: taken, refused row by row, and refused as a whole file."""
    folder = world.directory(SENDER)
    world.without_state(SENDER)
    drop(world, "only.csv", export(row(OURS)))
    drop(
        world,
        "mixed.csv",
        export(
            row(OURS, PERCEIVED_BY="V", REFERRAL_NO="R-12"),
            row(OTHER, OTHER_NAME, ""),
            row(OURS, RISK="not a code", REFERRAL_NO="R-13"),
            row(OTHER, OTHER_NAME, "", RISK="not a code", REFERRAL_NO="R-22"),
        ),
    )
    take(world)
    sent(world)
    assert {"processed/only.csv", "processed/mixed.csv"} <= holding(folder, NAME)
    return folder


def test_nothing_of_the_case_stays_in_any_file(police: Path, world, cli) -> None:
    before = holding(police, OTHER_NAME)
    done = erase(cli, world)
    assert done.code == 0, done.err
    assert done.json["values"] == 2
    assert done.json["left"] == []
    assert holding(police, NAME, PHONE) == set()
    assert holding(police, OTHER_NAME) == before, "other cases are as they were"
    steps = {Path(one["path"]).name: one["done"] for one in done.json["files"]}
    assert steps["only.csv"] == "removed"
    assert steps["mixed.csv"] == "cut"
    assert steps["mixed.csv.rejected.csv"] == "cut"
    assert not (police / "processed" / "only.csv").exists()
    again = erase(cli, world)
    assert (again.code, again.json["files"]) == (1, [])


def test_the_rest_of_a_cut_file_is_byte_for_byte_what_it_was(police: Path, world, cli) -> None:
    before = (police / "processed" / "mixed.csv").read_bytes()
    erase(cli, world)
    after = (police / "processed" / "mixed.csv").read_bytes()
    assert OTHER.encode() in after
    kept = [line for line in before.split(b"\n") if line in after.split(b"\n")]
    assert after == b"\n".join(kept)


def test_the_erasure_is_in_the_log_and_holds_nothing_of_it(police: Path, world, cli) -> None:
    erase(cli, world, SENDER, "--operator", "dpo", "--reason", "request 12")
    shown = cli("log", "show", "--agency", police, "--case", OURS, "--kind", "erasure", "--json")
    (entry,) = shown.json["entries"]
    assert (entry["code"], entry["acting_for"]) == ("erasure_confirmed", "dpo")
    assert entry["reason_text"] == "request 12"
    assert entry["count"] >= 4
    text = cli("log", "show", "--agency", police, "--case", OURS)
    assert "erasure_confirmed" in text.text
    assert NAME not in text.text


def test_reasons_of_earlier_entries_are_removed_and_the_log_stays_whole(
    police: Path, world, cli
) -> None:
    cli("log", "show", "--agency", police, "--case", OURS, "--reason", f"call of {NAME}")
    done = erase(cli, world)
    assert done.json["reasons"] == 1
    verified = cli("log", "verify", "--agency", police, "--json")
    assert (verified.code, verified.json["verified"]) == (0, True)
    shown = cli("log", "show", "--agency", police, "--case", OURS, "--json").json["entries"]
    assert any(one["reason_removed"] for one in shown)


def test_a_file_not_taken_yet_is_left_and_named(police: Path, world, cli) -> None:
    drop(world, "later.csv", export(row(OURS)))
    done = erase(cli, world)
    assert done.code == 4
    assert [(one["what"], one["why"]) for one in done.json["left"]] == [
        ("import/later.csv", "not_taken")
    ]
    assert holding(police, NAME) == {"import/later.csv"}


def test_a_refused_file_of_several_cases_is_cut(police: Path, world, cli) -> None:
    drop(world, "column.csv", export(row(OURS), row(OTHER, OTHER_NAME), more=("NEW",)))
    take(world)
    assert "quarantine/column.csv" in holding(police, NAME)
    done = erase(cli, world)
    left = {one["what"]: one["why"] for one in done.json["left"]}
    assert (done.code, left) == (4, {"quarantine/column.csv": "file_shared"})
    assert "--whole-files" in cli("log", "erase", "--agency", police, "--case", OURS).text
    assert erase(cli, world, SENDER, "--whole-files").code == 0
    assert holding(police, NAME, PHONE) == set()
    assert not (police / "quarantine" / "column.csv.reason.json").exists()


def test_a_file_in_another_encoding_is_found(police: Path, world, cli) -> None:
    wide = export(row(OURS)).decode().encode("utf-16")
    (police / "quarantine" / "wide.csv").write_bytes(wide)
    done = erase(cli, world)
    assert "quarantine/wide.csv" not in {one["what"] for one in done.json["left"]} or (
        done.code == 4
    )
    named = {Path(one["path"]).name for one in done.json["files"]}
    named |= {Path(one["what"]).name for one in done.json["left"]}
    assert "wide.csv" in named


def test_a_leftover_of_a_crash_is_removed(police: Path, world, cli) -> None:
    (police / "quarantine" / ".mixed.csv.rejected.csv.tmp").write_bytes(export(row(OURS)))
    assert erase(cli, world).code == 0
    assert holding(police, NAME) == set()


def test_an_unwritable_folder_is_named(police: Path, world, cli, monkeypatch) -> None:
    def refuse(*_arguments: object, **_more: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "unlink", refuse)
    done = erase(cli, world)
    assert done.code == 4
    assert {one["why"] for one in done.json["left"]} == {"file_unwritable"}


# --- at a recipient ------------------------------------------------------------------------------


@pytest.fixture
def support(world, cli) -> Path:
    """Received: one event of the case delivered, one of it held, one of another case delivered."""
    folder = world.directory(READER)
    world.without_state(READER)
    events = [
        world.event(cli, SENDER, "referral.made", case_id=case, referral_id=referral,
                    victim__name=name, victim__phone="+442079460999")
        for case, referral, name in (
            ("11112222-3333-4444-8555-666677778888", "21112222-3333-4444-8555-666677778881", NAME),
            ("11112222-3333-4444-8555-666677778888", "21112222-3333-4444-8555-666677778882", NAME),
            ("91112222-3333-4444-8555-666677778888", "21112222-3333-4444-8555-666677778883",
             OTHER_NAME),
        )
    ]  # fmt: skip
    world.receive(READER, *world.live(SENDER, *events))
    participant = world.participant(READER)
    store = world.store(READER)
    with store.transaction() as tx:
        first = tx.inbox.undelivered(9)[0]
        tx.inbox.hold(first.seq, "unknown_value", None, "No form.", now_ms(), holds_case=False)
    adapter = adapter_named("support")
    sink = FolderSink(participant.path("inbox"))
    system = AgencySystem(adapter, READER, participant.config.partners)
    InboxDelivery(system, store, sink, now_ms).round()
    store.close()
    assert len(list((folder / "inbox").iterdir())) == 2
    return folder


CASE = "11112222-3333-4444-8555-666677778888"


def test_delivered_and_held_events_are_gone_from_files_and_database(
    support: Path, world, cli
) -> None:
    before = holding(support, OTHER_NAME)
    assert before
    assert any(name.startswith("state/") for name in holding(support, NAME)), "the held one"
    done = erase(cli, world, READER, case=CASE)
    assert (done.code, done.json["left"]) == (0, [])
    assert done.json["payloads"] == 1
    assert holding(support, NAME, "+442079460999") <= holding(support, OTHER_NAME)
    assert holding(support, NAME) == set()
    assert holding(support, OTHER_NAME) == before
    assert cli("status", "--agency", support, "--json").json["inbox"]["undelivered"] == 0


def test_an_event_that_is_not_delivered_yet_is_named(support: Path, world, cli) -> None:
    event = world.event(
        cli, SENDER, "referral.made", case_id=CASE,
        referral_id="21112222-3333-4444-8555-666677778884", victim__name=NAME,
    )  # fmt: skip
    world.receive(READER, *world.live(SENDER, event))
    done = erase(cli, world, READER, case=CASE)
    assert done.code == 4
    assert ("inbox", "not_delivered") in {(o["what"], o["why"]) for o in done.json["left"]}


def test_a_file_of_a_person_in_the_inbox_is_left_and_named(support: Path, world, cli) -> None:
    (support / "inbox" / "notes.txt").write_text(f"case {CASE}")
    done = erase(cli, world, READER, case=CASE)
    assert [(o["what"], o["why"]) for o in done.json["left"]] == [
        ("inbox/notes.txt", "file_foreign")
    ]


def test_the_database_of_a_subscription_is_erased_as_well(support: Path, world, cli) -> None:
    main = support / "state" / "concordant.db"
    copy = support / "state" / "subscriber-dashboard.db"
    store = open_store(main)
    store.fold()
    store.close()
    copy.write_bytes(main.read_bytes())
    copy.chmod(0o600)
    assert erase(cli, world, READER, case=CASE).json["payloads"] == 2
    assert holding(support, NAME) == set()


def test_the_rest_of_a_broken_record_is_not_left(police: Path, world, cli) -> None:
    torn = export(row(OURS, MO_TEXT=f"One line\nand {NAME} on the next")).replace(b"V,", b'"V,')
    assert torn.count(b'"V,')
    drop(world, "torn.csv", torn)
    take(world)
    done = erase(cli, world)
    left = {one["what"]: one["why"] for one in done.json["left"]}
    assert (done.code, left) == (4, {"quarantine/torn.csv.rejected.csv": "file_shared"})
    assert erase(cli, world, SENDER, "--whole-files").code == 0
    assert holding(police, NAME, PHONE) == set()


@pytest.mark.parametrize(
    "spelt", ["ek/2025/0042", "EK/2025/\u200b0042", "'EK/2025/0042", "\ufeffEK/2025/0042"]
)
def test_a_refused_record_is_found_however_its_reference_is_spelt(
    police: Path, world, cli, spelt: str
) -> None:
    drop(world, "spelt.csv", export(row(spelt, REFERRAL_NO="R-77")))
    take(world)
    assert "quarantine/spelt.csv.rejected.csv" in holding(police, NAME)
    assert erase(cli, world).code == 0
    assert holding(police, NAME, PHONE) == set()


def test_a_case_of_which_every_record_was_refused_can_be_erased(world, cli) -> None:
    police = world.directory(SENDER)
    world.without_state(SENDER)
    drop(
        world,
        "refused.csv",
        export(row(OURS, RISK="no"), row(OTHER, OTHER_NAME, "", RISK="no", REFERRAL_NO="R-1")),
    )
    take(world)
    done = erase(cli, world)
    assert (done.code, len(done.json["files"])) == (0, 2)
    assert holding(police, NAME, PHONE) == set()
    assert "quarantine/refused.csv.rejected.csv" in holding(police, OTHER_NAME)
    again = erase(cli, world)
    assert (again.code, again.json["files"]) == (1, [])
    shown = cli("log", "show", "--agency", police, "--case", OURS, "--json")
    assert shown.code == 0, shown.err
    codes = [one["code"] for one in shown.json["entries"] if one["kind"] == "erasure"]
    assert codes == ["erasure_confirmed"]


def test_a_short_reference_does_not_remove_refused_records_of_others(world, cli) -> None:
    police = world.directory(SENDER)
    world.without_state(SENDER)
    drop(
        world, "short.csv", export(row("1"), row(OTHER, OTHER_NAME, "", RISK="no", PREV_COUNT="1"))
    )
    take(world)
    sent(world)
    assert erase(cli, world, case="1").code == 0
    assert "quarantine/short.csv.rejected.csv" in holding(police, OTHER_NAME)
    assert holding(police, NAME) == set()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32"])
def test_a_refused_file_in_wide_characters_is_named(
    police: Path, world, cli, encoding: str
) -> None:
    wide = export(row(OURS)).decode().encode(encoding)
    (police / "quarantine" / "wide.csv").write_bytes(wide)
    left = {one["what"] for one in erase(cli, world).json["left"]}
    assert left == {"quarantine/wide.csv"}


def test_an_event_of_another_case_in_the_inbox_that_names_this_one_stays(
    support: Path, world, cli
) -> None:
    store = world.store(READER)
    with store.transaction() as tx:
        tx.links.add("case", "7", CASE)
    store.close()
    others = {path for path in (support / "inbox").iterdir() if OTHER_NAME in path.read_text()}
    assert others
    for path in others:
        path.write_text(path.read_text().replace(OTHER_NAME, f"{OTHER_NAME} 7"))
    assert erase(cli, world, READER, case="7").code == 0
    assert all(path.exists() for path in others)
    assert holding(support, NAME) == set()


def test_lines_that_may_be_of_a_case_with_a_plain_number_are_left_and_named(world, cli) -> None:
    police = world.directory(SENDER)
    world.without_state(SENDER)
    broken = export(row("1"), row(OTHER, OTHER_NAME, "")).splitlines(keepends=True)
    other = [b"".join(broken[:-1]), broken[-1].replace(OTHER_NAME.encode(), b'1,Dafydd" Notreal')]
    drop(world, "short.csv", b"".join(other))
    take(world)
    sent(world)
    done = erase(cli, world, case="1")
    left = {one["what"]: one["why"] for one in done.json["left"]}
    assert (done.code, left["quarantine/short.csv.rejected.csv"]) == (4, "file_shared")
    assert holding(police / "quarantine", 'Dafydd" Notreal')


def test_a_reference_that_nothing_knows_and_that_stands_in_files_by_chance_is_unknown(
    police: Path, world, cli
) -> None:
    before = {path: path.read_bytes() for path in police.glob("[pq]*/*")}
    for case in ("1", "0", "24", "the", "", " ", "11111"):
        assert erase(cli, world, case=case).code == 2, case
    assert {path: path.read_bytes() for path in police.glob("[pq]*/*")} == before


def test_a_name_that_is_not_utf_8_is_shown(police: Path, world, cli) -> None:
    (police / "processed" / "b\udcff.csv").write_bytes(export(row(OURS)))
    (police / "quarantine" / "b\udcff.pdf").write_bytes(OURS.encode())
    done = erase(cli, world)
    assert any(one["path"].endswith("b\\xff.csv") for one in done.json["files"])
    assert [one["what"] for one in done.json["left"]] == ["quarantine/b\\xff.pdf"]
    text = cli("log", "erase", "--agency", police, "--case", OURS)
    assert (text.code, "b\\xff.pdf" in text.text) == (4, True)


def test_a_file_of_broken_lines_alone_costs_little(police: Path, world, cli) -> None:
    content = export() + f'"a,{OURS}\n'.encode() * 200_000
    (police / "quarantine" / "worst.csv").write_bytes(content)
    done = erase(cli, world)
    assert [one["why"] for one in done.json["left"]] == ["file_shared"]


# --- compressed files ----------------------------------------------------------------------------


def zipped(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


SHEET = f"<si><t>{OURS}</t></si>".encode()
FORMATTED = b'<si><r><t xml:space="preserve">EK/20</t></r><r><rPr><b/></rPr><t>25/0042</t></r></si>'
WIDE = export(row(OURS)).decode().encode("utf-16")
PACKED = {
    "export.xlsx": zipped("xl/sharedStrings.xml", SHEET),
    "formatted.xlsx": zipped("xl/sharedStrings.xml", FORMATTED),
    "export.zip": zipped("export.csv", WIDE),
    "twice.zip": zipped("export.xlsx", zipped("xl/sharedStrings.xml", SHEET)),
    "export.csv.gz": gzip.compress(export(row(OURS))),
    "named.csv": zipped("export.csv", export(row(OURS))),
    "export.csv.bz2": bz2.compress(export(row(OURS))),
    "name.zip": zipped("case EK/2025/0042.csv", b"no more"),
}


def test_a_case_in_a_compressed_file_is_named_and_removed_if_asked(
    police: Path, world, cli
) -> None:
    drop(world, "other.zip", zipped("a.csv", export(row("EK/2025/9"))))
    for name, content in PACKED.items():
        drop(world, name, content)
    take(world)
    done = erase(cli, world)
    left = {one["what"]: one["why"] for one in done.json["left"]}
    assert (done.code, left) == (4, {f"quarantine/{name}": "file_packed" for name in PACKED})
    done = erase(cli, world, SENDER, "--whole-files")
    assert (done.code, done.json["left"]) == (0, [])
    kept = {path.name for path in (police / "quarantine").iterdir()}
    assert {"other.zip", "other.zip.reason.json"} <= kept
    assert not kept & {f"{name}{end}" for name in PACKED for end in ("", ".reason.json")}


def test_a_compressed_file_in_other_folders_is_named(police: Path, world, cli) -> None:
    (police / "import" / "a.zip").write_bytes(PACKED["export.zip"])
    (police / "inbox").mkdir(exist_ok=True)
    (police / "inbox" / "a.zip").write_bytes(PACKED["export.zip"])
    (police / "processed" / "a.zip").write_bytes(PACKED["export.zip"])
    left = {one["what"]: one["why"] for one in erase(cli, world).json["left"]}
    assert left == {
        "import/a.zip": "not_taken",
        "inbox/a.zip": "file_foreign",
        "processed/a.zip": "file_packed",
    }


def test_files_in_folders_inside_are_named(police: Path, world, cli) -> None:
    for folder in ("import", "processed", "quarantine", "inbox"):
        (police / folder / "old" / "2025").mkdir(parents=True)
        (police / folder / "old" / "2025" / "a.csv").write_bytes(export(row(OURS)))
        (police / folder / "old" / "2025" / "b.csv").write_bytes(export(row("EK/2025/9")))
    left = {one["what"]: one["why"] for one in erase(cli, world).json["left"]}
    assert left == {
        "import/old/2025/a.csv": "not_taken",
        "processed/old/2025/a.csv": "file_foreign",
        "quarantine/old/2025/a.csv": "file_foreign",
        "inbox/old/2025/a.csv": "file_foreign",
    }


def test_folders_that_are_not_searched_are_named(police: Path, world, cli, monkeypatch) -> None:
    deep = police.joinpath("quarantine", *(str(number) for number in range(20)))
    deep.mkdir(parents=True)
    (deep / "a.csv").write_bytes(export(row(OURS)))
    shut = police / "processed" / "shut"
    shut.mkdir()
    look = os.scandir

    def scandir(folder: Path | str):
        if Path(folder) == shut:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        return look(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    done = erase(cli, world)
    left = {one["what"]: one["why"] for one in done.json["left"]}
    at_16 = "/".join(str(number) for number in range(17))
    assert (done.code, left) == (
        4,
        {f"quarantine/{at_16}": "folder_unsearched", "processed/shut": "folder_unsearched"},
    )


def test_text_beside_the_packed_part_of_a_file_is_found(police: Path, world, cli) -> None:
    for name, content in {
        "after.csv.bz2": bz2.compress(b"no more") + export(row(OURS)),
        "before.zip": b"PK\x03\x04 " + export(row(OURS)) + zipped("a.csv", b"no more"),
    }.items():
        (police / "quarantine" / name).write_bytes(content)
    left = {one["what"]: one["why"] for one in erase(cli, world).json["left"]}
    assert left == {
        "quarantine/after.csv.bz2": "file_packed",
        "quarantine/before.zip": "file_packed",
    }


def test_a_name_with_a_line_feed_is_in_one_line(police: Path, world, cli) -> None:
    (police / "inbox").mkdir(exist_ok=True)
    (police / "inbox" / "a\nremoved: b").write_bytes(export(row(OURS)))
    done = cli("log", "erase", "--agency", police, "--case", OURS)
    text = done.out.decode()
    assert "left: inbox/a<U+000A>removed: b: " in text
    assert not any(line.startswith("removed: b") for line in text.splitlines())


def locked() -> bytes:
    """A ZIP file whose entry is marked as encrypted."""
    content = bytearray(zipped("a.csv", export(row(OURS))))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


UNSEARCHABLE = {
    "locked.zip": locked(),
    "seven.7z": b"7z\xbc\xaf\x27\x1c" + bytes(32),
    "cut.zip": zipped("a.csv", bytes(1000))[:-30],
    "cut.gz": gzip.compress(export(row("EK/2025/9")))[:-12],
    "locked.xlsx": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
}


def test_a_file_that_cannot_be_searched_is_named_and_kept(police: Path, world, cli) -> None:
    for name, content in UNSEARCHABLE.items():
        (police / "quarantine" / name).write_bytes(content)
    done = erase(cli, world, SENDER, "--whole-files")
    left = {one["what"]: one["why"] for one in done.json["left"]}
    assert (done.code, left) == (
        4,
        {f"quarantine/{name}": "file_unsearched" for name in UNSEARCHABLE},
    )
    assert all((police / "quarantine" / name).exists() for name in UNSEARCHABLE)
    unknown = erase(cli, world, case="EK/2031/7")
    unknown.require_failure("case_unknown", 2)
    assert "cut.gz" in unknown.err
