"""What the Forecasting page shows: every model's scores, the test in detail, and the days to come with their bands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from smartrocket.dashboard_facts import SHOP
from smartrocket.dashboard_products import CHUNK, cut, number_items
from smartrocket.dashboard_scripts import FOLDER, read_script, write_script
from smartrocket.demand_baselines import Demand
from smartrocket.demand_scores import poisson_deviance
from smartrocket.forecast_figures import calibration, popularity
from smartrocket.summary import METRICS
from smartrocket.workspace import Workspace

NAME = "forecasts"
BANDS = (50, 80, 95)
CONFIDENCE = ("low", "medium", "high")
# Numbers of a forecast are kept to a fiftieth of a per cent: what is left out costs bytes and is never shown.
DROPPED_BITS = 12


@dataclass(frozen=True)
class Forecasts:
    """What is known of a shop's forecasts.

    `scores` are the records of `Results.scores`; `tests` has series, origin, known, actual and a column for each of
    `models`, with `demand` its history and `categories` the items' categories (itemid, origin, categoryid). `upcoming`
    and `tested` are tables of `outlook.look_ahead`, of the coming days and of the test; `days` are the scores of
    `day_forecasts.score_days`. `final` is the model of these three, one of `models`, or None where there is none.
    """

    scores: Sequence[Mapping]
    tests: pd.DataFrame
    demand: Demand
    categories: pd.DataFrame
    upcoming: pd.DataFrame
    tested: pd.DataFrame
    days: pd.DataFrame
    models: Sequence[str]
    final: str | None
    horizon: int


def write_forecasts(forecasts: Forecasts, workspace: Workspace) -> int:
    """Write `dashboard/forecasts.js`, `forecasts-categories.js` and `forecasts-<number>.js`; returns all bytes.

    The first holds what is told of all models, and the whole shop; the second the categories; the others 500 items
    each. Items and categories have the numbers that `write_facts` gave them. Raises InputError where it did not.
    """
    workspace.existing(f"{FOLDER}/{SHOP}.js")
    shop = read_script(workspace, SHOP)
    first_date = pd.Timestamp(shop["first_date"])
    tests = forecasts.tests
    known = tests[tests["known"].astype(bool)] if len(tests) else tests
    models = [name for name in forecasts.models if name in tests]
    rows = list_days(forecasts, first_date)
    levels = {name: rows[rows["level"] == name].drop(columns="level") for name in ("total", "category", "item")}
    items = pd.Index(shop["item_id"].astype(np.int64))
    of_items = number_items(levels["item"].rename(columns={"series": "itemid"}), "itemid", items)
    item_tests = number_items(list_tests(known, models).rename(columns={"series": "itemid"}), "itemid", items)
    ids = shop["category_id"].astype(np.int64)
    of_categories = number_categories(levels["category"], ids)
    category_tests = number_categories(sum_categories(known, forecasts.categories, models), ids)
    value = {
        "models": models,
        "final": forecasts.final,
        "horizon": forecasts.horizon,
        "bands": [band for band in BANDS if f"low_{band}" in rows],
        "metrics": describe_metrics(),
        "scores": [
            {name: record[name] for name in ("model", "level", "metric", "value", "low", "high")}
            for record in forecasts.scores
            if record["task"] == "forecast" and record["metric"] in METRICS
        ],
        "origins": [(origin - first_date).days for origin in sorted(known["origin"].unique())] if len(known) else [],
        "weeks": list_weeks(known, models),
        "classes": list_classes(known, forecasts.demand, models),
        "calibration": {model: list_groups(known, model) for model in models},
        "days": list_leads(forecasts.days, forecasts.final),
    }
    columns = {f"total_{name}": pack_column(column) for name, column in levels["total"].drop(columns="series").items()}
    columns["item"] = rank_series("itemid", of_items, item_tests)
    columns["category"] = rank_series("category", of_categories, category_tests)
    for old in workspace.path(FOLDER).glob(f"{NAME}*.js"):
        old.unlink()
    size = write_script(workspace, NAME, value, columns)
    columns = {name: pack_column(column) for name, column in of_categories.items()}
    columns |= {f"test_{name}": pack_column(column) for name, column in category_tests.items()}
    size += write_script(workspace, f"{NAME}-categories", {}, columns)
    names = [name for name in of_items if name != "itemid"]
    test_names = [name for name in item_tests if name != "itemid"]
    for number in range(-(-len(items) // CHUNK)):
        within = cut(of_items, number, "day", names) | cut(item_tests, number, "test", test_names)
        size += write_script(
            workspace, f"{NAME}-{number}", {}, {name: pack_column(column) for name, column in within.items()}
        )
    return size


def describe_metrics() -> dict[str, dict]:
    """Return how each metric is called and read."""
    return {
        name: {
            "label": metric.heading,
            "meaning": metric.meaning,
            "is_share": metric.is_share,
            "lower_is_better": metric.lower_is_better,
        }
        for name, metric in METRICS.items()
    }


def list_days(forecasts: Forecasts, first_date: pd.Timestamp) -> pd.DataFrame:
    """Return the forecasts of the test and of the coming days as one table, in order of level, series and days.

    Columns: level, series, first and last (days since the log's first), day (ahead, 0 for all days together), forecast,
    sells (of the coming days), low_50 and so on, confidence (a number; of items), actual (missing for the coming days).
    """
    tables = [table for table in (forecasts.tested, forecasts.upcoming) if len(table)]
    if not tables:
        return pd.DataFrame(columns=["level", "series", "first", "last", "day", "forecast", "actual"])
    rows = pd.concat(tables, ignore_index=True)
    rows = rows.assign(
        first=(pd.to_datetime(rows.pop("first_date")) - first_date).dt.days,
        last=(pd.to_datetime(rows.pop("last_date")) - first_date).dt.days,
        confidence=rows["confidence"].map({name: number for number, name in enumerate(CONFIDENCE)}),
        actual=rows.get("actual", np.nan),
    )
    # How likely a sale was is of no more interest when the days are past.
    rows["sells"] = rows["sells"].where(rows["actual"].isna())
    return rows.sort_values(["level", "series", "first", "day"], kind="stable", ignore_index=True)


def pack_column(column: pd.Series | np.ndarray) -> np.ndarray:
    """Return a column as the page gets it: whole numbers as they are, others in single precision and rounded off."""
    values = np.asarray(column)
    if values.dtype.kind in "iu":
        return values
    values = values.astype(np.float32)
    if len(values) and np.all(values == np.floor(values)) and values.min() >= 0:
        return values.astype(np.int64)
    bits = values.view(np.uint32)
    # Round to the nearest number that ends in zeros; what stands for a missing one stays that.
    rounded = (bits + np.uint32(1 << (DROPPED_BITS - 1))) & np.uint32(~((1 << DROPPED_BITS) - 1) & 0xFFFFFFFF)
    return np.where(np.isnan(values), np.float32(np.nan), rounded.view(np.float32))


def rank_series(name: str, rows: pd.DataFrame, tests: pd.DataFrame) -> np.ndarray:
    """Return the numbers of the items or categories with a forecast, those that sold most in the test first."""
    sold = tests.groupby(name)["actual"].sum() if len(tests) else pd.Series(dtype=float)
    every = pd.Index(rows[name].unique()).union(sold.index)
    ranked = sold.reindex(every, fill_value=0).rename_axis(name).reset_index(name="units")
    return ranked.sort_values(["units", name], ascending=[False, True])[name].to_numpy(dtype=np.int64)


def number_categories(frame: pd.DataFrame, ids: np.ndarray) -> pd.DataFrame:
    """Replace category ids by the dashboard's numbers, 0 for items without one, in their order."""
    numbers = pd.Index(ids).get_indexer(frame["series"]) + 1
    frame = frame.drop(columns=["series", "confidence"], errors="ignore").assign(category=numbers)
    return frame.sort_values("category", kind="stable", ignore_index=True)


def list_weeks(known: pd.DataFrame, models: Sequence[str]) -> list[dict]:
    """Return, for each origin of the test, the units sold and each model's units and mean Poisson deviance."""
    weeks = []
    for _, rows in known.groupby("origin") if len(known) else ():
        weeks.append(
            {
                "actual": float(rows["actual"].sum()),
                "units": {model: float(rows[model].sum()) for model in models},
                "deviance": {model: mean_deviance(rows, model) for model in models},
            }
        )
    return weeks


def list_classes(known: pd.DataFrame, demand: Demand, models: Sequence[str]) -> list[dict]:
    """Return, for each class of items by recent sales, its forecasts, units and each model's mean Poisson deviance."""
    if known.empty:
        return []
    groups = known.groupby(popularity(known, demand), observed=True)
    return [
        {
            "class": str(name),
            "rows": len(rows),
            "actual": float(rows["actual"].sum()),
            "units": {model: float(rows[model].sum()) for model in models},
            "deviance": {model: mean_deviance(rows, model) for model in models},
        }
        for name, rows in groups
    ]


def mean_deviance(rows: pd.DataFrame, model: str) -> float:
    """Return the mean Poisson deviance of a model's forecasts."""
    return float(np.mean(poisson_deviance(rows["actual"].to_numpy(), rows[model].to_numpy())))


def list_groups(known: pd.DataFrame, model: str) -> list[dict]:
    """Return the calibration of a model as records: groups from small to large forecasts, with their means."""
    if known.empty:
        return []
    return [
        {name: float(number) for name, number in record.items()}
        for record in calibration(known, model).to_dict("records")
    ]


def list_tests(known: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    """Return the test of items: series, week (the number of its origin), actual, and model_<number> for each model."""
    columns = {f"model_{number}": known[name] for number, name in enumerate(models)} if len(known) else {}
    if known.empty:
        return pd.DataFrame(columns=["series", "week", "actual"])
    weeks = pd.Index(sorted(known["origin"].unique())).get_indexer(known["origin"])
    frame = pd.DataFrame({"series": known["series"], "week": weeks, "actual": known["actual"], **columns})
    return frame.sort_values(["series", "week"], kind="stable", ignore_index=True)


def sum_categories(known: pd.DataFrame, categories: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    """Return the test of categories, sums over the items that were in them at an origin, as `list_tests` does."""
    if known.empty or categories.empty:
        return list_tests(known.iloc[:0], models)
    joined = known.merge(categories, left_on=["series", "origin"], right_on=["itemid", "origin"])
    sums = joined.groupby(["categoryid", "origin"])[["actual", *models]].sum().reset_index()
    return list_tests(sums.rename(columns={"categoryid": "series"}), models)


def list_leads(days: pd.DataFrame, final: str | None) -> list[dict]:
    """Return, for each day ahead, the model's mean Poisson deviance, that of the day's best baseline, the advantage."""
    records = []
    for skill in days[days["metric"] == "poisson_deviance_skill"].itertuples():
        own = days[(days["day"] == skill.day) & (days["metric"] == "poisson_deviance")].set_index("model")["value"]
        ends = [None if pd.isna(end) else float(end) for end in (skill.low, skill.high)]
        records.append(
            {
                "day": int(skill.day),
                "deviance": float(own[final]),
                "rival": skill.rival,
                "rival_deviance": float(own[skill.rival]),
                "advantage": float(skill.value),
                "low": ends[0],
                "high": ends[1],
            }
        )
    return records
