"""Text of `agency.toml` for a new agency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from broker.agency.config_sections import GovernanceSection, RetentionSection

_DAYS: Final = RetentionSection()


def format_config(
    *,
    agency: str,
    deployment: str,
    governance: GovernanceSection,
    adapter: str,
    partners: Mapping[str, str],
    bootstrap: str,
    http_port: int,
    passphrase_file: str,
) -> str:
    """Return the text of a new `agency.toml`, with the settings that an operator may change."""
    codes = "\n".join(f"{_quoted(code)} = {_quoted(partners[code])}" for code in sorted(partners))
    return f"""\
# This agency's adapter. Paths are relative to this file's folder. No secret belongs here.
format = 1  # of this file; a version of the software that does not know it does not start
agency = {_quoted(agency)}
deployment = {_quoted(deployment)}

[governance]  # ids of our own governance keys: only a contract that pins them is ours
ed25519 = {_quoted(governance.ed25519)}
ml_dsa_65 = {_quoted(governance.ml_dsa_65)}

[adapter]
kind = {_quoted(adapter)}

[partners]  # our system's code for a partner = its agency id
{codes}

[keys]  # the governance keys belong offline: sign, then take the folder away
operational = "file:keys"
governance = "file:governance"

[passphrase]  # one of: file, environment, credential, vault
file = {_quoted(passphrase_file)}

[kafka]
bootstrap = {_quoted(bootstrap)}
ca = "tls/ca.pem"
certificate = "tls/cert.pem"
key = "tls/key.pem"

[folders]
import = "import"
processed = "processed"
quarantine = "quarantine"
inbox = "inbox"

[intake]  # a field that its recipients may not read: "leave_out" and report it, or "refuse" the row
ungranted_fields = "leave_out"

[retention]  # days after which the adapter removes files from its folders; 0 keeps them
processed_days = {_DAYS.processed_days}
quarantine_days = {_DAYS.quarantine_days}
inbox_days = {_DAYS.inbox_days}

[http]  # /livez, /readyz, /metrics; port 0 is any free one
host = "127.0.0.1"
port = {http_port}

[state]
database = "state/concordant.db"
"""


def _quoted(text: str) -> str:
    """Return a TOML basic string. Ids and codes hold no control characters."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
