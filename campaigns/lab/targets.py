"""Policies by the names that people give them in the command and on the page."""

from campaigns.examples import Logged
from campaigns.lab.weighing import CannotTell, Policy
from personalize import training
from personalize.decide import modeltext, policy, snapshottext
from personalize.models import Artefact

UNIFORM, NOTHING, LIVE, LATEST, CROSS_FITTED, MODEL = "uniform", "nothing", "live", "latest", "cross-fitted", "model:"
WORDS = {
    UNIFORM: "Chance: every open block alike",
    NOTHING: "Write to nobody",
    LIVE: "The model that is live now",
    LATEST: "The newest model, live or not",
    CROSS_FITTED: "A model learnt on the other half",
}


def named(wanted: str, use_case: str, log: Logged) -> Policy:
    """The policy called `wanted`: uniform, nothing, live, latest, model:VERSION or the start of a candidate's digest.

    Raises CannotTell when there is no such policy.
    """
    if wanted in (UNIFORM, NOTHING):
        return Policy(wanted)
    found = artefact(wanted, use_case)
    if found is not None and found.method == snapshottext.METHOD:
        raise CannotTell("What a learned policy sees beside the features is kept for its own decisions only.")
    if found is not None:
        return Policy("model", modeltext.load(found.body, found.sha256), gamma(log))
    if wanted in (LIVE, LATEST) or wanted.startswith(MODEL):
        raise CannotTell(f"There is no model “{wanted}” of {use_case}.")
    digests = [one for slot in log.examples.candidates for one in slot if one.startswith(wanted)]
    if len(digests) != 1:
        raise CannotTell(f"“{wanted}” names {len(digests)} candidates of this log, not one.")
    return Policy("candidate", digest=digests[0])


def artefact(wanted: str, use_case: str) -> Artefact | None:
    """The model that `wanted` names as "live", "latest" or "model:VERSION"; None where there is none."""
    versions = Artefact.objects.filter(use_case=use_case)
    if wanted == LIVE:
        return training.live(use_case)
    if wanted == LATEST:
        return versions.order_by("-version").first()
    number = wanted.removeprefix(MODEL)
    is_number = wanted.startswith(MODEL) and number.isdecimal() and len(number) < 9
    return versions.filter(version=int(number)).first() if is_number else None


def gamma(log: Logged) -> float:
    """Gamma for differences of log-odds: a step of d is worth about rate (1 - rate) d in probability."""
    rate = float(log.examples.y.mean())
    return policy.gamma_for(len(log.examples.y)) * rate * (1 - rate)
