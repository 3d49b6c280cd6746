"""Choosing: what is open to whom, which model may speak, what each client gets, and why."""

from campaigns.choosing.decisions import (
    CONTROL,
    HOLDOUT,
    PERSONALISED,
    Decisions,
    Prediction,
    Redrawn,
    chances,
    decide,
    prediction,
    redraw,
)
from campaigns.choosing.openings import TENURE_BANDS
from campaigns.choosing.registered import PlanMismatch, as_decided, in_force, model

__all__ = [
    "CONTROL",
    "HOLDOUT",
    "PERSONALISED",
    "TENURE_BANDS",
    "Decisions",
    "PlanMismatch",
    "Prediction",
    "Redrawn",
    "as_decided",
    "chances",
    "decide",
    "in_force",
    "model",
    "prediction",
    "redraw",
]
