"""Registry for any order of arrival and any staleness: never more than the signed agreements.

The messages of one partnership arrive in any order, some twice, some never: texts with one
signature each, manifests that suspend, end a suspension or leave, and a manifest of a thief of
manifest keys. After each arrival the registry is asked who may exchange events with whom. The
oracle counts signatures and stops in plain sets and calls no code of the registry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache

from hypothesis import event, given
from hypothesis import strategies as st

from adapters.trial_agencies import london_agencies
from broker.errors import ManifestError, RegistryError
from broker.keys.delegation import DelegationChanges
from broker.keys.issuing import ManifestChanges, issue_manifest
from broker.keys.manifest import StandingEntry, VerifiedManifest
from broker.registry.contract_book import ContractBook
from broker.registry.contract_in_force import contract_in_force
from broker.registry.contracts import SignedContract
from broker.registry.manifests import ManifestBook
from contracts.durations import DAY_MS
from contracts.loading import ContractText
from contracts.model import Contract
from tests.support.contract_signatures import first_day, signed_by
from tests.support.delegated_keys import delegated_again, delegated_statements
from tests.support.founded_partnership import (
    COUNCIL,
    POLICE,
    SUPPORT,
    TODAY,
    FoundedPartnership,
    found_with,
)
from tests.support.founding import cheap_scrypt
from tests.support.property_runs import runs

CAST = (POLICE, COUNCIL, SUPPORT)
NAME = "london-hate-crime"


@dataclass(frozen=True)
class Note:
    """A text with the signature of one party."""

    version: str
    agency: str
    signed: SignedContract = field(repr=False)
    time: int


@dataclass(frozen=True)
class Listed:
    """A manifest; its stops as the oracle reads them: state, first moment, end."""

    agency: str
    number: int
    manifest: VerifiedManifest = field(repr=False)
    stops: tuple[tuple[int, int | None], ...]


Message = Note | Listed


@dataclass(frozen=True)
class World:
    """Every message of the partnership, and the texts by their versions."""

    messages: tuple[Message, ...]
    texts: dict[str, ContractText]


def text(number: str, *before: ContractText, parties: tuple[str, ...], start: int) -> ContractText:
    """A version that replaces others, without signatures."""
    listed = ", ".join(f'"{one}"' for one in sorted(each.hash.hex() for each in before))
    starts = TODAY + timedelta(days=start)
    return (
        founded()
        .another_contract(
            parties=parties,
            starts=starts,
            ends=starts + timedelta(days=100),
            terms=lambda terms: terms.replace(
                "\nversion: 1.0.0\n", f"\nversion: {number}\nprevious: [{listed}]\n", 1
            ),
        )
        .text
    )


@cache
def founded() -> FoundedPartnership:
    """A partnership of its own, founded quickly."""
    plans = [plan for plan in london_agencies() if plan.id in CAST]
    with cheap_scrypt():
        return found_with(plans)


@cache
def world() -> World:
    """Four versions: the second replaces the first, the third leaves one out, the fourth forks."""
    first = text("1.0.0", parties=CAST, start=0)
    second = text("1.1.0", first, parties=CAST, start=20)
    third = text("1.2.0", first, second, parties=(POLICE, COUNCIL), start=40)
    fork = text("2.0.0", first, parties=CAST, start=30)
    texts = {one.contract.version: one for one in (first, second, third, fork)}
    found: list[Message] = []
    for version, one in texts.items():
        for late, agency in enumerate(party.id for party in one.contract.parties):
            at = first_day(one) + (late - 1) * DAY_MS  # one before, one on, one after the first day
            signed = signed_by(one, [founded().governance[agency]], at)
            found.append(Note(version, agency, signed, at))
    found += manifests(SUPPORT, first)
    found += manifests(POLICE, second)
    return World(tuple(found), texts)


def manifests(agency: str, covered: ContractText) -> list[Listed]:
    """Of one agency: founding, suspended, resumed, left; and a thief's end of the suspension."""
    made = founded()
    at = first_day(covered) + 5 * DAY_MS
    entry = StandingEntry(
        contract=covered.contract.name,
        versions=(covered.hash,),
        state="suspended",
        since=at,
        until=None,
        until_reason=None,
        reason="legal_review",
    )
    ended = entry.model_copy(update={"until": at + 5 * DAY_MS, "until_reason": "resolved"})
    left = entry.model_copy(update={"state": "left", "since": at + 50 * DAY_MS})
    first = made.manifests.history(agency)[-1]
    signer = replace(made.manifest_signers[agency], delegation=first.delegation)
    found = [Listed(agency, 0, first, ())]
    stops: tuple[tuple[int, int | None], ...] = ((at, None),)
    before = suspended = issue_manifest(
        first.manifest, ManifestChanges(standing=(entry,)), signer, at
    )
    found.append(Listed(agency, 1, suspended, stops))
    for number, (one, now) in enumerate(((ended, ended.until), (left, left.since)), 2):
        changes = ManifestChanges(standing=(one,))
        assert now is not None
        signer = delegated_again(
            signer,
            made.governance[agency],
            now,
            DelegationChanges(standing=delegated_statements(changes)),
        )
        before = issue_manifest(before.manifest, changes, signer, now)
        stops = ((at, ended.until), *(((left.since, None),) if one is left else ()))
        found.append(Listed(agency, number, before, stops))
    thief = replace(made.manifest_signers[agency], delegation=first.delegation)
    stolen = issue_manifest(
        suspended.manifest, ManifestChanges(standing=(ended,)), thief, at + 5 * DAY_MS
    )
    found.append(Listed(agency, 9, stolen, ((at, None),)))
    return found


