"""Closed list of codes that a report may state (docs/spec/reports.md, "Codes").

The place of a code in the list is its number in a report, so a later version may only append.
"""

from __future__ import annotations

from typing import Final

REPORT_CODES: Final[tuple[str, ...]] = (
    "",
    # the recipient's own system, or a person there
    "mapping_failed",
    "rejected_by_system",
    "event_held",
    "refused_by_recipient",
    # steps 5 to 11 of opening
    "value_malformed",
    "version_unknown",
    "groups_count",
    "recipients_count",
    "recipients_order",
    "time_ahead",
    "key_missing",
    "topic_not_owned",
    "contract_unknown",
    "contract_not_in_force",
    "contract_ended",
    "not_a_party",
    "suspended",
    "contract_left",
    "contract_replaced",
    "not_heard",
    "key_list_broken",
    "commitment_wrong",
    "group_broken",
    "padding_wrong",
    "json_not_canonical",
    "group_zero",
    "addressed_wrong",
    "recipient_not_permitted",
    "type_unknown",
    "contract_field_unknown",
    "contract_invalid",
    "type_not_permitted",
    "grouping_wrong",
    "group_keys_wrong",
    "field_not_granted",
    "consent_missing",
    "event_invalid",
    "id_reused",
    "transition_not_allowed",
    "version_conflict",
    "referral_unknown",
    "referral_exists",
    "reason_required",
    "reason_unknown",
)
"""Codes by number; number 0 means that there is no code."""

_REFUSALS: Final = frozenset(REPORT_CODES[5:])
_MAPPING: Final = frozenset(
    {
        "condition_unmet",
        "expression_failed",
        "field_unknown",
        "invalid_date",
        "invalid_value",
        "mapping_failed",
        "missing_column",
        "missing_value",
        "text_too_long",
        "unknown_case",
        "unknown_column",
        "unknown_kind",
        "unknown_partner",
        "unknown_referral",
        "unknown_value",
    }
)
"""Codes of holds whose cause is the recipient's mapping."""


def code_of_hold(code: str) -> str:
    """Return the reported code of an event that is put aside.

    A report tells the sender only what kind of hold it is: the codes of sinks and mappings concern
    the recipient alone.
    """
    if code in _MAPPING:
        return "mapping_failed"
    return code if code == "rejected_by_system" else "event_held"


def code_of_refusal(code: str) -> str:
    """Return the reported code of a record that was refused at steps 5 to 11."""
    return code if code in _REFUSALS else "refused_by_recipient"
