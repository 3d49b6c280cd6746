"""Where a campaign's learning stands: what is believed, in what terms, and up to when each result was learnt from."""

from dataclasses import dataclass

import numpy as np

from campaigns.choosing import registered
from campaigns.learning import harvest, scope
from campaigns.learning.harvest import DAY, Harvest
from campaigns.learning.rewards import InForce
from campaigns.models import Belief as Kept
from campaigns.models import Campaign, Run
from personalize import features
from personalize.decide.design import Input, design
from personalize.decide.funnel import SCALES, Layout, Scale, Seen, worth
from personalize.decide.snapshot import Snapshot
from personalize.learn import renewal
from personalize.learn.renewal import Belief
from personalize.models import Artefact

JUDGED_SHARE = 0.2  # of the first results, the newest, are kept apart to judge by
SHRINK_EVERY = 7 * DAY
SAMPLE = 2_000  # rows by which the usual worth of a message is told
STAGES = (*harvest.DAYS, "sent", "shrunk")


@dataclass(slots=True)
class State:
    """belief, inputs and scale are None, () and None until the first results. before  the policy it goes on from."""

    slots: tuple[str, ...]
    levels: list[harvest.Level]
    until: dict[str, int]
    before: Artefact | None = None
    inputs: tuple[Input, ...] = ()
    scale: Scale | None = None
    belief: Belief | None = None

    @property
    def block(self) -> np.ndarray:
        """The slot of each level: (L,)."""
        return np.array([slot for slot, _ in self.levels], np.intp)

    def begin(self, opens: Harvest) -> np.ndarray:
        """The rows of `opens` to judge by: all of them, or at the very start the newest, once the rest was learnt."""
        if self.belief is not None:
            self.belief = self.belief.grown(self.block)
            return np.ones(len(opens.sent), bool)
        registry = features.registry()
        read = tuple(registry[one] for one in features.usable(registry))
        self.inputs = renewal.inputs_of(opens.x, features.columns(read), [one.position for one in read])
        self.scale = renewal.scale_of(self.inputs, opens.context)
        self.belief = Belief.blank(self.block, 1 + len(self.scale.sd))
        held = np.arange(len(opens.sent)) >= int((1 - JUDGED_SHARE) * len(opens.sent))
        self._move("open", opens.some(~held), opens.opened[~held])
        return held

    def odds(self, rows: Harvest) -> np.ndarray:
        """The log-odds of an open by what is believed now, without what is the client's own: (n,)."""
        assert self.belief is not None
        assert self.scale is not None
        return self.belief.odds("open", self.inputs, self.scale, rows.results(rows.opened))

    def learn(self, opens: Harvest, found: dict[str, Harvest], reward: InForce, *, end: int) -> None:
        """Move every head by its results: opens, harm, what opens led to, and how well it served who was led.

        opens  rows whose open is known · found  by stage what matured for it · end  epoch seconds of now
        """
        self._move("open", opens, opens.opened)
        self._move("harm", found["open"], found["open"].harmed)
        gains = found["gain"].some(found["gain"].opened == 1)
        won = reward.click * gains.clicked + reward.success * gains.succeeded
        self._move("gain", gains, won / reward.gain_scale)
        ends = found["quality"].some((found["quality"].succeeded == 1) & np.isfinite(found["quality"].quality))
        self._move("quality", ends, ends.quality)
        if end - self.until["shrunk"] >= SHRINK_EVERY:
            assert self.belief is not None
            self.belief.shrink()
            self.until["shrunk"] = end

    def _move(self, head: str, rows: Harvest, y: np.ndarray) -> None:
        assert self.belief is not None
        assert self.scale is not None
        self.belief.learn(head, self.inputs, self.scale, rows.results(y))

    def snapshot(
        self, reward: InForce, *, phase: str, matured: int, opens: Harvest, ends: dict[str, int], belief: str
    ) -> Snapshot:
        """The policy of the day. belief  hash of what was packed · ends  up to when each stage was learnt from"""
        assert self.belief is not None
        assert self.scale is not None
        heads = self.belief.weights(reward.gain_scale)
        newest = opens.some(np.arange(len(opens.sent)) >= len(opens.sent) - SAMPLE)
        shown = Layout.numbered(np.unique(newest.level, axis=0), self.block)
        u = self.scale.apply(np.column_stack([design(self.inputs, newest.x), newest.context]))
        lately = np.zeros((len(u), len(SCALES), len(self.levels)), np.float32)
        value = worth(shown, heads, Seen(u, lately), reward.reward).max(axis=1)
        known = newest.context[:, 1][np.isfinite(newest.context[:, 1])]
        return Snapshot(
            inputs=self.inputs, slots=self.slots, levels=tuple(self.levels), scale=self.scale, heads=heads,
            reward=reward.reward, reward_digest=reward.digest, explores_sensitive=reward.explores_sensitive,
            matured=matured, typical=float(np.abs(value).mean()),
            often=float(np.clip(known.mean() / 14, 0.05, 3.0)) if len(known) else 0.1,
            phase="pooled" if phase == "rules" else phase, until={**self.until, **ends}, belief=belief,
        )  # fmt: skip


def load(campaign: Campaign, reward: InForce) -> State:
    """Where learning stands: after the campaign's newest policy if it fills the same slots for the same reward."""
    slots = _slots(campaign)
    newest = Artefact.objects.filter(use_case=scope.name(campaign)).order_by("-version").first()
    if newest is not None:
        model = registered.load(newest)
        assert isinstance(model, Snapshot)
        if model.slots == slots and model.reward_digest == reward.digest:
            kept = Kept.objects.get(artefact=newest)
            belief = renewal.unpack(bytes(kept.body), model.belief)
            return State(slots, list(model.levels), dict(model.until), newest, model.inputs, model.scale, belief)
    return State(slots, [], dict.fromkeys(STAGES, 0))


def _slots(campaign: Campaign) -> tuple[str, ...]:
    """The slots that the campaign's newest run filled; none before the first."""
    run = Run.objects.filter(campaign=campaign).exclude(policy="logged").order_by("-number").first()
    return tuple(one["slot"] for one in run.plan["slots"]) if run else ()
