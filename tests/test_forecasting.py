"""Forecasting: nothing of the future is learned from, and skill is claimed only where there is some."""

import numpy as np
import pandas as pd
from smartrocket.files import write_json, write_parquet_frame
from smartrocket.workspace import Workspace

HORIZON = 7
FEATURES = [
    "sales_lag_1",
    "sales_sum_7",
    "sales_sum_28",
    "views_sum_7",
    "addtocarts_sum_7",
    "category_sales_sum_7",
    "days_since_sale",
    "age_days",
    "price",
    "weekday",
]


def synthetic_frame(
    items: int = 80, days: int = 100, seed: int = 1, mean: float = 0.15, wave: float = 1.0
) -> pd.DataFrame:
    """Make item-days whose sales follow a hidden rate; `wave` 0 makes the rates constant and equal."""
    rng = np.random.default_rng(seed)
    day = np.arange(days)
    level = rng.gamma(0.6, mean / 0.6, items) if wave else np.full(items, mean)
    phase, length = rng.uniform(0, 2 * np.pi, items), rng.uniform(25, 70, items)
    season = np.exp(wave * 1.2 * np.sin(2 * np.pi * day[None] / length[:, None] + phase[:, None]))
    rhythm = 1 + 0.4 * wave * np.isin(day % 7, (5, 6))
    rate = level[:, None] * season * rhythm[None]
    units = rng.poisson(rate)
    views = rng.poisson(20 * rate)
    born = rng.integers(0, days // 3, items)
    frame = pd.DataFrame(
        {
            "itemid": np.repeat(np.arange(items) + 100, days),
            "date": np.tile(pd.date_range("2024-01-01", periods=days), items),
            "sales": units.ravel(),
            "views": views.ravel(),
            "addtocarts": (units + rng.poisson(rate)).ravel(),
            "age_days": (day[None] - born[:, None]).ravel(),
        }
    )
    frame = frame[frame["age_days"] >= 0].reset_index(drop=True)
    entered = (frame["sales"] + frame["addtocarts"] > 0).groupby(frame["itemid"]).cummax()
    return add_features(frame)[entered].reset_index(drop=True)


def add_features(frame: pd.DataFrame) -> pd.DataFrame:
    """Add features that end with the row's own day, and targets that begin with the next one."""
    grouped = frame.groupby("itemid", sort=False)
    frame["sales_lag_1"] = grouped["sales"].shift(1)
    for source, name, window in [
        ("sales", "sales_sum_7", 7),
        ("sales", "sales_sum_28", 28),
        ("views", "views_sum_7", 7),
        ("addtocarts", "addtocarts_sum_7", 7),
    ]:
        rolled = grouped[source].rolling(window, min_periods=1).sum()
        frame[name] = rolled.reset_index(level=0, drop=True)
    category = frame["itemid"] % 5
    frame["category_sales_sum_7"] = frame.groupby([category, "date"])["sales_sum_7"].transform("sum")
    sold = frame["date"].where(frame["sales"] > 0).groupby(frame["itemid"]).ffill()
    frame["days_since_sale"] = (frame["date"] - sold).dt.days
    frame["price"] = 10.0 + frame["itemid"] % 7
    frame["weekday"] = frame["date"].dt.weekday
    ahead = [grouped["sales"].shift(-step) for step in range(1, HORIZON + 1)]
    for step, column in enumerate(ahead, start=1):
        frame[f"target_{step}"] = column
    frame["target"] = sum(ahead)
    return frame


def write_panel(workspace: Workspace, frame: pd.DataFrame) -> None:
    """Write the two files of the panel as notebook 03 does."""
    stored = frame.assign(date=frame["date"].dt.date)
    write_parquet_frame(workspace.path("processed/panel.parquet"), stored)
    facts = {
        "features": FEATURES,
        "horizon_days": HORIZON,
        "items": frame["itemid"].nunique(),
        "rows": len(frame),
    }
    write_json(workspace.path("processed/panel.json"), facts)
