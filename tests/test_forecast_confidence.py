"""Classes of confidence: set on the past, ordered, and measured for what they are worth."""

import numpy as np
import pandas as pd
import pytest

from smartrocket.demand_distribution import fit_spread
from smartrocket.forecast_confidence import CLASSES, expect_relative_error, fit_confidence, measure_confidence


def draw(seed: int, rows: int = 20_000) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    mean = rng.gamma(0.4, 1.5, rows) + 0.02
    actual = rng.negative_binomial(mean / 0.8, 1 / 1.8).astype(float)
    places = np.arange(rows)
    return pd.DataFrame({"series": places // 4, "origin": places % 4, "model": mean, "actual": actual})


@pytest.fixture(scope="module")
def confidence():
    past = draw(0)
    spread = fit_spread(past["actual"].to_numpy(), past["model"].to_numpy(), seed=0)
    return fit_confidence(past["model"].to_numpy(), spread)


def test_each_class_holds_a_third_of_the_units_forecast_before(confidence):
    past = draw(0)
    classes = confidence.classify(past["model"].to_numpy())
    shares = past["model"].groupby(classes).sum() / past["model"].sum()
    assert shares[list(CLASSES)].tolist() == pytest.approx([1 / 3] * 3, abs=0.02)


def test_larger_forecasts_are_surer_in_relation(confidence):
    means = np.array([0.01, 0.1, 1.0, 10.0])
    assert (np.diff(expect_relative_error(means, confidence.spread)) < 0).all()


def test_the_classes_are_worth_what_they_promise(confidence):
    worth = measure_confidence(draw(1), "model", confidence, seed=2, resamples=100)
    assert worth["class"].tolist() == list(CLASSES)
    assert worth["error"].is_monotonic_increasing
    assert worth["error"].to_numpy() == pytest.approx(worth["expected"].to_numpy(), rel=0.08)
    assert worth["inside"].to_numpy() == pytest.approx(np.full(3, 0.8), abs=0.02)
    assert (worth["inside_plain"] >= 0.78).all()
    assert worth["rows"].sum() == 20_000
    assert worth["difference"].to_numpy() == pytest.approx(worth["error"].diff().to_numpy(), abs=1e-5, nan_ok=True)
    assert (worth["low"].dropna() > 0).all()
    assert (worth["high"] > worth["low"])[1:].all()


def test_nothing_tested_is_worth_nothing(confidence):
    assert measure_confidence(draw(1).iloc[:0], "model", confidence, seed=2, resamples=10).empty
