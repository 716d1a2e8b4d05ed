"""The settings beside the first: keys that changed, were revoked or forged, parties that left."""

from __future__ import annotations

from dataclasses import dataclass, replace

from broker.keys.delegation import DelegatedStatement
from broker.keys.kid import EXCHANGE, RECEIPT, STREAM
from broker.keys.manifest import ManifestKey, StandingEntry, StatedRevocation
from broker.record import Record
from broker.registry.contracts import SignedContract
from broker.statements.receipts import format_receipt
from broker.tlog.checkpoint import parse_origin
from broker.tlog.note import NoteSigner
from tests.vectors.making.agencies import (
    COUNCIL,
    DAY,
    FOUNDED,
    HOUR,
    MINUTE,
    NOW,
    POLICE,
    PROSECUTION,
    SECOND,
    SUPPORT,
    Delegated,
    Key,
    Member,
    instant,
)
from tests.vectors.making.event_drafts import Draft
from tests.vectors.making.ground import Ground
from tests.vectors.making.scene import Scene
from tests.vectors.making.setting import Setting, founded
from tests.vectors.making.streams import Log
from tests.vectors.making.terms import signed, small_agreement

ROTATED = instant(2026, 3, 15)
"""When the second manifests were issued."""
STREAM_CHANGES = instant(2026, 3, 20)
EXCHANGE_CHANGES = FOUNDED + 30 * DAY
PROSECUTION_ENDS = instant(2026, 3, 10)
"""Where its second manifest ends the prosecution's exchange key."""


def _until(key: Key, ends: int) -> ManifestKey:
    return key.listed.model_copy(update={"not_after": ends})


def _revoked(key: Key, since: int, stated: int) -> StatedRevocation:
    return StatedRevocation(
        kid=key.listed.kid, since=since, stated=stated, reason="it may be in other hands"
    )


def rotated(ground: Ground) -> Setting:
    """Successors of a stream key and of exchange keys; one reader no longer has its old one."""
    setting = founded("rotated", ground)
    police, council = setting.members[POLICE], setting.members[COUNCIL]
    support, prosecution = setting.members[SUPPORT], setting.members[PROSECUTION]
    second = police.key(STREAM, "second", begins=STREAM_CHANGES)
    keys = [
        _until(police.key(STREAM), STREAM_CHANGES),
        second,
        police.key(EXCHANGE),
        police.key(RECEIPT),
    ]
    setting.add_manifest(f"{POLICE}.2", police, police.manifest(2, ROTATED, keys))
    for member in (council, support):
        successor = member.key(EXCHANGE, "second", begins=EXCHANGE_CHANGES)
        keys = [member.key(STREAM), member.key(EXCHANGE), successor, member.key(RECEIPT)]
        setting.add_manifest(f"{member.id}.2", member, member.manifest(2, ROTATED, keys))
        setting.held[member.id].append(successor.seed)
    del setting.held[SUPPORT][0]
    own = prosecution.key(EXCHANGE)
    manifest = prosecution.manifest(
        2,
        instant(2026, 3, 9),
        [prosecution.key(STREAM), _until(own, PROSECUTION_ENDS)],
        revocations=(_revoked(own, instant(2026, 3, 9), instant(2026, 3, 9)),),
    )
    setting.add_manifest(f"{PROSECUTION}.2", prosecution, manifest)
    return setting


def shared_key(ground: Ground) -> Setting:
    """The support service's manifest lists the council's public exchange key as its own."""
    setting = founded("shared-key", ground)
    support = setting.members[SUPPORT]
    theirs = setting.members[COUNCIL].key(EXCHANGE)
    keys = [support.key(STREAM), theirs, support.key(RECEIPT)]
    setting.add_manifest(f"{SUPPORT}.2", support, support.manifest(2, FOUNDED + HOUR, keys))
    setting.exchange[SUPPORT] = theirs
    return setting


LIFTED = NOW + HOUR
"""When the prosecution resumed."""
BACK_DATED = NOW + 90 * MINUTE
"""When its second suspension began, by its own words; its manifest is of half an hour later."""
SECOND_STATED = NOW + 2 * HOUR


