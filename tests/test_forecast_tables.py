"""Forecast tables: items, newcomers and sums agree, levels are scored apart, and reconciled forecasts add up."""

import numpy as np
import pandas as pd
import pytest

from smartrocket import forecast_tables as tables
from smartrocket import forecasting
from smartrocket.demand_baselines import BASELINES, SMOOTHED_SUM, demand_matrix, place_in_categories
from smartrocket.demand_scores import DISTRIBUTION_METRICS, score_of
from smartrocket.identifiers import LARGEST, NO_CATEGORY, name_newcomers
from test_forecasting import EFFORT, HORIZON, SETTINGS, make_panel, synthetic_frame

MODEL = "LightGBM"


def name_categories(items: np.ndarray, groups: int = 4) -> pd.DataFrame:
    return pd.DataFrame({"itemid": items, "categoryid": items % groups, "valid_from": pd.Timestamp("2024-01-01")})


class Shop:
    """A small shop with four categories, forecast in its test weeks and in the check weeks before."""

    def __init__(self) -> None:
        self.panel = make_panel(synthetic_frame(items=60))
        self.split = forecasting.plan_split(self.panel, 3, 2)
        self.demand = demand_matrix(self.panel.frame)
        self.stopped, self.model = forecasting.train_before_test(self.panel, self.split, SETTINGS, **EFFORT)
        self.before = forecasting.look_back(self.split)
        self.categories, self.table = self.forecast(self.split, self.model)
        self.past_categories, self.past = self.forecast(self.before, self.stopped)

    def forecast(self, split, training):
        categories = tables.categories_at(name_categories(self.demand.items), self.demand.items, split.test_origins)
        boosters = {MODEL: training.booster}
        return categories, tables.forecast_table(self.panel, self.demand, split, boosters, 28, categories)

    def levels(self) -> dict[str, pd.DataFrame]:
        return tables.table_levels(self.table, self.demand, self.split, self.categories)

    def past_levels(self) -> dict[str, pd.DataFrame]:
        return tables.table_levels(self.past, self.demand, self.before, self.past_categories)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop()


def test_sums_agree_with_the_items(shop):
    total = tables.sum_forecasts(shop.table)
    of_category = tables.sum_forecasts(shop.table, shop.categories).groupby("origin").sum().reset_index()
    for name in ("actual", MODEL, "historic mean"):
        assert total[name].to_numpy() == pytest.approx(of_category[name].to_numpy())
    daily = shop.panel.frame.groupby("date")["sales"].sum()
    for row in total.itertuples():
        after = daily[(daily.index > row.origin) & (daily.index <= row.origin + HORIZON * forecasting.DAY)]
        assert row.actual == after.sum()


def test_newcomers_count_in_the_sums_only(shop):
    newcomer = shop.panel.frame["itemid"] == shop.panel.frame["itemid"].iloc[0]
    frame = shop.panel.frame[~newcomer | (shop.panel.frame["date"] > shop.split.test_origins[-1])]
    demand = demand_matrix(frame)
    none = pd.DataFrame(columns=["itemid", "origin", "categoryid"])
    boosters = {MODEL: shop.model.booster}
    table = tables.forecast_table(make_panel(frame), demand, shop.split, boosters, 28, none)
    rows = table[table["series"] == shop.panel.frame["itemid"].iloc[0]]
    assert len(rows) == len(shop.split.test_origins)
    assert not rows["known"].any()
    assert not rows[MODEL].any()
    levels = tables.table_levels(table, demand, shop.split, none)
    assert set(levels) == {"item", "total"}
    assert not (levels["item"]["series"] == rows["series"].iloc[0]).any()


def test_what_newcomers_may_sell_is_expected_by_every_method_but_zero(shop):
    late = shop.panel.frame["itemid"] % 3 == 0
    frame = shop.panel.frame[~late | (shop.panel.frame["date"] > shop.split.test_origins[0] - 10 * forecasting.DAY)]
    demand = demand_matrix(frame)
    boosters = {MODEL: shop.model.booster}
    table = tables.forecast_table(make_panel(frame), demand, shop.split, boosters, 28, shop.categories)
    expected = table[table["series"].abs() > LARGEST]
    assert expected["newcomers"].sum() > 0
    assert not expected["known"].any()
    assert not expected["zero"].any()
    for name in (MODEL, "moving average", "Croston"):
        assert expected[name].tolist() == expected["newcomers"].tolist()
    joined = expected.merge(shop.categories, left_on=["series", "origin"], right_on=["itemid", "origin"])
    assert len(joined) == len(expected)


