"""Commands and texts of ``concordant contract``."""
