"""The days to come: every level and day, adding up, with bands that hold each other."""

import numpy as np
import pytest

from forecast_shop import grow
from smartrocket import forecasting, outlook
from test_forecasting import HORIZON


def test_levels_and_days_add_up_exactly():
    found = grow().upcoming
    sums = found.groupby(["level", "day"])["forecast"].sum().unstack("level")
    newcomers = sums["total"] - sums["item"]
    assert (newcomers >= -1e-9).all()
    assert sums["category"].to_numpy() == pytest.approx(sums["total"].to_numpy())
    for level in ("item", "category", "total"):
        assert sums.loc[1:, level].sum() == pytest.approx(sums.loc[0, level])
    items = found[found["level"] == "item"].pivot(index="series", columns="day", values="forecast")
    assert items[list(range(1, HORIZON + 1))].sum(axis=1).to_numpy() == pytest.approx(items[0].to_numpy())


def test_every_row_says_which_days_it_forecasts():
    shop = grow()
    found = shop.upcoming
    assert list(found) == outlook.COLUMNS
    ahead = shop.panel.last_date + found["day"].to_numpy() * forecasting.DAY
    single = found["day"] > 0
    assert (found.loc[single, "first_date"] == ahead[single]).all()
    assert (found.loc[single, "last_date"] == ahead[single]).all()
    assert (found.loc[~single, "first_date"] == shop.panel.last_date + forecasting.DAY).all()
    assert (found.loc[~single, "last_date"] == shop.panel.last_date + HORIZON * forecasting.DAY).all()


def test_bands_hold_each_other():
    found = grow().upcoming
    for inner, outer in (("50", "80"), ("80", "95")):
        assert (found[f"low_{outer}"] <= found[f"low_{inner}"]).all()
        assert (found[f"high_{outer}"] >= found[f"high_{inner}"]).all()
    assert found["sells"].between(0, 1).all()
    assert (found["low_95"] >= 0).all()


def test_only_items_have_a_class_of_confidence():
    found = grow().upcoming
    assert set(found.loc[found["level"] == "item", "confidence"]) <= {"high", "medium", "low"}
    assert found.loc[found["level"] != "item", "confidence"].isna().all()


def test_looking_back_shows_what_was_sold():
    shop = grow()
    found = shop.tested[(shop.tested["level"] == "total") & (shop.tested["day"] > 0)]
    daily = np.nansum(shop.demand.units, axis=0)
    for row in found.itertuples():
        assert row.actual == daily[shop.demand.position(row.first_date)]


def test_a_shop_without_categories_has_no_such_level():
    assert set(grow("plain").upcoming["level"]) == {"item", "total"}


@pytest.mark.parametrize("kind", ["young", "empty", "unsold"])
def test_a_shop_without_forecasts_has_an_empty_outlook(kind):
    found = grow(kind).upcoming
    assert found.empty
    assert list(found) == outlook.COLUMNS
