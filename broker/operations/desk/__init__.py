"""Use cases of people of an agency without a case system: referrals, drafts and steps."""