# --- the registry ---------------------------------------------------------------------------------


class Registry:
    """Books of one agency; a message that cannot be taken yet is tried again."""

    def __init__(self, agency: str) -> None:
        made = founded()
        self.agency = agency
        self.contracts = ContractBook(
            deployment=made.deployment,
            agency=agency,
            fingerprints=made.governance[agency].public.fingerprints,
        )
        self.manifests = ManifestBook(made.deployment)
        self.waiting: list[Message] = []
        self.taken: list[Message] = []

    def arrive(self, message: Message) -> None:
        self.waiting.append(message)
        for one in list(self.waiting):
            try:
                self.take(one)
            except (RegistryError, ManifestError):
                continue
            self.waiting.remove(one)
            self.taken.append(one)

    def take(self, message: Message) -> None:
        if isinstance(message, Listed):
            self.manifests = self.manifests.adding(message.manifest)
            return
        if message.signed.contract.party(self.agency) is None:
            self.contracts = self.contracts.adding_other(message.signed)
            return
        held = self.contracts.held(message.signed.hash)
        merged = message.signed if held is None else held.with_notes(message.signed.notes)
        self.contracts = self.contracts.adding(merged)

    def sends(self, reader: str, now: int) -> str | None:
        """The version under which this agency seals to another, or None."""
        try:
            known = contract_in_force(self.contracts, self.manifests, now, name=NAME)
        except RegistryError:
            return None
        status = known.status(now)
        parties = known.contract.by_id.keys()
        if not status.in_force or not {self.agency, reader} <= parties:
            return None
        if status.departed.keys() & {self.agency, reader}:
            return None
        return known.contract.version

    def reads(self, of: ContractText, sender: str, log_time: int) -> bool:
        """Return whether a record of another under a version is opened here."""
        try:
            known = contract_in_force(self.contracts, self.manifests, contract_hash=of.hash)
        except RegistryError:
            return False
        contract = known.contract
        if not {self.agency, sender} <= contract.by_id.keys():
            return False
        if not known.effect <= log_time < contract.ends_ms:
            return False
        if any(known.stop_at(one, log_time) for one in (self.agency, sender)):
            return False
        return known.replaced_by(sender, self.agency, log_time) is not None


# --- the oracle -----------------------------------------------------------------------------------


def signers(taken: Sequence[Message], version: str) -> dict[str, int]:
    return {
        one.agency: one.time for one in taken if isinstance(one, Note) and one.version == version
    }


def effect(taken: Sequence[Message], contract: Contract) -> int | None:
    """Return from when a version that all parties signed has effect; None if one has not."""
    found = signers(taken, contract.version)
    if {party.id for party in contract.parties} != found.keys():
        return None
    return max(contract.starts_ms, *found.values())


def stopped(taken: Sequence[Message], agency: str, moment: int) -> bool:
    """Return whether the newest manifest of an agency that arrived stops it then."""
    mine = [one for one in taken if isinstance(one, Listed) and one.agency == agency]
    true = [one for one in mine if one.number < 9]
    newest = max(true, key=lambda one: one.number, default=None)
    stops = newest.stops if newest is not None else ()
    if any(one.number == 9 for one in mine) and not any(one.number > 1 for one in true):
        (thief,) = {one.stops for one in mine if one.number == 9}
        stops = thief  # a thief's end of the suspension does not count
    return any(since <= moment and (until is None or moment < until) for since, until in stops)


