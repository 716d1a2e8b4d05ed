"""First text of an agreement's terms, from a vocabulary and what an officer says about it.

The text is complete as to its form: every member is there, every field of the vocabulary is granted
to every role, and a comment names the next decision. `TBC` stands where only people can decide;
lint refuses it, so no party can sign it by mistake. Law is chosen from the dated lists
(`contracts/legal_codes.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from contracts.legal_codes import LegalKind, PartyKind, legal_codes
from contracts.vocabulary import EventType, Leaf, Vocabulary

__all__ = ["CONDITIONS", "AgreementOutline", "NewRole", "new_terms", "suited_codes"]

TBC: Final = "TBC"
CONDITIONS: Final[Mapping[str, tuple[LegalKind, ...]]] = {
    "dpa2018-part3": ("bases", "schedule_8", "gateways"),
    "uk-gdpr": ("bases", "article_9", "article_10", "schedule_1", "gateways"),
}
"""Kinds of codes that each regime needs, in the order in which an officer decides."""
_MEMBER: Final[Mapping[LegalKind, str]] = {"bases": "basis"}
_ONE_TOPIC: Final = 3
"""Up to so many event types go to one topic, so that its name and volume tell little."""


@dataclass(frozen=True, slots=True)
class NewRole:
    """A role of the new agreement.

    Attributes:
        text: who plays it, in one sentence.
        kind: kind of party under the law.
        law: chosen codes by kind of code; several with a semicolon between them.
    """

    text: str
    kind: PartyKind
    law: Mapping[LegalKind, str] = field(default_factory=dict)

    @property
    def regime(self) -> str:
        """Return the regime under which the role processes."""
        return "dpa2018-part3" if self.kind == "competent-authority" else "uk-gdpr"


@dataclass(frozen=True, slots=True)
class AgreementOutline:
    """Answers from which the terms are written.

    Attributes:
        name: name of the agreement.
        title: one line for people.
        summary: what is shared and why, in one paragraph.
        roles: role to its description.
        purposes: purpose to its text.
    """

    name: str
    title: str
    summary: str
    roles: Mapping[str, NewRole]
    purposes: Mapping[str, str]


def suited_codes(kind: LegalKind, role: NewRole) -> tuple[tuple[str, str], ...]:
    """Return the codes of one kind on which a role may rely, each with its label."""
    return tuple(
        (code, entry.label)
        for code, entry in legal_codes(kind).items()
        if role.kind in entry.who and entry.regime in {None, role.regime}
    )


def new_terms(vocabulary: Vocabulary, outline: AgreementOutline, today: date) -> str:
    """Return the text of the terms, a draft that loads and that lint does not yet pass.

    Args:
        vocabulary: its event types and fields.
        outline: the answers.
        today: date of the version record and of assessments that are still to be made.
    """
    return "\n".join(_lines(vocabulary, outline, today)) + "\n"


def _lines(vocabulary: Vocabulary, outline: AgreementOutline, today: date) -> Iterator[str]:
    yield f"# {outline.title}: terms, a draft."
    yield "#"
    yield "# Replace each TBC, and narrow who reads which field. Check it as you write:"
    yield "#   concordant contract lint FILE"
    yield "# Parties, dates and keys come later, with: concordant contract draft --terms FILE"
    yield "framework: {name: pan-london-framework, version: 1.0.0}"
    yield f"vocabulary_name: {_text(vocabulary.form.vocabulary)}"
    yield f"name: {_text(outline.name)}"
    yield f"title: {_text(outline.title)}"
    yield "version: 1.0.0"
    yield "status: drafted"
    yield f"summary: {_text(outline.summary)}"
    yield ""
    yield "roles:"
    for name, role in outline.roles.items():
        yield f"  {name}: {_text(role.text)}"
    yield ""
    yield "purposes:"
    for name, text in outline.purposes.items():
        yield f"  {name}:"
        yield f"    text: {_text(text)}"
        yield f"    necessity: {_text(TBC)}"
        yield f"    proportionality: {_text(TBC)}"
    yield from _law(outline)
    yield from _types(vocabulary, outline)
    yield from _rest(vocabulary, today)


def _law(outline: AgreementOutline) -> Iterator[str]:
    yield ""
    yield "# Codes of the dated lists. Each agency's lawyer confirms those on which it relies."
    for name, role in outline.roles.items():
        for kind in CONDITIONS[role.regime]:
            if kind not in role.law:
                yield f"# {name}, {_MEMBER.get(kind, kind)}:"
                for code, label in suited_codes(kind, role):
                    yield f"#   {code}: {label}"
    yield "legal_bases:"
    for purpose in outline.purposes:
        for name, role in outline.roles.items():
            yield f"  - purpose: {purpose}"
            yield f"    regime: {role.regime}"
            yield f"    relied_on_by: [{name}]"
            for kind in CONDITIONS[role.regime]:
                chosen = role.law.get(kind)
                if kind == "gateways":
                    codes = [one.strip() for one in (chosen or "").split(";") if one.strip()]
                    yield f"    gateways: [{', '.join(map(_text, codes))}]"
                elif chosen != "":
                    yield f"    {_MEMBER.get(kind, kind)}: {_text(chosen or TBC)}"
            yield f"    appropriate_policy_document: {_text(TBC)}"


def _types(vocabulary: Vocabulary, outline: AgreementOutline) -> Iterator[str]:
    names = list(vocabulary.event_types)
    half = len(names) if len(names) <= _ONE_TOPIC else (len(names) + 1) // 2
    yield ""
    yield "# Topics have neutral names, so that neither name nor volume says which type flows."
    yield "topics:"
    yield "  a: {partitions: 6}"
    if half < len(names):
        yield "  b: {partitions: 6}"
    yield ""
    yield "# Who may read which field, and for which purpose. As it stands, every role reads all:"
    yield "# leave out of `readers` each role whose task does not need the field."
    yield "event_types:"
    roles, purposes = ", ".join(outline.roles), ", ".join(outline.purposes)
    for at, name in enumerate(names, 1):
        of_type = vocabulary.event_types[name]
        leaves = of_type.leaves.keys()
        yield f"  {name}:"
        yield f'    clause: "4.{at}"'
        yield f"    text: {_text(of_type.description)}"
        yield f"    topic: {'a' if at <= half else 'b'}"
        yield f"    publishers: [{roles}]"
        yield f"    recipients: [{roles}]"
        yield f"    purposes: [{purposes}]"
        yield "    retention: {kafka_days: 14, recipient_years: 6}"
        if not leaves.isdisjoint(vocabulary.record_kinds) and any(
            leaf.form.identifies and not _by_consent(vocabulary, of_type, leaf)
            for leaf in of_type.leaves.values()
        ):
            yield "    incident_identifiers: never"
        if vocabulary.referrals is not None and name == vocabulary.referrals.made.type:
            yield "    service_levels: {acknowledge_within: PT48H, respond_within: P10D}"
        yield "    fields:"
        yield from _fields(vocabulary, of_type, at, roles, purposes)


def _fields(
    vocabulary: Vocabulary, of_type: EventType, at: int, roles: str, purposes: str
) -> Iterator[str]:
    for number, leaf in enumerate(of_type.leaves.values(), 1):
        if leaf.form.label:
            yield f"      # {leaf.form.label}"
        stated, end = leaf.form, _marks(vocabulary, of_type, leaf)
        yield f"      {leaf.path}: {{clause: 4.{at}.{number}, category: {stated.category},"
        yield f"        sensitivity: {stated.sensitivity}, data_subject: {stated.data_subject},"
        yield f"        purposes: [{purposes}], readers: [{roles}]{end}}}"


def _marks(vocabulary: Vocabulary, of_type: EventType, leaf: Leaf) -> str:
    marks = ", required: true" if leaf.required else ""
    if not leaf.form.identifies:
        return marks
    asked = _by_consent(vocabulary, of_type, leaf)
    reason = f"consent: [{vocabulary.identity_scope}]" if asked else f"without_consent: {TBC}"
    return f"{marks}, identifies: true, {reason}"


def _by_consent(vocabulary: Vocabulary, of_type: EventType, leaf: Leaf) -> bool:
    """Return whether an identifying field can rest on the consent that its event states."""
    asked = not vocabulary.answers.keys().isdisjoint(of_type.leaves)
    return vocabulary.identity_scope is not None and asked and not leaf.required


def _rest(vocabulary: Vocabulary, today: date) -> Iterator[str]:
    yield """