def test_the_sums_of_their_own_past_are_forecast_from_nothing_later(shop):
    changed = shop.panel.frame.copy()
    changed.loc[changed["date"] > shop.split.test_origins[0], "sales"] += 50
    demand = demand_matrix(changed)
    for level in ("category", "total"):
        found = tables.table_levels(shop.table, demand, shop.split, shop.categories)[level]
        first = found["origin"] == shop.split.test_origins[0]
        assert found.loc[first, SMOOTHED_SUM].tolist() == shop.levels()[level].loc[first, SMOOTHED_SUM].tolist()


def test_reconciled_forecasts_lie_between_the_sums_and_are_never_negative(shop):
    levels, past = shop.levels(), shop.past_levels()
    table, negative = tables.reconcile_levels(shop.table, shop.categories, MODEL, levels, past)
    name = MODEL + tables.RECONCILED
    assert negative == 0
    assert (table[name] >= 0).all()
    total = tables.sum_forecasts(table)
    own = levels["total"][SMOOTHED_SUM].to_numpy()
    low, high = np.minimum(total[MODEL], own), np.maximum(total[MODEL], own)
    # Categories pull as well, so the sums may leave the range of these two a little.
    margin = 0.15 * high
    assert ((total[name] > low - margin) & (total[name] < high + margin)).all()
    assert not np.allclose(total[name], total[MODEL])


def test_every_level_is_scored_with_its_own_baselines_and_distributions(shop):
    scores = tables.score_levels(
        shop.table, shop.demand, shop.split, shop.categories, [*BASELINES, MODEL], BASELINES, 50, 0, shop.past_levels()
    )
    assert set(scores) == {"item", "category", "total"}
    for level, found in scores.items():
        assert (SMOOTHED_SUM in set(found["model"])) == (level != "item")
        for metric in DISTRIBUTION_METRICS:
            assert score_of(found, MODEL, metric)["value"] is not None
    without = tables.score_levels(
        shop.table, shop.demand, shop.split, shop.categories, [*BASELINES, MODEL], BASELINES, 0, 0
    )
    assert not set(without["item"]["metric"]) & set(DISTRIBUTION_METRICS)
    for metric in ("poisson_deviance", "rmsse", "bias", "mae", "rmse", "r2", "wmape", "mape_sold", "average_precision"):
        for level in scores:
            assert score_of(without[level], MODEL, metric)["value"] is not None


def test_categories_are_those_known_at_the_origin():
    history = pd.DataFrame(
        {
            "itemid": [1, 1, 2],
            "categoryid": [10, 11, 20],
            "valid_from": pd.to_datetime(["2024-01-01 00:00", "2024-02-01 12:00", "2024-03-01 00:00"]),
        }
    )
    origins = pd.to_datetime(["2024-01-31", "2024-02-01", "2024-02-02"])
    every = tables.categories_at(history, np.array([1, 2, 3]), origins)
    found = every.set_index(["itemid", "origin"])
    assert found.loc[1, "categoryid"].tolist() == [10, 11, 11]
    # Item 2 is first described after the origins, item 3 never: nobody knew their categories.
    assert found.loc[2, "categoryid"].tolist() == [NO_CATEGORY] * 3
    assert found.loc[3, "categoryid"].tolist() == [NO_CATEGORY] * 3
    # The items yet to come of each category stand beside it.
    names = name_newcomers(np.array([10, 11, NO_CATEGORY]))
    assert set(every["itemid"]) == {1, 2, 3, *names}
    placed = place_in_categories(every, origins[0], np.array([1, 3, 99]))
    assert placed.tolist() == [10, NO_CATEGORY, NO_CATEGORY]
    assert tables.categories_at(history.iloc[:0], np.array([1]), origins).empty


def test_a_category_numbered_below_zero_is_not_taken_for_none():
    history = pd.DataFrame({"itemid": [1], "categoryid": [-1], "valid_from": [pd.Timestamp("2024-01-01")]})
    every = tables.categories_at(history, np.array([1, 2]), pd.to_datetime(["2024-02-01"]))
    assert every.set_index("itemid")["categoryid"].loc[[1, 2]].tolist() == [-1, NO_CATEGORY]
    assert every["itemid"].is_unique
