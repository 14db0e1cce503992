"""Drift: has what a model is given, or how well it does, changed since the weeks before?

Each watched series (a feature, the hours of visits, the error of forecasts) is compared week by week with the weeks
before it. Two things must come together before a change is called one. It must be **large**: the population stability
index, or for the traffic the change itself, is above a limit. And it must be **sure**: a test finds it, with the number
of tests that are made accounted for. Alone, the first finds chance in small shops and the second trifles in large ones.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from smartrocket.forecasting import DAY
from smartrocket.wording import number, percent

REFERENCE_WEEKS = 4
"""A week is compared with so many weeks before it."""

MOST_WEEKS = 8
"""The latest weeks of a log, at most, that are watched."""

BINS = 10
"""Bins of like size into which the reference's numbers are put for the population stability index."""

FALSE_ALARM_RATE = 0.05
"""The share of the alarms of a report that may be false; where nothing drifts, the chance of any alarm at all."""

LEAST_VALUES = 50
"""Fewer values than this, on either side, are not compared."""

LIMITS = {"PSI": (0.1, 0.25), "change": (0.2, 0.35)}
"""What is worth watching, and what is called drift. For the population stability index the limits in common use
(Siddiqi 2006, "Credit Risk Scorecards"); for traffic and mean errors the share by which they fall. A rise counts as
much as the fall that would undo it."""

LEAST_SHIFT = 0.1
"""Numbers that move by less than this part of their standard deviation have not moved. The index does not see how far
they go: a shift by a hair moves everything that crowds at the edge of a bin."""

COLUMNS = ["group", "series", "week", "measure", "size", "test", "p", "reference", "current", "before", "now"]

Kind = Literal["numbers", "kinds", "errors", "traffic"]


@dataclass(frozen=True)
class Series:
    """Something to watch: values with the week in which they lie (a frame of `week` and `value`).

    Of `kind` "numbers", "kinds" (categories) or "errors" (of which the mean matters), each value is one independent
    case, such as a visit or an item; of kind "traffic" there is one number for each day, in order, seven a week.
    """

    group: str
    name: str
    kind: Kind
    values: pd.DataFrame


def place_weeks(days: pd.Series, last: pd.Timestamp) -> pd.Series:
    """Return the first day of each day's week, where weeks end on the weekday of `last`."""
    days = pd.to_datetime(days)
    weeks_ago = (last - days).dt.days // 7
    return last - 6 * DAY - weeks_ago * 7 * DAY


def stability_index(reference: np.ndarray, current: np.ndarray) -> float:
    """Return the population stability index of two rows of counts: 0 is alike, there is no upper bound.

    The sum over bins of (share now - share before) * log(share now / share before), also known as Jeffreys'
    divergence. Half a case is added to each bin, so that an empty one does not make it infinite.
    """
    before, now = np.asarray(reference, dtype=float) + 0.5, np.asarray(current, dtype=float) + 0.5
    before, now = before / before.sum(), now / now.sum()
    return float(np.sum((now - before) * np.log(now / before)))


def compare_numbers(reference: np.ndarray, current: np.ndarray) -> tuple[float, float]:
    """Return the population stability index of two samples of numbers, and the p-value of the Kolmogorov-Smirnov test.

    The bins hold a tenth of the reference each; where a number is too frequent for that, fewer; where the numbers have
    not moved far, they share one. Missing numbers are a bin of their own in the index. Since the test knows none,
    Fisher's exact test compares how many there are, and twice the smaller p-value is returned.
    """
    known, present = reference[~np.isnan(reference)], current[~np.isnan(current)]
    edges = np.empty(0)
    if moved_far(known, present):
        edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]))
    counts = []
    for values, kept in ((reference, known), (current, present)):
        # To the left of an edge, so that the most frequent number, often zero, does not share the bin of the next.
        bins = np.bincount(np.searchsorted(edges, kept, side="left"), minlength=len(edges) + 1)
        counts.append(np.append(bins, len(values) - len(kept)))
    size = stability_index(*counts)
    chances = []
    if min(len(known), len(present)) >= LEAST_VALUES:
        # The exact distribution is for small samples without ties.
        chances.append(stats.ks_2samp(known, present, method="asymp").pvalue)
    missing = [[len(reference) - len(known), len(known)], [len(current) - len(present), len(present)]]
    if missing[0][0] or missing[1][0]:
        chances.append(stats.fisher_exact(missing).pvalue)
    return size, float(min([1.0, *(chance * len(chances) for chance in chances)]))


def moved_far(before: np.ndarray, now: np.ndarray) -> bool:
    """Whether a sample has moved by `LEAST_SHIFT` standard deviations or more, by the earth mover's distance."""
    if not (len(before) and len(now)):
        return False
    distance = stats.wasserstein_distance(before, now)
    return bool(distance > 0 and distance >= LEAST_SHIFT * before.std())


def compare_kinds(reference: np.ndarray, current: np.ndarray) -> tuple[float, float]:
    """Return the population stability index of two samples of categories, and the p-value of the chi-squared test.

    Categories that are too rare for the test (fewer than 5 expected cases on either side) are taken together.
    """
    kinds, places = np.unique(np.concatenate([reference, current]).astype(str), return_inverse=True)
    counts = np.stack([np.bincount(part, minlength=len(kinds)) for part in np.split(places, [len(reference)])])
    least = counts.sum(axis=0) * min(len(reference), len(current)) / max(counts.sum(), 1)
    counts = np.column_stack([counts[:, least >= 5], counts[:, least < 5].sum(axis=1)])
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2:
        return 0.0, 1.0
    return stability_index(*counts), float(stats.chi2_contingency(counts).pvalue)