def standing(ground: Ground) -> Setting:
    """One party suspended its part, one left, one suspended and came back, in two versions."""
    setting = founded("standing", ground)
    first = setting.signed
    everyone = list(setting.members.values())
    tree = small_agreement(everyone)
    tree |= {"version": "1.1.0", "previous": [first.hash.hex()]}
    setting.later = later = signed(tree, everyone)
    setting.add_contract(f"{later.contract.name}-{later.contract.version}", later)

    def entry(
        state: str, since: int, *versions: SignedContract, until: int | None = None
    ) -> StandingEntry:
        return _entry(setting, state, since, *versions, until=until)

    open_, ended = (entry("suspended", NOW, first, later, until=until) for until in (None, LIFTED))
    again = entry("suspended", BACK_DATED, first, later)
    again_ended = entry("suspended", BACK_DATED, first, later, until=NOW + 3 * HOUR)
    left = _statement(setting, "left", NOW)
    resumed = _statement(setting, "resumed", LIFTED)
    once_more = _statement(setting, "resumed", NOW + 3 * HOUR)
    under = {
        POLICE: setting.members[POLICE].delegation(),
        SUPPORT: setting.members[SUPPORT].delegation(issued=NOW, standing=(left,)),
    }
    prosecution = setting.members[PROSECUTION]
    earlier = prosecution.delegation()
    lifted = prosecution.delegation(issued=LIFTED, standing=(resumed,))
    twice = prosecution.delegation(issued=NOW + 3 * HOUR, standing=(resumed, once_more))
    stated: dict[str, dict[int, tuple[int, tuple[StandingEntry, ...], Delegated]]] = {
        # the reader lacks the second version, and the fourth states nothing
        POLICE: {
            3: (NOW + HOUR, (entry("suspended", NOW, first),), under[POLICE]),
            4: (NOW + 2 * HOUR, (), under[POLICE]),
        },
        # the version that it left replaces the first
        SUPPORT: {
            2: (NOW, (entry("left", NOW, later),), under[SUPPORT]),
            3: (NOW + HOUR, (), under[SUPPORT]),
        },
        PROSECUTION: {
            2: (NOW, (open_,), earlier),
            3: (LIFTED, (ended,), lifted),
            4: (SECOND_STATED, (open_, again), lifted),  # as from an older backup
            5: (NOW + 3 * HOUR, (open_, again_ended), twice),
        },
    }
    for agency, versions in stated.items():
        member = setting.members[agency]
        for version, (issued, entries, delegated) in versions.items():
            manifest = member.manifest(version, issued, standing=entries)
            setting.add_manifest(f"{agency}.{version}", member, manifest, delegated)
    _add_end_receipts(setting)
    return setting


def undelegated(ground: Ground) -> Setting:
    """Thieves of manifest keys leave, and end a suspension; no delegation states it."""
    setting = founded("undelegated", ground)
    first = setting.signed
    police, prosecution = setting.members[POLICE], setting.members[PROSECUTION]
    entries = {
        (POLICE, 2): (NOW, _entry(setting, "left", NOW, first)),
        (PROSECUTION, 2): (NOW, _entry(setting, "suspended", NOW, first)),
        (PROSECUTION, 3): (LIFTED, _entry(setting, "suspended", NOW, first, until=LIFTED)),
    }
    # another contract, another time, another state
    odd = (
        _statement(setting, "left", NOW + SECOND),
        _statement(setting, "resumed", NOW),
        _statement(setting, "left", NOW).model_copy(update={"contract": "another"}),
        _statement(setting, "left", LIFTED),
    )
    for (agency, version), (issued, entry) in entries.items():
        member = police if agency == POLICE else prosecution
        delegated = member.delegation(issued=NOW, standing=odd)
        manifest = member.manifest(version, issued, standing=(entry,))
        setting.add_manifest(f"{agency}.{version}", member, manifest, delegated)
    return setting


def _entry(
    setting: Setting, state: str, since: int, *versions: SignedContract, until: int | None = None
) -> StandingEntry:
    return StandingEntry(
        contract=setting.signed.contract.name,
        versions=tuple(sorted(one.hash for one in versions)),
        state=state,  # type: ignore[arg-type]  # one of the two
        since=since,
        until=until,
        until_reason=None if until is None else "resolved",
        reason="legal_review",
    )


