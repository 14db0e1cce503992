"""Forecasts made before the test under its conditions: all that may be learned about forecasts without touching it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import lightgbm as lgb
import numpy as np
import pandas as pd

from smartrocket.day_forecasts import actual_days, forecast_days, reconcile_days, scale_days, train_days
from smartrocket.demand_baselines import Demand
from smartrocket.demand_distribution import Spread, fit_spread
from smartrocket.demand_ensemble import Mix
from smartrocket.forecast_tables import categories_at, error_scales, forecast_table, sum_forecasts, table_levels
from smartrocket.forecasting import Chosen, Fold, Panel, Split, look_back, train_chosen, weekly_origins


@dataclass(frozen=True)
class Rehearsal:
    """Forecasts of weekly origins before the test: their table, with the RMSSE's `scale`, origins and categories."""

    table: pd.DataFrame
    split: Split
    categories: pd.DataFrame

    def levels(self, demand: Demand) -> dict[str, pd.DataFrame]:
        """Return level -> forecast table, see `table_levels`."""
        return table_levels(self.table, demand, self.split, self.categories)


def rehearse(
    panel: Panel,
    demand: Demand,
    split: Split | None,
    folds: Sequence[Fold],
    models: Mapping[str, Chosen],
    history: pd.DataFrame,
    average_days: int,
    stride: int,
    seed: int,
    threads: int,
) -> Rehearsal | None:
    """Forecast the weekly origins of each fold by models that learned from the days before it.

    `models` are settings by name, `history` the items' categories. None without a model or
    where no fold could be learned from.
    """
    tables, placed, origins = [], [], []
    for fold in folds if split and models else ():
        rehearsed = replace(split, fold=fold, test_origins=weekly_origins(fold))
        trained = {
            name: train_chosen(panel, fold.train_last, chosen, stride, seed, threads) for name, chosen in models.items()
        }
        if None in trained.values():
            continue
        boosters = {name: training.booster for name, training in trained.items()}
        categories = categories_at(history, demand.items, rehearsed.test_origins)
        table = forecast_table(panel, demand, rehearsed, boosters, average_days, categories)
        scale = error_scales(demand, rehearsed).reindex(table["series"]).to_numpy()
        tables.append(table.assign(scale=scale))
        placed.append(categories)
        origins.append(rehearsed.test_origins)
    if not tables:
        return None
    together = replace(split, test_origins=pd.DatetimeIndex(np.concatenate(origins)))
    return Rehearsal(pd.concat(tables, ignore_index=True), together, pd.concat(placed, ignore_index=True))


def rehearse_check(
    panel: Panel,
    demand: Demand,
    split: Split | None,
    boosters: Mapping[str, lgb.Booster],
    history: pd.DataFrame,
    average_days: int,
) -> Rehearsal | None:
    """Forecast the weekly origins of the split's check days by models that learned from the days before them."""
    if split is None or not boosters:
        return None
    before = look_back(split)
    categories = categories_at(history, demand.items, before.test_origins)
    table = forecast_table(panel, demand, before, boosters, average_days, categories)
    scale = error_scales(demand, before).reindex(table["series"]).to_numpy()
    return Rehearsal(table.assign(scale=scale), before, categories)


def fit_spreads(levels: Mapping[str, pd.DataFrame], model: str, seed: int) -> dict[str, Spread]:
    """Return level -> how outcomes of the whole horizon scatter around a model's forecasts."""
    return {
        level: fit_spread(rows["actual"].to_numpy(), rows[model].to_numpy(), seed) for level, rows in levels.items()
    }


def fit_day_spreads(
    panel: Panel,
    demand: Demand,
    rehearsal: Rehearsal,
    folds: Sequence[Fold],
    mix: Mix,
    chosen: Chosen,
    stride: int,
    seed: int,
    threads: int,
) -> dict[str, Spread]:
    """Return level -> how outcomes of single days scatter around the mixed forecasts of the folds, all days alike."""
    tables, forecasts = [], []
    for fold in folds:
        rows = rehearsal.table[rehearsal.table["origin"].isin(weekly_origins(fold))]
        if rows.empty:
            continue
        boosters = train_days(panel, fold.train_last, chosen.parameters, chosen.trees, stride, seed, threads)
        _, ahead = reconcile_days(rows[mix.model].to_numpy(), forecast_days(rows, panel, boosters))
        tables.append(rows)
        forecasts.append(scale_days(ahead, mix.forecast(rows)))
    table, days = pd.concat(tables, ignore_index=True), np.concatenate(forecasts)
    sold = actual_days(table, demand, panel.horizon)
    known = table["known"].to_numpy(dtype=bool)
    spreads = {"item": fit_spread(sold[known].ravel(), days[known].ravel(), seed)}
    levels = {"total": None} | ({} if rehearsal.categories.empty else {"category": rehearsal.categories})
    for level, groups in levels.items():
        sums = pd.concat([_sum_day(table, sold[:, day], days[:, day], groups) for day in range(panel.horizon)])
        spreads[level] = fit_spread(sums["actual"].to_numpy(), sums["forecast"].to_numpy(), seed)
    return spreads


def _sum_day(table: pd.DataFrame, sold: np.ndarray, forecast: np.ndarray, groups: pd.DataFrame | None) -> pd.DataFrame:
    return sum_forecasts(table[["series", "origin"]].assign(actual=sold, forecast=forecast), groups)
