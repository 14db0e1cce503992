"""Reconciliation: exactly the weighted least squares solution, which adds up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartrocket.reconciliation import reconcile


def make_tree(seed: int) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Return forecasts, error variances and parents of a tree of items, categories and a shop."""
    rng = np.random.default_rng(seed)
    categories = int(rng.integers(1, 5))
    items = categories + int(rng.integers(0, 15))
    parent = np.concatenate([np.arange(categories), rng.integers(0, categories, items - categories)])
    sizes = (items, categories, 1)
    forecasts = [rng.random(size) * 5 for size in sizes]
    variances = [rng.random(size) + 0.05 for size in sizes]
    return forecasts, variances, [parent, np.zeros(categories, dtype=int)]


@given(st.integers(0, 100_000))
def test_the_solution_is_that_of_the_normal_equations(seed):
    forecasts, variances, (parent, root) = make_tree(seed)
    items, categories = len(parent), len(root)
    summing = np.vstack([np.eye(items), parent == np.arange(categories)[:, None], np.ones((1, items))]).astype(float)
    weights = np.diag(1 / np.concatenate(variances))
    parts = np.linalg.solve(summing.T @ weights @ summing, summing.T @ weights @ np.concatenate(forecasts))
    found = np.concatenate(reconcile(forecasts, variances, [parent, root]))
    assert found == pytest.approx(summing @ parts, abs=1e-6)


@given(st.integers(0, 100_000))
def test_what_is_reconciled_adds_up(seed):
    forecasts, variances, parents = make_tree(seed)
    items, categories, shop = reconcile(forecasts, variances, parents)
    assert np.bincount(parents[0], items) == pytest.approx(categories)
    assert categories.sum() == pytest.approx(shop[0])


@given(st.integers(0, 100_000))
def test_forecasts_that_add_up_already_are_left_alone(seed):
    (items, _, _), variances, parents = make_tree(seed)
    categories = np.bincount(parents[0], items)
    forecasts = [items, categories, categories.sum(keepdims=True)]
    for before, after in zip(forecasts, reconcile(forecasts, variances, parents), strict=True):
        assert after == pytest.approx(before)


def test_a_level_without_a_forecast_of_its_own_is_the_sum_of_its_parts():
    forecasts, variances, parents = make_tree(1)
    for level in (1, 2):
        variances[level] = np.full_like(variances[level], np.inf)
    items, _, shop = reconcile(forecasts, variances, parents)
    assert items == pytest.approx(forecasts[0])
    assert shop[0] == pytest.approx(forecasts[0].sum())


def test_a_certain_sum_is_kept_and_its_parts_give_way():
    forecasts, variances, parents = make_tree(2)
    variances[2] = np.zeros(1)
    assert reconcile(forecasts, variances, parents)[2] == pytest.approx(forecasts[2])


@given(st.lists(st.floats(0, 50), min_size=2, max_size=9), st.floats(0.01, 100))
def test_variances_in_proportion_scale_all_parts_alike_and_keep_them_positive(days, week):
    days, week = np.array(days), np.array([week])
    parts, whole = reconcile([days, week], [days, week], [np.zeros(len(days), dtype=int)])
    assert (parts >= -1e-9).all()
    if days.sum() > 0.1:
        assert parts == pytest.approx(days * whole[0] / days.sum(), abs=1e-6)
        assert whole[0] == pytest.approx(2 / (1 / week[0] + 1 / days.sum()), rel=1e-6)
