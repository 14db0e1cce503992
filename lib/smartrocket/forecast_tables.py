"""Forecasts of all items at several origins, added up to categories and to the shop, and their scores.

A forecast table has one row for an item and an origin: `series` (the item), `origin`, `known` (whether the item was in
the panel by then), `actual` (units over the horizon) and one column a model. Items that enter the panel after the
origin are in it with forecasts of 0: no score of items counts them, the sums do. What they are expected to sell all
together stands in rows of its own, one a category: their series is below zero.
"""

from collections.abc import Mapping, Sequence

import lightgbm as lgb
import numpy as np
import pandas as pd

from smartrocket.demand_baselines import (
    BASELINES,
    SMOOTHED_SUM,
    Demand,
    expect_newcomers,
    forecast_baselines,
    naive_error_scale,
    place_in_categories,
    smooth_sums,
)
from smartrocket.demand_distribution import fit_dispersion
from smartrocket.demand_scores import score_models
from smartrocket.forecasting import DAY, Panel, Split, predict
from smartrocket.identifiers import NO_CATEGORY, name_newcomers
from smartrocket.reconciliation import SMALLEST_VARIANCE, reconcile
from smartrocket.results import Results

KEYS = ("series", "origin", "known", "newcomers")
RECONCILED = ", reconciled"


def categories_at(history: pd.DataFrame, items: np.ndarray, origins: Sequence[pd.Timestamp]) -> pd.DataFrame:
    """Return itemid, origin, categoryid as known at the end of each origin day, a row an item and origin.

    `history` has itemid, categoryid, valid_from. Items without a known category by then are in `NO_CATEGORY`. The
    items yet to come of each category follow as one item. A shop that knows no category at all gets no row.
    """
    columns = ["itemid", "origin", "categoryid"]
    if history.empty or not len(origins):
        return pd.DataFrame(columns=columns)
    history = history[["itemid", "categoryid", "valid_from"]].dropna(subset=["categoryid"])
    # Where one is missing, a float would stand for it, and long numbers of categories would run into each other.
    history = history.astype({"categoryid": "Int64", "valid_from": "datetime64[ns]"})
    history = history.sort_values(["valid_from", "itemid", "categoryid"], kind="stable")
    grid = pd.MultiIndex.from_product([origins, items], names=["origin", "itemid"]).to_frame(index=False)
    grid = grid.assign(end=(grid["origin"] + DAY).astype("datetime64[ns]")).sort_values("end", kind="stable")
    merged = pd.merge_asof(grid, history, left_on="end", right_on="valid_from", by="itemid", allow_exact_matches=False)
    found = merged[columns].fillna({"categoryid": NO_CATEGORY}).astype({"categoryid": "int64"})
    newcomers = found[["origin", "categoryid"]].drop_duplicates()
    newcomers = newcomers.assign(itemid=name_newcomers(newcomers["categoryid"]))
    return pd.concat([found, newcomers[columns]], ignore_index=True)


def forecast_table(
    panel: Panel,
    demand: Demand,
    split: Split | None,
    boosters: Mapping[str, lgb.Booster],
    average_days: int,
    categories: pd.DataFrame,
) -> pd.DataFrame:
    """Return the forecast table of the split's test origins: the baselines and one column for each of `boosters`.

    `newcomers` has the units expected of items yet to come, which every method but "zero" forecasts alike.
    """
    columns = [*KEYS, "actual", *BASELINES]
    if split is None:
        return pd.DataFrame(columns=[*columns, *boosters])
    actual = pd.concat([_actual_units(demand, origin, split.horizon) for origin in split.test_origins])
    classical = forecast_baselines(demand, split.test_origins, split.horizon, average_days, categories)
    table = actual.merge(classical, on=["itemid", "origin"], how="left").rename(columns={"itemid": "series"})
    table = table.assign(known=table["zero"].notna(), newcomers=0.0)
    table[list(BASELINES)] = table[list(BASELINES)].fillna(0.0)
    expected = pd.concat([_expected_newcomers(demand, origin, split, categories) for origin in split.test_origins])
    table = pd.concat([table[columns], expected[columns]], ignore_index=True)
    return add_forecasts(table, panel, boosters)


def add_forecasts(table: pd.DataFrame, panel: Panel, boosters: Mapping[str, lgb.Booster]) -> pd.DataFrame:
    """Return a forecast table with one more column for each of `boosters`."""
    placed = place_forecasts(table, panel, list(boosters.values()))
    filled = np.where(np.isnan(placed), table["newcomers"].to_numpy()[:, None], placed)
    return table.assign(**dict(zip(boosters, filled.T, strict=True)))


