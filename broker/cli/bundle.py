"""Commands ``concordant bundle``: one file that agencies pass round until all have signed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from broker.cli.output import Agency, AsJson, note, print_json, print_text

app = typer.Typer(
    no_args_is_help=True,
    help="Pass round agreements, signatures, entries and manifests as one file.",
)


@app.command("add")
def add(
    agency: Agency,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE|FOLDER...", help="Bundles, entries and agreements, or a folder of them."
        ),
    ],
    json: AsJson = False,
) -> None:
    """Add files of other agencies to this agency's folder, after every check.

    May be repeated, in any order. Shows what is new, who has signed and who is missing. If one file
    is refused (exit code 4), nothing is changed.
    """
    from broker.cli import bundle_text as text
    from broker.clock import now_ms
    from broker.operations.bundles import add_bundles

    added = add_bundles(agency, files, now_ms())
    if json:
        print_json(text.added_json(added))
    else:
        print_text(text.added_text(added, agency))


@app.command("make")
def make(
    agency: Agency,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where it is written.")],
    json: AsJson = False,
) -> None:
    """Write a bundle of everything that this agency has for the others. It holds no secret.

    Send it by mail, on a stick or in a shared folder. The same content gives the same file.
    """
    from broker.cli import bundle_text as text
    from broker.clock import now_ms
    from broker.operations.bundles import make_bundle

    made = make_bundle(agency, out, now_ms())
    if json:
        print_json(text.made_json(made, out))
    else:
        print_text(str(out))
    note(text.made_note(made))


@app.command("show")
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A bundle, an entry or a contract.")],
    json: AsJson = False,
) -> None:
    """Check a bundle and list its content; change nothing.

    Signatures are checked by the keys that the bundle itself names: compare the fingerprints by
    telephone.
    """
    from broker.cli import bundle_text as text
    from broker.clock import now_ms
    from broker.operations.bundles import show_bundle

    shown = show_bundle(file, now_ms())
    if json:
        print_json(text.shown_json(shown))
    else:
        print_text(text.content_text(shown))
