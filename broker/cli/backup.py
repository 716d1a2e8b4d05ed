"""Commands `concordant agency backup` and `concordant agency restore`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from broker.cli.output import Agency, AsJson, print_json, print_text
from broker.errors import WrongInputError
from broker.keys.passphrase import PassphraseSource

PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", metavar="FILE", help="File that holds the passphrase of the backup."
    ),
]
PassphraseEnvironment = Annotated[
    str | None,
    typer.Option(
        "--passphrase-environment",
        metavar="VARIABLE",
        help="Environment variable that holds the passphrase of the backup.",
    ),
]


def backup(
    agency: Agency,
    to: Annotated[
        Path,
        typer.Option("--to", metavar="FILE", help="The backup; a file that does not exist."),
    ],
    passphrase_file: PassphraseFile = None,
    passphrase_environment: PassphraseEnvironment = None,
    json: AsJson = False,
) -> None:
    """Write this agency into one encrypted file, and read it back.

    The adapter may run. The backup has the passphrase of the key files, unless another is given.
    The passphrase itself and the governance keys are not in it: keep them elsewhere.
    """
    from broker.cli import backup_text as text
    from broker.clock import now_ms
    from broker.operations.agency_backup import back_up

    source = _source(passphrase_file, passphrase_environment)
    facts = back_up(agency, to, now_ms, source)
    if json:
        print_json(text.facts_json(facts, to))
    else:
        print_text(text.backup_text(facts, to))


def restore_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")],
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The agency's folder; absent or empty.")
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Verify the backup; write nothing.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    passphrase_environment: PassphraseEnvironment = None,
    json: AsJson = False,
) -> None:
    """Restore an agency from its backup, and say what is lost since and how to recover it.

    Verifies the whole backup before it writes. Give the same command again to finish a restore that
    was interrupted. Asks for the passphrase on a terminal; otherwise name its file or variable.
    """
    from broker.cli import backup_text as text
    from broker.clock import now_ms
    from broker.keys.passphrase import load_passphrase
    from broker.operations.agency_restore import check_backup, restore

    source = _source(passphrase_file, passphrase_environment)
    passphrase = _asked() if source is None else load_passphrase(source)
    if check:
        facts = check_backup(file, passphrase)
        if json:
            print_json(text.facts_json(facts, file))
        else:
            print_text(text.backup_check_text(facts, file))
        return
    restored = restore(file, directory, passphrase, now_ms())
    if json:
        print_json(text.restored_json(restored, file))
    else:
        print_text(text.restored_text(restored))


def _source(file: Path | None, environment: str | None) -> PassphraseSource | None:
    if file is not None and environment is not None:
        raise WrongInputError(
            "Two places of the passphrase are given.",
            code="option_invalid",
            where="--passphrase-file, --passphrase-environment",
            fix="Give one of them.",
        )
    if file is None and environment is None:
        return None
    return PassphraseSource(file=file, environment=environment)


def _asked() -> bytes:
    if sys.stdin is None or not sys.stdin.isatty():
        raise WrongInputError(
            "The passphrase of the backup is missing.",
            code="option_missing",
            where="--passphrase-file",
            fix="Give --passphrase-file FILE or --passphrase-environment VARIABLE.",
        )
    entered: str = typer.prompt("Passphrase of the backup", hide_input=True, err=True)
    return entered.encode("utf-8", "surrogateescape")
