"""Distributions of units around a forecast: dispersion found again, places uniform, intervals that hold."""

from itertools import pairwise

import numpy as np
import pytest

from smartrocket import demand_distribution as spread


def draw(dispersion: float, rows: int = 20_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    mean = rng.gamma(0.5, 1.0, rows) + 0.02
    return rng.negative_binomial(mean / dispersion, 1 / (1 + dispersion)), mean


@pytest.mark.parametrize("dispersion", [0.3, 1.5])
def test_the_dispersion_is_found_again(dispersion):
    assert spread.fit_dispersion(*draw(dispersion)) == pytest.approx(dispersion, rel=0.15)


def test_poisson_sales_have_next_to_no_dispersion():
    mean = np.full(20_000, 2.0)
    actual = np.random.default_rng(1).poisson(mean)
    assert spread.fit_dispersion(actual, mean) < 0.02


def test_ranks_of_a_right_forecast_are_uniform():
    actual, mean = draw(0.8)
    ranks = spread.spread_ranks(actual, mean, 0.8, seed=3)
    shares, _ = np.histogram(ranks, bins=10, range=(0, 1))
    assert shares / len(ranks) == pytest.approx(np.full(10, 0.1), abs=0.01)
    for share in spread.INTERVALS:
        assert spread.rank_coverage(ranks, share) == pytest.approx(share, abs=0.015)


def test_ranks_of_a_wrong_forecast_are_not():
    actual, mean = draw(0.8)
    ranks = spread.spread_ranks(actual, mean / 3, 0.8, seed=3)
    assert spread.rank_coverage(ranks, 0.8) < 0.75


def test_sums_scatter_like_their_parts():
    actual, mean = draw(0.7, rows=100_000)
    sums = actual.reshape(-1, 4).sum(axis=1), mean.reshape(-1, 4).sum(axis=1)
    assert spread.fit_dispersion(*sums) == pytest.approx(0.7, rel=0.15)


def test_intervals_grow_with_the_share_and_hold_what_they_promise():
    actual, mean = draw(0.8)
    ends = [spread.Spread(0.8).interval(mean, share) for share in spread.INTERVALS]
    for (low, high), (wider_low, wider_high) in pairwise(ends):
        assert (wider_low <= low).all()
        assert (wider_high >= high).all()
    low, high = ends[1]
    assert np.mean((actual >= low) & (actual <= high)) >= 0.8


def test_a_wrong_shape_is_corrected_by_where_outcomes_fell():
    rng = np.random.default_rng(5)
    mean = np.full(8000, 3.0)
    # Most weeks sell nothing, a few very much: no negative binomial distribution.
    actual = rng.poisson(np.where(rng.random(8000) < 0.85, 0.2, 18.0))
    learned, tested = slice(0, 4000), slice(4000, None)
    fitted = spread.fit_spread(actual[learned], mean[learned], seed=0)
    plain = spread.spread_ranks(actual[tested], mean[tested], fitted.dispersion, seed=1)
    corrected = fitted.rank(actual[tested], mean[tested], seed=1)
    for share in spread.INTERVALS:
        assert spread.rank_coverage(corrected, share) == pytest.approx(share, abs=0.03)
    assert max(abs(spread.rank_coverage(plain, share) - share) for share in spread.INTERVALS) > 0.05


def test_few_outcomes_correct_nothing():
    actual, mean = draw(0.8, rows=spread.SMALLEST_CALIBRATION - 1)
    assert spread.fit_spread(actual, mean, seed=0).places is None


@pytest.mark.parametrize("dispersion", [1e-4, 0.01, 0.8, 5.0, 200.0])
@pytest.mark.parametrize("mean", [0.01, 0.7, 9.0, 11.0, 60.0, 400.0])
def test_crps_is_the_sum_of_squared_errors_of_all_chances(mean, dispersion):
    demand = spread.distribution(mean, dispersion)
    for actual in (0, int(mean), int(2 * mean) + 3):
        below = demand.cdf(np.arange(int(max(actual, demand.ppf(1 - 1e-12))) + 2))
        expected = np.sum((below - (np.arange(len(below)) >= actual)) ** 2)
        found = float(spread.crps(np.array([actual]), np.array([mean]), dispersion)[0])
        assert found == pytest.approx(expected, rel=3e-3, abs=1e-4)


def test_crps_is_smallest_for_the_right_distribution():
    actual, mean = draw(0.8)
    best = spread.crps(actual, mean, 0.8).mean()
    for wrong in (spread.crps(actual, 0.7 * mean, 0.8), spread.crps(actual, 1.4 * mean, 0.8)):
        assert best < wrong.mean()
    assert best < spread.crps(actual, mean, 5.0).mean()


def test_the_expected_error_is_the_mean_absolute_error():
    for mean in (0.05, 1.0, 3.3, 40.0):
        demand = spread.distribution(mean, 0.9)
        counts = np.arange(3000)
        expected = np.sum(np.abs(counts - mean) * demand.pmf(counts))
        assert float(spread.expected_error(mean, 0.9)) == pytest.approx(expected, rel=1e-6)
