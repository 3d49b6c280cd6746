"""A decision that somebody waits for, in two round trips where nothing is out of the ordinary.

One statement reads all that it depends on, as it stands at that moment; numpy decides; one statement keeps it behind
the last gate. What a process keeps between requests never changes: a run's plan, the words of a variant, a model by its
hash. Whatever is out of the ordinary is left to `campaigns.serving`, which asks the long way and says why.
"""
