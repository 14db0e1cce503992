"""Two recommenders that answer together."""

import numpy as np
import torch

from smartrocket.ranking import Recommender, Sessions


class Blend:
    """Two models' lists merged by the places they give (reciprocal rank fusion, Cormack et al. 2009).

    An item gets `weight / (calm + place)` from the first model's list and `(1 - weight) / (calm + place)`
    from the second's; `calm` says how little the very first places stand out, and `length` how long a
    list is looked at. The weight is fixed in advance, not learnt. Places, unlike scores, mean the same
    in every model. An item that a model scores no higher than its lowest is not on its list. Both models
    must know the same catalogue.
    """

    def __init__(
        self,
        first: Recommender,
        second: Recommender,
        weight: float = 0.5,
        calm: float = 2.0,
        length: int = 100,
    ):
        self.first = first
        self.second = second
        self.weight = weight
        self.calm = calm
        self.length = length

    def fit(self, sessions: Sessions, item_count: int) -> "Blend":
        """Train both models."""
        self.first.fit(sessions, item_count)
        self.second.fit(sessions, item_count)
        return self

    def score(self, prefixes: Sessions) -> np.ndarray:
        """Return the merged score of every item as the next click, shape (prefixes, items)."""
        return self._credit(self.first, self.weight, prefixes) + self._credit(self.second, 1 - self.weight, prefixes)

    def _credit(self, model: Recommender, weight: float, prefixes: Sessions) -> np.ndarray:
        scores = torch.from_numpy(model.score(prefixes))
        values, items = scores.topk(min(self.length, scores.shape[1]), dim=1)
        credit = weight / (self.calm + 1 + torch.arange(items.shape[1]))
        listed = torch.where(values > scores.amin(dim=1, keepdim=True), credit, 0.0)
        return torch.zeros_like(scores).scatter_(1, items, listed.to(scores.dtype)).numpy()
