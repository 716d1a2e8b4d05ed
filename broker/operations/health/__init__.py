"""Health of an agency: what does not flow, since when, and what to do now."""
