"""Drift is found where it was put in, and none is invented where nothing changed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smartrocket import drift
from smartrocket.drift import (
    Series,
    compare_kinds,
    compare_numbers,
    compare_traffic,
    place_weeks,
    stability_index,
    watch,
)

LAST = pd.Timestamp("2024-06-30")
WEEKS = [LAST - pd.Timedelta(days=6 + 7 * age) for age in range(8)][::-1]
WEEKDAYS = np.array([1.0, 0.95, 0.9, 0.95, 1.1, 1.3, 1.2])


def by_week(values: list[np.ndarray]) -> pd.DataFrame:
    """Put samples, one a week, into the frame of a series."""
    weeks = pd.DatetimeIndex(WEEKS[-len(values) :]).repeat([len(part) for part in values])
    return pd.DataFrame({"week": weeks, "value": np.concatenate(values)})


def calm_shop(seed: int, size: int = 2000) -> dict[str, Series]:
    """Eight weeks in which nothing changes but by chance: 15 features with many zeros, hours, errors and traffic."""
    rng = np.random.default_rng(seed)
    made = {}
    for number in range(15):
        sold = 0.02 + number / 15
        values = [rng.poisson(sold, size) * rng.lognormal(0, 1, size) for _ in WEEKS]
        made[f"feature {number}"] = Series("features", f"feature {number}", "numbers", by_week(values))
    hours = np.exp(np.sin(np.arange(24) / 4)) / np.exp(np.sin(np.arange(24) / 4)).sum()
    made["hours"] = Series("traffic", "hours", "kinds", by_week([rng.choice(24, size, p=hours) for _ in WEEKS]))
    made["errors"] = Series("errors", "errors", "errors", by_week([rng.gamma(0.5, 2, size) for _ in WEEKS]))
    days = [rng.poisson(size * WEEKDAYS * rng.lognormal(0, 0.05, 7)) for _ in WEEKS]
    made["visits"] = Series("traffic", "visits", "traffic", by_week(days))
    return made


def change_last(series: Series, change, weeks: int = 1) -> Series:
    """Return a series of which the values of the last weeks are changed by a function."""
    values = series.values.copy()
    late = values["week"] >= WEEKS[-weeks]
    changed = change(values.loc[late, "value"].to_numpy())
    return Series(
        series.group, series.name, series.kind, pd.concat([values[~late], values[late].assign(value=changed)])
    )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [60, 2000])
def test_no_drift_is_invented_on_stable_data(seed, size):
    compared = watch(calm_shop(seed, size).values())
    assert len(compared) == 18 * 4
    assert set(compared["state"]) == {"stable"}


def test_big_samples_do_not_make_a_trifle_drift():
    rng = np.random.default_rng(0)
    values = [rng.normal(0.03 * (place == 7), 1, 60_000) for place in range(8)]
    row = watch([Series("features", "trifle", "numbers", by_week(values))]).iloc[-1]
    assert row["p_adjusted"] < 0.001
    assert row["size"] < 0.01
    assert row["state"] == "stable"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("feature 7", lambda values: values * 3),
        ("feature 14", lambda values: np.where(np.arange(len(values)) % 2, 0, values)),
        ("hours", lambda values: (values + 6) % 24),
        ("errors", lambda values: values * 2),
        ("visits", lambda values: np.where(np.arange(len(values)) >= 5, values * 0.5, values)),
        ("visits", lambda values: values * 1.8),
    ],
)
def test_injected_drift_is_found_and_nothing_else(seed, name, change):
    shop = calm_shop(seed)
    shop[name] = change_last(shop[name], change)
    compared = watch(shop.values())
    found = compared[compared["state"] == "drift"]
    assert found["series"].tolist() == [name]
    assert found["week"].tolist() == [WEEKS[-1]]
    assert set(compared.drop(found.index)["state"]) == {"stable"}


def test_a_hair_at_the_edge_of_a_bin_is_no_drift():
    rng = np.random.default_rng(0)
    # Most values crowd at one number, which moves a little from week to week.
    crowd = [np.where(rng.random(3000) < 0.8, 0.04 + place * 1e-4, rng.uniform(0, 0.1, 3000)) for place in range(8)]
    assert set(watch([Series("features", "crowd", "numbers", by_week(crowd))])["state"]) == {"stable"}


def test_a_change_between_the_limits_is_only_watched():
    shop = calm_shop(1)
    shop["errors"] = change_last(shop["errors"], lambda values: values * 1.42)
    compared = watch(shop.values())
    row = compared[compared["state"] != "stable"]
    assert row[["series", "state"]].to_numpy().tolist() == [["errors", "watch"]]
    assert row["size"].iloc[0] == pytest.approx(0.42, abs=0.15)


def test_one_odd_day_is_no_drift():
    shop = calm_shop(2)
    shop["visits"] = change_last(shop["visits"], lambda values: np.where(np.arange(7) == 3, values * 0.2, values))
    assert set(watch(shop.values())["state"]) == {"stable"}


@pytest.mark.parametrize("lost", [1, 3])
def test_a_feature_that_goes_missing_is_found(lost):
    shop = calm_shop(3)

    def lose(values):
        return np.where(np.arange(len(values)) % lost == 0, np.nan, values)

    shop["feature 12"] = change_last(shop["feature 12"], lose)
    compared = watch(shop.values())
    assert compared.loc[compared["state"] == "drift", "series"].tolist() == ["feature 12"]


def test_few_values_and_short_logs_are_not_compared():
    short = {
        name: Series(s.group, s.name, s.kind, s.values[s.values["week"] >= WEEKS[-4]])
        for name, s in calm_shop(0).items()
    }
    assert watch(short.values()).empty
    few = Series("features", "few", "numbers", by_week([np.arange(drift.LEAST_VALUES - 1.0)] * 8))
    assert watch([few]).empty
    assert watch([]).empty


def test_weeks_end_on_the_weekday_of_the_last_day():
    days = pd.Series(pd.to_datetime(["2024-06-30", "2024-06-24", "2024-06-23", "2024-06-10"]))
    weeks = place_weeks(days, LAST).dt.strftime("%m-%d").tolist()
    assert weeks == ["06-24", "06-24", "06-17", "06-10"]


counts = arrays(np.int64, st.shared(st.integers(1, 12), key="bins"), elements=st.integers(0, 10_000))


@given(counts, counts)
def test_the_index_is_never_negative_and_the_same_both_ways(before, now):
    index = stability_index(before, now)
    assert index >= 0
    assert index == pytest.approx(stability_index(now, before))
    assert stability_index(before, before) == 0


def test_the_index_is_that_of_the_textbook():
    before, now = np.array([5000, 3000, 2000]), np.array([4000, 3000, 3000])
    share = np.log(0.4 / 0.5) * -0.1 + np.log(0.3 / 0.2) * 0.1
    assert stability_index(before, now) == pytest.approx(share, rel=1e-3)


numbers = arrays(np.float64, st.integers(60, 120), elements=st.floats(-1e6, 1e6) | st.just(0.0))


@given(numbers, numbers)
def test_comparisons_are_finite(before, now):
    for compare in (compare_numbers, compare_kinds):
        size, p = compare(before, now)
        assert size >= 0
        assert 0 <= p <= 1
    traffic = compare_traffic(np.abs(before[:28]), np.abs(now[:7]))
    assert np.isfinite(traffic).all()
    assert traffic[0] >= -1


def test_the_break_of_retailrockets_traffic_is_found_among_hundreds_of_tests(real_data):
    daily = pd.read_csv(real_data / "agg_daily_utc8.csv", encoding="utf-8-sig", parse_dates=["dt"])
    events = daily.set_index("dt")[["view_cnt", "atc_cnt", "buy_cnt"]].sum(axis=1)
    last = pd.Timestamp("2015-09-17")
    # The file has days of UTC+8; these are the counts of the last days of UTC, as published.
    known = {"2015-09-14": 20_913, "2015-09-15": 20_427, "2015-09-16": 11_495, "2015-09-17": 10_128}
    events.update(pd.Series(known).rename(pd.Timestamp))
    events = events[(events.index <= last) & (events.index > last - pd.Timedelta(days=84))]
    weeks = place_weeks(events.index.to_series(), last).to_numpy()
    traffic = Series("traffic", "events a day", "traffic", pd.DataFrame({"week": weeks, "value": events.to_numpy()}))
    calm = [series for name, series in calm_shop(0).items() if name != "visits"]
    others = [replace(series, name=f"{series.name} {copy}") for copy in range(5) for series in calm]
    compared = watch([traffic, *others])
    assert len(compared) > 300
    row = compared[compared["week"] == pd.Timestamp("2015-09-11")].iloc[0]
    assert row["state"] == "drift"
    assert -0.5 < row["size"] < -0.35
