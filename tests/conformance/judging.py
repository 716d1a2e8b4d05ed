"""Steps 0 to 10 in order, for the records of one file (docs/spec/opening.md).

`Reading` is one reading of a file: it starts with nothing and keeps streams, wraps and events
between its records. It reads no clock and no file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.conformance import envelope, keys, merkle
from tests.conformance.continuity import Partition, Verdict
from tests.conformance.contracts import Contract, judge_contract
from tests.conformance.conventions import write_time
from tests.conformance.envelope import NO_KEY, Recipient, SealedValue
from tests.conformance.event_checks import TakenEvents, judge_groups, judge_model, narrow
from tests.conformance.generations import Seen
from tests.conformance.manifests import SKEW_MS
from tests.conformance.merkle import Frontier
from tests.conformance.notes import COSIGNATURE, NoteKey
from tests.conformance.proofs import Proof, judge_form
from tests.conformance.records import FramedRecord, judge_frame, parse_line
from tests.conformance.refusals import RefusedError
from tests.conformance.runs import Run, prove, try_leaf
from tests.conformance.view import ReaderContext, Stated

Answer = dict[str, Any]
RECEIPTS_MS = 300000
SUSPENSION_MS = 600000


@dataclass(frozen=True, slots=True)
class Session:
    """The entry that is the reader's own, and the secret in its wrap."""

    recipient: Recipient
    kid: bytes
    secret: bytes


@dataclass(slots=True)
class Reading:
    """One reading of a file of records by one agency, at one time (milliseconds)."""

    view: ReaderContext
    now: int
    _streams: dict[str, Partition] = field(default_factory=dict)
    _runs: dict[str, list[Run]] = field(default_factory=dict)
    _senders: dict[str, list[Partition]] = field(default_factory=dict)
    _taken: TakenEvents = field(default_factory=TakenEvents)
    _wraps: dict[tuple[bytes, str, bytes, bytes], bytes | None] = field(default_factory=dict)

    def answer(self, line: bytes) -> str:
        """The answer to one line, as JSON in one line."""
        answer: Answer = {}
        try:
            self._judge(line, answer)
        except RefusedError as refusal:
            answer |= {"refused": refusal.code, "step": refusal.step}
        return json.dumps(answer, ensure_ascii=False)

    def _judge(self, line: bytes, answer: Answer) -> None:
        """Steps 0 to 10; the gap stays in the answer whatever the later steps say."""
        record = judge_frame(parse_line(line))  # 0
        proof, link = judge_form(  # 1
            record.proof,
            deployment=self.view.deployment,
            topic=record.topic,
            partition=record.partition,
        )
        stated = judge_signature(proof, self.view, self.now)  # 2
        leaf, left = judge_inclusion(proof, record)  # 3
        if stated is not None and not self._covered(proof, leaf, left, stated):
            raise RefusedError(2, "receipt_awaited")
        siblings = self._senders.setdefault(proof.origin.agency, [])
        stream = self._streams.get(proof.origin.stream)
        if stream is None:
            stream = self._streams[proof.origin.stream] = Partition(siblings=siblings)
            siblings.append(stream)
        seen = Seen(proof.index, leaf, left, proof.size, proof.root, proof.time, record.leaf_only)
        placement = stream.place(proof.origin.generation, seen, link)  # 4
        if placement.gap is not None:
            answer["gap"] = list(placement.gap)
        if placement.verdict is Verdict.REPEAT:
            answer["repeat"] = True
            return
        if record.leaf_only:
            raise RefusedError(4, "content_missing")
        answer |= self._open(record, proof)

    def _covered(self, proof: Proof, leaf: bytes, left: Frontier, stated: list[Stated]) -> bool:
        """opening.md, "Receipts that cover"."""
        runs = self._runs.setdefault(proof.origin.stream + proof.origin.generation, [])
        if (proof.size, proof.root) in stated:  # 1
            prove(runs, proof.index, left)
            return True
        stream = self._streams.get(proof.origin.stream, Partition())
        held = stream.generations.get(proof.origin.generation)
        known = held is not None and held.leaves.get(proof.index) == leaf  # 2
        if known and any(held.folds(proof.index, size, root) for size, root in stated):
            return True
        if any(run.proves(proof.index, leaf) for run in runs):  # 3
            return True
        run = try_leaf(runs, proof.index, leaf, left)
        for gap in held.gaps if held is not None else ():
            end = gap.last + 1
            if gap.right is None or end != run.next_index:
                continue
            if any(held.folds(end, size, root) for size, root in stated):
                prove(runs, end, gap.right)
        return False

    def _open(self, record: FramedRecord, proof: Proof) -> Answer:
        """Steps 5 to 10."""
        source, log_time = proof.origin.agency, proof.time * 1000
        if source == self.view.reader:
            return {"not_addressed": True}
        value = envelope.parse_value(record.value)  # 5
        if value.time > log_time + SKEW_MS:
            raise RefusedError(5, "time_ahead")
        session = self._session(value, source, log_time)
        if session is None:
            return {"not_addressed": True}
        contract = judge_contract(  # 6
            self.view.contract(value.contract_hash),
            topic=record.topic,
            source=source,
            reader=self.view.reader,
            log_time=log_time,
            now=self.now,
            takes_no_part=self.view.takes_no_part,
            successors=self.view.successors,
        )
        self._require_heard(proof, contract, log_time)
        plaintexts = self._plaintexts(value, source, session)  # 7, 8
        return self._event(value, source, contract, plaintexts, log_time)

    def _require_heard(self, proof: Proof, contract: Contract, log_time: int) -> None:
        """streams.md, "Ends": a file is read now, so every record came now."""
        source = proof.origin.agency
        held = self._streams[proof.origin.stream].generations[proof.origin.generation]
        name = proof.checkpoint.split("\n", 1)[0]
        ends: list[tuple[int, int, set[str]]] = []
        for state, since in self.view.ends(source, contract, log_time):
            window = SUSPENSION_MS if state == "suspended" else contract.changeover
            among = {
                party
                for party in contract.roles
                if self.view.takes_no_part(party, contract, since) is None
            }
            ends.append((since, window, among))
        for newer in self.view.successors(contract.hash):
            parties = set(newer.contract.roles)
            removed = self.view.reader in parties and source not in parties
            if removed and log_time < newer.effect:
                ends.append((newer.effect, newer.contract.changeover, parties))
        for since, window, among in ends:
            if self.now < since + window:
                continue
            stated = self.view.stated(name, proof.index, source, since + RECEIPTS_MS, among)
            if not stated:
                raise RefusedError(6, "not_heard")
            folded = any(held.folds(proof.index, size, root) for size, root in stated)
            if (proof.size, proof.root) not in stated and not folded:
                raise RefusedError(6, "fold_awaited")

    def _session(self, value: SealedValue, source: str, log_time: int) -> Session | None:
        """Try each wrap with each key; the first that opens is the reader's own."""
        listed = list(self.view.exchange_keys_to_try(log_time))
        for recipient in value.recipients:
            for key in listed:
                held = self.view.exchange_keys.get(key.public)
                if held is None:
                    continue
                remembered = value.contract_hash, source, recipient.wrap, key.kid
                if remembered not in self._wraps:
                    info = envelope.session_info(
                        self.view.deployment, value.contract_hash, source, self.view.reader, key.kid
                    )
                    self._wraps[remembered] = envelope.open_wrap(recipient.wrap, held, info)
                secret = self._wraps[remembered]
                if secret is not None:
                    return Session(recipient, key.kid, secret)
        if any(key.public not in self.view.exchange_keys for key in listed):
            raise RefusedError(5, "key_missing")
        return None

    def _plaintexts(self, value: SealedValue, source: str, session: Session) -> list[bytes | None]:
        ctx = envelope.context(self.view.deployment, value, source)
        group_keys = envelope.open_key_list(
            value, session.recipient, session.secret, ctx, self.view.reader, session.kid
        )
        return [
            None if key == NO_KEY else envelope.open_group(number, group, key, ctx)
            for number, (group, key) in enumerate(zip(value.groups, group_keys, strict=True))
        ]

    def _event(
        self,
        value: SealedValue,
        source: str,
        contract: Contract,
        plaintexts: Sequence[bytes | None],
        log_time: int,
    ) -> Answer:
        event, granted = judge_groups(  # 9
            plaintexts,
            sealed=value.groups,
            contract=contract,
            recipients=len(value.recipients),
            source=source,
            reader=self.view.reader,
            clear_id=value.id,
        )
        judge_model(event, contract, granted)  # 10
        for newer in self.view.successors(contract.hash):
            parties = newer.contract.roles.keys()
            if log_time >= newer.effect and {source, self.view.reader} & parties:
                event = narrow(
                    event,
                    contract.vocabulary.case,
                    contract.grants(source, self.view.reader, event.type),
                    newer.contract.grants(source, self.view.reader, event.type),
                )
        if self._taken.is_repeat(source, event.id, event):
            return {"repeat": True}
        unlisted = {"unlisted": event.unlisted} if event.unlisted else {}
        return {
            "id": event.id,
            "type": event.type,
            "source": source,
            "time": write_time(value.time),
            "data": event.data,
            "withheld": event.withheld,
            **unlisted,
        }


