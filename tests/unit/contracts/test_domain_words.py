"""The engine names no event type, field, code or strand of a subject: these words are data.

Vocabulary files define the words; agreements name them. A word
of one in other code of `contracts` or `broker` would be a rule about hate crime in an engine that
serves other subjects too (docs/adr/0042-domain-words-are-data.md).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.vocabulary.known import named_vocabulary, shipped_vocabulary_files
from tests.support.words import EVENT_TYPES, codes, leaves, list_names

ROOT = Path(__file__).parents[3]
DEFINITIONS = {
    "broker/store/desk_schema.py": "names of columns of our own database",
    "broker/store/migrations/versions/v0003_desk.py": "names of columns of our own database",
    "broker/store/schema.py": "names of columns of our own database",
    "broker/store/referrals.py": "names of columns of our own database",
    "contracts/vocabulary/template.py": "text of a new vocabulary, which its author changes",
}
"""Files that are not looked at, and why."""

OUR_OWN = {
    "id": "member of our records and of agreements",
    "name": "member of our records and of agreements",
    "version": "member of agreements, manifests and answers",
    "status": "member of agreements and of answers of commands",
    "summary": "member of agreements",
    "source": "member of accepted events and of log entries",
    "note": "signed notes (C2SP)",
    "reason": "reason codes",
    "outcome": "outcome of a retry",
    "answers": "member of an answer of `contract explain --json`",
    "needs": "member of an answer of `keys`",
    "consent": "member of a field's terms in an agreement",
    "data_subject": "member of a field's terms in an agreement",
    "relationship": "member of a party in an agreement",
    "statistics": "section of an agreement, and a kind of purpose",
    "email": "member of a contact in an agreement",
    "phone": "member of a contact in an agreement",
    "strand": "what a search of the directory asks for",
    "strands": "member of a listing",
    "none": "a word of people: there is none",
    "other": "a word of people",
    "unknown": "a state that is not known",
    "draft": "state of an agreement",
    "received": "a fact about records and entries",
    "temporary": "kind of a failure",
    "tenant": "member of a data contract (ODCS)",
    "urgent": "class of an outbox row",
    "referral": "heading of a table of `status`",
    "no_capacity": "reason of an agency that suspends its part",
}
"""Words of the vocabulary that our own formats use with a meaning of their own."""

ALLOWED = {
    ("broker/directory/open_referral_export.py", "address"): "part of a name of a UUID",
    ("broker/directory/open_referral_import.py", "address"): "member of a listing's location",
    ("broker/directory/open_referral_import.py", "postcode"): "member of a listing's location",
    ("broker/cli/directory_text.py", "address"): "member of a listing's location",
    ("contracts/loading.py", "crime"): "file name of the shipped agreement",
    ("contracts/loading.py", "hate"): "file name of the shipped agreement",
    ("broker/cli/status_text.py", "health"): "member of the answer of `status`",
    ("contracts/async_api.py", "address"): "member of a channel in AsyncAPI",
    ("contracts/vocabulary/comparison.py", "consent.answers"): "member of a vocabulary",
    ("contracts/vocabulary/comparison.py", "consent.identity"): "member of a vocabulary",
    ("contracts/vocabulary/comparison.py", "consent.scopes"): "member of a vocabulary",
    ("broker/releases/release_notes.py", "crimes"): "of figures with the dimension `recording`",
    ("broker/receiving/inbox_payload.py", "case_id"): "an attribute of our own opened event",
    ("broker/store/rows.py", "rejected"): "result of the agency's system for an offered event",
    ("contracts/open_api.py", "rejected"): "result of the agency's system for an offered event",
    ("contracts/open_api.py", "accepted"): "state of a sent event in the HTTP interface",
    ("broker/agency/database_section.py", "case_id"): "default name of a column of ours",
    ("broker/cli/event_status_text.py", "accepted"): "state of a sent event",
    ("broker/operations/event_status.py", "accepted"): "state of a sent event",
    ("broker/operations/event_acceptance.py", "accepted"): "state of a sent event",
    ("broker/cli/ping.py", "accepted"): "station of a ping",
    ("broker/operations/event_ping.py", "accepted"): "station of a ping",
}
"""Words of the subject that stay, by file."""

SUBJECT = re.compile(
    r"\b(hate|strands?|victims?|perpetrators?|police|prosecut\w*|councils?|boroughs?|wards?|"
    r"rac(?:e|ial|ist)|religio\w*|disab(?:ility|led)|transgender|gender|ethnic\w*|homophob\w*|"
    r"tenan(?:t|cy)|suspects?|crimes?)\b",
    re.IGNORECASE,
)
"""Words that only a subject needs."""

PLAIN_WORDS = frozenset(
    {
        "advice", "agreed", "answer", "assessment", "both", "conditions", "done", "event",
        "exception", "factors", "given", "held", "items", "listed", "message", "missing",
        "not_held", "notice", "objects", "open", "partner", "reason_text", "refused",
        "released", "repeat",
        "safe_contact", "tests", "times",
        "value", "warning",
    }
)  # fmt: skip
"""Words of other vocabularies that our own formats and texts use in their plain meaning."""

HELP = "broker/cli/"
"""Commands explain themselves by examples ("such as police"); words of the vocabulary are looked
for there too, words of the subject are not."""

PATHS = {path for name in EVENT_TYPES for path in leaves(name)}
OBJECTS = {path.partition(".")[0] for path in PATHS if "." in path}
CODES = {code for name in list_names() for code in codes(name) if len(code) > 2}
WORDS = PATHS | OBJECTS | {path.rpartition(".")[2] for path in PATHS} | CODES | set(list_names())
TOKEN = re.compile(r"[a-z][a-z_]*(?:[.-][a-z][a-z_]*)*")


def literals(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of every string literal that is no docstring."""
    tree = ast.parse(source)
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.lineno, node.value


