"""Commands and texts of ``concordant status``."""