def parted(taken: Sequence[Message], us: str, other: str, under: str, moment: int) -> bool:
    """Return whether we have signed a version that replaces this one and leaves the other out."""
    texts = world().texts
    for version, one in texts.items():
        if texts[under].hash not in one.contract.previous_hashes:
            continue
        for leaver, stayer in ((other, us), (us, other)):
            at = signers(taken, version).get(stayer)
            out = one.contract.party(leaver) is None and one.contract.party(stayer) is not None
            if out and at is not None and moment >= max(one.contract.starts_ms, at):
                return True
    return False


def allowed(
    taken: Sequence[Message], us: str, other: str, version: str, moment: int, *, sealing: bool
) -> bool:
    """Return whether the signed agreements that arrived allow it between two agencies."""
    texts = world().texts
    contract = texts[version].contract
    begins = effect(taken, contract)
    if begins is None or not begins <= moment < contract.ends_ms:
        return False
    if not {us, other} <= contract.by_id.keys():
        return False
    if any(stopped(taken, one, moment) and covered(taken, one, version) for one in (us, other)):
        return False
    if parted(taken, us, other, version, moment):
        return False
    for one in texts.values():
        next_begins = effect(taken, one.contract)
        if texts[version].hash not in one.contract.previous_hashes or next_begins is None:
            continue
        if us not in one.contract.by_id:
            continue  # this agency cannot hold such a version as its own
        over = next_begins if sealing else next_begins + one.contract.changeover_ms
        if other not in one.contract.by_id:
            over = next_begins
        if moment >= over:
            return False
    return True


def covered(taken: Sequence[Message], agency: str, version: str) -> bool:
    """Return whether a stop of the fixtures covers a version: one names 1.0.0, one 1.1.0.

    It covers what 1.1.0 replaces too, if that text has arrived, signed or not.
    """
    if agency == SUPPORT:
        return version == "1.0.0"
    return version == "1.1.0" or (version == "1.0.0" and bool(signers(taken, "1.1.0")))


# --- the property ---------------------------------------------------------------------------------

MOMENTS = [first_day_ * DAY_MS for first_day_ in range(-2, 150)]


@runs(20)
@given(st.data(), st.sampled_from(CAST))
def test_the_registry_allows_no_more_than_what_was_signed_in_any_order(
    data: st.DataObject, us: str
) -> None:
    found = world()
    numbers = range(len(found.messages))
    order = data.draw(st.permutations(numbers))  # numbers, because a message has a long text
    count = data.draw(st.integers(1, len(order)))
    again = data.draw(st.lists(st.sampled_from(numbers), max_size=4))
    registry = Registry(us)
    start = found.texts["1.0.0"].contract.starts_ms
    moments = [start + at for at in data.draw(st.lists(st.sampled_from(MOMENTS), min_size=3,
                                                       max_size=3))]  # fmt: skip
    for number in (*order[:count], *again):
        registry.arrive(found.messages[number])
        taken = registry.taken
        for other in CAST:
            for now in moments if other != us else ():
                version = registry.sends(other, now)
                if version is not None:
                    event("sealed")
                    assert allowed(taken, us, other, version, now, sealing=True), version
                for of in found.texts.values():
                    if registry.reads(of, other, now):
                        event("read")
                        version = of.contract.version
                        assert allowed(taken, us, other, version, now, sealing=False), version


@runs(4)
@given(st.permutations(range(18)), st.permutations(range(18)))
def test_the_order_of_signatures_does_not_count(first: list[int], second: list[int]) -> None:
    found = world()
    one, other = Registry(COUNCIL), Registry(COUNCIL)
    notes = [message for message in found.messages if isinstance(message, Note)]
    for registry, order in ((one, first), (other, second)):
        for index in order:
            if index < len(notes):
                registry.arrive(notes[index])
    start = found.texts["1.0.0"].contract.starts_ms
    for day in range(0, 150, 7):
        now = start + day * DAY_MS
        assert one.sends(POLICE, now) == other.sends(POLICE, now)
        assert one.sends(SUPPORT, now) == other.sends(SUPPORT, now)
        for of in found.texts.values():
            assert one.reads(of, SUPPORT, now) == other.reads(of, SUPPORT, now)
