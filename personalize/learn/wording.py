"""A model of what texts say and mean, for the second look of the copy rules, and how well it does on unseen texts.

Two texts are alike by the pieces they share, the more so where they mean something alike, and by what they mean. A
support vector machine over that likeness is added up into weights for pieces and a pull for each text.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from sklearn.model_selection import GroupKFold
from sklearn.svm import SVC

STRENGTH = 2.0  # inverse of how much the machine is held back
ALIKE = 0.4  # share of longer words that two texts of one group have in common
LONGER = 4


@dataclass(frozen=True, slots=True)
class Texts:
    """n labelled texts.

    counted (n, d) sparse, 1 + log count of each piece · said (n, V) sparse, counts of known words
    vectors (V, D) of these words · turns  from meanings (n, D) to what a piece's weight is turned by, (n, 1 + t)
    near  how fast likeness fades as meanings part · y (n,) bool
    """

    counted: sparse.csr_array
    said: sparse.csr_array
    vectors: np.ndarray
    turns: Callable[[np.ndarray], np.ndarray]
    near: float
    y: np.ndarray

    def some(self, rows: np.ndarray) -> "Texts":
        """These rows alone."""
        return replace(self, counted=self.counted[rows], said=self.said[rows], y=self.y[rows])


@dataclass(frozen=True, slots=True)
class Fit:
    """As `compliance.words.second.Weights`, in float64, but for the threshold."""

    idf: np.ndarray
    weight: np.ndarray
    rarity: np.ndarray
    centre: np.ndarray
    kept: np.ndarray
    pull: np.ndarray
    bias: float


@dataclass(frozen=True, slots=True)
class _Seen:
    """Texts as a fit sees them: rows (n, d) sparse, tf-idf at unit length · about (n, D), meanings at unit length."""

    rows: sparse.csr_array
    about: np.ndarray


def fit(texts: Texts) -> Fit:
    """The model of these texts.

    Source of the weighting: Salton & Buckley (1988), "Term-weighting approaches in automatic text retrieval",
    Information Processing & Management 24(5); of the machine: Cortes & Vapnik (1995), "Support-vector networks",
    Machine Learning 20.
    """
    idf, rarity, centre = _frequencies(texts)
    seen = _see(texts, idf, rarity, centre)
    machine = SVC(C=STRENGTH, kernel="precomputed", class_weight="balanced")
    machine.fit(_likeness(seen, seen, texts), texts.y)
    held, pull = machine.support_, machine.dual_coef_[0]
    turned = texts.turns(seen.about[held]) * pull[:, None]
    weight = seen.rows[held].T @ turned
    return Fit(idf, np.asarray(weight), rarity, centre, seen.about[held], pull, float(machine.intercept_[0]))


def scores(model: Fit, texts: Texts) -> np.ndarray:
    """(n,) the score of each text."""
    seen = _see(texts, model.idf, model.rarity, model.centre)
    by_pieces = ((seen.rows @ model.weight) * texts.turns(seen.about)).sum(axis=1)
    pulled = np.exp(texts.near * (seen.about @ model.kept.T - 1)) @ model.pull
    return np.asarray(model.bias + by_pieces + pulled)


def out_of_fold(texts: Texts, groups: np.ndarray, *, folds: int) -> np.ndarray:
    """(n,) each text's score from a model that saw no text of its group."""
    found = np.zeros(len(texts.y))
    for inside, outside in GroupKFold(folds).split(found, texts.y, groups):
        found[outside] = scores(fit(texts.some(inside)), texts.some(outside))
    return found


def nested(
    texts: Texts, groups: np.ndarray, choose: Callable[[np.ndarray, np.ndarray], float], *, outer: int, inner: int
) -> np.ndarray:
    """(n,) whether the model sends each text to a person, where neither the fit nor the threshold has seen its group.

    choose  a threshold, from scores and labels
    """
    sent = np.zeros(len(texts.y), dtype=bool)
    for inside, outside in GroupKFold(outer).split(sent, texts.y, groups):
        known = texts.some(inside)
        threshold = choose(out_of_fold(known, groups[inside], folds=inner), known.y)
        sent[outside] = scores(fit(known), texts.some(outside)) >= threshold
    return sent


def group(words: Sequence[frozenset[str]]) -> np.ndarray:
    """(n,) texts that share enough of their longer words, and those between them, get the place of their first one."""
    parent = list(range(len(words)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    for one, other in _alike(words):
        first, later = sorted((root(one), root(other)))
        parent[later] = first
    return np.array([root(at) for at in range(len(words))])


def _alike(words: Sequence[frozenset[str]]) -> Iterator[tuple[int, int]]:
    longer = [frozenset(word for word in one if len(word) >= LONGER) for one in words]
    having: defaultdict[str, list[int]] = defaultdict(list)
    for at, one in enumerate(longer):
        for other, shared in Counter(other for word in one for other in having[word]).items():
            if shared >= ALIKE * len(one | longer[other]):
                yield at, other
        for word in sorted(one):
            having[word].append(at)


def _frequencies(texts: Texts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How rare pieces (d,) and words (V,) are, and the mean of what the texts mean (D,)."""
    idf, rarity = (_rare(one) for one in (texts.counted, texts.said))
    return idf, rarity, np.asarray((texts.said * rarity) @ texts.vectors).mean(axis=0)


def _rare(counted: sparse.csr_array) -> np.ndarray:
    having = np.bincount(counted.indices, minlength=counted.shape[1])
    return np.log((1 + counted.shape[0]) / (1 + having)) + 1


def _see(texts: Texts, idf: np.ndarray, rarity: np.ndarray, centre: np.ndarray) -> _Seen:
    rows = sparse.csr_array(texts.counted * idf)
    length = np.sqrt(np.asarray((rows * rows).sum(axis=1)).ravel())
    about = np.asarray((texts.said * rarity) @ texts.vectors) - centre
    about[np.asarray(texts.said.sum(axis=1)).ravel() == 0] = 0
    unit = np.maximum(np.linalg.norm(about, axis=1, keepdims=True), 1e-9)
    return _Seen(sparse.csr_array(rows * (1 / np.maximum(length, 1e-9))[:, None]), about / unit)


def _likeness(one: _Seen, other: _Seen, texts: Texts) -> np.ndarray:
    shared = (one.rows @ other.rows.T).toarray() * (texts.turns(one.about) @ texts.turns(other.about).T)
    return np.asarray(shared + np.exp(texts.near * (one.about @ other.about.T - 1)))
