"""Write docs/configuration.md from the models of agency.toml: python docs/configuration.py."""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import annotated_types
from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo

from broker.agency.config import AgencyConfig

PAGE = Path(__file__).with_name("configuration.md")

HEAD = """\
# Configuration

Every setting of `agency.toml`. Made from the program by `docs/configuration.py`.

- The file is TOML 1.0 in UTF-8, in the agency's folder. Paths are relative to that folder.
- An unknown setting is an error that names the setting. No setting is silently ignored.
- No secret belongs in this file.
- A setting with a default can be left out.

`concordant doctor --agency DIR` checks the file and what it names.
"""


def _vault(above: str) -> dict[str, str]:
    """Meanings of the settings that name a secret in Vault or OpenBao."""
    means = {
        "": "A field of a secret in HashiCorp Vault or OpenBao, in place of the settings above. "
        "Set either `token`, or `role_id` with `secret_id`",
        ".address": "Address of the store, as `https://HOST:PORT`; always TLS",
        ".mount": "Mount path of the key-value engine",
        ".path": "Path of the secret in it, such as `concordant/csu-camden`",
        ".field": "The field of the secret that holds the passphrase",
        ".kv_version": "Version of the key-value engine",
        ".namespace": "Namespace of Vault Enterprise or OpenBao",
        ".ca": "Certificate of the authority that issued the store's certificate, in PEM. Without "
        "it the system's authorities count",
        ".role_id": "Id of the AppRole",
        ".approle_mount": "Mount path of the AppRole method",
        ".token": "Where the token is. Exactly one of the three settings",
        ".secret_id": "Where the secret id of the AppRole is. Exactly one of the three settings",
    }
    for secret in (".token", ".secret_id"):
        means[f"{secret}.file"] = "A file that only the adapter's account can read"
        means[f"{secret}.environment"] = "An environment variable"
        means[f"{secret}.credential"] = "A systemd credential"
    return {f"{above}.vault{name}": meaning for name, meaning in means.items()}


