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
            "learning": drawing.show_learning(self.stopped),
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
    assert drawing.judge_amount(shop.known, 10).reading == drawing.LEFT_OUT
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
    assert "Too little data" in drawing.judge_amount(shop.known, 10).reading


def test_too_few_units_make_no_claim(shop):
    reading = drawing.compare_models(shop.items, [MODEL], BASELINES, enough=False).reading
    plt.close("all")
    assert reading == drawing.TOO_FEW
    assert drawing.judge_tuning(shop.items, MODEL, "zero", enough=False).reading == drawing.TOO_FEW


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
    assert tuning in drawing.judge_tuning(scores, "A", "zero", enough=True).reading


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
