"""The agency's state: outbox, inbox, streams, quarantine, links, referrals and the log's rows.

`open_store` gives a `Store`; everything is reached through its transactions.
"""

from __future__ import annotations
