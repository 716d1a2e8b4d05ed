"""The console script, where all commands are mounted."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Final

import typer
from typer.exceptions import TyperException

from adapters import cli as adapter_cli
from adapters import mapping_cli, tryout
from adapters.erase import erase
from adapters.web import cli as web_cli
from broker.cli import (
    agency,
    bundle,
    conformance,
    contract,
    contract_answers,
    contract_comparison,
    contract_export,
    contract_law,
    directory,
    doctor,
    drafting,
    event,
    figures,
    figures_check,
    kafka,
    kafka_authority,
    keys,
    log,
    new_agreement,
    partnership,
    ping,
    quarantine,
    queues,
    status,
    stopping,
    vocabulary,
    watching,
)
from broker.codes.meanings import next_step
from broker.errors import ConfigError
from concordant import __version__
from contracts.errors import ConcordantError

USAGE: Final = 2
INTERRUPTED: Final = 130
"""128 plus the number of SIGINT, as in shells."""

app = typer.Typer(
    name="concordant",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Share what was agreed, with whom it was agreed, and be able to prove it.",
    epilog="Exit codes: 0 done, 1 the answer is no, 2 usage, 3 the environment is at fault, "
    "4 part of the input was refused.",
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"concordant {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    pass


app.add_typer(agency.app, name="agency")
app.add_typer(bundle.app, name="bundle")
event.app.command("ping")(ping.ping)
app.add_typer(event.app, name="event")
contract.app.command("new")(new_agreement.new)
contract.app.command("draft")(drafting.draft)
contract.app.command("revise")(drafting.revise)
contract.app.command("status")(drafting.status)
contract.app.command("suspend")(stopping.suspend)
contract.app.command("resume")(stopping.resume)
contract.app.command("leave")(stopping.leave)
contract.app.command("diff")(contract_comparison.diff)
contract.app.command("breaking")(contract_comparison.breaking)
contract.app.command("simulate")(contract_answers.simulate)
contract.app.command("who")(contract_answers.who)
contract.app.command("calendar")(contract_answers.calendar)
contract.app.command("law")(contract_law.law)
contract.app.command("types")(contract_export.types)
contract.app.add_typer(contract_export.app, name="export")
app.add_typer(contract.app, name="contract")
app.add_typer(directory.app, name="directory")
app.add_typer(partnership.app, name="partnership")
app.command("figures")(figures.figures)
app.command("figures-check")(figures_check.figures_check)
app.add_typer(vocabulary.app, name="vocabulary")
app.add_typer(adapter_cli.app, name="adapter")
app.add_typer(mapping_cli.app, name="mapping")
app.command("subscribe")(adapter_cli.subscribe)
app.add_typer(keys.app, name="keys")
log.app.command("erase")(erase)
app.add_typer(log.app, name="log")
app.add_typer(queues.outbox, name="outbox")
app.add_typer(queues.inbox, name="inbox")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(status.app, name="status")
app.command("tail")(watching.tail)
app.command("top")(watching.top)
app.add_typer(doctor.app, name="doctor")
kafka.app.add_typer(kafka_authority.app, name="authority")
app.add_typer(kafka.app, name="kafka")
app.command("conformance")(conformance.conformance)
app.add_typer(web_cli.app, name="web")
tryout.add_commands(app)


def main() -> None:
    """Run the command; print an error as one clear sentence and set the exit code."""
    os.umask(0o077)  # only this account may read files that a command or Kafka writes
    try:
        code = app(prog_name="concordant", standalone_mode=False)
    except ConcordantError as error:
        error.fix = next_step(error)
        sys.stderr.write(error.diagnostics() + "\n")
        sys.exit(error.exit_code)
    except TyperException as error:  # wrong usage: typer says what was expected
        # typer adds pydantic's words for its kind of error to a wrong choice
        error.message = error.message.removeprefix("Value error, ")
        error.show()  # type: ignore[attr-defined]  # every one is click's, as typer carries it
        sys.exit(USAGE)
    except BrokenPipeError:
        _discard_output()
        sys.exit(0)
    except SystemExit as ended:  # typer does this when the reader of the output closed it
        if not isinstance(ended.__context__, BrokenPipeError):
            raise
        _discard_output()
        sys.exit(0)
    # a file was moved, damaged or is not readable: any command can meet this
    except OSError as error:
        found = _file_unusable(error)
        sys.stderr.write(found.diagnostics() + "\n")
        sys.exit(found.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


def _discard_output() -> None:
    """Drop buffered output after its reader closed the pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _file_unusable(error: OSError) -> ConfigError:
    return ConfigError(
        f"A file or folder cannot be used ({error.strerror or type(error).__name__}).",
        code="file_unusable",
        where=None if error.filename is None else os.fsdecode(error.filename),
        fix="Check that it exists, its owner, its permissions and the free disk space.",
    )


if __name__ == "__main__":
    main()
