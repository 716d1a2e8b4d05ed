"""Command ``concordant log erase``; the agency's adapter finds the files that hold the case."""

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
            help="Also remove refused files from which the case cannot be cut. They hold "
            "records of other cases that were never sent; export those again.",
        ),
    ] = False,
    operator: Operator = None,
    reason: Reason = None,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Erase this adapter's copies of a case's content, after you confirm.

    Removes the case's sent and received events from the databases, and the case's records from the
    folders processed, quarantine and inbox. Adds an entry to the log. Hashes stay, so that gaps can
    still be closed. Names every file that it changes, and everything that it leaves. Does not
    erase the case in your own system or at the recipients. Exit code 1 means that there was
    nothing to erase, 4 that something is left.
    """
    from adapters.case_files import AdapterCaseFiles
    from adapters.catalogue import adapter_of
    from broker.clock import now_ms
    from broker.operations.erasure import erase_case

    erased = erase_case(
        agency,
        case,
        actor(operator, reason),
        now_ms(),
        lambda loaded: AdapterCaseFiles(loaded, adapter_of(loaded.root, loaded.config)),
        whole_files=whole_files,
    )
    if json:
        print_json(
            {
                "values": erased.values,
                "payloads": erased.payloads,
                "facts": erased.facts,
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
        lines = [f"erased: {erased.values} sent events, {erased.payloads} received events"]
        lines += [
            f"{'removed' if one.step == 'remove' else 'records cut out of'}: {_named(one.path)}"
            for one in erased.files
        ]
        lines += [f"left: {_named(one.what)}: {_WHY[one.why]} ({one.why})" for one in erased.left]
        print_text("\n".join(lines) + "\n", output)
    if erased.left:
        note("Something is left. Follow the steps shown for each item, then erase again.")
        raise typer.Exit(REFUSED)
    if not erased.anything:
        note("There was nothing left to erase.")
        raise typer.Exit(NO)


def _named(path: Path | str) -> str:
    return one_line(shown_path(path))


_WHY = {
    "not_taken": "the adapter has not taken this file yet. Remove the case from it, or let the "
    "adapter take it",
    "file_shared": "refused file with records of other cases that were never sent. Export "
    "those again, then erase with --whole-files",
    "file_packed": "compressed file that holds the case. Remove the case from it or remove the "
    "file; --whole-files removes it",
    "file_unsearched": "file that cannot be searched completely: it is compressed with a password, "
    "in an unsupported form or too large, or the mapping in use cannot read all of its records. "
    "Search it yourself; remove it if it holds the case",
    "folder_unsearched": "folder that cannot be read or is nested more than 16 levels deep: "
    "its files were not searched. Give this account access, or search it "
    "yourself",
    "file_foreign": "the adapter did not write this file. Remove it yourself",
    "file_unreadable": "the file cannot be read. Check its owner and permissions",
    "file_unwritable": "the file cannot be changed. Check the owner and permissions of its folder",
    "not_sent": "events that are not sent yet. Let the adapter send them",
    "not_delivered": "events that your system does not have yet. Let the adapter deliver them",
    "journal_in_use": "the database's journal is in use. Erase again when nothing else reads it",
}
