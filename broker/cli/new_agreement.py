"""``contract new``: the first draft of an agreement's terms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from broker.cli.output import ask_text, note, number_of, print_text
from broker.errors import WrongInputError
from contracts.errors import ConcordantError

if TYPE_CHECKING:
    from broker.operations.new_agreement import NewTerms
    from contracts.legal_codes import PartyKind
    from contracts.new_terms import NewRole

AnswerT = TypeVar("AnswerT")

_ATTEMPTS = 3
"""Times that a question is asked again after an answer that cannot be used."""
_KINDS: tuple[tuple[PartyKind, str], ...] = (
    ("competent-authority", "it works for law enforcement (Part 3 of the Data Protection Act "
     "2018), for example a police force"),
    ("public-authority", "another public body, for example a council or an NHS body"),
    ("other", "any other body, for example a charity"),
)  # fmt: skip


def new(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file to write.")],
    terms: Annotated[
        str | None,
        typer.Option(
            "--terms",
            metavar="NAME|FILE",
            help="Begin with a copy of these terms: of the software by NAME, or a file.",
        ),
    ] = None,
    vocabulary: Annotated[
        str | None,
        typer.Option(
            "--vocabulary", metavar="NAME|FILE", help="Begin with a vocabulary: `vocabulary show`."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="For example housing-advice.")
    ] = None,
    title: Annotated[
        str | None, typer.Option("--title", metavar="TEXT", help="One line for people.")
    ] = None,
    summary: Annotated[
        str | None,
        typer.Option("--summary", metavar="TEXT", help="What is shared and why, one paragraph."),
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(
            "--role",
            metavar="ID=KIND,TEXT",
            help="A role. KIND: competent-authority, public-authority or other.",
        ),
    ] = None,
    purpose: Annotated[
        list[str] | None,
        typer.Option("--purpose", metavar="ID=TEXT", help="A purpose of the sharing."),
    ] = None,
    law: Annotated[
        list[str] | None,
        typer.Option(
            "--law",
            metavar="ROLE:KIND=CODE",
            help="A basis, condition or gateway of a role; `contract law` lists them. KIND: bases, "
            "article_9, article_10, schedule_1, schedule_8 or gateways.",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="A value to write, by its path. A list has commas between its items.",
        ),
    ] = None,
) -> None:
    """Write the first draft of an agreement's terms, from other terms or from a vocabulary.

    With --terms, the draft is a copy of terms that exist. With --vocabulary, the draft has every
    field of the vocabulary, read by every role, and TBC where only people can decide. On a terminal
    the command asks for what is missing, and shows the codes of law from which to choose. `contract
    lint` lists what is still open.
    """
    from datetime import UTC, datetime

    from broker.cli.drafting import given_values
    from broker.operations.new_agreement import copy_terms, write_terms
    from contracts.new_terms import AgreementOutline

    today = datetime.now(UTC).date()
    values = given_values(set_)
    if terms is not None:
        if vocabulary is not None or role or purpose or law:
            raise WrongInputError(
                "Terms have a vocabulary, roles, purposes and law already.",
                code="option_invalid",
                where="--terms",
                fix="Give --terms alone, and change values with --set; or give --vocabulary.",
            )
        lines = {"name": name, "title": title, "summary": summary}
        values = {key: text for key, text in lines.items() if text is not None} | values
        made = copy_terms(terms, values, out, today)
    else:
        _require_answers(
            {"--vocabulary": vocabulary, "--name": name, "--title": title, "--summary": summary,
             "--role": role, "--purpose": purpose}
        )  # fmt: skip
        words = vocabulary or _until(_subjects(), "--vocabulary", _vocabulary)
        own = name or _until("Name of the agreement, for example housing-advice:", "--name", _name)
        line = title or _until("Title, one line for people:", "--title", str)
        about = summary or _until("What is shared and why, in one paragraph:", "--summary", str)
        roles = _given_roles(role) if role else _asked_roles()
        purposes = _given_purposes(purpose) if purpose else _asked_purposes()
        roles = _with_law(roles, law)
        made = write_terms(
            words, AgreementOutline(own, line, about, roles, purposes), values, out, today
        )
    print_text(f"{out}\n")
    note(_still_open(made, out))


def _still_open(made: NewTerms, out: Path) -> str:
    places, others = made.open_places, made.errors - made.open_places
    if not made.errors:
        return (
            "contract lint finds no error. When all parties have sent their entries: "
            f"concordant contract draft --terms {out}"
        )
    parts = [f"{number_of(places, 'place')} with TBC to write"] if places else []
    parts += [f"{number_of(others, 'other error')} to correct"] if others else []
    return f"{' and '.join(parts)}. They are listed by: concordant contract lint {out}"


def _require_answers(given: dict[str, object]) -> None:
    """Check that each answer is given, or can be asked for on a terminal; name all that miss."""
    import sys

    missing = [option for option, value in given.items() if not value]
    if missing and (sys.stdin is None or not sys.stdin.isatty()):
        alone = "--vocabulary" in missing
        raise WrongInputError(
            "Values are missing.",
            code="option_missing",
            where=", ".join(missing),
            fix="Give these options, or answer on a terminal."
            + (" Or begin with terms that exist: --terms NAME." if alone else ""),
        )


def _until(question: str, option: str, read: Callable[[str], AnswerT]) -> AnswerT:
    """Ask until the answer can be used; the answers before are kept.

    Raises:
        WrongInputError: `option_missing`: no answer; or the third answer cannot be used either.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        answer = ask_text(question)
        if answer is None:
            break
        try:
            return read(answer)
        except ConcordantError as error:
            if attempt == _ATTEMPTS:
                raise
            note(f"{error.detail} {error.fix or ''}")
    raise WrongInputError(
        "A value is missing.",
        code="option_missing",
        where=option,
        fix=f"Give {option}, or answer on a terminal.",
    )