retention:
  grace_days: 30
  deletion: "A recipient erases at the end of the type's years, or on a confirmed request."

service_levels:
  heartbeat_every: PT1M
  silence_alarm_after: PT3M
  quarantine_answer_within: P2D

use:
  permitted:
    - "The purpose named for the field, by people who need it for their task."
  prohibited:
    - "Immigration enforcement."
    - "Any decision about a person by automated means alone."
  onward_disclosure: "Only if the agency that sent it agrees, or where the law compels."

# Roles whose people state a reason before they see data of an event; none if it is empty.
reason_asked_of: []

security:
  - "Fields are sealed end to end for the agencies that may read them; who hosts Kafka reads none."
  - "Every event is signed by its sender, and its order, repetition and omission can be checked."
  - "Private keys are encrypted at rest; governance keys are kept offline."
"""
    if vocabulary.form.law.acknowledgements:
        yield "acknowledgements:"
        for one in vocabulary.form.law.acknowledgements:
            yield f"  {one.acknowledgement}: {_text(one.message)}"
        yield ""
    for member in ("dpia", "equality_impact_assessment"):
        yield f"{member}:"
        yield f"  reference: {TBC}"
        yield f"  date: {today}"
        yield f"  summary: {TBC}"
        yield ""
    yield f"""consulted:
  - {{who: {TBC}, date: {today}, outcome: {TBC}}}

privacy_notice: "Each party's privacy notice names this agreement and its purposes."

terms:
  leaving: "A party leaves by a signed statement; what it received stays under these terms."
  suspension: "Any party may suspend its own part at once; the others continue."
  disputes: "First between the operations contacts, then between the data protection officers."

version_record:
  - version: 1.0.0
    date: {today}
    change: "First version."
    authorised_by: "Each party, by its signature"
"""


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
