"""Every kind of key is replaced while events flow, on whatever transport a test brings.

The partnership was made thirty days ago and renewed yesterday, as the guide has it, so that the
exchange keys change over while the story runs; nobody moves a clock.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from broker.agency.own_manifest import renew_keys
from broker.agency.participant import load_participant
from broker.envelope.primitives import sha256
from broker.keys.kid import ML_DSA_44
from broker.registry.manifests import ManifestBook
from contracts.durations import DAY_MS
from tests.integration.commands import concordant
from tests.integration.key_story import CAST, COUNCIL, POLICE, SUPPORT, Adapter, clock, partnership
from tests.support.manifest_files import pass_on_manifest

TO = (COUNCIL, SUPPORT)
WHO = "Ada Okafor, Chief Superintendent"
EVENTS_OF_A_STEP = 12
WITHIN_S = 240
"""End of each wait: it is met only where something is lost, not on a busy machine."""


def renewed_yesterday(root: Path, ends_in_s: int, deployment: str = "pan-london") -> int:
    """The partnership; returns when its first exchange keys end: in so many seconds."""
    now = clock()
    made = now - 30 * DAY_MS + ends_in_s * 1000
    partnership(root, made, deployment=deployment)
    for agency in CAST:
        renew_keys(load_participant(root / agency, now - DAY_MS), now - DAY_MS)
        for other in set(CAST) - {agency}:  # as Kafka brought it to them
            pass_on_manifest(root, agency, other)
    book: ManifestBook = load_participant(root / COUNCIL, now).manifests
    return book.exchange_key(COUNCIL, now).not_after


@dataclass
class Flow:
    """Events of the police that never stop until they are asked to."""

    sender: Adapter
    published: list[str] = field(default_factory=list)

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            if self.sender.service is not None and self.sender.store is not None:
                self.published += await asyncio.to_thread(self.sender.publish, TO, 1)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.1)


def signing(one: Adapter) -> set[bytes]:
    """Ids of the keys with which an agency signs now."""
    mine, now = one.loaded(), clock()
    signers = mine.stream_signer(now), mine.stream_signer(now, ML_DSA_44), mine.receipt_signer(now)
    return {signer.kid for signer in signers}


def exchange_key(one: Adapter) -> bytes:
    """Id of the key for which others seal for an agency now."""
    return one.loaded().manifests.exchange_key(one.agency, clock()).kid


def signed_by_all(one: Adapter, contract_hash: bytes) -> bool:
    """Return True if an agency has a contract with every party's signature."""
    assert one.service is not None
    known = one.service.parts.control.contracts.by_hash(contract_hash)
    return known is not None and not known.missing


