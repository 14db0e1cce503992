"""Numbers that stand among those of items and categories, and are none of them."""

import numpy as np

NO_CATEGORY = -(10**15)
"""Stands for the category of items that have none: no number of a shop's is as low, however it counts its items and
categories, and a table of floats holds it to the unit."""


def name_newcomers(category: np.ndarray) -> np.ndarray:
    """Return the numbers under which the items yet to come of each category stand, also those of `NO_CATEGORY`."""
    return 2 * NO_CATEGORY - np.asarray(category, dtype=np.int64)
