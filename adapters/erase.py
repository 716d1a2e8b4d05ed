"""``concordant log erase``: the agency's adapter is asked which files hold the case."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from broker.cli.operator_name import Operator, Reason, actor
from broker.cli.output import (
    NO,
    REFUSED,
    Agency,
    AsJson,
    Output,
    note,
    print_json,
    print_text,
    shown_path,
)
from contracts.hidden_characters import one_line


def erase(
    agency: Agency,
    case: Annotated[
        str,
        typer.Option(metavar="ID", help="The case's shared id, or this agency's own reference."),
    ],
    whole_files: Annotated[
        bool,
        typer.Option(
            "--whole-files",
            help="Remove also refused files from which the case cannot be cut. They hold records "
            "of other cases that were never sent: export those again.",
        ),
    ] = False,
    operator: Operator = None,
    reason: Reason = None,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Remove what this adapter holds of a case's content, once its erasure is confirmed.

    Removes sealed values that were sent, payloads, and the case's records in the folders processed,
    quarantine and inbox, with an entry in the log; hashes stay, so that gaps can still be closed.
    Names every file, and what is left and where. What your own system holds, and what the
    recipients hold, is not in here. Exit code 1 if there was nothing, 4 if something is left.
    """
    from adapters.case_files import AdapterCaseFiles
    from adapters.catalogue import adapter_named
    from broker.clock import now_ms
    from broker.operations.erasure import erase_case

    erased = erase_case(
        agency,
        case,
        actor(operator, reason),
        now_ms(),
        lambda loaded: AdapterCaseFiles(loaded, adapter_named(loaded.config.adapter.kind)),
        whole_files=whole_files,
    )
    if json:
        print_json(
            {
                "values": erased.values,
                "payloads": erased.payloads,
                "reasons": erased.reasons,
                "files": [
                    {
                        "path": shown_path(one.path),
                        "done": "removed" if one.step == "remove" else "cut",
                        "records": one.records,
                    }
                    for one in erased.files
                ],
                "left": [
                    {"what": shown_path(one.what), "why": one.why, "count": one.count}
                    for one in erased.left
                ],
            },
            output,
        )
    else:
        lines = [f"erased: {erased.values} sealed values, {erased.payloads} payloads"]
        lines += [
            f"{'removed' if one.step == 'remove' else 'records cut out of'}: {_named(one.path)}"
            for one in erased.files
        ]
        lines += [f"left: {_named(one.what)}: {_WHY[one.why]} ({one.why})" for one in erased.left]
        print_text("\n".join(lines) + "\n", output)
    if erased.left:
        note("Something is left. Do what stands there, then erase again.")
        raise typer.Exit(REFUSED)
    if not erased.anything:
        note("Nothing of it was held any more.")
        raise typer.Exit(NO)


def _named(path: Path | str) -> str:
    return one_line(shown_path(path))


_WHY = {
    "not_taken": "the adapter has not taken this file. Remove the case from it, or let it be taken",
    "file_shared": "refused file with records of other cases, which were never sent. Export those "
    "again, then erase with --whole-files",
    "file_packed": "compressed file with the case in it. Take the case out of it or remove it; "
    "--whole-files removes it",
    "file_unsearched": "compressed file that cannot be searched to its end: it has a password, has "
    "a form that is not read, or is too large. Look into it yourself; remove it if it holds the "
    "case",
    "folder_unsearched": "folder that cannot be read, or that lies more than 16 folders deep: its "
    "files were not searched. Let this account read it, or look into it yourself",
    "file_foreign": "the adapter did not write this file. Remove it yourself",
    "file_unreadable": "the file cannot be read. Check its owner and permissions",
    "file_unwritable": "the file cannot be changed. Check the owner and permissions of its folder",
    "not_sent": "events that are not sent yet. Let the adapter send them",
    "not_delivered": "events that your system does not have yet. Let the adapter deliver them",
    "journal_in_use": "the database's journal is in use. Erase again when nothing else reads it",
}
