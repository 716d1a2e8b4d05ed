"""Meaning of every reason code, and what to do about it.

Refusals, log lines, metrics and the quarantine name a code. Only this table says what a code means.
A test searches the source for codes and fails for a code without an entry. docs/codes.md is
generated from the table. A printed message adds details: the place, the file, the key. If an error
has a next step of its own (``fix``), the message shows it instead of the table's.
tests/unit/broker/codes/test_meanings.py checks that both name the same commands and advice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from contracts.errors import ConcordantError
from contracts.phrases import N_


@dataclass(frozen=True, slots=True)
class Meaning:
    """Meaning of a code. `docs/texts.py` takes both texts for the pages from the table.

    Attributes:
        means: the situation, without a full stop.
        to_do: the next step, in whole sentences. Words in capitals are placeholders.
    """

    means: str
    to_do: str


_DISCARD: Final = "concordant quarantine discard ID --reason TEXT --agency DIR"
_NO_RETRY: Final = "A retry cannot open the record."
_SENT_AGAIN: Final = (
    f"{_NO_RETRY} Tell the sender: it corrects the cause and sends the event "
    f"again. Then discard the record: {_DISCARD}."
)
_NOTHING_TAKEN: Final = (
    "Nothing was accepted. Tell the sender: it corrects the cause and sends the event again."
)
_NEWER_SOFTWARE: Final = (
    "The record is held. If the sender's software is newer than ours, install the newer version, "
    "then: concordant quarantine retry ID --agency DIR. Else tell the sender: it corrects the "
    "cause and sends the event again."
)
_EARLIER_EVENT: Final = (
    "The record is held. When the referral's earlier events have come: concordant quarantine "
    "retry ID --agency DIR. Else tell the sender: it corrects the cause and sends the event again."
)
_RELEASE: Final = (
    "Keep the evidence and ask the sender. Then stop the adapter, release the stream: concordant "
    "status release AGENCY TOPIC PARTITION --agency DIR, and start the adapter again."
)
_OUR_EVENT: Final = " For an event of ours: correct the named field and send it again."
_OF_A_RECORD: Final = (_SENT_AGAIN, _NEWER_SOFTWARE, _EARLIER_EVENT, _NOTHING_TAKEN)
"""Beginnings of advice about a record that came from Kafka."""

CODES: Final[Mapping[str, Meaning]] = {
    "addressed_wrong": Meaning("the addressed agencies are not the recipients", _SENT_AGAIN),
    "agency_differs": Meaning(
        "the folder holds an agency that was made with other values",
        "Give the folder alone to finish that agency: concordant agency init DIR. For "
        "another agency, give another folder.",
    ),
    "agency_own": Meaning(
        "a command names this agency itself, but another is needed",
        "Give another party's id. If a key of our own is lost: concordant keys revoke KID "
        "--since TIME --reason TEXT --agency DIR; then each other party asks: concordant "
        "keys doubted AGENCY --agency DIR",
    ),
    "agency_unknown": Meaning(
        "no party has this id", "Give the id of a party: concordant status --agency DIR"
    ),
    "alarm": Meaning("an alarm was raised", "Read it in: concordant status --agency DIR"),
    "already_running": Meaning(
        "another adapter uses this agency's state",
        "Stop the other adapter, or wait until it has ended.",
    ),
    "answers_invalid": Meaning(
        "fields of a draft at the desk cannot be sent as they are",
        "Correct the fields that are named, then send the draft again.",
    ),
    "api_scope_missing": Meaning(
        "(HTTP) the token does not allow this request",
        "Use a token with the scope: concordant adapter token new --agency DIR --name NAME --scope "
        "SCOPE",
    ),
    "api_token_invalid": Meaning(
        "a token cannot be made with these values", "Correct the named option, then try again."
    ),
    "api_token_missing": Meaning(
        "(HTTP) the request has no bearer token",
        "Send the header Authorization: Bearer TOKEN. A token is made with: concordant adapter "
        "token new --agency DIR --name NAME --scope SCOPE",
    ),
    "api_token_unknown": Meaning(
        "no token has this id", "Give an id of: concordant adapter token list --agency DIR"
    ),
    "api_token_wrong": Meaning(
        "(HTTP) the token is unknown, expired or revoked, or came with another certificate",
        "Compare with: concordant adapter token list --agency DIR. If it has ended, make a new "
        "one: concordant adapter token new --agency DIR --name NAME --scope SCOPE",
    ),
    "api_tokens_unreadable": Meaning(
        "the list of tokens cannot be read, or other accounts may write to it",
        "Correct the owner and the permissions of api-tokens.json (0600). If it is damaged, remove "
        "it and make new tokens: concordant adapter token new --agency DIR --name NAME --scope "
        "SCOPE",
    ),
    "area_invalid": Meaning(
        "an area is neither a name that is known nor an ONS code",
        "Give the name of an area, for example Camden, or its ONS code, for example E09000007.",
    ),
    "backup_altered": Meaning(
        "a backup was altered, or its end is missing",
        "Copy the file again from where it is kept, or take the backup before it.",
    ),
    "backup_inside": Meaning(
        "a backup would be inside the folder that it copies",
        "Name a file in another folder, on another disk or machine.",
    ),
    "backup_malformed": Meaning(
        "a file is not a backup of this software, or one with an unsafe path or length",
        "Give the right file. Copy it again from where it is kept, or take the backup before it.",
    ),
    "before_start": Meaning(
        "(files) the record is from before the first record that was read",
        "Give the sender's whole file from its first record on.",
    ),
    "before_start_late": Meaning(
        "a sender still writes to an old history",
        "Ask that agency whether it runs from a restored copy.",
    ),
    "bundle_malformed": Meaning(
        "not a bundle, or one that was altered",
        "Ask the agency that sent it for the file that it made with: concordant bundle make"
        " --agency DIR --out FILE",
    ),
    "bundle_missing": Meaning(
        "a folder holds no bundle, no entry and no agreement",
        "Give the folder that holds the files, or the files.",
    ),
    "bundle_older": Meaning(
        "a bundle is older than what is held and has nothing new",
        "Ask the agency that sent it for a bundle that it makes now: concordant bundle make"
        " --agency DIR --out FILE",
    ),
    "bundle_too_large": Meaning(
        "a file is too large for a bundle, or there are too many files",
        "Ask the agency that sent it for the file that it made with: concordant bundle make"
        " --agency DIR --out FILE",
    ),
    "bundle_without_agreement": Meaning(
        "a bundle for Kafka's host holds no agreement",
        "Ask a party for the bundle that it makes after all have signed: concordant bundle make "
        "--agency DIR --out FILE",
    ),
    "bus_library_missing": Meaning(
        "the library for this kind of bus is not installed",
        "Install it: pip install 'concordant[bus]'",
    ),
    "bus_unavailable": Meaning(
        "the agency's own bus does not answer, or refuses a request",
        "Check that the bus runs, and the section [bus]: address, TLS, login and permissions. "
        "Nothing is lost.",
    ),
    "case_unknown": Meaning(
        "no event of this case is known here",
        "Give the shared id (a UUID), or the reference of the agency's own system.",
    ),
    "certificate_expired": Meaning(
        "the TLS certificate is not valid now",
        "Ask Kafka's host to issue a certificate for the same name.",
    ),
    "certificate_foreign": Meaning(
        "a certificate is not one that the authority issued to this agency for its key",
        "Ask Kafka's host to issue it again, from the agency's entry.",
    ),
    "certificate_invalid": Meaning(
        "a TLS certificate is not valid", "Ask Kafka's host to issue it again."
    ),
    "certificate_request_invalid": Meaning(
        "a certificate request is damaged or names another agency",
        "Ask the agency for its entry again: concordant agency entry --agency DIR --out FILE",
    ),
    "certificate_unreadable": Meaning(
        "a TLS file is missing or damaged",
        "Add the bundle of Kafka's host: concordant bundle add --agency DIR FILE. Or put the files "
        "back that [kafka] in agency.toml names.",
    ),
    "checkpoint_conflict": Meaning(
        "two signed checkpoints of one size differ",
        "Keep both as evidence and telephone the sender.",
    ),
    "checkpoint_malformed": Meaning(
        "a checkpoint is not in its canonical form", "Ask its sender for it again."
    ),
    "client_address_unusable": Meaning(
        "(Python client) the address of the adapter is none, or has no TLS",
        "Give https://HOST:PORT. Without TLS only this machine's own adapter can be reached: "
        "http://127.0.0.1:PORT",
    ),
    "client_answer_unknown": Meaning(
        "(Python client) the answer is none of the adapter's HTTP interface",
        "Check that the address is that of the adapter, which `state/api-port` or the section "
        "[api] names, and that no proxy answers in its place.",
    ),
    "client_certificate_refused": Meaning(
        "(Python client) the certificate of the adapter is not valid",
        "Give the authority of the adapter's certificate as ca, and the name that stands in the"
        " certificate as the host.",
    ),
    "client_certificate_unusable": Meaning(
        "(Python client) a TLS file of the client cannot be used",
        "Check that ca is the PEM file of the adapter's authority, and that the files of "
        "certificate are a PEM certificate and its key.",
    ),
    "client_unreachable": Meaning(
        "(Python client) the adapter cannot be reached, or does not answer in time",
        "Check that the adapter runs and that the address is right. The same request can be "
        "sent again.",
    ),
    "clock_behind": Meaning(
        "this clock is behind what others have signed",
        "Set the clock by NTP, then start the adapter again.",
    ),
    "clock_jumped": Meaning(
        "the clock was set while the adapter ran",
        "Check the machine's time service, then start the adapter again.",
    ),
    "code_known": Meaning(
        "the table of the mapping has this own code already",
        "Show its codes: concordant mapping columns --agency DIR. To change one, edit the file.",
    ),
    "code_unknown": Meaning(
        "the code list of the vocabulary has no such code",
        "Show the list: concordant vocabulary show FILE. Give one of its codes.",
    ),
    "command_invalid": Meaning(
        "the tested command cannot be split into words", "Correct the command."
    ),
    "command_not_started": Meaning(
        "the tested command cannot be started", "Give a command that this machine has."
    ),
    "commitment_wrong": Meaning("a key does not match its commitment", _SENT_AGAIN),
    "condition_unmet": Meaning(
        "an event lacks a field that the vocabulary requires beside one of its values",
        "Add the field that is named, or correct the value beside it, and send the event again.",
    ),
    "config_adapter_broken": Meaning(
        "the package of the adapter cannot be loaded", "Install the package again, or correct it."
    ),
    "config_adapter_unknown": Meaning(
        "no installed package offers this kind of adapter",
        "Use one of: concordant adapter list; or install the package that offers it.",
    ),
    "config_address_invalid": Meaning(
        "an address of Kafka is not HOST:PORT", "Correct kafka.bootstrap in agency.toml."
    ),
    "config_api_certificate": Meaning(
        "the TLS files of the HTTP interface cannot be used",
        "Check that certificate, key and client_ca of [api] are PEM files that belong together, "
        "with permissions that let the adapter's account read them, and that the key has no "
        "passphrase.",
    ),
    "config_api_plaintext": Meaning(
        "the HTTP interface would carry personal data without encryption",
        "Correct the section [api] of agency.toml: set certificate and key, or set host to "
        "127.0.0.1 and leave out client_ca.",
    ),
    "config_bus_plaintext": Meaning(
        "the agency's own bus would carry events unencrypted over the network",
        "Remove tls = false. Without TLS only a bus on this machine is possible.",
    ),
    "config_bus_tls": Meaning(
        "a file of TLS or of credentials for the agency's own bus cannot be used",
        "Check that ca, certificate, key and credentials of [bus] can be read by the adapter's "
        "account, and that the TLS files belong together, are PEM and have no passphrase.",
    ),
    "config_folders_same": Meaning(
        "two settings of agency.toml name the same folder", "Give each its own folder."
    ),
    "config_interval_invalid": Meaning(
        "an interval would make this agency or others raise alarms all the time",
        "Set the interval that is named.",
    ),
    "config_invalid": Meaning(
        "a setting in agency.toml is wrong",
        "Correct or remove the setting that is named. Ids of our keys: concordant keys "
        "list --agency DIR",
    ),
    "config_missing": Meaning(
        "there is no agency.toml in the folder",
        "Give the folder of an agency: --agency DIR; or make a try-out: concordant quickstart DIR",
    ),
    "config_newer": Meaning(
        "agency.toml is written for a newer version",
        "Run the newer version, or restore the agency.toml from before the upgrade.",
    ),
    "config_port_unusable": Meaning(
        "the port of /metrics and /readyz cannot be opened",
        "Use a free port, or port 0; or stop the program that uses this one.",
    ),
    "config_side_unknown": Meaning(
        "no installed package offers this source or sink",
        "Correct [adapter] source or sink in agency.toml, or install the package that offers it.",
    ),
    "config_signer": Meaning(
        "this software does not support the configured store of keys",
        "Use file:FOLDER in [keys] of agency.toml.",
    ),
    "config_unreadable": Meaning(
        "agency.toml cannot be read",
        "Correct the line or the permissions that are named. An earlier copy shows what changed.",
    ),
    "config_web_certificate": Meaning(
        "the TLS files of the web application cannot be used",
        "Check that certificate and key of [web] are PEM files that belong together, with "
        "permissions that let this account read them, and that the key has no passphrase.",
    ),
    "config_web_secret": Meaning(
        "the client secret for the OpenID Connect provider cannot be read",
        "Put the secret where [web.oidc] client_secret names it, on one line, readable by this "
        "account only.",
    ),
    "config_web_texts": Meaning(
        "the texts of the language of the pages cannot be used",
        "Correct the file, or remove language from [web] of agency.toml.",
    ),
    "config_web_tls": Meaning(
        "the pages would carry personal data without encryption",
        "Leave --host out, or set certificate and key in [web] of agency.toml.",
    ),
    "config_webhook_plaintext": Meaning(
        "the webhook would carry personal data without encryption",
        "Correct the section [webhook] of agency.toml: use an address with https, or one of "
        "this machine, such as http://127.0.0.1:8080/events.",
    ),
    "confirmation_needed": Meaning(
        "the command needs a person's consent, and there is no terminal",
        "Give the command again with --yes.",
    ),
    "consent_missing": Meaning(
        "a field, or a group's key, without the consent it needs", _SENT_AGAIN + _OUR_EVENT
    ),
    "consultation_reason_required": Meaning(
        "an agreement asks for a reason before data of an event is shown, and none was stated",
        "Give --reason with one of these codes: case_work, supervision, rights_request, complaint, "
        "audit, other. After other write a colon and the reason in words.",
    ),
    "content_gone": Meaning(
        "the content that must be published again is no longer stored",
        "Tell the recipients how many events are lost, and when: concordant status --agency DIR. "
        "Their status lists the records of which only the hash came.",
    ),
    "content_missing": Meaning(
        "(files) only the hash of the record came, without content",
        "Give the sender's whole file from its first record on.",
    ),
    "content_type_unknown": Meaning("the content type is unknown", _NOTHING_TAKEN),
    "contract_altered": Meaning(
        "a contract is not the file that was signed",
        "Put the signed file back byte for byte, or ask another party for its copy.",
    ),
    "contract_ambiguous": Meaning(
        "two contracts apply at once",
        "Of two agreements with one event type, send one event for the agencies of each. Of two "
        "versions of one agreement, let every party sign a version that names the earlier one as "
        "previous; leave "
        "both files where they are. Of two texts with one version, ask the other parties "
        "which one they signed.",
    ),
    "contract_ended": Meaning("the contract ended, and its grace period has passed", _SENT_AGAIN),
    "contract_expired": Meaning(
        "the contract has ended", "Agree on a new version and let every party sign it."
    ),
    "contract_field_unknown": Meaning(
        "the contract grants a leaf that the type does not have", _NEWER_SOFTWARE + _OUR_EVENT
    ),
    "contract_foreign": Meaning(
        "the contract is not of this deployment, or pins other keys for us",
        "Compare the fingerprints with the other parties. If this agency never signed it,"
        " move it out of the folder. If the agreement does not name this agency, ask the sender "
        "for a version that does: concordant contract revise --add-entry ENTRY FILE --out NEW",
    ),
    "contract_invalid": Meaning(
        "an agreement is malformed, or gives more than 16 groups",
        "A file: correct the line that is named. If others drafted this text, ask its author; if it"
        " was signed, take the signed file from another party. A record: a retry cannot open it."
        " Tell the sender: it corrects the cause and sends the event again. Then discard the"
        f" record: {_DISCARD}.",
    ),
    "contract_keys_differ": Meaning(
        "the keys in the contract are not our governance keys",
        "Do not sign it. Compare the keys with: concordant keys list --agency DIR",
    ),
    "contract_keys_invalid": Meaning(
        "a governance key in the contract is not a key",
        "Ask the party whose key it is for the right one, and compare the fingerprints by"
        " telephone.",
    ),
    "contract_left": Meaning(
        "an agency has left the contract",
        "For an event of ours: name other recipients; or let every party sign an agreement that "
        "names it. A record that is held cannot be opened any more. Tell the sender. Then "
        f"discard the record: {_DISCARD}.",
    ),
    "contract_malformed": Meaning(
        "a record is not a contract with its signatures", "Nothing; the record is ignored."
    ),
    "contract_missing": Meaning(
        "there is no contract",
        "Add the contract and its signatures: concordant bundle add --agency DIR FILE. The "
        "next step: concordant agency status --agency DIR",
    ),
    "contract_not_in_force": Meaning("the contract was not in force at log time", _SENT_AGAIN),
    "contract_not_started": Meaning("the contract has not started", "Wait for its first day."),
    "contract_note_malformed": Meaning(
        "a party's signature is malformed",
        "Put the file back, or ask that party for a bundle: concordant bundle make",
    ),
    "contract_replaced": Meaning(
        "a newer version had replaced the contract",
        "Tell the sender, so that it sends the event again under the newer version. If the sender "
        "is no party of that version, it had been left out: no action is needed. Then discard "
        f"the record: {_DISCARD}.",
    ),
    "contract_signature_invalid": Meaning(
        "a signature of the contract does not verify",
        "Ask that party for its signature again: concordant bundle make",
    ),
    "contract_signer_unknown": Meaning(
        "a version arrived over Kafka that no known party has signed",
        "Nothing; it is ignored. If you expect a version from a new agency, ask for its bundle: "
        "concordant bundle make --agency DIR --out FILE",
    ),
    "contract_unconfirmed": Meaning(
        "no party of a new contract in a bundle has the governance keys that an applied contract "
        "pins for it, or a party has other keys there",
        "Compare its hash with the parties by telephone. Then: concordant kafka apply "
        "--bundle FILE --follow HASH",
    ),
    "contract_unknown": Meaning(
        "no contract with this hash has all signatures",
        "Nothing: it is judged again by itself when the contract comes. After ten minutes "
        "it is held; when the contract has come: concordant quarantine retry ID --agency "
        "DIR. A hash for kafka apply is in: concordant kafka plan --root DIR",
    ),
    "contract_unreadable": Meaning("a contract cannot be read as YAML", "Correct the named line."),
    "contract_unsigned": Meaning(
        "a party has not signed the contract",
        "Ask that party to sign it: concordant contract sign FILE --agency DIR. The next step "
        "of this agency: concordant agency status --agency DIR",
    ),
    "contract_versions_many": Meaning(
        "a version that arrived over Kafka is over, or its signers have newer ones that wait",
        "Sign the newest version, or ask the other parties which one they mean: "
        "concordant contract status --agency DIR",
    ),
    "copy_cancelled": Meaning(
        "a person cancelled an event that waited for an agency",
        "Nothing; the agency does not get the event.",
    ),
    "copy_erased": Meaning(
        "an event that waited for an agency was erased with its case",
        "Nothing; the agency does not get the event.",
    ),
    "copy_expired": Meaning(
        "an agency could not be reached before the retention of an event on Kafka ended",
        "Tell that agency in another way, if it still needs the event.",
    ),
    "copy_unknown": Meaning(
        "no copy of this event waits for the named agencies",
        "See what waits: concordant event waiting --agency DIR",
    ),
    "cosignature_invalid": Meaning(
        "a second signature does not verify", "Ask its agency for it again."
    ),
    "cosignature_malformed": Meaning(
        "a second signature is malformed", "Ask its agency for it again."
    ),
    "cosignature_unknown": Meaning(
        "no key is known for a second signature", "Wait for the manifest of its agency."
    ),
    "cosigners_many": Meaning(
        "more second signatures than parties", "Nothing; the record is ignored."
    ),
    "counts_malformed": Meaning(
        "what another agency counted for figures does not have its form, or has a value that the "
        "vocabulary does not have",
        "Nothing; it is ignored, and what came before stays. If it goes on: telephone that agency.",
    ),
    "counts_many": Meaning(
        "an agency publishes too often what it counts", "Telephone that agency."
    ),
    "counts_unagreed": Meaning(
        "counts of an agency under an agreement that is not in force, or that does not let this "
        "agency have them",
        "Nothing; they are ignored. Compare which version of the agreement is in force at both "
        "agencies: concordant contract status --agency DIR",
    ),
    "counts_unopenable": Meaning(
        "what another agency counted was sealed to a key that this agency does not have",
        "Nothing; the agency publishes it again within a week. If it goes on: compare the newest "
        "manifests of both agencies by telephone: concordant status --agency DIR",
    ),
    "cursor_invalid": Meaning(
        "(HTTP) not a cursor of this interface",
        "Send a cursor that the interface gave, unchanged, or none.",
    ),
    "cursor_unknown": Meaning(
        "(HTTP) a cursor from another history of the agency's state, such as before a restore",
        "Ask again without a cursor: reading begins at the first event without a result.",
    ),
    "database_busy": Meaning(
        "the agency's own database is locked or too slow",
        "Look for a long transaction there. The adapter tries again.",
    ),
    "database_column_type": Meaning(
        "(tables check) a column of the payload is neither JSON nor text",
        "Use json, jsonb or text.",
    ),
    "database_column_unusable": Meaning(
        "(tables check) a column does not take what the adapter writes or leaves out",
        "Drop NOT NULL, the default or the generated value that the finding names.",
    ),
    "database_driver_missing": Meaning(
        "the library for PostgreSQL is not installed",
        "Install it: pip install 'concordant[postgres]'",
    ),
    "database_encoding": Meaning(
        "(tables check) the agency's own database does not store text in UTF-8",
        "Use a database whose encoding is UTF8.",
    ),
    "database_failed": Meaning(
        "the agency's own database reports a fault",
        "Read the log of the database server. The adapter tries again.",
    ),
    "database_in_use": Meaning(
        "another adapter takes the rows of this outbox",
        "Stop the other adapter, or name another table.",
    ),
    "database_key_not_unique": Meaning(
        "(tables check) a key of the outbox or inbox may occur twice",
        "Add a primary key or a unique index on it.",
    ),
    "database_login_refused": Meaning(
        "the agency's own database refuses the login",
        "Check the user and the database in url, and the file of the password.",
    ),
    "database_password_missing": Meaning(
        "the password of the agency's own database cannot be read, is empty or is too long",
        "Put the password where [database] password names it, on one line, readable by this "
        "account only.",
    ),
    "database_result_refused": Meaning(
        "the application wrote a result into the inbox table that cannot be recorded",
        "Read the column of the result's code, correct the result, and set the code to NULL.",
    ),
    "database_rights_excess": Meaning(
        "(tables check) the adapter has rights in the agency's own database that it does not need",
        "Take them away. The rights that are needed: concordant adapter tables sql --dialect "
        "postgresql --agency DIR",
    ),
    "database_rights_missing": Meaning(
        "the agency's own database denies the adapter a right",
        "Find out which: concordant adapter tables check --agency DIR",
    ),
    "database_row_failed": Meaning(
        "the agency's own database refuses to read or change a row; others go on",
        "Read the log of the database server: a trigger, a constraint or a view of these tables "
        "fails. The adapter tries rows of the outbox again. For an event: concordant quarantine "
        "retry ID --agency DIR",
    ),
    "database_row_security": Meaning(
        "(tables check) row-level security may hide rows from the adapter",
        "Add a policy for the adapter's role, USING (true) WITH CHECK (true).",
    ),
    "database_row_too_large": Meaning(
        "a row of the outbox table has more bytes than the settings allow",
        "Send less in one event, or raise row_bytes in the section [database]. Then: concordant "
        "quarantine retry ID --agency DIR",
    ),
    "database_row_unusable": Meaning(
        "the key of a row of the outbox table cannot be used",
        "Give each a key of at most 200 visible ASCII characters.",
    ),
    "database_table_missing": Meaning(
        "a table or a column is missing in the agency's own database",
        "Find out which: concordant adapter tables check --agency DIR",
    ),
    "database_time_zone": Meaning(
        "(tables check) a column of a time has no time zone",
        "Use timestamptz, or read these columns as UTC.",
    ),
    "database_tls_failed": Meaning(
        "TLS with the agency's own database failed",
        "Check ca, certificate and key in the section [database], and the name in url.",
    ),
    "database_unreachable": Meaning(
        "the agency's own database cannot be reached",
        "Check that it runs (a SQLite file must exist), and url or path in [database]. Rows wait "
        "there.",
    ),
    "dates_invalid": Meaning(
        "the days of an agreement are no days, or not in their order",
        "Write each day as YYYY-MM-DD: start, review, end.",
    ),
    "delegation_dates_invalid": Meaning(
        "the dates of a delegation make no sense", "Ask its agency for a new entry."
    ),
    "delegation_early": Meaning("a delegation is from the future", "Check both clocks."),
    "delegation_expired": Meaning(
        "the time for which an agency's manifest keys may sign has ended",
        "Ask its agency for a new entry. For our own: bring the governance keys, then: "
        "concordant keys delegate --agency DIR",
    ),
    "delegation_foreign": Meaning(
        "a delegation is of another deployment", "Ask its agency for its entry for this deployment."
    ),
    "delegation_key_invalid": Meaning(
        "a key in a delegation is not one that it may name", "Ask its agency for a new entry."
    ),
    "delegation_malformed": Meaning("not a delegation", "Ask its agency for its entry again."),
    "delegation_signature_invalid": Meaning(
        "the agency's two governance keys, or two of its officers, have not signed the delegation",
        "Ask its agency for its entry again, and compare the fingerprint by telephone.",
    ),
    "delivery_fails": Meaning(
        "events were sent to the agency's own system, and it did not take them; they are tried "
        "again",
        "Ask the team of that system why. Nothing is lost. For a webhook: concordant adapter "
        "webhook test --agency DIR",
    ),
    "demo_missing": Meaning(
        "the demo and its fictitious agencies are not installed",
        "Install them on a machine without real data: pip install concordant-demo",
    ),
    "descriptors_exhausted": Meaning(
        "this process can open no more files",
        "Nothing is lost, and the adapter continues when files can be opened again. Raise "
        "LimitNOFILE of the service, or stop the program that holds so many connections open.",
    ),
    "dimension_unknown": Meaning(
        "figures have no dimension of this name", "Name one of those that the message lists."
    ),
    "dimensions_wrong": Meaning(
        "a table of figures has no dimension, too many, or one of them twice",
        "Name one to three different ones with a comma between: --by ONE,OTHER.",
    ),
    "directory_not_empty": Meaning(
        "the folder is not empty",
        "Give a folder that is absent or empty, or finish the restore that was begun there. To "
        "restore in the former place, rename the former folder first.",
    ),
    "directory_unusable": Meaning(
        "the folder cannot be written", "Check its owner, its permissions and the free space."
    ),
    "disk_full": Meaning(
        "there is too little disk space for the state",
        "Make room on the disk of the agency's folder.",
    ),
    "document_invalid": Meaning(
        "a framework agreement or a vocabulary is no plain text of at most 1 MiB",
        "Save it as plain UTF-8 text of at most 1 MiB, without control, bidirectional and invisible"
        " characters.",
    ),
    "document_missing": Meaning(
        "the framework agreement or the vocabulary that an agreement pins is not here",
        "Add the agreement and its documents together: concordant bundle add FILE --agency DIR",
    ),
    "draft_changed": Meaning(
        "a draft at the desk was changed from another page since it was opened",
        "Open the draft again, compare, and enter your change once more.",
    ),
    "draft_unknown": Meaning(
        "a person has no draft of this number",
        "Open the list of your drafts. A draft that was sent is among the sent referrals.",
    ),
    "earlier_waits": Meaning(
        "an earlier event of the same case waits for this agency",
        "Nothing. The event is sent to this agency after the earlier one.",
    ),
    "early": Meaning(
        "the log time is ahead of this clock",
        "Nothing: it is judged again by itself: after some time, and when a manifest, a "
        "contract or a receipt arrives.",
    ),
    "entry_conflict": Meaning(
        "two agencies have one id, or one key stands for two agencies",
        "Telephone both agencies and compare their fingerprints: one of the two files is "
        "not its own, or the agency has replaced its keys. In that case add the agreement that "
        "names the new keys, compare the new words, and add its entry: concordant agency "
        "check-partner ID --words WORDS --by NAME --channel telephone --agency DIR",
    ),
    "entry_early": Meaning("an entry is from the future", "Check both clocks."),
    "entry_foreign": Meaning(
        "an entry is of another deployment",
        "Ask its agency to make a folder of its own for this deployment, and for the entry "
        "of that folder.",
    ),
    "entry_incomplete": Meaning(
        "an agency's entry does not say what an agreement needs",
        "Ask its agency to make its folder with the role and the law that the agreement "
        "has: concordant agency init DIR",
    ),
    "entry_malformed": Meaning(
        "not an entry, or one that was altered",
        "Ask its agency for its entry again: concordant agency entry --agency DIR --out FILE",
    ),
    "entry_missing": Meaning(
        "this agency has no entry yet", "Finish the agency: concordant agency init DIR"
    ),
    "entry_mixed": Meaning(
        "an entry has parts of another agency", "Ask its agency for its entry again."
    ),
    "entry_signature_invalid": Meaning(
        "the agency's two governance keys have not both signed the entry",
        "Ask its agency for its entry again, and compare the fingerprint by telephone.",
    ),
    "entry_too_large": Meaning(
        "the file is too large for an entry",
        "Ask the agency for the file that it made with: concordant agency entry --agency "
        "DIR --out FILE",
    ),
    "entry_unpinned": Meaning(
        "an entry arrived over Kafka whose agency no agreement here names",
        "Nothing; it is ignored. The entry comes again with the agreement that names its agency.",
    ),
    "equivocation": Meaning("two signed histories", _RELEASE),
    "error": Meaning(
        "an error without a code of its own occurred", "Keep the message and tell the maintainers."
    ),
    "event_ambiguous": Meaning("several agencies used this event id", "Name the sender as well."),
    "event_handled": Meaning(
        "(Python client) another process of the subscription handled the event",
        "Let the transaction roll back, which this error does. Run one process for each "
        "subscription, or expect this error.",
    ),
    "event_held": Meaning("the event is held", "Read why: concordant quarantine list --agency DIR"),
    "event_invalid": Meaning(
        "a required field is missing (9), or the event does not match the model (10)",
        _SENT_AGAIN + _OUR_EVENT,
    ),
    "event_malformed": Meaning("a line is not an event", "Correct the named line."),
    "event_model_outdated": Meaning(
        "(Python client) an event does not fit its model",
        "Make the module of models again: concordant contract export python",
    ),
    "event_not_acknowledged": Meaning(
        "(Python client) the next event was asked for before the last one was acknowledged",
        "Call event.acknowledge(transaction) in the handler's transaction, and let errors of "
        "the handler end the loop. After a restart the event is given again.",
    ),
    "event_not_sent": Meaning(
        "the event is not on Kafka yet",
        "Start the adapter if it does not run, and wait until it has sent the event: "
        "concordant status --agency DIR",
    ),
    "event_unknown": Meaning(
        "no event of this id is known here",
        "Compare the id with processed/NAME.results.csv beside the export, or with: concordant log "
        "show --json --agency DIR; or ask the event's sender.",
    ),
    "events_removed": Meaning(
        "(HTTP) the content of the next events was removed",
        "Go on after the cursor next of the answer. Each event's state is at GET /events/ID.",
    ),
    "evidence_malformed": Meaning(
        "the file is not an evidence document",
        "Ask for it again: concordant event evidence EVENT_ID --agency DIR --out FILE",
    ),
    "exchange_key_missing": Meaning(
        "a recipient has no valid exchange key",
        "Ask that agency to run: concordant keys renew --agency DIR",
    ),
    "expression_failed": Meaning(
        "an expression of the mapping has no value for a row",
        "Correct the record, or the expression in the mapping file.",
    ),
    "field_not_granted": Meaning("a field that the sender may not send", _SENT_AGAIN + _OUR_EVENT),
    "field_unknown": Meaning("no event type has this field", "Use one of the suggestions."),
    "figures_incomplete": Meaning(
        "a table of figures is too early: the quarter runs, an agency is not counted, or there is "
        "no case, and numbers of an early table can stay as they are for good",
        "Wait until the table is complete. Without --csv, --html and --svg you get a preview. To "
        "publish it as it is now, and for good, add --incomplete.",
    ),
    "figures_published_elsewhere": Meaning(
        "the agreement names another party that alone publishes figures",
        "Ask the named party for the table, or agree a version of the agreement that names another "
        "party in statistics.published_by.",
    ),
    "figures_too_large": Meaning(
        "a table of figures was not made: with the earlier tables of the quarter it is too large, "
        "so to find the numbers that must be hidden would take too long",
        "Name fewer dimensions, or dimensions with fewer values.",
    ),
    "figures_unprotected": Meaning(
        "a table of figures was not made: a small number could be worked out from it and earlier "
        "tables of the quarter, or an earlier table has a value that the vocabulary no longer has",
        "Name fewer dimensions, or those of an earlier table of the quarter. If a value is named, "
        "agree a version whose vocabulary has it again, or publish no more tables of the quarter.",
    ),
    "file_empty": Meaning("the file is empty", "Run the export again; check its filter."),
    "file_encoding": Meaning("the encoding of the file is not known", "Export it again as UTF-8."),
    "file_malformed": Meaning(
        "the file as a whole cannot be read",
        "Correct the place that is named, or export the file again, and drop it again.",
    ),
    "file_too_large": Meaning("the file is too large", "Export it in parts."),
    "file_type_unknown": Meaning(
        "the ending of the file is not one that the adapter reads",
        "Rename the file, or export it in the adapter's format.",
    ),
    "file_unfinished": Meaning(
        "the name of an entry in the import folder marks it as unfinished, or as a report of this "
        "adapter",
        "Rename it when the export is finished, else remove it.",
    ),
    "file_unreadable": Meaning(
        "the adapter may not read the file", "Let the account that runs the adapter read it."
    ),
    "file_unusable": Meaning(
        "a file or folder cannot be used",
        "Check that it exists, its owner, its permissions and the free space.",
    ),
    "file_waits": Meaning(
        "a file has been in the import folder for more than a minute, and the adapter has not "
        "taken it",
        "Start the adapter if it does not run. Else the adapter's log says why: close the program "
        "that has the file open, or make room on the disk. The adapter looks again by itself; "
        "to look now: concordant quarantine retry ID --agency DIR",
    ),
    "fingerprint_differs": Meaning(
        "the words that a partner read out are not those of the keys that are held",
        "Sign nothing. Ask the partner to read its words again, and for its entry on another way.",
    ),
    "fold_awaited": Meaning(
        "the record arrived after its sender's part had ended. A receipt may confirm it, but not "
        "all records that the receipt covers have arrived",
        "Nothing: the adapter judges it again when they arrive. If none arrives for ten minutes, "
        "the record is held as not_heard.",
    ),
    "folder_unavailable": Meaning(
        "the import folder cannot be read", "Make the folder, or let the adapter's account read it."
    ),
    "folder_unwritable": Meaning(
        "a folder of the adapter cannot be written to",
        "Create the folder, and let the adapter's account write to it.",
    ),
    "founding_unreadable": Meaning(
        "the file founding.json of an agency's folder is damaged", "Restore it from a backup."
    ),
    "frontier_malformed": Meaning(
        "the stored end of a log is damaged",
        "Stop the adapter and restore the state from a backup.",
    ),
    "gap": Meaning(
        "records of a sender are missing",
        "Nothing: they are asked for again. If it stays, telephone that agency.",
    ),
    "gaps_forgotten": Meaning(
        "records that were missing are not waited for any more",
        "Nothing: the sender publishes again the records that a revoked key had signed. Else "
        "ask the sender.",
    ),
    "gaps_many": Meaning("too many gaps of a generation are open", _NOTHING_TAKEN),
    "generation_ahead": Meaning("its generation was opened after log time", _NOTHING_TAKEN),
    "generation_name": Meaning(
        "the generation's name does not follow from the predecessor that it names", _NOTHING_TAKEN
    ),
    "generation_order": Meaning(
        "the generation is not later than the one that it names", _NOTHING_TAKEN
    ),
    "generations_many": Meaning("too many generations with gaps", _NOTHING_TAKEN),
    "group_broken": Meaning("a group cannot be decrypted", _SENT_AGAIN),
    "group_keys_wrong": Meaning(
        "the recipient's keys differ from those that contract and consent give", _SENT_AGAIN
    ),
    "group_zero": Meaning(
        "group 0 does not hold exactly data, addressed agencies (sorted, each once), type, and the "
        "event's id in a part or a copy",
        _SENT_AGAIN,
    ),
    "grouping_wrong": Meaning(
        "the number of groups is wrong, or a leaf is outside its group", _SENT_AGAIN
    ),
    "groups_count": Meaning("the number of groups is outside the limits", _SENT_AGAIN),
    "handler_failed": Meaning(
        "the adapter failed on this file or batch",
        "Keep the log and tell the maintainers of the adapter.",
    ),
    "hard_link": Meaning(
        "the file has a second name elsewhere (hard link)", "Drop a copy of the file."
    ),
    "headers_wrong": Meaning("a header is missing, repeated or null", _NOTHING_TAKEN),
    "heartbeat_awaited": Meaning(
        "no heartbeat covers the event yet",
        "Wait a minute (five minutes above 64 parties) and ask again.",
    ),
    "heartbeat_malformed": Meaning(
        "a record is not a heartbeat", "Nothing; the record is ignored."
    ),
    "heartbeats_many": Meaning(
        "an agency sent more heartbeats in a minute than are processed",
        "Nothing: the next heartbeat says the same. If it stays, telephone that agency.",
    ),
    "id_reused": Meaning("the id belongs to another event", _SENT_AGAIN),
    "idempotency_key_invalid": Meaning(
        "(HTTP) the idempotency key has another form",
        "Send one key of 1 to 255 visible ASCII characters, for example a UUID.",
    ),
    "idempotency_key_missing": Meaning(
        "(HTTP) the header Idempotency-Key is missing",
        "Send a key of its own for each event, for example a UUID; keep it for repeats.",
    ),
    "idempotency_key_reused": Meaning(
        "an idempotency key came before with another event",
        "Send a new key for a new or corrected event.",
    ),
    "inbox_waits": Meaning(
        "events wait for the agency's own system",
        "Let the adapter's account write to the inbox folder.",
    ),
    "inclusion_invalid": Meaning(
        "a proof of inclusion does not hold", "Keep it as evidence and telephone the sender."
    ),
    "input_unreadable": Meaning(
        "the input cannot be read", "Name a file that exists and that you may read."
    ),
    "input_wrong": Meaning("a value on the command line is wrong", "Correct the named value."),
    "internal_fault": Meaning(
        "(HTTP) a defect of this software",
        "Send the request again with the same key. If it stays, report this to the maintainers.",
    ),
    "invalid_date": Meaning(
        "a date of the export is not a date",
        "Correct the field that is named and drop the row again.",
    ),
    "invalid_value": Meaning(
        "a value of the export is malformed",
        "Correct the field that is named, or export it as text, and drop the row again.",
    ),
    "item_published": Meaning("a row was published before", "Nothing; it is not sent twice."),
    "json_not_canonical": Meaning(
        "the JSON of a group is not canonical, or not an object", _SENT_AGAIN
    ),
    "kafka_conflict": Meaning(
        "a topic of Kafka has another number of partitions",
        "Sign a version that keeps the number, or that names another topic. Then apply it with "
        "--follow.",
    ),
    "kafka_distribution": Meaning(
        "Kafka cannot be installed from packages",
        "Check the network, then give the command again; or install concordant again.",
    ),
    "kafka_failed": Meaning("Kafka answered with an error", "Read Kafka's own log."),
    "kafka_login_refused": Meaning(
        "Kafka does not accept our username and password, or our access token",
        "Correct [kafka] in agency.toml, or ask Kafka's host which principal it knows. Then: "
        "concordant doctor --agency DIR",
    ),
    "kafka_not_local": Meaning(
        "this Kafka was not made by quickstart",
        "Give the folder that was made with: concordant quickstart DIR",
    ),
    "kafka_password_missing": Meaning(
        "the password or client secret for Kafka cannot be read",
        "Put it where [kafka.scram.password] or [kafka.oauthbearer.client_secret] names it, on "
        "one line.",
    ),
    "kafka_record_too_large": Meaning(
        "Kafka does not accept records of this size",
        "Ask Kafka's host to let the topic take larger records: concordant kafka apply "
        "--agency DIR",
    ),
    "kafka_refused": Meaning(
        "Kafka does not let this agency do this",
        "Ask Kafka's host to run: concordant kafka apply --agency DIR",
    ),
    "kafka_start_failed": Meaning("Kafka did not start", "Read the log that is named."),
    "kafka_token_refused": Meaning(
        "the token endpoint refuses this agency's id, secret or scope",
        "Check client_id, client_secret, scope and audience in [kafka.oauthbearer] with the "
        "operators of the endpoint.",
    ),
    "kafka_token_unavailable": Meaning(
        "the token endpoint gives no access token",
        "Check token_endpoint and ca in [kafka.oauthbearer], the network and the proxy. The "
        "adapter asks again by itself.",
    ),
    "kafka_topic_missing": Meaning(
        "Kafka does not have this topic",
        "Ask Kafka's host to run: concordant kafka apply --agency DIR",
    ),
    "kafka_unreachable": Meaning(
        "Kafka does not answer",
        "Check the address and the network: concordant doctor --agency DIR; for a "
        "try-out: concordant kafka up --root DIR",
    ),
    "key_ambiguous": Meaning(
        "several keys begin with this id", "Give more of the id: concordant keys list --agency DIR"
    ),
    "key_governance": Meaning(
        "a governance key cannot be revoked with this command",
        "Telephone every party: each leaves the version of the contract that pins it, and "
        "a new version names this agency under a new id, with new keys.",
    ),
    "key_list_broken": Meaning(
        "the key list was changed, or belongs to another event or session", _SENT_AGAIN
    ),
    "key_malformed": Meaning("a key file or a key is damaged", "Restore the file."),
    "key_missing": Meaning(
        "an exchange key that was listed is not held",
        "An exchange key: restore its file, then: concordant quarantine retry ID --agency"
        " DIR. A governance key: copy it from where it is kept, and remove it again afterwards; "
        "until then stop the adapter and telephone every party; each can suspend its part: "
        "concordant contract suspend --reason key_compromise --agency DIR. The manifest keys: "
        "restore them, or bring the governance keys, then: concordant keys delegate "
        "--agency DIR. Another key: restore it, or make new ones: concordant keys renew --all "
        "--agency DIR",
    ),
    "key_not_listed": Meaning(
        "no key of ours has this id", "Compare it with: concordant keys list --agency DIR"
    ),
    "key_not_valid": Meaning("the key was not valid at log time", _NOTHING_TAKEN),
    "key_readable": Meaning(
        "others can read the TLS key", "Give chmod 600 to the file that is named."
    ),
    "key_revoked": Meaning(
        "the key is revoked, and no earlier receipt covers the record", _NOTHING_TAKEN
    ),
    "key_revoked_before": Meaning(
        "the key was revoked before",
        "Nothing, if the time is the same: concordant keys list --agency DIR",
    ),
    "key_small_order": Meaning("a public key is weak", "Ask the agency to make another key."),
    "key_unknown": Meaning(
        "no manifest has this key",
        "Nothing: it is judged again by itself: after some time, and when a manifest, a "
        "contract or a receipt arrives.",
    ),
    "key_unreadable": Meaning(
        "a private key cannot be read",
        "Check the passphrase, the file and its permissions: concordant doctor --agency "
        "DIR. Of two secrets of one agency, move the newer file out of the folder.",
    ),
    "leaf_not_wanted": Meaning(
        "a leaf replay that fills nothing", "Nothing: no content is awaited there."
    ),
    "lease_lost": Meaning("another relay took over", "Run one adapter for each agency."),
    "leaves_missing": Meaning(
        "leaves of a log are missing from the state",
        "Wait: the missing records are asked for again. If they do not come, ask the "
        "event's sender for its evidence.",
    ),
    "link_conflict": Meaning(
        "a reference is tied to another case", "Correct the reference in the export."
    ),
    "link_malformed": Meaning(
        "index 0 does not name a predecessor in the required form", _NOTHING_TAKEN
    ),
    "lint_rules_invalid": Meaning(
        "a file of lint rules is not as it should be, or two rule sets have one name",
        "Correct the named line of the rules, then run the command again. Give each rule set a "
        "name of its own.",
    ),
    "listing_invalid": Meaning(
        "directory.yaml cannot be read, or a line in it is wrong",
        "Correct the line that is named, then give the command again.",
    ),
    "listing_malformed": Meaning(
        "what another agency published about its services does not have its form",
        "Nothing; it is ignored, and what came before stays. If it goes on: telephone that agency.",
    ),
    "listing_missing": Meaning(
        "nothing was published, or nothing came, about the services of an agency",
        "For our own: concordant directory publish --agency DIR. For a partner: ask it to publish.",
    ),
    "listing_too_large": Meaning(
        "directory.yaml describes more than fits into a record",
        "Shorten the descriptions, or leave services out, then publish again.",
    ),
    "listing_unopenable": Meaning(
        "what another agency published about its services was sealed to a key that this agency "
        "does not have",
        "Nothing; the agency publishes it again within a day. If it goes on: compare the newest "
        "manifests of both agencies by telephone: concordant status --agency DIR",
    ),
    "listing_unreadable": Meaning(
        "directory.yaml is not in the agency's folder, or cannot be read",
        "Write it as docs/guides/directory.md shows, and check its owner and permissions.",
    ),
    "listings_many": Meaning(
        "an agency publishes too often what it offers", "Telephone that agency."
    ),
    "log_checkpoint_invalid": Meaning(
        "a signed head of the log does not verify",
        "Keep the state as evidence and tell your information governance officer.",
    ),
    "log_entry_altered": Meaning(
        "an entry of the disclosure log was altered",
        "Keep the state as evidence and tell your information governance officer.",
    ),
    "log_entry_invalid": Meaning(
        "an entry of the disclosure log is damaged",
        "Keep the state as evidence, tell your information governance officer, and report"
        " this to the maintainers.",
    ),
    "log_entry_missing": Meaning(
        "an entry of the disclosure log is missing",
        "Keep the state as evidence and tell your information governance officer.",
    ),
    "log_head_altered": Meaning(
        "the disclosure log differs from the heads that other agencies hold",
        "Keep the state as evidence and tell your information governance officer.",
    ),
    "log_not_signed": Meaning(
        "entries of the disclosure log are not signed yet",
        "Wait: the next heartbeat signs them. Then: concordant log verify --agency DIR",
    ),
    "log_range_altered": Meaning(
        "a range of the disclosure log was altered",
        "Keep the state as evidence and tell your information governance officer.",
    ),
    "log_reason_altered": Meaning(
        "a reason beside the log was altered",
        "Keep the state as evidence and tell your information governance officer.",
    ),
    "log_time_fell": Meaning("the log time is before that of an earlier record", _NOTHING_TAKEN),
    "manifest_changed": Meaning(
        "two processes of this agency issue a manifest at the same time",
        "Wait until the other one has ended, then give the command again.",
    ),
    "manifest_conflict": Meaning(
        "two manifests of one version differ",
        "Keep both as evidence, and ask that agency by telephone.",
    ),
    "manifest_dates_invalid": Meaning(
        "the dates of a manifest are not valid", "Ask its agency to issue it again."
    ),
    "manifest_delegation_differs": Meaning(
        "a manifest names another delegation than the one that comes with it",
        "Get the file from that agency again.",
    ),
    "manifest_displaced": Meaning(
        "another record has replaced this agency's manifest on Kafka",
        "The adapter has published the manifest again. If it happens again, ask Kafka's host which "
        "party wrote the record.",
    ),
    "manifest_early": Meaning("a manifest has a date in the future", "Check both clocks."),
    "manifest_expired": Meaning(
        "no manifest covers log time yet",
        "Ask its agency to run: concordant keys renew --agency DIR. A record that waits "
        "is judged again by itself when the newer manifest comes.",
    ),
    "manifest_foreign": Meaning(
        "a manifest is of another deployment or agency", "Move the file out of manifests/."
    ),
    "manifest_invalid": Meaning("a manifest is not valid", "Ask its agency to issue it again."),
    "manifest_key_invalid": Meaning(
        "a key in a manifest is not valid", "Ask its agency to issue it again."
    ),
    "manifest_key_prolonged": Meaning(
        "a manifest extends the validity of a key", "Ask its agency to issue it again."
    ),
    "manifest_key_shared": Meaning(
        "a key in a manifest belongs to another agency", "Telephone both agencies."
    ),
    "manifest_keys_overlap": Meaning(
        "two keys of one kind are valid for too long together", "Ask its agency to issue it again."
    ),
    "manifest_left": Meaning(
        "the agency has left the contract",
        "Nothing; nothing flows to it. It takes part again when every party signs a new "
        "version: let each sign it.",
    ),
    "manifest_malformed": Meaning(
        "a manifest is malformed", "Put the file back, or ask its agency for it again."
    ),
    "manifest_missing": Meaning(
        "the manifest of a party is not here",
        "Copy the newest AGENCY.NUMBER.note from another party's folder manifests/, or wait "
        "for it from Kafka. Our own: restore the folders manifests/ and state/ together.",
    ),
    "manifest_not_foreign": Meaning(
        "no manifest of the named version awaits an adoption",
        "See which versions await one: concordant status --agency DIR",
    ),
    "manifest_not_ours": Meaning(
        "this folder did not make a manifest of this agency",
        "If this agency made it before a restore, or in a copy of the folder: concordant keys "
        "adopt VERSION --agency DIR. Otherwise an attacker has the manifest keys: copy the "
        "governance keys into governance/, then: concordant keys delegate --withdraw --agency DIR",
    ),
    "manifest_not_received": Meaning(
        "the newest manifest that an agency's heartbeat names has not come; for a day, nothing is "
        "sealed to that agency without it",
        "The adapter has asked that agency for it. If it does not come, telephone the agency, then "
        "the host of Kafka: it may withhold a revocation or a suspension.",
    ),
    "manifest_revocation_early": Meaning(
        "a manifest revokes a key for longer ago than it may",
        "Ask its agency: only a delegation, which the governance keys sign, may do this.",
    ),
    "manifest_rollback": Meaning(
        "an older manifest replaced a newer one (rollback)",
        "Put the newer file back, or ask its agency for it; every party holds it.",
    ),
    "manifest_signature_invalid": Meaning(
        "the keys of its delegation have not both signed a manifest",
        "Get the file from that agency again.",
    ),
    "manifest_unpinned": Meaning(
        "no contract pins the keys that signed a manifest",
        "Get a contract that names this agency, with all signatures.",
    ),
    "manifest_void": Meaning(
        "a manifest is void, because its agency has withdrawn the keys that signed it",
        "Use that agency's newest manifest.",
    ),
    "mapping_failed": Meaning(
        "a row cannot be turned into an event",
        "Correct the row and drop it again. If nothing is wrong with it, tell the maintainers of "
        "the adapter.",
    ),
    "mapping_invalid": Meaning(
        "the mapping file of the adapter is wrong",
        "Correct the line that is named; then try the file: concordant mapping check FILE "
        "--agency DIR.",
    ),
    "mapping_layout": Meaning(
        "the layout of the mapping file is not one that a command can change",
        "Add it by hand: one line, OWN: SHARED, under `codes` of that table.",
    ),
    "mapping_none": Meaning(
        "the adapter has no mapping file of the agency's own",
        "Its package describes its columns. For a file of your own: concordant mapping init SAMPLE "
        "--agency DIR.",
    ),
    "marker_alone": Meaning(
        "a done marker is in the import folder without its file",
        "Remove the marker, or write the export and then the marker again.",
    ),
    "marker_missing": Meaning(
        "an export waits for its done marker, or the marker is older than the export",
        "Write the marker when the export is finished.",
    ),
    "media_type_unknown": Meaning(
        "(HTTP) the body is not JSON, or it has a content encoding",
        "Send the body as application/json, uncompressed.",
    ),
    "method_unknown": Meaning(
        "(HTTP) the address does not know this method",
        "Use a method that the header Allow names; see GET /openapi.json.",
    ),
    "missing_column": Meaning("the export lacks a column", "Add the column to the export."),
    "missing_value": Meaning(
        "the export lacks a required value",
        "Fill the field that is named, or remove the line; then export the record again.",
    ),
    "moment_invalid": Meaning(
        "a time is not written as a time", "Write it like 2026-03-02T12:00:00Z."
    ),
    "name_unknown": Meaning("no item of this name is known here", "Use one of the suggestions."),
    "no_reason": Meaning(
        "a file was refused, and its reason file is missing",
        "Correct the file, then: concordant quarantine retry ID --agency DIR",
    ),
    "not_a_file": Meaning(
        "the entry of the import folder is not a file", "Move it out; drop the file itself."
    ),
    "not_a_party": Meaning("the contract does not name the sender or the reader", _SENT_AGAIN),
    "not_heard": Meaning(
        "the record arrived after its sender's part had ended, and no receipt confirms that it "
        "existed before",
        "It is judged again by itself if a receipt or a missing record arrives. If you know "
        "from the sender that it is genuine: concordant quarantine retry ID --not-heard --reason "
        f"TEXT --agency DIR. Else discard the record: {_DISCARD}.",
    ),
    "not_in_force": Meaning(
        "the contract is not in force",
        "Wait for its first day, or let every party sign a new version.",
    ),
    "not_included": Meaning("the path does not lead to the root", _NOTHING_TAKEN),
    "note_keys_ambiguous": Meaning(
        "a signature fits two keys", "Tell the agency that issued the keys."
    ),
    "note_malformed": Meaning("a note is malformed", "Ask for it again."),
    "note_signature_invalid": Meaning("a signature of a note does not verify", "Ask for it again."),
    "note_too_large": Meaning("a note is larger than the limit", "Ask for it again."),
    "note_unsigned": Meaning("a note lacks a signature that it needs", "Ask for it again."),
    "nothing_to_sign": Meaning(
        "no version of an agreement awaits this agency's signature",
        "Add what the others sent: concordant bundle add FILE --agency DIR",
    ),
    "notice_mail_login": Meaning(
        "the mail server refused the account for notices, or its password cannot be read",
        "Correct user and password of [notices.mail]. Notices are sent later by themselves.",
    ),
    "notice_mail_refused": Meaning(
        "the mail server refused sender or recipients of a notice",
        "Correct sender and recipients of [notices.mail], or ask the mail server's team.",
    ),
    "notice_mail_unreachable": Meaning(
        "the mail server cannot be reached, or the TLS connection to it failed",
        "Check host, port, security and ca of [notices.mail]. Notices are sent later by "
        "themselves.",
    ),
    "notice_malformed": Meaning("a record is not a notice", "Nothing; the record is ignored."),
    "notice_webhook_refused": Meaning(
        "the address for notices refused one",
        "Ask the team of that address what it refuses. Notices are sent later by themselves.",
    ),
    "notices_many": Meaning("an agency sends too many notices", "Telephone that agency."),
    "officer_invalid": Meaning(
        "the public file of an officer is refused",
        "Ask the officer for the file again that it made with: concordant agency officer new",
    ),
    "officers_awaited": Meaning(
        "one officer has signed, and another one must sign before anything changes",
        "Give the other officer the file that is named: concordant agency officer sign FILE "
        "--agency DIR --out SIGNED. Then: concordant agency officer finish SIGNED --agency DIR",
    ),
    "officers_unsuitable": Meaning(
        "an agency cannot have these officers, or has none",
        "Name two or three officers with keys of their own before the agency signs an "
        "agreement: concordant agency officer add FILE --agency DIR",
    ),
    "open_referral_invalid": Meaning(
        "the file is not one of Open Referral UK 3.0",
        "Give a page of services, a list of services or one service of profile 3.0, as JSON.",
    ),
    "open_referral_unreadable": Meaning(
        "the file of Open Referral UK cannot be read",
        "Check that it is there, who owns it and its permissions.",
    ),
    "operator_invalid": Meaning(
        "the name of the operator cannot be used", "Give another name with --operator."
    ),
    "option_invalid": Meaning(
        "the value of an option has not the form that it needs",
        "Correct the option that is named; --help says what it takes.",
    ),
    "option_missing": Meaning(
        "a command needs an option, and there is no terminal to ask",
        "Give the options that are named.",
    ),
    "origin_wrong": Meaning("another deployment, topic or partition", _NOTHING_TAKEN),
    "origins_many": Meaning("an agency names too many streams", "Telephone that agency."),
    "other_version": Meaning(
        "the agency is a party only of a version that has no effect yet",
        "Nothing, if the version is signed. It is reached when the version has effect.",
    ),
    "outbox_indexed": Meaning(
        "a row of the outbox was indexed twice", "Stop the adapter and tell the maintainers."
    ),
    "outbox_waits": Meaning(
        "events wait for Kafka",
        "Read the lines kafka and rights of: concordant doctor --agency DIR",
    ),
    "output_exists": Meaning(
        "there is a file of this name already", "Name a file that does not exist."
    ),
    "output_unwritable": Meaning(
        "the output cannot be written",
        "Name a file in a folder that you may write to, or free space there. Copy a contract "
        "to such a folder before you sign it.",
    ),
    "own_suspension": Meaning(
        "this agency has suspended its part of the contract",
        "Nothing: it is judged again by itself when this agency takes part again: concordant "
        "contract resume --reason resolved --agency DIR",
    ),
    "package_foreign": Meaning(
        "another package uses our package name",
        "Install concordant into an environment of its own, and start it in a folder without "
        "files of these names.",
    ),
    "package_missing": Meaning("a package is missing", "Install the named package."),
    "package_unsuitable": Meaning(
        "an installed library is of a version that this software does not know",
        "Install the versions that locks/runtime.lock names.",
    ),
    "padding_wrong": Meaning(
        "the padding is not minimal, not zero, or has another minimum size than the group's",
        _SENT_AGAIN,
    ),
    "paper_words_invalid": Meaning(
        "words that were typed are not those of a page of governance keys",
        "Compare the word that is named with the page, and type all 50 words again.",
    ),
    "partner_unknown": Meaning(
        "a partner in agency.toml is no party", "Correct [partners] in agency.toml."
    ),
    "partnership_missing": Meaning(
        "there is no partnership in the folder", "Make one: concordant quickstart DIR"
    ),
    "party_left": Meaning("the agency left the contract", "Nothing; its records are ignored."),
    "party_unknown": Meaning(
        "an agency is no party to the contract",
        "Give the id of a party: concordant status --agency DIR",
    ),
    "passphrase_missing": Meaning(
        "the passphrase is missing",
        "Put it back in the place that [passphrase] in agency.toml names, or correct the place; a "
        "credential: start the service with LoadCredential.",
    ),
    "passphrase_readable": Meaning(
        "others can read the passphrase", "Give chmod 600 to the file that is named."
    ),
    "passphrase_store_refused": Meaning(
        "Vault or OpenBao does not accept our token or role",
        "Renew the token or the secret id, or let its policy read the path: agency.toml, "
        "[passphrase.vault].",
    ),
    "passphrase_store_unreachable": Meaning(
        "Vault or OpenBao, which keeps the passphrase, cannot be reached or cannot answer",
        "Correct address and ca in agency.toml, [passphrase.vault], or wait for the store. Then "
        "give the command again; a service that restarts tries again by itself.",
    ),
    "passphrase_wrong": Meaning(
        "the passphrase does not open a key",
        "Put the right one in the place that [passphrase] in agency.toml names.",
    ),
    "path_unknown": Meaning(
        "(HTTP) the address does not exist", "Compare the address with GET /openapi.json."
    ),
    "period_ahead": Meaning(
        "a period of figures has not begun",
        "Name a quarter that has begun.",
    ),
    "period_malformed": Meaning(
        "a period of figures is not a quarter such as 2026-Q3",
        "Write the year, -Q and the number of the quarter: --period 2026-Q3.",
    ),
    "ping_malformed": Meaning(
        "a record that should be a ping or a pong is not in its canonical form",
        "Nothing here: it is dropped. If pings of one agency are dropped again and again, tell it.",
    ),
    "ping_unanswered": Meaning(
        "a partner did not answer a ping in time",
        "Follow the next step that the command prints. See whether the partner is heard: "
        "concordant status --agency DIR",
    ),
    "ping_unopenable": Meaning(
        "no exchange key of this agency opens a ping or a pong",
        "Nothing here: it is dropped. If it happens again and again, check the keys: concordant "
        "doctor --agency DIR",
    ),
    "pings_many": Meaning(
        "more pings came than are answered in a minute",
        "Nothing: later pings are answered. If it happens again and again, ask the agency why it "
        "sends them.",
    ),
    "positions_unusable": Meaning(
        "(Python client) the file of a subscription's position cannot be opened",
        "Give a file that does not exist yet, in a folder that this program may write to.",
    ),
    "possession_invalid": Meaning(
        "an agency does not prove that it holds a key", "Ask it to issue its manifest again."
    ),
    "principal_differs": Meaning(
        "the contract gives our rights to another Kafka principal",
        "Use the certificate of that principal.",
    ),
    "principal_of_the_host": Meaning(
        "an agency's Kafka principal belongs to Kafka's host",
        "Ask that agency for the principal of its own certificate, and let every party sign a "
        "version that names it.",
    ),
    "principal_reserved": Meaning(
        "an agency's Kafka principal stands for more than one client",
        "Ask that agency for the principal of its own certificate, and let every party sign a "
        "version that names it.",
    ),
    "principal_shared": Meaning(
        "two agencies name one Kafka principal",
        "Ask both for the principals of their own certificates, and let every party sign a "
        "version that names them.",
    ),
    "principal_unnameable": Meaning(
        "Strimzi cannot name a user after a party's Kafka principal",
        "Ask the party for a certificate whose common name has small letters, digits, '-' and '.' "
        "alone, and let every party sign a version that names it.",
    ),
    "proof_malformed": Meaning(
        "the proof is malformed, or has extra data above index 0", _NOTHING_TAKEN
    ),
    "proof_too_large": Meaning("the proof is larger than the limit", _NOTHING_TAKEN),
    "quarantine_full": Meaning(
        "the sender's quarantine is full",
        "Its records wait, and none is lost. Take what opens now: concordant quarantine retry "
        "--all --agency DIR. Telephone the sender. Discard what no retry can open: "
        f"{_DISCARD}",
    ),
    "queue_item_unknown": Meaning(
        "the outbox or the inbox has no item of this id",
        "Take its id from: concordant outbox list --agency DIR, or: concordant inbox list "
        "--agency DIR. What is sent, delivered or discarded is not in the list.",
    ),
    "rate_limited": Meaning(
        "(HTTP) the token has sent too many requests",
        "Wait as long as the header Retry-After says. The limit is requests_per_minute of [api].",
    ),
    "readers_many": Meaning(
        "(HTTP) too many requests of a token wait for events",
        "Wait until one of them has ended; one request is enough for a system.",
    ),
    "reason_invalid": Meaning("a reason is not a code", "Use lower case letters and hyphens."),
    "reason_required": Meaning(
        "the change does not follow from the referral's status", _SENT_AGAIN + _OUR_EVENT
    ),
    "reason_unknown": Meaning(
        "the change does not follow from the referral's status", _SENT_AGAIN + _OUR_EVENT
    ),
    "receipt_awaited": Meaning(
        "the key is revoked, and the records that an earlier receipt covers have not all arrived",
        "Nothing: it is judged again by itself: after some time, and when a manifest, a "
        "contract or a receipt arrives.",
    ),
    "receipt_malformed": Meaning("a record is not a receipt", "Nothing; the record is ignored."),
    "receipts_many": Meaning("an agency sends too many receipts", "Telephone that agency."),
    "recipient_not_permitted": Meaning(
        "an addressed agency is not a party, or may not receive this type", _SENT_AGAIN
    ),
    "recipients_count": Meaning("the number of recipients is outside the limits", _SENT_AGAIN),
    "recipients_invalid": Meaning(
        "the recipients are missing or not parties", "Name other parties of the contract."
    ),
    "recipients_order": Meaning("the recipients are not strictly ascending", _SENT_AGAIN),
    "record_malformed": Meaning(
        "a line of a file is not a record", "Give the sender's whole file from its first record on."
    ),
    "record_not_held": Meaning(
        "no record of this number is held",
        "Take its number from: concordant quarantine list --agency DIR. For an event's record, "
        "ask a recipient: concordant event evidence EVENT_ID --agency DIR --with-record FILE; "
        "any copy of the topic also has it",
    ),
    "record_too_large": Meaning(
        "an event is larger than the protocol allows", "Shorten its texts."
    ),
    "record_unknown": Meaning(
        "no record of this number is known",
        "Take its number from: concordant quarantine list --agency DIR",
    ),
    "records_missing": Meaning(
        "records of another agency have not arrived",
        "Wait: they are asked for again. Then telephone that agency.",
    ),
    "referral_exists": Meaning(
        "the change does not follow from the referral's status", _SENT_AGAIN + _OUR_EVENT
    ),
    "referral_not_kept": Meaning(
        "no referral of this number is known here",
        "Open the inbox or the sent referrals, and choose one there.",
    ),
    "referral_unacknowledged": Meaning(
        "a referral was not acknowledged in time", "Tell the caseworkers."
    ),
    "referral_unanswered": Meaning("a referral was not answered in time", "Tell the caseworkers."),
    "referral_unknown": Meaning(
        "the change does not follow from the referral's status", _EARLIER_EVENT + _OUR_EVENT
    ),
    "referrals_not_counted": Meaning(
        "the agreement does not let referrals be counted for statistics",
        "Ask for cases, or agree that the status of a referral may be used for statistics.",
    ),
    "refused": Meaning("a record was refused", "Read why: concordant quarantine list --agency DIR"),
    "refused_by_recipient": Meaning(
        "a recipient could not take a record or an event of ours", "Ask that agency for the reason."
    ),
    "registry_differs": Meaning(
        "an agency has known other delegations of the parties of an agreement than we do for ten "
        "minutes",
        "Compare by telephone with that agency the hashes that both show with: concordant status "
        "--agency DIR",
    ),
    "registry_invalid": Meaning(
        "contracts or manifests are inconsistent",
        "Correct the file that is named; if it is state/manifest-versions.json, restore "
        "it from a backup.",
    ),
    "registry_not_reloaded": Meaning(
        "new contracts or manifests could not be applied",
        "Read why: concordant doctor --agency DIR",
    ),
    "registry_unreadable": Meaning(
        "the folder of contracts or manifests cannot be read",
        "Put the folder back, and let the adapter's account read it.",
    ),
    "registry_unwritable": Meaning(
        "the folder of contracts or manifests cannot be written",
        "Let the adapter's account write to it, and check the free space.",
    ),
    "rejected_by_system": Meaning(
        "the agency's own system rejected the event, with its reason",
        "Read the reason: concordant quarantine list --agency DIR. Correct its cause in the "
        "system, then: concordant quarantine retry ID --agency DIR",
    ),
    "release_changed": Meaning(
        "a file of published figures was changed after it was signed",
        "Do not use the file. Ask the agency that published it for the file and its signature "
        "file.",
    ),
    "release_key_malformed": Meaning(
        "a key for checking published figures is malformed",
        "Copy the whole line that concordant figures-check prints for a party.",
    ),
    "release_malformed": Meaning(
        "the signature of a file of published figures cannot be read",
        "Do not use the file. Ask the agency that published it for the file and its signature "
        "file.",
    ),
    "release_publisher_other": Meaning(
        "an agency published figures that the agreement does not let it publish",
        "Do not use the file, and do not pass it on: beside the tables of the named agency it can "
        "give a hidden number away. Ask the named agency for its table, and tell the agency that "
        "signed the file.",
    ),
    "release_signer_unknown": Meaning(
        "a file of published figures was not signed with a known key of the agency that it names",
        "Do not use the file. Ask the agency that it names whether it published the file. Without "
        "--agency, also ask for its key, by a way that you trust.",
    ),
    "release_unsigned": Meaning(
        "a file of figures has no signature",
        "Put the signature file FILE.note beside it, or ask the agency that published it for that "
        "file.",
    ),
    "renewal_failed": Meaning(
        "the command that renews the TLS certificate cannot be started, or failed",
        "Read state/certificate-renewal.log, correct the cause, then: concordant kafka renew "
        "--agency DIR",
    ),
    "renewal_not_configured": Meaning(
        "no command is configured that renews the TLS certificate",
        "Add the command as [kafka.renewal] to agency.toml, so that the adapter can renew it, "
        "or ask Kafka's host for a new certificate.",
    ),
    "renewal_timed_out": Meaning(
        "the command that renews the TLS certificate did not end in time",
        "Run it by hand, or set timeout in [kafka.renewal]. Then: concordant kafka renew "
        "--agency DIR",
    ),
    "renewal_without_effect": Meaning(
        "the command that renews the TLS certificate left no certificate that can be used",
        "Let it replace the files that certificate and key in [kafka] name. Then: concordant "
        "kafka renew --agency DIR",
    ),
    "report_malformed": Meaning(
        "a report from another agency does not have its form",
        "Nothing; the report is ignored. If it goes on: telephone that agency.",
    ),
    "report_unopenable": Meaning(
        "a report from another agency was sealed to a key that this agency does not have",
        "Nothing; the report is ignored. If it goes on: compare the newest manifests of both "
        "agencies by telephone: concordant status --agency DIR",
    ),
    "reports_many": Meaning("an agency sends too many reports", "Telephone that agency."),
    "request_malformed": Meaning(
        "(HTTP) the request has another form than the interface expects",
        "Correct the named parameter or member; see GET /openapi.json.",
    ),
    "request_old": Meaning(
        "a request to publish records again is older than those that are answered",
        "Nothing: the agency that misses records asks again by itself.",
    ),
    "request_slow": Meaning(
        "(HTTP) the body did not come in time", "Send the request again, with the same key."
    ),
    "request_too_large": Meaning(
        "(HTTP) the body has too many bytes",
        "Send a smaller body. The limit is request_bytes of [api].",
    ),
    "resources_unreadable": Meaning(
        "a file in the folder with the resources for Strimzi cannot be read",
        "Restore the folder from its last good copy, for example from version control.",
    ),
    "rest_put_aside": Meaning(
        "the rest of a file was not read",
        "Correct it, then: concordant quarantine retry ID --agency DIR",
    ),
    "result_conflict": Meaning(
        "(HTTP) the event has another result already",
        "Compare with GET /events/ID. A result imported is final.",
    ),
    "result_malformed": Meaning(
        "(HTTP) the body is not a result",
        "Correct the named member: outcome, and for a rejected event reason and text.",
    ),
    "result_too_early": Meaning(
        "(HTTP) a result for an event that was not offered",
        "Send the result after the event came from GET /events.",
    ),
    "results_off": Meaning(
        "(Python client) an event was rejected, and the subscription sends no results",
        "Subscribe with results=True and a token of the scope result, or acknowledge the event "
        "and keep the case in your own system.",
    ),
    "results_overdue": Meaning(
        "(doctor) the agency's system has sent no result for events that it was offered",
        "Ask the team of that system whether it reads the events and sends results.",
    ),
    "right_excess": Meaning(
        "Kafka gives this agency a right that no contract gives it",
        "Ask Kafka's host to run concordant kafka apply, and to remove wider rules, which "
        "concordant kafka plan lists.",
    ),
    "right_missing": Meaning(
        "Kafka does not give this agency a right that the contract gives",
        "Ask Kafka's host to run: concordant kafka apply --agency DIR",
    ),
    "rollback": Meaning("a sender rolled back its signed history", "Telephone that agency."),
    "row_malformed": Meaning(
        "a row cannot be read", "Correct the row, or run the export again, and drop it again."
    ),
    "rows_refused": Meaning(
        "some rows of a file were refused",
        "Correct them, then: concordant quarantine retry ID --agency DIR",
    ),
    "rule_unknown": Meaning("no rule has this code", "Use a code that the message names."),
    "sandbox_no_agreement": Meaning(
        "a rehearsal finds no agreement with a role for this agency",
        "Give a draft of your agreement with --agreement FILE.",
    ),
    "sandbox_not_ready": Meaning(
        "the adapter of a rehearsal did not become ready",
        "Rehearse again with --folder FOLDER, and read sandbox.log in it.",
    ),
    "sandbox_outside": Meaning(
        "a rehearsal would use a source or sink that reaches a system outside",
        "Name a test system in the settings, then give --outside.",
    ),
    "sender_not_granted": Meaning(
        "a field that the sender may not send",
        "Remove the field, or let every party sign a version that grants it.",
    ),
    "service_unknown": Meaning(
        "no published service has the id that was given",
        "See the ids: concordant directory show --agency DIR",
    ),
    "sessions_unreadable": Meaning(
        "a file about sessions of the web application cannot be read",
        "Remove the file, and start the web application again: all people sign in again.",
    ),
    "sftp_failed": Meaning(
        "the SFTP server refused an operation",
        "Ask the administrator of the server. The adapter tries again.",
    ),
    "sftp_file_unreadable": Meaning(
        "an export on the SFTP server cannot be read by this account, and is left there",
        "Ask the administrator of the server for the right to read it, or move it away. The "
        "adapter tries again, and takes the other exports.",
    ),
    "sftp_fingerprint_differs": Meaning(
        "the SFTP server shows another host key than the given fingerprint",
        "Compare the fingerprint with the administrator of the server by telephone. If it "
        "differs, another machine may answer.",
    ),
    "sftp_folder_unusable": Meaning(
        "a folder of the SFTP server is missing, or the account may not use it",
        "Compare the folders of [sftp] with those of the server: concordant adapter sftp test "
        "--agency DIR",
    ),
    "sftp_host_key_wrong": Meaning(
        "the host key of the SFTP server is not the pinned one",
        "Ask the administrator of the server whether the key was replaced, and compare its "
        "fingerprint by telephone. Then: concordant adapter sftp pin --agency DIR",
    ),
    "sftp_host_unpinned": Meaning(
        "the host key of the SFTP server is not pinned, or the file cannot be used",
        "Pin it: concordant adapter sftp pin --agency DIR",
    ),
    "sftp_key_unusable": Meaning(
        "the key or the password for the SFTP server cannot be read",
        "Put a private key of OpenSSH without a passphrase, or the password on one line, into "
        "the file that [sftp] names, with mode 0600.",
    ),
    "sftp_login_refused": Meaning(
        "the SFTP server refuses the login",
        "Check user, key and password of [sftp] with the administrator of the server.",
    ),
    "sftp_name_unusable": Meaning(
        "the folder of exports on the SFTP server has a link, or a name that cannot be used here",
        "Rename or move the entry on the server: a name has at most 200 bytes of UTF-8 and no "
        "hidden characters. Links are not followed.",
    ),
    "sftp_unreachable": Meaning(
        "the SFTP server cannot be reached",
        "Check host and port of [sftp], the network and the firewall: concordant adapter sftp "
        "test --agency DIR. The adapter tries again.",
    ),
    "side_fails": Meaning(
        "the adapter cannot exchange events with the agency's own system now",
        "Look up the code of the cause in docs/codes.md. Nothing is lost.",
    ),
    "signature_wrong": Meaning("the signature does not verify", _NOTHING_TAKEN),
    "signing_ambiguous": Meaning(
        "several versions of agreements await this agency's signature",
        "Name the file of the one to sign.",
    ),
    "signing_key_expired": Meaning(
        "none of our signing keys is valid now",
        "Make new ones: concordant keys renew --agency DIR",
    ),
    "signing_refused": Meaning(
        "the contract may not be signed as it is",
        "Ask the author of the text to correct it; the parties then sign the new text.",
    ),
    "signing_unaccepted": Meaning(
        "a warning was not accepted",
        "Read it. Have the text corrected, or sign with --accept and the code.",
    ),
    "silence": Meaning(
        "no heartbeat of an agency for three of its intervals: three minutes, or fifteen above 64 "
        "parties",
        "Telephone that agency.",
    ),
    "since_ahead": Meaning("the time is in the future", "Give a time in the past."),
    "since_too_early": Meaning(
        "a manifest revokes a key for at most the last 7 days",
        "Bring the governance keys, and run: concordant keys delegate --agency DIR --revoke KEY "
        "--since TIME --reason TEXT",
    ),
    "sink_conflict": Meaning(
        "the agency's system has other content under this id",
        "Move the earlier file out of the inbox folder, then: concordant quarantine retry ID "
        "--agency DIR",
    ),
    "sink_key_invalid": Meaning("an event id cannot be a file name", "Tell the maintainers."),
    "sink_unavailable": Meaning(
        "the inbox folder cannot be written",
        "Create the folder, and let the adapter's account write to it.",
    ),
    "source_not_started": Meaning(
        "(HTTP) the adapter does not take events yet",
        "Send the request again with the same key, as late as the header Retry-After says. After a "
        "restore the adapter first reads its newest manifest from Kafka.",
    ),
    "source_retry": Meaning(
        "a file of the import folder cannot be read at present",
        "Nothing: it is tried again. If it stays, let the adapter's account read and move it.",
    ),
    "state_changed": Meaning("the state changed while it was read", "Nothing; it is tried again."),
    "state_full": Meaning(
        "the state of this sender has reached its size limit",
        "Nothing: it is judged again by itself: after some time, and when a manifest, a "
        "contract or a receipt arrives.",
    ),
    "state_missing": Meaning(
        "the adapter has not run yet",
        "Start it: concordant adapter run --agency DIR. If it has run before, restore its"
        " state from a backup.",
    ),
    "state_not_moved": Meaning(
        "the state is in a SQLite file, and [state] url names a server",
        "Move it into an empty schema: concordant agency move-state --agency DIR",
    ),
    "state_present": Meaning(
        "the schema into which the state is moved holds a state already",
        "Give an empty schema, or remove url from [state] to use the file.",
    ),
    "statistics_missing": Meaning(
        "no agreement, or not one alone, lets this agency count cases for statistics",
        "If there are several agreements, name one with --contract NAME. If no agreement lets you "
        "count, agree a version with a purpose of the kind statistics that your role pursues, a "
        "section statistics, and a vocabulary with figures.",
    ),
    "still_open": Meaning(
        "a program has the file open", "Close the file in the program that writes it."
    ),
    "store_busy": Meaning("another process holds the state database", "Wait; it is tried again."),
    "store_conflict": Meaning(
        "two rows of the state contradict each other", "Stop the adapter and tell the maintainers."
    ),
    "store_corrupt": Meaning("the state database is damaged", "Restore the state from a backup."),
    "store_driver_missing": Meaning(
        "the library for PostgreSQL is not installed",
        "Install it: pip install 'concordant[postgres]'.",
    ),
    "store_full": Meaning("the disk is full", "Make room on the disk of the agency's folder."),
    "store_login_refused": Meaning(
        "the server of the state database refuses the login",
        "Check the user and the database in url, and the file of the password, in [state].",
    ),
    "store_migration_failed": Meaning(
        "the state could not be brought to this version",
        "Keep a copy of the state and tell the maintainers.",
    ),
    "store_nested": Meaning("a transaction was opened within another", "Tell the maintainers."),
    "store_newer": Meaning(
        "a newer version has written the state",
        "Run the newer version, or restore a backup from before it ran.",
    ),
    "store_password_missing": Meaning(
        "the password of the state database cannot be read",
        "Put the password where [state] password names it, on one line, readable by this account "
        "only.",
    ),
    "store_unreachable": Meaning(
        "the server of the state database cannot be reached",
        "Check that it runs, and url and ca in [state]. Nothing that was committed is lost.",
    ),
    "store_unreleased": Meaning(
        "a version from before the first release has written the state",
        "Set the trial partnership up again in new folders. Only the version that wrote the"
        " state can read it.",
    ),
    "store_unsafe": Meaning(
        "a power cut at the server of the state database can lose events",
        "Set fsync, full_page_writes and synchronous_commit to on in postgresql.conf.",
    ),
    "store_unusable": Meaning(
        "the state database cannot be opened",
        "Let the adapter's account write to the folder state/.",
    ),
    "stream_stopped": Meaning("the stream of this partition was stopped before", _RELEASE),
    "subscription_filter_invalid": Meaning(
        "(Python client) the types or senders of a subscription are no list of names or models",
        "Give lists of names, or of classes of the module that concordant contract export python "
        "writes.",
    ),
    "subscription_name": Meaning(
        "the name of the subscription cannot be used", "Use lower case letters, digits and hyphens."
    ),
    "subscription_start_invalid": Meaning(
        "(Python client) the start of a subscription is no time with a zone",
        "For example: datetime.now(UTC) - timedelta(days=7)",
    ),
    "superseded": Meaning("the record is above the end of a closed generation", _NOTHING_TAKEN),
    "suspended": Meaning("a party had suspended its part of the contract", _SENT_AGAIN),
    "symlink": Meaning("the entry of the import folder is a link", "Drop the file itself."),
    "table_unknown": Meaning(
        "the mapping file has no such table",
        "Show its tables: concordant mapping columns --agency DIR.",
    ),
    "taken": Meaning("the file was taken", "Nothing."),
    "taken_after_end": Meaning(
        "events were accepted that their sender logged after its part had ended",
        "Read their ids: concordant log show --agency DIR. Ask the agency by telephone, and tell "
        "the people who act on them.",
    ),
    "terminal_needed": Meaning(
        "the content can be shown only on a terminal",
        "Give the command on a terminal, without > and without |.",
    ),
    "terms_unknown": Meaning(
        "no shipped terms have this name, and no such file can be read",
        "Give a file, or the name that is proposed.",
    ),
    "text_encoding": Meaning(
        "a text shows signs of a wrong encoding",
        "Correct the text at its source, and export it again as UTF-8.",
    ),
    "text_too_long": Meaning("a text is longer than the limit", "Shorten the field that is named."),
    "time_ahead": Meaning("the event's time is after log time", _SENT_AGAIN),
    "token_key_missing": Meaning(
        "the PKCS#11 token does not hold a signing key that is listed, or signs with another one",
        "Connect the token that made the key, or replace every key: concordant keys renew --all "
        "--agency DIR",
    ),
    "token_locked": Meaning(
        "the PKCS#11 token is locked",
        "Let the token's security officer unlock it and set a PIN. Put the PIN in the "
        "place that [signing_pin] in agency.toml names.",
    ),
    "token_pin_wrong": Meaning(
        "the PKCS#11 token refuses the PIN",
        "Put the right PIN in the place that [signing_pin] in agency.toml names.",
    ),
    "token_unavailable": Meaning(
        "the PKCS#11 token that holds the signing keys cannot be used now",
        "Connect the token, or start the service behind its module; install "
        "concordant[pkcs11]. Check the URI in agency.toml, [keys] signing. The adapter "
        "tries again by itself.",
    ),
    "token_unsuitable": Meaning(
        "the PKCS#11 token cannot make an Ed25519 key",
        "Use a token whose module has CKM_EC_EDWARDS_KEY_PAIR_GEN and CKM_EDDSA.",
    ),
    "topic_missing": Meaning(
        "a topic of the contract does not exist, or Kafka does not show it to this agency",
        "Ask Kafka's host to run: concordant kafka apply --agency DIR",
    ),
    "topic_not_owned": Meaning("the contract does not own the topic", _SENT_AGAIN),
    "transaction_missing": Meaning(
        "(Python client) the connection commits each statement",
        "Open the connection without autocommit, or begin a transaction on it first.",
    ),
    "transition_not_allowed": Meaning(
        "the change does not follow from the referral's status", _EARLIER_EVENT + _OUR_EVENT
    ),
    "type_not_permitted": Meaning("the sender may not publish it", _SENT_AGAIN + _OUR_EVENT),
    "type_unknown": Meaning(
        "the contract or the software has no such type", _NEWER_SOFTWARE + _OUR_EVENT
    ),
    "union_malformed": Meaning(
        "what another agency sent for a union of cases does not have its form",
        "Nothing; it is ignored. If it goes on: telephone that agency.",
    ),
    "union_misplaced": Meaning(
        "an agency sent a part of a union of cases that it may not send, or not to this agency, or "
        "not now",
        "Compare the agreements of both agencies and their clocks. A key for the agency that "
        "tallies breaks the agreement: tell your information governance officer.",
    ),
    "union_unopenable": Meaning(
        "what another agency sent for a union of cases was sealed to a key that this agency does "
        "not have",
        "Nothing; it is sent again within a day. If it goes on: telephone that agency.",
    ),
    "unions_many": Meaning(
        "an agency sends parts of unions of cases too often", "Telephone that agency."
    ),
    "unknown_case": Meaning(
        "the row names a case that is not known", "Correct the reference, or export the case first."
    ),
    "unknown_column": Meaning(
        "the export has a column that the mapping does not know",
        "Remove the column from the export, or add it to the mapping file.",
    ),
    "unknown_kind": Meaning("the kind of the row is not known", "Correct the field that is named."),
    "unknown_partner": Meaning(
        "the row names a partner that agency.toml lacks",
        "Correct the code, or add it to [partners] in agency.toml.",
    ),
    "unknown_referral": Meaning(
        "the row names a referral that is not known", "Correct the reference."
    ),
    "unknown_value": Meaning("a value is not in the code list", "Correct the field that is named."),
    "unlinked": Meaning("no known generation leads to it", _NOTHING_TAKEN),
    "unreadable": Meaning("an item cannot be checked", "Let this account read the named item."),
    "value_malformed": Meaning("a leaf record that is not 32 bytes", _NOTHING_TAKEN),
    "value_missing": Meaning("no value", _NOTHING_TAKEN),
    "value_too_large": Meaning("the value is larger than the limit", _NOTHING_TAKEN),
    "vectors_invalid": Meaning(
        "the test vectors are damaged", "Restore the folder of vectors, or make it again."
    ),
    "vectors_missing": Meaning(
        "the test vectors are missing",
        "Give their folder with --vectors, or make the large ones as the message says.",
    ),
    "version_conflict": Meaning(
        "the change does not follow from the referral's status", _EARLIER_EVENT + _OUR_EVENT
    ),
    "version_replaced": Meaning(
        "the version to revise is not the newest: a signed version replaces it",
        "Revise the version that the message names.",
    ),
    "version_unknown": Meaning("another version of the layout", _NEWER_SOFTWARE),
    "vocabulary_invalid": Meaning(
        "a vocabulary is not as its specification asks",
        "Correct the named line, then check it: concordant vocabulary lint FILE. If others wrote "
        "it, ask its author.",
    ),
    "vocabulary_unknown": Meaning(
        "no vocabulary of the software has this name, and there is no such file",
        "Name a file, or one of the vocabularies that are proposed.",
    ),
    "webhook_answer_unknown": Meaning(
        "the endpoint of the webhook answered with success, but its body is not a result",
        "Let the endpoint answer 2xx without a body, or with a body that the guide of the "
        "webhook names. The event is sent again.",
    ),
    "webhook_busy": Meaning(
        "the endpoint of the webhook is busy or not available (429, 502, 503 or 504)",
        "Ask the team of that system. The adapter waits as long as Retry-After says, and sends "
        "again.",
    ),
    "webhook_certificate_unusable": Meaning(
        "the TLS files of the webhook cannot be used",
        "Correct ca, certificate and key of [webhook]: PEM files that this account can read; "
        "certificate and key belong together, and the key has no passphrase.",
    ),
    "webhook_gave_up": Meaning(
        "the endpoint of the webhook did not take the event within give_up_after",
        "Read the last reason: concordant quarantine list --agency DIR. Correct its cause, "
        "then: concordant quarantine retry ID --agency DIR",
    ),
    "webhook_gone": Meaning(
        "the endpoint of the webhook answered 410: it is not to be called any more",
        "Ask the team of that system. Correct url of [webhook] in agency.toml, then start the "
        "adapter again. The events wait.",
    ),
    "webhook_redirected": Meaning(
        "the endpoint of the webhook redirects, and redirects are not followed",
        "Set url of [webhook] in agency.toml to the new address, then start the adapter again. "
        "The event is sent again.",
    ),
    "webhook_refused": Meaning(
        "the endpoint of the webhook answered with an error",
        "Ask the team of that system what its log says. The event is sent again.",
    ),
    "webhook_secret_exists": Meaning(
        "there is a secret of the webhook already",
        "Replace it: concordant adapter webhook secret rotate --agency DIR",
    ),
    "webhook_secret_two": Meaning(
        "the last rotation of the webhook's secret has not ended",
        "When the endpoint has the newer secret: concordant adapter webhook secret retire "
        "--agency DIR",
    ),
    "webhook_secret_unusable": Meaning(
        "the secret of the webhook is missing or cannot be used",
        "Make one: concordant adapter webhook secret new --agency DIR. Or correct the file: "
        "owner, permissions (0600), and a line with whsec_ and base64 of 24 to 64 bytes.",
    ),
    "webhook_slow": Meaning(
        "the endpoint of the webhook did not answer in time",
        "Ask the team of that system, or set timeout of [webhook] higher. The event is sent again.",
    ),
    "webhook_tls_failed": Meaning(
        "the TLS connection to the endpoint of the webhook failed",
        "Check ca of [webhook], and that the certificate of the endpoint names its host and "
        "has not ended. The event is sent again.",
    ),
    "webhook_unreachable": Meaning(
        "the endpoint of the webhook cannot be reached",
        "Check url of [webhook], the network and the firewall: concordant adapter webhook test "
        "--agency DIR. The event is sent again.",
    ),
    "withheld": Meaning(
        "a sender has sent more records than Kafka delivered to us", "Telephone the host of Kafka."
    ),
    "words_invalid": Meaning(
        "these are not the twelve words of a fingerprint",
        "Ask the other agency to read its words again, and type all twelve.",
    ),
    "words_other_keys": Meaning(
        "the words of a page are other governance keys than those of this agency",
        "Take the page of this agency's present keys, or give the folder of the agency that the "
        "page names.",
    ),
    "wrap_budget": Meaning(
        "too many new wraps in a minute",
        "Nothing: it is judged again by itself: after some time, and when a manifest, a "
        "contract or a receipt arrives.",
    ),
    "written_later": Meaning(
        "a file changed after it was moved away", "Nothing: it is read again."
    ),
}


def next_step(error: ConcordantError) -> str | None:
    """Return what to do about an error: its own text, or else that of its code."""
    if error.fix:
        return error.fix
    return N_(CODES[error.code].to_do) if error.code in CODES else None


def retry_helps(code: str) -> bool:
    """Return whether a retry can help with what is put aside for a code."""
    meaning = CODES.get(code)
    return meaning is None or not meaning.to_do.startswith(_NO_RETRY)


def own_event_step(error: ConcordantError) -> str | None:
    """Return what to do about an event of ours that is refused before it is a record."""
    step = next_step(error)
    if step is not None and step.startswith(_OF_A_RECORD):
        return N_("Correct what the answer names, and send the event with a new key.")
    return step
