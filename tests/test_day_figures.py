"""Figures of forecasts by day: skill by day ahead, misses, and bands around what was sold."""

import matplotlib.pyplot as plt
import pytest

from forecast_shop import BASELINE, grow
from smartrocket import day_figures as drawing
from smartrocket import day_forecasts, forecast_figures
from smartrocket.demand_baselines import BASELINES
from smartrocket.identifiers import NO_CATEGORY
from test_forecasting import HORIZON


def draw(shop) -> dict:
    """Return the findings about a shop's days, by name."""
    split = shop.split if shop.model else None
    scores = day_forecasts.score_days(shop.table, shop.demand, split, BASELINE, shop.days, BASELINES, 50, 0)
    missed = forecast_figures.NO_SCORES
    if shop.model:
        missed = day_forecasts.add_up_days(shop.table, shop.demand, shop.days)
    bands = {level: drawing.show_bands(shop.tested, shop.upcoming, level, 2) for level in ("item", "category", "total")}
    return {
        "days": drawing.show_days(scores, BASELINE, 3),
        "residuals": drawing.show_residuals(missed, BASELINE),
        "next": drawing.show_next_week(shop.upcoming),
        **bands,
    }


def test_every_finding_has_a_figure_a_reading_and_an_alternative_text():
    for name, finding in draw(grow()).items():
        assert finding.figure is not None, name
        assert finding.caption, name
        assert len(finding.alt) > 20, name
        assert any(character.isdigit() for character in finding.reading), name
        assert "nan" not in finding.reading.lower(), name
    plt.close("all")


@pytest.mark.parametrize("kind", ["young", "empty", "unsold"])
def test_a_shop_without_forecasts_is_told_so(kind):
    for name, finding in draw(grow(kind)).items():
        assert finding.figure is None, name
        assert finding.reading, name
    assert drawing.days_table(draw_nothing(), BASELINE).data == drawing.LEFT_OUT
    assert drawing.spans_table({}, {}).data == drawing.LEFT_OUT


def draw_nothing():
    shop = grow("young")
    return day_forecasts.score_days(shop.table, shop.demand, None, BASELINE, shop.days, BASELINES, 50, 0)


def test_a_shop_without_categories_leaves_their_bands_out():
    shop = grow("plain")
    assert "no categories" in drawing.show_bands(shop.tested, shop.upcoming, "category", 3).reading


@pytest.mark.parametrize("level", ["item", "category"])
def test_numbers_below_zero_are_drawn_like_others(level):
    shop = grow()
    below = [
        table.assign(series=table["series"].where(table["series"] == NO_CATEGORY, -1 - table["series"]))
        for table in (shop.tested, shop.upcoming)
    ]
    finding = drawing.show_bands(*below, level, 2)
    assert finding.reading == drawing.show_bands(shop.tested, shop.upcoming, level, 2).reading
    assert f"{level.capitalize()} -" in finding.figure.axes[0].get_title(loc="left")
    plt.close("all")


def test_each_day_ahead_has_its_row():
    shop = grow()
    scores = day_forecasts.score_days(shop.table, shop.demand, shop.split, BASELINE, shop.days, BASELINES, 50, 0)
    shown = drawing.days_table(scores, BASELINE).data
    assert shown.count("<tr") == 1 + HORIZON
    assert f"of {HORIZON}" in drawing.show_days(scores, BASELINE, 3).reading
    plt.close("all")


def test_three_ways_to_the_whole_horizon_are_compared():
    names = {day_forecasts.AT_ONCE: "at once", day_forecasts.ADDED_UP: "days added up", BASELINE: "reconciled"}
    shown = drawing.spans_table(grow().score(list(names), 0, past=False), names).data
    assert shown.count("<tr") == 1 + 3
    assert "reconciled" in shown


def test_next_to_no_sales_lead_no_list():
    upcoming = grow().upcoming
    nothing = drawing.show_next_week(upcoming.assign(forecast=0.01))
    assert nothing.figure is None
    assert "no item is expected to sell as much as 0.05 units" in nothing.reading
