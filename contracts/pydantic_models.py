"""Pydantic models of the events of one party: what it may read, and what it may send.

The text is a module that needs only pydantic. A program checks with it what it sends, and reads
what it receives by name: over HTTP, or as CloudEvents on the agency's own bus.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Mapping, Set
from typing import Final

from contracts.consent_needs import consent_bound
from contracts.model import Contract
from contracts.typed_models import Direction, TypeWriter, leaves_of_party

__all__ = ["pydantic_module"]

_HEAD: Final = '''
from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeAlias
from uuid import NAMESPACE_URL, uuid4, uuid5

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)


class Part(BaseModel):
    """Values of an event. A value that is not there is None, and is not written."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, serialize_by_alias=True
    )

    @model_serializer(mode="wrap")
    def _without_none(
        self, write: SerializerFunctionWrapHandler, _info: SerializationInfo
    ) -> dict[str, Any]:
        return {name: value for name, value in write(self).items() if value is not None}


class PartToSend(Part):
    """Values of an event to send. A name that the agreement does not have is an error."""

    model_config = ConfigDict(extra="forbid")


class Received(Part):
    """A received event: checked, decrypted, and with the fields that this agency may read."""

    id: str
    source: str
    time: str
    withheld: list[str] = []
    withheld_reasons: dict[str, str] = {}
    unlisted: list[str] = []
    urgent: bool = False


class ToSend(PartToSend):
    """An event to send: the body of `POST /events`, and the data of a CloudEvent to send."""

    recipients: list[str]


class Message(BaseModel):
    """A CloudEvent 1.0 as JSON (structured mode)."""

    model_config = ConfigDict(frozen=True, extra="allow")

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: str
    datacontenttype: str = "application/json"

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return json.loads(value) if isinstance(value, bytes | str) else value


class Result(Part):
    """What became of a received event in the agency's own system."""

    id: str
    source: str
    outcome: Literal["imported", "rejected"]
    reason: str | None = None
    text: str | None = None


class ResultMessage(Message):
    """A result for the adapter."""

    data: Result


class Refusal(Part):
    """Why the adapter did not accept a message. It holds no value of the message."""

    code: str
    detail: str
    field: str | None = None
    clause: str | None = None
    advice: str | None = None


class Answer(Part):
    """The adapter's answer to a message with an event to send."""

    message: dict[str, str | None]
    state: Literal["accepted", "refused"]
    id: str | None = None
    left_out: list[dict[str, Any]] = []
    not_sealed: list[dict[str, Any]] = []
    refusal: Refusal | None = None


class AnswerMessage(Message):
    """The adapter's answer on the bus."""

    data: Answer
'''
_RECEIVED: Final = '''

class ReceivedMessage(Message):
    """A received event on the bus. The same event always has the same `source` and `id`."""

    data: ReceivedEvent

    def imported(self) -> ResultMessage:
        """Return the result that ends the event."""
        return self._result(Result(id=self.data.id, source=self.data.source, outcome="imported"))

    def rejected(self, reason: str, text: str = "") -> ResultMessage:
        """Return the result that holds the event until a person retries it.

        Args:
            reason: a code of your system: lower-case letters, digits and underscores.
            text: for the person who finds the cause; it is not logged.
        """
        event = self.data
        return self._result(
            Result(id=event.id, source=event.source, outcome="rejected", reason=reason, text=text)
        )

    def _result(self, data: Result) -> ResultMessage:
        id_ = uuid5(NAMESPACE_URL, f"{self.source} {self.id} {data.model_dump_json()}")
        return ResultMessage(id=str(id_), source="/", type="concordant.result", data=data)
'''
_TO_SEND: Final = '''

class MessageToSend(Message):
    """An event to send, for the bus. The adapter accepts one `source` and `id` once."""

    data: EventToSend

    @classmethod
    def of(cls, event: EventToSend, source: str, id: str | None = None) -> MessageToSend:
        """Return a message with an event.

        Args:
            event: the event.
            source: names your system, for example `/housing`.
            id: unique for your system; store it, and send a repeat with the same one.
        """
        return cls(id=id or str(uuid4()), source=source, type=event.type, data=event)
