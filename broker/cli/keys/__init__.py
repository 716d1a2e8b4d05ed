"""Commands and texts of ``concordant keys``."""