class Rotation:
    """The police and two that read them."""

    def __init__(self, police: Adapter, *readers: Adapter) -> None:
        self.police = police
        self.readers = readers
        self.everyone = (police, *readers)
        self.flow = Flow(police)
        self._stop = asyncio.Event()

    async def begin(self) -> None:
        for one in self.everyone:
            await one.start()
        self._flowing = asyncio.create_task(self.flow.run(self._stop))
        await self.more_arrive()
        self._exchange_key = exchange_key(self.readers[0])

    async def more_arrive(self) -> None:
        """Some events that are accepted from now on are taken by everyone."""
        first = len(self.flow.published)
        await self.until(lambda: len(self.flow.published) >= first + EVENTS_OF_A_STEP)
        expected = set(self.flow.published[first : first + EVENTS_OF_A_STEP])
        await self.until(lambda: all(expected <= set(one.inbox()) for one in self.readers))

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not condition():
                assert all(one.alive for one in self.everyone)
                await asyncio.sleep(0.1)

    async def signing_keys(self) -> None:
        """Stream keys, both algorithms, and receipt keys: of everyone, at once."""
        for one in self.everyone:
            before = signing(one)
            issued = await asyncio.to_thread(renew_keys, one.loaded(), clock(), at_once=True)
            assert not before & signing(one)
            version = issued.manifest.version
            await self.until(
                lambda one=one, version=version: all(  # type: ignore[misc]  # bound now
                    other.manifest_of(one.agency).version >= version for other in self.everyone
                )
            )
        await self.more_arrive()
        await self.until(lambda: self.police.receipts() > 0)  # under the new receipt keys

    async def exchange_keys(self, end: int) -> None:
        """The first ones end by themselves, and their successors are used from then on."""
        mine = self.readers[0].loaded().manifests
        first = mine.exchange_key(self.readers[0].agency, end - 1).kid
        assert self._exchange_key == first, "too slow: let the first ones end later"
        while clock() < end + 500:
            await self.more_arrive()
        assert exchange_key(self.readers[0]) != self._exchange_key
        await self.more_arrive()

    async def governance_keys(self) -> None:
        """New ones of the police, in a version of the contract that all have signed."""
        folder = self.police.directory
        made = json.loads(
            (await concordant("keys", "new-governance", "--agency", folder, "--json")).out
        )
        old = self.police.loaded().contract_in_force(clock())
        text = old.text.raw.decode()
        pinned = old.contract.governance_keys[POLICE]
        fresh = made["governance_keys"][POLICE]
        text = text.replace(pinned.ed25519, fresh["ed25519"])
        text = text.replace(pinned.ml_dsa_65, fresh["ml_dsa_65"])
        text = re.sub(r"^version: .*$", "version: 1.1.0", text, count=1, flags=re.M)
        today = datetime.now(UTC).date().isoformat()
        text = re.sub(r"^starts: .*$", f"starts: {today}", text, count=1, flags=re.M)
        entry = f'  - {{version: 1.1.0, date: {today}, change: "More.", authorised_by: "All"}}\n'
        text = text.replace("version_record:\n", f"version_record:\n{entry}", 1)
        text += f'previous: ["{old.hash.hex()}"]\n'
        self._name_in_config(made["governance"])
        for one in self.everyone:
            proposal = one.directory / "state" / "next.yaml"
            proposal.write_text(text)
            sign = ("contract", "sign", "--agency", one.directory, proposal, "--as", WHO, "--yes")
            done = await concordant(*sign, "--accept", "recipient-not-party")
            assert done.code == 0, done.err
        following = sha256(text.encode())
        await self.until(lambda: all(signed_by_all(one, following) for one in self.everyone))
        made = await concordant("keys", "delegate", "--agency", folder, "--json")
        assert made.code == 0, made.err
        version = json.loads(made.out)["manifest"]["version"]
        await self.until(
            lambda: all(one.manifest_of(POLICE).version == version for one in self.readers)
        )
        await self.more_arrive()
        assert self.police.loaded().contract_in_force(clock()).hash == following

    def _name_in_config(self, governance: dict[str, object]) -> None:
        path = self.police.directory / "agency.toml"
        config = path.read_text()
        pairs = [("[governance]", governance)]
        pairs += [("[[governance.former]]", pair) for pair in governance["former"]]  # type: ignore[attr-defined]  # a list of pairs
        section = "\n".join(
            f'{title}\ned25519 = "{pair["ed25519"]}"\nml_dsa_65 = "{pair["ml_dsa_65"]}"\n'
            for title, pair in pairs
        )
        path.write_text(
            re.sub(r"^\[governance\].*?\n(?=\[)", section + "\n", config, flags=re.M | re.S)
        )

    async def end(self) -> None:
        """Nothing was lost, nothing came twice, nothing was refused."""
        self._stop.set()
        await self._flowing
        published = self.flow.published
        await self.until(lambda: all(len(one.inbox()) >= len(published) for one in self.readers))
        for one in self.readers:
            assert sorted(one.inbox()) == sorted(published)
            assert one.noise() == []
            assert one.quarantined() == one.evidence() == one.open_gaps() == 0
            assert one.disclosures() == len(published)
        for one in self.everyone:
            await one.end()
