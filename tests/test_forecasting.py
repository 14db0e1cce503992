"""Forecasting: nothing of the future is learned from, and skill is claimed only where there is some."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartrocket import demand_scores, forecast_tables, forecasting
from smartrocket.demand_baselines import BASELINES, demand_matrix
from smartrocket.errors import InputError
from smartrocket.files import write_json, write_parquet_frame
from smartrocket.workspace import Workspace

HORIZON = 7
FEATURES = [
    "sales_lag_1",
    "sales_sum_7",
    "sales_sum_28",
    "views_sum_7",
    "addtocarts_sum_7",
    "category_sales_sum_7",
    "days_since_sale",
    "age_days",
    "price",
    "weekday",
]


def synthetic_frame(
    items: int = 80, days: int = 100, seed: int = 1, mean: float = 0.15, wave: float = 1.0
) -> pd.DataFrame:
    """Make item-days whose sales follow a hidden rate; `wave` 0 makes the rates constant and equal."""
    rng = np.random.default_rng(seed)
    day = np.arange(days)
    level = rng.gamma(0.6, mean / 0.6, items) if wave else np.full(items, mean)
    phase, length = rng.uniform(0, 2 * np.pi, items), rng.uniform(25, 70, items)
    season = np.exp(wave * 1.2 * np.sin(2 * np.pi * day[None] / length[:, None] + phase[:, None]))
    rhythm = 1 + 0.4 * wave * np.isin(day % 7, (5, 6))
    rate = level[:, None] * season * rhythm[None]
    units = rng.poisson(rate)
    views = rng.poisson(20 * rate)
    born = rng.integers(0, days // 3, items)
    frame = pd.DataFrame(
        {
            "itemid": np.repeat(np.arange(items) + 100, days),
            "date": np.tile(pd.date_range("2024-01-01", periods=days), items),
            "sales": units.ravel(),
            "views": views.ravel(),
            "addtocarts": (units + rng.poisson(rate)).ravel(),
            "age_days": (day[None] - born[:, None]).ravel(),
        }
    )
    frame = frame[frame["age_days"] >= 0].reset_index(drop=True)
    entered = (frame["sales"] + frame["addtocarts"] > 0).groupby(frame["itemid"]).cummax()
    return add_features(frame)[entered].reset_index(drop=True)


def add_features(frame: pd.DataFrame) -> pd.DataFrame:
    """Add features that end with the row's own day, and targets that begin with the next one."""
    grouped = frame.groupby("itemid", sort=False)
    frame["sales_lag_1"] = grouped["sales"].shift(1)
    for source, name, window in [
        ("sales", "sales_sum_7", 7),
        ("sales", "sales_sum_28", 28),
        ("views", "views_sum_7", 7),
        ("addtocarts", "addtocarts_sum_7", 7),
    ]:
        rolled = grouped[source].rolling(window, min_periods=1).sum()
        frame[name] = rolled.reset_index(level=0, drop=True)
    category = frame["itemid"] % 5
    frame["category_sales_sum_7"] = frame.groupby([category, "date"])["sales_sum_7"].transform("sum")
    sold = frame["date"].where(frame["sales"] > 0).groupby(frame["itemid"]).ffill()
    frame["days_since_sale"] = (frame["date"] - sold).dt.days
    frame["price"] = 10.0 + frame["itemid"] % 7
    frame["weekday"] = frame["date"].dt.weekday
    ahead = [grouped["sales"].shift(-step) for step in range(1, HORIZON + 1)]
    for step, column in enumerate(ahead, start=1):
        frame[f"target_{step}"] = column
    frame["target"] = sum(ahead)
    return frame


def write_panel(workspace: Workspace, frame: pd.DataFrame) -> None:
    """Write the two files of the panel as notebook 03 does."""
    stored = frame.assign(date=frame["date"].dt.date)
    write_parquet_frame(workspace.path("processed/panel.parquet"), stored)
    facts = {
        "features": FEATURES,
        "horizon_days": HORIZON,
        "items": frame["itemid"].nunique(),
        "rows": len(frame),
    }
    write_json(workspace.path("processed/panel.json"), facts)


