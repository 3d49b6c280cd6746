"""A linear model over counted pieces of text, for the second look of the copy rules."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold


@dataclass(frozen=True, slots=True)
class Fit:
    """idf, weight (d,) float32 · bias · out_of_fold (n,) float64: each text's probability from models without it."""

    idf: np.ndarray
    weight: np.ndarray
    bias: float
    out_of_fold: np.ndarray


def fit(counted: np.ndarray, y: np.ndarray, *, strength: float, folds: int, seed: int) -> Fit:
    """Fit a logistic regression on tf-idf rows of unit length.

    counted (n, d) float32, 1 + log count of each piece or 0 · y (n,) bool · strength: inverse of the L2 penalty
    The idf of a fold is counted without the texts it judges. Source of the weighting: Salton & Buckley (1988),
    "Term-weighting approaches in automatic text retrieval", Information Processing & Management 24(5).
    """
    out = np.zeros(len(y))
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for inside, outside in splitter.split(counted, y):
        idf, weight, bias = _fit(counted[inside], y[inside], strength)
        out[outside] = 1 / (1 + np.exp(-(_rows(counted[outside], idf) @ weight + bias)))
    idf, weight, bias = _fit(counted, y, strength)
    return Fit(idf=idf, weight=weight, bias=bias, out_of_fold=out)


def _fit(counted: np.ndarray, y: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray, float]:
    idf = (np.log((1 + len(y)) / (1 + (counted > 0).sum(axis=0))) + 1).astype(np.float32)
    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=2_000).fit(_rows(counted, idf), y)
    return idf, model.coef_[0].astype(np.float32), float(model.intercept_[0])


def _rows(counted: np.ndarray, idf: np.ndarray) -> np.ndarray:
    rows = counted * idf
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
