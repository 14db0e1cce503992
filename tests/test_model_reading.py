"""The reading of a model: the drawn trees are the model's own, and their product is its forecast."""

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest

from smartrocket import model_reading
from smartrocket.findings import figure_html

FEATURES = ["views", "price", "age"]
ORIGIN = pd.Timestamp("2024-03-01")


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.gamma(2, 3, (600, 3)), columns=FEATURES)
    frame.loc[::7, "price"] = np.nan
    return frame.assign(itemid=np.arange(600))


@pytest.fixture(scope="module")
def booster(rows):
    target = np.random.default_rng(1).poisson(0.1 + rows["views"].to_numpy() / 10)
    parameters = {"objective": "poisson", "num_leaves": 5, "verbose": -1, "num_threads": 1, "seed": 1}
    return lgb.train(parameters, lgb.Dataset(rows[FEATURES].to_numpy(), target, feature_name=FEATURES), 12)


def test_the_trees_multiply_to_the_forecast(booster, rows):
    values = rows[FEATURES].to_numpy(dtype=np.float32)
    for row in values[:25]:
        course = model_reading.add_up(booster, row)
        assert len(course) == 12
        assert course[-1] == pytest.approx(booster.predict(row[None])[0], rel=1e-6)
        factors = [path.factor for path in model_reading.read_paths(booster, row, FEATURES, 12)]
        assert np.prod(factors) == pytest.approx(course[-1], rel=1e-6)


def test_every_answer_on_a_path_is_true_of_the_row(booster, rows):
    values = rows[FEATURES].to_numpy(dtype=np.float32)
    unknown = 0
    for row in values[:50]:
        named = dict(zip(FEATURES, row, strict=True))
        for path in model_reading.read_paths(booster, row, FEATURES, 12):
            for question in path.questions:
                name, *rest = question.split(" ")
                if rest == ["unknown"]:
                    assert np.isnan(named[name])
                    unknown += 1
                else:
                    limit, value = float(rest[1]), named[name]
                    # The limit is written with three figures.
                    slack = 0.006 * abs(limit)
                    assert value <= limit + slack if rest[0] == "≤" else value > limit - slack
    assert unknown > 0


def test_the_figure_tells_the_highest_forecast(booster, rows):
    finding = model_reading.draw_trees(booster, rows, FEATURES, ORIGIN)
    best = int(np.argmax(booster.predict(rows[FEATURES].to_numpy(dtype=np.float32))))
    assert f"item {best} at the end of 1 March 2024" in finding.reading
    assert "12 trees in all" in finding.reading
    assert f"item {best}" in finding.alt
    assert "9 more trees" in figure_html(finding, "trees")


def test_without_a_model_nothing_is_drawn(booster, rows):
    for given in ((None, rows, ORIGIN), (booster, rows.iloc[:0], ORIGIN), (booster, rows, None)):
        finding = model_reading.draw_trees(given[0], given[1], FEATURES, given[2])
        assert finding.figure is None
        assert "no trees to draw" in finding.reading
