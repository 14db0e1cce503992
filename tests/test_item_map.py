import numpy as np
import pandas as pd
import pytest

from smartrocket.figures import svg
from smartrocket.identifiers import NO_CATEGORY
from smartrocket.item_map import draw_items, lay_flat, nearest, share_likeness, top_categories

CATEGORIES = pd.DataFrame(
    {
        "categoryid": [1, 2, 10, 11, 20],
        "level": [0, 0, 1, 1, 1],
        "path": ["1", "2", "1/10", "1/11", "2/20"],
    }
)


def history(rows: list[tuple]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["itemid", "categoryid", "valid_from"])
    return frame.assign(valid_from=pd.to_datetime(frame["valid_from"]))


def clusters(count: int, size: int, units: int = 12) -> np.ndarray:
    """Vectors in `count` tight bunches of `size`, one bunch after the other."""
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(count, units))
    return np.repeat(centres, size, axis=0) + 0.1 * generator.normal(size=(count * size, units))


def test_the_highest_level_that_spreads_the_items_is_taken():
    even = history([(1, 10, "2015-01-01"), (2, 11, "2015-01-01"), (3, 20, "2015-01-01"), (4, 2, "2015-01-01")])
    assert top_categories(np.array([1, 2, 3, 4, 9]), even, CATEGORIES).tolist() == [1, 1, 2, 2, NO_CATEGORY]
    mostly = history([(1, 10, "2015-01-01"), (2, 11, "2015-01-01"), (3, 1, "2015-01-01")])
    assert top_categories(np.array([1, 2, 3]), mostly, CATEGORIES).tolist() == [10, 11, 1]


def test_the_latest_category_counts_and_unknown_ones_are_marked():
    rows = history([(1, 20, "2015-02-01"), (1, 10, "2015-01-01"), (2, 99, "2015-01-01")])
    assert top_categories(np.array([1, 2]), rows, CATEGORIES).tolist() == [20, NO_CATEGORY]
    assert top_categories(np.array([1, 2]), rows.head(0), CATEGORIES.head(0)).tolist() == [NO_CATEGORY, NO_CATEGORY]


def test_like_vectors_lie_near_each_other():
    vectors = clusters(4, 20)
    places = lay_flat(vectors)
    assert places.shape == (80, 2)
    bunch = np.repeat(np.arange(4), 20)
    distance = np.linalg.norm(places[:, None] - places, axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (bunch[distance.argmin(axis=1)] == bunch).mean() > 0.95
    assert (bunch[nearest(vectors)] == bunch).all()
    assert (lay_flat(vectors) == places).all()


def test_each_row_of_likeness_spreads_over_as_many_neighbours_as_wanted():
    generator = np.random.default_rng(1)
    points = generator.normal(size=(60, 3))
    shares = share_likeness(((points[:, None] - points) ** 2).sum(axis=2), 10.0)
    assert shares.sum(axis=1) == pytest.approx(np.ones(60))
    assert (np.diag(shares) == 0).all()
    entropy = -(shares * np.log(np.maximum(shares, 1e-30))).sum(axis=1)
    assert np.exp(entropy) == pytest.approx(np.full(60, 10), rel=0.01)


def test_the_map_says_whether_neighbours_share_a_category():
    vectors, kinds = clusters(4, 20), np.repeat(np.arange(4), 20)
    finding = draw_items(vectors, np.arange(80), kinds)
    assert "same category in 100.0 % of cases; by chance it would in 24.1 %" in finding.reading
    assert len(svg(finding.figure, "map", "")) < 60_000
    below = draw_items(vectors, np.arange(80), -1 - kinds)
    assert below.reading == finding.reading
    mixed = draw_items(vectors, np.arange(80), np.random.default_rng(2).permutation(kinds))
    assert "100.0 %" not in mixed.reading
    assert "known category" in draw_items(vectors, np.arange(80), np.full(80, NO_CATEGORY)).reading
    assert draw_items(vectors[:5], np.arange(5), kinds[:5]).figure is None
