"""The registry of models: what a card must say, who answers for it, and on what footing a use case may have a model."""
