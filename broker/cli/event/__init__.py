"""Commands and texts of ``concordant event``."""