def judge_signature(proof: Proof, view: ReaderContext, now: int) -> list[Stated] | None:
    """Step 2; numbers as in "Order of the checks".

    Returns:
        Of a revoked key what receipts state that may cover the record, else None.
    """
    name, at = proof.origin.signer, proof.time * 1000
    manifests = view.of(proof.origin.agency)
    listings = [
        key
        for key in manifests.listed(keys.STREAM)
        if key.algorithm == keys.ED25519
        and NoteKey(name, COSIGNATURE, key.public).key_id == proof.cosignature.key_id
    ]
    if not listings:  # 1
        raise RefusedError(2, "key_unknown")
    key = listings[0]
    ends = [listing.not_after for listing in listings if listing.kid == key.kid]
    if not key.not_before <= at < max(ends):  # 2
        raise RefusedError(2, "key_not_valid")
    if proof.cosignature.name != name:  # 3
        raise RefusedError(2, "key_unknown")
    note_key = NoteKey(name, COSIGNATURE, key.public)
    if not note_key.verifies(proof.checkpoint, proof.cosignature.signature):
        raise RefusedError(2, "signature_wrong")
    if not manifests.vouched(key.kid, at):  # 4
        raise RefusedError(2, "manifest_expired")
    since = manifests.revoked_since(key.kid)  # 5
    stated = None
    if since is not None:
        name = proof.checkpoint.split("\n", 1)[0]
        stated = view.stated(name, proof.index, proof.origin.agency, since)
        if not stated:
            raise RefusedError(2, "key_revoked")
    if at > now + SKEW_MS:  # 6
        raise RefusedError(2, "early")
    if int(proof.origin.generation[:16], 16) > proof.time * 1000 + SKEW_MS:
        raise RefusedError(2, "generation_ahead")
    return stated


def judge_inclusion(proof: Proof, record: FramedRecord) -> tuple[bytes, Frontier]:
    """Step 3: the leaf, and the frontier before it that the path shows."""
    leaf = record.value if record.leaf_only else merkle.leaf_hash(record.value)
    walked = merkle.follow(leaf, proof.index, proof.size, proof.path)
    if walked is None or walked[0] != proof.root:
        raise RefusedError(3, "not_included")
    return leaf, walked[1]
