"""Two recommenders that answer together."""

import numpy as np

from smartrocket.ranking import Recommender, Sessions

# The share of its votes that a model is taken to give an item it has none for: there its silence says little.
LEAST_SHARE = 1e-3


class Blend:
    """A network and a model of votes, multiplied: what one thinks impossible, the other cannot save.

    This is a logarithmic opinion pool (Genest and Zidek 1986). The first model's scores count as
    logarithms, brought to a mean of 0 and a standard deviation of 1 over the items, so that networks of
    different losses weigh alike. The second model's scores count as votes: each item has a share of them,
    of at least `LEAST_SHARE`. An item scores `weight` x the former + (1 - `weight`) x the logarithm of the
    latter. Both models must know the same catalogue.
    """

    def __init__(self, first: Recommender, second: Recommender, weight: float = 0.35):
        self.first = first
        self.second = second
        self.weight = weight

    def fit(self, sessions: Sessions, item_count: int) -> "Blend":
        """Train both models."""
        self.first.fit(sessions, item_count)
        self.second.fit(sessions, item_count)
        return self

    def score(self, prefixes: Sessions) -> np.ndarray:
        """Return the joint score of every item as the next click, shape (prefixes, items)."""
        scores = standardise(self.first.score(prefixes))
        return self.weight * scores + (1 - self.weight) * log_shares(self.second.score(prefixes))


def standardise(scores: np.ndarray) -> np.ndarray:
    """Return scores with mean 0 and standard deviation 1 in each row; equal scores become 0."""
    deviation = scores.std(axis=1, keepdims=True)
    return (scores - scores.mean(axis=1, keepdims=True)) / np.where(deviation > 0, deviation, 1)


def log_shares(votes: np.ndarray) -> np.ndarray:
    """Return the logarithm of each item's share of its row's votes, softened by `LEAST_SHARE`."""
    votes = np.maximum(votes, 0)
    total = votes.sum(axis=1, keepdims=True)
    return np.log(votes / np.where(total > 0, total, 1) + np.float32(LEAST_SHARE))
