"""A model on its way: it decides in shadow, then for a few; what came of either beside what was live; and its guard."""