# --- the subject ----------------------------------------------------------------------------------


def _subjects() -> str:
    from broker.operations.vocabulary_files import shipped_vocabularies

    lines = [
        f"  {at}. {one.form.vocabulary}: {one.form.title}"
        for at, one in enumerate(shipped_vocabularies(), 1)
    ]
    return "\n".join(
        ["Which vocabulary? Give a number, or the path of a file of your own:", *lines]
    )


def _vocabulary(answer: str) -> str:
    from broker.operations.vocabulary_files import shipped_vocabularies, vocabulary_of

    names = [one.form.vocabulary for one in shipped_vocabularies()]
    chosen = (
        names[int(answer) - 1] if answer.isdecimal() and 0 < int(answer) <= len(names) else answer
    )
    vocabulary_of(chosen)
    return chosen


def _name(answer: str) -> str:
    from broker.operations.new_agreement import require_name

    require_name(answer)
    return answer


# --- roles and purposes ---------------------------------------------------------------------------


def _given_roles(texts: list[str]) -> dict[str, NewRole]:
    from broker.operations.new_agreement import role_of_words

    return dict(map(role_of_words, texts))


def _given_purposes(texts: list[str]) -> dict[str, str]:
    from broker.operations.new_agreement import purpose_of_words

    return dict(map(purpose_of_words, texts))


def _asked_roles() -> dict[str, NewRole]:
    from contracts.new_terms import NewRole

    kinds = [f"  {at}. {kind}: {text}" for at, (kind, text) in enumerate(_KINDS, 1)]
    found: dict[str, NewRole] = {}
    for name in _names("A role that agencies play, in one word, for example council:", "--role"):
        kind = _until(
            "\n".join([f"Which kind of body is {name}? Give a number:", *kinds]), "--role", _kind
        )
        found[name] = NewRole(_until(f"Who is {name}, in one sentence:", "--role", str), kind)
    return found


def _asked_purposes() -> dict[str, str]:
    question = "A purpose of the sharing, in one word, for example protect:"
    return {
        name: _until(f"Purpose {name}, in one sentence:", "--purpose", str)
        for name in _names(question, "--purpose")
    }


def _names(question: str, option: str) -> Iterator[str]:
    """Yield names, the first of which is needed, until an empty line."""
    yield _until(question, option, _name)
    while (more := ask_text("Another one? An empty line ends the list.")) is not None:
        try:
            yield _name(more)
        except WrongInputError as error:
            note(f"{error.detail} {error.fix or ''}")


def _kind(answer: str) -> PartyKind:
    found = {str(at): kind for at, (kind, _text) in enumerate(_KINDS, 1)}
    found |= {kind: kind for kind, _text in _KINDS}
    if answer not in found:
        raise WrongInputError(
            "This is no number of the list.",
            code="option_invalid",
            where="--role",
            fix=f"Give a number from 1 to {len(_KINDS)}.",
        )
    return found[answer]


# --- law ------------------------------------------------------------------------------------------


def _with_law(roles: dict[str, NewRole], law: list[str] | None) -> dict[str, NewRole]:
    from broker.operations.new_agreement import with_law

    return with_law(roles, law if law is not None else _choose(roles))


def _choose(roles: dict[str, NewRole]) -> list[str]:
    """Ask for the law of each role by number; nothing is chosen without a terminal."""
    from contracts.legal_codes import KIND_WORDS
    from contracts.new_terms import CONDITIONS, suited_codes

    chosen: list[str] = []
    for name, role in roles.items():
        for kind in CONDITIONS[role.regime]:
            codes = suited_codes(kind, role)
            lines = [f"  {at}. {code}: {label}" for at, (code, label) in enumerate(codes, 1)]
            question = "\n".join(
                [f"{name}, {KIND_WORDS[kind]}: numbers with commas between them, or an empty line "
                 "to decide later.", *lines]
            )  # fmt: skip
            picked = _picked_codes(question, codes)
            if picked:
                chosen.append(f"{name}:{kind}={'; '.join(picked)}")
    return chosen


def _picked_codes(question: str, codes: tuple[tuple[str, str], ...]) -> list[str]:
    for _ in range(_ATTEMPTS):
        answer = ask_text(question)
        if answer is None:
            return []
        numbers = [one.strip() for one in answer.split(",")]
        if all(one.isdecimal() and 0 < int(one) <= len(codes) for one in numbers):
            return [codes[int(one) - 1][0] for one in numbers]
        note(f"This is no number of the list. Give numbers from 1 to {len(codes)}.")
    return []