def _statement(setting: Setting, state: str, since: int) -> DelegatedStatement:
    return DelegatedStatement(
        contract=setting.signed.contract.name,
        state=state,  # type: ignore[arg-type]  # one of the two
        since=since,
        reason="legal_review",
    )


ENDS: dict[str, tuple[str, int]] = {
    "10-opened-covered_by_receipt": (COUNCIL, NOW - HOUR),
    "10-opened-receipt_minutes_after_end": (COUNCIL, NOW + 5 * MINUTE - SECOND),
    "6-not_heard-receipt_late": (COUNCIL, NOW + 5 * MINUTE),
    "6-not_heard-witness_left": (SUPPORT, NOW - HOUR),
    "6-fold_awaited-below_receipt": (COUNCIL, NOW - HOUR),
    "10-opened-suspension_lifted": (COUNCIL, SECOND_STATED),
    "10-opened-suspension_back_dated": (COUNCIL, SECOND_STATED),
}
"""Case to the cosigner and time of the receipt over its stream."""


def _add_end_receipts(setting: Setting) -> None:
    """Receipts over what a party logged before it suspended its part."""
    for name, (cosigner, at) in ENDS.items():
        log, _ = ended_stream(setting, name)
        stem = name.split("-", 1)[1]
        signer = setting.members[cosigner].key(RECEIPT).cosigner
        setting.receipts[stem] = _receipt(log, signer, at)


def ended_stream(setting: Setting, name: str) -> tuple[Log, list[tuple[Draft, Record]]]:
    """Events that their sender logged before an end: one, or two under two checkpoints."""
    s = Scene(setting, name)
    again = "suspension" in name
    source, partition = (PROSECUTION if again else POLICE), 5 - list(ENDS).index(name) % 6
    at = {"10-opened-suspension_lifted": LIFTED}.get(name, NOW - 2 * HOUR)
    at = BACK_DATED + SECOND if name.endswith("back_dated") else at
    logical = "b" if again else "a"
    log = s.log(source, logical, partition=partition, now=at)
    events = []
    for _ in range(2 if name.startswith("6-fold") else 1):
        if again:
            to = sorted({POLICE, COUNCIL, SUPPORT})
            event = replace(s.event("case.updated", source, to), time=at)
        else:
            event = replace(s.event(), time=at)
        events.append((event, log.one(event.value(), at=at)))
    return log, events


# --- a revoked key and what receipts cover --------------------------------------------------------

REVOKED_SINCE = NOW
"""From when the police's stream key may have been in other hands."""
SIGNED = NOW - HOUR
COVERED = NOW - HOUR // 2
COUNCILS_SINCE = NOW - 10 * MINUTE
"""From when the council's first receipt key may have been."""


def revoked(ground: Ground) -> Setting:
    """The police's stream key is revoked; receipts cover some of what it signed."""
    setting = founded("revoked", ground)
    police, council = setting.members[POLICE], setting.members[COUNCIL]
    support, prosecution = setting.members[SUPPORT], setting.members[PROSECUTION]
    issued = NOW + 2 * DAY
    old = police.key(STREAM)
    successor = police.key(STREAM, "second", begins=issued)
    setting.add_manifest(
        f"{POLICE}.2",
        police,
        police.manifest(
            2,
            issued,
            [_until(old, issued), successor, police.key(EXCHANGE), police.key(RECEIPT)],
            revocations=(
                _revoked(old, REVOKED_SINCE + DAY, issued),
                _revoked(old, REVOKED_SINCE, issued),
            ),
        ),
    )
    lost = prosecution.key(RECEIPT)
    setting.add_manifest(
        f"{PROSECUTION}.2",
        prosecution,
        prosecution.manifest(2, issued, revocations=(_revoked(lost, NOW + DAY, issued),)),
    )
    first = council.key(RECEIPT)
    keys = [council.key(STREAM), council.key(EXCHANGE), first]
    found = (_revoked(first, COUNCILS_SINCE, issued),)
    setting.add_manifest(
        f"{COUNCIL}.2", council, council.manifest(2, issued, keys, revocations=found)
    )
    keys[2] = council.key(RECEIPT, "second", begins=issued)
    setting.add_manifest(
        f"{COUNCIL}.3", council, council.manifest(3, issued + HOUR, keys, revocations=found)
    )
    _add_receipts(setting, support, prosecution, council, police)
    return setting