def words_of_the_domain(text: str, *, prose: bool = True) -> set[str]:
    """The words of the vocabulary that a literal holds; with `prose`, of the subject too."""
    found = {text} & (WORDS | set(EVENT_TYPES))
    for token in TOKEN.findall(text):
        named = token in WORDS and re.search("[._-]", token)
        below = "." in token and token.partition(".")[0] in OBJECTS
        if named or below:
            found.add(token)
    found |= {name for name in EVENT_TYPES if name in text}
    if text.endswith(".") and text.removesuffix(".") in OBJECTS:  # the start of a path
        found.add(text)
    if prose:
        found |= {word.lower() for word in SUBJECT.findall(text)}
    return found - OUR_OWN.keys()


def files() -> list[str]:
    found = [*(ROOT / "contracts").rglob("*.py"), *(ROOT / "broker").rglob("*.py")]
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def test_no_literal_of_the_engine_names_a_word_of_the_domain() -> None:
    found = [
        f"{name}:{line}: {word}"
        for name in files()
        if name not in DEFINITIONS
        for line, text in literals((ROOT / name).read_text())
        for word in sorted(words_of_the_domain(text, prose=not name.startswith(HELP)))
        if (name, word) not in ALLOWED
    ]
    assert not found, "make these words data of a vocabulary:\n" + "\n".join(found)


@pytest.mark.parametrize("subject", sorted(shipped_vocabulary_files().keys() - {"hate-crime"}))
def test_no_literal_of_the_engine_names_a_word_of_another_subject(
    subject: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = named_vocabulary(subject)
    paths = {path for each in words.event_types.values() for path in each.leaves}
    listed = {code for each in words.code_lists.values() for code in each.codes if len(code) > 2}
    last = {path.rpartition(".")[2] for path in paths}
    objects = {path.partition(".")[0] for path in paths if "." in path}
    found_in = {"OBJECTS": objects, "EVENT_TYPES": words.event_types}
    found_in["WORDS"] = (paths | last | objects | listed | set(words.code_lists)) - PLAIN_WORDS
    for name, value in found_in.items():
        monkeypatch.setitem(globals(), name, value)
    found = [
        f"{name}:{line}: {word}"
        for name in files()
        if name not in DEFINITIONS
        for line, text in literals((ROOT / name).read_text())
        for word in sorted(words_of_the_domain(text, prose=False))
        if (name, word) not in ALLOWED
    ]
    assert not found, "make these words data of a vocabulary:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        'MADE = "referral.made"',
        'where = f"event_types.case.updated.{name}"',
        'flat["case_id"]',
        'raise EventError("case_id: not every agency would get it")',
        'flat.get("victim.address")',
        'path.startswith("consent.")',
        'flat.get(f"consent.{scope}")',
        '_NOT_A_CRIME = "hate_incident"',
        'strand == "sexual_orientation"',
        'scope = "share_identity"',
        'status in {"entered-in-error"}',
        'message = "the victim must agree"',
        'if code == "transgender": pass',
        'x = codes("hate_strand")',
    ],
)
def test_a_planted_word_is_found(line: str) -> None:
    assert any(words_of_the_domain(text) for _, text in literals(line))


@pytest.mark.parametrize(
    "line",
    [
        'def f():\n    """Names `victim.address`."""',
        'x = "status"  # not hate_incident',
        "case_id = 1",
    ],
)
def test_docstrings_comments_and_names_are_left_alone(line: str) -> None:
    assert not any(words_of_the_domain(text) for _, text in literals(line))


def test_every_exception_is_still_needed() -> None:
    texts = {name: [text for _, text in literals((ROOT / name).read_text())] for name in files()}
    unused = [name for name in DEFINITIONS if not any(map(words_of_the_domain, texts[name]))]
    unused += [
        f"{name}: {word}"
        for name, word in ALLOWED
        if not any(word in words_of_the_domain(text) for text in texts[name])
    ]
    everywhere = {text for name in texts if name not in DEFINITIONS for text in texts[name]}
    unused += sorted(OUR_OWN.keys() - everywhere)
    assert not unused, f"delete these exceptions: {unused}"
