"""Message that tells people of referrals: numbers and an address, nothing about a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from broker.operations.desk.notices import NoticeCandidate


@dataclass(frozen=True, slots=True)
class Message:
    """One notice.

    Attributes:
        subject: one line.
        text: the sentences.
        counts: number of each cause; an urgent referral is not among the new ones, though the
            text counts it there too.
        link: address of the pages.
    """

    subject: str
    text: str
    counts: Mapping[str, int]
    link: str


def referral_message(candidates: Sequence[NoticeCandidate], address: str) -> Message:
    """Return the message for some candidates.

    Args:
        candidates: what people are told of; at least one.
        address: origin of the pages.
    """
    counts: Counter[str] = Counter(one.cause for one in candidates)
    new, urgent, overdue = counts["new"] + counts["urgent"], counts["urgent"], counts["overdue"]
    sentences = []
    if new:
        sentences.append(f"You have {new} new {_referrals(new)}.")
    if urgent:
        sentences.append(f"{urgent} {_is(urgent)} urgent.")
    if overdue:
        sentences.append(f"{overdue} {_referrals(overdue)} {_is(overdue)} overdue.")
    ours = all(one.role == "referrer" for one in candidates)
    link = f"{address}/{'sent' if ours else 'inbox'}"
    return Message(sentences[0].rstrip("."), " ".join((*sentences, f"Open {link}")), counts, link)


def _referrals(count: int) -> str:
    return "referral" if count == 1 else "referrals"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
