"""Classical forecasts of intermittent demand: what any learned model has to beat.

All of them see one matrix of daily units (items x days) up to the end of the origin day and return the units
expected over the next `horizon` days.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from statsforecast.models import (
    ADIDA,
    IMAPA,
    TSB,
    CrostonClassic,
    CrostonSBA,
    SimpleExponentialSmoothingOptimized,
)

from smartrocket.identifiers import NO_CATEGORY

DAYS_IN_WEEK = 7

INTERMITTENT = {
    "Croston": CrostonClassic(),
    "SBA": CrostonSBA(),
    "TSB": TSB(alpha_d=0.1, alpha_p=0.1),
    "ADIDA": ADIDA(),
    "IMAPA": IMAPA(),
}
"""Methods for demand with many zero days. Croston (1972): smoothed sale size over smoothed interval; SBA
(Syntetos and Boylan 2005): Croston less its bias; TSB (Teunter, Syntetos and Babai 2011): sale size times the
probability of a sale; ADIDA (Nikolopoulos et al. 2011): smoothing over blocks of days; IMAPA (Petropoulos and
Kourentzes 2015): the mean over several block lengths."""

NEED_AN_INTERVAL = ("Croston", "SBA")
"""Methods that smooth the time between sales. After a single sale there is none: taken literally, an item that
sold once on its first day would be forecast at one unit a day for ever."""

SMOOTHED_SUM = "smoothed sum"
"""The forecast of a category or of the shop from its own past, without its items."""

NEWCOMER_SPANS = 4

BASELINES = (
    "zero",
    "shop mean",
    "historic mean",
    "moving average",
    "naive",
    "seasonal naive",
    "category-shrunk mean",
    *INTERMITTENT,
)


@dataclass(frozen=True)
class Demand:
    """Daily units of each item: `units` is items x dates, NaN before an item's first appearance in the log.

    `entry` is the position of the date on which the item entered the panel: before it nobody could have
    known that it belongs into a sales forecast.
    """

    items: np.ndarray
    dates: pd.DatetimeIndex
    units: np.ndarray
    entry: np.ndarray

    def position(self, date: pd.Timestamp) -> int:
        """Return the column of `date`."""
        return int((pd.Timestamp(date) - self.dates[0]).days)


def demand_matrix(panel: pd.DataFrame) -> Demand:
    """Return the panel (itemid, date, sales, age_days) as a matrix of daily units.

    An item sold nothing between its first appearance and its entry into the panel. Those days count: a
    history that began with the first sale would make every item look like a better seller than it is.
    """
    if panel.empty:
        return Demand(np.empty(0, np.int64), pd.DatetimeIndex([]), np.empty((0, 0)), np.empty(0, int))
    dates = pd.date_range(panel["date"].min(), panel["date"].max())
    items, row = np.unique(panel["itemid"].to_numpy(), return_inverse=True)
    column = (panel["date"] - dates[0]).dt.days.to_numpy()
    entry, born = np.full(len(items), len(dates)), np.full(len(items), len(dates))
    np.minimum.at(entry, row, column)
    np.minimum.at(born, row, (column - panel["age_days"].to_numpy()).astype(int))
    units = np.where(np.arange(len(dates)) >= born[:, None], 0.0, np.nan)
    units[row, column] = panel["sales"].to_numpy()
    return Demand(items, dates, units, entry)


def mean_of_last(history: np.ndarray, days: int) -> np.ndarray:
    """Return each item's mean units a day over its last `days` days, or over its life if that is shorter."""
    recent = history[:, -days:]
    present = np.isfinite(recent).sum(axis=1)
    return np.nansum(recent, axis=1) / np.maximum(present, 1)


def repeat_last_week(history: np.ndarray, horizon: int) -> np.ndarray:
    """Return the units of each of the next days, items x `horizon`, if it sold what the same weekday sold last."""
    week = np.nan_to_num(history[:, -DAYS_IN_WEEK:])
    if week.shape[1] < DAYS_IN_WEEK:
        week = np.pad(week, ((0, 0), (DAYS_IN_WEEK - week.shape[1], 0)))
    return week[:, np.arange(horizon) % DAYS_IN_WEEK]


def smooth_sums(history: np.ndarray, horizon: int) -> np.ndarray:
    """Return the units of the next `horizon` days of each series, by smoothing its sums of `horizon` days each.

    `history` is series x days without gaps, such as the days of whole categories. Simple exponential smoothing with
    the best fitting factor (Brown 1959); a history of fewer than three sums is continued with its mean.
    """
    blocks = history.shape[1] // horizon
    if blocks < 3:
        return history.mean(axis=1) * horizon
    sums = history[:, history.shape[1] - blocks * horizon :].reshape(len(history), blocks, horizon).sum(axis=2)
    method = SimpleExponentialSmoothingOptimized()
    return np.array([method.forecast(y=series, h=1)["mean"][0] for series in sums])


def expect_newcomers(demand: Demand, origin: pd.Timestamp, horizon: int, groups: np.ndarray) -> pd.Series:
    """Return group -> units that items sell over the next `horizon` days which are not in the panel at `origin`.

    No forecast of known items can hold them, yet they are part of every sum. Expected is what happened lately: the
    mean of the last `NEWCOMER_SPANS` spans of `horizon` days. `groups` has each item's group, such as its category.
    """
    today = demand.position(origin)
    starts = [start for start in today - horizon * np.arange(1, NEWCOMER_SPANS + 1) if start >= 0]
    units = np.zeros(len(demand.items))
    for start in starts:
        new = (demand.entry > start) & (demand.entry <= today)
        units[new] += np.nansum(demand.units[new, start + 1 : start + 1 + horizon], axis=1)
    return pd.Series(units / max(len(starts), 1)).groupby(groups).sum()


