"""Vectors of entries: `python -m tests.support.entry_vectors` writes them anew, with new keys.

A case names an entry, what is replaced in it, how many letters `A` follow (`more`), when and for
which deployment it is read, and the code of the refusal, or the words of the fingerprint.
`tests/conformance/test_entries.py` gives the cases to this software and to the second reader. Every
key is a test key.
"""

from __future__ import annotations

import json
import tempfile
from base64 import b64encode
from pathlib import Path
from typing import Any, Final

from broker.keys.governance import GovernanceSigner
from broker.keys.signed_document import document_text
from broker.operations.agency_entry import write_entry
from broker.operations.officer_delegations import (
    finish_delegation,
    review_delegation,
    sign_delegation,
)
from broker.operations.officers import add_officers, new_officer
from broker.partnership.entry import HEADER, Entry, verify_entry
from broker.tlog.note import format_note, sign_note
from broker.transport.certificates import certificate_request, new_private_key
from contracts.durations import DAY_MS, MINUTE_MS
from tests.support.founding import NOW, cheap_scrypt, found

FILE: Final = Path(__file__).resolve().parents[1] / "conformance" / "entry_vectors.json"
DEPLOYMENT: Final = "pan-camden"
AGENCY: Final = "csu-camden"
OFFICES: Final = ("chief", "deputy", "siro")


def with_officers(root: Path) -> bytes:
    """The entry of an agency with three officers."""
    found(root / "chief", AGENCY, deployment=DEPLOYMENT)
    (root / "passphrase").write_text("another horse\n")
    for office in OFFICES[1:]:
        new_officer(
            root / office, agency=AGENCY, deployment=DEPLOYMENT, officer=office,
            passphrase_file=root / "passphrase", now=NOW,
        )  # fmt: skip
    files = {one: root / one / "officers" / f"{one}.officer" for one in OFFICES}
    added = add_officers(root / "chief", [files[one] for one in OFFICES[1:]], OFFICES[0], NOW)
    for office in OFFICES[1:]:
        others = [files[one] for one in OFFICES if one != office]
        add_officers(root / office, others, None, NOW)
    assert added.proposed is not None
    signed = root / "signed.delegation"
    sign_delegation(review_delegation(root / "deputy", added.proposed, NOW), signed)
    finish_delegation(root / "chief", signed, NOW)
    write_entry(root / "chief", root / "officers.entry", NOW)
    return (root / "officers.entry").read_bytes()


def signed_again(signer: GovernanceSigner, entry: Entry, **changed: str) -> str:
    """An entry that says something else, under the agency's own signatures."""
    text = document_text(HEADER, entry.deployment, entry.model_copy(update=changed))
    return format_note(sign_note(text, signer.note_signers())).decode()


def edits_between(before: str, after: str) -> list[list[str]]:
    """Replacements that make one text of the other: the JSON's difference, and the signatures."""
    head, _, lines = before.rpartition("\n\n")
    other, _, other_lines = after.rpartition("\n\n")
    first = next(at for at, (a, b) in enumerate(zip(head, other, strict=False)) if a != b)
    last = next(
        at for at, (a, b) in enumerate(zip(reversed(head), reversed(other), strict=False)) if a != b
    )
    last = min(last, len(head) - first, len(other) - first)
    first = max(0, first - 40)  # enough around it to be in the text once
    edits = [[head[first : len(head) - last], other[first : len(other) - last]]]
    return edits + [
        [a, b] for a, b in zip(lines.splitlines(), other_lines.splitlines(), strict=True)
    ]


def vectors() -> dict[str, Any]:
    """The entries and all cases."""
    with tempfile.TemporaryDirectory() as folder, cheap_scrypt():
        root = Path(folder)
        founded = found(root / "pair", AGENCY, deployment=DEPLOYMENT)
        raw, officers = founded.entry.raw.decode(), with_officers(root).decode()
    signer, entry = founded.governance, founded.entry.entry
    assert signer is not None
    pair = entry.governance.pairs[None]
    cases: list[dict[str, Any]] = []

    def case(
        name: str, code: str | None, *edits: list[str], of: str = "pair", **given: Any
    ) -> None:
        text = {"pair": raw, "officers": officers}[of]
        for old, new in edits:
            assert text.count(old) == 1, (name, text.count(old))
            text = text.replace(old, new)
        told = {"now": NOW, "deployment": DEPLOYMENT, "more": 0, **given}
        expected: dict[str, Any] = {"code": code}
        if code is None:
            told_now, at = told["now"], told["deployment"]
            words = verify_entry(text.encode(), now=told_now, deployment=at).words
            expected["words"] = list(words)
        cases.append({"name": name, "entry": of, "edits": list(edits), **told, **expected})

    def again(name: str, code: str, **changed: str) -> None:
        case(name, code, *edits_between(raw, signed_again(signer, entry, **changed)))

    proof = b64encode(pair.ed25519_possession).decode()
    other_proof = b64encode(bytes([pair.ed25519_possession[0] ^ 1]) + pair.ed25519_possession[1:])
    public, small = b64encode(pair.ed25519).decode(), b64encode(b"\1" + bytes(31)).decode()
    line, second = raw.rstrip("\n").split("\n")[-2:]
    case("one pair", None)
    case("officers", None, of="officers")
    case("any deployment", None, deployment=None)
    case("at the last millisecond", None, now=NOW - 5 * MINUTE_MS)
    case("of another deployment", "entry_foreign", deployment="pan-kent")
    case("early", "entry_early", now=NOW - 5 * MINUTE_MS - 1)
    case("the delegation has ended", "delegation_expired", now=NOW + 401 * DAY_MS)
    case("another name", "entry_signature_invalid", ["The body of", "The bodY of"])
    case("another name, officers", "entry_signature_invalid", ["The body of", "The bodY of"],
         of="officers")  # fmt: skip
    case("a member more", "entry_malformed", ['"governance":{"ed', '"extra":"x","governance":{"ed'])
    case("a space", "entry_malformed", ['"issued":', '"issued": '])
    case("a hidden character", "entry_malformed", ["The body of", "The\u200b body of"])
    case("a space at the end", "entry_malformed", ["The body of csu-camden", "The body of "])
    case("an agency in capitals", "entry_malformed", ['{"agency":"csu-camden","cert',
                                                      '{"agency":"CSU-camden","cert'])  # fmt: skip
    case("another header", "entry_malformed", ["concordant.entry/v1", "concordant.entry/v2"])
    case("a line less", "entry_malformed", [f"{second}\n", ""])
    case("the lines exchanged", "entry_signature_invalid", [line, "LINE"], [second, line],
         ["LINE", second])  # fmt: skip
    case("no proof", "possession_invalid", [proof, other_proof.decode()])
    case("a key of small order", "key_small_order", [public, small])
    case("too large", "entry_too_large", more=262_144)
    request = certificate_request(new_private_key(), "cps-london").decode()
    again("a request for another id", "certificate_request_invalid", certificate_request=request)
    again("an altered delegation", "delegation_signature_invalid",
          delegation=_other_last_signature(entry.delegation))  # fmt: skip
    again("an altered manifest", "manifest_signature_invalid",
          manifest=_other_last_signature(entry.manifest))  # fmt: skip
    return {"entries": {"pair": raw, "officers": officers}, "cases": cases}


def _other_last_signature(note: str) -> str:
    """A note whose last signature has another character near its middle."""
    at = len(note) - 400
    return f"{note[:at]}{'A' if note[at] != 'A' else 'B'}{note[at + 1 :]}"


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), ensure_ascii=False, indent=1) + "\n", "utf-8")