def _add_receipts(
    setting: Setting, support: Member, prosecution: Member, council: Member, police: Member
) -> None:
    signers: dict[str, tuple[NoteSigner, int]] = {
        "covered": (support.key(RECEIPT).cosigner, COVERED),
        "at_since": (support.key(RECEIPT).cosigner, REVOKED_SINCE),
        "last_second": (support.key(RECEIPT).cosigner, REVOKED_SINCE - SECOND),
        "own_receipt": (police.key(RECEIPT).cosigner, COVERED),
        "revoked_signer": (prosecution.key(RECEIPT).cosigner, COVERED),
        "readers_own": (council.key(RECEIPT).cosigner, COVERED),
        "signer_since": (council.key(RECEIPT).cosigner, COUNCILS_SINCE),
        "stream_key": (support.key(STREAM).cosigner, COVERED),
        "unlisted_key": (support.key(RECEIPT, "unlisted").cosigner, COVERED),
        "before_key": (support.key(RECEIPT).cosigner, FOUNDED - SECOND),
    }
    for what, (signer, at) in signers.items():
        log, _, _ = revoked_stream(setting, what)
        setting.receipts[what] = _receipt(log, signer, at)
    good = support.key(RECEIPT).cosigner
    log, _, _ = revoked_stream(setting, "other_root")
    assert log.newest is not None
    log.newest = replace(log.newest, root=bytes(32))
    setting.receipts["other_root"] = _receipt(log, good, COVERED)
    log, _, _ = revoked_stream(setting, "altered")
    broken = bytearray(_receipt(log, good, COVERED))
    broken[-20] ^= 1
    setting.receipts["altered"] = bytes(broken)
    log, _, _ = revoked_stream(setting, "later_size")
    log.one(b"a second record", at=SIGNED)
    setting.receipts["later_size"] = _receipt(log, good, COVERED)
    run = revoked_run(setting)
    setting.receipts["run_first"] = _receipt(run.logs[0], good, COVERED)
    setting.receipts["run_last"] = _receipt(run.logs[2], good, COVERED)


def _receipt(log: Log, signer: NoteSigner, at: int) -> bytes:
    assert log.newest is not None
    return format_receipt(
        parse_origin(log.origin), log.newest.size, log.newest.root, signer, at // SECOND
    )


PARTITIONS = (
    "covered",
    "none",
    "at_since",
    "last_second",
    "own_receipt",
    "revoked_signer",
    "readers_own",
    "signer_since",
    "stream_key",
    "unlisted_key",
    "before_key",
    "other_root",
    "altered",
    "later_size",
    "after_since",
    "run",
)


@dataclass(frozen=True)
class RevokedRun:
    """Three events under checkpoints of their own, and another in the place of the second."""

    logs: tuple[Log, ...]
    events: tuple[Draft, ...]
    records: tuple[Record, ...]
    fork: Record


def revoked_run(setting: Setting) -> RevokedRun:
    """The stream of which receipts are over the first and the last of three checkpoints."""
    s = Scene(setting, "10-opened-receipt_run")
    log = s.log(partition=PARTITIONS.index("run"), now=SIGNED)
    logs, events, records = [], [], []
    for number in range(4):
        event = s.event()
        event.time = SIGNED
        if number == 3:
            fork = logs[0].copy().one(event.value(), at=SIGNED)
            break
        records.append(log.one(event.value()))
        events.append(event)
        logs.append(log.copy())
    return RevokedRun(tuple(logs), tuple(events), tuple(records), fork)


def revoked_stream(setting: Setting, what: str) -> tuple[Log, Draft, Record]:
    """The stream that a receipt is about: one event, signed with the key that was revoked."""
    s = Scene(setting, f"2-key_revoked-{what}")
    event = s.event()
    at = REVOKED_SINCE if what == "after_since" else SIGNED
    event.time = at
    log = s.log(partition=PARTITIONS.index(what), now=at)
    return log, event, log.one(event.value())
