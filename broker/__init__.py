"""Broker service: seals, sends, judges and opens events of protocol `concordant/1`.

Pure code is below, I/O at the edge. `docs/spec/` is the normative text; modules name the section
that they implement. Imports go from `adapters` to `broker` to `contracts`, never back.
"""

from __future__ import annotations

from concordant.packages import require_own_packages

require_own_packages()
