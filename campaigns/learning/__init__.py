"""How a campaign learns: what it is to want, what came back, the policy of each day, and what takes it back."""
