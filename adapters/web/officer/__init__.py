"""Pages for officers, signatories and auditors: agreements, signatures, disclosures, stops."""
