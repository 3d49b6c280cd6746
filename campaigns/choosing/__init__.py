"""Choosing: what is open to whom, which model may speak, what each client gets, and why."""

from campaigns.choosing.decisions import (
    CONTROL,
    HOLDOUT,
    PERSONALISED,
    Decisions,
    Facts,
    Prediction,
    Redrawn,
    chances,
    choose,
    decide,
    prediction,
    redraw,
)
from campaigns.choosing.openings import TENURE_BANDS
from campaigns.choosing.registered import PlanMismatch, as_decided, in_force, model, out_of_force, split

__all__ = [
    "CONTROL",
    "HOLDOUT",
    "PERSONALISED",
    "TENURE_BANDS",
    "Decisions",
    "Facts",
    "PlanMismatch",
    "Prediction",
    "Redrawn",
    "as_decided",
    "chances",
    "choose",
    "decide",
    "in_force",
    "model",
    "out_of_force",
    "prediction",
    "redraw",
    "split",
]
