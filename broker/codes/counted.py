"""Codes that metrics count, so that each series exists at 0 before its first occurrence.

Prometheus' `increase()` does not see a rise of a series that begins at 1: the first equivocation or
the first refused row would not alert. The first list comes from the specification's table of
refusals (docs/spec/opening.md, "Codes"); a test compares them.
"""

from __future__ import annotations

from typing import Final

RECORD_REFUSALS: Final[tuple[tuple[int, str], ...]] = (
    (0, "value_missing"),
    (0, "value_too_large"),
    (0, "value_malformed"),
    (0, "headers_wrong"),
    (0, "proof_too_large"),
    (0, "content_type_unknown"),
    (1, "proof_malformed"),
    (1, "origin_wrong"),
    (1, "link_malformed"),
    (1, "generation_order"),
    (1, "generation_name"),
    (2, "key_unknown"),
    (2, "key_not_valid"),
    (2, "manifest_expired"),
    (2, "signature_wrong"),
    (2, "key_revoked"),
    (2, "receipt_awaited"),
    (2, "early"),
    (2, "generation_ahead"),
    (3, "not_included"),
    (4, "equivocation"),
    (4, "stream_stopped"),
    (4, "log_time_fell"),
    (4, "superseded"),
    (4, "unlinked"),
    (4, "leaf_not_wanted"),
    (4, "gaps_many"),
    (4, "generations_many"),
    (4, "state_full"),
    (5, "value_malformed"),
    (5, "version_unknown"),
    (5, "groups_count"),
    (5, "recipients_count"),
    (5, "recipients_order"),
    (5, "time_ahead"),
    (5, "key_missing"),
    (5, "wrap_budget"),
    (6, "contract_unknown"),
    (6, "topic_not_owned"),
    (6, "contract_not_in_force"),
    (6, "contract_ended"),
    (6, "not_a_party"),
    (6, "suspended"),
    (6, "contract_left"),
    (6, "own_suspension"),
    (7, "key_list_broken"),
    (8, "commitment_wrong"),
    (8, "group_broken"),
    (9, "padding_wrong"),
    (9, "json_not_canonical"),
    (9, "group_zero"),
    (9, "addressed_wrong"),
    (9, "recipient_not_permitted"),
    (9, "type_unknown"),
    (9, "contract_field_unknown"),
    (9, "contract_invalid"),
    (9, "type_not_permitted"),
    (9, "grouping_wrong"),
    (9, "group_keys_wrong"),
    (9, "field_not_granted"),
    (9, "consent_missing"),
    (9, "event_invalid"),
    (10, "event_invalid"),
    (10, "id_reused"),
    (11, "transition_not_allowed"),
    (11, "version_conflict"),
    (11, "referral_unknown"),
    (11, "referral_exists"),
    (11, "reason_required"),
    (11, "reason_unknown"),
    (11, "quarantine_full"),
)
"""Step and code of each refusal of a record from Kafka.

Codes that only files have are not counted.
"""

ALARMS: Final = (
    "before_start_late",
    "content_gone",
    "content_missing",
    "descriptors_exhausted",
    "equivocation",
    "gap",
    "gaps_forgotten",
    "referral_unacknowledged",
    "referral_unanswered",
    "refused_by_recipient",
    "rollback",
    "silence",
    "state_full",
    "withheld",
)
"""Alarms that need an operator's attention."""

RELAY_FAULTS: Final = (
    "certificate_unreadable",
    "kafka_failed",
    "kafka_login_refused",
    "kafka_password_missing",
    "kafka_record_too_large",
    "kafka_refused",
    "kafka_token_refused",
    "kafka_token_unavailable",
    "kafka_topic_missing",
    "kafka_unreachable",
    "manifest_expired",
    "record_too_large",
    "signing_key_expired",
    "store_busy",
    "store_full",
)
"""Reasons why a round of the relay did not send the waiting events."""

ITEM_REFUSALS: Final = (
    "consent_missing",
    "contract_field_unknown",
    "event_invalid",
    "event_malformed",
    "field_not_granted",
    "file_empty",
    "file_encoding",
    "file_malformed",
    "file_too_large",
    "file_type_unknown",
    "file_unreadable",
    "handler_failed",
    "invalid_date",
    "invalid_value",
    "mapping_failed",
    "missing_column",
    "missing_value",
    "reason_required",
    "reason_unknown",
    "recipients_invalid",
    "referral_exists",
    "referral_unknown",
    "row_malformed",
    "symlink",
    "text_encoding",
    "text_too_long",
    "transition_not_allowed",
    "type_not_permitted",
    "type_unknown",
    "unknown_case",
    "unknown_column",
    "unknown_kind",
    "unknown_partner",
    "unknown_referral",
    "unknown_value",
    "version_conflict",
)
"""Reasons why an item of the agency's own export was refused.

An agency's own adapter may have other codes: their series begin at their first occurrence, and the
alert rules handle that.
"""
