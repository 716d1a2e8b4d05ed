"""Commands and texts of ``concordant kafka``."""
