"""The days to come: forecasts of items, categories and the whole shop, for each day and for all, with their bands."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from smartrocket.demand_distribution import INTERVALS, Spread, distribution
from smartrocket.forecast_confidence import Confidence
from smartrocket.forecast_tables import sum_forecasts
from smartrocket.forecasting import DAY

BANDS = {share: f"{share:.0%}".removesuffix("%") for share in INTERVALS}
COLUMNS = ["level", "series", "day", "first_date", "last_date", "forecast", "sells"]
COLUMNS += [f"{end}_{name}" for name in BANDS.values() for end in ("low", "high")] + ["confidence"]


@dataclass(frozen=True)
class Spreads:
    """How outcomes scatter: level -> spread, of the whole horizon and of single days."""

    week: Mapping[str, Spread]
    day: Mapping[str, Spread]


def look_ahead(
    table: pd.DataFrame,
    model: str,
    days: np.ndarray,
    categories: pd.DataFrame,
    spreads: Spreads,
    confidence: Confidence | None = None,
    sold: np.ndarray | None = None,
) -> pd.DataFrame:
    """Return the forecasts of a forecast table, and of its days, at every level; they add up exactly.

    level ("item", "category" or "total"), series (itemid, categoryid or `NO_CATEGORY`, or 0), day (1, 2, ... ahead, or
    0 for all days together), first_date, last_date, forecast (expected units), sells (probability of any sale),
    low_<percent> and high_<percent> (units, for each of `INTERVALS`), and for items their class of `confidence`. Items
    of the panel stand for themselves; those yet to come are in the sums. Where the units `sold` on each day are given,
    as for a test, the column actual has the units sold as well.
    """
    known = table["known"].to_numpy(dtype=bool)
    week = table[model].to_numpy(dtype=float)
    classes = confidence.classify(week[known]) if confidence else None
    parts = []
    for day in range(days.shape[1] + 1):
        keys = table[["series", "origin"]].assign(forecast=days[:, day - 1] if day else week)
        if sold is not None:
            keys["actual"] = sold[:, day - 1] if day else table["actual"]
        levels = {"item": keys[known], "total": sum_forecasts(keys)}
        if not categories.empty:
            levels["category"] = sum_forecasts(keys, categories)
        for level, rows in levels.items():
            spread = (spreads.day if day else spreads.week)[level]
            found = _add_bands(rows, level, day, days.shape[1], spread)
            parts.append(found.assign(confidence=classes if level == "item" else None))
    found = pd.concat(parts, ignore_index=True)
    found = found[[*COLUMNS, *(["actual"] if sold is not None else [])]]
    return found.sort_values(["level", "series", "first_date", "day"], kind="stable", ignore_index=True)


def _add_bands(rows: pd.DataFrame, level: str, day: int, horizon: int, spread: Spread) -> pd.DataFrame:
    mean = rows["forecast"].to_numpy()
    first, last = (day, day) if day else (1, horizon)
    bands = {}
    for share, name in BANDS.items():
        bands[f"low_{name}"], bands[f"high_{name}"] = spread.interval(mean, share)
    return pd.DataFrame(
        {
            "level": level,
            "series": rows["series"].to_numpy(dtype=np.int64),
            "day": day,
            "first_date": rows["origin"].to_numpy() + first * DAY,
            "last_date": rows["origin"].to_numpy() + last * DAY,
            "forecast": mean,
            "sells": 1 - distribution(mean, spread.dispersion).cdf(0),
            **bands,
            **({"actual": rows["actual"].to_numpy()} if "actual" in rows else {}),
        }
    )


def no_outlook() -> pd.DataFrame:
    """Return the table of forecasts of a shop for which there are none."""
    return pd.DataFrame(columns=COLUMNS)
