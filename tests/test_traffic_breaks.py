"""Breaks of the traffic: found where it changes and stays, not where it only wobbles."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from forecast_shop import grow
from smartrocket import traffic_breaks
from smartrocket.engine import connect, write_parquet
from smartrocket.forecast_figures import show_breaks
from smartrocket.forecasting import DAY
from smartrocket.wording import percent
from smartrocket.workspace import Workspace


def make_traffic(days: int = 90, seed: int = 0) -> pd.Series:
    """Return events by day with a weekly rhythm and ten per cent of noise."""
    rng = np.random.default_rng(seed)
    dates = pd.date_range("2024-01-01", periods=days)
    level = 20_000 * np.where(dates.weekday >= 5, 0.7, 1.0)
    return pd.Series(level * np.exp(0.1 * rng.normal(size=days)), index=dates)


@pytest.mark.parametrize("seed", range(5))
def test_a_rhythm_with_noise_is_no_break(seed):
    assert traffic_breaks.find_breaks(make_traffic(seed=seed)) == []


@pytest.mark.parametrize("mean", [1, 10, 100])
@pytest.mark.parametrize("overdispersed", [False, True])
def test_steady_traffic_of_few_events_has_no_break(mean, overdispersed):
    rng = np.random.default_rng(mean)
    dates = pd.date_range("2024-01-01", periods=70)
    found = 0
    for _ in range(40):
        rate = mean * (rng.gamma(3, 1 / 3, 70) if overdispersed else np.ones(70))
        found += len(traffic_breaks.find_breaks(pd.Series(rng.poisson(rate).astype(float), index=dates)))
    assert found <= 1


def test_a_small_shop_that_halves_is_found_where_chance_would_not_do_it():
    rng = np.random.default_rng(3)
    dates = pd.date_range("2024-01-01", periods=90)
    traffic = pd.Series(rng.poisson(np.where(np.arange(90) < 60, 60, 30)).astype(float), index=dates)
    assert dates[60] in traffic_breaks.find_breaks(traffic)


def test_a_break_is_told_by_the_ratio_that_decided():
    traffic = make_traffic()
    traffic.iloc[70:] *= 0.5
    date = traffic.index[70]
    usual = sum(np.median([traffic.iloc[70 + ahead - 7 * week] for week in range(1, 5)]) for ahead in range(2))
    ratio = traffic_breaks.measure_break(traffic, date)
    assert ratio == pytest.approx((traffic.iloc[70] + traffic.iloc[71]) / usual)
    assert f"at first {percent(ratio, 0)} of the same weekdays" in show_breaks(traffic, [date], grow().split).reading
    # A profile may name days that the log cannot judge.
    assert traffic_breaks.measure_break(traffic, traffic.index[0]) is None
    assert traffic_breaks.measure_break(traffic, traffic.index[-1] + 9 * DAY) is None
    plt.close("all")


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_level_that_changes_is_a_break_on_its_first_day(factor):
    traffic = make_traffic()
    traffic.iloc[70:] *= factor
    assert traffic_breaks.find_breaks(traffic) == [traffic.index[70]]


def test_a_break_is_found_two_days_before_the_end():
    traffic = make_traffic()
    traffic.iloc[-2:] *= 0.5
    assert traffic_breaks.find_breaks(traffic) == [traffic.index[-2]]


def test_a_single_odd_day_is_no_break():
    traffic = make_traffic()
    traffic.iloc[60] *= 0.2
    assert traffic_breaks.find_breaks(traffic) == []


def test_a_log_that_is_too_short_to_compare_has_no_break():
    assert traffic_breaks.find_breaks(make_traffic(20)) == []


def test_origins_reach_into_a_break_that_begins_in_their_days():
    origins = pd.to_datetime(["2024-03-01", "2024-03-08", "2024-03-15"])
    found = [
        traffic_breaks.reach_into(origins, 7, [pd.Timestamp(date)]).tolist() for date in ("2024-03-08", "2024-03-09")
    ]
    assert found == [[True, False, False], [False, True, False]]
    assert not traffic_breaks.reach_into(origins, 7, []).any()


def test_the_weeks_of_a_break_are_set_apart():
    shop = grow()
    origins = shop.split.test_origins
    calm = traffic_breaks.set_apart(shop.table, shop.split, [origins[1] + 3 * DAY])
    assert set(calm["origin"]) == {origins[0], origins[2]}
    assert traffic_breaks.keep_origins(shop.split, calm).test_origins.tolist() == [origins[0], origins[2]]
    assert len(traffic_breaks.set_apart(shop.table, shop.split, [])) == len(shop.table)


def test_breaks_are_read_from_the_events_unless_they_are_given(tmp_path):
    shop, workspace = grow(), Workspace(tmp_path)
    frame = shop.panel.frame
    dates = pd.date_range(frame["date"].min(), shop.panel.last_date)
    counts = np.where(np.arange(len(dates)) >= 60, 20, 50)
    events = pd.DataFrame({"timestamp": np.repeat(dates + pd.Timedelta(hours=8), counts)})
    workspace.interim.mkdir(parents=True)
    write_parquet(connect("1GB", 1).create_table("events", events), workspace.path("interim/events.parquet"))
    traffic, breaks = traffic_breaks.read_breaks(workspace, shop.panel, None, 1)
    assert traffic.tolist() == counts.tolist()
    assert breaks == [dates[60]]
    assert traffic_breaks.read_breaks(workspace, shop.panel, ["2024-02-03"], 1)[1] == [pd.Timestamp("2024-02-03")]
    assert traffic_breaks.read_breaks(workspace, shop.panel, [], 1)[1] == []
    assert traffic_breaks.read_breaks(workspace, grow("empty").panel, None, 1)[1] == []
