"""A mix of model and baseline: decided on the past, no more of the model than it earns."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartrocket.demand_ensemble import WEIGHTS, choose_mix, measure_losses, mix
from smartrocket.demand_scores import FORECAST_FLOOR, poisson_deviance


def make_past(error: float, seed: int = 0, items: int = 800) -> pd.DataFrame:
    """Return past forecasts of a model that misses the true rate by `error` (in logarithms), and of two baselines."""
    rng = np.random.default_rng(seed)
    rate = np.repeat(rng.gamma(0.7, 0.6, items) + 0.02, 3)
    return pd.DataFrame(
        {
            "series": np.repeat(np.arange(items), 3),
            "actual": rng.poisson(rate).astype(float),
            "scale": np.where(np.arange(3 * items) % 5, rate + 0.2, np.nan),
            "model": rate * np.exp(error * rng.normal(size=3 * items)),
            "mean": rate.mean(),
            "zero": 0.0,
        }
    )


def test_a_good_model_gets_nearly_everything():
    found = choose_mix(make_past(0.05), "model", ["zero", "mean"])
    assert found.partner == "mean"
    assert found.weight >= 0.6
    assert found.best >= 0.8
    assert found.name == ("model with mean" if found.weight < 1 else "model")


def test_a_model_that_knows_nothing_gets_nothing():
    past = make_past(0.0)
    past["model"] = past["mean"] * np.exp(0.5 * np.random.default_rng(1).normal(size=len(past)))
    found = choose_mix(past, "model", ["zero", "mean"])
    assert found.weight == 0
    assert found.forecast(past) == pytest.approx(past["mean"].to_numpy())


def test_drawing_a_bold_baseline_to_the_mean_is_no_merit_of_a_model():
    """A model that forecasts one number for every item lowers the loss of a baseline that is too bold."""
    past = make_past(0.0)
    past["bold"] = past["model"] * np.exp(0.9 * np.random.default_rng(2).normal(size=len(past)))
    past["model"] = past["mean"] * 1.02
    found = choose_mix(past, "model", ["zero", "bold"])
    assert found.partner == "bold"
    assert found.curve["loss"].min() < 0.95
    assert found.weight == 0


def test_a_model_like_the_baseline_is_not_worth_having():
    past = make_past(0.0)
    past["model"] = past["mean"] * 1.001
    assert choose_mix(past, "model", ["zero", "mean"]).weight == 0


def test_a_noisy_model_is_mixed():
    found = choose_mix(make_past(0.7), "model", ["zero", "mean"])
    assert 0 < found.weight < 1
    assert found.weight <= found.best
    curve = found.curve.set_index("weight")["loss"]
    assert curve[found.best] == curve.min()
    assert curve[0.0] == pytest.approx(1)


def test_the_weight_is_the_smallest_within_a_standard_error_of_the_best():
    found = choose_mix(make_past(0.5), "model", ["mean"])
    best = found.curve.set_index("weight").loc[found.best]
    near = found.curve["loss"] <= best["loss"] + found.curve["error"]
    assert found.weight == found.curve.loc[near, "weight"].min()
    assert best["error"] == 0
    assert (found.curve["error"].drop(index=int(found.curve["loss"].argmin())) > 0).all()


def test_without_sales_nothing_is_chosen():
    past = make_past(0.1)
    assert choose_mix(past.assign(actual=0.0), "model", ["mean"]) is None
    assert choose_mix(past.iloc[:0], "model", ["mean"]) is None


@given(st.floats(0, 20), st.floats(0, 20), st.sampled_from(list(WEIGHTS)))
def test_a_mix_lies_between_its_parts(model, partner, weight):
    found = float(mix(np.array([model]), np.array([partner]), weight)[0])
    if model == 0:
        assert found == 0
    else:
        ends = sorted([max(model, 1e-12), max(partner, FORECAST_FLOOR)])
        assert ends[0] * (1 - 1e-9) <= found <= ends[1] * (1 + 1e-9)


def test_losses_are_both_scores_row_by_row():
    past = make_past(0.1, items=4)
    found = measure_losses(past, past["model"].to_numpy())
    assert found[:, 0] == pytest.approx(poisson_deviance(past["actual"], past["model"]))
    scaled = (past["model"] - past["actual"]) ** 2 / past["scale"]
    assert found[:, 1] == pytest.approx(scaled.fillna(0))
