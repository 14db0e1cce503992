import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartrocket.exposure import CLICKED, describe_exposure, exposure_frame, gini, measure_exposure, record_exposure
from smartrocket.ranking import evaluate, next_clicks
from smartrocket.results import Results
from smartrocket.workspace import Workspace
from visits import Fixed, make_sessions


def test_gini_of_known_distributions():
    assert gini(np.array([3, 3, 3, 3])) == pytest.approx(0)
    assert gini(np.array([0, 0, 0, 8])) == pytest.approx(3 / 4)
    assert gini(np.array([1, 3])) == pytest.approx(1 / 4)
    assert gini(np.zeros(5)) == 0


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20), st.integers(1, 9))
def test_gini_is_a_share_that_knows_no_scale(counts, factor):
    value = gini(np.array(counts))
    assert -1e-9 <= value < 1
    assert gini(np.array(counts) * factor) == pytest.approx(value)


def test_exposure_worked_out_by_hand():
    values = measure_exposure(np.array([2, 0, 2, 0]), np.array([8, 4, 2, 2]))
    assert values["coverage@20"] == 0.5
    # Ranks are 1, 2 and 3.5 for the two that share places 3 and 4.
    assert values["popularity_rank@20"] == pytest.approx((1 + 3.5) / 2)
    assert values["novelty@20"] == pytest.approx((1 + 3) / 2)
    empty = measure_exposure(np.zeros(4), np.array([8, 4, 2, 2]))
    assert empty["novelty@20"] is None
    assert empty["coverage@20"] == 0


def test_a_list_of_popular_items_leans_towards_them(tmp_path):
    train = make_sessions(*[[item % 7, item % 30] for item in range(300)])
    asked = next_clicks(make_sessions(*[[item, 29 - item] for item in range(12)]))
    by_popularity = np.bincount(train.items, minlength=30)
    rankings = {
        "popular": evaluate(Fixed(by_popularity), asked, 30),
        "rare": evaluate(Fixed(-by_popularity), asked, 30),
    }
    frame = exposure_frame(rankings, train)
    assert frame["model"].tolist() == [CLICKED, "popular", "rare"]
    popular, rare = (describe_exposure(frame, name, 30, "") for name in ("popular", "rare"))
    assert "towards more popular items" in popular.reading
    assert "towards less popular items" in rare.reading
    assert popular.figure is not None
    assert describe_exposure(frame, "rare", 30, "Too few.").reading == "Too few."
    results = Results("06_gru4rec_baseline", Workspace(tmp_path))
    record_exposure(results, frame)
    assert {score["metric"] for score in results.scores} == {
        "coverage@20",
        "gini@20",
        "popularity_rank@20",
        "novelty@20",
    }
    assert results.facts["clicked_coverage"]["value"] == pytest.approx(frame["coverage@20"][0])
    assert not re.search("nan", popular.reading)
    record_exposure(results, exposure_frame({}, train))
