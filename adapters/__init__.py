"""Adapters between an agency's own system and the broker, and the command line."""

from __future__ import annotations

from concordant.packages import require_own_packages

require_own_packages()
