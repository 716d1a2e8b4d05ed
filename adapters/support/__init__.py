"""Adapter for voluntary support services and reporting centres: a casework spreadsheet as CSV.

People save it from different programs, so UTF-8 (with or without a byte order mark) and cp1252 are
read. UTF-8 with the mark is written, which every spreadsheet program opens correctly.

Support services and third-party reporting centres use the same template. A centre's reports are
referrals to the police (``referral.made``) as far as the victim agreed. Consent that was not asked
for is absent, and absent never means yes.
"""

from __future__ import annotations

from adapters.mapping import DelimitedAdapter, Dialect

ADAPTER = DelimitedAdapter("support", __name__, Dialect(delimiter=",", bom=True, legacy="cp1252"))
"""The adapter that the entry-point group ``concordant.adapters`` loads."""