def compare_errors(reference: np.ndarray, current: np.ndarray) -> tuple[float, float]:
    """Return the relative change of the mean (0.5: half as much again), and the p-value of Welch's t test.

    Where the mean was zero, nothing can be said of its change.
    """
    if not reference.mean() > 0:
        return 0.0, 1.0
    test = stats.ttest_ind(reference, current, equal_var=False)
    return float(current.mean() / reference.mean() - 1), float(test.pvalue)


def compare_traffic(reference: np.ndarray, current: np.ndarray) -> tuple[float, float]:
    """Return the largest change of traffic that two days in a row share (-0.4: a fall by 40 %), and its p-value.

    Both hold a number a day, whole weeks, in order. A day is compared with the mean of its weekday in the reference, on
    the scale of logarithms. Of the two days the smaller change counts: a single odd day, such as a holiday, is none.
    The p-value is that of the smaller one by the spread of the reference's own days around their weekdays (Student's
    t), times the pairs of days.
    """
    before = np.log(np.asarray(reference, dtype=float) + 0.5).reshape(-1, 7)
    usual = before.mean(axis=0)
    freedom = before.size - 7
    spread = np.sqrt(np.sum((before - usual) ** 2) / freedom * (1 + 1 / len(before)))
    levels = np.log(np.asarray(current, dtype=float) + 0.5) - usual
    pairs = np.stack([levels[:-1], levels[1:]])
    shared = np.where(np.prod(pairs, axis=0) > 0, np.abs(pairs).min(axis=0), 0.0)
    place = int(shared.argmax())
    largest = float(shared[place] * np.sign(pairs[0, place]))
    chance = 2 * stats.t.sf(abs(largest) / max(spread, 1e-9), freedom) * len(shared)
    return float(np.expm1(largest)), float(min(chance, 1.0))


COMPARE = {
    "numbers": (compare_numbers, "PSI", "Kolmogorov-Smirnov"),
    "kinds": (compare_kinds, "PSI", "chi-squared"),
    "errors": (compare_errors, "change", "Welch's t"),
    "traffic": (compare_traffic, "change", "Student's t"),
}


def watch(watched: Iterable[Series]) -> pd.DataFrame:
    """Compare each series, week by week, with the weeks before, and judge all comparisons together.

    Returns one row for each series and week that has `REFERENCE_WEEKS` weeks before it and enough values: the columns
    `COLUMNS` and what `judge` adds. week is its first day, size the effect by `measure`, reference and current are how
    many values were compared, before and now what they amount to in words. Weeks without values are left out, a series
    that never changes is not.
    """
    rows = []
    for series in watched:
        compare, measure, test = COMPARE[series.kind]
        by_week = {week: part.to_numpy() for week, part in series.values.groupby("week", sort=True)["value"]}
        for week in sorted(by_week)[-MOST_WEEKS:]:
            before = [by_week.get(week - 7 * age * DAY) for age in range(REFERENCE_WEEKS, 0, -1)]
            if any(part is None for part in before):
                continue
            reference, current = np.concatenate(before), by_week[week]
            if series.kind == "traffic":
                if len(reference) < 7 * REFERENCE_WEEKS or len(current) < 7:
                    continue
            elif min(len(reference), len(current)) < LEAST_VALUES:
                continue
            size, p = compare(reference, current)
            told = [sum_up(series.kind, values) for values in (reference, current)]
            rows.append([series.group, series.name, week, measure, size, test, p, len(reference), len(current), *told])
    return judge(pd.DataFrame(rows, columns=COLUMNS))


def sum_up(kind: Kind, values: np.ndarray) -> str:
    """Say in a few words what a sample amounts to: "median 0.87, 12.0 % missing"."""
    if kind == "kinds":
        kinds, counts = np.unique(values.astype(str), return_counts=True)
        return f"{kinds[counts.argmax()]} in {percent(counts.max() / counts.sum())}"
    if kind == "errors":
        return f"mean {values.mean():.3g}"
    if kind == "traffic":
        return f"{number(values.mean())} a day"
    known = values[~np.isnan(values)]
    middle = "nothing known"
    if len(known):
        half = float(np.median(known))
        middle = f"median {half:.3g}" if abs(half) < 1000 else f"median {number(half)}"
    return middle if len(known) == len(values) else f"{middle}, {percent(1 - len(known) / len(values))} missing"


def relate(measure: pd.Series, size: pd.Series) -> np.ndarray:
    """Return sizes in relation to the limit of drift: from 1 on, a change is large. The sign is that of the size."""
    size = size.to_numpy(dtype=float)
    # Of a change, what it takes to undo it: a rise by half and a fall by a third are of the same size.
    undone = -np.expm1(-np.abs(np.log1p(np.maximum(size, -1 + 1e-9))))
    limits = np.array([LIMITS[name][1] for name in measure], dtype=float)
    return np.sign(size) * np.where(measure == "change", undone, np.abs(size)) / limits


def judge(compared: pd.DataFrame) -> pd.DataFrame:
    """Add `p_adjusted` and `state` ("stable", "watch" or "drift") to comparisons.

    The p-values are adjusted for the number of comparisons and for their depending on each other (Benjamini and
    Yekutieli 2001): of the changes that pass, a share of at most `FALSE_ALARM_RATE` is expected to be false. Only what
    passes is given another state than "stable", by its size.
    """
    adjusted = stats.false_discovery_control(compared["p"], method="by") if len(compared) else []
    sure = np.asarray(adjusted) < FALSE_ALARM_RATE
    size = np.abs(relate(compared["measure"], compared["size"]))
    watched = np.array([LIMITS[name][0] / LIMITS[name][1] for name in compared["measure"]], dtype=float)
    state = np.select([sure & (size >= 1), sure & (size >= watched)], ["drift", "watch"], "stable")
    return compared.assign(p_adjusted=adjusted, state=state)
