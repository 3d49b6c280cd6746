"""A learned policy as text and back: canonical JSON by whose hash it is registered. Nothing is ever run."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from personalize.decide import modeltext
from personalize.decide.funnel import HEADS, SCALES, Heads, Reward, Scale, Weights
from personalize.decide.modeltext import read_inputs, said_inputs
from personalize.decide.score import BadModel
from personalize.decide.snapshot import CONTEXT, Snapshot

FORMAT = "bandit-1"
METHOD = "bandit"
LARGEST = 10.0


def dump(made: Snapshot) -> str:
    """The policy as canonical JSON text; `load` of it gives the same numbers to the last bit."""
    body = {
        "format": FORMAT,
        "inputs": said_inputs(made.inputs),
        "slots": list(made.slots),
        "levels": [list(one) for one in made.levels],
        "mean": made.scale.mean.astype(float).tolist(),
        "sd": made.scale.sd.astype(float).tolist(),
        "heads": {name: _said(getattr(made.heads, name)) for name in HEADS},
        "gain_scale": made.heads.gain_scale,
        "reward": asdict(made.reward),
        "reward_digest": made.reward_digest,
        "explores_sensitive": made.explores_sensitive,
        "matured": made.matured,
        "typical": made.typical,
        "often": made.often,
        "phase": made.phase,
        "until": made.until,
        "belief": made.belief,
    }
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def load(body: str, sha256: str) -> Snapshot:
    """The policy in `body`, whose sha256 (hex) is the one it was registered by. Raises BadModel."""
    return modeltext.read(body, sha256, FORMAT, lambda raw: _checked(_built(raw)))


def _said(weights: Weights) -> dict[str, Any]:
    return {"base": weights.base.tolist(), "own": weights.own.tolist(), "repeat": weights.repeat.tolist()}


def _read(raw: dict[str, Any]) -> Weights:
    base, own, repeat = (np.asarray(raw[part], np.float64) for part in ("base", "own", "repeat"))
    return Weights(base, own, repeat)


def _built(raw: dict[str, Any]) -> Snapshot:
    opens, gain, harm, quality = (_read(raw["heads"][name]) for name in HEADS)
    return Snapshot(
        inputs=read_inputs(raw["inputs"]),
        slots=tuple(raw["slots"]),
        levels=tuple((int(slot), str(digest)) for slot, digest in raw["levels"]),
        scale=Scale(np.asarray(raw["mean"], np.float32), np.asarray(raw["sd"], np.float32)),
        heads=Heads(opens, gain, harm, quality, float(raw["gain_scale"])),
        reward=Reward(**{name: float(value) for name, value in raw["reward"].items()}),
        reward_digest=str(raw["reward_digest"]),
        explores_sensitive=bool(raw["explores_sensitive"]),
        matured=int(raw["matured"]),
        typical=float(raw["typical"]),
        often=float(raw["often"]),
        phase=str(raw["phase"]),
        until={str(name): int(value) for name, value in raw["until"].items()},
        belief=str(raw["belief"]),
    )


def _checked(made: Snapshot) -> Snapshot:
    wide = sum(one.width for one in made.inputs) + len(CONTEXT)
    if made.scale.mean.shape != (wide,) or made.scale.sd.shape != (wide,) or not (made.scale.sd > 0).all():
        raise BadModel("the scale does not fit the features")
    if made.phase not in ("pooled", "individual"):
        raise BadModel(f"there is no phase {made.phase!r}")
    shapes = ((1 + wide,), (1 + wide, len(made.levels)), (len(made.slots), len(SCALES)))
    for name in HEADS:
        head = getattr(made.heads, name)
        for part, shape in zip((head.base, head.own, head.repeat), shapes, strict=True):
            if part.shape != shape or not np.isfinite(part).all() or np.abs(part).max(initial=0.0) > LARGEST:
                raise BadModel(f"the weights of {name} do not fit, or are out of bounds")
    return made
