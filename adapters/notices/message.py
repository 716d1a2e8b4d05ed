"""Message that tells people of referrals: numbers and an address, nothing about a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from broker.operations.desk.notices import NoticeCandidate
from contracts.phrases import Texts, phrase, phrases, sentences


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


def referral_message(candidates: Sequence[NoticeCandidate], address: str, texts: Texts) -> Message:
    """Return the message for some candidates.

    Args:
        candidates: what people are told of; at least one.
        address: origin of the pages.
        texts: texts of the language of the message.
    """
    counts: Counter[str] = Counter(one.cause for one in candidates)
    new, urgent, overdue = counts["new"] + counts["urgent"], counts["urgent"], counts["overdue"]
    said = []
    if new:
        said.append(phrases("You have %(n)s new referral.", "You have %(n)s new referrals.", new))
    if urgent:
        said.append(phrases("%(n)s is urgent.", "%(n)s are urgent.", urgent))
    if overdue:
        said.append(phrases("%(n)s referral is overdue.", "%(n)s referrals are overdue.", overdue))
    ours = all(one.role == "referrer" for one in candidates)
    link = f"{address}/{'sent' if ours else 'inbox'}"
    text = sentences(*said, phrase("Open %(link)s", link=link))
    subject = said[0].in_language(texts).rstrip(".")
    return Message(subject, text.in_language(texts), counts, link)
