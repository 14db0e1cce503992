import numpy as np
import pytest

from smartrocket.blending import Blend
from smartrocket.ranking import Sessions

PREFIXES = Sessions(np.array([0, 1]), np.zeros(2), np.array([0, 1, 2]))


class Fixed:
    def __init__(self, scores):
        self.scores = np.array(scores, dtype=np.float32)
        self.fitted = False

    def fit(self, sessions, item_count):
        self.fitted = True
        return self

    def score(self, prefixes):
        return self.scores[: len(prefixes)]


def test_shares_are_averaged_by_weight():
    network = Fixed(np.log([[0.1, 0.9, 0.0001], [0.5, 0.25, 0.25]]))
    neighbours = Fixed([[3, 0, 1], [0, 0, 0]])
    scores = Blend(network, neighbours, weight=0.2).score(PREFIXES)
    assert scores[0] == pytest.approx([0.2 * 0.1 + 0.8 * 0.75, 0.2 * 0.9, 0.8 * 0.25], abs=1e-3)
    assert scores[1] == pytest.approx([0.1, 0.05, 0.05])


def test_both_parts_are_trained():
    parts = Fixed([[1]]), Fixed([[1]])
    Blend(*parts).fit(PREFIXES, 1)
    assert [part.fitted for part in parts] == [True, True]
