"""A small shop whose forecasts have gone the whole way: trained, rehearsed, mixed, tested and looked ahead."""

from functools import cache

import numpy as np
import pandas as pd

from smartrocket import day_forecasts, forecast_confidence, forecast_tables, forecasting, outlook, rehearsal
from smartrocket.demand_baselines import BASELINES, demand_matrix
from smartrocket.demand_ensemble import choose_mix
from test_forecasting import EFFORT, FEATURES, HORIZON, SETTINGS, synthetic_frame

BASELINE, TUNED, RIVAL = "LightGBM baseline", "LightGBM tuned", "historic mean"
DAILY = {"stride": 3, "seed": 0, "threads": 1}


def make_history(items: np.ndarray) -> pd.DataFrame:
    """Put the items into four categories, known from the start."""
    return pd.DataFrame({"itemid": items, "categoryid": items % 4, "valid_from": pd.Timestamp("2024-01-01")})


class ForecastShop:
    """All that the two forecast notebooks make of a shop; what cannot be made is None or empty."""

    def __init__(self, frame: pd.DataFrame, with_categories: bool = True):
        self.panel = forecasting.Panel(frame, FEATURES, HORIZON)
        self.demand = demand_matrix(frame)
        self.split = forecasting.plan_split(self.panel, 3, 2)
        self.stopped, self.model = forecasting.train_before_test(self.panel, self.split, SETTINGS, **EFFORT)
        history = make_history(self.demand.items)
        self.history = history if with_categories else history.iloc[:0]
        self.categories = self.place(self.split)
        self.folds = forecasting.rolling_folds(self.split, 2, 14) if self.split else []
        self.chosen = forecasting.Chosen(SETTINGS, self.model.trees, 0.0) if self.model else None
        self.table = forecast_tables.forecast_table(self.panel, self.demand, self.split, {}, 28, self.categories)
        self.days_of = []
        if self.model:
            effort = (SETTINGS, self.model.trees, *DAILY.values())
            self.days_of = day_forecasts.train_days(self.panel, self.split.learn_last, *effort)
        booster = self.model.booster if self.model else None
        for name in (BASELINE, TUNED):
            self.table, self.days = day_forecasts.add_horizon(self.table, self.panel, name, booster, self.days_of)
        models = {TUNED: self.chosen, BASELINE: self.chosen} if self.model else {}
        self.rehearsal = rehearsal.rehearse(
            self.panel, self.demand, self.split, self.folds, models, self.history, 28, *DAILY.values()
        )
        self.mix = self.past = self.spreads = self.confidence = None
        self.final, self.upcoming, self.tested = TUNED, outlook.no_outlook(), outlook.no_outlook()
        if self.rehearsal:
            self.finish()
        self.known = self.table[self.table["known"].astype(bool)]

    def place(self, split):
        origins = split.test_origins if split else []
        return forecast_tables.categories_at(self.history, self.demand.items, origins)

    def finish(self):
        table = self.rehearsal.table
        self.mix = choose_mix(table[table["known"].astype(bool)], TUNED, BASELINES)
        self.final = self.mix.name
        self.table, self.days = day_forecasts.apply_mix(self.table, self.days, self.mix)
        table[self.final] = self.mix.forecast(table)
        self.past = self.rehearsal.levels(self.demand)
        by_day = rehearsal.fit_day_spreads(self.demand, self.rehearsal, self.mix, HORIZON, 0)
        self.spreads = outlook.Spreads(rehearsal.fit_spreads(self.past, self.final, 0), by_day)
        self.confidence = forecast_confidence.fit_confidence(
            self.past["item"][self.final].to_numpy(), self.spreads.week["item"]
        )
        sold = day_forecasts.actual_days(self.table, self.demand, HORIZON)
        self.tested = outlook.look_ahead(
            self.table, self.final, self.days, self.categories, self.spreads, self.confidence, sold
        )
        now = forecasting.look_forward(self.split, self.panel)
        placed = self.place(now)
        table = forecast_tables.forecast_table(self.panel, self.demand, now, {}, 28, placed)
        table, days = day_forecasts.add_horizon(table, self.panel, TUNED, self.model.booster, self.days_of)
        table, days = day_forecasts.apply_mix(table, days, self.mix)
        self.upcoming = outlook.look_ahead(table, self.final, days, placed, self.spreads, self.confidence)

    def score(self, models, resamples=50, past=True):
        return forecast_tables.score_levels(
            self.table,
            self.demand,
            self.split,
            self.categories,
            models,
            BASELINES,
            resamples,
            0,
            self.past if past else None,
        )


@cache
def grow(kind: str = "lively") -> ForecastShop:
    """Return a shop: "lively", "plain" (without categories), "young", "empty" or "unsold"."""
    frame = synthetic_frame(items=50)
    if kind == "young":
        frame = synthetic_frame(items=20, days=30)
    elif kind == "empty":
        frame = frame.iloc[:0]
    elif kind == "unsold":
        targets = [name for name in frame if name.startswith("target")]
        frame = frame.assign(sales=0, **{name: frame[name] * 0 for name in targets})
    return ForecastShop(frame, with_categories=kind != "plain")
