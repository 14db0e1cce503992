"""Figures of the forecast notebooks: each says what it shows, and says so where there is nothing to show."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from smartrocket import forecast_figures as drawing
from smartrocket import forecasting
from smartrocket.demand_baselines import BASELINES, demand_matrix
from smartrocket.demand_scores import SCORE_COLUMNS
from test_forecasting import EFFORT, FEATURES, HORIZON, SETTINGS, synthetic_frame

NO_CATEGORIES = pd.DataFrame(columns=["itemid", "origin", "categoryid"])
MODEL, RIVAL = "LightGBM baseline", "historic mean"


class Experiment:
    """A small shop, forecast and scored."""

    def __init__(self, frame: pd.DataFrame):
        self.panel = forecasting.Panel(frame, FEATURES, HORIZON)
        self.demand = demand_matrix(self.panel.frame)
        self.split = forecasting.plan_split(self.panel, 2, 2)
        self.stopped, self.model = forecasting.train_before_test(self.panel, self.split, SETTINGS, **EFFORT)
        self.boosters = {MODEL: self.model.booster} if self.model else {}
        self.table = forecasting.forecast_table(self.panel, self.demand, self.split, self.boosters, 28, NO_CATEGORIES)
        self.known = self.table[self.table["known"].astype(bool)]
        models = [*BASELINES, *self.boosters]
        self.levels = forecasting.score_levels(
            self.table, self.demand, self.split, NO_CATEGORIES, models, BASELINES, 50, 0
        )
        self.items = self.levels.get("item", drawing.NO_SCORES)

    def findings(self) -> dict:
        booster = self.boosters.get(MODEL)
        folds = forecasting.rolling_folds(self.split, 2, 7) if self.split else []
        total = forecasting.sum_forecasts(self.table)
        dispersion = 0.5 if booster else None
        coverage = drawing.measure_coverage(self.known, self.demand, MODEL, dispersion, 0)
        moves = forecasting.explain_test(booster, self.panel, self.split, 50)
        upcoming = forecasting.forecast_next(self.panel, booster, dispersion)
        return {
            "demand": drawing.describe_demand(self.panel, self.split),
            "split": drawing.show_split(self.panel, self.split),
            "folds": drawing.show_folds(self.split, folds),
            "learning": drawing.show_learning(self.stopped, self.split, 2),
            "compare": drawing.compare_models(self.items, list(self.boosters), BASELINES),
            "zero": drawing.explain_zero_reward(self.known),
            "importance": drawing.show_importance(booster, moves),
            "calibration": drawing.show_calibration(self.known, MODEL, RIVAL),
            "popularity": drawing.show_popularity(self.known, self.demand, MODEL, RIVAL),
            "total": drawing.show_total(self.demand, self.split, total, MODEL, RIVAL),
            "coverage": drawing.show_coverage(coverage),
            "next": drawing.show_next_week(upcoming),
        }


@pytest.fixture(scope="module")
def shop() -> Experiment:
    return Experiment(synthetic_frame(items=40))


@pytest.fixture(scope="module")
def findings(shop) -> dict:
    found = shop.findings()
    plt.close("all")
    return found


def test_every_finding_has_a_figure_a_reading_and_an_alternative_text(findings):
    for name, finding in findings.items():
        assert finding.figure is not None, name
        assert finding.caption, name
        assert len(finding.alt) > 20, name
        assert any(character.isdigit() for character in finding.reading), name
        assert "nan" not in finding.reading.lower(), name


def test_readings_quote_the_data(shop, findings):
    origins = shop.split.test_origins
    assert f"{len(origins)} origins" in findings["split"].reading
    assert drawing.day(origins[0]) in findings["split"].reading
    units = shop.table["actual"].sum()
    assert f"{units:,.0f} were sold" in findings["total"].reading
    assert str(shop.stopped.trees) in findings["learning"].reading


@pytest.mark.parametrize(
    "frame",
    [
        synthetic_frame(items=20, days=30),
        synthetic_frame(items=20).iloc[:0],
    ],
    ids=["too young", "no item"],
)
def test_a_shop_without_a_test_is_told_so(frame):
    shop = Experiment(frame)
    for name, finding in shop.findings().items():
        assert finding.figure is None, name
        assert finding.reading, name
    for level in ("item", "category", "total"):
        assert drawing.score_table(shop.levels, level).data
    assert drawing.judge_amount(shop.known, shop.split, 10).reading == drawing.LEFT_OUT
    assert drawing.find_shortage(shop.known, shop.split, 10) is None
    assert drawing.origin_table(shop.known, [MODEL]).data == drawing.LEFT_OUT
    plt.close("all")


def test_a_shop_without_sales_is_told_so():
    frame = synthetic_frame(items=20)
    frame = frame.assign(sales=0, target=frame["target"] * 0)
    shop = Experiment(frame)
    readings = {name: finding.reading for name, finding in shop.findings().items()}
    plt.close("all")
    assert shop.model is None
    assert readings["learning"] == drawing.NOTHING_LEARNED
    assert readings["zero"] == drawing.NOTHING_SOLD
    assert "does not compare forecasts" in drawing.judge_amount(shop.known, shop.split, 10).reading


def test_too_few_units_are_named_with_the_number_that_is_needed(shop):
    units = int(shop.known["actual"].sum())
    assert drawing.find_shortage(shop.known, shop.split, units) is None
    shortage = drawing.find_shortage(shop.known, shop.split, 1000 + units)
    assert drawing.find_shortage(shop.known.iloc[:0], shop.split, 1) is not None
    assert f"hold {units} units of known items ({1000 + units:,} are needed)" in shortage.reading
    assert shortage.figure is None
    assert drawing.judge_amount(shop.known, shop.split, 1000 + units) == shortage


def test_readings_have_true_minus_signs_and_no_negative_zero():
    assert drawing.percent(-0.0004) == "0.0 %"
    assert drawing.percent(-12.3) == "−1,230.0 %"
    assert drawing.percent(0.0004, 2) == "0.04 %"


def test_tables_fit_a_page_and_name_no_negative_zero(shop):
    for level in ("item", "total"):
        shown = drawing.score_table(shop.levels, level).data
        assert shown.count('<th scope="col"') <= 5
        assert "−0.0 %" not in shown
    further = drawing.score_table(shop.levels, "item", drawing.FURTHER).data
    assert further.count('<th scope="col"') == 1 + len(drawing.FURTHER)
    skills = drawing.skill_table(shop.levels, [MODEL], "the best baseline").data
    assert skills.count("<tr") == 1 + 2 * len(shop.levels)


def test_sums_are_judged_apart_from_items(shop):
    reading = drawing.judge_sums(shop.levels, [MODEL], BASELINES).reading
    assert reading.startswith("The whole shop: ")
    assert "nothing follows" in reading
    assert drawing.compare_models(shop.items, [MODEL], BASELINES).reading.startswith("For single items: ")
    plt.close("all")


def test_a_search_without_progress_names_no_setting():
    trials = pd.DataFrame({"trial": [1, 2, 3, 4], "state": "complete", "value": [0.0166, 0.0168, 0.01659, 0.017]})
    shares = pd.DataFrame({"parameter": ["num_leaves", "learning_rate"], "importance": [0.7, 0.3]})
    assert drawing.show_parameter_importance(shares, trials).figure is None
    assert "none of 4 trials does better" in drawing.show_trials(trials).reading
    better = trials.assign(value=[0.0166, 0.0168, 0.0150, 0.017])
    assert "num_leaves" in drawing.show_parameter_importance(shares, better).reading
    assert "scores 0.0150" in drawing.show_trials(better).reading
    plt.close("all")


def test_next_to_no_sales_lead_no_list(shop):
    upcoming = forecasting.forecast_next(shop.panel, shop.boosters[MODEL], 0.5)
    nothing = drawing.show_next_week(upcoming.assign(forecast=0.01))
    assert nothing.figure is None
    assert "no item is expected to sell as much as 0.05 units" in nothing.reading


def make_scores(low: float | None, value: float, high: float | None) -> pd.DataFrame:
    rows = [
        {"model": "A", "metric": "poisson_deviance", "value": 1.0, "low": 0.9, "high": 1.1},
        {"model": "zero", "metric": "poisson_deviance", "value": 1.2, "low": 0.9, "high": 1.5},
        {"model": "A", "metric": "poisson_deviance_skill", "value": value, "low": low, "high": high},
    ]
    return pd.DataFrame(rows, columns=SCORE_COLUMNS, dtype=object)


@pytest.mark.parametrize(
    ("interval", "words", "tuning"),
    [
        ((0.1, 0.2, 0.3), "better beyond chance", "Tuning helped"),
        ((-0.3, -0.2, -0.1), "worse beyond chance", "Tuning did harm"),
        ((-0.1, 0.1, 0.3), "cannot tell the two apart", "nothing that can be told from chance"),
        ((None, 0.1, None), "too few series", "nothing follows"),
    ],
)
def test_verdicts_follow_the_interval(interval, words, tuning):
    scores = make_scores(*interval)
    assert words in drawing.verdict(scores, "A", ["zero"])
    assert tuning in drawing.judge_tuning(scores, "A", "zero").reading


def test_calibration_groups_are_equal_and_grow():
    rng = np.random.default_rng(0)
    known = pd.DataFrame({"actual": rng.poisson(1.0, 100), "model": rng.random(100)})
    found = drawing.calibration(known, "model")
    assert len(found) == 10
    assert found["forecast"].is_monotonic_increasing
    assert found["actual"].mean() == pytest.approx(known["actual"].mean())


def test_popularity_counts_the_four_weeks_before_the_origin(shop):
    found = drawing.popularity(shop.known, shop.demand)
    frame = shop.panel.frame
    for row, name in zip(shop.known.head(30).itertuples(), found[:30], strict=True):
        window = frame["date"].between(row.origin - 27 * forecasting.DAY, row.origin)
        units = frame.loc[window & (frame["itemid"] == row.series), "sales"].sum()
        expected = 0 if units == 0 else 1 if units <= 3 else 2 if units <= 11 else 3
        assert name == drawing.POPULARITY[expected]
