"""What a client may be about to do: use cases that score each client, by a declared rule until a model is proven."""
