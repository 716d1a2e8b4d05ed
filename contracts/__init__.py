"""Agreements, events, code lists, and the decision which fields may be shared.

No I/O except for reading files. This package knows nothing of Kafka, keys or databases: `broker`
and `adapters` import from here, never the other way round. Where things are:

- format of an agreement: `model`, `terms`, `parties`, `durations`; from its bytes: `loading`,
  `references`; from terms and parties to a text: `drafting`
- decision on an event: `policy` (the part that does not depend on values), `decision` (the rest),
  by the rules of `consent_needs`; `status` says whether the agreement is in force
- vocabulary: `data/` with `vocabulary`, `events`, `scalars`, `schema`; `referral` for the course of
  a referral; `examples`
- for people: `explain`, `field_answer`, `matrix`, `wording`; two versions: `differences`,
  `comparison`, `comparison_effects`
- before a signature: `lint` with `lint_law`, `lint_dates` and `lint_characters`; `succession` of
  versions; `legal_codes`
- names and errors: `names`, `suggestions`, `departure_reasons`, `errors`, `hidden_characters`
"""

from __future__ import annotations

from concordant.packages import require_own_packages

require_own_packages()
