"""High, medium or low confidence in the forecast of an item, and what the classes turn out to be worth."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from smartrocket.demand_distribution import Spread, expected_error, raise_mean, rank_coverage
from smartrocket.demand_scores import Resampling, bound

CLASSES = ("high", "medium", "low")


@dataclass(frozen=True)
class Confidence:
    """Limits between the classes: expected errors as shares of the forecast, for "high" and for "medium" at most."""

    high: float
    medium: float
    spread: Spread

    def classify(self, mean: np.ndarray) -> np.ndarray:
        """Return the class of each forecast, one of `CLASSES`."""
        error = expect_relative_error(mean, self.spread)
        return np.select([error <= self.high, error <= self.medium], CLASSES[:2], CLASSES[2])


def expect_relative_error(mean: np.ndarray, spread: Spread) -> np.ndarray:
    """Return the mean absolute error that each forecast makes if its distribution is right, over the forecast."""
    return expected_error(mean, spread.dispersion) / raise_mean(mean)


def fit_confidence(mean: np.ndarray, spread: Spread) -> Confidence:
    """Set the limits so that each class holds a third of the units that past forecasts `mean` add up to."""
    mean = np.sort(np.asarray(mean, dtype=float))[::-1]
    error = expect_relative_error(mean, spread)
    reached = np.cumsum(mean) / max(mean.sum(), 1e-12)
    high, medium = (float(error[np.searchsorted(reached, part)]) for part in (1 / 3, 2 / 3))
    return Confidence(high, medium, spread)


def measure_confidence(
    known: pd.DataFrame, model: str, confidence: Confidence, seed: int, resamples: int
) -> pd.DataFrame:
    """Return what each class is worth in a test: a row a class, "high" first, as far as it occurs.

    class, rows, units (sold), forecast (mean, units), expected (mean absolute error if the distribution is right)
    and error (that measured), both as shares of the units forecast, width (of the 80 % interval, mean in units),
    inside (share of outcomes in it, by randomised ranks) and inside_plain; difference of the error from that of the
    class before it, with low and high, its 95 % bootstrap interval (missing for the first class).
    """
    actual, mean = known["actual"].to_numpy(dtype=float), known[model].to_numpy(dtype=float)
    classes, ranks = confidence.classify(mean), confidence.spread.rank(actual, mean, seed)
    low, high = confidence.spread.interval(mean, 0.8)
    expected = expected_error(mean, confidence.spread.dispersion)
    rows, errors = [], []
    draws = Resampling(known, resamples, seed) if len(known) else None
    for name in CLASSES:
        chosen = classes == name
        if chosen.any():
            forecast = mean[chosen].sum()
            totals = [draws.totals(np.where(chosen, values, 0)) for values in (np.abs(actual - mean), mean)]
            errors.append(totals[0] / np.maximum(totals[1], 1e-12))
            further = bound(errors[-1] - errors[-2]) if len(errors) > 1 else {"value": None, "low": None, "high": None}
            rows.append(
                {
                    "class": name,
                    "rows": int(chosen.sum()),
                    "units": float(actual[chosen].sum()),
                    "forecast": float(mean[chosen].mean()),
                    "expected": float(expected[chosen].sum() / forecast),
                    "error": float(np.abs(actual - mean)[chosen].sum() / forecast),
                    "width": float((high - low)[chosen].mean()),
                    "inside": rank_coverage(ranks[chosen], 0.8),
                    "inside_plain": float(((actual >= low) & (actual <= high))[chosen].mean()),
                    "difference": further["value"],
                    "low": further["low"],
                    "high": further["high"],
                }
            )
    return pd.DataFrame(rows)
