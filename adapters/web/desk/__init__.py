"""Pages of the caseworker: received and sent referrals, steps, new referrals and drafts."""
