import numpy as np
import pytest

from smartrocket.blending import LEAST_SHARE, Blend
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


def test_scores_are_multiplied_by_weight():
    first, second = Fixed([[3, 1, 1, -1], [5, 5, 5, 5]]), Fixed([[0, 3, 1, -2], [0, 0, 0, 0]])
    scores = Blend(first, second, weight=0.4).score(PREFIXES)
    standard = np.array([2, 0, 0, -2]) / np.sqrt(2)
    shares = np.array([0, 0.75, 0.25, 0]) + LEAST_SHARE
    assert scores[0] == pytest.approx(0.4 * standard + 0.6 * np.log(shares), rel=1e-5)
    # Two models with nothing to say prefer nothing.
    assert np.ptp(scores[1]) == 0


def test_the_scale_of_either_model_does_not_matter():
    first, second = Fixed([[1, 3, 2, 0], [0, 1, 2, 3]]), Fixed([[3, 0, 1, 2], [2, 2, 1, 0]])
    larger = Blend(Fixed(10 * first.scores + 3), Fixed(10 * second.scores))
    assert larger.score(PREFIXES) == pytest.approx(Blend(first, second).score(PREFIXES), rel=1e-5)


@pytest.mark.parametrize("weight", [0, 1])
def test_a_weight_of_all_or_nothing_keeps_a_models_order(weight):
    first, second = Fixed([[1, 3, 2, 0], [0, 1, 2, 3]]), Fixed([[3, 0, 1, 2], [4, 2, 1, 0]])
    scores = Blend(first, second, weight).score(PREFIXES)
    assert (np.argsort(-scores) == np.argsort(-(first if weight else second).scores)).all()


def test_both_parts_are_trained():
    parts = Fixed([[1]]), Fixed([[1]])
    Blend(*parts).fit(PREFIXES, 1)
    assert [part.fitted for part in parts] == [True, True]
