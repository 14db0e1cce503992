"""Distributions of units around a forecast: dispersion found again, places uniform, intervals that hold."""

from itertools import pairwise

import numpy as np
import pytest

from smartrocket import demand_distribution as spread


def draw(dispersion: float, rows: int = 20_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    mean = rng.gamma(0.5, 1.0, rows) + 0.02
    return rng.poisson(mean * rng.gamma(1 / dispersion, dispersion, rows)), mean


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


def test_intervals_grow_with_the_share_and_hold_what_they_promise():
    actual, mean = draw(0.8)
    ends = [spread.central_interval(mean, 0.8, share) for share in spread.INTERVALS]
    for (low, high), (wider_low, wider_high) in pairwise(ends):
        assert (wider_low <= low).all()
        assert (wider_high >= high).all()
    low, high = ends[1]
    assert np.mean((actual >= low) & (actual <= high)) >= 0.8