SETTINGS = {"learning_rate": 0.1, "num_leaves": 7, "min_data_in_leaf": 30}
EFFORT = {"trees": 60, "patience": 10, "stride": 2, "seed": 0, "threads": 1}


def make_panel(frame: pd.DataFrame) -> forecasting.Panel:
    return forecasting.Panel(frame, FEATURES, HORIZON)


def score_skill(panel: forecasting.Panel, effort: dict = EFFORT) -> dict[str, float | None]:
    split = forecasting.plan_split(panel, 3, 2)
    demand = demand_matrix(panel.frame)
    _, model = forecasting.train_before_test(panel, split, SETTINGS, **effort)
    none = pd.DataFrame(columns=["itemid", "origin", "categoryid"])
    table = forecast_tables.forecast_table(panel, demand, split, {"LightGBM": model.booster}, 28, none)
    levels = forecast_tables.score_levels(table, demand, split, none, [*BASELINES, "LightGBM"], BASELINES, 200, 0)
    return demand_scores.score_of(levels["item"], "LightGBM", "poisson_deviance_skill")


@pytest.fixture(scope="module")
def panel() -> forecasting.Panel:
    return make_panel(synthetic_frame())


@pytest.fixture(scope="module")
def split(panel) -> forecasting.Split:
    return forecasting.plan_split(panel, 3, 2)


@pytest.fixture(scope="module")
def trained(panel, split) -> tuple[forecasting.Training, forecasting.Training]:
    return forecasting.train_before_test(panel, split, SETTINGS, **EFFORT)


@given(st.integers(20, 300), st.integers(1, 8), st.integers(1, 6), st.integers(1, 28), st.integers(1, 4))
def test_no_sale_is_on_two_sides_of_a_split(days, test_weeks, check_weeks, horizon, folds):
    dates = pd.date_range("2024-01-01", periods=days)
    panel = forecasting.Panel(pd.DataFrame({"date": dates}), [], horizon)
    split = forecasting.plan_split(panel, test_weeks, check_weeks)
    if split is None:
        assert days < 7 * (test_weeks + check_weeks) + 3 * horizon + forecasting.SHORTEST_TRAINING
        return
    ahead = horizon * forecasting.DAY
    for fold in [split.fold, *forecasting.rolling_folds(split, folds, 7)]:
        assert fold.train_first <= fold.train_last
        assert fold.train_last + ahead <= fold.check_first
        assert fold.check_last + ahead <= split.test_origins[0]
    assert split.learn_last + ahead <= split.test_origins[0]
    assert split.test_origins[-1] + ahead == dates[-1]
    assert len(split.test_origins) == test_weeks


def test_a_young_shop_gets_no_split():
    panel = make_panel(synthetic_frame(items=20, days=30))
    assert forecasting.plan_split(panel, 4, 3) is None
    empty = make_panel(panel.frame.iloc[:0])
    assert forecasting.plan_split(empty, 1, 1) is None
    assert forecasting.train_before_test(empty, None, SETTINGS, **EFFORT) == (None, None)


def test_what_happens_in_the_test_changes_no_model(panel, split, trained):
    frame = panel.frame.copy()
    later = frame["date"] > split.test_origins[0]
    frame.loc[later, [*FEATURES, "sales", "target"]] = 9
    # A target reaches ahead: those of rows before the test are known only as far as it is whole by then.
    reaching = (frame["date"] > split.learn_last) & ~later
    frame.loc[reaching, "target"] = 9
    _, again = forecasting.train_before_test(make_panel(frame), split, SETTINGS, **EFFORT)
    assert again.booster.model_to_string() == trained[1].booster.model_to_string()


