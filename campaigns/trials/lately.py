"""The trial of a model as a page shows it: counted at most every ten minutes. Steps ask `evidence` itself."""

from dataclasses import asdict
from datetime import datetime

from campaigns.trials import evidence
from campaigns.trials.evidence import Evidence, Line, Side
from compliance import lately
from personalize.models import Artefact

FOR_S = 600


def of(model: Artefact, *, at: datetime) -> tuple[Evidence, datetime]:
    """What a model's trial said lately, and when; of this stage and step, never of an earlier one."""
    key = f"trial:{model.pk}:{model.stage}:{model.step_id}"
    told = lately.told(key, lambda: _plain(evidence.of(model, at=at)), for_s=FOR_S, at=at)
    said = told.value
    lines = tuple(
        Line(**{**one, "model": Side(**one["model"]), "beside": Side(**one["beside"])}) for one in said["lines"]
    )
    since = datetime.fromisoformat(said["since"]) if said["since"] else None
    return Evidence(**{**said, "since": since, "lines": lines, "lacking": tuple(said["lacking"])}), told.at


def _plain(found: Evidence) -> dict[str, object]:
    return {**asdict(found), "since": found.since and found.since.isoformat()}
