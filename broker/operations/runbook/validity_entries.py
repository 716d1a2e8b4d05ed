"""Runbook entries about what ends: certificates, keys, manifests, delegations, agreements."""

from __future__ import annotations

from typing import Final

from broker.operations.runbook.runbook_entry import RunbookEntry

_UNTIL: Final = "Everything flows until that day."

ENTRIES: Final[tuple[RunbookEntry, ...]] = (
    RunbookEntry(
        "ends-soon",
        "A certificate or agreement ends soon",
        ("EndsSoon", "CertificateNotRenewed"),
        "The certificate for Kafka, its authority, an agreement, a key or a partner's delegation "
        "ends soon. The adapter renews keys and its key list by itself; here it could not, or "
        "a person has to act.",
        _UNTIL,
        (
            "`concordant doctor --agency DIR` names what ends, and who renews it.",
            "The certificate: `concordant kafka renew --agency DIR` if [kafka.renewal] is set; "
            "state/certificate-renewal.log has the last result. Otherwise ask Kafka's host for "
            "a certificate of the same name, and replace the files that [kafka] names.",
            "The agreement: the parties sign a new version, `concordant contract revise`.",
            "A partner's delegation: telephone the partner.",
        ),
    ),
    RunbookEntry(
        "delegation-ends",
        "The delegation of our keys ends",
        ("DelegationEnds",),
        "The holder of the governance keys lets the adapter's keys sign for a limited time, and "
        "that time ends within 90 days. After it, nothing is sealed to this agency.",
        _UNTIL,
        (
            "Make an appointment with the holder of the governance keys now.",
            "The holder brings the keys: `concordant keys delegate --agency DIR`.",
            "Check the new end: `concordant keys list --agency DIR`.",
        ),
    ),
    RunbookEntry(
        "manifest-not-renewed",
        "The adapter cannot renew its key list",
        ("ManifestNotRenewed",),
        "The adapter makes a new key list (manifest) in time. It failed, and tries again each "
        "hour. Without a valid list the other parties seal nothing to this agency.",
        _UNTIL,
        (
            "Read the code and the next step: `concordant doctor --agency DIR`.",
            "Correct it, then renew by hand: `concordant keys renew --agency DIR`.",
        ),
    ),
    RunbookEntry(
        "manifest-not-ours",
        "There is a key list of ours that we did not make",
        ("ManifestNotOurs",),
        "A key list (manifest) of this agency exists that this folder did not make. Either it "
        "was made in a copy of the folder or before a restore, or an attacker has our keys.",
        "The adapter goes on with its present keys, and makes no new key list.",
        (
            "Ask everyone with access whether a copy of the folder ran, or a backup was restored.",
            "If so, adopt it: `concordant keys adopt VERSION --agency DIR`.",
            "If not, treat it as theft: bring the governance keys, then `concordant keys delegate "
            "--withdraw --agency DIR`. The guide for a lost key has all steps.",
        ),
    ),
    RunbookEntry(
        "signature-awaited",
        "An agreement awaits a signature",
        ("SignatureAwaited",),
        "A version of an agreement lacks a signature, ours or another party's.",
        "Events flow under the version that is in force.",
        (
            "`concordant agency status --agency DIR` says who signs, and with which command.",
            "Tell the officer. An operator does not sign.",
        ),
    ),
    RunbookEntry(
        "agreement-due",
        "A review of an agreement is due",
        ("AgreementDue",),
        "A review or an assessment that the agreement asks for is due within three months.",
        _UNTIL,
        (
            "`concordant contract status --agency DIR` says what is due, and who does it.",
            "Tell the officer.",
        ),
    ),
    RunbookEntry(
        "agreement-not-in-force",
        "No agreement is in force",
        (),
        "The agreement has ended, is suspended, or a party has not signed. Nothing is sent.",
        "What was received stays readable under its terms.",
        (
            "`concordant agency status --agency DIR` says what is missing, and who does it.",
            "Tell the officer.",
        ),
    ),
)