def test_the_check_days_only_say_when_to_stop(panel, split, trained):
    stopped, final = trained
    assert stopped.trees == final.booster.num_trees()
    assert stopped.curve["check"].argmin() + 1 == stopped.trees
    assert final.rows > stopped.rows


def test_the_learning_curve_is_the_deviance(panel, split, trained):
    stopped, _ = trained
    rows = forecasting.select_rows(panel, split.fold.check_first, split.fold.check_last)
    mean = forecasting.predict(stopped.booster, rows, FEATURES)
    deviance = demand_scores.poisson_deviance(rows["target"].to_numpy(), mean).mean()
    assert stopped.curve["check"][stopped.trees - 1] == pytest.approx(deviance, rel=1e-3)


def test_training_repeats_itself_whatever_the_threads(panel, split, trained):
    _, again = forecasting.train_before_test(panel, split, SETTINGS, **EFFORT | {"threads": 2})
    same = [model.booster.model_to_string().split("parameters:")[0] for model in (again, trained[1])]
    assert same[0] == same[1]


def test_skill_is_found_where_there_is_some():
    skill = score_skill(make_panel(synthetic_frame(items=500, days=130, mean=0.5)), EFFORT | {"trees": 150})
    assert skill["low"] > 0


def test_no_skill_is_claimed_on_pure_noise():
    skill = score_skill(make_panel(synthetic_frame(items=250, wave=0.0, mean=0.1)))
    assert skill["low"] <= 0
    assert skill["value"] < 0.02


def test_no_skill_is_left_when_targets_are_shuffled():
    frame = synthetic_frame(items=250, mean=0.3)
    known = frame["target"].notna()
    rng = np.random.default_rng(0)
    frame.loc[known, "target"] = rng.permutation(frame.loc[known, "target"].to_numpy())
    assert score_skill(make_panel(frame))["high"] < 0


def test_nothing_is_learned_from_a_shop_without_sales(panel, split):
    nothing = make_panel(panel.frame.assign(sales=0, target=panel.frame["target"] * 0))
    assert forecasting.train_before_test(nothing, split, SETTINGS, **EFFORT) == (None, None)


def test_shap_values_add_up_to_the_forecast(panel, split, trained):
    booster = trained[1].booster
    rows = panel.frame[panel.frame["date"].isin(split.test_origins)]
    moves = forecasting.explain_test(booster, panel, split, rows=len(rows))
    raw = np.log(forecasting.predict(booster, rows, FEATURES))
    assert np.ptp(raw - moves.sum(axis=1).to_numpy()) < 1e-4
    assert forecasting.importance(booster).sum() == pytest.approx(1)


def test_an_interrupted_search_ends_like_an_uninterrupted_one(panel, split, tmp_path):
    search = forecasting.Search(
        folds=forecasting.rolling_folds(split, 2, 7),
        space={
            "num_leaves": {"low": 2, "high": 16, "integer": True},
            "learning_rate": {"low": 0.05, "high": 0.3},
            "monotone": {"choices": [False, True]},
        },
        fixed=SETTINGS,
        stride=4,
        trees=20,
        patience=5,
        seed=1,
        threads=1,
    )
    whole, parts = Workspace(tmp_path / "whole"), Workspace(tmp_path / "parts")
    expected = forecasting.run_search(forecasting.open_search(whole, panel, search), panel, search, 4, None)
    forecasting.run_search(forecasting.open_search(parts, panel, search), panel, search, 2, None)
    found = forecasting.run_search(forecasting.open_search(parts, panel, search), panel, search, 4, None)
    assert [trial.params for trial in found] == [trial.params for trial in expected]
    assert [trial.value for trial in found] == [trial.value for trial in expected]
    assert found[0].params == {"num_leaves": SETTINGS["num_leaves"], "learning_rate": 0.1, "monotone": False}
    chosen = forecasting.choose_settings(found, search)
    assert chosen.score == min(trial.value for trial in found if trial.value is not None)
    assert forecasting.choose_settings([], search) is None


