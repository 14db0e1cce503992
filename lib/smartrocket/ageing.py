"""How fast models age: what is lost by not training again, measured by origin.

The weeks of the test are forecast by a model that learned up to the last day it may know, and again by models that
learned some weeks earlier and were left alone since. All else is equal, so each item-week is scored several times
and the differences are paired.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from smartrocket.demand_scores import Resampling, bound, poisson_deviance
from smartrocket.forecasting import DAY, Chosen, Panel, Split, predict, train_chosen
from smartrocket.ranking import (
    NextClicks,
    Recommender,
    Sessions,
    bootstrap_means,
    evaluate,
    sample_clicks,
)

WEEKS = (1, 2, 4, 8)
"""How many weeks a model has been left alone, at the most."""

LEAST_TRAINING = 28
"""Fewer days of origins than this make a poor model for another reason than its age."""

MOST_ORIGINS = 4
"""So many weeks of the test, the latest, are forecast: each needs a training of its own."""

MOST_CLICKS = 4000
COLUMNS = ["weeks", "loss", "low", "high", "cases"]


@dataclass(frozen=True)
class Ageing:
    """What is lost by the age of a model: a frame with the columns `COLUMNS`, a row for each age in weeks.

    loss, low and high are how much worse than the fresh model the aged one is, as a share of the fresh one's score
    (0.02: 2 % worse; below zero: better), with the 95 % interval. The oldest model learned from `days` days.
    """

    losses: pd.DataFrame
    days: int

    @property
    def shown_from(self) -> int | None:
        """The age from which on every measured age loses something for sure; None where there is none."""
        found = None
        for row in self.losses.sort_values("weeks", ascending=False).itertuples():
            if not (row.low is not None and row.low > 0):
                break
            found = int(row.weeks)
        return found


def age_forecasts(
    panel: Panel,
    split: Split | None,
    chosen: Chosen | None,
    stride: int,
    resamples: int,
    seed: int,
    threads: int,
) -> Ageing | None:
    """Score the last weeks of the test by models of each age; the score is the mean Poisson deviance of known items.

    None without a model, and where the log is too short for the youngest of the ages.
    """
    if split is None or chosen is None:
        return None
    origins = split.test_origins[-MOST_ORIGINS:]
    first, gap = panel.frame["date"].min(), split.horizon * DAY
    earliest = origins[0] - gap
    ages = [age for age in WEEKS if (earliest - age * 7 * DAY - first).days + 1 >= LEAST_TRAINING]
    if not ages:
        return None
    boosters, losses = {}, {age: [] for age in (0, *ages)}
    kept = []
    for origin in origins:
        rows = panel.frame[(panel.frame["date"] == origin) & panel.frame["target"].notna()]
        kept.append(rows[["itemid", "date"]].set_axis(["series", "origin"], axis=1))
        for age in losses:
            last = origin - gap - age * 7 * DAY
            if last not in boosters:
                boosters[last] = train_chosen(panel, last, chosen, stride, seed, threads)
            if boosters[last] is None:
                return None
            units = predict(boosters[last].booster, rows, panel.features)
            losses[age].append(poisson_deviance(rows["target"].to_numpy(), units))
    draws = Resampling(pd.concat(kept, ignore_index=True), resamples, seed)
    totals = {age: draws.totals(np.concatenate(parts)) for age, parts in losses.items()}
    cases = sum(map(len, kept))
    rows = [_row(age, totals[age] / np.maximum(totals[0], 1e-12) - 1, cases) for age in ages]
    return Ageing(pd.DataFrame(rows, columns=COLUMNS), (earliest - max(ages) * 7 * DAY - first).days + 1)


def age_recommendations(
    make: type[Recommender], train: Sessions, clicks: NextClicks, item_count: int, seed: int
) -> Ageing | None:
    """Score test clicks by models that have not seen the last weeks of training; the score is the hit rate@20.

    `make` returns an untrained model. A loss is one in hits: 0.02 means 2 % fewer. Of more than `MOST_CLICKS` clicks
    some are drawn. None where the training sessions are too short for the youngest of the ages.
    """
    if not len(train) or not len(clicks):
        return None
    clicks = sample_clicks(clicks, MOST_CLICKS, seed)
    ends = train.seconds[train.offsets[1:] - 1]
    span = (ends.max() - train.seconds.min()) / 86_400
    ages = [age for age in WEEKS if span - 7 * age >= LEAST_TRAINING]
    if not ages:
        return None
    gains = {}
    for age in (0, *ages):
        known = np.flatnonzero(ends <= ends.max() - age * 7 * 86_400)
        ranking = evaluate(make().fit(train.take(known), item_count), clicks, item_count)
        gains[age] = ranking.gains("hit_rate@20")
    if not gains[0].sum():
        return None
    columns = np.column_stack(list(gains.values()))
    means = bootstrap_means(columns, np.ones(columns.shape, dtype=bool), clicks.session, seed)
    hits = np.vstack([columns.mean(axis=0), means])
    enough = len(np.unique(clicks.session)) >= 10
    rows = [
        _row(age, (1 - hits[:, place] / np.maximum(hits[:, 0], 1e-12))[: None if enough else 1], len(clicks))
        for place, age in enumerate(gains)
        if age
    ]
    return Ageing(pd.DataFrame(rows, columns=COLUMNS), int(span - 7 * max(ages)))


def _row(age: int, samples: Sequence[float], cases: int) -> tuple:
    ends = bound(samples)
    return age, ends["value"], ends["low"], ends["high"], cases