def shrink_to_category(history: np.ndarray, category: np.ndarray) -> np.ndarray:
    """Return each item's units a day, drawn towards its category's mean: strongly where it was seen briefly.

    Empirical Bayes for counts (Robbins 1956; gamma prior, Poisson sales): mean = (units + k x category mean)
    / (days + k), where k, the days that the category counts for, comes from how much items differ beyond
    chance. Categories are drawn towards the shop's mean in the same way. `category` has one number an item;
    items without a category are treated as one.
    """
    units = np.nansum(history, axis=1)
    days = np.isfinite(history).sum(axis=1)
    if not units.sum():
        return np.zeros(len(units))
    _, group = np.unique(category, return_inverse=True)
    shop_mean = units.sum() / days.sum()
    group_units, group_days = np.bincount(group, units), np.bincount(group, days)
    group_mean = _shrink(group_units, group_days, np.full(len(group_units), shop_mean))
    return _shrink(units, days, group_mean[group])


def _shrink(units: np.ndarray, days: np.ndarray, prior_mean: np.ndarray) -> np.ndarray:
    expected = days * prior_mean
    excess = np.sum((units - expected) ** 2 - expected) / np.sum((days * prior_mean) ** 2)
    if excess <= 0:
        return prior_mean
    prior_days = 1 / (excess * prior_mean)
    return (units + prior_days * prior_mean) / (days + prior_days)


def smooth_intermittent(history: np.ndarray, horizon: int) -> dict[str, np.ndarray]:
    """Return method -> forecast of each item by the methods of `INTERMITTENT`; 0 for items never sold.

    Items with sales on fewer than two days get the historic mean from the methods of `NEED_AN_INTERVAL`.
    """
    forecasts = {name: np.zeros(len(history)) for name in INTERMITTENT}
    for row in np.flatnonzero(np.nansum(history, axis=1) > 0):
        series = history[row, np.isfinite(history[row])]
        sold_once = np.count_nonzero(series) < 2
        for name, method in INTERMITTENT.items():
            mean = sold_once and name in NEED_AN_INTERVAL
            daily = series.mean() if mean else method.forecast(y=series, h=1)["mean"][0]
            forecasts[name][row] = daily * horizon
    return forecasts


def forecast_baselines(
    demand: Demand,
    origins: Iterable[pd.Timestamp],
    horizon: int,
    average_days: int = 28,
    categories: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return itemid, origin and one column for each of `BASELINES`: units over the next `horizon` days.

    One row for each item in the panel by the end of the origin day; its history is that until then, without the day
    of its entry. `categories` has itemid, origin and categoryid; without it the category-shrunk mean draws towards
    the mean of the whole shop.
    """
    tables = [_forecast_origin(demand, origin, horizon, average_days, categories) for origin in origins]
    if not tables:
        return pd.DataFrame(columns=["itemid", "origin", *BASELINES])
    return pd.concat(tables, ignore_index=True)


def place_in_categories(categories: pd.DataFrame, origin: pd.Timestamp, items: np.ndarray) -> np.ndarray:
    """Return the category of each item at an origin, `NO_CATEGORY` where none is known."""
    known = categories[categories["origin"] == origin]
    categoryid = known["categoryid"].to_numpy(dtype=np.int64)
    return pd.Series(categoryid, known["itemid"].to_numpy()).reindex(items, fill_value=NO_CATEGORY).to_numpy()


def _forecast_origin(
    demand: Demand, origin: pd.Timestamp, horizon: int, average_days: int, categories: pd.DataFrame | None
) -> pd.DataFrame:
    today = demand.position(origin)
    known = demand.entry <= today
    history = demand.units[known, : today + 1].copy()
    # The day of its entry is left out of an item's history: it is there because it sold or was asked for that day.
    history[np.arange(len(history)), demand.entry[known]] = np.nan
    table = pd.DataFrame({"itemid": demand.items[known], "origin": pd.Timestamp(origin)})
    recent = history[:, -average_days:]
    category = np.full(len(table), NO_CATEGORY)
    if categories is not None and not categories.empty:
        category = place_in_categories(categories, pd.Timestamp(origin), demand.items[known])
    return table.assign(
        **{
            "zero": 0.0,
            "shop mean": np.nansum(recent) / max(np.isfinite(recent).sum(), 1) * horizon,
            "historic mean": mean_of_last(history, today + 1) * horizon,
            "moving average": mean_of_last(history, average_days) * horizon,
            "naive": np.nan_to_num(history[:, -1]) * horizon,
            "seasonal naive": repeat_last_week(history, horizon).sum(axis=1),
            "category-shrunk mean": shrink_to_category(history, category) * horizon,
            **smooth_intermittent(history, horizon),
        }
    )


def naive_error_scale(units: np.ndarray, horizon: int) -> np.ndarray:
    """Return each series' mean squared error of "the last `horizon` days once more", from its first sale on.

    `units` is series x days, all before the first forecast that is to be scored. NaN where a series never
    sold or its history is shorter than two horizons. It scales the RMSSE, which so reads as errors relative
    to those of the naive forecast in the past.
    """
    filled = np.nan_to_num(units)
    running = np.cumsum(np.pad(filled, ((0, 0), (1, 0))), axis=1)
    sums = running[:, horizon:] - running[:, :-horizon]
    change = sums[:, horizon:] - sums[:, :-horizon]
    sold = np.cumsum(filled, axis=1) > 0
    counted = sold[:, : change.shape[1]] if change.shape[1] else np.zeros(change.shape, dtype=bool)
    days = counted.sum(axis=1)
    total = np.sum(np.where(counted, change**2, 0), axis=1)
    return np.divide(total, days, out=np.full(len(units), np.nan), where=days > 0)
