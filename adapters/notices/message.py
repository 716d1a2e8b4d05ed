"""Messages that tell people of referrals or of troubles, with nothing about a person."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from broker.operations.agreement_state import shell_path
from broker.operations.desk.notices import NoticeCandidate
from broker.operations.health.trouble import Trouble
from broker.operations.runbook.runbook import parts
from contracts.phrases import Texts, capitalised, joined, phrase, phrases, sentences

_FOLDER: Final = re.compile(r"\bDIR\b")


@dataclass(frozen=True, slots=True)
class Message:
    """One notice.

    Attributes:
        about: what it is about.
        subject: one line.
        text: the sentences.
        counts: number of each cause of a referral, or of troubles by urgency. An urgent referral is
            not among the new ones, though the text counts it there too.
        link: address of the pages; empty if troubles are told and there are no pages.
    """

    about: Literal["referrals", "troubles"]
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
    return Message("referrals", subject, text.in_language(texts), counts, link)


def trouble_message(
    troubles: Sequence[Trouble], agency: str, root: Path, address: str | None, texts: Texts
) -> Message:
    """Return the message for some troubles.

    Args:
        troubles: what operators are told of, the most pressing first; at least one.
        agency: id of the agency, because an operator may look after several.
        root: the agency's folder, for the commands.
        address: origin of the pages; None if there are none.
        texts: texts of the language of the message.
    """
    first, more = capitalised(troubles[0].says), len(troubles) - 1
    if more:
        first = phrases(
            "%(trouble)s, and %(n)s more", "%(trouble)s, and %(n)s more", more, trouble=first
        )
    subject = joined("", (agency, ": ", first)).in_language(texts)
    lines = [
        sentences(joined("", (capitalised(one.says), ".")), one.do).in_language(texts)
        for one in troubles
    ]
    link = "" if address is None else f"{address}/board"
    last = (
        phrase("Open %(link)s", link=link)
        if link
        else phrase("See all: %(command)s", command="`concordant status --agency DIR`")
    )
    text = "\n".join((*lines, last.in_language(texts)))
    counts = Counter(str(one.urgency) for one in troubles)
    return Message("troubles", " ".join(subject.split()), _in_folder(text, root), counts, link)


def _in_folder(text: str, root: Path) -> str:
    """Return a text whose commands, between backticks, name the agency's folder."""
    own = shell_path(root)
    return "".join(
        f"`{_FOLDER.sub(lambda _: own, part)}`" if is_command else part
        for part, is_command in parts(text)
    )
