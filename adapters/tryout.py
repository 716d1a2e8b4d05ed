"""Placeholders for the commands `demo`, `quickstart` and `sandbox` of `concordant-demo`.

Those commands run fictitious agencies with all keys on one machine, so they are not installed
beside real data. Without that distribution, each command says how to get it.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

import typer

from broker.errors import WrongInputError

COMMANDS: Final = {
    "demo": "Play the main job with seven fictitious agencies (package concordant-demo).",
    "quickstart": "Make a partnership to try things out with (package concordant-demo).",
    "sandbox": "Rehearse with simulated partners (package concordant-demo).",
}


def add_commands(app: typer.Typer) -> None:
    """Add the commands, or in their place a refusal that names the package to install."""
    if find_spec("adapters.demo") is not None:
        from adapters.demo import cli
        from adapters.sandbox import cli as sandbox_cli

        app.command("demo")(cli.demo)
        app.command("quickstart")(cli.quickstart)
        app.command("sandbox")(sandbox_cli.sandbox)
        return
    for name, summary in COMMANDS.items():
        app.command(
            name,
            help=summary,
            context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        )(_refuse)


def _refuse(context: typer.Context) -> None:
    raise WrongInputError(
        f"The command {context.info_name} is in a separate package, which is not installed.",
        code="demo_missing",
        where=context.info_name,
        fix="Install it on a machine without real data: pip install concordant-demo",
    )
