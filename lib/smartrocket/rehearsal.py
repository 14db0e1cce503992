"""Forecasts made before the test under its conditions: all that may be learned about forecasts without touching it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import lightgbm as lgb
import numpy as np
import pandas as pd

from smartrocket.day_forecasts import ADDED_UP, AT_ONCE, actual_days, add_horizon, scale_days, train_days
from smartrocket.demand_baselines import Demand
from smartrocket.demand_distribution import Spread, fit_spread
from smartrocket.demand_ensemble import Mix
from smartrocket.forecast_tables import categories_at, error_scales, forecast_table, sum_forecasts, table_levels
from smartrocket.forecasting import Chosen, Fold, Panel, Split, look_back, train_chosen, weekly_origins


@dataclass(frozen=True)
class Rehearsal:
    """Forecasts of weekly origins before the test, made as those of the test are: whole and days reconciled.

    `table` has the RMSSE's `scale` beside the forecasts, `split` the origins, and `days` the forecasts of each day
    ahead, rows of the table x days, for each model.
    """

    table: pd.DataFrame
    split: Split
    categories: pd.DataFrame
    days: Mapping[str, np.ndarray]

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

    `models` are settings by name; each has models of the single days too. `history` has the items' categories. None
    without a model or where no fold could be learned from.
    """
    parts = []
    for fold in folds if split and models else ():
        rehearsed = replace(split, fold=fold, test_origins=weekly_origins(fold))
        trained = {}
        for name, chosen in models.items():
            whole = train_chosen(panel, fold.train_last, chosen, stride, seed, threads)
            if whole is not None:
                effort = (chosen.parameters, chosen.trees, stride, seed, threads)
                trained[name] = (whole.booster, train_days(panel, fold.train_last, *effort))
        if len(trained) == len(models):
            parts.append(_forecast(panel, demand, rehearsed, trained, history, average_days))
    if not parts:
        return None
    origins = pd.DatetimeIndex(np.concatenate([part.split.test_origins for part in parts]))
    return Rehearsal(
        pd.concat([part.table for part in parts], ignore_index=True),
        replace(split, test_origins=origins),
        pd.concat([part.categories for part in parts], ignore_index=True),
        {name: np.concatenate([part.days[name] for part in parts]) for name in models},
    )


def rehearse_check(
    panel: Panel,
    demand: Demand,
    split: Split | None,
    models: Mapping[str, tuple[lgb.Booster, Sequence[lgb.Booster | None]]],
    history: pd.DataFrame,
    average_days: int,
) -> Rehearsal | None:
    """Forecast the weekly origins of the split's check days by models that learned from the days before them.

    `models` has by name the booster of the whole horizon and those of its days.
    """
    if split is None or not models:
        return None
    return _forecast(panel, demand, look_back(split), models, history, average_days)


def _forecast(
    panel: Panel,
    demand: Demand,
    split: Split,
    models: Mapping[str, tuple[lgb.Booster, Sequence[lgb.Booster | None]]],
    history: pd.DataFrame,
    average_days: int,
) -> Rehearsal:
    categories = categories_at(history, demand.items, split.test_origins)
    table, days = forecast_table(panel, demand, split, {}, average_days, categories), {}
    for name, (whole, of_days) in models.items():
        table, days[name] = add_horizon(table, panel, name, whole, of_days)
    scale = error_scales(demand, split).reindex(table["series"]).to_numpy()
    return Rehearsal(table.drop(columns=[AT_ONCE, ADDED_UP]).assign(scale=scale), split, categories, days)


def fit_spreads(levels: Mapping[str, pd.DataFrame], model: str, seed: int) -> dict[str, Spread]:
    """Return level -> how outcomes of the whole horizon scatter around a model's forecasts."""
    return {
        level: fit_spread(rows["actual"].to_numpy(), rows[model].to_numpy(), seed) for level, rows in levels.items()
    }


def fit_day_spreads(demand: Demand, rehearsal: Rehearsal, mix: Mix, horizon: int, seed: int) -> dict[str, Spread]:
    """Return level -> how outcomes of single days scatter around the mixed forecasts of the folds, all days alike."""
    table = rehearsal.table
    days = scale_days(rehearsal.days[mix.model], mix.forecast(table))
    sold = actual_days(table, demand, horizon)
    known = table["known"].to_numpy(dtype=bool)
    spreads = {"item": fit_spread(sold[known].ravel(), days[known].ravel(), seed)}
    levels = {"total": None} | ({} if rehearsal.categories.empty else {"category": rehearsal.categories})
    for level, groups in levels.items():
        sums = pd.concat([_sum_day(table, sold[:, day], days[:, day], groups) for day in range(horizon)])
        spreads[level] = fit_spread(sums["actual"].to_numpy(), sums["forecast"].to_numpy(), seed)
    return spreads


def _sum_day(table: pd.DataFrame, sold: np.ndarray, forecast: np.ndarray, groups: pd.DataFrame | None) -> pd.DataFrame:
    return sum_forecasts(table[["series", "origin"]].assign(actual=sold, forecast=forecast), groups)
