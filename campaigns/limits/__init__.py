"""How much a client gets and how fast mail leaves: caps, the arbiter between campaigns, and paces per provider."""
