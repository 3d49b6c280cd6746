"""What the hands hold: blocks, campaigns, runs, messages and what came back."""

from campaigns.models.block import (
    Audience,
    Block,
    BlockVersion,
    Framing,
    Knowledge,
    PerformanceKind,
    Provenance,
    Slot,
)
from campaigns.models.campaign import Campaign, CampaignBlock, CampaignState, SendHour, UseCase, WhenCapped
from campaigns.models.combination import CombinationRule, CoveredPair
from campaigns.models.fairness import FairnessReport, Offer, OfferKind
from campaigns.models.figure import Figure, FigureKind
from campaigns.models.grant import BlockDeskGrant, BlockPersonGrant, CampaignDeskGrant, CampaignPersonGrant
from campaigns.models.hours import HourChoice, HourPolicy, HourPool
from campaigns.models.lab import Question, SelfCheck
from campaigns.models.learned import Belief, Habit, RewardVersion
from campaigns.models.limit import Cap
from campaigns.models.message import (
    Arm,
    Chunk,
    Interaction,
    LetGo,
    Message,
    MessageState,
    Run,
    RunState,
    Variant,
)
from campaigns.models.pace import Pace, PaceDomain
from campaigns.models.provider import Pause, ProviderEvent
from campaigns.models.schedule import Occurrence, OccurrenceState, Repeat, Schedule, ScheduleState
from campaigns.models.tradeoff import TradeOff
from campaigns.models.trial import ShadowDecision
from campaigns.models.watch import Drift
from campaigns.models.wellbeing import Calm, WellbeingPolicy

__all__ = [
    "Arm",
    "Audience",
    "Belief",
    "Block",
    "BlockDeskGrant",
    "BlockPersonGrant",
    "BlockVersion",
    "Calm",
    "Campaign",
    "CampaignBlock",
    "CampaignDeskGrant",
    "CampaignPersonGrant",
    "CampaignState",
    "Cap",
    "Chunk",
    "CombinationRule",
    "CoveredPair",
    "Drift",
    "FairnessReport",
    "Figure",
    "FigureKind",
    "Framing",
    "Habit",
    "HourChoice",
    "HourPolicy",
    "HourPool",
    "Interaction",
    "Knowledge",
    "LetGo",
    "Message",
    "MessageState",
    "Occurrence",
    "OccurrenceState",
    "Offer",
    "OfferKind",
    "Pace",
    "PaceDomain",
    "Pause",
    "PerformanceKind",
    "Provenance",
    "ProviderEvent",
    "Question",
    "Repeat",
    "RewardVersion",
    "Run",
    "RunState",
    "Schedule",
    "ScheduleState",
    "SelfCheck",
    "SendHour",
    "ShadowDecision",
    "Slot",
    "TradeOff",
    "UseCase",
    "Variant",
    "WellbeingPolicy",
    "WhenCapped",
]