'''
_FRAME: Final = frozenset(
    [
        "Annotated", "Answer", "AnswerMessage", "Any", "BaseModel", "ConfigDict", "EventToSend",
        "Field", "Literal", "Message", "MessageToSend", "NAMESPACE_URL", "Part", "PartToSend",
        "Received", "ReceivedEvent", "ReceivedMessage", "Refusal", "Result", "ResultMessage",
        "SerializationInfo", "SerializerFunctionWrapHandler", "ToSend", "TypeAlias", "bool",
        "bytes", "cls", "dict", "id", "int", "isinstance", "json", "list", "model_serializer",
        "model_validator", "str", "uuid4", "uuid5", "classmethod",
    ]
)  # fmt: skip
"""Names that the frame of the module uses."""


def pydantic_module(contract: Contract, agency: str) -> str:
    """Return the source of a module with a model for each event type and direction.

    Args:
        contract: the agreement.
        agency: agency id of the party.

    Raises:
        UnknownNameError: `agency_unknown`: the agreement has no such party.
    """
    form = contract.vocabulary.form
    received = leaves_of_party(contract, agency, "receives")
    sent = leaves_of_party(contract, agency, "sends")
    writer = _Writer(contract)
    lines = [
        f'"""Models of the events of {agency} under {contract.name} {contract.version}.',
        "",
        f"Made by `concordant contract export python` from the vocabulary {form.vocabulary},",
        f"{contract.vocabulary.hash}.",
        '"""',
        *_HEAD.rstrip("\n").split("\n"),
        "",
    ]
    for name, listed in form.code_lists.items():
        lines += writer.code_type(name, listed.codes, closed=listed.others is None)
    for name, item in form.items.items():
        rows = ((field, each, each.required) for field, each in item.fields.items())
        lines += writer.dictionary(writer.name("item", name), item.description, rows)
    if received:
        lines += writer.events(received, "receives", "ReceivedEvent")
        lines += _RECEIVED.rstrip("\n").split("\n")
    if sent:
        lines += writer.events(sent, "sends", "EventToSend")
        lines += _TO_SEND.rstrip("\n").split("\n")
    return "\n".join(lines) + "\n"


class _Writer(TypeWriter):
    """Lines of one module of models."""

    def __init__(self, contract: Contract) -> None:
        super().__init__(contract.vocabulary.form, reserved=_FRAME)
        self._contract = contract

    def events(
        self, leaves: Mapping[str, Set[str]], direction: Direction, union: str
    ) -> Iterator[str]:
        """Yield the models of one direction, and the union of its events."""
        whole: list[str] = []
        for event_type, paths in leaves.items():
            yield from self.event(event_type, paths, direction)
            whole.append(self.name("whole", f"{event_type}_{_ending(direction)}"))
        joined = " | ".join(whole)
        yield ""
        yield ""
        if len(whole) > 1:
            joined = f'Annotated[{joined}, Field(discriminator="type")]'
        yield f"{union}: TypeAlias = {joined}"

    def event(self, event_type: str, paths: Set[str], direction: Direction) -> Iterator[str]:
        """Yield the models of one event type: of its data, and of the whole event."""
        whole = self.name("whole", f"{event_type}_{_ending(direction)}")
        yield from super().event(event_type, paths, direction)
        data = self.name("event", f"{event_type}_{_ending(direction)}")
        about = self._form.event_types[event_type].description
        base = "Received" if direction == "receives" else "ToSend"
        yield from ["", "", f"class {whole}({base}):", f"    {about!r}", ""]
        yield f"    type: Literal[{event_type!r}] = {event_type!r}"
        yield f"    data: {data}"

    def name(self, kind: str, name: str) -> str:
        """Return the name of a type; a whole event has the plain name, its data ends in `Data`."""
        return super().name(kind, f"{name}_data" if kind == "event" else name)

    def certain(self, event_type: str, path: str, direction: Direction) -> bool:
        """Return whether a required leaf is always there.

        A recipient may get an event without a field that needs consent.
        """
        terms = self._contract.event_types[event_type]
        if direction == "sends":
            return True
        return not consent_bound(self._contract, terms, terms.fields[path])

    def class_lines(
        self, name: str, description: str, members: list[tuple[str, str, bool]]
    ) -> Iterator[str]:
        """Yield a model."""
        base = "PartToSend" if "ToSend" in name else "Part"
        yield from ["", "", f"class {name}({base}):", f"    {description!r}"]
        if members:
            yield ""
        for member, kind, required in members:
            yield _member(member, kind, required=required)


def _ending(direction: Direction) -> str:
    return "received" if direction == "receives" else "to_send"


_NOT_ATTRIBUTES: Final = frozenset({"copy", "json", "dict", "schema", "validate", "construct"})
"""Names that a model has already, beside those that begin with `model_`."""


def _member(member: str, kind: str, *, required: bool) -> str:
    own = member
    if keyword.iskeyword(own) or own in _NOT_ATTRIBUTES or own in _FRAME or own[0] in "_0123456789":
        own = f"f{own}" if own[0] in "_0123456789" else f"{own}_"
    if own.startswith("model_"):
        own = f"{own}_"
    whole = kind if required else f"{kind} | None"
    if own != member:
        default = "" if required else "default=None, "
        return f"    {own}: {whole} = Field({default}alias={member!r})"
    return f"    {own}: {whole}" + ("" if required else " = None")
