"""State database of an agency: outbox, inbox, streams, quarantine, links, referrals, log rows.

`open_store` returns a `Store`; its transactions give access to everything.
"""

from __future__ import annotations
