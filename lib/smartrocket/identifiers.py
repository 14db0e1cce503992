"""The numbers of items, categories, visitors and orders, and those that stand among them and are none."""

import numpy as np

LARGEST = 2**62 - 1
"""No number of a shop's is larger, or lower than its negative: what lies beyond is no readable id."""

NO_CATEGORY = -(2**63)
"""Stands for the category of items that have none."""


def name_newcomers(category: np.ndarray) -> np.ndarray:
    """Return the numbers under which the items yet to come of each category stand, also those of `NO_CATEGORY`.

    They lie beyond the numbers of items, and each category has its own.
    """
    category = np.asarray(category, dtype=np.int64)
    return np.where(category >= 0, -LARGEST - 2 - category, LARGEST - np.maximum(category, -LARGEST - 1))