MEANS: Mapping[str, str] = {
    "format": "Number of the form of this file. A version of the software that does not know the "
    "number refuses the file with `config_newer`",
    "agency": "The id of this agency, as the agreement names it",
    "deployment": "The name of the partnership's deployment. All topics begin with it",
    "governance": "The ids of this agency's own governance keys. An agreement counts as this "
    "agency's only if it names exactly these keys",
    "governance.ed25519": "Id of the Ed25519 governance key, in base64",
    "governance.ml_dsa_65": "Id of the ML-DSA-65 governance key, in base64",
    "governance.officer": "The officer whose keys these are, if two of several officers must sign",
    "governance.officers": "Every officer of this agency, the one of this folder included; "
    "`concordant agency officer add` writes them",
    "governance.officers.name": "Name of the office",
    "governance.officers.ed25519": "Id of the officer's Ed25519 key",
    "governance.officers.ml_dsa_65": "Id of the officer's ML-DSA-65 key",
    "governance.former": "Governance keys that were replaced. Agreements that name them remain "
    "readable",
    "governance.former.ed25519": "Id of the replaced Ed25519 key",
    "governance.former.ml_dsa_65": "Id of the replaced ML-DSA-65 key",
    "governance.former.officers": "The officers whose keys were replaced, if there were several",
    "governance.former.officers.name": "Name of the office",
    "governance.former.officers.ed25519": "Id of the replaced Ed25519 key",
    "governance.former.officers.ml_dsa_65": "Id of the replaced ML-DSA-65 key",
    "adapter": "How this agency's own system is connected",
    "adapter.kind": "Name of the adapter; `concordant adapter list` shows them. `desk` is for an "
    "agency without a case system: its source and sink are `desk` unless others are named",
    "adapter.source": "Where the events of the agency's system come from: `folder` (files), `http` "
    "(see `[api]`), `sftp` (see `[sftp]`), `bus` (see `[bus]`), `database` (see `[database]`), "
    "`desk` (pages of `concordant web`), or one of another package",
    "adapter.sink": "Where received events go: `folder` (files), `http` (see `[api]`), `sftp` (see "
    "`[sftp]`), `bus` (see `[bus]`), `database` (see `[database]`), `webhook` (see `[webhook]`), "
    "`desk` (kept encrypted for pages of `concordant web`), or one of another package",
    "adapter.mapping": "The agency's own mapping file, beside this file; for the kind `mapped` "
    "alone. `mapping.yaml` if it is left out",
    "adapter.encoding": "The text encoding of the exports. Without it a file is UTF-8, or what "
    "the format allows besides",
    "partners": "One line for each partner: the code that your system uses = the partner's agency "
    "id",
    "keys": "Where the private keys are, as URIs",
    "keys.operational": "Stream, exchange and receipt keys",
    "keys.signing": "PKCS#11 URI (RFC 7512), with `module-path`, of the token that makes Ed25519 "
    "stream and receipt keys. Without it all keys are in files",
    "keys.governance": "Governance keys. Keep them offline and bring them only to sign",
    "passphrase": "Where the passphrase of the key files is. Exactly one of the four settings",
    "passphrase.file": "A file that only the adapter's account can read",
    "passphrase.environment": "An environment variable",
    "passphrase.credential": "A systemd credential",
    **_vault("passphrase"),
    "governance_passphrase": "Where the passphrase of the governance keys is, if it is another "
    "one. Exactly one of the four settings",
    "governance_passphrase.file": "A file that only the adapter's account can read",
    "governance_passphrase.environment": "An environment variable",
    "governance_passphrase.credential": "A systemd credential",
    **_vault("governance_passphrase"),
    "signing_pin": "Where the PIN of the token in `keys.signing` is, unless the URI has a "
    "`pin-source`. Exactly one of the four settings",
    "signing_pin.file": "A file that only the adapter's account can read",
    "signing_pin.environment": "An environment variable",
    "signing_pin.credential": "A systemd credential",
    **_vault("signing_pin"),
    "kafka": "How to reach Kafka, and how this agency logs in; always over TLS",
    "kafka.bootstrap": "Addresses of Kafka, as `host:port`, separated by commas",
    "kafka.security": "How this agency logs in: `mtls` with its client certificate, `scram` with a "
    "password (SASL/SCRAM-SHA-512), `oauthbearer` with an access token (SASL/OAUTHBEARER)",
    "kafka.minimum_tls": "The lowest version of TLS. Set `1.2` only for a Kafka that has no "
    "TLS 1.3",
    "kafka.ca": "Certificate of the authority that signed Kafka's certificates; `system` trusts "
    "those of the operating system",
    "kafka.certificate": "This agency's client certificate; used with `mtls` only",
    "kafka.key": "Private key of the client certificate; used with `mtls` only",
    "kafka.scram": "Login with a password. Needed if `security` is `scram`",
    "kafka.scram.username": "Name that Kafka knows; the agreement names it as this agency's Kafka "
    "principal",
    "kafka.scram.password": "Where the password is. Exactly one of the settings. A changed "
    "password counts at the next connection",
    "kafka.scram.password.file": "A file that only the adapter's account can read",
    "kafka.scram.password.environment": "An environment variable",
    "kafka.scram.password.credential": "A systemd credential",
    **_vault("kafka.scram.password"),
    "kafka.oauthbearer": "Login with access tokens by client credentials (RFC 6749, section 4.4). "
    "Needed if `security` is `oauthbearer`",
    "kafka.oauthbearer.token_endpoint": "Address that gives tokens: `https://...`",
    "kafka.oauthbearer.client_id": "This agency's client id there",
    "kafka.oauthbearer.ca": "Certificate of the authority that signed the endpoint's certificate; "
    "`system` trusts those of the operating system",
    "kafka.oauthbearer.scope": "Scope to ask for",
    "kafka.oauthbearer.audience": "Audience to ask for, which some servers need",
    "kafka.oauthbearer.client_secret": "Where the client secret is. Exactly one of the settings",
    "kafka.oauthbearer.client_secret.file": "A file that only the adapter's account can read",
    "kafka.oauthbearer.client_secret.environment": "An environment variable",
    "kafka.oauthbearer.client_secret.credential": "A systemd credential",
    **_vault("kafka.oauthbearer.client_secret"),
    "kafka.renewal": "A command of yours that renews the client certificate, such as an ACME client. "
    "It replaces the files that `certificate` and `key` name; the adapter takes them up",
    "kafka.renewal.command": "The program and its arguments. It runs in the agency's folder, without "
    "a shell",
    "kafka.renewal.days_before": "Days before the end from which it runs, once an hour until it "
    "succeeds",
    "kafka.renewal.timeout": "Seconds after which it is stopped",
    "folders": "Folders that the adapter shares with your own system",
    "folders.import": "Your system writes exports here",
    "folders.processed": "The adapter moves exports here that it has taken",
    "folders.quarantine": "The adapter moves refused files and rows here",
    "folders.inbox": "The adapter writes received events here",
    "folders.done_marker": "Ending of the file that says that an export in `import` is complete, "
    "such as `.done`: the adapter takes `export.csv` when `export.csv.done` is there, and removes "
    "the marker. Without it, an export is complete when it was renamed into `import`, or has not "
    "changed for two seconds. It counts if `source` is `folder`. It must not be an ending of "
    "exports, of unfinished files (`.tmp`, `.part`) or of the adapter's reports (`.json`, `.csv`)",
    "intake": "What happens to rows of an export",
    "intake.ungranted_fields": "For a field that a recipient may not read: `leave_out` sends the "
    "row without the field and reports it, `refuse` refuses the row",
    "lint": "Own rules for agreements",
    "lint.rules": "File of your organisation's lint rules. `contract lint --agency DIR` and "
    "`contract sign` apply it",
    "retention": "For how many days files stay in the adapter's folders. 0 keeps them until a "
    "person removes them, and `status` says so",
    "retention.processed_days": "Days in `processed/`",
    "retention.quarantine_days": "Days in `quarantine/`",
    "retention.inbox_days": "Days in `inbox/`",
    "intervals": "How often the adapter does what, in seconds",
    "intervals.poll": "Look for new exports",
    "intervals.relay": "Look for events that another process put into the outbox",
    "intervals.heartbeat": "Publish a heartbeat. Without it: as the agreement demands, once a minute, or "
    "every five minutes above 64 parties",
    "intervals.silence_alarm": "Silence of a party after which an alarm is raised. Without it: three "
    "of the party's intervals",
    "intervals.receipt": "Publish receipts",
    "api": "The HTTP interface for the agency's own system, if the source or the sink is `http`. Off "
    "the loopback address it is served over TLS only",
    "web": "Web application of this agency, `concordant web`",
    "web.certificate": "Certificate with its chain, in PEM. With it the pages are served over TLS",
    "web.key": "Its private key, in PEM, without a passphrase",
    "web.address": "Address by which browsers reach the pages, such as `https://desk.example.org`, "
    "if it is not that of `--host` and `--port`",
    "web.links": "Whether one-time links sign people in. Without it: only if neither `[web.oidc]` nor "
    "`[web.proxy]` is set",
    "web.language": "Language of pages and notices, such as `cy`. The folder then holds the file "
    "`web/LANGUAGE.po`. Without it: English",
    "web.names": "Short names of agencies, by agency id, for headings of columns. Elsewhere the pages "
    "show the legal names of the agreements. Without a short name the id is shown in words",
    "web.oidc": "Sign-in by an OpenID Connect provider, such as Entra ID or Keycloak: "
    "[The web application](guides/web.md)",
    "web.oidc.issuer": "Issuer identifier of the provider, exactly as its tokens have it",
    "web.oidc.client_id": "Id of this application at the provider",
    "web.oidc.client_secret": "Place of the secret of this application at the provider",
    "web.oidc.client_secret.file": "The file that holds it",
    "web.oidc.client_secret.environment": "The environment variable that holds it",
    "web.oidc.client_secret.credential": "A systemd credential",
    **_vault("web.oidc.client_secret"),
    "web.oidc.ca": "Certificate of the provider's authority, in PEM. `system` trusts those of the "
    "operating system",
    "web.oidc.scopes": "Scopes that are asked for beside `openid`",
    "web.oidc.person_claim": "Claim with the stable id of a person. The disclosure log has it "
    "together with the issuer",
    "web.oidc.name_claim": "Claim with the name of a person for the pages",
    "web.oidc.roles_claim": "Claim with the roles of a person. Dots lead into nested claims: "
    "`realm_access.roles`",
    "web.oidc.roles": "Roles here for each value of that claim. A value without an entry gives none",
    "web.proxy": "Sign-in by a proxy that names the person in headers of each request",
    "web.proxy.addresses": "Addresses or networks of the proxy. Headers from other addresses are "
    "refused",
    "web.proxy.certificate": "SHA-256 of the proxy's client certificate (DER) in hexadecimal, if it "
    "shows one",
    "web.proxy.client_ca": "Authority of that certificate, in PEM",
    "web.proxy.person_header": "Header with the stable id of the person",
    "web.proxy.name_header": "Header with the name of the person for the pages",
    "web.proxy.roles_header": "Header with the roles, separated by commas",
    "web.proxy.roles": "Roles here for each value of that header. A value without an entry gives "
    "none",
    "api.host": "Address to listen on",
    "api.port": "Port to listen on. 0 takes any free port; `state/api-port` says which",
    "api.certificate": "TLS certificate of the interface with its chain, in PEM. Needed unless the "
    "host is a loopback address",
    "api.key": "Its private key, in PEM without a passphrase",
    "api.client_ca": "Certificate of the authority, in PEM, whose certificate each client must show "
    "beside its token. Without it clients show none",
    "api.request_bytes": "Most bytes of a request's body",
    "api.requests_per_minute": "Most requests a minute, for each name of a token",
    "api.connections": "Most connections at one time",
    "api.result_within": "Seconds within which the agency's system must send a result for an event "
    "that it was offered. Later `status`, `doctor` and an alert show it",
    "api.keep_days": "Days for which the content of an imported event stays, so that other systems "
    "of the agency can read it too. 0 removes it at once",
    "notices": "Notices without personal data: of new, urgent and overdue referrals to caseworkers, "
    "and of troubles, certificates and delegations to operators. Caseworkers are told by "
    "`[notices.mail] recipients` and `[notices.webhook]`, which need `[web] address`; operators by "
    "`[notices.mail] operators` and `[notices.operator_webhook]`",
    "notices.every": "Seconds between two looks",
    "notices.retry_most": "Longest pause in seconds between two attempts to send",
    "notices.trouble_after": "Seconds for which a trouble must last before operators are told",
    "notices.mail": "Notices by mail",
    "notices.mail.host": "Name or address of the mail server",
    "notices.mail.port": "Its port",
    "notices.mail.security": "`starttls`, or `tls` from the first byte. `none` is possible on this "
    "machine only",
    "notices.mail.sender": "Address that the mail comes from",
    "notices.mail.recipients": "Addresses of caseworkers",
    "notices.mail.operators": "Addresses of operators",
    "notices.mail.user": "Account at the mail server, if it wants one",
    "notices.mail.password": "Place of its password",
    "notices.mail.password.file": "The file that holds it",
    "notices.mail.password.environment": "The environment variable that holds it",
    "notices.mail.password.credential": "A systemd credential",
    **_vault("notices.mail.password"),
    "notices.mail.ca": "Certificate of the mail server's authority, in PEM. `system` trusts those of the "
    "operating system",
    "notices.mail.timeout": "Seconds for one step",
    "notices.webhook": "Notices of referrals as signed requests",
    "notices.webhook.url": "The address",
    "notices.webhook.secret": "File with the signing secret: `whsec_` and base64 of 24 to 64 bytes",
    "notices.webhook.ca": "Certificate of its authority, in PEM. `system` trusts those of the operating "
    "system",
    "notices.webhook.timeout": "Seconds for a whole request",
    "notices.operator_webhook": "Notices of troubles as signed requests",
    "notices.operator_webhook.url": "The address",
    "notices.operator_webhook.secret": "File with the signing secret: `whsec_` and base64 of 24 to 64 bytes",
    "notices.operator_webhook.ca": "Certificate of its authority, in PEM. `system` trusts those of the "
    "operating system",
    "notices.operator_webhook.timeout": "Seconds for a whole request",
    "bus": "The agency's own message bus, if the source or the sink is `bus`",
    "bus.kind": "`kafka`, `rabbitmq`, `nats` or `redis`",
    "bus.servers": "Addresses as `HOST:PORT`. RabbitMQ and Redis have one",
    "bus.tls": "Whether the connection is encrypted. `false` is possible only if every server is a "
    "loopback address",
    "bus.ca": "Certificate of the authority of the bus, in PEM. `system` trusts those of the operating "
    "system",
    "bus.certificate": "Client certificate of the adapter with its chain, in PEM",
    "bus.key": "Its private key, in PEM without a passphrase",
    "bus.username": "Name of the adapter's account at the bus",
    "bus.password": "Where its password is. Exactly one of the three settings",
    "bus.password.file": "A file that only the adapter's account can read",
    "bus.password.environment": "An environment variable",
    "bus.password.credential": "A systemd credential",
    "bus.credentials": "Credentials file of NATS, instead of username and password",
    "bus.mechanism": "Login to Kafka with a password: `plain`, `scram-sha-256` or `scram-sha-512`",
    "bus.virtual_host": "Virtual host of RabbitMQ",
    "bus.stream": "JetStream stream of NATS that holds all subjects",
    "bus.group": "Consumer group of Kafka and Redis; start of the name of NATS's durable consumers",
    "bus.declare": "Whether the adapter makes topics, queues and streams that are missing",
    "bus.names": "Names of the topics, queues, subjects or streams",
    "bus.names.send": "Events that the agency's systems send",
    "bus.names.answers": "The adapter's answers to them",
    "bus.names.refused": "Answers to refused messages alone",
    "bus.names.received": "Events from other agencies",
    "bus.names.results": "Results of the agency's systems for them",
    "bus.results": "`reply`: each event needs a result. `none`: an event is delivered when the bus has "
    "confirmed it",
    "bus.result_within": "Seconds within which the agency's system must send a result for an event "
    "that it was offered. Later `status`, `doctor` and an alert show it",
    "bus.message_bytes": "Most bytes of a message with an event",
    "database": "Tables of the agency's own database, if the source or the sink is `database`. Set "
    "either `url` or `path`",
    "database.url": "PostgreSQL, as `postgresql://USER@HOST:PORT/NAME`, without a password. A folder "
    "of a Unix socket is written with `%2F` for `/`. Off the loopback address it is reached over TLS "
    "only, and its certificate is verified",
    "database.path": "An SQLite file. It must exist",
    "database.password": "Where the password is. Exactly one of the settings. A changed password "
    "counts at the next connection",
    "database.password.file": "A file that only the adapter's account can read",
    "database.password.environment": "An environment variable",
    "database.password.credential": "A systemd credential",
    **_vault("database.password"),
    "database.ca": "Certificate of the authority that issued the server's certificate, in PEM, or "
    '`"system"`. Without it the system\'s authorities count off the loopback address, and on it the '
    "server is not verified",
    "database.certificate": "Client certificate, in PEM, if the server asks for one",
    "database.key": "Its private key",
    "database.poll": "Seconds between two looks at the tables when nothing was found",
    "database.row_bytes": "Most bytes of a row of the outbox. A larger one is refused, and not read",
    "database.outbox": "The table with what the agency's application sends",
    "database.outbox.form": "`events`: each row holds an event as JSON. `mapped`: a table or view "
    "with columns of its own, which the mapping file describes",
    "database.outbox.schema": "Its schema in PostgreSQL",
    "database.outbox.table": "Its name",
    "database.outbox.answers": "Where the adapter writes its answer: `columns` of the same row, a "
    "`table` of answers, or `delete`: an accepted row is deleted, and a refused one gets its answer "
    "in the table of answers. Own columns (`mapped`) are never deleted",
    "database.outbox.answers_table": "Name of the table of answers",
    "database.outbox.aggregatetypes": "Take only rows with one of these aggregate types, if other "
    "readers share the outbox. Without it every row is taken",
    "database.outbox.columns": "Names of its columns; the first five are those of Debezium",
    "database.outbox.columns.id": "Unique key of a row, at most 200 visible ASCII characters. An "
    "event of a key is accepted once",
    "database.outbox.columns.aggregatetype": "As Debezium uses it; see `aggregatetypes`",
    "database.outbox.columns.aggregateid": "As Debezium uses it; the adapter does not read it",
    "database.outbox.columns.type": "Type of the event, such as `referral.made`",
    "database.outbox.columns.payload": "The event as JSON, as `POST /events` takes it",
    "database.outbox.columns.recipients": "Agency ids, as a JSON list or separated by commas. With "
    "it the payload is the data of the event alone",
    "database.outbox.columns.version": "A value that changes with each change of the row that is to "
    "be sent, such as `updated_at`. Without it each row is taken once",
    "database.outbox.columns.position": "Rows are taken in the order of this column",
    "database.outbox.columns.state": "Answer: `accepted`, `refused` or `filtered`; NULL while the row "
    "waits",
    "database.outbox.columns.code": "Reason code of a refusal",
    "database.outbox.columns.field": "The field at fault",
    "database.outbox.columns.detail": "The reason in a sentence",
    "database.outbox.columns.event_id": "Id of the accepted event",
    "database.outbox.columns.answer": "The answer as JSON, as `POST /events` gives it",
    "database.outbox.columns.answered_at": "Time of the answer",
    "database.inbox": "The table with received events",
    "database.inbox.form": "`events`: each row holds an event as JSON. `mapped`: the mapping file's "
    "own columns",
    "database.inbox.schema": "Its schema in PostgreSQL",
    "database.inbox.table": "Its name",
    "database.inbox.columns": "Names of its columns. The form `mapped` has its own columns in place "
    "of type, case_id, urgent, received_at and payload",
    "database.inbox.columns.source": "The agency that sent the event",
    "database.inbox.columns.id": "Id of the event, unique for its sender",
    "database.inbox.columns.type": "Type of the event",
    "database.inbox.columns.case_id": "Shared id of its case",
    "database.inbox.columns.urgent": "Whether it is urgent",
    "database.inbox.columns.received_at": "When the row was inserted",
    "database.inbox.columns.payload": "The event as JSON, as `GET /events` shows it",
    "database.inbox.columns.offer": "Number of the offer. It rises when the event is offered again",
    "database.inbox.columns.position": "Results are recorded in the order of this column",
    "database.inbox.columns.result": "Set by the application: `imported` or `rejected`",
    "database.inbox.columns.reason": "Set by the application: code of the rejection",
    "database.inbox.columns.text": "Set by the application: the reason in words",
    "database.inbox.columns.recorded_at": "When the adapter recorded the result",
    "database.inbox.columns.result_code": "Code with which the adapter refuses a result",
    "http": "Where `/livez`, `/readyz` and `/metrics` answer",
    "http.host": "Address to listen on",
    "http.port": "Port to listen on. 0 takes any free port; `state/http-port` says which",
    "sftp": "SFTP server of the agency's own system, if the source or the sink is `sftp`",
    "sftp.host": "Name or address of the server",
    "sftp.port": "Port of SSH",
    "sftp.user": "Account of the adapter there",
    "sftp.key": "File with the private key of the account, in the form of OpenSSH, without a "
    "passphrase. Set either `key` or `password`",
    "sftp.password": "File with the password, if the account has no key",
    "sftp.known_hosts": "File with the pinned host key; `concordant adapter sftp pin` writes it",
    "sftp.exports": "Folder of the server from which exports are fetched",
    "sftp.archive": "Folder to which a fetched export is moved",
    "sftp.rejects": "Folder to which an export is moved that is refused unread",
    "sftp.imports": "Folder to which received events are written",
    "sftp.done_marker": "Ending of the file that says that an export is complete, such as `.done`. "
    "Without it an export is complete when it has rested. The same endings as in `[folders]` are "
    "refused",
    "sftp.poll": "Seconds between two looks at the exports",
    "sftp.timeout": "Seconds for one operation",
    "webhook": "Webhook of the agency's own system, if `sink` is `webhook`",
    "webhook.url": "Address to which each received event is sent, with `https`; `http` only for an "
    "address of this machine, such as `http://127.0.0.1:8080/events`. No user name or password",
    "webhook.secret": "File with the secret that signs the requests; during a rotation it holds "
    "two. `concordant adapter webhook secret new` makes it",
    "webhook.ca": "Certificate of the authority that signed the endpoint's certificate; `system` "
    "trusts those of the operating system",
    "webhook.certificate": "This side's client certificate, if the endpoint wants one",
    "webhook.key": "Private key of the client certificate",
    "webhook.proxy": "HTTP proxy. Proxies that the environment names are not used",
    "webhook.minimum_tls": "The lowest version of TLS",
    "webhook.timeout": "Seconds for a whole request",
    "webhook.requests": "Number of requests at once",
    "webhook.imported_by": "Which answer says that an event is imported: `status` (2xx, unless the "
    'body says otherwise) or `body` (2xx with the body `{"outcome": "imported"}`)',
    "webhook.retry_first": "Seconds before the second attempt; the pauses double",
    "webhook.retry_most": "Longest pause between two attempts, in seconds",
    "webhook.give_up_after": "Seconds after the first attempt after which an event is held as "
    "`webhook_gave_up`",
    "state": "The adapter's state",
    "state.database": "The SQLite database. With `url` this file must not exist; a backup holds the "
    "state under its name",
    "state.url": "A database on a PostgreSQL server in place of the file, as "
    "`postgresql://USER@HOST:PORT/NAME`, without a password. `HOST` can be the folder of a Unix "
    "socket, with `%2F` for `/`. Off this machine it is reached over TLS only, and its certificate "
    "is verified",
    "state.schema": "The schema of this agency in that database. Without it, the agency's id",
    "state.password": "Where the password is. Exactly one of the settings. Without it, the "
    "client library finds its own way, such as `~/.pgpass`",
    "state.password.file": "A file that only the adapter's account can read",
    "state.password.environment": "An environment variable",
    "state.password.credential": "A systemd credential",
    **_vault("state.password"),
    "state.ca": "Certificate of the authority that issued the server's certificate, in PEM, or "
    '`"system"`. Without it the system\'s authorities count off the loopback address, and on it the '
    "server is not verified",
    "state.certificate": "Client certificate, in PEM, if the server asks for one",
    "state.key": "Its private key",
}
"""Meaning of each setting, without a full stop. A setting without an entry stops this script."""


