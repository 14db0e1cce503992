"""Sudden changes of a shop's traffic, which no forecast can know of and every score of such days suffers from."""

from collections.abc import Sequence
from dataclasses import replace

import ibis
import numpy as np
import pandas as pd

from smartrocket.engine import connect, read_parquet
from smartrocket.forecasting import DAY, Panel, Split
from smartrocket.workspace import Workspace

WEEKS = 4
"""A day is compared with the same weekday of so many weeks before."""

LEAST_DAYS = 2
"""A single odd day, such as a holiday, is no break."""

FALL, RISE = 0.65, 1 / 0.65
"""The traffic, relative to that of the weeks before, below or above which it has changed."""

SURE = 4.0
"""So many standard errors from the usual a change must lie: every day of the log is a chance to be wrong."""

MEDIAN_VARIANCE = 0.3
"""Variance of the median of `WEEKS` normal numbers, relative to that of one."""


def read_breaks(
    workspace: Workspace, panel: Panel, given: Sequence[str] | None, threads: int
) -> tuple[pd.Series, list[pd.Timestamp]]:
    """Return the events of the shop by day, date -> number, and its breaks: those given, or those found."""
    if panel.frame.empty:
        return pd.Series(dtype=float), []
    events = read_parquet(connect("1GB", threads), workspace.existing("interim/events.parquet"))
    traffic = count_traffic(events, panel.frame["date"].min(), panel.last_date)
    return traffic, find_breaks(traffic) if given is None else [pd.Timestamp(date) for date in given]


def count_traffic(events: ibis.Table, first: pd.Timestamp, last: pd.Timestamp) -> pd.Series:
    """Return date -> number of events of the whole shop, for every day from `first` to `last`."""
    daily = events.group_by(date=events.timestamp.date()).agg(count=events.count()).to_pandas()
    counts = pd.Series(daily["count"].to_numpy(dtype=float), index=pd.to_datetime(daily["date"]))
    return counts.reindex(pd.date_range(first, last), fill_value=0.0)


def find_breaks(traffic: pd.Series) -> list[pd.Timestamp]:
    """Return the days on which traffic changed to another level and stayed there for `LEAST_DAYS` days or more.

    A day's level is its traffic over the usual one, see `usual_traffic`; the weeks after a break are compared with it,
    until they have become the usual ones. Where few events make large swings by chance, the change must be more than
    they make: its first days or its first week must lie `SURE` standard errors away.
    """
    level, sure = traffic / usual_traffic(traffic).clip(lower=1e-9), measure_surprise(traffic) >= SURE
    return sorted(_find_starts(level < FALL, sure) + _find_starts(level > RISE, sure))


def usual_traffic(traffic: pd.Series) -> pd.Series:
    """Return for each day the median of the same weekday in the `WEEKS` weeks before, as far as there are any."""
    return pd.concat([traffic.shift(7 * week) for week in range(1, WEEKS + 1)], axis=1).median(axis=1)


def measure_surprise(traffic: pd.Series) -> pd.Series:
    """Return for each day how many standard errors the days from it on lie from the usual; 0 where unknown.

    The larger of that of `LEAST_DAYS` days and of a week. It is measured on twice the root of the counts, whose
    variance is 1 if events come by chance (Anscombe 1948). Traffic that varies more than that is known by how its
    weeks differ: the standard error is never less than chance, nor than the median difference suggests.
    """
    steady, usual = 2 * np.sqrt(traffic + 3 / 8), 2 * np.sqrt(usual_traffic(traffic) + 3 / 8)
    surprise = pd.Series(0.0, index=traffic.index)
    for days in (LEAST_DAYS, 7):
        # Days that swing together make their sum swing more than single days tell.
        swing = max(np.sqrt(days) * max(1.0, _weekly_swing(steady)), _weekly_swing(steady.rolling(days).sum()))
        away = (steady - usual).rolling(days).sum() / (swing * np.sqrt(1 + MEDIAN_VARIANCE))
        surprise = np.maximum(surprise, away.shift(1 - days).abs().fillna(0.0))
    return surprise


def _weekly_swing(values: pd.Series) -> float:
    """Return the standard deviation of values by how they differ from a week before, of which a break spoils few."""
    middle = values.diff(7).abs().median()
    # The median of a normal number's size is 0.6745 of its standard deviation.
    return 0.0 if np.isnan(middle) else float(middle / 0.6745 / np.sqrt(2))


def measure_break(traffic: pd.Series, date: pd.Timestamp) -> float | None:
    """Return the traffic of a break's first `LEAST_DAYS` days over the usual one, None where that is not known."""
    first = traffic.index[(traffic.index >= date) & (traffic.index < date + LEAST_DAYS * DAY)]
    usual = usual_traffic(traffic)[first].sum()
    return float(traffic[first].sum() / usual) if usual > 0 else None


def _find_starts(changed: pd.Series, sure: pd.Series) -> list[pd.Timestamp]:
    changed = changed & (np.arange(len(changed)) >= 7 * WEEKS)
    lasting = changed[::-1].rolling(LEAST_DAYS, min_periods=LEAST_DAYS).sum()[::-1] == LEAST_DAYS
    starts: list[pd.Timestamp] = []
    for date in changed.index[lasting & sure & ~changed.shift(1, fill_value=False)]:
        # A new level that wobbles is not a new break.
        if not starts or (date - starts[-1]).days >= 7 * WEEKS:
            starts.append(date)
    return starts


def reach_into(origins: Sequence[pd.Timestamp], horizon: int, breaks: Sequence[pd.Timestamp]) -> np.ndarray:
    """Tell for each origin whether a break begins in the days that it forecasts."""
    ahead = [[origin < day <= origin + horizon * DAY for day in breaks] for origin in pd.DatetimeIndex(origins)]
    return np.array(ahead, dtype=bool).reshape(len(ahead), len(breaks)).any(axis=1)


def set_apart(table: pd.DataFrame, split: Split | None, breaks: Sequence[pd.Timestamp]) -> pd.DataFrame:
    """Return the rows of a forecast table whose origins do not reach into a break."""
    if split is None:
        return table
    reached = split.test_origins[reach_into(split.test_origins, split.horizon, breaks)]
    return table[~table["origin"].isin(reached)]


def keep_origins(split: Split, table: pd.DataFrame) -> Split:
    """Return the split with those of its test origins only that are in a forecast table."""
    return replace(split, test_origins=split.test_origins[split.test_origins.isin(table["origin"].unique())])
