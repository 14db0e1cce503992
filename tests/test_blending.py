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


def test_places_are_merged_by_weight():
    first = Fixed([[9, 5, 1, 0], [0, 0, 0, 0]])
    second = Fixed([[0, 0, 7, 0], [3, 2, 0, 0]])
    scores = Blend(first, second, weight=0.4, calm=1).score(PREFIXES)
    assert scores[0] == pytest.approx([0.4 / 2, 0.4 / 3, 0.4 / 4 + 0.6 / 2, 0])
    assert scores[1] == pytest.approx([0.6 / 2, 0.6 / 3, 0, 0])


def test_only_the_top_of_a_list_counts():
    model = Fixed([[4, 3, 2, 1], [1, 2, 3, 4]])
    scores = Blend(model, model, length=2).score(PREFIXES)
    assert (scores > 0).tolist() == [[True, True, False, False], [False, False, True, True]]


def test_a_weight_of_one_keeps_the_first_models_order():
    first, second = Fixed([[1, 3, 2, 0], [0, 1, 2, 3]]), Fixed([[3, 0, 1, 2], [2, 2, 1, 0]])
    scores = Blend(first, second, weight=1.0).score(PREFIXES)
    assert (np.argsort(-scores, axis=1)[:, :3] == np.argsort(-first.scores, axis=1)[:, :3]).all()


def test_both_parts_are_trained():
    parts = Fixed([[1]]), Fixed([[1]])
    Blend(*parts).fit(PREFIXES, 1)
    assert [part.fitted for part in parts] == [True, True]
