"""Runbook entries about partners: silence, missing records, contradictions, deadlines."""

from __future__ import annotations

from typing import Final

from broker.operations.runbook.runbook_entry import RunbookEntry

_ELSE: Final = "Everything else flows."

ENTRIES: Final[tuple[RunbookEntry, ...]] = (
    RunbookEntry(
        "partner-silent",
        "A partner is silent",
        ("AgencySilent",),
        "Each adapter signals once a minute. From this partner nothing came for three of its "
        "intervals. Its adapter is down, or its records are withheld from us.",
        "Everything else flows. Our events for it wait in Kafka and stay readable there.",
        (
            "Look whether other partners are silent too. If all are, the fault is here or at "
            "Kafka: follow Kafka does not take events.",
            "Telephone the partner's operations. Ask whether its adapter runs.",
            "If it runs and other partners hear it: telephone Kafka's host. Its records may be "
            "withheld from us.",
            "If urgent events for it wait, tell your caseworkers, so that they telephone.",
            "The silence ends by itself with the next signal.",
        ),
    ),
    RunbookEntry(
        "records-missing",
        "Records of a partner are missing",
        ("RecordsMissing",),
        "The partner signed records that did not arrive, or of which only the hash arrived. We "
        "asked it to send them again.",
        "Everything else flows. Records that came are used.",
        (
            "Wait ten minutes. A short gap fills by itself.",
            "If it stays: `concordant status --agency DIR` names the stream and the numbers. "
            "Telephone the partner, then Kafka's host.",
            "If only hashes came: ask the partner whether the content is lost there.",
        ),
    ),
    RunbookEntry(
        "stream-stopped",
        "A partner contradicts itself",
        ("StreamStopped",),
        "The partner signed two different histories of one stream. Its software ran from an old "
        "copy, or an attacker has its key. We take nothing more from that stream.",
        "Everything else flows. Both texts are kept as evidence.",
        (
            "`concordant status --agency DIR` names the stream.",
            "Telephone the partner. Ask whether it restored a backup, or lost a key.",
            "If a key was stolen, the partner revokes it first.",
            "Then stop the adapter, release the stream: `concordant status release AGENCY TOPIC "
            "PARTITION --agency DIR`, and start the adapter again.",
        ),
    ),
    RunbookEntry(
        "alarm",
        "An alarm was raised",
        ("Alarm",),
        "The adapter saw something that it should never see, for example a rollback, a conflict "
        "or a record after the end of a partner's part.",
        _ELSE,
        (
            "`concordant status --agency DIR` lists the alarms with code, partner and time.",
            "Look the code up in the table of alarms in the operator's guide, and do what it says.",
            "The alarm ends by itself. If it is raised again, telephone the partner it names.",
        ),
    ),
    RunbookEntry(
        "manifest-not-received",
        "The newest key list of a partner is missing",
        ("ManifestNotReceived",),
        "The partner names a key list (manifest) that did not arrive. It may revoke a key. For a "
        "day nothing is sealed to that partner.",
        "Everything else flows. Events for the partner are kept as copies and sent later.",
        (
            "`concordant status --agency DIR` names partner and version.",
            "Telephone the partner: it publishes the list again when its adapter starts.",
            "If it did: telephone Kafka's host. The list may be withheld from us.",
        ),
    ),
    RunbookEntry(
        "registry-differs",
        "A partner knows other keys than we do",
        ("RegistryDiffers",),
        "Two agencies have known different delegations of keys for ten minutes. One of them may "
        "be shown a false or an old one.",
        _ELSE,
        (
            "`concordant status --agency DIR` shows our hash and the partner's.",
            "Telephone the partner at a number that you know. Read both hashes to each other.",
            "The agency with the older hash asks Kafka's host why it does not get the new one.",
        ),
    ),
    RunbookEntry(
        "copies-wait",
        "Events wait for a partner that cannot be reached",
        ("CopiesWait",),
        "A partner could not be sealed to for a day: its keys ended, its newest key list is "
        "missing, or it has suspended its part.",
        "Everything else flows. The events are kept, and sent when the partner returns.",
        (
            "`concordant event waiting --agency DIR` names the partner and the reason.",
            "Telephone the partner. An event that waits longer than the agreement allows is not "
            "sent.",
            "Tell your caseworkers which partner does not get events now.",
        ),
    ),
    RunbookEntry(
        "not-taken",
        "A partner did not take our events",
        ("EventsNotTaken",),
        "A partner put events of ours aside, or its own system refused them.",
        "Everything else flows. The partner has the events, or their refusal on record.",
        (
            "`concordant status --json --agency DIR` lists events, partner and code below "
            "not_taken.",
            "The reason codes (docs/codes.md) say what the code means. If the fault is in our "
            "data, correct it and send the event again.",
            "Otherwise telephone the partner: it retries the event after its correction.",
        ),
    ),
    RunbookEntry(
        "counts-old",
        "Counts of a partner are old",
        ("CountsOld",),
        "Each partner sends its counts for figures at least once a week. From this partner none "
        "came for nine days.",
        "Events flow. Figures that are made now have old counts of the partner, or none.",
        (
            "`concordant status --agency DIR` names the partner, and why its last counts were "
            "refused if they were.",
            "If they were refused: look up the code, and tell the partner.",
            "Otherwise telephone the partner. Its own status says if its counts are too large.",
            "If it sends counts and other partners have them: telephone Kafka's host. They may be "
            "withheld from us.",
            "Publish no figures of the quarter before the counts are here.",
        ),
    ),
    RunbookEntry(
        "deadline-passed",
        "A time limit of the agreement has passed",
        ("ReferralOverdue",),
        "A recipient has not acknowledged or answered within the time that the agreement gives.",
        _ELSE,
        (
            "`concordant status --agency DIR` names them under OVERDUE REFERRALS.",
            "Tell the caseworkers of the agency that has to act. The program cannot answer for "
            "them.",
        ),
    ),
)
