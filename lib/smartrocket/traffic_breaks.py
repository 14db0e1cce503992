"""Sudden changes of a shop's traffic, which no forecast can know of and every score of such days suffers from."""

from collections.abc import Sequence
from dataclasses import replace

import ibis
import numpy as np
import pandas as pd

from smartrocket.engine import connect
from smartrocket.forecasting import DAY, Panel, Split
from smartrocket.workspace import Workspace

WEEKS = 4
"""A day is compared with the same weekday of so many weeks before."""

LEAST_DAYS = 2
"""A single odd day, such as a holiday, is no break."""

FALL, RISE = 0.65, 1 / 0.65
"""The traffic, relative to that of the weeks before, below or above which it has changed."""


def read_breaks(
    workspace: Workspace, panel: Panel, given: Sequence[str] | None, threads: int
) -> tuple[pd.Series, list[pd.Timestamp]]:
    """Return the events of the shop by day, date -> number, and its breaks: those given, or those found."""
    if panel.frame.empty:
        return pd.Series(dtype=float), []
    events = connect("1GB", threads).read_parquet(workspace.existing("interim/events.parquet"))
    traffic = count_traffic(events, panel.frame["date"].min(), panel.last_date)
    return traffic, find_breaks(traffic) if given is None else [pd.Timestamp(date) for date in given]


def count_traffic(events: ibis.Table, first: pd.Timestamp, last: pd.Timestamp) -> pd.Series:
    """Return date -> number of events of the whole shop, for every day from `first` to `last`."""
    daily = events.group_by(date=events.timestamp.date()).agg(count=events.count()).to_pandas()
    counts = pd.Series(daily["count"].to_numpy(dtype=float), index=pd.to_datetime(daily["date"]))
    return counts.reindex(pd.date_range(first, last), fill_value=0.0)


def find_breaks(traffic: pd.Series) -> list[pd.Timestamp]:
    """Return the days on which traffic changed to another level and stayed there for `LEAST_DAYS` days or more.

    A day's level is its traffic over the median of the same weekday in the `WEEKS` weeks before; the weeks after a
    break are compared with it, until they have become the usual ones.
    """
    before = pd.concat([traffic.shift(7 * week) for week in range(1, WEEKS + 1)], axis=1)
    level = traffic / before.median(axis=1).clip(lower=1e-9)
    return sorted(_find_starts(level < FALL) + _find_starts(level > RISE))


def _find_starts(changed: pd.Series) -> list[pd.Timestamp]:
    changed = changed & (np.arange(len(changed)) >= 7 * WEEKS)
    lasting = changed[::-1].rolling(LEAST_DAYS, min_periods=LEAST_DAYS).sum()[::-1] == LEAST_DAYS
    starts: list[pd.Timestamp] = []
    for date in changed.index[lasting & ~changed.shift(1, fill_value=False)]:
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
