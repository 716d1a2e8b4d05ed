"""Events of the client: what a program publishes and receives, with models if it wants them.

`concordant contract export python` writes a module with a pydantic model for each event type of the
agreement. A program publishes such a model, and subscribes to such a class. A type checker then
knows the fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol

from typing_extensions import TypeVar

from concordant.client.errors import ClientError

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["Accepted", "Event", "EventModel", "Queued", "ReceivedEvent"]

KEY: Final = re.compile(r"[!-~]{1,200}")

Model_co = TypeVar("Model_co", covariant=True, default=None)
"""Class of the model of a received event; None without models."""


class EventModel(Protocol):
    """Model of an event to publish, such as `concordant contract export python` writes."""

    def model_dump_json(self) -> str:
        """Return the event as JSON: type, recipients and data."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event to publish.

    Attributes:
        type: event type, for example ``referral.made``.
        to: ids of the agencies that shall get it.
        data: nested object, as the event type describes it.
    """

    type: str
    to: Sequence[str]
    data: Mapping[str, Any]

    def body(self) -> dict[str, object]:
        """Return the event as the adapter takes it."""
        return {"type": self.type, "recipients": list(self.to), "data": self.data}

    def model_dump_json(self) -> str:
        """Return the event as JSON; see ``EventModel``."""
        return json.dumps(self.body(), ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Accepted:
    """Answer of the adapter to a published event.

    Attributes:
        id: id of the event.
        left_out: fields that a recipient does not get, with reason and clause.
        not_sealed: recipients that do not get the event now, with the reason.
    """

    id: str
    left_out: Sequence[Mapping[str, Any]] = ()
    not_sealed: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Queued:
    """An event in the outbox table. It is sent after the transaction has ended.

    Attributes:
        key: its idempotency key, the id of its row.
    """

    key: str


@dataclass(frozen=True, slots=True)
class ReceivedEvent(Generic[Model_co]):
    """A verified and decrypted event, restricted to what the agency may read.

    Attributes:
        id: id of the event. It is unique for its source.
        type: event type.
        source: id of the agency that sent it.
        time: time of sealing, RFC 3339 UTC.
        data: nested object.
        withheld: fields of the type that this agency does not get.
        withheld_reasons: for each of them ``field_not_granted`` or ``consent_missing``.
        urgent: whether it is urgent, such as a critical incident.
        unlisted: fields with a code that is not in the code list; a person must look at them.
        cursor: the place of the event in the order of the adapter.
        model: the event as a model, if the subscription asks for models; otherwise None.
    """

    id: str
    type: str
    source: str
    time: str
    data: dict[str, Any]
    withheld: Sequence[str] = ()
    withheld_reasons: Mapping[str, str] | None = None
    urgent: bool = False
    unlisted: Sequence[str] = ()
    cursor: str = ""
    model: Model_co = None  # type: ignore[assignment]  # without models the parameter is None


def event_members(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a received event from the adapter's JSON.

    Raises:
        ClientError: `client_answer_unknown`.
    """
    texts = ("id", "type", "source", "time", "cursor")
    if not all(isinstance(document.get(name), str) for name in texts) or not isinstance(
        document.get("data"), dict
    ):
        raise unknown_answer()
    names = (*texts, "data", "withheld", "withheld_reasons", "urgent", "unlisted")
    return {name: document[name] for name in names if name in document}


def type_name(model: type[BaseModel]) -> str:
    """Return the event type of a class of models.

    Raises:
        ClientError: `subscription_filter_invalid`: the class is none of the module that
            `contract export python` writes.
    """
    field = getattr(model, "model_fields", {}).get("type")
    if field is None or not isinstance(field.default, str):
        raise ClientError(
            "The class has no event type.",
            code="subscription_filter_invalid",
            where=model.__name__,
            fix="Use a class such as ReferralMadeReceived from the module that `concordant "
            "contract export python` writes.",
        )
    return field.default


def as_model(model: type[BaseModel], members: Mapping[str, Any]) -> BaseModel:
    """Return a received event as a model.

    Raises:
        ClientError: `event_model_outdated`; names the field, and no value.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(members)
    except ValidationError as error:
        places = {".".join(str(part) for part in one["loc"]) for one in error.errors()}
        raise ClientError(
            "The event does not fit its model, which is of another version of the agreement.",
            code="event_model_outdated",
            where=", ".join(sorted(places)),
            fix="Make the module of models again: concordant contract export python",
        ) from None


def unknown_answer(status: int = 0) -> ClientError:
    """Return the error of an answer that is none of this interface."""
    return ClientError(
        "The answer is none of the adapter's HTTP interface.",
        code="client_answer_unknown",
        fix="Check that the address is that of the adapter, which `state/api-port` or the section "
        "[api] names, and that no proxy answers in its place.",
        status=status,
    )


def require_key(key: str) -> str:
    """Return an idempotency key.

    Raises:
        ClientError: `idempotency_key_invalid`.
    """
    if not KEY.fullmatch(key):
        raise ClientError(
            "An idempotency key has 1 to 200 visible ASCII characters.",
            code="idempotency_key_invalid",
            where="key",
            fix="Use a UUID, and store it with the record that the event is about.",
        )
    return key
