"""What the Forecasting page shows: every model's scores, the test in detail, and the days to come with their bands."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from smartrocket.dashboard_facts import NAME as FACTS
from smartrocket.dashboard_scripts import FOLDER, read_script, write_script
from smartrocket.demand_baselines import Demand
from smartrocket.demand_scores import poisson_deviance
from smartrocket.forecast_figures import calibration, popularity
from smartrocket.summary import METRICS
from smartrocket.workspace import Workspace

NAME = "forecasts"
BANDS = (50, 80, 95)
CONFIDENCE = ("low", "medium", "high")


def write_forecasts(
    scores: Sequence[Mapping],
    tests: pd.DataFrame,
    demand: Demand,
    categories: pd.DataFrame,
    upcoming: Mapping[str, pd.DataFrame],
    models: Sequence[str],
    horizon: int,
    workspace: Workspace,
) -> int:
    """Write `dashboard/forecasts.js` and `forecasts-items.js`; returns their bytes.

    `scores` are the records of `Results.scores`; `tests` has series, origin, known, actual and a column for each of
    `models`, with `demand` its history and `categories` the items' categories (itemid, origin, categoryid). `upcoming`
    has, for the levels "item", "category" and "total", the forecasts of the coming days: itemid or categoryid,
    first_date, last_date, forecast, and where they are known low_50, high_50 and so on, sells, confidence.
    """
    workspace.existing(f"{FOLDER}/{FACTS}.js")
    first_date = pd.Timestamp(read_script(workspace, FACTS)["first_date"])
    known = tests[tests["known"].astype(bool)] if len(tests) else tests
    models = [name for name in models if name in tests]
    value = {
        "models": models,
        "horizon": horizon,
        "metrics": {
            name: {
                "label": metric.heading,
                "meaning": metric.meaning,
                "is_share": metric.is_share,
                "lower_is_better": metric.lower_is_better,
            }
            for name, metric in METRICS.items()
        },
        "scores": [
            {name: record[name] for name in ("model", "level", "metric", "value", "low", "high")}
            for record in scores
            if record["task"] == "forecast" and record["metric"] in METRICS
        ],
        "origins": [(origin - first_date).days for origin in sorted(known["origin"].unique())] if len(known) else [],
        "weeks": list_weeks(known, models),
        "classes": list_classes(known, demand, models),
        "calibration": {model: list_groups(known, model) for model in models},
    }
    item_columns, item_bands = list_upcoming(upcoming.get("item"), "itemid", first_date)
    columns = {}
    for level, key in (("category", "categoryid"), ("total", None)):
        found, bands = list_upcoming(upcoming.get(level), key, first_date)
        columns |= {f"{level}_{name}": values for name, values in found.items()}
        value[f"{level}_bands"] = bands
    columns |= sum_categories(known, categories, models)
    size = write_script(workspace, NAME, value, columns)
    item_columns |= list_item_tests(known, models)
    return size + write_script(workspace, f"{NAME}-items", {"bands": item_bands}, item_columns)


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


def list_upcoming(frame: pd.DataFrame | None, key: str | None, first_date: pd.Timestamp) -> tuple[dict, list[int]]:
    """Return the columns of a level's coming days, in order of id and day, and the bands in per cent that it has."""
    if frame is None or frame.empty:
        return {}, []
    frame = frame.sort_values([*([key] if key else []), "first_date"], kind="stable")
    columns = {"id": frame[key].to_numpy()} if key else {}
    columns["first"] = (frame["first_date"] - first_date).dt.days.to_numpy()
    columns["last"] = (frame["last_date"] - first_date).dt.days.to_numpy()
    bands = [band for band in BANDS if f"low_{band}" in frame]
    names = ["forecast", *(["sells"] if "sells" in frame else [])]
    names += [f"{end}_{band}" for band in bands for end in ("low", "high")]
    columns |= {name: frame[name].to_numpy(dtype=np.float32) for name in names}
    if "confidence" in frame:
        columns["confidence"] = frame["confidence"].map(CONFIDENCE.index).to_numpy()
    return columns, bands


def sum_categories(known: pd.DataFrame, categories: pd.DataFrame, models: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the test of categories, sums over their items at an origin: test_category, test_week, test_actual and
    test_model_<number> for each model.
    """
    if known.empty or categories.empty:
        return {}
    joined = known.merge(categories, left_on=["series", "origin"], right_on=["itemid", "origin"])
    sums = joined.groupby(["categoryid", "origin"])[["actual", *models]].sum().reset_index()
    sums = sums[sums["categoryid"] >= 0]
    weeks = pd.Index(sorted(known["origin"].unique())).get_indexer(sums["origin"])
    found = {f"test_model_{number}": sums[name].to_numpy(dtype=np.float32) for number, name in enumerate(models)}
    return {
        "test_category": sums["categoryid"].to_numpy(),
        "test_week": weeks,
        "test_actual": sums["actual"].to_numpy(dtype=np.float32),
        **found,
    }


def list_item_tests(known: pd.DataFrame, models: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the test of items: test_item, test_week, test_actual and test_model_<number> for each model."""
    if known.empty:
        return {}
    known = known.sort_values(["series", "origin"], kind="stable")
    weeks = pd.Index(sorted(known["origin"].unique())).get_indexer(known["origin"])
    found = {f"test_model_{number}": known[name].to_numpy(dtype=np.float32) for number, name in enumerate(models)}
    return {
        "test_item": known["series"].to_numpy(),
        "test_week": weeks,
        "test_actual": known["actual"].to_numpy(dtype=np.float32),
        **found,
    }
