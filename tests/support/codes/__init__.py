"""States of reason codes, and their next steps as a person carries them out."""
