"""Words of the officer's pages for states, kinds and codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from broker.audit.entries import EntryKind
from broker.operations.agreement_state import Own
from contracts.comparison_effects import Effect
from contracts.phrases import N_
from contracts.wording import in_words

TagKind: TypeAlias = Literal["", "stop", "wait", "good", "note", "wide"]


@dataclass(frozen=True, slots=True)
class TagWords:
    """A tag: its text, as marked with ``N_``, its colour and its icon."""

    text: str
    kind: TagKind
    sign: str


STATES: Final[Mapping[Own, TagWords]] = MappingProxyType(
    {
        "in_force": TagWords(N_("In force"), "good", "tick"),
        "draft": TagWords(N_("Draft"), "", "waits"),
        "partially_signed": TagWords(N_("Not signed by all"), "wait", "waits"),
        "not_started": TagWords(N_("Signed by all, not started"), "note", "clock"),
        "expired": TagWords(N_("Ended"), "", "cross"),
        "suspended": TagWords(N_("Paused"), "wait", "clock"),
        "left": TagWords(N_("We left"), "stop", "cross"),
        "superseded": TagWords(N_("Replaced by a newer version"), "", "cross"),
    }
)
"""State of this agency's part in an agreement."""

EFFECTS: Final[Mapping[Effect, TagWords]] = MappingProxyType(
    {
        "widens": TagWords(N_("Widens: more is shared, or with fewer limits"), "wide", "widens"),
        "both": TagWords(N_("Widens and narrows: counts as widening"), "wide", "widens"),
        "unknown": TagWords(N_("A person must judge: counts as widening"), "wide", "widens"),
        "narrows": TagWords(N_("Narrows: less is shared, or with more limits"), "good", "narrows"),
        "neutral": TagWords(N_("Sharing stays the same"), "", "same"),
    }
)
"""Effect of a change on disclosure."""

KINDS: Final[Mapping[EntryKind, str]] = MappingProxyType(
    {
        "disclosure": N_("Sent by us"),
        "collection": N_("Received by us"),
        "consultation": N_("Looked at here"),
        "alteration": N_("Changed"),
        "combination": N_("Combined"),
        "erasure": N_("Erased"),
        "refusal": N_("Refused"),
        "destruction": N_("Key destroyed"),
        "retry": N_("Tried again by a person"),
        "setting": N_("Settings changed"),
    }
)
"""Kind of an entry of the disclosure log."""


FILTERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "field": N_("Field"),
        "kinds": N_("Kinds of entries"),
        "since": N_("From"),
        "until": N_("Before"),
        "recipient": N_("Recipient"),
        "before": N_("Entries before"),
    }
)
"""Condition of a search of the log, as its entry has it."""

LEFT_OUT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "not_a_reader": N_("The agreement does not let the agency read it"),
        "consent_missing": N_("There is no consent"),
        "incident_depersonalised": N_("Records of this kind are shared without personal details"),
        "sender_not_granted": N_("The agreement does not let us send it"),
        "field_not_granted": N_("The agreement lets no recipient read it"),
    }
)
"""Reason for which a recipient does not get a field; another code is shown as it is."""

SHORT_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "not_a_reader": N_("May not read it"),
        "consent_missing": N_("No consent"),
        "field_not_granted": N_("May not read it"),
        "incident_depersonalised": N_("No personal details"),
        "sender_not_granted": N_("May not be sent"),
    }
)
"""The same, for a cell of a table."""


def path_in_words(path: str) -> str:
    """Return the place of a term in an agreement in words: `event_types.x` is `event types, x`."""
    return in_words(path.replace(".", ", "))
