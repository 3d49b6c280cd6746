"""The demo firm: Harbourwell, made by a seeded generator, so that a first start has something true to look at."""
