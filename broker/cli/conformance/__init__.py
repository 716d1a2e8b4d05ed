"""Commands and texts of ``concordant conformance``."""
