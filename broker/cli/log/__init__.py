"""Commands and texts of ``concordant log``."""
