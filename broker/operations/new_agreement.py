"""First draft of an agreement's terms: from other terms, or from a vocabulary and answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, get_args

from broker.errors import WrongInputError
from broker.operations.contract_draft import terms_of, write_new
from broker.operations.vocabulary_files import vocabulary_of
from contracts.findings import Finding
from contracts.legal_codes import KINDS, LegalKind, PartyKind
from contracts.lint import lint_text
from contracts.loading import ContractText, documents_beside, parse_draft
from contracts.names import suggestion
from contracts.new_terms import AgreementOutline, NewRole, new_terms, suited_codes
from contracts.revision import with_values
from contracts.vocabulary import Vocabulary

_ID: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
PARTY_KINDS: Final[tuple[PartyKind, ...]] = get_args(PartyKind)


@dataclass(frozen=True, slots=True)
class NewTerms:
    """Terms that were written, and what lint finds in them."""

    text: ContractText
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> int:
        """Return the number of errors that have to be corrected."""
        return sum(one.severity == "error" for one in self.findings)

    @property
    def open_places(self) -> int:
        """Return the number of places where only people can decide what stands there."""
        return sum(one.rule == "placeholder" for one in self.findings)


def role_of_words(words: str) -> tuple[str, NewRole]:
    """Return a role from `ID=KIND,TEXT`.

    Raises:
        WrongInputError: `option_invalid`.
    """
    name, equals, rest = words.partition("=")
    kind, comma, text = rest.partition(",")
    kinds: dict[str, PartyKind] = {one: one for one in PARTY_KINDS}
    if not (equals and comma and _ID.fullmatch(name) and kind.strip() in kinds and text.strip()):
        raise _wrong("--role", f"ID=KIND,TEXT, and KIND is one of {', '.join(PARTY_KINDS)}")
    return name, NewRole(text.strip(), kinds[kind.strip()])


def purpose_of_words(words: str) -> tuple[str, str]:
    """Return a purpose from `ID=TEXT`.

    Raises:
        WrongInputError: `option_invalid`.
    """
    name, equals, text = words.partition("=")
    if not (equals and _ID.fullmatch(name) and text.strip()):
        raise _wrong("--purpose", "ID=TEXT, for example advise=Advise a tenant")
    return name, text.strip()


def with_law(roles: dict[str, NewRole], choices: Iterable[str]) -> dict[str, NewRole]:
    """Return roles with the chosen codes of law.

    Args:
        roles: the roles so far.
        choices: each `ROLE:KIND=CODE`, with semicolons between several codes; without a code, the
            role needs none of this kind.

    Raises:
        WrongInputError: `option_invalid`: a role, a kind or a code that the role may not rely on.
    """
    found = dict(roles)
    for words in choices:
        left, equals, codes = words.partition("=")
        name, _, kind_name = left.partition(":")
        kinds: dict[str, LegalKind] = {one: one for one in KINDS}
        role, kind = found.get(name), kinds.get(kind_name)
        if role is None or kind is None or not equals:
            raise _wrong(
                "--law",
                f"ROLE:KIND=CODE; roles are {', '.join(found)}; kinds are {', '.join(KINDS)}",
            )
        known = dict(suited_codes(kind, role))
        for code in filter(None, map(str.strip, codes.split(";"))):
            if code not in known:
                raise _wrong("--law", f"a code on which {name} may rely. {suggestion(code, known)}")
        found[name] = NewRole(role.text, role.kind, {**role.law, kind: codes})
    return found


def write_terms(
    vocabulary: str, outline: AgreementOutline, values: Mapping[str, str], out: Path, today: date
) -> NewTerms:
    """Write the terms of a new agreement, and its vocabulary beside it if it is your own.

    Args:
        vocabulary: a file, or the name of a vocabulary of the software.
        outline: the answers.
        values: dotted path -> text that stands there instead.
        out: the file to write; it must not exist.
        today: date of the version record.

    Raises:
        WrongInputError: `option_missing`, `option_invalid`, `vocabulary_unknown`, `output_exists`.
        UnknownNameError: `field_unknown`: a path of `values` names nothing.
        ConfigError: `output_unwritable`, `file_unusable`.
        ContractError: `vocabulary_invalid`, `contract_invalid`.
    """
    if len(outline.roles) < 1 or not outline.purposes:
        raise WrongInputError(
            "An agreement needs a role and a purpose.",
            code="option_missing",
            where="--role, --purpose",
            fix="Give each role with --role, and each purpose with --purpose.",
        )
    require_name(outline.name)
    words = vocabulary_of(vocabulary)
    mine = Path(vocabulary)
    own = (words, mine.read_bytes()) if mine.is_file() else None
    return _written(new_terms(words, outline, today), values, own, out, today)


def copy_terms(terms: str, values: Mapping[str, str], out: Path, today: date) -> NewTerms:
    """Write terms that begin as a copy of other terms, and their vocabulary beside them.

    Args:
        terms: the name of shipped terms, or a file.
        values: dotted path -> text that stands there instead.
        out: the file to write; it must not exist.
        today: day of the checks.

    Raises:
        WrongInputError: `terms_unknown`, `option_invalid`, `output_exists`.
        UnknownNameError: `field_unknown`: a path of `values` names nothing.
        ConfigError: `output_unwritable`.
        ContractError: `contract_invalid`.
    """
    text = terms_of(terms)
    if "name" in values:
        require_name(values["name"])
    words = parse_draft(text.encode(), terms, documents_beside(Path(terms))).contract.vocabulary
    beside = Path(terms).with_name(f"{words.form.vocabulary}.vocabulary.yaml")
    own = (words, beside.read_bytes()) if beside.is_file() else None
    return _written(text, values, own, out, today)


def require_name(name: str) -> None:
    """Check the name of an agreement.

    Raises:
        WrongInputError: `option_invalid`.
    """
    if not _ID.fullmatch(name):
        raise _wrong("--name", "lower-case letters, digits and hyphens, a letter first")


def _written(
    text: str,
    values: Mapping[str, str],
    own: tuple[Vocabulary, bytes] | None,
    out: Path,
    today: date,
) -> NewTerms:
    """Write checked terms, and beside them the vocabulary of one's own, by which they are read."""
    raw = with_values(text, values).encode()
    if own is not None:
        beside = out.parent / f"{own[0].form.vocabulary}.vocabulary.yaml"
        if not beside.exists():
            write_new(beside, own[1])
    parsed = parse_draft(raw, str(out), documents_beside(out))
    write_new(out, raw)
    found = sorted(lint_text(parsed, today), key=lambda one: one.severity != "error")
    return NewTerms(parsed, tuple(found))


def _wrong(option: str, form: str) -> WrongInputError:
    return WrongInputError(
        "The value cannot be used.",
        code="option_invalid",
        where=option,
        fix=f"Give {form}.",
    )
