"""A model as text and back: canonical JSON by whose hash it is registered. Nothing is ever unpickled or run."""

import hashlib
import json
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from personalize.decide.design import Input
from personalize.decide.features import CATEGORY, Column
from personalize.decide.score import FORMAT, BadModel, Curve, Model, Term

__all__ = ["BadModel", "dump", "load", "read", "sha256"]
T = TypeVar("T")


def dump(model: Model) -> str:
    """The model as canonical JSON text; `load` of it gives the same numbers to the last bit."""
    body: dict[str, Any] = {
        "format": FORMAT,
        "method": model.method,
        "base": model.base,
        "inputs": said_inputs(model.inputs),
        "weight": model.weight.tolist(),
        "terms": [
            {"inputs": list(one.inputs), "cuts": [cut.tolist() for cut in one.cuts], "values": one.values.tolist()}
            for one in model.terms
        ],
        "slots": [
            {"slot": name, "candidates": list(candidates), "offset": offset.tolist(), "weight": weight.tolist()}
            for name, candidates, offset, weight in zip(
                model.slots, model.candidates, model.offsets, model.weights, strict=True
            )
        ],
    }  # fmt: skip
    if len(model.curve.knots):
        body["curve"] = {"knots": model.curve.knots.tolist(), "bends": model.curve.bends.tolist()}
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def said_inputs(inputs: tuple[Input, ...]) -> list[dict[str, Any]]:
    """What a model reads, as it stands in its text."""
    return [
        {
            "code": one.column.code, "kind": one.column.kind, "levels": list(one.column.levels),
            "position": one.position, "mean": one.mean, "sd": one.sd, "log": one.log,
            "shares": list(one.shares), "missing": one.missing,
        }
        for one in inputs
    ]  # fmt: skip


def read_inputs(raw: list[dict[str, Any]]) -> tuple[Input, ...]:
    """`said_inputs` back."""
    return tuple(
        Input(
            Column(one["code"], one["kind"], tuple(one["levels"])), int(one["position"]), float(one["mean"]),
            float(one["sd"]), bool(one["log"]), tuple(map(float, one["shares"])), float(one["missing"]),
        )
        for one in raw
    )  # fmt: skip


def sha256(body: str) -> str:
    """The hash by which a model is registered: SHA-256 of its text, hex."""
    return hashlib.sha256(body.encode()).hexdigest()


def load(body: str, sha256: str | None) -> Model:
    """The model in `body`. Only numbers and names are read: nothing is ever unpickled or run.

    sha256  hex digest the text was registered with; None only where the caller made or chose the file themselves.
    Raises BadModel when the hash differs or the text is not a model.
    """
    registered = hashlib.sha256(body.encode()).hexdigest() if sha256 is None else sha256
    return read(body, registered, FORMAT, lambda raw: _checked(_built(raw)))


def read(body: str, sha256: str, form: int | str, made: Callable[[dict[str, Any]], T]) -> T:
    """What `made` makes of the JSON of this format; as `load` otherwise, for any kind of registered text."""
    if hashlib.sha256(body.encode()).hexdigest() != sha256:
        raise BadModel("the text of this model is not the one that was registered")
    try:
        raw = json.loads(body)
        if not isinstance(raw, dict) or raw.get("format") != form:
            raise BadModel(f"this is not a model of format {form}")
        return made(raw)
    except (KeyError, TypeError, ValueError, AttributeError) as wrong:
        raise BadModel(f"this is not a model: {wrong}") from wrong


def _built(raw: dict[str, Any]) -> Model:
    inputs = read_inputs(raw["inputs"])
    width = sum(one.width for one in inputs)
    return Model(
        method=raw["method"],
        base=float(raw["base"]),
        inputs=inputs,
        weight=np.asarray(raw["weight"], np.float64),
        terms=tuple(
            Term(
                tuple(one["inputs"]),
                tuple(np.asarray(cut, np.float64) for cut in one["cuts"]),
                np.asarray(one["values"], np.float64),
            )
            for one in raw["terms"]
        ),
        slots=tuple(one["slot"] for one in raw["slots"]),
        candidates=tuple(tuple(one["candidates"]) for one in raw["slots"]),
        offsets=tuple(
            np.asarray(one["offset"], np.float64).reshape(len(one["candidates"])) for one in raw["slots"]
        ),
        weights=tuple(
            np.asarray(one["weight"], np.float64).reshape(len(one["candidates"]), width) for one in raw["slots"]
        ),
        curve=Curve(*(np.asarray(raw["curve"][part], np.float64) for part in ("knots", "bends")))
        if "curve" in raw else Curve(),
    )  # fmt: skip


def _checked(model: Model) -> Model:
    width = sum(one.width for one in model.inputs)
    if model.method not in ("linear", "tables"):
        raise BadModel(f"unknown method {model.method!r}")
    if model.weight.shape != ((width,) if model.method == "linear" else (0,)):
        raise BadModel("the weights do not fit the features")
    if any(not one.sd > 0 or one.position < 0 for one in model.inputs):
        raise BadModel("a feature has no spread or no place")
    for term in model.terms:
        bins = tuple(
            len(model.inputs[i].column.levels) + 1 if model.inputs[i].column.kind == CATEGORY else len(cut) + 2
            for i, cut in zip(term.inputs, term.cuts, strict=True)
        )
        if term.values.shape != bins or len(bins) not in (1, 2):
            raise BadModel("a table does not fit its features")
    numbers = [np.array([model.base]), model.weight, *(one.values for one in model.terms)]
    numbers += [*model.offsets, *model.weights, model.curve.knots, model.curve.bends]
    if not all(np.isfinite(one).all() for one in numbers):
        raise BadModel("a number of the model is not finite")
    knots, bends = model.curve.knots, model.curve.bends
    if knots.ndim != 1 or knots.shape != bends.shape or (np.diff(knots) <= 0).any():
        raise BadModel("the bends of the curve do not fit its knots")
    if (1 + np.cumsum(bends) <= 0).any():
        raise BadModel("the curve falls: a higher sum would be a lower probability")
    if len(knots) and model.method != "tables":
        raise BadModel("only tables are bent")
    return model
