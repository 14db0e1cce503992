"""Forecasts of each day ahead, made to add up to the forecast of the whole horizon, and their scores by day.

For each day ahead a model of its own learns from the same origins and features as the one for the whole horizon, and
with its settings. Arrays of days have a row for each row of a forecast table and a column a day.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from smartrocket.demand_baselines import Demand, naive_error_scale, repeat_last_week
from smartrocket.demand_ensemble import Mix
from smartrocket.demand_scores import FORECAST_FLOOR, Resampling, bound, poisson_deviance
from smartrocket.forecast_tables import add_forecasts, place_forecasts
from smartrocket.forecasting import DAY, Panel, Split, choose_rows, make_dataset, train
from smartrocket.reconciliation import reconcile

AT_ONCE, ADDED_UP = "at once", "days added up"

DAY_SCORES = ["day", "model", "metric", "value", "low", "high", "rival"]


def train_days(
    panel: Panel,
    last: pd.Timestamp,
    parameters: Mapping[str, Any],
    trees: int,
    stride: int,
    seed: int,
    threads: int,
) -> list[lgb.Booster | None]:
    """Train a model for each day ahead on all origins up to `last`; None for a day on which nothing was ever sold.

    A day holds a part of the units and so less to learn: half of the `trees` of the whole horizon do at least as well.
    On the check weeks of the sample shop the deviance of the days is 0.134 with half of them and 0.135 with all.
    """
    first = panel.frame["date"].min()
    # The features of all days ahead are the same: they are sorted into bins once, and only the target changes.
    training = make_dataset(panel, first, last, stride)
    rows = choose_rows(panel, first, last, stride)
    boosters = []
    for lead in range(1, panel.horizon + 1):
        units = panel.frame[f"target_{lead}"].to_numpy()[rows]
        trained = None
        if training is not None and units.sum():
            trained = train(training.set_label(units), None, parameters, max(trees // 2, 1), 0, seed, threads)
        boosters.append(trained.booster if trained else None)
    return boosters


def forecast_days(table: pd.DataFrame, panel: Panel, boosters: Sequence[lgb.Booster | None]) -> np.ndarray:
    """Return each day's units as its model forecasts them; newcomers are spread evenly over the days."""
    placed = place_forecasts(table, panel, [booster for booster in boosters if booster is not None])
    ahead = np.zeros((len(table), len(boosters)))
    ahead[:, [booster is not None for booster in boosters]] = placed
    even = table["newcomers"].to_numpy()[:, None] / len(boosters)
    return np.where(table["known"].to_numpy(dtype=bool)[:, None], ahead, even)


