"""Figures of the forecast notebooks: each says what it shows, and says so where there is nothing to show."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from forecast_shop import BASELINE, RIVAL, grow
from smartrocket import forecast_figures as drawing
from smartrocket import forecast_tables, forecasting
from smartrocket.demand_baselines import BASELINES
from smartrocket.demand_scores import SCORE_COLUMNS, SKILLS


def draw(shop) -> dict:
    """Return the findings about a shop that notebook 04 shows, by name."""
    learned = [BASELINE] if shop.model else []
    booster = shop.model.booster if shop.model else None
    items = shop.score([*BASELINES, *learned]).get("item", drawing.NO_SCORES)
    dates = pd.date_range("2024-01-01", periods=100)
    traffic = pd.Series(np.where(np.arange(100) < 60, 50.0, 20.0), index=dates)
    moves = forecasting.explain_test(booster, shop.panel, shop.split, 50)
    return {
        "demand": drawing.describe_demand(shop.panel, shop.split),
        "split": drawing.show_split(shop.panel, shop.split),
        "breaks": drawing.show_breaks(traffic, [dates[60]], shop.split),
        "learning": drawing.show_learning(shop.stopped, shop.split, 2),
        "compare": drawing.compare_models(items, learned, BASELINES, 3),
        "zero": drawing.explain_zero_reward(shop.known),
        "importance": drawing.show_importance(booster, moves),
        "calibration": drawing.show_calibration(shop.known, BASELINE, RIVAL),
        "density": drawing.show_density(shop.known, BASELINE),
        "popularity": drawing.show_popularity(shop.known, shop.demand, BASELINE, RIVAL),
        "total": drawing.show_total(
            shop.demand, shop.split, forecast_tables.sum_forecasts(shop.table), BASELINE, RIVAL
        ),
    }


@pytest.fixture(scope="module")
def shop():
    return grow()


@pytest.fixture(scope="module")
def levels(shop) -> dict:
    return shop.score([*BASELINES, BASELINE])


@pytest.fixture(scope="module")
def findings(shop) -> dict:
    found = draw(shop)
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


def test_a_break_is_dated_and_the_weeks_that_it_spoils_are_counted(shop, findings):
    assert (
        "breaks on 1 March 2024 (at first 40 % of the same weekdays in the four weeks before)"
        in findings["breaks"].reading
    )
    traffic = pd.Series(5.0, index=pd.date_range("2024-01-01", periods=100))
    spoiled = drawing.show_breaks(traffic, [shop.split.test_origins[1] + forecasting.DAY], shop.split)
    assert f"1 origin of the test's {len(shop.split.test_origins)} forecasts days" in spoiled.reading
    assert "no break" in drawing.show_breaks(traffic, [], shop.split).reading
    plt.close("all")


def test_scores_without_the_break_stand_beside_all(levels):
    shown = drawing.breaks_table(levels["item"], levels["item"], [BASELINE]).data
    assert shown.count('<th scope="col"') == 7
    assert "nothing to set apart" in drawing.breaks_table(levels["item"], None, [BASELINE]).data


@pytest.mark.parametrize("kind", ["young", "empty"])
def test_a_shop_without_a_test_is_told_so(kind):
    shop = grow(kind)
    for name, finding in draw(shop).items():
        assert finding.figure is None, name
        assert finding.reading, name
    for level in ("item", "category", "total"):
        assert drawing.score_table({}, level).data
    assert drawing.judge_amount(shop.known, shop.split, 10).reading == drawing.LEFT_OUT
    assert drawing.find_shortage(shop.known, shop.split, 10) is None
    assert drawing.origin_table(shop.known, [BASELINE]).data == drawing.LEFT_OUT
    assert drawing.judge_scores(drawing.NO_SCORES, [BASELINE], BASELINES, 3).reading == drawing.LEFT_OUT
    assert drawing.judge_sums({}, [BASELINE], BASELINES, 3).reading == drawing.LEFT_OUT
    plt.close("all")


def test_a_shop_without_sales_is_told_so():
    shop = grow("unsold")
    readings = {name: finding.reading for name, finding in draw(shop).items()}
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


def test_tables_fit_a_page_and_name_no_negative_zero(levels):
    for level in ("item", "category", "total"):
        shown = drawing.score_table(levels, level).data
        assert shown.count('<th scope="col"') <= 5
        assert "−0.0 %" not in shown
    for metrics in (drawing.FURTHER, drawing.DISTRIBUTIONS):
        further = drawing.score_table(levels, "item", metrics).data
        assert further.count('<th scope="col"') == 1 + len(metrics)
    skills = drawing.skill_table(levels, [BASELINE], "the best baseline").data
    assert skills.count("<tr") == 1 + (len(SKILLS) + 1) * len(levels)


def test_sums_are_judged_apart_from_items(levels):
    reading = drawing.judge_sums({"total": levels["total"]}, [BASELINE], BASELINES, 3).reading
    assert reading.startswith("The whole shop: ")
    assert "nothing follows" in reading
    compared = drawing.compare_models(levels["item"], [BASELINE], BASELINES, 3)
    assert compared.reading.startswith("For single items: ")
    others = drawing.judge_scores(levels["item"], [BASELINE], BASELINES, 3).reading
    assert "RMSSE" in others
    assert "scaled CRPS" in others
    plt.close("all")


def test_forecasts_raised_to_zero_are_counted(levels):
    model = BASELINE + forecast_tables.RECONCILED
    for negative, words in ((0, "none of them was"), (3, "3 of them were")):
        assert words in drawing.judge_sums(levels, [model], BASELINES, 3, negative).reading


def make_scores(low: float | None, value: float, high: float | None) -> pd.DataFrame:
    rows = [
        {"model": "A", "metric": "poisson_deviance", "value": 1.0, "low": 0.9, "high": 1.1},
        {"model": "zero", "metric": "poisson_deviance", "value": 1.2, "low": 0.9, "high": 1.5},
        {"model": "A", "metric": "poisson_deviance_skill", "value": value, "low": low, "high": high},
    ]
    return pd.DataFrame(rows, columns=SCORE_COLUMNS, dtype=object)


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ((0.1, 0.2, 0.3), "better beyond chance"),
        ((-0.3, -0.2, -0.1), "worse beyond chance"),
        ((-0.1, 0.1, 0.3), "cannot tell the two apart"),
        ((None, 0.1, None), "too few series"),
    ],
)
def test_verdicts_follow_the_interval(interval, words):
    assert words in drawing.verdict(make_scores(*interval), "A", ["zero"], 3)


def test_two_weeks_say_nothing_about_how_weeks_differ():
    told = drawing.verdict(make_scores(0.1, 0.2, 0.3), "A", ["zero"], 2)
    assert "better for these 2 weeks" in told
    assert "how much weeks differ is not in the interval" in told
    assert "for this one week" in drawing.verdict(make_scores(-0.3, -0.2, -0.1), "A", ["zero"], 1)
    assert "weeks differ" not in drawing.verdict(make_scores(0.1, 0.2, 0.3), "A", ["zero"], 3)


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
