"""From an expected value to a distribution of units: how likely is each count, and how wide is an interval.

Units sold are counts that vary more than a Poisson distribution allows, above all since one buyer takes several. A
negative binomial distribution whose variance is a fixed multiple of its mean, `mean x (1 + dispersion)`, says so with
one number (the NB1 of Cameron and Trivedi 2013, "Regression Analysis of Count Data"), and sums of such counts, over
days or items, are distributed in the same way.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import gammaln, hyp2f1
from scipy.stats import nbinom

SMALLEST_MEAN = 1e-3
"""Smallest mean, in units, of a distribution: no sale is impossible, even where zero was forecast."""

INTERVALS = (0.5, 0.8, 0.95)
"""The parts of the distribution that prediction intervals are meant to hold."""

SMALLEST_DISPERSION, LARGEST_DISPERSION = 1e-4, 1e4

LARGE_MEAN, LARGE_SIZE, LARGEST_SIZE = 10, 50, 5_000
"""Where the closed form of the CRPS is left: means, and sizes (mean over dispersion), that are large together, and
sizes that are beyond its range with any mean. The error that this makes is below 0.2 %."""

SMALLEST_CALIBRATION = 200
"""With fewer past outcomes than this their places are too few to read the ends of an interval from."""


@dataclass(frozen=True)
class Spread:
    """How outcomes lie around forecasts: the dispersion, and the places (0 to 1, sorted) where past outcomes fell.

    The places correct what the shape of the distribution gets wrong: the level below which nine of ten past outcomes
    lay takes the place of the level 0.9 (distributional conformal prediction: Chernozhukov, Wüthrich and Zhu 2021).
    Without places the distribution is taken at its word.
    """

    dispersion: float
    places: np.ndarray | None = None

    def quantile(self, mean: np.ndarray, level: float) -> np.ndarray:
        """Return the smallest counts that the units do not exceed with chance `level` (0 to 1)."""
        if self.places is not None:
            level = float(np.quantile(self.places, level))
        return distribution(mean, self.dispersion).ppf(level).astype(int)

    def interval(self, mean: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
        """Return lowest and highest count of the interval that leaves out (1 - share) / 2 on either side."""
        return self.quantile(mean, (1 - share) / 2), self.quantile(mean, (1 + share) / 2)

    def rank(self, actual: np.ndarray, mean: np.ndarray, seed: int) -> np.ndarray:
        """Return each outcome's place (0 to 1) in its corrected distribution, uniform if that is right."""
        ranks = spread_ranks(actual, mean, self.dispersion, seed)
        if self.places is None:
            return ranks
        return np.interp(ranks, self.places, np.linspace(0, 1, len(self.places)))


def fit_spread(actual: np.ndarray, mean: np.ndarray, seed: int) -> Spread:
    """Learn how outcomes scatter from past ones and from what was forecast without knowing them."""
    dispersion = fit_dispersion(actual, mean)
    if len(actual) < SMALLEST_CALIBRATION:
        return Spread(dispersion)
    return Spread(dispersion, np.sort(spread_ranks(actual, mean, dispersion, seed)))


def fit_dispersion(actual: np.ndarray, mean: np.ndarray) -> float:
    """Return the most likely dispersion of `actual` units around forecasts `mean` (nearly 0: Poisson)."""
    actual, mean = np.asarray(actual, dtype=float), raise_mean(mean)

    def loss(logarithm: float) -> float:
        dispersion = np.exp(logarithm)
        size = mean / dispersion
        chance = gammaln(actual + size) - gammaln(size) - size * np.log1p(dispersion)
        return -float(np.mean(chance - actual * np.log1p(1 / dispersion)))

    bounds = np.log([SMALLEST_DISPERSION, LARGEST_DISPERSION])
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def raise_mean(mean: np.ndarray) -> np.ndarray:
    """Return forecasts as floats of at least `SMALLEST_MEAN` units."""
    return np.maximum(np.asarray(mean, dtype=float), SMALLEST_MEAN)


def distribution(mean: np.ndarray, dispersion: float):
    """Return SciPy's negative binomial distribution with these means."""
    return nbinom(raise_mean(mean) / dispersion, 1 / (1 + dispersion))


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


def crps(actual: np.ndarray, mean: np.ndarray, dispersion: float) -> np.ndarray:
    """Return the continuous ranked probability score (units, 0 is perfect) of each forecast distribution.

    It extends the absolute error to forecasts that name a distribution instead of one number, and is smallest for
    the right distribution: the mean distance of the distribution from the outcome, less half its mean distance from
    itself (closed form for the negative binomial: Wei and Held 2014).
    """
    actual, mean = np.asarray(actual, dtype=float), raise_mean(mean)
    size, chance = mean / dispersion, 1 / (1 + dispersion)
    below, below_longer = nbinom.cdf(actual, size, chance), nbinom.cdf(actual - 1, size + 1, chance)
    distance = actual * (2 * below - 1) + mean * (1 - 2 * below_longer)
    return distance - _half_distance(mean, dispersion)


def _half_distance(mean: np.ndarray, dispersion: float) -> np.ndarray:
    """Return half the mean absolute difference of two counts drawn from the distribution."""
    # Far out the closed form cannot be computed; an expansion around the normal distribution is as good there.
    closed = (mean <= LARGE_MEAN) | (mean / dispersion <= LARGE_SIZE)
    spread = np.where(closed, np.maximum(dispersion, mean / LARGEST_SIZE), dispersion)
    size, variance = mean / spread, mean * (1 + spread)
    exact = variance * hyp2f1(np.where(closed, size, 1) + 1, 0.5, 2, -4 * spread * (1 + spread))
    return np.where(closed, exact, np.sqrt(variance / np.pi) * (1 - 1 / (8 * size) - 1 / (16 * variance)))


def expected_error(mean: np.ndarray, dispersion: float) -> np.ndarray:
    """Return the mean absolute error (units) that a forecast makes if its distribution is right."""
    mean = raise_mean(mean)
    size, chance, below = mean / dispersion, 1 / (1 + dispersion), np.floor(mean)
    return 2 * mean * (nbinom.cdf(below, size, chance) - nbinom.cdf(below - 1, size + 1, chance))
