"""A model of what texts say and mean, for the second look of the copy rules, and how well it does on unseen texts.

Two texts are alike by the pieces they share, the more so where they mean something alike. A support vector machine over
that likeness is added up into weights for pieces. What words mean is learnt from the same texts: by their company.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from sklearn.model_selection import GroupKFold
from sklearn.svm import SVC
from sklearn.utils.extmath import randomized_svd

DIRECTIONS = 48  # of meaning
MEANT = 2.0  # how much more alike two texts are that share pieces and mean the same
STRENGTH = 2.0  # inverse of how much the machine is held back
ALIKE = 0.4  # share of longer words that two texts of one group have in common
LONGER = 4


@dataclass(frozen=True, slots=True)
class Texts:
    """n labelled texts.

    counted (n, d) sparse, 1 + log count of each piece · said (n, V) sparse, counts of words · y (n,) bool
    """

    counted: sparse.csr_array
    said: sparse.csr_array
    y: np.ndarray

    def some(self, rows: np.ndarray) -> "Texts":
        """These rows alone."""
        return replace(self, counted=self.counted[rows], said=self.said[rows], y=self.y[rows])


@dataclass(frozen=True, slots=True)
class Fit:
    """As `compliance.words.second.Weights`, in float64, but for the threshold."""

    idf: np.ndarray
    weight: np.ndarray
    vectors: np.ndarray
    centre: np.ndarray
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
    vectors = meanings(texts.said, directions=DIRECTIONS) * _rarity(texts.said)[:, None]
    bare = Fit(_rarity(texts.counted), np.empty(0), vectors, (texts.said @ vectors).mean(axis=0), 0.0)
    seen = _see(texts, bare)
    likeness = (seen.rows @ seen.rows.T).toarray() * (1 + MEANT * (seen.about @ seen.about.T))
    machine = SVC(C=STRENGTH, kernel="precomputed", class_weight="balanced").fit(likeness, texts.y)
    held = machine.support_
    turned = _turns(MEANT * seen.about[held]) * machine.dual_coef_[0][:, None]
    return replace(bare, weight=np.asarray(seen.rows[held].T @ turned), bias=float(machine.intercept_[0]))


def scores(model: Fit, texts: Texts) -> np.ndarray:
    """(n,) the score of each text."""
    seen = _see(texts, model)
    return np.asarray(model.bias + ((seen.rows @ model.weight) * _turns(seen.about)).sum(axis=1))


def meanings(said: sparse.csr_array, *, directions: int) -> np.ndarray:
    """What each of V words means, (V, D <= directions) of unit length: words said beside the same words point alike.

    said (n, V) sparse, counts of words; a word said alone, or in no text, means nothing: zero. These are the main
    directions of the positive pointwise mutual information between words of one text, all of one length.
    Source: Levy, Goldberg & Dagan (2015), "Improving distributional similarity with lessons learned from word
    embeddings", Transactions of the ACL 3, sections 2 and 3.3 (eigenvalues to the power of nought).
    """
    there = sparse.csr_array((np.ones(said.nnz), said.indices, said.indptr), shape=said.shape)
    together = (there.T @ there).tocoo()
    one, other = together.coords
    having = there.sum(axis=0)
    shared = np.log(together.data * said.shape[0] / (having[one] * having[other]))
    kept = (shared > 0) & (one != other)
    company = sparse.csr_array((shared[kept], (one[kept], other[kept])), shape=together.shape)
    found, _, _ = randomized_svd(company, min(directions, said.shape[1]), n_iter=10, random_state=0)
    found[company.sum(axis=1) == 0] = 0
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9))


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


def _rarity(counted: sparse.csr_array) -> np.ndarray:
    having = np.bincount(counted.indices, minlength=counted.shape[1])
    return np.log((1 + counted.shape[0]) / (1 + having)) + 1


def _see(texts: Texts, model: Fit) -> _Seen:
    rows = sparse.csr_array(texts.counted * model.idf)
    length = np.sqrt(np.asarray((rows * rows).sum(axis=1)).ravel())
    about = np.asarray(texts.said @ model.vectors)
    unknown = ~about.any(axis=1)
    about = about - model.centre
    about[unknown] = 0
    unit = np.maximum(np.linalg.norm(about, axis=1, keepdims=True), 1e-9)
    return _Seen(sparse.csr_array(rows * (1 / np.maximum(length, 1e-9))[:, None]), about / unit)


def _turns(about: np.ndarray) -> np.ndarray:
    """What the weights of a piece are multiplied by, (n, 1 + D): one, and the text's meaning."""
    return np.column_stack([np.ones(len(about)), about])