def test_a_split_by_dates_keeps_each_month_apart():
    frame = pd.DataFrame({"date": pd.date_range("2015-05-04", "2015-09-17")})
    panel = forecasting.Panel(frame, [], HORIZON)
    split = forecasting.plan_split(panel, 4, 3, "2015-09-01", "2015-08-01")
    ahead = HORIZON * forecasting.DAY
    assert [f"{origin:%m-%d}" for origin in split.test_origins] == ["09-03", "09-10"]
    assert split.fold.train_last + ahead == pd.Timestamp("2015-07-31")
    assert split.fold.check_first + forecasting.DAY == pd.Timestamp("2015-08-01")
    assert split.fold.check_last + ahead == pd.Timestamp("2015-08-31")
    for dates, words in ((("2015-09-12", None), "test_start"), (("2015-09-01", "2015-08-26"), "check_start")):
        with pytest.raises(InputError, match=words):
            forecasting.plan_split(panel, 4, 3, *dates)


def test_looking_back_and_forward_changes_the_origins_only(panel, split):
    before, now = forecasting.look_back(split), forecasting.look_forward(split, panel)
    assert before.fold == now.fold == split.fold
    assert before.test_origins[-1] == split.fold.check_last
    assert before.test_origins[0] >= split.fold.check_first
    assert now.test_origins.tolist() == [panel.last_date]
    assert forecasting.look_back(None) is None


def test_a_monotone_model_never_forecasts_less_for_more_sales(panel, split):
    directions = dict(zip(FEATURES, forecasting.direct(FEATURES), strict=True))
    assert directions["sales_sum_7"] == directions["views_sum_7"] == directions["category_sales_sum_7"] == 1
    assert directions["price"] == directions["age_days"] == directions["weekday"] == 0
    assert forecasting.direct(["sales_days_since", "addtocarts", "conversion_smoothed_30", "sales_total"]) == [
        -1,
        1,
        1,
        0,
    ]
    training = forecasting.retrain(panel, split.learn_last, {**SETTINGS, "monotone": True}, 40, 2, 0, 1)
    rows = panel.frame.sample(300, random_state=0)
    lowest = forecasting.predict(training.booster, rows, FEATURES)
    for name in ("sales_sum_7", "views_sum_7"):
        more = rows.assign(**{name: rows[name] + 5})
        assert (forecasting.predict(training.booster, more, FEATURES) >= lowest - 1e-12).all()


def test_a_training_may_be_stopped_by_squared_errors(panel, split):
    fold = split.fold
    training = forecasting.make_dataset(panel, fold.train_first, fold.train_last, 2)
    check = forecasting.make_dataset(panel, fold.check_first, fold.check_last, reference=training)
    trained = forecasting.train(training, check, SETTINGS, 30, 5, 0, 1, score="squared_error")
    rows = forecasting.select_rows(panel, fold.check_first, fold.check_last)
    errors = rows["target"].to_numpy() - forecasting.predict(trained.booster, rows, FEATURES)
    assert trained.curve["check"][trained.trees - 1] == pytest.approx(np.mean(errors**2), rel=1e-4)


def test_the_panel_is_read_as_it_was_written(tmp_path):
    frame = synthetic_frame(items=5, days=20)
    workspace = Workspace(tmp_path)
    with pytest.raises(InputError, match="03_features"):
        forecasting.load_panel(workspace)
    write_panel(workspace, frame.sample(frac=1, random_state=0))
    found = forecasting.load_panel(workspace)
    assert found.features == FEATURES
    assert found.frame["sales"].tolist() == frame["sales"].tolist()
    assert found.frame["price"].dtype == np.float32
    assert found.frame["target_3"].equals(frame["target_3"].astype(np.float32).rename("target_3"))
    assert found.last_date == frame["date"].max()
