"""Classical forecasts: right by hand, blind to the future, fair to newcomers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsforecast.models import TSB, CrostonSBA

from smartrocket import demand_baselines as classical

HORIZON = 7


def make_panel(items: int = 12, days: int = 60, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "itemid": np.repeat(np.arange(items) * 10, days),
            "date": np.tile(pd.date_range("2024-01-01", periods=days), items),
            "sales": rng.poisson(np.repeat(rng.gamma(0.5, 0.6, items), days)),
            "age_days": np.tile(np.arange(days), items),
        }
    )
    return frame


def forecast(panel: pd.DataFrame, day: str = "2024-02-20", **options) -> pd.DataFrame:
    demand = classical.demand_matrix(panel)
    found = classical.forecast_baselines(demand, [pd.Timestamp(day)], HORIZON, **options)
    return found.set_index("itemid")


def test_simple_forecasts_by_hand():
    panel = make_panel()
    found = forecast(panel, average_days=14)
    past = panel[panel["date"] <= "2024-02-20"]
    # All items entered on the first day, which is left out of their history.
    shop = past[past["date"] > past["date"].max() - pd.Timedelta(days=14)]["sales"].mean()
    for item, sales in past.groupby("itemid")["sales"]:
        row, values = found.loc[item], sales.to_numpy()[1:]
        assert row["zero"] == 0
        assert row["shop mean"] == pytest.approx(shop * HORIZON)
        assert row["historic mean"] == pytest.approx(values.mean() * HORIZON)
        assert row["moving average"] == pytest.approx(values[-14:].mean() * HORIZON)
        assert row["naive"] == values[-1] * HORIZON
        assert row["seasonal naive"] == values[-7:].sum()


def test_intermittent_methods_are_those_of_statsforecast():
    panel = make_panel()
    found = forecast(panel)
    past = panel[panel["date"] <= "2024-02-20"]
    for item, sales in past.groupby("itemid")["sales"]:
        series = sales.to_numpy(dtype=float)[1:]
        smoothed = np.count_nonzero(series) > 1
        expected_sba = CrostonSBA().forecast(y=series, h=1)["mean"][0] if smoothed else series.mean()
        expected_tsb = TSB(0.1, 0.1).forecast(y=series, h=1)["mean"][0]
        assert found.loc[item, "SBA"] == pytest.approx(expected_sba * HORIZON)
        assert found.loc[item, "TSB"] == pytest.approx(expected_tsb * HORIZON)


def test_a_single_sale_is_not_forecast_for_ever():
    history = np.zeros((1, 50))
    history[0, 0] = 1
    found = classical.smooth_intermittent(history, HORIZON)
    for name in classical.NEED_AN_INTERVAL:
        assert found[name][0] == pytest.approx(HORIZON / 50)
    assert found["TSB"][0] < 0.1


def test_nothing_after_the_origin_matters():
    panel = make_panel()
    changed = panel.copy()
    changed.loc[changed["date"] > "2024-02-20", "sales"] += 5
    pd.testing.assert_frame_equal(forecast(panel), forecast(changed))


def test_days_before_the_entry_count_as_days_without_sales():
    panel = make_panel(items=2)
    panel = panel[(panel["date"] >= "2024-01-31") | (panel["itemid"] == 10)]
    found = forecast(panel)
    after_entry = panel["date"].between("2024-02-01", "2024-02-20")
    units = panel.loc[after_entry & (panel["itemid"] == 0), "sales"].sum()
    assert found.loc[0, "historic mean"] == pytest.approx(units / 50 * HORIZON)


def test_items_are_forecast_from_their_entry_on():
    panel = make_panel()
    late = (panel["itemid"] == 20) & (panel["date"] < "2024-02-21")
    assert 20 not in forecast(panel[~late]).index
    assert 20 in forecast(panel[~late], day="2024-02-21").index


def test_the_last_week_is_repeated_day_by_day():
    history = np.arange(1, 15, dtype=float)[None]
    assert classical.repeat_last_week(history, 7)[0].tolist() == list(range(8, 15))
    assert classical.repeat_last_week(history, 2)[0].tolist() == [8, 9]
    assert classical.repeat_last_week(history, 9)[0].tolist() == [*range(8, 15), 8, 9]
    assert classical.repeat_last_week(history[:, :3], 7)[0].sum() == 6


def test_smoothed_sums_follow_the_level_of_whole_weeks():
    rng = np.random.default_rng(0)
    steady, rising = rng.poisson(10, 70).astype(float), np.repeat([1.0, 9.0], 35)
    found = classical.smooth_sums(np.vstack([steady, rising]), HORIZON)
    assert found[0] == pytest.approx(steady.mean() * HORIZON, rel=0.1)
    assert found[1] == pytest.approx(9 * HORIZON, rel=0.05)
    # Two whole weeks and a bit are too short to smooth: they are continued with their mean.
    short = steady[:17]
    assert classical.smooth_sums(short[None], HORIZON)[0] == pytest.approx(short.mean() * HORIZON)


def test_newcomers_are_expected_to_sell_as_lately():
    panel = make_panel(items=6)
    late = panel["itemid"].isin([40, 50])
    panel = panel[~late | (panel["date"] >= "2024-02-05")]
    demand = classical.demand_matrix(panel)
    found = classical.expect_newcomers(demand, pd.Timestamp("2024-02-20"), HORIZON, demand.items // 40)
    # Of the four spans before, the one from 31 January to 6 February held sales of items that were not known before it.
    new = panel[panel["itemid"].isin([40, 50])]
    sold = new.loc[new["date"].between("2024-02-05", "2024-02-06"), "sales"].sum()
    assert found[1] == pytest.approx(sold / 4)
    assert found[0] == 0
    later = classical.expect_newcomers(demand, pd.Timestamp("2024-02-27"), HORIZON, demand.items // 40)
    assert later[1] == pytest.approx(sold / 4)


def test_the_day_of_its_entry_does_not_make_an_item_a_bestseller():
    panel = make_panel(items=2).assign(sales=0)
    entered = (panel["itemid"] == 10) & (panel["date"] >= "2024-02-10")
    panel = panel[(panel["itemid"] == 0) | entered].copy()
    panel.loc[(panel["itemid"] == 10) & (panel["date"] == "2024-02-10"), "sales"] = 3
    found = forecast(panel)
    assert not found.loc[10, list(classical.BASELINES)].to_numpy(dtype=float).any()


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_shrunk_means_lie_between_the_item_and_the_shop(seed, groups):
    rng = np.random.default_rng(seed)
    history = rng.poisson(rng.gamma(0.5, 0.5, (30, 1)), (30, 40)).astype(float)
    category = rng.integers(0, groups, 30).astype(float)
    found = classical.shrink_to_category(history, category)
    assert (found >= 0).all()
    assert found.min() >= history.mean(axis=1).min() - 1e-9
    assert found.max() <= history.mean(axis=1).max() + 1e-9


def test_newcomers_are_drawn_to_their_category():
    rng = np.random.default_rng(1)
    history = np.vstack([rng.poisson(0.05, (40, 100)), rng.poisson(2.0, (40, 100))]).astype(float)
    history[0, :98], history[40, :98] = np.nan, np.nan
    history[[0, 40], 98:] = 0
    found = classical.shrink_to_category(history, np.repeat([1.0, 2.0], 40))
    assert found[40] > 5 * found[0]
    assert found[40] < 2


def test_without_sales_every_forecast_is_zero():
    panel = make_panel().assign(sales=0)
    assert not forecast(panel)[list(classical.BASELINES)].to_numpy().any()


def test_an_empty_panel_gives_no_forecasts():
    demand = classical.demand_matrix(make_panel().iloc[:0])
    found = classical.forecast_baselines(demand, [], HORIZON)
    assert found.empty
    assert set(classical.BASELINES) <= set(found)


@given(st.integers(0, 10_000), st.integers(1, 7), st.integers(3, 40))
def test_the_scale_is_the_naive_error_since_the_first_sale(seed, horizon, days):
    units = np.random.default_rng(seed).poisson(0.3, (4, days)).astype(float)
    found = classical.naive_error_scale(units, horizon)
    for series, scale in zip(units, found, strict=True):
        errors = [
            (series[day : day + horizon].sum() - series[day - horizon : day].sum()) ** 2
            for day in range(horizon, days - horizon + 1)
            if series[: day - horizon + 1].any()
        ]
        assert np.isnan(scale) if not errors else scale == pytest.approx(np.mean(errors))
