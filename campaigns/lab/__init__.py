"""The off-policy lab: what another policy would have done, from decisions whose exact probabilities were logged."""
