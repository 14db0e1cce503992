"""Forecasts that add up: the days of an item to its week, the items of a shop to its categories and its total.

Forecasts made apart for parts and for their sums disagree. Weighted least squares finds the nearest ones that agree,
near in the sense that a forecast with a small error variance is moved little (Wickramasuriya, Athanasopoulos and
Hyndman 2019, with a diagonal error covariance; Athanasopoulos et al. 2017 for days and weeks).
"""

from collections.abc import Sequence

import numpy as np

SMALLEST_VARIANCE = 1e-9


def reconcile(
    forecasts: Sequence[np.ndarray], variances: Sequence[np.ndarray], parents: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Return the forecasts of each level, moved as little as it takes to add up exactly.

    `forecasts` has an array a level, the parts first and the last sum at the end; `variances` are the variances of
    their errors (infinite: the level has no forecast of its own); `parents` has, for each level but the last, the
    place of each node's sum in the level above. In a tree the normal equations are solved by one walk up, which
    weighs each sum against its parts, and one walk down, which shares out what is left.
    """
    means, spreads = [np.asarray(forecasts[0], dtype=float)], [_positive(variances[0])]
    sums: list[tuple[np.ndarray, np.ndarray]] = []
    for own, variance, parent in zip(forecasts[1:], variances[1:], parents, strict=True):
        added = np.bincount(parent, means[-1], minlength=len(own))
        spread = _positive(np.bincount(parent, spreads[-1], minlength=len(own)))
        weight = spread / (spread + np.minimum(_positive(variance), 1e300))
        sums.append((added, spread))
        means.append(added + weight * (np.asarray(own, dtype=float) - added))
        spreads.append(spread * (1 - weight))
    for level in range(len(parents) - 1, -1, -1):
        added, spread = sums[level]
        missing = (means[level + 1] - added) / spread
        means[level] = means[level] + spreads[level] * missing[parents[level]]
    return means


def _positive(variance: np.ndarray) -> np.ndarray:
    return np.maximum(np.asarray(variance, dtype=float), SMALLEST_VARIANCE)
