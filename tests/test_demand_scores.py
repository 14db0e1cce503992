"""Scores of demand forecasts: right by hand, smallest where they should be, honest about chance."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartrocket import demand_scores as scoring

COUNTS = st.lists(st.integers(0, 20), min_size=2, max_size=40)
MEANS = st.lists(st.floats(0.02, 30), min_size=2, max_size=40)


def make_forecasts(series: int = 30, origins: int = 3, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(seed)
    rate = rng.gamma(1.0, 1.0, series)
    frame = pd.DataFrame(
        {
            "series": np.repeat(np.arange(series), origins),
            "origin": np.tile(pd.date_range("2024-01-01", periods=origins, freq="7D"), series),
            "actual": rng.poisson(np.repeat(rate, origins)).astype(float),
        }
    )
    frame["truth"] = np.repeat(rate, origins)
    frame["shop mean"] = rate.mean()
    frame["zero"] = 0.0
    return frame, pd.Series(rate + 0.5, index=np.arange(series))


def score(frame: pd.DataFrame, scale: pd.Series, **options) -> pd.DataFrame:
    return scoring.score_models(
        frame, ["truth", "shop mean", "zero"], ["shop mean", "zero"], scale, **{"resamples": 200, "seed": 0} | options
    )


@pytest.mark.filterwarnings("error")
def test_poisson_deviance_by_hand():
    found = scoring.poisson_deviance(np.array([0, 2, 3, 0.5]), np.array([0.5, 2.0, 1.0, 1.0]))
    assert found == pytest.approx([1.0, 0.0, 2 * (3 * np.log(3) - 2), 1 - np.log(2)])


def test_a_zero_forecast_is_raised_to_the_floor():
    floor = scoring.FORECAST_FLOOR
    found = scoring.poisson_deviance(np.array([0, 1]), np.zeros(2))
    assert found == pytest.approx([2 * floor, 2 * (np.log(1 / floor) - 1 + floor)])


@given(COUNTS)
def test_the_mean_is_the_best_constant(counts):
    actual = np.array(counts, dtype=float)
    mean = max(actual.mean(), scoring.FORECAST_FLOOR)
    best = scoring.poisson_deviance(actual, np.full(len(actual), mean)).mean()
    for other in (0.5 * mean, 0.9 * mean, 1.1 * mean, 2 * mean):
        assert best <= scoring.poisson_deviance(actual, np.full(len(actual), other)).mean() + 1e-12


@given(COUNTS, MEANS)
def test_deviance_is_never_negative(counts, means):
    size = min(len(counts), len(means))
    assert (scoring.poisson_deviance(np.array(counts[:size]), np.array(means[:size])) > -1e-9).all()


def test_average_precision_by_hand():
    # Places of the two sellers: 1 and 3.
    assert scoring.average_precision([True, False, True, False], [4, 3, 2, 1]) == pytest.approx((1 + 2 / 3) / 2)
    # The second shares the places 2 to 4 with two that do not sell.
    assert scoring.average_precision([True, False, True, False], [4, 1, 1, 1]) == pytest.approx((1 + 2 / 4) / 2)


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_a_constant_forecast_has_the_precision_of_guessing(happened):
    found = scoring.average_precision(happened, np.ones(len(happened)))
    assert found is None if not any(happened) else found == pytest.approx(np.mean(happened))


@given(COUNTS, st.sampled_from([0.1, 0.5, 0.9]))
def test_pinball_loss_is_smallest_at_the_quantile(counts, level):
    actual = np.array(counts, dtype=float)
    best = np.quantile(actual, level, method="inverted_cdf")
    losses = [scoring.pinball_loss(actual, np.full(len(actual), value), level).mean() for value in range(21)]
    assert scoring.pinball_loss(actual, np.full(len(actual), best), level).mean() <= min(losses) + 1e-9


def test_coverage_counts_both_ends():
    assert scoring.coverage([0, 1, 2, 3], np.zeros(4), np.full(4, 2)) == 0.75


def test_resampling_keeps_the_number_of_units():
    weights = scoring.resampling_weights(12, 50, np.random.default_rng(0))
    assert weights.shape == (51, 12)
    assert (weights[0] == 1).all()
    assert (weights.sum(axis=1) == 12).all()
    # Each unit is drawn as often as the others: 50 times, give or take four standard deviations.
    assert np.abs(weights[1:].sum(axis=0) - 50).max() < 4 * np.sqrt(50)


def test_a_sample_is_the_rows_of_the_series_and_origins_drawn():
    frame, _ = make_forecasts(series=12, origins=4)
    draws = scoring.Resampling(frame, 20, 1)
    values = np.random.default_rng(2).random(len(frame))
    series, origin = np.arange(12).repeat(4), np.tile(np.arange(4), 12)
    counted = draws.series_weights[:, series] * draws.origin_weights[:, origin]
    assert (draws.origin_weights == 0).any()
    assert draws.totals(values) == pytest.approx(counted @ values, rel=1e-5)


def test_large_totals_are_exact():
    frame, _ = make_forecasts(series=1)
    assert scoring.Resampling(frame, 0, 0).totals(np.array([2**24, 1, 1])).tolist() == [2**24 + 2]


def test_an_interval_holds_95_percent_of_the_samples():
    nothing = {"value": None, "low": None, "high": None}
    assert scoring.bound([7.0, *range(41)]) == pytest.approx({"value": 7, "low": 1, "high": 39})
    assert scoring.bound([7.0, *range(41), np.nan]) == pytest.approx({"value": 7, "low": 1, "high": 39})
    assert scoring.bound([7.0]) == nothing | {"value": 7}
    assert scoring.bound([np.nan, 1.0, 2.0]) == nothing
    frame, scale = make_forecasts()
    assert scoring.score_of(score(frame, scale), "another", "mae") == nothing


def test_the_best_is_the_one_with_the_smallest_score():
    samples = {"a": {"mae": [2.0, 0.0]}, "b": {"mae": [1.0, 9.0]}, "c": {"mae": [np.nan, 0.0]}}
    assert scoring.best_model(samples, ["a", "b", "c", "d"], "mae") == "b"
    assert scoring.best_model(samples, ["c", "d"], "mae") is None
    scores = pd.DataFrame(
        [("a", "mae", 2.0), ("b", "mae", 1.0), ("c", "mae", None)], columns=["model", "metric", "value"]
    )
    scores = scores.astype(object).assign(low=None, high=None)
    assert scoring.best_baseline(scores, ["a", "b", "c"], "mae") == "b"


def test_scores_by_hand():
    frame, scale = make_forecasts()
    scores = score(frame, scale)
    actual, forecast = frame["actual"].to_numpy(), frame["truth"].to_numpy()
    error = forecast - actual
    sold = actual > 0
    expected = {
        "mae": np.abs(error).mean(),
        "rmse": np.sqrt((error**2).mean()),
        "bias": forecast.sum() / actual.sum() - 1,
        "wmape": np.abs(error).sum() / actual.sum(),
        "mape_sold": (np.abs(error) / np.maximum(actual, 1))[sold].mean(),
        "r2": 1 - (error**2).sum() / ((actual - actual.mean()) ** 2).sum(),
        "rmsse": np.sqrt((error**2 / scale.loc[frame["series"]].to_numpy()).mean()),
        "poisson_deviance": scoring.poisson_deviance(actual, forecast).mean(),
        "average_precision": scoring.average_precision(actual > 0, forecast),
    }
    for metric, value in expected.items():
        assert scoring.score_of(scores, "truth", metric)["value"] == pytest.approx(value, rel=1e-4), metric


def test_intervals_hold_the_score_and_skill_is_found():
    frame, scale = make_forecasts(series=200)
    scores = score(frame, scale)
    for metric in ("poisson_deviance", "mae", "rmsse"):
        found = scoring.score_of(scores, "truth", metric)
        assert found["low"] < found["value"] < found["high"]
    skill = scoring.score_of(scores, "truth", "poisson_deviance_skill")
    assert skill["low"] > 0
    assert scoring.best_baseline(scores, ["shop mean", "zero"], "poisson_deviance") == "shop mean"
    assert scoring.score_of(scores, "shop mean", "poisson_deviance_skill")["value"] == 0


def test_the_zero_forecast_wins_absolute_errors_of_rare_sales():
    frame, scale = make_forecasts(series=300)
    frame["actual"] = (np.arange(len(frame)) % 20 == 0).astype(float)
    frame["truth"] = 0.05
    scores = score(frame, scale, resamples=0)
    values = {name: scoring.score_of(scores, name, "wmape")["value"] for name in ("truth", "zero")}
    assert values["zero"] < values["truth"]
    deviance = {name: scoring.score_of(scores, name, "poisson_deviance")["value"] for name in ("truth", "zero")}
    assert deviance["truth"] < deviance["zero"]


@pytest.mark.filterwarnings("error")
def test_series_without_a_scale_are_left_out_of_rmsse():
    frame, scale = make_forecasts()
    scale.iloc[:10] = np.nan
    rows = frame[frame["series"] >= 10]
    error = (rows["truth"] - rows["actual"]) ** 2 / scale.loc[rows["series"]].to_numpy()
    found = scoring.score_of(score(frame, scale), "truth", "rmsse")["value"]
    assert found == pytest.approx(np.sqrt(error.mean()), rel=1e-4)


def test_the_root_is_taken_series_by_series_as_in_the_m5_competition():
    frame, scale = make_forecasts()
    scale.iloc[:3] = np.nan
    scaled = (frame["truth"] - frame["actual"]) ** 2 / scale.loc[frame["series"]].to_numpy()
    expected = np.sqrt(scaled.groupby(frame["series"]).mean()).mean()
    found = scoring.score_of(score(frame, scale), "truth", "rmsse_by_series")
    assert found["value"] == pytest.approx(expected, rel=1e-4)
    assert found["low"] < expected < found["high"]


@pytest.mark.parametrize("origins", [1, 2, 3])
def test_few_origins_are_all_in_every_sample(origins):
    frame, _ = make_forecasts(origins=origins)
    weights = scoring.Resampling(frame, 50, 0).origin_weights
    assert weights.shape == (51, origins)
    assert (weights == 1).all() == (origins < scoring.SMALLEST_ORIGINS)


@pytest.mark.parametrize("missing", [0, 1])
def test_few_series_get_no_interval(missing):
    frame, scale = make_forecasts(series=scoring.SMALLEST_SAMPLE - missing)
    found = scoring.score_of(score(frame, scale), "truth", "mae")
    assert found["value"] is not None
    assert (found["low"] is None) == (found["high"] is None) == bool(missing)


@pytest.mark.filterwarnings("error")
def test_no_sale_gives_no_relative_score_and_no_skill():
    frame, scale = make_forecasts()
    frame["actual"] = 0.0
    scores = score(frame, scale)
    for metric in ("bias", "wmape", "mape_sold", "r2", "poisson_deviance_skill", "average_precision"):
        assert scoring.score_of(scores, "truth", metric)["value"] is None, metric
    assert scoring.score_of(scores, "zero", "mae")["value"] == 0


def test_an_empty_table_gives_no_scores():
    frame, scale = make_forecasts()
    scores = score(frame.iloc[:0], scale)
    assert scores.empty
    assert list(scores) == scoring.SCORE_COLUMNS
    assert scoring.best_baseline(scores, ["zero"], "mae") is None


def test_scores_repeat_themselves():
    frame, scale = make_forecasts()
    spread = dict.fromkeys(["truth", "shop mean", "zero"], 0.5)
    first, again, other = (score(frame, scale, seed=seed, dispersions=spread) for seed in (3, 3, 4))
    pd.testing.assert_frame_equal(first, again)
    assert scoring.score_of(first, "truth", "mae")["low"] != scoring.score_of(other, "truth", "mae")["low"]


def test_a_model_may_stand_alone():
    frame, scale = make_forecasts()
    scores = scoring.score_models(frame, ["truth"], [], scale, 0, 0, {"truth": 0.5})
    assert scores["metric"].tolist() == [*scoring.METRICS, *scoring.DISTRIBUTION_METRICS, "average_precision"]


def test_distributions_are_scored_where_dispersions_are_given():
    frame, scale = make_forecasts(series=400)
    names = ["truth", "shop mean", "zero"]
    scores = score(frame, scale, dispersions=dict.fromkeys(names, 1e-3))
    values = {metric: scoring.score_of(scores, "truth", metric) for metric in scoring.DISTRIBUTION_METRICS}
    assert all(found["low"] <= found["value"] <= found["high"] for found in values.values())
    assert values["coverage_80"]["value"] == pytest.approx(0.8, abs=0.03)
    crps = {name: scoring.score_of(scores, name, "scaled_crps")["value"] for name in names}
    assert crps["truth"] < crps["shop mean"]
    # A forecast that is sure of zero has its wMAPE as scaled CRPS.
    assert crps["zero"] == pytest.approx(1, abs=0.01)
    assert scoring.score_of(scores, "truth", "scaled_crps_skill")["low"] > 0
    assert "scaled_crps" not in set(score(frame, scale)["metric"])


def test_the_floor_of_the_deviance_can_be_lowered():
    found = scoring.poisson_deviance(np.zeros(2), np.array([0.0, 0.004]), floor=0.001)
    assert found == pytest.approx([0.002, 0.008])
