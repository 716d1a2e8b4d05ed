"""One case being made: events, streams and the expected answer, with randomness of its own.

A case's name says the step and the code or outcome, so what is expected cannot differ from it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from broker.event import JSON
from broker.record import Record, format_record
from broker.registry.contracts import SignedContract
from broker.sending.streams import Stream
from tests.vectors.making.agencies import COUNCIL, NOW, POLICE, SUPPORT, Key
from tests.vectors.making.event_drafts import MADE, PLAIN, Draft, draft_event
from tests.vectors.making.setting import Setting
from tests.vectors.making.streams import Log, signed_record

NOT_ADDRESSED: dict[str, object] = {"not_addressed": True}
REPEAT: dict[str, object] = {"repeat": True}

SPEC = {
    0: "opening.md, step 0",
    1: "opening.md, step 1; proof.md",
    2: "opening.md, step 2",
    3: "opening.md, step 3",
    4: "streams.md, Order",
    5: "opening.md, step 5",
    6: "contracts.md, Step 6",
    7: "opening.md, step 7",
    8: "opening.md, step 8",
    9: "contracts.md, Step 9",
    10: "contracts.md, Step 10",
}


@dataclass(frozen=True)
class Case:
    """One case, as its file has it."""

    name: str
    about: str
    spec: str
    setting: str
    agency: str
    now: int
    records: tuple[str, ...]
    expect: tuple[Mapping[str, object], ...]

    def write(self, folder: Path) -> None:
        """Write the file."""
        at = datetime.fromtimestamp(self.now // 1000, UTC)
        content = {
            "about": self.about,
            "spec": self.spec,
            "setting": self.setting,
            "agency": self.agency,
            "now": f"{at:%Y-%m-%dT%H:%M:%S}.{self.now % 1000:03d}Z",
            "records": list(self.records),
            "expect": list(self.expect),
        }
        text = json.dumps(content, indent=1)
        (folder / f"{self.name}.json").write_text(text + "\n", "utf-8")


@dataclass
class Scene:
    """Tools to make a case."""

    setting: Setting
    name: str
    _events: int = 0
    _logs: int = 0
    _pairs: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)

    # --- what is sent ----------------------------------------------------------------------------

    def event(
        self,
        event_type: str = MADE,
        source: str = POLICE,
        to: Sequence[str] = (COUNCIL, SUPPORT),
        *,
        signed: SignedContract | None = None,
        exchange: Mapping[str, Key] | None = None,
        without: Sequence[str] = (),
        publisher: str | None = None,
        flat: Mapping[str, JSON] | None = None,
        **changes: JSON,
    ) -> Draft:
        """An honest event; ``changes`` are leaves (dots as ``__``)."""
        self._events += 1
        under = signed or self.setting.signed
        return draft_event(
            self.setting.ground,
            f"{self.name}/{self._events}",
            under.contract,
            under.hash,
            {**self.setting.exchange, **(exchange or {})},
            event_type,
            source,
            to,
            without=without,
            publisher=publisher,
            flat=flat,
            changes={path.replace("__", "."): value for path, value in changes.items()},
        )

    def small(
        self,
        source: str = POLICE,
        to: Sequence[str] = (COUNCIL,),
        *,
        signed: SignedContract | None = None,
    ) -> Draft:
        """The shortest referral, to one agency: one group."""
        return self.event(MADE, source, to, signed=signed, flat=PLAIN)

    def log(
        self,
        agency: str = POLICE,
        logical: str = "a",
        partition: int = 0,
        *,
        topic: str | None = None,
        key: Key | None = None,
        now: int = NOW,
    ) -> Log:
        """A sender's partition."""
        self._logs += 1
        stream = Stream(
            self.setting.signed.contract.deployment,
            agency,
            topic or self.setting.topic(logical),
            partition,
        )
        signer = (key or self.setting.stream[agency]).cosigner
        return Log(self.setting.ground, f"{self.name}/{self._logs}", signer, stream, now)

    def sign(self, value: bytes, agency: str = POLICE, **how: Any) -> Record:
        """A record in a log of its own, signed whatever it says."""
        signer = how.pop("signer", None) or self.setting.stream[agency].cosigner
        topic = how.pop("topic", None) or self.setting.topic()
        return signed_record(value, signer, topic, agency=agency, **how)

    # --- what is expected ------------------------------------------------------------------------

    @property
    def step(self) -> int:
        """The step of the name."""
        return int(self.name.split("-")[0])

    @property
    def refusal(self) -> dict[str, object]:
        """The answer that the name says."""
        return {"refused": self.name.split("-")[1], "step": self.step}

    def then(
        self,
        record: Record | str,
        answer: Mapping[str, object] | None = None,
        *,
        gap: tuple[int, int] | None = None,
    ) -> None:
        """The next record and its answer; the refusal of the name if there is none."""
        expected = dict(self.refusal if answer is None else answer)
        if gap is not None:
            expected["gap"] = list(gap)
        line = record if isinstance(record, str) else format_record(record).decode("ascii")
        self._pairs.append((line, expected))

    def case(
        self,
        about: str,
        *,
        agency: str = COUNCIL,
        now: int = NOW,
        spec: str | None = None,
    ) -> Case:
        """The case, once all records are there."""
        assert agency in self.setting.held, agency
        assert now >= self.setting.latest, self.name
        assert self._pairs
        lines, answers = zip(*self._pairs, strict=True)
        return Case(
            self.name,
            about,
            spec or SPEC[self.step],
            self.setting.name,
            agency,
            now,
            tuple(lines),
            tuple(answers),
        )

    def refused(self, about: str, record: Record | str, **how: Any) -> Case:
        """A case of one record that is refused as the name says."""
        self.then(record)
        return self.case(about, **how)

    def opened(self, about: str, draft: Draft, record: Record, **how: Any) -> Case:
        """A case of one record that opens."""
        self.then(record, draft.answer(how.get("agency", COUNCIL)))
        return self.case(about, **how)
