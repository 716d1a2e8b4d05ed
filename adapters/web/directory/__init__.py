"""Pages of the directory: services of partners, gaps, and what this agency offers."""
