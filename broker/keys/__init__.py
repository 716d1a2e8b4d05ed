"""Keys and who holds them (spec: keys): ids, manifests, enrolment, storage at rest, signers."""
