"""Contracts of the vectors beside the shipped one: small ones, in JSON, which is YAML too.

docs/spec/contracts.md. They are made without the product's parser, so that refused ones can be
signed like any other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from broker.envelope.canonical import format_json
from broker.envelope.primitives import b64, sha256
from broker.keys.governance import GovernanceSigner
from broker.registry.contracts import SignedContract, verify_contract
from broker.tlog.note import Note, SignatureLine, format_note, parse_note, sign_note
from contracts.loading import parse_contract
from tests.vectors.making.agencies import DEPLOYMENT, PINS, Member, party_of

Tree = dict[str, Any]


class Hands(Protocol):
    """Signer: a member, or an outsider with a pair of governance keys."""

    @property
    def governance(self) -> GovernanceSigner: ...


ROLES = {
    "csu-camden": "police",
    "cps-london": "prosecution",
    "council-camden": "council",
    "haven-support": "support",
}
_ASSESSED = {"reference": "A-1", "date": "2026-01-05", "summary": "Assessed."}


def field(readers: Sequence[str], **more: Any) -> Tree:
    """The terms of a leaf."""
    return {
        "clause": "1.1",
        "purposes": ["share"],
        "category": "case",
        "sensitivity": "none",
        "data_subject": "none",
        "readers": list(readers),
        **more,
    }


def event_type(
    publishers: Sequence[str], recipients: Sequence[str], fields: Mapping[str, Tree], **more: Any
) -> Tree:
    """The terms of a type."""
    return {
        "clause": "1",
        "text": "One type.",
        "topic": "a",
        "publishers": list(publishers),
        "recipients": list(recipients),
        "purposes": ["share"],
        "retention": {"kafka_days": 14, "recipient_years": 1},
        "fields": dict(fields),
        **more,
    }


def pinned(governance: GovernanceSigner) -> Tree:
    """A pair as a contract pins it."""
    public = governance.public
    return {"ed25519": b64(public.ed25519), "ml_dsa_65": b64(public.ml_dsa_65)}


def terms(
    name: str,
    members: Sequence[Member],
    types: Mapping[str, Tree],
    *,
    roles: Mapping[str, str] | None = None,
    **more: Any,
) -> Tree:
    """A whole contract between these; ``more`` are members at its top."""
    role_of = {member.id: (roles or ROLES)[member.id] for member in members}
    names = sorted(set(role_of.values()))
    parties = [{**party_of(member.id), "role": role_of[member.id]} for member in members]
    keys = {member.id: pinned(member.governance) for member in members}
    return {
        "framework": {"name": "pan-london-framework", "version": "1.0.0"},
        "name": name,
        "title": "A contract of the test vectors",
        "version": "1.0.0",
        "status": "drafted",
        "summary": "Made to be read by software.",
        "deployment": DEPLOYMENT,
        "starts": "2026-03-01",
        "ends": "2027-02-28",
        "roles": dict.fromkeys(names, "A role."),
        "purposes": {"share": {"text": "To share."}},
        "legal_bases": [
            {
                "purpose": "share",
                "regime": "uk-gdpr",
                "relied_on_by": names,
                "basis": "uk-gdpr:6(1)(e)",
            }
        ],
        "topics": {"a": {"partitions": 1}},
        "event_types": dict(types),
        "retention": {"grace_days": 30, "deletion": "At the end."},
        "service_levels": {
            "heartbeat_every": "PT1M",
            "silence_alarm_after": "PT3M",
            "quarantine_answer_within": "P2D",
        },
        "use": {"permitted": ["Testing."], "prohibited": ["All else."], "onward_disclosure": "No."},
        "security": ["None: every key is published."],
        "dpia": _ASSESSED,
        "equality_impact_assessment": _ASSESSED,
        "consulted": [{"who": "Nobody", "date": "2026-01-05", "outcome": "None."}],
        "privacy_notice": "None.",
        "terms": {"leaving": "At once.", "suspension": "At once.", "disputes": "None."},
        "version_record": [
            {
                "version": "1.0.0",
                "date": "2026-01-05",
                "change": "First version.",
                "authorised_by": "Nobody",
            }
        ],
        "parties": parties,
        "governance_keys": keys,
        "pins": PINS.model_dump(),
        **more,
    }


def text_of(tree: Tree) -> bytes:
    """The file."""
    return json.dumps(tree, indent=1).encode() + b"\n"


SIGNED: Final = "2026-01-01T00:00:00.000Z"
SHOWN: Final = b64(sha256(b"a text that was shown"))


def notes_of(
    tree: Tree,
    raw: bytes,
    signers: Sequence[Hands],
    *,
    change: Callable[[list[str]], object] = lambda lines: None,
    keys: Sequence[int] = (0, 1),
    **act: Any,
) -> dict[str, bytes]:
    """The notes of these about a file, by agency.

    Args:
        tree: the contract.
        raw: its file.
        signers: who sign.
        change: what is done to the seven lines before they are signed.
        keys: which of each pair sign.
        act: members of the last line that differ from the usual.
    """
    found = {}
    for signer in signers:
        governance = replace(signer.governance, deployment=tree["deployment"])
        members = {
            "agency": governance.agency,
            "capacity": "Chief Officer",
            "name": "Ada Okafor",
            "shown": SHOWN,
            "time": SIGNED,
        } | act
        said = {name: value for name, value in members.items() if value is not None}
        documents = [bytes.fromhex(tree["pins"][kind]) for kind in ("vocabulary", "framework")]
        previous = sorted(bytes.fromhex(one) for one in _previous(tree))
        lines = [
            "concordant.contract/v1",
            tree["deployment"],
            tree["name"],
            tree["version"],
            " ".join(map(b64, (sha256(raw), *documents))),
            " ".join(map(b64, previous)) or "-",
            format_json(said).decode(),
        ]
        change(lines)
        text = "".join(f"{line}\n" for line in lines).encode()
        pair = governance.note_signers()
        found[governance.agency] = format_note(sign_note(text, [pair[key] for key in keys]))
    return found


def _previous(tree: Tree) -> list[str]:
    return [one for one in tree.get("previous") or [] if len(one) == 64]


def bent_note(note: bytes, line: int) -> bytes:
    """The note with the last byte of one signature turned."""
    parsed = parse_note(note)
    bent = tuple(
        SignatureLine(each.name, each.key_id, each.signature[:-1] + bytes([each.signature[-1] ^ 1]))
        if index == line
        else each
        for index, each in enumerate(parsed.signatures)
    )
    return format_note(Note(parsed.text, bent))


def signed(tree: Tree, signers: Sequence[Member], raw: bytes | None = None) -> SignedContract:
    """A contract that a reader takes, signed by these."""
    raw = raw or text_of(tree)
    return verify_contract(
        parse_contract(raw, "contract.yaml"), notes_of(tree, raw, signers).values()
    )


def small_agreement(members: Sequence[Member]) -> Tree:
    """An agreement between the four with two types of a few leaves, for what is not about them."""
    three = ("police", "council", "support")
    everyone = ("police", "prosecution", "council", "support")
    lawyers = ("police", "prosecution")
    required = {"required": True}
    made = {
        "case_id": field(three, **required),
        "referral_id": field(three, **required),
        "requested_service": field(three, **required),
        "urgency": field(three),
        "victim.tenure": field(("council", "support")),
        "victim.needs": field(("police", "support")),
    }
    case = {
        "case_id": field(everyone, **required),
        "case_status": field(everyone),
        "plea": field(lawyers, senders=list(lawyers)),
        "civil_measures": field(three),
    }
    types = {
        "referral.made": event_type(everyone, three, made),
        "case.updated": event_type(("police", "prosecution", "council"), everyone, case, topic="b"),
    }
    topics = {"a": {"partitions": 6}, "b": {"partitions": 6}}
    return terms("london-small", members, types, topics=topics)
