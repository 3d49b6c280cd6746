"""What the mind keeps: sources, events, profiles, features and models."""

from personalize.models.artefact import Artefact, ModelStep, Stage
from personalize.models.event import Event, EventType, Identity, MergeRequest
from personalize.models.modeluse import ModelUse
from personalize.models.outlook import OutlookCheck
from personalize.models.profile import (
    Attribute,
    Declaration,
    Feature,
    FeatureSet,
    MarketSignal,
    Origin,
    Outcome,
    Profile,
)
from personalize.models.source import QuarantinedItem, Source

__all__ = [
    "Artefact",
    "Attribute",
    "Declaration",
    "Event",
    "EventType",
    "Feature",
    "FeatureSet",
    "Identity",
    "MarketSignal",
    "MergeRequest",
    "ModelStep",
    "ModelUse",
    "Origin",
    "Outcome",
    "OutlookCheck",
    "Profile",
    "QuarantinedItem",
    "Source",
    "Stage",
]
