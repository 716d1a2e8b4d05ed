"""Sealed envelope of ``concordant/1``: primitives, padding, layout, sealing, opening."""
