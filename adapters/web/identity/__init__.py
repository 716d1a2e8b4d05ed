"""People who sign in: by an OpenID Connect provider, or named by a trusted proxy."""
