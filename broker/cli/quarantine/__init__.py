"""Commands and texts of ``concordant quarantine``."""
