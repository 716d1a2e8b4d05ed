"""``contract new``: the first draft of an agreement's terms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.output import asked, note, number_of, print_text
from broker.errors import WrongInputError

if TYPE_CHECKING:
    from contracts.new_terms import NewRole

_END = "An empty line ends the list."


def new(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file to write.")],
    vocabulary: Annotated[
        str | None,
        typer.Option("--vocabulary", metavar="NAME|FILE", help="See `vocabulary show`."),
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
            help="A basis, condition or gateway of a role. KIND: bases, article_9, article_10, "
            "schedule_1, schedule_8 or gateways.",
        ),
    ] = None,
) -> None:
    """Write the first draft of an agreement's terms from a vocabulary.

    On a terminal it asks for what is missing, and shows the codes of law from which to choose.
    Without a terminal, give options. The draft has every field of the vocabulary, read by every
    role, and TBC where only people can decide. `contract lint` lists what is still open.
    """
    from datetime import UTC, datetime

    from broker.operations.new_agreement import (
        purpose_of_words,
        role_of_words,
        with_law,
        write_terms,
    )
    from contracts.new_terms import Outline

    words = _answer(vocabulary, "--vocabulary", "Which vocabulary? A name or a file:")
    own = _answer(name, "--name", "Name of the agreement, for example housing-advice:")
    line = _answer(title, "--title", "Title, one line for people:")
    about = _answer(summary, "--summary", "What is shared and why, in one paragraph:")
    roles = dict(
        map(role_of_words, role or _list("A role, as ID=KIND,TEXT (competent-authority, "
                                         "public-authority, other):", "--role"))
    )  # fmt: skip
    purposes = dict(map(purpose_of_words, purpose or _list("A purpose, as ID=TEXT:", "--purpose")))
    roles = with_law(roles, law if law is not None else _choose(roles))
    made = write_terms(
        words, Outline(own, line, about, roles, purposes), out, datetime.now(UTC).date()
    )
    print_text(f"{out}\n")
    errors = sum(one.severity == "error" for one in made.findings)
    note(
        f"{number_of(errors, 'error')} to correct before it can be signed. They are listed by: "
        f"concordant contract lint {out}"
    )


def _answer(given: str | None, option: str, question: str) -> str:
    answer = given or asked(question)
    if answer is None:
        raise WrongInputError(
            "A value is missing.",
            code="option_missing",
            where=option,
            fix=f"Give {option}, or answer on a terminal.",
        )
    return answer


def _list(question: str, option: str) -> list[str]:
    """Ask for values until an empty line."""
    found = [_answer(None, option, question)]
    while (more := asked(f"Another one? {_END}")) is not None:
        found.append(more)
    return found


def _choose(roles: dict[str, NewRole]) -> list[str]:
    """Ask for the law of each role by number; nothing is chosen without a terminal."""
    from contracts.new_terms import CONDITIONS, suited_codes

    chosen: list[str] = []
    for name, role in roles.items():
        for kind in CONDITIONS[role.regime]:
            codes = suited_codes(kind, role)
            lines = [f"  {at}. {code}: {label}" for at, (code, label) in enumerate(codes, 1)]
            question = f"{name}, {kind}: numbers with commas between them, or an empty line."
            answer = asked("\n".join([question, *lines]))
            if answer is not None:
                chosen.append(f"{name}:{kind}={'; '.join(_picked(answer, codes))}")
    return chosen


def _picked(answer: str, codes: tuple[tuple[str, str], ...]) -> list[str]:
    try:
        return [codes[int(one) - 1][0] for one in answer.split(",")]
    except (ValueError, IndexError):
        raise WrongInputError(
            "This is no number of the list.",
            code="option_invalid",
            where="--law",
            fix="Give numbers of the list, with commas between them, or an empty line.",
        ) from None