def page() -> str:
    """The whole page."""
    used: set[str] = set()
    text = HEAD + "".join(_sections(AgencyConfig, "", used))
    if unknown := set(MEANS) - used:
        raise ValueError(f"agency.toml has no such settings: {sorted(unknown)}")
    return text


def _sections(model: type[BaseModel], path: str, used: set[str]) -> Iterator[str]:
    fields = [
        (f"{path}.{field.alias or name}".removeprefix("."), field)
        for name, field in model.model_fields.items()
    ]
    here = [(name, field) for name, field in fields if _section_of(field) is None]
    title = f"`[{path}]`" if path else "Top level"
    if _repeats(path):
        title = f"`[[{path}]]`"
    if path:
        used.add(path)
    yield f"\n## {title}\n\n{MEANS[path] + '.' if path else 'Settings before the first section.'}\n"
    if here:
        yield "\n| setting | type | default | meaning |\n| --- | --- | --- | --- |\n"
    for name, field in here:
        used.add(name)
        key = name.rpartition(".")[2]
        yield f"| `{key}` | {_type(field)} | {_default(field)} | {MEANS[name]} |\n"
    for name, field in fields:
        if (section := _section_of(field)) is not None:
            yield from _sections(section, name, used)


def _repeats(path: str) -> bool:
    return path in {"governance.former", "governance.officers", "governance.former.officers"}


