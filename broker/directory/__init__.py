"""Directory of what agencies offer: listings, search, coverage, Open Referral UK."""
