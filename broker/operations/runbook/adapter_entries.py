"""Runbook entries about the adapter, Kafka, and the agency's own system."""

from __future__ import annotations

from typing import Final

from broker.operations.runbook.runbook_entry import RunbookEntry

_WAITS: Final = "Nothing is lost: accepted events are stored here and sent as soon as possible."
_STORED: Final = "Nothing is lost: received events are stored here until your own system has them."

ENTRIES: Final[tuple[RunbookEntry, ...]] = (
    RunbookEntry(
        "adapter-down",
        "The adapter does not run",
        ("AdapterDown", "AdapterGone"),
        "The program that sends and receives events for this agency has stopped, or your "
        "monitoring does not reach it. Partners see this agency as silent after a few minutes.",
        "Nothing is lost. Partners' events wait in Kafka. Exports stay in the import folder.",
        (
            "Look whether it runs: `systemctl status concordant-adapter@NAME`. If it runs, "
            "compare the targets of your monitoring with its address.",
            "Read the end of its log: `journalctl -u concordant-adapter@NAME -n 50`. The last "
            "line has a code, which the reason codes explain.",
            "Check what it needs: `concordant doctor --agency DIR`. Correct each line with FAIL.",
            "Start it: `systemctl start concordant-adapter@NAME`, or `concordant adapter run "
            "--agency DIR`.",
            "Look again after a minute: `concordant status --agency DIR`.",
        ),
    ),
    RunbookEntry(
        "adapter-missing",
        "An adapter that can take over is away",
        ("AdapterMissing", "AdaptersTakeTurns"),
        "Several adapters of this agency share a state on a server. One of them was killed, "
        "hangs, or its machine is away. Or they take over from each other again and again.",
        "Everything flows, because another adapter works. If that one fails too, events wait.",
        (
            "See which adapter works, which wait and which is away: the line adapters of "
            "`concordant status --agency DIR`.",
            "On the machine of the one that is away, look whether it runs: `systemctl status "
            "concordant-adapter@NAME`. In Kubernetes: `kubectl get pods`.",
            "Read the end of its log: `journalctl -u concordant-adapter@NAME -n 50`. The code "
            "`lease_lost` means that the machine or its network stood still for eight seconds.",
            "Start it: `systemctl start concordant-adapter@NAME`. It logs adapter_waits.",
            "If it is not needed any more, start it once and stop it. It then takes itself off the "
            "list. An adapter that stays away is forgotten after seven days.",
        ),
    ),
    RunbookEntry(
        "adapter-not-ready",
        "The adapter is not ready",
        ("NotReady",),
        "The adapter runs, but something that it needs has been missing for five minutes.",
        _WAITS,
        (
            "See which check fails: open /readyz at the adapter's address. It names the check "
            "and the reason.",
            "For `kafka`: follow Kafka does not take events. For `import` or `delivery`: follow "
            "Your own system cannot be reached.",
            "For `mapping`: correct mapping.yaml. `concordant mapping check EXPORT --agency DIR` "
            "names the line.",
        ),
    ),
    RunbookEntry(
        "adapter-stuck",
        "A part of the adapter has stopped",
        ("LoopStuck",),
        "The adapter answers, but one of its loops has not finished a round in time. This is a "
        "fault of the software or of the machine.",
        _WAITS,
        (
            "Check the machine: the disk may be full, or the processor busy with another program.",
            "Keep the log: `journalctl -u concordant-adapter@NAME --since -1h > adapter.log`.",
            "Start the adapter again: `systemctl restart concordant-adapter@NAME`.",
            "Send the log to the maintainers. It has no personal data.",
        ),
    ),
    RunbookEntry(
        "kafka-unavailable",
        "Kafka does not take events",
        ("OutboxStuck",),
        "The adapter has events that Kafka has not stored for minutes. The network, Kafka, our "
        "certificate or our rights can be the cause.",
        _WAITS,
        (
            "Run `concordant doctor --agency DIR` and read the lines kafka, certificate and "
            "rights.",
            "If Kafka does not answer: telephone Kafka's host. Ask whether Kafka runs, and "
            "whether the way from this machine to its port is open.",
            "If our certificate is not accepted: follow A certificate or agreement ends soon.",
            "If a right is missing: ask Kafka's host to run `concordant kafka apply`.",
            "Nothing has to be sent again. The waiting events go out by themselves: "
            "`concordant outbox list --agency DIR` shows each, and `concordant top --agency DIR` "
            "how many are left.",
        ),
    ),
    RunbookEntry(
        "disk-full",
        "The disk is nearly full",
        (),
        "The disk of the agency's folder has little room. When it is full, nothing can be "
        "received or sent.",
        "Nothing is lost. What was accepted is stored. With no room at all, commands end with "
        "`store_full`, and the adapter waits or ends.",
        (
            "See what takes the room: `du -xh --max-depth=2 DIR`.",
            "Shorten how long files are kept: `processed_days`, `quarantine_days` and "
            "`inbox_days` below [retention] in agency.toml. Never delete anything in state/.",
            "Give the disk more room, then look again: `concordant doctor --agency DIR`.",
        ),
    ),
    RunbookEntry(
        "signing-token",
        "The signing keys cannot be used",
        (),
        "The signing keys are on a token, and the token does not answer. Nothing is signed, so "
        "nothing is sent.",
        _WAITS,
        (
            "Check the token and its service. `concordant doctor --agency DIR` names the code.",
            "Enter its PIN again as the operator's guide says, then start the adapter again.",
        ),
    ),
    RunbookEntry(
        "inbox-waits",
        "Events wait for your own system",
        ("InboxStuck",),
        "Received events have not been handed to your own system for ten minutes.",
        _STORED,
        (
            "Run `concordant doctor --agency DIR` and read the lines inbox, folders and disk.",
            "If your system reads the folder inbox/: let the adapter's account write there.",
            "If your system fetches events itself: ask its team whether it runs.",
            "See each event and its state: `concordant inbox list --agency DIR`. Try one at once: "
            "`concordant inbox retry ID --agency DIR`.",
        ),
    ),
    RunbookEntry(
        "own-system",
        "Your own system cannot be reached",
        ("BusUnavailable", "DatabaseFailed", "DeliveriesFail"),
        "The adapter cannot use your agency's own folder, database, message bus, SFTP server or "
        "webhook.",
        _STORED,
        (
            "Read the reason: `concordant status --agency DIR` names the code of the source or "
            "the sink. The reason codes explain it.",
            "Test it by hand. A webhook: `concordant adapter webhook test --agency DIR`. A "
            "database: `concordant adapter tables check --agency DIR`. An SFTP server: "
            "`concordant adapter sftp test --agency DIR`.",
            "Correct it with the team of that system. The adapter tries again by itself.",
        ),
    ),
    RunbookEntry(
        "notices-not-sent",
        "People are not told by mail or webhook",
        ("NoticesNotSent",),
        "Mail or requests that tell caseworkers of referrals, or operators of troubles, cannot be "
        "sent.",
        "Everything else flows. The referrals are on the pages, and troubles in "
        "`concordant status --agency DIR`. A notice is sent later by itself.",
        (
            "Tell the caseworkers to open their pages until it is corrected.",
            "Read the reason: `concordant status --agency DIR` names the code. The reason codes "
            "explain it.",
            "Correct [notices] in agency.toml and start the adapter again, or ask the mail "
            "server's team.",
        ),
    ),
    RunbookEntry(
        "results-overdue",
        "Your own system sends no results",
        ("ResultsOverdue",),
        "Your system was offered events and has not said in time whether it took them.",
        _STORED,
        (
            "Ask the team of that system whether it reads its events and sends results.",
            "If its results are refused, its own log has the code of the answer.",
        ),
    ),
    RunbookEntry(
        "put-aside",
        "Something is put aside",
        ("Held", "RecordsRefused", "ExportRefused"),
        "A record of a partner, an event, or a row or file of your own export could not be used. "
        "It is kept until a person decides.",
        "Everything else flows. What is put aside stays until you retry or discard it.",
        (
            "List it: `concordant quarantine list --agency DIR`. Each line has a code.",
            "See what the code means and who corrects it: `concordant outbox show ID --agency DIR` "
            "for what you send, `concordant inbox show ID --agency DIR` for what came. Often the "
            "sender corrects it, or a code in your mapping.",
            "After the correction try again: `concordant quarantine retry ID --agency DIR`.",
            "If a retry cannot help: `concordant quarantine discard ID --reason TEXT --agency "
            "DIR`. The disclosure log records who discarded what, and why.",
        ),
    ),
    RunbookEntry(
        "quarantine-filling",
        "The room for a partner's refused records is nearly full",
        ("QuarantineFilling",),
        "Many records of one partner were refused. When the room is full, its further records "
        "wait in Kafka.",
        "Everything else flows. No record is dropped.",
        (
            "Telephone the partner: one fault there usually causes all of them.",
            "Try again what opens now: `concordant quarantine retry --all --agency DIR`.",
            "Discard what no retry can open: `concordant quarantine discard --sender AGENCY "
            "--reason TEXT --agency DIR`.",
        ),
    ),
    RunbookEntry(
        "log-drops-values",
        "The log dropped values",
        ("LogDropsValues",),
        "The program tried to log a value that is not on the list of what may be logged, and "
        "removed it. This is a fault of the software.",
        "Everything flows. No personal data got out.",
        ("Tell the maintainers the version, `concordant --version`, and the lines around it.",),
    ),
)