def _section_of(field: FieldInfo) -> type[BaseModel] | None:
    for part in (field.annotation, *typing.get_args(field.annotation)):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def _type(field: FieldInfo) -> str:
    parts = [one for one in _parts(field.annotation) if one is not types.NoneType]
    return " or ".join(_one(part, field.metadata) for part in parts).replace("|", "\\|")


def _parts(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


def _one(part: Any, metadata: list[Any]) -> str:
    if typing.get_origin(part) is typing.Annotated:
        inner, *more = typing.get_args(part)
        flat = [one for extra in more for one in getattr(extra, "metadata", [extra])]
        return _one(inner, flat)
    if typing.get_origin(part) is typing.Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(part))
    if typing.get_origin(part) is dict:
        return "table of texts"
    if part is str:
        return "text" if not any(_pattern(one) for one in metadata) else "id"
    low = next((one.gt for one in metadata if isinstance(one, annotated_types.Gt)), None)
    least = next((one.ge for one in metadata if isinstance(one, annotated_types.Ge)), None)
    most = next((one.le for one in metadata if isinstance(one, annotated_types.Le)), None)
    kind = "whole number" if part is int else "number"
    above = f"above {low}" if low is not None else f"from {least}"
    return f"{kind}, {above} to {most}"


def _pattern(constraint: Any) -> bool:
    """Return True for the pattern of an id. A path or an address has another limit."""
    if not isinstance(constraint, StringConstraints):
        return False
    return constraint.pattern is not None and constraint.max_length is None


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if default is None or default in ({}, ()):
        return "none"
    return f"`{default}`"


if __name__ == "__main__":
    PAGE.write_text(page())
