"""Commands and texts of ``concordant doctor``."""