def place_forecasts(table: pd.DataFrame, panel: Panel, boosters: Sequence[lgb.Booster]) -> np.ndarray:
    """Return the forecasts of each model for the rows of a forecast table, rows x models; NaN for unknown items."""
    rows = panel.frame[panel.frame["date"].isin(table["origin"].unique())]
    keys = pd.MultiIndex.from_frame(rows[["itemid", "date"]])
    place = keys.get_indexer(pd.MultiIndex.from_frame(table[["series", "origin"]]))
    forecasts = [predict(booster, rows, panel.features)[place] for booster in boosters]
    placed = np.array(forecasts).reshape(len(boosters), len(table)).T
    return np.where((place >= 0)[:, None], placed, np.nan)


def _actual_units(demand: Demand, origin: pd.Timestamp, horizon: int) -> pd.DataFrame:
    today = demand.position(origin)
    window = np.nansum(demand.units[:, today + 1 : today + 1 + horizon], axis=1)
    return pd.DataFrame({"itemid": demand.items, "origin": origin, "actual": window})


def _expected_newcomers(demand: Demand, origin: pd.Timestamp, split: Split, categories: pd.DataFrame) -> pd.DataFrame:
    groups = place_in_categories(categories, origin, demand.items)
    units = expect_newcomers(demand, origin, split.horizon, groups)
    rows = pd.DataFrame({"series": name_newcomers(units.index), "origin": origin, "newcomers": units.to_numpy()})
    alike = dict.fromkeys(BASELINES, rows["newcomers"]) | {"zero": 0.0}
    return rows.assign(known=False, actual=0.0, **alike)


def sum_forecasts(table: pd.DataFrame, series: pd.DataFrame | None = None) -> pd.DataFrame:
    """Add up a table of item forecasts by origin, or by origin and the category given by `series`.

    `series` has itemid, origin, categoryid; items without a category are left out.
    """
    values = [name for name in table.columns if name not in KEYS]
    if series is None:
        return table.groupby("origin", as_index=False)[values].sum().assign(series=0)
    joined = table.merge(series, left_on=["series", "origin"], right_on=["itemid", "origin"])
    summed = joined.groupby(["categoryid", "origin"], as_index=False)[values].sum()
    return summed.rename(columns={"categoryid": "series"})


