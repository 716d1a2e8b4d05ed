"""Keys and their owners (spec: keys): ids, manifests, enrolment, storage at rest, signers."""
