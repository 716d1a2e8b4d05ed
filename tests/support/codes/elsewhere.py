"""Codes whose next step another test carries out, and codes whose next step no test can.

Each entry names a test. A test checks that it exists and that it speaks of the code.
"""

from __future__ import annotations

import ast
import re
from enum import Enum
from functools import cache
from pathlib import Path

from tests.support.code_scan import ROOT

BY_TEST = {
    "queue_item_unknown": "broker/cli/test_queues.py::test_one_item_is_shown_with_what_helps",
    "state_not_moved": "broker/operations/test_state_move.py"
    "::test_a_state_in_a_file_is_state_not_moved_until_it_is",
    "state_present": "broker/store/test_moving.py::test_a_state_moves_into_an_empty_schema_only",
    "store_password_missing": "broker/operations/test_state_move.py"
    "::test_without_its_password_the_state_is_store_password_missing",
    "store_unsafe": "broker/operations/test_state_move.py"
    "::test_a_server_that_can_lose_events_is_store_unsafe",
    "store_driver_missing": "broker/store/test_postgres_backend.py"
    "::test_without_the_driver_the_install_command_is_given",
    "store_login_refused": "broker/store/test_postgres_backend.py"
    "::test_a_wrong_password_is_named_and_not_told",
    "store_unreachable": "broker/store/test_postgres_backend.py"
    "::test_a_server_that_does_not_run_is_named_until_it_does",
    "consultation_reason_required": "broker/operations/desk/test_consultation.py"
    "::test_consultation_reason_required_until_a_reason_is_stated",
    "sessions_unreadable": "adapters/web/test_sessions.py"
    "::test_sessions_unreadable_names_the_file_until_it_is_removed",
    "open_referral_invalid": "broker/cli/test_directory_exchange.py"
    "::test_another_file_and_a_missing_one_are_refused",
    "open_referral_unreadable": "broker/cli/test_directory_exchange.py"
    "::test_another_file_and_a_missing_one_are_refused",
    "area_invalid": "broker/cli/test_directory_search.py::test_an_unknown_code_is_refused",
    "listing_invalid": "broker/cli/test_directory.py::test_a_wrong_file_changes_nothing",
    "listing_missing": "broker/cli/test_directory.py::test_a_missing_listing_is_named",
    "listing_too_large": "broker/cli/test_directory.py::test_more_than_a_record_holds_is_refused",
    "listing_unreadable": "broker/cli/test_directory.py::test_a_wrong_file_changes_nothing",
    "service_unknown": "broker/cli/test_directory.py::test_a_missing_listing_is_named",
    "answers_invalid": "broker/operations/desk/test_drafts.py"
    "::test_a_draft_that_lacks_a_field_names_it_and_is_kept",
    "draft_changed": "broker/operations/desk/test_drafts.py"
    "::test_a_change_from_an_older_page_is_refused_and_changes_nothing",
    "draft_unknown": "broker/operations/desk/test_drafts.py"
    "::test_a_draft_is_kept_encrypted_for_its_author",
    "referral_not_kept": "broker/operations/desk/test_referral_view.py"
    "::test_a_referral_of_others_is_not_here",
    "file_unfinished": "adapters/sources/test_settling.py"
    "::test_an_unfinished_name_is_file_unfinished_until_it_is_renamed",
    "file_waits": "adapters/sources/test_late_writes.py"
    "::test_a_file_that_stays_open_is_file_waits_until_it_is_closed",
    "marker_alone": "broker/held/test_import_folder.py"
    "::test_a_marker_without_its_file_is_marker_alone",
    "marker_missing": "broker/held/test_import_folder.py"
    "::test_a_file_without_a_newer_marker_is_marker_missing",
    "transaction_missing": "concordant/client/test_statements.py"
    "::test_a_connection_that_commits_each_statement_is_transaction_missing",
    "client_address_unusable": "concordant/client/test_http_requests.py"
    "::test_an_address_that_would_give_the_token_away_is_refused",
    "client_answer_unknown": "concordant/client/test_http_requests.py"
    "::test_an_answer_of_something_else_is_no_event",
    "client_certificate_refused": "concordant/client/test_connection.py"
    "::test_another_authority_is_client_certificate_refused",
    "client_certificate_unusable": "concordant/client/test_http_requests.py"
    "::test_a_tls_file_that_is_none_is_refused",
    "client_unreachable": "concordant/client/test_subscription.py"
    "::test_a_result_waits_for_an_adapter_that_is_away",
    "event_handled": "concordant/client/test_subscription.py"
    "::test_two_processes_of_one_subscription_have_the_effect_once",
    "event_model_outdated": "concordant/client/test_models.py"
    "::test_an_event_of_another_version_is_event_model_outdated",
    "event_not_acknowledged": "concordant/client/test_subscription.py"
    "::test_an_event_that_was_not_acknowledged_is_not_passed_over",
    "positions_unusable": "concordant/client/test_subscription.py"
    "::test_a_subscription_that_cannot_be_opened_says_so",
    "results_off": "concordant/client/test_subscription.py"
    "::test_a_subscription_without_results_cannot_reject",
    "subscription_filter_invalid": "concordant/client/test_subscription.py"
    "::test_a_subscription_that_cannot_be_opened_says_so",
    "subscription_start_invalid": "concordant/client/test_subscription.py"
    "::test_a_subscription_that_cannot_be_opened_says_so",
    "sftp_failed": "adapters/sftp/test_client.py"
    "::test_an_operation_that_the_server_refuses_is_sftp_failed",
    "sftp_fingerprint_differs": "adapters/sftp/test_sides.py"
    "::test_a_key_is_pinned_after_its_fingerprint_was_compared",
    "sftp_folder_unusable": "adapters/sftp/test_fetching.py"
    "::test_a_file_that_cannot_be_archived_is_stored_once_and_is_sftp_folder_unusable",
    "sftp_host_key_wrong": "adapters/sftp/test_client.py"
    "::test_another_host_key_is_sftp_host_key_wrong_and_nothing_is_sent",
    "sftp_host_unpinned": "adapters/sftp/test_sides.py"
    "::test_a_key_is_pinned_after_its_fingerprint_was_compared",
    "sftp_key_unusable": "adapters/sftp/test_client.py"
    "::test_files_that_cannot_be_read_are_sftp_key_unusable",
    "sftp_login_refused": "adapters/sftp/test_client.py"
    "::test_a_wrong_key_or_password_is_sftp_login_refused",
    "sftp_file_unreadable": "adapters/sftp/test_fetching.py"
    "::test_a_file_that_cannot_be_read_is_sftp_file_unreadable_and_stops_no_other",
    "sftp_name_unusable": "adapters/sftp/test_fetching.py"
    "::test_names_that_could_leave_a_folder_links_and_folders_are_sftp_name_unusable",
    "sftp_unreachable": "adapters/sftp/test_client.py"
    "::test_a_server_that_is_not_there_is_sftp_unreachable_and_trouble_when_it_lasts",
    "side_fails": "adapters/test_side_faults.py"
    "::test_trouble_of_a_side_shows_in_status_and_doctor_says_side_fails",
    "config_web_certificate": "adapters/web/test_serving.py"
    "::test_tls_files_that_do_not_belong_together_are_config_web_certificate",
    "config_web_secret": "adapters/web/identity/test_provider_sign_in.py"
    "::test_a_client_secret_that_cannot_be_read_is_config_web_secret",
    "config_web_texts": "adapters/test_texts.py"
    "::test_a_file_that_cannot_be_used_is_config_web_texts",
    "config_web_tls": "adapters/web/test_app.py"
    "::test_off_this_machine_without_a_certificate_is_config_web_tls",
    "config_webhook_plaintext": "broker/agency/test_config.py"
    "::test_a_webhook_without_encryption_off_loopback_is_config_webhook_plaintext",
    "notice_mail_login": "adapters/notices/test_notices.py::test_mail_over_tls_with_an_account",
    "notice_mail_refused": "adapters/notices/test_notices.py::test_a_mail_that_is_refused",
    "notice_mail_unreachable": "adapters/notices/test_notices.py"
    "::test_a_notice_waits_for_a_mail_server_that_is_down",
    "notice_webhook_refused": "adapters/notices/test_notices.py::test_an_address_that_is_gone",
    "delivery_fails": "broker/operations/test_agency_status.py"
    "::test_doctor_says_delivery_fails_and_status_counts_the_events",
    "webhook_answer_unknown": "adapters/webhook/test_answers.py"
    "::test_a_rejection_in_a_wrong_form_is_not_imported",
    "webhook_busy": "adapters/webhook/test_answers.py::test_other_statuses_fail",
    "webhook_certificate_unusable": "adapters/webhook/test_endpoint.py"
    "::test_files_that_cannot_be_used_are_webhook_certificate_unusable",
    "webhook_gave_up": "adapters/webhook/test_sink.py"
    "::test_after_the_declared_time_it_is_webhook_gave_up_and_is_held_until_a_retry",
    "webhook_gone": "adapters/webhook/test_sink.py"
    "::test_gone_stops_all_requests_until_a_restart_and_is_trouble",
    "webhook_redirected": "adapters/webhook/test_endpoint.py::test_a_redirect_is_not_followed",
    "webhook_refused": "adapters/webhook/test_answers.py::test_other_statuses_fail",
    "webhook_secret_exists": "adapters/webhook/test_secrets.py"
    "::test_a_new_secret_is_readable_by_its_owner_only_and_is_made_once",
    "webhook_secret_two": "adapters/webhook/test_secrets.py"
    "::test_a_rotation_has_two_secrets_until_the_older_one_is_retired",
    "webhook_secret_unusable": "adapters/webhook/test_sink.py"
    "::test_a_missing_secret_is_trouble_at_once_and_counts_again_when_it_is_there",
    "webhook_slow": "adapters/webhook/test_endpoint.py"
    "::test_an_answer_that_does_not_come_in_time_is_webhook_slow",
    "webhook_tls_failed": "adapters/webhook/test_endpoint.py"
    "::test_over_tls_the_certificate_must_be_of_the_authority_and_name_the_host",
    "webhook_unreachable": "adapters/webhook/test_endpoint.py"
    "::test_an_address_without_a_server_is_webhook_unreachable",
    "api_scope_missing": "adapters/http_api/test_access.py"
    "::test_a_token_without_the_scope_is_api_scope_missing",
    "api_token_invalid": "adapters/http_api/test_access.py"
    "::test_other_values_are_api_token_invalid",
    "api_token_missing": "adapters/http_api/test_access.py"
    "::test_without_a_token_it_is_api_token_missing",
    "api_token_unknown": "adapters/http_api/test_access.py"
    "::test_an_id_that_no_token_has_is_api_token_unknown",
    "api_token_wrong": "adapters/http_api/test_access.py::test_another_token_is_api_token_wrong",
    "api_tokens_unreadable": "adapters/http_api/test_access.py"
    "::test_a_list_that_others_can_write_to_is_api_tokens_unreadable",
    "bus_library_missing": "adapters/bus/test_clients.py"
    "::test_a_missing_library_is_bus_library_missing",
    "bus_unavailable": "adapters/bus/test_sink.py"
    "::test_a_publication_without_confirmation_is_bus_unavailable_and_is_repeated",
    "config_api_certificate": "adapters/http_api/test_server.py"
    "::test_files_that_do_not_belong_together_are_config_api_certificate",
    "config_api_plaintext": "broker/agency/test_config.py"
    "::test_an_interface_without_encryption_off_loopback_is_config_api_plaintext",
    "config_bus_plaintext": "adapters/bus/test_clients.py"
    "::test_a_bus_without_encryption_off_loopback_is_config_bus_plaintext",
    "config_bus_tls": "adapters/bus/test_clients.py"
    "::test_files_that_cannot_be_used_are_config_bus_tls",
    "config_side_unknown": "adapters/test_sides.py::test_a_misspelt_source_is_config_side_unknown",
    "cursor_invalid": "adapters/http_api/test_reading.py::test_another_text_is_cursor_invalid",
    "cursor_unknown": "adapters/http_api/test_reading.py"
    "::test_a_cursor_from_before_a_restore_is_cursor_unknown",
    "database_busy": "adapters/tables/test_check.py::test_a_table_that_is_locked_is_database_busy",
    "database_column_type": "adapters/tables/test_check.py"
    "::test_types_of_columns_are_database_column_type_and_database_time_zone",
    "database_driver_missing": "adapters/tables/test_check.py"
    "::test_without_psycopg_it_is_database_driver_missing",
    "database_encoding": "adapters/tables/test_check.py"
    "::test_another_encoding_is_database_encoding",
    "database_column_unusable": "adapters/tables/test_check.py"
    "::test_a_column_that_refuses_or_presets_what_is_needed_is_database_column_unusable",
    "database_failed": "adapters/tables/test_check.py::test_errors_hold_no_value_and_no_address",
    "database_in_use": "adapters/tables/test_outbox.py"
    "::test_two_adapters_do_not_take_the_rows_of_one_outbox",
    "database_key_not_unique": "adapters/tables/test_check.py"
    "::test_a_key_that_may_repeat_is_database_key_not_unique",
    "database_login_refused": "adapters/tables/test_check.py"
    "::test_a_wrong_password_is_database_login_refused",
    "database_password_missing": "adapters/tables/test_check.py"
    "::test_a_password_that_cannot_be_read_is_database_password_missing",
    "database_result_refused": "adapters/tables/test_check.py"
    "::test_rows_that_wait_for_a_person_are_named",
    "database_rights_excess": "adapters/tables/test_check.py"
    "::test_a_role_of_the_whole_server_is_database_rights_excess",
    "database_rights_missing": "adapters/tables/test_check.py"
    "::test_rights_that_lack_are_database_rights_missing_and_more_are_database_rights_excess",
    "database_row_failed": "adapters/tables/test_refused_rows.py"
    "::test_a_row_whose_answer_cannot_be_written_holds_up_no_other_row",
    "database_row_security": "adapters/tables/test_check.py"
    "::test_row_level_security_without_a_policy_is_database_row_security",
    "database_row_too_large": "adapters/tables/test_outbox.py"
    "::test_a_row_that_is_too_large_is_refused_before_it_is_read",
    "database_row_unusable": "adapters/tables/test_check.py"
    "::test_rows_that_wait_for_a_person_are_named",
    "database_table_missing": "adapters/tables/test_check.py"
    "::test_missing_tables_are_database_table_missing",
    "database_time_zone": "adapters/tables/test_check.py"
    "::test_types_of_columns_are_database_column_type_and_database_time_zone",
    "database_tls_failed": "adapters/tables/test_check.py"
    "::test_a_server_without_tls_is_database_tls_failed",
    "database_unreachable": "adapters/tables/test_check.py"
    "::test_a_server_that_does_not_answer_is_database_unreachable",
    "events_removed": "adapters/http_api/test_reading.py"
    "::test_removed_content_is_told_and_never_skipped",
    "idempotency_key_invalid": "adapters/http_api/test_publishing.py::test_a_key_is_required",
    "idempotency_key_missing": "adapters/http_api/test_publishing.py::test_a_key_is_required",
    "idempotency_key_reused": "adapters/http_api/test_publishing.py"
    "::test_another_body_under_the_same_key_is_idempotency_key_reused",
    "internal_fault": "adapters/http_api/test_access.py"
    "::test_a_defect_is_internal_fault_without_details",
    "media_type_unknown": "adapters/http_api/test_access.py"
    "::test_another_form_of_body_is_media_type_unknown",
    "method_unknown": "adapters/http_api/test_access.py::test_unknown_paths_and_methods",
    "dimension_unknown": "broker/cli/test_figures.py"
    "::test_a_dimension_of_another_name_is_dimension_unknown",
    "dimensions_wrong": "broker/cli/test_figures.py"
    "::test_too_many_dimensions_or_one_twice_are_dimensions_wrong",
    "figures_incomplete": "broker/cli/test_figures_too_early.py"
    "::test_a_form_that_is_passed_on_is_figures_incomplete_until_it_is_wanted_so",
    "figures_published_elsewhere": "broker/cli/test_figures_publisher.py"
    "::test_another_party_makes_no_table_and_no_preview",
    "figures_too_large": "broker/cli/test_figures.py"
    "::test_a_table_that_takes_too_much_work_is_figures_too_large",
    "figures_unprotected": "broker/cli/test_figures.py"
    "::test_a_table_that_no_hiding_makes_safe_is_figures_unprotected",
    "referrals_not_counted": "broker/cli/test_figures_of_referrals.py"
    "::test_an_agreement_that_counts_no_referrals_is_referrals_not_counted",
    "release_changed": "broker/cli/test_figures_check.py"
    "::test_every_form_says_who_published_it_and_is_refused_when_changed",
    "release_key_malformed": "broker/cli/test_figures_check.py"
    "::test_a_text_that_is_no_key_is_release_key_malformed",
    "release_malformed": "broker/cli/test_figures_check.py"
    "::test_a_note_of_another_kind_is_release_malformed",
    "release_publisher_other": "broker/cli/test_figures_publisher.py"
    "::test_a_table_that_another_party_publishes_nevertheless_is_release_publisher_other",
    "release_signer_unknown": "broker/cli/test_figures_check.py"
    "::test_another_key_is_release_signer_unknown",
    "release_unsigned": "broker/cli/test_figures_check.py"
    "::test_a_file_without_a_note_is_release_unsigned",
    "period_ahead": "broker/cli/test_figures.py::test_a_later_quarter_is_period_ahead",
    "statistics_missing": "broker/cli/test_figures.py"
    "::test_an_agreement_that_counts_nothing_is_statistics_missing",
    "period_malformed": "broker/figures/test_counting.py"
    "::test_a_text_that_is_no_quarter_is_period_malformed",
    "path_unknown": "adapters/http_api/test_access.py::test_unknown_paths_and_methods",
    "rate_limited": "adapters/http_api/test_access.py::test_a_token_above_its_rate_is_rate_limited",
    "readers_many": "adapters/http_api/test_reading.py"
    "::test_more_than_eight_requests_of_one_token_do_not_wait",
    "rejected_by_system": "adapters/http_api/test_results.py"
    "::test_rejected_by_system_is_held_and_offered_again_on_retry",
    "request_malformed": "adapters/http_api/test_reading.py"
    "::test_unknown_parameters_and_numbers_out_of_range_are_refused",
    "request_slow": "adapters/http_api/test_access.py"
    "::test_a_body_that_comes_slowly_is_request_slow",
    "request_too_large": "adapters/http_api/test_access.py"
    "::test_a_body_above_the_limit_is_request_too_large_before_it_is_read",
    "result_conflict": "adapters/http_api/test_results.py"
    "::test_an_event_that_was_rejected_may_be_imported_and_that_is_final",
    "result_malformed": "adapters/http_api/test_results.py::test_another_form_is_result_malformed",
    "result_too_early": "adapters/http_api/test_results.py"
    "::test_a_later_event_of_the_case_waits_and_a_result_for_it_is_result_too_early",
    "source_not_started": "adapters/http_api/test_publishing.py"
    "::test_before_the_source_has_started_it_is_source_not_started",
    "results_overdue": "adapters/http_api/test_results.py::test_an_overdue_result_is_counted",
    "manifest_changed": "broker/service/test_manifest_renewal.py"
    "::test_two_processes_do_not_issue_at_once",
    "manifest_displaced": "broker/service/test_manifest_renewal.py"
    "::test_its_own_record_is_put_back",
    "manifest_not_received": "broker/control/test_named_manifests.py"
    "::test_a_withheld_delegation_shows_in_ten_seconds",
    "registry_differs": "broker/control/test_named_manifests.py"
    "::test_a_registry_that_differs_for_ten_minutes_is_an_alarm_with_both_hashes",
    "manifest_not_foreign": "broker/cli/test_keys_adopt.py"
    "::test_a_version_that_does_not_await_it_is_refused",
    "manifest_not_ours": "broker/cli/test_keys_adopt.py::test_an_adopted_manifest_is_one_of_ours",
    "copy_unknown": "broker/cli/test_event_waiting.py"
    "::test_waiting_copies_are_listed_and_cancelled_once",
    "renewal_failed": "broker/operations/test_certificate_renewal.py"
    "::test_a_failure_is_told_and_mended",
    "renewal_not_configured": "broker/operations/test_certificate_renewal.py"
    "::test_without_a_command_it_says_so",
    "renewal_timed_out": "broker/operations/test_certificate_renewal.py"
    "::test_a_command_that_does_not_end_is_stopped",
    "renewal_without_effect": "broker/operations/test_certificate_renewal.py"
    "::test_a_command_without_effect_is_a_failure",
    "contract_unconfirmed": "broker/cli/test_kafka_bundle.py"
    "::test_an_invented_bundle_changes_no_right",
    "since_too_early": "broker/cli/test_keys_revoke.py"
    "::test_a_key_that_was_lost_long_ago_is_revoked_by_a_delegation",
    "dates_invalid": "broker/operations/test_contract_draft.py"
    "::test_days_in_another_order_are_corrected",
    "nothing_to_sign": "broker/operations/test_bundles.py"
    "::test_nothing_awaits_a_signature_after_it",
    "signing_ambiguous": "broker/operations/test_bundles.py::test_of_two_versions_one_is_named",
    "bundle_missing": "broker/cli/test_bundle.py::test_a_refused_part_is_named_with_its_file",
    "version_replaced": (
        "broker/operations/test_contract_revision.py"
        "::test_the_next_version_lists_every_version_that_a_party_has_signed"
    ),
    "ping_unanswered": "broker/operations/test_event_ping.py"
    "::test_without_an_answer_it_says_where_it_stopped_and_what_to_check",
    "sandbox_no_agreement": "adapters/sandbox/test_rehearsed_agreement.py"
    "::test_no_agreement_with_the_role_is_sandbox_no_agreement",
    "sandbox_not_ready": "adapters/sandbox/test_rehearsal.py"
    "::test_an_adapter_that_does_not_become_ready_is_sandbox_not_ready",
    "sandbox_outside": "adapters/sandbox/test_copied_settings.py"
    "::test_a_source_outside_is_sandbox_outside_until_it_is_allowed",
    "terms_unknown": "broker/operations/test_contract_draft.py::test_terms_of_another_name",
    "vocabulary_unknown": "broker/cli/test_vocabulary.py"
    "::test_a_misspelt_vocabulary_is_refused_with_the_nearest_name",
    "agency_differs": "broker/operations/test_agency_founding.py"
    "::test_another_request_is_refused_and_changes_nothing",
    "entry_missing": "broker/operations/test_agency_founding.py"
    "::test_an_agency_without_an_entry_is_finished",
    "option_missing": "broker/cli/test_agency.py"
    "::test_without_a_terminal_every_missing_option_is_named",
    "option_invalid": "broker/cli/test_agency.py::test_a_wrong_value_is_named_and_makes_nothing",
    "confirmation_needed": "broker/cli/test_contract_signing.py"
    "::test_without_a_terminal_it_asks_for_yes",
    "contract_unknown": "broker/receiving/test_retry_later.py"
    "::test_a_contract_that_arrives_in_time_opens_what_waited",
    "descriptors_exhausted": "adapters/test_shortage.py"
    "::test_a_shortage_of_descriptors_is_waited_out",
    "event_ambiguous": "broker/audit/test_evidence_lookup.py"
    "::test_two_senders_of_one_id_are_told_apart",
    "kafka_unreachable": "tests/integration/test_service_kafka.py"
    "::test_readiness_follows_kafka_down_and_up",
    "kafka_record_too_large": "tests/integration/test_service_kafka.py"
    "::test_an_event_that_a_topic_is_too_small_for_is_shown_and_sent_later",
    "mapping_failed": "adapters/test_intake.py::test_a_fault_of_the_adapter_refuses_its_row_alone",
    "heartbeat_awaited": "broker/cli/test_event_evidence.py"
    "::test_an_event_that_is_newer_than_the_last_heartbeat",
    "key_revoked_before": "broker/cli/test_keys_revoke.py"
    "::test_a_revocation_can_only_be_dated_earlier",
    "key_unknown": "broker/receiving/test_retry_later.py::test_news_of_the_sender_ends_the_waiting",
    "leaves_missing": "broker/audit/test_evidence_lookup.py"
    "::test_a_gap_above_the_event_hides_the_way_until_it_is_filled",
    "quarantine_full": "broker/cli/test_quarantine.py"
    "::test_a_sender_whose_quarantine_was_full_goes_on_when_its_records_are_discarded",
    "fold_awaited": "broker/receiving/test_unheard.py"
    "::test_a_reader_offline_over_the_end_opens_what_a_receipt_covers",
    "not_heard": "broker/receiving/test_unheard.py"
    "::test_a_record_above_every_receipt_is_held_until_a_person_vouches_for_it",
    "taken_after_end": "broker/receiving/test_unheard.py"
    "::test_events_taken_before_the_end_was_known_stay_taken_with_an_alarm",
    "receipt_awaited": "broker/control/test_receipts_kept.py"
    "::test_a_reader_that_begins_anew_opens_what_an_earlier_receipt_covers",
    "referral_unknown": "broker/cli/test_quarantine.py"
    "::test_a_change_of_a_referral_that_came_first_opens_after_the_referral",
    "rule_unknown": "broker/cli/test_contract_signing.py"
    "::test_a_warning_is_accepted_by_its_name_and_only_so",
    "signing_unaccepted": "broker/cli/test_contract_signing.py"
    "::test_a_warning_is_accepted_by_its_name_and_only_so",
    "silence": "broker/control/test_withholding_and_silence.py"
    "::test_three_minutes_of_silence_alarm_once_until_it_speaks",
    "sink_conflict": "adapters/test_delivery.py"
    "::test_a_file_of_the_name_with_other_content_is_kept_and_its_case_goes_on",
    "state_full": "tests/hostile/test_reader_state.py"
    "::test_after_the_thief_is_revoked_the_honest_sender_goes_on",
    "store_full": "tests/fault/test_full_disk.py"
    "::test_a_reader_without_room_takes_nothing_and_then_everything_once",
    "terminal_needed": "broker/cli/test_held.py"
    "::test_a_held_event_is_shown_on_a_terminal_and_the_look_is_logged",
    "wrap_budget": "broker/receiving/test_receiving.py"
    "::test_a_sender_with_too_many_new_wraps_waits_for_the_next_minute",
    "config_adapter_broken": "broker/cli/test_states_of_codes.py"
    "::test_an_adapter_package_that_cannot_be_loaded_and_is_corrected",
    "disk_full": "broker/cli/test_states_of_codes.py::test_a_disk_without_room_and_one_with_room",
    "event_held": "broker/cli/test_states_of_codes.py"
    "::test_a_held_event_is_in_the_log_and_its_reason_in_the_list",
    "file_unusable": "broker/cli/test_states_of_codes.py"
    "::test_a_folder_that_is_gone_and_is_made_again",
    "log_not_signed": "broker/cli/test_log.py::test_an_unsigned_head_is_reported",
    "no_reason": "broker/cli/test_states_of_codes.py"
    "::test_a_refused_file_without_its_reason_is_retried",
    "outbox_waits": "broker/cli/test_states_of_codes.py"
    "::test_events_that_wait_for_kafka_name_lines_that_doctor_has",
    "record_too_large": "tests/integration/test_transport_kafka.py"
    "::test_a_large_batch_goes_in_several_and_a_huge_record_is_refused",
    "records_missing": "broker/cli/test_states_of_codes.py"
    "::test_a_gap_is_shown_until_the_record_arrives",
    "registry_not_reloaded": "broker/cli/test_states_of_codes.py"
    "::test_a_running_adapter_says_that_it_cannot_take_up_a_file_and_doctor_says_why",
    "signing_key_expired": "broker/cli/test_states_of_codes.py"
    "::test_signing_keys_that_have_ended_are_renewed",
    "subscription_name": "broker/cli/test_states_of_codes.py"
    "::test_a_subscription_with_another_name",
    "written_later": "adapters/sources/test_late_writes.py"
    "::test_a_write_after_the_file_was_put_away_is_taken",
    "key_ambiguous": "broker/cli/test_keys_revoke.py"
    "::test_a_beginning_that_fits_two_keys_is_refused",
    "backup_altered": "broker/operations/test_agency_restore.py"
    "::test_an_altered_file_another_passphrase_or_an_early_end_writes_nothing",
    "backup_malformed": "broker/operations/test_agency_restore.py"
    "::test_an_altered_file_another_passphrase_or_an_early_end_writes_nothing",
    "backup_inside": "broker/operations/test_agency_backup.py::test_refusals_write_nothing",
    "output_exists": "broker/operations/test_agency_backup.py::test_refusals_write_nothing",
    "paper_words_invalid": "broker/cli/test_governance.py"
    "::test_a_mistyped_word_is_named_and_writes_nothing",
    "words_other_keys": "broker/cli/test_governance.py::test_the_page_of_another_agency_is_refused",
    "token_unavailable": "tests/fault/test_lost_token.py"
    "::test_events_wait_for_a_token_that_is_away",
    "token_pin_wrong": "broker/keys/test_token.py::test_a_wrong_pin_is_tried_once",
    "passphrase_store_refused": "broker/keys/test_vault.py"
    "::test_a_token_or_a_role_that_is_not_accepted",
    "passphrase_store_unreachable": "broker/keys/test_vault.py::test_a_sealed_store_answers_later",
    "kafka_not_local": "broker/cli/test_kafka.py::test_a_partnership_whose_kafka_is_elsewhere",
    "manifest_missing": "broker/cli/test_states_of_codes.py"
    "::test_a_manifest_that_never_came_is_copied_from_another_party",
    "referral_exists": "broker/sending/test_publishing.py::test_a_referral_is_made_once",
    "rest_put_aside": "broker/cli/test_held.py"
    "::test_the_rest_of_a_file_that_was_not_read_is_held_too",
    "rows_refused": "broker/cli/test_held.py"
    "::test_a_file_that_is_tried_again_is_in_the_import_folder_as_it_was",
    "since_ahead": "broker/cli/test_keys_revoke.py::test_a_time_to_come_is_refused",
}
"""The test brings the state about, does what the registry says, and sees it end."""