def add_horizon(
    table: pd.DataFrame, panel: Panel, model: str, whole: lgb.Booster | None, days: Sequence[lgb.Booster | None]
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return a forecast table with one more column, `model`, and the forecasts of its days, which add up to it.

    They are reconciled from the forecasts of the booster for the whole horizon and of those for single days, which
    the table also gets, as `AT_ONCE` and `ADDED_UP`. Without a booster the table stays as it is.
    """
    if whole is None or table.empty:
        return table, np.zeros((len(table), panel.horizon))
    table = add_forecasts(table, panel, {AT_ONCE: whole})
    ahead = forecast_days(table, panel, days)
    reconciled, parts = reconcile_days(table[AT_ONCE].to_numpy(), ahead)
    return table.assign(**{ADDED_UP: ahead.sum(axis=1), model: reconciled}), parts


def apply_mix(table: pd.DataFrame, days: np.ndarray, mix: Mix) -> tuple[pd.DataFrame, np.ndarray]:
    """Return a forecast table with the mixed forecast in a column of its name, and the days scaled to add up to it."""
    mixed = mix.forecast(table)
    return table.assign(**{mix.name: mixed}), scale_days(days, mixed)


def reconcile_days(week: np.ndarray, days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the forecasts of the whole horizon and of its days, moved until the days add up to the whole.

    Weighted least squares with error variances in proportion to the forecasts, as it is with counts. Nothing can turn
    negative then: all days of a row are scaled by one factor, and the whole becomes the harmonic mean of what was
    forecast at once and what the days add up to.
    """
    rows = np.repeat(np.arange(len(week)), days.shape[1])
    parts, whole = reconcile([days.ravel(), week], [days.ravel(), week], [rows])
    # Rounding may leave a day that expects nothing a hair below zero.
    return whole, np.maximum(parts, 0).reshape(days.shape)


def scale_days(days: np.ndarray, week: np.ndarray) -> np.ndarray:
    """Return the days scaled to add up to `week`, evenly spread where they add up to nothing."""
    total = days.sum(axis=1, keepdims=True)
    shares = np.divide(days, total, out=np.full(days.shape, 1 / days.shape[1]), where=total > 0)
    return shares * week[:, None]


def add_up_days(table: pd.DataFrame, demand: Demand, days: np.ndarray) -> pd.DataFrame:
    """Return what the whole shop sold, and what was forecast, on each day of the test: date, actual, forecast."""
    sold = actual_days(table, demand, days.shape[1])
    parts = [
        pd.DataFrame({"date": table["origin"] + (lead + 1) * DAY, "actual": sold[:, lead], "forecast": days[:, lead]})
        for lead in range(days.shape[1])
    ]
    return pd.concat(parts).groupby("date", as_index=False).sum()


def actual_days(table: pd.DataFrame, demand: Demand, horizon: int) -> np.ndarray:
    """Return the units sold on each day ahead; 0 for rows that are no item."""
    return _gather(table, demand, lambda units, today: units[:, today + 1 : today + 1 + horizon])


def baseline_days(table: pd.DataFrame, demand: Demand, model: str, horizon: int) -> np.ndarray:
    """Return a baseline's forecast of each day ahead: its weekday's last units, or an even share of the horizon's."""
    if model == "seasonal naive":
        return _gather(table, demand, lambda units, today: repeat_last_week(units[:, : today + 1], horizon))
    return np.repeat(table[model].to_numpy(dtype=float)[:, None] / horizon, horizon, axis=1)


def _gather(table: pd.DataFrame, demand: Demand, look: Callable) -> np.ndarray:
    place = pd.Index(demand.items).get_indexer(table["series"])
    found: list[np.ndarray] = []
    order: list[np.ndarray] = []
    for origin, rows in table.groupby("origin", sort=False).indices.items():
        seen = np.nan_to_num(look(demand.units, demand.position(origin)))
        found.append(np.where((place[rows] >= 0)[:, None], seen[place[rows]], 0.0))
        order.append(rows)
    back = np.argsort(np.concatenate(order))
    return np.concatenate(found)[back]


def score_days(
    table: pd.DataFrame,
    demand: Demand,
    split: Split | None,
    model: str,
    days: np.ndarray,
    baselines: Sequence[str],
    resamples: int,
    seed: int,
) -> pd.DataFrame:
    """Return the scores of known items by day ahead: day (from 1), model, metric, value, low, high, rival.

    Metrics are poisson_deviance and rmsse of `model` and of each of `baselines`, and <metric>_skill of `model`: its
    advantage, with a bootstrap interval, over `rival`, that day's best baseline. The smallest forecast of a day that
    the deviance is given is that of the horizon divided by its days.
    """
    if split is None or table.empty or model not in table:
        return pd.DataFrame(columns=DAY_SCORES)
    known = table["known"].to_numpy(dtype=bool)
    rows = table[known].reset_index(drop=True)
    actual = actual_days(rows, demand, split.horizon)
    forecasts = {name: baseline_days(rows, demand, name, split.horizon) for name in baselines}
    forecasts[model] = days[known]
    history = demand.units[:, : demand.position(split.test_origins[0]) + 1]
    scales = pd.Series(naive_error_scale(history, 1), index=demand.items).reindex(rows["series"]).to_numpy()
    weights = np.divide(1, scales, out=np.zeros(len(rows)), where=np.nan_to_num(scales) > 0)
    draws = Resampling(rows, resamples, seed)
    scores = []
    for day in range(split.horizon):
        deviance, squares = {}, {}
        for name, ahead in forecasts.items():
            deviance[name] = poisson_deviance(actual[:, day], ahead[:, day], FORECAST_FLOOR / split.horizon)
            squares[name] = (ahead[:, day] - actual[:, day]) ** 2 * weights
        scores += _score_day(day + 1, "poisson_deviance", deviance, len(rows), model, draws, np.asarray)
        scores += _score_day(day + 1, "rmsse", squares, np.count_nonzero(weights), model, draws, np.sqrt)
    return pd.DataFrame(scores, columns=DAY_SCORES)


def _score_day(
    day: int, metric: str, losses: Mapping[str, np.ndarray], count: int, model: str, draws: Resampling, root: Callable
) -> list[dict]:
    values = {name: float(root(loss.sum() / max(count, 1))) for name, loss in losses.items()}
    best = min((name for name in values if name != model), key=values.get)
    ratio = root(draws.totals(losses[model])) / np.maximum(root(draws.totals(losses[best])), 1e-12)
    scores = [{"model": name, "metric": metric, "value": value} for name, value in values.items()]
    scores.append({"model": model, "metric": f"{metric}_skill", "rival": best, **bound(1 - ratio)})
    return [{"day": day, **score} for score in scores]
