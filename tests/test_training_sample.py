"""A weighted sample of item-days teaches a model what all of them would."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartrocket import forecasting, training_sample
from smartrocket.files import write_json, write_parquet_frame
from smartrocket.workspace import Workspace
from test_forecasting import FEATURES, HORIZON, SETTINGS, synthetic_frame

EFFORT = {"parameters": SETTINGS, "trees": 60, "patience": 0, "seed": 1, "threads": 1}


@pytest.fixture(scope="module")
def frame():
    return synthetic_frame(items=200, mean=0.03)


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(2, 10**7))
def test_a_plan_keeps_the_number_of_rows_that_was_asked_for(sold, unsold, most_rows):
    of_sold, of_unsold = training_sample.plan_shares(sold, unsold, most_rows)
    assert 0 <= of_sold <= 1
    assert 0 <= of_unsold <= 1
    assert of_sold * sold + of_unsold * unsold == pytest.approx(min(sold + unsold, most_rows))


@given(st.integers(0, 1000), st.integers(0, 10**5), st.integers(2000, 10**4))
def test_sold_rows_all_stay_where_there_is_room(sold, unsold, most_rows):
    assert training_sample.plan_shares(sold, unsold, most_rows)[0] == 1


def test_the_weights_stand_for_all_rows():
    target = np.random.default_rng(3).poisson(0.02, 200_000)
    sold = np.count_nonzero(target)
    shares = training_sample.plan_shares(sold, len(target) - sold, 20_000)
    places, weights = training_sample.draw_rows(target, shares, np.random.default_rng(0))
    assert len(places) == pytest.approx(20_000, rel=0.05)
    assert weights.sum() == pytest.approx(len(target), rel=0.02)
    assert (weights * target[places]).sum() == pytest.approx(target.sum(), rel=0.02)


def train_and_score(frame, dataset):
    """Train on a data set; returns the mean forecast and the Poisson deviance over the frame's last known days."""
    known = frame[frame["target"].notna()]
    test = known[known["date"] > known["date"].max() - pd.Timedelta(days=14)]
    model = forecasting.train(dataset, None, **EFFORT)
    forecast = forecasting.predict(model.booster, test, FEATURES)
    target = test["target"].to_numpy()
    logarithm = np.log(np.where(target > 0, target, 1) / forecast)
    return forecast.mean(), 2 * np.mean(np.where(target > 0, target * logarithm, 0) - (target - forecast)), model.rows


def test_a_model_of_a_third_of_the_rows_forecasts_like_one_of_all(frame):
    last = frame["date"].max() - pd.Timedelta(days=14 + HORIZON)
    span = (frame["date"].min(), last)
    whole = forecasting.Panel(frame, FEATURES, HORIZON)
    count = int(forecasting.choose_rows(whole, *span).sum())
    sampled = forecasting.Panel(frame, FEATURES, HORIZON, train_rows=count // 3)
    mean, deviance, rows = train_and_score(frame, forecasting.make_dataset(whole, *span))
    mean_of_sample, deviance_of_sample, rows_of_sample = train_and_score(
        frame, forecasting.make_dataset(sampled, *span)
    )
    assert rows == count
    assert rows_of_sample == pytest.approx(count / 3, rel=0.1)
    assert mean_of_sample == pytest.approx(mean, rel=0.1)
    assert deviance_of_sample == pytest.approx(deviance, rel=0.1)
    # Without the weights the sample's many sales would be taken for the shop's.
    unweighted = forecasting.make_dataset(sampled, *span).set_weight(None)
    assert train_and_score(frame, unweighted)[0] > 1.3 * mean


def test_rows_to_check_on_are_never_sampled(frame):
    sampled = forecasting.Panel(frame, FEATURES, HORIZON, train_rows=500)
    span = (frame["date"].min(), frame["date"].max() - pd.Timedelta(days=HORIZON))
    training = forecasting.make_dataset(sampled, *span).construct()
    check = forecasting.make_dataset(sampled, *span, reference=training).construct()
    assert check.num_data() == forecasting.choose_rows(sampled, *span).sum() > training.num_data()
    assert check.get_weight() is None


def test_a_sample_is_read_straight_from_the_file(frame, tmp_path):
    workspace = Workspace(tmp_path)
    write_parquet_frame(workspace.path("processed/panel.parquet"), frame.sort_values(["date", "itemid"]))
    write_json(workspace.path("processed/panel.json"), {"features": FEATURES, "horizon_days": HORIZON})
    first, last = frame["date"].min(), frame["date"].max() - pd.Timedelta(days=14 + HORIZON)
    whole = forecasting.Panel(frame, FEATURES, HORIZON)
    everything = training_sample.read_sample(workspace, first, last, 2, 10**9, 1)
    rows = forecasting.select_rows(whole, first, last, 2)
    assert everything.construct().num_data() == len(rows)
    assert everything.get_label().sum() == rows["target"].sum()
    part = training_sample.read_sample(workspace, first, last, 2, len(rows) // 3, 1)
    assert part.construct().num_data() == pytest.approx(len(rows) / 3, rel=0.1)
    assert part.get_weight().sum() == pytest.approx(len(rows), rel=0.1)
    again = training_sample.read_sample(workspace, first, last, 2, len(rows) // 3, 1)
    assert np.array_equal(again.construct().get_weight(), part.get_weight())


def test_without_a_sale_there_is_nothing_to_sample(frame, tmp_path):
    workspace = Workspace(tmp_path)
    write_parquet_frame(workspace.path("processed/panel.parquet"), frame.assign(target=0.0))
    write_json(workspace.path("processed/panel.json"), {"features": FEATURES, "horizon_days": HORIZON})
    assert training_sample.read_sample(workspace, frame["date"].min(), frame["date"].max(), 1, 100, 1) is None
