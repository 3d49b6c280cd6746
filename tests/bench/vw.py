"""Vowpal Wabbit's squarecb as decisions.md found it best, behind the same door as our engine; for benchmarks only."""

from typing import Any

import numpy as np

SETTINGS = "--cb_explore_adf --squarecb --gamma_scale 1000 -l .15 --clip_p .2 -q CA --quiet -b 20"


class Wabbit:
    """Learns a week later from one reward, as a library does; sees clients' columns, segment and each block's level."""

    def __init__(self, levels: np.ndarray, *, seed: int, scale: tuple[np.ndarray, np.ndarray]) -> None:
        from vowpalwabbit import Workspace  # only `make bench` has it

        self.space = Workspace(f"{SETTINGS} --random_seed {seed}")
        self.rng, self.mean, self.sd = np.random.default_rng(seed), *scale
        self.arms = ["|A " + " ".join(f"l{one}" for one in row) for row in levels]
        self.days: dict[int, tuple[dict[str, Any], np.ndarray, np.ndarray]] = {}

    def decide(self, obs: dict[str, Any], truth: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """One action and its probability for each row."""
        action, chance = np.empty(len(obs["client"]), int), np.empty(len(obs["client"]))
        shared = self.shared(obs)
        for row, one in enumerate(shared):
            pmf = np.asarray(self.space.predict([one, *self.arms]))
            action[row] = min(int(np.searchsorted(np.cumsum(pmf), self.rng.random())), len(pmf) - 1)
            chance[row] = max(pmf[action[row]], 1e-9)
        self.days[int(obs["day"])] = (shared, action, chance)
        return action, chance

    def shared(self, obs: dict[str, Any]) -> list[str]:
        """The client's side of each example."""
        z = np.nan_to_num((obs["X"] - self.mean) / self.sd)
        extra = np.stack([obs["sends7"], (obs["opened_before"] + 2) / (obs["sent_before"] + 10)], axis=1)
        return [
            f"shared |C s{int(segment)} r{int(subject)}:1 " + " ".join(f"f{i}:{v:.3f}" for i, v in enumerate(row))
            for segment, subject, row in zip(
                obs["segment"], obs["last_subject"], np.concatenate([z, extra], axis=1), strict=True
            )
        ]

    def learn(self, day: int, events: list[dict[str, Any]]) -> None:
        """From engagement, seven days on."""
        for one in events:
            if one["kind"] != "engage" or day - 7 not in self.days:
                continue
            shared, action, chance = self.days.pop(day - 7)
            reward = 0.15 * one["open"] + one["reward_open"]
            for row, gain in zip(one["row"], reward, strict=True):
                arms = list(self.arms)
                arms[action[row]] = f"0:{-gain:.4f}:{chance[row]:.6f} {arms[action[row]]}"
                self.space.learn([shared[row], *arms])