class Reason(Enum):
    """Reason why no test carries out a next step."""

    PARTIES = "another party acts, or is telephoned"
    HOST = "Kafka's host acts"
    EVIDENCE = "the state is kept as evidence, and people talk"
    MAINTAINERS = "a fault of this software: its maintainers act"
    NOTHING = "nothing is to be done"
    BY_ITSELF = "it ends by itself, with time or as the adapter works"
    MACHINE = "the machine or what is installed on it is changed"
    WORD = "a word of a log line, a metric or a table: the state behind it has a code of its own"
    DEFAULT = "the default of an exception class: what is raised names a code of its own"
    READ = "the next step is a list to read, whose lines have codes of their own"
    ONLY_BROUGHT_ABOUT = "a test brings the state about, and does not go on to its next step"


P, H, E, F = Reason.PARTIES, Reason.HOST, Reason.EVIDENCE, Reason.MAINTAINERS
N, T, M, W = Reason.NOTHING, Reason.BY_ITSELF, Reason.MACHINE, Reason.WORD
D, R, B = Reason.DEFAULT, Reason.READ, Reason.ONLY_BROUGHT_ABOUT

NOT_CARRIED_OUT: dict[str, tuple[Reason, str]] = {
    "token_key_missing": (
        B,
        "broker/keys/test_token.py::test_a_key_that_the_token_lost_or_replaced_is_named",
    ),
    "copy_cancelled": (
        N,
        "broker/sending/test_copies.py::test_a_cancelled_referral_cancels_its_changes",
    ),
    "copy_erased": (
        N,
        "broker/sending/test_copies.py::test_an_erased_case_waits_for_no_agency",
    ),
    "copy_expired": (
        P,
        "broker/sending/test_copies.py::test_a_copy_waits_until_the_retention_of_its_type_ends",
    ),
    "earlier_waits": (
        T,
        "broker/sending/test_publishing.py"
        "::test_an_event_waits_behind_an_earlier_one_for_the_same_agency",
    ),
    "other_version": (
        T,
        "broker/sending/test_publishing.py"
        "::test_agencies_of_other_versions_are_named_with_the_reason",
    ),
    "token_locked": (
        M,
        "broker/keys/test_token.py::test_the_last_try_of_a_token_is_left_to_people",
    ),
    "token_unsuitable": (
        M,
        "broker/keys/test_token.py::test_a_token_that_cannot_make_ed25519_keys_is_named",
    ),
    "fingerprint_differs": (
        P,
        "broker/operations/test_agency_progress.py::test_other_words_record_nothing",
    ),
    "contract_signer_unknown": (
        N,
        "broker/operations/test_agreement_exchange.py"
        "::test_a_version_that_no_known_party_signed_is_not_even_read",
    ),
    "contract_versions_many": (
        B,
        "broker/operations/test_agreement_exchange.py"
        "::test_the_newest_versions_of_a_signer_stay_and_others_are_deleted",
    ),
    "entry_unpinned": (
        N,
        "broker/operations/test_agreement_exchange.py::test_altered_and_foreign_parts_are_refused",
    ),
    "bundle_malformed": (P, "broker/operations/test_bundles.py::test_another_file_is_no_bundle"),
    "bundle_older": (
        P,
        "broker/operations/test_bundles.py::test_a_bundle_that_is_older_than_what_is_held",
    ),
    "bundle_without_agreement": (
        P,
        "broker/cli/test_kafka_bundle.py"
        "::test_a_file_that_is_no_bundle_or_has_no_agreement_is_refused",
    ),
    "bundle_too_large": (P, "broker/partnership/test_bundle.py::test_limits"),
    "certificate_foreign": (
        H,
        "broker/operations/test_bundles.py::test_a_certificate_for_another_id_or_another_key",
    ),
    "document_missing": (
        P,
        "broker/operations/test_agreement_documents.py"
        "::test_an_agreement_without_its_framework_is_refused",
    ),
    "lint_rules_invalid": (
        P,
        "contracts/test_rule_sets.py::test_a_fault_names_file_and_line",
    ),
    "vocabulary_invalid": (
        P,
        "contracts/test_vocabulary.py::test_a_fault_is_refused_with_its_line_and_field",
    ),
    "document_invalid": (P, "contracts/test_documents.py::test_a_document_is_bounded_plain_text"),
    "entry_conflict": (P, "broker/operations/test_bundles.py::test_two_agencies_with_one_id"),
    "officer_invalid": (
        P,
        "broker/operations/test_officers.py"
        "::test_a_file_of_an_officer_is_refused_if_any_bit_differs",
    ),
    "officers_awaited": (P, "broker/operations/test_officers.py::test_two_officers_leave"),
    "officers_unsuitable": (
        P,
        "broker/operations/test_officers.py::test_officers_are_named_once_and_before_a_signature",
    ),
    "entry_incomplete": (
        P,
        "broker/operations/test_contract_draft.py::test_a_role_that_the_terms_do_not_have",
    ),
    "certificate_request_invalid": (
        P,
        "broker/partnership/test_entry.py::test_a_certificate_request_for_another_id_is_refused",
    ),
    "delegation_dates_invalid": (P, "broker/keys/test_delegation.py::test_dates"),
    "delegation_early": (M, "broker/keys/test_delegation.py::test_early_and_expired"),
    "delegation_expired": (P, "broker/keys/test_delegation.py::test_early_and_expired"),
    "delegation_foreign": (P, "broker/keys/test_delegation.py::test_another_deployment_is_refused"),
    "delegation_key_invalid": (P, "broker/keys/test_delegation.py::test_keys"),
    "delegation_malformed": (
        P,
        "broker/keys/test_delegation.py::test_other_bytes_are_no_delegation",
    ),
    "delegation_signature_invalid": (
        P,
        "broker/keys/test_delegation.py::test_keys_of_others_sign_nothing",
    ),
    "entry_early": (M, "broker/partnership/test_entry.py::test_an_entry_of_tomorrow_is_refused"),
    "entry_foreign": (
        P,
        "broker/partnership/test_entry.py::test_an_entry_of_another_deployment_is_refused",
    ),
    "entry_malformed": (
        P,
        "broker/partnership/test_entry.py::test_any_bytes_are_refused_by_a_code",
    ),
    "entry_mixed": (
        P,
        "broker/partnership/test_entry.py"
        "::test_an_agency_does_not_sign_an_entry_that_others_refuse",
    ),
    "entry_signature_invalid": (
        P,
        "broker/partnership/test_entry.py::test_an_altered_entry_without_a_new_signature_is_refused",
    ),
    "entry_too_large": (
        P,
        "broker/partnership/test_entry.py::test_a_part_of_an_entry_and_more_than_one_are_refused",
    ),
    "founding_unreadable": (
        M,
        "broker/operations/test_agency_founding.py::test_a_damaged_plan_or_entry_is_named",
    ),
    "words_invalid": (
        P,
        "broker/partnership/test_fingerprint.py::test_text_that_is_not_a_fingerprint_is_refused",
    ),
    "alarm": (
        R,
        "broker/cli/test_status.py::test_alarms_are_shown_with_the_agency_that_they_are_about",
    ),
    "before_start_late": (
        P,
        "broker/judging/test_generations.py"
        "::test_a_reader_that_starts_in_a_later_generation_ignores_what_the_first_names",
    ),
    "certificate_expired": (
        H,
        "broker/cli/test_doctor.py::test_a_certificate_that_is_not_valid_yet",
    ),
    "checkpoint_conflict": (
        E,
        "broker/store/test_reading.py::test_another_root_for_a_kept_size_is_refused",
    ),
    "clock_behind": (M, "broker/cli/test_doctor.py::test_a_clock_behind_what_was_heard_or_signed"),
    "content_missing": (
        P,
        "tests/hostile/test_hostile_host.py"
        "::test_a_leaf_that_the_host_made_of_a_replay_is_an_alarm",
    ),
    "contract_ambiguous": (
        P,
        "broker/cli/test_contract_signing.py::test_two_versions_at_once_are_ambiguous",
    ),
    "contract_keys_differ": (
        P,
        "broker/registry/test_contracts.py::test_a_party_does_not_sign_what_pins_other_keys_for_it",
    ),
    "contract_malformed": (
        N,
        "broker/control/test_registry_news.py"
        "::test_a_contract_that_we_have_not_signed_is_not_taken_from_kafka",
    ),
    "cosigners_many": (
        N,
        "broker/control/test_receipts_kept.py"
        "::test_eight_cosigners_are_kept_of_a_stream_beside_ones_own",
    ),
    "demo_missing": (
        M,
        "adapters/test_tryout.py::test_without_the_demo_each_command_says_what_to_install",
    ),
    "directory_unusable": (
        M,
        "adapters/demo/test_quickstart.py::test_a_failure_leaves_the_folder_as_it_was",
    ),
    "error": (D, ""),
    "event_not_sent": (
        T,
        "broker/cli/test_event_evidence.py::test_an_event_that_is_not_in_a_stream_yet",
    ),
    "evidence_malformed": (
        P,
        "broker/cli/test_event_evidence.py::test_invalid_or_unreadable_evidence",
    ),
    "exchange_key_missing": (
        P,
        "broker/cli/test_event_environment.py"
        "::test_a_recipient_whose_manifest_has_expired_refuses_each_line",
    ),
    "file_unreadable": (
        M,
        "adapters/sources/test_refused_files.py"
        "::test_a_file_that_may_not_be_read_is_refused_after_some_tries",
    ),
    "frontier_malformed": (
        B,
        "broker/tlog/test_merkle.py::test_stored_bytes_that_are_not_a_frontier_are_refused",
    ),
    "gap": (
        T,
        "tests/hostile/test_hostile_agency_streams.py"
        "::test_an_index_left_out_is_a_gap_that_is_told_and_asked_for",
    ),
    "gaps_many": (P, "broker/judging/test_continuity.py::test_gaps_of_a_generation_are_bounded"),
    "heartbeat_malformed": (
        N,
        "broker/control/test_heartbeats_heard.py"
        "::test_a_heartbeat_that_names_two_generations_of_a_stream_is_refused",
    ),
    "heartbeats_many": (
        N,
        "broker/control/test_heartbeats_heard.py"
        "::test_so_many_heartbeats_of_an_agency_are_heard_in_a_minute",
    ),
    "inbox_waits": (R, "broker/cli/test_doctor.py::test_faults_that_status_shows_are_named"),
    "inclusion_invalid": (
        E,
        "broker/tlog/test_merkle.py::test_an_index_outside_the_log_is_refused",
    ),
    "input_wrong": (D, ""),
    "item_published": (F, "broker/store/test_boundary.py::test_an_item_is_published_once"),
    "kafka_conflict": (
        H,
        "broker/cli/test_kafka.py::test_another_number_of_partitions_stops_the_plan",
    ),
    "kafka_distribution": (
        M,
        "broker/transport/test_distribution.py"
        "::test_a_jar_with_another_sum_is_refused_and_not_kept",
    ),
    "kafka_refused": (
        H,
        "tests/integration/test_transport_local.py::test_a_party_cannot_administer",
    ),
    "kafka_login_refused": (
        M,
        "tests/integration/test_sasl_kafka.py::test_a_wrong_password_is_told_and_corrected",
    ),
    "kafka_password_missing": (
        M,
        "broker/agency/test_kafka_settings.py::test_a_password_is_read_anew_each_time",
    ),
    "kafka_token_refused": (
        M,
        "broker/transport/test_access_token.py::test_a_refused_secret_is_not_asked_at_once_again",
    ),
    "kafka_token_unavailable": (
        M,
        "broker/transport/test_access_token.py"
        "::test_an_endpoint_that_fails_leaves_the_token_that_is_still_valid",
    ),
    "kafka_start_failed": (
        M,
        "tests/integration/test_transport_local.py"
        "::test_a_port_in_use_is_an_error_if_it_was_asked_for",
    ),
    "kafka_topic_missing": (
        H,
        "broker/service/test_reading.py::test_a_missing_topic_is_asked_for_at_growing_intervals",
    ),
    "key_governance": (
        P,
        "broker/cli/test_keys_revoke.py"
        "::test_a_governance_key_is_not_revoked_and_what_to_do_is_said",
    ),
    "link_conflict": (W, "broker/store/test_boundary.py::test_a_link_is_unique_both_ways"),
    "log_checkpoint_invalid": (E, "broker/audit/test_log.py::test_an_altered_checkpoint_is_found"),
    "log_entry_altered": (E, "broker/audit/test_log.py::test_an_altered_entry_is_named"),
    "log_entry_invalid": (E, "broker/audit/test_entries.py::test_other_bytes_are_no_entry"),
    "log_entry_missing": (E, "broker/audit/test_log.py::test_a_removed_entry_is_named"),
    "log_head_altered": (E, "broker/audit/test_log.py::test_a_damaged_head_stops_appending"),
    "log_range_altered": (E, "broker/audit/test_log.py::test_reordered_entries_are_found"),
    "log_reason_altered": (E, "broker/cli/test_log.py::test_a_reason_that_was_altered_is_found"),
    "manifest_invalid": (D, ""),
    "manifest_left": (N, "broker/cli/test_contract_signing.py::test_leaving_cannot_be_taken_back"),
    "name_unknown": (D, ""),
    "notice_malformed": (N, "broker/statements/test_receipts.py::test_a_notice_has_one_form"),
    "notices_many": (
        P,
        "broker/control/test_notices.py::test_so_many_notices_of_an_agency_are_heard_in_a_minute",
    ),
    "ping_malformed": (N, "broker/statements/test_pings.py::test_another_text_is_ping_malformed"),
    "ping_unopenable": (
        N,
        "broker/control/test_ping_answers.py::test_a_ping_sealed_to_another_key_is_ping_unopenable",
    ),
    "pings_many": (
        N,
        "broker/control/test_ping_answers.py::test_one_agency_has_so_many_answers_in_a_minute",
    ),
    "origins_many": (
        P,
        "broker/control/test_receipts_kept.py"
        "::test_one_cosigner_has_64_generations_that_are_not_held_of_a_senders_partition",
    ),
    "outbox_indexed": (F, "broker/store/test_sending.py::test_a_row_gets_its_place_once"),
    "package_foreign": (
        M,
        "concordant/test_packages.py::test_every_import_of_ours_beside_a_foreign_one_is_refused",
    ),
    "package_missing": (
        M,
        "concordant/test_packages.py"
        "::test_a_package_that_is_not_there_is_missing_for_the_command_only",
    ),
    "package_unsuitable": (
        M,
        "broker/transport/kafka/test_raw.py"
        "::test_a_version_of_aiokafka_that_is_not_known_is_refused",
    ),
    "party_left": (
        N,
        "broker/control/test_receipts_kept.py::test_an_agency_that_left_is_not_heard",
    ),
    "principal_of_the_host": (
        P,
        "broker/cli/test_kafka.py"
        "::test_a_principal_that_no_party_may_have_gets_no_right_and_an_error",
    ),
    "principal_reserved": (
        P,
        "broker/cli/test_kafka.py"
        "::test_a_principal_that_no_party_may_have_gets_no_right_and_an_error",
    ),
    "principal_shared": (
        P,
        "broker/cli/test_kafka.py::test_agencies_that_claim_one_principal_get_no_rights",
    ),
    "principal_unnameable": (
        P,
        "broker/cli/test_kafka_strimzi.py::test_a_principal_that_cannot_be_has_no_user",
    ),
    "resources_unreadable": (
        N,
        "broker/cli/test_kafka_strimzi.py::test_a_damaged_file_of_resources_is_named",
    ),
    "receipt_malformed": (N, "broker/statements/test_receipts.py::test_another_text_is_no_receipt"),
    "receipts_many": (
        P,
        "broker/control/test_receipts_kept.py::test_a_minute_of_an_agency_has_64_kilobytes",
    ),
    "counts_malformed": (
        N,
        "broker/control/test_counts.py::test_counts_at_fault_are_dropped_with_their_code",
    ),
    "counts_many": (
        P,
        "broker/control/test_counts.py::test_an_agency_cannot_make_others_open_many_counts",
    ),
    "counts_unagreed": (
        P,
        "broker/control/test_counts.py::test_counts_at_fault_are_dropped_with_their_code",
    ),
    "counts_unopenable": (
        N,
        "broker/control/test_counts.py::test_counts_that_no_key_opens_are_refused_for_a_week",
    ),
    "listing_malformed": (
        N,
        "broker/control/test_listings.py::test_a_listing_at_fault_is_dropped_with_its_code",
    ),
    "listing_unopenable": (
        N,
        "broker/statements/test_partner_statements.py::test_a_partner_whose_key_is_gone_is_told_so",
    ),
    "listings_many": (
        P,
        "broker/control/test_listings.py::test_an_agency_cannot_make_others_check_many_listings",
    ),
    "union_malformed": (
        N,
        "broker/control/test_unions.py::test_a_statement_at_fault_is_dropped_with_its_code",
    ),
    "union_misplaced": (
        N,
        "broker/control/test_unions.py::test_the_party_that_tallies_takes_no_key",
    ),
    "union_unopenable": (
        N,
        "broker/control/test_unions.py::test_a_statement_for_a_key_that_is_gone_is_dropped",
    ),
    "unions_many": (
        P,
        "broker/control/test_unions.py::test_an_agency_cannot_make_others_open_many_statements",
    ),
    "report_malformed": (
        N,
        "broker/statements/test_reports.py::test_a_value_in_another_form_is_malformed",
    ),
    "report_unopenable": (
        N,
        "broker/control/test_reports.py"
        "::test_a_report_at_fault_is_counted_and_dropped_and_nothing_arises_from_it",
    ),
    "reports_many": (
        P,
        "broker/control/test_reports.py::test_reports_of_one_agency_are_limited_in_each_period",
    ),
    "record_not_held": (
        P,
        "broker/cli/test_event_evidence.py"
        "::test_an_event_with_erased_content_has_no_record_any_more",
    ),
    "referral_unacknowledged": (
        P,
        "broker/control/test_watch.py::test_an_unacknowledged_referral_is_an_alarm_once",
    ),
    "refused": (W, ""),
    "refused_by_recipient": (
        P,
        "broker/control/test_notices.py"
        "::test_a_refusal_that_is_heard_is_told_to_the_operator_and_never_answered",
    ),
    "request_old": (
        N,
        "broker/control/test_notices.py::test_a_request_shown_again_later_is_ignored",
    ),
    "right_excess": (H, "broker/cli/test_doctor.py::test_rights_are_compared_with_the_contract"),
    "right_missing": (H, "broker/cli/test_doctor.py::test_rights_are_compared_with_the_contract"),
    "rollback": (
        P,
        "tests/hostile/test_hostile_agency_streams.py"
        "::test_going_back_on_what_it_said_is_a_rollback_and_what_lay_above_stays",
    ),
    "sender_not_granted": (
        W,
        "contracts/test_decision.py::test_a_field_that_only_others_may_send_refuses_the_event",
    ),
    "signing_refused": (
        P,
        "broker/cli/test_contract_signing.py::test_an_event_type_in_two_agreements_is_not_signed",
    ),
    "sink_key_invalid": (
        F,
        "adapters/sinks/test_folder_sink.py::test_a_key_that_could_leave_the_folder_is_refused",
    ),
    "source_retry": (
        T,
        "adapters/sources/test_refused_files.py"
        "::test_a_file_that_may_not_be_read_is_refused_after_some_tries",
    ),
    "state_changed": (
        T,
        "broker/store/test_reading.py::test_a_state_is_saved_only_over_the_version_that_was_read",
    ),
    "store_conflict": (F, "broker/store/test_reading.py::test_a_known_index_is_never_overwritten"),
    "store_migration_failed": (
        F,
        "broker/store/test_migrations.py"
        "::test_a_file_of_an_unknown_revision_is_refused_and_stays_as_it_is",
    ),
    "store_nested": (
        F,
        "broker/store/test_transactions.py::test_a_transaction_inside_another_is_refused_at_once",
    ),
    "store_newer": (M, "broker/store/test_database.py::test_a_newer_schema_is_refused"),
    "store_unreleased": (
        F,
        "broker/store/test_migrations.py"
        "::test_a_file_of_an_unreleased_schema_is_refused_and_stays_as_it_is",
    ),
    "taken": (
        W,
        "adapters/sources/test_refused_files.py"
        "::test_an_adapter_that_fails_stops_no_other_file_and_leaks_no_value",
    ),
    "topic_missing": (H, "broker/cli/test_doctor.py::test_rights_are_compared_with_the_contract"),
    "unreadable": (
        W,
        "broker/transport/test_applied.py::test_a_record_of_another_contract_is_unreadable",
    ),
    "withheld": (
        P,
        "tests/integration/test_service_memory.py"
        "::test_a_record_that_kafka_lost_is_asked_for_and_healed",
    ),
    "content_gone": (
        P,
        "broker/sending/test_recovery.py::test_content_that_is_gone_is_counted",
    ),
    "gaps_forgotten": (
        P,
        "tests/hostile/test_reader_state.py"
        "::test_after_the_thief_is_revoked_the_honest_sender_goes_on",
    ),
    "kafka_failed": (
        H,
        "broker/transport/test_connection.py::test_an_error_of_kafka_without_a_code_of_ours",
    ),
    "principal_differs": (
        H,
        "broker/cli/test_doctor.py::test_each_fault_fails_with_its_fix",
    ),
    "referral_unanswered": (
        P,
        "broker/control/test_watch.py"
        "::test_a_referral_that_is_acknowledged_and_not_answered_is_an_alarm",
    ),
}
"""Code -> why no test carries its next step out, and the test that brings the state about."""


@cache
def _functions(path: Path) -> dict[str, str]:
    """The tests of a file, with their decorators, by name."""
    text = path.read_text()
    lines = text.splitlines()
    return {
        node.name: "\n".join(
            lines[
                min([node.lineno, *(d.lineno for d in node.decorator_list)]) - 1 : node.end_lineno
            ]
        )
        for node in ast.walk(ast.parse(text))  # those in a class, too
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def fault(code: str, named: str) -> str | None:
    """Fault in the name of a test, or None."""
    place, _, name = named.partition("::")
    path = ROOT / (place if place.startswith("tests/") else f"tests/unit/{place}")
    if not path.exists() or name not in _functions(path):
        return f"{named} does not exist"
    if not re.search(rf"\b{code}\b", _functions(path)[name]):
        return f"{named} does not speak of {code}"
    return None
