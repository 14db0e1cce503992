"""From an expected value to a distribution of units: how likely is each count, and how wide is an interval.

Units sold are counts that vary more than a Poisson distribution allows. A negative binomial distribution
with the forecast as its mean and variance `mean + dispersion x mean^2` is the usual answer (Cameron and
Trivedi 2013, "Regression Analysis of Count Data").
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import gammaln
from scipy.stats import nbinom

from smartrocket.demand_scores import FORECAST_FLOOR

INTERVALS = (0.5, 0.8, 0.95)
"""The parts of the distribution that prediction intervals are meant to hold."""

SMALLEST_DISPERSION, LARGEST_DISPERSION = 1e-4, 50.0


def fit_dispersion(actual: np.ndarray, mean: np.ndarray) -> float:
    """Return the most likely dispersion of `actual` units around forecasts `mean` (nearly 0: Poisson)."""
    actual = np.asarray(actual, dtype=float)
    mean = np.maximum(np.asarray(mean, dtype=float), FORECAST_FLOOR)

    def loss(logarithm: float) -> float:
        size = np.exp(-logarithm)
        chance = gammaln(actual + size) - gammaln(size) - size * np.log1p(mean / size)
        return -float(np.mean(chance + actual * np.log(mean / (size + mean))))

    bounds = np.log([SMALLEST_DISPERSION, LARGEST_DISPERSION])
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def distribution(mean: np.ndarray, dispersion: float):
    """Return SciPy's negative binomial distribution with these means."""
    mean = np.maximum(np.asarray(mean, dtype=float), FORECAST_FLOOR)
    return nbinom(1 / dispersion, 1 / (1 + dispersion * mean))


def central_interval(mean: np.ndarray, dispersion: float, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return lowest and highest count of the interval that leaves out (1 - share) / 2 on either side."""
    demand = distribution(mean, dispersion)
    return demand.ppf((1 - share) / 2).astype(int), demand.ppf((1 + share) / 2).astype(int)


def spread_ranks(actual: np.ndarray, mean: np.ndarray, dispersion: float, seed: int) -> np.ndarray:
    """Return each actual value's place (0 to 1) in its forecast distribution, uniform if that is right.

    A count takes a whole step of the distribution; its place is drawn at random within that step: the
    randomised probability integral transform (Brockwell 2007, Czado, Gneiting and Held 2009).
    """
    demand = distribution(mean, dispersion)
    actual = np.asarray(actual, dtype=float)
    below, up_to = demand.cdf(actual - 1), demand.cdf(actual)
    return below + np.random.default_rng(seed).random(len(actual)) * (up_to - below)


def rank_coverage(ranks: np.ndarray, share: float) -> float:
    """Return the part (0 to 1) of ranks in the middle `share`: equal to `share` if the forecast is right."""
    return float(np.mean(np.abs(np.asarray(ranks) - 0.5) <= share / 2))
