"""Two recommenders that answer together."""

import numpy as np
import torch

from smartrocket.ranking import Recommender, Sessions


class Blend:
    """The weighted mean of a network's and a neighbour model's shares for every item.

    A network that was trained with cross-entropy gives the logarithm of a probability, so the softmax of
    its scores is a share; the neighbours' votes become shares when they are divided by their sum (a
    "linear opinion pool", Stone 1961). Both models must have been trained on the same catalogue.
    `weight` is the network's, between 0 and 1.
    """

    def __init__(self, network: Recommender, neighbours: Recommender, weight: float = 0.5):
        self.network = network
        self.neighbours = neighbours
        self.weight = weight

    def fit(self, sessions: Sessions, item_count: int) -> "Blend":
        """Train both models."""
        self.network.fit(sessions, item_count)
        self.neighbours.fit(sessions, item_count)
        return self

    def score(self, prefixes: Sessions) -> np.ndarray:
        """Return the blended share of every item as the next click, shape (prefixes, items)."""
        network = torch.softmax(torch.from_numpy(self.network.score(prefixes)), dim=1).numpy()
        votes = self.neighbours.score(prefixes)
        sums = votes.sum(axis=1, keepdims=True)
        shares = np.divide(votes, sums, out=np.zeros_like(votes), where=sums > 0)
        return self.weight * network + (1 - self.weight) * shares