def table_levels(
    table: pd.DataFrame, demand: Demand, split: Split | None, categories: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Return level -> forecast table: "item" (known items), "category" (where there are categories) and "total".

    Categories and the shop have one more column, `SMOOTHED_SUM`: the forecast of the sum from its own past.
    """
    if split is None:
        return {}
    levels = {"item": table[table["known"].astype(bool)]}
    groups = [place_in_categories(categories, origin, demand.items) for origin in split.test_origins]
    if not categories.empty:
        levels["category"] = _add_smoothed(sum_forecasts(table, categories), demand, split, groups)
    shop = [np.zeros(len(demand.items), dtype=np.int64)] * len(split.test_origins)
    return levels | {"total": _add_smoothed(sum_forecasts(table), demand, split, shop)}


def _add_smoothed(sums: pd.DataFrame, demand: Demand, split: Split, groups: Sequence[np.ndarray]) -> pd.DataFrame:
    smoothed = []
    for origin, group in zip(split.test_origins, groups, strict=True):
        names, place = np.unique(group, return_inverse=True)
        history = np.nan_to_num(demand.units[:, : demand.position(origin) + 1])
        daily = np.zeros((len(names), history.shape[1]))
        np.add.at(daily, place, history)
        own = smooth_sums(daily, split.horizon)
        smoothed.append(pd.DataFrame({"series": names, "origin": origin, SMOOTHED_SUM: own}))
    return sums.merge(pd.concat(smoothed), on=["series", "origin"], how="left")


def reconcile_levels(
    table: pd.DataFrame,
    categories: pd.DataFrame,
    model: str,
    levels: Mapping[str, pd.DataFrame],
    past: Mapping[str, pd.DataFrame],
) -> tuple[pd.DataFrame, int]:
    """Return the table with a column `<model>, reconciled`, and how many of its forecasts had to be raised to zero.

    At each origin the model's forecasts of items and the smoothed sums of categories and shop are reconciled by
    weighted least squares. A forecast's error variance is taken to grow with the units that the items' forecasts add
    up to, by a factor a level that is measured on `past`, the levels of forecasts made before the test. Forecasts
    below zero are raised to it, so that the sums of what is returned may differ by as much from the solution.
    """
    factors = {name: _error_factor(rows, SMOOTHED_SUM) for name, rows in past.items() if name != "item"}
    factors["item"] = _error_factor(past["item"], model)
    reconciled = pd.Series(0.0, index=table.index)
    for origin, rows in table.groupby("origin"):
        own = rows[model].to_numpy(dtype=float)
        forecasts, sizes, parents = [own], [own], []
        place = np.zeros(len(rows), dtype=np.int64)
        above = [name for name in ("category", "total") if name in levels]
        for level in above:
            sums = levels[level][levels[level]["origin"] == origin]
            if level == "category":
                wanted = place_in_categories(categories, origin, rows["series"].to_numpy())
                place = pd.Index(sums["series"]).get_indexer(wanted)
            parents.append(place)
            forecasts.append(sums[SMOOTHED_SUM].to_numpy(dtype=float))
            sizes.append(np.bincount(place, sizes[-1], minlength=len(sums)))
            place = np.zeros(len(sums), dtype=np.int64)
        variances = [size * factors[level] for size, level in zip(sizes, ["item", *above], strict=True)]
        reconciled[rows.index] = reconcile(forecasts, variances, parents)[0]
    negative = int((reconciled < -SMALLEST_VARIANCE).sum())
    return table.assign(**{model + RECONCILED: reconciled.clip(lower=0)}), negative


def _error_factor(rows: pd.DataFrame, model: str) -> float:
    """Return the mean squared error of forecasts as a multiple of their mean, 1 where there are none."""
    error = float(((rows["actual"] - rows[model]) ** 2).sum())
    return error / float(rows[model].sum()) if rows[model].sum() > 0 and error > 0 else 1.0


def error_scales(demand: Demand, split: Split | None, groups: pd.Series | None = None) -> pd.Series:
    """Return series -> mean squared error of the naive forecast before the test, the scale of the RMSSE.

    `groups` maps itemid to the series it is added to (a category, or 0 for the shop); None: items themselves.
    """
    if split is None:
        return pd.Series(dtype=float)
    history = demand.units[:, : demand.position(split.test_origins[0]) + 1]
    if groups is None:
        return pd.Series(naive_error_scale(history, split.horizon), index=demand.items)
    daily = pd.DataFrame(np.nan_to_num(history)).groupby(groups.reindex(demand.items).to_numpy()).sum()
    return pd.Series(naive_error_scale(daily.to_numpy(), split.horizon), index=daily.index)


def score_levels(
    table: pd.DataFrame,
    demand: Demand,
    split: Split | None,
    categories: pd.DataFrame,
    models: Sequence[str],
    baselines: Sequence[str],
    resamples: int,
    seed: int,
    past: Mapping[str, pd.DataFrame] | None = None,
) -> dict[str, pd.DataFrame]:
    """Return level -> scores: "item" (known items), "category" (where there are categories) and "total".

    Categories and the shop are forecast by `SMOOTHED_SUM` as well, one baseline more. `past` are the levels of
    forecasts made before the test: with them, how widely outcomes scatter is learned for every model alike, and
    their distributions are scored too.
    """
    scores = {}
    for level, rows in table_levels(table, demand, split, categories).items():
        smoothed = [SMOOTHED_SUM] if level != "item" else []
        groups = None
        if level == "category":
            first = categories[categories["origin"] == split.test_origins[0]]
            groups = first.set_index("itemid")["categoryid"]
        elif level == "total":
            groups = pd.Series(0, index=demand.items)
        every = [*models, *smoothed]
        dispersions = None
        if past is not None:
            before = past[level]
            # A reconciled forecast scatters like the one that it was made from.
            names = {name: name if name in before else name.removesuffix(RECONCILED) for name in every}
            dispersions = {name: fit_dispersion(before["actual"], before[names[name]]) for name in every}
        scores[level] = score_models(
            rows,
            every,
            [*baselines, *smoothed],
            error_scales(demand, split, groups),
            resamples,
            seed,
            dispersions=dispersions,
        )
    return scores


def record_scores(results: Results, levels: Mapping[str, pd.DataFrame]) -> None:
    """Write the scores of every level into a notebook's results."""
    for level, scores in levels.items():
        for row in scores.itertuples(index=False):
            results.score("forecast", row.model, level, row.metric, row.value, row.low, row.high)


def record_test(results: Results, split: Split | None, table: pd.DataFrame, smallest: int) -> None:
    """Write the facts of the test weeks: dates, item-weeks, units, and whether they suffice for a claim."""
    known = table[table["known"].astype(bool)]
    units, counted = float(table["actual"].sum()), float(known["actual"].sum())
    dates = (None, None)
    if split is not None:
        dates = (split.test_origins[0] + DAY, split.test_origins[-1] + split.horizon * DAY)
    for name, date in zip(("test_first_day", "test_last_day"), dates, strict=True):
        results.fact(name, f"{date:%Y-%m-%d}" if date is not None else None, unit="date")
    results.fact("test_origins", len(split.test_origins) if split is not None else 0, unit="origins")
    results.fact("test_item_weeks", len(known), unit="rows")
    results.fact("test_units", counted, unit="units")
    results.fact("test_units_of_new_items", units - counted, unit="units")
    results.fact("test_zero_share", float((known["actual"] == 0).mean()) if len(known) else None, unit="share")
    results.fact("enough_test_units", counted >= smallest, unit="yes or no")
